/*
 * data.c - /api/data: store, read, update and delete a user's key-value pairs.
 */
#include <stddef.h>

#include "common/input.h"
#include "common/serve.h"
#include "db/items.h"
#include "db/tokens.h"

struct pair {
    struct text key;
    struct text value;
};

static const struct input_field create_fields[] = {
    {"key", INPUT_TEXT, false, offsetof(struct pair, key), 0, INT64_MAX, item_key_fault,
     ERR_INVALID_KEY},
    {"value", INPUT_JSON, false, offsetof(struct pair, value), 0, 0, NULL, ERR_INVALID_VALUE},
};

static const struct input_field replace_fields[] = {
    {"value", INPUT_JSON, false, offsetof(struct pair, value), 0, 0, NULL, ERR_INVALID_VALUE},
};

/* The key in the address. What can't be a key names nothing. */
static enum error_code key_of_address(struct call *call, struct item *item)
{
    const char *fault = item_key_fault(call->item);
    if (fault != NULL) {
        response_detail(&call->response, "key", fault);
        return ERR_KEY_NOT_FOUND;
    }
    item->key = call->item;
    return ERR_NONE;
}

static enum error_code check_size(struct call *call, struct text value)
{
    if (value.size <= (size_t)call->config->max_value_bytes) {
        return ERR_NONE;
    }
    response_detail(&call->response, "value",
                    arena_printf(call->arena, "must have at most %zu bytes, has %zu",
                                 (size_t)call->config->max_value_bytes, value.size));
    return ERR_VALUE_TOO_LARGE;
}

static void answer_item(struct call *call, const struct item *item, bool is_read)
{
    struct response *response = &call->response;
    response_etag(response, item->version, is_read);
    response_text(response, "key", item->key.at);
    response_raw(response, "value", item->value.at, item->value.size);
    response_integer(response, "version", item->version);
    response_time(response, "created_at", item->created_at);
    response_time(response, "updated_at", item->updated_at);
}

static enum error_code create_item(struct call *call)
{
    struct pair in = {0};
    enum error_code error =
        input_read(call, create_fields, sizeof create_fields / sizeof *create_fields, &in);
    if (error == ERR_NONE) {
        error = check_size(call, in.value);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item item = {.key = in.key, .value = in.value, .updated_at = call->now_ms};
    error = items_create(call->store, &owner, &item);
    if (error == ERR_NONE) {
        response_success(&call->response, 201, "Data stored successfully.");
        answer_item(call, &item, false);
    }
    return error;
}

static enum error_code read_item(struct call *call)
{
    struct item item;
    enum error_code error = key_of_address(call, &item);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    error = items_read(call->store, &owner, &item);
    if (error == ERR_NONE) {
        answer_item(call, &item, true);
    }
    return error;
}

static enum error_code replace_item(struct call *call)
{
    struct pair in = {0};
    struct item item;
    enum error_code error =
        input_read(call, replace_fields, sizeof replace_fields / sizeof *replace_fields, &in);
    if (error == ERR_NONE) {
        error = check_size(call, in.value);
    }
    if (error == ERR_NONE) {
        error = key_of_address(call, &item);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    item.value = in.value;
    item.updated_at = call->now_ms;
    error = items_replace(call->store, &owner, &item);
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Data updated successfully.");
        answer_item(call, &item, false);
    }
    return error;
}

static enum error_code delete_item(struct call *call)
{
    struct item item;
    enum error_code error = key_of_address(call, &item);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    error = items_delete(call->store, &owner, &item);
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Data deleted successfully.");
        response_text(&call->response, "key", item.key.at);
        response_integer(&call->response, "version", item.version);
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, create_item},
    {HTTP_GET, "/{}", ROUTE_TOKEN | ROUTE_DEVICE, ERR_NONE, read_item},
    {HTTP_PUT, "/{}", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, replace_item},
    {HTTP_DELETE, "/{}", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_WRITES, ERR_NONE, delete_item},
};

static const enum db_statement may_run[] = {TOKEN_STATEMENTS, DB_USER_NEXT_VERSION, DB_ITEM_READ,
                                            DB_ITEM_CREATE,   DB_ITEM_REPLACE,      DB_ITEM_DELETE};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program data_program = {.name = "data",
                                     .routes = routes,
                                     .route_count = sizeof routes / sizeof *routes,
                                     .item_parameter = "key",
                                     .store = &db_store,
                                     .store_role = &role};

int main(void)
{
    return cgi_main(&data_program);
}
