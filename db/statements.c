/*
 * statements.c - the SQL in one place.
 *
 * Rules: what a call must know of the token's user rides in the statement that the call runs anyway
 * (LIVE), so that an account that is gone, has ended its sessions or this one token costs no
 * further round trip.
 */
#include "db/statements.h"

/* $1 the user, $2 the epoch of the token, $3 the pattern of the token's entry in the list. */
#define LIVE "users.id = $1 AND users.epoch = $2 AND users.revoked NOT LIKE $3"

static const char *const table[DB_STATEMENT_COUNT] = {
    [DB_STORE_ID] = "SELECT value FROM meta WHERE name = 'store_id'",

    /* The keys are the names in lower case. */
    [DB_USER_TAKEN] = "SELECT EXISTS (SELECT 1 FROM users WHERE username_key = $1),"
                      " EXISTS (SELECT 1 FROM users WHERE email_key = $2)",
    [DB_USER_ADD] = "INSERT INTO users (username, username_key, email, email_key, full_name, age,"
                    " gender, password_hash, epoch, version, created_at, updated_at, disabled,"
                    " revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10, 0, '')"
                    " ON CONFLICT DO NOTHING RETURNING id",
    [DB_LOGIN_BY_USERNAME] = "SELECT id, epoch, password_hash FROM users WHERE username_key = $1",
    [DB_LOGIN_BY_EMAIL] = "SELECT id, epoch, password_hash FROM users WHERE email_key = $1",
    /* Only while nobody else has changed the password in between. */
    [DB_USER_REHASH] = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",

    [DB_USER_NEXT_VERSION] =
        "UPDATE users SET version = version + 1 WHERE " LIVE " RETURNING version",

    /* A device token that is good still, and whose it is. */
    [DB_TOKEN_ADMIT] = "SELECT users.epoch, tokens.hash, tokens.writes, tokens.prefix,"
                       " tokens.used_at FROM tokens, users WHERE tokens.id = $1 AND users.id = $2"
                       " AND users.disabled = 0"
                       " AND (tokens.expires_at IS NULL OR tokens.expires_at > $3)",
    [DB_TOKEN_USED] = "UPDATE tokens SET used_at = $2 WHERE id = $1",

    /* No row: no such user. A row of NULLs: no such key. */
    [DB_ITEM_READ] = "SELECT items.version, items.created_at, items.updated_at, items.value"
                     " FROM users LEFT JOIN items ON items.user_id = users.id AND items.key = $4"
                     " WHERE " LIVE,
    [DB_ITEM_CREATE] =
        "INSERT INTO items (user_id, key, version, size, created_at, updated_at, value)"
        " VALUES ($1, $2, $3, $4, $5, $5, $6)"
        " ON CONFLICT DO NOTHING RETURNING created_at",
    [DB_ITEM_REPLACE] = "UPDATE items SET version = $3, size = $4, updated_at = $5, value = $6"
                        " WHERE user_id = $1 AND key = $2 RETURNING created_at",
    [DB_ITEM_DELETE] = "DELETE FROM items WHERE user_id = $1 AND key = $2 RETURNING created_at",
};

const char *db_statement_sql(enum db_statement statement)
{
    return (unsigned)statement < DB_STATEMENT_COUNT ? table[statement] : "";
}
