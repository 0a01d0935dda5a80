/*
 * faults.c - a driver whose n-th step fails.
 */
#include "tests/inproc/faults.h"

#include "db/engine/db.h"

static const struct db_driver *const inner = &db_sqlite;

static size_t steps_left;
static size_t commits_left;
static size_t texts_left;
static bool commit_is_done;
static enum db_class class_of_fault;
static bool struck;

static bool strikes(size_t *left)
{
    if (*left == 0 || --*left > 0) {
        return false;
    }
    struck = true;
    return true;
}

#define FAULTY(call) return strikes(&steps_left) ? class_of_fault : inner->call

static const char *faulty_version(void)
{
    return inner->version();
}

static void faulty_close(struct db_connection *connection)
{
    inner->close(connection);
}

static const char *faulty_message(struct db_connection *connection)
{
    return struck ? "a fault on purpose" : inner->message(connection);
}

static enum db_class faulty_begin_read(struct db_connection *connection)
{
    FAULTY(begin_read(connection));
}

static enum db_class faulty_schema_number(struct db_connection *connection, int64_t *out)
{
    FAULTY(schema_number(connection, out));
}

static enum db_class faulty_set_schema_number(struct db_connection *connection, int64_t number)
{
    FAULTY(set_schema_number(connection, number));
}

static enum db_class faulty_begin(struct db_connection *connection)
{
    FAULTY(begin(connection));
}

static enum db_class faulty_commit(struct db_connection *connection)
{
    if (strikes(&commits_left)) {
        if (commit_is_done) {
            (void)inner->commit(connection);
        }
        return class_of_fault;
    }
    FAULTY(commit(connection));
}

static bool faulty_rollback(struct db_connection *connection)
{
    return inner->rollback(connection);
}

static enum db_class faulty_script(struct db_connection *connection, const char *sql)
{
    FAULTY(script(connection, sql));
}

static enum db_class faulty_verify(struct db_connection *connection,
                                   void (*report)(void *self, const char *problem), void *self)
{
    FAULTY(verify(connection, report, self));
}

static enum db_class faulty_prepare(struct db_connection *connection, const char *sql,
                                    struct db_prepared **out)
{
    FAULTY(prepare(connection, sql, out));
}

static void faulty_finalize(struct db_prepared *prepared)
{
    inner->finalize(prepared);
}

static enum db_class faulty_bind_integer(struct db_prepared *prepared, int number, int64_t value)
{
    FAULTY(bind_integer(prepared, number, value));
}

static enum db_class faulty_bind_text(struct db_prepared *prepared, int number, struct text value)
{
    FAULTY(bind_text(prepared, number, value));
}

static enum db_class faulty_bind_null(struct db_prepared *prepared, int number)
{
    FAULTY(bind_null(prepared, number));
}

static enum db_class faulty_step(struct db_prepared *prepared)
{
    FAULTY(step(prepared));
}

static void faulty_reset(struct db_prepared *prepared)
{
    inner->reset(prepared);
}

static int64_t faulty_column_integer(struct db_prepared *prepared, int column)
{
    return inner->column_integer(prepared, column);
}

static struct text faulty_column_text(struct db_prepared *prepared, int column)
{
    return strikes(&texts_left) ? (struct text){0} : inner->column_text(prepared, column);
}

static bool faulty_column_is_null(struct db_prepared *prepared, int column)
{
    return inner->column_is_null(prepared, column);
}

static struct db_driver faulty;

/* Opening follows the inner driver's signature, whatever settings it takes. */
static enum db_class faulty_open(const char *path, bool writable, int busy_timeout,
                                 struct db_connection **out)
{
    if (strikes(&steps_left)) {
        *out = NULL;
        return class_of_fault;
    }
    return inner->open(path, writable, busy_timeout, out);
}

static void use_faulty(void)
{
    faulty = *inner;
    faulty.version = faulty_version;
    faulty.open = faulty_open;
    faulty.close = faulty_close;
    faulty.message = faulty_message;
    faulty.begin_read = faulty_begin_read;
    faulty.schema_number = faulty_schema_number;
    faulty.set_schema_number = faulty_set_schema_number;
    faulty.begin = faulty_begin;
    faulty.commit = faulty_commit;
    faulty.rollback = faulty_rollback;
    faulty.script = faulty_script;
    faulty.verify = faulty_verify;
    faulty.prepare = faulty_prepare;
    faulty.finalize = faulty_finalize;
    faulty.bind_integer = faulty_bind_integer;
    faulty.bind_text = faulty_bind_text;
    faulty.bind_null = faulty_bind_null;
    faulty.step = faulty_step;
    faulty.reset = faulty_reset;
    faulty.column_integer = faulty_column_integer;
    faulty.column_text = faulty_column_text;
    faulty.column_is_null = faulty_column_is_null;
    struck = false;
    steps_left = 0;
    commits_left = 0;
    texts_left = 0;
    commit_is_done = false;
    db_use_driver(&faulty);
}

void faults_at(size_t number, enum db_class class)
{
    use_faulty();
    steps_left = number;
    class_of_fault = class;
}

void faults_commit(size_t number, enum db_class class)
{
    use_faulty();
    commits_left = number;
    class_of_fault = class;
}

void faults_commit_done(size_t number)
{
    faults_commit(number, DB_UNKNOWN);
    commit_is_done = true;
}

void faults_text(size_t number)
{
    use_faulty();
    texts_left = number;
}

bool faults_done(void)
{
    bool did = struck;
    steps_left = 0;
    commits_left = 0;
    texts_left = 0;
    struck = false;
    return did;
}

void faults_stop(void)
{
    (void)faults_done();
    db_use_driver(NULL);
}
