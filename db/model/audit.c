/*
 * audit.c - the latest security events.
 */
#include "db/model/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "audit/"

enum { NAME_SIZE = 32 };

/* The numbers have equal width, so that the names sort in their order. */
static struct text name_of(int64_t number, char out[NAME_SIZE])
{
    int size = snprintf(out, NAME_SIZE, PREFIX "%018" PRId64, number);
    return (struct text){.at = out, .size = (size_t)size};
}

static enum error_code last_number(struct db *db, int64_t *out)
{
    bool found;
    enum error_code error = db_run(db, DB_AUDIT_LAST, NULL, 0, &found);
    *out = 0;
    if (error != ERR_NONE || !found || db_column_is_null(db, DB_AUDIT_LAST, 0)) {
        return error;
    }
    struct text name = db_column_text(db, DB_AUDIT_LAST, 0);
    size_t skip = strlen(PREFIX);
    bool over;
    if (name.at == NULL || name.size < skip ||
        !text_to_int64((struct text){.at = name.at + skip, .size = name.size - skip}, INT64_MAX,
                       &over, out)) {
        return ERR_INTERNAL;
    }
    return ERR_NONE;
}

struct text audit_pattern(int64_t user_id, char out[AUDIT_PATTERN_SIZE])
{
    int size = snprintf(out, AUDIT_PATTERN_SIZE, "%%\"user_id\":%" PRId64 ",%%", user_id);
    return (struct text){.at = out, .size = (size_t)size};
}

enum error_code audit_forget(struct db *db, int64_t user_id)
{
    char pattern[AUDIT_PATTERN_SIZE];
    const struct db_value values[] = {db_text(audit_pattern(user_id, pattern))};
    bool found;
    return db_run(db, DB_AUDIT_FORGET, values, 1, &found);
}

enum error_code audit_add(struct db *db, int64_t user_id, struct text text, struct text unnamed,
                          int64_t rows)
{
    int64_t number;
    char name[NAME_SIZE];
    bool found;
    enum error_code error = db_begin(db);
    if (error == ERR_NONE) {
        error = last_number(db, &number);
    }
    if (error != ERR_NONE) {
        return error;
    }
    number++;
    const struct db_value added[] = {db_text(name_of(number, name)), db_text(text),
                                     db_integer(user_id), db_text(unnamed)};
    error = db_run(db, DB_AUDIT_ADD, added, 4, &found);
    if (error != ERR_NONE || number <= rows) {
        return error;
    }
    char oldest[NAME_SIZE];
    const struct db_value trimmed[] = {db_text(name_of(number - rows, oldest))};
    return db_run(db, DB_AUDIT_TRIM, trimmed, 1, &found);
}
