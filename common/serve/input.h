/*
 * input.h - the members of a body that a call takes, declared as a table that fills a plain struct.
 */
#ifndef CUBBY_COMMON_SERVE_INPUT_H
#define CUBBY_COMMON_SERVE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/serve/serve.h"

enum input_kind {
    INPUT_TEXT,  /* a string, into a struct text */
    INPUT_WHOLE, /* a whole number (25.0 is one), into an int64_t */
    INPUT_JSON   /* a value (json_value_fault), its exact text, into a struct text */
};

/* NULL when VALUE is good, otherwise a static text that says what is wrong with it. */
typedef const char *input_check(struct text value);

/* One row. The rows are checked in the order of the table, and the first that fails decides the
 * error; `details` gets the reasons of all rows that fail with that same error. */
struct input_field {
    const char *name;
    enum input_kind kind;
    bool optional;      /* may be absent: the struct's member keeps what it held */
    size_t offset;      /* of the member in the struct */
    int64_t least;      /* characters of a text, value of a number */
    int64_t most;       /* likewise; INT64_MAX for a text without a limit */
    input_check *check; /* of a text; NULL: none */
    enum error_code error;
};

/* Fills OUT, a struct that FIELDS describes, from the body of CALL. Texts are on the arena,
 * NUL-terminated, and hold no NUL. Members that no row names are ERR_UNKNOWN_FIELD; their
 * names and the nearest known ones are in `details` even when a row decides the error. Otherwise
 * ERR_NONE, the error of a row as above, or ERR_INTERNAL, with a cause, when memory is out. */
enum error_code input_read(struct call *call, const struct input_field *fields, size_t count,
                           void *out);

/* The same, but members that no row names are ignored. */
enum error_code input_read_known(struct call *call, const struct input_field *fields, size_t count,
                                 void *out);

/* Refuses members of OBJECT whose names are not among the COUNT NAMES: ERR_UNKNOWN_FIELD. In
 * `details` PLACE stands before a name. */
enum error_code input_check_names(struct call *call, const struct json_object *object,
                                  const char *const *names, size_t count, const char *place);

#endif
