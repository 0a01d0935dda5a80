/*
 * reference.h - JSON as jansson reads it, the second implementation that the targets compare with.
 */
#ifndef CUBBY_TESTS_FUZZ_REFERENCE_H
#define CUBBY_TESTS_FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>
#include <jansson.h>

#include "common/base/text.h"

/* What jansson makes of a text; numbers are doubles. To be given back by json_decref. */
struct reference {
    json_t *top;     /* NULL: it is refused */
    bool too_large;  /* because a number is beyond all doubles, or jansson can't tell */
    bool duplicates; /* two members of one name: it keeps the last */
    bool nul;        /* strings that have an escaped NUL have another character there */
};

/* Reads TEXT. jansson has no NUL in a member's name, so that an escaped one is read as another
 * character; a text that has that one as well is not read (too_large). */
struct reference reference_read(struct text text);

/* Levels of arrays and objects. */
size_t reference_depth(const json_t *top);

/* TEXT as cJSON parses it; NULL when it does not. */
cJSON *reference_cjson(struct text text);

/* Whether NODE, as cJSON parsed it, is the same value. */
bool reference_same(const cJSON *node, const json_t *top);

/* Whether each number of TEXT, which is JSON, has at most 15 digits that count, and is neither so
 * large nor so small that a double would have fewer: then a double is as good as the text. */
bool reference_plain_numbers(struct text text);

#endif
