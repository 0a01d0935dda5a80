/*
 * postgresql.c - the PostgreSQL driver. Only this file and those whose names begin with postgresql_
 * use libpq.
 *
 * The texts of the statements are those that SQLite runs. Comments in them that begin with & hold
 * what only this engine needs (statements.c). At the start of a text such a comment is a statement
 * of its own, which is run before; elsewhere it is part of the text. Both only in a transaction
 * that writes.
 *
 * Transactions. SQLite has one lock for all writers. Here the first statement of a write locks the
 * row of the user it is about, and with it everything that belongs to that user; statements.c says
 * of each write what protects it. The level is READ COMMITTED, so that what comes after the lock
 * sees what was committed before the lock was granted. A higher level would have the later one of
 * two writers fail where this one makes it wait, and would have to be paid by every write. The
 * operator's tool excludes all writers by an advisory lock, which programs share (begin_alone).
 * Transactions that read are REPEATABLE READ: all that is read is the state of one moment.
 *
 * The order of locks is: row of the user, the user's other rows, counts of attempts, security
 * events; who breaks it may meet a deadlock, which the server ends and the loop does again.
 *
 * Round trips. A transaction is begun together with its first statement; a statement that gives no
 * rows is sent together with the next one that does, or with the commit; nobody waits for the end
 * of a transaction that read. So reading an item takes one, writing it three. A query that may give
 * many rows is read in pieces by a cursor, of each piece one row at a time.
 *
 * No state of a session is used, but for the names of postgresql_connection.c: behind a pooler each
 * transaction may be another server's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "db/engine/postgresql_connection.h"

/* Advisory locks: the first number is ours ("cubb"), the second says what is locked. */
#define WRITERS "1668637282, 1"

/* That a commit did not wait for its copies is only warned of (take_notice). */
#define WARNINGS "set_config('client_min_messages', 'warning', true)"

enum { STATEMENT_GRACE_MS = 5000 };

static char version_text[32] = "";

static const char *pg_version(void)
{
    return version_text;
}

static void note_version(const PGconn *handle)
{
    int number = PQserverVersion(handle);
    (void)snprintf(version_text, sizeof version_text, "%d.%d", number / 10000, number % 10000);
}

static enum db_class pg_open(const char *path, bool writable, int busy_timeout,
                             struct db_connection **out)
{
    (void)writable; /* each transaction says what it does */
    struct db_connection *connection = calloc(1, sizeof *connection);
    *out = connection;
    if (connection == NULL) {
        return DB_INTERNAL;
    }
    connection->database = path;
    connection->patience = busy_timeout;
    enum db_class class = postgresql_connect(connection);
    if (class == DB_OK) {
        note_version(connection->handle);
    }
    return class;
}

static void pg_set_patience(struct db_connection *connection, int busy_timeout)
{
    connection->patience = busy_timeout;
}

static void pg_close(struct db_connection *connection)
{
    if (connection != NULL) {
        PQfinish(connection->handle);
        free(connection);
    }
}

