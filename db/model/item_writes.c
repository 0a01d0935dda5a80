/*
 * item_writes.c - writing items: versions, tombstones, expiry and quotas, all in one transaction.
 *
 * The user's row is read with the first key and written once at the end, so that a batch of five
 * hundred writes changes it only once. Its counters stay right because no other code changes items.
 */
#include <string.h>

#include "db/model/item_rows.h"

/* How many rows one write cleans up at most. */
enum { SWEEP_MOST = 64, FORGET_MOST = 64 };

void item_writes_begin(struct item_writes *writes, struct db *db, const struct config *config,
                       const struct item_owner *owner, int64_t now_ms)
{
    *writes = (struct item_writes){.db = db, .config = config, .owner = owner, .now_ms = now_ms};
}

enum error_code items_counters(struct db *db, const struct item_owner *owner,
                               struct item_counters *out)
{
    struct db_value values[OWNER_VALUES];
    owner_values(owner, values);
    bool found;
    enum error_code error = db_run(db, DB_COUNTERS_READ, values, OWNER_VALUES, &found);
    if (error != ERR_NONE) {
        return error;
    }
    if (!found) {
        return ERR_INVALID_TOKEN;
    }
    *out = (struct item_counters){.version = db_column_integer(db, DB_COUNTERS_READ, 0),
                                  .keys = db_column_integer(db, DB_COUNTERS_READ, 1),
                                  .bytes = db_column_integer(db, DB_COUNTERS_READ, 2),
                                  .tombstones = db_column_integer(db, DB_COUNTERS_READ, 3),
                                  .horizon = db_column_integer(db, DB_COUNTERS_READ, 4),
                                  .next_expiry = db_column_integer(db, DB_COUNTERS_READ, 5),
                                  .quota = {.keys = db_column_integer(db, DB_COUNTERS_READ, 6),
                                            .bytes = db_column_integer(db, DB_COUNTERS_READ, 7)}};
    return ERR_NONE;
}

static int64_t limit_of(int64_t quota, int64_t setting)
{
    return quota == 0 ? setting : quota == ITEM_QUOTA_NONE ? 0 : quota;
}

struct item_limits items_limits(const struct config *config, const struct item_quota *quota)
{
    return (struct item_limits){.keys = limit_of(quota->keys, config->max_user_keys),
                                .bytes = limit_of(quota->bytes, config->max_user_bytes)};
}

/* Deletes the oldest tombstones beyond the limit, at most FORGET_MOST. The horizon records up to
 * which version deletions may be forgotten. */
static enum error_code forget_deletions(struct item_writes *writes)
{
    struct item_counters *counters = &writes->counters;
    const struct db_value values[] = {db_integer(writes->owner->user_id)};
    for (int i = 0; i < FORGET_MOST && counters->tombstones > writes->config->tombstones; i++) {
        bool found;
        enum error_code error = db_run(writes->db, DB_ITEM_FORGET, values, 1, &found);
        if (error != ERR_NONE) {
            return error;
        }
        if (!found) {
            counters->tombstones = 0;
            return ERR_NONE;
        }
        counters->tombstones--;
        int64_t version = db_column_integer(writes->db, DB_ITEM_FORGET, 0);
        counters->horizon = version > counters->horizon ? version : counters->horizon;
    }
    return ERR_NONE;
}

/* Turns the row of KEY, an item of SIZE bytes, into a tombstone. */
static enum error_code make_tombstone(struct item_writes *writes, struct text key, int64_t size,
                                      int64_t *version)
{
    struct item_counters *counters = &writes->counters;
    *version = ++counters->version;
    counters->keys--;
    counters->bytes -= size;
    counters->tombstones++;
    enum error_code error = item_row_bury(writes, key, *version);
    return error == ERR_NONE ? forget_deletions(writes) : error;
}

static bool sweep_is_due(const struct item_writes *writes)
{
    return writes->counters.next_expiry != 0 && writes->counters.next_expiry <= writes->now_ms;
}

static enum error_code sweep(struct item_writes *writes, int most)
{
    enum error_code error = ERR_NONE;
    const struct db_value values[] = {db_integer(writes->owner->user_id)};
    for (int i = 0; error == ERR_NONE && sweep_is_due(writes) && i < most; i++) {
        bool found;
        error = db_run(writes->db, DB_ITEM_FIRST_EXPIRING, values, 1, &found);
        if (error != ERR_NONE) {
            return error;
        }
        writes->counters.next_expiry =
            found ? db_column_integer(writes->db, DB_ITEM_FIRST_EXPIRING, 1) : 0;
        if (!sweep_is_due(writes)) {
            return ERR_NONE;
        }
        /* The text of the column is valid only until the statement runs again. */
        char copy[ITEM_KEY_MAXIMUM + 1];
        struct text key = db_column_text(writes->db, DB_ITEM_FIRST_EXPIRING, 0);
        if (key.at == NULL || key.size >= sizeof copy) {
            return ERR_INTERNAL;
        }
        memcpy(copy, key.at, key.size + 1);
        key.at = copy;
        int64_t version;
        error = make_tombstone(writes, key,
                               db_column_integer(writes->db, DB_ITEM_FIRST_EXPIRING, 2), &version);
    }
    return error;
}

enum error_code item_writes_hold(struct item_writes *writes)
{
    if (writes->locked) {
        return ERR_NONE;
    }
    enum error_code error = db_begin(writes->db);
    if (error == ERR_NONE) {
        error = items_counters(writes->db, writes->owner, &writes->counters);
    }
    writes->locked = error == ERR_NONE;
    writes->before = writes->counters;
    return error;
}

