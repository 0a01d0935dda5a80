/*
 * tokens.c - device tokens in the database.
 */
#include "db/tokens.h"

/* Whether the secret of TOKEN is the one whose hash the row of DB_TOKEN_ADMIT holds. */
static enum error_code check_secret(struct db *db, const struct device_token *token)
{
    char digest[DIGEST_TEXT_SIZE];
    if (!digest_text(token->secret, digest)) {
        return ERR_INTERNAL;
    }
    const struct text stored = db_column_text(db, DB_TOKEN_ADMIT, 1);
    if (stored.at == NULL) {
        return ERR_INTERNAL;
    }
    return stored.size == DIGEST_TEXT_SIZE - 1 && secret_equal(stored.at, digest, stored.size)
               ? ERR_NONE
               : ERR_INVALID_TOKEN;
}

enum error_code tokens_admit(struct db *db, const struct device_token *token, int64_t now_ms,
                             struct token_claims *claims)
{
    enum error_code error = db_writes(db) ? db_begin(db) : ERR_NONE;
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {db_integer(tokens_id(token->user_id, token->number)),
                                      db_integer(token->user_id), db_integer(now_ms)};
    bool found;
    error = db_run(db, DB_TOKEN_ADMIT, values, 3, &found);
    if (error == ERR_NONE) {
        error = found ? check_secret(db, token) : ERR_INVALID_TOKEN;
    }
    if (error != ERR_NONE) {
        return error;
    }
    *claims = (struct token_claims){.user_id = token->user_id,
                                    .epoch = db_column_integer(db, DB_TOKEN_ADMIT, 0),
                                    .device = token->number,
                                    .reads_only = db_column_integer(db, DB_TOKEN_ADMIT, 2) == 0,
                                    .prefix = db_column_text(db, DB_TOKEN_ADMIT, 3)};
    return claims->prefix.at != NULL ? ERR_NONE : ERR_INTERNAL;
}
