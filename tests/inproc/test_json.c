/*
 * test_json.c - the checker of bodies: what RFC 8259 allows, what it forbids, and at which byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/json/json.h"
#include "common/json/json_number.h"
#include "tests/inproc/suites.h"

enum { ARENA_MAXIMUM = 4 * 1024 * 1024 };

#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* From memory of the exact size: a byte read too far is seen by the sanitizer. */
static bool check_exact(struct text text, struct json_fault *fault)
{
    char *copy = malloc(text.size > 0 ? text.size : 1);
    assert_non_null(copy);
    if (text.size > 0) {
        memcpy(copy, text.at, text.size);
    }
    bool good = json_check((struct text){copy, text.size}, fault);
    free(copy);
    return good;
}

static void what_is_json(void **state)
{
    (void)state;
    static const struct text texts[] = {
        BYTES("null"),
        BYTES("true"),
        BYTES("false"),
        BYTES("0"),
        BYTES("-0"),
        BYTES("1.0"),
        BYTES("-12.50e+10"),
        BYTES("1E400"),
        BYTES("1e-999999999"),
        BYTES("\"\""),
        BYTES("[]"),
        BYTES("{}"),
        BYTES(" \t\r\n[ 1 , 2 ] \n"),
        BYTES("{\"\":{}}"),
        BYTES("{\"a\":1,\"a\":2}"),
        BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\uFFFF\""),
        BYTES("\"\\u0000\""),
        BYTES("{\"\\u0000\":\"a\\u0000b\"}"),
        BYTES("\"\\ud83d\\ude00\""),
        BYTES("\"\\uD800\\uDC00\""),
        BYTES("\"\\udbff\\udfff\""),
        BYTES("\"\x7f\""),
        BYTES("\"\xf4\x8f\xbf\xbf\""),
        BYTES("[[[[[[[[[[]]]]]]]]]]"),
        BYTES("123456789012345678901234567890123456789012345678901234567890"),
        BYTES("[1,[2,{\"x\":[]}],{\"y\":{}}]"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_fault fault = {0};
        if (!check_exact(texts[i], &fault)) {
            fail_msg("%s: %s at byte %zu", texts[i].at, fault.reason, fault.offset);
        }
    }
}

static const struct {
    struct text text;
    size_t offset;
} not_json[] = {
    {BYTES(""), 0},
    {BYTES("   "), 3},
    {BYTES("nul"), 0},
    {BYTES("nulL"), 0},
    {BYTES("truex"), 4},
    {BYTES("TRUE"), 0},
    {BYTES("NaN"), 0},
    {BYTES("Infinity"), 0},
    {BYTES("-"), 1},
    {BYTES("-Infinity"), 1},
    {BYTES("+1"), 0},
    {BYTES("01"), 1},
    {BYTES("-01"), 2},
    {BYTES("1."), 2},
    {BYTES(".5"), 0},
    {BYTES("1.e5"), 2},
    {BYTES("1e"), 2},
    {BYTES("1e+"), 3},
    {BYTES("0x10"), 1},
    {BYTES("1 2"), 2},
    {BYTES("1,"), 1},
    {BYTES("\""), 1},
    {BYTES("\"a"), 2},
    {BYTES("\"\\"), 2},
    {BYTES("\"\\x\""), 2},
    {BYTES("\"\\u12\""), 5},
    {BYTES("\"\\u12g4\""), 5},
    {BYTES("\"\\u\""), 3},
    {BYTES("\"\\ud800\""), 1},
    {BYTES("\"\\udc00\""), 1},
    {BYTES("\"\\ud800x\""), 1},
    {BYTES("\"\\ud800\\n\""), 1},
    {BYTES("\"\\ud800\\u0041\""), 1},
    {BYTES("\"\\ud800\\ud800\""), 1},
    {BYTES("\"\0\""), 1},
    {BYTES("\0"), 0},
    {BYTES("1\0"), 1},
    {BYTES("\"\x1f\""), 1},
    {BYTES("\"\n\""), 1},
    {BYTES("\"\xff\""), 1},
    {BYTES("\"a\xc3\""), 2},
    {BYTES("\"\xed\xa0\x80\""), 1},
    {BYTES("\"\xc0\x80\""), 1},
    {BYTES("\xef\xbb\xbf{}"), 0},
    {BYTES("\xff"), 0},
    {BYTES("["), 1},
    {BYTES("]"), 0},
    {BYTES("[1"), 2},
    {BYTES("[1,"), 3},
    {BYTES("[1,]"), 3},
    {BYTES("[,1]"), 1},
    {BYTES("[1 2]"), 3},
    {BYTES("[1}"), 2},
    {BYTES("[}"), 1},
    {BYTES("{"), 1},
    {BYTES("}"), 0},
    {BYTES("{]"), 1},
    {BYTES("{\"a\"}"), 4},
    {BYTES("{\"a\":}"), 5},
    {BYTES("{\"a\":1,}"), 7},
    {BYTES("{\"a\":1 \"b\":2}"), 7},
    {BYTES("{a:1}"), 1},
    {BYTES("{'a':1}"), 1},
    {BYTES("{1:1}"), 1},
    {BYTES("{\"a\" 1}"), 5},
    {BYTES("{\"a\":1]"), 6},
    {BYTES("{}{}"), 2},
    {BYTES("{} x"), 3},
    {BYTES("// x\n1"), 0},
    {BYTES("1 // x"), 2},
    {BYTES("\xa0"
           "1"),
     0},
    {BYTES("\f1"), 0},
};

