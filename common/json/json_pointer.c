/*
 * json_pointer.c - JSON Pointer (RFC 6901): finding a part of a checked text without parsing it.
 */
#include <string.h>

#include "common/json/json.h"

const char *json_pointer_fault(struct text pointer)
{
    if (pointer.size > 0 && pointer.at[0] != '/') {
        return "must be a JSON Pointer, which is empty or begins with a slash";
    }
    for (size_t i = 0; i < pointer.size; i++) {
        bool good =
            pointer.at[i] != '~' ||
            (i + 1 < pointer.size && (pointer.at[i + 1] == '0' || pointer.at[i + 1] == '1'));
        if (!good) {
            return "must be a JSON Pointer, in which ~0 means ~ and ~1 a slash";
        }
    }
    return NULL;
}

/* The token TEXT, decoded. */
static bool decode_token(struct arena *arena, struct text text, struct text *out)
{
    char *to = arena_alloc(arena, text.size + 1);
    size_t used = 0;
    for (size_t i = 0; to != NULL && i < text.size; i++) {
        bool escaped = text.at[i] == '~';
        i += escaped ? 1 : 0;
        char meant = text.at[i];
        if (escaped) {
            meant = '/';
            if (text.at[i] == '0') {
                meant = '~';
            }
        }
        to[used++] = meant;
    }
    *out = (struct text){.at = to, .size = used};
    return to != NULL;
}

bool json_pointer_parse(struct arena *arena, struct text pointer, struct json_pointer *out)
{
    size_t count = 0;
    for (size_t i = 0; i < pointer.size; i++) {
        count += pointer.at[i] == '/' ? 1 : 0;
    }
    *out = (struct json_pointer){.tokens = arena_alloc(arena, count * sizeof *out->tokens)};
    const char *end = pointer.at + pointer.size;
    for (const char *at = pointer.at; out->tokens != NULL && at < end;) {
        const char *next = memchr(at + 1, '/', (size_t)(end - at - 1));
        const char *stop = next != NULL ? next : end;
        const struct text token = {.at = at + 1, .size = (size_t)(stop - at - 1)};
        if (!decode_token(arena, token, &out->tokens[out->count++])) {
            return false;
        }
        at = stop;
    }
    return out->tokens != NULL;
}

/* The last member of OBJECT with that name. */
static bool find_member(struct text object, struct text wanted, struct text *out)
{
    struct json_walk walk = json_walk_start(object);
    struct text name;
    struct text value;
    bool found = false;
    while (json_walk_next(&walk, &name, &value)) {
        if (json_string_is(name, wanted)) {
            *out = value;
            found = true;
        }
    }
    return found;
}

static bool find_element(struct text array, struct text token, struct text *out)
{
    bool over;
    int64_t index;
    if (!text_to_int64(token, INT32_MAX, &over, &index) || (token.at[0] == '0' && token.size > 1)) {
        return false;
    }
    struct json_walk walk = json_walk_start(array);
    struct text name;
    while (json_walk_next(&walk, &name, out)) {
        if (index-- == 0) {
            return true;
        }
    }
    return false;
}

bool json_pointer_find(const struct json_pointer *pointer, struct text value, struct text *out)
{
    for (size_t i = 0; i < pointer->count; i++) {
        struct text part;
        bool found = value.at[0] == '{'   ? find_member(value, pointer->tokens[i], &part)
                     : value.at[0] == '[' ? find_element(value, pointer->tokens[i], &part)
                                          : false;
        if (!found) {
            return false;
        }
        value = part;
    }
    *out = value;
    return true;
}
