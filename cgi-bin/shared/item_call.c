/*
 * item_call.c - what the programs that serve items share.
 */
#include "cgi-bin/shared/item_call.h"

#include <stdint.h>

/* Reads the limits anew, which the writes that failed on them have known. */
static enum error_code explain_quota(struct call *call)
{
    const struct item_owner owner = items_owner(&call->claims);
    struct item_counters counters;
    enum error_code error = items_counters(call->store, &owner, &counters);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_limits limits = items_limits(call->config, &counters.quota);
    long long keys = (long long)limits.keys;
    long long bytes = (long long)limits.bytes;
    response_detail(&call->response, "limits",
                    keys == 0    ? arena_printf(call->arena, "%lld bytes", bytes)
                    : bytes == 0 ? arena_printf(call->arena, "%lld keys", keys)
                                 : arena_printf(call->arena, "%lld keys, %lld bytes", keys, bytes));
    return ERR_QUOTA_EXCEEDED;
}

enum error_code item_failed(struct call *call, enum error_code error)
{
    return error == ERR_QUOTA_EXCEEDED ? explain_quota(call) : error;
}

enum error_code item_check_size(struct call *call, size_t size)
{
    if (size <= (size_t)call->config->max_value_bytes) {
        return ERR_NONE;
    }
    response_detail(&call->response, "value",
                    arena_printf(call->arena, "must have at most %zu bytes, has %zu",
                                 (size_t)call->config->max_value_bytes, size));
    return ERR_VALUE_TOO_LARGE;
}

/* Lets the call take what a value of SIZE bytes needs in memory beside the row: once as a copy or
 * decoded, and once printed. */
static void make_room(struct call *call, size_t size)
{
    enum { COPIES = 2 };
    size_t *maximum = &call->arena->maximum;
    *maximum += size < (SIZE_MAX - *maximum) / COPIES ? COPIES * size : 0;
}

enum error_code item_read(struct call *call, const struct item_owner *owner, struct item *item)
{
    enum error_code error = items_read(call->store, owner, call->now_ms, item);
    if (error == ERR_NONE) {
        make_room(call, item->value.size);
    }
    return error;
}

enum error_code item_writes_start(struct call *call, struct item_writes *writes)
{
    enum error_code error = item_writes_hold(writes);
    call_time_passed(call);
    writes->now_ms = call->now_ms;
    return error == ERR_NONE ? item_writes_lock(writes) : error;
}

int64_t item_expiry(const struct call *call, int64_t ttl)
{
    return ttl > 0 ? call->now_ms + ttl * 1000 : 0;
}

/* The most bytes that an item takes in an answer: member names, numbers and times, the key, which
 * escapes may double, and the value. */
static size_t item_bytes(const struct item *item)
{
    enum { MEMBERS_BYTES = 256 };
    return MEMBERS_BYTES + 2 * item->key.size + item->value.size;
}

cJSON *item_json(struct call *call, const struct item *item, unsigned members)
{
    cJSON *object = cJSON_CreateObject();
    if (members & ITEM_SHOWS_KEY) {
        json_add(object, "key", json_new_string(item->key.at));
    }
    if ((members & ITEM_SHOWS_VALUE) && item->value.at != NULL) {
        json_add(object, "value", json_new_raw(item->value.at));
    }
    if (members & ITEM_SHOWS_VERSION) {
        json_add(object, "version", json_new_integer(call->arena, item->version));
    }
    if (members & ITEM_SHOWS_CREATED) {
        json_add(object, "created_at", json_new_time(call->arena, item->created_at));
    }
    if (members & ITEM_SHOWS_UPDATED) {
        json_add(object, "updated_at", json_new_time(call->arena, item->updated_at));
    }
    if (item->expires_at < 0) {
        json_add(object, "deleted", cJSON_CreateTrue());
    } else if ((members & ITEM_SHOWS_EXPIRES) && item->expires_at > 0) {
        json_add(object, "expires_at", json_new_time(call->arena, item->expires_at));
    }
    if (members & ITEM_SHOWS_SIZE) {
        json_add(object, "size", json_new_integer(call->arena, item->size));
    }
    call->response.text_bytes += item_bytes(item);
    return object;
}

void item_page_init(struct item_page *page, struct call *call, int64_t limit, unsigned members)
{
    *page = (struct item_page){
        .call = call, .items = cJSON_CreateArray(), .limit = limit, .members = members};
}

bool item_page_add(void *self, const struct item *item)
{
    struct item_page *page = self;
    struct arena *arena = page->call->arena;
    size_t bytes = item_bytes(item);
    if (page->count == page->limit || (page->count > 0 && page->bytes + bytes > ITEM_PAGE_BYTES)) {
        page->more = true;
        return false;
    }
    make_room(page->call, item->value.size);
    struct item copy = *item;
    copy.key.at = arena_copy(arena, item->key.at, item->key.size);
    if (item->value.at != NULL) {
        copy.value.at = arena_copy(arena, item->value.at, item->value.size);
    }
    if (arena_failed(arena)) {
        return false; /* the loop checks the arena */
    }
    page->count++;
    page->bytes += bytes;
    page->last_key = copy.key.at;
    page->last_version = copy.version;
    cJSON *object = item_json(page->call, &copy, page->members);
    return object != NULL && cJSON_AddItemToArray(page->items, object);
}
