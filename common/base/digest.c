/*
 * digest.c - SHA-384: Mbed TLS in the static build, OpenSSL where the system's libraries are used.
 */
#include "common/base/digest.h"

#ifdef CUBBY_DIGEST_OPENSSL
#include <openssl/evp.h>

static bool digest_bytes(struct text text, unsigned char out[DIGEST_BYTES])
{
    return EVP_Digest(text.at, text.size, out, NULL, EVP_sha384(), NULL) == 1;
}

void digest_use_memory(void *(*take)(size_t count, size_t size), void (*give_back)(void *piece))
{
    (void)take;
    (void)give_back;
}
#else
#include <mbedtls/platform.h>
#include <mbedtls/sha512.h>

static bool digest_bytes(struct text text, unsigned char out[DIGEST_BYTES])
{
    return mbedtls_sha512((const unsigned char *)text.at, text.size, out, 1) == 0;
}

void digest_use_memory(void *(*take)(size_t count, size_t size), void (*give_back)(void *piece))
{
    (void)mbedtls_platform_set_calloc_free(take, give_back);
}
#endif

bool digest_text(struct text text, char out[DIGEST_TEXT_SIZE])
{
    unsigned char bytes[DIGEST_BYTES];
    if (!digest_bytes(text, bytes)) {
        return false;
    }
    base64url_encode(bytes, sizeof bytes, out);
    return true;
}

bool digest_number(struct text text, int64_t *out)
{
    unsigned char bytes[DIGEST_BYTES];
    if (!digest_bytes(text, bytes)) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; i++) {
        number = number << 8 | bytes[i];
    }
    *out = (int64_t)(number >> 1);
    return true;
}
