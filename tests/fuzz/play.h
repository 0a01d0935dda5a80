/*
 * play.h - whole requests in the world of tests/inproc, through the gate and the handlers, on a
 * database in memory (a file on a tmpfs).
 */
#ifndef CUBBY_TESTS_FUZZ_PLAY_H
#define CUBBY_TESTS_FUZZ_PLAY_H

#include "tests/inproc/world.h"

/* Device tokens of ann's, for reading and for writing under list/. */
extern const char *play_reader;
extern const char *play_writer;

/* Makes the world; it is removed when the process ends. */
void play_start(void);

/* The answer to one request, which holds until the next call. Ends the process unless it is one of
 * the contract and blames nobody but the client. */
const struct tape_answer *play(const struct program *program, struct tape_request request);

/* Takes all accounts out of the world, and their data: then that is what it is at first. */
void play_empty(void);

/* Whether the database was written to since play_restore. */
bool play_changed(void);

/* Whether the rows are what they were then, but for those that count attempts, and, where a device
 * token was USED, when that was. */
bool play_same_rows(bool used);

/* The rows that a device token of ann's may not change, as text: all of them, or with WRITES all
 * but those of her items under list/ and the counters of her items. When a token was last used, and
 * the counts of attempts, are left out. To be freed. */
char *play_rows_beyond(bool writes);

/* Puts the world back to what it was at first. */
void play_restore(void);

#endif
