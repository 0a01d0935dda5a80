/*
 * reference_patch.c - JSON Patch and JSON Merge Patch on jansson's trees.
 */
#include "tests/fuzz/reference_patch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "tests/fuzz/fuzz.h"

enum { OPERATIONS_MAXIMUM = 1000 };

/* ---- JSON Pointer (RFC 6901) -------------------------------------------------------------------
 */

static bool is_pointer(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '~' && at[1] != '0' && at[1] != '1') {
            return false;
        }
    }
    return *text == '\0' || *text == '/';
}

/* Replaces each FROM, of two characters, by TO; what came of it is not looked at again. */
static void replace(char *text, const char *from, char to)
{
    for (char *at = text; (at = strstr(at, from)) != NULL; at++) {
        *at = to;
        memmove(at + 1, at + 2, strlen(at + 2) + 1);
    }
}

/* The token at *POINTER, which is moved behind it; as RFC 6901 section 4 says, ~1 first. */
static const char *next_token(const char **pointer)
{
    size_t size = strcspn(*pointer + 1, "/");
    char *token = arena_copy(&fuzz_arena, *pointer + 1, size);
    fuzz_check(token != NULL, "out of memory");
    *pointer += size + 1;
    replace(token, "~1", '/');
    replace(token, "~0", '~');
    return token;
}

/* The element of an array that TOKEN names, below LIMIT; false when there is none. */
static bool index_of(const char *token, size_t limit, size_t *out)
{
    char *end;
    bool digits = strspn(token, "0123456789") == strlen(token) && *token != '\0';
    *out = strtoul(token, &end, 10);
    return digits && (*token != '0' || token[1] == '\0') && strlen(token) < 12 && *out < limit;
}

static json_t *child_of(const json_t *parent, const char *token)
{
    size_t index;
    return json_is_object(parent) ? json_object_get(parent, token)
           : json_is_array(parent) && index_of(token, json_array_size(parent), &index)
               ? json_array_get(parent, index)
               : NULL;
}

/* What POINTER leads to but for its last token, which is *TOKEN; NULL when there is none. */
static json_t *parent_of(json_t *value, const char *pointer, const char **token)
{
    *token = next_token(&pointer);
    while (value != NULL && *pointer != '\0') {
        value = child_of(value, *token);
        *token = next_token(&pointer);
    }
    return value;
}

static json_t *find(json_t *value, const char *pointer)
{
    const char *token;
    return *pointer == '\0' ? value : child_of(parent_of(value, pointer, &token), token);
}

/* ---- JSON Patch --------------------------------------------------------------------------------
 */

/* Takes over NODE. */
static bool add(json_t **value, const char *pointer, json_t *node)
{
    const char *token;
    if (*pointer == '\0') {
        json_decref(*value);
        *value = node;
        return true;
    }
    json_t *parent = parent_of(*value, pointer, &token);
    if (json_is_object(parent)) {
        return json_object_set_new(parent, token, node) == 0;
    }
    size_t index = json_array_size(parent);
    if (json_is_array(parent) &&
        (strcmp(token, "-") == 0 || index_of(token, json_array_size(parent) + 1, &index))) {
        return json_array_insert_new(parent, index, node) == 0;
    }
    json_decref(node);
    return false;
}

static bool remove_at(json_t *value, const char *pointer)
{
    const char *token;
    size_t index;
    if (*pointer == '\0') {
        return false;
    }
    json_t *parent = parent_of(value, pointer, &token);
    return json_is_object(parent)
               ? json_object_del(parent, token) == 0
               : json_is_array(parent) && index_of(token, json_array_size(parent), &index) &&
                     json_array_remove(parent, index) == 0;
}

static bool replace_at(json_t **value, const char *pointer, json_t *node)
{
    const char *token;
    size_t index;
    if (find(*value, pointer) == NULL || *pointer == '\0') {
        return *pointer == '\0' ? add(value, pointer, node) : (json_decref(node), false);
    }
    json_t *parent = parent_of(*value, pointer, &token);
    return json_is_array(parent) ? index_of(token, json_array_size(parent), &index) &&
                                       json_array_set_new(parent, index, node) == 0
                                 : json_object_set_new(parent, token, node) == 0;
}

