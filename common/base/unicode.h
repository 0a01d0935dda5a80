/*
 * unicode.h - what Unicode says of single code points, as far as passwords and names need it. The
 * same under every C library and locale.
 */
#ifndef CUBBY_COMMON_BASE_UNICODE_H
#define CUBBY_COMMON_BASE_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

/* Scripts with rules of their own; others have higher numbers. NONE: of several scripts, such as
 * digits and many marks. */
enum {
    SCRIPT_NONE,
    SCRIPT_LATIN,
    SCRIPT_GREEK,
    SCRIPT_HEBREW,
    SCRIPT_HAN,
    SCRIPT_HIRAGANA,
    SCRIPT_KATAKANA,
    SCRIPT_HANGUL,
    SCRIPT_BOPOMOFO,
    SCRIPT_OTHER
};

/* Upper-case and lower-case letters of any script (General_Category Lu and Ll). */
bool unicode_is_upper(uint32_t code);
bool unicode_is_lower(uint32_t code);

/* Whether CODE may be in a name: valid in the IdentifierClass of RFC 8264, at least between certain
 * neighbours; sets *SCRIPT to the number of its script. What joins without being seen (U+200C,
 * U+200D) may not. */
bool unicode_is_identifier(uint32_t code, unsigned *script);

/* The Canonical_Combining_Class; not 0 for most marks. */
unsigned unicode_combining_class(uint32_t code);

/* Whether FIRST and SECOND, side by side, are one code point in normalization form C. Not for the
 * parts of Hangul syllables, which are no identifiers. */
bool unicode_composes(uint32_t first, uint32_t second);

#endif
