/*
 * tokens.c - device tokens in the database.
 */
#include "db/model/tokens.h"

/* Whether the secret of TOKEN is the one whose hash the row of DB_TOKEN_AUTHENTICATE holds. */
static enum error_code check_secret(struct db *db, const struct device_token *token)
{
    char digest[DIGEST_TEXT_SIZE];
    if (!digest_text(token->secret, digest)) {
        return ERR_INTERNAL;
    }
    const struct text stored = db_column_text(db, DB_TOKEN_AUTHENTICATE, 1);
    if (stored.at == NULL) {
        return ERR_INTERNAL;
    }
    return stored.size == DIGEST_TEXT_SIZE - 1 && secret_equal(stored.at, digest, stored.size)
               ? ERR_NONE
               : ERR_INVALID_TOKEN;
}

/* Uses within an hour are recorded as one; one that lies ahead is of a clock that was. A call that
 * writes records the use in its own transaction, a call that reads after its answer is sent. */
static enum error_code note_use(struct db *db, int64_t id, bool writes, int64_t now_ms)
{
    const int64_t used = db_column_integer(db, DB_TOKEN_AUTHENTICATE, 4);
    if (used <= now_ms && now_ms - used < TOKEN_USE_MS) {
        return ERR_NONE;
    }
    if (writes) {
        db_note_use(db, 0); /* noted by a call that first read */
        return tokens_used(db, id, now_ms);
    }
    db_note_use(db, id);
    return ERR_NONE;
}

enum error_code tokens_authenticate(struct db *db, struct arena *arena,
                                    const struct device_token *token, bool writes, int64_t now_ms,
                                    struct token_claims *claims)
{
    enum error_code error = writes ? db_begin(db) : db_begin_read(db);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {db_integer(tokens_id(token->user_id, token->number)),
                                      db_integer(token->user_id), db_integer(now_ms),
                                      db_integer(now_ms + TOKEN_MADE_AHEAD_MS)};
    bool found;
    error = db_run(db, DB_TOKEN_AUTHENTICATE, values, 4, &found);
    if (error == ERR_NONE) {
        error = found ? check_secret(db, token) : ERR_INVALID_TOKEN;
    }
    if (error != ERR_NONE) {
        return error;
    }
    *claims =
        (struct token_claims){.user_id = token->user_id,
                              .epoch = db_column_integer(db, DB_TOKEN_AUTHENTICATE, 0),
                              .device = token->number,
                              .reads_only = db_column_integer(db, DB_TOKEN_AUTHENTICATE, 2) == 0};
    const struct text prefix = db_column_text(db, DB_TOKEN_AUTHENTICATE, 3);
    claims->prefix.at = prefix.at != NULL ? arena_copy(arena, prefix.at, prefix.size) : NULL;
    claims->prefix.size = prefix.size;
    if (claims->prefix.at == NULL) {
        return ERR_INTERNAL;
    }
    return note_use(db, tokens_id(token->user_id, token->number), writes, now_ms);
}

enum error_code tokens_used(struct db *db, int64_t id, int64_t now_ms)
{
    const struct db_value values[] = {db_integer(id), db_integer(now_ms)};
    bool found;
    return db_run(db, DB_TOKEN_USED, values, 2, &found);
}

/* ERR_QUOTA_EXCEEDED when there can be no further token. */
static enum error_code check_count(struct db *db, int64_t user_id)
{
    const struct db_value values[] = {db_integer(tokens_id(user_id, 0)),
                                      db_integer(tokens_id(user_id + 1, 0))};
    bool found;
    enum error_code error = db_run(db, DB_TOKEN_COUNT, values, 2, &found);
    if (error != ERR_NONE || !found) {
        return error != ERR_NONE ? error : ERR_INTERNAL;
    }
    return db_column_integer(db, DB_TOKEN_COUNT, 0) < TOKENS_MAXIMUM ? ERR_NONE
                                                                     : ERR_QUOTA_EXCEEDED;
}

/* *FOUND: nobody has the number. */
static enum error_code add_row(struct db *db, int64_t user_id, const char *hash,
                               const struct token_info *token, bool *found)
{
    const struct db_value values[] = {
        db_integer(tokens_id(user_id, token->number)),
        db_text(text_of(hash)),
        db_text(token->name),
        db_integer(token->writes),
        db_text(token->prefix),
        db_integer(token->created_at),
        token->expires_at != 0 ? db_integer(token->expires_at) : db_null(),
    };
    return db_run(db, DB_TOKEN_ADD, values, sizeof values / sizeof *values, found);
}

