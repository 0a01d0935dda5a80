/*
 * device.h - the text of a device token. It is opaque to clients, but contains the user and the
 * token's number, so that the service finds it without an index on its hash:
 *
 * cubby_<user id>_<number>_<secret>
 *
 * The secret is 256 random bits in base64url. Only its digest is stored; for so many bits no slow
 * hash is needed.
 */
#ifndef CUBBY_COMMON_IDENTITY_DEVICE_H
#define CUBBY_COMMON_IDENTITY_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/text.h"

enum {
    DEVICE_SECRET_BYTES = 32,
    DEVICE_SECRET_SIZE = 43,        /* its characters */
    DEVICE_NUMBER_MAXIMUM = 1 << 20 /* numbers are below it; 0 is none */
};

struct device_token {
    int64_t user_id;
    int64_t number;     /* of the user's, from 1 */
    struct text secret; /* DEVICE_SECRET_SIZE characters */
};

/* True when TEXT begins like a device token, well-formed or not. */
bool looks_like_device_token(struct text text);

/* Splits TEXT; the secret in OUT is a slice of it. False when TEXT is not of the form above. */
bool device_token_parse(struct text text, struct device_token *out);

/* The number that RANDOM, of at least 0, draws; of a number the next one. Numbers are drawn, not
 * counted, so that the one of a token that has ended, which somebody may have noted, is not that of
 * the next token: neither after it was deleted nor after an older backup was restored. */
int64_t device_number(int64_t random);

/* Writes the secret made of DEVICE_SECRET_BYTES random BYTES, which are wiped: DEVICE_SECRET_SIZE
 * characters and a NUL. */
void device_secret_make(unsigned char *bytes, char out[DEVICE_SECRET_SIZE + 1]);

/* The whole token on ARENA, or NULL. */
const char *device_token_text(struct arena *arena, int64_t user_id, int64_t number,
                              const char *secret);

#endif
