/*
 * me.c - /api/me: the user's own account: profile, password, deletion, export and import.
 */
#include <stddef.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/input.h"
#include "common/identity/password.h"
#include "cgi-bin/shared/session.h"
#include "cgi-bin/shared/account_call.h"
#include "cgi-bin/shared/attempts.h"
#include "db/model/audit.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

static void add_number(struct call *call, cJSON *object, const char *name, int64_t value)
{
    json_add(object, name, json_new_integer(call->arena, value));
}

/* A limit of 0 means none, and is shown as null. */
static void add_limit(struct call *call, cJSON *object, const char *name, int64_t value)
{
    json_add(object, name, value != 0 ? json_new_integer(call->arena, value) : cJSON_CreateNull());
}

static enum error_code read_profile(struct call *call)
{
    const struct item_owner owner = items_owner(&call->claims);
    struct user_profile profile;
    enum error_code error = users_profile(call->store, &owner, &profile);
    if (error != ERR_NONE) {
        return error;
    }
    call->response.data = profile_json(call, &profile);
    cJSON *usage = cJSON_CreateObject();
    add_number(call, usage, "keys", profile.keys);
    add_number(call, usage, "bytes", profile.bytes);
    response_json(&call->response, "usage", usage);
    const struct item_limits may = items_limits(call->config, &profile.quota);
    cJSON *limits = cJSON_CreateObject();
    add_limit(call, limits, "keys", may.keys);
    add_limit(call, limits, "bytes", may.bytes);
    add_number(call, limits, "value_bytes", call->config->max_value_bytes);
    add_number(call, limits, "device_tokens", TOKENS_MAXIMUM);
    response_json(&call->response, "limits", limits);
    return ERR_NONE;
}

#define AT(name) offsetof(struct user_profile, name)

/* The rules of registration; members that are missing are left unchanged. */
static const struct input_field profile_fields[] = {
    {"email", INPUT_TEXT, true, AT(email), 1, INT64_MAX, user_new_email_fault,
     ERR_INVALID_REGISTRATION},
    {"full_name", INPUT_TEXT, true, AT(full_name), 1, 120, NULL, ERR_INVALID_REGISTRATION},
    {"age", INPUT_WHOLE, true, AT(age), 1, 150, NULL, ERR_INVALID_AGE},
    {"gender", INPUT_TEXT, true, AT(gender), 1, 32, NULL, ERR_GENDER_REQUIRED},
};

static enum error_code update_profile(struct call *call)
{
    enum { COUNT = sizeof profile_fields / sizeof *profile_fields };
    struct user_profile unused = {0};
    enum error_code error = input_read(call, profile_fields, COUNT, &unused);
    const struct item_owner owner = items_owner(&call->claims);
    struct user_profile profile;
    if (error == ERR_NONE && unused.email.at != NULL) {
        error = attempt_check_registration(call);
    }
    if (error == ERR_NONE) {
        call->audit = (struct audit){.event = "profile_change", .user_id = owner.user_id};
        error = users_profile(call->store, &owner, &profile);
    }
    if (error == ERR_NONE) {
        error = input_read(call, profile_fields, COUNT, &profile);
    }
    if (error == ERR_NONE) {
        profile.updated_at = call->now_ms;
        error = users_update(call->store, call->arena, &owner, &profile);
        error = attempt_told_taken(call, error);
    }
    if (error == ERR_EMAIL_EXISTS) {
        response_detail(&call->response, "email", "is registered");
    } else if (error == ERR_NONE) {
        response_success(&call->response, 200, "Profile updated successfully.");
        call->response.data = profile_json(call, &profile);
    }
    return error;
}

/* ---- with the password ----------------------------------------------------------------------- */

struct passwords {
    struct text current;
    struct text next;
};

static const struct input_field change_fields[] = {
    {"current_password", INPUT_TEXT, false, offsetof(struct passwords, current), 1, INT64_MAX, NULL,
     ERR_INVALID_PARAMETER},
    {"new_password", INPUT_TEXT, false, offsetof(struct passwords, next), 1, INT64_MAX, NULL,
     ERR_INVALID_PARAMETER},
    {"new_password", INPUT_TEXT, false, offsetof(struct passwords, next), 1, INT64_MAX,
     password_weakness, ERR_INVALID_PASSWORD},
};

static const struct input_field delete_fields[] = {
    {"password", INPUT_TEXT, false, offsetof(struct passwords, current), 1, INT64_MAX, NULL,
     ERR_INVALID_PARAMETER},
};

/* The hashes of the current password and of the new one. */
struct proof {
    const char *old_hash;
    const char *new_hash; /* NULL when no new password is set */
};

