/*
 * slots.c - a limit on how many of something run at once.
 */
#include "common/base/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

/* Open file description locks (OFD), which belong to the open file and not to the process: two
 * slots of one process exclude each other too, and closing another descriptor of the file releases
 * nothing. */
static bool lock_slot(int file, int64_t slot)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1};
    return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

/* Whether a lock of somebody else, of any kind, is on PLACE. */
static bool is_locked(int file, int64_t place)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
    return fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* The same with a file that may only be read, on which nobody can have an exclusive lock: of two
 * who take a shared one at the same time, each sees the other and lets go. */
static bool share_slot(int file, int64_t place)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
    if (is_locked(file, place) || fcntl(file, F_OFD_SETLK, &lock) != 0) {
        return false;
    }
    if (!is_locked(file, place)) {
        return true;
    }
    lock.l_type = F_UNLCK;
    (void)fcntl(file, F_OFD_SETLK, &lock);
    errno = EAGAIN;
    return false;
}

/* 0: taken. Otherwise an errno; EAGAIN when all are taken. */
static int try_slots(int file, bool shared, const struct slots *slots)
{
    /* Each process starts at another slot, so that fewer of its attempts find one taken. */
    int64_t start = getpid();
    for (int64_t i = 0; i < slots->count; i++) {
        int64_t first = shared ? slots->instead_first : slots->first;
        int64_t place = first + (start + i) % slots->count;
        errno = EAGAIN;
        if (shared ? share_slot(file, place) : lock_slot(file, place)) {
            return 0;
        }
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            return errno;
        }
    }
    return EAGAIN;
}

/* Opens the file of the places; *SHARED when it may only be read. */
static int open_slots(const struct slots *slots, bool *shared)
{
    int file = open(slots->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    *shared = file < 0 && slots->instead != NULL && (errno == EROFS || errno == EACCES);
    return *shared ? open(slots->instead, O_RDONLY | O_CLOEXEC | O_NOCTTY) : file;
}

const char *slots_of_users(struct arena *arena, const char *beside)
{
    return arena_printf(arena, "%s-transfers", beside);
}

static void pause_ms(int64_t milliseconds)
{
    struct timespec time = {.tv_sec = 0, .tv_nsec = (long)milliseconds * 1000000};
    (void)nanosleep(&time, NULL);
}

enum error_code slot_take(const struct slots *slots, int64_t timeout, int *slot,
                          struct cause *cause)
{
    enum { PAUSE_LEAST = 2, PAUSE_MOST = 40 };
    *slot = -1;
    if (slots->count == 0) {
        return ERR_NONE;
    }
    bool shared;
    int file = open_slots(slots, &shared);
    if (file < 0) {
        bool full = errno == ENOSPC || errno == EDQUOT;
        return cause_set(cause, full ? ERR_INSUFFICIENT_STORAGE : ERR_INTERNAL, "%s: %s",
                         slots->path, strerror(errno));
    }
    int64_t end = monotonic_ms() + timeout;
    int problem = try_slots(file, shared, slots);
    for (int64_t wait = PAUSE_LEAST; problem == EAGAIN && monotonic_ms() < end;) {
        pause_ms(wait);
        wait = wait * 2 < PAUSE_MOST ? wait * 2 : PAUSE_MOST;
        problem = try_slots(file, shared, slots);
    }
    if (problem == 0) {
        *slot = file;
        return ERR_NONE;
    }
    (void)close(file);
    if (problem == EAGAIN) {
        cause->waited = true;
        return cause_set(cause, ERR_SERVICE_UNAVAILABLE, "all %d places for %s stayed taken",
                         (int)slots->count, slots->what);
    }
    return cause_set(cause, ERR_INTERNAL, "%s: %s", slots->path, strerror(problem));
}

void slot_free(int slot)
{
    if (slot >= 0) {
        (void)close(slot);
    }
}
