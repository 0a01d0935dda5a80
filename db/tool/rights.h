/*
 * rights.h - the rights of a user, which root takes on before it touches what that user decides.
 */
#ifndef CUBBY_DB_TOOL_RIGHTS_H
#define CUBBY_DB_TOOL_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "db/tool/tool.h"

/* As whom the process goes on. */
struct rights {
    uid_t user;
    gid_t group; /* that of a file of the user's: it may be any, as in a folder that hands down its
                    own, so it counts only if the user is a member */
    bool named;  /* root named the group, so it counts */
    bool ever;   /* there is no way back to root */
};

/* Gives the process these, with the user's other groups, as a login does. Of a user without a name
 * no groups are known: then a group counts that has the user's number, else nobody's. 0, or -1 with
 * errno. */
int rights_take(const struct rights *rights);

/* Whoever may change the settings may send the tool anywhere by them. So when root runs it and
 * another user owns the file at PATH, or may put another in its place, the tool goes on as that
 * user, for good; tool->settings_owner then says so. TOOL_FAILED, after a message, where everybody
 * may, or several users; a command with COMMAND_NAMES_FAULTS has that in tool->settings_fault. */
int rights_of_settings(struct tool *tool, const char *path);

/* Opens for reading, with FLAGS besides, the file at PATH that the operator named, into *FILE. When
 * root runs the tool and another user could have put there a link to what only root may read, it
 * is opened as that user; a file of root's in a folder of that user's, and one in a folder where
 * everybody may write, is opened by the folder, if it is no link and has no other name. TOOL_FAILED
 * after a message; then *FILE is -1. */
int rights_open(struct tool *tool, const char *path, int flags, int *file);

#endif
