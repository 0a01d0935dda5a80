/*
 * reset_code.c - the one-time code for a lost password.
 */
#include "common/identity/reset_code.h"

#include <string.h>

enum { GROUP = 5, CODE_SIZE = RESET_CODE_BYTES };

/* Crockford's base 32: no I, L, O, U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void reset_code_text(const unsigned char *bytes, char out[RESET_CODE_TEXT_SIZE])
{
    for (size_t i = 0; i < RESET_CODE_BYTES; i++) {
        if (i > 0 && i % GROUP == 0) {
            *out++ = '-';
        }
        *out++ = alphabet[bytes[i] % 32];
    }
    *out = '\0';
}

/* The character of a code that C stands for, or NUL when C is to be ignored. */
static char normalize(char c)
{
    if (c >= 'a' && c <= 'z') {
        c = (char)(c - 'a' + 'A');
    }
    switch (c) {
    case '-':
    case ' ':
        return '\0';
    case 'O':
        return '0';
    case 'I':
    case 'L':
        return '1';
    default:
        return c;
    }
}

bool reset_code_digest(struct text code, char out[DIGEST_TEXT_SIZE])
{
    /* One character more than a code has, so that the digest of a longer text matches no code. */
    char text[CODE_SIZE + 1];
    size_t size = 0;
    for (size_t i = 0; i < code.size && size < sizeof text; i++) {
        char c = normalize(code.at[i]);
        if (c != '\0') {
            text[size++] = c;
        }
    }
    bool good = digest_text((struct text){.at = text, .size = size}, out);
    explicit_bzero(text, sizeof text);
    return good;
}
