/*
 * reset.c - POST /api/reset: sets a new password for a user who has lost the old one, with the
 * one-time code that the operator's tool made.
 */
#include <stddef.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/input.h"
#include "common/identity/password.h"
#include "common/identity/reset_code.h"
#include "cgi-bin/shared/attempts.h"
#include "db/model/audit.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

struct input_values {
    struct text username;
    struct text code;
    struct text new_password;
};

#define AT(name) offsetof(struct input_values, name)

static const struct input_field fields[] = {
    {"username", INPUT_TEXT, false, AT(username), 1, INT64_MAX, NULL, ERR_INVALID_PARAMETER},
    {"code", INPUT_TEXT, false, AT(code), 1, INT64_MAX, NULL, ERR_INVALID_PARAMETER},
    {"new_password", INPUT_TEXT, false, AT(new_password), 1, INT64_MAX, NULL,
     ERR_INVALID_PARAMETER},
    {"new_password", INPUT_TEXT, false, AT(new_password), 1, INT64_MAX, password_weakness,
     ERR_INVALID_PASSWORD},
};

/* Looks up the code of USER_ID, also for an unknown user (0), so that the work is the same; in the
 * transaction that uses it up. */
static enum error_code check_code(struct call *call, int64_t user_id, struct text code)
{
    char digest[DIGEST_TEXT_SIZE];
    if (!reset_code_digest(code, digest)) {
        return call_fail(call, ERR_INTERNAL, "digest of a code failed");
    }
    enum error_code error = db_begin(call->store);
    struct text stored = {0};
    if (error == ERR_NONE) {
        error = tokens_reset_code(call->store, user_id, call->now_ms, &stored);
    }
    if (error != ERR_NONE) {
        return error;
    }
    bool good = stored.size == DIGEST_TEXT_SIZE - 1 &&
                secret_equal(stored.at, digest, DIGEST_TEXT_SIZE - 1);
    return good ? ERR_NONE : ERR_INVALID_CREDENTIALS;
}

static enum error_code set_password(struct call *call, int64_t user_id,
                                    const struct input_values *in, const char *hash)
{
    enum error_code error = check_code(call, user_id, in->code);
    bool found = false;
    if (error == ERR_NONE) {
        error = users_reset_password(call->store, user_id, hash, call->now_ms, &found);
    }
    return error == ERR_NONE && !found ? ERR_INVALID_CREDENTIALS : error;
}

/* The new password is hashed before the code is checked, so that right and wrong codes, of known
 * and unknown users, take the same work. */
static enum error_code reset_password(struct call *call)
{
    struct input_values in = {0};
    enum error_code error = input_read(call, fields, sizeof fields / sizeof *fields, &in);
    if (error == ERR_NONE) {
        error = attempt_new_password(call, "new_password", in.new_password);
    }
    if (error != ERR_NONE) {
        return error;
    }
    call->audit.event = "password_reset";
    struct user_login user = {0};
    bool found;
    error = attempt_find_account(call, in.username, &found, &user);
    call->audit.user_id = user.id;
    struct attempt attempt;
    if (error == ERR_NONE) {
        error = attempt_begin(call, ATTEMPT_RESET, user.id, in.username, &attempt);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const char *hash;
    error = attempt_hash(call, in.new_password, &hash);
    if (error == ERR_NONE) {
        error = set_password(call, user.id, &in, hash);
    }
    if (error == ERR_NONE) {
        error = attempt_give_back(call, &attempt);
    }
    if (error == ERR_NONE) {
        error = attempt_forget(call, user.id); /* committed at the end, with the password */
    }
    attempt_end(&attempt);
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Password reset successfully.");
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_BODY | ROUTE_WRITES, ERR_NONE, reset_password, NULL},
};

static const enum db_statement may_run[] = {
    DB_LOGIN_BY_USERNAME, DB_LOGIN_BY_EMAIL,  DB_RESET_CODE,   DB_USER_RESET_PASSWORD,
    DB_TOKEN_DELETE_ALL,  ATTEMPT_STATEMENTS, AUDIT_STATEMENTS};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program reset_program = {.name = "reset",
                                      .routes = routes,
                                      .route_count = sizeof routes / sizeof *routes,
                                      .store = &database_store,
                                      .store_role = &role};

int main(void)
{
    return cgi_main(&reset_program);
}
