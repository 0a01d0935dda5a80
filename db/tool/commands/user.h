/*
 * user.h - the commands of "cubby user" that are not in user.c, and what export shares with them.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_USER_H
#define CUBBY_DB_TOOL_COMMANDS_USER_H

#include "db/tool/account.h"

/* See their help. */
int user_run_add(struct tool *tool);
int user_run_passwd(struct tool *tool);
int user_run_reset_code(struct tool *tool);
int user_run_edit(struct tool *tool);
int user_run_quota(struct tool *tool);
int user_run_keys(struct tool *tool);

/* The device tokens of the user as an array on the scratch memory; what is not there is null. */
enum db_class user_list_tokens(struct tool *tool, struct db_connection *connection, int64_t user_id,
                               cJSON **out);

#endif
