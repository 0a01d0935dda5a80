/*
 * items.h - the key-value pairs of a user.
 *
 * Every call names its owner by the token's claims. An account that is gone, or whose epoch is no
 * longer the token's, is found out by the statement that does the work: ERR_INVALID_TOKEN.
 */
#ifndef CUBBY_DB_ITEMS_H
#define CUBBY_DB_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"
#include "db/db.h"

enum { ITEM_KEY_MAXIMUM = 512 }; /* bytes */

struct item_owner {
    int64_t user_id;
    int64_t epoch;
};

/* Texts are NUL-terminated; those that a call fills in are borrowed until the request ends. */
struct item {
    struct text key;
    struct text value; /* JSON text */
    int64_t version;
    int64_t created_at; /* milliseconds since 1970 */
    int64_t updated_at;
};

/* NULL when KEY may name an item, otherwise a static text that says why not: 1 to ITEM_KEY_MAXIMUM
 * bytes of UTF-8 without control characters; segments between `/` neither empty nor . or .. */
const char *item_key_fault(struct text key);

/* Reads the item ITEM->key. ERR_KEY_NOT_FOUND. */
enum error_code items_read(struct db *db, const struct item_owner *owner, struct item *item);

/* Stores ITEM->value under ITEM->key, with the user's next version, at the time ITEM->updated_at.
 * ERR_KEY_EXISTS when the key has a value already. */
enum error_code items_create(struct db *db, const struct item_owner *owner, struct item *item);

/* Puts ITEM->value in the place of the present value. ERR_KEY_NOT_FOUND. */
enum error_code items_replace(struct db *db, const struct item_owner *owner, struct item *item);

/* Deletes ITEM->key; ITEM->version is the number of this write. ERR_KEY_NOT_FOUND. */
enum error_code items_delete(struct db *db, const struct item_owner *owner, struct item *item);

#endif
