/*
 * db.h - the store of a program: one connection, opened on first use, the statements its role may
 * run, and the transaction of the present request.
 *
 * Handlers never see this; they use the typed calls of db/model (users.h, items.h), which do.
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

/* The driver that stores made from now on use; db_sqlite unless a test says otherwise. NULL sets
 * that again. */
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

/* A store for a program that plays ROLE, not yet opened; both arguments are borrowed as long as it
 * lives. NULL when memory is out. */
struct db *db_make(const struct config *config, const struct db_role *role);

/* A request begins, which may write or not; CAUSE is where failures are recorded. */
void db_start(struct db *db, bool writes, struct cause *cause);

/* A request that was started as one that reads, or has ended, may write from here on. */
void db_allow_writes(struct db *db, struct cause *cause);

/* The request ends: its transaction is committed, or rolled back unless GOOD. ERR_NONE, or why what
 * was to be committed is not, or that a text of a row was lost for want of memory. */
enum error_code db_end(struct db *db, bool good);

/* Accepts NULL. */
void db_free(struct db *db);

/* Starts the write transaction of this request, unless it runs already. db_end alone ends it. The
 * lock is held from here on, so slow work comes before. Columns read before are void. */
enum error_code db_begin(struct db *db);

/* Whether this request was started as one that may write. */
bool db_writes(const struct db *db);

/* Starts a transaction for reading in a request that may write too, unless one runs already: what
 * is read is of one moment. (A request that only reads has one from its first statement on.) */
enum error_code db_begin_read(struct db *db);

/* Ends the transaction before the request ends: what was written so far stands whatever the answer
 * will be, and no lock is held. For notes that must outlive a refusal, and for calls that wait. The
 * next statement or db_begin starts another. */
enum error_code db_commit_early(struct db *db);

/* Whether what failed could not be written, the disk being full or read-only. Then the transaction
 * is undone, and the request can go on reading; the cause stays for the log. */
bool db_drop_writes(struct db *db);

/* Has what this request deletes wiped from the write-ahead log too, once the answer is sent. */
void db_note_wipe(struct db *db);

/* Remembers that the device token with this number in its table was used, to be written once the
 * answer is sent; and gives that number, 0 when there is none. */
void db_note_use(struct db *db, int64_t token);
int64_t db_noted_use(const struct db *db);

/* ---- work that was deferred until the answer is sent ------------------------------------------
 *
 * db_deferred_begin wipes what is to be wiped, db_deferred_end closes a write-ahead log that has
 * become long. Between the two, db_begin_aside starts a write transaction that waits for nobody, on
 * a connection of its own, and db_end_aside commits it, or rolls it back unless GOOD. Nobody is
 * told of failures. */
bool db_has_deferred(const struct db *db);
void db_deferred_begin(struct db *db, struct cause *unreported);
enum error_code db_begin_aside(struct db *db);
void db_end_aside(struct db *db, bool good);
void db_deferred_end(struct db *db);

/* Runs STATEMENT up to its first row. *FOUND tells whether there is one; its columns are then read
 * with the functions below, until STATEMENT runs again or the request ends. Errors are recorded for
 * the log: ERR_SERVICE_UNAVAILABLE, ERR_INSUFFICIENT_STORAGE, ERR_INTERNAL. */
enum error_code db_run(struct db *db, enum db_statement statement, const struct db_value *values,
                       size_t count, bool *found);

/* The next row of STATEMENT, whose columns of the row before are void then. */
enum error_code db_step(struct db *db, enum db_statement statement, bool *found);

/* A column, from 0, of the row that STATEMENT is at; 0 for NULL. */
int64_t db_column_integer(struct db *db, enum db_statement statement, int column);

/* NUL-terminated, borrowed until STATEMENT runs again, db_begin starts a transaction or the request
 * ends; `at` is NULL when memory is out, and then the request ends as ERR_INTERNAL whatever is made
 * of it. */
struct text db_column_text(struct db *db, enum db_statement statement, int column);

/* Whether the column holds SQL NULL. */
bool db_column_is_null(struct db *db, enum db_statement statement, int column);

#endif
