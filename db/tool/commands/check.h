/*
 * check.h - checks an installation.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_CHECK_H
#define CUBBY_DB_TOOL_COMMANDS_CHECK_H

#include "db/tool/tool.h"

/* Receives each problem: WHERE it is (a path), what it is, and how to mend it ("" when that is
 * obvious). */
struct check_sink {
    void *self;
    void (*found)(void *self, const char *where, const char *problem, const char *remedy);
};

/* Checks that database and key file can be read by their one owner only, lie in directories that
 * nobody else can write to, and can be reached by that owner. */
void check_owners_and_modes(struct tool *tool, const struct check_sink *sink);

/* Checks that nobody but root and who runs the tool can change the settings: whoever can lets the
 * tool, and the programs, write where they like. Where that is the user of the programs, WARNED is
 * told: so it is after `make run`. */
void check_settings_file(struct tool *tool, const struct check_sink *sink,
                         const struct check_sink *warned);

/* Tells of keys that are there twice (token_keys_doubles). Nothing where there is no key file, or
 * one with a fault. */
void check_double_keys(struct tool *tool, const struct check_sink *sink);

/* cubby check: see its help. */
int run_check(struct tool *tool);

#endif
