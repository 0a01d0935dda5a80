/*
 * target_transfer.c - the lines that `cubby import` reads. An input is the whole file.
 *
 * What is taken must come out of `cubby export` again, line by line and member by member, and that
 * export must make the same store once more. What is refused has changed nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/tool/admin.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/play.h"

enum { MEMORY = 64 * 1024 * 1024, ROWS_MAXIMUM = 256 };

void fuzz_start(void)
{
    play_start();
    play_empty();
}

/* ---- the tool ---------------------------------------------------------------------------------
 */

/* Runs COMMAND with the file at PATH; what it says on standard output, and on standard error, goes
 * to OUT and SAID, to be freed. */
static int run(const struct tool_command *command, const char *path, char **out, char **said)
{
    struct tool tool = {
        .config_path = world_config, .command = command, .words = {path}, .word_count = 1};
    struct cause cause = {0};
    FILE *const real[] = {stdout, stderr};
    size_t sizes[2];
    arena_init(&tool.arena, MEMORY);
    arena_init(&tool.scratch, MEMORY);
    json_use_arena(&tool.scratch);
    fuzz_check(config_load(&tool.arena, world_config, &tool.config, &cause) == ERR_NONE,
               "no settings: %s", cause.text);
    tool.config.log = "/dev/null";
    admin_choose_engine(&tool.config);
    stdout = open_memstream(out, &sizes[0]);
    stderr = open_memstream(said, &sizes[1]);
    int status = command->run(&tool);
    (void)fclose(stdout);
    (void)fclose(stderr);
    stdout = real[0];
    stderr = real[1];
    arena_reset(&tool.scratch);
    arena_reset(&tool.arena);
    json_use_arena(&fuzz_arena);
    return status;
}

/* Whether the file at PATH was taken. */
static bool import(const char *path)
{
    char *out;
    char *said;
    int status = run(&tool_import_commands.commands[0], path, &out, &said);
    const char *end = strchr(said, '\n');
    fuzz_check(status == TOOL_DONE ? *said == '\0' && strncmp(out, "imported ", 9) == 0
                                   : status == TOOL_FAILED && strncmp(said, "cubby: ", 7) == 0 &&
                                         end != NULL && end[1] == '\0' && *out == '\0',
               "status %d: %s%s", status, out, said);
    fuzz_check(status == TOOL_DONE || play_same_rows(false), "refused, but done: %s", said);
    free(out);
    free(said);
    return status == TOOL_DONE;
}

/* On the arena. */
static struct text export(void)
{
    char *out;
    char *said;
    int status = run(&tool_export_commands.commands[0], "-", &out, &said);
    fuzz_check(status == TOOL_DONE && *said == '\0', "no export: %s", said);
    struct text copy = {.at = arena_copy(&fuzz_arena, out, strlen(out)), .size = strlen(out)};
    free(out);
    free(said);
    return copy;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static struct json_object read_line(struct text line)
{
    struct json_object object;
    struct json_fault fault;
    fuzz_check(json_read_object(&fuzz_arena, line, &object, &fault), "no object: %.*s",
               (int)line.size, line.at);
    return object;
}

static bool is_null(const struct text *json)
{
    return json == NULL || text_equal(*json, text_of("null"));
}

/* Two members that mean the same: both missing or null, the same number, or the same characters. */
static bool same_member(const struct text *a, const struct text *b)
{
    struct text first;
    struct text second;
    if (is_null(a) || is_null(b)) {
        return is_null(a) && is_null(b);
    }
    if (a->at[0] != '"' || b->at[0] != '"') {
        static const char zero[] = "-0";
        return text_equal(*a, *b) ||
               (text_equal(*b, text_of(zero)) && text_equal(*a, text_of("0")));
    }
    return json_string_decode(&fuzz_arena, *a, &first) &&
           json_string_decode(&fuzz_arena, *b, &second) && text_equal(first, second);
}

/* The value of an item, which stands as it is, or as the text that it is. */
static struct text value_of(const struct json_object *line)
{
    struct text value = {.at = "", .size = 0};
    const struct text *plain = json_member(line, "value");
    const struct text *text = json_member(line, "value_text");
    fuzz_check(plain != NULL || (text != NULL && json_string_decode(&fuzz_arena, *text, &value)),
               "an item without a value");
    return plain != NULL ? *plain : value;
}

/* Whether both lines name the same row. */
static bool same_row(const struct json_object *a, const struct json_object *b)
{
    static const char *const names[] = {"type", "id", "user_id", "key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!same_member(json_member(a, names[i]), json_member(b, names[i]))) {
            return false;
        }
    }
    bool event = text_equal(*json_member(a, "type"), text_of("\"event\""));
    return !event || same_member(json_member(a, "name"), json_member(b, "name"));
}

