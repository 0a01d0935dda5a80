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
    DB_USER_LIVES,
    DB_USER_PROFILE,
    DB_USER_EMAIL_TAKEN,
    DB_USER_UPDATE,
    DB_USER_SECRET,
    DB_USER_SET_PASSWORD,
    DB_USER_RESET_PASSWORD,
    DB_USER_END_SESSIONS,
    DB_USER_REVOKED,
    DB_USER_REVOKE,
    DB_USER_DELETE,
    DB_USER_DELETE_ITEMS,
    DB_TOKEN_ADMIT,
    DB_TOKEN_USED,
    DB_TOKEN_COUNT,
    DB_TOKEN_ADD,
    DB_TOKEN_LIST,
    DB_TOKEN_DELETE,
    DB_TOKEN_DELETE_ALL,
    DB_TOKEN_DELETE_EXPIRED,
    DB_RESET_CODE,
    DB_THROTTLE_READ,
    DB_THROTTLE_COUNT,
    DB_THROTTLE_GIVE_BACK,
    DB_THROTTLE_CLEAR,
    DB_THROTTLE_SWEEP,
    DB_AUDIT_LAST,
    DB_AUDIT_ADD,
    DB_AUDIT_TRIM,
    DB_LEDGER_READ,
    DB_LEDGER_WRITE,
    DB_ITEM_READ,
    DB_ITEM_FIND,
    DB_ITEM_ADD,
    DB_ITEM_CHANGE,
    DB_ITEM_FIRST_EXPIRING,
    DB_ITEM_FORGET,
    DB_ITEM_LIST,
    DB_ITEM_COUNT,
    DB_ITEM_CHANGES,

    DB_STATEMENT_COUNT
};

/* The SQL text of STATEMENT. Portable: parameters $1, $2, … each bound by name; times are
 * milliseconds since 1970. */
const char *db_statement_sql(enum db_statement statement);

#endif
