/*
 * clock.h - time that passes. What time it is, a transport tells.
 */
#ifndef CUBBY_COMMON_BASE_CLOCK_H
#define CUBBY_COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some moment: for what lasts. Nobody sets this clock while it runs. */
int64_t monotonic_ms(void);

#endif
