/*
 * export.c - export [FILE]: the whole store as JSON lines, or one account as a document.
 *
 * Whoever reads the lines may be slow, and with a rollback journal a reader keeps writers out for
 * as long as it reads. So the lines are written from a copy of the database, a file already
 * deleted. A server keeps the state of one moment for a reader without keeping others from
 * writing: there the lines are written from one long transaction.
 *
 * A value is written as it is stored, so that its text stays exactly the same. One with a line end
 * between its tokens would break the line, and blanks around one would be taken for those of the
 * line, so such a one is written as a string that holds its text, in a member whose name ends with
 * `_text`.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/schema.h"
#include "db/tool/commands/export_account.h"
#include "db/tool/drafts.h"
#include "db/tool/files.h"
#include "db/tool/medium.h"
#include "db/tool/transfer.h"

struct export
{
    struct tool *tool;
    struct db_connection *copy;
    FILE *to;
    int64_t counts[TRANSFER_TABLE_COUNT];
    int64_t done;
    int64_t total;
    const char *user; /* the name of the one account to write; NULL: all */
    struct account account;
    int64_t tokens; /* of the account */
    int64_t items;
};

/* ---- the copy ------------------------------------------------------------------------------- */

static int fill_copy(struct tool *tool, struct db_connection *copy)
{
    struct db_connection *from;
    /* Writable, since a killed writer may have left a transaction to roll back. */
    int status = admin_open(tool, true, &from);
    if (status != TOOL_DONE) {
        return status;
    }
    enum db_class class = admin_copy(tool, from, copy, false, "copying");
    if (class != DB_OK) {
        status = admin_fail(tool, copy, tool->config.database, class, "copying");
    }
    admin_driver->close(from);
    return status == TOOL_DONE ? admin_make_plain(tool, tool->config.database, copy) : status;
}

/* Copies the database to a file beside it, which is deleted at once and disappears when the
 * connection is closed. */
