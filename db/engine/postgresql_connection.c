/*
 * postgresql_connection.c - sending statements to a server, and reading its results.
 *
 * For a connection that is kept from one request to the next the server keeps statements parsed,
 * under names that are a digest of their text. A pooler that gives each transaction to another
 * server (pgbouncer in transaction mode, before its version 1.21) does not know such names: a
 * statement is then missing, or there already, but never another one. The process that meets that
 * goes on without names, and the transaction is done again. The operator's tool, which does nothing
 * again, uses none.
 */
#include "db/engine/postgresql_connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Whether RESULT, with STATE, says that the server is a copy of another one, which takes no writes.
 * Whoever begins a transaction that writes is told that this is not supported (0A000), by what
 * looks at settings; servers before version 14 do not say by themselves what they are. */
static bool is_of_copy(const struct db_connection *connection, const PGresult *result,
                       const char *state)
{
    const char *copy = PQparameterStatus(connection->handle, "in_hot_standby");
    const char *place = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return strcmp(state, "25006") == 0 ||
           (strcmp(state, "0A000") == 0 &&
            (copy != NULL ? strcmp(copy, "on") == 0
                          : place != NULL && strcmp(place, "call_bool_check_hook") == 0));
}

/* Whether the server, or a pooler, has ended the connection with RESULT. */
static bool ends_connection(const PGresult *result, const char *state)
{
    static const char leave[] = "57P01 57P02 57P03 57P05 25P03 40003";
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return is_one_of(state, leave) || strncmp(state, "08", 2) == 0 ||
           (severity != NULL && is_one_of(severity, "FATAL PANIC"));
}

/* Whether RESULT, with STATE, says that a file of a table can't grow. A full disk has a SQLSTATE; a
 * quota of the file system that is used up, or the largest file it has, is an internal error. */
static bool is_of_growth(const PGresult *result, const char *state)
{
    const char *place = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return strcmp(state, "53100") == 0 || (strcmp(state, "XX000") == 0 && place != NULL &&
                                           is_one_of(place, "mdextend mdzeroextend"));
}

/* What a failure with a SQLSTATE means (appendix A of the manual, "PostgreSQL Error Codes"). A
 * server that shuts down, or that is a copy of another one, is left. */
