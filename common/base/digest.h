/*
 * digest.h - SHA-384 from the cryptographic library that libjwt brings along.
 */
#ifndef CUBBY_COMMON_BASE_DIGEST_H
#define CUBBY_COMMON_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/text.h"

enum { DIGEST_BYTES = 48, DIGEST_TEXT_SIZE = 65 };

/* Writes the SHA-384 (FIPS 180-4) of TEXT in base64url, 64 characters and a NUL. False
 * when the library fails. */
bool digest_text(struct text text, char out[DIGEST_TEXT_SIZE]);

/* Sets *OUT to the first 63 bits of that digest, a number that identifies TEXT. False as above. */
bool digest_number(struct text text, int64_t *out);

/* Makes Mbed TLS, where it is the library in use, allocate with TAKE, which must behave like
 * calloc, and free with GIVE_BACK. This is global to the process. */
void digest_use_memory(void *(*take)(size_t count, size_t size), void (*give_back)(void *piece));

#endif
