/*
 * export_account.h - one account as the document that GET /api/me/export answers, which
 * POST /api/me/import takes.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_EXPORT_ACCOUNT_H
#define CUBBY_DB_TOOL_COMMANDS_EXPORT_ACCOUNT_H

#include <stdio.h>

#include "db/tool/account.h"

/* Reports, for what the command writes to, what errno tells; returns TOOL_FAILED. */
int export_fail(struct tool *tool);

/* Writes ACCOUNT of the database COPY to TO; *TOKENS and *ITEMS count what was written. Returns an
 * exit status, after a failure was reported. */
int export_account_write(struct tool *tool, struct db_connection *copy,
                         const struct account *account, FILE *to, int64_t *tokens, int64_t *items);

#endif
