/*
 * import.c - import [FILE]: fills an empty store with what export wrote, in one transaction: all of
 * it or nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/schema.h"
#include "db/tool/files.h"
#include "db/tool/file_kind.h"
#include "db/tool/rights.h"
#include "db/tool/transfer.h"

struct import {
    struct tool *tool;
    const char *name; /* of the file, for messages */
    FILE *from;
    struct db_connection *into;
    struct db_prepared *writers[TRANSFER_TABLE_COUNT];
    int64_t counts[TRANSFER_TABLE_COUNT];
    int64_t line; /* the number of the present line */
    int64_t last_user;
    bool ended;           /* the end line was read */
    const char *disorder; /* what is wrong with all rows together; NULL: nothing */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct import *import, const char *format,
                                                        ...)
{
    char text[300];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return tool_fail(import->tool, "%s:%" PRId64 ": %s; nothing was imported", import->name,
                     import->line, text);
}

static int refuse_class(struct import *import, enum db_class class)
{
    return class == DB_CONFLICT ? refuse(import, "does not fit with the lines before: %s",
                                         admin_driver->message(import->into))
                                : admin_fail(import->tool, import->into,
                                             import->tool->config.database, class, "importing");
}

/* ---- members of a line ---------------------------------------------------------------------- */

/* Reads a whole number that fits into 64 bits, from its digits. */
static bool read_integer(struct text text, int64_t *out)
{
    bool negative = text.size > 0 && text.at[0] == '-';
    struct text digits = {.at = text.at + negative, .size = text.size - negative};
    bool over;
    if (!text_to_int64(digits, INT64_MAX, &over, out)) {
        return false;
    }
    *out = negative ? -*out : *out;
    return true;
}

/* The text of a JSON string, which must have no NUL, on the scratch memory. */
static bool read_text(struct text json, struct text *out)
{
    return json.at[0] == '"' && json_text(json, out) && memchr(out->at, '\0', out->size) == NULL;
}

static bool has_integer(const struct json_object *line, const char *name, int64_t *out)
{
    const struct text *member = json_member(line, name);
    return member != NULL && read_integer(*member, out);
}

static bool is_null(const struct text *json)
{
    return json == NULL || (json->size == 4 && memcmp(json->at, "null", 4) == 0);
}

/* The text of a column that is JSON: that of the member NAME, or the string in NAME_text. */
static bool read_json(struct import *import, const struct json_object *line, const char *name,
                      struct transfer_value *out)
{
    const struct text *value = json_member(line, name);
    if (value != NULL) {
        out->text = *value;
        return true;
    }
    const char *text_name = arena_printf(&import->tool->scratch, "%s_text", name);
    value = text_name != NULL ? json_member(line, text_name) : NULL;
    out->null = value == NULL;
    return out->null || read_text(*value, &out->text);
}

/* The value of COLUMN in LINE; *BEFORE is that of the column before it. False when there is
 * something else in its place. */
