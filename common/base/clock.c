/*
 * clock.c - the monotonic clock.
 */
#include "common/base/clock.h"

#include <sys/types.h>

#include <time.h>

/* Without these, 32-bit builds could not handle dates after 2038 and files of more than 2 GiB. */
_Static_assert(sizeof(time_t) == 8, "build with -D_TIME_BITS=64");
_Static_assert(sizeof(off_t) == 8, "build with -D_FILE_OFFSET_BITS=64");

int64_t monotonic_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
