/*
 * check_rows.h - looks at every row of a database by itself.
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_CHECK_ROWS_H
#define CUBBY_DB_TOOL_COMMANDS_CHECK_ROWS_H

#include "db/engine/driver.h"
#include "db/tool/commands/check.h"

/* Values above max_value_bytes of the settings, which were stored while it was higher. */
struct large_values {
    int64_t count;
    size_t largest; /* bytes */
};

/* Tells SINK of each row, of any table, that no call makes and "cubby import" refuses, by the rules
 * of db/tool/transfer.h: of each table the first few, and how many more. A size that is not that
 * of the value is left to admin_find_disorder. Reads row by row, in no more memory than the largest
 * takes. */
enum db_class check_rows(struct tool *tool, struct db_connection *connection,
                         const struct check_sink *sink, struct large_values *large);

/* Tells WARNED of each account that has device tokens, or a code for a lost password, which are
 * refused because the clock was ahead when they were made: once their time comes, they hold. */
enum db_class check_made_ahead(struct tool *tool, struct db_connection *connection,
                               const struct check_sink *warned);

#endif
