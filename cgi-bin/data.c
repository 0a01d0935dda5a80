/*
 * data.c - /api/data: store, read, update and delete a user's key-value pairs.
 */
#include <stddef.h>
#include <string.h>

#include "cgi-bin/shared/counter.h"
#include "cgi-bin/shared/item_call.h"
#include "cgi-bin/shared/item_list.h"
#include "cgi-bin/shared/raw_value.h"
#include "cgi-bin/shared/store.h"
#include "common/http/media_type.h"
#include "common/json/json_patch.h"
#include "common/serve/condition.h"
#include "common/serve/input.h"
#include "common/serve/parameters.h"
#include "common/serve/serve.h"
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

static const int64_t no_increment = INT64_MIN;

struct item_query {
    bool raw;
    bool upsert;
    int64_t ttl;       /* as in struct pair */
    int64_t increment; /* no_increment: not given */
};

#define RAW_PARAMETER                                                                              \
    {                                                                                              \
        "raw", PARAMETER_FLAG, offsetof(struct item_query, raw), 0, 0, NULL                        \
    }
#define TTL_PARAMETER                                                                              \
    {                                                                                              \
        "ttl", PARAMETER_WHOLE, offsetof(struct item_query, ttl), 1, ITEM_TTL_MAXIMUM, NULL        \
    }

static const struct parameter read_parameters[] = {
    RAW_PARAMETER,
    CONDITION_PARAMETERS,
    PARAMETERS_END,
};

static const struct parameter replace_parameters[] = {
    {"upsert", PARAMETER_FLAG, offsetof(struct item_query, upsert), 0, 0, NULL},
    RAW_PARAMETER,
    TTL_PARAMETER,
    CONDITION_PARAMETERS,
    PARAMETERS_END,
};

static const struct parameter post_parameters[] = {
    {"increment", PARAMETER_WHOLE, offsetof(struct item_query, increment), -COUNTER_STEP_MOST,
     COUNTER_STEP_MOST, NULL},
    RAW_PARAMETER,
    TTL_PARAMETER,
    CONDITION_PARAMETERS,
    PARAMETERS_END,
};

/* Of calls about one item that take nothing but conditions. */
static const struct parameter item_parameters[] = {
    CONDITION_PARAMETERS,
    PARAMETERS_END,
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
    call->response.data = item_json(call, item, ITEM_SHOWS_USUAL);
}

/* The value of a PUT: the whole body, or a member of it. */
static enum error_code read_value(struct call *call, const struct item_query *query,
                                  struct pair *in)
{
    if (query->raw) {
        in->ttl = query->ttl;
        return raw_value_read(call, &in->value);
    }
    if (query->ttl != 0) {
        response_detail(&call->response, "ttl",
                        "is a parameter with raw=true only; here it is a "
                        "member of the body");
        return ERR_INVALID_PARAMETER;
    }
    enum error_code error =
        input_read(call, replace_fields, sizeof replace_fields / sizeof *replace_fields, in);
    return error == ERR_NONE ? item_check_size(call, in->value.size) : error;
}

/* Begins a write: finds the item that it is about. */
static enum error_code find_to_write(struct call *call, struct item_writes *writes,
                                     struct item *item, bool *exists)
{
    enum error_code error = items_allow(writes->owner, ITEM_WRITES, item->key);
    if (error == ERR_NONE) {
        error = item_writes_start(call, writes);
    }
    return error == ERR_NONE ? items_find(writes, item, exists) : error;
}

/* Ends a write: stores ITEM, which EXISTS already or is new, and answers with it. */
static enum error_code put_item(struct call *call, struct item_writes *writes, struct item *item,
                                bool exists)
{
    enum error_code error = items_put(writes, item);
    if (error == ERR_NONE) {
        error = item_writes_end(writes);
    }
    if (error == ERR_NONE) {
        response_success(&call->response, exists ? 200 : 201,
                         exists ? "Data updated successfully." : "Data stored successfully.");
        answer_item(call, item, false);
    }
    return error;
}

/* The answer to a condition that does not hold: the item as it is, or null. */
static enum error_code answer_current(struct call *call, const struct item_owner *owner,
                                      struct text key)
{
    struct item item = {.key = key};
    enum error_code error = item_read(call, owner, &item);
    if (error != ERR_NONE && error != ERR_KEY_NOT_FOUND) {
        return error;
    }
    struct response *response = &call->response;
    response->errors_carry_data = true;
    response->data = cJSON_CreateObject();
    if (error == ERR_NONE) {
        response_etag(response, item.version, false);
        json_add(response->data, "current", item_json(call, &item, ITEM_SHOWS_USUAL));
    } else {
        json_add(response->data, "current", cJSON_CreateNull());
    }
    return ERR_PRECONDITION_FAILED;
}

