/*
 * media_type.h - what the field Content-Type says (RFC 9110 section 8.3).
 */
#ifndef CUBBY_COMMON_HTTP_MEDIA_TYPE_H
#define CUBBY_COMMON_HTTP_MEDIA_TYPE_H

#include <stdbool.h>

#include "common/base/text.h"

struct media_type {
    struct text type; /* TYPE/SUBTYPE, as it is spelled: upper and lower case mean the same */
    bool is_utf8;     /* no charset is named, or UTF-8, or its part US-ASCII */
};

/* Reads FIELD, which stays borrowed. False when it is not of the form that section 8.3.1 gives, or
 * names a charset twice, which parties on the way may understand in different ways. */
bool media_type_read(const char *field, struct media_type *out);

#endif