enum error_code item_writes_lock(struct item_writes *writes)
{
    enum error_code error = item_writes_hold(writes);
    if (error != ERR_NONE || writes->swept) {
        return error;
    }
    writes->swept = true;
    return sweep(writes, SWEEP_MOST);
}

enum error_code items_sweep(struct item_writes *writes, int most)
{
    enum error_code error = item_writes_lock(writes);
    return error == ERR_NONE ? sweep(writes, most) : error;
}

/* Reads the row of ITEM->key, which may be an item, an expired one or a tombstone. */
static enum error_code find_row(struct item_writes *writes, struct item *item, bool *found)
{
    struct db *db = writes->db;
    const struct db_value values[] = {db_integer(writes->owner->user_id), db_text(item->key)};
    bool present;
    enum error_code error =
        db_run(db, DB_ITEM_FIND, values, sizeof values / sizeof *values, &present);
    if (error != ERR_NONE) {
        return error;
    }
    struct item row = {.key = item->key};
    if (present) {
        row.version = db_column_integer(db, DB_ITEM_FIND, 0);
        row.created_at = db_column_integer(db, DB_ITEM_FIND, 1);
        row.updated_at = db_column_integer(db, DB_ITEM_FIND, 2);
        row.expires_at = db_column_integer(db, DB_ITEM_FIND, 3);
        row.size = db_column_integer(db, DB_ITEM_FIND, 4);
    }
    writes->row.present = present;
    writes->row.tombstone = row.expires_at < 0;
    writes->row.live = present && (row.expires_at == 0 || row.expires_at > writes->now_ms);
    writes->row.older = writes->row.live && row.version <= writes->before.version;
    writes->row.size = row.size;
    *found = writes->row.live;
    *item = row;
    if (!*found) {
        *item = (struct item){.key = row.key}; /* nothing of the old row shows */
    }
    return ERR_NONE;
}

enum error_code items_find(struct item_writes *writes, struct item *item, bool *found)
{
    enum error_code error = items_allow(writes->owner, ITEM_WRITES, item->key);
    if (error == ERR_NONE) {
        error = item_writes_lock(writes);
    }
    return error == ERR_NONE ? find_row(writes, item, found) : error;
}

static bool is_over(int64_t now, int64_t before, int64_t removed, int64_t limit)
{
    return limit != 0 && now > limit && now > before && now > removed;
}

/* Whether a counter is above its limit, higher than before this write, and higher than what
 * is being replaced. */
static bool over_quota(const struct item_writes *writes, const struct item_counters *before)
{
    const struct item_counters *now = &writes->counters;
    const struct item_limits limits = items_limits(writes->config, &now->quota);
    return is_over(now->keys, before->keys, writes->removed.keys, limits.keys) ||
           is_over(now->bytes, before->bytes, writes->removed.bytes, limits.bytes);
}

/* Adds ITEM to the counters. False when a quota does not allow it; then nothing has changed. */
static bool count_item(struct item_writes *writes, const struct item *item)
{
    struct item_counters *counters = &writes->counters;
    const struct item_counters before = *counters;
    bool counted = writes->row.present && !writes->row.tombstone;
    counters->version++;
    counters->keys += counted ? 0 : 1;
    counters->bytes += item->size - (counted ? writes->row.size : 0);
    counters->tombstones -= writes->row.tombstone ? 1 : 0;
    if (!writes->late_quota && over_quota(writes, &before)) {
        *counters = before;
        return false;
    }
    return true;
}

enum error_code items_put(struct item_writes *writes, struct item *item)
{
    item->size = (int64_t)item->value.size;
    while (!count_item(writes, item)) {
        if (!sweep_is_due(writes)) {
            return ERR_QUOTA_EXCEEDED;
        }
        /* Expired items are swept before a write is refused because of a quota. */
        struct item again = {.key = item->key};
        bool found;
        enum error_code error = sweep(writes, SWEEP_MOST);
        if (error == ERR_NONE) {
            error = find_row(writes, &again, &found);
        }
        if (error != ERR_NONE) {
            return error;
        }
    }
    struct item_counters *counters = &writes->counters;
    if (writes->replaces && writes->row.older) {
        writes->removed.keys++;
        writes->removed.bytes += writes->row.size;
    }
    item->version = counters->version;
    if (!writes->keeps_times) {
        item->created_at = writes->row.live ? item->created_at : writes->now_ms;
        item->updated_at = writes->now_ms;
    }
    if (item->expires_at != 0 &&
        (counters->next_expiry == 0 || item->expires_at < counters->next_expiry)) {
        counters->next_expiry = item->expires_at;
    }
    return item_row_store(writes, item, writes->row.present);
}

enum error_code items_remove(struct item_writes *writes, struct item *item)
{
    return make_tombstone(writes, item->key, writes->row.size, &item->version);
}

/* Expired items are swept before all writes are refused because of a quota. */
static enum error_code check_quota(struct item_writes *writes)
{
    enum error_code error = ERR_NONE;
    while (error == ERR_NONE && over_quota(writes, &writes->before)) {
        error = sweep_is_due(writes) ? sweep(writes, SWEEP_MOST) : ERR_QUOTA_EXCEEDED;
    }
    return error;
}

enum error_code item_writes_end(struct item_writes *writes)
{
    const struct item_counters *counters = &writes->counters;
    if (!writes->locked) {
        return ERR_NONE;
    }
    enum error_code error = writes->late_quota ? check_quota(writes) : ERR_NONE;
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {
        db_integer(writes->owner->user_id), db_integer(counters->version),
        db_integer(counters->keys),         db_integer(counters->bytes),
        db_integer(counters->tombstones),   db_integer(counters->horizon),
        db_integer(counters->next_expiry),
    };
    bool found;
    return db_run(writes->db, DB_COUNTERS_WRITE, values, sizeof values / sizeof *values, &found);
}
