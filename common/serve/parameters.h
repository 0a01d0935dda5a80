/*
 * parameters.h - the query parameters that a call takes, declared as a table that fills a plain
 * struct.
 */
#ifndef CUBBY_COMMON_SERVE_PARAMETERS_H
#define CUBBY_COMMON_SERVE_PARAMETERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/serve/input.h"
#include "common/serve/serve.h"

enum parameter_kind {
    PARAMETER_TEXT,  /* decoded, into a struct text */
    PARAMETER_WHOLE, /* decimal digits, into an int64_t */
    PARAMETER_FLAG   /* true or false, into a bool */
};

/* One row. A parameter that is not given leaves the struct's member as it was; parameters that no
 * row names are ignored; when one is repeated, the first counts. */
struct parameter {
    const char *name;
    enum parameter_kind kind;
    size_t offset; /* of the member in the struct */
    int64_t least; /* value of a number */
    int64_t most;
    input_check *check; /* of a text; NULL: none */
};

/* Fills OUT, a struct that PARAMETERS describes, from the query of CALL. ERR_INVALID_PARAMETER,
 * with the reasons in `details`. Texts are on the arena, NUL-terminated. */
enum error_code parameters_read(struct call *call, const struct parameter *parameters, size_t count,
                                void *out);

#endif
