/*
 * users.h - accounts in the database.
 */
#ifndef CUBBY_DB_MODEL_USERS_H
#define CUBBY_DB_MODEL_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "db/engine/db.h"
#include "db/model/items.h"

struct user_new {
    struct text username;
    struct text email;
    struct text full_name;
    struct text gender;
    int64_t age;
    const char *password_hash;
    int64_t epoch; /* random, not negative */
};

/* What a login needs; the hash is on the arena. */
struct user_login {
    int64_t id;
    int64_t epoch;
    const char *password_hash;
    bool disabled; /* a login is then refused as for a wrong password */
};

/* An account as its user sees it. */
struct user_profile {
    struct text username;
    struct text email;
    struct text full_name;
    struct text gender;
    int64_t age;
    int64_t created_at; /* milliseconds since 1970 */
    int64_t updated_at;
    int64_t keys; /* items, and bytes of their values */
    int64_t bytes;
    struct item_quota quota;
};

/* NULL when the text may be a user name, or an e-mail; otherwise a static text that says why not. A
 * new one must besides look like no other (precis.h; of an e-mail each part must, between @ and
 * points); those that are there may be older than that rule. */
const char *user_name_fault(struct text username);
const char *user_new_name_fault(struct text username);
const char *user_email_fault(struct text email);
const char *user_new_email_fault(struct text email);

/* ERR_USERNAME_EXISTS or ERR_EMAIL_EXISTS, in this order, when another account has that name or
 * e-mail without regard to ASCII case. */
enum error_code users_taken(struct db *db, struct arena *arena, struct text username,
                            struct text email);

/* Adds an account in the request's transaction; *ID is its number. Errors as users_taken, also when
 * another process has added it in the meantime. */
enum error_code users_add(struct db *db, struct arena *arena, const struct user_new *user,
                          int64_t now_ms, int64_t *id);

/* The account with this user name, or with this e-mail when NAME has an @; *FOUND tells whether
 * there is one. Its hash is copied to ARENA. ERR_INTERNAL also when memory is out. */
enum error_code users_find_login(struct db *db, struct arena *arena, struct text name, bool *found,
                                 struct user_login *out);

/* ERR_INVALID_TOKEN when the account is gone or the token was ended. A call that writes to the
 * account of its token starts with this, in its transaction, or has the same condition in its
 * statement. */
enum error_code users_live(struct db *db, const struct item_owner *owner);

/* The same without a transaction that writes, in a request that may write too. What is found holds
 * for this moment only. */
enum error_code users_live_now(struct db *db, const struct item_owner *owner);

/* The account of OWNER, with the errors of users_live. In a request that may write, it starts the
 * write transaction. Texts are borrowed until the request ends. */
enum error_code users_profile(struct db *db, const struct item_owner *owner,
                              struct user_profile *out);

/* Writes e-mail, full name, age, gender and updated_at of PROFILE. ERR_EMAIL_EXISTS when another
 * account has the e-mail. To be called after users_live or users_profile in the same
 * transaction. */
enum error_code users_update(struct db *db, struct arena *arena, const struct item_owner *owner,
                             const struct user_profile *profile);

/* The hash of the owner's password, on ARENA. */
enum error_code users_password_hash(struct db *db, struct arena *arena,
                                    const struct item_owner *owner, const char **out);

/* Replaces the password whose hash is OLD and ends every token of the owner; *EPOCH is the one for
 * new tokens. ERR_INVALID_TOKEN as users_live; when the account lives and only its hash is another
 * one by now, ERR_SERVICE_UNAVAILABLE of a call that db_try_again lets start anew. */
enum error_code users_set_password(struct db *db, const struct item_owner *owner, const char *old,
                                   const char *new_hash, int64_t now_ms, int64_t *epoch);

/* The same for a user who has sent a valid reset code. *FOUND tells whether there is such an
 * account and it is not disabled. */
enum error_code users_reset_password(struct db *db, int64_t user_id, const char *new_hash,
                                     int64_t now_ms, bool *found);

/* Ends every token of the owner. */
enum error_code users_end_sessions(struct db *db, const struct item_owner *owner);

/* Ends the owner's access token, which would be valid until EXPIRES (seconds since 1970). When the
 * list of ended tokens is full, all access tokens of the user end
 * instead; device tokens stay valid. */
enum error_code users_revoke(struct db *db, struct arena *arena, const struct item_owner *owner,
                             int64_t expires, int64_t now_ms);

/* Copies to TO, which has room for LIST and a NUL, the entries of a list of ended tokens that are
 * kept at NOW (seconds since 1970); returns how many bytes they are. Kept are all that have not
 * expired, or only within the tolerance for clocks, and of the others those that expired last: the
 * clock may be ahead, and a token that is forgotten would be let in again once it is right. */
enum { USERS_EXPIRED_KEPT = 32 };
size_t users_revoked_kept(const char *list, int64_t now, char *to);

/* Deletes the account, if HASH is still its password hash, and everything stored of it but
 * its security events, which audit_forget deletes. Errors as users_set_password. */
enum error_code users_delete(struct db *db, const struct item_owner *owner, const char *hash);

/* Replaces the hash that LOGIN was read with by NEW_HASH, unless it has changed since. */
enum error_code users_rehash(struct db *db, const struct user_login *login, const char *new_hash);

#endif
