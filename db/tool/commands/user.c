/*
 * user.c - the commands of "cubby user"; those that set passwords are in user_password.c, those
 * that change an account in user_edit.c, and what a user has stored is listed in user_keys.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db/model/audit.h"
#include "db/model/tokens.h"
#include "db/tool/commands/user.h"

/* ---- list ----------------------------------------------------------------------------------- */

/* Control characters in a text would break the table. */
static const char *printable(const char *text)
{
    return tool_is_printable(text) ? text : "?";
}

static int print_row(struct tool *tool, const struct account *account, bool first)
{
    if (tool_option(tool, "--names") != NULL) {
        if (tool_is_printable(account->username)) { /* else it would not be a line */
            (void)puts(account->username);
        }
        return TOOL_DONE;
    }
    if (!tool->json) {
        char when[TIME_TEXT_SIZE];
        time_to_text(account->created_at, when);
        printf("%8" PRId64 "  %-20s %-28s %.10s %8" PRId64 " %12" PRId64 "%s\n", account->id,
               printable(account->username), printable(account->email), when, account->keys,
               account->bytes, account->disabled ? "  disabled" : "");
        return TOOL_DONE;
    }
    const char *text = tool_json_text(tool, account_json(tool, account), false, false);
    if (text == NULL) {
        return tool_out_of_memory(tool);
    }
    printf("%s%s", first ? "[\n" : ",\n", text);
    tool_row_done(tool);
    return TOOL_DONE;
}

static int print_rows(struct tool *tool, struct db_connection *connection)
{
    struct db_prepared *rows;
    int status = TOOL_DONE;
    bool first = true;
    enum db_class class = account_list(connection, &rows);
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    for (; class == DB_ROW && status == TOOL_DONE; class = admin_driver->step(rows)) {
        struct account account;
        account_of_row(rows, &account);
        status = print_row(tool, &account, first);
        first = false;
    }
    if (status == TOOL_DONE && class != DB_OK) {
        status = admin_fail(tool, connection, tool->config.database, class, "listing users");
    }
    if (tool->json && status == TOOL_DONE) { /* else it must not look whole */
        (void)fputs(first ? "[]\n" : "\n]\n", stdout);
    }
    admin_driver->finalize(rows);
    return status;
}

static int run_list(struct tool *tool)
{
    bool names = tool_option(tool, "--names") != NULL;
    if (names && tool->json) {
        return tool_misuse(tool, "either --names or --json");
    }
    struct db_connection *connection;
    int status = admin_open(tool, false, &connection);
    if (status != TOOL_DONE) {
        return status;
    }
    if (!tool->json && !names) {
        printf("%8s  %-20s %-28s %-10s %8s %12s\n", "ID", "NAME", "E-MAIL", "CREATED", "KEYS",
               "BYTES");
    }
    status = print_rows(tool, connection);
    admin_driver->close(connection);
    return status;
}

/* ---- show ----------------------------------------------------------------------------------- */

/* The time in COLUMN, or null. */
static cJSON *time_or_null(struct tool *tool, struct db_prepared *row, int column)
{
    return admin_driver->column_is_null(row, column)
               ? cJSON_CreateNull()
               : json_new_time(&tool->scratch, admin_driver->column_integer(row, column));
}

static cJSON *token_json(struct tool *tool, struct db_prepared *row, int64_t user_id)
{
    cJSON *object = cJSON_CreateObject();
    const char *name = admin_driver->column_text(row, 1).at;
    const char *prefix = admin_driver->column_text(row, 3).at;
    json_add(object, "id",
             json_new_integer(&tool->scratch,
                              admin_driver->column_integer(row, 0) - tokens_id(user_id, 0)));
    json_add(object, "name", cJSON_CreateString(name != NULL ? name : ""));
    json_add(object, "scope",
             json_new_string(admin_driver->column_integer(row, 2) != 0 ? "write" : "read"));
    json_add(object, "prefix", cJSON_CreateString(prefix != NULL ? prefix : ""));
    json_add(object, "created_at", time_or_null(tool, row, 4));
    json_add(object, "expires_at", time_or_null(tool, row, 5));
    json_add(object, "last_used_at", time_or_null(tool, row, 6));
    return object;
}

