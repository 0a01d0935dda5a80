/*
 * accounts.c - what users do with their accounts: profile, password, sessions, deletion. See
 * users.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/model/items.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

/* Runs STATEMENT, which has the condition LIVE, with the COUNT parameters MORE after the owner's.
 * When there is no row, the account is gone or the token was ended. */
static enum error_code run_live(struct db *db, enum db_statement statement,
                                const struct item_owner *owner, const struct db_value *more,
                                size_t count)
{
    enum { MORE_MAXIMUM = 4 };
    struct db_value values[OWNER_VALUES + MORE_MAXIMUM];
    owner_values(owner, values);
    for (size_t i = 0; i < count && i < MORE_MAXIMUM; i++) {
        values[OWNER_VALUES + i] = more[i];
    }
    bool found;
    enum error_code error = db_run(db, statement, values, OWNER_VALUES + count, &found);
    return error != ERR_NONE ? error : found ? ERR_NONE : ERR_INVALID_TOKEN;
}

/* The same in a write transaction, which starts here unless it runs already. */
static enum error_code begin_live(struct db *db, enum db_statement statement,
                                  const struct item_owner *owner, const struct db_value *more,
                                  size_t count)
{
    enum error_code error = db_begin(db);
    return error == ERR_NONE ? run_live(db, statement, owner, more, count) : error;
}

enum error_code users_live(struct db *db, const struct item_owner *owner)
{
    return db_writes(db) ? begin_live(db, DB_USER_LIVES, owner, NULL, 0)
                         : run_live(db, DB_USER_LIVES, owner, NULL, 0);
}

enum error_code users_live_now(struct db *db, const struct item_owner *owner)
{
    return run_live(db, DB_USER_LIVES, owner, NULL, 0);
}

enum error_code users_profile(struct db *db, const struct item_owner *owner,
                              struct user_profile *out)
{
    enum error_code error = db_writes(db) ? begin_live(db, DB_USER_PROFILE, owner, NULL, 0)
                                          : run_live(db, DB_USER_PROFILE, owner, NULL, 0);
    if (error != ERR_NONE) {
        return error;
    }
    *out = (struct user_profile){
        .username = db_column_text(db, DB_USER_PROFILE, 0),
        .email = db_column_text(db, DB_USER_PROFILE, 1),
        .full_name = db_column_text(db, DB_USER_PROFILE, 2),
        .age = db_column_integer(db, DB_USER_PROFILE, 3),
        .gender = db_column_text(db, DB_USER_PROFILE, 4),
        .created_at = db_column_integer(db, DB_USER_PROFILE, 5),
        .updated_at = db_column_integer(db, DB_USER_PROFILE, 6),
        .keys = db_column_integer(db, DB_USER_PROFILE, 7),
        .bytes = db_column_integer(db, DB_USER_PROFILE, 8),
        .quota = {.keys = db_column_integer(db, DB_USER_PROFILE, 9),
                  .bytes = db_column_integer(db, DB_USER_PROFILE, 10)},
    };
    bool whole = out->username.at != NULL && out->email.at != NULL && out->full_name.at != NULL &&
                 out->gender.at != NULL;
    return whole ? ERR_NONE : ERR_INTERNAL;
}

enum error_code users_update(struct db *db, struct arena *arena, const struct item_owner *owner,
                             const struct user_profile *profile)
{
    const char *email_key = text_lower(arena, profile->email);
    if (email_key == NULL) {
        return ERR_INTERNAL;
    }
    const struct db_value taken[] = {db_text(text_of(email_key)), db_integer(owner->user_id)};
    bool found;
    enum error_code error = db_run(db, DB_USER_EMAIL_TAKEN, taken, 2, &found);
    if (error != ERR_NONE || found) {
        return error != ERR_NONE ? error : ERR_EMAIL_EXISTS;
    }
    const struct db_value values[] = {
        db_integer(owner->user_id),      db_text(profile->email),  db_text(text_of(email_key)),
        db_text(profile->full_name),     db_integer(profile->age), db_text(profile->gender),
        db_integer(profile->updated_at),
    };
    return db_run(db, DB_USER_UPDATE, values, sizeof values / sizeof *values, &found);
}

