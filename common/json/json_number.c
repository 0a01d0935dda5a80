/*
 * json_number.c - JSON numbers as exact decimal numbers.
 */
#include "common/json/json_number.h"

#include <stdint.h>
#include <string.h>

#include "common/base/text.h"

/* The number is DIGITS times ten to the power of EXPONENT plus SHIFT; the digits start at `at`, and
 * a point among them is skipped. */
struct decimal {
    bool negative;
    const char *at;       /* the first digit that is not 0 */
    const char *end;      /* after the last digit that is not 0; at == end means zero */
    struct text exponent; /* its digits, without zeros in front: it may be as long as a value */
    int exponent_sign;
    int64_t shift; /* bounded by the number of digits */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number of digits from FROM to TO, not counting a point. */
static int64_t digits_between(const char *from, const char *to)
{
    int64_t count = 0;
    for (; from < to; from++) {
        count += is_digit(*from);
    }
    return count;
}

static void read_exponent(const char *text, struct decimal *out)
{
    out->exponent_sign = *text == '-' ? -1 : 1;
    text += *text == '-' || *text == '+';
    out->exponent = text_of(text + strspn(text, "0"));
}

/* False when TEXT is not a number. */
static bool read_decimal(const char *text, struct decimal *out)
{
    *out = (struct decimal){.negative = *text == '-'};
    text += *text == '-';
    if (!is_digit(*text)) {
        return false;
    }
    const char *behind = text + strspn(text, "0123456789.");
    const char *point = memchr(text, '.', (size_t)(behind - text));
    out->at = text + strspn(text, "0.");
    out->end = behind;
    while (out->end > out->at && (out->end[-1] == '0' || out->end[-1] == '.')) {
        out->end--;
    }
    if (out->at >= behind) {
        *out = (struct decimal){.at = behind, .end = behind}; /* zero has no sign, nor a power */
        return true;
    }
    if (*behind != '\0') {
        read_exponent(behind + 1, out);
    }
    const char *ones = point != NULL ? point : behind;
    out->shift =
        out->end <= ones ? digits_between(out->end, ones) : -digits_between(ones, out->end);
    return true;
}

/* The digit at PLACE, counted from the last, which is 1. */
static int64_t exponent_digit(const struct decimal *number, size_t place)
{
    struct text digits = number->exponent;
    return place > digits.size ? 0 : (digits.at[digits.size - place] - '0') * number->exponent_sign;
}

/* The exponent of A less that of B. If that is beyond all shifts, some number that is, too:
 * whatever the digits behind are, they do not bring it back. */
static int64_t exponent_difference(const struct decimal *a, const struct decimal *b)
{
    static const int64_t beyond = INT64_C(1) << 50;
    int64_t difference = 0;
    size_t place = a->exponent.size > b->exponent.size ? a->exponent.size : b->exponent.size;
    for (; place > 0 && difference < beyond && difference > -beyond; place--) {
        difference = difference * 10 + exponent_digit(a, place) - exponent_digit(b, place);
    }
    return difference;
}

bool json_numbers_equal(const char *a, const char *b)
{
    struct decimal x;
    struct decimal y;
    if (!read_decimal(a, &x) || !read_decimal(b, &y)) {
        return strcmp(a, b) == 0;
    }
    if (x.negative != y.negative || exponent_difference(&x, &y) != y.shift - x.shift) {
        return false;
    }
    while (x.at < x.end && y.at < y.end) {
        if (*x.at == '.' || *y.at == '.') {
            x.at += *x.at == '.';
            y.at += *y.at == '.';
            continue;
        }
        if (*x.at++ != *y.at++) {
            return false;
        }
    }
    return x.at == x.end && y.at == y.end;
}
