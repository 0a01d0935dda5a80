/*
 * token.c - /api/token: issues an access token for a user name (or e-mail address) and a password,
 * renews a token, and revokes one or all.
 */
#include <stddef.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/input.h"
#include "common/serve/parameters.h"
#include "common/identity/password.h"
#include "cgi-bin/shared/session.h"
#include "cgi-bin/shared/attempts.h"
#include "db/model/audit.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

struct login {
    struct text username;
    struct text email;
    struct text password;
};

/* Clients may send the whole user object; when it has both names, username is used. */
static const struct input_field fields[] = {
    {"username", INPUT_TEXT, true, offsetof(struct login, username), 1, INT64_MAX, NULL,
     ERR_MISSING_FIELDS},
    {"email", INPUT_TEXT, true, offsetof(struct login, email), 1, INT64_MAX, NULL,
     ERR_MISSING_FIELDS},
    {"password", INPUT_TEXT, false, offsetof(struct login, password), 1, INT64_MAX, NULL,
     ERR_MISSING_FIELDS},
};

/* When the stored hash was made with other settings, *HASH becomes a new one, while the password is
 * at hand; otherwise NULL. */
static enum error_code renew_hash(struct call *call, const struct user_login *user,
                                  struct text password, const char **hash)
{
    const struct password_policy policy = {.method = call->config->password_method,
                                           .cost = call->config->password_cost};
    *hash = NULL;
    return password_outdated(user->password_hash, &policy) ? attempt_hash(call, password, hash)
                                                           : ERR_NONE;
}

/* A disabled account is answered like a wrong password, after the same work. */
static enum error_code check_password(struct call *call, const struct user_login *user,
                                      struct text password, const char **new_hash)
{
    bool matches;
    enum error_code error = attempt_verify(call, user->password_hash, password, &matches);
    if (error == ERR_NONE && matches) {
        error = renew_hash(call, user, password, new_hash);
    }
    return error != ERR_NONE || (matches && !user->disabled) ? error : ERR_INVALID_CREDENTIALS;
}

/* Who logs in has not asked for another hash: where it can't be written now, it is by a later
 * login.
 */
static enum error_code replace_hash(struct call *call, const struct user_login *user,
                                    const char *new_hash)
{
    enum error_code error = users_rehash(call->store, user, new_hash);
    if (error == ERR_NONE) {
        error = db_commit_aside(call->store);
    }
    return error != ERR_NONE && db_drop_writes(call->store) ? ERR_NONE : error;
}

static enum error_code read_login(struct call *call, struct login *in)
{
    enum error_code error = input_read_known(call, fields, sizeof fields / sizeof *fields, in);
    if (error == ERR_NONE && in->username.at == NULL && in->email.at == NULL) {
        response_detail(&call->response, "username", "is missing");
        error = ERR_MISSING_FIELDS;
    }
    return error;
}

static enum error_code create_token(struct call *call)
{
    struct session_query query = {.raw = false};
    struct login in = {0};
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = read_login(call, &in);
    }
    if (error != ERR_NONE) {
        return error;
    }
    call->audit.event = "login";
    struct text name = in.username.at != NULL ? in.username : in.email;
    struct user_login user = {0};
    bool found;
    error = attempt_find_account(call, name, &found, &user);
    call->audit.user_id = user.id;
    struct attempt attempt;
    if (error == ERR_NONE) {
        error = attempt_begin(call, ATTEMPT_LOGIN, user.id, name, &attempt);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const char *new_hash = NULL;
    error = check_password(call, &user, in.password, &new_hash);
    if (error == ERR_NONE) {
        error = attempt_succeeded(call, &attempt);
    }
    attempt_end(&attempt);
    if (error == ERR_NONE && new_hash != NULL) {
        error = replace_hash(call, &user, new_hash);
    }
    return error == ERR_NONE ? session_answer(call, user.id, user.epoch, 0, query.raw,
                                              "Access token generated successfully.")
                             : error;
}

static enum error_code refresh_token(struct call *call)
{
    struct session_query query = {.raw = false};
    const struct item_owner owner = items_owner(&call->claims);
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = users_live(call->store, &owner);
    }
    const struct token_claims *claims = &call->claims;
    int64_t started = claims->started != 0 ? claims->started : claims->issued;
    started = started > 0 ? started : 1; /* 0 would mean now, and this is as long ago */
    return error == ERR_NONE ? session_answer(call, owner.user_id, owner.epoch, started, query.raw,
                                              "Access token refreshed successfully.")
                             : error;
}

struct revoke_query {
    bool all;
};

static const struct parameter revoke_parameters[] = {
    {"all", PARAMETER_FLAG, offsetof(struct revoke_query, all), 0, 0, NULL},
    PARAMETERS_END,
};

static enum error_code revoke_token(struct call *call)
{
    struct revoke_query query = {.all = false};
    enum error_code error = parameters_read(call, &query);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    call->audit =
        (struct audit){.event = query.all ? "logout_all" : "logout", .user_id = owner.user_id};
    error = query.all ? users_end_sessions(call->store, &owner)
                      : users_revoke(call->store, call->arena, &owner, call->claims.expires,
                                     call->now_ms);
    if (error == ERR_NONE) {
        response_success(&call->response, 200,
                         query.all ? "All tokens revoked successfully."
                                   : "Token revoked successfully.");
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_BODY | ROUTE_WRITES, ERR_NONE, create_token, session_parameters},
    {HTTP_DELETE, "", ROUTE_TOKEN | ROUTE_WRITES, ERR_NONE, revoke_token, revoke_parameters},
    {HTTP_POST, "/refresh", ROUTE_TOKEN, ERR_NONE, refresh_token, session_parameters},
};

static const enum db_statement may_run[] = {
    DB_LOGIN_BY_USERNAME, DB_LOGIN_BY_EMAIL,  DB_USER_REHASH,       DB_USER_LIVES,
    DB_USER_REVOKED,      DB_USER_REVOKE,     DB_USER_END_SESSIONS, DB_TOKEN_DELETE_ALL,
    TOKEN_STATEMENTS,     ATTEMPT_STATEMENTS, AUDIT_STATEMENTS};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program token_program = {.name = "token",
                                      .routes = routes,
                                      .route_count = sizeof routes / sizeof *routes,
                                      .store = &database_store,
                                      .store_role = &role};

int main(void)
{
    return cgi_main(&token_program);
}
