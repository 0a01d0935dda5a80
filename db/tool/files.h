/*
 * files.h - the files of an installation: made whole or not at all, with owner and mode as they
 * should be, and durable. And whose files they are: as root the tool acts as their owner.
 */
#ifndef CUBBY_DB_TOOL_FILES_H
#define CUBBY_DB_TOOL_FILES_H

#include <sys/types.h>

#include "db/tool/tool.h"

/* Who gets what is made. */
struct file_owner {
    bool given; /* else whoever runs the tool */
    uid_t user;
    gid_t group;
};

/* The directory PATH lies in, on the tool's arena; NULL when memory is out. */
char *file_directory(struct tool *tool, const char *path);

/* Makes what is missing of the directory of PATH: parents as usual, the last one with mode 0700 for
 * OWNER. */
int file_make_directory(struct tool *tool, const char *path, const struct file_owner *owner);

/* Gives PATH to OWNER, if one is given. */
int file_give(struct tool *tool, const char *path, const struct file_owner *owner);

/* Makes the entries of the directory of PATH durable. */
int file_sync_directory(struct tool *tool, const char *path);

/* The whole of a small file, on the tool's arena and NUL-terminated. */
int file_read(struct tool *tool, const char *path, const char **text);

/* A new file at PATH with TEXT, mode 0600, complete or not at all; an existing one is a failure. */
int file_make_secret(struct tool *tool, const char *path, const char *text,
                     const struct file_owner *owner);

/* Puts TEXT in the place of what the file at PATH holds: whoever opens it finds the old text or the
 * new one, whole. Owner and mode stay. */
int file_replace_secret(struct tool *tool, const char *path, const char *text);

/* When root runs the tool and PATH (or, if that does not exist, its directory) belongs to another
 * user, the tool continues as that user. The programs can then use what it creates beside PATH, and
 * nobody who may write to that directory can make root write elsewhere. */
int file_become_owner(struct tool *tool, const char *path);

/* Ends what file_become_owner began. */
void file_become_self(void);

/* The suffixes of the files that belong to a database; the last entry is NULL. */
extern const char *const file_companions[];

/* TOOL_DONE when a result may be written to PATH: not over what belongs to the installation, and
 * not over another file unless somebody agrees. *OVER tells that there is one. */
int file_may_write(struct tool *tool, const char *path, bool *over);

/* Makes an empty file at PATH, mode 0600, that only this run uses; it is removed again by
 * file_drop_draft, or when a signal ends the tool. One at a time. */
int file_make_draft(struct tool *tool, const char *path);
void file_drop_draft(void);

/* Another file that a signal removes along with the draft; NULL: none any more. */
void file_second_draft(const char *path);

/* The file FROM is named TO, in the same directory. 0, or -1 with an errno, EEXIST when there is a
 * file of that name. */
int file_name_new(const char *from, const char *to);

/* The draft made by file_make_draft, on the disk, becomes PATH, in the same directory; OVER an
 * existing file or else not at all. */
int file_place_draft(struct tool *tool, const char *path, bool over);

/* Makes the contents of the file at PATH durable. */
int file_sync(struct tool *tool, const char *path);

#endif
