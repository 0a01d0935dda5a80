/*
 * driver.h - what a database engine must be able to do, as a const table of functions.
 *
 * SQLite is the engine of the ordinary build: sqlite.c for the programs, sqlite_maintenance.c for
 * the tool; no other file includes sqlite3.h. PostgreSQL (postgresql*.c, by libpq) comes with a
 * build with ENGINES="sqlite postgresql", and is used where the setting `database` names a server
 * instead of a file. A driver knows no table and no statement of cubby; it runs SQL texts whose
 * parameters are written $1, $2, …. Both run the same texts: what PostgreSQL needs beside them
 * stands in comments, see postgresql.c. The definitions of tables differ (schema.c).
 */
#ifndef CUBBY_DB_ENGINE_DRIVER_H
#define CUBBY_DB_ENGINE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

/* How a step in the database went. */
enum db_class {
    DB_OK,      /* done; of a statement: no (further) row */
    DB_ROW,     /* a row is there */
    DB_BUSY,    /* another process held a lock for longer than the timeout, or the server is away */
    DB_AGAIN,   /* the transaction was undone for others, or its connection broke before its end:
                   it may be tried once more, as a whole */
    DB_UNKNOWN, /* of a commit: it may be done or not, or is done without the copies it is to have;
                   the connection is of no more use, and the transaction is not to be tried again */
    DB_CONFLICT,  /* a constraint was violated */
    DB_FULL,      /* no room on the disk */
    DB_READ_ONLY, /* the file can't be written to, or the role has no right to that */
    DB_COPY,    /* the server is a copy of another one, which takes no writes; the connection is of
                   no more use */
    DB_GONE,    /* there is no such database */
    DB_DAMAGED, /* the file is not a database, or a damaged one */
    DB_INTERNAL /* anything else: I/O, no memory, a wrong statement */
};

struct db_connection; /* of the driver */
struct db_prepared;   /* of the driver */

enum db_dialect { DB_DIALECT_SQLITE, DB_DIALECT_POSTGRESQL };

struct db_driver {
    const char *name;
    enum db_dialect dialect; /* of the definitions of tables */
    bool always_writes;      /* a connection that was opened for reading can write as well */
    /* The engine's version as text. */
    const char *(*version)(void);

    /* Opens the database at PATH, which must exist. *OUT is set even on failure when there is a
     * message to ask for, and then must be closed too. PATH is borrowed until then. BUSY_TIMEOUT in
     * milliseconds. */
    enum db_class (*open)(const char *path, bool writable, int busy_timeout,
                          struct db_connection **out);
    /* Another BUSY_TIMEOUT than it was opened with. */
    void (*set_patience)(struct db_connection *connection, int busy_timeout);
    /* Accepts NULL. */
    void (*close)(struct db_connection *connection);
    /* About the last failure, for the log; borrowed until the next call. */
    const char *(*message)(struct db_connection *connection);

    /* Starts a transaction that reads, and takes no lock before the first statement. */
    enum db_class (*begin_read)(struct db_connection *connection);
    enum db_class (*schema_number)(struct db_connection *connection, int64_t *out);
    enum db_class (*set_schema_number)(struct db_connection *connection, int64_t number);
    /* Switches the database to a write-ahead log or to a rollback journal, for all connections and
     * permanently. DB_BUSY while others are connected for longer than the timeout. Outside a
     * transaction. */
    enum db_class (*set_journal)(struct db_connection *connection, bool ahead);
    /* Empties the write-ahead log into the database, so that no deleted data is left in it; does
     * nothing where there is no such log. Outside a transaction. DB_BUSY while others read for
     * longer than the timeout. */
    enum db_class (*checkpoint)(struct db_connection *connection);
    /* Whether the write-ahead log was long after this connection's last commit, so that the
     * connection should be closed: the last connection that closes moves the log into the database.
     * Processes that end without closing let it grow, and every reader has to read all of it. */
    bool (*log_is_long)(const struct db_connection *connection);
    /* Copies the write-ahead log into the database as far as no reader is in the way, and without
     * waiting: the next writer then starts it anew. What a process does that stays connected. */
    void (*trim_log)(struct db_connection *connection);
    /* Whether another file lies at the path of the connection by now. */
    bool (*replaced)(const struct db_connection *connection);
    /* A request is over, and the connection is kept for the next one: forgets parameters. False
     * when somebody waits for all others to leave the database (set_journal, seize). */
    bool (*rest)(struct db_connection *connection);
    /* Whether the database is one in which nobody can write while another reads. NULL where several
     * can write at a time. */
    enum db_class (*reading_blocks)(struct db_connection *connection, bool *blocks);
    /* Starts a transaction that holds the write lock from here on. */
    enum db_class (*begin)(struct db_connection *connection);
    enum db_class (*commit)(struct db_connection *connection);
    /* False when the transaction may still be open; then only closing the connection ends it. */
    bool (*rollback)(struct db_connection *connection);
    /* Runs statements that have no parameters and give no rows. */
    enum db_class (*script)(struct db_connection *connection, const char *sql);
    /* Looks through the whole database; calls REPORT for each thing that is wrong. */
    enum db_class (*verify)(struct db_connection *connection,
                            void (*report)(void *self, const char *problem), void *self);

