/*
 * clock.h - measuring durations. The time of day comes from the transport.
 */
#ifndef CUBBY_COMMON_BASE_CLOCK_H
#define CUBBY_COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds on the monotonic clock, which nobody can set: for timeouts and durations. */
int64_t monotonic_ms(void);

#endif
