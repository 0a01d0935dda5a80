/*
 * terminal.h - passwords from a person, never from the command line, where others can see them.
 */
#ifndef CUBBY_DB_TOOL_TERMINAL_H
#define CUBBY_DB_TOOL_TERMINAL_H

#include "db/tool/tool.h"

/* A new password: the first line of standard input with --password-stdin, else asked for twice at
 * the terminal, without echo. It is what the rules want of a password, on the tool's arena. */
int terminal_new_password(struct tool *tool, struct text *password);

#endif
