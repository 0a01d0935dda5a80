/*
 * test_names.c - what Unicode says of letters, and which texts may be new user names.
 */
#include <string.h>

#include "common/base/precis.h"
#include "common/base/unicode.h"
#include "tests/inproc/suites.h"

static void letters_have_their_case(void **state)
{
    (void)state;
    static const uint32_t upper[] = {'A',    'Z',    0xc0,    0xde,    0x100,  0x178,  0x186,
                                     0x391,  0x3a9,  0x410,   0x42f,   0x10a0, 0x13a0, 0x1e9e,
                                     0x2c2f, 0xff21, 0x10400, 0x1d400, 0x1e921};
    static const uint32_t lower[] = {'a',    'z',    0xdf,   0xff,    0x101,   0x17f,
                                     0x3b1,  0x3c9,  0x430,  0x44f,   0x2d00,  0xab70,
                                     0x1e9d, 0x2c5f, 0xff41, 0x10428, 0x1d41a, 0x1e943};
    static const uint32_t neither[] = {0,      '0',    '@',     '[',      '`',       '{',
                                       0xaa,   0xba,   0xd7,    0xf7,     0x1c5,     0x2b0,
                                       0x5d0,  0x627,  0x2160,  0x24b6,   0x3042,    0x4e00,
                                       0xac00, 0xd800, 0x1f600, 0x10ffff, UINT32_MAX};
    for (size_t i = 0; i < sizeof upper / sizeof *upper; i++) {
        assert_true(unicode_is_upper(upper[i]) && !unicode_is_lower(upper[i]));
    }
    for (size_t i = 0; i < sizeof lower / sizeof *lower; i++) {
        assert_true(!unicode_is_upper(lower[i]) && unicode_is_lower(lower[i]));
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
        assert_true(!unicode_is_upper(neither[i]) && !unicode_is_lower(neither[i]));
    }
}

static void judge(const char *const *names, size_t count, bool good)
{
    for (size_t i = 0; i < count; i++) {
        const char *fault = precis_username_fault(text_of(names[i]));
        if ((fault == NULL) != good) {
            fail_msg("row %zu: %s: %s", i, names[i], fault != NULL ? fault : "was taken");
        }
    }
}

static void names_of_all_writings_are_taken(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ada",
        "\u0915\u093c",
        "Ada Lovelace",
        "a  b",
        "!#$%&'*+-./:;<=>?[]^_`{|}~",
        "0123456789",
        "\u00dcnal",
        "\u00c5\u00c9\u00ce\u00d5\u00dc",
        "stra\u00dfe",
        "\u1f40\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2",
        "\u0413\u0430\u0433\u0430\u0440\u0438\u043d",
        "\u0402\u043e\u0440\u0452\u0435",
        "\u054b\u0578\u0582\u056c\u056b\u0561",
        "\u10e5\u10d4\u10d7\u10d4\u10d5\u10d0\u10dc\u10d8",
        "\u2d00\u2d01",
        "\u05d3\u05d5\u05d3",
        "\u05e8\u05f3 \u05d3\u05d5\u05d3",
        "\u05de\u05e0\u05db\u05f4\u05dc",
        "\u0645\u062d\u0645\u062f \u0639\u0644\u064a",
        "\u0639\u0644\u064a1",
        "\u0639\u0644\u064a\u0661",
        "\u0641\u0627\u0631\u0633\u06cc\u06f1\u06f2",
        "\u0645\u064f\u062d\u064e\u0645\u064e\u0651\u062f",
        "\u072b\u0721",
        "\u0905\u092e\u093f\u0924",
        "\u0915\u094d\u0937\u0924\u094d\u0930\u093f\u092f",
        "\u0e01\u0e38\u0e49\u0e07",
        "\u1781\u17d2\u1798\u17c2\u179a",
        "\ud55c\uad6d\uc5b4",
        "\uae40Kim",
        "\u7530\u4e2d\u3055\u3093",
        "\u30bf\u30ca\u30ab\u30fb\u30b1\u30f3",
        "\u30b1\u30fc\u30ad",
        "Tanaka\u7530\u4e2d",
        "\u3105\u3106\u3107\u4e2d\u6587",
        "col\u00b7lega",
        "\u0375\u03b1\u03c9",
        "a\u0315",
        "q\u0303",
        "\u0434\u0301\u0430",
        "\U00020bb7\u91ce\u5bb6",
        "\U0001e900\U0001e923",
        "Vi\u1ec7t Nguy\u1ec5n",
        "\U00010400\U00010428",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5",
    };
    judge(names, sizeof names / sizeof *names, true);
}

