/*
 * files.h - the files of an installation: written completely or not at all, with the right owner
 * and mode, and durably. As root the tool acts as their owner.
 *
 * Functions that return an int return an exit status (enum tool_status), after they reported a
 * failure, unless they say otherwise.
 */
#ifndef CUBBY_DB_TOOL_FILES_H
#define CUBBY_DB_TOOL_FILES_H

#include <sys/types.h>

#include "db/tool/tool.h"

/* The owner of what is created. */
struct file_owner {
    bool given; /* else it is whoever runs the tool */
    uid_t user;
    gid_t group;
};

/* The directory PATH lies in, on the tool's arena; NULL when memory is out. */
char *file_directory(struct tool *tool, const char *path);

/* Creates the directory of PATH and the parents it needs: the parents with mode 0755, the directory
 * itself with mode 0700 for OWNER. */
int file_make_directory(struct tool *tool, const char *path, const struct file_owner *owner);

/* Makes OWNER, if one is given, the owner of PATH. */
int file_set_owner(struct tool *tool, const char *path, const struct file_owner *owner);

/* Makes the entries of the directory of PATH durable. */
int file_sync_directory(struct tool *tool, const char *path);

/* The whole of a small file, on the tool's arena and NUL-terminated. */
int file_read(struct tool *tool, const char *path, const char **text);

/* Creates a file at PATH with TEXT, mode 0600, completely or not at all; it is a failure when there
 * is one already. */
int file_make_secret(struct tool *tool, const char *path, const char *text,
                     const struct file_owner *owner);

/* Replaces the content of the file at PATH by TEXT: a reader finds the old text or the new one,
 * complete. Owner (when root runs this) and mode stay. */
int file_replace_secret(struct tool *tool, const char *path, const char *text);

/* When root runs the tool and PATH (or, if that does not exist, its directory) belongs to another
 * user, the tool continues as that user. The programs can then use what it creates beside PATH, and
 * a user who may write to that directory can't make root write elsewhere. */
int file_become_owner(struct tool *tool, const char *path);

/* Continues as the user who runs the tool. Where the system refuses that, the tool says so and
 * ends. */
void file_become_self(void);

/* The suffixes of the files that belong to a database; the last entry is NULL. */
extern const char *const file_companions[];

/* TOOL_DONE when a result may be written to PATH: it is no file of the installation, and replacing
 * an existing file is confirmed. *EXISTS tells whether there is one. */
int file_may_write(struct tool *tool, const char *path, bool *exists);

/* Creates an empty file at PATH, mode 0600, for this run alone; file_drop_draft deletes it, as does
 * a signal that ends the tool. There can be one at a time. */
int file_make_draft(struct tool *tool, const char *path);
void file_drop_draft(void);

/* Sets another file that a signal deletes along with the draft; NULL: none. */
void file_second_draft(const char *path);

/* Renames the file FROM to TO, in the same directory, without replacing a file. 0, or -1 with
 * errno, which is EEXIST when there is a file TO. */
int file_name_new(const char *from, const char *to);

/* Makes the draft durable and renames it to PATH, in the same directory. It replaces an existing
 * file only if OVER. */
int file_place_draft(struct tool *tool, const char *path, bool over);

/* Makes the contents of the file at PATH durable. */
int file_sync(struct tool *tool, const char *path);

#endif
