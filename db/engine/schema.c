/*
 * schema.c - the tables, as numbered migrations.
 *
 * A migration is never edited once released; the next one changes what it did. Times are
 * milliseconds since 1970. The DDL may be an engine's own; every other statement is portable.
 *
 * Every request parses the whole schema: a table costs some 6,000 instructions, a column 1,700
 * more. The SQLite of the static build has no ALTER TABLE, so a changed table is created again.
 */
#include "db/engine/schema.h"

static const char *const sqlite_migrations[] = {
    /* 1. Accounts and their items.
     *
     * meta.store_id names this very store; it changes when a database is restored or reset, so that
     * whoever follows it notices.
     * users.id is never used twice, and users.epoch starts at a random number: a token outlives
     * neither its account nor a restored backup in which another account got the same id.
     * users.version counts the user's writes; an item carries the number of its last one.
     * items has rowids: in a table without them the search for one key reads the whole value of
     * every large neighbour it compares with. items.value comes last, so that everything before it
     * is read without its overflow pages. */
    "CREATE TABLE meta ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO meta (name, value) VALUES ('store_id', lower(hex(randomblob(16))));"
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " username TEXT NOT NULL,"
    " username_key TEXT NOT NULL UNIQUE,"
    " email TEXT NOT NULL,"
    " email_key TEXT NOT NULL UNIQUE,"
    " full_name TEXT NOT NULL,"
    " age INTEGER NOT NULL,"
    " gender TEXT NOT NULL,"
    " password_hash TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE items ("
    " user_id INTEGER NOT NULL REFERENCES users (id),"
    " key TEXT NOT NULL,"
    " version INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (user_id, key)"
    ") STRICT;",

    /* 2. Sessions, device tokens, throttling.
     *
     * users.disabled is what a login looks at. users.revoked lists the access tokens that were
     * ended one by one and would live on otherwise, each as `;jti=expiry`: a column of a row that
     * every call reads anyway, where a table would cost each of them a look-up.
     * tokens.id is the user's id times 2^20 plus the user's own number of the token: it finds one
     * token, and a user's tokens are a range of it, without an index. Number 0 is the code for a
     * lost password. tokens.hash is all that is kept of a secret.
     * throttle.id is a digest of what is counted.
     * NOT NULL is left out where one statement writes all columns: it costs 300 instructions each.
     */
    "CREATE TEMP TABLE kept AS SELECT * FROM users;"
    "CREATE TEMP TABLE last_id AS SELECT name, seq FROM sqlite_sequence WHERE name = 'users';"
    "DROP TABLE users;"
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " username TEXT NOT NULL,"
    " username_key TEXT NOT NULL UNIQUE,"
    " email TEXT NOT NULL,"
    " email_key TEXT NOT NULL UNIQUE,"
    " full_name TEXT NOT NULL,"
    " age INTEGER NOT NULL,"
    " gender TEXT NOT NULL,"
    " password_hash TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL,"
    " revoked TEXT NOT NULL"
    ") STRICT;"
    "INSERT INTO users SELECT kept.*, 0, '' FROM kept;"
    "DELETE FROM sqlite_sequence WHERE name = 'users';"
    "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM last_id;"
    "DROP TABLE kept;"
    "DROP TABLE last_id;"
    "CREATE TABLE tokens ("
    " id INTEGER PRIMARY KEY,"
    " hash TEXT,"
    " name TEXT,"
    " writes INTEGER,"
    " prefix TEXT,"
    " created_at INTEGER,"
    " expires_at INTEGER,"
    " used_at INTEGER"
    ") STRICT;"
    "CREATE TABLE throttle ("
    " id INTEGER PRIMARY KEY,"
    " count INTEGER,"
    " until INTEGER"
    ") STRICT;",

    /* 3. Expiry, the changes feed, quotas.
     *
     * items.expires_at is NULL for ever, or the moment from which the item is gone. Below zero it
     * marks a tombstone, the memory of a deletion: minus its version, so that the oldest is the
     * largest. So a query that leaves out expired items leaves out tombstones too.
     * users.keys, bytes and tombstones count the user's rows in items, so that no write counts
     * them; expired rows count until they are swept. Tombstones up to users.horizon may be
     * forgotten. No item expires before users.next_expiry; 0: no item expires.
     */
    "CREATE TABLE kept_items AS SELECT * FROM items;"
    "DROP TABLE items;"
    "CREATE TABLE items ("
    " user_id INTEGER NOT NULL REFERENCES users (id),"
    " key TEXT NOT NULL,"
    " version INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " expires_at INTEGER,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (user_id, key),"
    " UNIQUE (user_id, version)"
    ") STRICT;"
    "INSERT INTO items (user_id, key, version, size, created_at, updated_at, value)"
    " SELECT user_id, key, version, size, created_at, updated_at, value FROM kept_items;"
    "DROP TABLE kept_items;"
    "CREATE INDEX items_expiry ON items (user_id, expires_at) WHERE expires_at IS NOT NULL;"
    "CREATE TEMP TABLE kept AS SELECT * FROM users;"
    "CREATE TEMP TABLE last_id AS SELECT name, seq FROM sqlite_sequence WHERE name = 'users';"
    "DROP TABLE users;"
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " username TEXT NOT NULL,"
    " username_key TEXT NOT NULL UNIQUE,"
    " email TEXT NOT NULL,"
    " email_key TEXT NOT NULL UNIQUE,"
    " full_name TEXT NOT NULL,"
    " age INTEGER NOT NULL,"
    " gender TEXT NOT NULL,"
    " password_hash TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL,"
    " revoked TEXT NOT NULL,"
    " keys INTEGER,"
    " bytes INTEGER,"
    " tombstones INTEGER,"
    " horizon INTEGER,"
    " next_expiry INTEGER"
    ") STRICT;"
    "INSERT INTO users SELECT kept.*, COUNT(items.key), COALESCE(SUM(items.size), 0), 0,"
    " kept.version, 0 FROM kept LEFT JOIN items ON items.user_id = kept.id GROUP BY kept.id;"
    "DELETE FROM sqlite_sequence WHERE name = 'users';"
    "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM last_id;"
    "DROP TABLE kept;"
    "DROP TABLE last_id;",

    /* 4. Quotas of single users.
     *
     * users.max_keys and max_bytes are NULL where the settings hold, as for nearly all, else the
     * limit that the operator gave the user; -1: none. */
    "CREATE TEMP TABLE kept AS SELECT * FROM users;"
    "CREATE TEMP TABLE last_id AS SELECT name, seq FROM sqlite_sequence WHERE name = 'users';"
    "DROP TABLE users;"
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " username TEXT NOT NULL,"
    " username_key TEXT NOT NULL UNIQUE,"
    " email TEXT NOT NULL,"
    " email_key TEXT NOT NULL UNIQUE,"
    " full_name TEXT NOT NULL,"
    " age INTEGER NOT NULL,"
    " gender TEXT NOT NULL,"
    " password_hash TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL,"
    " revoked TEXT NOT NULL,"
    " keys INTEGER,"
    " bytes INTEGER,"
    " tombstones INTEGER,"
    " horizon INTEGER,"
    " next_expiry INTEGER,"
    " max_keys INTEGER,"
    " max_bytes INTEGER"
    ") STRICT;"
    "INSERT INTO users SELECT kept.*, NULL, NULL FROM kept;"
    "DELETE FROM sqlite_sequence WHERE name = 'users';"
    "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM last_id;"
    "DROP TABLE kept;"
    "DROP TABLE last_id;",
};

