/*
 * sandbox.h - a program gives up what its requests do not need: other files (Landlock,
 * landlock(7)), other system calls (seccomp(2)), new privileges, being looked into by others of its
 * user, and more memory, file size and processor time than any request takes.
 *
 * What is refused, and how. A file that no rule names: EACCES. A system call that the list `calls`
 * does not have: ENOSYS, as in a kernel that is too old for it, because a C library then takes
 * another way and a program goes on; so a library that is newer than the list breaks no request.
 * The few calls that no request makes in any library, and that whoever has taken a program over
 * would make first (execve, fork, clone, ptrace, socket) end the process by SIGSYS: nothing it
 * would still write is to be believed, and the operator sees it. An answer is built in memory and
 * written after the commit, so neither can make half of one out of a request that was served.
 *
 * A kernel without one of them: it goes on with what there is. Nothing is put into a log here, and
 * no path or text of a client is kept.
 *
 * Confinement is for good: only a transport that has the process for itself asks for it.
 */
#ifndef CUBBY_COMMON_SANDBOX_SANDBOX_H
#define CUBBY_COMMON_SANDBOX_SANDBOX_H

#include <stdbool.h>

#include "common/settings/config.h"

/* What is in force; a set of these. */
enum sandbox_part { SANDBOX_LANDLOCK = 1, SANDBOX_SECCOMP = 2 };

struct sandbox_needs {
    const struct config *config;
    const char *settings; /* the file they were read from, if it may be read again; else NULL */
    bool writes;          /* false: the program changes nothing */
    bool stays;           /* it serves many requests, over a socket */
};

/* Confines the process. Returns what is in force: nothing when the settings say `sandbox = off`. */
unsigned sandbox_enter(const struct sandbox_needs *needs);

/* For a process that stays and is confined: gives the next request its processor time. */
void sandbox_renew(void);

/* What this kernel offers, found out by asking it; changes nothing. */
unsigned sandbox_offered(void);

/* PARTS as an array of JSON, the names of the kernel's: ["landlock","seccomp"]. Static. */
const char *sandbox_json(unsigned parts);

#endif
