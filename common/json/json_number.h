/*
 * json_number.h - JSON numbers as exact decimal numbers.
 */
#ifndef CUBBY_COMMON_JSON_JSON_NUMBER_H
#define CUBBY_COMMON_JSON_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* A number that has been read, which borrows its text: DIGITS times ten to the power of EXPONENT
 * plus SHIFT. */
struct json_decimal {
    bool negative;
    struct text digits;   /* from the first to the last that is not 0, and perhaps a point among
                             them; empty: zero */
    struct text exponent; /* its digits, without zeros in front: it may be as long as a value */
    int exponent_sign;
    int64_t shift; /* bounded by the number of digits */
};

/* Reads SCALAR, a checked JSON scalar; takes as long as its text is. False when it is no number. */
bool json_decimal_read(struct text scalar, struct json_decimal *out);

/* Whether NUMBER is whole, and then *OUT is it; beyond INT64_MAX, or below -INT64_MAX, that. */
bool json_decimal_whole(const struct json_decimal *number, int64_t *out);

/* Whether both are the same number, compared exactly; takes no longer than the shorter of both
 * texts is. */
bool json_decimals_equal(const struct json_decimal *a, const struct json_decimal *b);

/* Whether two checked JSON scalars are the same number, compared exactly and not as doubles. A
 * scalar that is no number equals only itself. */
bool json_numbers_equal(struct text a, struct text b);

#endif
