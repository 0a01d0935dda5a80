/*
 * postgresql_connection.c - sending statements to a server, and reading its results.
 *
 * Every wait has an end. libpq waits connect_timeout for each host; the server gives up a lock
 * after lock_timeout and a statement after statement_timeout, which are set for each transaction
 * (postgresql.c) and thus hold behind a pooler too; and who is silent for longer than both is given
 * up here. Only a commit has no limit in the server, where it may wait for copies without end: it
 * is cancelled when it is given up, as what is left behind would fill the server with connections.
 * The kernel gives up a server that does not acknowledge what was sent (tcp_user_timeout).
 *
 * For a connection that is kept from one request to the next the server keeps statements parsed,
 * under names that are a digest of their text. A pooler that gives each transaction to another
 * server (pgbouncer in transaction mode, before its version 1.21) does not know such names: a
 * statement is then missing, or there already, but never another one. The process that meets that
 * goes on without names, and the transaction is done again. The operator's tool, which does nothing
 * again, uses none.
 */
#include "db/engine/postgresql_connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"

/* Milliseconds that a server may be silent beyond the patience of the request. */
enum { SILENCE_MS = 10000 };

/* Milliseconds that the request to cancel a commit may take until nobody waits for it any more. */
enum { CANCEL_MS = 2000 };

/* Milliseconds after which an encrypted connection is looked at again: see wait_for_server. */
enum { ENCRYPTED_MS = 50 };

static bool without_names; /* in this process: see above */

/* ---- failures ---------------------------------------------------------------------------------
 */

/* The first line of PROBLEM, without control characters. */
void postgresql_note(struct db_connection *connection, const char *problem)
{
    size_t size = strcspn(problem, "\n");
    if (size >= sizeof connection->problem) {
        size = sizeof connection->problem - 1;
    }
    memcpy(connection->problem, problem, size);
    connection->problem[size] = '\0';
    for (char *at = connection->problem; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            *at = ' ';
        }
    }
}

static bool is_one_of(const char *state, const char *states)
{
    const char *at = strstr(states, state);
    return at != NULL && *state != '\0';
}

/* Whether STATE says that the server is a copy of another one, which takes no writes: whoever
 * begins a transaction that writes is told that it is not supported (0A000). */
static bool is_of_copy(const struct db_connection *connection, const char *state)
{
    const char *copy = PQparameterStatus(connection->handle, "in_hot_standby"); /* from 14 on */
    return strcmp(state, "25006") == 0 ||
           (strcmp(state, "0A000") == 0 && (copy == NULL || strcmp(copy, "on") == 0));
}

/* What a SQLSTATE means (appendix A of the manual, "PostgreSQL Error Codes"). A server that shuts
 * down, or that is a copy of another one, is left. */
static enum db_class classify(struct db_connection *connection, const char *state)
{
    static const char again[] = "40001 40P01 23505 26000 42P05";
    static const char leave[] = "57P01 57P02 57P03 57P05 25P03 40003";
    static const char busy[] = "55P03 57014 53000 53200 53300 53400";
    if (is_one_of(state, "26000 42P05")) {
        without_names = true;
    }
    if (is_of_copy(connection, state)) {
        connection->lost = true;
        return DB_BUSY;
    }
    if (is_one_of(state, leave) || strncmp(state, "08", 2) == 0) {
        connection->lost = true;
        return DB_AGAIN;
    }
    if (connection->operates && strcmp(state, "23505") == 0) {
        return DB_CONFLICT; /* the operator is alone: nobody else was first */
    }
    if (is_one_of(state, again)) {
        return DB_AGAIN;
    }
    if (is_one_of(state, busy)) {
        return DB_BUSY;
    }
    if (strcmp(state, "53100") == 0) {
        return DB_FULL;
    }
    if (strncmp(state, "23", 2) == 0) {
        return DB_CONFLICT;
    }
    return strncmp(state, "XX00", 4) == 0 && state[4] != '0' ? DB_DAMAGED : DB_INTERNAL;
}

/* The primary message only: the details of an error may show values. */
static enum db_class judge(struct db_connection *connection, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state == NULL) {
        connection->lost = true;
        postgresql_note(connection, PQresultErrorMessage(result));
        return DB_AGAIN;
    }
    char text[sizeof connection->problem];
    (void)snprintf(text, sizeof text, "%s (%s)", message != NULL ? message : "failed", state);
    postgresql_note(connection, text);
    return classify(connection, state);
}

