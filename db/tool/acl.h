/*
 * acl.h - POSIX access control lists, which the mode of a file does not tell of.
 *
 * Where a file has one, the bits of its mode that are otherwise its group's are the mask of the
 * list: what the users and groups that it names, and its group, have at most. So they say nothing
 * of the group, and a file of root's and root's group may be another user's to write.
 */
#ifndef CUBBY_DB_TOOL_ACL_H
#define CUBBY_DB_TOOL_ACL_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether an access control list may let others than its owner write to what NAME, whose status is
 * THERE, stands for in FOLDER, which may be open as a mere place (O_PATH), or AT_FDCWD. Whom it
 * names is not looked at. A folder's list for what will be made in it (the default one) gives
 * nobody anything and does not count; nor do lists of other kinds, such as those of NFSv4. Where
 * nothing can be told, as without /proc, true if the mode has write of the group class. */
bool acl_lets_write(int folder, const char *name, const struct stat *there);

#endif
