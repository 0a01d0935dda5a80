/*
 * data.c - /api/data: store, read, update and delete a user's key-value pairs.
 */
#include <stddef.h>
#include <string.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/condition.h"
#include "common/serve/input.h"
#include "common/json/json_patch.h"
#include "common/serve/parameters.h"
#include "common/serve/serve.h"
#include "cgi-bin/shared/item_call.h"
#include "db/model/tokens.h"

struct pair {
    struct text key;
    struct text value;
    int64_t ttl; /* seconds; 0: never expires */
};

static const struct input_field create_fields[] = {
    {"key", INPUT_TEXT, false, offsetof(struct pair, key), 0, INT64_MAX, item_key_fault,
     ERR_INVALID_KEY},
    {"value", INPUT_JSON, false, offsetof(struct pair, value), 0, 0, NULL, ERR_INVALID_VALUE},
    ITEM_TTL_FIELD(struct pair, ttl),
};

static const struct input_field replace_fields[] = {
    {"value", INPUT_JSON, false, offsetof(struct pair, value), 0, 0, NULL, ERR_INVALID_VALUE},
    ITEM_TTL_FIELD(struct pair, ttl),
};

struct replace_query {
    bool upsert;
};

static const struct parameter replace_parameters[] = {
    {"upsert", PARAMETER_FLAG, offsetof(struct replace_query, upsert), 0, 0, NULL},
};

/* ---- one item -------------------------------------------------------------------------------- */

/* Takes the key from the address. A text that is no valid key names no item, and none can be
 * created under it. */
static enum error_code key_of_address(struct call *call, bool may_create, struct item *item)
{
    const char *fault = item_key_fault(call->item);
    if (fault != NULL) {
        response_detail(&call->response, "key", fault);
        return may_create ? ERR_INVALID_KEY : ERR_KEY_NOT_FOUND;
    }
    *item = (struct item){.key = call->item};
    return ERR_NONE;
}

/* Reads the conditions of the request and the key of an item that must exist. */
static enum error_code read_address(struct call *call, struct condition *condition,
                                    struct item *item)
{
    enum error_code error = condition_read(call, condition);
    return error == ERR_NONE ? key_of_address(call, false, item) : error;
}

static void answer_item(struct call *call, const struct item *item, bool is_read)
{
    response_etag(&call->response, item->version, is_read);
    call->response.data = item_json(call, item, false);
}

/* Ends a write: stores ITEM and answers with it. */
static enum error_code put_item(struct call *call, struct item_writes *writes, struct item *item,
                                int status, const char *message)
{
    enum error_code error = items_put(writes, item);
    if (error == ERR_NONE) {
        error = item_writes_end(writes);
    }
    if (error == ERR_NONE) {
        response_success(&call->response, status, message);
        answer_item(call, item, false);
    }
    return error;
}

/* The answer to a condition that does not hold: the item as it is, or null. */
static enum error_code answer_current(struct call *call, const struct item_owner *owner,
                                      struct text key)
{
    struct item item = {.key = key};
    enum error_code error = items_read(call->store, owner, call->now_ms, &item);
    if (error != ERR_NONE && error != ERR_KEY_NOT_FOUND) {
        return error;
    }
    struct response *response = &call->response;
    response->errors_carry_data = true;
    response->data = cJSON_CreateObject();
    if (error == ERR_NONE) {
        response_etag(response, item.version, false);
        json_add(response->data, "current", item_json(call, &item, false));
    } else {
        json_add(response->data, "current", cJSON_CreateNull());
    }
    return ERR_PRECONDITION_FAILED;
}

