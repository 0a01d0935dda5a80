/*
 * stamp.h - whether a file is still the one that was read.
 */
#ifndef CUBBY_COMMON_BASE_STAMP_H
#define CUBBY_COMMON_BASE_STAMP_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* What a file showed of itself. All zero: there was none, or nobody looked yet. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed; /* its status, which every way of changing it sets */
    bool recent;             /* that was just before: a further change may not show */
};

/* Looks at the file at PATH; to be called before it is read. */
void stamp_take(struct stamp *stamp, const char *path);

/* The same, but a file that has just changed is given time, a few tenths of a second at most, so
 * that a further change shows. */
void stamp_take_settled(struct stamp *stamp, const char *path);

/* Whether the file at PATH may be another one, or have another content, than when STAMP was taken.
 */
bool stamp_differs(const struct stamp *stamp, const char *path);

/* Whether another file is at PATH, or none; the same one may have grown. */
bool stamp_is_other_file(const struct stamp *stamp, const char *path);

#endif
