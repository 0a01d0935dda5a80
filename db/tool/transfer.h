/*
 * transfer.h - the form in which export writes a store and import reads it: JSON lines.
 *
 * The first line is {"type":"cubby","format":1,…}, the last {"type":"end",…} with the number of
 * each kind; every other is one row of a table, its members named as the columns.
 *
 * Beside the form there is what a row may hold, for import and for check.
 */
#ifndef CUBBY_DB_TOOL_TRANSFER_H
#define CUBBY_DB_TOOL_TRANSFER_H

#include "db/tool/admin.h"

enum { TRANSFER_FORMAT = 1, TRANSFER_COLUMNS_MAXIMUM = 24 };

/* The largest id of an account; the ids of its tokens still fit into 64 bits. */
extern const int64_t transfer_user_id_most;

enum transfer_kind {
    TRANSFER_TEXT,
    TRANSFER_INTEGER,
    TRANSFER_JSON, /* JSON, whose text is kept exactly: see export.c */
    TRANSFER_LOWER /* not in the file: the text before it in lower case */
};

/* A column of a row, from wherever that comes. */
struct transfer_value {
    bool null;
    int64_t integer;
    struct text text; /* of every kind but TRANSFER_INTEGER */
};

/* What a column may hold: integers from LEAST to MOST, texts without a fault. */
struct transfer_column {
    const char *name;
    enum transfer_kind kind;
    bool may_be_null; /* also: may be missing */
    int64_t least;
    int64_t most;
    const char *(*fault)(struct text text); /* why it is not valid, or NULL; no check without it */
};

/* READ gives all rows, WRITE inserts one. Columns of READ and parameters of WRITE are COLUMNS in
 * order. */
struct transfer_table {
    const char *type;
    enum admin_statement read;
    enum admin_statement write;
    const struct transfer_column *columns;
    size_t count;
    /* What the columns of ROW, each of which is valid by itself, say of each other; as
     * transfer_fault. May be NULL. */
    const char *(*fault)(struct arena *arena, const struct transfer_value *row,
                         const char **column);
};

enum { TRANSFER_TABLE_COUNT = 4 };

/* What export writes and import reads. */
extern const struct transfer_table transfer_tables[TRANSFER_TABLE_COUNT];

/* What beside these is in a database: meta, events included, and throttle. WRITE is that of copy.
 */
extern const struct transfer_table transfer_meta;
extern const struct transfer_table transfer_throttle;

/* Why a store can't have ROW in TABLE, as it goes on behind the name *COLUMN; NULL when it can. The
 * only list of what a single row may be: import refuses by it and check looks by it. On ARENA, or
 * static. */
const char *transfer_fault(struct arena *arena, const struct transfer_table *table,
                           const struct transfer_value *row, const char **column);

/* Adds the number of rows of each table, as COUNTS has them, to OBJECT on the scratch memory. */
void transfer_add_counts(struct tool *tool, cJSON *object,
                         const int64_t counts[TRANSFER_TABLE_COUNT]);

/* The columns of a user, an item and a token that are looked at by their number. */
enum { USER_ID };
enum { ITEM_USER_ID, ITEM_KEY, ITEM_VERSION, ITEM_SIZE, ITEM_EXPIRES_AT = 6, ITEM_VALUE };
enum { TOKEN_ID, TOKEN_NAME = 2, TOKEN_WRITES, TOKEN_PREFIX, TOKEN_EXPIRES_AT = 6 };
enum { META_NAME, META_VALUE };

#endif