enum db_class user_list_tokens(struct tool *tool, struct db_connection *connection, int64_t user_id,
                               cJSON **out)
{
    const struct db_value values[] = {db_integer(tokens_id(user_id, 0)),
                                      db_integer(tokens_id(user_id + 1, 0))};
    struct db_prepared *rows;
    *out = cJSON_CreateArray();
    enum db_class class = admin_prepare(connection, ADMIN_USER_TOKENS, values, 2, &rows);
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    for (; class == DB_ROW; class = admin_driver->step(rows)) {
        (void)cJSON_AddItemToArray(*out, token_json(tool, rows, user_id));
    }
    admin_driver->finalize(rows);
    return class;
}

static void print_member(const cJSON *item, const char *indent)
{
    if (cJSON_IsString(item)) {
        printf("%s%-14s %s\n", indent, item->string, printable(item->valuestring));
    } else if (!cJSON_IsArray(item)) {
        const char *text = cJSON_PrintUnformatted(item);
        printf("%s%-14s %s\n", indent, item->string, text != NULL ? text : "?");
    }
}

static void print_account(const cJSON *object, const cJSON *tokens)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        print_member(item, "");
    }
    const cJSON *token;
    cJSON_ArrayForEach(token, tokens)
    {
        puts("device token");
        cJSON_ArrayForEach(item, token)
        {
            print_member(item, "    ");
        }
    }
}

static int run_show(struct tool *tool)
{
    struct db_connection *connection;
    struct account account;
    int status = admin_open(tool, false, &connection);
    if (status != TOOL_DONE) {
        return status;
    }
    cJSON *object = NULL;
    cJSON *tokens = NULL;
    status = account_find(tool, connection, tool->words[0], &account);
    if (status == TOOL_DONE) {
        object = account_json(tool, &account);
        enum db_class class = user_list_tokens(tool, connection, account.id, &tokens);
        if (class != DB_OK) {
            status = admin_fail(tool, connection, tool->config.database, class, "listing tokens");
        }
    }
    admin_driver->close(connection);
    if (status != TOOL_DONE) {
        return status;
    }
    if (!tool->json) {
        print_account(object, tokens);
        return TOOL_DONE;
    }
    (void)cJSON_DeleteItemFromObject(object, "device_tokens");
    json_add(object, "device_tokens", tokens);
    return tool_print_json(tool, object, true);
}

/* ---- disable, enable, delete ---------------------------------------------------------------- */

static int report_status(struct tool *tool, const struct account *account, bool disabled,
                         const char *what)
{
    cJSON *object = account_name_json(tool, account->id, account->username);
    json_add(object, "disabled", cJSON_CreateBool(disabled));
    return tool_result(tool, object, "user %s %s", account->username, what);
}

static int disable(struct tool *tool, struct db_connection *connection,
                   const struct account *account, const void *argument)
{
    (void)argument;
    const struct db_value values[] = {db_integer(account->id)};
    return account_run(tool, connection, ADMIN_USER_DISABLE, values, 1);
}

static int run_disable(struct tool *tool)
{
    struct account account;
    int status = account_look_up(tool, &account);
    if (status == TOOL_DONE) {
        status = tool_confirm_if_seen(tool, "Disable user %s? All sessions end at once.",
                                      account.username);
    }
    if (status == TOOL_DONE) {
        status = account_change(tool, disable, NULL, &account);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "user_disabled", account.id, "%s", "");
    return report_status(tool, &account, true, "is disabled: no login, no token is good");
}

static int enable(struct tool *tool, struct db_connection *connection,
                  const struct account *account, const void *argument)
{
    (void)argument;
    const struct db_value values[] = {db_integer(account->id)};
    int status = account_run(tool, connection, ADMIN_USER_ENABLE, values, 1);
    return status == TOOL_DONE ? account_clear_attempts(tool, connection, account->id) : status;
}

