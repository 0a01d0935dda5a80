/*
 * arena.h - the memory of one request.
 *
 * All allocations of a request come from one arena and are freed together; single pieces can't be
 * freed. An arena has a hard maximum. Once an allocation is refused the arena remembers it
 * (arena_failed), so that code which builds an answer may ignore single failures and the loop
 * still sees that the answer is incomplete.
 */
#ifndef CUBBY_COMMON_BASE_ARENA_H
#define CUBBY_COMMON_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes taken from the system, bookkeeping included */
    size_t maximum;             /* bytes that `used` may reach */
    bool failed;                /* an allocation was refused */
};

/* Makes ARENA empty with a hard maximum in bytes. Allocates nothing. */
void arena_init(struct arena *arena, size_t maximum);

/* Frees everything and clears the failure mark; the maximum stays. */
void arena_reset(struct arena *arena);

/* True once any allocation since arena_init or arena_reset was refused. */
bool arena_failed(const struct arena *arena);

/* SIZE bytes, not cleared, aligned for any type, valid until arena_reset. NULL when the maximum is
 * reached or the system has no memory. SIZE 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of SIZE bytes with a terminating NUL, or NULL. */
char *arena_copy(struct arena *arena, const char *from, size_t size);

/* printf into the arena; NULL when out of memory. */
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *arena, const char *format,
                                                         ...);

#endif
