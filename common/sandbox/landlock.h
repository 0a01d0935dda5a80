/*
 * landlock.h - which files a process may still use (landlock(7)): a set of rules that is filled and
 * then holds for the rest of its life. What no rule names can't be opened, made, removed, renamed
 * or executed; connecting and listening by TCP, other processes' signals and abstract sockets are
 * out of reach where the kernel is new enough for that; with the network left open, signals alone.
 *
 * What Landlock does not restrict: asking what a file is (stat), files that are open already, and
 * of the network UDP, sockets that have a name in a folder, and connections made by what is sent
 * first (TCP fast open).
 */
#ifndef CUBBY_COMMON_SANDBOX_LANDLOCK_H
#define CUBBY_COMMON_SANDBOX_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* linux/landlock.h, which the C library's folder of headers need not have. */
enum {
    LANDLOCK_EXECUTE = 1 << 0,
    LANDLOCK_WRITE_FILE = 1 << 1,
    LANDLOCK_READ_FILE = 1 << 2,
    LANDLOCK_READ_DIR = 1 << 3,
    LANDLOCK_REMOVE_FILE = 1 << 5,
    LANDLOCK_MAKE_REG = 1 << 8,
    LANDLOCK_TRUNCATE = 1 << 14
};

struct landlock {
    int rules;        /* a descriptor; -1: the kernel has no Landlock */
    uint64_t handled; /* the rights that it knows */
};

/* Starts with no rule. NETWORK: connections stay as they are. */
void landlock_open(struct landlock *landlock, bool network);

/* Grants RIGHTS, without those that the kernel does not know or that make no sense for a file, to
 * PATH: a file, or a folder with all that is in it. A path that is not there grants nothing. */
void landlock_allow(const struct landlock *landlock, const char *path, uint64_t rights);

/* Puts the rules into force, and releases them; false when the kernel did not. Needs
 * PR_SET_NO_NEW_PRIVS. */
bool landlock_enter(struct landlock *landlock);

/* The version of Landlock that this kernel has; 0: none. */
int landlock_version(void);

#endif