const int64_t schema_number = sizeof sqlite_migrations / sizeof *sqlite_migrations;

/* PostgreSQL came with number 4. The same tables and columns, in the same order; texts are compared
 * byte by byte. There is no reference from items to users: to check it would cost each new item a
 * look-up and a lock, and whoever adds items holds the user's row already. A later migration that
 * writes a table anew must first lock cubby_schema (driver), which every transaction reads first;
 * all that read wait behind whoever waits for that, so a moment at a time (begin_alone there).
 * What they make is written down once more in postgresql_maintenance.c, for "cubby check".
 */
#define TEXT_TYPE " TEXT COLLATE \"C\""

static const char *const postgresql_migrations[sizeof sqlite_migrations /
                                               sizeof *sqlite_migrations] = {
    [3] = "CREATE TABLE meta ("
          " name" TEXT_TYPE " NOT NULL PRIMARY KEY,"
          " value" TEXT_TYPE " NOT NULL"
          ");"
          "INSERT INTO meta (name, value)"
          " VALUES ('store_id', replace(gen_random_uuid()::text, '-', ''));"
          "CREATE TABLE users ("
          " id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
          " username" TEXT_TYPE " NOT NULL,"
          " username_key" TEXT_TYPE " NOT NULL UNIQUE,"
          " email" TEXT_TYPE " NOT NULL,"
          " email_key" TEXT_TYPE " NOT NULL UNIQUE,"
          " full_name" TEXT_TYPE " NOT NULL,"
          " age BIGINT NOT NULL,"
          " gender" TEXT_TYPE " NOT NULL,"
          " password_hash" TEXT_TYPE " NOT NULL,"
          " epoch BIGINT NOT NULL,"
          " version BIGINT NOT NULL,"
          " created_at BIGINT NOT NULL,"
          " updated_at BIGINT NOT NULL,"
          " disabled BIGINT NOT NULL,"
          " revoked" TEXT_TYPE " NOT NULL,"
          " keys BIGINT NOT NULL,"
          " bytes BIGINT NOT NULL,"
          " tombstones BIGINT NOT NULL,"
          " horizon BIGINT NOT NULL,"
          " next_expiry BIGINT NOT NULL,"
          " max_keys BIGINT,"
          " max_bytes BIGINT"
          ") WITH (fillfactor = 70);" /* each write changes the counters, best in the same page */
          "CREATE TABLE items ("
          " user_id BIGINT NOT NULL,"
          " key" TEXT_TYPE " NOT NULL,"
          " version BIGINT NOT NULL,"
          " size BIGINT NOT NULL,"
          " created_at BIGINT NOT NULL,"
          " updated_at BIGINT NOT NULL,"
          " expires_at BIGINT,"
          " value" TEXT_TYPE " NOT NULL,"
          " PRIMARY KEY (user_id, key),"
          " UNIQUE (user_id, version)"
          ");"
          "CREATE INDEX items_expiry ON items (user_id, expires_at) WHERE expires_at IS NOT NULL;"
          "CREATE TABLE tokens ("
          " id BIGINT PRIMARY KEY,"
          " hash" TEXT_TYPE ","
          " name" TEXT_TYPE ","
          " writes BIGINT,"
          " prefix" TEXT_TYPE ","
          " created_at BIGINT,"
          " expires_at BIGINT,"
          " used_at BIGINT"
          ");"
          "CREATE TABLE throttle ("
          " id BIGINT PRIMARY KEY,"
          " count BIGINT,"
          " until BIGINT"
          ");",
};

