/*
 * attempts.c - logins, resets and registrations are counted and limited.
 */
#include "cgi-bin/shared/attempts.h"

#include <inttypes.h>

#include "common/identity/password.h"
#include "common/identity/password_list.h"
#include "common/base/slots.h"

static enum error_code out_of_memory(struct call *call)
{
    return call_fail(call, ERR_INTERNAL, "out of memory while counting an attempt");
}

/* What is counted for an account: its number, or the name when there is no such account. Unknown
 * names are throttled like existing ones, so that a 429 does not tell which names exist. */
static bool name_account(struct call *call, enum attempt_kind kind, int64_t user_id,
                         struct text name, struct throttle *out)
{
    *out = (struct throttle){.user_id = user_id,
                             .limit = call->config->login_limit_account,
                             .window = call->config->login_window * 1000};
    if (out->limit == 0) {
        return true;
    }
    bool reset = kind == ATTEMPT_RESET;
    const char *who = user_id != 0 ? arena_printf(call->arena, "%" PRId64, user_id)
                                   : text_lower(call->arena, name);
    return who != NULL && throttle_id(call->arena,
                                      user_id != 0 ? (reset ? "reset:user" : "login:user")
                                                   : (reset ? "reset:name" : "login:name"),
                                      text_of(who), &out->id);
}

static bool name_address(struct call *call, const char *kind, int64_t limit, int64_t window,
                         struct throttle *out)
{
    *out = (struct throttle){.limit = limit, .window = window * 1000};
    if (limit == 0) {
        return true;
    }
    const char *address = call_address(call);
    return address != NULL && throttle_id(call->arena, kind, text_of(address), &out->id);
}

/* Passes ERROR on, and for a refused client notes how long it has to wait. */
static enum error_code refused(struct call *call, enum error_code error, int64_t until)
{
    if (error == ERR_TOO_MANY_ATTEMPTS) {
        call->retry_after = (until - call->now_ms + 999) / 1000;
    }
    return error;
}

/* Sweeps a few rows from a random position, so that in time each row is visited. */
static enum error_code sweep(struct call *call)
{
    int64_t from = 0;
    (void)call->transport->random(call->transport, (unsigned char *)&from, sizeof from);
    return throttle_sweep(call->store, from & INT64_MAX, call->now_ms);
}

static enum error_code count_attempt(struct call *call, const struct attempt *attempt)
{
    int64_t until = 0;
    enum error_code error = throttle_count(call->store, &attempt->address, call->now_ms, &until);
    if (error == ERR_NONE) {
        error = throttle_count(call->store, &attempt->account, call->now_ms, &until);
    }
    if (error == ERR_NONE && (attempt->address.limit != 0 || attempt->account.limit != 0)) {
        error = sweep(call);
    }
    if (error == ERR_NONE) {
        error = db_commit_aside(call->store);
    }
    call->counted = error == ERR_NONE;
    return refused(call, error, until);
}

static enum error_code check_attempt(struct call *call, const struct attempt *attempt)
{
    int64_t until = 0;
    enum error_code error = throttle_check(call->store, &attempt->address, call->now_ms, &until);
    if (error == ERR_NONE) {
        error = throttle_check(call->store, &attempt->account, call->now_ms, &until);
    }
    return refused(call, error, until);
}

enum error_code attempt_take_slot(struct call *call, struct attempt *attempt)
{
    attempt->slot = -1;
    const char *path = arena_printf(call->arena, "%s-hashes", call->config->beside);
    if (path == NULL) {
        return out_of_memory(call);
    }
    /* The key file: on that of the database, or of what leads to it, SQLite has its locks. */
    const struct slots slots = {.path = path,
                                .instead = call->config->keys,
                                .instead_first = SLOTS_SHARED_HASHES,
                                .what = "password hashes (max_hashes)",
                                .count = call->config->max_hashes};
    /* While this call waits for a slot, it must not hold a database lock that the holder of the
     * slot needs to finish. */
    enum error_code error = db_commit_early(call->store);
    return error == ERR_NONE ? slot_take(&slots, call->patience, &attempt->slot, &call->cause)
                             : error;
}

enum error_code attempt_find_account(struct call *call, struct text name, bool *found,
                                     struct user_login *out)
{
    enum error_code error = db_begin_read(call->store);
    return error == ERR_NONE ? users_find_login(call->store, call->arena, name, found, out) : error;
}

enum error_code attempt_begin(struct call *call, enum attempt_kind kind, int64_t user_id,
                              struct text name, struct attempt *attempt)
{
    attempt->slot = -1;
    if (!name_account(call, kind, user_id, name, &attempt->account) ||
        !name_address(call, "login:address", call->config->login_limit_address,
                      call->config->login_window, &attempt->address)) {
        return out_of_memory(call);
    }
    /* The limit is checked first, so that a flood takes no slots from others, and is enforced by
     * the count afterwards. The slot is taken before counting and kept until the count of a
     * success is taken back. So no more attempts are counted and still undecided than there are
     * slots, and many right passwords at the same time do not reach the limit. (A reset frees it
     * just before the commit that takes its count back.) */
    enum error_code error = call->counted ? ERR_NONE : check_attempt(call, attempt);
    if (error == ERR_NONE) {
        error = attempt_take_slot(call, attempt);
    }
    if (error == ERR_NONE && !call->counted) {
        error = count_attempt(call, attempt);
    }
    if (error != ERR_NONE) {
        attempt_end(attempt);
    }
    return error;
}

