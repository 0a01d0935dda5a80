/*
 * file_kind.h - what a file is that somebody gave to a command which wants another: told by its
 * first bytes.
 */
#ifndef CUBBY_DB_TOOL_FILE_KIND_H
#define CUBBY_DB_TOOL_FILE_KIND_H

enum file_kind {
    FILE_DATABASE, /* of SQLite, not necessarily cubby's */
    FILE_EXPORT,   /* of "cubby export" */
    FILE_TEXT,     /* another text */
    FILE_OTHER
};

/* The kind of the regular file open as FILE; its position stays. *WHAT is a static text that says
 * what it is and, where something makes what is wanted of it, what. */
enum file_kind file_kind_of(int file, const char **what);

#endif
