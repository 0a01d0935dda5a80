/*
 * unknown.h - refusing a name that no table of a call knows, a query parameter's or a member's, and
 * telling the nearest one that the tables do know.
 */
#ifndef CUBBY_COMMON_SERVE_UNKNOWN_H
#define CUBBY_COMMON_SERVE_UNKNOWN_H

#include <stddef.h>

#include "common/serve/serve.h"

/* Names longer than this are cut before they are compared or shown. */
enum { UNKNOWN_NAME_MAXIMUM = 64 };

/* At most so many names are told in one answer. */
enum { UNKNOWN_TOLD_MAXIMUM = 16 };

struct unknown {
    struct text name;
    const char *nearest; /* of the names offered so far; NULL: none was */
    size_t distance;     /* from it */
};

/* Starts with NAME, which is borrowed. */
struct unknown unknown_start(struct text name);

/* Compares with KNOWN, a static text. Of two at the same distance the first stays. */
void unknown_offer(struct unknown *unknown, const char *known);

/* Adds PLACE and the name to `details`, and which known name is the nearest. Bytes of the name that
 * are no printable text are shown as question marks. */
void unknown_tell(struct call *call, const struct unknown *unknown, const char *place);

#endif
