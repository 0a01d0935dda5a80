/*
 * test_text.c - UTF-8, percent-encoding, numbers, times and encodings, at their edges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/text.h"
#include "db/model/items.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"

#define BYTES(literal) ((struct text){literal, sizeof(literal) - 1})
#define ROW(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void utf8_is_rfc_3629_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        size_t length;
        uint32_t code;
    } rows[] = {
        {{"", 0}, 0, 0},
        {{"\0", 1}, 1, 0},
        {{"\x7f", 1}, 1, 0x7f},
        {{"\x80", 1}, 0, 0},
        {{"\xbf", 1}, 0, 0},
        {{"\xc0\x80", 2}, 0, 0},
        {{"\xc1\xbf", 2}, 0, 0},
        {{"\xc2\x80", 2}, 2, 0x80},
        {{"\xc2", 1}, 0, 0},
        {{"\xc2\x41", 2}, 0, 0},
        {{"\xdf\xbf", 2}, 2, 0x7ff},
        {{"\xe0\x9f\xbf", 3}, 0, 0},
        {{"\xe0\xa0\x80", 3}, 3, 0x800},
        {{"\xe0\xa0", 2}, 0, 0},
        {{"\xed\x9f\xbf", 3}, 3, 0xd7ff},
        {{"\xed\xa0\x80", 3}, 0, 0},
        {{"\xed\xbf\xbf", 3}, 0, 0},
        {{"\xee\x80\x80", 3}, 3, 0xe000},
        {{"\xef\xbf\xbf", 3}, 3, 0xffff},
        {{"\xf0\x8f\xbf\xbf", 4}, 0, 0},
        {{"\xf0\x90\x80\x80", 4}, 4, 0x10000},
        {{"\xf4\x8f\xbf\xbf", 4}, 4, 0x10ffff},
        {{"\xf4\x90\x80\x80", 4}, 0, 0},
        {{"\xf5\x80\x80\x80", 4}, 0, 0},
        {{"\xf0\x90\x80", 3}, 0, 0},
        {{"\xf8\x88\x80\x80\x80", 5}, 0, 0},
        {{"\xff", 1}, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* Up to the end of its memory: a byte too far is seen by the sanitizer. */
        char *copy = malloc(rows[i].text.size + 1);
        assert_non_null(copy);
        char *end = copy + 1;
        if (rows[i].text.size > 0) {
            memcpy(end, rows[i].text.at, rows[i].text.size);
        }
        uint32_t code = 0;
        assert_int_equal(utf8_decode(end, rows[i].text.size, &code), rows[i].length);
        assert_int_equal(code, rows[i].code);
        free(copy);
    }
}

/* Every code point there and back. */
static void utf8_takes_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110000; code++) {
        char bytes[4];
        size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        static const unsigned first[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = size - 1; i > 0; i--) {
            bytes[i] = (char)(0x80 | (code >> (6 * (size - 1 - i)) & 0x3f));
        }
        bytes[0] = (char)(first[size] | code >> (6 * (size - 1)));
        bool legal = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        uint32_t read = UINT32_MAX;
        assert_int_equal(utf8_decode(bytes, size, &read), legal ? size : 0);
        assert_int_equal(read, legal ? code : UINT32_MAX);
    }
}

static void characters_and_controls(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        size_t characters;
        bool control;
    } rows[] = {
        {{"", 0}, 0, false},
        {{"abc", 3}, 3, false},
        {{"\xc3\xa9\xf0\x9f\x98\x80", 6}, 2, false},
        {{"a\0b", 3}, 3, true},
        {{"\x1f", 1}, 1, true},
        {{" ", 1}, 1, false},
        {{"\x7e", 1}, 1, false},
        {{"\x7f", 1}, 1, true},
        {{"\xc2\x9f", 2}, 1, true},
        {{"\xc2\xa0", 2}, 1, false},
        {{"a\xff", 2}, SIZE_MAX, true},
        {{"\xc3", 1}, SIZE_MAX, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(text_characters(rows[i].text), rows[i].characters);
        assert_int_equal(text_has_control(rows[i].text), rows[i].control);
    }
}

