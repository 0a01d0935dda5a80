/*
 * password_form.h - what a crypt(5) hash says of itself: its method, what it costs to verify, and
 * whether it is whole. Nothing is hashed here.
 */
#ifndef CUBBY_COMMON_IDENTITY_PASSWORD_FORM_H
#define CUBBY_COMMON_IDENTITY_PASSWORD_FORM_H

#include <stddef.h>

/* NULL when STORED is a whole hash by an accepted method (see password_hash_fault) that takes no
 * more time and memory than the dearest setting of that method in this program's own settings; and
 * then *LONGEST is the most bytes of a password that the method uses, of METHOD_USES_ALL if there
 * is no such limit. Otherwise a static text that says why not. */
const char *password_form_fault(const char *stored, size_t *longest);

enum { METHOD_USES_ALL = 511, BCRYPT_USES = 72, BCRYPT_COST_MAXIMUM = 20 };
enum { SHA_ROUNDS_MINIMUM = 1000, SHA_ROUNDS_MAXIMUM = 9999999 };

#endif
