/*
 * turn.h - the queue of those who want to write.
 *
 * SQLite has no queue: who finds the database locked looks again later, and with many writers
 * chance decides who gets nothing until its time is over. Here they wait in the kernel instead,
 * which wakes them in the order they came, each as soon as the one before is done. The lock is
 * advisory and only for order: what keeps writers apart is the engine's own lock, and a program
 * that writes without asking for a turn harms nothing. It dies with its process.
 */
#ifndef CUBBY_DB_ENGINE_TURN_H
#define CUBBY_DB_ENGINE_TURN_H

#include <stdbool.h>

struct turn {
    int file; /* -1: not opened */
    bool held;
};

#define TURN_NONE ((struct turn){.file = -1})

/* Waits up to PATIENCE milliseconds until it is this TURN's turn to write to the database file
 * PATH. False when the time is over. True also where there can be no queue (no such file, no right
 * to write, a system without such locks): then the engine's own lock decides alone.
 *
 * While it waits, SIGALRM and the real-time interval timer are its own; both are put back. */
bool turn_take(struct turn *turn, const char *path, int patience);

/* Lets the next one. Nothing happens without a turn. */
void turn_pass(struct turn *turn);

/* Passes, and closes the file. Only after every other descriptor of the database in this process is
 * closed: closing any descriptor of a file takes POSIX locks from a process, which are the
 * engine's. */
void turn_end(struct turn *turn);

#endif