/* OUT is a line of the export, IN the one it was made of. */
static void check_line(const struct json_object *out, const struct json_object *in)
{
    for (size_t i = 0; i < out->count; i++) {
        struct text name = out->members[i].name;
        if (text_equal(name, text_of("value_text")) ||
            (text_equal(name, text_of("value")) && json_member(out, "user_id") != NULL)) {
            struct text value = value_of(out);
            struct text wanted = value_of(in);
            fuzz_check(text_equal(value, wanted), "it is %.*s, not %.*s", (int)value.size, value.at,
                       (int)wanted.size, wanted.at);
            continue;
        }
        const struct text *wanted = json_member(in, arena_copy(&fuzz_arena, name.at, name.size));
        fuzz_check(same_member(&out->members[i].value, wanted), "%.*s is %.*s", (int)name.size,
                   name.at, (int)out->members[i].value.size, out->members[i].value.at);
    }
}

static size_t read_lines(struct text text, struct json_object lines[ROWS_MAXIMUM])
{
    size_t count = 0;
    while (text.size > 0) {
        fuzz_check(count < ROWS_MAXIMUM, "more lines than this can count");
        lines[count++] = read_line(fuzz_line(&text));
    }
    return count;
}

/* The last of COUNT lines that names the same row as LINE; COUNT when there is none. */
static size_t find_row(const struct json_object *line, const struct json_object *lines,
                       size_t count)
{
    size_t found = count;
    for (size_t i = 0; i < count; i++) {
        found = same_row(line, &lines[i]) ? i : found;
    }
    return found;
}

/* The first line and the last hold the schema and the counts; the rows may come in another order.
 * Of security events of one name the last stands, as it does beside those that the store has
 * already. */
static void check_lines(struct text in, struct text out)
{
    static struct json_object was[ROWS_MAXIMUM];
    static struct json_object is[ROWS_MAXIMUM];
    size_t before = read_lines(in, was);
    size_t count = read_lines(out, is);
    size_t replaced = 0;
    for (size_t i = 0; i < before; i++) {
        replaced += find_row(&was[i], was, before) != i ? 1 : 0;
    }
    fuzz_check(count == before - replaced, "another number of lines:\n%s", out.at);
    for (size_t i = 0; i < count; i++) {
        size_t from = find_row(&is[i], was, before);
        fuzz_check(from < before, "a row of another name in\n%s", out.at);
        bool end = i + 1 == count;
        if (i > 0 && !(end && replaced > 0)) { /* an older schema is read as well */
            check_line(&is[i], &was[from]);
        }
    }
}

void fuzz_one(struct text input)
{
    size_t lines = 1;
    for (size_t i = 0; i < input.size; i++) {
        lines += input.at[i] == '\n' ? 1 : 0;
    }
    if (input.size == 0 || lines >= ROWS_MAXIMUM) {
        return;
    }
    if (import(fuzz_file(input.at, input.size))) {
        struct text exported = export();
        check_lines(input, exported);
        play_restore();
        fuzz_check(import(fuzz_file(exported.at, exported.size)), "its own export is refused:\n%s",
                   exported.at);
        struct text again = export();
        fuzz_check(text_equal(again, exported), "another store:\n%s\n%s", exported.at, again.at);
    }
    play_restore();
}