static void what_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof not_json / sizeof *not_json; i++) {
        struct json_fault fault = {0};
        if (check_exact(not_json[i].text, &fault)) {
            fail_msg("row %zu: %s was taken", i, not_json[i].text.at);
        }
        assert_non_null(fault.reason);
        if (fault.offset != not_json[i].offset) {
            fail_msg("row %zu: %s: \"%s\" at byte %zu, wanted %zu", i, not_json[i].text.at,
                     fault.reason, fault.offset, not_json[i].offset);
        }
    }
}

static void hundred_levels_and_no_more(void **state)
{
    (void)state;
    static const char *const opening[] = {"[", "{\"a\":"};
    static const char *const closing[] = {"]", "}"};
    for (size_t kind = 0; kind < 2; kind++) {
        for (int levels = JSON_DEPTH_MAXIMUM - 1; levels <= JSON_DEPTH_MAXIMUM + 1; levels++) {
            char text[2048] = "";
            size_t used = 0;
            for (int i = 0; i < levels; i++) {
                used += (size_t)snprintf(text + used, sizeof text - used, "%s", opening[kind]);
            }
            used += (size_t)snprintf(text + used, sizeof text - used, "1");
            for (int i = 0; i < levels; i++) {
                used += (size_t)snprintf(text + used, sizeof text - used, "%s", closing[kind]);
            }
            struct json_fault fault;
            assert_int_equal(json_check((struct text){text, used}, &fault),
                             levels <= JSON_DEPTH_MAXIMUM);
        }
    }
    /* deep beyond all measure: no recursion to overflow */
    enum { DEEP = 1000000 };
    char *deep = malloc(DEEP);
    assert_non_null(deep);
    memset(deep, '[', DEEP);
    struct json_fault fault;
    assert_false(json_check((struct text){deep, DEEP}, &fault));
    assert_int_equal(fault.offset, JSON_DEPTH_MAXIMUM);
    free(deep);
}

