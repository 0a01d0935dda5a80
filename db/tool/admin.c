/*
 * admin.c - the tool's connection to the database.
 */
#include "db/tool/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/identity/device.h"
#include "db/engine/schema.h"
#include "db/tool/files.h"
#include "db/tool/medium.h"

const struct db_driver *admin_driver = &db_sqlite;
const struct db_maintenance *admin_maintenance = &db_sqlite_maintenance;

void admin_choose_engine(const struct config *config)
{
    admin_driver = db_driver_for(config->database);
#ifdef CUBBY_POSTGRESQL
    admin_maintenance = admin_driver->dialect == DB_DIALECT_POSTGRESQL ? &db_postgresql_maintenance
                                                                       : &db_sqlite_maintenance;
#endif
}

bool admin_has_server(const struct tool *tool)
{
    return !config_is_path(tool->config.database);
}

int admin_need_file(struct tool *tool, const char *instead)
{
    return admin_has_server(tool)
               ? tool_fail(tool, "the database is a server's, not a file; use %s", instead)
               : TOOL_DONE;
}

int admin_timeout(const struct tool *tool)
{
    return 2 * (int)tool->config.busy_timeout;
}

/* admin_fail, with the message WHY of the engine. */
static int fail_because(struct tool *tool, struct db_connection *connection, const char *path,
                        enum db_class class, const char *doing, const char *why)
{
    const char *loose = class == DB_GONE ? file_link_fault(tool, path) : NULL;
    if (loose != NULL) {
        return tool_fail(tool, "%s: %s", path, loose);
    }
    why = class == DB_GONE   ? "there is no such database; \"cubby init\" makes one"
          : class == DB_FULL ? "no room on the disk"
                             : why;
    if (!admin_has_server(tool) &&
        (strcmp(why, "not an error") == 0 || strstr(why, "readonly") != NULL) &&
        medium_is_read_only(tool, path)) {
        why = "its medium is read-only";
    }
    const char *medium = class == DB_INTERNAL && !admin_has_server(tool)
                             ? admin_log_refused(tool, connection, path)
                             : NULL;
    (void)tool_fail(tool, "%s: %s: %s%s%s%s%s", path, doing, why, medium != NULL ? "; " : "",
                    medium != NULL ? medium : "", medium != NULL ? "; " : "",
                    medium != NULL ? admin_log_remedy : "");
    return class == DB_BUSY || class == DB_AGAIN || class == DB_COPY ? TOOL_BUSY : TOOL_FAILED;
}

int admin_fail(struct tool *tool, struct db_connection *connection, const char *path,
               enum db_class class, const char *doing)
{
    return fail_because(tool, connection, path, class, doing, admin_driver->message(connection));
}

const char admin_log_remedy[] = "set journal = rollback and run \"cubby migrate\"";

const char *admin_log_refused(struct tool *tool, struct db_connection *connection, const char *path)
{
    const char *why =
        admin_maintenance->file_keeps_log(connection) ? medium_refuses_log(tool, path) : NULL;
    return why == NULL ? NULL
                       : arena_printf(&tool->arena,
                                      "its journal is wal, which its medium can't carry: %s", why);
}

