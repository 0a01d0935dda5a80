/*
 * json_number.c - JSON numbers as exact decimal numbers.
 */
#include "common/json/json_number.h"

#include <stdint.h>
#include <string.h>

#include "common/base/text.h"

/* The number is DIGITS times ten to the POWER; the digits start at `at`, and a point among them is
 * skipped. */
struct decimal {
    bool negative;
    const char *at;  /* the first digit that is not 0 */
    const char *end; /* after the last digit that is not 0; at == end means zero */
    int64_t power;   /* of the digit before `end` */
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

static bool read_exponent(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    bool over;
    bool good = text_to_int64(text_of(text), INT64_C(1) << 50, &over, out);
    *out = negative ? -*out : *out;
    return good;
}

/* False when TEXT is not a number, or its exponent is beyond 2^50. */
static bool read_decimal(const char *text, struct decimal *out)
{
    *out = (struct decimal){.negative = *text == '-'};
    text += *text == '-';
    if (!is_digit(*text)) {
        return false;
    }
    const char *behind = text + strspn(text, "0123456789.");
    if (*behind != '\0' && !read_exponent(behind + 1, &out->power)) {
        return false;
    }
    const char *point = memchr(text, '.', (size_t)(behind - text));
    out->at = text + strspn(text, "0.");
    out->end = behind;
    while (out->end > out->at && (out->end[-1] == '0' || out->end[-1] == '.')) {
        out->end--;
    }
    if (out->at >= behind) {
        *out = (struct decimal){.at = behind, .end = behind}; /* zero has no sign */
        return true;
    }
    const char *ones = point != NULL ? point : behind;
    out->power +=
        out->end <= ones ? digits_between(out->end, ones) : -digits_between(ones, out->end);
    return true;
}

bool json_numbers_equal(const char *a, const char *b)
{
    struct decimal x;
    struct decimal y;
    if (!read_decimal(a, &x) || !read_decimal(b, &y)) {
        return strcmp(a, b) == 0;
    }
    if (x.negative != y.negative || x.power != y.power) {
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