static int run_enable(struct tool *tool)
{
    struct account account;
    int status = account_change(tool, enable, NULL, &account);
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "user_enabled", account.id, "%s", "");
    return report_status(tool, &account, false, "may log in");
}

/* Works in batches to show its progress, all in the one transaction. */
static int delete_items(struct tool *tool, struct db_connection *connection,
                        const struct account *account)
{
    enum { BATCH_ROWS = 1000 };
    const struct db_value values[] = {db_integer(account->id), db_integer(BATCH_ROWS)};
    int64_t done = 0;
    int64_t rows = BATCH_ROWS;
    while (rows == BATCH_ROWS) {
        enum db_class class = admin_count(connection, ADMIN_USER_DELETE_ITEMS, values, 2, &rows);
        if (class != DB_OK) {
            return admin_fail(tool, connection, tool->config.database, class, "deleting items");
        }
        done += rows;
        tool_progress(tool, "deleting items", done, account->keys); /* without tombstones */
    }
    return TOOL_DONE;
}

static int delete_all(struct tool *tool, struct db_connection *connection,
                      const struct account *account, const void *argument)
{
    (void)argument;
    char pattern[AUDIT_PATTERN_SIZE];
    const struct db_value values[] = {db_integer(account->id)};
    const struct db_value events[] = {db_text(audit_pattern(account->id, pattern))};
    int status = delete_items(tool, connection, account);
    if (status == TOOL_DONE) {
        status = account_drop_tokens(tool, connection, account->id);
    }
    if (status == TOOL_DONE) {
        status = account_run(tool, connection, ADMIN_USER_DELETE_EVENTS, events, 1);
    }
    if (status == TOOL_DONE) {
        status = account_clear_attempts(tool, connection, account->id);
    }
    if (status == TOOL_DONE) {
        tool_step(tool, "writing to the disk that user %s is gone", account->username);
        status = account_run(tool, connection, ADMIN_USER_DELETE, values, 1);
    }
    return status;
}

/* The question comes before the transaction, which would lock the database while the operator
 * thinks. */
