/*
 * sqlite_connection.h - what the files that use SQLite share. No other file includes it. Codes are
 * SQLite's extended result codes.
 */
#ifndef CUBBY_DB_ENGINE_SQLITE_CONNECTION_H
#define CUBBY_DB_ENGINE_SQLITE_CONNECTION_H

#include <sys/types.h>

#include "db/engine/driver.h"
#include "db/engine/write_queue.h"

struct sqlite3;
struct sqlite3_stmt;

struct db_connection {
    struct sqlite3 *handle;
    struct sqlite3_stmt *schema_number; /* kept, since each request asks */
    const char *path;                   /* borrowed */
    dev_t device;                       /* of the file, as are these */
    ino_t inode;
    int busy_timeout;    /* milliseconds */
    int64_t waits_since; /* monotonic_ms */
    bool queued;         /* the wait began before SQLite was asked */
    bool reads;          /* in a transaction that reads */
    bool log_is_long;    /* the write-ahead log, after the last commit */
    bool stays;          /* open from one request to the next */
    const char *problem; /* the last failure, where it was not SQLite's; NULL: it was */
    struct write_queue queue;
    struct db_connection *closed_before; /* the list of closed connections */
};

/* What CODE, the last of HANDLE, means to the callers of the driver. HANDLE may be NULL. */
enum db_class sqlite_classify(struct sqlite3 *handle, int code);

/* Runs statements that have no parameters; their rows are discarded. */
enum db_class sqlite_script(struct db_connection *connection, const char *sql);

/* Runs SQL, one statement, as far as its first row; SQLITE_ROW when there is one. The caller
 * finalizes *STATEMENT, whatever the result. */
int sqlite_first_row(struct db_connection *connection, const char *sql,
                     struct sqlite3_stmt **statement);

/* Enters the write queue, then runs SQL, which takes the write lock. Both waits together are
 * limited by the timeout; after that DB_BUSY. On success the place at the head of the queue is kept
 * until write_queue_leave. */
enum db_class sqlite_in_queue(struct db_connection *connection, const char *sql);

/* Whether the database keeps a write-ahead log. */
enum db_class sqlite_journal(struct db_connection *connection, bool *ahead);

#endif
