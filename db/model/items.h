/*
 * items.h - the key-value pairs of a user: reading one, and writing any number in one transaction.
 *
 * Every call names its owner by the claims of the token. What a device token does not allow is
 * ERR_FORBIDDEN. Whether the account still exists, has the token's epoch and has not revoked the
 * token is checked in the same transaction, ERR_INVALID_TOKEN: by items_read, items_counters and
 * the first call of a write. items_list, items_count and items_changes do not check it.
 */
#ifndef CUBBY_DB_MODEL_ITEMS_H
#define CUBBY_DB_MODEL_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/settings/config.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/identity/token.h"
#include "db/engine/db.h"

enum {
    ITEM_KEY_MAXIMUM = 512,                  /* bytes */
    REVOKED_NAME_MAXIMUM = 3 * TOKEN_ID_SIZE /* of a token's `jti` as users.revoked has it */
};

/* Whose items, and what the token allows to do with them. A statement that checks account and token
 * has the condition LIVE of statements.c, whose parameters $1 to $3 are owner_values. */
struct item_owner {
    int64_t user_id;
    int64_t epoch;
    char revoked[REVOKED_NAME_MAXIMUM + 5]; /* the pattern of this token in users.revoked */
    bool reads_only;
    struct text prefix; /* only keys that start with this */
};

enum { OWNER_VALUES = 3 };

enum item_access { ITEM_READS, ITEM_WRITES };

/* The owner that the claims of a call's token name. */
struct item_owner items_owner(const struct token_claims *claims);

/* The first OWNER_VALUES parameters of a statement; borrowed from OWNER. */
void owner_values(const struct item_owner *owner, struct db_value values[OWNER_VALUES]);

/* Whether the token may do ACCESS to KEY, or to all keys that start with KEY where a call names a
 * prefix ("" for all); otherwise ERR_FORBIDDEN. Only this function decides that, and every path to
 * items calls it first. */
enum error_code items_allow(const struct item_owner *owner, enum item_access access,
                            struct text key);

/* Texts are NUL-terminated; those that a call fills in are borrowed until the request ends. */
struct item {
    struct text key;
    struct text value; /* JSON text */
    int64_t version;
    int64_t created_at; /* milliseconds since 1970 */
    int64_t updated_at;
    int64_t expires_at; /* 0: never */
    int64_t size;       /* bytes of the value */
};

/* NULL when KEY may name an item, otherwise a static text that says why not: 1 to ITEM_KEY_MAXIMUM
 * bytes of UTF-8 without control characters; segments between `/` neither empty nor . or .. */
const char *item_key_fault(struct text key);

/* The same for the beginning of keys: at most ITEM_KEY_MAXIMUM bytes of UTF-8 without control
 * characters. */
const char *item_prefix_fault(struct text prefix);

/* Reads the item ITEM->key as it is at NOW_MS. ERR_KEY_NOT_FOUND. */
enum error_code items_read(struct db *db, const struct item_owner *owner, int64_t now_ms,
                           struct item *item);

/* ---- writing --------------------------------------------------------------------------------- */

/* What a user may store. */
struct item_limits {
    int64_t keys;  /* 0: as many as there is room for, as below */
    int64_t bytes; /* of their values */
};

/* What the operator lets one user store, in the user's row; the same for both: 0: what the settings
 * say, ITEM_QUOTA_NONE: no limit. */
struct item_quota {
    int64_t keys;
    int64_t bytes;
};

enum { ITEM_QUOTA_NONE = -1 };

/* What a user with QUOTA may store under the settings CONFIG. */
struct item_limits items_limits(const struct config *config, const struct item_quota *quota);

/* The counters in the user's row. */
struct item_counters {
    int64_t version;     /* of the last write */
    int64_t keys;        /* items, those included that have expired and are not swept yet */
    int64_t bytes;       /* of their values */
    int64_t tombstones;  /* rows that remember a deletion */
    int64_t horizon;     /* deletions up to this version may be forgotten */
    int64_t next_expiry; /* nothing expires before it; 0: nothing expires */
    struct item_quota quota;
};

/* The writes of one request: item_writes_begin, then for each key items_find and at most one of
 * items_put and items_remove, then item_writes_end. All of them count only when the request's
 * transaction is committed. */
struct item_writes {
    struct db *db;
    const struct config *config;
    const struct item_owner *owner;
    int64_t now_ms;
    bool keeps_times; /* items_put stores the times of the item, not the present one */
    bool late_quota;  /* items_put refuses nothing; item_writes_end does, for all together */
    bool replaces;    /* what was there before is going to be removed: items_remove_all ends it */
    bool locked;
    bool swept;
    struct item_counters counters;
    struct item_counters before; /* at the begin */
    /* The row of the key that items_find looked for. */
    struct {
        bool present;   /* there is one; it may be a tombstone or expired */
        bool tombstone; /* it remembers a deletion */
        bool live;      /* it is an item that has not expired */
        bool older;     /* the same, and WRITES has not written it */
        int64_t size;
    } row;
    /* What items_remove_all has deleted, and with `replaces` what items_put has written over: as
     * much may be stored again, even above the limits. */
    struct {
        int64_t keys;
        int64_t bytes;
    } removed;
};

