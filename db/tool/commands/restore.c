/*
 * restore.c - restore FILE: replaces the content of the database by that of a backup.
 *
 * Programs may run meanwhile, so the database file is not replaced: a program that has it open
 * would go on with the old file, and its journal would be taken for that of the new one. Instead a
 * draft beside the database is prepared and then copied into it in one transaction, with all others
 * locked out; they wait, or answer 503. A crash in the middle leaves the old content. Only a file
 * that is not a database any more is replaced, while nobody can write to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/settings/paths.h"
#include "db/engine/schema.h"
#include "db/model/tokens.h"
#include "db/tool/admin.h"
#include "db/tool/drafts.h"
#include "db/tool/file_kind.h"
#include "db/tool/files.h"
#include "db/tool/lock.h"
#include "db/tool/medium.h"
#include "db/tool/revocations.h"
#include "db/tool/rights.h"
#include "db/tool/versions.h"

struct restore {
    struct tool *tool;
    const char *from;
    const char *itself; /* the database, where the settings name a link to it */
    const char *draft;
    const char *kept; /* the path under which the old database is kept; NULL: there was none */
    int64_t schema;   /* the schema number of the backup */
    int64_t users;
    int64_t items;
    int64_t distance; /* of versions_distance */
    struct revocations revoked;
};

static bool keeps_sessions(const struct tool *tool)
{
    return tool_option(tool, "--keep-sessions") != NULL;
}

/* ---- the draft ------------------------------------------------------------------------------ */

static int check_schema(struct restore *restore, int64_t number)
{
    struct tool *tool = restore->tool;
    if (number > schema_number) {
        return admin_fail_schema(tool, restore->from, number);
    }
    return number >= 1 ? TOOL_DONE
                       : tool_fail(tool, "%s: not a database of cubby, but of another program",
                                   restore->from);
}

