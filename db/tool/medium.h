/*
 * medium.h - what the medium under the database can carry. It is asked by trying, or by the kind of
 * its file system; the database file itself is never opened, since closing it again would release
 * the locks that this process holds on it.
 */
#ifndef CUBBY_DB_TOOL_MEDIUM_H
#define CUBBY_DB_TOOL_MEDIUM_H

#include "db/tool/tool.h"

/* NULL when the folder of the database at PATH can carry a write-ahead log: when files in it can be
 * mapped as memory that processes share and write to. A temporary file there tries it. Else why
 * not, on the tool's arena. While the folder does not exist, the nearest one above it is asked. */
const char *medium_refuses_log(struct tool *tool, const char *path);

/* The name of the file system, when the folder of PATH lies in memory and is lost at a reboot;
 * otherwise, and when it can't be found out, NULL. */
const char *medium_in_memory(struct tool *tool, const char *path);

/* Whether the medium under the file at PATH takes no writes. */
bool medium_is_read_only(struct tool *tool, const char *path);

/* TOOL_FAILED, after saying what to do instead, when a copy can't be made beside the database at
 * PATH, as its medium is read-only. */
int medium_check_copy(struct tool *tool, const char *path);

/* TOOL_FAILED, after saying why, when the settings ask for a write-ahead log that the medium of the
 * database can't carry. Asked as the owner of the database. */
int medium_check_journal(struct tool *tool);

#endif
