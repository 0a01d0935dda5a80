/*
 * json.c - cJSON, with its memory on the arena of the request.
 */
#include "common/json/json.h"

#include <string.h>

/* cJSON's allocation functions have no context argument, so the arena in use is a global of the
 * process. */
static struct arena *current;

static void *current_alloc(size_t size)
{
    return current != NULL ? arena_alloc(current, size) : NULL;
}

static void current_free(void *piece)
{
    (void)piece; /* freed with the arena */
}

void json_use_arena(struct arena *arena)
{
    current = arena;
    cJSON_Hooks hooks = {.malloc_fn = current_alloc, .free_fn = current_free};
    cJSON_InitHooks(&hooks);
}

struct arena *json_arena(void)
{
    return current;
}

cJSON *json_parse(struct text value)
{
    return cJSON_ParseWithLength(value.at, value.size);
}

/* The two bytes that stand for an escaped NUL in a string of C, as in modified UTF-8. */
static const char nul[] = "\xc0\x80";
static const char escaped_nul[] = "\\u0000";
enum { NUL_SIZE = sizeof nul - 1, ESCAPED_NUL_SIZE = sizeof escaped_nul - 1 };

static bool starts_with_nul(const char *at, const char *end)
{
    return end - at >= ESCAPED_NUL_SIZE && memcmp(at, escaped_nul, ESCAPED_NUL_SIZE) == 0;
}

/* A copy of VALUE with `nul` in the place of each escaped NUL. */
static char *replace_escaped_nuls(struct text value, size_t *size)
{
    char *copy = current_alloc(value.size);
    char *to = copy;
    const char *end = value.at + value.size;
    for (const char *at = value.at; copy != NULL && at < end;) {
        if (starts_with_nul(at, end)) {
            memcpy(to, nul, NUL_SIZE);
            to += NUL_SIZE;
            at += ESCAPED_NUL_SIZE;
            continue;
        }
        if (*at == '\\') {
            *to++ = *at++; /* so that an escaped backslash starts nothing */
        }
        *to++ = *at++;
    }
    *size = copy != NULL ? (size_t)(to - copy) : 0;
    return copy;
}

char *json_c_string(struct text value)
{
    size_t size = value.size;
    const char *at = value.at;
    if (memmem(at, size, escaped_nul, ESCAPED_NUL_SIZE) != NULL) {
        at = replace_escaped_nuls(value, &size);
    }
    const cJSON *parsed = at != NULL ? cJSON_ParseWithLength(at, size) : NULL;
    return parsed != NULL ? parsed->valuestring : NULL;
}

bool json_text(struct text value, struct text *out)
{
    char *text = json_c_string(value);
    *out = text_of(text);
    if (text == NULL || memchr(text, (unsigned char)nul[0], out->size) == NULL) {
        return text != NULL;
    }
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        bool is_nul = *at == nul[0];
        *to++ = (char)(is_nul ? '\0' : *at);
        at += is_nul ? NUL_SIZE - 1 : 0;
    }
    *to = '\0';
    out->size = (size_t)(to - text);
    return true;
}

bool json_restore_nuls(struct arena *arena, struct text *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->size; i++) {
        count += text->at[i] == nul[0];
    }
    if (count == 0) {
        return true;
    }
    char *to = arena_alloc(arena, text->size + count * (ESCAPED_NUL_SIZE - NUL_SIZE) + 1);
    if (to == NULL) {
        return false;
    }
    const char *at = text->at;
    text->at = to;
    for (; *at != '\0'; at++) {
        if (*at == nul[0]) {
            memcpy(to, escaped_nul, ESCAPED_NUL_SIZE);
            to += ESCAPED_NUL_SIZE;
            at += NUL_SIZE - 1;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    text->size = (size_t)(to - text->at);
    return true;
}

cJSON *json_new_string(const char *text)
{
    return cJSON_CreateStringReference(text);
}

cJSON *json_new_raw(const char *text)
{
    /* A reference marked as raw text: cJSON_CreateRaw would copy the value, which may be large. */
    cJSON *item = cJSON_CreateStringReference(text);
    if (item != NULL) {
        item->type = cJSON_Raw | cJSON_IsReference;
    }
    return item;
}

cJSON *json_new_integer(struct arena *arena, int64_t value)
{
    /* A cJSON number is a double and would lose integers beyond 2^53. */
    char digits[INTEGER_TEXT_SIZE];
    size_t size = integer_to_text(value, digits);
    char *copy = arena_copy(arena, digits, size);
    return copy != NULL ? json_new_raw(copy) : NULL;
}

cJSON *json_new_time(struct arena *arena, int64_t milliseconds)
{
    char *text = arena_alloc(arena, TIME_TEXT_SIZE);
    if (text == NULL) {
        return NULL;
    }
    time_to_text(milliseconds, text);
    return json_new_string(text);
}

void json_add(cJSON *object, const char *name, cJSON *item)
{
    if (object != NULL && item != NULL) {
        (void)cJSON_AddItemToObjectCS(object, name, item);
    }
}

struct text json_trim(struct text text)
{
    static const char space[] = " \t\r\n";
    while (text.size > 0 && memchr(space, text.at[0], sizeof space - 1) != NULL) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && memchr(space, text.at[text.size - 1], sizeof space - 1) != NULL) {
        text.size--;
    }
    return text;
}
