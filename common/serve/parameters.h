/*
 * parameters.h - the query parameters that a call takes, declared as a table that fills a plain
 * struct. Each route names its table; what the table does not name is refused.
 */
#ifndef CUBBY_COMMON_SERVE_PARAMETERS_H
#define CUBBY_COMMON_SERVE_PARAMETERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/serve/input.h"
#include "common/serve/serve.h"

enum parameter_kind {
    PARAMETER_TEXT,     /* decoded, into a struct text */
    PARAMETER_WHOLE,    /* decimal digits, after a minus if `least` allows it, into an int64_t */
    PARAMETER_FLAG,     /* true or false, into a bool */
    PARAMETER_ELSEWHERE /* read by other code; here it is only known */
};

/* One row. A parameter that is not given leaves the struct's member as it was; when one is
 * repeated, the first counts. */
struct parameter {
    const char *name; /* NULL: the end of the table */
    enum parameter_kind kind;
    size_t offset; /* of the member in the struct */
    int64_t least; /* value of a number */
    int64_t most;
    input_check *check; /* of a text; NULL: none */
};

/* The last row of a table. */
#define PARAMETERS_END                                                                             \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* The rows of what condition_read reads. */
#define CONDITION_PARAMETERS                                                                       \
    {"if_match", PARAMETER_ELSEWHERE, 0, 0, 0, NULL},                                              \
    {                                                                                              \
        "if_none_match", PARAMETER_ELSEWHERE, 0, 0, 0, NULL                                        \
    }

/* Refuses parameters that are not in the table of the route of CALL: ERR_UNKNOWN_PARAMETER, with
 * their names and the nearest known ones in `details`. Where the item is named by the query, that
 * parameter is known too. One that is given more than once is ERR_INVALID_PARAMETER, since the
 * parties on the way may not agree which counts; so are header fields of a condition, or of a part,
 * on a call that changes something and does not take them. */
enum error_code parameters_check(struct call *call);

/* Fills OUT, a struct that the table of the route describes, from the query of CALL.
 * ERR_INVALID_PARAMETER, with the reasons in `details`. Texts are on the arena, NUL-terminated. */
enum error_code parameters_read(struct call *call, void *out);

#endif