int admin_fail_store(struct tool *tool, enum error_code error, const struct cause *cause)
{
    const char *path = tool->config.database;
    struct db_connection *connection = NULL;
    const char *medium = NULL;
    if (!admin_has_server(tool) && file_refuse_loose_link(tool, path) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (error == ERR_INTERNAL && !admin_has_server(tool) &&
        admin_driver->open(path, false, 0, &connection) == DB_OK) {
        medium = admin_log_refused(tool, connection, path);
    }
    admin_driver->close(connection);
    (void)tool_fail(tool, "%s%s%s%s%s", cause->text, medium != NULL ? "; " : "",
                    medium != NULL ? medium : "", medium != NULL ? "; " : "",
                    medium != NULL ? admin_log_remedy : "");
    return error == ERR_SERVICE_UNAVAILABLE ? TOOL_BUSY : TOOL_FAILED;
}

int admin_open_any(struct tool *tool, const char *path, bool writable, struct db_connection **out)
{
    enum db_class class = admin_driver->open(path, writable, admin_timeout(tool), out);
    if (class == DB_OK) {
        admin_maintenance->operate(*out);
        return TOOL_DONE;
    }
    int status = admin_fail(tool, *out, path, class, "opening");
    admin_driver->close(*out);
    *out = NULL;
    return status;
}

int admin_fail_schema(struct tool *tool, const char *path, int64_t number)
{
    return tool_fail(
        tool, "%s has schema %" PRId64 ", this version of cubby works with %" PRId64 "; %s", path,
        number, schema_number,
        number < schema_number ? "run \"cubby migrate\"" : "install the newer version of cubby");
}

int admin_make_plain(struct tool *tool, const char *path, struct db_connection *copy)
{
    /* Nobody else has it open, and its medium may be none for a log. */
    enum db_class class = admin_maintenance->stand_alone(copy, true);
    if (class == DB_OK) {
        class = admin_driver->set_journal(copy, false);
    }
    if (class == DB_OK) {
        class = admin_maintenance->stand_alone(copy, false);
    }
    return class == DB_OK ? TOOL_DONE : admin_fail(tool, copy, path, class, "making it one file");
}

/* A copy being made. */
struct copying {
    struct tool *tool;
    const char *what;
};

static void show_copying(void *self, int64_t done, int64_t total)
{
    const struct copying *copying = self;
    tool_progress(copying->tool, copying->what, done, total);
}

enum db_class admin_copy(struct tool *tool, struct db_connection *from, struct db_connection *to,
                         bool durable, const char *what)
{
    struct copying copying = {tool, what};
    return admin_maintenance->copy(from, to, durable, show_copying, &copying);
}

void admin_step(struct tool *tool, const char *doing, const char *path)
{
    struct stat there;
    if (stat(path, &there) == 0) {
        tool_step(tool, "%s %s (%.1f MB)", doing, path, (double)there.st_size / 1e6);
    } else {
        tool_step(tool, "%s %s", doing, path);
    }
}

int admin_need_schema(struct tool *tool, const char *path, struct db_connection **out)
{
    int64_t number;
    int status = TOOL_DONE;
    enum db_class class = admin_driver->schema_number(*out, &number);
    if (class != DB_OK) {
        status = admin_fail(tool, *out, path, class, "reading the schema number");
    } else if (number != schema_number) {
        status = admin_fail_schema(tool, path, number);
    }
    if (status != TOOL_DONE) {
        admin_driver->close(*out);
        *out = NULL;
    }
    return status;
}

int admin_open(struct tool *tool, bool writable, struct db_connection **out)
{
    const char *path = tool->config.database;
    int status = file_become_owner(tool, tool->config.beside);
    if (status == TOOL_DONE) {
        status = admin_open_any(tool, path, writable, out);
    }
    return status == TOOL_DONE ? admin_need_schema(tool, path, out) : status;
}

/* ---- statements ----------------------------------------------------------------------------- */

enum db_class admin_bind(struct db_prepared *prepared, const struct db_value *values, size_t count)
{
    admin_driver->reset(prepared);
    enum db_class class = DB_OK;
    for (size_t i = 0; class == DB_OK && i < count; i++) {
        int number = (int)i + 1;
        class = values[i].kind == DB_VALUE_TEXT
                    ? admin_driver->bind_text(prepared, number, values[i].text)
                    : admin_driver->bind_integer(prepared, number, values[i].integer);
    }
    return class;
}

enum db_class admin_prepare(struct db_connection *connection, enum admin_statement statement,
                            const struct db_value *values, size_t count, struct db_prepared **out)
{
    enum db_class class = admin_driver->prepare(
        connection, admin_statement_sql(statement, admin_driver->dialect), out);
    return class == DB_OK ? admin_bind(*out, values, count) : class;
}

enum db_class admin_run(struct db_connection *connection, enum admin_statement statement,
                        const struct db_value *values, size_t count, int64_t *number)
{
    struct db_prepared *prepared;
    enum db_class class = admin_prepare(connection, statement, values, count, &prepared);
    if (class == DB_OK) {
        class = admin_driver->step(prepared);
    }
    if (class == DB_ROW && number != NULL) {
        *number = admin_driver->column_integer(prepared, 0);
    }
    while (class == DB_ROW) {
        class = admin_driver->step(prepared);
    }
    admin_driver->finalize(prepared);
    return class;
}

enum db_class admin_set_last_user(struct db_connection *connection, int64_t last)
{
    const struct db_value values[] = {db_integer(last)};
    enum db_class class = admin_run(connection, ADMIN_LAST_USER_START, NULL, 0, NULL);
    return class == DB_OK ? admin_run(connection, ADMIN_LAST_USER_WRITE, values, 1, NULL) : class;
}

enum db_class admin_find_disorder(struct db_connection *connection,
                                  void (*found)(void *self, int64_t count, const char *what),
                                  void *self)
{
    static const struct {
        enum admin_statement count;
        size_t parameters;
        const char *what;
    } kinds[] = {
        {ADMIN_ORPHANS, 1, "items or tokens that belong to no account"},
        {ADMIN_WRONG_SIZES, 0, "items whose size is not that of their value"},
        {ADMIN_WRONG_COUNTERS, 0, "accounts whose counts are not what they store"},
        {ADMIN_LATE_EXPIRY, 0, "accounts whose next_expiry is behind that of an item"},
        {ADMIN_AHEAD, 0, "accounts whose items or deletions are ahead of their version"},
    };
    const struct db_value numbers[] = {db_integer(DEVICE_NUMBER_MAXIMUM)};
    enum db_class class = DB_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && class == DB_OK; i++) {
        int64_t count = 0;
        class = admin_run(connection, kinds[i].count, numbers, kinds[i].parameters, &count);
        if (class == DB_OK && count > 0) {
            found(self, count, kinds[i].what);
        }
    }
    return class;
}

