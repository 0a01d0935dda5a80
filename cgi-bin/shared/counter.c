/*
 * counter.c - values that count.
 */
#include "cgi-bin/shared/counter.h"

#include <inttypes.h>

#include "cgi-bin/shared/item_call.h"
#include "common/json/json_number.h"

static const int64_t whole_maximum = INT64_C(1) << 53;

/* The number in VALUE, if it is a whole number within the exact range of a double. */
static bool read_counter(struct text value, int64_t *out)
{
    struct json_decimal number;
    return json_decimal_read(value, &number) && json_decimal_whole(&number, out) &&
           *out <= whole_maximum && *out >= -whole_maximum;
}

enum error_code counter_add(struct call *call, const struct item_owner *owner,
                            const struct counter_step *step, bool exists, struct item *item)
{
    int64_t number = 0;
    if (exists) {
        struct item present = {.key = item->key};
        enum error_code error = item_read(call, owner, &present);
        if (error != ERR_NONE) {
            return error;
        }
        if (!read_counter(present.value, &number)) {
            response_detail(&call->response, "value",
                            "must be a whole number within 2^53 to count");
            return ERR_INVALID_VALUE;
        }
    }
    number += step->by;
    if (number > whole_maximum || number < -whole_maximum) {
        response_detail(&call->response, step->by_name, "would lead beyond 2^53");
        return ERR_INVALID_VALUE;
    }
    const char *digits = arena_printf(call->arena, "%" PRId64, number);
    item->value = text_of(digits);
    if (step->ttl > 0) {
        item->expires_at = item_expiry(call, step->ttl);
    }
    return digits != NULL ? ERR_NONE : ERR_INTERNAL;
}
