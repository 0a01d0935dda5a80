/*
 * postgresql_connection.h - what the files that use libpq share. No other file includes it.
 *
 * A connection sends statements one behind the other (libpq's pipeline mode) and waits for their
 * results only where somebody wants to know them: each wait is one round trip.
 */
#ifndef CUBBY_DB_ENGINE_POSTGRESQL_CONNECTION_H
#define CUBBY_DB_ENGINE_POSTGRESQL_CONNECTION_H

#include <libpq-fe.h>

#include "db/engine/driver.h"

enum {
    POSTGRESQL_PARAMETERS_MAXIMUM = 32,
    POSTGRESQL_QUEUE = 96, /* statements sent whose results are not read yet */
    POSTGRESQL_NAMES = 160 /* statements that the server keeps parsed for a connection */
};

/* The types of parameters, of the catalogue pg_type. */
enum { POSTGRESQL_INT8 = 20, POSTGRESQL_TEXT = 25, POSTGRESQL_BOOL = 16 };

enum postgresql_expect {
    EXPECT_NOTHING, /* a result that is only good or bad */
    EXPECT_NAME,    /* that the server now keeps a statement under its name */
    EXPECT_SCHEMA,  /* the schema number */
    EXPECT_ROWS,
    EXPECT_STREAM, /* rows that are read one by one; of the last statement before a sync */
    EXPECT_COMMIT
};

/* Where the connection is in its transaction. It is begun on the server together with its first
 * statement. */
enum postgresql_phase { PHASE_NONE, PHASE_TO_READ, PHASE_TO_WRITE, PHASE_READS, PHASE_WRITES };

/* The rows of one statement that are read one by one, so that no more than one is in memory. Where
 * another statement comes between, those that are not read yet are kept. */
struct postgresql_stream {
    PGresult **kept;
    size_t count; /* of those kept */
    size_t next;  /* the first of them that nobody has asked for */
    size_t room;
    bool unwanted;       /* the others are thrown away */
    enum db_class class; /* of a failure that nobody has been told of */
};

/* What reading all results of what is queued has brought so far. */
struct postgresql_reading {
    enum db_class class;
    PGresult *rows;
    size_t at;      /* in the queue */
    bool any;       /* a result of the statement there */
    bool single;    /* its rows come one by one */
    bool paused;    /* one has come */
    unsigned empty; /* how often in a row there was none where one should have been */
    bool silent;    /* the server was given up while it did not answer */
    bool undone;    /* the server has said that the transaction was not done */
    bool done;      /* the server has said that it was, as it is to be */
};

struct db_connection {
    PGconn *handle;       /* NULL: memory was out, or it never was connected */
    const char *database; /* borrowed */
    int patience;         /* milliseconds to wait for a lock */
    bool operates;        /* the operator's tool: alone when it writes, and as long as it takes */
    bool lost;            /* nothing can be sent any more */
    bool by_service;      /* the setting or the environment names a service */
    bool stays;           /* kept from one request to the next */
    bool interrupted;     /* by the operator: what the server does for it was cancelled */
    enum postgresql_phase phase;
    int64_t schema; /* the number that was read last; -1: none was */
    struct {
        enum postgresql_expect what;
        uint64_t name;
    } queue[POSTGRESQL_QUEUE];
    size_t queued;
    struct postgresql_reading reading;
    struct postgresql_stream *stream; /* whose rows are being read; NULL: none */
    bool uncopied;     /* the last commit did not wait for its synchronous copies to the end */
    bool synced;       /* the server is asked to answer all that is queued */
    bool schema_asked; /* the schema number is among what is queued */
    uint64_t names[POSTGRESQL_NAMES];
    size_t name_count;
    unsigned cursors; /* that were declared so far */
    char problem[512];
};

/* A statement and its parameters, all in binary form. */
struct postgresql_query {
    const char *sql;
    bool named; /* it will come again: the server may keep it parsed */
    int count;
    Oid types[POSTGRESQL_PARAMETERS_MAXIMUM]; /* 0: whatever fits, of a NULL */
    const char *values[POSTGRESQL_PARAMETERS_MAXIMUM];
    int sizes[POSTGRESQL_PARAMETERS_MAXIMUM];
};

/* Connects. DB_BUSY when the server can't be reached or does not let the user in, DB_INTERNAL when
 * the setting itself is wrong. */
enum db_class postgresql_connect(struct db_connection *connection);

/* ---- postgresql_hosts.c: what the process knows of the servers that the setting DATABASE names
 */

enum { POSTGRESQL_HOST_LISTS = 3 };

