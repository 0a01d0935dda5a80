/*
 * user_password.c - user add, passwd, reset-code: the commands that set a password or allow to set
 * one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/identity/password.h"
#include "common/identity/reset_code.h"
#include "db/model/tokens.h"
#include "db/tool/files.h"
#include "db/tool/terminal.h"
#include "db/tool/commands/user.h"
#include "db/model/users.h"

static int hash_new_password(struct tool *tool, const char **hash)
{
    struct text password;
    int status = terminal_new_password(tool, &password);
    if (status != TOOL_DONE) {
        return status;
    }
    unsigned char salt[PASSWORD_SALT_BYTES];
    if (!tool_random(tool, salt, sizeof salt)) {
        return TOOL_FAILED;
    }
    const struct password_policy policy = {.method = tool->config.password_method,
                                           .cost = tool->config.password_cost};
    struct cause cause = {0};
    enum error_code error = password_hash(&tool->arena, salt, &policy, password, hash, &cause);
    return error == ERR_NONE ? TOOL_DONE : tool_fail(tool, "hashing the password: %s", cause.text);
}

/* ---- passwd --------------------------------------------------------------------------------- */

static int set_password(struct tool *tool, struct db_connection *connection,
                        const struct account *account, const void *argument)
{
    const char *hash = argument;
    const struct db_value values[] = {db_integer(account->id), db_text(text_of(hash)),
                                      db_integer(tool_now_ms())};
    int status = account_run(tool, connection, ADMIN_USER_PASSWORD, values, 3);
    if (status == TOOL_DONE) {
        status = account_drop_tokens(tool, connection, account->id);
    }
    return status == TOOL_DONE ? account_clear_attempts(tool, connection, account->id) : status;
}

int user_run_passwd(struct tool *tool)
{
    struct account account;
    const char *hash = NULL;
    int status = account_look_up(tool, &account);
    if (status == TOOL_DONE) {
        status = hash_new_password(tool, &hash);
    }
    if (status == TOOL_DONE) {
        status = account_change(tool, set_password, hash, &account);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "user_password_set", account.id, "%s", "");
    cJSON *object = account_name_json(tool, account.id, account.username);
    json_add(object, "sessions_ended", cJSON_CreateTrue());
    return tool_result(tool, object,
                       "user %s has the new password; all tokens of before have ended",
                       account.username);
}

/* ---- reset-code ----------------------------------------------------------------------------- */

struct code {
    char text[RESET_CODE_TEXT_SIZE];
    char digest[DIGEST_TEXT_SIZE];
    int64_t expires_at; /* milliseconds since 1970 */
};

static int set_code(struct tool *tool, struct db_connection *connection,
                    const struct account *account, const void *argument)
{
    const struct code *code = argument;
    if (account->disabled) {
        return tool_fail(tool, "user %s is disabled; see cubby user enable", account->username);
    }
    const struct db_value values[] = {db_integer(tokens_id(account->id, 0)),
                                      db_text(text_of(code->digest)), db_integer(tool_now_ms()),
                                      db_integer(code->expires_at)};
    int status = account_run(tool, connection, ADMIN_RESET_CODE, values, 4);
    return status == TOOL_DONE ? account_clear_attempts(tool, connection, account->id) : status;
}

static int make_code(struct tool *tool, struct code *code)
{
    const char *given = tool_option(tool, "--valid");
    int64_t valid = 86400;
    bool over;
    if (given != NULL &&
        (!text_to_int64(text_of(given), INT64_C(30) * 86400, &over, &valid) || valid == 0)) {
        return tool_misuse(tool, "--valid is a number of seconds, at most 30 days");
    }
    unsigned char bytes[RESET_CODE_BYTES];
    if (!tool_random(tool, bytes, sizeof bytes)) {
        return TOOL_FAILED;
    }
    reset_code_text(bytes, code->text);
    explicit_bzero(bytes, sizeof bytes);
    code->expires_at = tool_now_ms() + valid * 1000;
    return reset_code_digest(text_of(code->text), code->digest)
               ? TOOL_DONE
               : tool_fail(tool, "no digest of the code");
}

static int print_code(struct tool *tool, const struct account *account, const struct code *code)
{
    char when[TIME_TEXT_SIZE];
    time_to_text(code->expires_at, when);
    if (!tool->json) {
        char *name = arena_copy(&tool->arena, account->username, strlen(account->username));
        if (name == NULL) {
            return tool_out_of_memory(tool);
        }
        tool_make_printable(name, true);
        puts(code->text);
        (void)fprintf(stderr, "good once, for POST /api/reset as user %s, until %s\n", name, when);
        return TOOL_DONE;
    }
    cJSON *object = account_name_json(tool, account->id, account->username);
    json_add(object, "code", cJSON_CreateString(code->text));
    json_add(object, "expires_at", cJSON_CreateString(when));
    return tool_print_json(tool, object, true);
}

