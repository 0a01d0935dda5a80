/*
 * condition.h - conditional requests (RFC 9110 section 13) over entity tags that are versions.
 */
#ifndef CUBBY_COMMON_SERVE_CONDITION_H
#define CUBBY_COMMON_SERVE_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/serve/serve.h"

/* The conditions that a request sets on the current item: header fields as sent, or NULL. */
struct condition {
    const char *if_match;
    const char *if_none_match;
};

/* Reads the conditions of the request: the fields If-Match and If-None-Match, or instead the query
 * parameters if_match and if_none_match, because some web servers do not pass these fields on. A
 * malformed list is ERR_INVALID_PARAMETER: ignoring it would allow the write it should prevent. */
enum error_code condition_read(struct call *call, struct condition *out);

/* Whether If-None-Match is `*`, which demands that the item does not exist. */
bool condition_creates(const struct condition *condition);

enum condition_result {
    CONDITION_HOLDS,
    CONDITION_NOT_MODIFIED, /* only of a read: the client already has this version */
    CONDITION_FAILS
};

/* Evaluates in the order of RFC 9110 section 13.2.2. VERSION is that of the item, which EXISTS or
 * not. READS: the method is GET or HEAD. */
enum condition_result condition_evaluate(const struct condition *condition, bool reads, bool exists,
                                         int64_t version);

#endif
