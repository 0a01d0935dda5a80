/*
 * store.h - the database as the store of a program (struct store_class of common/serve/serve.h).
 */
#ifndef CUBBY_CGI_BIN_SHARED_STORE_H
#define CUBBY_CGI_BIN_SHARED_STORE_H

#include "common/serve/serve.h"

/* For the member `store` of a struct program, whose `store_role` must then point to its struct
 * db_role. call->store is a struct db. */
extern const struct store_class database_store;

#endif
