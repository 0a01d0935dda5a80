/*
 * db.c - the store of a program.
 */
#include "db/engine/db.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/streams.h"
#include "db/engine/schema.h"

struct db {
    const struct db_driver *driver;
    const struct config *config;
    const struct db_role *role;
    struct db_connection *connection;
    bool writable; /* what `connection` was opened for */
    bool checked;  /* its schema number was compared, in this request */
    bool kept;     /* it was opened for an earlier request */
    bool lasting;  /* the process serves many requests */
    int patience;  /* milliseconds to wait for a lock */
    struct db_prepared *prepared[DB_STATEMENT_COUNT];

    /* Of the present request. */
    bool writes;
    bool asked_writes; /* as the call was started, before db_allow_writes */
    bool no_wait;      /* fails at once when a lock is held */
    bool in_transaction;
    bool only_reads;     /* a read transaction of a request that may write */
    bool row_incomplete; /* memory was out while a text of a row was read */
    bool write_refused;  /* a write failed: disk full, or read-only */
    bool only_read;      /* the latter: by nature it takes no write now */
    bool doubtful;       /* the connection failed in a way that a new one may not */
    bool unsure;         /* a commit may be done or not, and have let its locks go or not */
    bool undone;         /* the engine undid the transaction, which may be tried again */
    bool committed;      /* some of what the client asked for is done, whatever comes */
    struct cause *cause;
    int64_t used_token; /* recorded after the request; 0: none */
    bool empty_log;     /* then empty the write-ahead log too */
};

static const struct db_driver *driver_in_use = &db_sqlite;
static bool driver_is_given; /* by a test */

void db_use_driver(const struct db_driver *driver)
{
    driver_is_given = driver != NULL;
    driver_in_use = driver != NULL ? driver : &db_sqlite;
}

const struct db_driver *db_driver_for(const char *database)
{
#ifdef CUBBY_POSTGRESQL
    return config_is_path(database) ? &db_sqlite : &db_postgresql;
#else
    (void)database; /* the settings take nothing but a path */
    return &db_sqlite;
#endif
}

const char *db_engine(void)
{
    return driver_in_use->name;
}

const char *db_engine_version(void)
{
    return driver_in_use->version();
}

/* Records the failure with the engine's message; returns the error that CLASS means to a client. */
static enum error_code fail(struct db *db, enum db_class class, const char *doing)
{
    const char *why = db->driver->message(db->connection);
    db->doubtful = db->doubtful || (class != DB_BUSY && class != DB_CONFLICT && class != DB_AGAIN);
    db->unsure = db->unsure || class == DB_UNKNOWN;
    db->undone = db->undone || class == DB_AGAIN;
    db->write_refused = db->write_refused || class == DB_BUSY || class == DB_FULL ||
                        class == DB_READ_ONLY || class == DB_COPY || class == DB_UNKNOWN;
    db->only_read = db->only_read || class == DB_READ_ONLY || class == DB_COPY;
    db->cause->waited =
        db->cause->waited || class == DB_BUSY || class == DB_AGAIN || class == DB_UNKNOWN;
    switch (class) {
    case DB_BUSY:
    case DB_AGAIN:
    case DB_COPY:
        return cause_set(db->cause, ERR_SERVICE_UNAVAILABLE, "%s: %s: %s", db->config->database,
                         doing, why);
    case DB_UNKNOWN:
        return cause_set(db->cause, ERR_OUTCOME_UNKNOWN, "%s: %s: %s", db->config->database, doing,
                         why);
    case DB_READ_ONLY: /* for a reader it means that it must mend a database first, and can't */
        return cause_set(db->cause, db->writes ? ERR_SERVICE_UNAVAILABLE : ERR_INTERNAL,
                         "%s: %s: %s", db->config->database, doing, why);
    case DB_FULL:
        return cause_set(db->cause, ERR_INSUFFICIENT_STORAGE, "%s: %s: no room on the disk (%s)",
                         db->config->database, doing, why);
    case DB_GONE:
        return cause_set(db->cause, ERR_INTERNAL,
                         "%s: there is no such database; \"cubby init\" makes one",
                         db->config->database);
    default:
        return cause_set(db->cause, ERR_INTERNAL, "%s: %s: %s", db->config->database, doing, why);
    }
}

static void db_disconnect(struct db *db)
{
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++) {
        if (db->prepared[i] != NULL) {
            db->driver->finalize(db->prepared[i]);
            db->prepared[i] = NULL;
        }
    }
    if (db->connection != NULL) {
        db->driver->close(db->connection);
        db->connection = NULL;
    }
    db->checked = false;
    db->kept = false;
    db->unsure = false;
}

