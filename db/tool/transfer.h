/*
 * transfer.h - the form in which export writes a store and import reads it: JSON lines.
 *
 * The first line is {"type":"cubby","format":1,…}, the last {"type":"end",…} with the number of
 * each kind; every other is one row of a table, its members named as the columns.
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

/* Import refuses what no store can hold: integers outside LEAST to MOST, texts with a fault. */
struct transfer_column {
    const char *name;
    enum transfer_kind kind;
    bool may_be_null; /* also: may be missing */
    int64_t least;
    int64_t most;
    const char *(*fault)(struct text text); /* why it is not valid, or NULL; no check without it */
};

/* READ gives the rows for an export, WRITE inserts one on import. Columns of READ and parameters of
 * WRITE are COLUMNS in order (READ without those of TRANSFER_LOWER). */
struct transfer_table {
    const char *type;
    enum admin_statement read;
    enum admin_statement write;
    const struct transfer_column *columns;
    size_t count;
};

enum { TRANSFER_TABLE_COUNT = 4 };

extern const struct transfer_table transfer_tables[TRANSFER_TABLE_COUNT];

/* Adds the number of rows of each table, as COUNTS has them, to OBJECT on the scratch memory. */
void transfer_add_counts(struct tool *tool, cJSON *object,
                         const int64_t counts[TRANSFER_TABLE_COUNT]);

#endif