static void bodies_are_objects_with_each_name_once(void **state)
{
    (void)state;
    static const struct {
        struct text text;
        size_t offset; /* of the fault; SIZE_MAX: none */
        size_t count;
    } rows[] = {
        {BYTES("{}"), SIZE_MAX, 0},
        {BYTES(" {\"b\" : 1 , \"a\":[1, 2 ]} "), SIZE_MAX, 2},
        {BYTES("{\"a\":{\"x\":1,\"x\":2},\"b\":1}"), SIZE_MAX, 2},
        {BYTES("{\"a\":1,\"A\":2}"), SIZE_MAX, 2},
        {BYTES("{\"\":1,\" \":2}"), SIZE_MAX, 2},
        {BYTES("{\"key\":1,\"key\\u0000\":2,\"key\\u0000x\":3,\"\\u0000key\":4}"), SIZE_MAX, 4},
        {BYTES("{\"\\u0000\":1,\"\":2,\"\\\\u0000\":3}"), SIZE_MAX, 3},
        {BYTES("{\"a\\u0000\":1,\"\\u0061\\u0000\":2}"), 28, 0},
        {BYTES("{\"a\":1,\"a\":2}"), 11, 0},
        {BYTES("{\"a\":1,\"\\u0061\":2}"), 16, 0},
        {BYTES("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), 17, 0},
        {BYTES("{\"\":1,\"\":2}"), 9, 0},
        {BYTES("[]"), 0, 0},
        {BYTES(" \"x\""), 1, 0},
        {BYTES("[1,]"), 3, 0},
        {BYTES(""), 0, 0},
        {BYTES("{\"a\":1"), 6, 0},
    };
    struct arena arena;
    arena_init(&arena, ARENA_MAXIMUM);
    json_use_arena(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_object object;
        struct json_fault fault = {0};
        bool good = json_read_object(&arena, rows[i].text, &object, &fault);
        assert_int_equal(good, rows[i].offset == SIZE_MAX);
        if (good) {
            assert_int_equal(object.count, rows[i].count);
        } else if (fault.offset != rows[i].offset || fault.reason == NULL) {
            fail_msg("row %zu: %s: %s at %zu", i, rows[i].text.at, fault.reason, fault.offset);
        }
    }
    struct json_object object;
    struct json_fault fault;
    static const struct text text = BYTES("{ \"z\\u0021\" : [ 1.0 , {\"q\":null} ] ,\"n\":-0e1}");
    assert_true(json_read_object(&arena, text, &object, &fault));
    assert_true(text_equal(*json_member(&object, "z!"), text_of("[ 1.0 , {\"q\":null} ]")));
    assert_true(text_equal(*json_member(&object, "n"), text_of("-0e1")));
    assert_null(json_member(&object, "z\\u0021"));
    assert_null(json_member(&object, ""));
    static const struct text cut =
        BYTES("{\"key\\u0000x\":1,\"va\\u0000lue\":2,\"\\u0000value\":3,\"\\u0000\":4}");
    assert_true(json_read_object(&arena, cut, &object, &fault));
    assert_null(json_member(&object, "key"));
    assert_null(json_member(&object, "value"));
    assert_null(json_member(&object, "va"));
    assert_null(json_member(&object, ""));
    json_use_arena(NULL);
    arena_reset(&arena);
}

static void strings_are_decoded_with_their_nuls(void **state)
{
    (void)state;
    static const struct {
        struct text json;
        struct text text;
    } rows[] = {
        {BYTES("\"\""), BYTES("")},
        {BYTES("\"a\\u0000b\""), BYTES("a\0b")},
        {BYTES("\"\\u0000\""), BYTES("\0")},
        {BYTES("\"\\u0000\\u0000\""), BYTES("\0\0")},
        {BYTES("\"\\\\u0000\""), BYTES("\\u0000")},
        {BYTES("\"\\\\\\u0000\\\"\""), BYTES("\\\0\"")},
        {BYTES("\"\\\\\\\\u0000\\u00000\""), BYTES("\\\\u0000\0"
                                                   "0")},
        {BYTES("\"\xc3\xa0\\u0000\xc3\x80\""), BYTES("\xc3\xa0\0\xc3\x80")},
    };
    struct arena arena;
    arena_init(&arena, ARENA_MAXIMUM);
    json_use_arena(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text;
        assert_true(json_text(rows[i].json, &text));
        if (!text_equal(text, rows[i].text) || text.at[text.size] != '\0') {
            fail_msg("row %zu: %s: %zu bytes", i, rows[i].json.at, text.size);
        }
    }
    json_use_arena(NULL);
    arena_reset(&arena);
}

static void as_many_members_as_the_limit(void **state)
{
    (void)state;
    enum { ROOM = JSON_MEMBERS_MAXIMUM * 16 + 64 };
    static char text[ROOM];
    for (int members = JSON_MEMBERS_MAXIMUM; members <= JSON_MEMBERS_MAXIMUM + 1; members++) {
        size_t used = 0;
        for (int i = 0; i < members; i++) {
            used += (size_t)snprintf(text + used, ROOM - used, "%c\"m%d\":%d", i == 0 ? '{' : ',',
                                     i, i);
        }
        used += (size_t)snprintf(text + used, ROOM - used, "}");
        struct arena arena;
        arena_init(&arena, ARENA_MAXIMUM);
        json_use_arena(&arena);
        struct json_object object;
        struct json_fault fault;
        assert_int_equal(json_read_object(&arena, (struct text){text, used}, &object, &fault),
                         members <= JSON_MEMBERS_MAXIMUM);
        json_use_arena(NULL);
        arena_reset(&arena);
        assert_true(json_check((struct text){text, used}, &fault));
    }
}

/* Another parser as the judge. It has limits of its own: numbers that no double holds, names with a
 * NUL. */
static bool jansson_takes(const char *text, size_t size, bool *undecided)
{
    json_error_t error;
    json_t *parsed =
        json_loadb(text, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    *undecided = parsed == NULL && (json_error_code(&error) == json_error_numeric_overflow ||
                                    json_error_code(&error) == json_error_null_byte_in_key);
    json_decref(parsed);
    return parsed != NULL;
}

static void mutated_texts_are_judged_as_by_another_parser(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"a\":[1,2.5e3,-0],\"b\":\"x\\u00e9\\n\",\"c\":{\"d\":null,\"e\":[true,false]}}",
        "[\"\\ud83d\\ude00\",\"\xc3\xa9\xe2\x82\xac\",{\"\":\"\"}]",
        "[[[]],[{}],0.1,1E-5,\"\\\\\\\"\\/\"]",
    };
    static const char alphabet[] = "{}[]:,\"\\u0019eE+-.truefalsn \t\n\x01\x7f\xc3\xa9\xed\xa0\xff";
    uint64_t random = 99;
    json_set_alloc_funcs(malloc, free); /* cubby lets it work on arenas */
    for (int round = 0; round < 200000; round++) {
        char text[160];
        const char *seed = seeds[round % 3];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        for (int change = 0; change < 1 + round % 4; change++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            size_t at = (size_t)(random >> 40) % size;
            char byte = alphabet[(random >> 20) % (sizeof alphabet - 1)];
            switch (random >> 60) {
            case 0:
            case 1:
            case 2: /* one byte less */
                memmove(text + at, text + at + 1, size - at - 1);
                size -= size > 1;
                break;
            case 3:
            case 4:
            case 5: /* one more */
                memmove(text + at + 1, text + at, size - at);
                text[at] = byte;
                size++;
                break;
            case 6: /* cut */
                size = at + 1;
                break;
            default:
                text[at] = byte;
            }
        }
        struct json_fault fault = {0};
        bool undecided;
        bool judge = jansson_takes(text, size, &undecided);
        bool good = json_check((struct text){text, size}, &fault);
        if (!undecided && good != judge) {
            fail_msg("%.*s: we say %s, jansson %d", (int)size, text, good ? "good" : fault.reason,
                     judge);
        }
        assert_true(good || (fault.reason != NULL && fault.offset <= size));
    }
}

/* ---- strings ----------------------------------------------------------------------------------
 */

static void strings_and_their_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *bytes;
        size_t size;
        const char *again; /* as it is written by cubby */
    } rows[] = {
        {"\"\"", "", 0, "\"\""},
        {"\"tea\"", "tea", 3, "\"tea\""},
        {"\"\\u0041\\/\\\"\\\\\"", "A/\"\\", 4, "\"A/\\\"\\\\\""},
        {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\"\\u00E9\\u20ac\\uD83D\\uDE00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
         "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"a\\u0000b\\u001f\\u007f\"", "a\0b\x1f\x7f", 5, "\"a\\u0000b\\u001f\x7f\""},
        {"\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8,
         "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    };
    struct arena arena;
    arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct text bytes = {.at = rows[i].bytes, .size = rows[i].size};
        struct text out;
        assert_true(json_string_decode(&arena, text_of(rows[i].json), &out));
        assert_int_equal(out.size, bytes.size);
        assert_memory_equal(out.at, bytes.at, bytes.size + 1);
        assert_true(json_string_is(text_of(rows[i].json), bytes));
        const struct text longer = {.at = rows[i].bytes, .size = rows[i].size + 1};
        assert_false(json_string_is(text_of(rows[i].json), longer));
        assert_true(rows[i].size == 0 ||
                    !json_string_is(text_of(rows[i].json), text_of("other bytes")));
        assert_true(json_string_encode(&arena, bytes, &out));
        assert_string_equal(out.at, rows[i].again);
        assert_int_equal(out.size, strlen(rows[i].again));
    }
    arena_reset(&arena);
}

/* LEVELS arrays within each other, on the heap. */
static struct text arrays(size_t levels)
{
    char *text = malloc(2 * levels);
    assert_non_null(text);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    return (struct text){text, 2 * levels};
}

static void a_value_has_nothing_around_it_is_not_null_and_not_too_deep(void **state)
{
    (void)state;
    static const struct text good[] = {
        BYTES("0"),
        BYTES("\"\""),
        BYTES("\" null \""),
        BYTES("[ null ]"),
        BYTES("{ \"a\" :1}"),
        BYTES("\"\\u0000\""),
        BYTES("false"),
        BYTES("1e400"),
        BYTES("[\n1\n,\t2 ]"),
        BYTES("{\"a\":1,\"a\":2}"),
    };
    static const struct text bad[] = {
        BYTES(""),
        BYTES("null"),
        BYTES(" null "),
        BYTES("null\n"),
        BYTES(" 5"),
        BYTES("5 "),
        BYTES("\t5"),
        BYTES("5\r"),
        BYTES("\n\"x\""),
        BYTES("{\"a\":1} "),
        BYTES("\xef\xbb\xbf"
              "5"),
        BYTES("1 2"),
        BYTES("01"),
        BYTES("nul"),
        BYTES("\"\xff\""),
        BYTES("\"\\ud800\""),
        BYTES("1\0"),
        BYTES("[1,]"),
        BYTES("\"a"),
        BYTES(" "),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(json_value_fault(good[i]));
        assert_null(json_slice_fault(good[i], JSON_DEPTH_MAXIMUM));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(json_value_fault(bad[i]));
    }
    assert_non_null(json_slice_fault(text_of("null"), 1));
    for (size_t levels = JSON_VALUE_DEPTH_MAXIMUM - 1; levels < JSON_DEPTH_MAXIMUM + 3; levels++) {
        struct text text = arrays(levels);
        bool fits = levels <= JSON_VALUE_DEPTH_MAXIMUM;
        assert_int_equal(json_value_fault(text) == NULL, fits);
        assert_int_equal(json_slice_fault(text, levels) == NULL, fits);
        assert_int_equal(json_slice_fault(text, levels + 4) == NULL, fits);
        free((void *)(uintptr_t)text.at);
    }
}

/* As a body lies in memory that is mapped from a file: nothing follows, not even a NUL. */
static void a_walk_reads_nothing_behind_its_text(void **state)
{
    (void)state;
    static const struct text texts[] = {
        BYTES("[1, {\"a\":[true]} ,\"x\" ]"),
        BYTES("[]"),
        BYTES("{ \"a\" : 1.5e3 , \"b\":null}"),
    };
    static const size_t counts[] = {3, 0, 2};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *copy = malloc(texts[i].size);
        assert_non_null(copy);
        memcpy(copy, texts[i].at, texts[i].size);
        struct json_walk walk = json_walk_start((struct text){copy, texts[i].size});
        struct text name;
        struct text value;
        size_t count = 0;
        while (json_walk_next(&walk, &name, &value)) {
            struct json_fault fault;
            assert_true(check_exact(value, &fault));
            count++;
        }
        assert_int_equal(count, counts[i]);
        free(copy);
    }
}

