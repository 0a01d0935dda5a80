/*
 * arena.c - the memory of one request: chunks from malloc, bump allocation inside them.
 */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The least that is taken from malloc at once; a typical read needs no more. */
enum { CHUNK_BYTES = 16 * 1024, ALIGNMENT = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* usable bytes */
    size_t used;
};

/* Chunk header rounded up, so that what follows it is aligned as malloc aligned the chunk. */
enum { HEADER_BYTES = (sizeof(struct arena_chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT };

void arena_init(struct arena *arena, size_t maximum)
{
    *arena = (struct arena){.maximum = maximum};
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    arena_init(arena, arena->maximum);
}

bool arena_failed(const struct arena *arena)
{
    return arena->failed;
}

static struct arena_chunk *chunk_add(struct arena *arena, size_t need)
{
    size_t size = need > CHUNK_BYTES - HEADER_BYTES ? need : CHUNK_BYTES - HEADER_BYTES;
    size_t room = arena->maximum - arena->used;
    if (room < HEADER_BYTES || size > room - HEADER_BYTES) {
        return NULL;
    }
    struct arena_chunk *chunk = malloc(HEADER_BYTES + size);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct arena_chunk){.size = size};
    arena->used += HEADER_BYTES + size;
    /* A chunk made for a single large piece is linked behind the newest chunk, which still has
     * room. */
    if (arena->chunks != NULL && size == need) {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT) {
        arena->failed = true;
        return NULL;
    }
    size_t need = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < need) {
        chunk = chunk_add(arena, need);
        if (chunk == NULL) {
            arena->failed = true;
            return NULL;
        }
    }
    char *piece = (char *)chunk + HEADER_BYTES + chunk->used;
    chunk->used += need;
    return piece;
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
    va_list again;
    va_start(list, format);
    va_copy(again, list);
    /* First tries to print into the room left in the newest chunk, which nearly always suffices. */
    struct arena_chunk *chunk = arena->chunks;
    size_t room = chunk != NULL ? chunk->size - chunk->used : 0;
    char *here = room > 0 ? (char *)chunk + HEADER_BYTES + chunk->used : NULL;
    int length = vsnprintf(here, room, format, list);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text != NULL && text != here) {
        (void)vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(list);
    return text;
}