static enum error_code read_item(struct call *call)
{
    struct item_query query = {.raw = false};
    struct condition condition;
    struct item item;
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = read_address(call, &condition, &item);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    error = item_read(call, &owner, &item);
    if (error != ERR_NONE) {
        return item_failed(call, error);
    }
    switch (condition_evaluate(&condition, true, true, item.version)) {
    case CONDITION_FAILS:
        return item_failed(call, answer_current(call, &owner, item.key));
    case CONDITION_NOT_MODIFIED:
        response_success(&call->response, 304, NULL);
        response_etag(&call->response, item.version, true);
        /* What a cache has stored takes over the fields of a 304. */
        call->response.plain_type = query.raw ? raw_value_type(item.value) : NULL;
        return ERR_NONE;
    case CONDITION_HOLDS:
    default:
        if (query.raw) {
            response_etag(&call->response, item.version, true);
            raw_value_answer(call, item.value);
        } else {
            answer_item(call, &item, true);
        }
        return ERR_NONE;
    }
}

/* Finds the item that a write changes, and checks the conditions of the request. */
static enum error_code find_to_change(struct call *call, const struct condition *condition,
                                      bool may_create, struct item_writes *writes,
                                      struct item *item, bool *exists)
{
    enum error_code error = find_to_write(call, writes, item, exists);
    if (error == ERR_NONE && !*exists && !may_create) {
        return ERR_KEY_NOT_FOUND; /* whatever the conditions (RFC 9110 section 13.2.1) */
    }
    if (error == ERR_NONE &&
        condition_evaluate(condition, false, *exists, item->version) != CONDITION_HOLDS) {
        return answer_current(call, writes->owner, item->key);
    }
    return error;
}

/* Stores IN, whose key must be new, whatever CONDITION says beside that. */
static enum error_code create(struct call *call, const struct condition *condition,
                              const struct pair *in)
{
    const struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    struct item item = {.key = in->key};
    bool exists;
    enum error_code error = find_to_change(call, condition, true, &writes, &item, &exists);
    if (error == ERR_NONE && exists) {
        error = ERR_KEY_EXISTS;
    }
    item.value = in->value;
    item.expires_at = item_expiry(call, in->ttl);
    return error == ERR_NONE ? put_item(call, &writes, &item, false) : error;
}

static enum error_code create_item(struct call *call)
{
    struct condition condition;
    struct pair in = {.ttl = 0};
    enum error_code error = condition_read(call, &condition);
    if (error == ERR_NONE) {
        error = input_read(call, create_fields, sizeof create_fields / sizeof *create_fields, &in);
    }
    if (error == ERR_NONE) {
        error = item_check_size(call, in.value.size);
    }
    return error == ERR_NONE ? item_failed(call, create(call, &condition, &in)) : error;
}

static enum error_code replace_item(struct call *call)
{
    struct item_query query = {.upsert = false};
    struct condition condition;
    struct pair in = {.ttl = 0};
    struct item item;
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = condition_read(call, &condition);
    }
    if (error == ERR_NONE) {
        error = read_value(call, &query, &in);
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
        error = put_item(call, &writes, &item, exists);
    }
    return item_failed(call, error);
}

/* ---- POST on one item -------------------------------------------------------------------------
 */

/* Creates the item that the address names, with the body as its value. */
static enum error_code create_raw(struct call *call, const struct item_query *query,
                                  const struct condition *condition, const struct item *item)
{
    struct pair in = {.key = item->key, .ttl = query->ttl};
    enum error_code error = call->request.length_error;
    if (error == ERR_NONE) {
        error = raw_value_read(call, &in.value);
    }
    return error == ERR_NONE ? create(call, condition, &in) : error;
}

static enum error_code increment_item(struct call *call, const struct item_query *query,
                                      const struct condition *condition, struct item *item)
{
    if (json_trim(call->request.body).size > 0) {
        response_detail(&call->response, "body", "must be empty with increment");
        return ERR_INVALID_PARAMETER;
    }
    const struct item_owner owner = items_owner(&call->claims);
    const struct counter_step step = {
        .by = query->increment, .ttl = query->ttl, .by_name = "increment"};
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    bool exists;
    enum error_code error = find_to_change(call, condition, true, &writes, item, &exists);
    if (error == ERR_NONE) {
        error = counter_add(call, &owner, &step, exists, item);
    }
    if (error == ERR_NONE) {
        error = put_item(call, &writes, item, exists);
    }
    if (error == ERR_NONE && query->raw) {
        raw_value_answer(call, item->value);
    }
    return error;
}