static const char *string_of(const json_t *operation, const char *name)
{
    return json_string_value(json_object_get(operation, name));
}

static bool apply(json_t **value, const json_t *operation)
{
    const char *op = string_of(operation, "op");
    const char *path = string_of(operation, "path");
    const json_t *given = json_object_get(operation, "value");
    if (strcmp(op, "test") == 0) {
        json_t *there = find(*value, path);
        return there != NULL && json_equal(there, given) != 0;
    }
    if (strcmp(op, "remove") == 0) {
        return remove_at(*value, path);
    }
    if (strcmp(op, "add") == 0 || strcmp(op, "replace") == 0) {
        json_t *node = json_deep_copy(given);
        return *op == 'a' ? add(value, path, node) : replace_at(value, path, node);
    }
    const char *from = string_of(operation, "from");
    json_t *there = find(*value, from);
    if (there == NULL || (*op == 'm' && strcmp(from, path) == 0)) {
        return there != NULL;
    }
    json_t *node = json_deep_copy(there);
    if (*op == 'm' && !remove_at(*value, from)) {
        json_decref(node);
        return false;
    }
    return add(value, path, node);
}

/* TEXT is the operation as it came: jansson has but one of two members of one name. */
static bool is_operation(const json_t *operation, struct text text)
{
    const char *op = string_of(operation, "op");
    const char *path = string_of(operation, "path");
    const char *from = string_of(operation, "from");
    if (op == NULL || path == NULL || !is_pointer(path)) {
        return false;
    }
    struct json_walk walk = json_walk_start(text);
    struct text name;
    struct text member;
    size_t count = 0;
    while (json_walk_next(&walk, &name, &member)) {
        count++;
    }
    if (count != json_object_size(operation)) {
        return false;
    }
    if (strcmp(op, "move") == 0 || strcmp(op, "copy") == 0) {
        return from != NULL && is_pointer(from) &&
               (*op == 'c' || strncmp(path, from, strlen(from)) != 0 || path[strlen(from)] != '/');
    }
    return strcmp(op, "remove") == 0 ||
           ((strcmp(op, "add") == 0 || strcmp(op, "replace") == 0 || strcmp(op, "test") == 0) &&
            json_object_get(operation, "value") != NULL);
}

enum reference_verdict reference_patch(json_t **value, const json_t *patch, struct text text)
{
    if (!json_is_array(patch) || json_array_size(patch) > OPERATIONS_MAXIMUM) {
        return REFERENCE_INVALID;
    }
    struct json_walk walk = json_walk_start(text);
    struct text none;
    struct text element;
    for (size_t i = 0; json_walk_next(&walk, &none, &element); i++) {
        if (!is_operation(json_array_get(patch, i), element)) {
            return REFERENCE_INVALID;
        }
    }
    for (size_t i = 0; i < json_array_size(patch); i++) {
        if (!apply(value, json_array_get(patch, i))) {
            return REFERENCE_FAILS;
        }
    }
    return REFERENCE_DONE;
}

/* ---- JSON Merge Patch --------------------------------------------------------------------------
 */

json_t *reference_merge(json_t *value, const json_t *patch)
{
    const char *name;
    json_t *member;
    if (!json_is_object(patch)) {
        json_decref(value);
        return json_deep_copy(patch);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        value = json_object();
    }
    json_t *copy = json_deep_copy(patch); /* what is walked through may not be constant */
    json_object_foreach(copy, name, member)
    {
        if (json_is_null(member)) {
            (void)json_object_del(value, name);
        } else {
            json_t *old = json_incref(json_object_get(value, name));
            (void)json_object_set_new(value, name, reference_merge(old, member));
        }
    }
    json_decref(copy);
    return value;
}
