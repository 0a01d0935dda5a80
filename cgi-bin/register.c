/*
 * register.c - POST /api/register: a new account.
 */
#include <stddef.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/input.h"
#include "common/identity/password.h"
#include "common/serve/serve.h"
#include "cgi-bin/shared/attempts.h"
#include "db/model/audit.h"
#include "db/model/users.h"

struct registration {
    struct text username;
    struct text email;
    struct text password;
    struct text full_name;
    int64_t age;
    struct text gender;
};

#define AT(name) offsetof(struct registration, name)

static const struct input_field fields[] = {
    {"username", INPUT_TEXT, false, AT(username), 1, 64, user_new_name_fault,
     ERR_INVALID_REGISTRATION},
    {"email", INPUT_TEXT, false, AT(email), 1, INT64_MAX, user_new_email_fault,
     ERR_INVALID_REGISTRATION},
    {"password", INPUT_TEXT, false, AT(password), 1, INT64_MAX, NULL, ERR_INVALID_REGISTRATION},
    {"full_name", INPUT_TEXT, false, AT(full_name), 1, 120, NULL, ERR_INVALID_REGISTRATION},
    {"age", INPUT_WHOLE, false, AT(age), 1, 150, NULL, ERR_INVALID_AGE},
    {"gender", INPUT_TEXT, false, AT(gender), 1, 32, NULL, ERR_GENDER_REQUIRED},
    {"password", INPUT_TEXT, false, AT(password), 1, INT64_MAX, password_weakness,
     ERR_INVALID_PASSWORD},
};

/* Hashes the password when a slot is free. The limit is checked again before, since other calls may
 * have reached it while this one waited. */
static enum error_code hash_password(struct call *call, struct text password, const char **hash)
{
    struct attempt attempt;
    enum error_code error = attempt_take_slot(call, &attempt);
    if (error != ERR_NONE) {
        return error;
    }
    error = attempt_check_registration(call);
    if (error == ERR_NONE) {
        error = attempt_hash(call, password, hash);
    }
    attempt_end(&attempt);
    return error;
}

/* The first epoch is random, so that nobody can guess it: see migration 1 in db/engine/schema.c.
 * Positive, and far below the maximum of int64_t. */
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
    enum error_code error = input_read_known(call, fields, sizeof fields / sizeof *fields, &in);
    if (error == ERR_NONE) {
        error = attempt_new_password(call, "password", in.password);
    }
    if (error != ERR_NONE) {
        return error;
    }
    call->audit.event = "register";
    error = attempt_check_registration(call);
    if (error == ERR_NONE) {
        /* Checked before the costly hash; the insert decides. */
        error = users_taken(call->store, call->arena, in.username, in.email);
        error = attempt_told_taken(call, error);
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
    if (error == ERR_NONE) {
        error = attempt_count_registration(call);
    }
    int64_t id = 0;
    if (error == ERR_NONE) {
        error = users_add(call->store, call->arena, &user, call->now_ms, &id);
        if (error == ERR_USERNAME_EXISTS || error == ERR_EMAIL_EXISTS) {
            enum error_code kept = db_commit_aside(call->store); /* the count; nothing was added */
            error = kept != ERR_NONE ? kept : error;
        }
    }
    if (error == ERR_USERNAME_EXISTS) {
        response_detail(&call->response, "username", "is taken");
    } else if (error == ERR_EMAIL_EXISTS) {
        response_detail(&call->response, "email", "is registered");
    } else if (error == ERR_NONE) {
        call->audit.user_id = id;
        answer(call, &in, id);
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_BODY | ROUTE_WRITES, ERR_INVALID_REGISTRATION, register_user, NULL},
};

static const enum db_statement may_run[] = {DB_USER_TAKEN,     DB_USER_ADD,       DB_THROTTLE_READ,
                                            DB_THROTTLE_COUNT, DB_THROTTLE_SWEEP, AUDIT_STATEMENTS};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program register_program = {.name = "register",
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof *routes,
                                         .store = &database_store,
                                         .store_role = &role};

int main(void)
{
    return cgi_main(&register_program);
}
