/*
 * user_keys.c - user keys: what a user has stored.
 *
 * Whoever reads the list may be slow, and with a rollback journal a reader keeps writers out for as
 * long as it reads. So the keys are read a page at a time, and each page is printed when the
 * database is free again. What is written meanwhile may be in the list or not; what stays is in it
 * once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/tool/commands/user.h"

enum { PAGE_ROWS = 500, PAGE_BYTES = 4 * 1024 * 1024 };

/* A list being printed. */
struct listing {
    struct tool *tool;
    struct db_connection *connection;
    int64_t user_id;
    struct text prefix;
    bool values;
    char from[ITEM_KEY_MAXIMUM + 2]; /* the first key of the next page may be this or come after */
    bool any;                        /* something is printed already */
    bool more;
};

/* ---- one page, read ------------------------------------------------------------------------- */

/* The present row as JSON on the scratch memory. */
static cJSON *item_json(struct listing *listing, struct db_prepared *row)
{
    struct arena *arena = &listing->tool->scratch;
    cJSON *object = cJSON_CreateObject();
    json_add(object, "key", cJSON_CreateString(admin_driver->column_text(row, 0).at));
    json_add(object, "version", json_new_integer(arena, admin_driver->column_integer(row, 1)));
    json_add(object, "size", json_new_integer(arena, admin_driver->column_integer(row, 2)));
    json_add(object, "created_at", json_new_time(arena, admin_driver->column_integer(row, 3)));
    json_add(object, "updated_at", json_new_time(arena, admin_driver->column_integer(row, 4)));
    json_add(object, "expires_at",
             admin_driver->column_is_null(row, 5)
                 ? cJSON_CreateNull()
                 : json_new_time(arena, admin_driver->column_integer(row, 5)));
    if (listing->values) {
        const char *value = admin_driver->column_text(row, 6).at;
        json_add(object, "value", value != NULL ? cJSON_CreateRaw(value) : cJSON_CreateNull());
    }
    return object;
}

/* Reads the rows of a page into PAGE; LISTING is then at the start of the next one. */
static enum db_class read_page(struct listing *listing, cJSON *page)
{
    const struct db_value values[] = {
        db_integer(listing->user_id), db_integer(tool_now_ms()), db_text(text_of(listing->from)),
        db_integer(listing->values ? 1 : 0), db_integer(PAGE_ROWS + 1)};
    struct db_prepared *rows;
    int count = 0;
    int64_t bytes = 0;
    listing->more = false;
    enum db_class class = admin_prepare(listing->connection, ADMIN_USER_ITEMS, values, 5, &rows);
    while (class == DB_OK && (class = admin_driver->step(rows)) == DB_ROW) {
        struct text key = admin_driver->column_text(rows, 0);
        class = DB_OK;
        if (key.at == NULL || key.size >= sizeof listing->from || key.size < listing->prefix.size ||
            memcmp(key.at, listing->prefix.at, listing->prefix.size) != 0) {
            break;
        }
        bytes += admin_driver->column_integer(rows, 2);
        if (count == PAGE_ROWS || (count > 0 && listing->values && bytes > PAGE_BYTES)) {
            memcpy(listing->from, key.at, key.size + 1);
            listing->more = true;
            break;
        }
        count++;
        (void)cJSON_AddItemToArray(page, item_json(listing, rows));
    }
    admin_driver->finalize(rows);
    return class;
}

/* ---- one page, printed ---------------------------------------------------------------------- */

static const char *text_in(const cJSON *item, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, name));
    return text != NULL ? text : "";
}

static double number_in(const cJSON *item, const char *name)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(item, name);
    return cJSON_IsRaw(number) ? strtod(number->valuestring, NULL) : number->valuedouble;
}

/* A value may have line ends between its tokens, and any text within them: it is printed as the
 * rest of a line, of which a terminal obeys nothing. */
static void print_line(const struct listing *listing, cJSON *item)
{
    char *key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "key"));
    if (key != NULL) {
        tool_make_printable(key, true);
    }
    printf("%10.0f %10.0f  %.19s  %s", number_in(item, "version"), number_in(item, "size"),
           text_in(item, "updated_at"), key != NULL ? key : "?");
    if (listing->values) {
        char *value = cJSON_GetObjectItemCaseSensitive(item, "value")->valuestring;
        if (value != NULL) {
            tool_make_printable(value, true);
        }
        printf("  %s", value != NULL ? value : "");
    }
    putchar('\n');
}

static int print_page(struct listing *listing, const cJSON *page)
{
    struct tool *tool = listing->tool;
    cJSON *item;
    if (arena_failed(&tool->scratch)) {
        return tool_out_of_memory(tool);
    }
    cJSON_ArrayForEach(item, page)
    {
        if (!tool->json) {
            print_line(listing, item);
            continue;
        }
        const char *text = tool_json_text(tool, item, false, false);
        if (text == NULL) {
            return tool_out_of_memory(tool);
        }
        printf("%s%s", listing->any ? ",\n" : "[\n", text);
        listing->any = true;
    }
    return TOOL_DONE;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int print_all(struct listing *listing)
{
    struct tool *tool = listing->tool;
    int status = TOOL_DONE;
    if (!tool->json) {
        printf("%10s %10s  %-19s  %s\n", "VERSION", "BYTES", "UPDATED", "KEY");
    }
    for (listing->more = true; status == TOOL_DONE && listing->more;) {
        cJSON *page = cJSON_CreateArray();
        enum db_class class = read_page(listing, page);
        status = class == DB_OK ? print_page(listing, page)
                                : admin_fail(tool, listing->connection, tool->config.database,
                                             class, "listing keys");
        tool_row_done(tool);
    }
    if (tool->json && status == TOOL_DONE) {
        (void)fputs(listing->any ? "\n]\n" : "[]\n", stdout);
    }
    return status;
}

int user_run_keys(struct tool *tool)
{
    const char *prefix = tool_option(tool, "--prefix");
    struct listing listing = {.tool = tool,
                              .prefix = text_of(prefix != NULL ? prefix : ""),
                              .values = tool_option(tool, "--values") != NULL};
    const char *fault = item_prefix_fault(listing.prefix);
    if (fault != NULL) {
        return tool_misuse(tool, "--prefix %s", fault);
    }
    memcpy(listing.from, listing.prefix.at, listing.prefix.size + 1);
    struct account account;
    int status = admin_open(tool, false, &listing.connection);
    if (status != TOOL_DONE) {
        return status;
    }
    status = account_find(tool, listing.connection, tool->words[0], &account);
    if (status == TOOL_DONE) {
        listing.user_id = account.id;
        status = print_all(&listing);
    }
    admin_driver->close(listing.connection);
    return status;
}
