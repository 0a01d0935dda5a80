/*
 * json_pointer_token.h - the reference tokens of a JSON Pointer (RFC 6901), one after the other;
 * for the files of this room that follow one. They take pointers in which json_pointer_fault found
 * nothing.
 *
 * These functions are here, and not behind a call, because a patch has a thousand pointers to
 * follow: in a file of their own they cost some of its calls a twentieth.
 */
#ifndef CUBBY_COMMON_JSON_JSON_POINTER_TOKEN_H
#define CUBBY_COMMON_JSON_JSON_POINTER_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/text.h"

/* How many tokens POINTER has. */
static inline size_t json_pointer_count(struct text pointer)
{
    size_t count = 0;
    for (size_t i = 0; i < pointer.size; i++) {
        count += pointer.at[i] == '/';
    }
    return count;
}

/* Takes the first token off POINTER, which is not empty: *TOKEN is what it means (section 4), a
 * part of the pointer's own text or, where that has escapes, on ARENA. False when memory is out. */
static inline bool json_pointer_next(struct arena *arena, struct text *pointer, struct text *token)
{
    const char *from = pointer->at + 1;
    const char *slash = memchr(from, '/', pointer->size - 1);
    size_t size = slash != NULL ? (size_t)(slash - from) : pointer->size - 1;
    *pointer = (struct text){.at = from + size, .size = pointer->size - 1 - size};
    *token = (struct text){.at = from, .size = size};
    if (memchr(from, '~', size) == NULL) {
        return true;
    }
    char *to = arena_copy(arena, from, size);
    if (to == NULL) {
        return false;
    }
    *token = (struct text){.at = to, .size = 0};
    for (size_t i = 0; i < size; i++) {
        bool escaped = from[i] == '~';
        i += escaped ? 1 : 0;
        to[token->size++] = (char)(!escaped ? from[i] : from[i] == '0' ? '~' : '/');
    }
    return true;
}

/* The index of an array that TOKEN is. False when it is none: not all digits, with a zero in front,
 * or higher than any array has. */
static inline bool json_pointer_index(struct text token, size_t *index)
{
    bool over;
    int64_t number;
    bool good =
        text_to_int64(token, INT32_MAX, &over, &number) && (token.at[0] != '0' || token.size == 1);
    *index = good ? (size_t)number : 0;
    return good;
}

#endif