static void texts_are_compared(void **state)
{
    (void)state;
    assert_true(text_equal(text_of(NULL), BYTES("")));
    assert_true(text_equal(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(text_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(text_equal(BYTES("a"), BYTES("ab")));
    assert_true(text_equal_nocase(BYTES("aBz@["), BYTES("AbZ@[")));
    assert_false(text_equal_nocase(BYTES("@"), BYTES("`")));
    assert_false(text_equal_nocase(BYTES("["), BYTES("{")));
    assert_false(text_equal_nocase(BYTES("\xc3\x84"), BYTES("\xc3\xa4")));
    assert_true(secret_equal("abc", "abc", 3));
    assert_false(secret_equal("abc", "abd", 3));
    assert_false(secret_equal("xbc", "abc", 3));
    assert_true(secret_equal("a", "b", 0));
}

static void percent_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        bool form;
        const char *wanted; /* NULL: refused */
        size_t size;
    } rows[] = {
        {"", false, "", 0},         {"a%20b", false, "a b", 3},
        {"%41%7a", false, "Az", 2}, {"%e2%82%AC", false, "\xe2\x82\xac", 3},
        {"%00", false, "\0", 1},    {"a+b", false, "a+b", 3},
        {"a+b", true, "a b", 3},    {"%2B", true, "+", 1},
        {"%", false, NULL, 0},      {"%4", false, NULL, 0},
        {"a%4", false, NULL, 0},    {"%4g", false, NULL, 0},
        {"%g4", false, NULL, 0},    {"%%41", false, NULL, 0},
        {"% 41", false, NULL, 0},   {"%-1", false, NULL, 0},
        {"%2541", false, "%41", 3},
    };
    struct arena arena;
    arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text out;
        bool good = text_percent_decode(&arena, text_of(rows[i].from), rows[i].form, &out);
        assert_int_equal(good, rows[i].wanted != NULL);
        if (good) {
            assert_true(text_equal(out, (struct text){rows[i].wanted, rows[i].size}));
            assert_int_equal(out.at[out.size], 0);
        }
    }
    arena_reset(&arena);
}

static void query_strings(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        bool present;
        const char *value; /* NULL: not there, or not decodable */
    } rows[] = {
        {"", false, NULL},
        {"key", true, ""},
        {"key=", true, ""},
        {"key=a", true, "a"},
        {"key=a&key=b", true, "a"},
        {"x=1&key=a", true, "a"},
        {"x=1&&key=a%26b", true, "a&b"},
        {"keys=a", false, NULL},
        {"akey=a", false, NULL},
        {"x=key=a", false, NULL},
        {"key=a=b", true, "a=b"},
        {"&", false, NULL},
        {"&&&", false, NULL},
        {"key=%zz", true, NULL},
        {"ke%79=a", false, NULL},
        {"KEY=a", false, NULL},
        {"key=a+b", true, "a b"},
        {"k", false, NULL},
    };
    struct arena arena;
    arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool present;
        struct text out;
        bool good = query_find(&arena, rows[i].query, "key", &present, &out);
        assert_int_equal(present, rows[i].present);
        assert_int_equal(good, rows[i].value != NULL);
        assert_true(!good || text_equal(out, text_of(rows[i].value)));
    }
    bool present;
    struct text out;
    assert_false(query_find(&arena, NULL, "key", &present, &out));
    arena_reset(&arena);
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t maximum;
        bool good;
        bool over;
        int64_t value;
    } rows[] = {
        {"0", 10, true, false, 0},
        {"10", 10, true, false, 10},
        {"11", 10, false, true, 0},
        {"00010", 10, true, false, 10},
        {"9223372036854775807", INT64_MAX, true, false, INT64_MAX},
        {"9223372036854775808", INT64_MAX, false, true, 0},
        {"99999999999999999999999999999", INT64_MAX, false, true, 0},
        {"99999999999999999999999999999x", INT64_MAX, false, false, 0},
        {"", 10, false, false, 0},
        {"-1", 10, false, false, 0},
        {"+1", 10, false, false, 0},
        {" 1", 10, false, false, 0},
        {"1 ", 10, false, false, 0},
        {"1.0", 10, false, false, 0},
        {"0x1", 10, false, false, 0},
        {"1e1", 10, false, false, 0},
        {"5", 0, false, true, 0},
        {"0", 0, true, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool over = false;
        int64_t value = -1;
        bool good = text_to_int64(text_of(rows[i].text), rows[i].maximum, &over, &value);
        assert_int_equal(good, rows[i].good);
        assert_int_equal(over, rows[i].over);
        assert_true(!good || value == rows[i].value);
    }
}