/* POST to the address of an item: the parameters say what is to be done with it. */
static enum error_code post_item(struct call *call)
{
    struct item_query query = {.increment = no_increment};
    struct condition condition;
    struct item item;
    enum error_code error = parameters_read(call, &query);
    bool counts = query.increment != no_increment;
    if (error == ERR_NONE && !counts && !query.raw) {
        response_detail(&call->response, "increment",
                        "is missing: POST on a key takes increment=N, or raw=true and the value as "
                        "its body");
        return ERR_INVALID_PARAMETER;
    }
    if (error == ERR_NONE) {
        error = condition_read(call, &condition);
    }
    if (error == ERR_NONE) {
        error = key_of_address(call, true, &item);
    }
    if (error != ERR_NONE) {
        return error;
    }
    error = counts ? increment_item(call, &query, &condition, &item)
                   : create_raw(call, &query, &condition, &item);
    return item_failed(call, error);
}

/* ---- a part of an item ----------------------------------------------------------------------- */

typedef enum error_code patch_function(struct arena *arena, struct json_change *change);

/* The kind of patch that the content type names (RFC 5789 section 2.2); NULL, and *FAULT is what is
 * wrong, when it is unknown or the patch is said to be in another charset than UTF-8. */
static patch_function *patch_of(const char *content_type, const char **fault)
{
    static const struct {
        const char *type;
        patch_function *apply;
    } kinds[] = {
        {"application/merge-patch+json", json_merge_patch},
        {"application/json-patch+json", json_apply_patch},
        {"application/json", json_merge_patch},
    };
    struct text type = {.at = "", .size = 0};
    *fault = content_type != NULL ? media_type_fault(content_type, &type) : NULL;
    if (*fault != NULL) {
        return NULL;
    }
    *fault = "must be application/merge-patch+json, application/json or "
             "application/json-patch+json";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (text_equal_nocase(type, text_of(kinds[i].type))) {
            return kinds[i].apply;
        }
    }
    return NULL;
}

/* Applies the patch to the value of PRESENT; ITEM->value is the result. */
static enum error_code patch_value(struct call *call, patch_function *apply,
                                   const struct item *present, struct item *item)
{
    struct json_change change = {.value = present->value,
                                 .patch = json_trim(call->request.body),
                                 .maximum = (size_t)call->config->max_value_bytes};
    enum error_code error = apply(call->arena, &change);
    if (error == ERR_INTERNAL) {
        return call_fail(call, error, "out of memory while applying a patch");
    }
    if (error != ERR_NONE) {
        bool by_operations = apply == json_apply_patch && change.patch.at[0] == '[' &&
                             change.operation != JSON_CHANGE_WHOLE && error != ERR_VALUE_TOO_LARGE;
        response_detail(&call->response, by_operations ? "operation" : "value",
                        by_operations
                            ? arena_printf(call->arena, "%zu: %s", change.operation, change.reason)
                            : change.reason);
    }
    item->value = change.result;
    return error;
}

/* Reads the item and checks the condition. */
static enum error_code read_to_patch(struct call *call, const struct item_owner *owner,
                                     const struct condition *condition, struct item *present)
{
    enum error_code error = item_read(call, owner, present);
    if (error != ERR_NONE) {
        return error;
    }
    return condition_evaluate(condition, false, true, present->version) == CONDITION_HOLDS
               ? ERR_NONE
               : answer_current(call, owner, present->key);
}

/* The same, in a transaction of its own: nobody else waits while the patch is applied, and so the
 * value, PRESENT->value, is copied to COPY. */
static enum error_code read_apart(struct call *call, const struct item_owner *owner,
                                  const struct condition *condition, struct arena *copy,
                                  struct item *present)
{
    enum error_code error = db_begin_read(call->store);
    if (error == ERR_NONE) {
        error = read_to_patch(call, owner, condition, present);
    }
    if (error != ERR_NONE) {
        return error;
    }
    copy->maximum = call->arena->maximum; /* which has grown with the value */
    present->value.at = arena_copy(copy, present->value.at, present->value.size);
    return present->value.at != NULL
               ? db_commit_early(call->store)
               : call_fail(call, ERR_INTERNAL, "out of memory while applying a patch");
}

/* Applies the patch to the item as it is now; *VERSION is its version. */
static enum error_code patch_apart(struct call *call, const struct item_owner *owner,
                                   const struct condition *condition, patch_function *apply,
                                   struct item *item, int64_t *version)
{
    struct arena copy;
    struct item present = {.key = item->key};
    arena_init(&copy, call->arena->maximum);
    enum error_code error = read_apart(call, owner, condition, &copy, &present);
    if (error == ERR_NONE) {
        error = patch_value(call, apply, &present, item);
    }
    *version = present.version;
    arena_reset(&copy);
    return error;
}

