/*
 * sqlite.c - the SQLite driver. Only this file and sqlite_maintenance.c may include sqlite3.h.
 *
 * It is made for processes that serve one request: nothing is set up that the request does not use.
 *
 * Journal: a rollback journal, unless the operator chose the write-ahead log. Writes a second by 1
 * and by 16 processes that each live for one request, with reads between (tests/soak/run.sh): on a
 * disk that flushes in 0.4 ms 766 and 788 with the rollback journal, 977 and 1372 with the log; on
 * one that takes 25 ms 23 and 22, 68 and 70. With the log a read costs a process half as much
 * again: the first one makes the shared memory and reads what the log holds, so the log is kept
 * short (note_log). A reader must also be able to write to the folder, which rules out read-only
 * media, and the medium must allow shared writable mappings: jffs2, many network file systems and
 * some FUSE file systems do not, so the log is not for them; the tool tries it before it switches
 * (db/tool/medium.c). Of flash that allows them, as under ubifs, ext4 or f2fs, the log wears less:
 * a small update writes 12,700 bytes in 2.1 flushes instead of 33,300 in 5 (tests/bench/board.sh).
 * The journal modes TRUNCATE and PERSIST leave a file that every read looks into, and cost a
 * statement more per write, being settings of the connection. Reads outnumber writes, so DELETE is
 * the default. A process killed in either mode leaves what the next one repairs by itself.
 *
 * Durability: with the rollback journal synchronous=EXTRA, so that a commit, the removal of the
 * journal included, is on the disk before it is acknowledged. Deleted content is overwritten with
 * zeros, so that no free page still holds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/base/clock.h"
#include "db/engine/sqlite_connection.h"

/* A db_prepared is a sqlite3_stmt; only these two casts depend on that. */
static sqlite3_stmt *statement_of(struct db_prepared *prepared)
{
    return (sqlite3_stmt *)(void *)prepared;
}

static struct db_prepared *prepared_of(sqlite3_stmt *statement)
{
    return (struct db_prepared *)(void *)statement;
}

static enum db_class classify_io(sqlite3 *handle, enum db_class otherwise)
{
    switch (handle != NULL ? sqlite3_system_errno(handle) : 0) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DB_FULL;
    case EROFS:
        return DB_READ_ONLY;
    case ENOENT:
    case ENOTDIR:
        return DB_GONE;
    default:
        return otherwise;
    }
}

enum db_class sqlite_classify(sqlite3 *handle, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
        return DB_OK;
    case SQLITE_ROW:
        return DB_ROW;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return DB_BUSY;
    case SQLITE_CONSTRAINT:
        return DB_CONFLICT;
    case SQLITE_FULL:
        return DB_FULL;
    case SQLITE_READONLY:
        return DB_READ_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DB_DAMAGED;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return classify_io(handle, DB_INTERNAL);
    default:
        return DB_INTERNAL;
    }
}

static const char *sqlite_version(void)
{
    return sqlite3_libversion();
}

enum db_class sqlite_script(struct db_connection *connection, const char *sql)
{
    return sqlite_classify(connection->handle,
                           sqlite3_exec(connection->handle, sql, NULL, NULL, NULL));
}

/* The file that the path resolved last leads to; 0 when there is none. */
static struct {
    dev_t device;
    ino_t inode;
} resolved;

static int (*resolve_path)(sqlite3_vfs *vfs, const char *path, int size, char *out);

/* Replaces SQLite's full path resolution, which checks every folder of the path for symbolic links.
 * All connections must agree on one name for the journal, and they do unless the last component
 * itself is a link. Pipes are refused here, because opening one for reading would wait for a
 * writer. */
static int full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    size_t length = strlen(path);
    struct stat there;
    bool exists = lstat(path, &there) == 0;
    bool simple = exists && path[0] == '/' && length < (size_t)size && !S_ISLNK(there.st_mode);
    if (exists && S_ISLNK(there.st_mode)) {
        exists = stat(path, &there) == 0;
    }
    resolved.device = exists ? there.st_dev : 0;
    resolved.inode = exists ? there.st_ino : 0;
    if (exists && !S_ISREG(there.st_mode)) {
        return SQLITE_CANTOPEN;
    }
    if (!simple) {
        return resolve_path(vfs, path, size, out);
    }
    memcpy(out, path, length + 1);
    return SQLITE_OK;
}

/* Replaces SQLite's function, which opens /dev/urandom: a confined program can't, and three calls
 * become one. What is missing is left to the bytes that are there, as SQLite does. */
