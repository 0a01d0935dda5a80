/*
 * account.c - one account.
 */
#include "db/tool/account.h"

#include <inttypes.h>
#include <string.h>

#include "db/model/throttle.h"
#include "db/model/tokens.h"

static struct db_value token_numbers(void)
{
    return db_integer(DEVICE_NUMBER_MAXIMUM);
}

enum db_class account_list(struct db_connection *connection, struct db_prepared **rows)
{
    const struct db_value values[] = {token_numbers()};
    return admin_prepare(connection, ADMIN_USER_LIST, values, 1, rows);
}

static const char *text_or_empty(struct text text)
{
    return text.at != NULL ? text.at : "";
}

void account_of_row(struct db_prepared *row, struct account *out)
{
    *out = (struct account){
        .id = admin_driver->column_integer(row, 0),
        .username = text_or_empty(admin_driver->column_text(row, 1)),
        .email = text_or_empty(admin_driver->column_text(row, 2)),
        .full_name = text_or_empty(admin_driver->column_text(row, 3)),
        .age = admin_driver->column_integer(row, 4),
        .gender = text_or_empty(admin_driver->column_text(row, 5)),
        .created_at = admin_driver->column_integer(row, 6),
        .updated_at = admin_driver->column_integer(row, 7),
        .disabled = admin_driver->column_integer(row, 8) != 0,
        .keys = admin_driver->column_integer(row, 9),
        .bytes = admin_driver->column_integer(row, 10),
        .quota = {.keys = admin_driver->column_integer(row, 11),
                  .bytes = admin_driver->column_integer(row, 12)},
        .tokens = admin_driver->column_integer(row, 13),
    };
}

/* Copies the texts to the tool's arena. */
static bool keep(struct tool *tool, struct account *account)
{
    const char **const texts[] = {&account->username, &account->email, &account->full_name,
                                  &account->gender};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = arena_copy(&tool->arena, *texts[i], strlen(*texts[i]));
        if (*texts[i] == NULL) {
            return false;
        }
    }
    return true;
}

int account_find(struct tool *tool, struct db_connection *connection, const char *name,
                 struct account *out)
{
    const char *key = text_lower(&tool->arena, text_of(name));
    if (key == NULL) {
        return tool_out_of_memory(tool);
    }
    bool by_email = strchr(name, '@') != NULL;
    const struct db_value values[] = {token_numbers(), db_text(text_of(key))};
    struct db_prepared *row;
    enum db_class class = admin_prepare(
        connection, by_email ? ADMIN_USER_BY_EMAIL : ADMIN_USER_BY_USERNAME, values, 2, &row);
    if (class == DB_OK) {
        class = admin_driver->step(row);
    }
    int status = TOOL_DONE;
    if (class == DB_ROW) {
        account_of_row(row, out);
        status = keep(tool, out) ? TOOL_DONE : tool_out_of_memory(tool);
    } else if (class == DB_OK) {
        (void)tool_fail(tool, "there is no user %s", name);
        status = TOOL_ABSENT;
    } else {
        status = admin_fail(tool, connection, tool->config.database, class, "looking for a user");
    }
    admin_driver->finalize(row);
    return status;
}

cJSON *account_name_json(struct tool *tool, int64_t id, const char *username)
{
    cJSON *object = cJSON_CreateObject();
    json_add(object, "user_id", json_new_integer(&tool->scratch, id));
    json_add(object, "username", cJSON_CreateString(username));
    return object;
}

static void add_limit(struct tool *tool, cJSON *object, const char *name, int64_t limit)
{
    json_add(object, name,
             limit != 0 ? json_new_integer(&tool->scratch, limit) : cJSON_CreateNull());
}

void account_add_limits(struct tool *tool, cJSON *object, const struct item_quota *quota)
{
    const struct item_limits limits = items_limits(&tool->config, quota);
    add_limit(tool, object, "max_keys", limits.keys);
    add_limit(tool, object, "max_bytes", limits.bytes);
    json_add(object, "own_max_keys", cJSON_CreateBool(quota->keys != 0));
    json_add(object, "own_max_bytes", cJSON_CreateBool(quota->bytes != 0));
}

