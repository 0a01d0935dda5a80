/*
 * item_rows.c - ranges of keys, and writing one row. See item_rows.h.
 */
#include <string.h>

#include "db/model/item_rows.h"

/*
 * Keys are compared byte by byte. The next key after AFTER could be AFTER with one more character,
 * so the lower bound is AFTER followed by a byte that no key has. The upper bound is PREFIX
 * followed by more copies of the last Unicode character than fit into a key, which avoids computing
 * a successor.
 */
enum { LAST_CHARACTER_BYTES = 4 };

/* Puts TEXT into TO and ends it with a NUL. */
static struct text put(char *to, struct text text)
{
    memcpy(to, text.size > 0 ? text.at : "", text.size);
    to[text.size] = '\0';
    return (struct text){.at = to, .size = text.size};
}

void key_range_from(struct key_range *range, struct text key)
{
    range->from = put(range->from_bytes, key);
}

void key_range_make(struct text prefix, struct text after, bool down, struct key_range *out)
{
    bool from_prefix = down || after.size == 0 || text_order(after, prefix) < 0;
    key_range_from(out, from_prefix ? prefix : after);
    if (!from_prefix) {
        out->from_bytes[out->from.size++] = '\1';
        out->from_bytes[out->from.size] = '\0';
    }
    out->below = put(out->below_bytes, prefix);
    for (size_t i = 0; i < KEY_FILL_BYTES; i += LAST_CHARACTER_BYTES) {
        memcpy(out->below_bytes + out->below.size, "\xf4\x8f\xbf\xbf", LAST_CHARACTER_BYTES);
        out->below.size += LAST_CHARACTER_BYTES;
    }
    out->below_bytes[out->below.size] = '\0';
    if (down && after.size > 0 && text_order(after, out->below) < 0) {
        out->below = put(out->below_bytes, after);
    }
}

enum error_code item_row_store(struct item_writes *writes, const struct item *item, bool present)
{
    const struct db_value values[] = {
        db_integer(writes->owner->user_id),
        db_text(item->key),
        db_integer(item->version),
        db_integer(item->size),
        db_integer(item->created_at),
        db_integer(item->updated_at),
        item->expires_at != 0 ? db_integer(item->expires_at) : db_null(),
        db_text(item->value),
    };
    bool found;
    return db_run(writes->db, present ? DB_ITEM_CHANGE : DB_ITEM_ADD, values,
                  sizeof values / sizeof *values, &found);
}

enum error_code item_row_bury(struct item_writes *writes, struct text key, int64_t version,
                              bool present)
{
    const struct item tombstone = {.key = key,
                                   .value = {.at = "", .size = 0},
                                   .version = version,
                                   .created_at = writes->now_ms,
                                   .updated_at = writes->now_ms,
                                   .expires_at = -version};
    return item_row_store(writes, &tombstone, present);
}

/* Nothing of an earlier call may be in the way: usually it has deleted all that it had set aside.
 */
static enum error_code begin_aside(struct item_writes *writes)
{
    struct item_disposal earlier = {.user_id = -writes->owner->user_id, .over = writes->sets_aside};
    enum error_code error = ERR_NONE;
    while (error == ERR_NONE && !earlier.over) {
        error = items_dispose(writes->db, &earlier);
    }
    if (error == ERR_NONE) {
        writes->sets_aside = true;
        db_note_gone(writes->db, -writes->owner->user_id);
    }
    return error;
}

enum error_code item_rows_set_aside(struct item_writes *writes, struct text from, struct text below)
{
    enum error_code error = begin_aside(writes);
    const struct db_value values[] = {db_integer(writes->owner->user_id), db_text(from),
                                      db_text(below), db_integer(writes->now_ms),
                                      db_integer(writes->before.version)};
    bool found;
    return error == ERR_NONE ? db_run(writes->db, DB_ITEM_SET_ASIDE, values,
                                      sizeof values / sizeof *values, &found)
                             : error;
}

enum error_code item_row_set_aside(struct item_writes *writes, struct text key)
{
    struct key_range behind;
    key_range_make((struct text){.at = "", .size = 0}, key, false, &behind);
    return item_rows_set_aside(writes, key, behind.from);
}
