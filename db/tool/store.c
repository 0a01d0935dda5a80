/*
 * store.c - gc and stats: what is over goes, and how much there is.
 *
 * gc works in short transactions, so that programs get in between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "db/schema.h"
#include "db/tool/admin.h"
#include "db/users.h"

enum { BATCH_ROWS = 500 };

/* ---- gc ------------------------------------------------------------------------------------- */

struct gc {
    struct tool *tool;
    struct db_connection *connection;
    int64_t now_ms;
    cJSON *report; /* on the scratch memory */
};

static int failed(struct gc *gc, enum db_class class, const char *doing)
{
    return admin_fail(gc->tool, gc->connection, gc->tool->config.database, class, doing);
}

/* Deletes what STATEMENT finds up to the time $1, at most $2 rows each time; it returns one row for
 * each. */
static enum db_class delete_rows(struct gc *gc, enum admin_statement statement, int64_t *count)
{
    const struct db_value values[] = {db_integer(gc->now_ms), db_integer(BATCH_ROWS)};
    int64_t rows = BATCH_ROWS;
    *count = 0;
    while (rows == BATCH_ROWS) {
        rows = 0;
        enum db_class class = admin_driver->begin(gc->connection);
        if (class == DB_OK) {
            class = admin_count(gc->connection, statement, values, 2, &rows);
        }
        if (class == DB_OK) {
            class = admin_driver->commit(gc->connection);
        }
        if (class != DB_OK) {
            admin_driver->rollback(gc->connection);
            return class;
        }
        *count += rows;
        tool_progress(gc->tool, "rows", *count, 0);
    }
    return DB_OK;
}

static void note(struct gc *gc, const char *name, int64_t count)
{
    json_add(gc->report, name, json_new_integer(&gc->tool->scratch, count));
}

static int collect_rows(struct gc *gc)
{
    static const struct {
        const char *name;
        enum admin_statement statement;
    } kinds[] = {
        {"device_tokens", ADMIN_GC_TOKENS},
        {"throttle", ADMIN_GC_THROTTLE},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t count;
        enum db_class class = delete_rows(gc, kinds[i].statement, &count);
        if (class != DB_OK) {
            return failed(gc, class, "deleting what is over");
        }
        note(gc, kinds[i].name, count);
    }
    return TOOL_DONE;
}

/* One list of ended tokens, without those that have expired. */
static enum db_class trim_revoked(struct gc *gc, struct db_prepared *row, int64_t *count)
{
    struct text list = admin_driver->column_text(row, 1);
    char *living = arena_alloc(&gc->tool->arena, list.size + 1);
    if (list.at == NULL || living == NULL) {
        return DB_INTERNAL;
    }
    size_t size = users_living_revoked(list.at, gc->now_ms / 1000, living);
    if (size == list.size) {
        return DB_OK;
    }
    for (size_t i = size; i < list.size; i++) {
        *count += list.at[i] == ';';
    }
    /* Only while no program has ended another token in between. */
    const struct db_value values[] = {db_integer(admin_driver->column_integer(row, 0)),
                                      db_text(list),
                                      db_text((struct text){.at = living, .size = size})};
    return admin_run(gc->connection, ADMIN_GC_REVOKED, values, 3, NULL);
}

static int collect_revoked(struct gc *gc)
{
    struct db_prepared *rows;
    int64_t count = 0;
    enum db_class class = admin_driver->begin(gc->connection);
    if (class == DB_OK) {
        class = admin_prepare(gc->connection, ADMIN_REVOKED, NULL, 0, &rows);
        if (class == DB_OK) {
            class = admin_driver->step(rows);
        }
        while (class == DB_ROW) {
            class = trim_revoked(gc, rows, &count);
            class = class == DB_OK ? admin_driver->step(rows) : class;
        }
        admin_driver->finalize(rows);
    }
    if (class == DB_OK) {
        class = admin_driver->commit(gc->connection);
    }
    if (class != DB_OK) {
        admin_driver->rollback(gc->connection);
        return failed(gc, class, "looking through ended tokens");
    }
    note(gc, "ended_tokens", count);
    return TOOL_DONE;
}

