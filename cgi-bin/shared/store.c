/*
 * store.c - the database as the store of a program.
 */
#include "cgi-bin/shared/store.h"

#include "db/engine/db.h"
#include "db/model/audit.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

static void *store_make(const struct config *config, const void *role)
{
    return db_make(config, role);
}

static void store_start(void *store, bool writes, int64_t patience, struct cause *cause)
{
    db_start(store, writes, cause);
    db_set_patience(store, patience);
}

static enum error_code store_authenticate(void *store, struct arena *arena,
                                          const struct device_token *token, bool writes,
                                          int64_t now_ms, struct token_claims *claims)
{
    return tokens_authenticate(store, arena, token, writes, now_ms, claims);
}

static enum error_code store_look_up(void *store, const struct token_claims *claims)
{
    const struct item_owner owner = items_owner(claims);
    enum error_code error = db_begin_read(store);
    if (error == ERR_NONE) {
        error = users_live_now(store, &owner);
    }
    enum error_code ended = db_commit_early(store);
    return error != ERR_NONE ? error : ended;
}

static bool store_try_again(void *store, struct cause *cause)
{
    return db_try_again(store, cause);
}

static enum error_code store_end(void *store, bool good)
{
    return db_end(store, good);
}

static bool store_has_committed(const void *store)
{
    return db_has_committed(store);
}

static enum error_code store_add_event(void *store, int64_t user_id, struct text text,
                                       struct text unnamed, int64_t rows, struct cause *cause)
{
    db_allow_writes(store, cause);
    return audit_add(store, user_id, text, unnamed, rows);
}

static bool store_drop_writes(void *store)
{
    return db_drop_writes(store);
}

static bool store_has_deferred(const void *store)
{
    return db_has_deferred(store);
}

static void store_run_deferred(void *store, int64_t now_ms)
{
    struct cause unreported = {0};
    db_deferred_begin(store, &unreported);
    int64_t token = db_noted_use(store);
    if (token != 0) {
        enum error_code error = db_begin_separate(store);
        if (error == ERR_NONE) {
            error = tokens_used(store, token, now_ms);
        }
        db_end_separate(store, error == ERR_NONE);
    }
    db_deferred_end(store);
}

static bool store_rest(void *store)
{
    return db_rest(store);
}

static void store_destroy(void *store)
{
    db_free(store);
}

const struct store_class database_store = {.make = store_make,
                                           .start = store_start,
                                           .authenticate = store_authenticate,
                                           .look_up = store_look_up,
                                           .try_again = store_try_again,
                                           .end = store_end,
                                           .has_committed = store_has_committed,
                                           .add_event = store_add_event,
                                           .drop_writes = store_drop_writes,
                                           .has_deferred = store_has_deferred,
                                           .run_deferred = store_run_deferred,
                                           .rest = store_rest,
                                           .destroy = store_destroy};
