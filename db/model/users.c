/*
 * users.c - accounts in the database.
 */
#include "db/model/users.h"

#include <string.h>

#include "common/base/precis.h"

const char *user_name_fault(struct text username)
{
    if (memchr(username.at, '@', username.size) != NULL) {
        return "must not have an @";
    }
    if (text_has_control(username)) {
        return "must not have control characters";
    }
    if (username.at[0] == ' ' || username.at[username.size - 1] == ' ') {
        return "must not start or end with a space";
    }
    return NULL;
}

const char *user_new_name_fault(struct text username)
{
    const char *fault = user_name_fault(username);
    return fault != NULL ? fault : precis_username_fault(username);
}

/* At least two labels, none of them empty. */
static bool is_dotted_host(struct text host)
{
    size_t labels = 0;
    size_t length = 0;
    for (size_t i = 0; i <= host.size; i++) {
        if (i < host.size && host.at[i] != '.') {
            length++;
            continue;
        }
        if (length == 0) {
            return false;
        }
        labels++;
        length = 0;
    }
    return labels >= 2;
}

const char *user_email_fault(struct text email)
{
    enum { EMAIL_MAXIMUM = 254 }; /* bytes, RFC 5321 section 4.5.3.1.3 */
    if (email.size > EMAIL_MAXIMUM) {
        return "must have at most 254 bytes";
    }
    if (text_has_control(email) || memchr(email.at, ' ', email.size) != NULL) {
        return "must not have spaces or control characters";
    }
    const char *at = memchr(email.at, '@', email.size);
    size_t local = at != NULL ? (size_t)(at - email.at) : 0;
    if (local == 0 || memchr(at + 1, '@', email.size - local - 1) != NULL) {
        return "must have one @ with something before it";
    }
    struct text host = {.at = at + 1, .size = email.size - local - 1};
    return is_dotted_host(host) ? NULL : "must have a host of dot-separated names after the @";
}

static bool is_ascii(struct text text)
{
    size_t i = 0;
    while (i < text.size && (unsigned char)text.at[i] < 0x80) {
        i++;
    }
    return i == text.size;
}

/* Each part by itself: a host in one script may end in letters of another. */
const char *user_new_email_fault(struct text email)
{
    const char *fault = user_email_fault(email);
    if (fault != NULL || is_ascii(email)) {
        return fault;
    }
    const char *end = email.at + email.size;
    const char *part = email.at;
    const char *stop = memchr(part, '@', email.size);
    while (fault == NULL && stop != NULL) {
        const struct text text = {.at = part, .size = (size_t)(stop - part)};
        fault = is_ascii(text) ? NULL : precis_username_fault(text);
        part = stop + 1;
        const char *point = stop < end ? memchr(part, '.', (size_t)(end - part)) : NULL;
        stop = stop == end ? NULL : point != NULL ? point : end;
    }
    return fault;
}

static enum error_code out_of_memory(void)
{
    return ERR_INTERNAL; /* the arena has recorded the cause */
}

enum error_code users_taken(struct db *db, struct arena *arena, struct text username,
                            struct text email)
{
    const char *username_key = text_lower(arena, username);
    const char *email_key = text_lower(arena, email);
    if (username_key == NULL || email_key == NULL) {
        return out_of_memory();
    }
    const struct db_value values[] = {db_text(text_of(username_key)), db_text(text_of(email_key))};
    bool found;
    enum error_code error = db_run(db, DB_USER_TAKEN, values, 2, &found);
    if (error != ERR_NONE) {
        return error;
    }
    if (db_column_integer(db, DB_USER_TAKEN, 0) != 0) {
        return ERR_USERNAME_EXISTS;
    }
    return db_column_integer(db, DB_USER_TAKEN, 1) != 0 ? ERR_EMAIL_EXISTS : ERR_NONE;
}

enum error_code users_add(struct db *db, struct arena *arena, const struct user_new *user,
                          int64_t now_ms, int64_t *id)
{
    const char *username_key = text_lower(arena, user->username);
    const char *email_key = text_lower(arena, user->email);
    if (username_key == NULL || email_key == NULL) {
        return out_of_memory();
    }
    enum error_code error = db_begin(db);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {
        db_text(user->username),  db_text(text_of(username_key)),
        db_text(user->email),     db_text(text_of(email_key)),
        db_text(user->full_name), db_integer(user->age),
        db_text(user->gender),    db_text(text_of(user->password_hash)),
        db_integer(user->epoch),  db_integer(now_ms),
    };
    bool added;
    error = db_run(db, DB_USER_ADD, values, sizeof values / sizeof *values, &added);
    if (error != ERR_NONE) {
        return error;
    }
    if (!added) {
        error = users_taken(db, arena, user->username, user->email);
        return error != ERR_NONE ? error : db_want_again(db, "a name was taken and is free again");
    }
    *id = db_column_integer(db, DB_USER_ADD, 0);
    return ERR_NONE;
}

enum error_code users_find_login(struct db *db, struct arena *arena, struct text name, bool *found,
                                 struct user_login *out)
{
    const char *key = text_lower(arena, name);
    if (key == NULL) {
        return out_of_memory();
    }
    bool by_email = memchr(name.at, '@', name.size) != NULL;
    enum db_statement statement = by_email ? DB_LOGIN_BY_EMAIL : DB_LOGIN_BY_USERNAME;
    const struct db_value values[] = {db_text(text_of(key))};
    enum error_code error = db_run(db, statement, values, 1, found);
    if (error != ERR_NONE || !*found) {
        return error;
    }
    struct text hash = db_column_text(db, statement, 2);
    *out = (struct user_login){.id = db_column_integer(db, statement, 0),
                               .epoch = db_column_integer(db, statement, 1),
                               .password_hash =
                                   hash.at != NULL ? arena_copy(arena, hash.at, hash.size) : NULL,
                               .disabled = db_column_integer(db, statement, 3) != 0};
    return out->password_hash != NULL ? ERR_NONE : ERR_INTERNAL;
}

enum error_code users_rehash(struct db *db, const struct user_login *login, const char *new_hash)
{
    enum error_code error = db_begin(db);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {db_integer(login->id), db_text(text_of(login->password_hash)),
                                      db_text(text_of(new_hash))};
    bool found;
    return db_run(db, DB_USER_REHASH, values, 3, &found);
}
