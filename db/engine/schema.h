/*
 * schema.h - the tables, as numbered migrations. Programs only compare the number; creating and
 * migrating is the operator's tool's work.
 */
#ifndef CUBBY_DB_ENGINE_SCHEMA_H
#define CUBBY_DB_ENGINE_SCHEMA_H

#include <stdint.h>

#include "db/engine/driver.h"

/* The schema this build works with: the number of the last migration. */
extern const int64_t schema_number;

/* Brings the database of CONNECTION, opened for writing, from the number it has to schema_number,
 * in one transaction. *FROM is the number found. DB_OK also when there was nothing to do;
 * DB_INTERNAL with nothing changed when the database is newer than this build. */
enum db_class schema_migrate(const struct db_driver *driver, struct db_connection *connection,
                             int64_t *from);

/* The same in a transaction that the caller has begun, and ends. */
enum db_class schema_migrate_within(const struct db_driver *driver,
                                    struct db_connection *connection, int64_t *from);

#endif
