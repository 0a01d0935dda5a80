/*
 * check.h - looking through an installation for problems.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_CHECK_H
#define CUBBY_DB_TOOL_COMMANDS_CHECK_H

#include "db/tool/tool.h"

/* Who is told of each problem: WHERE it is (a path), what it is, and how to mend it ("" when that
 * is plain). */
struct check_sink {
    void *self;
    void (*found)(void *self, const char *where, const char *problem, const char *remedy);
};

/* Database and key file: secrets that only their one owner can read, in directories that nobody
 * else can write, and which their owner can reach. */
void check_owners_and_modes(struct tool *tool, const struct check_sink *sink);

/* cubby check: see its help. */
int run_check(struct tool *tool);

#endif
