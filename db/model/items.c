/*
 * items.c - valid keys, access to them, and reading one item.
 */
#include "db/model/items.h"

#include <string.h>

const char *item_key_fault(struct text key)
{
    if (key.size == 0) {
        return "must not be empty";
    }
    if (key.size > ITEM_KEY_MAXIMUM) {
        return "must have at most 512 bytes";
    }
    if (text_has_control(key)) {
        return "must be UTF-8 without control characters";
    }
    for (size_t start = 0; start <= key.size;) {
        const char *segment = key.at + start;
        const char *slash = memchr(segment, '/', key.size - start);
        size_t size = slash != NULL ? (size_t)(slash - segment) : key.size - start;
        if (size == 0) {
            return "must not have an empty segment";
        }
        if (segment[0] == '.' && (size == 1 || (size == 2 && segment[1] == '.'))) {
            return "must not have . or .. as a segment";
        }
        start += size + 1;
    }
    return NULL;
}

const char *item_prefix_fault(struct text prefix)
{
    if (prefix.size > ITEM_KEY_MAXIMUM) {
        return "must have at most 512 bytes";
    }
    return text_has_control(prefix) ? "must be UTF-8 without control characters" : NULL;
}

/* Writes ID to TO as users.revoked has it, and gives the end: each byte but small letters, digits
 * and - is a point and two digits. LIKE takes some letters for a pattern, and SQLite's takes large
 * letters for small ones; so what it finds is this id alone. The id of a token of ours stays as it
 * is. */
static char *write_revoked_name(const char *id, char *to)
{
    for (; *id != '\0'; id++) {
        if ((*id >= 'a' && *id <= 'z') || (*id >= '0' && *id <= '9') || *id == '-') {
            *to++ = *id;
        } else {
            *to++ = '.';
            hex_encode((const unsigned char *)id, 1, to);
            to += 2;
        }
    }
    return to;
}

struct item_owner items_owner(const struct token_claims *claims)
{
    struct item_owner owner = {.user_id = claims->user_id,
                               .epoch = claims->epoch,
                               .reads_only = claims->reads_only,
                               .prefix = claims->prefix};
    char *to = owner.revoked;
    if (claims->device == 0) {
        *to++ = '%';
        *to++ = ';';
        to = write_revoked_name(claims->id, to);
        *to++ = '=';
        *to = '%';
    } else {
        *to = ';'; /* device tokens are not in that list: a pattern that matches no entry */
    }
    return owner;
}

void owner_values(const struct item_owner *owner, struct db_value values[OWNER_VALUES])
{
    values[0] = db_integer(owner->user_id);
    values[1] = db_integer(owner->epoch);
    values[2] = db_text(text_of(owner->revoked));
}

enum error_code items_allow(const struct item_owner *owner, enum item_access access,
                            struct text key)
{
    bool starts =
        key.size >= owner->prefix.size &&
        (owner->prefix.size == 0 || memcmp(key.at, owner->prefix.at, owner->prefix.size) == 0);
    return starts && (access == ITEM_READS || !owner->reads_only) ? ERR_NONE : ERR_FORBIDDEN;
}

enum error_code items_read(struct db *db, const struct item_owner *owner, int64_t now_ms,
                           struct item *item)
{
    enum error_code error = items_allow(owner, ITEM_READS, item->key);
    if (error != ERR_NONE) {
        return error;
    }
    struct db_value values[OWNER_VALUES + 1];
    owner_values(owner, values);
    values[OWNER_VALUES] = db_text(item->key);
    bool found;
    error = db_run(db, DB_ITEM_READ, values, OWNER_VALUES + 1, &found);
    if (error != ERR_NONE) {
        return error;
    }
    if (!found) {
        struct item_counters counters;
        error = items_counters(db, owner, &counters);
        return error != ERR_NONE ? error : ERR_KEY_NOT_FOUND;
    }
    item->expires_at = db_column_integer(db, DB_ITEM_READ, 3);
    if (item->expires_at != 0 && item->expires_at <= now_ms) {
        return ERR_KEY_NOT_FOUND;
    }
    item->version = db_column_integer(db, DB_ITEM_READ, 0);
    item->created_at = db_column_integer(db, DB_ITEM_READ, 1);
    item->updated_at = db_column_integer(db, DB_ITEM_READ, 2);
    item->value = db_column_text(db, DB_ITEM_READ, 4);
    item->size = (int64_t)item->value.size;
    return item->value.at != NULL ? ERR_NONE : ERR_INTERNAL;
}
