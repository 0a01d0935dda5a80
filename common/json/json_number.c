/*
 * json_number.c - JSON numbers as exact decimal numbers.
 */
#include "common/json/json_number.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The position behind the characters from AT on that are digits or a point. */
static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && (is_digit(*at) || *at == '.')) {
        at++;
    }
    return at;
}

/* The position behind the zeros from AT on, and behind points if POINTS. */
static const char *skip_zeros(const char *at, const char *end, bool points)
{
    while (at < end && (*at == '0' || (points && *at == '.'))) {
        at++;
    }
    return at;
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

static void read_exponent(const char *at, const char *end, struct json_decimal *out)
{
    out->exponent_sign = *at == '-' ? -1 : 1;
    at += *at == '-' || *at == '+';
    at = skip_zeros(at, end, false);
    out->exponent = (struct text){.at = at, .size = (size_t)(end - at)};
}

bool json_decimal_read(struct text scalar, struct json_decimal *out)
{
    const char *at = scalar.at;
    const char *end = at + scalar.size;
    *out = (struct json_decimal){.negative = *at == '-'};
    at += *at == '-';
    if (at == end || !is_digit(*at)) {
        return false;
    }
    const char *behind = skip_digits(at, end);
    const char *point = memchr(at, '.', (size_t)(behind - at));
    const char *first = skip_zeros(at, behind, true);
    const char *last = behind;
    while (last > first && (last[-1] == '0' || last[-1] == '.')) {
        last--;
    }
    if (first == last) {
        /* Zero has no sign, nor a power. */
        *out = (struct json_decimal){.digits = {.at = at, .size = 0}};
        return true;
    }
    out->digits = (struct text){.at = first, .size = (size_t)(last - first)};
    if (behind < end) {
        read_exponent(behind + 1, end, out);
    }
    const char *ones = point != NULL ? point : behind;
    out->shift = last <= ones ? digits_between(last, ones) : -digits_between(ones, last);
    return true;
}

/* The digit at PLACE, counted from the last, which is 1. */
static int64_t exponent_digit(const struct json_decimal *number, size_t place)
{
    struct text digits = number->exponent;
    return place > digits.size ? 0 : (digits.at[digits.size - place] - '0') * number->exponent_sign;
}

/* The exponent of A less that of B. If that is beyond all shifts, some number that is, too:
 * whatever the digits behind are, they do not bring it back. */
static int64_t exponent_difference(const struct json_decimal *a, const struct json_decimal *b)
{
    static const int64_t beyond = INT64_C(1) << 50;
    int64_t difference = 0;
    size_t place = a->exponent.size > b->exponent.size ? a->exponent.size : b->exponent.size;
    for (; place > 0 && difference < beyond && difference > -beyond; place--) {
        difference = difference * 10 + exponent_digit(a, place) - exponent_digit(b, place);
    }
    return difference;
}

/* VALUE times ten plus DIGIT, at most INT64_MAX. */
static int64_t append_digit(int64_t value, int digit)
{
    return value > (INT64_MAX - digit) / 10 ? INT64_MAX : value * 10 + digit;
}

bool json_decimal_whole(const struct json_decimal *number, int64_t *out)
{
    static const struct json_decimal zero = {.exponent_sign = 1};
    int64_t power = exponent_difference(number, &zero) + number->shift;
    int64_t value = 0;
    for (size_t i = 0; i < number->digits.size; i++) {
        char c = number->digits.at[i];
        value = c != '.' ? append_digit(value, c - '0') : value;
    }
    for (; power > 0 && value > 0 && value < INT64_MAX; power--) {
        value = append_digit(value, 0);
    }
    *out = number->negative ? -value : value;
    return power >= 0;
}

bool json_decimals_equal(const struct json_decimal *a, const struct json_decimal *b)
{
    if (a->negative != b->negative || exponent_difference(a, b) != b->shift - a->shift) {
        return false;
    }
    const char *x = a->digits.at;
    const char *y = b->digits.at;
    const char *x_end = x + a->digits.size;
    const char *y_end = y + b->digits.size;
    while (x < x_end && y < y_end) {
        if (*x == '.' || *y == '.') {
            x += *x == '.';
            y += *y == '.';
            continue;
        }
        if (*x++ != *y++) {
            return false;
        }
    }
    return x == x_end && y == y_end;
}

bool json_numbers_equal(struct text a, struct text b)
{
    struct json_decimal x;
    struct json_decimal y;
    return json_decimal_read(a, &x) && json_decimal_read(b, &y) ? json_decimals_equal(&x, &y)
                                                                : text_equal(a, b);
}
