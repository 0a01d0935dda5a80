/*
 * origin.h - the origins of web pages (RFC 6454), as the field Origin names them.
 */
#ifndef CUBBY_COMMON_SETTINGS_ORIGIN_H
#define CUBBY_COMMON_SETTINGS_ORIGIN_H

#include <stdbool.h>

/* False when a word of ORIGINS, which are separated by blanks, is neither * nor an origin as
 * browsers serialise it (section 6.2: SCHEME://HOST, and :PORT unless the scheme has it anyway).
 * Another word would never be equal to what a browser sends. `null`, which pages of nobody in
 * particular have, is none. */
bool origin_list_valid(const char *origins);

#endif
