/*
 * meta.h - what the database says of itself.
 */
#ifndef CUBBY_DB_META_H
#define CUBBY_DB_META_H

#include "common/error.h"
#include "common/text.h"
#include "db/db.h"

/* The identifier of this store, which changes when the database is restored or reset. Borrowed
 * until the request ends. */
enum error_code meta_store_id(struct db *db, struct text *out);

#endif
