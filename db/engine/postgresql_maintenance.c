/*
 * postgresql_maintenance.c - what only the operator's tool needs of PostgreSQL. No program links
 * it.
 *
 * Copies and restores of a whole server's database are made by the server's own tools (pg_dump,
 * pg_restore, or its base backup with the log): the tool refuses what is for files.
 */
#include <stdlib.h>

#include "db/engine/postgresql_connection.h"

static enum db_class only_for_files(struct db_connection *connection)
{
    postgresql_note(connection, "only the file of a database can be copied");
    return DB_INTERNAL;
}

static enum db_class pg_copy(struct db_connection *from, struct db_connection *to, bool durable,
                             db_progress *progress, void *self)
{
    (void)from;
    (void)durable;
    (void)progress;
    (void)self;
    return only_for_files(to);
}

static enum db_class pg_seize(struct db_connection *connection)
{
    return only_for_files(connection);
}

static void pg_operate(struct db_connection *connection)
{
    connection->operates = true;
}

static enum db_class pg_compact(struct db_connection *connection)
{
    return db_postgresql.script(connection, "VACUUM");
}

/* The server does not know what is unused without reading all of it. */
static enum db_class pg_space(struct db_connection *connection, int64_t *bytes, int64_t *unused)
{
    PGresult *rows = NULL;
    enum db_class class = postgresql_settle(connection);
    if (class == DB_OK) {
        class = postgresql_queue_text(connection, "SELECT pg_database_size(current_database())",
                                      EXPECT_ROWS)
                    ? postgresql_sync(connection, &rows)
                    : DB_AGAIN;
    }
    *bytes = class == DB_OK && PQntuples(rows) == 1 ? strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
    *unused = 0;
    PQclear(rows);
    return class;
}

static enum db_class pg_journal(struct db_connection *connection, bool *ahead)
{
    (void)connection;
    *ahead = true;
    return DB_OK;
}

static bool pg_file_keeps_log(struct db_connection *connection)
{
    (void)connection;
    return false;
}

static enum db_class pg_stand_alone(struct db_connection *connection, bool alone)
{
    (void)connection;
    (void)alone;
    return DB_OK;
}

/* The schema that holds the driver's table. */
#define OUR_SCHEMA                                                                                 \
    "(SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"           \
    " WHERE pg_class.oid = to_regclass('cubby_schema'))"
#define OUR_TABLES "('meta', 'users', 'items', 'tokens', 'throttle')"

/* The tables, with that of the driver, and where the last id of an account is kept. */
#define OURS                                                                                       \
    "(SELECT oid, relname::text AS name, relpersistence, relrowsecurity FROM pg_class"             \
    " WHERE relnamespace = (SELECT relnamespace FROM pg_class"                                     \
    " WHERE oid = to_regclass('cubby_schema'))"                                                    \
    " AND (relname IN " OUR_TABLES " OR relname IN ('cubby_schema', 'users_id_seq'))) AS ours"

/* What somebody else has made of the tables, in words. Constraints of the kinds left out show as
 * indexes ('p', 'u') or in columns ('n'); triggers and rules of the kinds left out do nothing when
 * programs write. */
#define STRANGE                                                                                    \
    "SELECT name || ', which is UNLOGGED: a crash of the server empties it' FROM " OURS            \
    " WHERE relpersistence <> 'p'"                                                                 \
    " UNION ALL SELECT name || ', which has row level security' FROM " OURS                        \
    " WHERE relrowsecurity"                                                                        \
    " UNION ALL SELECT concat('the index ', indexrelid::regclass, ', which is not valid')"         \
    " FROM pg_index JOIN " OURS " ON ours.oid = indrelid WHERE NOT (indisvalid AND indisready)"    \
    " UNION ALL SELECT concat('the constraint ', conname, ' of ', name)"                           \
    " FROM pg_constraint JOIN " OURS " ON ours.oid = conrelid"                                     \
    " WHERE contype NOT IN ('p', 'u', 'n')"                                                        \
    " UNION ALL SELECT concat('the trigger ', tgname, ' of ', name)"                               \
    " FROM pg_trigger JOIN " OURS " ON ours.oid = tgrelid WHERE tgenabled IN ('O', 'A')"           \
    " UNION ALL SELECT concat('the rule ', rulename, ' of ', name)"                                \
    " FROM pg_rewrite JOIN " OURS " ON ours.oid = ev_class WHERE ev_enabled IN ('O', 'A')"