static enum db_class lose(struct db_connection *connection, const char *why)
{
    connection->lost = true;
    postgresql_note(connection, *why != '\0' ? why : "the connection to the server is lost");
    return DB_AGAIN;
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static bool is_encrypted(PGconn *handle)
{
    return PQsslInUse(handle) != 0 || PQgssEncInUse(handle) != 0;
}

/* How long to sleep at most, in milliseconds; -1: until something comes, 0: the time is over. */
static int longest_sleep(const struct db_connection *connection, int64_t end)
{
    int64_t left = connection->operates ? INT32_MAX : end - monotonic_ms();
    if (left <= 0) {
        return 0;
    }
    if (is_encrypted(connection->handle)) {
        return left < ENCRYPTED_MS ? (int)left : ENCRYPTED_MS;
    }
    return connection->operates ? -1 : (int)left;
}

/* Waits until the next result is there, or WANTED is false and all is sent. What comes encrypted is
 * read in whole records of up to 16 KiB, of which libpq may take a part: the rest waits where poll
 * does not see it. So it is asked for before each sleep, and no sleep is long. */
static enum db_class wait_for_server(struct db_connection *connection, int64_t end, bool wanted)
{
    PGconn *handle = connection->handle;
    bool encrypted = is_encrypted(handle);
    bool comes = encrypted;
    for (;;) {
        int unsent = PQflush(handle);
        if (wanted ? PQisBusy(handle) == 0 : unsent <= 0) {
            return DB_OK;
        }
        if (comes && PQconsumeInput(handle) == 0) {
            return lose(connection, PQerrorMessage(handle));
        }
        if (comes && wanted && PQisBusy(handle) == 0) {
            return DB_OK;
        }
        struct pollfd socket = {.fd = PQsocket(handle),
                                .events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN)};
        int most = longest_sleep(connection, end);
        if (most == 0) {
            (void)lose(connection, "the server does not answer");
            return DB_BUSY;
        }
        if (poll(&socket, 1, most) < 0 && errno != EINTR) {
            return lose(connection, strerror(errno));
        }
        comes = encrypted || (socket.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    }
}

static int64_t end_of_wait(const struct db_connection *connection)
{
    return monotonic_ms() + connection->patience + SILENCE_MS;
}

/* ---- names ------------------------------------------------------------------------------------
 */

static uint64_t name_of(const struct postgresql_query *query)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *at = query->sql; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    }
    for (int i = 0; i < query->count; i++) {
        hash = (hash ^ query->types[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static bool knows(const struct db_connection *connection, uint64_t name)
{
    for (size_t i = 0; i < connection->name_count; i++) {
        if (connection->names[i] == name) {
            return true;
        }
    }
    return false;
}

static void forget(struct db_connection *connection, uint64_t name)
{
    for (size_t i = 0; i < connection->name_count; i++) {
        if (connection->names[i] == name) {
            connection->names[i] = connection->names[--connection->name_count];
            return;
        }
    }
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static void expect(struct db_connection *connection, enum postgresql_expect what, uint64_t name)
{
    connection->schema_asked = connection->schema_asked || what == EXPECT_SCHEMA;
    connection->queue[connection->queued].what = what;
    connection->queue[connection->queued].name = name;
    connection->queued++;
}

static bool send_named(struct db_connection *connection, const struct postgresql_query *query,
                       const int *formats)
{
    char name[32];
    uint64_t hash = name_of(query);
    (void)snprintf(name, sizeof name, "cubby_%016" PRIx64, hash);
    if (!knows(connection, hash)) {
        if (PQsendPrepare(connection->handle, name, query->sql, query->count, query->types) == 0) {
            return false;
        }
        connection->names[connection->name_count++] = hash;
        expect(connection, EXPECT_NAME, hash);
    }
    return PQsendQueryPrepared(connection->handle, name, query->count, query->values, query->sizes,
                               formats, 0) != 0;
}

bool postgresql_queue(struct db_connection *connection, const struct postgresql_query *query,
                      enum postgresql_expect what)
{
    int formats[POSTGRESQL_PARAMETERS_MAXIMUM];
    for (int i = 0; i < query->count; i++) {
        formats[i] = 1;
    }
    if (connection->lost || connection->queued + 2 > POSTGRESQL_QUEUE) {
        return false;
    }
    bool named = query->named && connection->stays && !without_names &&
                 connection->name_count < POSTGRESQL_NAMES;
    bool sent = named
                    ? send_named(connection, query, formats)
                    : PQsendQueryParams(connection->handle, query->sql, query->count, query->types,
                                        query->values, query->sizes, formats, 0) != 0;
    if (!sent) {
        (void)lose(connection, PQerrorMessage(connection->handle));
        return false;
    }
    expect(connection, what, 0);
    return true;
}

bool postgresql_queue_text(struct db_connection *connection, const char *sql,
                           enum postgresql_expect what)
{
    const struct postgresql_query query = {.sql = sql, .named = true};
    return postgresql_queue(connection, &query, what);
}

/* ---- results ----------------------------------------------------------------------------------
 */

/* What reading all results has brought so far. */
struct reading {
    enum db_class class;
    PGresult *rows;
    size_t at;      /* in the queue */
    bool any;       /* a result of the statement there */
    unsigned empty; /* how often in a row there was none where one should have been */
    bool silent;    /* the server was given up while it did not answer */
    bool undone;    /* the server has said that the transaction was not done */
};

static void take_schema(struct db_connection *connection, struct reading *reading,
                        const PGresult *result)
{
    int64_t number = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    if (connection->schema >= 0 && connection->schema != number && reading->class == DB_OK) {
        postgresql_note(connection, "the schema has changed while the program was connected");
        reading->class = DB_INTERNAL;
    }
    connection->schema = number;
}

static void take_good(struct db_connection *connection, struct reading *reading, PGresult *result)
{
    switch (connection->queue[reading->at].what) {
    case EXPECT_ROWS:
        PQclear(reading->rows);
        reading->rows = result;
        return;
    case EXPECT_SCHEMA:
        take_schema(connection, reading, result);
        break;
    case EXPECT_COMMIT:
        if (strcmp(PQcmdStatus(result), "COMMIT") != 0 && reading->class == DB_OK) {
            postgresql_note(connection, "the server has rolled the transaction back");
            reading->class = DB_AGAIN;
            reading->undone = true;
        } else if (connection->uncopied && reading->class == DB_OK) {
            postgresql_note(connection, "the transaction is done, but its synchronous copies may "
                                        "not have it");
            reading->class = DB_UNKNOWN;
        }
        connection->uncopied = false;
        break;
    case EXPECT_NAME:
    case EXPECT_NOTHING:
    default:
        break;
    }
    PQclear(result);
}

/* Whether RESULT, a failure, is that of a statement before the commit, by the word of the server
 * itself: then it does nothing of what came behind. Class 08 is the word of a pooler that has lost
 * the server. */
static bool failed_before_end(const struct db_connection *connection, const struct reading *reading,
                              const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && strncmp(state, "08", 2) != 0 && reading->at + 1 < connection->queued;
}

static void take_result(struct db_connection *connection, struct reading *reading, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    reading->any = true;
    reading->empty = 0;
    if (reading->at < connection->queued &&
        (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)) {
        take_good(connection, reading, result);
        return;
    }
    if (reading->at < connection->queued && connection->queue[reading->at].what == EXPECT_NAME) {
        forget(connection, connection->queue[reading->at].name);
    }
    if (status != PGRES_PIPELINE_ABORTED && reading->class == DB_OK) {
        reading->class = judge(connection, result);
        reading->undone = failed_before_end(connection, reading, result);
    }
    PQclear(result);
}

/* Whether the transaction's end was on its way: then nobody knows whether it was done, once the
 * connection is lost. */
static bool commit_was_sent(const struct db_connection *connection)
{
    return connection->queued > 0 &&
           connection->queue[connection->queued - 1].what == EXPECT_COMMIT;
}

/* Reads until the mark that postgresql_sync set. One NULL ends the results of each statement; where
 * they go on and on, libpq and this file do not agree on what was sent. */
static void read_results(struct db_connection *connection, struct reading *reading)
{
    enum { EMPTY_MOST = 2 };
    while (reading->at <= connection->queued) {
        enum db_class class = wait_for_server(connection, end_of_wait(connection), true);
        if (class != DB_OK) {
            reading->silent = class == DB_BUSY;
            reading->class = reading->class == DB_OK ? class : reading->class;
            return;
        }
        PGresult *result = PQgetResult(connection->handle);
        if (result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return;
        }
        if (result != NULL) {
            take_result(connection, reading, result);
        } else if (PQstatus(connection->handle) != CONNECTION_OK || ++reading->empty > EMPTY_MOST) {
            break;
        } else if (reading->any) {
            reading->at++;
            reading->any = false;
        }
    }
    connection->lost = true;
    reading->class = reading->class == DB_OK ? lose(connection, PQerrorMessage(connection->handle))
                                             : reading->class;
}

static void *send_cancel(void *request)
{
    char problem[256];
    (void)PQcancel(request, problem, sizeof problem);
    PQfreeCancel(request);
    return NULL;
}

/* Has the server end what it does for CONNECTION, which is lost. libpq waits for that request as
 * long as the system lets it: so a thread of its own does, for which nobody waits long. */
static void cancel_commit(const struct db_connection *connection)
{
    PGcancel *request = PQgetCancel(connection->handle);
    if (request == NULL) {
        return;
    }
    struct timespec end;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += CANCEL_MS / 1000;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's thread */
    int problem = pthread_create(&thread, NULL, send_cancel, request);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (problem != 0) {
        PQfreeCancel(request);
    } else if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end) != 0) {
        (void)pthread_detach(thread);
    }
}

static enum db_class read_queue(struct db_connection *connection, PGresult **rows)
{
    struct reading reading = {.class = DB_OK};
    bool committing = commit_was_sent(connection);
    read_results(connection, &reading);
    connection->queued = 0;
    connection->synced = false;
    connection->schema_asked = false;
    if (connection->lost && committing && !reading.undone) {
        postgresql_note(connection,
                        reading.silent
                            ? "the server does not answer a commit, so that it may be done or not"
                            : "the connection was lost at the end of the transaction, so that it "
                              "may be done or not");
        reading.class = DB_UNKNOWN;
    }
    if (committing && reading.silent) {
        cancel_commit(connection);
    }
    if (rows != NULL && reading.class == DB_OK) {
        *rows = reading.rows;
    } else {
        PQclear(reading.rows);
    }
    return reading.class;
}

static bool send_sync(struct db_connection *connection)
{
    if (!connection->lost && !connection->synced && connection->queued > 0) {
        connection->synced = PQpipelineSync(connection->handle) == 1;
        if (!connection->synced) {
            (void)lose(connection, PQerrorMessage(connection->handle));
        }
    }
    return !connection->lost;
}

enum db_class postgresql_sync(struct db_connection *connection, PGresult **rows)
{
    if (rows != NULL) {
        *rows = NULL;
    }
    if (!send_sync(connection)) {
        return commit_was_sent(connection) ? DB_UNKNOWN : DB_AGAIN;
    }
    return connection->queued > 0 ? read_queue(connection, rows) : DB_OK;
}

void postgresql_sync_later(struct db_connection *connection)
{
    if (send_sync(connection)) {
        (void)wait_for_server(connection, end_of_wait(connection), false);
    }
}

enum db_class postgresql_settle(struct db_connection *connection)
{
    if (connection->lost) {
        return DB_AGAIN;
    }
    return connection->synced ? read_queue(connection, NULL) : DB_OK;
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static enum db_class read_script(struct db_connection *connection, PGresult **rows)
{
    enum db_class class = DB_OK;
    for (;;) {
        enum db_class waited = wait_for_server(connection, end_of_wait(connection), true);
        PGresult *result = waited == DB_OK ? PQgetResult(connection->handle) : NULL;
        if (result == NULL) {
            return class == DB_OK ? waited : class;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && class == DB_OK) {
            class = judge(connection, result);
        }
        if (rows != NULL && status == PGRES_TUPLES_OK) {
            PQclear(*rows);
            *rows = result;
        } else {
            PQclear(result);
        }
    }
}

enum db_class postgresql_script(struct db_connection *connection, const char *sql, PGresult **rows)
{
    if (rows != NULL) {
        *rows = NULL;
    }
    enum db_class class = postgresql_sync(connection, NULL);
    if (class != DB_OK) {
        return class;
    }
    if (PQexitPipelineMode(connection->handle) != 1 || PQsendQuery(connection->handle, sql) != 1) {
        return lose(connection, PQerrorMessage(connection->handle));
    }
    class = read_script(connection, rows);
    if (!connection->lost && PQenterPipelineMode(connection->handle) != 1) {
        class = lose(connection, PQerrorMessage(connection->handle));
    }
    if (class != DB_OK && rows != NULL) {
        PQclear(*rows);
        *rows = NULL;
    }
    return class;
}