/* A statement that is not reset keeps its locks. */
static void reset_statements(struct db *db)
{
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++) {
        if (db->prepared[i] != NULL) {
            db->driver->reset(db->prepared[i]);
        }
    }
}

/* What reading the schema number gave: CLASS, and NUMBER. */
static enum error_code judge_schema(struct db *db, enum db_class class, int64_t number)
{
    if (class != DB_OK) {
        return fail(db, class, "reading the schema number");
    }
    if (number != schema_number) {
        return cause_set(db->cause, ERR_INTERNAL,
                         "%s has schema %" PRId64 ", this program works with %" PRId64 "; %s",
                         db->config->database, number, schema_number,
                         number < schema_number ? "\"cubby migrate\" brings it up to date"
                                                : "install the newer version of cubby");
    }
    db->checked = true;
    return ERR_NONE;
}

/* A connection for writing checks the schema number in its first transaction of a request, or
 * before its first statement outside of one, so that the locks for it are not taken a second time.
 */
static enum error_code check_schema_once(struct db *db)
{
    if (db->checked) {
        return ERR_NONE;
    }
    int64_t number = 0;
    enum db_class class = db->driver->schema_number(db->connection, &number);
    return judge_schema(db, class, number);
}

/* A request that only reads uses one transaction: schema number, schema and rows are the state of
 * one moment, and the locks are taken once. */
static enum error_code begin_read(struct db *db)
{
    enum db_class class = db->driver->begin_read(db->connection);
    if (class != DB_OK) {
        return fail(db, class, "starting to read");
    }
    db->in_transaction = true;
    return ERR_NONE;
}

static enum error_code open_connection(struct db *db)
{
    db_disconnect(db);
    db->in_transaction = false;
    if (!streams_occupy()) { /* else a message could get into the database */
        return cause_set(db->cause, ERR_INTERNAL, "%s: opening: no descriptor is left",
                         db->config->database);
    }
    db->writable = db->writes || db->driver->always_writes;
    enum db_class class = db->driver->open(db->config->database, db->writes,
                                           db->no_wait ? 0 : db->patience, &db->connection);
    enum error_code error = class == DB_OK ? ERR_NONE : fail(db, class, "opening");
    if (error == ERR_NONE && !db->writes) {
        error = begin_read(db);
        error = error == ERR_NONE ? check_schema_once(db) : error;
    }
    if (error != ERR_NONE) {
        db->in_transaction = false;
        db_disconnect(db);
    }
    return error;
}

/* Begins to read on a connection that is there already. One for reading only, kept from another
 * request, is replaced when it fails: a new one mends what a writer left that died, which one that
 * has statements can't (driver.h, schema_number). */
static enum error_code read_on(struct db *db)
{
    enum error_code error = begin_read(db);
    if (error != ERR_NONE || db->checked || db->writable) {
        return error;
    }
    int64_t number = 0;
    enum db_class class = db->driver->schema_number(db->connection, &number);
    return class == DB_OK || class == DB_BUSY || !db->kept ? judge_schema(db, class, number)
                                                           : open_connection(db);
}

static enum error_code connect(struct db *db)
{
    if (db->connection == NULL || (db->writes && !db->writable)) {
        return open_connection(db);
    }
    return db->writes || db->in_transaction ? ERR_NONE : read_on(db);
}

enum error_code db_begin(struct db *db)
{
    if (db->in_transaction && !db->only_reads) {
        return ERR_NONE;
    }
    enum error_code error = db_commit_early(db);
    if (error == ERR_NONE) {
        error = connect(db);
    }
    if (error != ERR_NONE) {
        return error;
    }
    /* An unfinished statement holds a shared lock. Two processes that hold one and both want to
     * write would wait for each other; SQLite then fails at once, whatever the timeout. */
    reset_statements(db);
    enum db_class class = db->driver->begin(db->connection);
    if (class != DB_OK) {
        return fail(db, class, "starting a transaction");
    }
    db->in_transaction = true;
    db->only_reads = false;
    return check_schema_once(db);
}

bool db_writes(const struct db *db)
{
    return db->writes;
}

enum error_code db_commit_early(struct db *db)
{
    reset_statements(db);
    if (!db->in_transaction) {
        return ERR_NONE;
    }
    enum db_class class = db->driver->commit(db->connection);
    if (class != DB_OK) {
        return fail(db, class, "committing");
    }
    db->committed = db->committed || (db->writes && !db->only_reads);
    db->in_transaction = false;
    db->only_reads = false;
    return ERR_NONE;
}

