/*
 * sqlite_maintenance.c - what only the operator's tool needs of SQLite: copying a database that is
 * in use, locking others out, returning unused space. No program links it.
 */
#include <sqlite3.h>

#include "db/engine/sqlite_connection.h"

enum {
    COPY_STEP_PAGES = 1024,     /* at a time: writers wait some ms */
    COPY_UNLOCKED_ATTEMPTS = 3, /* then a read transaction keeps the source as it is */
};

/* Copies page by page into BACKUP's destination. Others may write between the steps, and then the
 * copy starts again. After a few attempts a read transaction on the source prevents that: with a
 * rollback journal writers wait for its end, with a write-ahead log it keeps its snapshot. */
static int copy_pages(sqlite3 *from, sqlite3_backup *backup, db_progress *progress, void *self)
{
    int left_before = 0;
    int attempts = 0;
    int code = SQLITE_OK;
    bool holds = false;
    while (code == SQLITE_OK) {
        code = sqlite3_backup_step(backup, COPY_STEP_PAGES);
        int left = sqlite3_backup_remaining(backup);
        int all = sqlite3_backup_pagecount(backup);
        if ((code == SQLITE_OK || code == SQLITE_DONE) && progress != NULL) {
            progress(self, all - left, all);
        }
        attempts += left > left_before ? 1 : 0; /* the first step counts as the first attempt */
        left_before = left;
        if (code == SQLITE_OK && attempts > COPY_UNLOCKED_ATTEMPTS && !holds) {
            code =
                sqlite3_exec(from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
            holds = true;
        }
    }
    if (holds) {
        (void)sqlite3_exec(from, "ROLLBACK", NULL, NULL, NULL);
    }
    return code;
}

static enum db_class sqlite_copy(struct db_connection *from, struct db_connection *to, bool durable,
                                 db_progress *progress, void *self)
{
    if (!durable) {
        enum db_class class = sqlite_script(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
        if (class != DB_OK) {
            return class;
        }
    }
    sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    if (backup == NULL) {
        return sqlite_classify(to->handle, sqlite3_extended_errcode(to->handle));
    }
    int code = copy_pages(from->handle, backup, progress, self);
    int end = sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE) {
        code = end;
    }
    return code == SQLITE_OK ? DB_OK : sqlite_classify(to->handle, code);
}

/* The exclusive lock outlives the transaction that takes it, since a copy into this connection
 * begins a transaction of its own. */
static enum db_class sqlite_seize(struct db_connection *connection)
{
    write_queue_ask_out(&connection->queue, connection->path); /* until it is closed */
    enum db_class class = sqlite_script(connection, "PRAGMA locking_mode=EXCLUSIVE");
    return class == DB_OK ? sqlite_in_queue(connection, "BEGIN EXCLUSIVE; COMMIT") : class;
}

/* From now on SQLite keeps what it makes meanwhile, and is too large for its cache, in files beside
 * the database: where its journal is made too, and its contents are at home. In memory, the default
 * of the trimmed build, there may be no room for a whole database; the usual folders of the system
 * may be memory, too. Such a file has no name once it is open. */
static enum db_class work_in_files(struct db_connection *connection)
{
    const char *path = sqlite3_db_filename(connection->handle, "main");
    const char *end = path != NULL ? strrchr(path, '/') : NULL;
    if (end == NULL) {
        return DB_INTERNAL;
    }
    int length = end == path ? 1 : (int)(end - path);
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = sqlite3_mprintf("%.*s", length, path);
    return sqlite3_temp_directory == NULL ? DB_INTERNAL
                                          : sqlite_script(connection, "PRAGMA temp_store=FILE");
}

/* VACUUM makes a copy without unused space, and copies that over the database in a transaction. */
static enum db_class sqlite_compact(struct db_connection *connection)
{
    enum db_class class = work_in_files(connection);
    if (class == DB_OK) {
        class = sqlite_in_queue(connection, "VACUUM");
        write_queue_leave(&connection->queue);
    }
    return class;
}

static enum db_class read_number(struct db_connection *connection, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement;
    int code = sqlite_first_row(connection, sql, &statement);
    *out = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_finalize(statement);
    return code == SQLITE_ROW ? DB_OK : sqlite_classify(connection->handle, code);
}

static enum db_class sqlite_space(struct db_connection *connection, int64_t *bytes, int64_t *unused)
{
    int64_t page = 0;
    int64_t pages = 0;
    int64_t free_pages = 0;
    enum db_class class = read_number(connection, "PRAGMA page_size", &page);
    if (class == DB_OK) {
        class = read_number(connection, "PRAGMA page_count", &pages);
    }
    if (class == DB_OK) {
        class = read_number(connection, "PRAGMA freelist_count", &free_pages);
    }
    *bytes = page * pages;
    *unused = page * free_pages;
    return class;
}

/* Bytes 18 and 19 of a database file are 2 if it keeps a write-ahead log (the versions of its
 * format for writing and reading, https://sqlite.org/fileformat.html). Read by SQLite's own
 * descriptor: opening and closing another one would release this process's locks on the file. */
static bool sqlite_file_keeps_log(struct db_connection *connection)
{
    enum { WRITE_VERSION_AT = 18, WRITE_VERSION_OF_LOG = 2 };
    sqlite3_file *file = NULL;
    unsigned char version = 0;
    return connection != NULL && connection->handle != NULL &&
           sqlite3_file_control(connection->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) ==
               SQLITE_OK &&
           file != NULL && file->pMethods != NULL &&
           file->pMethods->xRead(file, &version, 1, WRITE_VERSION_AT) == SQLITE_OK &&
           version == WRITE_VERSION_OF_LOG;
}

/* In exclusive locking mode SQLite keeps the index of the log in memory of its own
 * (https://sqlite.org/wal.html, "Use of WAL Without Shared-Memory"). The locks are released by the
 * first access after the return to the normal mode. */
static enum db_class sqlite_stand_alone(struct db_connection *connection, bool alone)
{
    return sqlite_script(connection, alone ? "PRAGMA locking_mode=EXCLUSIVE"
                                           : "PRAGMA locking_mode=NORMAL;"
                                             "SELECT count(*) FROM sqlite_schema");
}

static enum db_class sqlite_open_nowhere(struct db_connection *connection,
                                         struct db_connection **out)
{
    (void)connection;
    enum db_class class = db_sqlite.open(":memory:", true, 0, out);
    return class == DB_OK ? db_sqlite.begin(*out) : class;
}

static struct sqlite3_stmt *statement_of(struct db_prepared *prepared)
{
    return (struct sqlite3_stmt *)(void *)prepared; /* as sqlite.c makes them */
}

static int sqlite_column_count_of(struct db_prepared *prepared)
{
    return sqlite3_column_count(statement_of(prepared));
}

static const char *sqlite_column_name_of(struct db_prepared *prepared, int column)
{
    return sqlite3_column_name(statement_of(prepared), column);
}

/* Of the present row: the tables are strict. */
static bool sqlite_column_holds_integers(struct db_prepared *prepared, int column)
{
    return sqlite3_column_type(statement_of(prepared), column) == SQLITE_INTEGER;
}

static void sqlite_operate(struct db_connection *connection)
{
    (void)connection; /* whoever writes is alone */
}

const struct db_maintenance db_sqlite_maintenance = {
    .catalogue = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema"
                 " WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name",
    .open_nowhere = sqlite_open_nowhere,
    .column_count = sqlite_column_count_of,
    .column_name = sqlite_column_name_of,
    .column_holds_integers = sqlite_column_holds_integers,
    .operate = sqlite_operate,
    .copy = sqlite_copy,
    .seize = sqlite_seize,
    .compact = sqlite_compact,
    .space = sqlite_space,
    .journal = sqlite_journal,
    .file_keeps_log = sqlite_file_keeps_log,
    .stand_alone = sqlite_stand_alone,
};
