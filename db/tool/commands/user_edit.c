/*
 * user_edit.c - user edit, quota: the commands that change what an account is and may store.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db/model/users.h"
#include "db/tool/commands/user.h"

/* ---- edit ----------------------------------------------------------------------------------- */

/* NULL when TEXT has 1 to MOST characters; otherwise why not. */
static const char *length_fault(const char *text, size_t most)
{
    size_t characters = text_characters(text_of(text));
    return characters == 0          ? "is empty"
           : characters == SIZE_MAX ? "is not UTF-8"
           : characters > most      ? "is too long"
                                    : NULL;
}

/* What is to change; NULL and 0: stays. */
struct edit {
    const char *username;
    const char *email;
    const char *full_name;
    const char *gender;
    int64_t age;
};

/* The rules are those of POST /api/register. */
static int read_edit(struct tool *tool, struct edit *edit)
{
    enum { NAME_MAXIMUM = 64, FULL_NAME_MAXIMUM = 120, GENDER_MAXIMUM = 32, AGE_MAXIMUM = 150 };
    const struct {
        const char *name;
        const char **to;
        size_t most;
        const char *(*fault)(struct text text);
    } texts[] = {
        {"--username", &edit->username, NAME_MAXIMUM, user_name_fault},
        {"--email", &edit->email, SIZE_MAX - 1, user_new_email_fault},
        {"--full-name", &edit->full_name, FULL_NAME_MAXIMUM, NULL},
        {"--gender", &edit->gender, GENDER_MAXIMUM, NULL},
    };
    const char *age = tool_option(tool, "--age");
    bool any = age != NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *given = tool_option(tool, texts[i].name);
        if (given == NULL) {
            continue;
        }
        const char *fault = length_fault(given, texts[i].most);
        if (fault == NULL && texts[i].fault != NULL) {
            fault = texts[i].fault(text_of(given));
        }
        if (fault != NULL) {
            return tool_misuse(tool, "%s %s", texts[i].name, fault);
        }
        *texts[i].to = given;
        any = true;
    }
    bool over;
    if (age != NULL &&
        (!text_to_int64(text_of(age), AGE_MAXIMUM, &over, &edit->age) || edit->age == 0)) {
        return tool_misuse(tool, "--age must be a whole number from 1 to %d", AGE_MAXIMUM);
    }
    return any ? TOOL_DONE : tool_misuse(tool, "nothing is to be changed: no option is given");
}

/* Another account may have the name, or the e-mail, in any case. */
static int refuse_taken(struct tool *tool, struct db_connection *connection,
                        const struct account *account, const char *username_key,
                        const char *email_key)
{
    const struct db_value values[] = {db_integer(account->id), db_text(text_of(username_key)),
                                      db_text(text_of(email_key))};
    int64_t taken = 0;
    enum db_class class = admin_run(connection, ADMIN_USER_TAKEN, values, 3, &taken);
    if (class != DB_OK) {
        return admin_fail(tool, connection, tool->config.database, class, "looking for a user");
    }
    return taken == 0 ? TOOL_DONE
                      : tool_fail(tool, taken == 1 ? "the username is already taken"
                                                   : "the email is already registered");
}

static int edit_account(struct tool *tool, struct db_connection *connection,
                        const struct account *account, const void *argument)
{
    const struct edit *edit = argument;
    const char *username = edit->username != NULL ? edit->username : account->username;
    const char *email = edit->email != NULL ? edit->email : account->email;
    const char *full_name = edit->full_name != NULL ? edit->full_name : account->full_name;
    const char *gender = edit->gender != NULL ? edit->gender : account->gender;
    const char *username_key = text_lower(&tool->arena, text_of(username));
    const char *email_key = text_lower(&tool->arena, text_of(email));
    if (username_key == NULL || email_key == NULL) {
        return tool_out_of_memory(tool);
    }
    int status = refuse_taken(tool, connection, account, username_key, email_key);
    if (status != TOOL_DONE) {
        return status;
    }
    const struct db_value values[] = {
        db_integer(account->id),
        db_text(text_of(username)),
        db_text(text_of(username_key)),
        db_text(text_of(email)),
        db_text(text_of(email_key)),
        db_text(text_of(full_name)),
        db_integer(edit->age != 0 ? edit->age : account->age),
        db_text(text_of(gender)),
        db_integer(tool_now_ms()),
    };
    return account_run(tool, connection, ADMIN_USER_EDIT, values, sizeof values / sizeof *values);
}

int user_run_edit(struct tool *tool)
{
    struct account account;
    struct edit edit = {0};
    int status = read_edit(tool, &edit);
    if (status == TOOL_DONE) {
        status = account_change(tool, edit_account, &edit, &account);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "user_edited", account.id, "%s", "");
    cJSON *object = account_name_json(tool, account.id,
                                      edit.username != NULL ? edit.username : account.username);
    json_add(object, "email", cJSON_CreateString(edit.email != NULL ? edit.email : account.email));
    json_add(object, "full_name",
             cJSON_CreateString(edit.full_name != NULL ? edit.full_name : account.full_name));
    json_add(object, "age",
             json_new_integer(&tool->scratch, edit.age != 0 ? edit.age : account.age));
    json_add(object, "gender",
             cJSON_CreateString(edit.gender != NULL ? edit.gender : account.gender));
    return tool_result(tool, object, "user %s is changed%s%s", account.username,
                       edit.username != NULL ? ", and is now " : "",
                       edit.username != NULL ? edit.username : "");
}

