/*
 * check_rows.c - looks at every row of a database by itself.
 */
#include "db/tool/commands/check_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/identity/device.h"
#include "db/model/tokens.h"
#include "db/tool/transfer.h"

enum { TABLES = 5, TOLD_MOST = 10, SCRATCH_MAXIMUM = 1024 * 1024 };

/* The tables and how to mend what is wrong in one. */
static const struct {
    const struct transfer_table *rows;
    const char *remedy;
} tables[TABLES] = {
    {&transfer_meta, "delete the row, or restore a backup"},
    {&transfer_tables[0], "\"cubby user edit\" and \"cubby user passwd\" set most of it anew; else "
                          "restore a backup"},
    {&transfer_tables[1], "store the item anew, or delete it"},
    {&transfer_tables[2], "delete the token, and give out a new one"},
    {&transfer_throttle, "delete the row"},
};

/* One run over all tables. */
struct inspection {
    struct tool *tool;
    const struct check_sink *sink;
    struct large_values *large;
    struct arena scratch; /* for one row */
    int64_t seen;         /* rows, of all tables */
    bool has_store_id;
};

/* Which row of TABLE this is, at the front of TEXT. */
static void name_row(const struct transfer_table *table, const struct transfer_value *row,
                     char *text, size_t room)
{
    enum { KEY_SHOWN = 80 };
    int64_t id = row[0].integer;
    if (table == &transfer_meta) {
        (void)snprintf(text, room, "meta \"%.*s\"", KEY_SHOWN,
                       row[META_NAME].text.at != NULL ? row[META_NAME].text.at : "");
    } else if (table->read == ADMIN_ITEMS_READ) {
        (void)snprintf(text, room, "item \"%.*s\" of user %" PRId64, KEY_SHOWN,
                       row[ITEM_KEY].text.at != NULL ? row[ITEM_KEY].text.at : "", id);
    } else if (table->read == ADMIN_TOKENS_READ) {
        (void)snprintf(text, room, "token %" PRId64 " of user %" PRId64, id % DEVICE_NUMBER_MAXIMUM,
                       id / DEVICE_NUMBER_MAXIMUM);
    } else {
        (void)snprintf(text, room, "%s %" PRId64, table->type, id);
    }
}

static void tell(const struct inspection *inspection, const char *remedy, const char *text)
{
    inspection->sink->found(inspection->sink->self, inspection->tool->config.database, text,
                            remedy);
}

/* The row that ROWS is at. False when memory is out. */
static bool read_row(const struct transfer_table *table, struct db_prepared *rows,
                     struct transfer_value *row)
{
    bool whole = true;
    for (size_t i = 0; i < table->count; i++) {
        int column = (int)i;
        row[i] = (struct transfer_value){.null = admin_driver->column_is_null(rows, column),
                                         .text = {.at = "", .size = 0}};
        if (row[i].null) {
            continue;
        }
        if (table->columns[i].kind == TRANSFER_INTEGER) {
            row[i].integer = admin_driver->column_integer(rows, column);
        } else {
            row[i].text = admin_driver->column_text(rows, column);
            whole = whole && row[i].text.at != NULL;
        }
    }
    return whole;
}

/* What is wrong with ROW, and the name of the column; NULL: nothing that others do not tell. */
static const char *row_fault(struct inspection *inspection, const struct transfer_table *table,
                             const struct transfer_value *row, const char **column)
{
    const char *fault = transfer_fault(&inspection->scratch, table, row, column);
    bool counted_elsewhere = fault != NULL && table->read == ADMIN_ITEMS_READ &&
                             strcmp(*column, "size") == 0 && !row[ITEM_SIZE].null &&
                             row[ITEM_SIZE].integer >= 0;
    return counted_elsewhere ? NULL : fault;
}

