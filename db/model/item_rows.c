/*
 * item_rows.c - keys that are kept, ranges of keys, and writing one row. See item_rows.h.
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

bool item_key_keep(struct text key, struct item_key *out)
{
    if (key.at == NULL || key.size > sizeof out->bytes) {
        return false;
    }
    memcpy(out->bytes, key.at, key.size);
    out->size = key.size;
    return true;
}

struct text item_key_text(const struct item_key *key)
{
    return (struct text){.at = key->bytes, .size = key->size};
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

enum error_code item_row_bury(struct item_writes *writes, struct text key, int64_t version)
{
    const struct item tombstone = {.key = key,
                                   .value = {.at = "", .size = 0},
                                   .version = version,
                                   .created_at = writes->now_ms,
                                   .updated_at = writes->now_ms,
                                   .expires_at = -version};
    return item_row_store(writes, &tombstone, true);
}