/* ---- numbers ---------------------------------------------------------------------------------
 */

static void whole_numbers_are_read_to_their_last_digit(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool whole;
        int64_t number;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"0e999", true, 0},
        {"-0.0e-" ZEROS_80 "7", true, 0},
        {"7", true, 7},
        {"-70", true, -70},
        {"7.0", true, 7},
        {"7.5", false, 0},
        {"0.5", false, 0},
        {"75e-1", false, 0},
        {"75E1", true, 750},
        {"7.5e+1", true, 75},
        {"0.0075e4", true, 75},
        {"7500e-2", true, 75},
        {"7." ZEROS_80, true, 7},
        {"7." ZEROS_80 "1", false, 0},
        {"0." ZEROS_80 "7e81", true, 7},
        {"7" ZEROS_80 "e-79", true, 70},
        {"7." ZEROS_80 "e1", true, 70},
        {"7e" ZEROS_80 "1", true, 70},
        {"7e-" ZEROS_80 "1", false, 0},
        {"9007199254740993", true, 9007199254740993},
        {"9223372036854775806", true, INT64_MAX - 1},
        {"-9223372036854775807", true, -INT64_MAX},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", true, INT64_MAX},
        {"-9223372036854775809", true, -INT64_MAX},
        {"92233720368547758070", true, INT64_MAX},
        {"1e400", true, INT64_MAX},
        {"-1e9" ZEROS_80, true, -INT64_MAX},
        {"1e-9" ZEROS_80, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_decimal number;
        int64_t out;
        assert_true(json_decimal_read(text_of(rows[i].json), &number));
        if (json_decimal_whole(&number, &out) != rows[i].whole ||
            (rows[i].whole && out != rows[i].number)) {
            fail_msg("row %zu: %s is %lld", i, rows[i].json, (long long)out);
        }
    }
}

const struct CMUnitTest json_tests[] = {
    cmocka_unit_test(whole_numbers_are_read_to_their_last_digit),
    cmocka_unit_test(what_is_json),
    cmocka_unit_test(what_is_not),
    cmocka_unit_test(hundred_levels_and_no_more),
    cmocka_unit_test(bodies_are_objects_with_each_name_once),
    cmocka_unit_test(strings_are_decoded_with_their_nuls),
    cmocka_unit_test(as_many_members_as_the_limit),
    cmocka_unit_test(a_walk_reads_nothing_behind_its_text),
    cmocka_unit_test(a_value_has_nothing_around_it_is_not_null_and_not_too_deep),
    cmocka_unit_test(mutated_texts_are_judged_as_by_another_parser),
    cmocka_unit_test(strings_and_their_bytes),
};
const size_t json_test_count = sizeof json_tests / sizeof *json_tests;
