/*
 * arena.c - the arena of common/base/arena.h with memory from malloc for each single piece, so that
 * the sanitizer sees a byte that is read or written behind one.
 */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16 };

/* Two allocations for each piece: what remembers it must not stand before it, or a byte too few
 * would go unseen. */
struct arena_chunk {
    struct arena_chunk *next;
    void *piece;
};

void arena_init(struct arena *arena, size_t maximum)
{
    *arena = (struct arena){.maximum = maximum};
}

void arena_reset(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk->piece);
        free(chunk);
    }
    arena_init(arena, arena->maximum);
}

bool arena_failed(const struct arena *arena)
{
    return arena->failed;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t counted = (size / ALIGNMENT + 1) * ALIGNMENT;
    struct arena_chunk *chunk =
        size < SIZE_MAX - ALIGNMENT && counted <= arena->maximum - arena->used
            ? malloc(sizeof *chunk)
            : NULL;
    if (chunk == NULL) {
        arena->failed = true;
        return NULL;
    }
    *chunk = (struct arena_chunk){.next = arena->chunks, .piece = malloc(size)};
    arena->chunks = chunk;
    arena->used += counted;
    if (chunk->piece == NULL) {
        arena->failed = true;
    }
    return chunk->piece;
}

char *arena_copy(struct arena *arena, const char *from, size_t size)
{
    char *copy = size < SIZE_MAX ? arena_alloc(arena, size + 1) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    if (size > 0) {
        memcpy(copy, from, size);
    }
    copy[size] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = NULL;
    int length = vasprintf(&text, format, list);
    va_end(list);
    char *copy = length >= 0 ? arena_copy(arena, text, (size_t)length) : NULL;
    if (length >= 0) {
        free(text);
    }
    return copy;
}
