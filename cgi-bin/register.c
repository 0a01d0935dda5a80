/*
 * register.c - POST /api/register: a new account.
 */
#include <stddef.h>
#include <string.h>

#include "common/input.h"
#include "common/password.h"
#include "common/serve.h"
#include "db/users.h"

struct registration {
    struct text username;
    struct text email;
    struct text password;
    struct text full_name;
    int64_t age;
    struct text gender;
};

static const char *check_username(struct text username)
{
    if (memchr(username.at, '@', username.size) != NULL) {
        return "must not have an @";
    }
    if (text_has_control(username)) {
        return "must not have control characters";
    }
    if (username.at[0] == ' ' || username.at[username.size - 1] == ' ') {
        return "must not start or end with a space";
    }
    return NULL;
}

/* Two labels at least, none empty. */
static bool is_dotted_host(struct text host)
{
    size_t labels = 0;
    size_t length = 0;
    for (size_t i = 0; i <= host.size; i++) {
        if (i < host.size && host.at[i] != '.') {
            length++;
            continue;
        }
        if (length == 0) {
            return false;
        }
        labels++;
        length = 0;
    }
    return labels >= 2;
}

static const char *check_email(struct text email)
{
    enum { EMAIL_MAXIMUM = 254 }; /* bytes, RFC 5321 section 4.5.3.1.3 */
    if (email.size > EMAIL_MAXIMUM) {
        return "must have at most 254 bytes";
    }
    if (text_has_control(email) || memchr(email.at, ' ', email.size) != NULL) {
        return "must not have spaces or control characters";
    }
    const char *at = memchr(email.at, '@', email.size);
    size_t local = at != NULL ? (size_t)(at - email.at) : 0;
    if (local == 0 || memchr(at + 1, '@', email.size - local - 1) != NULL) {
        return "must have one @ with something before it";
    }
    struct text host = {.at = at + 1, .size = email.size - local - 1};
    return is_dotted_host(host) ? NULL : "must have a host of dot-separated names after the @";
}

#define AT(name) offsetof(struct registration, name)

static const struct input_field fields[] = {
    {"username", INPUT_TEXT, false, AT(username), 1, 64, check_username, ERR_INVALID_REGISTRATION},
    {"email", INPUT_TEXT, false, AT(email), 1, INT64_MAX, check_email, ERR_INVALID_REGISTRATION},
    {"password", INPUT_TEXT, false, AT(password), 1, INT64_MAX, NULL, ERR_INVALID_REGISTRATION},
    {"full_name", INPUT_TEXT, false, AT(full_name), 1, 120, NULL, ERR_INVALID_REGISTRATION},
    {"age", INPUT_WHOLE, false, AT(age), 1, 150, NULL, ERR_INVALID_AGE},
    {"gender", INPUT_TEXT, false, AT(gender), 1, 32, NULL, ERR_GENDER_REQUIRED},
    {"password", INPUT_TEXT, false, AT(password), 1, INT64_MAX, password_weakness,
     ERR_INVALID_PASSWORD},
};

static enum error_code hash_password(struct call *call, struct text password, const char **hash)
{
    const struct password_policy policy = {.method = call->config->password_method,
                                           .cost = call->config->password_cost};
    return password_hash(call->transport, call->arena, &policy, password, hash, &call->cause);
}

/* A first epoch nobody can guess: see the schema. Positive, and far from the end of int64. */
static enum error_code random_epoch(struct call *call, int64_t *epoch)
{
    unsigned char bytes[5];
    if (!call->transport->random(call->transport, bytes, sizeof bytes)) {
        return call_fail(call, ERR_INTERNAL, "no random bytes for an epoch");
    }
    *epoch = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        *epoch = *epoch << 8 | bytes[i];
    }
    return ERR_NONE;
}

static void answer(struct call *call, const struct registration *in, int64_t id)
{
    struct response *response = &call->response;
    response_success(response, 201, "User successfully registered!");
    response_integer(response, "user_id", id);
    response_text(response, "username", in->username.at);
    response_text(response, "email", in->email.at);
    response_text(response, "full_name", in->full_name.at);
    response_integer(response, "age", in->age);
    response_text(response, "gender", in->gender.at);
}

static enum error_code register_user(struct call *call)
{
    struct registration in = {0};
    enum error_code error = input_read(call, fields, sizeof fields / sizeof *fields, &in);
    if (error == ERR_NONE) {
        /* Asked before the costly hash, and decided again by the insert. */
        error = users_taken(call->store, call->arena, in.username, in.email);
    }
    struct user_new user = {.username = in.username,
                            .email = in.email,
                            .full_name = in.full_name,
                            .gender = in.gender,
                            .age = in.age};
    if (error == ERR_NONE) {
        error = hash_password(call, in.password, &user.password_hash);
    }
    if (error == ERR_NONE) {
        error = random_epoch(call, &user.epoch);
    }
    int64_t id = 0;
    if (error == ERR_NONE) {
        error = users_add(call->store, call->arena, &user, call->now_ms, &id);
    }
    if (error == ERR_USERNAME_EXISTS) {
        response_detail(&call->response, "username", "is taken");
    } else if (error == ERR_EMAIL_EXISTS) {
        response_detail(&call->response, "email", "is registered");
    } else if (error == ERR_NONE) {
        answer(call, &in, id);
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_BODY | ROUTE_WRITES, ERR_INVALID_REGISTRATION, register_user},
};

static const enum db_statement may_run[] = {DB_USER_TAKEN, DB_USER_ADD};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program register_program = {.name = "register",
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof *routes,
                                         .store = &db_store,
                                         .store_role = &role};

int main(void)
{
    return cgi_main(&register_program);
}
