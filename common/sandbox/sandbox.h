/*
 * sandbox.h - a program gives up what its requests do not need: other files (Landlock,
 * landlock(7)), other system calls (seccomp(2)), new privileges, being looked into by others of its
 * user, and more memory, file size and processor time than any request takes.
 *
 * What is refused fails; nothing kills. A file that no rule names: EACCES. A system call that the
 * list `calls` does not have: ENOSYS, as in a kernel that is too old for it, because a C library
 * then takes another way, so that one which is newer than the list breaks no request. A client that
 * found a way to have something refused gets the error of the contract that any failing call
 * becomes, never an answer cut short by a killed process. Killing for the worst calls (execve,
 * fork, socket) would stop them no better, and each comparison costs every process some 75 ns.
 *
 * What it costs a process is the kernel's work of setting it up. Landlock and the limits take 6
 * to 12 microseconds where an execution that reads takes 150, and 4.7 in a program that does
 * nothing else: 2.2 the domain itself, 1.1 each rule, 0.9 the three limits, 0.1 each file that is
 * opened then; seccomp 25, of which one instruction that allows all would take 14, and as much
 * again at the end of the process: Apache's mod_cgid, which looks whether a program has ended as
 * soon as its answer has, then finds it alive three times as often and sleeps for 10 ms (a third of
 * the requests a second is left). So a process for one request has no filter unless the settings
 * say `sandbox = all`. One that stays pays once, and has it always.
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
enum sandbox_part {
    SANDBOX_LANDLOCK = 1,
    SANDBOX_SECCOMP = 2,
    SANDBOX_CONFINES = SANDBOX_LANDLOCK | SANDBOX_SECCOMP, /* for good */
    SANDBOX_LIMITS = 4                                     /* sandbox_renew has to be called */
};

struct sandbox_needs {
    const struct config *config;
    bool writes;         /* false: the program changes nothing, and needs no keys */
    bool keys_have_rule; /* sandbox_has_folder does not hold for the key file */
    bool stays;          /* it serves many requests, over a socket */
};

/* Confines the process. Returns what is in force: nothing when the settings say `sandbox = off`;
 * seccomp as said above. */
unsigned sandbox_enter(const struct sandbox_needs *needs);

/* Whether PATH can still be opened when another file was put there: it lies in the folder of the
 * database, and is no symbolic link. */
bool sandbox_has_folder(const struct config *config, const char *path);

/* For a process that stays and has limits: gives the next request its processor time. That is an
 * hour, or what the limit that can be raised again (the soft one, setrlimit(2)) left the process
 * when it was confined, where that is less: so it is raised above what was there by no more than
 * the process has used, in whole seconds begun, and never above the hard one. */
void sandbox_renew(void);

/* What this kernel offers, found out by asking it; changes nothing. */
unsigned sandbox_offered(void);

/* PARTS that confine as an array of JSON, the names of the kernel's: ["landlock","seccomp"].
 * Static.
 */
const char *sandbox_json(unsigned parts);

#endif
