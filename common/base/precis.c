/*
 * precis.c - which texts may be new user names.
 */
#include "common/base/precis.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/base/unicode.h"

enum { NAME_MAXIMUM = 64 };

struct name {
    uint32_t codes[NAME_MAXIMUM];
    unsigned scripts[NAME_MAXIMUM];
    size_t count;
};

static const char *read_name(struct text text, struct name *name)
{
    *name = (struct name){.count = 0};
    for (size_t i = 0; i < text.size;) {
        uint32_t code;
        size_t length = utf8_decode(text.at + i, text.size - i, &code);
        if (length == 0 || name->count == NAME_MAXIMUM) {
            return length == 0 ? "must be UTF-8" : "must have at most 64 characters";
        }
        if (code != ' ' && !unicode_is_identifier(code, &name->scripts[name->count])) {
            return "must be of letters, digits and marks, the characters of ASCII, and spaces";
        }
        name->codes[name->count++] = code;
        i += length;
    }
    return NULL;
}

/* Whether NAME is in normalization form C. No character of it changes by itself, so that only what
 * follows a starter must be looked at: the order of marks, and whether one composes with the
 * starter. */
static bool is_composed(const struct name *name)
{
    uint32_t starter = ' ';
    unsigned before = 0; /* the class of the character before; 0 for the starter itself */
    for (size_t i = 0; i < name->count; i++) {
        uint32_t code = name->codes[i];
        unsigned class = unicode_combining_class(code);
        if (class != 0 && (before > class || starter == ' ')) {
            return false;
        }
        bool next_to_starter = before == 0;
        if ((next_to_starter || before < class) && unicode_composes(starter, code)) {
            return false;
        }
        starter = class == 0 ? code : starter;
        before = class;
    }
    return true;
}

static bool has_script(const struct name *name, unsigned first, unsigned last)
{
    for (size_t i = 0; i < name->count; i++) {
        if (name->scripts[i] >= first && name->scripts[i] <= last) {
            return true;
        }
    }
    return false;
}

static bool is_arabic_digit(uint32_t code, uint32_t zero)
{
    return code >= zero && code <= zero + 9;
}

static bool has_digits(const struct name *name, uint32_t zero)
{
    for (size_t i = 0; i < name->count; i++) {
        if (is_arabic_digit(name->codes[i], zero)) {
            return true;
        }
    }
    return false;
}

enum { ARABIC_ZERO = 0x660, EXTENDED_ARABIC_ZERO = 0x6f0 };

/* RFC 5892 appendices A.3 to A.7. A.8 and A.9, two kinds of digits, are about the whole name. */
static bool fits_neighbours(const struct name *name, size_t i)
{
    enum { MIDDLE_DOT = 0xb7, KERAIA = 0x375, GERESH = 0x5f3, GERSHAYIM, KATAKANA_DOT = 0x30fb };
    bool first = i == 0;
    bool last = i + 1 == name->count;
    switch (name->codes[i]) {
    case MIDDLE_DOT:
        return !first && !last && name->codes[i - 1] == 'l' && name->codes[i + 1] == 'l';
    case KERAIA:
        return !last && name->scripts[i + 1] == SCRIPT_GREEK;
    case GERESH:
    case GERSHAYIM:
        return !first && name->scripts[i - 1] == SCRIPT_HEBREW;
    case KATAKANA_DOT:
        return has_script(name, SCRIPT_HAN, SCRIPT_KATAKANA);
    default:
        return true;
    }
}

static bool is_in_context(const struct name *name)
{
    for (size_t i = 0; i < name->count; i++) {
        if (!fits_neighbours(name, i)) {
            return false;
        }
    }
    return !has_digits(name, ARABIC_ZERO) || !has_digits(name, EXTENDED_ARABIC_ZERO);
}

/* Where the letters that are written from right to left are. */
static bool is_right_to_left(uint32_t code)
{
    return (code >= 0x590 && code <= 0x8ff) || (code >= 0xfb1d && code <= 0xfdff) ||
           (code >= 0xfe70 && code <= 0xfeff) || (code >= 0x10800 && code <= 0x10fff) ||
           (code >= 0x1e800 && code <= 0x1efff);
}

static bool is_digit(uint32_t code)
{
    return (code >= '0' && code <= '9') || is_arabic_digit(code, ARABIC_ZERO) ||
           is_arabic_digit(code, EXTENDED_ARABIC_ZERO);
}

/* The Bidi rule for what stands from FROM to before END, between spaces. Letters of the other
 * direction are of another script, which is refused by that. */
static bool is_word_of_one_direction(const struct name *name, size_t from, size_t end)
{
    bool right_to_left = false;
    bool ascii_digits = false;
    bool arabic_digits = false;
    for (size_t i = from; i < end; i++) {
        uint32_t code = name->codes[i];
        right_to_left = right_to_left || is_right_to_left(code);
        ascii_digits = ascii_digits || (code >= '0' && code <= '9');
        arabic_digits = arabic_digits || is_arabic_digit(code, ARABIC_ZERO);
    }
    if (!right_to_left) {
        return true;
    }
    while (end > from && unicode_combining_class(name->codes[end - 1]) != 0) {
        end--;
    }
    uint32_t first = name->codes[from];
    uint32_t last = name->codes[end - (end > from ? 1 : 0)];
    return is_right_to_left(first) && !is_digit(first) &&
           (is_right_to_left(last) || is_digit(last)) && !(ascii_digits && arabic_digits);
}

static bool has_one_direction(const struct name *name)
{
    size_t from = 0;
    for (size_t i = 0; i <= name->count; i++) {
        if (i < name->count && name->codes[i] != ' ') {
            continue;
        }
        if (!is_word_of_one_direction(name, from, i)) {
            return false;
        }
        from = i + 1;
    }
    return true;
}

/* Whether all letters are of one script, or of scripts that are written together. */
static bool is_of_one_writing(const struct name *name)
{
    unsigned seen = 0; /* bits of those that go together */
    unsigned other = SCRIPT_NONE;
    for (size_t i = 0; i < name->count; i++) {
        unsigned script = name->scripts[i];
        bool joins = script == SCRIPT_LATIN || (script >= SCRIPT_HAN && script <= SCRIPT_BOPOMOFO);
        if (joins) {
            seen |= 1U << script;
        } else if (script != SCRIPT_NONE && other != SCRIPT_NONE && script != other) {
            return false;
        } else if (script != SCRIPT_NONE) {
            other = script;
        }
    }
    if (other != SCRIPT_NONE) {
        return seen == 0;
    }
    bool kana = (seen & (1U << SCRIPT_HIRAGANA | 1U << SCRIPT_KATAKANA)) != 0;
    bool hangul = (seen & 1U << SCRIPT_HANGUL) != 0;
    bool bopomofo = (seen & 1U << SCRIPT_BOPOMOFO) != 0;
    return kana + hangul + bopomofo <= 1;
}

const char *precis_username_fault(struct text text)
{
    struct name name;
    const char *fault = read_name(text, &name);
    if (fault != NULL) {
        return fault;
    }
    return !is_composed(&name)         ? "must be in normalization form C"
           : !is_in_context(&name)     ? "has a character that is not allowed where it stands"
           : !is_of_one_writing(&name) ? "must not mix scripts that are not written together"
           : !has_one_direction(&name) ? "must be written in one direction (RFC 5893)"
                                       : NULL;
}
