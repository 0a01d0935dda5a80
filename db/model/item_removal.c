/*
 * item_removal.c - deleting all items under a prefix.
 *
 * A deletion is remembered by a tombstone, and only the newest ones are kept. Of many items that
 * are deleted at once most would become tombstones only to be forgotten, so these are deleted right
 * away, a thousand with one statement: all others who want to write wait meanwhile. (A server gives
 * up a statement that takes long, so it is not one for all.)
 */
#include <string.h>

#include "db/model/item_rows.h"

/* How many rows one statement deletes, and how many keys are in memory. */
enum { DELETED_AT_ONCE = 1000, BURIED_AT_ONCE = 32 };

struct removal {
    struct item_writes *writes;
    struct key_range range;
};

enum { REMOVAL_VALUES = 5 };

/* The first parameters of the statements: the items in the range that this transaction has not
 * written. Borrowed from REMOVAL, whose range begins behind what is done already. */
static void removal_values(const struct removal *removal, struct db_value values[REMOVAL_VALUES])
{
    const struct item_writes *writes = removal->writes;
    values[0] = db_integer(writes->owner->user_id);
    values[1] = db_text(removal->range.from);
    values[2] = db_text(removal->range.below);
    values[3] = db_integer(writes->now_ms);
    values[4] = db_integer(writes->before.version);
}

static int64_t at_most(int64_t number, int64_t most)
{
    return number < most ? number : most;
}

static enum error_code count_all(const struct removal *removal, int64_t *keys, int64_t *bytes)
{
    struct db *db = removal->writes->db;
    struct db_value values[REMOVAL_VALUES];
    removal_values(removal, values);
    bool found;
    enum error_code error = db_run(db, DB_ITEM_OLDER, values, REMOVAL_VALUES, &found);
    *keys = error == ERR_NONE && found ? db_column_integer(db, DB_ITEM_OLDER, 0) : 0;
    *bytes = error == ERR_NONE && found ? db_column_integer(db, DB_ITEM_OLDER, 1) : 0;
    return error;
}

/* Forgets the COUNT oldest deletions that are remembered; all, where the counter says more than
 * there are. */
static enum error_code forget_oldest(struct item_writes *writes, int64_t count)
{
    struct item_counters *counters = &writes->counters;
    struct db *db = writes->db;
    int64_t most = DELETED_AT_ONCE;
    while (count > 0) {
        int64_t some = at_most(count, most);
        struct db_value values[] = {db_integer(writes->owner->user_id), db_integer(some - 1)};
        bool found;
        enum error_code error = db_run(db, DB_ITEM_OLD_DELETION, values, 2, &found);
        if (error != ERR_NONE) {
            return error;
        }
        if (!found && some == 1) {
            counters->tombstones = 0;
            return ERR_NONE;
        }
        if (!found) {
            most = some / 2;
            continue;
        }
        int64_t version = db_column_integer(db, DB_ITEM_OLD_DELETION, 0);
        values[1] = db_integer(version);
        error = db_run(db, DB_ITEM_FORGET_TO, values, 2, &found);
        if (error != ERR_NONE) {
            return error;
        }
        counters->tombstones -= some;
        counters->horizon = version > counters->horizon ? version : counters->horizon;
        count -= some;
    }
    return ERR_NONE;
}

/* Reads up to MOST keys, after the first SKIPPED ones. *COUNT is how many they are. */
static enum error_code read_keys(const struct removal *removal, int64_t skipped, size_t most,
                                 struct item_key *keys, size_t *count)
{
    struct db *db = removal->writes->db;
    struct db_value values[REMOVAL_VALUES + 2];
    removal_values(removal, values);
    values[REMOVAL_VALUES] = db_integer(skipped);
    values[REMOVAL_VALUES + 1] = db_integer((int64_t)most);
    bool found;
    enum error_code error = db_run(db, DB_ITEM_OLDER_AHEAD, values, REMOVAL_VALUES + 2, &found);
    for (*count = 0; error == ERR_NONE && found && *count < most; ++*count) {
        if (!item_key_keep(db_column_text(db, DB_ITEM_OLDER_AHEAD, 0), &keys[*count])) {
            return ERR_INTERNAL;
        }
        error = db_step(db, DB_ITEM_OLDER_AHEAD, &found);
    }
    return error;
}

/* Deletes the items from the beginning of the range to before BELOW. */
static enum error_code delete_until(const struct removal *removal, struct text below)
{
    struct db_value values[REMOVAL_VALUES];
    removal_values(removal, values);
    values[2] = db_text(below);
    bool found;
    return db_run(removal->writes->db, DB_ITEM_DELETE_OLDER, values, REMOVAL_VALUES, &found);
}

/* Deletes the first COUNT items without a trace. */
static enum error_code delete_first(struct removal *removal, int64_t count)
{
    struct item_counters *counters = &removal->writes->counters;
    enum error_code error = ERR_NONE;
    while (error == ERR_NONE && count > 0) {
        int64_t some = at_most(count, DELETED_AT_ONCE);
        struct item_key ahead;
        size_t found;
        error = read_keys(removal, some, 1, &ahead, &found);
        if (error != ERR_NONE) {
            return error;
        }
        error = delete_until(removal, found > 0 ? item_key_text(&ahead) : removal->range.below);
        if (error == ERR_NONE && found > 0) {
            key_range_from(&removal->range, item_key_text(&ahead));
        }
        counters->version += some;
        counters->horizon = counters->version;
        count -= some;
    }
    return error;
}

/* Makes all that is left tombstones. */
static enum error_code bury_rest(struct removal *removal)
{
    struct item_counters *counters = &removal->writes->counters;
    struct item_key keys[BURIED_AT_ONCE];
    size_t count = BURIED_AT_ONCE;
    enum error_code error = ERR_NONE;
    while (error == ERR_NONE && count == BURIED_AT_ONCE) {
        error = read_keys(removal, 0, BURIED_AT_ONCE, keys, &count);
        for (size_t i = 0; error == ERR_NONE && i < count; i++) {
            counters->tombstones++;
            error = item_row_bury(removal->writes, item_key_text(&keys[i]), ++counters->version);
        }
        if (error == ERR_NONE && count > 0) {
            key_range_from(&removal->range, item_key_text(&keys[count - 1]));
        }
    }
    return error;
}

enum error_code items_remove_all(struct item_writes *writes, struct text prefix, int64_t *removed)
{
    enum error_code error = items_allow(writes->owner, ITEM_WRITES, prefix);
    if (error == ERR_NONE) {
        error = item_writes_lock(writes);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct removal removal = {.writes = writes};
    key_range_make(prefix, (struct text){.at = "", .size = 0}, false, &removal.range);
    int64_t keys;
    int64_t bytes;
    error = count_all(&removal, &keys, &bytes);
    int64_t remembered = at_most(keys, writes->config->tombstones);
    int64_t forgotten = writes->counters.tombstones + remembered - writes->config->tombstones;
    if (error == ERR_NONE && keys > 0) {
        error = forget_oldest(writes, at_most(forgotten, writes->counters.tombstones));
    }
    if (error == ERR_NONE) {
        error = delete_first(&removal, keys - remembered);
    }
    if (error == ERR_NONE && keys > 0) {
        error = bury_rest(&removal);
    }
    writes->counters.keys -= keys;
    writes->counters.bytes -= bytes;
    writes->removed.keys += keys;
    writes->removed.bytes += bytes;
    *removed = writes->removed.keys;
    return error;
}
