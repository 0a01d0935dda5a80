/*
 * stamp.c - whether a file is still the one that was read.
 */
#include "common/base/stamp.h"

#include <stdint.h>
#include <sys/stat.h>

/* The clock of a file system ticks some hundred times a second: two changes in one tick look like
 * one. */
enum { TICK_MS = 100 };

static int64_t milliseconds_since(struct timespec then)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1000000;
}

static struct stamp look(const char *path)
{
    struct stat there;
    if (stat(path, &there) != 0) {
        return (struct stamp){0};
    }
    return (struct stamp){.device = there.st_dev,
                          .inode = there.st_ino,
                          .size = there.st_size,
                          .changed = there.st_ctim};
}

void stamp_take(struct stamp *stamp, const char *path)
{
    *stamp = look(path);
    int64_t age = milliseconds_since(stamp->changed);
    stamp->recent = age > -TICK_MS && age < TICK_MS;
}

void stamp_take_settled(struct stamp *stamp, const char *path)
{
    enum { TIMES = 3 };
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    stamp_take(stamp, path);
    for (int times = 0; stamp->recent && times < TIMES; times++) {
        (void)nanosleep(&tick, NULL);
        stamp_take(stamp, path);
    }
}

bool stamp_differs(const struct stamp *stamp, const char *path)
{
    const struct stamp now = look(path);
    return stamp->recent || now.device != stamp->device || now.inode != stamp->inode ||
           now.size != stamp->size || now.changed.tv_sec != stamp->changed.tv_sec ||
           now.changed.tv_nsec != stamp->changed.tv_nsec;
}

bool stamp_is_other_file(const struct stamp *stamp, const char *path)
{
    const struct stamp now = look(path);
    return now.device != stamp->device || now.inode != stamp->inode;
}