/* The patch is applied outside of any transaction, since it may take long. If the item has changed
 * meanwhile, it is applied once more under the write lock. */
static enum error_code patch_and_find(struct call *call, const struct condition *condition,
                                      patch_function *apply, struct item_owner *owner,
                                      struct item_writes *writes, struct item *item)
{
    int64_t version = 0;
    bool exists;
    enum error_code error = items_allow(owner, ITEM_WRITES, item->key);
    if (error == ERR_NONE) {
        error = patch_apart(call, owner, condition, apply, item, &version);
    }
    struct item found = {.key = item->key};
    if (error == ERR_NONE) {
        error = call_authenticate_to_write(call);
    }
    if (error == ERR_NONE) {
        *owner = items_owner(&call->claims); /* the epoch that a device token has by now */
        error = item_writes_start(call, writes);
    }
    if (error == ERR_NONE) {
        error = items_find(writes, &found, &exists);
    }
    if (error == ERR_NONE && !exists) {
        error = ERR_KEY_NOT_FOUND;
    }
    if (error == ERR_NONE && found.version != version) {
        struct item present = {.key = item->key};
        error = read_to_patch(call, owner, condition, &present);
        error = error == ERR_NONE ? patch_value(call, apply, &present, item) : error;
    }
    found.value = item->value;
    *item = found;
    return error;
}

static enum error_code patch_item(struct call *call)
{
    struct condition condition;
    struct item item;
    const char *fault;
    patch_function *apply = patch_of(call->request.content_type, &fault);
    if (apply == NULL) {
        response_detail(&call->response, "content_type", fault);
        response_header(&call->response, "Accept-Patch",
                        "application/merge-patch+json, application/json-patch+json");
        return ERR_UNSUPPORTED_MEDIA_TYPE;
    }
    enum error_code error = read_address(call, &condition, &item);
    if (error != ERR_NONE) {
        return error;
    }
    struct item_owner owner = items_owner(&call->claims);
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, &owner, call->now_ms);
    error = patch_and_find(call, &condition, apply, &owner, &writes, &item);
    if (error == ERR_NONE) {
        error = put_item(call, &writes, &item, true);
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

struct delete_query {
    struct text prefix;
};

static const struct parameter delete_parameters[] = {
    {"prefix", PARAMETER_TEXT, offsetof(struct delete_query, prefix), 0, 0, item_prefix_fault},
    PARAMETERS_END,
};

static enum error_code delete_items(struct call *call)
{
    struct delete_query query = {.prefix = {.at = "", .size = 0}};
    enum error_code error = parameters_read(call, &query);
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
    {HTTP_GET, "", ROUTE_TOKEN | ROUTE_DEVICE, ERR_NONE, list_items, list_parameters},
    {HTTP_DELETE, "", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_WRITES, ERR_NONE, delete_items,
     delete_parameters},
    {HTTP_POST, "", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, create_item, item_parameters},
    {HTTP_GET, "/{}", ROUTE_TOKEN | ROUTE_DEVICE, ERR_NONE, read_item, read_parameters},
    {HTTP_PUT, "/{}",
     ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_RAW | ROUTE_LARGE_BODY | ROUTE_WRITES,
     ERR_NONE, replace_item, replace_parameters},
    {HTTP_POST, "/{}",
     ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_ANY_BODY | ROUTE_LARGE_BODY | ROUTE_QUERY |
         ROUTE_WRITES,
     ERR_NONE, post_item, post_parameters},
    {HTTP_PATCH, "/{}",
     ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_ANY_JSON | ROUTE_LARGE_BODY | ROUTE_WRITES |
         ROUTE_MAY_READ,
     ERR_NONE, patch_item, item_parameters},
    {HTTP_DELETE, "/{}", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_WRITES, ERR_NONE, delete_item,
     item_parameters},
};

static const enum db_statement may_run[] = {
    TOKEN_STATEMENTS, DB_COUNTERS_READ,    DB_COUNTERS_WRITE,      DB_ITEM_READ,       DB_ITEM_FIND,
    DB_ITEM_ADD,      DB_ITEM_CHANGE,      DB_ITEM_FIRST_EXPIRING, DB_ITEM_FORGET,     DB_ITEM_LIST,
    DB_ITEM_COUNT,    DB_ITEM_LIST_WITHIN, DB_ITEM_LIST_DOWN,      REMOVAL_STATEMENTS,
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