cJSON *account_json(struct tool *tool, const struct account *account)
{
    struct arena *arena = &tool->scratch;
    cJSON *object = account_name_json(tool, account->id, account->username);
    json_add(object, "email", cJSON_CreateString(account->email));
    json_add(object, "full_name", cJSON_CreateString(account->full_name));
    json_add(object, "age", json_new_integer(arena, account->age));
    json_add(object, "gender", cJSON_CreateString(account->gender));
    json_add(object, "created_at", json_new_time(arena, account->created_at));
    json_add(object, "updated_at", json_new_time(arena, account->updated_at));
    json_add(object, "disabled", cJSON_CreateBool(account->disabled));
    json_add(object, "keys", json_new_integer(arena, account->keys));
    json_add(object, "bytes", json_new_integer(arena, account->bytes));
    account_add_limits(tool, object, &account->quota);
    json_add(object, "device_tokens", json_new_integer(arena, account->tokens));
    return object;
}

int account_run(struct tool *tool, struct db_connection *connection, enum admin_statement statement,
                const struct db_value *values, size_t count)
{
    enum db_class class = admin_run(connection, statement, values, count, NULL);
    return class == DB_OK
               ? TOOL_DONE
               : admin_fail(tool, connection, tool->config.database, class, "changing a user");
}

int account_look_up(struct tool *tool, struct account *out)
{
    struct db_connection *connection;
    int status = admin_open(tool, false, &connection);
    if (status == TOOL_DONE) {
        status = account_find(tool, connection, tool->words[0], out);
        admin_driver->close(connection);
    }
    return status;
}

static int change_locked(struct tool *tool, struct db_connection *connection,
                         account_changer *changer, const void *argument, struct account *out)
{
    const char *path = tool->config.database;
    enum db_class class = admin_driver->begin(connection);
    if (class != DB_OK) {
        return admin_fail(tool, connection, path, class, "locking");
    }
    int status = account_find(tool, connection, tool->words[0], out);
    if (status == TOOL_DONE) {
        status = changer(tool, connection, out, argument);
    }
    class = status == TOOL_DONE ? admin_driver->commit(connection) : DB_OK;
    if (class != DB_OK) {
        status = admin_fail(tool, connection, path, class, "committing");
    }
    if (status != TOOL_DONE) {
        admin_driver->rollback(connection);
    }
    return status;
}

int account_change(struct tool *tool, account_changer *changer, const void *argument,
                   struct account *out)
{
    struct db_connection *connection;
    int status = admin_open(tool, true, &connection);
    if (status == TOOL_DONE) {
        status = change_locked(tool, connection, changer, argument, out);
        (void)admin_driver->checkpoint(connection); /* deleted data must not stay in the log */
        admin_driver->close(connection);
    }
    return status;
}

int account_drop_tokens(struct tool *tool, struct db_connection *connection, int64_t user_id)
{
    const struct db_value values[] = {db_integer(tokens_id(user_id, 0)),
                                      db_integer(tokens_id(user_id + 1, 0))};
    return account_run(tool, connection, ADMIN_USER_DELETE_TOKENS, values, 2);
}

int account_clear_attempts(struct tool *tool, struct db_connection *connection, int64_t user_id)
{
    static const char *const kinds[] = {"login:user", "reset:user"};
    const char *who = arena_printf(&tool->arena, "%" PRId64, user_id);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t id;
        if (who == NULL || !throttle_id(&tool->arena, kinds[i], text_of(who), &id)) {
            return tool_out_of_memory(tool);
        }
        const struct db_value values[] = {db_integer(id)};
        int status = account_run(tool, connection, ADMIN_THROTTLE_CLEAR, values, 1);
        if (status != TOOL_DONE) {
            return status;
        }
    }
    return TOOL_DONE;
}