static const char *pg_message(struct db_connection *connection)
{
    return connection == NULL || *connection->problem == '\0' ? "out of memory"
                                                              : connection->problem;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

/* Queues the statement SQL, whose parameters are the limits in milliseconds for a statement and for
 * LOCK_WAIT, and the patience of the connection, as far as it has so many. No limit is 0. */
static bool queue_timeouts(struct db_connection *connection, const char *sql, int parameters,
                           int64_t lock_wait)
{
    enum { ROOM = 24 };
    char texts[3][ROOM];
    int patience = connection->patience > 0 ? connection->patience : 1;
    struct postgresql_query query = {.sql = sql, .named = true, .count = parameters};
    (void)snprintf(texts[0], ROOM, "%d", connection->operates ? 0 : patience + STATEMENT_GRACE_MS);
    (void)snprintf(texts[1], ROOM, "%d", (int)lock_wait);
    (void)snprintf(texts[2], ROOM, "%d", patience);
    for (int i = 0; i < parameters; i++) {
        query.types[i] = POSTGRESQL_TEXT;
        query.values[i] = texts[i];
        query.sizes[i] = (int)strlen(texts[i]);
    }
    return postgresql_queue(connection, &query, EXPECT_NOTHING);
}

/* The limit of a lock wait holds for what comes behind it in the same list, and is then set anew.
 */
static bool queue_write_start(struct db_connection *connection, int64_t lock_wait)
{
    static const char shared[] = "SELECT set_config('statement_timeout', $1, true),"
                                 " set_config('lock_timeout', $2, true), " WARNINGS ","
                                 " pg_advisory_xact_lock_shared(" WRITERS ")";
    static const char alone[] = "SELECT set_config('statement_timeout', $1, true),"
                                " set_config('lock_timeout', $2, true), " WARNINGS ","
                                " pg_advisory_xact_lock(" WRITERS "),"
                                " set_config('lock_timeout', $3, true)";
    connection->phase = PHASE_WRITES;
    return postgresql_queue_text(connection, "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
                                 EXPECT_NOTHING) &&
           queue_timeouts(connection, connection->operates ? alone : shared,
                          connection->operates ? 3 : 2, lock_wait);
}

/* Queues the beginning of the transaction, if it is not begun yet. Each transaction reads the
 * schema number first: so a migration, which changes its table, waits for those that run. */
bool postgresql_queue_start(struct db_connection *connection)
{
    bool good = true;
    if (connection->phase == PHASE_READS || connection->phase == PHASE_WRITES) {
        return true;
    }
    if (connection->phase == PHASE_TO_WRITE) {
        good = queue_write_start(connection, connection->patience > 0 ? connection->patience : 1);
    } else {
        if (connection->phase == PHASE_TO_READ) {
            connection->phase = PHASE_READS;
            good = postgresql_queue_text(
                connection, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", EXPECT_NOTHING);
        }
        good = good &&
               queue_timeouts(connection, "SELECT set_config('statement_timeout', $1, true)", 1, 0);
    }
    return good &&
           (connection->operates ||
            postgresql_queue_text(connection, "SELECT number FROM cubby_schema", EXPECT_SCHEMA));
}

static enum db_class begin_as(struct db_connection *connection, enum postgresql_phase phase)
{
    if (connection->interrupted) {
        postgresql_note(connection, "interrupted");
        return DB_INTERNAL;
    }
    connection->phase = phase;
    return connection->lost ? DB_AGAIN : DB_OK;
}

static enum db_class pg_begin_read(struct db_connection *connection)
{
    return begin_as(connection, PHASE_TO_READ);
}

/* What is queued is answered first: after a failure among it the rest is left out, and a ROLLBACK
 * would be too. */
static bool pg_rollback(struct db_connection *connection)
{
    bool begun = connection->phase == PHASE_READS || connection->phase == PHASE_WRITES;
    connection->phase = PHASE_NONE;
    if (begun && !connection->lost) {
        char problem[sizeof connection->problem];
        memcpy(problem, connection->problem, sizeof problem);
        (void)postgresql_sync(connection, NULL);
        memcpy(connection->problem, problem, sizeof problem);
        if (postgresql_queue_text(connection, "ROLLBACK", EXPECT_NOTHING)) {
            postgresql_sync_later(connection);
        }
    }
    return !connection->lost;
}

/* ---- the tool's turn */

static enum db_class try_alone(struct db_connection *connection, int64_t lock_wait)
{
    enum db_class class = begin_as(connection, PHASE_TO_WRITE);
    class = class == DB_OK ? postgresql_settle(connection) : class;
    if (class == DB_OK) {
        class =
            queue_write_start(connection, lock_wait) ? postgresql_sync(connection, NULL) : DB_AGAIN;
    }
    if (class != DB_OK) {
        (void)pg_rollback(connection);
    }
    return class;
}

/* All that share a lock wait behind whoever waits to have it alone: behind one long write and a
 * tool that waits for it, every other write would fail. So the tool stands in the queue for a
 * moment and then lets the others pass for twice as long. Short writes, however many, leave it the
 * lock in the first moment. Where long ones always overlap, none of the pauses brings it, but a
 * longer moment does, in which they end: each is twice as long as the one before, up to a quarter
 * of what a program waits (the tool's patience is twice that, admin.h), so that nobody fails
 * because of it. */
static enum db_class begin_alone(struct db_connection *connection)
{
    enum { FIRST_MS = 100, SHARE = 8, PAUSE = 2 };
    int64_t end = monotonic_ms() + connection->patience;
    int64_t most = connection->patience > SHARE ? connection->patience / SHARE : 1;
    for (int64_t moment = FIRST_MS;; moment *= 2) {
        moment = moment < most ? moment : most;
        enum db_class class = try_alone(connection, moment);
        int64_t pause = PAUSE * moment;
        if (class != DB_BUSY || connection->lost || monotonic_ms() + pause >= end) {
            return class;
        }
        const struct timespec time = {.tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000};
        (void)nanosleep(&time, NULL);
    }
}

static enum db_class pg_begin(struct db_connection *connection)
{
    return connection->operates ? begin_alone(connection) : begin_as(connection, PHASE_TO_WRITE);
}

/* ---- the end of a transaction */

/* A transaction in which nobody has asked for a row yet must not end before its schema number was
 * looked at. */
static enum db_class commit_writes(struct db_connection *connection)
{
    enum db_class class = connection->schema_asked ? postgresql_sync(connection, NULL) : DB_OK;
    if (class != DB_OK) {
        return class;
    }
    bool queued = postgresql_queue_text(connection, "COMMIT", EXPECT_COMMIT);
    if (!queued) {
        return connection->lost ? DB_UNKNOWN : DB_AGAIN; /* lost: it may have been sent in part */
    }
    class = postgresql_sync(connection, NULL);
    if (class == DB_OK) {
        connection->phase = PHASE_NONE;
    }
    return class;
}

enum db_class postgresql_commit(struct db_connection *connection)
{
    enum db_class class = postgresql_settle(connection);
    if (connection->phase == PHASE_WRITES) {
        return class == DB_OK ? commit_writes(connection) : class;
    }
    if (connection->phase == PHASE_READS) {
        if (class == DB_OK && postgresql_queue_text(connection, "COMMIT", EXPECT_NOTHING)) {
            postgresql_sync_later(connection);
        } else {
            connection->lost = true; /* it is inside of the transaction still */
        }
    }
    connection->phase = PHASE_NONE;
    return DB_OK; /* what was read was read */
}

static enum db_class pg_script(struct db_connection *connection, const char *sql)
{
    enum db_class class = postgresql_settle(connection);
    if (class == DB_OK && connection->phase != PHASE_NONE && !postgresql_queue_start(connection)) {
        class = DB_AGAIN;
    }
    return class == DB_OK ? postgresql_script(connection, sql, NULL) : class;
}

/* ---- the schema number ------------------------------------------------------------------------
 *
 * It stands in a table of the driver's own. A program reads it with every transaction, so that it
 * asks for it only once; the tool asks each time.
 */

static enum db_class read_schema(struct db_connection *connection, int64_t *out)
{
    PGresult *rows = NULL;
    bool queued = postgresql_queue_start(connection) &&
                  postgresql_queue_text(connection, "SELECT number FROM cubby_schema", EXPECT_ROWS);
    enum db_class class = queued ? postgresql_sync(connection, &rows) : DB_AGAIN;
    *out = class == DB_OK && PQntuples(rows) == 1 ? strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
    PQclear(rows);
    return class;
}

static enum db_class pg_schema_number(struct db_connection *connection, int64_t *out)
{
    *out = connection->schema;
    if (connection->schema >= 0 && !connection->operates) {
        return DB_OK;
    }
    PGresult *rows = NULL;
    bool begins = connection->operates;
    enum db_class class = postgresql_settle(connection);
    bool queued =
        class == DB_OK &&
        (!begins || connection->phase == PHASE_NONE || postgresql_queue_start(connection)) &&
        postgresql_queue_text(connection, "SELECT to_regclass('cubby_schema') IS NOT NULL",
                              EXPECT_ROWS);
    class = class == DB_OK && !queued ? DB_AGAIN : class;
    class = class == DB_OK ? postgresql_sync(connection, &rows) : class;
    bool there = class == DB_OK && PQntuples(rows) == 1 && *PQgetvalue(rows, 0, 0) == 't';
    PQclear(rows);
    *out = 0;
    if (class == DB_OK && there) {
        class = read_schema(connection, out);
    }
    connection->schema = class == DB_OK ? *out : -1;
    return class;
}

static enum db_class pg_set_schema_number(struct db_connection *connection, int64_t number)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "CREATE TABLE IF NOT EXISTS cubby_schema (number BIGINT NOT NULL);"
                   "DELETE FROM cubby_schema; INSERT INTO cubby_schema (number) VALUES (%d)",
                   (int)number);
    return pg_script(connection, sql);
}

