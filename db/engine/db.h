/*
 * db.h - the store of a program: one connection, opened on first use, the statements that the
 * program's role may run, and the transaction of the current request.
 *
 * Handlers mostly use the typed calls of db/model (users.h, items.h), which are made of these
 * functions.
 */
#ifndef CUBBY_DB_ENGINE_DB_H
#define CUBBY_DB_ENGINE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/settings/config.h"
#include "common/base/text.h"
#include "db/engine/driver.h"
#include "db/engine/statements.h"

struct db;

/* What a program may do in the database: these statements and no others. */
struct db_role {
    const enum db_statement *may_run;
    size_t count;
};

/* The driver for stores made from now on; db_sqlite unless a test sets another. NULL sets db_sqlite
 * again. */
void db_use_driver(const struct db_driver *driver);

/* The engine in use and its version, for people. */
const char *db_engine(void);
const char *db_engine_version(void);

/* A parameter of a statement: $1 is the first of the array. */
struct db_value {
    enum { DB_VALUE_NULL, DB_VALUE_INTEGER, DB_VALUE_TEXT } kind;
    int64_t integer;
    struct text text;
};

static inline struct db_value db_null(void)
{
    return (struct db_value){.kind = DB_VALUE_NULL};
}

static inline struct db_value db_integer(int64_t integer)
{
    return (struct db_value){.kind = DB_VALUE_INTEGER, .integer = integer};
}

static inline struct db_value db_text(struct text text)
{
    return (struct db_value){.kind = DB_VALUE_TEXT, .text = text};
}

/* A store, not opened yet, for a program with the role ROLE. Both arguments are borrowed as long as
 * the store lives. NULL when memory is out. */
struct db *db_make(const struct config *config, const struct db_role *role);

/* A request begins. WRITES says whether it may write; causes of failures are recorded in CAUSE,
 * which must live until db_end. Nothing is opened yet. */
void db_start(struct db *db, bool writes, struct cause *cause);

/* How long the request that has begun may wait for a lock, in milliseconds; until then, as long as
 * busy_timeout of the settings. */
void db_set_patience(struct db *db, int64_t patience);

/* Lets a request write that was started as one that only reads, or that has ended its transaction.
 */
void db_allow_writes(struct db *db, struct cause *cause);

/* After an error: true when the engine undid the transaction for the sake of others, or lost the
 * connection before its end, and nothing that this request wrote stays but what db_commit_aside
 * committed. The store is then as after db_start, and all of the request may be tried once more. */
bool db_try_again(struct db *db, struct cause *cause);

/* Records that others, WHY, changed between two statements what this request has looked at: all of
 * it is to be done again. ERR_SERVICE_UNAVAILABLE. */
enum error_code db_want_again(struct db *db, const char *why);

/* The request ends: commits its transaction, or rolls it back unless GOOD. Returns ERR_NONE, the
 * error of a commit that failed, ERR_OUTCOME_UNKNOWN when nobody knows whether it was done (db_run
 * has no such error), or ERR_INTERNAL when memory was out while a row was read. */
enum error_code db_end(struct db *db, bool good);

/* To be called after db_end and deferred work by a process that goes on: the connection and its
 * statements stay open for the next request. False when the store had better be freed: something
 * went wrong with it that a new one may not have, or somebody wants to be alone in the database. */
bool db_rest(struct db *db);

/* Accepts NULL. */
void db_free(struct db *db);

/* Starts the write transaction of this request, unless it runs already; db_end ends it. The write
 * lock is held from here on, so do slow work before. Columns that were read before are no longer
 * valid. Errors as of db_run. */
enum error_code db_begin(struct db *db);

/* Whether this request may write, as db_start said or since db_allow_writes. */
bool db_writes(const struct db *db);

/* In a request that may write: starts a transaction for reading, unless one runs already, so that
 * everything read is the state of one moment. (A request that only reads has one from its first
 * statement on.) Errors as of db_run. */
enum error_code db_begin_read(struct db *db);

