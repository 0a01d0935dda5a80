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

/* Tables of temporary objects are empty, and go with their connection. They are nobody else's, so
 * that this transaction does not keep the programs from writing. */
static enum db_class pg_open_nowhere(struct db_connection *connection, struct db_connection **out)
{
    enum db_class class = db_postgresql.open(connection->database, true, connection->patience, out);
    if (class == DB_OK) {
        (*out)->operates = true;
        class = postgresql_script(*out, "BEGIN; SET LOCAL search_path = pg_temp", NULL);
    }
    if (class == DB_OK) {
        (*out)->phase = PHASE_WRITES;
    }
    return class;
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

const struct db_maintenance db_postgresql_maintenance = {
    /* Of the schema that holds the driver's table: columns with their types and collations, and
     * indexes without the name of the schema. */
    .catalogue =
        "SELECT 'column', table_name || '.' || column_name, concat_ws(' ', ordinal_position,"
        " data_type, collation_name, is_nullable, is_identity) FROM information_schema.columns"
        " WHERE table_schema = (SELECT nspname FROM pg_class JOIN pg_namespace"
        " ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass('cubby_schema'))"
        " AND table_name IN ('meta', 'users', 'items', 'tokens', 'throttle')"
        " UNION ALL SELECT 'index', indexname, regexp_replace(indexdef, ' ON [^ ]+[.]', ' ON ')"
        " FROM pg_indexes WHERE schemaname = (SELECT nspname FROM pg_class JOIN pg_namespace"
        " ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass('cubby_schema'))"
        " AND tablename IN ('meta', 'users', 'items', 'tokens', 'throttle') ORDER BY 1, 2",
    .open_nowhere = pg_open_nowhere,
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
