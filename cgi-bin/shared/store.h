/*
 * store.h - the database as the loop sees it (struct store_class of common/serve/serve.h).
 */
#ifndef CUBBY_CGI_BIN_SHARED_STORE_H
#define CUBBY_CGI_BIN_SHARED_STORE_H

#include "common/serve/serve.h"

/* A program's `store`; its `store_role` is its struct db_role. call->store is then a struct db. */
extern const struct store_class database_store;

#endif
