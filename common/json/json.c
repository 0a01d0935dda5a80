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

bool json_text(struct text value, struct text *out)
{
    return current != NULL && json_string_decode(current, value, out);
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