static int random_bytes(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    ssize_t got = getrandom(out, (size_t)size, 0);
    return got > 0 ? (int)got : 0;
}

/* These replace open(2) and fchmod(2), to which SQLite gives the mode of the database for what it
 * makes beside it. A filter of system calls refuses files that can be executed (common/sandbox). */
enum { PLAIN_MODE = 0666 };

static int open_plain(const char *path, int flags, int mode)
{
    return open(path, flags, (mode_t)mode & PLAIN_MODE);
}

static int fchmod_plain(int file, mode_t mode)
{
    return fchmod(file, mode & PLAIN_MODE);
}

static bool makes_plain_files(sqlite3_vfs *vfs)
{
    return vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_plain) == SQLITE_OK &&
           vfs->xSetSystemCall(vfs, "fchmod", (sqlite3_syscall_ptr)fchmod_plain) == SQLITE_OK;
}

static int initialize(void)
{
    static sqlite3_vfs system;
    int code = sqlite3_initialize(); /* the trimmed build does not do it by itself */
    if (code != SQLITE_OK || resolve_path != NULL) {
        return code;
    }
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    if (usual == NULL || !makes_plain_files(usual)) {
        return SQLITE_ERROR;
    }
    system = *usual;
    system.zName = "cubby";
    system.xFullPathname = full_path;
    system.xRandomness = random_bytes;
    resolve_path = usual->xFullPathname;
    return sqlite3_vfs_register(&system, 1);
}

/* A pragma costs as much as a small statement, so the trimmed build has these as its defaults. */
static enum db_class make_durable(struct db_connection *connection)
{
    if (sqlite3_compileoption_used("DEFAULT_SYNCHRONOUS=3") &&
        sqlite3_compileoption_used("SECURE_DELETE")) {
        return DB_OK;
    }
    return sqlite_script(connection, "PRAGMA synchronous=EXTRA;PRAGMA secure_delete=ON");
}

/* Called by SQLite while another process holds the lock; returning 0 gives up. Writers get here
 * only because of others that did not queue (write_queue.h), readers because of a commit. SQLite's
 * own handler waits longer each time, up to 100 ms, so that processes that have waited long are
 * asleep when the lock becomes free, and newcomers get it. Short waits of about the same length
 * give everybody the same chance; their length depends on the process, so that waiting processes do
 * not stay in step. */
static int wait_for_lock(void *self, int times)
{
    enum { WAIT_NS = 1000000, SPREAD_NS = 1000000 };
    struct db_connection *connection = self;
    if (times == 0 && !connection->queued) {
        connection->waits_since = monotonic_ms();
    }
    if (monotonic_ms() - connection->waits_since >= connection->busy_timeout) {
        return 0;
    }
    unsigned spread = ((unsigned)getpid() * 2654435761U + (unsigned)times * 40503U) % SPREAD_NS;
    const struct timespec pause = {.tv_nsec = WAIT_NS + (long)spread};
    (void)nanosleep(&pause, NULL);
    return 1;
}