static int open_copy(struct export *export)
{
    struct tool *tool = export->tool;
    /* Where nobody writes, it stays as it is at one moment anyway. */
    if (admin_has_server(tool) || medium_is_read_only(tool, tool->config.database)) {
        int opened = admin_open(tool, false, &export->copy);
        file_become_self();
        enum db_class class = opened == TOOL_DONE ? admin_driver->begin_read(export->copy) : DB_OK;
        return class == DB_OK
                   ? opened
                   : admin_fail(tool, export->copy, tool->config.database, class, "reading");
    }
    const char *path = NULL;
    int status = file_become_owner(tool, tool->config.beside);
    if (status == TOOL_DONE) {
        path = arena_printf(&tool->arena, "%s.export-%ld", file_itself(tool, tool->config.database),
                            (long)getpid());
        status = path != NULL ? draft_make(tool, path) : tool_out_of_memory(tool);
    }
    if (status == TOOL_DONE) {
        status = admin_open_any(tool, path, true, &export->copy);
    }
    if (status == TOOL_DONE) {
        status = fill_copy(tool, export->copy);
    }
    draft_drop();
    file_become_self();
    return status;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static int write_line(struct export *export, const cJSON *object)
{
    struct tool *tool = export->tool;
    const char *text = cJSON_PrintUnformatted(object);
    int status = TOOL_DONE;
    if (text == NULL || arena_failed(&tool->scratch)) {
        status = tool_out_of_memory(tool);
    } else if (fputs(text, export->to) == EOF || fputc('\n', export->to) == EOF) {
        status = export_fail(tool);
    }
    tool_row_done(tool);
    return status;
}

static void add_value(struct arena *arena, cJSON *line, const char *name, struct text value)
{
    const bool fits = memchr(value.at, '\n', value.size) == NULL &&
                      memchr(value.at, '\r', value.size) == NULL && value.size > 0 &&
                      json_trim(value).size == value.size;
    const char *text_name = arena_printf(arena, "%s_text", name);
    if (fits) {
        json_add(line, name, json_new_raw(value.at));
    } else if (text_name != NULL) {
        json_add(line, text_name, json_new_string(value.at));
    }
}

static void add_column(struct export *export, cJSON *line, const struct transfer_column *column,
                       struct db_prepared *row, int number)
{
    struct arena *arena = &export->tool->scratch;
    if (admin_driver->column_is_null(row, number)) {
        json_add(line, column->name, cJSON_CreateNull());
    } else if (column->kind == TRANSFER_INTEGER) {
        json_add(line, column->name,
                 json_new_integer(arena, admin_driver->column_integer(row, number)));
    } else if (column->kind == TRANSFER_TEXT) {
        json_add(line, column->name, json_new_string(admin_driver->column_text(row, number).at));
    } else {
        add_value(arena, line, column->name, admin_driver->column_text(row, number));
    }
}

static int write_row(struct export *export, const struct transfer_table *table,
                     struct db_prepared *row)
{
    cJSON *line = cJSON_CreateObject();
    json_add(line, "type", json_new_string(table->type));
    for (size_t i = 0; i < table->count; i++) {
        if (table->columns[i].kind != TRANSFER_LOWER) {
            add_column(export, line, &table->columns[i], row, (int)i);
        }
    }
    tool_progress(export->tool, "writing", export->done++, export->total);
    return write_line(export, line);
}

static int write_table(struct export *export, size_t number)
{
    const struct transfer_table *table = &transfer_tables[number];
    struct db_prepared *rows;
    int status = TOOL_DONE;
    enum db_class class = admin_prepare(export->copy, table->read, NULL, 0, &rows);
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    for (; class == DB_ROW && status == TOOL_DONE; class = admin_driver->step(rows)) {
        status = write_row(export, table, rows);
        export->counts[number]++;
    }
    if (status == TOOL_DONE && class != DB_OK) {
        status =
            admin_fail(export->tool, export->copy, export->tool->config.database, class, "reading");
    }
    admin_driver->finalize(rows);
    return status;
}

static int write_start(struct export *export)
{
    struct arena *arena = &export->tool->scratch;
    int64_t last_user = 0;
    int64_t users = 0;
    int64_t items = 0;
    enum db_class class = admin_run(export->copy, ADMIN_LAST_USER_READ, NULL, 0, &last_user);
    if (class == DB_OK) {
        class = admin_run(export->copy, ADMIN_COUNT_USERS, NULL, 0, &users);
    }
    if (class == DB_OK) {
        class = admin_run(export->copy, ADMIN_COUNT_ITEMS, NULL, 0, &items);
    }
    if (class != DB_OK) {
        return admin_fail(export->tool, export->copy, export->tool->config.database, class,
                          "reading");
    }
    export->total = users + items;
    cJSON *line = cJSON_CreateObject();
    json_add(line, "type", json_new_string("cubby"));
    json_add(line, "format", json_new_integer(arena, TRANSFER_FORMAT));
    json_add(line, "schema", json_new_integer(arena, schema_number));
    json_add(line, "last_user_id", json_new_integer(arena, last_user));
    return write_line(export, line);
}

static int write_end(struct export *export)
{
    cJSON *line = cJSON_CreateObject();
    json_add(line, "type", json_new_string("end"));
    transfer_add_counts(export->tool, line, export->counts);
    return write_line(export, line);
}

static int write_account(struct export *export)
{
    int status = account_find(export->tool, export->copy, export->user, &export->account);
    return status == TOOL_DONE ? export_account_write(export->tool, export->copy, &export->account,
                                                      export->to, &export->tokens, &export->items)
                               : status;
}

static int write_all(struct export *export)
{
    if (export->user != NULL) {
        return write_account(export);
    }
    int status = write_start(export);
    for (size_t i = 0; i < TRANSFER_TABLE_COUNT && status == TOOL_DONE; i++) {
        status = write_table(export, i);
    }
    if (status == TOOL_DONE) {
        status = write_end(export);
    }
    tool_progress_end(export->tool);
    if (status == TOOL_DONE && fflush(export->to) != 0) {
        status = export_fail(export->tool);
    } else if (status == TOOL_DONE && export->to != stdout && ferror(export->to)) {
        status = tool_fail(export->tool, "writing: not all of it could be written");
    }
    return status;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int write_file(struct export *export, const char *path, bool over)
{
    struct tool *tool = export->tool;
    const char *draft = arena_printf(&tool->arena, "%s.new-%ld", path, (long)getpid());
    int status = draft != NULL ? draft_make(tool, draft) : tool_out_of_memory(tool);
    if (status != TOOL_DONE) {
        return status;
    }
    int copy = fcntl(draft_file(), F_DUPFD_CLOEXEC, 0); /* which fclose closes */
    export->to = copy >= 0 ? fdopen(copy, "w") : NULL;
    status =
        export->to != NULL ? write_all(export) : tool_fail(tool, "%s: %s", draft, strerror(errno));
    if (export->to != NULL && fclose(export->to) != 0 && status == TOOL_DONE) {
        status = tool_fail(tool, "%s: %s", draft, strerror(errno));
    }
    if (status == TOOL_DONE) {
        status = draft_place(tool, path, over);
    }
    draft_drop();
    return status;
}

/* Says what was written to PATH. */
static int tell(const struct export *export, const char *path)
{
    struct tool *tool = export->tool;
    cJSON *object = cJSON_CreateObject();
    json_add(object, "file", cJSON_CreateString(path));
    if (export->user == NULL) {
        transfer_add_counts(tool, object, export->counts);
        return tool_result(tool, object, "%s: %" PRId64 " users, %" PRId64 " items", path,
                           export->counts[0], export->counts[1]);
    }
    json_add(object, "user_id", json_new_integer(&tool->scratch, export->account.id));
    json_add(object, "username", cJSON_CreateString(export->account.username));
    json_add(object, "items", json_new_integer(&tool->scratch, export->items));
    json_add(object, "device_tokens", json_new_integer(&tool->scratch, export->tokens));
    return tool_result(tool, object, "%s: user %s, %" PRId64 " items", path,
                       export->account.username, export->items);
}

static int run_export(struct tool *tool)
{
    struct export export = {.tool = tool, .to = stdout, .user = tool_option(tool, "--user")};
    const char *path =
        tool->word_count > 0 && strcmp(tool->words[0], "-") != 0 ? tool->words[0] : NULL;
    bool over = false;
    if (tool->json && path == NULL) {
        return tool_misuse(tool, "--json needs a FILE: the lines themselves go to standard output");
    }
    if (path == NULL && isatty(STDOUT_FILENO)) {
        return tool_misuse(tool, "an export is not for a terminal, which obeys some of what users "
                                 "may have stored; name a FILE");
    }
    int status = path != NULL ? file_may_write(tool, path, &over) : TOOL_DONE;
    if (status == TOOL_DONE) {
        status = open_copy(&export);
    }
    if (status == TOOL_DONE) {
        status = path != NULL ? write_file(&export, path, over) : write_all(&export);
    }
    admin_driver->close(export.copy);
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, "export", export.account.id, "%s", path != NULL ? path : "standard output");
    return path != NULL ? tell(&export, path) : TOOL_DONE;
}

static const struct tool_option options[] = {
    {"--user", "NAME",
     "only this account, as the one document that GET /api/me/export\n"
     "answers and POST /api/me/import takes: no hash, no digest"},
};

static const struct tool_command commands[] = {
    {.name = "export",
     .words = "[FILE]",
     .summary = "write everything as JSON lines",
     .text =
         "Writes all accounts with their password hashes, items with the exact text of their\n"
         "values, and tokens (their digests), as they are at one moment, while programs write.\n"
         "To FILE (mode 0600, an existing one only with --yes or when you agree), else or with - "
         "to\n"
         "standard output. \"cubby import\" makes the same store of it elsewhere. --json is for\n"
         "the result beside FILE: it counts what was written.\n",
     .options = options,
     .option_count = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ASKS | COMMAND_PROGRESS,
     .run = run_export},
};

const struct tool_group tool_export_commands = {commands, sizeof commands / sizeof *commands};
