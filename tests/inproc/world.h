/*
 * world.h - an installation for the tests: settings, keys, a database with two users and some
 * items, made anew as often as a test likes.
 *
 * ann (number 1, token world_ann) has the items greeting, big/number, list/a, list/b and
 * list/c, a device token number 1 and the code world_code for a lost password; bob (2, world_bob)
 * has greeting. Both have the password world_password.
 */
#ifndef CUBBY_TESTS_INPROC_WORLD_H
#define CUBBY_TESTS_INPROC_WORLD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/inproc/tape.h"

extern const struct program batch_program, changes_program, data_program, health_program;
extern const struct program keys_program, me_program;
extern const struct program register_program, reset_program, token_program;

/* The moment at which requests arrive that name no other. */
extern const int64_t world_now_ms;

extern const char world_password[];
extern const char world_code[];
extern const char *world_ann; /* access tokens, bare */
extern const char *world_bob;
extern int64_t world_ann_epoch;

/* Paths of the settings and of what they name. */
extern const char *world_config;
extern const char *world_database;
extern const char *world_keys;

/* Files that the process has open. */
size_t world_open_files(void);

/* For cmocka: before the first and after the last test of the whole program. */
int world_setup(void **state);
int world_teardown(void **state);

/* Before a test: the database as it was at first, nothing made to fail. */
int world_reset(void **state);

/* Writes the settings anew: where things lie, then LINES, usually world_settings. Nobody waits for
 * a lock, unless LINES set busy_timeout. */
extern const char world_settings[];
void world_configure(const char *lines);

/* What the database holds at a moment: the bytes of its file, its rows as text but for those that
 * count attempts and those that are security events, and how many of these say that a call was
 * done. */
struct world_state {
    char *bytes;
    size_t size;
    char *rows;
    size_t events; /* of calls that were done */
};

/* To be given to world_forget. */
void world_keep(struct world_state *state);
void world_forget(struct world_state *state);

/* The database becomes what it was then, and nothing is made to fail any more. */
void world_restore(const struct world_state *state);

/* True when the database is as it was at STATE, or, NULL, at first, to the byte, and no journal
 * lies beside it that would say otherwise. With ROWS, where attempts may have been counted or
 * failures noted, the rows and the number of events decide. */
bool world_same(const struct world_state *state, bool rows);

/* How many security events of calls that were done are in the database. */
size_t world_events(void);

/* Plays one request, in a loop of its own. The time, and a seed when there is none, are filled in.
 * The answer holds until the next call. Fails the test when its form is broken. */
const struct tape_answer *world_ask(const struct program *program, struct tape_request request);

/* Likewise, and fails the test unless the answer is STATUS with CODE (of an error; NULL: any). */
const struct tape_answer *world_expect(const struct program *program, struct tape_request request,
                                       int status, const char *code);

/* Fails the test unless the member at PATH is WANTED (JSON text; a string without quotes). */
void world_member(const struct tape_answer *answer, const char *path, const char *wanted);

#endif
