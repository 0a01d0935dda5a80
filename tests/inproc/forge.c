/*
 * forge.c - tokens as an attacker, or cubby, would make them.
 */
#include "tests/inproc/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/md.h>

#include "common/base/digest.h"
#include "common/base/text.h"

const unsigned char forge_first_key[32] = "the first key, which also signs";
const unsigned char forge_second_key[32] = "the second key, only to verify!";
const unsigned char forge_foreign_key[32] = "a key of somebody else entirely";

static char *in_base64url(const unsigned char *bytes, size_t size)
{
    char *text = malloc(size * 4 / 3 + 8);
    if (text == NULL) {
        abort();
    }
    base64url_encode(bytes, size, text);
    return text;
}

char *forge_key_file(void)
{
    char *first = in_base64url(forge_first_key, sizeof forge_first_key);
    char *second = in_base64url(forge_second_key, sizeof forge_second_key);
    char *text = NULL;
    if (asprintf(&text,
                 "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"first\",\"k\":\"%s\"},"
                 "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"second\",\"k\":\"%s\"}]}\n",
                 first, second) < 0) {
        abort();
    }
    free(first);
    free(second);
    return text;
}

char *forge_token(const char *header, const char *payload, enum forge_hash hash,
                  const unsigned char *key, size_t key_size)
{
    char *left = in_base64url((const unsigned char *)header, strlen(header));
    char *right = in_base64url((const unsigned char *)payload, strlen(payload));
    char *token = NULL;
    if (asprintf(&token, "%s.%s.", left, right) < 0) {
        abort();
    }
    free(left);
    free(right);
    if (hash == FORGE_UNSIGNED) {
        return token;
    }
    digest_use_memory(calloc, free); /* cubby lets Mbed TLS work on arenas */
    unsigned char mac[64];
    mbedtls_md_type_t type = hash == FORGE_SHA512 ? MBEDTLS_MD_SHA512 : MBEDTLS_MD_SHA256;
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(type);
    size_t signed_size = strlen(token) - 1;
    if (info == NULL ||
        mbedtls_md_hmac(info, key, key_size, (const unsigned char *)token, signed_size, mac) != 0) {
        abort();
    }
    char *signature = in_base64url(mac, mbedtls_md_get_size(info));
    char *whole = NULL;
    if (asprintf(&whole, "%s%s", token, signature) < 0) {
        abort();
    }
    free(token);
    free(signature);
    return whole;
}
