/*
 * terminal.h - reading passwords, but never from the command line, where other users can see them.
 */
#ifndef CUBBY_DB_TOOL_TERMINAL_H
#define CUBBY_DB_TOOL_TERMINAL_H

#include "db/tool/tool.h"

/* A new password, on the tool's arena: with --password-stdin the first line of standard input, else
 * asked for twice at the terminal, without echo. It obeys the rules for passwords. Returns an exit
 * status (enum tool_status), after it reported a failure. */
int terminal_new_password(struct tool *tool, struct text *password);

#endif
