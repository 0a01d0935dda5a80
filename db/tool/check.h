/*
 * check.h - looking through an installation for problems.
 */
#ifndef CUBBY_DB_TOOL_CHECK_H
#define CUBBY_DB_TOOL_CHECK_H

#include "db/tool/tool.h"

int run_check(struct tool *tool);

#endif