static enum error_code create_item(struct call *call)
{
    struct pair in = {.ttl = 0};
    enum error_code error =
        input_read(call, create_fields, sizeof create_fields / sizeof *create_fields, &in);
    if (error == ERR_NONE) {
        error = item_check_value(call, in.value);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    struct item item = {.key = in.key};
    bool exists;
    error = items_allow(&owner, ITEM_WRITES, item.key);
    if (error == ERR_NONE) {
        error = item_writes_start(call, &writes);
    }
    if (error == ERR_NONE) {
        error = items_find(&writes, &item, &exists);
    }
    if (error == ERR_NONE && exists) {
        error = ERR_KEY_EXISTS;
    }
    item.value = in.value;
    item.expires_at = item_expiry(call, in.ttl);
    if (error == ERR_NONE) {
        error = put_item(call, &writes, &item, 201, "Data stored successfully.");
    }
    return item_failed(call, error);
}

static enum error_code read_item(struct call *call)
{
    struct condition condition;
    struct item item;
    enum error_code error = read_address(call, &condition, &item);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    error = items_read(call->store, &owner, call->now_ms, &item);
    if (error != ERR_NONE) {
        return item_failed(call, error);
    }
    switch (condition_evaluate(&condition, true, true, item.version)) {
    case CONDITION_FAILS:
        return item_failed(call, answer_current(call, &owner, item.key));
    case CONDITION_NOT_MODIFIED:
        response_success(&call->response, 304, NULL);
        response_etag(&call->response, item.version, true);
        return ERR_NONE;
    case CONDITION_HOLDS:
    default:
        answer_item(call, &item, true);
        return ERR_NONE;
    }
}

/* Finds the item that a write changes, and checks the conditions of the request. */
static enum error_code find_to_change(struct call *call, const struct condition *condition,
                                      bool may_create, struct item_writes *writes,
                                      struct item *item, bool *exists)
{
    enum error_code error = items_allow(writes->owner, ITEM_WRITES, item->key);
    if (error == ERR_NONE) {
        error = item_writes_start(call, writes);
    }
    if (error == ERR_NONE) {
        error = items_find(writes, item, exists);
    }
    if (error == ERR_NONE && !*exists && !may_create) {
        return ERR_KEY_NOT_FOUND; /* whatever the conditions (RFC 9110 section 13.2.1) */
    }
    if (error == ERR_NONE &&
        condition_evaluate(condition, false, *exists, item->version) != CONDITION_HOLDS) {
        return answer_current(call, writes->owner, item->key);
    }
    return error;
}

static enum error_code replace_item(struct call *call)
{
    struct replace_query query = {.upsert = false};
    struct condition condition;
    struct pair in = {.ttl = 0};
    struct item item;
    enum error_code error = parameters_read(
        call, replace_parameters, sizeof replace_parameters / sizeof *replace_parameters, &query);
    if (error == ERR_NONE) {
        error = condition_read(call, &condition);
    }
    if (error == ERR_NONE) {
        error =
            input_read(call, replace_fields, sizeof replace_fields / sizeof *replace_fields, &in);
    }
    if (error == ERR_NONE) {
        error = item_check_value(call, in.value);
    }
    bool may_create = error == ERR_NONE && (query.upsert || condition_creates(&condition));
    if (error == ERR_NONE) {
        error = key_of_address(call, may_create, &item);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    bool exists;
    error = find_to_change(call, &condition, may_create, &writes, &item, &exists);
    item.value = in.value;
    item.expires_at = item_expiry(call, in.ttl);
    if (error == ERR_NONE) {
        error = put_item(call, &writes, &item, exists ? 200 : 201,
                         exists ? "Data updated successfully." : "Data stored successfully.");
    }
    return item_failed(call, error);
}

/* ---- a part of an item ----------------------------------------------------------------------- */

typedef enum error_code patch_function(struct arena *arena, struct json_change *change);

/* The kind of patch that the content type names (RFC 5789 section 2.2); NULL when it is unknown. */
static patch_function *patch_of(const char *content_type)
{
    static const struct {
        const char *type;
        patch_function *apply;
    } kinds[] = {
        {"application/merge-patch+json", json_merge_patch},
        {"application/json-patch+json", json_apply_patch},
        {"application/json", json_merge_patch},
    };
    struct text type = text_of(content_type != NULL ? content_type : "");
    type.size = strcspn(type.at, "; \t");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (text_equal_nocase(type, text_of(kinds[i].type))) {
            return kinds[i].apply;
        }
    }
    return NULL;
}

/* The body without the white space around it. */
static struct text patch_text(struct text body)
{
    static const char space[] = " \t\r\n";
    size_t skip = strspn(body.at, space);
    body.at += skip;
    body.size -= skip;
    while (body.size > 0 && strchr(space, body.at[body.size - 1]) != NULL) {
        body.size--;
    }
    return body;
}

/* Applies the patch to the value of PRESENT; ITEM->value is the result. */
static enum error_code patch_value(struct call *call, patch_function *apply,
                                   const struct item *present, struct item *item)
{
    struct json_change change = {.value = present->value,
                                 .patch = patch_text(call->request.body),
                                 .maximum = (size_t)call->config->max_value_bytes};
    enum error_code error = apply(call->arena, &change);
    if (error == ERR_INTERNAL) {
        return call_fail(call, error, "out of memory while applying a patch");
    }
    if (error != ERR_NONE) {
        bool by_operations =
            apply == json_apply_patch && change.patch.at[0] == '[' && error != ERR_VALUE_TOO_LARGE;
        response_detail(&call->response, by_operations ? "operation" : "value",
                        by_operations
                            ? arena_printf(call->arena, "%zu: %s", change.operation, change.reason)
                            : change.reason);
    }
    item->value = change.result;
    return error;
}

/* Reads the item, checks the condition, applies the patch. *VERSION is the version that was read.
 */
static enum error_code read_and_patch(struct call *call, const struct item_owner *owner,
                                      const struct condition *condition, patch_function *apply,
                                      struct item *item, int64_t *version)
{
    struct item present = {.key = item->key};
    enum error_code error = items_read(call->store, owner, call->now_ms, &present);
    if (error != ERR_NONE) {
        return error;
    }
    *version = present.version;
    return condition_evaluate(condition, false, true, present.version) == CONDITION_HOLDS
               ? patch_value(call, apply, &present, item)
               : answer_current(call, owner, item->key);
}

/* The patch is applied before the write lock is taken, since it may take long. If the item has
 * changed meanwhile, it is applied once more under the lock. */
static enum error_code patch_and_find(struct call *call, const struct condition *condition,
                                      patch_function *apply, struct item_writes *writes,
                                      struct item *item)
{
    int64_t version = 0;
    bool exists;
    enum error_code error = items_allow(writes->owner, ITEM_WRITES, item->key);
    if (error == ERR_NONE) {
        error = db_begin_read(call->store);
    }
    if (error == ERR_NONE) {
        error = read_and_patch(call, writes->owner, condition, apply, item, &version);
    }
    struct item found = {.key = item->key};
    if (error == ERR_NONE) {
        error = item_writes_start(call, writes);
    }
    if (error == ERR_NONE) {
        error = items_find(writes, &found, &exists);
    }
    if (error == ERR_NONE && !exists) {
        error = ERR_KEY_NOT_FOUND;
    }
    if (error == ERR_NONE && found.version != version) {
        error = read_and_patch(call, writes->owner, condition, apply, item, &version);
    }
    found.value = item->value;
    *item = found;
    return error;
}

static enum error_code patch_item(struct call *call)
{
    struct condition condition;
    struct item item;
    patch_function *apply = patch_of(call->request.content_type);
    if (apply == NULL) {
        response_header(&call->response, "Accept-Patch",
                        "application/merge-patch+json, application/json-patch+json");
        return ERR_UNSUPPORTED_MEDIA_TYPE;
    }
    enum error_code error = read_address(call, &condition, &item);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    error = patch_and_find(call, &condition, apply, &writes, &item);
    if (error == ERR_NONE) {
        error = put_item(call, &writes, &item, 200, "Data updated successfully.");
    }
    return item_failed(call, error);
}

static enum error_code delete_item(struct call *call)
{
    struct condition condition;
    struct item item;
    enum error_code error = read_address(call, &condition, &item);
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    bool exists;
    error = find_to_change(call, &condition, false, &writes, &item, &exists);
    if (error == ERR_NONE) {
        error = items_remove(&writes, &item);
    }
    if (error == ERR_NONE) {
        error = item_writes_end(&writes);
    }
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Data deleted successfully.");
        response_text(&call->response, "key", item.key.at);
        response_integer(&call->response, "version", item.version);
    }
    return item_failed(call, error);
}

