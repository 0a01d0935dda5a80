/*
 * target_json_check.c - the checker of JSON and the walk over what it let pass, against jansson,
 * which is as strict, and against cJSON, which must take all that the checker takes.
 */
#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

void fuzz_start(void)
{
}

static bool is_json(struct text text)
{
    struct json_fault fault;
    return json_check(text, &fault);
}

static void check_walk(struct text text, const struct reference *reference)
{
    struct json_walk walk = json_walk_start(text);
    struct text name = {.at = NULL, .size = 0};
    struct text value;
    size_t count = 0;
    while (json_walk_next(&walk, &name, &value)) {
        count++;
        fuzz_check(is_json(value), "a step of the walk is no JSON");
        fuzz_check(!walk.is_object || (name.at[0] == '"' && is_json(name)),
                   "a name of the walk is no string");
    }
    if (reference->top != NULL && !reference->duplicates) {
        size_t wanted = json_is_array(reference->top) ? json_array_size(reference->top)
                                                      : json_object_size(reference->top);
        fuzz_check(count == wanted, "the walk has %zu steps of %zu", count, wanted);
    }
}

/* The decoded names are those that jansson found, too. One with a NUL is asked for by nobody. */
static void check_members(const struct json_object *object, const struct reference *reference)
{
    for (size_t i = 0; i < object->count; i++) {
        const struct json_member *member = &object->members[i];
        const char *name = fuzz_string(member->name);
        fuzz_check(is_json(member->value), "a member's value is no JSON");
        if (strlen(name) != member->name.size) {
            fuzz_check(reference->nul, "a NUL in a name");
            fuzz_check(json_member(object, name) != &member->value, "a name cut at its NUL");
            continue;
        }
        fuzz_check(json_member(object, name) == &member->value, "a member is not found");
        fuzz_check(reference->top == NULL || json_object_get(reference->top, name) != NULL,
                   "a member that is none");
    }
    fuzz_check(reference->top == NULL || object->count == json_object_size(reference->top),
               "members are missing");
}

/* Members of one name further inside are nobody's business; those of the top object are refused. */
static bool repeats(struct text text, const struct reference *reference)
{
    struct json_walk walk = json_walk_start(text);
    struct text name;
    struct text value;
    size_t count = 0;
    while (json_walk_next(&walk, &name, &value)) {
        count++;
    }
    return count > json_object_size(reference->top);
}

static void check_object(struct text text, bool good, const struct reference *reference)
{
    struct json_object object;
    struct json_fault fault;
    bool read = json_read_object(&fuzz_arena, text, &object, &fault);
    if (!read) {
        fuzz_check(fault.reason != NULL && fault.offset <= text.size, "no reason, or no place");
        size_t start = 0;
        while (start < text.size && strchr(" \t\r\n", text.at[start]) != NULL) {
            start++;
        }
        struct text from = {.at = text.at + start, .size = text.size - start};
        fuzz_check(!good || from.at[0] != '{' || reference->top == NULL || repeats(from, reference),
                   "an object is refused: %s", fault.reason);
        return;
    }
    fuzz_check(good, "an object that is no JSON");
    fuzz_check(object.depth == json_depth(text), "the depth of the object is not that of its text");
    check_members(&object, reference);
    struct json_object document;
    fuzz_check(json_read_document(&fuzz_arena, text, &document, &fault) &&
                   document.count == object.count,
               "no document");
}

void fuzz_one(struct text input)
{
    struct json_fault fault;
    bool good = json_check(input, &fault);
    if (memchr(input.at, '\0', input.size) != NULL) {
        fuzz_check(!good, "a NUL in what is JSON"); /* to jansson one between tokens is the end */
        return;
    }
    struct reference reference = reference_read(input);
    if (!good) {
        fuzz_check(fault.reason != NULL && fault.offset <= input.size, "no reason, or no place");
        fuzz_check(reference.top == NULL || reference_depth(reference.top) > JSON_DEPTH_MAXIMUM,
                   "refused: %s", fault.reason);
    } else {
        fuzz_check(reference.top != NULL || reference.too_large, "jansson refuses it");
        fuzz_check(json_depth(input) <= JSON_DEPTH_MAXIMUM, "too deep");
        cJSON *node = reference_cjson(input);
        fuzz_check(node != NULL, "cJSON refuses it");
        fuzz_check(is_json(text_of(cJSON_PrintUnformatted(node))), "what cJSON prints is no JSON");
        if (reference.top != NULL && !reference.duplicates) {
            /* cJSON cuts a string at an escaped NUL */
            fuzz_check(reference.nul || reference_same(node, reference.top),
                       "cJSON and jansson read it otherwise");
            fuzz_check(reference_depth(reference.top) == json_depth(input), "another depth");
        }
        if (cJSON_IsArray(node) || cJSON_IsObject(node)) {
            size_t start = 0;
            while (input.at[start] != '[' && input.at[start] != '{') {
                start++;
            }
            check_walk((struct text){input.at + start, input.size - start}, &reference);
        }
    }
    check_object(input, good, &reference);
    json_decref(reference.top);
}
