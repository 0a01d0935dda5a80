/*
 * fuzz.c - what the targets of fuzzing share.
 */
#include "tests/fuzz/fuzz.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <jansson.h>

#include "common/json/json.h"

/* NOLINTBEGIN(*reserved-identifier,cert-dcl*): the sanitizers' own names */

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1:"
           "malloc_context_size=6:quarantine_size_mb=16";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}

/* NOLINTEND(*reserved-identifier,cert-dcl*) */

enum { ARENA_MAXIMUM = 64 * 1024 * 1024 };

struct arena fuzz_arena;

void fuzz_check(bool good, const char *format, ...)
{
    if (good) {
        return;
    }
    va_list list;
    va_start(list, format);
    (void)fputs("difference: ", stderr);
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    abort();
}

/* ---- time
 *
 * An input may take a second of this process's own time, however busy the machine is; libFuzzer
 * itself only looks at the clock on the wall. */

enum { TICK_US = 250000, TICKS_MAXIMUM = 4 };

static volatile sig_atomic_t running;
static volatile uint32_t number; /* of the present input */

static void tick(int signal)
{
    static uint32_t seen;
    static int ticks;
    (void)signal;
    if (running == 0 || seen != number) {
        seen = number;
        ticks = 0;
    } else if (++ticks > TICKS_MAXIMUM) {
        static const char message[] = "difference: an input takes more than a second\n";
        (void)!write(STDERR_FILENO, message, sizeof message - 1);
        abort();
    }
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    json_object_seed(1); /* the same for every run */
    arena_init(&fuzz_arena, ARENA_MAXIMUM);
    fuzz_start();
    const struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    const struct itimerval timer = {.it_interval = {.tv_usec = TICK_US},
                                    .it_value = {.tv_usec = TICK_US}};
    fuzz_check(sigaction(SIGPROF, &action, NULL) == 0 && setitimer(ITIMER_PROF, &timer, NULL) == 0,
               "no timer");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    number++;
    running = 1;
    json_use_arena(&fuzz_arena);
    fuzz_one((struct text){.at = size > 0 ? (const char *)data : "", .size = size});
    arena_reset(&fuzz_arena);
    running = 0;
    return 0;
}

struct text fuzz_line(struct text *rest)
{
    const char *end = memchr(rest->at, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->at) : rest->size;
    struct text line = {.at = rest->at, .size = size};
    size += end != NULL ? 1 : 0;
    rest->at += size;
    rest->size -= size;
    return line;
}

const char *fuzz_string(struct text text)
{
    const char *copy = arena_copy(&fuzz_arena, text.at, strnlen(text.at, text.size));
    fuzz_check(copy != NULL, "out of memory");
    return copy;
}

const char *fuzz_file(const char *at, size_t size)
{
    static int file = -1;
    static char path[32];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    fuzz_check(ftruncate(file, 0) == 0 && pwrite(file, at, size, 0) == (ssize_t)size, "no file");
    return path;
}
