/*
 * export_account.c - one account as a document.
 *
 * The form is that of cgi-bin/shared/export.c, which a test compares with this.
 */
#include "db/tool/commands/export_account.h"

#include <errno.h>
#include <string.h>

#include "db/tool/commands/user.h"

struct writer {
    struct tool *tool;
    FILE *to;
    bool first; /* no row of this list is written yet */
    char now[TIME_TEXT_SIZE];
};

int export_fail(struct tool *tool)
{
    bool named = tool->word_count > 0 && strcmp(tool->words[0], "-") != 0;
    return tool_fail(tool, "%s: %s", named ? tool->words[0] : "standard output", strerror(errno));
}

/* Writes OBJECT, which lies on the scratch memory, as the next row of a list, with the member
 * `value`, unless NULL, at its end. */
static int write_row(struct writer *writer, const cJSON *object, const char *value)
{
    const char *text = cJSON_PrintUnformatted(object);
    if (text == NULL || arena_failed(&writer->tool->scratch)) {
        return tool_out_of_memory(writer->tool);
    }
    int size = (int)strlen(text) - (value != NULL ? 1 : 0);
    (void)fprintf(writer->to, "%s%.*s", writer->first ? "\n" : ",\n", size, text);
    if (value != NULL) {
        (void)fprintf(writer->to, ",\"value\":%s}", value);
    }
    writer->first = false;
    return ferror(writer->to) == 0 ? TOOL_DONE : export_fail(writer->tool);
}

static int write_head(struct writer *writer, const struct account *account)
{
    struct arena *arena = &writer->tool->scratch;
    cJSON *user = account_name_json(writer->tool, account->id, account->username);
    json_add(user, "email", cJSON_CreateString(account->email));
    json_add(user, "full_name", cJSON_CreateString(account->full_name));
    json_add(user, "age", json_new_integer(arena, account->age));
    json_add(user, "gender", cJSON_CreateString(account->gender));
    json_add(user, "created_at", json_new_time(arena, account->created_at));
    json_add(user, "updated_at", json_new_time(arena, account->updated_at));
    const char *text = cJSON_PrintUnformatted(user);
    if (text == NULL || arena_failed(arena)) {
        return tool_out_of_memory(writer->tool);
    }
    (void)fprintf(writer->to,
                  "{\"status\":\"success\",\"data\":{\"format\":\"cubby-account-1\","
                  "\"exported_at\":\"%s\",\"user\":%s",
                  writer->now, text);
    return TOOL_DONE;
}

/* Those that have not ended, without the members that are null. */
static int write_tokens(struct writer *writer, cJSON *tokens, int64_t *count)
{
    static const char *const optional[] = {"expires_at", "last_used_at"};
    int status = TOOL_DONE;
    writer->first = true;
    for (cJSON *token = tokens != NULL ? tokens->child : NULL; token != NULL && status == TOOL_DONE;
         token = token->next) {
        const char *end =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(token, optional[0]));
        if (end != NULL && strcmp(end, writer->now) <= 0) {
            continue; /* times of one form compare as texts */
        }
        for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
            if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(token, optional[i]))) {
                cJSON_DeleteItemFromObjectCaseSensitive(token, optional[i]);
            }
        }
        status = write_row(writer, token, NULL);
        ++*count;
    }
    return status;
}

static int write_item(struct writer *writer, struct db_prepared *row)
{
    struct arena *arena = &writer->tool->scratch;
    cJSON *object = cJSON_CreateObject();
    json_add(object, "key", json_new_string(admin_driver->column_text(row, 0).at));
    json_add(object, "created_at", json_new_time(arena, admin_driver->column_integer(row, 3)));
    json_add(object, "updated_at", json_new_time(arena, admin_driver->column_integer(row, 4)));
    if (!admin_driver->column_is_null(row, 5)) {
        json_add(object, "expires_at", json_new_time(arena, admin_driver->column_integer(row, 5)));
    }
    const char *value = admin_driver->column_text(row, 6).at;
    int status = write_row(writer, object, value != NULL ? value : "null");
    tool_row_done(writer->tool);
    return status;
}

static int write_items(struct writer *writer, struct db_connection *copy,
                       const struct account *account, int64_t now_ms, int64_t *count)
{
    const struct db_value values[] = {db_integer(account->id), db_integer(now_ms),
                                      db_text(text_of("")), db_integer(1), db_integer(INT64_MAX)};
    struct tool *tool = writer->tool;
    struct db_prepared *rows;
    int status = TOOL_DONE;
    writer->first = true;
    enum db_class class = admin_prepare(copy, ADMIN_USER_ITEMS, values, 5, &rows);
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    for (; class == DB_ROW && status == TOOL_DONE; class = admin_driver->step(rows)) {
        status = write_item(writer, rows);
        tool_progress(tool, "writing", ++*count, account->keys);
    }
    if (status == TOOL_DONE && class != DB_OK) {
        status = admin_fail(tool, copy, tool->config.database, class, "reading");
    }
    admin_driver->finalize(rows);
    return status;
}

int export_account_write(struct tool *tool, struct db_connection *copy,
                         const struct account *account, FILE *to, int64_t *tokens, int64_t *items)
{
    struct writer writer = {.tool = tool, .to = to};
    int64_t now = tool_now_ms();
    time_to_text(now, writer.now);
    cJSON *list;
    int status = write_head(&writer, account);
    enum db_class class = user_list_tokens(tool, copy, account->id, &list);
    if (status == TOOL_DONE && class != DB_OK) {
        status = admin_fail(tool, copy, tool->config.database, class, "listing tokens");
    }
    if (status == TOOL_DONE) {
        (void)fputs(",\"device_tokens\":[", to);
        status = write_tokens(&writer, list, tokens);
    }
    tool_row_done(tool);
    if (status == TOOL_DONE) {
        (void)fputs("],\"items\":[", to);
        status = write_items(&writer, copy, account, now, items);
    }
    tool_progress_end(tool);
    if (status == TOOL_DONE) { /* else it must not look whole */
        (void)fputs("]}}\n", to);
    }
    if (status == TOOL_DONE && (fflush(to) != 0 || ferror(to) != 0)) {
        status = export_fail(tool);
    }
    return status;
}
