/*
 * slots.h - a limit on how many of something run at once, over all processes. Slots are locks on
 * bytes of a file: the kernel releases those of a process that ends, however it ends.
 */
#ifndef CUBBY_COMMON_BASE_SLOTS_H
#define CUBBY_COMMON_BASE_SLOTS_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"

struct slots {
    const char *path; /* of the file, made when it is missing */
    /* Where that can't be made or written to: a file that is there, whose far bytes are locked
     * instead; NULL: none. Closing it takes all POSIX locks on it from the process (fcntl(2)), so
     * it must not be the database, on which SQLite has some as long as a connection lives. */
    const char *instead;
    int64_t instead_first; /* the number of the first slot there; others share that file */
    const char *what;      /* what the slots are for, as the log names it */
    int64_t first;         /* the number of the first slot */
    int64_t count;         /* 0: no limit */
};

/* The name of the file beside BESIDE in which the slots of single users are: those for transfers by
 * the numbers of users, and from SLOTS_WAITS on those for calls that wait. NULL when memory is out.
 */
const char *slots_of_users(struct arena *arena, const char *beside);

#define SLOTS_WAITS (INT64_C(1) << 56)

/* Where the numbers begin in a file that has another purpose: behind what anybody else locks there.
 * Those of transfers by the numbers of users, and those of password hashes. */
#define SLOTS_SHARED_TRANSFERS (INT64_C(1) << 56)
#define SLOTS_SHARED_HASHES (INT64_C(1) << 60)

/* Takes one of SLOTS, and waits for one at most TIMEOUT milliseconds. Pass *SLOT to slot_free; it
 * is -1 when there is no limit. ERR_SERVICE_UNAVAILABLE when all stayed taken;
 * ERR_INSUFFICIENT_STORAGE or ERR_INTERNAL, with a cause, when the file can't be used. */
enum error_code slot_take(const struct slots *slots, int64_t timeout, int *slot,
                          struct cause *cause);

/* Accepts -1. */
void slot_free(int slot);

#endif
