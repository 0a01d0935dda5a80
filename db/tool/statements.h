/*
 * statements.h - the SQL that only the operator's tool runs, by number. The rules are those of
 * db/statements.h; the programs do not link these.
 */
#ifndef CUBBY_DB_TOOL_STATEMENTS_H
#define CUBBY_DB_TOOL_STATEMENTS_H

enum admin_statement {
    ADMIN_STORE_ID,
    ADMIN_NEW_STORE_ID,
    ADMIN_NEW_EPOCHS,
    ADMIN_COUNT_USERS,
    ADMIN_COUNT_ITEMS,

    ADMIN_USER_LIST,
    ADMIN_USER_BY_USERNAME,
    ADMIN_USER_BY_EMAIL,
    ADMIN_USER_DISABLE,
    ADMIN_USER_ENABLE,
    ADMIN_USER_PASSWORD,
    ADMIN_USER_DELETE,
    ADMIN_USER_DELETE_ITEMS,
    ADMIN_USER_DELETE_TOKENS,
    ADMIN_USER_TOKENS,
    ADMIN_RESET_CODE,
    ADMIN_THROTTLE_CLEAR,

    ADMIN_STATEMENT_COUNT
};

/* The SQL text of STATEMENT. */
const char *admin_statement_sql(enum admin_statement statement);

#endif
