/*
 * target_requests.c - whole requests through the gate and the handlers.
 *
 * An input is one request or more, with a line --- between them: METHOD PROGRAM PATH?QUERY, then
 * lines NAME=value of meta-variables, an empty line and the body. AUTH=ann, bob, reader or writer
 * is a token of theirs, ANNOUNCED the length that is told, PIECE the bytes that come at a time.
 * RAW=text or RAW=json puts the body bare, and looks whether it comes back.
 *
 * What reader and writer do must stay within what their tokens allow: no row beyond that changes,
 * and no key beyond it is shown.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/play.h"

enum { REQUESTS_MAXIMUM = 6, VARIABLES_MAXIMUM = 16 };

static const struct program *const programs[] = {
    &data_program, &batch_program,    &changes_program, &health_program, &keys_program,
    &me_program,   &register_program, &reset_program,   &token_program};

static const char *bobs_item;

void fuzz_start(void)
{
    play_start();
    struct tape_request request = {.path = "/greeting", .authorization = world_bob};
    bobs_item = strdup(play(&data_program, request)->body);
}

/* Takes what stands before the next SEPARATOR, or all; it goes with it. */
static struct text take(struct text *rest, const char *separator)
{
    size_t length = strlen(separator);
    const char *end = memmem(rest->at, rest->size, separator, length);
    size_t size = end != NULL ? (size_t)(end - rest->at) : rest->size;
    struct text out = {.at = rest->at, .size = size};
    size += end != NULL ? length : 0;
    rest->at += size;
    rest->size -= size;
    return out;
}

struct script {
    struct tape_request request;
    const struct program *program;
    const char *variables[VARIABLES_MAXIMUM + 1];
    size_t count;
    const char *raw; /* the type of a value that is put bare */
    bool by_bob;
    bool by_reader;
    bool by_writer;
};

static void read_variable(struct script *script, const char *line)
{
    if (strncmp(line, "AUTH=", 5) == 0) {
        const char *who = line + 5;
        script->by_bob = strcmp(who, "bob") == 0;
        script->by_reader = strcmp(who, "reader") == 0;
        script->by_writer = strcmp(who, "writer") == 0;
        script->request.authorization = strcmp(who, "ann") == 0 ? world_ann
                                        : script->by_bob        ? world_bob
                                        : script->by_reader     ? play_reader
                                        : script->by_writer     ? play_writer
                                                                : who;
    } else if (strcmp(line, "RAW=text") == 0) {
        script->raw = "text/plain";
    } else if (strcmp(line, "RAW=json") == 0) {
        script->raw = "application/json";
    } else if (strncmp(line, "ANNOUNCED=", 10) == 0) {
        script->request.announced = line + 10;
    } else if (strncmp(line, "PIECE=", 6) == 0) {
        script->request.piece = (unsigned char)line[6];
    } else if (script->count < VARIABLES_MAXIMUM && strncmp(line, "CUBBY_CONF=", 11) != 0) {
        script->variables[script->count++] = line;
    }
}

static bool read_script(struct text text, struct script *script)
{
    *script = (struct script){.program = NULL};
    struct text first = fuzz_line(&text);
    script->request.method = fuzz_string(take(&first, " "));
    struct text name = take(&first, " ");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (text_equal(name, text_of(programs[i]->name))) {
            script->program = programs[i];
        }
    }
    script->request.path = fuzz_string(take(&first, "?"));
    script->request.query = fuzz_string(first);
    struct text line = {.at = NULL, .size = 0};
    while (text.size > 0 && (line = fuzz_line(&text)).size > 0) {
        read_variable(script, fuzz_string(line));
    }
    if (text.size > 0) {
        script->request.body = text.at;
        script->request.body_size = text.size;
    }
    if (script->raw != NULL) { /* nothing else is said, so it is a plain PUT */
        script->variables[0] = arena_printf(&fuzz_arena, "CONTENT_TYPE=%s", script->raw);
        script->variables[1] = NULL;
        script->program = &data_program;
        script->request.method = "PUT";
        script->request.query = "raw=true&upsert=true";
        script->request.authorization = world_ann;
        script->request.announced = NULL;
        script->by_bob = false;
        script->by_reader = false;
        script->by_writer = false;
    }
    script->request.variables = script->variables;
    return script->program != NULL;
}

/* What was stored comes back as it was sent. */
static void check_stored(const struct script *script, const struct tape_answer *answer)
{
    struct json_object object;
    struct json_fault fault;
    const struct tape_request *request = &script->request;
    if (script->program != &data_program || (answer->status != 200 && answer->status != 201) ||
        (strcmp(request->method, "PUT") != 0 && strcmp(request->method, "POST") != 0) ||
        request->body == NULL || request->announced != NULL || script->count != 0 ||
        *request->query != '\0') {
        return;
    }
    struct text body = {.at = request->body, .size = request->body_size};
    fuzz_check(json_read_object(&fuzz_arena, body, &object, &fault), "stored without an object");
    const struct text *value = json_member(&object, "value");
    fuzz_check(value != NULL, "stored without a value");
    const char *wanted =
        arena_printf(&fuzz_arena, "\"value\":%.*s,\"version\":", (int)value->size, value->at);
    fuzz_check(strstr(answer->body, wanted) != NULL, "stored %s\nbut %s", wanted, answer->body);
}