/* The names of libpq's options that have an entry for each of several hosts. */
extern const char *const postgresql_host_lists[POSTGRESQL_HOST_LISTS];

/* The value for the option with this number, in which the host is first that led last; NULL: as it
 * stands in the setting. Borrowed until the next call of a function here. */
const char *postgresql_host_list(const char *database, size_t list);

/* HANDLE, just connected, leads to the host that is to be asked first from here on. */
void postgresql_note_leader(const char *database, PGconn *handle);

/* An attempt to connect, begun at SINCE (monotonic_ms), has failed. */
void postgresql_note_failure(const char *database, int64_t since);

/* Whether an attempt has just failed that took so long that another one is not to be made. */
bool postgresql_is_quiet(const char *database);

/* ---- sending and reading */

/* Puts QUERY behind what is queued. False when the connection is lost, or no room is left. */
bool postgresql_queue(struct db_connection *connection, const struct postgresql_query *query,
                      enum postgresql_expect expect);

/* The same for a text without parameters. */
bool postgresql_queue_text(struct db_connection *connection, const char *sql,
                           enum postgresql_expect expect);

/* Has all that is queued done, and waits for it: one round trip. *ROWS, unless NULL, becomes the
 * result of the last EXPECT_ROWS, which the caller clears; NULL after a failure. The class is that
 * of the first failure, whose text is left in connection->problem; DB_UNKNOWN when the connection
 * was lost so late that a commit may have been among what was done. */
enum db_class postgresql_sync(struct db_connection *connection, PGresult **rows);

/* Has all that is queued done without waiting; its results are read before anything else is sent.
 */
void postgresql_sync_later(struct db_connection *connection);

/* Reads what postgresql_sync_later left, and what is left of rows that are read one by one. */
enum db_class postgresql_settle(struct db_connection *connection);

/* Runs SQL, which may be several statements, as a text. Nothing may be queued. *ROWS as above, of
 * the last statement. */
enum db_class postgresql_script(struct db_connection *connection, const char *sql, PGresult **rows);

/* postgresql_sync, whose last statement was queued with EXPECT_STREAM: *ROW becomes its first row,
 * or, when there is none, a result without rows. */
enum db_class postgresql_first_row(struct db_connection *connection,
                                   struct postgresql_stream *stream, PGresult **row);

/* The next row likewise, as long as there was one. */
enum db_class postgresql_next_row(struct db_connection *connection,
                                  struct postgresql_stream *stream, PGresult **row);

/* Nobody wants further rows of STREAM, which is then as a new one. When one of them fails on the
 * server, the connection is lost: what was read was read, and the next transaction needs another.
 */
void postgresql_end_stream(struct db_connection *connection, struct postgresql_stream *stream);

/* Notes PROBLEM, a text, as that of the last failure: its first line. */
void postgresql_note(struct db_connection *connection, const char *problem);

/* Notes PROBLEM, which libpq says of its connection: WHY when it says nothing. DB_AGAIN. */
enum db_class postgresql_lose(struct db_connection *connection, const char *why);

/* postgresql_wait.c: waits until the next result is there, or unless WANTED until all is sent; at
 * most for its patience and some seconds more, but for the operator, who interrupts it. DB_BUSY,
 * with the connection lost, when the time is over. */
enum db_class postgresql_wait(struct db_connection *connection, bool wanted);

/* Has the server end what it does for CONNECTION. */
void postgresql_cancel(const struct db_connection *connection);

/* Queues the beginning of the transaction that the connection is to have, if it is not begun yet.
 * False when the connection is lost. */
bool postgresql_queue_start(struct db_connection *connection);

/* These are members of the driver (driver.h). */
enum db_class postgresql_commit(struct db_connection *connection);
enum db_class postgresql_prepare(struct db_connection *connection, const char *sql,
                                 struct db_prepared **out);
void postgresql_finalize(struct db_prepared *prepared);
enum db_class postgresql_bind_integer(struct db_prepared *prepared, int number, int64_t value);
enum db_class postgresql_bind_text(struct db_prepared *prepared, int number, struct text value);
enum db_class postgresql_bind_null(struct db_prepared *prepared, int number);
enum db_class postgresql_step(struct db_prepared *prepared);
void postgresql_reset(struct db_prepared *prepared);
int64_t postgresql_column_integer(struct db_prepared *prepared, int column);
struct text postgresql_column_text(struct db_prepared *prepared, int column);
bool postgresql_column_is_null(struct db_prepared *prepared, int column);
int postgresql_column_count(struct db_prepared *prepared);
const char *postgresql_column_name(struct db_prepared *prepared, int column);
bool postgresql_column_holds_integers(struct db_prepared *prepared, int column);

#endif
