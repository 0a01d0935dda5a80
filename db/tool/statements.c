/*
 * statements.c - the SQL that only the operator's tool runs.
 */
#include "db/tool/statements.h"

/* What the tool shows of an account. $1 is DEVICE_NUMBER_MAXIMUM: the token ids of a user start at
 * the user's id times $1, and the first of them is the code for a lost password. */
#define ACCOUNTS                                                                                   \
    "SELECT id, username, email, full_name, age, gender, created_at, updated_at, disabled,"        \
    " keys, bytes, max_keys, max_bytes,"                                                           \
    " (SELECT COUNT(*) FROM tokens WHERE tokens.id > users.id * $1"                                \
    " AND tokens.id < (users.id + 1) * $1) FROM users"

/* What a user's row must say, computed from the user's items. */
#define KEYS                                                                                       \
    "(SELECT COUNT(*) FROM items WHERE user_id = users.id"                                         \
    " AND (expires_at IS NULL OR expires_at > 0))"
#define BYTES                                                                                      \
    "(SELECT COALESCE(SUM(size), 0) FROM items WHERE user_id = users.id"                           \
    " AND (expires_at IS NULL OR expires_at > 0))"
#define TOMBSTONES "(SELECT COUNT(*) FROM items WHERE user_id = users.id AND expires_at < 0)"
/* An item that expires before this is never swept. */
#define NEXT_EXPIRY                                                                                \
    "COALESCE((SELECT MIN(expires_at) FROM items WHERE user_id = users.id AND expires_at > 0), 0)"
#define LATE_EXPIRY                                                                                \
    "EXISTS (SELECT 1 FROM items WHERE user_id = users.id AND expires_at > 0"                      \
    " AND (users.next_expiry = 0 OR expires_at < users.next_expiry))"
#define WRONG_COUNTERS "keys <> " KEYS " OR bytes <> " BYTES " OR tombstones <> " TOMBSTONES
/* A write takes the account's version plus one, which no item and no deletion may have already. */
#define LATEST                                                                                     \
    "COALESCE((SELECT MAX(items.version) FROM items WHERE user_id = users.id"                      \
    " AND items.version > users.version), version)"
#define AHEAD "horizon > version OR version < " LATEST
/* NOT IN would be answered by reading all accounts for each row, where PostgreSQL takes them for
 * too many to keep in memory. */
#define ORPHAN_ITEM "NOT EXISTS (SELECT 1 FROM users WHERE id = items.user_id)"
#define ORPHAN_TOKEN "NOT EXISTS (SELECT 1 FROM users WHERE id = tokens.id / $1)"
#define WRONG_SIZE "size <> octet_length(value)"

