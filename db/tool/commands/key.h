/*
 * key.h - new keys for signing tokens.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_KEY_H
#define CUBBY_DB_TOOL_COMMANDS_KEY_H

#include "db/tool/tool.h"

/* A random name for a key, on the tool's arena; NULL after an error message. */
const char *key_new_name(struct tool *tool);

/* The text of a key file with one new key named KID, in *TEXT on the scratch memory. Returns an
 * exit status (enum tool_status), after it reported a failure. */
int key_new_file(struct tool *tool, const char *kid, const char **text);

#endif
