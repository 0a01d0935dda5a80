/*
 * error_table.h - the one table that gives each error its HTTP status, code and message. Codes and
 * messages are part of the HTTP contract.
 */
#ifndef CUBBY_COMMON_HTTP_ERROR_TABLE_H
#define CUBBY_COMMON_HTTP_ERROR_TABLE_H

#include "common/base/error.h"

struct error_info {
    int status;          /* HTTP status */
    const char *code;    /* the contract's code */
    const char *message; /* for people */
};

/* The table's row of CODE; ERR_NONE and unknown numbers give that of ERR_INTERNAL. */
const struct error_info *error_info(enum error_code code);

/* The reason phrase of an HTTP status cubby uses; of any other that of 500. */
const char *http_reason(int status);

#endif
