/*
 * forge.h - tokens as an attacker, or cubby, would make them.
 */
#ifndef CUBBY_TESTS_INPROC_FORGE_H
#define CUBBY_TESTS_INPROC_FORGE_H

#include <stddef.h>

enum forge_hash { FORGE_SHA256, FORGE_SHA512, FORGE_UNSIGNED };

/* The two keys of the key file that the world has, and one that it has not. */
extern const unsigned char forge_first_key[32];
extern const unsigned char forge_second_key[32];
extern const unsigned char forge_foreign_key[32];

/* The text of the key file: first key `first`, second key `second`. To be freed. */
char *forge_key_file(void);

/* HEADER.PAYLOAD.SIGNATURE with the HMAC of KEY; FORGE_UNSIGNED leaves the last part empty. To be
 * freed. */
char *forge_token(const char *header, const char *payload, enum forge_hash hash,
                  const unsigned char *key, size_t key_size);

#endif
