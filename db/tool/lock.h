/*
 * lock.h - locks on files that are replaced by others of their name.
 */
#ifndef CUBBY_DB_TOOL_LOCK_H
#define CUBBY_DB_TOOL_LOCK_H

#include "db/tool/tool.h"

/* Locks the file at PATH, which other runs of the tool lock in the same way before they replace it:
 * only who may read it can hold that lock. *LOCK is to be closed, if it is not -1, also after a
 * failure. TOOL_BUSY, after a message, when another held it for twice busy_timeout. */
int lock_file(struct tool *tool, const char *path, int *lock);

/* The same so that no connection of SQLite reads or writes the database at PATH. This process must
 * have none to it. */
int lock_database(struct tool *tool, const char *path, int *lock);

#endif