/* Others can't hold every text, but for SQL_ASCII, which takes any bytes for one and counts them as
 * its characters. A database keeps the one it was made with. */
static const char is_utf8[] = "SELECT pg_encoding_to_char(encoding) = 'UTF8' FROM pg_database"
                              " WHERE datname = current_database()";

static enum db_class pg_admit(struct db_connection *connection)
{
    PGresult *rows = NULL;
    enum db_class class = postgresql_settle(connection);
    bool queued = class == DB_OK &&
                  (connection->phase == PHASE_NONE || postgresql_queue_start(connection)) &&
                  postgresql_queue_text(connection, is_utf8, EXPECT_ROWS);
    class = class == DB_OK && !queued ? DB_AGAIN : class;
    class = class == DB_OK ? postgresql_sync(connection, &rows) : class;
    if (class == DB_OK && (PQntuples(rows) != 1 || *PQgetvalue(rows, 0, 0) != 't')) {
        postgresql_note(connection, "its encoding is not UTF8, so that it can't hold every text; "
                                    "make a database with \"createdb --encoding UTF8 --template "
                                    "template0 NEW\" and name that; what this one holds moves with "
                                    "\"pg_dump -E UTF8 OLD | psql NEW\" before \"cubby migrate\"");
        class = DB_INTERNAL;
    }
    PQclear(rows);
    return class;
}