static int run_delete(struct tool *tool)
{
    struct account account;
    int status = account_look_up(tool, &account);
    if (status == TOOL_DONE) {
        status = tool_confirm(tool, "Delete user %s and %" PRId64 " keys with %" PRId64 " bytes?",
                              account.username, account.keys, account.bytes);
    }
    if (status == TOOL_DONE) {
        status = account_change(tool, delete_all, NULL, &account);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "user_deleted", account.id, "%s", "");
    cJSON *object = account_name_json(tool, account.id, account.username);
    json_add(object, "keys", json_new_integer(&tool->scratch, account.keys));
    json_add(object, "bytes", json_new_integer(&tool->scratch, account.bytes));
    return tool_result(tool, object, "user %s is deleted, with %" PRId64 " keys", account.username,
                       account.keys);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct tool_option password_options[] = {
    {"--password-stdin", NULL, "read the password from standard input, its first line"},
};

static const struct tool_option add_options[] = {
    {"--email", "ADDRESS", "the e-mail, which no other account may have"},
    {"--full-name", "TEXT", "the full name"},
    {"--age", "YEARS", "the age"},
    {"--gender", "TEXT", "the gender"},
    {"--password-stdin", NULL, "read the password from standard input, its first line"},
};

static const struct tool_option edit_options[] = {
    {"--username", "NAME", "a new name, which no other account may have"},
    {"--email", "ADDRESS", "the e-mail, which no other account may have"},
    {"--full-name", "TEXT", "the full name"},
    {"--age", "YEARS", "the age"},
    {"--gender", "TEXT", "the gender"},
};

static const struct tool_option quota_options[] = {
    {"--keys", "NUMBER", "how many keys; none: no limit, default: as the settings say"},
    {"--bytes", "NUMBER", "how many bytes of values, likewise; K, M, G and T may follow"},
};

static const struct tool_option keys_options[] = {
    {"--prefix", "TEXT", "only the keys that start with it"},
    {"--values", NULL, "the values, too"},
};

static const struct tool_option code_options[] = {
    {"--valid", "SECONDS", "how long the code is good (86400, one day)"},
};

#define PASSWORD_TEXT                                                                              \
    "The password is asked for at the terminal, or read with --password-stdin; it follows the\n"   \
    "rules for passwords of the API.\n"

static const struct tool_option list_options[] = {
    {"--names", NULL, "the names alone, a line each, as scripts and completion want them"},
};

static const struct tool_command commands[] = {
    {.name = "user list",
     .words = "",
     .summary = "list all accounts",
     .text = "Lists all accounts in the order of their names, with what they store.\n",
     .options = list_options,
     .option_count = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = run_list},
    {.name = "user show",
     .words = "NAME",
     .summary = "show one account and its device tokens",
     .text = "NAME is the user name, or the e-mail, here as in all commands about a user.\n",
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = run_show},
    {.name = "user add",
     .words = "NAME",
     .summary = "add an account",
     .text = "Adds an account, by the rules of POST /api/register. " PASSWORD_TEXT,
     .options = add_options,
     .option_count = sizeof add_options / sizeof add_options[0],
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = user_run_add},
    {.name = "user edit",
     .words = "NAME",
     .summary = "change name, e-mail and profile of an account",
     .text = "Changes what is given, by the rules of POST /api/register; the rest stays. The user\n"
             "logs in by the new name or e-mail from then on; tokens and data stay as they are.\n",
     .options = edit_options,
     .option_count = sizeof edit_options / sizeof edit_options[0],
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = user_run_edit},
    {.name = "user quota",
     .words = "NAME",
     .summary = "show or set how much an account may store",
     .text = "Without options shows what the account stores and may store. A quota holds from the\n"
             "next write on, instead of max_user_keys and max_user_bytes of the settings. What is\n"
             "stored beyond it already stays, and can only become less.\n",
     .options = quota_options,
     .option_count = sizeof quota_options / sizeof quota_options[0],
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = user_run_quota},
    {.name = "user keys",
     .words = "NAME",
     .summary = "list the keys that an account has stored",
     .text = "Lists the keys in their order, with version, size and time of the last change. Does\n"
             "not keep writers out while somebody reads slowly.\n",
     .options = keys_options,
     .option_count = sizeof keys_options / sizeof keys_options[0],
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = user_run_keys},
    {.name = "user disable",
     .words = "NAME",
     .summary = "end all sessions of a user, and let nobody log in",
     .text =
         "From the next request on no token of the user is good, device tokens included, and\n"
         "logging in fails as with a wrong password. The data stay. Asks at a terminal, unless\n"
         "--yes is given; a script is not held up.\n",
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ASKS | COMMAND_ONE_OWNER,
     .run = run_disable},
    {.name = "user enable",
     .words = "NAME",
     .summary = "let a disabled or locked-out user log in again",
     .text =
         "Undoes \"user disable\" (device tokens work again, access tokens of before do not), and\n"
         "forgets the failed logins that are counted against the account.\n",
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = run_enable},
    {.name = "user delete",
     .words = "NAME",
     .summary = "delete an account and all it stores",
     .text = "Deletes the account, its data and its tokens, as DELETE /api/me does: nothing of it\n"
             "stays in the database. Asks, or takes --yes.\n",
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ASKS | COMMAND_PROGRESS | COMMAND_ONE_OWNER,
     .run = run_delete},
    {.name = "user passwd",
     .words = "NAME",
     .summary = "set a new password",
     .text = "Sets the password of a user and ends every token of before, device tokens and a code"
             "\nfor a lost password too.\n" PASSWORD_TEXT,
     .options = password_options,
     .option_count = 1,
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = user_run_passwd},
    {.name = "user reset-code",
     .words = "NAME",
     .summary = "print a one-time code for a lost password",
     .text =
         "Prints a code with which the user sets a new password by POST /api/reset. It is good\n"
         "once and for a day; a code of before is void. Tell it to nobody else.\n",
     .options = code_options,
     .option_count = 1,
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ONE_OWNER,
     .run = user_run_reset_code},
};

const struct tool_group tool_user_commands = {commands, sizeof commands / sizeof *commands};
