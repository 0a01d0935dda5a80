/*
 * process.c - environment, clock, random bytes and program of the process.
 *
 * Beside it only the files of the transports use the environment, or read and write the file
 * descriptors 0 and 1.
 */
#include "common/http/process.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(CUBBY_OWN_HEAP) && defined(__LP64__)
/* Replaces the C library's function, which first looks up the call in the kernel's shared object
 * (vDSO). For a process that asks for the time twice, that costs more than two system calls. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    return (int)syscall(SYS_clock_gettime, clock, time);
}

time_t time(time_t *out)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
#endif

const char *environment_value(char **environment, const char *name, size_t *place)
{
    /* Cheaper than getenv: most variables that are asked for are not there, and the first character
     * usually tells. */
    size_t length = strlen(name);
    while (environment[*place] != NULL) {
        const char *entry = environment[(*place)++];
        if (entry[0] == name[0] && strncmp(entry, name, length) == 0 && entry[length] == '=') {
            return entry + length + 1;
        }
    }
    return NULL;
}

const char *process_variable(struct transport *transport, const char *name)
{
    size_t place = 0;
    return process_next_value(transport, name, &place);
}

const char *process_next_value(struct transport *transport, const char *name, size_t *place)
{
    (void)transport;
    return environment_value(environ, name, place);
}

int64_t process_now_ms(struct transport *transport)
{
    (void)transport;
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0
               ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000
               : 0;
}

bool process_random(struct transport *transport, unsigned char *bytes, size_t size)
{
    (void)transport;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
    return true;
}

void process_close_inherited(void)
{
#ifdef SYS_close_range
    (void)syscall(SYS_close_range, STDERR_FILENO + 1L, (long)UINT_MAX, 0L);
#endif
}

void process_note_program(struct process_program *program)
{
    ssize_t length = readlink("/proc/self/exe", program->path, PROCESS_PATH_ROOM);
    if (length < 0 || length >= PROCESS_PATH_ROOM) {
        length = 0; /* without /proc, who upgrades has to end the processes */
    }
    program->path[length] = '\0';
    if (stat(program->path, &program->image) != 0) {
        program->image = (struct stat){0};
    }
}

bool process_was_replaced(const struct process_program *program)
{
    const struct stat *then = &program->image;
    struct stat there;
    return program->path[0] != '\0' &&
           (stat(program->path, &there) != 0 || there.st_dev != then->st_dev ||
            there.st_ino != then->st_ino || there.st_mtim.tv_sec != then->st_mtim.tv_sec ||
            there.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}