enum error_code db_commit_aside(struct db *db)
{
    bool committed = db->committed;
    enum error_code error = db_commit_early(db);
    db->committed = committed;
    return error == ERR_OUTCOME_UNKNOWN ? ERR_SERVICE_UNAVAILABLE : error;
}

bool db_has_committed(const struct db *db)
{
    return db->committed;
}

/* A lock that a commit could not let go is let go with the connection. */
static void undo(struct db *db)
{
    if (!db->driver->rollback(db->connection) || db->unsure) {
        db_disconnect(db);
    }
}

bool db_takes_no_writes(const struct db *db)
{
    return db->only_read;
}

bool db_drop_writes(struct db *db)
{
    if (!db->write_refused) {
        return false;
    }
    reset_statements(db);
    if (db->in_transaction) {
        undo(db);
    }
    db->in_transaction = false;
    db->only_reads = false;
    return true;
}

enum error_code db_begin_read(struct db *db)
{
    if (db->in_transaction) {
        return ERR_NONE;
    }
    enum error_code error = connect(db);
    if (error == ERR_NONE && !db->in_transaction) {
        error = begin_read(db);
        db->only_reads = error == ERR_NONE;
    }
    return error == ERR_NONE ? check_schema_once(db) : error;
}

void db_note_wipe(struct db *db)
{
    db->empty_log = true;
}

enum error_code db_reading_blocks(struct db *db, bool *blocks)
{
    *blocks = false;
    enum error_code error = db->driver->reading_blocks != NULL ? connect(db) : ERR_NONE;
    if (error != ERR_NONE || db->driver->reading_blocks == NULL) {
        return error;
    }
    enum db_class class = db->driver->reading_blocks(db->connection, blocks);
    return class == DB_OK ? ERR_NONE : fail(db, class, "asking for the journal");
}

void db_note_use(struct db *db, int64_t token)
{
    db->used_token = token;
}

int64_t db_noted_use(const struct db *db)
{
    return db->used_token;
}

static bool role_may(const struct db_role *role, enum db_statement statement)
{
    for (size_t i = 0; i < role->count; i++) {
        if (role->may_run[i] == statement) {
            return true;
        }
    }
    return false;
}

/* Makes STATEMENT ready for binding, on a connection with the right schema. */
static enum error_code prepare(struct db *db, enum db_statement statement)
{
    if (!role_may(db->role, statement)) {
        return cause_set(db->cause, ERR_INTERNAL, "statement %d is not of this program's role",
                         (int)statement);
    }
    enum error_code error = connect(db);
    if (error == ERR_NONE) {
        error = check_schema_once(db);
    }
    if (error != ERR_NONE) {
        return error;
    }
    if (db->prepared[statement] != NULL) {
        db->driver->reset(db->prepared[statement]);
        return ERR_NONE;
    }
    enum db_class class =
        db->driver->prepare(db->connection, db_statement_sql(statement), &db->prepared[statement]);
    return class == DB_OK ? ERR_NONE : fail(db, class, "preparing a statement");
}

static enum db_class bind(const struct db_driver *driver, struct db_prepared *prepared, int number,
                          const struct db_value *value)
{
    switch (value->kind) {
    case DB_VALUE_INTEGER:
        return driver->bind_integer(prepared, number, value->integer);
    case DB_VALUE_TEXT:
        return driver->bind_text(prepared, number, value->text);
    case DB_VALUE_NULL:
    default:
        return driver->bind_null(prepared, number);
    }
}

enum error_code db_run(struct db *db, enum db_statement statement, const struct db_value *values,
                       size_t count, bool *found)
{
    enum error_code error = prepare(db, statement);
    if (error != ERR_NONE) {
        return error;
    }
    struct db_prepared *prepared = db->prepared[statement];
    for (size_t i = 0; i < count; i++) {
        enum db_class class = bind(db->driver, prepared, (int)i + 1, &values[i]);
        if (class != DB_OK) {
            return fail(db, class, "binding a parameter");
        }
    }
    return db_step(db, statement, found);
}

enum error_code db_step(struct db *db, enum db_statement statement, bool *found)
{
    enum db_class class = db->driver->step(db->prepared[statement]);
    if (class != DB_OK && class != DB_ROW) {
        return fail(db, class, "running a statement");
    }
    *found = class == DB_ROW;
    return ERR_NONE;
}

void db_stop(struct db *db, enum db_statement statement)
{
    db->driver->reset(db->prepared[statement]);
}

int64_t db_column_integer(struct db *db, enum db_statement statement, int column)
{
    return db->driver->column_integer(db->prepared[statement], column);
}

