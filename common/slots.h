/*
 * slots.h - how many password hashes run at once, over all processes: places in a file that the
 * kernel guards, so that a process that dies leaves none taken.
 */
#ifndef CUBBY_COMMON_SLOTS_H
#define CUBBY_COMMON_SLOTS_H

#include <stdint.h>

#include "common/arena.h"
#include "common/error.h"

/* Takes one of COUNT places in the file PATH, made when it is missing; waits for one at most
 * PATIENCE milliseconds. *SLOT is to be given to slot_free. COUNT 0: no limit, *SLOT is -1.
 * ERR_SERVICE_UNAVAILABLE when all stayed taken; ERR_INTERNAL with a cause when the file can't be
 * used. */
enum error_code slot_take(const char *path, int64_t count, int64_t patience, int *slot,
                          struct cause *cause);

/* Accepts -1. */
void slot_free(int slot);

#endif
