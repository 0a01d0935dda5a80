/*
 * user.h - the commands of "cubby user" that set passwords.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_USER_H
#define CUBBY_DB_TOOL_COMMANDS_USER_H

#include "db/tool/account.h"

/* See their help. */
int user_run_add(struct tool *tool);
int user_run_passwd(struct tool *tool);
int user_run_reset_code(struct tool *tool);

#endif
