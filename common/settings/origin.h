/*
 * origin.h - the origins of web pages (RFC 6454), as the field Origin names them.
 */
#ifndef CUBBY_COMMON_SETTINGS_ORIGIN_H
#define CUBBY_COMMON_SETTINGS_ORIGIN_H

/* NULL when each word of ORIGINS, which are separated by blanks, is * or an origin as browsers
 * serialise it (section 6.2: SCHEME://HOST, and :PORT unless the scheme has it anyway; file:// has
 * no host); else what is wrong, a constant. Another word would never be equal to what a browser
 * sends, but for `null`, which would let in pages of nobody in particular. */
const char *origin_list_fault(const char *origins);

#endif
