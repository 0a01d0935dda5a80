/*
 * admin.c - the tool's connection to the database.
 */
#include "db/tool/admin.h"

#include <inttypes.h>

#include "db/schema.h"
#include "db/tool/files.h"

const struct db_driver *const admin_driver = &db_sqlite;

int admin_fail(struct tool *tool, struct db_connection *connection, const char *path,
               enum db_class class, const char *doing)
{
    const char *why = class == DB_GONE   ? "there is no such database; \"cubby init\" makes one"
                      : class == DB_FULL ? "no room on the disk"
                                         : admin_driver->message(connection);
    (void)tool_fail(tool, "%s: %s: %s", path, doing, why);
    return class == DB_BUSY ? TOOL_BUSY : TOOL_FAILED;
}

int admin_open_any(struct tool *tool, const char *path, bool writable, struct db_connection **out)
{
    enum db_class class = admin_driver->open(path, writable, ADMIN_BUSY_TIMEOUT, out);
    if (class == DB_OK) {
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

int admin_open(struct tool *tool, bool writable, struct db_connection **out)
{
    const char *path = tool->config.database;
    int status = file_become_owner(tool, path);
    if (status == TOOL_DONE) {
        status = admin_open_any(tool, path, writable, out);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    int64_t number;
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
