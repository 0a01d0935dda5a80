/*
 * meta.c - the identity of the database.
 */
#include "db/model/meta.h"

enum error_code meta_store_id(struct db *db, struct text *out)
{
    bool found;
    enum error_code error = db_run(db, DB_STORE_ID, NULL, 0, &found);
    if (error != ERR_NONE) {
        return error;
    }
    *out = found ? db_column_text(db, DB_STORE_ID, 0) : (struct text){0};
    return out->at != NULL ? ERR_NONE : ERR_INTERNAL;
}
