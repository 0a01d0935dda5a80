/*
 * reference.c - JSON as jansson reads it.
 */
#include "tests/fuzz/reference.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What jansson is given for an escaped NUL, and the same unescaped: of a private use area. */
static const char nul[] = "\\u0000";
static const char stand_in[] = "\\ue0f0";
static const char stand_in_bytes[] = "\xee\x83\xb0";

/* Puts the stand-in into TEXT for each escaped NUL; false when there is none. A backslash that is
 * escaped itself begins no escape. */
static bool replace_nuls(char *text)
{
    bool any = false;
    for (char *at = strchr(text, '\\'); at != NULL && at[1] != '\0'; at = strchr(at + 2, '\\')) {
        if (strncmp(at, nul, sizeof nul - 1) == 0) {
            memcpy(at, stand_in, sizeof stand_in - 1);
            any = true;
        }
    }
    return any;
}

struct reference reference_read(struct text text)
{
    enum { FLAGS = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL };
    json_error_t error;
    json_set_alloc_funcs(malloc, free); /* cubby lets it work on arenas */
    char *copy = arena_copy(&fuzz_arena, text.at, text.size);
    fuzz_check(copy != NULL, "out of memory");
    bool ambiguous = strcasestr(copy, stand_in) != NULL || strstr(copy, stand_in_bytes) != NULL;
    struct reference out = {.nul = replace_nuls(copy)};
    if (out.nul && ambiguous) {
        out.too_large = true;
        return out;
    }
    out.top = json_loadb(copy, text.size, FLAGS, &error);
    if (out.top == NULL) {
        out.too_large = json_error_code(&error) == json_error_numeric_overflow;
        return out;
    }
    json_t *once = json_loadb(copy, text.size, FLAGS | JSON_REJECT_DUPLICATES, &error);
    out.duplicates = once == NULL;
    json_decref(once);
    return out;
}

size_t reference_depth(const json_t *top)
{
    size_t deepest = 0;
    if (json_is_array(top)) {
        for (size_t i = 0; i < json_array_size(top); i++) {
            size_t depth = reference_depth(json_array_get(top, i));
            deepest = depth > deepest ? depth : deepest;
        }
        return deepest + 1;
    }
    if (!json_is_object(top)) {
        return 0;
    }
    union {
        const json_t *from;
        json_t *to;
    } object = {.from = top}; /* an iterator takes no const pointer */
    for (void *at = json_object_iter(object.to); at != NULL;
         at = json_object_iter_next(object.to, at)) {
        size_t depth = reference_depth(json_object_iter_value(at));
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static bool same_children(const cJSON *node, const json_t *top)
{
    size_t count = 0;
    for (const cJSON *child = node->child; child != NULL; child = child->next, count++) {
        const json_t *other =
            cJSON_IsArray(node) ? json_array_get(top, count) : json_object_get(top, child->string);
        if (other == NULL || !reference_same(child, other)) {
            return false;
        }
    }
    return count == (cJSON_IsArray(node) ? json_array_size(top) : json_object_size(top));
}

cJSON *reference_cjson(struct text text)
{
    return cJSON_ParseWithLength(text.at, text.size);
}

bool reference_same(const cJSON *node, const json_t *top)
{
    switch (json_typeof(top)) {
    case JSON_OBJECT:
        return cJSON_IsObject(node) && same_children(node, top);
    case JSON_ARRAY:
        return cJSON_IsArray(node) && same_children(node, top);
    case JSON_STRING:
        return cJSON_IsString(node) && strlen(node->valuestring) == json_string_length(top) &&
               strcmp(node->valuestring, json_string_value(top)) == 0;
    case JSON_INTEGER:
    case JSON_REAL: {
        double a = node->valuedouble;
        double b = json_number_value(top);
        return cJSON_IsNumber(node) && memcmp(&a, &b, sizeof a) == 0;
    }
    case JSON_TRUE:
        return cJSON_IsTrue(node);
    case JSON_FALSE:
        return cJSON_IsFalse(node);
    case JSON_NULL:
    default:
        return cJSON_IsNull(node);
    }
}

/* Whether a double is as good as the number at AT, of SIZE bytes. */
static bool is_plain(const char *at, size_t size)
{
    enum { DIGITS = 15, POWER = 250 };
    size_t digits = 0;
    size_t zeros = 0; /* that stand behind the digits so far, or before all of them */
    size_t mantissa = 0;
    for (; mantissa < size && at[mantissa] != 'e' && at[mantissa] != 'E'; mantissa++) {
        char c = at[mantissa];
        if (c == '0') {
            zeros++;
        } else if (c >= '1' && c <= '9') {
            digits += 1 + (digits > 0 ? zeros : 0);
            zeros = 0;
        }
    }
    size_t room = size > mantissa ? size - mantissa - 1 : 0;
    const char *power = arena_copy(&fuzz_arena, at + size - room, room);
    return digits <= DIGITS && mantissa < POWER / 5 && room < 5 &&
           labs(strtol(power, NULL, 10)) < POWER;
}

bool reference_plain_numbers(struct text text)
{
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        if (c == '-' || (c >= '0' && c <= '9')) {
            size_t size = 1;
            while (i + size < text.size &&
                   memchr("+-.0123456789eE", text.at[i + size], 15) != NULL) {
                size++;
            }
            if (!is_plain(text.at + i, size)) {
                return false;
            }
            i += size - 1;
        }
    }
    return true;
}