/* Prepares WRITES; the transaction starts later. */
void item_writes_begin(struct item_writes *writes, struct db *db, const struct config *config,
                       const struct item_owner *owner, int64_t now_ms);

/* Starts the transaction, unless it runs already, and reads the counters: from here on no other
 * call changes what is the user's. For calls whose time is to be that of their write;
 * writes->now_ms may be set once more after it. */
enum error_code item_writes_hold(struct item_writes *writes);

/* The same, and turns a bounded number of expired items into tombstones. The first of the calls
 * below does this too. */
enum error_code item_writes_lock(struct item_writes *writes);

/* Looks for ITEM->key and fills in all but key and value; *FOUND tells whether there is such an
 * item. */
enum error_code items_find(struct item_writes *writes, struct item *item, bool *found);

/* Stores ITEM->value until ITEM->expires_at under ITEM->key, which items_find has just looked for.
 * The rest of ITEM is filled in. ERR_QUOTA_EXCEEDED when a limit of the user does not allow it. */
enum error_code items_put(struct item_writes *writes, struct item *item);

/* Deletes the item that items_find has just found; ITEM->version is the number of this write. */
enum error_code items_remove(struct item_writes *writes, struct item *item);

/* The statements of items_remove_all, for a program's role. */
#define REMOVAL_STATEMENTS                                                                         \
    DB_ITEM_OLD_DELETION, DB_ITEM_FORGET_TO, DB_ITEM_OLDER, DB_ITEM_OLDER_AHEAD,                   \
        DB_ITEM_DELETE_OLDER

/* Deletes all items whose keys begin with PREFIX, but those that WRITES has stored. *REMOVED counts
 * what WRITES has removed. The deletions take their numbers in the order of the keys; as tombstones
 * stay only those that will be remembered, so that the work for each of the others is a part of a
 * statement's. */
enum error_code items_remove_all(struct item_writes *writes, struct text prefix, int64_t *removed);

/* Turns expired items into tombstones, at most MOST of them besides those of item_writes_lock. */
enum error_code items_sweep(struct item_writes *writes, int most);

/* A key that is kept beyond the row it comes from, without a NUL. */
struct item_key {
    char bytes[ITEM_KEY_MAXIMUM];
    size_t size;
};

/* Copies KEY, which is borrowed from a row, to OUT. False when there was no memory for KEY, or it
 * is longer than any. */
bool item_key_keep(struct text key, struct item_key *out);

/* Borrowed from KEY. */
struct text item_key_text(const struct item_key *key);

/* Writes the counters back. With late_quota, ERR_QUOTA_EXCEEDED when all writes together lead
 * beyond a limit of the user, whatever their order. */
enum error_code item_writes_end(struct item_writes *writes);

/* The counters, for a call that reads. */
enum error_code items_counters(struct db *db, const struct item_owner *owner,
                               struct item_counters *out);

/* ---- many ------------------------------------------------------------------------------------
 *
 * These do not check account and token: items_counters (or users_live) must have succeeded before
 * in the same transaction. In a request that may write, db_begin_read or db_begin starts one. */

/* Called for one item after the other; returning false ends the walk. Texts are borrowed for the
 * duration of the call. */
typedef bool item_callback(void *self, const struct item *item);

/* Which items are wanted. */
struct item_selection {
    struct text prefix; /* keys begin with it */
    struct text after;  /* and come after it, in the order of the list; empty: all */
    int64_t since;      /* last written from then, in milliseconds since 1970, … */
    int64_t until;      /* … to before then; ITEM_FOREVER: without an end */
    bool down;          /* from the last key to the first */
    bool values;        /* else item->value.at is NULL */
    int64_t limit;      /* at most so many */
};

#define ITEM_FOREVER INT64_MAX

/* Calls CALLBACK for the selected items, in byte order of the key. */
enum error_code items_list(struct db *db, const struct item_owner *owner, int64_t now_ms,
                           const struct item_selection *selection, item_callback *callback,
                           void *self);

/* How many items are selected, whatever AFTER and LIMIT say. */
enum error_code items_count(struct db *db, const struct item_owner *owner, int64_t now_ms,
                            const struct item_selection *selection, int64_t *count);

/* Calls CALLBACK for what has changed after version SINCE, oldest first; a deletion has a negative
 * `expires_at`. Changes of keys that do not begin with PREFIX, and expired items that are not swept
 * yet, come with key.at NULL. */
enum error_code items_changes(struct db *db, const struct item_owner *owner, int64_t now_ms,
                              struct text prefix, int64_t since, bool values,
                              item_callback *callback, void *self);

#endif
