/*
 * backup.c - backup FILE: a copy of the database as it is at one moment, while programs write.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/settings/paths.h"
#include "db/engine/schema.h"
#include "db/tool/admin.h"
#include "db/tool/drafts.h"
#include "db/tool/files.h"
#include "db/tool/medium.h"

/* Copies the database into DRAFT. The draft is opened as the present user, the database as its
 * owner, because neither may have access to the other's file. */
static int copy_database(struct tool *tool, const char *draft)
{
    bool self = geteuid() == getuid();
    struct db_connection *to;
    int status = admin_open_any(tool, draft, true, &to);
    if (status != TOOL_DONE) {
        return status;
    }
    struct db_connection *from = NULL;
    /* Writable, since a killed writer may have left a transaction to roll back. */
    status = admin_open(tool, true, &from);
    if (status == TOOL_DONE) {
        enum db_class class = admin_copy(tool, from, to, false, "copying");
        if (class != DB_OK) {
            status = admin_fail(tool, to, draft, class, "copying");
        }
    }
    admin_driver->close(from);
    if (self) {
        file_become_self();
    }
    if (status == TOOL_DONE) {
        status = admin_make_plain(tool, draft, to);
    }
    admin_driver->close(to);
    return status;
}

/* Verifies what was written by reading it back. */
static int verify_copy(struct tool *tool, const char *draft)
{
    struct db_connection *connection;
    int status = admin_open_any(tool, draft, false, &connection);
    if (status == TOOL_DONE) {
        status = admin_need_schema(tool, draft, &connection);
    }
    if (status == TOOL_DONE) {
        status = admin_verify_integrity(tool, draft, connection);
    }
    if (status == TOOL_DONE) {
        status = admin_verify_schema(tool, draft, connection);
    }
    admin_driver->close(connection);
    return status;
}

static int tell(struct tool *tool, const char *path)
{
    struct stat there;
    int64_t size = stat(path, &there) == 0 ? (int64_t)there.st_size : 0;
    tool_audit(tool, "backup", 0, "%s", path);
    cJSON *object = cJSON_CreateObject();
    json_add(object, "file", cJSON_CreateString(path));
    json_add(object, "bytes", json_new_integer(&tool->scratch, size));
    json_add(object, "schema", json_new_integer(&tool->scratch, schema_number));
    json_add(object, "verified", cJSON_CreateTrue());
    return tool_result(tool, object, "%s: %" PRId64 " bytes, schema %" PRId64 ", verified", path,
                       size, schema_number);
}

/* ---- by a copy beside the database ---------------------------------------------------------- */

/* Makes a verified copy beside the database, as its owner. It has no name any more; *COPY is it,
 * open. */
static int copy_beside(struct tool *tool, int *copy)
{
    const char *draft = NULL;
    int status = file_become_owner(tool, tool->config.database);
    if (status == TOOL_DONE) {
        status = medium_check_copy(tool, tool->config.database);
    }
    if (status == TOOL_DONE) {
        draft = arena_printf(&tool->arena, "%s.backup-%ld",
                             file_itself(tool, tool->config.database), (long)getpid());
        status = draft != NULL ? draft_make(tool, draft) : tool_out_of_memory(tool);
    }
    if (status == TOOL_DONE) {
        status = copy_database(tool, draft);
    }
    if (status == TOOL_DONE) {
        status = verify_copy(tool, draft);
    }
    *copy = status == TOOL_DONE ? fcntl(draft_file(), F_DUPFD_CLOEXEC, 0) : -1;
    if (status == TOOL_DONE && *copy < 0) {
        status = tool_fail(tool, "%s: %s", draft, strerror(errno));
    }
    draft_drop();
    file_become_self();
    return status;
}

static char piece[256 * 1024];

/* Writes all of the file COPY to TO, which WHERE names. */
static int send_copy(struct tool *tool, int copy, int to, const char *where)
{
    ssize_t got;
    off_t at = 0;
    bool written = true;
    while (written && (got = pread(copy, piece, sizeof piece, at)) > 0) {
        written = file_write(to, piece, (size_t)got);
        at += got;
    }
    if (!written) {
        return tool_fail(tool, "%s: %s", where, strerror(errno));
    }
    return got == 0 ? TOOL_DONE
                    : tool_fail(tool, "reading the copy made beside %s: %s", tool->config.database,
                                strerror(errno));
}

