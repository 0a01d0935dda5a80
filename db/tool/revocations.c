/*
 * revocations.c - what was revoked since a backup was made.
 */
#include "db/tool/revocations.h"

#include "db/model/tokens.h"

/* Runs QUESTION with the first COUNT columns of ROW as its parameters; those with a bit in TEXTS
 * are texts, the others integers. *FOUND tells whether it has a row, *NUMBER is the first column of
 * that. */
static enum db_class ask(struct db_prepared *question, struct db_prepared *row, int count,
                         unsigned texts, bool *found, int64_t *number)
{
    struct db_value values[4];
    for (int i = 0; i < count; i++) {
        values[i] = (texts >> i & 1) != 0 ? db_text(admin_driver->column_text(row, i))
                                          : db_integer(admin_driver->column_integer(row, i));
    }
    enum db_class class = admin_bind(question, values, (size_t)count);
    if (class == DB_OK) {
        class = admin_driver->step(question);
    }
    *found = class == DB_ROW;
    *number = *found ? admin_driver->column_integer(question, 0) : 0;
    admin_driver->reset(question);
    return class == DB_ROW ? DB_OK : class;
}

/* The columns of a row: id and hash of the token, id and time of creation of its user. */
static enum db_class drop_tokens(struct db_connection *draft, struct db_connection *present,
                                 int64_t *count)
{
    const struct db_value numbers[] = {db_integer(DEVICE_NUMBER_MAXIMUM)};
    struct db_prepared *rows = NULL;
    struct db_prepared *question = NULL;
    enum db_class class = admin_prepare(draft, ADMIN_TOKENS_OF_USERS, numbers, 1, &rows);
    if (class == DB_OK) {
        class = admin_prepare(present, ADMIN_HAS_TOKEN, NULL, 0, &question);
    }
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    while (class == DB_ROW) {
        bool same_user;
        int64_t exists;
        class = ask(question, rows, 4, 2, &same_user, &exists);
        if (class == DB_OK && same_user && exists == 0) {
            const struct db_value id[] = {db_integer(admin_driver->column_integer(rows, 0))};
            class = admin_run(draft, ADMIN_TOKEN_DROP, id, 1, NULL);
            ++*count;
        }
        class = class == DB_OK ? admin_driver->step(rows) : class;
    }
    admin_driver->finalize(rows);
    admin_driver->finalize(question);
    return class;
}

static enum db_class disable_users(struct db_connection *draft, struct db_connection *present,
                                   int64_t *count)
{
    struct db_prepared *rows = NULL;
    struct db_prepared *question = NULL;
    enum db_class class = admin_prepare(present, ADMIN_DISABLED_USERS, NULL, 0, &rows);
    if (class == DB_OK) {
        class = admin_prepare(draft, ADMIN_HAS_ENABLED_USER, NULL, 0, &question);
    }
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    while (class == DB_ROW) {
        bool found;
        int64_t id;
        class = ask(question, rows, 2, 0, &found, &id);
        if (class == DB_OK && found) {
            const struct db_value values[] = {db_integer(id)};
            class = admin_run(draft, ADMIN_USER_DISABLE, values, 1, NULL);
            ++*count;
        }
        class = class == DB_OK ? admin_driver->step(rows) : class;
    }
    admin_driver->finalize(rows);
    admin_driver->finalize(question);
    return class;
}

enum db_class revocations_apply(struct db_connection *draft, struct db_connection *present,
                                struct revocations *out)
{
    *out = (struct revocations){0};
    enum db_class class = admin_driver->begin(draft);
    if (class == DB_OK) {
        class = drop_tokens(draft, present, &out->tokens);
    }
    if (class == DB_OK) {
        class = disable_users(draft, present, &out->users);
    }
    if (class == DB_OK) {
        class = admin_driver->commit(draft);
    }
    if (class != DB_OK) {
        admin_driver->rollback(draft);
    }
    return class;
}