enum error_code attempt_new_password(struct call *call, const char *field, struct text password)
{
    bool refused;
    enum error_code error =
        password_list_has(call->config->refused_passwords, password, &refused, &call->cause);
    if (error == ERR_NONE && refused) {
        response_detail(&call->response, field, password_list_reason);
        error = ERR_INVALID_PASSWORD;
    }
    return error;
}

static struct password_policy policy_of(const struct call *call)
{
    return (struct password_policy){.method = call->config->password_method,
                                    .cost = call->config->password_cost};
}

enum error_code attempt_hash(struct call *call, struct text password, const char **hash)
{
    const struct password_policy policy = policy_of(call);
    unsigned char salt[PASSWORD_SALT_BYTES];
    if (!call->transport->random(call->transport, salt, sizeof salt)) {
        return call_fail(call, ERR_INTERNAL, "no random bytes for a salt");
    }
    return password_hash(call->arena, salt, &policy, password, hash, &call->cause);
}

/* For an account whose hash nothing can match, or for none: the same work, and no match. Also
 * besides that of a hash that was made by other settings, which may be cheaper, and would tell by
 * that that the account exists. */
static enum error_code verify_nothing(struct call *call, struct text password, const char *fault)
{
    const char *unused;
    if (fault != NULL) {
        (void)call_fail(call, ERR_INVALID_CREDENTIALS,
                        "the password hash of user %" PRId64 " %s; \"cubby user passwd\" sets "
                        "another",
                        call->audit.user_id, fault);
    }
    return attempt_hash(call, password, &unused);
}

enum error_code attempt_verify(struct call *call, const char *stored, struct text password,
                               bool *matches)
{
    *matches = false;
    const char *fault = stored != NULL ? password_hash_fault(text_of(stored)) : NULL;
    if (stored == NULL || fault != NULL) {
        return verify_nothing(call, password, fault);
    }
    enum error_code error = password_verify(call->arena, stored, password, matches, &call->cause);
    if (error == ERR_INVALID_CREDENTIALS) {
        return verify_nothing(call, password, "is refused by libxcrypt");
    }
    const struct password_policy policy = policy_of(call);
    return error == ERR_NONE && !*matches && password_outdated(stored, &policy)
               ? verify_nothing(call, password, NULL)
               : error;
}

void attempt_end(struct attempt *attempt)
{
    slot_free(attempt->slot);
    attempt->slot = -1;
}

enum error_code attempt_give_back(struct call *call, const struct attempt *attempt)
{
    return throttle_give_back(call->store, &attempt->address);
}

enum error_code attempt_succeeded(struct call *call, const struct attempt *attempt)
{
    enum error_code error = attempt_give_back(call, attempt);
    if (error == ERR_NONE) {
        error = throttle_clear(call->store, &attempt->account);
    }
    if (error == ERR_NONE) {
        error = db_commit_aside(call->store);
    }
    call->counted = call->counted && error != ERR_NONE;
    return error;
}

static bool name_registration(struct call *call, struct throttle *out)
{
    return name_address(call, "register:address", call->config->register_limit,
                        call->config->register_window, out);
}

enum error_code attempt_check_registration(struct call *call)
{
    struct throttle address;
    int64_t until = 0;
    if (!name_registration(call, &address)) {
        return out_of_memory(call);
    }
    enum error_code error = throttle_check(call->store, &address, call->now_ms, &until);
    if (error == ERR_NONE) {
        error = db_commit_early(call->store); /* the password hash that comes next takes long */
    }
    return refused(call, error, until);
}

enum error_code attempt_told_taken(struct call *call, enum error_code error)
{
    if (error != ERR_USERNAME_EXISTS && error != ERR_EMAIL_EXISTS) {
        return error;
    }
    enum error_code counted = attempt_count_registration(call);
    if (counted == ERR_NONE) {
        counted = db_commit_aside(call->store); /* it stays counted though the call fails */
    }
    return counted != ERR_NONE ? counted : error;
}

enum error_code attempt_count_registration(struct call *call)
{
    struct throttle address;
    int64_t until = 0;
    if (!name_registration(call, &address)) {
        return out_of_memory(call);
    }
    enum error_code error = throttle_count(call->store, &address, call->now_ms, &until);
    if (error == ERR_NONE && address.limit != 0) {
        error = sweep(call);
    }
    return refused(call, error, until);
}

enum error_code attempt_forget(struct call *call, int64_t user_id)
{
    static const enum attempt_kind kinds[] = {ATTEMPT_LOGIN, ATTEMPT_RESET};
    enum error_code error = ERR_NONE;
    for (size_t i = 0; error == ERR_NONE && i < sizeof kinds / sizeof *kinds; i++) {
        struct throttle account;
        if (!name_account(call, kinds[i], user_id, (struct text){0}, &account)) {
            return out_of_memory(call);
        }
        error = throttle_clear(call->store, &account);
    }
    return error;
}
