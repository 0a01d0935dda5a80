/*
 * token.h - access tokens: JWTs (RFC 7519) signed with HS256, keys from a JWKS file (RFC 7517).
 * token.c is the only file that includes jwt.h.
 */
#ifndef CUBBY_COMMON_IDENTITY_TOKEN_H
#define CUBBY_COMMON_IDENTITY_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

enum {
    TOKEN_MAXIMUM = 4096,       /* the most bytes of a token; longer ones are refused unread */
    TOKEN_KEY_MINIMUM = 32,     /* bytes of a key (RFC 7518 section 3.2) */
    TOKEN_KEY_ID_MAXIMUM = 256, /* bytes of a `kid`, which stands in every token, escaped */
    TOKEN_KEY_FILE_SIZE = 4096, /* a key file must be smaller; this is room for dozens of keys and
                                   fits on the stack */
    TOKEN_ID_SIZE = 32,         /* characters of `jti` */
    TOKEN_CLOCK_TOLERANCE = 60  /* seconds that `iat` may lie ahead */
};

struct token_keys;

struct token_claims {
    int64_t user_id;
    int64_t epoch;   /* the user's, when the token was issued */
    int64_t issued;  /* seconds since 1970 */
    int64_t expires; /* seconds since 1970 */
    int64_t started; /* `auth_time`, when the password was given, seconds since 1970; 0: not said */
    char id[TOKEN_ID_SIZE + 1];

    /* For a device token (device.h), which has no claims of its own: what the database says about
     * it. */
    int64_t device; /* its number; 0: this is an access token, which allows everything */
    bool reads_only;
    struct text prefix; /* keys it may touch start with this */
};

enum token_state { TOKEN_VALID, TOKEN_INVALID, TOKEN_EXPIRED };

/* Reads the key file. Each key must be of type `oct` with at least TOKEN_KEY_MINIMUM bytes, a
 * `kid` of at most TOKEN_KEY_ID_MAXIMUM, or none, and, where it names an algorithm, HS256. On
 * success *OUT is the caller's, to be freed with token_keys_free; otherwise ERR_INTERNAL with a
 * cause that holds no key material. */
enum error_code token_keys_load(const char *path, struct token_keys **out, struct cause *cause);

/* Accepts NULL. */
void token_keys_free(struct token_keys *keys);

/* Signs CLAIMS with the first key: *OUT is the compact JWT, on ARENA. ERR_INTERNAL, with a cause,
 * when memory is out or the library refuses. */
enum error_code token_sign(const struct token_keys *keys, const struct token_claims *claims,
                           struct arena *arena, const char **out, struct cause *cause);

/* Verifies TOKEN at the time NOW (seconds since 1970): HS256 whatever the token says, the keys that
 * its `kid` names (those without one when it has none), signature, times and the type of every
 * claim. Fills CLAIMS when TOKEN_VALID. TOKEN_INVALID also when memory is out, which arena_failed
 * tells. */
enum token_state token_verify(const struct token_keys *keys, struct arena *arena, struct text token,
                              int64_t now, struct token_claims *claims);

/* Checks a key file for the operator: calls REPORT for each problem. False when there was one. */
bool token_keys_check(const char *path, void (*report)(void *self, const char *problem),
                      void *self);

/* Calls REPORT for every two keys of a file without fault that have one name (or none), or one
 * secret: each works, but is there once more when the other is taken out. */
void token_keys_doubles(const char *path, void (*report)(void *self, const char *problem),
                        void *self);

/* The text of a new key file with one key made of KEY (TOKEN_KEY_MINIMUM bytes), named KID. Printed
 * by cJSON; NULL when memory is out. */
const char *token_keys_text(const unsigned char *key, const char *kid);

#endif
