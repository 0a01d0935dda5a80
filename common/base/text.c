/*
 * text.c - byte strings with a length, UTF-8, percent-encoding, numbers and times as text.
 */
#include "common/base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/arena.h"

struct text text_of(const char *string)
{
    return (struct text){.at = string, .size = string != NULL ? strlen(string) : 0};
}

bool text_equal(struct text a, struct text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool text_equal_nocase(struct text a, struct text b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (ascii_lower(a.at[i]) != ascii_lower(b.at[i])) {
            return false;
        }
    }
    return true;
}

size_t utf8_decode(const char *at, size_t size, uint32_t *code)
{
    if (size == 0) {
        return 0;
    }
    const unsigned char *byte = (const unsigned char *)at;
    if (byte[0] < 0x80) {
        *code = byte[0];
        return 1;
    }
    size_t length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || size < length) {
        return 0;
    }
    uint32_t value = byte[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (byte[i] & 0x3fU);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *code = value;
    return length;
}

size_t text_characters(struct text text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; count++) {
        uint32_t code;
        size_t length = utf8_decode(text.at + i, text.size - i, &code);
        if (length == 0) {
            return SIZE_MAX;
        }
        i += length;
    }
    return count;
}

bool text_has_control(struct text text)
{
    for (size_t i = 0; i < text.size;) {
        uint32_t code;
        size_t length = utf8_decode(text.at + i, text.size - i, &code);
        if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            return true;
        }
        i += length;
    }
    return false;
}

char *text_lower(struct arena *arena, struct text text)
{
    char *copy = arena_copy(arena, text.at, text.size);
    for (size_t i = 0; copy != NULL && i < text.size; i++) {
        copy[i] = ascii_lower(copy[i]);
    }
    return copy;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_percent_decode(struct arena *arena, struct text text, bool form, struct text *out)
{
    char *to = arena_alloc(arena, text.size + 1);
    if (to == NULL) {
        return false;
    }
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.at[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.at[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        to[used++] = c;
    }
    to[used] = '\0';
    *out = (struct text){.at = to, .size = used};
    return true;
}

char *text_percent_encode(struct arena *arena, struct text text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3 * text.size + 1);
    if (out == NULL) {
        return NULL;
    }
    char *to = out;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return out;
}

bool query_find(struct arena *arena, const char *query, const char *name, bool *present,
                struct text *out)
{
    *present = false;
    size_t name_size = strlen(name);
    while (query != NULL && *query != '\0') {
        size_t size = strcspn(query, "&");
        if (size >= name_size && memcmp(query, name, name_size) == 0 &&
            (size == name_size || query[name_size] == '=')) {
            *present = true;
            size_t skip = size == name_size ? name_size : name_size + 1;
            struct text value = {.at = query + skip, .size = size - skip};
            return text_percent_decode(arena, value, true, out);
        }
        query += size;
        query += *query == '&';
    }
    return false;
}

bool text_to_int64(struct text text, int64_t maximum, bool *over, int64_t *out)
{
    *over = false;
    if (text.size == 0) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            *over = false;
            return false;
        }
        int digit = text.at[i] - '0';
        if (*over || digit > maximum || value > (maximum - digit) / 10) {
            *over = true; /* the rest must still be digits */
            continue;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return !*over;
}

void hex_encode(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
    out[2 * size] = '\0';
}

void base64url_encode(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (held += 8; held >= 6; held -= 6) {
            *out++ = digits[bits >> (held - 6) & 0x3f];
        }
    }
    if (held > 0) {
        *out++ = digits[bits << (6 - held) & 0x3f];
    }
    *out = '\0';
}

/* DIGITS decimal digits of VALUE, leading zeros included, then AFTER. Returns the position after
 * it. */
static char *put_number(char *to, int value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    to[digits] = after;
    return to + digits + 1;
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(struct arena *arena, struct text text, struct text *out)
{
    char *to = arena_alloc(arena, text.size / 4 * 3 + 3);
    if (to == NULL) {
        return false;
    }
    size_t used = 0;
    unsigned bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = base64url_value(text.at[i]);
        if (value < 0) {
            return false;
        }
        bits = (bits << 6 | (unsigned)value) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            to[used++] = (char)(bits >> count & 0xff);
        }
    }
    to[used] = '\0';
    *out = (struct text){.at = to, .size = used};
    /* The bits that are left over are padding of less than a byte and must be zero. */
    return count < 6 && (bits & ((1U << count) - 1)) == 0;
}

