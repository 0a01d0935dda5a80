/*
 * seccomp.h - which system calls a process may still make (seccomp(2)): those of one of the filters
 * that filters.pl makes, from the list `calls`, while cubby is built.
 */
#ifndef CUBBY_COMMON_SANDBOX_SECCOMP_H
#define CUBBY_COMMON_SANDBOX_SECCOMP_H

#include <stdbool.h>

/* The filters, from the smallest to the largest; the last one for who connects to a server by a
 * library that calls what it pleases. */
enum seccomp_filter { SECCOMP_READ, SECCOMP_WRITE, SECCOMP_STAY, SECCOMP_CONNECT };

/* Puts FILTER into force; false when the kernel did not, or there is none for this processor. Needs
 * PR_SET_NO_NEW_PRIVS. */
bool seccomp_enter(enum seccomp_filter filter);

/* Whether this kernel takes filters, and there is one for this processor. */
bool seccomp_offered(void);

#endif
