/*
 * items.c - the key-value pairs of a user.
 */
#include "db/items.h"

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
        to = stpcpy(to, claims->id);
        *to++ = '=';
        *to = '%';
    } else {
        *to = ';'; /* a device token is not in the list, and this fits no entry */
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

enum error_code items_read(struct db *db, const struct item_owner *owner, struct item *item)
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
        return ERR_INVALID_TOKEN;
    }
    if (db_column_is_null(db, DB_ITEM_READ, 0)) {
        return ERR_KEY_NOT_FOUND;
    }
    item->version = db_column_integer(db, DB_ITEM_READ, 0);
    item->created_at = db_column_integer(db, DB_ITEM_READ, 1);
    item->updated_at = db_column_integer(db, DB_ITEM_READ, 2);
    item->value = db_column_text(db, DB_ITEM_READ, 3);
    return item->value.at != NULL ? ERR_NONE : ERR_INTERNAL;
}

/* Starts the transaction and takes the user's next version for a write of KEY. */
static enum error_code next_version(struct db *db, const struct item_owner *owner, struct text key,
                                    int64_t *version)
{
    enum error_code error = items_allow(owner, ITEM_WRITES, key);
    if (error == ERR_NONE) {
        error = db_begin(db);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct db_value values[OWNER_VALUES];
    owner_values(owner, values);
    bool found;
    error = db_run(db, DB_USER_NEXT_VERSION, values, OWNER_VALUES, &found);
    if (error != ERR_NONE) {
        return error;
    }
    if (!found) {
        return ERR_INVALID_TOKEN;
    }
    *version = db_column_integer(db, DB_USER_NEXT_VERSION, 0);
    return ERR_NONE;
}

/* A write of KEY, VALUE and all by STATEMENT, which gives created_at back, or no row. */
static enum error_code write_item(struct db *db, enum db_statement statement,
                                  const struct item_owner *owner, struct item *item, bool *written)
{
    enum error_code error = next_version(db, owner, item->key, &item->version);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {
        db_integer(owner->user_id),   db_text(item->key),
        db_integer(item->version),    db_integer((int64_t)item->value.size),
        db_integer(item->updated_at), db_text(item->value),
    };
    error = db_run(db, statement, values, sizeof values / sizeof *values, written);
    if (error == ERR_NONE && *written) {
        item->created_at = db_column_integer(db, statement, 0);
    }
    return error;
}

enum error_code items_create(struct db *db, const struct item_owner *owner, struct item *item)
{
    bool written;
    enum error_code error = write_item(db, DB_ITEM_CREATE, owner, item, &written);
    return error != ERR_NONE ? error : written ? ERR_NONE : ERR_KEY_EXISTS;
}

enum error_code items_replace(struct db *db, const struct item_owner *owner, struct item *item)
{
    bool written;
    enum error_code error = write_item(db, DB_ITEM_REPLACE, owner, item, &written);
    return error != ERR_NONE ? error : written ? ERR_NONE : ERR_KEY_NOT_FOUND;
}

enum error_code items_delete(struct db *db, const struct item_owner *owner, struct item *item)
{
    enum error_code error = next_version(db, owner, item->key, &item->version);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {db_integer(owner->user_id), db_text(item->key)};
    bool deleted;
    error = db_run(db, DB_ITEM_DELETE, values, 2, &deleted);
    return error != ERR_NONE ? error : deleted ? ERR_NONE : ERR_KEY_NOT_FOUND;
}
