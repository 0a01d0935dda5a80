/*
 * json_string.c - JSON strings and the bytes they stand for, with a length instead of an end mark.
 *
 * cJSON decodes strings too, but into NUL-terminated ones: what comes after an escaped NUL would be
 * lost.
 */
#include <string.h>

#include "common/json/json.h"

/* The number of the four hexadecimal digits at AT. */
static uint32_t hex4(const char *at)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)at[i];
        code = code << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

static size_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6) {
        out[i] = (char)(0x80 | (code & 0x3f));
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[length] | code);
    return length;
}

/* Writes what the escape at *AT stands for, and advances *AT past it. Returns the bytes written. */
static size_t decode_escape(const char **at, char out[4])
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    char c = (*at)[1];
    *at += 2;
    if (c != 'u') {
        const char *letter = strchr(letters, c);
        out[0] = c;
        if (letter != NULL) {
            out[0] = meant[letter - letters];
        }
        return 1;
    }
    uint32_t code = hex4(*at);
    *at += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        /* The checker let only whole pairs pass. */
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(*at + 2) - 0xdc00);
        *at += 6;
    }
    return utf8_encode(code, out);
}

bool json_string_decode(struct arena *arena, struct text string, struct text *out)
{
    char *to = arena_alloc(arena, string.size);
    if (to == NULL) {
        return false;
    }
    size_t used = 0;
    const char *end = string.at + string.size - 1; /* at the closing quote */
    for (const char *at = string.at + 1; at < end;) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape != NULL ? escape : end) - at);
        memcpy(to + used, at, plain);
        used += plain;
        at += plain;
        if (at < end) {
            used += decode_escape(&at, to + used); /* never longer than its escape */
        }
    }
    to[used] = '\0';
    *out = (struct text){.at = to, .size = used};
    return true;
}

bool json_string_slice(struct arena *arena, struct text string, struct text *out)
{
    if (memchr(string.at, '\\', string.size) != NULL) {
        return json_string_decode(arena, string, out);
    }
    *out = (struct text){.at = string.at + 1, .size = string.size - 2};
    return true;
}

bool json_string_is(struct text string, struct text wanted)
{
    const char *end = string.at + string.size - 1;
    size_t done = 0;
    for (const char *at = string.at + 1; at < end;) {
        char bytes[4];
        size_t count = 1;
        if (*at == '\\') {
            count = decode_escape(&at, bytes);
        } else {
            bytes[0] = *at++;
        }
        if (wanted.size - done < count || memcmp(wanted.at + done, bytes, count) != 0) {
            return false;
        }
        done += count;
    }
    return done == wanted.size;
}

/* Writes C as it must stand in a string. Returns the bytes written, or needed when OUT is NULL. */
static size_t encode_byte(char c, char *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    unsigned char byte = (unsigned char)c;
    const char *letter = byte != 0 ? strchr(escaped, c) : NULL;
    char text[6] = {c, 0, 0, 0, 0, 0};
    size_t size = 1;
    if (letter != NULL) {
        text[0] = '\\';
        text[1] = letters[letter - escaped];
        size = 2;
    } else if (byte < 0x20) {
        memcpy(text, "\\u00", 4);
        text[4] = digits[byte >> 4];
        text[5] = digits[byte & 15];
        size = 6;
    }
    if (out != NULL) {
        memcpy(out, text, size);
    }
    return size;
}

size_t json_string_write(struct text bytes, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        used += encode_byte(bytes.at[i], out != NULL ? out + 1 + used : NULL);
    }
    if (out != NULL) {
        out[0] = '"';
        out[used + 1] = '"';
    }
    return used + 2;
}

bool json_string_encode(struct arena *arena, struct text bytes, struct text *out)
{
    size_t size = json_string_write(bytes, NULL);
    char *to = arena_alloc(arena, size + 1);
    if (to == NULL) {
        return false;
    }
    (void)json_string_write(bytes, to);
    to[size] = '\0';
    *out = (struct text){.at = to, .size = size};
    return true;
}
