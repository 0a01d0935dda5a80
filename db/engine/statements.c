/*
 * statements.c - all SQL of the programs, in one place.
 *
 * What a call must know about the token's user is part of the statement that the call runs anyway
 * (LIVE): that the account still exists, and that neither all its sessions nor this token were
 * ended costs no further query.
 *
 * What protects a write. SQLite has one lock for all writers, so that a transaction that writes
 * sees nothing change. PostgreSQL has none; what it needs instead stands here in comments that
 * begin with
 * &, which SQLite skips, and which count in transactions that write (postgresql.c):
 *
 * - The row of a user protects all that is the user's: version and other counters, items, deletions
 *   and their order in the changes, quotas, device tokens, the list of revoked tokens, the code for
 *   a lost password. LOCKED makes a statement that reads it hold it until the end of the
 *   transaction; a statement that changes or deletes it does that anyway, and looks at its
 * condition once more should it have had to wait. Such a statement is the first of each write. So
 * versions are given in the order in which they become visible, and who reads the changes never
 * sees a later one before an earlier.
 * - NO KEY: who only wants to know that the user is there (KEY SHARE) does not wait.
 * - Names and e-mails are unique by their indexes. Where one is taken between the look and the
 *   write, the transaction is done again, and finds it taken.
 * - Counts of attempts: each is one statement that reads and writes one row; that of the address
 * comes before those of the account.
 * - Security events are numbered by whoever holds their advisory lock, EVENTS, always the last lock
 *   of a transaction.
 */
#include "db/engine/statements.h"

/* $1 is the user, $2 the epoch of the token, $3 a pattern of the token's entry in the list of
 * revoked ones. */
#define LIVE "users.id = $1 AND users.epoch = $2 AND users.revoked NOT LIKE $3"

/* The counters of the user's items, columns of the user's row. */
#define COUNTERS "version, keys, bytes, tombstones, horizon, next_expiry"

/* The items of the user $1 from the key $2 to before $3, as they are at $4. */
#define WITHIN                                                                                     \
    " WHERE user_id = $1 AND key >= $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)"

/* See above. */
#define LOCKED " /*& FOR NO KEY UPDATE */"
#define EVENTS "/*& SELECT pg_advisory_xact_lock(1668637282, 2) */ "

/* What the operator lets the user store instead of what the settings say. */
#define QUOTA "max_keys, max_bytes"

