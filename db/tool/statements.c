/*
 * statements.c - the SQL that only the operator's tool runs.
 */
#include "db/tool/statements.h"

static const char *const table[ADMIN_STATEMENT_COUNT] = {
    [ADMIN_STORE_ID] = "SELECT value FROM meta WHERE name = 'store_id'",
    [ADMIN_NEW_STORE_ID] = "UPDATE meta SET value = $1 WHERE name = 'store_id'",
    [ADMIN_NEW_EPOCHS] = "UPDATE users SET epoch = epoch + $1",
    [ADMIN_COUNT_USERS] = "SELECT count(*) FROM users",
    [ADMIN_COUNT_ITEMS] = "SELECT count(*) FROM items",
};

const char *admin_statement_sql(enum admin_statement statement)
{
    return (unsigned)statement < ADMIN_STATEMENT_COUNT ? table[statement] : "";
}
