/*
 * store_alone.c - a program that uses the database and links nothing of HTTP but the lists of
 * addresses that the settings check: it adds an account to the database of the settings file named
 * by its argument, and reads it back.
 */
#include <stdio.h>

#include "common/base/arena.h"
#include "common/settings/config.h"
#include "db/engine/db.h"
#include "db/model/users.h"

static enum error_code add_and_find(struct db *db, struct arena *arena, struct user_login *login)
{
    const struct user_new user = {.username = text_of("alone"),
                                  .email = text_of("alone@example.org"),
                                  .full_name = text_of("Stands Alone"),
                                  .gender = text_of("none"),
                                  .age = 1,
                                  .password_hash = "*"};
    int64_t id;
    bool found = false;
    enum error_code error = users_add(db, arena, &user, 1, &id);
    if (error == ERR_NONE) {
        error = users_find_login(db, arena, user.username, &found, login);
    }
    return error == ERR_NONE && (!found || login->id != id) ? ERR_INTERNAL : error;
}

int main(int argc, char **argv)
{
    static const enum db_statement may_run[] = {DB_USER_TAKEN, DB_USER_ADD, DB_LOGIN_BY_USERNAME};
    static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};
    enum { ARENA_MAXIMUM = 1024 * 1024 };
    struct arena arena;
    struct config config;
    struct cause cause = {0};
    arena_init(&arena, ARENA_MAXIMUM);
    if (argc != 2 || config_load(&arena, argv[1], &config, &cause) != ERR_NONE) {
        (void)fprintf(stderr, "settings: %s\n", cause.text);
        return 2;
    }
    struct db *db = db_make(&config, &role);
    if (db == NULL) {
        return 2;
    }
    db_start(db, true, &cause);
    struct user_login login;
    enum error_code error = add_and_find(db, &arena, &login);
    enum error_code ended = db_end(db, error == ERR_NONE);
    db_free(db);
    arena_reset(&arena);
    (void)printf("%s\n", error == ERR_NONE && ended == ERR_NONE ? "added" : cause.text);
    return error == ERR_NONE && ended == ERR_NONE ? 0 : 1;
}