static int compact(struct gc *gc)
{
    int64_t before;
    int64_t after;
    int64_t unused;
    enum db_class class = admin_maintenance->space(gc->connection, &before, &unused);
    if (class == DB_OK) {
        class = admin_maintenance->compact(gc->connection);
    }
    if (class == DB_OK) {
        class = admin_maintenance->space(gc->connection, &after, &unused);
    }
    if (class != DB_OK) {
        return failed(gc, class, "giving unused room back");
    }
    note(gc, "bytes_given_back", before - after);
    return TOOL_DONE;
}

static int print_counts(struct tool *tool, cJSON *report)
{
    if (tool->json) {
        return tool_print_json(tool, report, true);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, report)
    {
        const char *text = cJSON_IsString(item) ? item->valuestring : cJSON_PrintUnformatted(item);
        char name[32];
        (void)snprintf(name, sizeof name, "%s", item->string);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at == '_' ? ' ' : *at;
        }
        printf("%-18s %s\n", name, text != NULL ? text : "?");
    }
    return TOOL_DONE;
}

static int run_gc(struct tool *tool)
{
    struct gc gc = {.tool = tool, .now_ms = tool_now_ms(), .report = cJSON_CreateObject()};
    int status = admin_open(tool, true, &gc.connection);
    if (status != TOOL_DONE) {
        return status;
    }
    status = collect_rows(&gc);
    if (status == TOOL_DONE) {
        status = collect_revoked(&gc);
    }
    if (status == TOOL_DONE && tool_option(tool, "--compact") != NULL) {
        status = compact(&gc);
    }
    admin_driver->close(gc.connection);
    tool_progress_end(tool);
    return status == TOOL_DONE ? print_counts(tool, gc.report) : status;
}

/* ---- stats ---------------------------------------------------------------------------------- */

static enum db_class add_counts(struct tool *tool, struct db_connection *connection, cJSON *report)
{
    static const struct {
        const char *name;
        enum admin_statement statement;
        bool takes_time;
    } counts[] = {
        {"users", ADMIN_COUNT_USERS, false},
        {"disabled_users", ADMIN_COUNT_DISABLED, false},
        {"items", ADMIN_COUNT_ITEMS, false},
        {"item_bytes", ADMIN_SUM_BYTES, false},
        {"device_tokens", ADMIN_COUNT_TOKENS, false},
        {"reset_codes", ADMIN_COUNT_CODES, true},
        {"throttle", ADMIN_COUNT_THROTTLE, true},
        {"events", ADMIN_COUNT_EVENTS, false},
    };
    const struct db_value now[] = {db_integer(tool_now_ms())};
    enum db_class class = admin_driver->begin_read(connection);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && class == DB_OK; i++) {
        int64_t number = 0;
        class =
            admin_run(connection, counts[i].statement, now, counts[i].takes_time ? 1 : 0, &number);
        json_add(report, counts[i].name, json_new_integer(&tool->scratch, number));
    }
    return class;
}

/* The store's own identifier. */
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
    return status == TOOL_DONE ? print_counts(tool, report) : status;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct tool_option gc_options[] = {
    {"--compact", NULL,
     "give unused room back to the system; needs as much again meanwhile,\n"
     "and no program can write until it is done"},
};

static const struct tool_command commands[] = {
    {.name = "gc",
     .words = "",
     .summary = "delete what is over, and say how much it was",
     .text = "Deletes device tokens and reset codes that have expired, throttle windows that are\n"
             "over, and from the lists of ended access tokens those that have expired by\n"
             "themselves. In short transactions, while programs run.\n",
     .options = gc_options,
     .option_count = sizeof gc_options / sizeof gc_options[0],
     .flags = COMMAND_JSON | COMMAND_PROGRESS,
     .run = run_gc},
    {.name = "stats",
     .words = "",
     .summary = "show how much there is of everything",
     .text = "Counts accounts, items, tokens and the like, and the room they take.\n",
     .flags = COMMAND_JSON,
     .run = run_stats},
};

const struct tool_group tool_store_commands = {commands, sizeof commands / sizeof *commands};