/* What is sent can't be taken back, so the copy is made and verified beside the database first. */
static int backup_to_output(struct tool *tool)
{
    if (tool->json) {
        return tool_misuse(tool, "--json needs a FILE: the backup itself goes to standard output");
    }
    if (isatty(STDOUT_FILENO)) {
        return tool_misuse(tool, "a backup is not for a terminal");
    }
    int copy = -1;
    int status = copy_beside(tool, &copy);
    if (status == TOOL_DONE) {
        status = send_copy(tool, copy, STDOUT_FILENO, "standard output");
    }
    if (copy >= 0) {
        (void)close(copy);
    }
    if (status == TOOL_DONE) {
        tool_audit(tool, "backup", 0, "%s", "standard output");
    }
    return status;
}

/* Whether FILE has the same content as COPY, read back. */
static bool is_same(int file, int copy)
{
    static char other[sizeof piece];
    ssize_t got = 1;
    for (off_t at = 0; got > 0; at += got) {
        got = pread(copy, piece, sizeof piece, at);
        if (got < 0 || pread(file, other, sizeof other, at) != got ||
            memcmp(piece, other, (size_t)got) != 0) {
            return false;
        }
    }
    return true;
}

/* A backup in a folder where others may write, or that is another user's than root: SQLite knows
 * files by names alone, and they could put another file behind the draft's, or a journal beside it.
 * So the copy is made where the database is, and its bytes go into the draft, which stays open. */
static int fill_draft(struct tool *tool, const char *draft)
{
    int copy = -1;
    draft_drop();
    int status = copy_beside(tool, &copy);
    if (status == TOOL_DONE) {
        status = draft_make(tool, draft);
    }
    if (status == TOOL_DONE) {
        status = send_copy(tool, copy, draft_file(), draft);
    }
    if (status == TOOL_DONE) {
        status = draft_sync(tool);
    }
    if (status == TOOL_DONE && !is_same(draft_file(), copy)) {
        status = tool_fail(tool, "%s: what is read back differs", draft);
    }
    if (copy >= 0) {
        (void)close(copy);
    }
    return status;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int copy_by_name(struct tool *tool, const char *draft)
{
    int status = copy_database(tool, draft);
    if (status == TOOL_DONE) {
        status = draft_sync(tool);
    }
    return status == TOOL_DONE ? verify_copy(tool, draft) : status;
}

/* What lies beside FILE like a journal would be taken for its own, and "cubby restore" refuses it.
 */
static int refuse_companions(struct tool *tool, const char *path)
{
    for (size_t i = COMPANION_JOURNAL; i <= COMPANION_LOG; i++) {
        struct stat there;
        const char *beside = file_companion(tool, path, i);
        if (beside == NULL) {
            return tool_out_of_memory(tool);
        }
        if (lstat(beside, &there) == 0 && there.st_size > 0) {
            return tool_fail(tool,
                             "%s lies beside it and would be taken for a part of the backup; put "
                             "it away, or name another FILE",
                             beside);
        }
    }
    return TOOL_DONE;
}

static int run_backup(struct tool *tool)
{
    const char *path = tool->words[0];
    if (admin_need_file(tool, "pg_dump") != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (strcmp(path, "-") == 0) {
        return backup_to_output(tool);
    }
    bool over;
    int status = refuse_companions(tool, path);
    if (status == TOOL_DONE) {
        status = file_may_write(tool, path, &over);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    const char *draft = arena_printf(&tool->arena, "%s.new-%ld", path, (long)getpid());
    if (draft == NULL) {
        return tool_out_of_memory(tool);
    }
    status = draft_make(tool, draft);
    if (status == TOOL_DONE) {
        status = draft_has_name() ? copy_by_name(tool, draft) : fill_draft(tool, draft);
    }
    if (status == TOOL_DONE) {
        status = draft_place(tool, path, over);
    }
    draft_drop();
    return status == TOOL_DONE ? tell(tool, path) : status;
}

static const struct tool_command commands[] = {
    {.name = "backup",
     .words = "FILE",
     .summary = "copy the database into a file while programs write",
     .text =
         "Writes the database, as it is at one moment, to FILE (mode 0600): every write that was\n"
         "answered before the command began is in it. What was written is read back and\n"
         "verified, and FILE appears when all of it is on the disk. An existing file is\n"
         "replaced only with --yes or when you agree. The key file is not part of it: copy that\n"
         "once, to where the backups are as safe as the keys must be. With - for FILE it goes to\n"
         "standard output; the copy is then made beside the database first, as it is where\n"
         "others may write to FILE's folder.\n",
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ASKS | COMMAND_PROGRESS,
     .run = run_backup},
};

const struct tool_group tool_backup_commands = {commands, sizeof commands / sizeof *commands};
