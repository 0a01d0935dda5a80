/*
 * precis.h - which texts may be new user names: the profile UsernameCaseMapped (RFC 8265 section
 * 3.3), without its mappings. What that would map is refused instead, unless it is the case of a
 * letter, so that no two names look the same and are different bytes.
 */
#ifndef CUBBY_COMMON_BASE_PRECIS_H
#define CUBBY_COMMON_BASE_PRECIS_H

#include "common/base/text.h"

/* NULL when NAME, which is UTF-8, may be a user name; otherwise a static text that says why not.
 * Refused are
 * - characters that are not of the IdentifierClass (RFC 8264): invisible ones, symbols, spaces but
 *   U+0020, compatibility variants such as full-width letters; and joiners;
 * - what is not in normalization form C, and a mark without a letter before it;
 * - what RFC 5892 appendix A allows only between certain neighbours, and the Bidi rule does not
 *   (RFC 5893);
 * - letters of several scripts, but for those that are written together: Latin with Han and one of
 *   kana, Hangul and Bopomofo (UTS 39, highly restrictive). */
const char *precis_username_fault(struct text name);

#endif
