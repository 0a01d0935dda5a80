/*
 * tokens.h - device tokens in the database: opaque, stored only as a hash, limited to a scope and a
 * prefix of keys.
 */
#ifndef CUBBY_DB_TOKENS_H
#define CUBBY_DB_TOKENS_H

#include <stdint.h>

#include "common/device.h"
#include "common/error.h"
#include "common/token.h"
#include "db/db.h"

/* The number in the table of a user's token NUMBER; those of one user are a range. */
static inline int64_t tokens_id(int64_t user_id, int64_t number)
{
    return user_id * DEVICE_NUMBER_MAXIMUM + number;
}

/* Looks the device token up and fills CLAIMS with what it allows: the user, the present epoch,
 * scope and prefix, borrowed until the request ends. In a request that writes, the transaction
 * starts here: a token deleted before is not used after. ERR_INVALID_TOKEN when it is deleted,
 * expired, not the right one, or its user is gone or disabled. */
enum error_code tokens_admit(struct db *db, const struct device_token *token, int64_t now_ms,
                             struct token_claims *claims);

#endif