static void names_that_could_be_taken_for_others_are_not(void **state)
{
    (void)state;
    static const char *const names[] = {
        /* an invisible character */
        "a\u200bb",
        "a\u00adb",
        "a\u2060b",
        "\ufeffa",
        "a\u034fb",
        "a\u180eb",
        "a\u3164b",
        "\u115fa",
        "a\ufe0f",
        "a\U000e0041",
        "a\u202eb",
        "a\u2066b",
        "a\u061cb",
        "a\u200db",
        "\u0915\u094d\u200d\u0937",
        "a\u200cb",
        /* a space but U+0020 */
        "a\u00a0b",
        "a\u3000b",
        "a\u2003b",
        "a\u2028b",
        "a\u1680b",
        /* a symbol */
        "\U0001f600",
        "a\u2122",
        "\u20ac5",
        "a\u00b0",
        "x\u00f7y",
        "a\u2026",
        "\u00aba\u00bb",
        "a\u2014b",
        "\u24b6da",
        "\u2163",
        "\u2460",
        "a\u00b2",
        "\u00aada",
        "a\u00b4",
        /* a variant of other characters */
        "\uff41\uff44\uff41",
        "\uff71\uff80\uff9e",
        "\ufb01n",
        "\u01c5",
        "\U0001d41ada",
        "\u0133s",
        "\u017fam",
        "\u212bng",
        "\u1fef",
        "\ufb2a",
        "\ufecb",
        "\u0e19\u0e49\u0e33",
        /* what is never allowed */
        "\u0645\u0640\u062f",
        "\u07fa",
        "\u3031",
        "\u1100\u1161",
        "\ud7b0",
        "\ue000",
        "\U000f0000",
        "\u0378",
        "\ufdd0",
        /* not composed */
        "e\u0301",
        "A\u030angstr",
        "\u03b1\u0301",
        "q\u0307\u0323",
        "a\u0315\u0300",
        "\u304b\u3099",
        "\u0928\u093c",
        "\u09c7\u09be",
        "o\u0323\u0302",
        "o\u0302\u0323",
        /* a mark without a letter */
        "\u0301a",
        "a \u0301",
        "\u0651",
        /* out of its place */
        "a\u00b7b",
        "\u00b7",
        "l\u00b7",
        "col\u00b7",
        "a\u0375b",
        "\u03b1\u0375",
        "\u05f3\u05d3",
        "a\u05f4b",
        "a\u30fbb",
        "\uff71\u30fb",
        "\u0639\u0661\u06f2",
        /* two scripts */
        "\u0430d\u0430",
        "p\u0430ypal",
        "\u03bfmega1a",
        "\u0410BC",
        "a\u0561",
        "a\u13a0",
        "abc\u05d0",
        "ivan \u0418\u0432\u0430\u043d",
        "\u3042\u30ab\ud55c",
        "\u3105\u3042",
        "\u0395\u03bba",
        "\u0581o",
        "\u0434\u03b1",
        "a\u0e01",
        "\ud55c\u3042",
        /* two directions */
        "1\u0639\u0644\u064a",
        "-\u05d3\u05d5\u05d3",
        "\u05d3\u05d5\u05d3-",
        "\u05d11\u0662",
        "\u062f.",
        "\u0645 a",
        /* too long */
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
        "\u65e5\u65e5\u65e5\u65e5\u65e5",
        /* not UTF-8 */
        "\xff",
        "a\xc3",
        "\xed\xa0\x80",
    };
    judge(names, sizeof names / sizeof *names, false);
}

/* The tables against each other, and no code point that takes the search off its ranges. */
static void every_code_point_has_one_answer(void **state)
{
    (void)state;
    size_t uppers = 0;
    size_t lowers = 0;
    size_t identifiers = 0;
    for (uint32_t code = 0; code <= 0x110000; code++) {
        unsigned script;
        bool upper = unicode_is_upper(code);
        bool lower = unicode_is_lower(code);
        bool identifier = unicode_is_identifier(code, &script);
        assert_false(upper && lower);
        uppers += upper;
        lowers += lower;
        identifiers += identifier;
        assert_true(identifier || script == SCRIPT_NONE);
        assert_true(unicode_combining_class(code) <= 240);
    }
    /* Unicode only grows; these are the numbers of version 14, which the oldest perl in use has. */
    assert_true(uppers >= 1831 && uppers < 2500);
    assert_true(lowers >= 2227 && lowers < 3000);
    assert_true(identifiers > 120000 && identifiers < 200000);
}

const struct CMUnitTest name_tests[] = {
    cmocka_unit_test(letters_have_their_case),
    cmocka_unit_test(names_of_all_writings_are_taken),
    cmocka_unit_test(names_that_could_be_taken_for_others_are_not),
    cmocka_unit_test(every_code_point_has_one_answer),
};
const size_t name_test_count = sizeof name_tests / sizeof *name_tests;
