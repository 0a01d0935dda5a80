/*
 * statements.c - the SQL that only the operator's tool runs.
 */
#include "db/tool/statements.h"

/* What the tool shows of an account. $1 is the number of tokens a user can have: tokens from the
 * user's id times it on are that user's, and the first of them is the code for a lost password. */
#define ACCOUNTS                                                                                   \
    "SELECT id, username, email, full_name, age, gender, created_at, updated_at, disabled,"        \
    " keys,"                                                                                       \
    " bytes,"                                                                                      \
    " (SELECT COUNT(*) FROM tokens WHERE tokens.id > users.id * $1"                                \
    " AND tokens.id < (users.id + 1) * $1) FROM users"

static const char *const table[ADMIN_STATEMENT_COUNT] = {
    [ADMIN_STORE_ID] = "SELECT value FROM meta WHERE name = 'store_id'",
    [ADMIN_NEW_STORE_ID] = "UPDATE meta SET value = $1 WHERE name = 'store_id'",
    [ADMIN_NEW_EPOCHS] = "UPDATE users SET epoch = epoch + $1, revoked = ''",
    [ADMIN_COUNT_USERS] = "SELECT COUNT(*) FROM users",
    [ADMIN_COUNT_ITEMS] = "SELECT COALESCE(SUM(keys), 0) FROM users",

    [ADMIN_USER_LIST] = ACCOUNTS " ORDER BY username_key",
    [ADMIN_USER_BY_USERNAME] = ACCOUNTS " WHERE username_key = $2",
    [ADMIN_USER_BY_EMAIL] = ACCOUNTS " WHERE email_key = $2",
    /* Another epoch: no token of before is good any more. */
    [ADMIN_USER_DISABLE] = "UPDATE users SET disabled = 1, epoch = epoch + 1, revoked = ''"
                           " WHERE id = $1",
    [ADMIN_USER_ENABLE] = "UPDATE users SET disabled = 0 WHERE id = $1",
    [ADMIN_USER_PASSWORD] = "UPDATE users SET password_hash = $2, epoch = epoch + 1, revoked = '',"
                            " updated_at = $3 WHERE id = $1",
    [ADMIN_USER_DELETE] = "DELETE FROM users WHERE id = $1",
    [ADMIN_USER_DELETE_ITEMS] = "DELETE FROM items WHERE user_id = $1",
    [ADMIN_USER_DELETE_TOKENS] = "DELETE FROM tokens WHERE id >= $1 AND id < $2",
    [ADMIN_USER_TOKENS] = "SELECT id, name, writes, prefix, created_at, expires_at, used_at"
                          " FROM tokens WHERE id > $1 AND id < $2 ORDER BY id",
    [ADMIN_RESET_CODE] = "INSERT INTO tokens (id, hash, name, writes, prefix, created_at,"
                         " expires_at) VALUES ($1, $2, '', 0, '', $3, $4) ON CONFLICT (id)"
                         " DO UPDATE SET hash = $2, created_at = $3, expires_at = $4",
    [ADMIN_THROTTLE_CLEAR] = "DELETE FROM throttle WHERE id = $1",
};

const char *admin_statement_sql(enum admin_statement statement)
{
    return (unsigned)statement < ADMIN_STATEMENT_COUNT ? table[statement] : "";
}
