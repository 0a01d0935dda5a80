/*
 * file_kind.h - what a file is that somebody gave to a command which wants another: told by its
 * first bytes.
 */
#ifndef CUBBY_DB_TOOL_FILE_KIND_H
#define CUBBY_DB_TOOL_FILE_KIND_H

#include <stdbool.h>
#include <stdint.h>

enum file_kind {
    FILE_DATABASE, /* of SQLite, not necessarily cubby's */
    FILE_EXPORT,   /* of "cubby export" */
    FILE_TEXT,     /* another text */
    FILE_OTHER
};

/* The kind of the regular file open as FILE; its position stays. *WHAT is a static text that says
 * what it is and, where something makes what is wanted of it, what. */
enum file_kind file_kind_of(int file, const char **what);

/* Whether the database that is open as FILE, of SIZE bytes, lacks its end by what its head says
 * (https://sqlite.org/fileformat.html section 1.3). *WHOLE is the number of bytes that it had. */
bool file_kind_is_cut(int file, int64_t size, int64_t *whole);

/* The number of the schema that the head of a database gives, 0 where a program keeps none there;
 * -1 when it can't be read. */
int64_t file_kind_schema(int file);

#endif
