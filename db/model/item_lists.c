/*
 * item_lists.c - reading many items: by key, or by when they changed.
 */
#include <string.h>

#include "db/model/item_rows.h"

/* The item in the present row of STATEMENT, whose columns are key, version, times, size and value
 * in this order. */
static struct item item_of_row(struct db *db, enum db_statement statement)
{
    struct item item = {.key = db_column_text(db, statement, 0),
                        .version = db_column_integer(db, statement, 1),
                        .created_at = db_column_integer(db, statement, 2),
                        .updated_at = db_column_integer(db, statement, 3),
                        .expires_at = db_column_integer(db, statement, 4),
                        .size = db_column_integer(db, statement, 5)};
    if (!db_column_is_null(db, statement, 6)) {
        item.value = db_column_text(db, statement, 6);
    }
    return item;
}

enum error_code items_list(struct db *db, const struct item_owner *owner, int64_t now_ms,
                           const struct item_selection *selection, item_callback *callback,
                           void *self)
{
    enum error_code error = items_allow(owner, ITEM_READS, selection->prefix);
    if (error != ERR_NONE) {
        return error;
    }
    bool bounded = selection->since > 0 || selection->until != ITEM_FOREVER;
    enum db_statement statement = selection->down ? DB_ITEM_LIST_DOWN
                                  : bounded       ? DB_ITEM_LIST_WITHIN
                                                  : DB_ITEM_LIST;
    struct key_range range;
    key_range_make(selection->prefix, selection->after, selection->down, &range);
    const struct db_value parameters[] = {
        db_integer(owner->user_id),   db_text(range.from),
        db_text(range.below),         db_integer(now_ms),
        db_integer(selection->limit), db_integer(selection->values ? 1 : 0),
        db_integer(selection->since), db_integer(selection->until),
    };
    size_t count = sizeof parameters / sizeof *parameters - (statement == DB_ITEM_LIST ? 2 : 0);
    bool found;
    error = db_run(db, statement, parameters, count, &found);
    while (error == ERR_NONE && found) {
        struct item item = item_of_row(db, statement);
        if (item.key.at == NULL) {
            return ERR_INTERNAL;
        }
        if (!callback(self, &item)) {
            db_stop(db, statement);
            return ERR_NONE;
        }
        error = db_step(db, statement, &found);
    }
    return error;
}

enum error_code items_count(struct db *db, const struct item_owner *owner, int64_t now_ms,
                            const struct item_selection *selection, int64_t *count)
{
    enum error_code error = items_allow(owner, ITEM_READS, selection->prefix);
    if (error != ERR_NONE) {
        return error;
    }
    struct key_range range;
    key_range_make(selection->prefix, (struct text){.at = "", .size = 0}, false, &range);
    const struct db_value parameters[] = {
        db_integer(owner->user_id), db_text(range.from),          db_text(range.below),
        db_integer(now_ms),         db_integer(selection->since), db_integer(selection->until),
    };
    bool found;
    error = db_run(db, DB_ITEM_COUNT, parameters, sizeof parameters / sizeof *parameters, &found);
    *count = error == ERR_NONE && found ? db_column_integer(db, DB_ITEM_COUNT, 0) : 0;
    return error;
}

enum error_code items_changes(struct db *db, const struct item_owner *owner, int64_t now_ms,
                              struct text prefix, int64_t since, bool values,
                              item_callback *callback, void *self)
{
    enum error_code error = items_allow(owner, ITEM_READS, prefix);
    if (error != ERR_NONE) {
        return error;
    }
    struct key_range range;
    key_range_make(prefix, (struct text){.at = "", .size = 0}, false, &range);
    const struct db_value parameters[] = {
        db_integer(owner->user_id), db_integer(since),          db_text(range.from),
        db_text(range.below),       db_integer(values ? 1 : 0),
    };
    bool found;
    error = db_run(db, DB_ITEM_CHANGES, parameters, sizeof parameters / sizeof *parameters, &found);
    while (error == ERR_NONE && found) {
        struct item item = item_of_row(db, DB_ITEM_CHANGES);
        if (item.key.at == NULL) {
            return ERR_INTERNAL;
        }
        bool wanted = item.key.size >= prefix.size &&
                      memcmp(item.key.at, prefix.size > 0 ? prefix.at : "", prefix.size) == 0 &&
                      (item.expires_at <= 0 || item.expires_at > now_ms);
        if (item.expires_at < 0) {
            item.value = (struct text){.at = NULL, .size = 0};
        }
        if (!wanted) {
            item.key = (struct text){.at = NULL, .size = 0};
        }
        if (!callback(self, &item)) {
            db_stop(db, DB_ITEM_CHANGES);
            return ERR_NONE;
        }
        error = db_step(db, DB_ITEM_CHANGES, &found);
    }
    return error;
}
