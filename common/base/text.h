/*
 * text.h - byte strings with a length, and what cubby needs to know of UTF-8 text.
 */
#ifndef CUBBY_COMMON_BASE_TEXT_H
#define CUBBY_COMMON_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

/* SIZE bytes at AT; not owned. Texts made by cubby also have a NUL after the last byte, not counted
 * in SIZE; slices of a larger text do not. */
struct text {
    const char *at;
    size_t size;
};

/* The text of a NUL-terminated string; NULL gives the empty text at NULL. */
struct text text_of(const char *string);

/* The same bytes. */
bool text_equal(struct text a, struct text b);

/* Byte order, a beginning before what goes on: below, above or equal to 0, as with memcmp. Inline,
 * since names are sorted by it: a call more is felt there. */
static inline int text_order(struct text a, struct text b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter > 0 ? memcmp(a.at, b.at, shorter) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Equal without regard to ASCII case. */
bool text_equal_nocase(struct text a, struct text b);

/* The well-formed UTF-8 sequence (RFC 3629: shortest form, no surrogates, at most U+10FFFF) at the
 * start of AT: its length, with the code point in *CODE; 0 when there is none. */
size_t utf8_decode(const char *at, size_t size, uint32_t *code);

/* Number of characters (code points) in TEXT, or SIZE_MAX when it is not well-formed UTF-8. */
size_t text_characters(struct text text);

/* True when TEXT holds a C0 or C1 control character or DEL, or is not UTF-8. */
bool text_has_control(struct text text);

/* A copy of TEXT with A-Z made a-z, on ARENA; NULL when out of memory. */
char *text_lower(struct arena *arena, struct text text);

/* Decodes %XX (RFC 3986 section 2.1), and `+` as a space when FORM says that TEXT comes from a
 * query string. False when a % is not followed by two hexadecimal digits or memory is out. */
bool text_percent_decode(struct arena *arena, struct text text, bool form, struct text *out);

/* TEXT with every byte but unreserved ones as %XX (RFC 3986 section 2.3), on ARENA; NULL when out
 * of memory. */
char *text_percent_encode(struct arena *arena, struct text text);

/* The value of the first NAME=value in the query string QUERY, decoded on ARENA. False when there
 * is none or it can't be decoded; *present tells the two apart. */
bool query_find(struct arena *arena, const char *query, const char *name, bool *present,
                struct text *out);

/* Parses decimal digits and nothing else. False when TEXT is empty, contains another character, or
 * is above MAXIMUM (then *OVER is true). */
bool text_to_int64(struct text text, int64_t maximum, bool *over, int64_t *out);

/* Writes 2*SIZE lower-case hexadecimal digits and a NUL. */
void hex_encode(const unsigned char *bytes, size_t size, char *out);

/* base64url without padding (RFC 4648 section 5); OUT takes (SIZE*4+2)/3 characters and a NUL. */
void base64url_encode(const unsigned char *bytes, size_t size, char *out);

/* Decodes base64url without padding onto ARENA. False when TEXT is not base64url or memory is out.
 */
bool base64url_decode(struct arena *arena, struct text text, struct text *out);

enum { TIME_TEXT_SIZE = 25 };

/* Writes milliseconds since 1970 as RFC 3339 UTC, "2026-01-31T12:00:00.000Z"; times outside the
 * years 1970 to 9999 become the first or last second of them. */
void time_to_text(int64_t milliseconds, char out[TIME_TEXT_SIZE]);

/* Parses such a text, of the years 0000 to 9999, into milliseconds since 1970: before that the
 * result is negative. The fraction may be missing or have up to nine digits. False when the text
 * has another form, or names a date or time that does not exist. */
bool text_to_time(struct text text, int64_t *milliseconds);

/* The sign, 19 digits and NUL. */
enum { INTEGER_TEXT_SIZE = 21 };

/* VALUE in decimal, NUL-terminated. Returns the length. */
size_t integer_to_text(int64_t value, char out[INTEGER_TEXT_SIZE]);

/* As text_to_time, with any offset from UTC (RFC 3339 section 5.6), letters small or capital. A
 * blank stands for the plus sign that a query string has made one of. */
bool text_to_instant(struct text text, int64_t *milliseconds);

/* Compares two secrets of equal length in a time that depends on the length alone. */
bool secret_equal(const char *a, const char *b, size_t size);

#endif