enum error_code users_password_hash(struct db *db, struct arena *arena,
                                    const struct item_owner *owner, const char **out)
{
    enum error_code error = run_live(db, DB_USER_SECRET, owner, NULL, 0);
    if (error != ERR_NONE) {
        return error;
    }
    struct text hash = db_column_text(db, DB_USER_SECRET, 0);
    *out = hash.at != NULL ? arena_copy(arena, hash.at, hash.size) : NULL;
    return *out != NULL ? ERR_NONE : ERR_INTERNAL;
}

/* A statement that demands HASH of a live account has found no row. The hash alone may be another
 * one, as a login replaces one that was made with other settings. Then the call is to be done again
 * with the present one. */
static enum error_code changed_meanwhile(struct db *db, const struct item_owner *owner)
{
    enum error_code error = users_live(db, owner);
    return error == ERR_NONE ? db_want_again(db, "the password hash was replaced meanwhile")
                             : error;
}

enum error_code users_set_password(struct db *db, const struct item_owner *owner, const char *old,
                                   const char *new_hash, int64_t now_ms, int64_t *epoch)
{
    const struct db_value more[] = {db_text(text_of(old)), db_text(text_of(new_hash)),
                                    db_integer(now_ms)};
    enum error_code error = begin_live(db, DB_USER_SET_PASSWORD, owner, more, 3);
    error = error == ERR_INVALID_TOKEN ? changed_meanwhile(db, owner) : error;
    if (error != ERR_NONE) {
        return error;
    }
    *epoch = db_column_integer(db, DB_USER_SET_PASSWORD, 0);
    return tokens_delete_all(db, owner->user_id);
}

enum error_code users_reset_password(struct db *db, int64_t user_id, const char *new_hash,
                                     int64_t now_ms, bool *found)
{
    const struct db_value values[] = {db_integer(user_id), db_text(text_of(new_hash)),
                                      db_integer(now_ms)};
    enum error_code error = db_begin(db);
    if (error == ERR_NONE) {
        error = db_run(db, DB_USER_RESET_PASSWORD, values, 3, found);
    }
    return error == ERR_NONE && *found ? tokens_delete_all(db, user_id) : error;
}

enum error_code users_end_sessions(struct db *db, const struct item_owner *owner)
{
    enum error_code error = begin_live(db, DB_USER_END_SESSIONS, owner, NULL, 0);
    return error == ERR_NONE ? tokens_delete_all(db, owner->user_id) : error;
}

/* ---- access tokens ended one by one ---------------------------------------------------------- */

/* Entries of users.revoked: `;jti=expiry`, without anything between them, jti as the owner's
 * pattern has it. */
enum { ENTRY_MAXIMUM = REVOKED_NAME_MAXIMUM + 24, REVOKED_MAXIMUM = 28000 };

/* The entry at LIST. *SIZE: its bytes; 0 at the end of the list. Returns when its token expires, or
 * 0 when it does not say so. */
static int64_t read_entry(const char *list, size_t *size)
{
    *size = *list == ';' ? 1 + strcspn(list + 1, ";") : 0;
    const char *expiry = memchr(list, '=', *size);
    return expiry != NULL ? strtoll(expiry + 1, NULL, 10) : 0;
}

/* Of the entries of LIST that expired before NOW those that expired last: LATEST, from the latest
 * to the earliest, with zeros where there are no more. */
static void find_latest(const char *list, int64_t now, int64_t latest[USERS_EXPIRED_KEPT])
{
    size_t size;
    for (int64_t expiry = read_entry(list, &size); size > 0; expiry = read_entry(list, &size)) {
        for (size_t i = 0; expiry < now && i < USERS_EXPIRED_KEPT; i++) {
            if (expiry > latest[i]) {
                int64_t next = latest[i];
                latest[i] = expiry;
                expiry = next;
            }
        }
        list += size;
    }
}

size_t users_revoked_kept(const char *list, int64_t now, char *to)
{
    int64_t latest[USERS_EXPIRED_KEPT] = {0};
    find_latest(list, now - TOKEN_CLOCK_TOLERANCE, latest);
    const int64_t last = latest[USERS_EXPIRED_KEPT - 1];
    int room = 0; /* for those that expired just at LAST */
    for (size_t i = 0; i < USERS_EXPIRED_KEPT; i++) {
        room += latest[i] == last;
    }
    size_t used = 0;
    size_t size;
    for (int64_t expiry = read_entry(list, &size); size > 0; expiry = read_entry(list, &size)) {
        if (expiry > 0 && (expiry > last || (expiry == last && room-- > 0))) {
            memcpy(to + used, list, size);
            used += size;
        }
        list += size;
    }
    to[used] = '\0';
    return used;
}