static int open_handle(struct db_connection *connection, int flags)
{
    int code = initialize();
    if (code == SQLITE_OK) {
        code = sqlite3_open_v2(connection->path, &connection->handle,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        connection->device = resolved.device;
        connection->inode = resolved.inode;
    }
    return code != SQLITE_OK ? code
                             : sqlite3_busy_handler(connection->handle, wait_for_lock, connection);
}

/* Closing any descriptor of a file releases all POSIX locks that the process holds on it, those of
 * SQLite's other connections too. So that of the write queue is open as long as any connection. */
static size_t connections;
static struct db_connection *last_closed;

static void sqlite_close(struct db_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    (void)sqlite3_finalize(connection->schema_number);
    (void)sqlite3_close(connection->handle);
    write_queue_leave(&connection->queue);
    connection->closed_before = last_closed;
    last_closed = connection;
    connections--;
    while (connections == 0 && last_closed != NULL) {
        connection = last_closed;
        last_closed = connection->closed_before;
        write_queue_close(&connection->queue);
        free(connection);
    }
}

static const char *sqlite_message(struct db_connection *connection)
{
    if (connection == NULL || connection->handle == NULL) {
        return "out of memory";
    }
    return connection->problem != NULL ? connection->problem : sqlite3_errmsg(connection->handle);
}

static void copy_log(sqlite3 *handle)
{
    (void)sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* Whether this commit, the last of HANDLE, made the log, which now has PAGES pages, longer than a
 * multiple of STEP. */
static bool log_passed(sqlite3 *handle, int pages, int step)
{
    int written = 0;
    int highest;
    (void)sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_WRITE, &written, &highest, 1);
    return pages / step > (pages - written) / step;
}

/* Called by SQLite after each commit to the write-ahead log, which now has PAGES pages. It replaces
 * SQLite's own hook, which copies a log of 1000 pages into the database. The log is reused from its
 * start when all of it is copied and no reader looks into it.
 *
 * A process that ends leaves that to the last one that closes (log_is_long). One that stays copies
 * it itself, here, while it is still the first in the queue of writers: were it done later, the
 * next commit would be there already, and the log would only grow. It flushes the log and the
 * database, which 25 updates share: copying after each one that finds the log long would take as
 * many flushes as three updates. */
static int note_log(void *self, sqlite3 *handle, const char *schema, int pages)
{
    enum { GROWN_PAGES = 100, LONG_PAGES = 1000 };
    struct db_connection *connection = self;
    (void)schema;
    connection->log_is_long = !connection->stays && pages >= GROWN_PAGES;
    if (connection->stays ? log_passed(handle, pages, GROWN_PAGES) : pages >= LONG_PAGES) {
        copy_log(handle);
    }
    return SQLITE_OK;
}

static enum db_class sqlite_open(const char *path, bool writable, int busy_timeout,
                                 struct db_connection **out)
{
    struct db_connection *connection = calloc(1, sizeof *connection);
    *out = connection;
    if (connection == NULL) {
        return DB_INTERNAL;
    }
    connection->path = path;
    connection->busy_timeout = busy_timeout;
    connection->queue = WRITE_QUEUE_NONE;
    connections++;
    int code = open_handle(connection, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    enum db_class class = sqlite_classify(connection->handle, code);
    if (class == DB_OK && writable) {
        (void)sqlite3_wal_hook(connection->handle, note_log, connection);
        class = make_durable(connection);
    }
    return class;
}

static void sqlite_set_patience(struct db_connection *connection, int busy_timeout)
{
    connection->busy_timeout = busy_timeout;
}

static enum db_class sqlite_begin_read(struct db_connection *connection)
{
    connection->reads = true;
    return sqlite_script(connection, "BEGIN");
}

int sqlite_first_row(struct db_connection *connection, const char *sql, sqlite3_stmt **statement)
{
    *statement = NULL;
    int code = sqlite3_prepare_v2(connection->handle, sql, -1, statement, NULL);
    return code == SQLITE_OK ? sqlite3_step(*statement) : code;
}

static int read_user_version(struct db_connection *connection, int64_t *out)
{
    int code = connection->schema_number == NULL
                   ? sqlite_first_row(connection, "PRAGMA user_version", &connection->schema_number)
                   : sqlite3_step(connection->schema_number);
    if (code == SQLITE_ROW) {
        *out = sqlite3_column_int64(connection->schema_number, 0);
        code = SQLITE_OK;
    }
    (void)sqlite3_reset(connection->schema_number);
    return code;
}

static enum db_class sqlite_schema_number(struct db_connection *connection, int64_t *out)
{
    int code = read_user_version(connection, out);
    if (code != SQLITE_OK) {
        (void)sqlite3_finalize(connection->schema_number);
        connection->schema_number = NULL;
    }
    if ((code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY ||
         code == SQLITE_READONLY_CANTINIT) &&
        sqlite3_next_stmt(connection->handle, NULL) == NULL) {
        /* A reader that comes first after a writer died: the dead writer's changes must be rolled
         * back, and only a connection for writing can do that. */
        (void)sqlite3_close(connection->handle);
        connection->handle = NULL;
        code = open_handle(connection, SQLITE_OPEN_READWRITE);
        if (code == SQLITE_OK && connection->reads) {
            (void)sqlite_begin_read(connection);
        }
        if (code == SQLITE_OK) {
            code = read_user_version(connection, out);
        }
    }
    return sqlite_classify(connection->handle, code);
}

static enum db_class sqlite_set_schema_number(struct db_connection *connection, int64_t number)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", (int)number);
    return sqlite_script(connection, sql);
}

/* Runs SQL, which gives one row: the mode that is in force. */
static enum db_class journal_mode(struct db_connection *connection, const char *sql,
                                  const char *wanted, bool *is_wanted)
{
    sqlite3_stmt *statement;
    int code = sqlite_first_row(connection, sql, &statement);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    *is_wanted = mode != NULL && strcmp(mode, wanted) == 0;
    enum db_class class = code == SQLITE_ROW ? DB_OK : sqlite_classify(connection->handle, code);
    (void)sqlite3_finalize(statement);
    return class;
}

static enum db_class sqlite_set_journal(struct db_connection *connection, bool ahead)
{
    bool done = false;
    enum db_class class = DB_BUSY;
    write_queue_ask_out(&connection->queue, connection->path);
    for (int times = 0; class == DB_BUSY && (times == 0 || wait_for_lock(connection, times - 1));
         times++) {
        class = journal_mode(connection,
                             ahead ? "PRAGMA journal_mode=wal" : "PRAGMA journal_mode=delete",
                             ahead ? "wal" : "delete", &done);
        class = class == DB_OK && !done ? DB_BUSY : class;
    }
    write_queue_let_in(&connection->queue);
    return class;
}

static bool sqlite_log_is_long(const struct db_connection *connection)
{
    return connection->log_is_long;
}

static void sqlite_trim_log(struct db_connection *connection)
{
    copy_log(connection->handle);
    connection->log_is_long = false;
}

static bool sqlite_replaced(const struct db_connection *connection)
{
    struct stat there;
    return stat(connection->path, &there) != 0 || there.st_dev != connection->device ||
           there.st_ino != connection->inode;
}

static bool sqlite_rest(struct db_connection *connection)
{
    for (sqlite3_stmt *each = sqlite3_next_stmt(connection->handle, NULL); each != NULL;
         each = sqlite3_next_stmt(connection->handle, each)) {
        (void)sqlite3_clear_bindings(each);
    }
    connection->problem = NULL;
    connection->stays = true;
    return !write_queue_is_asked_out(&connection->queue, connection->path);
}

static enum db_class sqlite_checkpoint(struct db_connection *connection)
{
    int code =
        sqlite3_wal_checkpoint_v2(connection->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? DB_OK : sqlite_classify(connection->handle, code);
}

enum db_class sqlite_in_queue(struct db_connection *connection, const char *sql)
{
    connection->waits_since = monotonic_ms();
    connection->problem = NULL;
    if (!write_queue_enter(&connection->queue, connection->path, connection->busy_timeout)) {
        connection->problem = "others write, and the turn to do so did not come";
        return DB_BUSY;
    }
    connection->queued = true;
    enum db_class class = sqlite_script(connection, sql);
    connection->queued = false;
    if (class != DB_OK) {
        write_queue_leave(&connection->queue);
    }
    return class;
}

static enum db_class sqlite_begin(struct db_connection *connection)
{
    return sqlite_in_queue(connection, "BEGIN IMMEDIATE");
}

enum db_class sqlite_journal(struct db_connection *connection, bool *ahead)
{
    return journal_mode(connection, "PRAGMA journal_mode", "wal", ahead);
}

static enum db_class sqlite_reading_blocks(struct db_connection *connection, bool *blocks)
{
    bool ahead = false;
    enum db_class class = sqlite_journal(connection, &ahead);
    *blocks = !ahead;
    return class;
}

/* A commit is final once its journal is deleted, or its record is in the write-ahead log. If only
 * flushing that fails, or letting go of locks, it is too late to take the commit back; where nobody
 * can say which journal it is, it may be. Any other failure means what CODE says. */
static bool commit_is_unsure(struct db_connection *connection, int code)
{
    bool ahead = false;
    if (code == SQLITE_IOERR_FSYNC) {
        ahead = sqlite_journal(connection, &ahead) != DB_OK || ahead;
    }
    return ahead || code == SQLITE_IOERR_DIR_FSYNC || code == SQLITE_IOERR_DELETE_NOENT ||
           code == SQLITE_IOERR_RDLOCK || code == SQLITE_IOERR_UNLOCK;
}

static enum db_class sqlite_commit(struct db_connection *connection)
{
    int code = sqlite3_exec(connection->handle, "COMMIT", NULL, NULL, NULL);
    enum db_class class = sqlite_classify(connection->handle, code);
    if (class == DB_OK) {
        write_queue_leave(&connection->queue);
        return DB_OK;
    }
    if (commit_is_unsure(connection, code)) {
        connection->problem = "the disk did not confirm it, so that it may be done or not";
        return DB_UNKNOWN;
    }
    return class;
}

static bool sqlite_rollback(struct db_connection *connection)
{
    /* After some errors SQLite has rolled back already; then this statement fails in vain. */
    (void)sqlite_script(connection, "ROLLBACK");
    bool ended = sqlite3_get_autocommit(connection->handle) != 0;
    if (ended) {
        write_queue_leave(&connection->queue);
    }
    return ended;
}

static enum db_class sqlite_verify(struct db_connection *connection,
                                   void (*report)(void *self, const char *problem), void *self)
{
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(connection->handle, "PRAGMA integrity_check", -1, &statement, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        const unsigned char *line = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
        if (line != NULL && strcmp((const char *)line, "ok") != 0) {
            report(self, (const char *)line);
        }
    }
    enum db_class class = sqlite_classify(connection->handle, code);
    (void)sqlite3_finalize(statement);
    return class;
}

static enum db_class sqlite_prepare(struct db_connection *connection, const char *sql,
                                    struct db_prepared **out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection->handle, sql, -1, &statement, NULL);
    *out = prepared_of(statement);
    return sqlite_classify(connection->handle, code);
}

static void sqlite_finalize(struct db_prepared *prepared)
{
    (void)sqlite3_finalize(statement_of(prepared));
}

static int parameter_index(sqlite3_stmt *statement, int number)
{
    char name[1 + INTEGER_TEXT_SIZE] = "$";
    (void)integer_to_text(number, name + 1);
    return sqlite3_bind_parameter_index(statement, name);
}

static enum db_class bound(sqlite3_stmt *statement, int code)
{
    return sqlite_classify(sqlite3_db_handle(statement), code);
}

static enum db_class sqlite_bind_integer(struct db_prepared *prepared, int number, int64_t value)
{
    sqlite3_stmt *statement = statement_of(prepared);
    return bound(statement,
                 sqlite3_bind_int64(statement, parameter_index(statement, number), value));
}

static enum db_class sqlite_bind_text(struct db_prepared *prepared, int number, struct text value)
{
    sqlite3_stmt *statement = statement_of(prepared);
    return bound(statement, sqlite3_bind_text64(statement, parameter_index(statement, number),
                                                value.at, value.size, SQLITE_STATIC, SQLITE_UTF8));
}

static enum db_class sqlite_bind_null(struct db_prepared *prepared, int number)
{
    sqlite3_stmt *statement = statement_of(prepared);
    return bound(statement, sqlite3_bind_null(statement, parameter_index(statement, number)));
}

static enum db_class sqlite_step(struct db_prepared *prepared)
{
    sqlite3_stmt *statement = statement_of(prepared);
    return bound(statement, sqlite3_step(statement));
}

static void sqlite_reset(struct db_prepared *prepared)
{
    (void)sqlite3_reset(statement_of(prepared));
}

static int64_t sqlite_column_integer(struct db_prepared *prepared, int column)
{
    return sqlite3_column_int64(statement_of(prepared), column);
}

static struct text sqlite_column_text(struct db_prepared *prepared, int column)
{
    sqlite3_stmt *statement = statement_of(prepared);
    const unsigned char *text = sqlite3_column_text(statement, column);
    const int size = sqlite3_column_bytes(statement, column);
    return (struct text){.at = (const char *)text, .size = (size_t)size};
}

static bool sqlite_column_is_null(struct db_prepared *prepared, int column)
{
    return sqlite3_column_type(statement_of(prepared), column) == SQLITE_NULL;
}

const struct db_driver db_sqlite = {
    .name = "sqlite",
    .dialect = DB_DIALECT_SQLITE,
    .version = sqlite_version,
    .open = sqlite_open,
    .set_patience = sqlite_set_patience,
    .close = sqlite_close,
    .message = sqlite_message,
    .begin_read = sqlite_begin_read,
    .schema_number = sqlite_schema_number,
    .set_schema_number = sqlite_set_schema_number,
    .set_journal = sqlite_set_journal,
    .checkpoint = sqlite_checkpoint,
    .log_is_long = sqlite_log_is_long,
    .trim_log = sqlite_trim_log,
    .replaced = sqlite_replaced,
    .rest = sqlite_rest,
    .reading_blocks = sqlite_reading_blocks,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .script = sqlite_script,
    .verify = sqlite_verify,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .bind_integer = sqlite_bind_integer,
    .bind_text = sqlite_bind_text,
    .bind_null = sqlite_bind_null,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .column_integer = sqlite_column_integer,
    .column_text = sqlite_column_text,
    .column_is_null = sqlite_column_is_null,
};
