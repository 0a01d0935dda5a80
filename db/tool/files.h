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

struct way;

/* The owner of what is created. */
struct file_owner {
    bool given; /* else it is whoever runs the tool */
    uid_t user;
    gid_t group;
};

/* The directory PATH lies in, on the tool's arena; NULL when memory is out. */
char *file_directory(struct tool *tool, const char *path);

/* PATH, or, where that is a symbolic link, the path of the file it leads to, beside which its
 * owner may make others; on the tool's arena. PATH where there is none. */
const char *file_itself(struct tool *tool, const char *path);

/* The path of companion NUMBER (config_companions) of the database at PATH, on the tool's arena;
 * NULL when memory is out. */
const char *file_companion(struct tool *tool, const char *path, size_t number);

/* What is wrong with PATH where that is a symbolic link to nothing, as the rest of a sentence; NULL
 * where it is none. */
const char *file_link_fault(struct tool *tool, const char *path);

/* Fails where PATH is such a link. */
int file_refuse_loose_link(struct tool *tool, const char *path);

/* Reports, for the file at PATH, what errno tells, or the fault of the link in its place; returns
 * TOOL_FAILED. */
int file_fail(struct tool *tool, const char *path);

/* The same of giving PATH to USER. */
int file_fail_to_give(struct tool *tool, const char *path, uid_t user);

/* Creates the directory of PATH and the parents it needs: the parents with mode 0755, the directory
 * itself with mode 0700 for OWNER. */
int file_make_directory(struct tool *tool, const char *path, const struct file_owner *owner);

/* Makes the entries of the directory of PATH durable. */
int file_sync_directory(struct tool *tool, const char *path);

/* The whole of a small file, on the tool's arena and NUL-terminated. */
int file_read(struct tool *tool, const char *path, const char **text);

/* Writes SIZE bytes to FILE; false with errno. */
bool file_write(int file, const char *from, size_t size);

/* Creates a file at PATH with TEXT, mode 0600, completely or not at all; it is a failure when there
 * is one already. */
int file_make_secret(struct tool *tool, const char *path, const char *text,
                     const struct file_owner *owner);

/* Replaces the content of the file at PATH by TEXT: a reader finds the old text or the new one,
 * complete. Owner (when root runs this) and mode stay. */
int file_replace_secret(struct tool *tool, const char *path, const char *text);

/* When root runs the tool and PATH (or, if that does not exist, its folder) belongs to another
 * user, the tool continues as that user: the programs can then use what it creates beside PATH. It
 * stays that user for good where the rest of the command needs nobody else (tool->one_owner). It
 * fails when somebody else, or, where it belongs to root, anybody else, owns a folder or a symbolic
 * link that may lead PATH elsewhere (way.h). So a user who may write to a folder can't make root
 * write elsewhere; that user's own links, and links of root's in folders of root's, are followed.
 * Nor may what belongs to root lie in a folder such as /tmp, or one that a group may write to,
 * where others may put a journal beside it. */
int file_become_owner(struct tool *tool, const char *path);

/* The same for a file that has no other beside it, such as the log: in a folder such as /tmp, too,
 * one of root's that exists is root's to write. */
int file_become_owner_alone(struct tool *tool, const char *path);

/* Opens the log of root's at PATH, for adding, where a group, or everybody, may write to a folder
 * on the way, such as the /var/log of some systems: by its folder, and only a regular file of
 * root's without another name and without a link on the way. It is made when it is missing and only
 * a group may write there. -1 where file_become_owner_alone is to be asked. */
int file_open_roots_log(const char *path);

/* The same for making PATH: the tool continues as the owner of the folder, with the group of OWNER
 * if that is the same user, and then *OWNER is no more given: what is made is that user's. When
 * OWNER is another, it fails. In a folder of root's that others may write to, and PATH exists, it
 * continues as the owner of that; in one that a group may write to, and PATH does not exist, as
 * OWNER. */
int file_become_maker(struct tool *tool, const char *path, struct file_owner *owner);

/* The same for making the folder PATH, to which WAY was taken. */
int file_become_folder_maker(struct tool *tool, const char *path, const struct way *way,
                             struct file_owner *owner);

/* Why file_become_owner would fail, as the rest of a sentence; NULL: it would not. */
const char *file_owner_fault(struct tool *tool, const char *path);
const char *file_way_fault(struct tool *tool, const struct way *way, uid_t who);

/* Whether the folder of PATH, after links were followed, is root's, and nobody else decides which
 * it is. */
bool file_has_roots_folder(const char *path);

/* Continues as the user who runs the tool. Where the system refuses that, the tool says so and
 * ends. */
void file_become_self(void);

/* The same for a while: *BEFORE is as whom the tool went on until then, and goes on after
 * file_become_again. */
struct file_user {
    uid_t user;
    gid_t group;
};
void file_become_self_for(struct file_user *before);
void file_become_again(struct tool *tool, const struct file_user *before);

/* TOOL_DONE when a result may be written to PATH: it is no file of the installation, and replacing
 * an existing file is confirmed. *EXISTS tells whether there is one. */
int file_may_write(struct tool *tool, const char *path, bool *exists);

/* Renames the file FROM to TO, in the same directory, without replacing a file. 0, or -1 with
 * errno, which is EEXIST when there is a file TO. */
int file_name_new(const char *from, const char *to);

/* The same for names in FOLDER. */
int file_name_new_in(int folder, const char *from, const char *to);

/* Makes the contents of the file at PATH durable. */
int file_sync(struct tool *tool, const char *path);

#endif