int user_run_reset_code(struct tool *tool)
{
    struct code code;
    struct account account;
    int status = make_code(tool, &code);
    if (status == TOOL_DONE) {
        status = account_change(tool, set_code, &code, &account);
    }
    if (status == TOOL_DONE) {
        tool_audit(tool, "reset_code_made", account.id, "%s", "");
        status = print_code(tool, &account, &code);
    }
    explicit_bzero(&code, sizeof code);
    return status;
}

/* ---- add ------------------------------------------------------------------------------------ */

/* NULL when TEXT, an option or NULL, has 1 to MOST characters; otherwise why not. */
static const char *length_fault(const char *text, size_t most)
{
    size_t characters = text != NULL ? text_characters(text_of(text)) : 0;
    if (characters == 0) {
        return "is missing";
    }
    return characters == SIZE_MAX ? "is not UTF-8" : characters > most ? "is too long" : NULL;
}

/* The rules are those of POST /api/register. */
static int read_user(struct tool *tool, struct user_new *user)
{
    enum { NAME_MAXIMUM = 64, FULL_NAME_MAXIMUM = 120, GENDER_MAXIMUM = 32, AGE_MAXIMUM = 150 };
    const char *name = tool->words[0];
    const char *email = tool_option(tool, "--email");
    const char *full_name = tool_option(tool, "--full-name");
    const char *gender = tool_option(tool, "--gender");
    const char *age = tool_option(tool, "--age");
    const struct {
        const char *what;
        const char *fault;
    } rules[] = {
        {"NAME", length_fault(name, NAME_MAXIMUM)},
        {"NAME", *name != '\0' ? user_new_name_fault(text_of(name)) : NULL},
        {"--email", length_fault(email, SIZE_MAX - 1)},
        {"--email", email != NULL && *email != '\0' ? user_new_email_fault(text_of(email)) : NULL},
        {"--full-name", length_fault(full_name, FULL_NAME_MAXIMUM)},
        {"--gender", length_fault(gender, GENDER_MAXIMUM)},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].fault != NULL) {
            return tool_misuse(tool, "%s %s", rules[i].what, rules[i].fault);
        }
    }
    int64_t years;
    bool over;
    if (age == NULL || !text_to_int64(text_of(age), AGE_MAXIMUM, &over, &years) || years == 0) {
        return tool_misuse(tool, "--age must be a whole number from 1 to %d", AGE_MAXIMUM);
    }
    *user = (struct user_new){.username = text_of(name),
                              .email = text_of(email),
                              .full_name = text_of(full_name),
                              .gender = text_of(gender),
                              .age = years};
    return TOOL_DONE;
}

/* The first epoch of an account, which nobody can guess: see cgi-bin/register.c. */
static bool random_epoch(struct tool *tool, int64_t *epoch)
{
    unsigned char bytes[5];
    *epoch = 0;
    if (!tool_random(tool, bytes, sizeof bytes)) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        *epoch = *epoch << 8 | bytes[i];
    }
    return true;
}

static int add_user(struct tool *tool, const struct user_new *user, int64_t *id)
{
    static const enum db_statement may_run[] = {DB_USER_TAKEN, DB_USER_ADD};
    static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};
    int status = file_become_owner(tool, tool->config.beside);
    struct db *store = status == TOOL_DONE ? db_make(&tool->config, &role) : NULL;
    if (store == NULL) {
        return status != TOOL_DONE ? status : tool_out_of_memory(tool);
    }
    struct cause cause = {0};
    db_start(store, true, &cause);
    enum error_code error = users_add(store, &tool->arena, user, tool_now_ms(), id);
    enum error_code end = db_end(store, error == ERR_NONE);
    db_free(store);
    error = error == ERR_NONE ? end : error;
    if (error == ERR_USERNAME_EXISTS) {
        return tool_fail(tool, "The provided username is already taken. Please choose a different "
                               "username.");
    }
    if (error == ERR_EMAIL_EXISTS) {
        return tool_fail(tool, "The provided email is already registered. Please use a different "
                               "email address.");
    }
    return error == ERR_NONE ? TOOL_DONE : admin_fail_store(tool, error, &cause);
}

int user_run_add(struct tool *tool)
{
    struct user_new user;
    int64_t id = 0;
    int status = read_user(tool, &user);
    if (status == TOOL_DONE) {
        status = hash_new_password(tool, &user.password_hash);
    }
    if (status == TOOL_DONE && !random_epoch(tool, &user.epoch)) {
        status = TOOL_FAILED;
    }
    if (status == TOOL_DONE) {
        status = add_user(tool, &user, &id);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "user_added", id, "%s", "");
    return tool_result(tool, account_name_json(tool, id, user.username.at),
                       "user %s is added, with the id %" PRId64, user.username.at, id);
}
