/*
 * media_type.h - what the field Content-Type says (RFC 9110 section 8.3).
 */
#ifndef CUBBY_COMMON_HTTP_MEDIA_TYPE_H
#define CUBBY_COMMON_HTTP_MEDIA_TYPE_H

#include "common/base/text.h"

/* NULL, and TYPE is the type and subtype in FIELD, which stays borrowed, as they are spelled (upper
 * and lower case mean the same); or what is wrong, a constant: FIELD is not of the form that
 * section 8.3.1 gives, names another charset than UTF-8 (us-ascii is part of it, and utf8 what many
 * write), or names one twice, which parties on the way may understand in different ways. */
const char *media_type_fault(const char *field, struct text *type);

#endif