/* What is not a matter of the rules of a row. */
static void note_row(struct inspection *inspection, const struct transfer_table *table,
                     const struct transfer_value *row)
{
    if (table == &transfer_meta) {
        inspection->has_store_id =
            inspection->has_store_id || text_equal(row[META_NAME].text, text_of("store_id"));
    } else if (table->read == ADMIN_ITEMS_READ) {
        struct large_values *large = inspection->large;
        size_t size = row[ITEM_VALUE].text.size;
        large->count += size > (size_t)inspection->tool->config.max_value_bytes;
        large->largest = size > large->largest ? size : large->largest;
    }
}

static enum db_class inspect_rows(struct inspection *inspection, size_t number,
                                  struct db_prepared *rows)
{
    const struct transfer_table *table = tables[number].rows;
    int64_t bad = 0;
    enum db_class class = admin_driver->step(rows);
    for (; class == DB_ROW; class = admin_driver->step(rows)) {
        struct transfer_value row[TRANSFER_COLUMNS_MAXIMUM] = {{0}};
        const char *column = "";
        if (!read_row(table, rows, row)) {
            return DB_INTERNAL;
        }
        note_row(inspection, table, row);
        const char *fault = row_fault(inspection, table, row, &column);
        bad += fault != NULL;
        if (fault != NULL && bad <= TOLD_MOST) {
            char name[160];
            char text[400];
            name_row(table, row, name, sizeof name);
            (void)snprintf(text, sizeof text, "%s: \"%s\" %s", name, column, fault);
            tell(inspection, tables[number].remedy, text);
        }
        arena_reset(&inspection->scratch);
        tool_progress(inspection->tool, "rows", ++inspection->seen, 0);
    }
    if (bad > TOLD_MOST) {
        char text[100];
        (void)snprintf(text, sizeof text, "%" PRId64 " more rows of the kind \"%s\" are not valid",
                       bad - TOLD_MOST, table->type);
        tell(inspection, tables[number].remedy, text);
    }
    return class;
}

enum db_class check_rows(struct tool *tool, struct db_connection *connection,
                         const struct check_sink *sink, struct large_values *large)
{
    struct inspection inspection = {.tool = tool, .sink = sink, .large = large};
    enum db_class class = DB_OK;
    *large = (struct large_values){0};
    arena_init(&inspection.scratch, SCRATCH_MAXIMUM);
    for (size_t i = 0; i < TABLES && class == DB_OK; i++) {
        struct db_prepared *rows = NULL;
        class = admin_prepare(connection, tables[i].rows->read, NULL, 0, &rows);
        if (class == DB_OK) {
            class = inspect_rows(&inspection, i, rows);
        }
        admin_driver->finalize(rows);
    }
    arena_reset(&inspection.scratch);
    if (class == DB_OK && !inspection.has_store_id) {
        tell(&inspection, "restore a backup", "it has no name (store_id)");
    }
    return class;
}

enum db_class check_made_ahead(struct tool *tool, struct db_connection *connection,
                               const struct check_sink *warned)
{
    const struct db_value values[] = {db_integer(DEVICE_NUMBER_MAXIMUM),
                                      db_integer(tool_now_ms() + TOKEN_MADE_AHEAD_MS)};
    struct db_prepared *rows;
    enum db_class class = admin_prepare(connection, ADMIN_MADE_AHEAD, values, 2, &rows);
    class = class == DB_OK ? admin_driver->step(rows) : class;
    for (; class == DB_ROW; class = admin_driver->step(rows)) {
        const struct text name = admin_driver->column_text(rows, 0);
        char problem[240];
        (void)snprintf(
            problem, sizeof problem,
            "the device tokens or codes of \"%.*s\" that were made at a time yet to come "
            "are refused until then; they are %" PRId64,
            name.at != NULL ? (int)name.size : 0, name.at != NULL ? name.at : "",
            admin_driver->column_integer(rows, 1));
        warned->found(
            warned->self, tool->config.database, problem,
            "where the clock is right now and was ahead then, their user had better delete them "
            "and make new ones");
    }
    admin_driver->finalize(rows);
    return class;
}