/* ---- many items ------------------------------------------------------------------------------ */

struct list_query {
    struct text prefix;
    struct text cursor;
    int64_t limit;
    bool values;
    bool count;
};

static const struct parameter list_parameters[] = {
    {"prefix", PARAMETER_TEXT, offsetof(struct list_query, prefix), 0, 0, item_prefix_fault},
    {"cursor", PARAMETER_TEXT, offsetof(struct list_query, cursor), 0, 0, NULL},
    {"limit", PARAMETER_WHOLE, offsetof(struct list_query, limit), 1, 1000, NULL},
    {"values", PARAMETER_FLAG, offsetof(struct list_query, values), 0, 0, NULL},
    {"count", PARAMETER_FLAG, offsetof(struct list_query, count), 0, 0, NULL},
};

enum { LIST_LIMIT = 100 };

/* A cursor is the last key of the previous page, so it stays valid whatever is written meanwhile.
 */
static enum error_code read_cursor(struct call *call, struct text cursor, struct text *after)
{
    *after = cursor;
    if (cursor.size == 0) {
        return ERR_NONE;
    }
    if (base64url_decode(call->arena, cursor, after) && item_key_fault(*after) == NULL) {
        return ERR_NONE;
    }
    response_detail(&call->response, "cursor", "must be the next_cursor of an answer");
    return ERR_INVALID_PARAMETER;
}

