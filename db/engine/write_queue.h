/*
 * write_queue.h - the queue of those who want to write.
 *
 * SQLite has no queue: who finds the database locked looks again later, and with many writers
 * chance decides who gets nothing until its time is over. Here they wait in the kernel instead,
 * which wakes them in the order they came, each as soon as the one before is done. The lock is
 * advisory and only for order: what keeps writers apart is the engine's own lock, and a program
 * that writes without asking for a turn harms nothing. It dies with its process.
 */
#ifndef CUBBY_DB_ENGINE_WRITE_QUEUE_H
#define CUBBY_DB_ENGINE_WRITE_QUEUE_H

#include <stdbool.h>

struct write_queue {
    int file; /* -1: not opened */
    bool held;
};

#define WRITE_QUEUE_NONE ((struct write_queue){.file = -1})

/* Waits up to TIMEOUT milliseconds until it is its turn in QUEUE to write to the database file
 * PATH. False when the time is over. True also where there can be no queue (no such file, no right
 * to write, a system without such locks): then the engine's own lock decides alone.
 *
 * While it waits, SIGALRM and the real-time interval timer are its own; both are put back. */
bool write_queue_enter(struct write_queue *queue, const char *path, int timeout);

/* Lets the next one. Nothing happens without a turn. */
void write_queue_leave(struct write_queue *queue);

/* Passes, and closes the file. Only after every other descriptor of the database in this process is
 * closed: closing any descriptor of a file takes POSIX locks from a process, which are the
 * engine's. */
void write_queue_close(struct write_queue *queue);

#endif