enum db_class admin_count(struct db_connection *connection, enum admin_statement statement,
                          const struct db_value *values, size_t count, int64_t *rows)
{
    struct db_prepared *prepared;
    enum db_class class = admin_prepare(connection, statement, values, count, &prepared);
    *rows = 0;
    if (class == DB_OK) {
        class = admin_driver->step(prepared);
    }
    for (; class == DB_ROW; class = admin_driver->step(prepared)) {
        ++*rows;
    }
    admin_driver->finalize(prepared);
    return class;
}

/* ---- verifying ------------------------------------------------------------------------------ */

/* A database being verified. */
struct inspection {
    struct tool *tool;
    const char *path;
    int problems;
};

static void report_problem(void *self, const char *problem)
{
    struct inspection *inspection = self;
    inspection->problems++;
    (void)tool_fail(inspection->tool, "%s: %s", inspection->path, problem);
}

/* Moves both statements to the next row; writes to LINE where the two differ. *MORE: both had a
 * row, and the rows are equal. */
static enum db_class compare_row(struct db_prepared *is, struct db_prepared *wanted, bool *more,
                                 char line[256])
{
    enum db_class got = admin_driver->step(is);
    enum db_class want = admin_driver->step(wanted);
    *more = got == DB_ROW && want == DB_ROW;
    if (got != DB_ROW && got != DB_OK) {
        return got;
    }
    if (want != DB_ROW && want != DB_OK) {
        return want;
    }
    bool same = got == want;
    for (int column = 0; same && *more && column < 3; column++) {
        same = text_equal(admin_driver->column_text(is, column),
                          admin_driver->column_text(wanted, column));
    }
    if (!same) {
        *more = false;
        (void)snprintf(line, 256, "the schema is not cubby's (at %s)",
                       admin_driver->column_text(got == DB_ROW ? is : wanted, 1).at);
    }
    return DB_OK;
}

/* Compares the rows that IS gives for its catalogue with those that WANTED gives for QUERY. */
static enum db_class compare_catalogues(struct db_connection *is, struct db_connection *wanted,
                                        const char *query, char line[256])
{
    struct db_prepared *is_rows = NULL;
    struct db_prepared *wanted_rows = NULL;
    enum db_class class = admin_driver->prepare(is, admin_maintenance->catalogue, &is_rows);
    if (class == DB_OK) {
        class = admin_driver->prepare(wanted, query, &wanted_rows);
    }
    for (bool more = true; class == DB_OK && more;) {
        class = compare_row(is_rows, wanted_rows, &more, line);
    }
    admin_driver->finalize(is_rows);
    admin_driver->finalize(wanted_rows);
    return class;
}

/* The same with what the migrations make in an empty database. Leaves its message in WHY when it is
 * that one which fails. */
static enum db_class compare_with_fresh(struct db_connection *connection, char line[256],
                                        char why[ADMIN_WHY_SIZE])
{
    struct db_connection *fresh = NULL;
    int64_t from;
    enum db_class class = admin_maintenance->open_nowhere(connection, &fresh);
    bool begun = class == DB_OK;
    if (begun) {
        class = schema_migrate_within(admin_driver, fresh, &from);
    }
    if (class != DB_OK) {
        (void)snprintf(why, ADMIN_WHY_SIZE, "an empty database to compare with: %s",
                       admin_driver->message(fresh));
    } else {
        class = compare_catalogues(connection, fresh, admin_maintenance->catalogue, line);
    }
    if (begun) { /* otherwise memory may have been out before there was a connection */
        (void)admin_driver->rollback(fresh);
    }
    admin_driver->close(fresh);
    return class;
}

enum db_class admin_compare_schema(struct db_connection *connection,
                                   void (*report)(void *self, const char *problem), void *self,
                                   char why[ADMIN_WHY_SIZE])
{
    char line[256] = "";
    *why = '\0';
    enum db_class class =
        admin_maintenance->wanted != NULL
            ? compare_catalogues(connection, connection, admin_maintenance->wanted, line)
            : compare_with_fresh(connection, line, why);
    if (class != DB_OK && *why == '\0') {
        (void)snprintf(why, ADMIN_WHY_SIZE, "%s", admin_driver->message(connection));
    }
    if (*line != '\0') {
        report(self, line);
    }
    return class;
}

static int conclude(const struct inspection *inspection)
{
    return inspection->problems == 0 ? TOOL_DONE : TOOL_FAILED;
}

int admin_verify_integrity(struct tool *tool, const char *path, struct db_connection *connection)
{
    struct inspection inspection = {.tool = tool, .path = path};
    admin_step(tool, "verifying", path);
    enum db_class class = admin_driver->verify(connection, report_problem, &inspection);
    return class != DB_OK ? admin_fail(tool, connection, path, class, "verifying")
                          : conclude(&inspection);
}

int admin_verify_schema(struct tool *tool, const char *path, struct db_connection *connection)
{
    struct inspection inspection = {.tool = tool, .path = path};
    char why[ADMIN_WHY_SIZE];
    enum db_class class = admin_compare_schema(connection, report_problem, &inspection, why);
    return class != DB_OK ? fail_because(tool, connection, path, class, "verifying", why)
                          : conclude(&inspection);
}