/* Opens the backup, as whoever decides what lies there. */
static int open_backup(struct restore *restore, int *file)
{
    struct tool *tool = restore->tool;
    if (strcmp(restore->from, "-") == 0) {
        return tool_misuse(tool, "a backup is read from a file, which can be verified first, not "
                                 "from standard input");
    }
    for (size_t i = COMPANION_JOURNAL; i <= COMPANION_LOG; i++) {
        const char *beside = file_companion(tool, restore->from, i);
        struct stat there;
        if (beside != NULL && stat(beside, &there) == 0 && there.st_size > 0) {
            return tool_fail(tool,
                             "%s: %s lies beside it, so it is not a finished backup; make one with "
                             "\"cubby backup\"",
                             restore->from, beside);
        }
    }
    struct stat there;
    struct stat present;
    /* O_NONBLOCK: opening a pipe would wait for a writer. */
    if (rights_open(tool, restore->from, O_NONBLOCK, file) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (fstat(*file, &there) != 0) {
        return tool_fail(tool, "%s: %s", restore->from, strerror(errno));
    }
    if (!S_ISREG(there.st_mode)) {
        return tool_fail(tool, "%s: not a regular file%s", restore->from,
                         S_ISDIR(there.st_mode) ? ", but a folder" : "");
    }
    if (stat(tool->config.database, &present) == 0 && present.st_dev == there.st_dev &&
        present.st_ino == there.st_ino) {
        return tool_fail(tool, "%s is the database itself", restore->from);
    }
    const char *what;
    if (file_kind_of(*file, &what) != FILE_DATABASE) {
        return tool_fail(tool, "%s: not a database, but %s", restore->from, what);
    }
    /* Before the owner of the database gets to see a byte of it. */
    if (check_schema(restore, file_kind_schema(*file)) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    int64_t whole;
    return file_kind_is_cut(*file, (int64_t)there.st_size, &whole)
               ? tool_fail(tool, "%s is cut short: it has %" PRId64 " of %" PRId64 " bytes",
                           restore->from, (int64_t)there.st_size, whole)
               : TOOL_DONE;
}

static bool copy_bytes(struct tool *tool, int from, int to, int64_t size)
{
    static char piece[256 * 1024];
    int64_t done = 0;
    for (;;) {
        ssize_t got = read(from, piece, sizeof piece);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got == 0) {
            return true;
        }
        if (got > 0 && !file_write(to, piece, (size_t)got)) {
            return false;
        }
        done += got > 0 ? got : 0;
        tool_progress(tool, "reading", done, size);
    }
}

/* Copies the backup to the draft, a file of the database's owner. */
static int make_draft(struct restore *restore, int backup)
{
    struct tool *tool = restore->tool;
    struct stat there;
    int status = draft_make(tool, restore->draft);
    if (status != TOOL_DONE) {
        return status;
    }
    return fstat(backup, &there) == 0 &&
                   copy_bytes(tool, backup, draft_file(), (int64_t)there.st_size)
               ? TOOL_DONE
               : tool_fail(tool, "copying %s to %s: %s", restore->from, restore->draft,
                           strerror(errno));
}

static int read_schema(struct restore *restore, struct db_connection *draft)
{
    enum db_class class = admin_driver->schema_number(draft, &restore->schema);
    return class == DB_OK ? check_schema(restore, restore->schema)
                          : admin_fail(restore->tool, draft, restore->from, class, "reading it");
}

static int migrate(struct restore *restore, struct db_connection *draft)
{
    int64_t from;
    if (restore->schema < schema_number) {
        admin_step(restore->tool, "migrating", restore->draft);
    }
    enum db_class class = schema_migrate(admin_driver, draft, &from);
    return class == DB_OK ? TOOL_DONE
                          : admin_fail(restore->tool, draft, restore->from, class, "migrating it");
}

/* Gives the store a new id, so that clients which follow the changes start anew, and, without
 * --keep-sessions, ends all access tokens and reset codes: the backup does not contain which were
 * revoked or used since. */
static int renew(struct restore *restore, struct db_connection *draft)
{
    struct tool *tool = restore->tool;
    unsigned char id[16];
    unsigned char random[VERSIONS_BYTES];
    char text[2 * sizeof id + 1];
    if (!tool_random(tool, id, sizeof id) || !tool_random(tool, random, sizeof random)) {
        return TOOL_FAILED;
    }
    hex_encode(id, sizeof id, text);
    restore->distance = versions_distance(random);
    /* More than any account's epoch can have been raised since the backup. */
    int64_t increase = (INT64_C(1) << 32) | id[0] << 16 | id[1] << 8 | id[2];
    const struct db_value new_id = db_text(text_of(text));
    const struct db_value new_epochs = db_integer(increase);
    const struct db_value numbers = db_integer(DEVICE_NUMBER_MAXIMUM);
    enum db_class class = admin_driver->begin(draft);
    if (class == DB_OK) {
        class = admin_run(draft, ADMIN_NEW_STORE_ID, &new_id, 1, NULL);
    }
    if (class == DB_OK) {
        class = versions_renew(draft, tool_now_ms(), restore->distance);
    }
    if (class == DB_OK && !keeps_sessions(tool)) {
        class = admin_run(draft, ADMIN_NEW_EPOCHS, &new_epochs, 1, NULL);
    }
    if (class == DB_OK && !keeps_sessions(tool)) {
        class = admin_run(draft, ADMIN_DELETE_CODES, &numbers, 1, NULL); /* may be used up */
    }
    if (class == DB_OK) {
        class = admin_run(draft, ADMIN_COUNT_USERS, NULL, 0, &restore->users);
    }
    if (class == DB_OK) {
        class = admin_run(draft, ADMIN_COUNT_ITEMS, NULL, 0, &restore->items);
    }
    if (class == DB_OK) {
        class = admin_driver->commit(draft);
    }
    return class == DB_OK ? TOOL_DONE
                          : admin_fail(tool, draft, restore->draft, class, "making it ready");
}

/* Verifies the draft, migrates it and makes it what the database is to become. */
static int prepare_draft(struct restore *restore, struct db_connection **draft)
{
    enum db_class class =
        admin_driver->open(restore->draft, true, admin_timeout(restore->tool), draft);
    if (class != DB_OK) {
        return admin_fail(restore->tool, *draft, restore->from, class, "opening");
    }
    int status = admin_make_plain(restore->tool, restore->from, *draft);
    if (status == TOOL_DONE) {
        status = read_schema(restore, *draft);
    }
    if (status == TOOL_DONE) {
        status = admin_verify_integrity(restore->tool, restore->from, *draft);
    }
    if (status == TOOL_DONE) {
        status = migrate(restore, *draft);
    }
    if (status == TOOL_DONE) {
        status = admin_verify_schema(restore->tool, restore->from, *draft);
    }
    return status == TOOL_DONE ? renew(restore, *draft) : status;
}

/* ---- the old database ----------------------------------------------------------------------- */

enum { NAMES_MAXIMUM = 100 };

/* Name number NUMBER, from 1 on, for keeping the old database; NULL when memory is out. */
static const char *kept_name(struct restore *restore, int number)
{
    struct tool *tool = restore->tool;
    char when[32];
    time_t now = (time_t)(tool_now_ms() / 1000);
    struct tm parts;
    if (gmtime_r(&now, &parts) == NULL ||
        strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &parts) == 0) {
        return NULL;
    }
    return number == 1 ? arena_printf(&tool->arena, "%s.before-restore-%s", restore->itself, when)
                       : arena_printf(&tool->arena, "%s.before-restore-%s-%d", restore->itself,
                                      when, number);
}

