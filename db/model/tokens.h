/*
 * tokens.h - device tokens in the database: opaque, stored only as a hash, limited to a scope and a
 * prefix of keys.
 */
#ifndef CUBBY_DB_MODEL_TOKENS_H
#define CUBBY_DB_MODEL_TOKENS_H

#include <stdint.h>

#include "common/identity/device.h"
#include "common/base/error.h"
#include "common/identity/token.h"
#include "db/engine/db.h"
#include "db/model/items.h"
#include "db/model/users.h"

/* Uses within this time are recorded as one. */
enum { TOKEN_USE_MS = 60 * 60 * 1000 };

/* What was made further ahead of the present time is refused: the clock was ahead then, and with it
 * the time at which the token, or the code, expires. As an access token's `iat`. */
enum { TOKEN_MADE_AHEAD_MS = TOKEN_CLOCK_TOLERANCE * 1000 };

/* How many device tokens one user may have, and the characters of a name of one. */
enum { TOKENS_MAXIMUM = 100, TOKEN_NAME_MAXIMUM = 64 };

/* The statements for a program whose calls accept device tokens. */
#define TOKEN_STATEMENTS DB_TOKEN_AUTHENTICATE, DB_TOKEN_USED

/* A device token as its owner sees it. */
struct token_info {
    int64_t number;
    struct text name;
    struct text prefix; /* "": all keys */
    bool writes;
    int64_t created_at; /* milliseconds since 1970 */
    int64_t expires_at; /* 0: never */
    int64_t used_at;    /* 0: never */
};

/* The row id of a user's token NUMBER; the ids of one user's tokens are a range. */
static inline int64_t tokens_id(int64_t user_id, int64_t number)
{
    return user_id * DEVICE_NUMBER_MAXIMUM + number;
}

/* Looks up the device token and fills CLAIMS with what it allows: the user, the current epoch, the
 * scope, and the prefix, which is on ARENA. With WRITES the write transaction starts here, so that
 * the token can't be deleted between this check and the write. ERR_INVALID_TOKEN when it is
 * deleted, expired, made ahead of the present time or wrong, or its user is gone or disabled. */
enum error_code tokens_authenticate(struct db *db, struct arena *arena,
                                    const struct device_token *token, bool writes, int64_t now_ms,
                                    struct token_claims *claims);

/* Records that the token with the row id ID was used. */
enum error_code tokens_used(struct db *db, int64_t id, int64_t now_ms);

/* Adds a token of OWNER with the digest HASH. TOKEN->number, which should be drawn at random, is
 * the next that is free when another token has it. ERR_QUOTA_EXCEEDED when there are TOKENS_MAXIMUM
 * of them, expired ones not counted. To be called after users_live in the same transaction. */
enum error_code tokens_add(struct db *db, const struct item_owner *owner, const char *hash,
                           struct token_info *token);

/* Calls SHOW for the tokens of OWNER that have not expired, oldest first. Texts are borrowed for
 * the duration of the call. */
enum error_code tokens_list(struct db *db, const struct item_owner *owner, int64_t now_ms,
                            void (*show)(void *self, const struct token_info *token), void *self);

/* Deletes the token NUMBER of OWNER; *FOUND tells whether there was one. */
enum error_code tokens_delete(struct db *db, const struct item_owner *owner, int64_t number,
                              int64_t now_ms, bool *found);

/* Deletes all tokens of a user, and the code for a lost password. */
enum error_code tokens_delete_all(struct db *db, int64_t user_id);

/* The digest of the code with which USER_ID may set a new password, in *HASH, borrowed until the
 * request ends; HASH->at is NULL when there is none. */
enum error_code tokens_reset_code(struct db *db, int64_t user_id, int64_t now_ms,
                                  struct text *hash);

#endif