#define IN_ORDER " ORDER BY 1, 2"

const struct db_maintenance db_postgresql_maintenance = {
    /* Columns with their types and collations, indexes without the name of the schema, and what is
     * not to be there. */
    .catalogue =
        "SELECT 'column', (table_name || '.' || column_name) COLLATE \"C\", concat_ws(' ',"
        " ordinal_position, data_type, collation_name, is_nullable, is_identity)"
        " FROM information_schema.columns WHERE table_schema = " OUR_SCHEMA
        " AND table_name IN " OUR_TABLES " UNION ALL SELECT 'index', indexname::text COLLATE \"C\","
        " regexp_replace(indexdef, ' ON [^ ]+[.]', ' ON ') FROM pg_indexes"
        " WHERE schemaname = " OUR_SCHEMA " AND tablename IN " OUR_TABLES
        " UNION ALL SELECT 'strange', what COLLATE \"C\", '' FROM (" STRANGE
        ") AS strange (what)" IN_ORDER,
    /* What the migrations of schema.c make, written down: a server that is a copy of another one
     * makes no tables to compare with, not even temporary ones. The letter before a column is its
     * kind; large ones may be NULL, n is the number of a row. */
    .wanted =
        "SELECT 'column', (tables.name || '.' || substr(entry, 3)) COLLATE \"C\","
        " place || ' ' || kinds.text FROM (VALUES"
        " ('meta', 't:name t:value'),"
        " ('users', 'n:id t:username t:username_key t:email t:email_key t:full_name i:age t:gender"
        " t:password_hash i:epoch i:version i:created_at i:updated_at i:disabled t:revoked i:keys"
        " i:bytes i:tombstones i:horizon i:next_expiry I:max_keys I:max_bytes'),"
        " ('items', 'i:user_id t:key i:version i:size i:created_at i:updated_at I:expires_at"
        " t:value'),"
        " ('tokens', 'i:id T:hash T:name I:writes T:prefix I:created_at I:expires_at I:used_at'),"
        " ('throttle', 'i:id I:count I:until')) AS tables (name, columns),"
        " unnest(string_to_array(columns, ' ')) WITH ORDINALITY AS entries (entry, place)"
        " JOIN (VALUES ('n', 'bigint NO YES'), ('i', 'bigint NO NO'), ('I', 'bigint YES NO'),"
        " ('t', 'text C NO NO'), ('T', 'text C YES NO')) AS kinds (letter, text)"
        " ON letter = left(entry, 1)"
        " UNION ALL SELECT 'index', name COLLATE \"C\", 'CREATE ' || kind || 'INDEX ' || name"
        " || ' ON ' || rest FROM (VALUES"
        " ('items_expiry', '', 'items USING btree (user_id, expires_at)"
        " WHERE (expires_at IS NOT NULL)'),"
        " ('items_pkey', 'UNIQUE ', 'items USING btree (user_id, key)'),"
        " ('items_user_id_version_key', 'UNIQUE ', 'items USING btree (user_id, version)'),"
        " ('meta_pkey', 'UNIQUE ', 'meta USING btree (name)'),"
        " ('throttle_pkey', 'UNIQUE ', 'throttle USING btree (id)'),"
        " ('tokens_pkey', 'UNIQUE ', 'tokens USING btree (id)'),"
        " ('users_email_key_key', 'UNIQUE ', 'users USING btree (email_key)'),"
        " ('users_pkey', 'UNIQUE ', 'users USING btree (id)'),"
        " ('users_username_key_key', 'UNIQUE ', 'users USING btree (username_key)'))"
        " AS indexes (name, kind, rest)" IN_ORDER,
    .column_count = postgresql_column_count,
    .column_name = postgresql_column_name,
    .column_holds_integers = postgresql_column_holds_integers,
    .operate = pg_operate,
    .copy = pg_copy,
    .seize = pg_seize,
    .compact = pg_compact,
    .space = pg_space,
    .journal = pg_journal,
    .file_keeps_log = pg_file_keeps_log,
    .stand_alone = pg_stand_alone,
};