/* Commits before the request ends: what was written so far stays, whatever the answer will be, and
 * no lock is held any more. For calls that wait. The next statement or db_begin starts another
 * transaction. Errors as of db_end; then the transaction is still open, for db_end to roll back.
 * Whoever wrote what the client asked for must not fail afterwards: an answer can't say any more
 * that nothing was changed (db_has_committed). */
enum error_code db_commit_early(struct db *db);

/* The same for what nobody has asked for, and what the request, tried again, either does not do
 * again or may: counts of attempts, which must survive a refusal, and sweeping. When it is not
 * known whether that was done, ERR_SERVICE_UNAVAILABLE. */
enum error_code db_commit_aside(struct db *db);

/* Whether db_commit_early has committed writes in this request. */
bool db_has_committed(const struct db *db);

/* Whether a write of this request failed because the database is read-only or a copy of another. */
bool db_takes_no_writes(const struct db *db);

/* True when something in this request could not be written because others kept their lock, the disk
 * is full, or the database is read-only or a copy of another, or when it is not known whether it
 * was written. Then the transaction is rolled back and the request can go on reading; the cause
 * stays recorded. For what nobody has asked for. */
bool db_drop_writes(struct db *db);

/* Asks for what this request deletes to be wiped from the write-ahead log too, after the answer is
 * sent. */
void db_note_wipe(struct db *db);

/* Whether nobody can write while this request reads. Before its first statement or after it. */
enum error_code db_reading_blocks(struct db *db, bool *blocks);

/* db_note_use remembers the device token with this number in its table as used, to be written after
 * the answer is sent; db_noted_use returns that number, or 0. */
void db_note_use(struct db *db, int64_t token);
int64_t db_noted_use(const struct db *db);

/* ---- work that is done after the answer is sent
 *
 * db_deferred_begin empties the write-ahead log if db_note_wipe asked for it; db_deferred_end
 * closes a connection whose write-ahead log has become long. Between the two, db_begin_separate
 * starts a write transaction without waiting for any lock, on a new connection unless the engine
 * lets each one write, and returns
 * ERR_NONE or an error as db_begin; db_end_separate, to be called in both cases, commits the
 * transaction, or rolls it back unless GOOD. Failures are not reported: their causes go to
 * UNREPORTED, which must live until db_deferred_end. */
bool db_has_deferred(const struct db *db);
void db_deferred_begin(struct db *db, struct cause *unreported);
enum error_code db_begin_separate(struct db *db);
void db_end_separate(struct db *db, bool good);
void db_deferred_end(struct db *db);

/* Runs STATEMENT up to its first row. *FOUND tells whether there is one; its columns can be read
 * with the functions below until STATEMENT runs again or the request ends. Errors, recorded for the
 * log: ERR_SERVICE_UNAVAILABLE, ERR_INSUFFICIENT_STORAGE, ERR_INTERNAL. */
enum error_code db_run(struct db *db, enum db_statement statement, const struct db_value *values,
                       size_t count, bool *found);

/* Moves STATEMENT to its next row; the columns of the previous row are no longer valid. Result and
 * errors as of db_run. */
enum error_code db_step(struct db *db, enum db_statement statement, bool *found);

/* Nobody wants the rows of STATEMENT that are left, which an engine may keep for the next step
 * while other statements run. Its columns are no longer valid. */
void db_stop(struct db *db, enum db_statement statement);

/* A column, from 0, of the row that STATEMENT is at; 0 for NULL. */
int64_t db_column_integer(struct db *db, enum db_statement statement, int column);

/* A column as text, NUL-terminated and borrowed until STATEMENT runs again, db_begin starts a
 * transaction, or the request ends. `at` is NULL when memory is out; the request then ends with
 * ERR_INTERNAL, whatever the caller makes of it. */
struct text db_column_text(struct db *db, enum db_statement statement, int column);

/* Whether the column holds SQL NULL. */
bool db_column_is_null(struct db *db, enum db_statement statement, int column);

#endif
