/*
 * counter.h - values that count: whole numbers that are added to in place.
 */
#ifndef CUBBY_CGI_BIN_SHARED_COUNTER_H
#define CUBBY_CGI_BIN_SHARED_COUNTER_H

#include "common/serve/serve.h"
#include "db/model/items.h"

/* What may be added at once. Up to 2^53 a double represents every whole number exactly. */
#define COUNTER_STEP_MOST ((INT64_C(1) << 53) - 1)

struct counter_step {
    int64_t by;
    int64_t ttl;         /* seconds; 0: the expiry of the item stays */
    const char *by_name; /* what the client calls `by` */
};

/* Makes ITEM->value the sum of STEP->by and the value that is stored, 0 unless it EXISTS; ITEM is
 * what items_find found. ERR_INVALID_VALUE, with the reason in `details`, when that is no whole
 * number within 2^53, or would lead beyond. */
enum error_code counter_add(struct call *call, const struct item_owner *owner,
                            const struct counter_step *step, bool exists, struct item *item);

#endif
