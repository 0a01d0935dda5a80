/*
 * token.c - POST /api/token: a user name (or e-mail) and a password for an access token.
 */
#include "common/token.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/input.h"
#include "common/password.h"
#include "common/serve.h"
#include "db/users.h"

struct login {
    struct text username;
    struct text email;
    struct text password;
};

/* Clients send the whole user object, so both names may be there: username counts first. */
static const struct input_field fields[] = {
    {"username", INPUT_TEXT, true, offsetof(struct login, username), 1, INT64_MAX, NULL,
     ERR_MISSING_FIELDS},
    {"email", INPUT_TEXT, true, offsetof(struct login, email), 1, INT64_MAX, NULL,
     ERR_MISSING_FIELDS},
    {"password", INPUT_TEXT, false, offsetof(struct login, password), 1, INT64_MAX, NULL,
     ERR_MISSING_FIELDS},
};

/* Whether the password is that of the account. An unknown name costs the same hash. */
static enum error_code check_password(struct call *call, const struct user_login *user,
                                      struct text password)
{
    bool matches = false;
    enum error_code error;
    if (user == NULL) {
        const struct password_policy policy = {.method = call->config->password_method,
                                               .cost = call->config->password_cost};
        const char *unused;
        error =
            password_hash(call->transport, call->arena, &policy, password, &unused, &call->cause);
    } else {
        error = password_verify(call->arena, user->password_hash, password, &matches, &call->cause);
    }
    if (error != ERR_NONE) {
        return error;
    }
    return matches ? ERR_NONE : ERR_INVALID_CREDENTIALS;
}

/* A hash made by an earlier setting is made anew while the password is at hand. */
static enum error_code renew_hash(struct call *call, const struct user_login *user,
                                  struct text password)
{
    const struct password_policy policy = {.method = call->config->password_method,
                                           .cost = call->config->password_cost};
    if (!password_outdated(user->password_hash, &policy)) {
        return ERR_NONE;
    }
    const char *hash;
    enum error_code error =
        password_hash(call->transport, call->arena, &policy, password, &hash, &call->cause);
    return error == ERR_NONE ? users_rehash(call->store, user, hash) : error;
}

static enum error_code issue(struct call *call, const struct user_login *user)
{
    const struct token_keys *keys;
    enum error_code error = call_keys(call, &keys);
    if (error != ERR_NONE) {
        return error;
    }
    unsigned char id[TOKEN_ID_SIZE / 2];
    if (!call->transport->random(call->transport, id, sizeof id)) {
        return call_fail(call, ERR_INTERNAL, "no random bytes for a token");
    }
    int64_t now = call->now_ms / 1000;
    struct token_claims claims = {.user_id = user->id,
                                  .epoch = user->epoch,
                                  .issued = now,
                                  .expires = now + call->config->token_lifetime};
    hex_encode(id, sizeof id, claims.id);
    const char *token;
    error = token_sign(keys, &claims, call->arena, &token, &call->cause);
    if (error != ERR_NONE) {
        return error;
    }
    struct response *response = &call->response;
    response_success(response, 200, "Access token generated successfully.");
    response->token = token;
    response_text(response, "access_token", token);
    response_text(response, "token_type", "Bearer");
    response_integer(response, "expires_in", call->config->token_lifetime);
    return ERR_NONE;
}

static enum error_code read_login(struct call *call, struct login *in)
{
    enum error_code error = input_read(call, fields, sizeof fields / sizeof *fields, in);
    if (error == ERR_NONE && in->username.at == NULL && in->email.at == NULL) {
        response_detail(&call->response, "username", "is missing");
        error = ERR_MISSING_FIELDS;
    }
    return error;
}

static enum error_code create_token(struct call *call)
{
    struct login in = {0};
    enum error_code error = read_login(call, &in);
    if (error != ERR_NONE) {
        return error;
    }
    struct text name = in.username.at != NULL ? in.username : in.email;
    struct user_login user;
    bool found;
    error = users_find_login(call->store, call->arena, name, &found, &user);
    if (error == ERR_NONE) {
        error = check_password(call, found ? &user : NULL, in.password);
    }
    if (error == ERR_NONE) {
        error = renew_hash(call, &user, in.password);
    }
    return error == ERR_NONE ? issue(call, &user) : error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_BODY | ROUTE_WRITES, ERR_NONE, create_token},
};

static const enum db_statement may_run[] = {DB_LOGIN_BY_USERNAME, DB_LOGIN_BY_EMAIL,
                                            DB_USER_REHASH};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program token_program = {.name = "token",
                                      .routes = routes,
                                      .route_count = sizeof routes / sizeof *routes,
                                      .store = &db_store,
                                      .store_role = &role};

int main(void)
{
    return cgi_main(&token_program);
}
