/*
 * users.h - accounts in the database.
 */
#ifndef CUBBY_DB_USERS_H
#define CUBBY_DB_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/text.h"
#include "db/db.h"

struct user_new {
    struct text username;
    struct text email;
    struct text full_name;
    struct text gender;
    int64_t age;
    const char *password_hash;
    int64_t epoch; /* random, not negative */
};

/* What a login needs. Borrowed until the request ends. */
struct user_login {
    int64_t id;
    int64_t epoch;
    const char *password_hash;
};

/* ERR_USERNAME_EXISTS or ERR_EMAIL_EXISTS, in this order, when another account has that name or
 * e-mail without regard to ASCII case. */
enum error_code users_taken(struct db *db, struct arena *arena, struct text username,
                            struct text email);

/* Adds an account in the request's transaction; *ID is its number. Errors as users_taken, also when
 * another process was faster. */
enum error_code users_add(struct db *db, struct arena *arena, const struct user_new *user,
                          int64_t now_ms, int64_t *id);

/* The account with this user name, or with this e-mail when NAME has an @. */
enum error_code users_find_login(struct db *db, struct arena *arena, struct text name, bool *found,
                                 struct user_login *out);

/* Puts NEW_HASH in the place of the hash LOGIN was read with, unless that has changed since. */
enum error_code users_rehash(struct db *db, const struct user_login *login, const char *new_hash);

#endif
