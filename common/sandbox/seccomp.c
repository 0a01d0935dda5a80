/*
 * seccomp.c - brings a filter into the kernel.
 */
#include "common/sandbox/seccomp.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/filter.h and linux/seccomp.h, which the C library's folder of headers need not have. */
struct instruction {
    uint16_t code;
    uint8_t jump_if;
    uint8_t jump_else;
    uint32_t constant;
};

struct list {
    unsigned short count;
    const struct instruction *at;
};

enum { SET_MODE_FILTER = 1, FLAG_SPEC_ALLOW = 4, MODE_FILTER = 2 };

#include "common/sandbox/filters.h"

#ifdef SANDBOX_NO_FILTERS

bool seccomp_enter(enum seccomp_filter filter)
{
    (void)filter;
    return false;
}

bool seccomp_offered(void)
{
    return false;
}

#else

#define LIST(filter)                                                                               \
    {                                                                                              \
        sizeof(filter) / sizeof *(filter), filter                                                  \
    }

static const struct list filters[] = {[SECCOMP_READ] = LIST(filter_read),
                                      [SECCOMP_WRITE] = LIST(filter_write),
                                      [SECCOMP_STAY] = LIST(filter_stay),
                                      [SECCOMP_CONNECT] = LIST(filter_connect)};

bool seccomp_enter(enum seccomp_filter filter)
{
#ifdef SYS_seccomp
    /* Until Linux 5.16 a filter made the processor slower, against code of strangers in the same
     * process; there is none here. */
    if (syscall(SYS_seccomp, SET_MODE_FILTER, FLAG_SPEC_ALLOW, &filters[filter]) == 0) {
        return true;
    }
#endif
    return prctl(PR_SET_SECCOMP, MODE_FILTER, &filters[filter]) == 0;
}

bool seccomp_offered(void)
{
    /* A kernel that takes filters looks where this one should be, and finds nothing. */
    return prctl(PR_SET_SECCOMP, MODE_FILTER, NULL) != 0 && errno == EFAULT;
}

#endif
