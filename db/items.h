/*
 * items.h - the key-value pairs of a user.
 *
 * Every call names its owner by the token's claims. An account that is gone, or whose epoch is no
 * longer the token's, or that has ended this token, is found out by the statement that does the
 * work: ERR_INVALID_TOKEN. What a device token does not allow is ERR_FORBIDDEN.
 */
#ifndef CUBBY_DB_ITEMS_H
#define CUBBY_DB_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"
#include "common/token.h"
#include "db/db.h"

enum { ITEM_KEY_MAXIMUM = 512 }; /* bytes */

/* Whose items, and what the token allows with them. Every statement on items carries LIVE of
 * statements.c, whose parameters $1 to $3 are owner_values. */
struct item_owner {
    int64_t user_id;
    int64_t epoch;
    char revoked[TOKEN_ID_SIZE + 5]; /* the pattern of this token in users.revoked */
    bool reads_only;
    struct text prefix; /* only keys that start with this */
};

enum { OWNER_VALUES = 3 };

enum item_access { ITEM_READS, ITEM_WRITES };

/* The owner that the claims of a call's token name. */
struct item_owner items_owner(const struct token_claims *claims);

/* The first OWNER_VALUES parameters of a statement; borrowed from OWNER. */
void owner_values(const struct item_owner *owner, struct db_value values[OWNER_VALUES]);

/* The one place that decides whether the token may do ACCESS to KEY, or to all keys that start with
 * KEY where a call names a prefix ("" for all): ERR_FORBIDDEN. Every path to items asks it first.
 */
enum error_code items_allow(const struct item_owner *owner, enum item_access access,
                            struct text key);

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