/* ---- what only a file has ---------------------------------------------------------------------
 */

static enum db_class pg_set_journal(struct db_connection *connection, bool ahead)
{
    (void)connection;
    (void)ahead;
    return DB_OK;
}

static enum db_class pg_checkpoint(struct db_connection *connection)
{
    (void)connection;
    return DB_OK;
}

static bool pg_log_is_long(const struct db_connection *connection)
{
    (void)connection;
    return false;
}

static void pg_trim_log(struct db_connection *connection)
{
    (void)connection;
}

/* Whether the server has left meanwhile. */
static bool pg_replaced(const struct db_connection *connection)
{
    return connection->lost || PQconsumeInput(connection->handle) == 0 ||
           PQstatus(connection->handle) != CONNECTION_OK;
}

static bool pg_rest(struct db_connection *connection)
{
    *connection->problem = '\0';
    connection->stays = true;
    return !connection->lost && connection->phase == PHASE_NONE;
}

/* ---- what can be found wrong ------------------------------------------------------------------
 */

static enum db_class pg_verify(struct db_connection *connection,
                               void (*report)(void *self, const char *problem), void *self)
{
    static const struct {
        const char *sql;
        const char *problem;
    } checks[] = {
        {"SELECT current_setting('synchronous_commit') <> 'off'",
         "synchronous_commit is off: writes that were acknowledged may be lost"},
        {"SELECT current_setting('synchronous_standby_names') = ''"
         " OR current_setting('synchronous_commit') <> 'local'",
         "synchronous_commit is local: writes are acknowledged without the copies that "
         "synchronous_standby_names asks for"},
        {"SELECT current_setting('synchronous_standby_names') = ''"
         " OR current_setting('synchronous_commit') <> 'remote_write'",
         "synchronous_commit is remote_write: writes are acknowledged before they are on the disk "
         "of the copies that synchronous_standby_names asks for"},
        {"SELECT current_setting('fsync') = 'on'",
         "fsync is off: a loss of power can destroy the database"},
        {"SELECT current_setting('full_page_writes') = 'on'",
         "full_page_writes is off: a loss of power can destroy the database"},
        {is_utf8, "its encoding is not UTF8"},
        {"SELECT current_setting('server_version_num')::integer >= 130000",
         "the server is older than PostgreSQL 13"},
        {"SELECT COALESCE(bool_and(has_table_privilege(name, 'SELECT')"
         " AND has_table_privilege(name, 'INSERT') AND has_table_privilege(name, 'UPDATE')"
         " AND has_table_privilege(name, 'DELETE')), true)"
         " FROM unnest('{meta,users,items,tokens,throttle}'::text[]) AS names (name)"
         " WHERE to_regclass(name) IS NOT NULL",
         "its role may not read and write all of the tables"},
    };
    enum db_class class = postgresql_settle(connection);
    for (size_t i = 0; class == DB_OK && i < sizeof checks / sizeof *checks; i++) {
        PGresult *rows = NULL;
        class = postgresql_queue_text(connection, checks[i].sql, EXPECT_ROWS)
                    ? postgresql_sync(connection, &rows)
                    : DB_AGAIN;
        if (class == DB_OK && (PQntuples(rows) != 1 || *PQgetvalue(rows, 0, 0) != 't')) {
            report(self, checks[i].problem);
        }
        PQclear(rows);
    }
    return class;
}

const struct db_driver db_postgresql = {
    .name = "postgresql",
    .dialect = DB_DIALECT_POSTGRESQL,
    .always_writes = true,
    .version = pg_version,
    .open = pg_open,
    .set_patience = pg_set_patience,
    .close = pg_close,
    .message = pg_message,
    .begin_read = pg_begin_read,
    .schema_number = pg_schema_number,
    .set_schema_number = pg_set_schema_number,
    .admit = pg_admit,
    .set_journal = pg_set_journal,
    .checkpoint = pg_checkpoint,
    .log_is_long = pg_log_is_long,
    .trim_log = pg_trim_log,
    .replaced = pg_replaced,
    .rest = pg_rest,
    .begin = pg_begin,
    .commit = postgresql_commit,
    .rollback = pg_rollback,
    .script = pg_script,
    .verify = pg_verify,
    .prepare = postgresql_prepare,
    .finalize = postgresql_finalize,
    .bind_integer = postgresql_bind_integer,
    .bind_text = postgresql_bind_text,
    .bind_null = postgresql_bind_null,
    .step = postgresql_step,
    .reset = postgresql_reset,
    .column_integer = postgresql_column_integer,
    .column_text = postgresql_column_text,
    .column_is_null = postgresql_column_is_null,
};