/* A value that came bare goes as it came: texts as they are, other values without the blanks around
 * them, and with a newline. Only for scripts that say so by RAW=text or RAW=json, of ann. */
static void check_raw(const struct script *script, const struct tape_answer *answer)
{
    const struct tape_request *request = &script->request;
    if (script->raw == NULL || (answer->status != 200 && answer->status != 201)) {
        return;
    }
    struct text wanted = {.at = request->body, .size = request->body_size};
    bool is_text = strcmp(script->raw, "text/plain") == 0;
    if (!is_text) {
        wanted = json_trim(wanted);
        if (*wanted.at == '"') {
            fuzz_check(json_string_decode(&fuzz_arena, wanted, &wanted), "no string was stored");
        } else {
            wanted = text_of(arena_printf(&fuzz_arena, "%.*s\n", (int)wanted.size, wanted.at));
        }
    }
    struct tape_request back = {
        .path = request->path, .query = "raw=true", .authorization = world_ann};
    answer = play(&data_program, back);
    fuzz_check(answer->status == 200 && answer->body_size == wanted.size &&
                   memcmp(answer->body, wanted.at, wanted.size) == 0,
               "stored %.*s\nbut %s", (int)wanted.size, wanted.at, answer->body);
}

/* ---- what a device token may do ---------------------------------------------------------------
 */

static bool is_device(const struct script *script)
{
    return script->by_reader || script->by_writer;
}

/* Programs that look at the token, whoever sends it. */
static bool looks_at_token(const struct script *script)
{
    const struct program *program = script->program;
    return program != &health_program && program != &register_program &&
           program != &reset_program && program != &token_program;
}

static void check_key(const json_t *place)
{
    const char *key = json_string_value(json_object_get(place, "key"));
    fuzz_check(key == NULL || strncmp(key, "list/", 5) == 0, "%s is shown", key);
}

/* The keys that an answer to the writer tells, all of which must be under its prefix. */
static void check_keys(const struct tape_answer *answer)
{
    static const char *const lists[] = {"items", "changes", "results"};
    json_set_alloc_funcs(malloc, free);
    json_t *top = json_loadb(answer->body, answer->body_size,
                             JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    const json_t *data = json_object_get(top, "data");
    check_key(data);
    check_key(json_object_get(data, "current"));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(data, lists[i]);
        for (size_t at = 0; at < json_array_size(list); at++) {
            check_key(json_array_get(list, at));
        }
    }
    json_decref(top);
}

/* BEFORE are the rows beyond the token's reach, before the request. */
static void check_scope(const struct script *script, const struct tape_answer *answer,
                        const char *before)
{
    bool items = script->program == &data_program || script->program == &batch_program ||
                 script->program == &changes_program;
    fuzz_check(items || answer->status >= 400 || strcmp(script->request.method, "OPTIONS") == 0,
               "a device token reaches %s: %d", script->program->name, answer->status);
    if (script->by_writer) {
        check_keys(answer);
    }
    char *after = play_changed() ? play_rows_beyond(script->by_writer && items) : NULL;
    fuzz_check(after == NULL || strcmp(before, after) == 0, "beyond its scope: %s\nbecame %s",
               before, after);
    free(after);
}

static const struct tape_answer *play_script(const struct script *script)
{
    bool looked_at = is_device(script) && looks_at_token(script);
    bool items = script->program != &me_program && script->program != &keys_program;
    char *before = looked_at ? play_rows_beyond(script->by_writer && items) : NULL;
    const struct tape_answer *answer = play(script->program, script->request);
    json_use_arena(&fuzz_arena);
    if (looked_at) {
        check_scope(script, answer, before);
    }
    free(before);
    return answer;
}

void fuzz_one(struct text input)
{
    bool by_bob = false;
    bool by_device = false;
    bool refused = true;
    for (size_t count = 0; input.size > 0 && count < REQUESTS_MAXIMUM; count++) {
        struct script script;
        if (!read_script(take(&input, "\n---\n"), &script)) {
            continue;
        }
        const struct tape_answer *answer = play_script(&script);
        check_stored(&script, answer);
        check_raw(&script, answer);
        by_bob = by_bob || script.by_bob;
        by_device = by_device || is_device(&script);
        refused = refused && answer->status >= 400;
    }
    if (!play_changed()) {
        return;
    }
    fuzz_check(!refused || play_same_rows(by_device), "refused, but done");
    if (!by_bob) {
        struct tape_request request = {.path = "/greeting", .authorization = world_bob};
        const struct tape_answer *answer = play(&data_program, request);
        fuzz_check(strcmp(answer->body, bobs_item) == 0, "an item of somebody else");
    }
    play_restore();
}