void time_to_text(int64_t milliseconds, char out[TIME_TEXT_SIZE])
{
    static const int64_t last_second_of_9999 = 253402300799;
    int64_t seconds = milliseconds / 1000;
    int fraction = (int)(milliseconds % 1000);
    if (milliseconds < 0 || seconds > last_second_of_9999) {
        seconds = milliseconds < 0 ? 0 : last_second_of_9999;
        fraction = 0;
    }
    time_t when = (time_t)seconds;
    struct tm parts;
    gmtime_r(&when, &parts);
    /* Written by hand, because every item in an answer has times, and strftime takes eight times as
     * long. */
    char *at = put_number(out, parts.tm_year + 1900, 4, '-');
    at = put_number(at, parts.tm_mon + 1, 2, '-');
    at = put_number(at, parts.tm_mday, 2, 'T');
    at = put_number(at, parts.tm_hour, 2, ':');
    at = put_number(at, parts.tm_min, 2, ':');
    at = put_number(at, parts.tm_sec, 2, '.');
    at = put_number(at, fraction, 3, 'Z');
    *at = '\0';
}

size_t integer_to_text(int64_t value, char out[INTEGER_TEXT_SIZE])
{
    char digits[INTEGER_TEXT_SIZE];
    size_t count = 0;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    size_t used = 0;
    if (value < 0) {
        out[used++] = '-';
    }
    while (count > 0) {
        out[used++] = digits[--count];
    }
    out[used] = '\0';
    return used;
}

bool secret_equal(const char *a, const char *b, size_t size)
{
    volatile unsigned char different = 0;
    for (size_t i = 0; i < size; i++) {
        different = (unsigned char)(different | ((unsigned char)a[i] ^ (unsigned char)b[i]));
    }
    return different == 0;
}

/* Reads SIZE digits at *AT and then the character END, unless that is NUL; advances *AT. */
static bool take_digits(const char **at, int size, char end, int *out)
{
    *out = 0;
    for (int i = 0; i < size; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *out = *out * 10 + (**at - '0');
    }
    return end == '\0' || *(*at)++ == end;
}

/* Reads an optional point and the one to nine digits after it, as milliseconds. */
static bool take_fraction(const char **at, int *out)
{
    int digits = 0;
    *out = 0;
    if (**at != '.') {
        return true;
    }
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, digits++) {
        *out = digits < 3 ? *out * 10 + (**at - '0') : *out;
    }
    for (int i = digits; i < 3; i++) {
        *out *= 10;
    }
    return digits > 0 && digits <= 9;
}

bool text_to_time(struct text text, int64_t *milliseconds)
{
    enum { LONGEST = 30 }; /* 2026-01-31T12:00:00.000000000Z */
    char copy[LONGEST + 1];
    if (text.size == 0 || text.size > LONGEST) {
        return false;
    }
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    const char *at = copy;
    struct tm parts = {0};
    int fraction;
    if (!take_digits(&at, 4, '-', &parts.tm_year) || !take_digits(&at, 2, '-', &parts.tm_mon) ||
        !take_digits(&at, 2, 'T', &parts.tm_mday) || !take_digits(&at, 2, ':', &parts.tm_hour) ||
        !take_digits(&at, 2, ':', &parts.tm_min) || !take_digits(&at, 2, '\0', &parts.tm_sec) ||
        !take_fraction(&at, &fraction) || *at != 'Z' || at + 1 != copy + text.size) {
        return false; /* not strcmp: behind the Z may be a NUL and more */
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const struct tm wanted = parts;
    time_t seconds = timegm(&parts);
    /* timegm accepts February 30th as March 2nd, so the result is converted back and compared. */
    bool exists = parts.tm_year == wanted.tm_year && parts.tm_mon == wanted.tm_mon &&
                  parts.tm_mday == wanted.tm_mday && parts.tm_hour == wanted.tm_hour &&
                  parts.tm_min == wanted.tm_min && parts.tm_sec == wanted.tm_sec;
    *milliseconds = (int64_t)seconds * 1000 + fraction;
    return exists;
}

bool text_to_instant(struct text text, int64_t *milliseconds)
{
    enum { LONGEST = 30, DAY = 10, OFFSET = 6 }; /* +hh:mm */
    char copy[LONGEST + OFFSET];
    if (text.size <= DAY || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    copy[DAY] = (char)(copy[DAY] == 't' ? 'T' : copy[DAY]);
    char *last = copy + text.size - 1;
    if (*last == 'z' || *last == 'Z') {
        *last = 'Z';
        return text_to_time((struct text){.at = copy, .size = text.size}, milliseconds);
    }
    if (text.size <= DAY + OFFSET) {
        return false;
    }
    char *sign = copy + text.size - OFFSET;
    const char *at = sign + 1;
    int hours;
    int minutes;
    bool ahead = *sign == '+' || *sign == ' ';
    if (!(ahead || *sign == '-') || !take_digits(&at, 2, ':', &hours) ||
        !take_digits(&at, 2, '\0', &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *sign = 'Z';
    if (!text_to_time((struct text){.at = copy, .size = text.size - OFFSET + 1}, milliseconds)) {
        return false;
    }
    int64_t offset = (INT64_C(60) * hours + minutes) * 60000;
    *milliseconds += ahead ? -offset : offset;
    return true;
}
