/*
 * meta.h - the identity of the database.
 */
#ifndef CUBBY_DB_MODEL_META_H
#define CUBBY_DB_MODEL_META_H

#include "common/base/error.h"
#include "common/base/text.h"
#include "db/engine/db.h"

/* The identifier of this store, which changes when the database is restored or reset. *OUT is
 * borrowed until the request ends. */
enum error_code meta_store_id(struct db *db, struct text *out);

#endif