enum error_code users_revoke(struct db *db, struct arena *arena, const struct item_owner *owner,
                             int64_t expires, int64_t now_ms)
{
    enum error_code error = begin_live(db, DB_USER_REVOKED, owner, NULL, 0);
    if (error != ERR_NONE) {
        return error;
    }
    struct text list = db_column_text(db, DB_USER_REVOKED, 0);
    char *kept = list.at != NULL ? arena_alloc(arena, list.size + ENTRY_MAXIMUM) : NULL;
    if (kept == NULL) {
        return ERR_INTERNAL;
    }
    size_t used = users_revoked_kept(list.at, now_ms / 1000, kept);
    if (used + ENTRY_MAXIMUM > REVOKED_MAXIMUM) {
        /* The list is full, so all access tokens of the user end. Device tokens are not sessions
         * and stay valid. */
        return begin_live(db, DB_USER_END_SESSIONS, owner, NULL, 0);
    }
    int size = (int)strlen(owner->revoked) - 2; /* without the % on either side */
    const char *entry = arena_printf(arena, "%.*s%" PRId64, size, owner->revoked + 1, expires);
    if (entry == NULL) {
        return ERR_INTERNAL;
    }
    memcpy(kept + used, entry, strlen(entry) + 1);
    const struct db_value values[] = {db_integer(owner->user_id), db_text(text_of(kept))};
    bool found;
    return db_run(db, DB_USER_REVOKE, values, 2, &found);
}

static struct db_value key_value(const struct item_key *key)
{
    return db_text(item_key_text(key));
}

/* Copies to TO the key that is COUNT keys behind FROM. *FOUND tells whether there is one. */
static enum error_code key_ahead(struct db *db, int64_t user_id, const struct item_key *from,
                                 int64_t count, struct item_key *to, bool *found)
{
    const struct db_value values[] = {db_integer(user_id), key_value(from), db_integer(count)};
    enum error_code error = db_run(db, DB_USER_ITEM_AHEAD, values, 3, found);
    if (error != ERR_NONE || !*found) {
        return error;
    }
    const struct text key = db_column_text(db, DB_USER_ITEM_AHEAD, 0);
    *found = item_key_keep(key, to);
    return key.at != NULL ? ERR_NONE : ERR_INTERNAL;
}

/* Deletes the items of USER_ID, from the first key to the last and piece by piece: a server gives
 * up a statement that takes long. The user's counters may be wrong. */
static enum error_code delete_items(struct db *db, int64_t user_id)
{
    enum { PIECE = 1000 };
    struct item_key keys[2] = {{.size = 0}, {.size = 0}};
    const struct item_key *from = &keys[0];
    bool found = true;
    while (found) {
        struct item_key *to = from == &keys[0] ? &keys[1] : &keys[0];
        enum error_code error = key_ahead(db, user_id, from, PIECE, to, &found);
        if (error == ERR_NONE && found) {
            const struct db_value some[] = {db_integer(user_id), key_value(from), key_value(to)};
            bool row;
            error = db_run(db, DB_USER_DELETE_SOME, some, 3, &row);
            from = to;
        }
        if (error != ERR_NONE) {
            return error;
        }
    }
    const struct db_value rest[] = {db_integer(user_id), key_value(from)};
    return db_run(db, DB_USER_DELETE_ITEMS, rest, 2, &found);
}

enum error_code users_delete(struct db *db, const struct item_owner *owner, const char *hash)
{
    const struct db_value more[] = {db_text(text_of(hash))};
    enum error_code error = begin_live(db, DB_USER_DELETE, owner, more, 1);
    error = error == ERR_INVALID_TOKEN ? changed_meanwhile(db, owner) : error;
    if (error == ERR_NONE) {
        error = tokens_delete_all(db, owner->user_id);
    }
    if (error != ERR_NONE) {
        return error;
    }
    db_note_wipe(db);
    return delete_items(db, owner->user_id);
}
