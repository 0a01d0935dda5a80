/*
 * write_queue.h - the queue of processes that want to write.
 *
 * SQLite has no queue: a process that finds the database locked tries again later, and with many
 * writers chance decides which of them time out. Here they wait in the kernel instead, which wakes
 * them in the order they came, each as soon as the one before is done. The lock is advisory and
 * only for the order. What keeps writers apart is the engine's own lock, and a program that writes
 * without queueing does no harm. The kernel releases the lock when its process ends.
 */
#ifndef CUBBY_DB_ENGINE_WRITE_QUEUE_H
#define CUBBY_DB_ENGINE_WRITE_QUEUE_H

#include <stdbool.h>

struct write_queue {
    int file; /* -1: not opened */
    bool held;
    bool asked_out; /* by this process */
};

#define WRITE_QUEUE_NONE ((struct write_queue){.file = -1})

/* Waits, at most TIMEOUT milliseconds, until this process is at the head of QUEUE for the database
 * file PATH. False when the time is over. True also where there can be no queue (no such file, no
 * right to write, a system without such locks): then only the engine's own lock decides.
 *
 * While waiting it uses SIGALRM and the real-time interval timer, and restores both. */
bool write_queue_enter(struct write_queue *queue, const char *path, int timeout);

/* Leaves the queue and lets the next process in. Does nothing when not at its head. */
void write_queue_leave(struct write_queue *queue);

/* A second lock, beside the queue: with a write-ahead log every process that is connected holds a
 * lock of the engine, even between two requests, and what must be alone in the database would wait
 * for them for ever. write_queue_ask_out asks them to leave, until write_queue_let_in or
 * write_queue_close; write_queue_is_asked_out tells a process between two requests whether somebody
 * else does. */
void write_queue_ask_out(struct write_queue *queue, const char *path);
void write_queue_let_in(struct write_queue *queue);
bool write_queue_is_asked_out(struct write_queue *queue, const char *path);

/* Leaves the queue and closes the file. To be called only after all other descriptors of the
 * database in this process are closed: closing any descriptor of a file releases the POSIX locks of
 * the process on it, which are the engine's. */
void write_queue_close(struct write_queue *queue);

#endif