/* Gives the file at PATH the first free of these names: another restore may take one at the same
 * moment. */
static int name_old(struct restore *restore, const char *path)
{
    struct tool *tool = restore->tool;
    for (int number = 1; number < NAMES_MAXIMUM; number++) {
        restore->kept = kept_name(restore, number);
        if (restore->kept == NULL) {
            return tool_out_of_memory(tool);
        }
        if (file_name_new(path, restore->kept) == 0) {
            return TOOL_DONE;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return tool_fail(tool, "%s: %s", restore->kept, strerror(errno));
}

/* Copies the old database to the new file PART, durably. */
static int copy_old(struct restore *restore, struct db_connection *present, const char *part)
{
    struct tool *tool = restore->tool;
    struct db_connection *copy = NULL;
    int status = draft_make_second(tool, part);
    if (status == TOOL_DONE) {
        status = admin_open_any(tool, part, true, &copy);
    }
    if (status == TOOL_DONE) {
        enum db_class class = admin_copy(tool, present, copy, false, "keeping the old database");
        status =
            class == DB_OK ? TOOL_DONE : admin_fail(tool, copy, part, class, "keeping the old one");
    }
    if (status == TOOL_DONE) {
        status = admin_make_plain(tool, part, copy);
    }
    admin_driver->close(copy);
    return status == TOOL_DONE ? file_sync(tool, part) : status;
}

static void drop_kept(const struct restore *restore)
{
    if (restore->kept != NULL) {
        (void)unlink(restore->kept);
    }
}

/* Keeps a copy of the old database. It gets its final name only when it is complete, so a file of
 * that name is never a partial copy, even after a crash. */
static int keep_old(struct restore *restore, struct db_connection *present)
{
    struct tool *tool = restore->tool;
    const char *part = arena_printf(&tool->arena, "%s-old", restore->draft);
    if (part == NULL) {
        return tool_out_of_memory(tool);
    }
    int status = copy_old(restore, present, part);
    if (status == TOOL_DONE) {
        status = name_old(restore, part);
    }
    draft_drop_second();
    if (status != TOOL_DONE) {
        return status;
    }
    status = file_sync_directory(tool, restore->kept);
    if (status != TOOL_DONE) {
        drop_kept(restore);
    }
    return status;
}

/* Has the versions of the draft go on above those of the database, which is locked. One that is
 * damaged or has another schema can't be asked; then the clock and chance have done it. */
static int pass_versions(struct restore *restore, struct db_connection *present,
                         struct db_connection *draft)
{
    int64_t number;
    enum db_class class = admin_driver->schema_number(present, &number);
    if (class == DB_OK && number == schema_number) {
        class = versions_pass(draft, present, restore->distance);
    }
    return class == DB_OK || class == DB_DAMAGED
               ? TOOL_DONE
               : admin_fail(restore->tool, draft, restore->draft, class, "making it ready");
}

/* Applies to the draft what was revoked since the backup. The database is locked, so nothing more
 * can be revoked meanwhile. An empty one has nothing; one that is damaged or has another schema
 * can't be asked, and a warning says so. */
static int apply_revocations(struct restore *restore, struct db_connection *present,
                             struct db_connection *draft)
{
    struct tool *tool = restore->tool;
    int64_t number;
    if (keeps_sessions(tool)) {
        return TOOL_DONE;
    }
    enum db_class class = admin_driver->schema_number(present, &number);
    if (class == DB_OK && number == schema_number) {
        class = revocations_apply(draft, present, &restore->revoked);
    } else if (class == DB_OK) {
        class = number == 0 ? DB_OK : DB_DAMAGED;
    }
    if (class == DB_DAMAGED) {
        tool_progress_end(tool);
        (void)fputs(
            "cubby: the old database can't tell which device tokens were deleted, and which "
            "accounts disabled, since the backup: they are as in the backup\n",
            stderr);
        class = DB_OK;
    }
    return class == DB_OK ? TOOL_DONE
                          : admin_fail(tool, draft, restore->draft, class, "making it ready");
}

/* Replaces the content of the database, which is locked, by that of the draft. */
static int replace_content(struct restore *restore, struct db_connection *present,
                           struct db_connection *draft)
{
    struct tool *tool = restore->tool;
    int status = pass_versions(restore, present, draft);
    if (status == TOOL_DONE) {
        status = keep_old(restore, present);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    status = apply_revocations(restore, present, draft);
    if (status != TOOL_DONE) {
        drop_kept(restore);
        return status;
    }
    enum db_class class = admin_copy(tool, draft, present, true, "restoring");
    if (class != DB_OK) {
        status = admin_fail(tool, present, tool->config.database, class, "restoring");
        if (class == DB_FULL || class == DB_BUSY) {
            drop_kept(restore);
        } else {
            /* The last flush may have failed when all was written already. */
            tool_warn(tool, "whether the database was replaced is not known; as it was it is in %s",
                      restore->kept);
        }
    }
    return status;
}

/* Renames the journals of the old file to match the name under which it is kept; they must not be
 * taken for those of the new one. 0, or -1 with errno: EEXIST when the name of one is taken. */
static int move_companions(const struct restore *restore)
{
    struct tool *tool = restore->tool;
    for (size_t i = 0; i < CONFIG_COMPANIONS_OF_SQLITE; i++) {
        const char *suffix = config_companions[i];
        const char *from = arena_printf(&tool->arena, "%s%s", restore->itself, suffix);
        const char *to = arena_printf(&tool->arena, "%s%s", restore->kept, suffix);
        if (from == NULL || to == NULL) {
            errno = ENOMEM;
            return -1;
        }
        if (file_name_new(from, to) != 0 && errno != ENOENT) {
            return -1;
        }
    }
    return 0;
}

/* Puts away what is left of a database that is gone. */
static int move_left_over(struct restore *restore)
{
    int moved = -1;
    errno = EEXIST;
    for (int number = 1; number < NAMES_MAXIMUM && moved != 0 && errno == EEXIST; number++) {
        restore->kept = kept_name(restore, number);
        moved = move_companions(restore);
    }
    restore->kept = NULL;
    return moved == 0 ? TOOL_DONE
                      : tool_fail(restore->tool, "%s: what is left beside it can't be put away: %s",
                                  restore->tool->config.database, strerror(errno));
}

/* Puts away a file that is not a database any more. Nobody takes its journals for those of another
 * meanwhile: there is none of that name. Nor does a program write to it that had read it while it
 * was whole: until it has its new name it is locked, and later SQLite sees that it was moved. */
static int move_damaged(struct restore *restore)
{
    int lock;
    int status = lock_database(restore->tool, restore->itself, &lock);
    if (status == TOOL_DONE) {
        status = name_old(restore, restore->itself);
    }
    if (status == TOOL_DONE && move_companions(restore) != 0) {
        status = tool_fail(restore->tool, "%s: its journal can't be put away: %s", restore->kept,
                           strerror(errno));
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    return status;
}

/* Gives a new file the journal of the settings. A failure is only reported. */
static void set_journal(struct tool *tool)
{
    struct db_connection *connection;
    if (strcmp(tool->config.journal, "wal") != 0 ||
        admin_open_any(tool, tool->config.database, true, &connection) != TOOL_DONE) {
        return;
    }
    if (admin_driver->set_journal(connection, true) != DB_OK) {
        tool_progress_end(tool);
        (void)fputs("cubby: run \"cubby migrate\" for the journal of the settings\n", stderr);
    }
    admin_driver->close(connection);
}

/* Puts away what is there, a damaged file if THERE_IS_ONE, and gives its name to the draft. */
static int replace_file(struct restore *restore, bool there_is_one)
{
    struct tool *tool = restore->tool;
    int status = there_is_one ? move_damaged(restore) : move_left_over(restore);
    if (status == TOOL_DONE) {
        status = draft_place(tool, restore->itself, false);
    }
    if (status == TOOL_DONE) {
        set_journal(tool);
    }
    return status;
}

static int replace_database(struct restore *restore, struct db_connection *draft)
{
    struct tool *tool = restore->tool;
    const char *path = tool->config.database;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return replace_file(restore, false);
    }
    struct db_connection *present;
    enum db_class class = admin_driver->open(path, true, admin_timeout(tool), &present);
    if (class == DB_OK) {
        class = admin_maintenance->seize(present);
    }
    int status;
    if (class == DB_OK) {
        status = replace_content(restore, present, draft);
    } else if (class == DB_DAMAGED) {
        admin_driver->close(present);
        present = NULL;
        status = replace_file(restore, true);
    } else {
        status = admin_fail(tool, present, path, class, "locking");
    }
    admin_driver->close(present);
    return status;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int tell(const struct restore *restore)
{
    struct tool *tool = restore->tool;
    bool sessions_end = !keeps_sessions(tool);
    tool_audit(tool, "restore", 0, "%s", restore->from);
    if (tool->json) {
        cJSON *object = cJSON_CreateObject();
        json_add(object, "file", cJSON_CreateString(restore->from));
        json_add(object, "schema", json_new_integer(&tool->scratch, restore->schema));
        json_add(object, "users", json_new_integer(&tool->scratch, restore->users));
        json_add(object, "items", json_new_integer(&tool->scratch, restore->items));
        json_add(object, "sessions_ended", cJSON_CreateBool(sessions_end));
        json_add(object, "tokens_dropped",
                 json_new_integer(&tool->scratch, restore->revoked.tokens));
        json_add(object, "users_disabled",
                 json_new_integer(&tool->scratch, restore->revoked.users));
        json_add(object, "kept",
                 restore->kept != NULL ? cJSON_CreateString(restore->kept) : cJSON_CreateNull());
        return tool_print_json(tool, object, true);
    }
    tool_say(tool, "restored %s: %" PRId64 " users, %" PRId64 " items", restore->from,
             restore->users, restore->items);
    if (restore->schema != schema_number) {
        tool_say(tool, "migrated from schema %" PRId64, restore->schema);
    }
    if (restore->kept != NULL) {
        tool_say(tool, "the old database is kept as %s", restore->kept);
    }
    if (restore->revoked.tokens + restore->revoked.users > 0) {
        tool_say(tool,
                 "withdrawn since the backup, so now too: %" PRId64
                 " device tokens, the logins of %" PRId64 " accounts",
                 restore->revoked.tokens, restore->revoked.users);
    }
    tool_say(tool, sessions_end ? "all access tokens have ended: everybody logs in anew"
                                : "access tokens that the backup knows live on");
    return TOOL_DONE;
}

static int restore_as_owner(struct restore *restore, int backup)
{
    struct tool *tool = restore->tool;
    tool->one_owner = true;
    int status = file_become_owner(tool, tool->config.database);
    restore->itself = file_itself(tool, tool->config.database);
    restore->draft = arena_printf(&tool->arena, "%s.restore-%ld", restore->itself, (long)getpid());
    if (restore->draft == NULL) {
        return tool_out_of_memory(tool);
    }
    if (status == TOOL_DONE) {
        status = make_draft(restore, backup);
    }
    struct db_connection *draft = NULL;
    if (status == TOOL_DONE) {
        status = prepare_draft(restore, &draft);
    }
    if (status == TOOL_DONE) {
        status = replace_database(restore, draft);
    }
    admin_driver->close(draft);
    draft_drop();
    return status;
}

static int run_restore(struct tool *tool)
{
    struct restore restore = {.tool = tool, .from = tool->words[0]};
    int backup = -1;
    int status = admin_need_file(tool, "pg_restore");
    if (status == TOOL_DONE) {
        status = file_refuse_loose_link(tool, tool->config.database);
    }
    if (status == TOOL_DONE) {
        status = medium_check_journal(tool);
    }
    if (status == TOOL_DONE) {
        status = open_backup(&restore, &backup);
    }
    if (status == TOOL_DONE) {
        status = tool_confirm(tool, "Replace all users and data in %s by those of %s?",
                              tool->config.database, restore.from);
    }
    if (status == TOOL_DONE) {
        status = restore_as_owner(&restore, backup);
    }
    if (backup >= 0) {
        (void)close(backup);
    }
    return status == TOOL_DONE ? tell(&restore) : status;
}

static const struct tool_option options[] = {
    {"--keep-sessions", NULL,
     "let the access tokens that the backup knows live on: for moving to\n"
     "another machine, where nothing was revoked since the backup"},
};

static const struct tool_command commands[] = {
    {.name = "restore",
     .words = "FILE",
     .summary = "put a backup in the place of the database",
     .text =
         "Replaces all users and data by those of the backup FILE, while programs may run: each\n"
         "request sees the old state or the new one. FILE is verified first; one that is\n"
         "broken, not cubby's, or made by a newer version is refused, and an older one is\n"
         "migrated. The old database stays beside the new one, and its name is printed. The\n"
         "store gets a new id, so that clients which follow changes start anew, versions go\n"
         "on far above all that there were, so that no ETag names another value, and every\n"
         "access token ends: the backup can't know what was revoked since it was made.\n",
     .options = options,
     .option_count = 1,
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ASKS | COMMAND_PROGRESS,
     .run = run_restore},
};

const struct tool_group tool_restore_commands = {commands, sizeof commands / sizeof *commands};
