/*
 * slots.h - how many of something go on at once, over all processes: places in a file that the
 * kernel guards, so that a process that dies leaves none taken.
 */
#ifndef CUBBY_COMMON_BASE_SLOTS_H
#define CUBBY_COMMON_BASE_SLOTS_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"

struct slots {
    const char *path; /* of the file, made when it is missing */
    const char *what; /* the places are for, in the log */
    int64_t first;    /* the places are those from this number on */
    int64_t count;    /* 0: no limit */
};

/* Takes one of the places SLOTS; waits for one at most TIMEOUT milliseconds. *SLOT is to be given
 * to slot_free; -1 when there is no limit. ERR_SERVICE_UNAVAILABLE when all stayed taken;
 * ERR_INSUFFICIENT_STORAGE, or ERR_INTERNAL, with a cause when the file can't be used. */
enum error_code slot_take(const struct slots *slots, int64_t timeout, int *slot,
                          struct cause *cause);

/* Accepts -1. */
void slot_free(int slot);

#endif