    enum db_class (*prepare)(struct db_connection *connection, const char *sql,
                             struct db_prepared **out);
    /* Accepts NULL, which prepare may leave after a failure. */
    void (*finalize)(struct db_prepared *prepared);
    /* Bind parameter $NUMBER. Text is borrowed until the statement is reset. */
    enum db_class (*bind_integer)(struct db_prepared *prepared, int number, int64_t value);
    enum db_class (*bind_text)(struct db_prepared *prepared, int number, struct text value);
    enum db_class (*bind_null)(struct db_prepared *prepared, int number);
    enum db_class (*step)(struct db_prepared *prepared);
    void (*reset)(struct db_prepared *prepared);
    /* Columns of the present row, from 0. Text is NUL-terminated and borrowed until the next step
     * or reset; NULL at for SQL NULL. */
    int64_t (*column_integer)(struct db_prepared *prepared, int column);
    struct text (*column_text)(struct db_prepared *prepared, int column);
    bool (*column_is_null)(struct db_prepared *prepared, int column);
};

extern const struct db_driver db_sqlite;
extern const struct db_driver db_postgresql; /* of a build that has it */

/* The driver for the value DATABASE of the setting: a path, or what names a server. */
const struct db_driver *db_driver_for(const char *database);

/* Called with the number of parts that are done and the total. */
typedef void db_progress(void *self, int64_t done, int64_t total);

/* What the operator's tool needs of an engine in addition. */
struct db_maintenance {
    /* A query whose rows (type, name, definition) describe the whole schema of a database. */
    const char *catalogue;
    /* A query for the rows that `catalogue` has for this version's schema; NULL: the migrations are
     * to be run in what open_nowhere opens. */
    const char *wanted;
    /* Opens an empty database beside that of CONNECTION, which vanishes with its own connection, in
     * a transaction. *OUT is NULL or to be closed. NULL where there is `wanted`. */
    enum db_class (*open_nowhere)(struct db_connection *connection, struct db_connection **out);
    /* The columns of the rows that PREPARED gives, after its first step: how many, the name of
     * each, and whether its values are integers. */
    int (*column_count)(struct db_prepared *prepared);
    const char *(*column_name)(struct db_prepared *prepared, int column);
    bool (*column_holds_integers)(struct db_prepared *prepared, int column);
    /* CONNECTION, just opened, is the operator's: where an engine lets several write at a time, its
     * transactions that write are alone; and what it does may take as long as it takes. */
    void (*operate)(struct db_connection *connection);

    /* Copies the content of FROM, as it is at one moment, into TO, in one transaction. Others may
     * write to FROM meanwhile; if they change it often, the copy reads in one transaction in the
     * end, and with a rollback journal writers wait for it. DURABLE: TO keeps its old content until
     * the new one is on the disk. Otherwise TO is a draft, useless after a failure, which the
     * caller makes durable. */
    enum db_class (*copy)(struct db_connection *from, struct db_connection *to, bool durable,
                          db_progress *progress, void *self);
    /* Locks out all other readers and writers until CONNECTION, opened for writing, is closed. */
    enum db_class (*seize)(struct db_connection *connection);
    /* Returns unused space to the file system. Needs as much free space as the database while it
     * runs. */
    enum db_class (*compact)(struct db_connection *connection);
    /* Bytes of the database, and how many of them are unused. */
    enum db_class (*space)(struct db_connection *connection, int64_t *bytes, int64_t *unused);
    /* Whether the database keeps a write-ahead log. */
    enum db_class (*journal)(struct db_connection *connection, bool *ahead);
    /* The same, by what the file of CONNECTION itself says, so that it can be asked where the log
     * can't be opened. False when there is no file or it can't be read. */
    bool (*file_keeps_log)(struct db_connection *connection);
    /* ALONE, before the first statement of CONNECTION: it locks out all others from its first
     * access on, and so needs no memory shared with them, which some media can't give to a
     * write-ahead log. Not ALONE: lets them in again, once the database keeps no such log. */
    enum db_class (*stand_alone)(struct db_connection *connection, bool alone);
};

extern const struct db_maintenance db_sqlite_maintenance;
extern const struct db_maintenance db_postgresql_maintenance; /* of a build that has it */

#endif
