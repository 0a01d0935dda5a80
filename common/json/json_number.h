/*
 * json_number.h - JSON numbers as exact decimal numbers.
 */
#ifndef CUBBY_COMMON_JSON_JSON_NUMBER_H
#define CUBBY_COMMON_JSON_JSON_NUMBER_H

#include <stdbool.h>

/* Whether two NUL-terminated texts, which are checked JSON scalars, are the same number, compared
 * exactly and not as doubles. A scalar that is no number equals only itself. */
bool json_numbers_equal(const char *a, const char *b);

#endif
