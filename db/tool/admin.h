/*
 * admin.h - the tool's connection to the database, and the statements only the operator may run.
 *
 * The programs' statements and roles are db.h's; these are a table of their own that the programs
 * do not link.
 */
#ifndef CUBBY_DB_TOOL_ADMIN_H
#define CUBBY_DB_TOOL_ADMIN_H

#include "db/driver.h"
#include "db/tool/tool.h"

/* Milliseconds the tool waits for another writer: it has more patience than a request. */
enum { ADMIN_BUSY_TIMEOUT = 10000 };

/* The engine. */
extern const struct db_driver *const admin_driver;

/* Says what went wrong in CONNECTION at the database PATH, and while doing what. */
int admin_fail(struct tool *tool, struct db_connection *connection, const char *path,
               enum db_class class, const char *doing);

/* Opens the database at PATH, which must exist, whatever its schema. */
int admin_open_any(struct tool *tool, const char *path, bool writable, struct db_connection **out);

/* Says that the database at PATH has schema NUMBER, which is not this version's, and what to do. */
int admin_fail_schema(struct tool *tool, const char *path, int64_t number);

/* Opens the database of the settings, as its owner; its schema must be this version's. */
int admin_open(struct tool *tool, bool writable, struct db_connection **out);

#endif
