/*
 * condition.h - conditional requests (RFC 9110 section 13) over entity tags that are versions.
 */
#ifndef CUBBY_COMMON_SERVE_CONDITION_H
#define CUBBY_COMMON_SERVE_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/serve/serve.h"

/* What a request demands of the item as it is. Members are fields as sent, or NULL. */
struct condition {
    const char *if_match;
    const char *if_none_match;
};

/* The conditions of the request: the fields If-Match and If-None-Match, or in their place the query
 * parameters if_match and if_none_match, for web servers that keep such fields to themselves. A
 * list that can't be read is ERR_INVALID_PARAMETER: taken for none, it would undo what it is for.
 */
enum error_code condition_read(struct call *call, struct condition *out);

/* If-None-Match is `*`: there must be no such item. */
bool condition_creates(const struct condition *condition);

enum condition_result {
    CONDITION_HOLDS,
    CONDITION_NOT_MODIFIED, /* of a read: the client has this version */
    CONDITION_FAILS
};

/* The order is that of RFC 9110 section 13.2.2. VERSION is the item's, EXISTS false when there is
 * none. READS: the method is GET or HEAD. */
enum condition_result condition_evaluate(const struct condition *condition, bool reads, bool exists,
                                         int64_t version);

#endif
