/*
 * memory.c - makes the n-th allocation fail.
 */
#include "tests/inproc/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* NOLINTBEGIN(*reserved-identifier,cert-dcl*): names that the linker and the sanitizer give */

/* Of the sanitizer's run-time library; gcc brings no header for it. */
size_t __sanitizer_get_current_allocated_bytes(void);

static size_t countdown; /* 0: nothing is to fail */
static bool lasts;
static bool failed;

void memory_fail_at(size_t number, bool lasting)
{
    countdown = number;
    lasts = lasting;
    failed = false;
}

bool memory_stop(void)
{
    bool struck = failed;
    countdown = 0;
    lasts = false;
    failed = false;
    return struck;
}

size_t memory_in_use(void)
{
    return __sanitizer_get_current_allocated_bytes();
}

static bool fails(void)
{
    if (failed && lasts) {
        return true;
    }
    if (countdown == 0 || --countdown > 0) {
        return false;
    }
    failed = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
/* With 64-bit file offsets glibc calls mmap by this name. */
void *__real_mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset);

static void *out_of_memory(void *nothing)
{
    errno = ENOMEM;
    return nothing;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? out_of_memory(NULL) : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? out_of_memory(NULL) : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? out_of_memory(NULL) : __real_realloc(old, size);
}

void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return fails() ? out_of_memory(MAP_FAILED)
                   : __real_mmap64(at, size, protection, flags, file, offset);
}

/* NOLINTEND(*reserved-identifier,cert-dcl*) */