/* ---- quota ---------------------------------------------------------------------------------- */

static const int64_t quota_most = INT64_C(1) << 50;

/* Reads "none", "default" or a number that K, M, G or T may follow, for as many times 1024. */
static bool read_quota(const char *text, int64_t *out)
{
    static const char units[] = "KMGT";
    size_t size = strlen(text);
    if (strcmp(text, "none") == 0 || strcmp(text, "default") == 0) {
        *out = *text == 'n' ? ITEM_QUOTA_NONE : 0;
        return true;
    }
    const char *unit = size > 1 ? strchr(units, text[size - 1]) : NULL;
    int shift = unit != NULL ? 10 * ((int)(unit - units) + 1) : 0;
    const struct text digits = {.at = text, .size = unit != NULL ? size - 1 : size};
    bool over;
    if (!text_to_int64(digits, quota_most >> shift, &over, out) || *out == 0) {
        return false;
    }
    *out <<= shift;
    return true;
}

/* The quota to set; what is not given stays. */
struct quota_change {
    bool keys_given;
    bool bytes_given;
    struct item_quota to;
};

static int read_quotas(struct tool *tool, struct quota_change *change)
{
    const char *keys = tool_option(tool, "--keys");
    const char *bytes = tool_option(tool, "--bytes");
    static const char wanted[] = "must be a number from 1 on, none, or default";
    if (keys != NULL && !read_quota(keys, &change->to.keys)) {
        return tool_misuse(tool, "--keys %s", wanted);
    }
    if (bytes != NULL && !read_quota(bytes, &change->to.bytes)) {
        return tool_misuse(tool, "--bytes %s", wanted);
    }
    change->keys_given = keys != NULL;
    change->bytes_given = bytes != NULL;
    return TOOL_DONE;
}

static struct item_quota changed(const struct account *account, const struct quota_change *change)
{
    return (struct item_quota){
        .keys = change->keys_given ? change->to.keys : account->quota.keys,
        .bytes = change->bytes_given ? change->to.bytes : account->quota.bytes,
    };
}

static int set_quota(struct tool *tool, struct db_connection *connection,
                     const struct account *account, const void *argument)
{
    const struct item_quota quota = changed(account, argument);
    const struct db_value values[] = {db_integer(account->id), db_integer(quota.keys),
                                      db_integer(quota.bytes)};
    return account_run(tool, connection, ADMIN_USER_QUOTA, values, 3);
}

/* "of 100 keys (own)". */
static const char *limit_text(struct tool *tool, int64_t limit, bool own)
{
    const char *whose = own ? "this account's own limit" : "by the settings";
    const char *text = limit == 0
                           ? arena_printf(&tool->arena, "no limit, %s", whose)
                           : arena_printf(&tool->arena, "at most %" PRId64 ", %s", limit, whose);
    return text != NULL ? text : "?";
}

static int tell_quota(struct tool *tool, const struct account *account)
{
    const struct item_limits limits = items_limits(&tool->config, &account->quota);
    if ((limits.keys != 0 && account->keys > limits.keys) ||
        (limits.bytes != 0 && account->bytes > limits.bytes)) {
        tool_warn(tool, "%s stores more than that: it stays, and can only become less",
                  account->username);
    }
    cJSON *object = account_name_json(tool, account->id, account->username);
    json_add(object, "keys", json_new_integer(&tool->scratch, account->keys));
    json_add(object, "bytes", json_new_integer(&tool->scratch, account->bytes));
    account_add_limits(tool, object, &account->quota);
    return tool_result(tool, object, "user %s: %" PRId64 " keys (%s), %" PRId64 " bytes (%s)",
                       account->username, account->keys,
                       limit_text(tool, limits.keys, account->quota.keys != 0), account->bytes,
                       limit_text(tool, limits.bytes, account->quota.bytes != 0));
}

int user_run_quota(struct tool *tool)
{
    struct account account;
    struct quota_change change = {0};
    int status = read_quotas(tool, &change);
    if (status == TOOL_DONE && !change.keys_given && !change.bytes_given) {
        status = account_look_up(tool, &account);
        return status == TOOL_DONE ? tell_quota(tool, &account) : status;
    }
    if (status == TOOL_DONE) {
        status = account_change(tool, set_quota, &change, &account);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    account.quota = changed(&account, &change);
    tool_audit(tool, "user_quota_set", account.id, "keys %" PRId64 ", bytes %" PRId64,
               account.quota.keys, account.quota.bytes);
    return tell_quota(tool, &account);
}