static const char *const table[DB_STATEMENT_COUNT] = {
    [DB_STORE_ID] = "SELECT value FROM meta WHERE name = 'store_id'",

    /* username_key and email_key are the names in lower case. */
    [DB_USER_TAKEN] = "SELECT EXISTS (SELECT 1 FROM users WHERE username_key = $1),"
                      " EXISTS (SELECT 1 FROM users WHERE email_key = $2)",
    [DB_USER_ADD] = "INSERT INTO users (username, username_key, email, email_key, full_name, age,"
                    " gender, password_hash, epoch, version, created_at, updated_at, disabled,"
                    " revoked, keys, bytes, tombstones, horizon, next_expiry)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10, 0, '', 0, 0, 0, 0,"
                    " 0) ON CONFLICT DO NOTHING RETURNING id",
    [DB_LOGIN_BY_USERNAME] = "SELECT id, epoch, password_hash, disabled FROM users"
                             " WHERE username_key = $1",
    [DB_LOGIN_BY_EMAIL] = "SELECT id, epoch, password_hash, disabled FROM users"
                          " WHERE email_key = $1",
    /* Only while nobody else has changed the password in between. */
    [DB_USER_REHASH] = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",

    [DB_USER_LIVES] = "SELECT 1 FROM users WHERE " LIVE LOCKED,
    [DB_USER_PROFILE] = "SELECT username, email, full_name, age, gender, created_at, updated_at,"
                        " keys, bytes, " QUOTA " FROM users WHERE " LIVE LOCKED,
    [DB_USER_EMAIL_TAKEN] = "SELECT 1 FROM users WHERE email_key = $1 AND id <> $2",
    [DB_USER_UPDATE] = "UPDATE users SET email = $2, email_key = $3, full_name = $4, age = $5,"
                       " gender = $6, updated_at = $7 WHERE id = $1",
    [DB_USER_SECRET] = "SELECT password_hash FROM users WHERE " LIVE,
    /* Only while nobody else has changed it since it was read. */
    [DB_USER_SET_PASSWORD] = "UPDATE users SET password_hash = $5, epoch = epoch + 1, revoked = '',"
                             " updated_at = $6 WHERE " LIVE " AND password_hash = $4"
                             " RETURNING epoch",
    [DB_USER_RESET_PASSWORD] = "UPDATE users SET password_hash = $2, epoch = epoch + 1,"
                               " revoked = '', updated_at = $3 WHERE id = $1 AND disabled = 0"
                               " RETURNING epoch",
    [DB_USER_END_SESSIONS] =
        "UPDATE users SET epoch = epoch + 1, revoked = '' WHERE " LIVE " RETURNING epoch",
    [DB_USER_REVOKED] = "SELECT revoked FROM users WHERE " LIVE LOCKED,
    [DB_USER_REVOKE] = "UPDATE users SET revoked = $2 WHERE id = $1",
    [DB_USER_DELETE] = "DELETE FROM users WHERE " LIVE " AND password_hash = $4"
                       " RETURNING id",
    /* In pieces, each of which a server may give up by itself when it takes too long: the key that
     * is $3 keys behind $2, and the items from $2 to before $3. A plan made for this very $3 would
     * sort all the rest each time, where PostgreSQL knows of no more items than that. */
    [DB_USER_ITEM_AHEAD] = "SELECT key FROM items WHERE user_id = $1 AND key >= $2"
                           " ORDER BY key LIMIT 1 OFFSET (SELECT CAST($3 AS BIGINT))",
    [DB_USER_DELETE_SOME] = "DELETE FROM items WHERE user_id = $1 AND key >= $2 AND key < $3",
    [DB_USER_DELETE_ITEMS] = "DELETE FROM items WHERE user_id = $1 AND key >= $2",

    /* A device token that is still valid, and its user. The user's row comes first: that is the
     * order of locks. $4: the latest time at which it may have been made. */
    [DB_TOKEN_AUTHENTICATE] =
        "SELECT users.epoch, tokens.hash, tokens.writes, tokens.prefix,"
        " tokens.used_at FROM users, tokens WHERE tokens.id = $1 AND users.id = $2"
        " AND users.disabled = 0"
        " AND (tokens.expires_at IS NULL OR tokens.expires_at > $3)"
        " AND COALESCE(tokens.created_at, 0) <= $4" LOCKED,
    [DB_TOKEN_USED] = "UPDATE tokens SET used_at = $2 WHERE id = $1",

    /* The tokens of a user are those from $1 to before $2; number 0 is the code for a lost
     * password.
     */
    [DB_TOKEN_COUNT] = "SELECT COUNT(*) FROM tokens WHERE id > $1 AND id < $2",
    [DB_TOKEN_ADD] = "INSERT INTO tokens (id, hash, name, writes, prefix, created_at, expires_at)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"
                     " RETURNING id",
    [DB_TOKEN_LIST] = "SELECT tokens.id, tokens.name, tokens.writes, tokens.prefix,"
                      " tokens.created_at, tokens.expires_at, tokens.used_at"
                      " FROM users LEFT JOIN tokens ON tokens.id > $4 AND tokens.id < $5"
                      " AND (tokens.expires_at IS NULL OR tokens.expires_at > $6)"
                      " WHERE " LIVE " ORDER BY tokens.created_at, tokens.id",
    [DB_TOKEN_DELETE] = "DELETE FROM tokens WHERE id = $1"
                        " AND (expires_at IS NULL OR expires_at > $2) RETURNING id",
    [DB_TOKEN_DELETE_ALL] = "DELETE FROM tokens WHERE id >= $1 AND id < $2",
    [DB_TOKEN_DELETE_EXPIRED] = "DELETE FROM tokens WHERE id >= $1 AND id < $2"
                                " AND expires_at <= $3",
    /* Who has looked at a code keeps others from using it; the user's row comes first, as above. */
    [DB_RESET_CODE] = "SELECT tokens.hash FROM users, tokens WHERE tokens.id = $1"
                      " AND tokens.expires_at > $2 AND users.id = $3"
                      " AND COALESCE(tokens.created_at, 0) <= $4" LOCKED,

    /* $2 is the time, $3 the latest end that a window may have at that time: see throttle.c. */
    [DB_THROTTLE_READ] = "SELECT count, until FROM throttle WHERE id = $1 AND until > $2"
                         " AND until <= $3",
    /* The same, and $4 the end of a window that starts now. */
    /* What is counted for the user $5 (0: for no account) leaves no row once the account is gone.
     */
    [DB_THROTTLE_COUNT] = "INSERT INTO throttle (id, count, until) SELECT $1, 1, $4 WHERE $5 = 0"
                          " OR EXISTS (SELECT 1 FROM users WHERE id = $5 /*& FOR KEY SHARE */)"
                          " ON CONFLICT (id) DO UPDATE SET"
                          " count = CASE WHEN throttle.until > $2 AND throttle.until <= $3"
                          " THEN throttle.count + 1 ELSE 1 END,"
                          " until = CASE WHEN throttle.until > $2 AND throttle.until <= $3"
                          " THEN throttle.until ELSE $4 END RETURNING count, until",
    [DB_THROTTLE_GIVE_BACK] = "UPDATE throttle SET count = count - 1 WHERE id = $1 AND count > 0",
    [DB_THROTTLE_CLEAR] = "DELETE FROM throttle WHERE id = $1",
    /* Looks at a few rows from a position that differs each time: everything that is over is
     * deleted sooner or later, and no single call works long; rows that others count in are left
     * to the next sweep. */
    [DB_THROTTLE_SWEEP] = "DELETE FROM throttle WHERE until <= $2 AND id IN"
                          " (SELECT id FROM throttle WHERE id >= $1 ORDER BY id LIMIT 32"
                          " /*& FOR UPDATE SKIP LOCKED */)",

    /* Security events are rows of meta, numbered in order. */
    [DB_AUDIT_LAST] =
        EVENTS "SELECT MAX(name) FROM meta WHERE name >= 'audit/' AND name < 'audit0'",
    /* Stores $4 instead of $2, which names the user $3 (0: nobody), when there is no such user any
     * more because the account was deleted while the call was running. Who is deleting it now
     * takes EVENTS after this one, and forgets this event, too. */
    [DB_AUDIT_ADD] = "INSERT INTO meta (name, value) VALUES ($1, CASE WHEN $3 = 0"
                     " OR EXISTS (SELECT 1 FROM users WHERE id = $3) THEN $2 ELSE $4 END)",
    [DB_AUDIT_TRIM] = "DELETE FROM meta WHERE name >= 'audit/' AND name <= $1",
    /* $1 is a pattern of the user's id in the text. */
    [DB_AUDIT_FORGET] = EVENTS "DELETE FROM meta WHERE name >= 'audit/' AND name < 'audit0'"
                               " AND value LIKE $1",

    [DB_COUNTERS_READ] = "SELECT " COUNTERS ", " QUOTA " FROM users WHERE " LIVE LOCKED,
    [DB_COUNTERS_WRITE] = "UPDATE users SET version = $2, keys = $3, bytes = $4, tombstones = $5,"
                          " horizon = $6, next_expiry = $7 WHERE id = $1",

    /* No row means that there is no such key or no such user; a second statement tells which. A
     * join would cost a fifth more. */
    [DB_ITEM_READ] = "SELECT version, created_at, updated_at, expires_at, value FROM items"
                     " WHERE user_id = (SELECT id FROM users WHERE " LIVE ") AND key = $4",
    /* For a write, which has read the counters: the row as it is, even if it is a tombstone. */
    [DB_ITEM_FIND] = "SELECT version, created_at, updated_at, expires_at, size FROM items"
                     " WHERE user_id = $1 AND key = $2",
    /* All columns in the order of the table: naming them would cost each
     * request more than the row. */
    [DB_ITEM_ADD] = "INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    [DB_ITEM_CHANGE] = "UPDATE items SET version = $3, size = $4, created_at = $5, updated_at = $6,"
                       " expires_at = $7, value = $8 WHERE user_id = $1 AND key = $2",
    [DB_ITEM_FIRST_EXPIRING] = "SELECT key, expires_at, size FROM items WHERE user_id = $1"
                               " AND expires_at > 0 ORDER BY expires_at LIMIT 1",
    /* The oldest tombstone. */
    [DB_ITEM_FORGET] = "DELETE FROM items WHERE user_id = $1 AND expires_at ="
                       " (SELECT MAX(expires_at) FROM items WHERE user_id = $1 AND expires_at < 0)"
                       " RETURNING version",
    /* The oldest tombstone but $2; and all from the oldest to the one of the version $2. */
    [DB_ITEM_OLD_DELETION] = "SELECT version FROM items WHERE user_id = $1 AND expires_at < 0"
                             " ORDER BY expires_at DESC LIMIT 1 OFFSET $2",
    [DB_ITEM_FORGET_TO] = "DELETE FROM items WHERE user_id = $1"
                          " AND expires_at >= 0 - CAST($2 AS BIGINT) AND expires_at < 0",
    /* Removing many: what was written up to the version $5. How much that is; the key with $6 of
     * them before it and those behind it, up to $7; and all of it, which is deleted. */
    [DB_ITEM_OLDER] = "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM items" WITHIN
                      " AND version <= $5",
    [DB_ITEM_OLDER_AHEAD] = "SELECT key FROM items" WITHIN " AND version <= $5 ORDER BY key"
                            " LIMIT (SELECT CAST($7 AS BIGINT)) OFFSET (SELECT CAST($6 AS BIGINT))",
    [DB_ITEM_DELETE_OLDER] = "DELETE FROM items" WITHIN " AND version <= $5",
    /* $6: with values. */
    [DB_ITEM_LIST] = "SELECT key, version, created_at, updated_at, expires_at, size,"
                     " CASE WHEN $6 = 1 THEN value END FROM items" WITHIN " ORDER BY key LIMIT $5",
    /* The same, of what was last written from $7 to before $8; and from the last key to the first.
     */
    [DB_ITEM_LIST_WITHIN] = "SELECT key, version, created_at, updated_at, expires_at, size,"
                            " CASE WHEN $6 = 1 THEN value END FROM items" WITHIN
                            " AND updated_at >= $7 AND updated_at < $8 ORDER BY key LIMIT $5",
    [DB_ITEM_LIST_DOWN] = "SELECT key, version, created_at, updated_at, expires_at, size,"
                          " CASE WHEN $6 = 1 THEN value END FROM items" WITHIN
                          " AND updated_at >= $7 AND updated_at < $8 ORDER BY key DESC LIMIT $5",
    [DB_ITEM_COUNT] =
        "SELECT COUNT(*) FROM items" WITHIN " AND updated_at >= $5 AND updated_at < $6",
    /* Includes tombstones. The keys from $3 up to below $4 are wanted; the reader skips the others
     * itself, so that it can stop after a bounded number of rows where few are wanted. $5: with
     * values. */
    [DB_ITEM_CHANGES] = "SELECT key, version, created_at, updated_at, expires_at, size,"
                        " CASE WHEN $5 = 1 AND key >= $3 AND key < $4 THEN value END FROM items"
                        " WHERE user_id = $1 AND version > $2 ORDER BY version",
};

const char *db_statement_sql(enum db_statement statement)
{
    return (unsigned)statement < DB_STATEMENT_COUNT ? table[statement] : "";
}
