/*
 * device.c - the text of a device token.
 */
#include "common/identity/device.h"

#include <inttypes.h>
#include <string.h>

static const char start[] = "cubby_";

enum { START_SIZE = sizeof start - 1 };

bool looks_like_device_token(struct text text)
{
    return text.size >= START_SIZE && memcmp(text.at, start, START_SIZE) == 0;
}

/* Reads the number before the next `_`, which has one spelling alone: that without leading zeros.
 * REST then begins after that. */
static bool take_number(struct text *rest, int64_t maximum, int64_t *out)
{
    const char *end = memchr(rest->at, '_', rest->size);
    if (end == NULL) {
        return false;
    }
    struct text digits = {.at = rest->at, .size = (size_t)(end - rest->at)};
    rest->at = end + 1;
    rest->size -= digits.size + 1;
    bool over;
    return text_to_int64(digits, maximum, &over, out) && *out > 0 && *digits.at != '0';
}

bool device_token_parse(struct text text, struct device_token *out)
{
    if (!looks_like_device_token(text)) {
        return false;
    }
    struct text rest = {.at = text.at + START_SIZE, .size = text.size - START_SIZE};
    if (!take_number(&rest, INT64_MAX / DEVICE_NUMBER_MAXIMUM - 1, &out->user_id) ||
        !take_number(&rest, DEVICE_NUMBER_MAXIMUM - 1, &out->number)) {
        return false;
    }
    out->secret = rest;
    return rest.size == DEVICE_SECRET_SIZE;
}

int64_t device_number(int64_t random)
{
    return random % (DEVICE_NUMBER_MAXIMUM - 1) + 1;
}

void device_secret_make(unsigned char *bytes, char out[DEVICE_SECRET_SIZE + 1])
{
    base64url_encode(bytes, DEVICE_SECRET_BYTES, out);
    explicit_bzero(bytes, DEVICE_SECRET_BYTES);
}

const char *device_token_text(struct arena *arena, int64_t user_id, int64_t number,
                              const char *secret)
{
    return arena_printf(arena, "%s%" PRId64 "_%" PRId64 "_%s", start, user_id, number, secret);
}