struct text db_column_text(struct db *db, enum db_statement statement, int column)
{
    struct text text = db->driver->column_text(db->prepared[statement], column);
    if (text.at == NULL && !db->driver->column_is_null(db->prepared[statement], column)) {
        db->row_incomplete = true;
        (void)cause_set(db->cause, ERR_INTERNAL, "out of memory while reading a row");
    }
    return text;
}

bool db_column_is_null(struct db *db, enum db_statement statement, int column)
{
    return db->driver->column_is_null(db->prepared[statement], column);
}

/* ---- a request begins and ends ------------------------------------------------------------ */

struct db *db_make(const struct config *config, const struct db_role *role)
{
    struct db *db = calloc(1, sizeof *db);
    if (db != NULL) {
        driver_in_use = driver_is_given ? driver_in_use : db_driver_for(config->database);
        db->driver = driver_in_use;
        db->config = config;
        db->role = role;
        db->patience = (int)config->busy_timeout;
    }
    return db;
}

void db_start(struct db *db, bool writes, struct cause *cause)
{
    if (db->connection != NULL && db->driver->replaced(db->connection)) {
        db_disconnect(db);
    }
    db->kept = db->connection != NULL;
    db->checked = false;
    db->writes = writes;
    db->asked_writes = writes;
    db->row_incomplete = false;
    db->write_refused = false;
    db->only_read = false;
    db->doubtful = false;
    db->undone = false;
    db->committed = false;
    db->cause = cause;
}

enum error_code db_want_again(struct db *db, const char *why)
{
    db->undone = true;
    return cause_set(db->cause, ERR_SERVICE_UNAVAILABLE, "%s: %s", db->config->database, why);
}

bool db_try_again(struct db *db, struct cause *cause)
{
    if (!db->undone || db->committed) {
        return false;
    }
    (void)db_end(db, false);
    db->used_token = 0;
    db->empty_log = false;
    db_start(db, db->asked_writes, cause);
    return true;
}

void db_set_patience(struct db *db, int64_t patience)
{
    db->patience = (int)patience;
    if (db->connection != NULL) {
        db->driver->set_patience(db->connection, db->patience);
    }
}

bool db_rest(struct db *db)
{
    db->lasting = true;
    return db->connection == NULL || (!db->doubtful && db->driver->rest(db->connection));
}

/* A connection that was opened for reading is replaced by one for writing when the next statement
 * runs. */
void db_allow_writes(struct db *db, struct cause *cause)
{
    db->cause = cause;
    db->only_reads = db->only_reads || !db->writes;
    db->writes = true;
}

enum error_code db_end(struct db *db, bool good)
{
    /* A text of some row could not be read, so the answer made from that row is wrong. */
    enum error_code error = db->row_incomplete ? ERR_INTERNAL : ERR_NONE;
    good = good && !db->row_incomplete;
    reset_statements(db);
    if (db->in_transaction) {
        enum db_class class = good ? db->driver->commit(db->connection) : DB_OK;
        if (class != DB_OK) {
            error = fail(db, class, "committing");
        }
        if (!good || class != DB_OK) {
            undo(db);
        }
        db->in_transaction = false;
        db->only_reads = false;
    }
    db->cause = NULL;
    return error;
}

void db_free(struct db *db)
{
    if (db != NULL) {
        db_disconnect(db);
        free(db);
    }
}

/* ---- deferred work --------------------------------------------------------------------------- */

static bool log_is_long(const struct db *db)
{
    return db->connection != NULL && db->driver->log_is_long(db->connection);
}

bool db_has_deferred(const struct db *db)
{
    return db->used_token != 0 || db->empty_log || log_is_long(db);
}

void db_deferred_begin(struct db *db, struct cause *unreported)
{
    db->cause = unreported;
    if (db->empty_log && db->connection != NULL && db->writable) {
        (void)db->driver->checkpoint(db->connection);
    }
}

/* Opens a new connection where the present one may be for reading only. */
enum error_code db_begin_separate(struct db *db)
{
    if (!db->driver->always_writes) {
        db_disconnect(db);
    } else if (db->connection != NULL) {
        db->driver->set_patience(db->connection, 0);
    }
    db->writes = true;
    db->no_wait = true;
    return db_begin(db);
}

void db_end_separate(struct db *db, bool good)
{
    struct cause *unreported = db->cause;
    (void)db_end(db, good);
    db->cause = unreported;
    db->no_wait = false;
    db->writes = false;
    if (!db->driver->always_writes) {
        db_disconnect(db);
    }
}

void db_deferred_end(struct db *db)
{
    if (log_is_long(db) && db->lasting) {
        db->driver->trim_log(db->connection);
    } else if (log_is_long(db)) {
        db_disconnect(db);
    }
    db->cause = NULL;
    db->used_token = 0;
    db->empty_log = false;
}
