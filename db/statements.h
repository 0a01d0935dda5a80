/*
 * statements.h - every SQL statement the programs run, by number.
 */
#ifndef CUBBY_DB_STATEMENTS_H
#define CUBBY_DB_STATEMENTS_H

enum db_statement {
    DB_STORE_ID,
    DB_USER_TAKEN,
    DB_USER_ADD,
    DB_LOGIN_BY_USERNAME,
    DB_LOGIN_BY_EMAIL,
    DB_USER_REHASH,
    DB_USER_NEXT_VERSION,
    DB_TOKEN_ADMIT,
    DB_TOKEN_USED,
    DB_ITEM_READ,
    DB_ITEM_CREATE,
    DB_ITEM_REPLACE,
    DB_ITEM_DELETE,

    DB_STATEMENT_COUNT
};

/* The SQL text of STATEMENT. Portable: parameters $1, $2, … each bound by name; times are
 * milliseconds since 1970. */
const char *db_statement_sql(enum db_statement statement);

#endif
