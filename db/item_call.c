/*
 * item_call.c - what the programs that serve items share.
 */
#include "db/item_call.h"

static enum error_code explain_quota(struct call *call)
{
    response_detail(&call->response, "limits",
                    arena_printf(call->arena, "%lld keys, %lld bytes",
                                 (long long)call->config->max_user_keys,
                                 (long long)call->config->max_user_bytes));
    return ERR_QUOTA_EXCEEDED;
}

enum error_code item_failed(struct call *call, enum error_code error)
{
    return error == ERR_QUOTA_EXCEEDED ? explain_quota(call) : error;
}

enum error_code item_check_size(struct call *call, struct text value)
{
    if (value.size <= (size_t)call->config->max_value_bytes) {
        return ERR_NONE;
    }
    response_detail(&call->response, "value",
                    arena_printf(call->arena, "must have at most %zu bytes, has %zu",
                                 (size_t)call->config->max_value_bytes, value.size));
    return ERR_VALUE_TOO_LARGE;
}

int64_t item_expiry(const struct call *call, int64_t ttl)
{
    return ttl > 0 ? call->now_ms + ttl * 1000 : 0;
}

cJSON *item_json(struct call *call, const struct item *item, bool with_size)
{
    cJSON *object = cJSON_CreateObject();
    json_add(object, "key", json_new_string(item->key.at));
    if (item->value.at != NULL) {
        json_add(object, "value", json_new_raw(item->value.at));
    }
    json_add(object, "version", json_new_integer(call->arena, item->version));
    json_add(object, "created_at", json_new_time(call->arena, item->created_at));
    json_add(object, "updated_at", json_new_time(call->arena, item->updated_at));
    if (item->expires_at > 0) {
        json_add(object, "expires_at", json_new_time(call->arena, item->expires_at));
    }
    if (with_size) {
        json_add(object, "size", json_new_integer(call->arena, item->size));
    }
    /* Names, numbers and times take no more; a key may double by its escapes. */
    enum { MEMBERS_BYTES = 256 };
    call->response.raw_bytes += MEMBERS_BYTES + 2 * item->key.size + item->value.size;
    return object;
}
