/*
 * stats.c - stats: how much there is.
 */
#include <inttypes.h>

#include "common/identity/device.h"
#include "db/engine/schema.h"
#include "db/tool/admin.h"

static enum db_class add_counts(struct tool *tool, struct db_connection *connection, cJSON *report)
{
    const struct db_value values[] = {db_integer(DEVICE_NUMBER_MAXIMUM), db_integer(tool_now_ms())};
    const struct db_value *now = &values[1];
    const struct {
        const char *name;
        enum admin_statement statement;
        const struct db_value *values;
        size_t count;
    } counts[] = {
        {"users", ADMIN_COUNT_USERS, NULL, 0},
        {"disabled_users", ADMIN_COUNT_DISABLED, NULL, 0},
        {"items", ADMIN_COUNT_ITEMS, NULL, 0},
        {"item_bytes", ADMIN_SUM_BYTES, NULL, 0},
        {"tombstones", ADMIN_SUM_TOMBSTONES, NULL, 0},
        {"device_tokens", ADMIN_COUNT_TOKENS, values, 1},
        {"reset_codes", ADMIN_COUNT_CODES, values, 2},
        {"throttle", ADMIN_COUNT_THROTTLE, now, 1},
        {"events", ADMIN_COUNT_EVENTS, NULL, 0},
    };
    enum db_class class = admin_driver->begin_read(connection);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && class == DB_OK; i++) {
        int64_t number = 0;
        class =
            admin_run(connection, counts[i].statement, counts[i].values, counts[i].count, &number);
        json_add(report, counts[i].name, json_new_integer(&tool->scratch, number));
    }
    return class;
}

/* Adds the identifier of the store. */
static enum db_class add_store_id(struct db_connection *connection, cJSON *report)
{
    struct db_prepared *row;
    enum db_class class = admin_prepare(connection, ADMIN_STORE_ID, NULL, 0, &row);
    if (class == DB_OK) {
        class = admin_driver->step(row);
    }
    if (class == DB_ROW) {
        const char *text = admin_driver->column_text(row, 0).at;
        json_add(report, "store_id", cJSON_CreateString(text != NULL ? text : ""));
        class = DB_OK;
    }
    admin_driver->finalize(row);
    return class;
}

static int run_stats(struct tool *tool)
{
    struct db_connection *connection;
    int64_t bytes = 0;
    int64_t unused = 0;
    int status = admin_open(tool, false, &connection);
    if (status != TOOL_DONE) {
        return status;
    }
    cJSON *report = cJSON_CreateObject();
    json_add(report, "database", json_new_string(tool->config.database));
    enum db_class class = add_store_id(connection, report);
    json_add(report, "schema", json_new_integer(&tool->scratch, schema_number));
    if (class == DB_OK) {
        class = add_counts(tool, connection, report);
    }
    if (class == DB_OK) {
        class = admin_maintenance->space(connection, &bytes, &unused);
    }
    json_add(report, "database_bytes", json_new_integer(&tool->scratch, bytes));
    json_add(report, "unused_bytes", json_new_integer(&tool->scratch, unused));
    if (class != DB_OK) {
        status = admin_fail(tool, connection, tool->config.database, class, "counting");
    }
    admin_driver->close(connection);
    return status == TOOL_DONE ? tool_print_counts(tool, report) : status;
}

static const struct tool_command commands[] = {
    {.name = "stats",
     .words = "",
     .summary = "show how much there is of everything",
     .text = "Counts accounts, items, tokens and the like, and the room they take.\n",
     .flags = COMMAND_JSON,
     .run = run_stats},
};

const struct tool_group tool_stats_commands = {commands, sizeof commands / sizeof *commands};
