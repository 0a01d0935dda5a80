/*
 * stats.c - stats: how much there is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* ---- for Prometheus ------------------------------------------------------------------------- */

/* The gauges, and what they count; names without "cubby_". */
static const struct {
    const char *name;
    const char *help;
} gauges[] = {
    {"users", "Accounts."},
    {"disabled_users", "Accounts that nobody can log in to."},
    {"items", "Keys of all accounts."},
    {"item_bytes", "Bytes of their values."},
    {"tombstones", "Deletions that are remembered for those who follow the changes."},
    {"device_tokens", "Device tokens."},
    {"reset_codes", "Codes for a lost password that are good."},
    {"throttle", "Counts of failed logins and registrations that hold."},
    {"events", "Security events in the database."},
    {"database_bytes", "Size of the database file."},
    {"unused_bytes", "Bytes of it that hold nothing."},
};

/* Prints REPORT in the text-based exposition format, version 0.0.4. Each text of it that gets into
 * a label is made of letters and digits. */
static int print_prometheus(struct tool *tool, const cJSON *report)
{
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(report, "store_id"));
    if (arena_failed(&tool->scratch)) {
        return tool_out_of_memory(tool);
    }
    bool plain = id != NULL && id[strspn(id, "0123456789abcdef")] == '\0';
    printf("# HELP cubby_info Version of the tool, schema and id of the store.\n"
           "# TYPE cubby_info gauge\n"
           "cubby_info{version=\"%s\",schema=\"%" PRId64 "\",store_id=\"%s\"} 1\n",
           CUBBY_VERSION, schema_number, plain ? id : "");
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++) {
        const char *text =
            cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(report, gauges[i].name));
        if (text == NULL) {
            return tool_out_of_memory(tool);
        }
        printf("# HELP cubby_%s %s\n# TYPE cubby_%s gauge\ncubby_%s %s\n", gauges[i].name,
               gauges[i].help, gauges[i].name, gauges[i].name, text);
    }
    return TOOL_DONE;
}

static int run_stats(struct tool *tool)
{
    bool prometheus = tool_option(tool, "--prometheus") != NULL;
    if (prometheus && tool->json) {
        return tool_misuse(tool, "--prometheus and --json are two forms of one result");
    }
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
    if (status != TOOL_DONE) {
        return status;
    }
    return prometheus ? print_prometheus(tool, report) : tool_print_counts(tool, report);
}

static const struct tool_option options[] = {
    {"--prometheus", NULL, "print the text format of Prometheus"},
};

static const struct tool_command commands[] = {
    {.name = "stats",
     .words = "",
     .summary = "show how much there is of everything",
     .text =
         "Counts accounts, items, tokens and the like, and the room they take. --prometheus is\n"
         "for a scraper, as by the textfile collector of node_exporter.\n",
     .options = options,
     .option_count = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = run_stats},
};

const struct tool_group tool_stats_commands = {commands, sizeof commands / sizeof *commands};