enum error_code tokens_add(struct db *db, const struct item_owner *owner, const char *hash,
                           struct token_info *token)
{
    const struct db_value expired[] = {db_integer(tokens_id(owner->user_id, 1)),
                                       db_integer(tokens_id(owner->user_id + 1, 0)),
                                       db_integer(token->created_at)};
    bool found;
    enum error_code error = db_run(db, DB_TOKEN_DELETE_EXPIRED, expired, 3, &found);
    if (error == ERR_NONE) {
        error = check_count(db, owner->user_id);
    }
    if (error == ERR_NONE) {
        error = add_row(db, owner->user_id, hash, token, &found);
    }
    while (error == ERR_NONE && !found) {
        token->number = device_number(token->number);
        error = add_row(db, owner->user_id, hash, token, &found);
    }
    return error;
}

static void read_row(struct db *db, int64_t user_id, struct token_info *out)
{
    *out = (struct token_info){
        .number = db_column_integer(db, DB_TOKEN_LIST, 0) - tokens_id(user_id, 0),
        .name = db_column_text(db, DB_TOKEN_LIST, 1),
        .writes = db_column_integer(db, DB_TOKEN_LIST, 2) != 0,
        .prefix = db_column_text(db, DB_TOKEN_LIST, 3),
        .created_at = db_column_integer(db, DB_TOKEN_LIST, 4),
        .expires_at = db_column_integer(db, DB_TOKEN_LIST, 5),
        .used_at = db_column_integer(db, DB_TOKEN_LIST, 6),
    };
}

enum error_code tokens_list(struct db *db, const struct item_owner *owner, int64_t now_ms,
                            void (*show)(void *self, const struct token_info *token), void *self)
{
    struct db_value values[OWNER_VALUES + 3];
    owner_values(owner, values);
    values[OWNER_VALUES] = db_integer(tokens_id(owner->user_id, 0));
    values[OWNER_VALUES + 1] = db_integer(tokens_id(owner->user_id + 1, 0));
    values[OWNER_VALUES + 2] = db_integer(now_ms);
    bool found;
    enum error_code error = db_run(db, DB_TOKEN_LIST, values, OWNER_VALUES + 3, &found);
    if (error == ERR_NONE && !found) {
        return ERR_INVALID_TOKEN;
    }
    /* A user without tokens has one row of NULLs. */
    while (error == ERR_NONE && found && !db_column_is_null(db, DB_TOKEN_LIST, 0)) {
        struct token_info token;
        read_row(db, owner->user_id, &token);
        if (token.name.at == NULL || token.prefix.at == NULL) {
            return ERR_INTERNAL;
        }
        show(self, &token);
        error = db_step(db, DB_TOKEN_LIST, &found);
    }
    return error;
}

enum error_code tokens_delete(struct db *db, const struct item_owner *owner, int64_t number,
                              int64_t now_ms, bool *found)
{
    enum error_code error = users_live(db, owner);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {db_integer(tokens_id(owner->user_id, number)),
                                      db_integer(now_ms)};
    return db_run(db, DB_TOKEN_DELETE, values, 2, found);
}

enum error_code tokens_delete_all(struct db *db, int64_t user_id)
{
    const struct db_value values[] = {db_integer(tokens_id(user_id, 0)),
                                      db_integer(tokens_id(user_id + 1, 0))};
    bool found;
    return db_run(db, DB_TOKEN_DELETE_ALL, values, 2, &found);
}

enum error_code tokens_reset_code(struct db *db, int64_t user_id, int64_t now_ms, struct text *hash)
{
    const struct db_value values[] = {db_integer(tokens_id(user_id, 0)), db_integer(now_ms),
                                      db_integer(user_id),
                                      db_integer(now_ms + TOKEN_MADE_AHEAD_MS)};
    bool found;
    enum error_code error = db_run(db, DB_RESET_CODE, values, 4, &found);
    if (error == ERR_NONE) {
        *hash = found ? db_column_text(db, DB_RESET_CODE, 0) : (struct text){0};
    }
    return error;
}