static enum error_code hash_passwords(struct call *call, const struct passwords *in,
                                      struct proof *proof)
{
    bool matches;
    enum error_code error = attempt_verify(call, proof->old_hash, in->current, &matches);
    if (error == ERR_NONE && !matches) {
        error = ERR_INVALID_CREDENTIALS;
    }
    return error == ERR_NONE && in->next.at != NULL ? attempt_hash(call, in->next, &proof->new_hash)
                                                    : error;
}

/* A wrong password counts as a failed login: a token alone must not be a way to guess it. */
static enum error_code prove(struct call *call, const struct item_owner *owner,
                             const struct passwords *in, struct proof *proof)
{
    *proof = (struct proof){0};
    struct attempt attempt;
    enum error_code error = users_password_hash(call->store, call->arena, owner, &proof->old_hash);
    if (error == ERR_NONE) {
        error = attempt_begin(call, ATTEMPT_LOGIN, owner->user_id, (struct text){0}, &attempt);
    }
    if (error != ERR_NONE) {
        return error;
    }
    error = hash_passwords(call, in, proof);
    if (error == ERR_NONE) {
        error = attempt_succeeded(call, &attempt);
    }
    attempt_end(&attempt);
    return error;
}

static enum error_code change_password(struct call *call)
{
    struct session_query query = {.raw = false};
    struct passwords in = {0};
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = input_read(call, change_fields, sizeof change_fields / sizeof *change_fields, &in);
    }
    if (error == ERR_NONE) {
        error = attempt_new_password(call, "new_password", in.next);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    call->audit = (struct audit){.event = "password_change", .user_id = owner.user_id};
    struct proof proof;
    int64_t epoch = 0;
    error = prove(call, &owner, &in, &proof);
    if (error == ERR_NONE) {
        error = users_set_password(call->store, &owner, proof.old_hash, proof.new_hash,
                                   call->now_ms, &epoch);
    }
    return error == ERR_NONE ? session_answer(call, owner.user_id, epoch, 0, query.raw,
                                              "Password changed successfully.")
                             : error;
}

static enum error_code delete_account(struct call *call)
{
    struct passwords in = {0};
    enum error_code error =
        input_read(call, delete_fields, sizeof delete_fields / sizeof *delete_fields, &in);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    call->audit = (struct audit){.event = "account_delete", .user_id = owner.user_id};
    struct proof proof;
    error = prove(call, &owner, &in, &proof);
    if (error == ERR_NONE) {
        error = users_delete(call->store, &owner, proof.old_hash);
    }
    if (error == ERR_NONE) {
        error = attempt_forget(call, owner.user_id);
    }
    if (error == ERR_NONE) {
        error = audit_forget(call->store, owner.user_id); /* takes the last lock of all */
    }
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Account deleted successfully.");
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_GET, "", ROUTE_TOKEN, ERR_NONE, read_profile, NULL},
    {HTTP_PATCH, "", ROUTE_TOKEN | ROUTE_BODY | ROUTE_WRITES, ERR_NONE, update_profile, NULL},
    {HTTP_DELETE, "", ROUTE_TOKEN | ROUTE_BODY | ROUTE_WRITES, ERR_NONE, delete_account, NULL},
    {HTTP_GET, "/export", ROUTE_TOKEN, ERR_NONE, export_account, NULL},
    {HTTP_POST, "/import", ROUTE_TOKEN | ROUTE_BODY | ROUTE_LONG_BODY | ROUTE_WRITES, ERR_NONE,
     import_items, import_parameters},
    {HTTP_PUT, "/password", ROUTE_TOKEN | ROUTE_BODY | ROUTE_WRITES, ERR_NONE, change_password,
     session_parameters},
};

static const enum db_statement may_run[] = {
    DB_USER_EMAIL_TAKEN, DB_USER_UPDATE,     DB_USER_SECRET,      DB_USER_SET_PASSWORD,
    DB_USER_DELETE,      DB_USER_ITEM_AHEAD, DB_USER_DELETE_SOME, DB_USER_DELETE_ITEMS,
    DB_TOKEN_DELETE_ALL, DB_AUDIT_FORGET,    DB_USER_LIVES,       EXPORT_STATEMENTS,
    IMPORT_STATEMENTS,   TOKEN_STATEMENTS,   ATTEMPT_STATEMENTS,  AUDIT_STATEMENTS};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program me_program = {.name = "me",
                                   .routes = routes,
                                   .route_count = sizeof routes / sizeof *routes,
                                   .store = &database_store,
                                   .store_role = &role};

int main(void)
{
    return cgi_main(&me_program);
}
