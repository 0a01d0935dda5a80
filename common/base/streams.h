/*
 * streams.h - standard input, output and error of a process that may have been started without
 * them: FastCGI gives a program standard input alone. What is opened then gets the lowest number
 * that is free, and so becomes the place where messages or an answer go.
 */
#ifndef CUBBY_COMMON_BASE_STREAMS_H
#define CUBBY_COMMON_BASE_STREAMS_H

#include <stdbool.h>

/* Sees to it that none of the numbers 0, 1 and 2 is free for what is opened from now on; to be
 * called before anything is. Reading from a stream that was closed, and writing to it, still fail
 * (EBADF), and poll still says that it is not open. Further calls cost nothing, as nobody may close
 * one of the three later. False when there is no descriptor left (errno tells why): then nothing
 * may be opened, and a process ends. */
bool streams_occupy(void);

#endif
