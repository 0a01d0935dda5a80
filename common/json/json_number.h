/*
 * json_number.h - JSON numbers as the decimal numbers they are.
 */
#ifndef CUBBY_COMMON_JSON_JSON_NUMBER_H
#define CUBBY_COMMON_JSON_JSON_NUMBER_H

#include <stdbool.h>

/* Whether two NUL-terminated texts of checked JSON scalars are one number, however it is spelled,
 * and whatever a double makes of it; scalars that are no numbers are equal to themselves alone. */
bool json_numbers_equal(const char *a, const char *b);

#endif
