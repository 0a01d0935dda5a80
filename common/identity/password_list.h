/*
 * password_list.h - the operator's list of passwords that nobody may choose: common ones, and words
 * of the place.
 */
#ifndef CUBBY_COMMON_IDENTITY_PASSWORD_LIST_H
#define CUBBY_COMMON_IDENTITY_PASSWORD_LIST_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/text.h"

/* Why a password on the list is refused, as a `details` text. */
extern const char password_list_reason[];

/* Sets *REFUSED: whether PASSWORD is on the list in the file at PATH; never, where PATH is "".
 *
 * The file has one password on each line, in any order; lines that begin with "#!comment:", as John
 * the Ripper writes them, and those of more than PASSWORD_MAXIMUM bytes are left out. A password is
 * on the list when it equals a line but for the case of ASCII letters, or when what is left of both
 * without the digits and signs at their ends, of at least four bytes, is equal with `@`, `0`, `$`
 * and the like taken for the letters they stand for: `password` refuses `P@ssw0rd1!` too. The whole
 * file is read each time, at some 100 MB a second. ERR_INTERNAL, with the path in CAUSE, when it
 * can't be read or is no regular file: then nothing is known to be good. */
enum error_code password_list_has(const char *path, struct text password, bool *refused,
                                  struct cause *cause);

#endif