/* next_cursor, and the same as a link (RFC 8288). The link is relative, so that it works even if
 * a proxy maps the address. */
static void answer_next(struct call *call, const struct list_query *query, const char *last_key)
{
    struct text key = text_of(last_key);
    char *cursor = arena_alloc(call->arena, (key.size * 4 + 2) / 3 + 1);
    const char *prefix = text_percent_encode(call->arena, query->prefix);
    if (cursor == NULL || prefix == NULL) {
        return; /* out of memory, which the arena has recorded */
    }
    base64url_encode((const unsigned char *)key.at, key.size, cursor);
    response_text(&call->response, "next_cursor", cursor);
    response_header(&call->response, "Link",
                    arena_printf(call->arena, "<?prefix=%s&limit=%d%s%s&cursor=%s>; rel=\"next\"",
                                 prefix, (int)query->limit, query->values ? "&values=true" : "",
                                 query->count ? "&count=true" : "", cursor));
}

static enum error_code list_items(struct call *call)
{
    struct list_query query = {.prefix = {.at = "", .size = 0}, .limit = LIST_LIMIT};
    struct text after;
    enum error_code error = parameters_read(
        call, list_parameters, sizeof list_parameters / sizeof *list_parameters, &query);
    if (error == ERR_NONE) {
        error = read_cursor(call, query.cursor, &after);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_counters counters;
    struct item_page page;
    item_page_init(&page, call, query.limit, true);
    error = items_counters(call->store, &owner, &counters);
    if (error == ERR_NONE) {
        error = items_list(call->store, &owner, call->now_ms, query.prefix, after, query.limit + 1,
                           query.values, item_page_add, &page);
    }
    int64_t total = 0;
    if (error == ERR_NONE && query.count) {
        error = items_count(call->store, &owner, call->now_ms, query.prefix, &total);
    }
    if (error != ERR_NONE) {
        return error;
    }
    response_json(&call->response, "items", page.items);
    if (page.more) {
        answer_next(call, &query, page.last_key);
    }
    if (query.count) {
        response_integer(&call->response, "total", total);
    }
    return ERR_NONE;
}

static enum error_code delete_items(struct call *call)
{
    struct list_query query = {.prefix = {.at = "", .size = 0}};
    /* The first row alone: prefix. */
    enum error_code error = parameters_read(call, list_parameters, 1, &query);
    if (error == ERR_NONE && query.prefix.size == 0) {
        response_detail(&call->response, "prefix", "must not be empty");
        error = ERR_INVALID_PARAMETER;
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    int64_t deleted;
    error = items_remove_all(&writes, query.prefix, &deleted);
    if (error == ERR_NONE) {
        error = item_writes_end(&writes);
    }
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Data deleted successfully.");
        response_integer(&call->response, "deleted", deleted);
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_GET, "", ROUTE_TOKEN | ROUTE_DEVICE, ERR_NONE, list_items},
    {HTTP_DELETE, "", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_WRITES, ERR_NONE, delete_items},
    {HTTP_POST, "", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, create_item},
    {HTTP_GET, "/{}", ROUTE_TOKEN | ROUTE_DEVICE, ERR_NONE, read_item},
    {HTTP_PUT, "/{}", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, replace_item},
    {HTTP_PATCH, "/{}",
     ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_ANY_JSON | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, patch_item},
    {HTTP_DELETE, "/{}", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_WRITES, ERR_NONE, delete_item},
};

static const enum db_statement may_run[] = {
    TOKEN_STATEMENTS, DB_COUNTERS_READ, DB_COUNTERS_WRITE, DB_ITEM_READ,
    DB_ITEM_FIND,     DB_ITEM_ADD,      DB_ITEM_CHANGE,    DB_ITEM_FIRST_EXPIRING,
    DB_ITEM_FORGET,   DB_ITEM_LIST,     DB_ITEM_COUNT,
};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program data_program = {.name = "data",
                                     .routes = routes,
                                     .route_count = sizeof routes / sizeof *routes,
                                     .item_parameter = "key",
                                     .store = &database_store,
                                     .store_role = &role};

int main(void)
{
    return cgi_main(&data_program);
}
