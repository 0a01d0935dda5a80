/*
 * json_pointer.c - JSON Pointer (RFC 6901): finding a part of a checked text without parsing it.
 */
#include "common/json/json.h"
#include "common/json/json_pointer_token.h"

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

bool json_pointer_parse(struct arena *arena, struct text pointer, struct json_pointer *out)
{
    const size_t count = json_pointer_count(pointer);
    *out = (struct json_pointer){.tokens = arena_alloc(arena, count * sizeof *out->tokens)};
    while (out->tokens != NULL && pointer.size > 0) {
        if (!json_pointer_next(arena, &pointer, &out->tokens[out->count++])) {
            return false;
        }
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
    size_t index;
    if (!json_pointer_index(token, &index)) {
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
