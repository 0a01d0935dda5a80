/*
 * password.h - hashing and verifying passwords with libxcrypt. password.c is the only file that
 * includes crypt.h.
 */
#ifndef CUBBY_COMMON_IDENTITY_PASSWORD_H
#define CUBBY_COMMON_IDENTITY_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

enum {
    PASSWORD_MINIMUM = 8,   /* bytes */
    PASSWORD_MAXIMUM = 512, /* bytes */
    PASSWORD_SALT_BYTES = 16
};

/* How new hashes are made. */
struct password_policy {
    const char *method; /* yescrypt, scrypt, bcrypt, sha512crypt */
    int64_t cost;       /* in the method's own unit; 0: its default */
};

/* True when METHOD is known and COST in its range; otherwise *REASON is a static text. */
bool password_policy_valid(const char *method, int64_t cost, const char **reason);

/* NULL when PASSWORD is long enough and has an upper-case letter, a lower-case letter (of any
 * script), a digit and a special character (any that is no ASCII letter or digit); otherwise a
 * static text that says what is missing. */
const char *password_weakness(struct text password);

/* Hashes PASSWORD (at most PASSWORD_MAXIMUM bytes, no NUL) by POLICY. SALT is PASSWORD_SALT_BYTES
 * random bytes that are used for nothing else. *OUT is a crypt(5) string on ARENA. By default this
 * takes tens of milliseconds and up to 18 MB. ERR_INTERNAL when memory is out. */
enum error_code password_hash(struct arena *arena, const unsigned char *salt,
                              const struct password_policy *policy, struct text password,
                              const char **out, struct cause *cause);

/* NULL when STORED is a whole crypt(5) hash by a method that is accepted: those of the policy, the
 * other names of bcrypt ($2a$, $2y$), gost-yescrypt and sha256crypt; nothing weaker, and nothing
 * that takes more time or memory than the dearest setting of its method. Otherwise a static text
 * that says why not. */
const char *password_hash_fault(struct text stored);

/* Whether PASSWORD matches the hash STORED, in which password_hash_fault finds no fault, after the
 * same work whether it does or not. ERR_INTERNAL when memory is out; ERR_INVALID_CREDENTIALS,
 * without a cause and without that work, when libxcrypt can't use the hash all the same. */
enum error_code password_verify(struct arena *arena, const char *stored, struct text password,
                                bool *matches, struct cause *cause);

/* True when STORED was made by another method or cost than POLICY asks for. */
bool password_outdated(const char *stored, const struct password_policy *policy);

#endif