static const char *const table[ADMIN_STATEMENT_COUNT] = {
    [ADMIN_STORE_ID] = "SELECT value FROM meta WHERE name = 'store_id'",
    /* Also when somebody has deleted the row by hand. */
    [ADMIN_NEW_STORE_ID] = "INSERT INTO meta (name, value) VALUES ('store_id', $1)"
                           " ON CONFLICT (name) DO UPDATE SET value = $1",
    [ADMIN_NEW_EPOCHS] = "UPDATE users SET epoch = epoch + $1, revoked = ''",
    /* Every version goes on from $1, or, where it is there already, $2 further on. */
    [ADMIN_NEW_VERSIONS] =
        "UPDATE users SET version = CASE WHEN version < $1 THEN $1 ELSE version + $2 END,"
        " horizon = CASE WHEN version < $1 THEN $1 ELSE version + $2 END",
    [ADMIN_HIGHEST_VERSION] = "SELECT COALESCE(MAX(version), 0) FROM users",
    /* Every version that is not above $1 goes on $2 further on than that. */
    [ADMIN_PASS_VERSIONS] = "UPDATE users SET version = $1 + $2, horizon = $1 + $2"
                            " WHERE version <= $1",
    [ADMIN_COUNT_USERS] = "SELECT COUNT(*) FROM users",
    [ADMIN_COUNT_ITEMS] = "SELECT COALESCE(SUM(keys), 0) FROM users",

    [ADMIN_USER_LIST] = ACCOUNTS " ORDER BY username_key",
    [ADMIN_USER_BY_USERNAME] = ACCOUNTS " WHERE username_key = $2",
    [ADMIN_USER_BY_EMAIL] = ACCOUNTS " WHERE email_key = $2",
    /* The new epoch ends all earlier tokens. */
    [ADMIN_USER_DISABLE] = "UPDATE users SET disabled = 1, epoch = epoch + 1, revoked = ''"
                           " WHERE id = $1",
    /* 0 is what the settings say, as NULL is, which is what is kept then. */
    [ADMIN_USER_QUOTA] = "UPDATE users SET max_keys = NULLIF($2, 0), max_bytes = NULLIF($3, 0)"
                         " WHERE id = $1",
    [ADMIN_USER_TAKEN] = "SELECT CASE WHEN EXISTS (SELECT 1 FROM users WHERE username_key = $2"
                         " AND id <> $1) THEN 1 WHEN EXISTS (SELECT 1 FROM users"
                         " WHERE email_key = $3 AND id <> $1) THEN 2 ELSE 0 END",
    [ADMIN_USER_EDIT] = "UPDATE users SET username = $2, username_key = $3, email = $4,"
                        " email_key = $5, full_name = $6, age = $7, gender = $8, updated_at = $9"
                        " WHERE id = $1",
    /* The items of $1 at the time $2 whose keys start at $3, at most $5 of them; $4: values too.
     * The reader, who stops where a prefix ends, comes back with the last key for more. */
    [ADMIN_USER_ITEMS] = "SELECT key, version, size, created_at, updated_at, expires_at,"
                         " CASE WHEN $4 = 1 THEN value END FROM items WHERE user_id = $1"
                         " AND (expires_at IS NULL OR expires_at > $2) AND key >= $3"
                         " ORDER BY key LIMIT $5",
    [ADMIN_USER_ENABLE] = "UPDATE users SET disabled = 0 WHERE id = $1",
    [ADMIN_USER_PASSWORD] = "UPDATE users SET password_hash = $2, epoch = epoch + 1, revoked = '',"
                            " updated_at = $3 WHERE id = $1",
    [ADMIN_USER_DELETE] = "DELETE FROM users WHERE id = $1",
    /* At most $2 rows. */
    [ADMIN_USER_DELETE_ITEMS] = "DELETE FROM items WHERE user_id = $1 AND key IN (SELECT key"
                                " FROM items WHERE user_id = $1 LIMIT $2) RETURNING 1",
    [ADMIN_USER_DELETE_TOKENS] = "DELETE FROM tokens WHERE id >= $1 AND id < $2",
    [ADMIN_USER_DELETE_EVENTS] = "DELETE FROM meta WHERE name >= 'audit/' AND name < 'audit0'"
                                 " AND value LIKE $1",
    [ADMIN_USER_TOKENS] = "SELECT id, name, writes, prefix, created_at, expires_at, used_at"
                          " FROM tokens WHERE id > $1 AND id < $2"
                          " ORDER BY created_at, id",
    [ADMIN_RESET_CODE] = "INSERT INTO tokens (id, hash, name, writes, prefix, created_at,"
                         " expires_at) VALUES ($1, $2, '', 0, '', $3, $4) ON CONFLICT (id)"
                         " DO UPDATE SET hash = $2, created_at = $3, expires_at = $4",
    /* What export reads and import writes; the columns are those of transfer.c. */
    [ADMIN_USERS_READ] =
        "SELECT id, username, username_key, email, email_key, full_name, age, gender,"
        " password_hash, epoch, version, created_at, updated_at, disabled, revoked, keys, bytes,"
        " tombstones, horizon, next_expiry, max_keys, max_bytes FROM users ORDER BY id",
    [ADMIN_USERS_WRITE] =
        "INSERT INTO users (id, username, username_key, email, email_key,"
        " full_name, age, gender, password_hash, epoch, version, created_at,"
        " updated_at, disabled, revoked, keys, bytes, tombstones, horizon,"
        " next_expiry, max_keys, max_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
        " $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
    [ADMIN_ITEMS_READ] = "SELECT user_id, key, version, size, created_at, updated_at,"
                         " expires_at, value FROM items ORDER BY user_id, key",
    [ADMIN_ITEMS_WRITE] = "INSERT INTO items (user_id, key, version, size, created_at, updated_at,"
                          " expires_at, value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    [ADMIN_TOKENS_READ] = "SELECT id, hash, name, writes, prefix, created_at, expires_at, used_at"
                          " FROM tokens ORDER BY id",
    [ADMIN_TOKENS_WRITE] = "INSERT INTO tokens (id, hash, name, writes, prefix, created_at,"
                           " expires_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    [ADMIN_EVENTS_READ] = "SELECT name, value FROM meta WHERE name >= 'audit/' AND name < 'audit0'"
                          " ORDER BY name",
    [ADMIN_EVENTS_WRITE] = "INSERT INTO meta (name, value) VALUES ($1, $2)"
                           " ON CONFLICT (name) DO UPDATE SET value = $2",
    /* SQLite's own record of the largest id that an account ever had. */
    [ADMIN_LAST_USER_READ] = "SELECT seq FROM sqlite_sequence WHERE name = 'users'",
    [ADMIN_LAST_USER_START] =
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'users', 0"
        " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'users')",
    [ADMIN_LAST_USER_WRITE] = "UPDATE sqlite_sequence SET seq = max(seq, $1) WHERE name = 'users'",
    [ADMIN_LAST_USER_BEHIND] = "SELECT COUNT(*) FROM users WHERE id > COALESCE("
                               "(SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0)",
    [ADMIN_HIGHEST_USER] = "SELECT COALESCE(MAX(id), 0) FROM users",

    /* What copy reads, writes and compares: every column of every table, in the order of the
     * schema, which both engines have in common; rows in that of their keys, texts byte by byte. */
    [ADMIN_COPY_META_READ] = "SELECT * FROM meta ORDER BY name",
    [ADMIN_COPY_META_WRITE] = "INSERT INTO meta VALUES ($1, $2)",
    [ADMIN_COPY_META_EMPTY] = "DELETE FROM meta",
    [ADMIN_COPY_USERS_READ] = "SELECT * FROM users ORDER BY id",
    [ADMIN_COPY_USERS_WRITE] =
        "INSERT INTO users VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
        " $15, $16, $17, $18, $19, $20, $21, $22)",
    [ADMIN_COPY_ITEMS_READ] = "SELECT * FROM items ORDER BY user_id, key",
    [ADMIN_COPY_ITEMS_WRITE] = "INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    [ADMIN_COPY_TOKENS_READ] = "SELECT * FROM tokens ORDER BY id",
    [ADMIN_COPY_TOKENS_WRITE] = "INSERT INTO tokens VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    [ADMIN_COPY_THROTTLE_READ] = "SELECT * FROM throttle ORDER BY id",
    [ADMIN_COPY_THROTTLE_WRITE] = "INSERT INTO throttle VALUES ($1, $2, $3)",
    /* Whether a store has more than "cubby init" makes. */
    [ADMIN_COPY_IN_THE_WAY] =
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM items)"
        " OR EXISTS (SELECT 1 FROM tokens) OR EXISTS (SELECT 1 FROM throttle)"
        " OR EXISTS (SELECT 1 FROM meta WHERE name <> 'store_id') THEN 1 ELSE 0 END",

    /* Delete what ended by the time $1, at most $2 rows. */
    [ADMIN_GC_TOKENS] = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens"
                        " WHERE expires_at <= $1 LIMIT $2) RETURNING 1",
    [ADMIN_GC_THROTTLE] = "DELETE FROM throttle WHERE id IN (SELECT id FROM throttle"
                          " WHERE until <= $1 LIMIT $2) RETURNING 1",
    /* Deletes all security events but the latest $1, at most $2 rows. */
    [ADMIN_GC_EVENTS] = "DELETE FROM meta WHERE name IN (SELECT name FROM meta"
                        " WHERE name >= 'audit/' AND name < 'audit0'"
                        " ORDER BY name DESC LIMIT $2 OFFSET $1) RETURNING 1",
    /* The first user after $2 who may have items that expired by $1. */
    [ADMIN_EXPIRING] = "SELECT id, epoch FROM users WHERE next_expiry > 0 AND next_expiry <= $1"
                       " AND id > $2 ORDER BY id LIMIT 1",
    /* The first user after $2 who has a tombstone made at $1 or before. */
    [ADMIN_OLD_TOMBSTONES] =
        "SELECT id FROM users WHERE id > $2 AND tombstones > 0 AND EXISTS (SELECT 1"
        " FROM items WHERE user_id = users.id AND expires_at < 0"
        " AND updated_at <= $1) ORDER BY id LIMIT 1",
    [ADMIN_GC_TOMBSTONES] = "DELETE FROM items WHERE user_id = $1 AND expires_at < 0"
                            " AND updated_at <= $2 RETURNING version",
    [ADMIN_GC_HORIZON] = "UPDATE users SET tombstones = tombstones - $2,"
                         " horizon = CASE WHEN horizon < $3 THEN $3 ELSE horizon END WHERE id = $1",
    /* Rows that no call leaves behind, but that somebody editing the database by hand might. */
    [ADMIN_WRONG_COUNTERS] = "SELECT COUNT(*) FROM users WHERE " WRONG_COUNTERS,
    [ADMIN_LATE_EXPIRY] = "SELECT COUNT(*) FROM users WHERE " LATE_EXPIRY,
    [ADMIN_AHEAD] = "SELECT COUNT(*) FROM users WHERE " AHEAD,
    [ADMIN_WRONG_SIZES] = "SELECT COUNT(*) FROM items WHERE " WRONG_SIZE,
    [ADMIN_RESIZE] = "UPDATE items SET size = octet_length(value) WHERE " WRONG_SIZE " RETURNING 1",
    [ADMIN_RECOUNT] =
        "UPDATE users SET keys = " KEYS ", bytes = " BYTES ", tombstones = " TOMBSTONES
        ", next_expiry = " NEXT_EXPIRY ", version = " LATEST
        ", horizon = CASE WHEN horizon > " LATEST " THEN " LATEST " ELSE horizon END"
        " WHERE " WRONG_COUNTERS " OR " LATE_EXPIRY " OR " AHEAD " RETURNING 1",
    [ADMIN_ORPHANS] = "SELECT (SELECT COUNT(*) FROM items WHERE " ORPHAN_ITEM ")"
                      " + (SELECT COUNT(*) FROM tokens WHERE " ORPHAN_TOKEN ")",
    [ADMIN_DELETE_ORPHAN_ITEMS] = "DELETE FROM items WHERE " ORPHAN_ITEM " RETURNING 1",
    [ADMIN_DELETE_ORPHAN_TOKENS] = "DELETE FROM tokens WHERE " ORPHAN_TOKEN " RETURNING 1",
    [ADMIN_REVOKED] = "SELECT id, revoked FROM users WHERE revoked <> '' ORDER BY id",
    [ADMIN_GC_REVOKED] = "UPDATE users SET revoked = $3 WHERE id = $1 AND revoked = $2",
    [ADMIN_COUNT_DISABLED] = "SELECT COUNT(*) FROM users WHERE disabled <> 0",
    [ADMIN_SUM_BYTES] = "SELECT COALESCE(SUM(bytes), 0) FROM users",
    [ADMIN_SUM_TOMBSTONES] = "SELECT COALESCE(SUM(tombstones), 0) FROM users",
    /* $1 is DEVICE_NUMBER_MAXIMUM: the token of a user that has the number 0 is the code. */
    [ADMIN_COUNT_TOKENS] = "SELECT COUNT(*) FROM tokens WHERE id % $1 <> 0",
    [ADMIN_COUNT_CODES] = "SELECT COUNT(*) FROM tokens WHERE id % $1 = 0 AND expires_at > $2",
    [ADMIN_COUNT_THROTTLE] = "SELECT COUNT(*) FROM throttle WHERE until > $1",
    [ADMIN_COUNT_EVENTS] = "SELECT COUNT(*) FROM meta WHERE name >= 'audit/' AND name < 'audit0'",

    /* For a restore: what was revoked since the backup. */
    [ADMIN_DELETE_CODES] = "DELETE FROM tokens WHERE id % $1 = 0",
    [ADMIN_TOKENS_OF_USERS] = "SELECT tokens.id, tokens.hash, users.id, users.created_at"
                              " FROM tokens JOIN users ON users.id = tokens.id / $1"
                              " ORDER BY tokens.id",
    /* Whose device tokens and codes are refused because they were made after $2, and how many. */
    [ADMIN_MADE_AHEAD] = "SELECT users.username, COUNT(*)"
                         " FROM tokens JOIN users ON users.id = tokens.id / $1"
                         " WHERE tokens.created_at > $2 GROUP BY users.username"
                         " ORDER BY users.username",
    [ADMIN_HAS_TOKEN] = "SELECT EXISTS (SELECT 1 FROM tokens WHERE id = $1 AND hash = $2)"
                        " FROM users WHERE id = $3 AND created_at = $4",
    [ADMIN_TOKEN_DROP] = "DELETE FROM tokens WHERE id = $1",
    [ADMIN_DISABLED_USERS] = "SELECT id, created_at FROM users WHERE disabled <> 0 ORDER BY id",
    [ADMIN_HAS_ENABLED_USER] = "SELECT id FROM users WHERE id = $1 AND created_at = $2"
                               " AND disabled = 0",

    [ADMIN_THROTTLE_CLEAR] = "DELETE FROM throttle WHERE id = $1",
};

/* What an engine keeps of the ids it gave away is its own. */
static const char *own_of_postgresql(enum admin_statement statement)
{
#define LAST_USER "CASE WHEN is_called THEN last_value ELSE 0 END"
    switch (statement) {
    case ADMIN_LAST_USER_READ:
        return "SELECT " LAST_USER " FROM users_id_seq";
    case ADMIN_LAST_USER_START:
        return "SELECT 1";
    case ADMIN_LAST_USER_BEHIND:
        return "SELECT COUNT(*) FROM users WHERE id > (SELECT " LAST_USER " FROM users_id_seq)";
    case ADMIN_LAST_USER_WRITE:
        return "SELECT setval('users_id_seq', GREATEST($1, " LAST_USER ", 1),"
               " $1 > 0 OR is_called) FROM users_id_seq";
    default:
        return NULL;
    }
}

const char *admin_statement_sql(enum admin_statement statement, enum db_dialect dialect)
{
    const char *own = dialect == DB_DIALECT_POSTGRESQL ? own_of_postgresql(statement) : NULL;
    if (own != NULL) {
        return own;
    }
    return (unsigned)statement < ADMIN_STATEMENT_COUNT ? table[statement] : "";
}