static bool read_column(struct import *import, const struct json_object *line,
                        const struct transfer_column *column, const struct transfer_value *before,
                        struct transfer_value *out)
{
    const struct text *member = json_member(line, column->name);
    *out = (struct transfer_value){.null = is_null(member)};
    switch (column->kind) {
    case TRANSFER_LOWER:
        out->null = false;
        out->text = (struct text){.at = text_lower(&import->tool->scratch, before->text),
                                  .size = before->text.size};
        return out->text.at != NULL;
    case TRANSFER_JSON:
        out->null = false;
        return read_json(import, line, column->name, out);
    case TRANSFER_INTEGER:
        return out->null || read_integer(*member, &out->integer);
    case TRANSFER_TEXT:
    default:
        return out->null || read_text(*member, &out->text);
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* What a row may hold by itself, and in this store: no value above the limit of the settings, and
 * no account that a new one would get the number of. */
static int check_row(struct import *import, const struct transfer_table *table,
                     const struct transfer_value *row)
{
    const char *column = NULL;
    const char *fault = transfer_fault(&import->tool->scratch, table, row, &column);
    size_t most = (size_t)import->tool->config.max_value_bytes;
    if (fault != NULL) {
        return refuse(import, "\"%s\" %s", column, fault);
    }
    if (table->read == ADMIN_ITEMS_READ && row[ITEM_VALUE].text.size > most) {
        return refuse(import, "\"value\" has %zu bytes, more than max_value_bytes (%zu) allows",
                      row[ITEM_VALUE].text.size, most);
    }
    if (table->read == ADMIN_USERS_READ && row[USER_ID].integer > import->last_user) {
        return refuse(import, "\"id\" is above the \"last_user_id\" of the first line, %" PRId64,
                      import->last_user);
    }
    return TOOL_DONE;
}

static enum db_class bind_row(const struct transfer_table *table, const struct transfer_value *row,
                              struct db_prepared *writer)
{
    enum db_class class = DB_OK;
    for (size_t i = 0; i < table->count && class == DB_OK; i++) {
        int number = (int)i + 1;
        class = row[i].null ? admin_driver->bind_null(writer, number)
                : table->columns[i].kind == TRANSFER_INTEGER
                    ? admin_driver->bind_integer(writer, number, row[i].integer)
                    : admin_driver->bind_text(writer, number, row[i].text);
    }
    return class;
}

static int write_row(struct import *import, size_t table, const struct json_object *line)
{
    const struct transfer_table *of = &transfer_tables[table];
    struct transfer_value row[TRANSFER_COLUMNS_MAXIMUM];
    for (size_t i = 0; i < of->count; i++) {
        if (!read_column(import, line, &of->columns[i], &row[i > 0 ? i - 1 : 0], &row[i])) {
            return refuse(import, "\"%s\" is missing or not valid", of->columns[i].name);
        }
    }
    int status = check_row(import, of, row);
    if (status != TOOL_DONE) {
        return status;
    }
    struct db_prepared **writer = &import->writers[table];
    enum db_class class = DB_OK;
    if (*writer == NULL) {
        class = admin_prepare(import->into, of->write, NULL, 0, writer);
    } else {
        admin_driver->reset(*writer);
    }
    if (class == DB_OK) {
        class = bind_row(of, row, *writer);
    }
    if (class == DB_OK) {
        class = admin_driver->step(*writer);
    }
    import->counts[table]++;
    return class == DB_OK ? TOOL_DONE : refuse_class(import, class);
}

static int read_start(struct import *import, const struct json_object *line, const char *type)
{
    int64_t format = 0;
    int64_t schema = 0;
    if (strcmp(type, "cubby") != 0 || !has_integer(line, "format", &format) ||
        !has_integer(line, "schema", &schema) ||
        !has_integer(line, "last_user_id", &import->last_user) || schema < 1 ||
        import->last_user < 0 || import->last_user > transfer_user_id_most) {
        return refuse(import, "not what \"cubby export\" writes");
    }
    if (format != TRANSFER_FORMAT || schema > schema_number) {
        return refuse(import, "written by a newer version of cubby");
    }
    return TOOL_DONE;
}

static int read_end(struct import *import, const struct json_object *line)
{
    import->ended = true;
    for (size_t i = 0; i < TRANSFER_TABLE_COUNT; i++) {
        char name[32];
        int64_t count;
        (void)snprintf(name, sizeof name, "%ss", transfer_tables[i].type);
        if (!has_integer(line, name, &count) || count != import->counts[i]) {
            return refuse(import, "the number of %s is not what it should be", name);
        }
    }
    return TOOL_DONE;
}

static int read_line(struct import *import, struct text text)
{
    struct json_object line;
    struct json_fault fault;
    struct text type = {0};
    if (!json_read_object(&import->tool->scratch, text, &line, &fault)) {
        return refuse(import, "no JSON object at byte %zu: %s", fault.offset,
                      fault.reason != NULL ? fault.reason : "out of memory");
    }
    const struct text *member = json_member(&line, "type");
    if (member == NULL || !read_text(*member, &type)) {
        return refuse(import, "no \"type\"");
    }
    if (import->line == 1) {
        return read_start(import, &line, type.at);
    }
    if (import->ended) {
        return refuse(import, "a line behind the end");
    }
    for (size_t i = 0; i < TRANSFER_TABLE_COUNT; i++) {
        if (strcmp(type.at, transfer_tables[i].type) == 0) {
            return write_row(import, i, &line);
        }
    }
    return strcmp(type.at, "end") == 0 ? read_end(import, &line)
                                       : refuse(import, "unknown type \"%.40s\"", type.at);
}

static int read_lines(struct import *import)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int status = TOOL_DONE;
    while (status == TOOL_DONE && (size = getline(&line, &room, import->from)) >= 0) {
        import->line++;
        if (size > 0 && line[size - 1] == '\n') {
            size--;
        }
        status = read_line(import, (struct text){.at = line, .size = (size_t)size});
        tool_row_done(import->tool);
        tool_progress(import->tool, "lines", import->line, 0);
    }
    if (status == TOOL_DONE && ferror(import->from)) {
        status = tool_fail(import->tool, "%s: %s", import->name, strerror(errno));
    }
    if (status == TOOL_DONE && !import->ended) {
        status = refuse(import, "the last line is missing: the file is not whole");
    }
    free(line);
    tool_progress_end(import->tool);
    return status;
}

/* ---- the store ------------------------------------------------------------------------------ */

static int need_empty(struct import *import)
{
    int64_t users = 0;
    int64_t items = 0;
    enum db_class class = admin_run(import->into, ADMIN_COUNT_USERS, NULL, 0, &users);
    if (class == DB_OK) {
        class = admin_run(import->into, ADMIN_COUNT_ITEMS, NULL, 0, &items);
    }
    if (class != DB_OK) {
        return refuse_class(import, class);
    }
    return users + items == 0
               ? TOOL_DONE
               : tool_fail(import->tool,
                           "%s has accounts already; import only fills an empty store",
                           import->tool->config.database);
}

static void note_disorder(void *self, int64_t count, const char *what)
{
    struct import *import = self;
    (void)count;
    import->disorder = import->disorder != NULL ? import->disorder : what;
}

/* All rows together must be what "cubby check" calls in order. */
static int need_order(struct import *import)
{
    enum db_class class = admin_find_disorder(import->into, note_disorder, import);
    if (class != DB_OK) {
        return refuse_class(import, class);
    }
    return import->disorder == NULL
               ? TOOL_DONE
               : refuse(import,
                        "there are %s; run \"cubby gc --recount\" where the file comes from, and "
                        "export once more",
                        import->disorder);
}

static int fill(struct import *import)
{
    enum db_class class = admin_driver->begin(import->into);
    int status = class == DB_OK ? need_empty(import) : refuse_class(import, class);
    if (status == TOOL_DONE) {
        status = read_lines(import);
    }
    if (status == TOOL_DONE) {
        tool_step(import->tool, "checking the whole, and writing it all to the disk");
        status = need_order(import);
    }
    for (size_t i = 0; i < TRANSFER_TABLE_COUNT; i++) {
        if (import->writers[i] != NULL) {
            admin_driver->finalize(import->writers[i]);
        }
    }
    if (status != TOOL_DONE) {
        admin_driver->rollback(import->into);
        return status;
    }
    class = admin_set_last_user(import->into, import->last_user);
    if (class == DB_OK) {
        class = admin_driver->commit(import->into);
    }
    if (class != DB_OK) {
        status = refuse_class(import, class);
        admin_driver->rollback(import->into);
    }
    return status;
}

static int tell(const struct import *import)
{
    struct tool *tool = import->tool;
    tool_audit(tool, "import", 0, "%s", import->name);
    cJSON *object = cJSON_CreateObject();
    json_add(object, "file",
             import->from != stdin ? cJSON_CreateString(import->name) : cJSON_CreateNull());
    transfer_add_counts(tool, object, import->counts);
    return tool_result(tool, object,
                       "imported %" PRId64 " users, %" PRId64 " items, %" PRId64 " tokens",
                       import->counts[0], import->counts[1], import->counts[2]);
}

static int run_import(struct tool *tool)
{
    struct import import = {.tool = tool, .name = "standard input", .from = stdin};
    if (tool->word_count > 0 && strcmp(tool->words[0], "-") != 0) {
        const char *what;
        import.name = tool->words[0];
        int file;
        if (rights_open(tool, import.name, 0, &file) != TOOL_DONE) {
            return TOOL_FAILED;
        }
        import.from = fdopen(file, "r");
        if (import.from == NULL) {
            (void)close(file);
            return tool_out_of_memory(tool);
        }
        /* Of a text, the line at fault is told. */
        enum file_kind kind = file_kind_of(fileno(import.from), &what);
        if (kind == FILE_DATABASE || (kind == FILE_OTHER && strcmp(what, "unreadable") != 0)) {
            (void)fclose(import.from);
            return tool_fail(tool, "%s: not an export, but %s", import.name, what);
        }
    }
    int status = admin_open(tool, true, &import.into);
    if (status == TOOL_DONE) {
        status = fill(&import);
        admin_driver->close(import.into);
    }
    if (import.from != stdin) {
        (void)fclose(import.from);
    }
    return status == TOOL_DONE ? tell(&import) : status;
}

static const struct tool_command commands[] = {
    {.name = "import",
     .words = "[FILE]",
     .summary = "fill an empty store with what export wrote",
     .text = "Reads the lines that \"cubby export\" wrote, from FILE or standard input (-), into a "
             "store\n"
             "without accounts: all of them, or nothing. Passwords, tokens and versions are as\n"
             "before; access tokens are good here too if the key file is the same.\n",
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_PROGRESS | COMMAND_ONE_OWNER,
     .run = run_import},
};

const struct tool_group tool_import_commands = {commands, sizeof commands / sizeof *commands};
