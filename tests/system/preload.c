/*
 * preload.c - a library to be loaded before those of a program (LD_PRELOAD), so that what seldom
 * fails does.
 *
 *   FAULT_MEMORY=N   the N-th request for memory of the program itself gets none; what shared
 * libraries do then is theirs FAULT_CONNECT=N  the N-th connection gets no memory from libpq
 *   FAULT_EMPTY=N    from its N-th call on PQgetResult has nothing, as if libpq had lost count
 *   FAULT_PEAK=1     none: at its end the program prints to standard error how many KiB it has had
 *   FAULT_LATE=N     from its second connection on, the clock is N seconds ahead
 *   FAULT_REST=1     waits for a request without limit, so that a program keeps its connection to
 * the server
 *   FAULT_OLD=1      the server does not tell whether it is a copy, as none did before version 14
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *PQgetResult(void *connection);
const char *PQparameterStatus(const void *connection, const char *name);
void *PQconnectdbParams(const char *const *names, const char *const *values, int expand);

/* Whether this is the call that the variable NAME means; *COUNT calls were made before. */
static bool is_due(const char *name, long *count, bool and_later)
{
    const char *text = getenv(name);
    long number = text != NULL ? strtol(text, NULL, 10) : 0;
    ++*count;
    return number > 0 && (*count == number || (and_later && *count > number));
}

/* Whether CALLER is code of the program: it lies where the table of the program's headers says. */
static bool is_own(uintptr_t caller)
{
    enum { PAGE = 4096 };
    const uintptr_t table = getauxval(AT_PHDR);
    const uintptr_t base = table / PAGE * PAGE;
    const ElfW(Phdr) *header = (const void *)table;
    uintptr_t end = base;
    for (unsigned long left = getauxval(AT_PHNUM); left > 0; left--, header++) {
        if (header->p_type == PT_LOAD && base + header->p_vaddr + header->p_memsz > end) {
            end = base + header->p_vaddr + header->p_memsz;
        }
    }
    return caller >= base && caller < end;
}

static bool memory_is_out(void *caller)
{
    static long count;
    if (getenv("FAULT_MEMORY") == NULL || !is_own((uintptr_t)caller) ||
        !is_due("FAULT_MEMORY", &count, false)) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return memory_is_out(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return memory_is_out(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return memory_is_out(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

static time_t ahead; /* seconds */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += result == 0 ? ahead : 0;
    return (int)result;
}

/* Who stops a process and lets it go on ends such a wait, too. */
int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout,
                const sigset_t *signals)
{
    bool rests = getenv("FAULT_REST") != NULL;
    long ready;
    do {
        ready =
            syscall(SYS_epoll_pwait, epoll, events, most, rests ? -1 : timeout, signals, _NSIG / 8);
    } while (ready < 0 && errno == EINTR && rests);
    return (int)ready;
}

void *PQconnectdbParams(const char *const *names, const char *const *values, int expand)
{
    static long count;
    static long late;
    static void *(*next)(const char *const *, const char *const *, int);
    if (is_due("FAULT_CONNECT", &count, false)) {
        return NULL;
    }
    if (++late == 2 && getenv("FAULT_LATE") != NULL) {
        ahead += strtol(getenv("FAULT_LATE"), NULL, 10);
    }
    if (next == NULL) {
        *(void **)(void *)&next = dlsym(RTLD_NEXT, "PQconnectdbParams");
    }
    return next(names, values, expand);
}

void *PQgetResult(void *connection)
{
    static long count;
    static void *(*next)(void *);
    if (is_due("FAULT_EMPTY", &count, true)) {
        return NULL;
    }
    if (next == NULL) {
        *(void **)(void *)&next = dlsym(RTLD_NEXT, "PQgetResult");
    }
    return next(connection);
}

const char *PQparameterStatus(const void *connection, const char *name)
{
    static const char *(*next)(const void *, const char *);
    if (getenv("FAULT_OLD") != NULL && strcmp(name, "in_hot_standby") == 0) {
        return NULL;
    }
    if (next == NULL) {
        *(void **)(void *)&next = dlsym(RTLD_NEXT, "PQparameterStatus");
    }
    return next(connection, name);
}

__attribute__((destructor)) static void print_peak(void)
{
    struct rusage usage;
    if (getenv("FAULT_PEAK") != NULL && getrusage(RUSAGE_SELF, &usage) == 0) {
        (void)fprintf(stderr, "%ld\n", usage.ru_maxrss);
    }
}