static const char *migration(enum db_dialect dialect, int64_t number)
{
    return dialect == DB_DIALECT_POSTGRESQL ? postgresql_migrations[number]
                                            : sqlite_migrations[number];
}

enum db_class schema_migrate_within(const struct db_driver *driver,
                                    struct db_connection *connection, int64_t *from)
{
    *from = -1;
    enum db_class class = driver->schema_number(connection, from);
    if (class == DB_OK && (*from < 0 || *from > schema_number)) {
        return DB_INTERNAL;
    }
    if (class == DB_OK && *from != schema_number && driver->admit != NULL) {
        class = driver->admit(connection);
    }
    for (int64_t number = *from; class == DB_OK && number < schema_number; number++) {
        const char *sql = migration(driver->dialect, number);
        class = sql != NULL ? driver->script(connection, sql) : DB_OK;
    }
    /* A database that is up to date is not written to. */
    return class == DB_OK && *from != schema_number
               ? driver->set_schema_number(connection, schema_number)
               : class;
}

enum db_class schema_migrate(const struct db_driver *driver, struct db_connection *connection,
                             int64_t *from)
{
    *from = -1;
    enum db_class class = driver->begin(connection);
    if (class != DB_OK) {
        return class;
    }
    class = schema_migrate_within(driver, connection, from);
    if (class == DB_OK) {
        class = driver->commit(connection);
    }
    if (class != DB_OK) {
        (void)driver->rollback(connection); /* the tool closes after this */
    }
    return class;
}