static enum db_class classify(struct db_connection *connection, const PGresult *result,
                              const char *state)
{
    static const char again[] = "40001 40P01 23505 26000 42P05";
    static const char busy[] = "55P03 57014 53000 53200 53300 53400";
    if (is_one_of(state, "26000 42P05")) {
        without_names = true;
    }
    if (is_of_copy(connection, result, state)) {
        connection->lost = true;
        return DB_COPY;
    }
    if (ends_connection(result, state)) {
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
    if (strcmp(state, "42501") == 0 && !connection->operates) {
        return DB_READ_ONLY; /* a role that has not the right, as an operator may want it */
    }
    if (is_of_growth(result, state)) {
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
    return classify(connection, result, state);
}

enum db_class postgresql_lose(struct db_connection *connection, const char *why)
{
    connection->lost = true;
    postgresql_note(connection, *why != '\0' ? why : "the connection to the server is lost");
    return DB_AGAIN;
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
    if (connection->lost) {
        return false;
    }
    if (connection->queued + 2 > POSTGRESQL_QUEUE) {
        postgresql_note(connection, "too many statements were sent at once");
        return false;
    }
    bool named = query->named && connection->stays && !without_names &&
                 connection->name_count < POSTGRESQL_NAMES;
    bool sent = named
                    ? send_named(connection, query, formats)
                    : PQsendQueryParams(connection->handle, query->sql, query->count, query->types,
                                        query->values, query->sizes, formats, 0) != 0;
    if (!sent) {
        (void)postgresql_lose(connection, PQerrorMessage(connection->handle));
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

static void take_schema(struct db_connection *connection, struct postgresql_reading *reading,
                        const PGresult *result)
{
    int64_t number = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    if (connection->schema >= 0 && connection->schema != number && reading->class == DB_OK) {
        postgresql_note(connection, "the schema has changed while the program was connected");
        reading->class = DB_INTERNAL;
    }
    connection->schema = number;
}

static void take_good(struct db_connection *connection, struct postgresql_reading *reading,
                      PGresult *result)
{
    switch (connection->queue[reading->at].what) {
    case EXPECT_STREAM:
        reading->paused = PQntuples(result) > 0;
        /* fall through */
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
        reading->done = reading->class == DB_OK;
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
static bool failed_before_end(const struct db_connection *connection,
                              const struct postgresql_reading *reading, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && strncmp(state, "08", 2) != 0 && reading->at + 1 < connection->queued;
}

static void take_result(struct db_connection *connection, struct postgresql_reading *reading,
                        PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    reading->any = true;
    reading->empty = 0;
    if (reading->at < connection->queued &&
        (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE)) {
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

/* Where the results of a statement begin: they may come row by row. */
static void choose_mode(const struct db_connection *connection, struct postgresql_reading *reading)
{
    if (reading->at < connection->queued && !reading->any && !reading->single &&
        connection->queue[reading->at].what == EXPECT_STREAM) {
        reading->single = PQsetSingleRowMode(connection->handle) == 1;
    }
}

/* Reads until the mark that postgresql_sync set, or until a row has come of those that come one by
 * one. One NULL ends the results of each statement; where they go on and on, libpq and this file do
 * not agree on what was sent. */
static void read_results(struct db_connection *connection, struct postgresql_reading *reading)
{
    enum { EMPTY_MOST = 2 };
    while (reading->at <= connection->queued) {
        choose_mode(connection, reading);
        enum db_class class = postgresql_wait(connection, true);
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
            if (reading->paused) {
                return;
            }
        } else if (PQstatus(connection->handle) != CONNECTION_OK || ++reading->empty > EMPTY_MOST) {
            break;
        } else if (reading->any) {
            reading->at++;
            reading->any = false;
        }
    }
    connection->lost = true;
    reading->class = reading->class == DB_OK
                         ? postgresql_lose(connection, PQerrorMessage(connection->handle))
                         : reading->class;
}

static bool may_stand(enum db_class class)
{
    return class == DB_OK || class == DB_UNKNOWN;
}

/* After all was read: what it means. The server says that it has committed once the transaction is
 * where it is to be, so that what becomes of the connection afterwards changes nothing. */
static enum db_class conclude(struct db_connection *connection, bool committing)
{
    struct postgresql_reading *reading = &connection->reading;
    if (reading->done) {
        reading->class = DB_OK;
        return DB_OK;
    }
    if (connection->lost && committing && !reading->undone) {
        postgresql_note(connection,
                        reading->silent
                            ? "the server does not answer a commit, so that it may be done or not"
                            : "the connection was lost at the end of the transaction, so that it "
                              "may be done or not");
        reading->class = DB_UNKNOWN;
    } else if (connection->interrupted && !(committing && may_stand(reading->class))) {
        postgresql_note(connection, "interrupted");
        reading->class = DB_INTERNAL;
    }
    if (committing && reading->silent) {
        postgresql_cancel(connection);
    }
    return reading->class;
}

/* Reads on, as read_results does. *ROWS as in postgresql_sync, or the row that has come; then there
 * may be more. */
static enum db_class read_on(struct db_connection *connection, PGresult **rows)
{
    struct postgresql_reading *reading = &connection->reading;
    bool committing = commit_was_sent(connection);
    enum db_class class = DB_OK;
    reading->paused = false;
    read_results(connection, reading);
    if (!reading->paused) {
        connection->queued = 0;
        connection->synced = false;
        connection->schema_asked = false;
        connection->stream = NULL;
        class = conclude(connection, committing);
    }
    if (rows != NULL && class == DB_OK) {
        *rows = reading->rows;
    } else {
        PQclear(reading->rows);
    }
    reading->rows = NULL;
    return class;
}

static enum db_class read_queue(struct db_connection *connection, PGresult **rows)
{
    connection->reading = (struct postgresql_reading){.class = DB_OK};
    return read_on(connection, rows);
}

/* ---- rows one by one */

/* Takes ROW, and frees it where nobody wants it. False when memory is out. */
static bool keep_row(struct postgresql_stream *stream, PGresult *row)
{
    enum { FIRST_ROOM = 16 };
    if (stream->unwanted || row == NULL) {
        PQclear(row);
        return true;
    }
    if (stream->count == stream->room) {
        size_t room = stream->room == 0 ? FIRST_ROOM : 2 * stream->room;
        PGresult **more = realloc(stream->kept, room * sizeof(PGresult *));
        if (more == NULL) {
            PQclear(row);
            return false;
        }
        stream->kept = more;
        stream->room = room;
    }
    stream->kept[stream->count++] = row;
    return true;
}

/* Reads the rest of the rows that are read one by one, for another statement. */
static enum db_class read_rest(struct db_connection *connection)
{
    enum db_class class = DB_OK;
    if (connection->lost && connection->stream != NULL) {
        class = DB_AGAIN;
        connection->stream->class = class;
        connection->stream = NULL;
    }
    while (class == DB_OK && connection->stream != NULL) {
        struct postgresql_stream *stream = connection->stream;
        PGresult *row = NULL;
        class = read_on(connection, &row);
        if (class == DB_OK && !keep_row(stream, row)) {
            (void)postgresql_lose(connection, "out of memory");
            class = DB_INTERNAL;
        }
        stream->class = class;
    }
    return class;
}

enum db_class postgresql_next_row(struct db_connection *connection,
                                  struct postgresql_stream *stream, PGresult **row)
{
    *row = NULL;
    if (stream->next < stream->count) {
        *row = stream->kept[stream->next++];
        return DB_OK;
    }
    if (stream->class == DB_OK && !connection->lost && connection->stream != stream) {
        postgresql_note(connection, "the transaction has ended before its rows were read");
    }
    if (stream->class != DB_OK || connection->stream != stream || connection->lost) {
        return stream->class != DB_OK ? stream->class : DB_AGAIN;
    }
    stream->count = 0;
    stream->next = 0;
    return read_on(connection, row);
}

void postgresql_end_stream(struct db_connection *connection, struct postgresql_stream *stream)
{
    stream->unwanted = true;
    if (connection->stream == stream && !connection->lost && read_rest(connection) != DB_OK) {
        connection->lost = true; /* nobody else is told; the server has ended the transaction */
    }
    if (connection->stream == stream) {
        connection->stream = NULL;
    }
    for (; stream->next < stream->count; stream->next++) {
        PQclear(stream->kept[stream->next]);
    }
    free(stream->kept);
    *stream = (struct postgresql_stream){.class = DB_OK};
}

/* ---- the mark at which the server answers */

static bool send_sync(struct db_connection *connection)
{
    if (!connection->lost && !connection->synced && connection->queued > 0) {
        connection->synced = PQpipelineSync(connection->handle) == 1;
        if (!connection->synced) {
            (void)postgresql_lose(connection, PQerrorMessage(connection->handle));
        }
    }
    return !connection->lost;
}

enum db_class postgresql_first_row(struct db_connection *connection,
                                   struct postgresql_stream *stream, PGresult **row)
{
    *row = NULL;
    if (!send_sync(connection)) {
        return DB_AGAIN;
    }
    connection->stream = stream;
    return read_queue(connection, row);
}

enum db_class postgresql_sync(struct db_connection *connection, PGresult **rows)
{
    if (rows != NULL) {
        *rows = NULL;
    }
    enum db_class class = read_rest(connection);
    if (class != DB_OK) {
        return class;
    }
    if (!send_sync(connection)) {
        return commit_was_sent(connection) ? DB_UNKNOWN : DB_AGAIN;
    }
    return connection->queued > 0 ? read_queue(connection, rows) : DB_OK;
}

void postgresql_sync_later(struct db_connection *connection)
{
    if (send_sync(connection)) {
        (void)postgresql_wait(connection, false);
    }
}

enum db_class postgresql_settle(struct db_connection *connection)
{
    if (connection->lost) {
        return DB_AGAIN;
    }
    if (connection->stream != NULL) {
        return read_rest(connection);
    }
    return connection->synced ? read_queue(connection, NULL) : DB_OK;
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static enum db_class read_script(struct db_connection *connection, PGresult **rows)
{
    enum db_class class = DB_OK;
    for (;;) {
        enum db_class waited = postgresql_wait(connection, true);
        PGresult *result = waited == DB_OK ? PQgetResult(connection->handle) : NULL;
        if (result == NULL && connection->interrupted && !connection->lost) {
            postgresql_note(connection, "interrupted");
            return DB_INTERNAL;
        }
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
        return postgresql_lose(connection, PQerrorMessage(connection->handle));
    }
    class = read_script(connection, rows);
    if (!connection->lost && PQenterPipelineMode(connection->handle) != 1) {
        class = postgresql_lose(connection, PQerrorMessage(connection->handle));
    }
    if (class != DB_OK && rows != NULL) {
        PQclear(*rows);
        *rows = NULL;
    }
    return class;
}