static void times_and_encodings(void **state)
{
    (void)state;
    static const struct {
        int64_t milliseconds;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.000Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char out[TIME_TEXT_SIZE];
        time_to_text(times[i].milliseconds, out);
        assert_string_equal(out, times[i].text);
    }
    static const struct {
        struct text text;
        bool time; /* by text_to_time */
        bool instant;
        int64_t milliseconds;
    } read[] = {
        {ROW("1970-01-01T00:00:00Z"), true, true, 0},
        {ROW("1970-01-01T00:00:00.001Z"), true, true, 1},
        {ROW("1969-12-31T23:59:59.999Z"), true, true, -1},
        {ROW("0000-01-01T00:00:00Z"), true, true, -62167219200000},
        {ROW("9999-12-31T23:59:59.999999999Z"), true, true, 253402300799999},
        {ROW("1970-01-01T01:00:00+01:00"), false, true, 0},
        {ROW("1970-01-01t00:00:00z"), false, true, 0},
        {ROW("1970-01-01T01:00:00 01:00"), false, true, 0},
        {ROW("1970-01-01T00:00:00Z\0"), false, false, 0},
        {ROW("1970-01-01T00:00:00Z\0Z"), false, false, 0},
        {ROW("1970-01-01T00:00:00Z\0z"), false, false, 0},
        {ROW("1970-01-01T00:00:00Z\0+01:00"), false, false, 0},
        {ROW("1970-01-01T00:00:00\0Z"), false, false, 0},
        {ROW("1970-01-01T00:00:00Z+01:00"), false, false, 0},
        {ROW("1970-01-01T00:00:00ZZ"), false, false, 0},
        {ROW("1970-01-01T00:00:00+01:00\0"), false, false, 0},
        {ROW("1970-01-01T00:00:00"), false, false, 0},
        {ROW("1970-01-01"), false, false, 0},
        {ROW("Z"), false, false, 0},
        {ROW("\0"), false, false, 0},
        {ROW(""), false, false, 0},
    };
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        int64_t time = -7;
        int64_t instant = -7;
        bool good = text_to_time(read[i].text, &time);
        bool any = text_to_instant(read[i].text, &instant);
        if (good != read[i].time || any != read[i].instant ||
            (good && time != read[i].milliseconds) || (any && instant != read[i].milliseconds)) {
            fail_msg("row %zu, %s", i, read[i].text.at);
        }
    }
    /* RFC 4648 section 10, in its URL-safe form without padding */
    static const char *const base64[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xef\xbf", "_--_"},
    };
    for (size_t i = 0; i < sizeof base64 / sizeof *base64; i++) {
        char out[16];
        base64url_encode((const unsigned char *)base64[i][0], strlen(base64[i][0]), out);
        assert_string_equal(out, base64[i][1]);
    }
    char hex[9];
    hex_encode((const unsigned char *)"\x00\x1f\xa0\xff", 4, hex);
    assert_string_equal(hex, "001fa0ff");
}

static void keys(void **state)
{
    (void)state;
    char longest[ITEM_KEY_MAXIMUM + 2];
    memset(longest, 'k', sizeof longest);
    assert_null(item_key_fault((struct text){longest, ITEM_KEY_MAXIMUM}));
    assert_non_null(item_key_fault((struct text){longest, ITEM_KEY_MAXIMUM + 1}));
    static const char *const good[] = {"a",     " ",       "a b", "...",          "a/...",
                                       "a/b/c", "..a",     "a..", "\xe2\x82\xac", "%2F",
                                       "?#&",   "'\"`;--", "\\"};
    static const char *const bad[] = {"",     "/",     "/a",   "a/",      "a//b", ".",
                                      "..",   "a/.",   "./a",  "../a",    "a/..", "a/../b",
                                      "\x01", "a\x7f", "\xff", "\xc2\x85"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(item_key_fault(text_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(item_key_fault(text_of(bad[i])));
    }
    assert_non_null(item_key_fault(BYTES("a\0b")));
}

static void arenas_keep_to_their_maximum(void **state)
{
    (void)state;
    enum { ARENA_MAXIMUM = 100 * 1024, MORE_THAN_HALF = 60 * 1024 };
    size_t before = memory_in_use();
    struct arena arena;
    arena_init(&arena, ARENA_MAXIMUM);
    for (size_t i = 0; i < 100; i++) {
        char *piece = arena_alloc(&arena, i);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % 16, 0);
        memset(piece, 0xee, i);
    }
    assert_non_null(arena_alloc(&arena, MORE_THAN_HALF));
    assert_null(arena_alloc(&arena, MORE_THAN_HALF));
    assert_true(arena_failed(&arena));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    assert_true(arena.used <= arena.maximum);
    arena_reset(&arena);
    assert_false(arena_failed(&arena));
    assert_string_equal(arena_printf(&arena, "%d %s", 5, "x"), "5 x");
    memory_fail_at(1, false);
    assert_null(arena_alloc(&arena, 20000));
    assert_true(memory_stop());
    assert_true(arena_failed(&arena));
    arena_reset(&arena);
    assert_int_equal(memory_in_use(), before);
}

const struct CMUnitTest text_tests[] = {
    cmocka_unit_test(utf8_is_rfc_3629_and_nothing_else),
    cmocka_unit_test(utf8_takes_every_code_point),
    cmocka_unit_test(characters_and_controls),
    cmocka_unit_test(texts_are_compared),
    cmocka_unit_test(percent_encoding),
    cmocka_unit_test(query_strings),
    cmocka_unit_test(whole_numbers),
    cmocka_unit_test(times_and_encodings),
    cmocka_unit_test(keys),
    cmocka_unit_test(arenas_keep_to_their_maximum),
};
const size_t text_test_count = sizeof text_tests / sizeof *text_tests;
