/*
 * batch.c - /api/batch: many operations on items in one transaction, all or nothing.
 */
#include <stddef.h>
#include <string.h>

#include "cgi-bin/shared/counter.h"
#include "cgi-bin/shared/store.h"
#include "common/http/error_table.h"
#include "common/serve/input.h"
#include "common/serve/serve.h"
#include "cgi-bin/shared/item_call.h"
#include "db/model/tokens.h"

enum { OPERATIONS_MAXIMUM = 500 };

enum verb { VERB_GET, VERB_CREATE, VERB_PUT, VERB_UPSERT, VERB_DELETE, VERB_INCREMENT };

static const char *const verbs[] = {
    [VERB_GET] = "get",       [VERB_CREATE] = "create", [VERB_PUT] = "put",
    [VERB_UPSERT] = "upsert", [VERB_DELETE] = "delete", [VERB_INCREMENT] = "increment",
};

enum { VERB_COUNT = sizeof verbs / sizeof *verbs, VERSION_ANY = -1 };

struct operation {
    struct text name;
    enum verb verb;
    struct text key;
    struct text value;
    int64_t by;
    int64_t ttl;        /* seconds; 0: never expires */
    int64_t if_version; /* 0: there must be no such item; VERSION_ANY: no condition */
};

struct batch {
    struct call *call;
    struct item_owner owner;
    struct item_writes writes;
    struct operation *operations;
    size_t count;
    bool only_reads;
    size_t read_bytes; /* of the values in the answer so far */
    cJSON *results;
};

static const char *verb_fault(struct text name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (text_equal(name, text_of(verbs[i]))) {
            return NULL;
        }
    }
    return "must be get, create, put, upsert, delete or increment";
}

static enum verb verb_of(struct text name)
{
    size_t i = 0;
    while (i + 1 < VERB_COUNT && !text_equal(name, text_of(verbs[i]))) {
        i++;
    }
    return (enum verb)i;
}

#define AT(member) offsetof(struct operation, member)

static const struct input_field fields[] = {
    {"op", INPUT_TEXT, false, AT(name), 0, INT64_MAX, verb_fault, ERR_INVALID_PARAMETER},
    {"key", INPUT_TEXT, false, AT(key), 0, INT64_MAX, item_key_fault, ERR_INVALID_KEY},
    {"value", INPUT_JSON, true, AT(value), 0, 0, NULL, ERR_INVALID_VALUE},
    {"by", INPUT_WHOLE, true, AT(by), -COUNTER_STEP_MOST, COUNTER_STEP_MOST, NULL,
     ERR_INVALID_PARAMETER},
    ITEM_TTL_FIELD(struct operation, ttl),
    {"if_version", INPUT_WHOLE, true, AT(if_version), 0, (INT64_C(1) << 53) - 1, NULL,
     ERR_INVALID_PARAMETER},
};

/* Members that not every operation takes, and which do, a bit for each verb. */
enum { STORING = 1 << VERB_CREATE | 1 << VERB_PUT | 1 << VERB_UPSERT };
static const struct {
    const char *name;
    unsigned verbs;
} chosen_members[] = {
    {"value", STORING},
    {"by", 1 << VERB_INCREMENT},
    {"ttl", STORING | 1 << VERB_INCREMENT},
};

/* ---- reading the operations ------------------------------------------------------------------ */

/* Whether VERB takes all members of call->body, as members of any are known. */
static enum error_code check_members(struct call *call, enum verb verb)
{
    for (size_t i = 0; i < sizeof chosen_members / sizeof *chosen_members; i++) {
        const char *name = chosen_members[i].name;
        if ((chosen_members[i].verbs >> verb & 1) == 0 && json_member(&call->body, name) != NULL) {
            response_detail(&call->response, name,
                            arena_printf(call->arena, "is no member of %s", verbs[verb]));
            return ERR_UNKNOWN_FIELD;
        }
    }
    return ERR_NONE;
}

/* Reads one operation from its slice of the body, which becomes call->body, because input_read
 * reads the members of that. The positions of its members are noted on SCRATCH, which is freed each
 * time, since an operation may have many unknown members. */
static enum error_code read_operation(struct call *call, struct arena *scratch, struct text text,
                                      struct operation *out)
{
    struct json_fault fault;
    *out = (struct operation){.by = 1, .if_version = VERSION_ANY};
    arena_reset(scratch);
    if (!json_read_object(scratch, text, &call->body, &fault)) {
        if (fault.reason == NULL) {
            return call_fail(call, ERR_INTERNAL, "out of memory while reading a batch");
        }
        response_detail(&call->response, "operation",
                        text.at[0] == '{' ? fault.reason : "must be an object");
        return ERR_INVALID_PARAMETER;
    }
    enum error_code error = input_read(call, fields, sizeof fields / sizeof *fields, out);
    if (error != ERR_NONE) {
        return error;
    }
    out->verb = verb_of(out->name);
    error = check_members(call, out->verb);
    if (error != ERR_NONE || (STORING >> out->verb & 1) == 0) {
        return error;
    }
    if (out->value.at == NULL) {
        response_detail(&call->response, "value", "is missing");
        return ERR_INVALID_VALUE;
    }
    return item_check_size(call, out->value.size);
}

/* ---- doing them ------------------------------------------------------------------------------ */

static enum error_code check_version(const struct operation *operation, bool exists,
                                     int64_t version)
{
    int64_t present = exists ? version : 0;
    return operation->if_version == VERSION_ANY || operation->if_version == present
               ? ERR_NONE
               : ERR_PRECONDITION_FAILED;
}

static void add_result(struct batch *batch, const struct item *item)
{
    cJSON *object = item_json(batch->call, item, ITEM_SHOWS_USUAL);
    if (object != NULL) {
        (void)cJSON_AddItemToArray(batch->results, object);
    }
}

static enum error_code get(struct batch *batch, const struct operation *operation)
{
    struct call *call = batch->call;
    struct item item = {.key = operation->key};
    enum error_code error = item_read(call, &batch->owner, &item);
    bool exists = error == ERR_NONE;
    if (exists || error == ERR_KEY_NOT_FOUND) {
        enum error_code unmet = check_version(operation, exists, item.version);
        error = unmet != ERR_NONE ? unmet : error;
    }
    if (error != ERR_NONE) {
        return error;
    }
    batch->read_bytes += item.value.size;
    if (batch->read_bytes > ITEM_PAGE_BYTES) {
        return ERR_ANSWER_TOO_LARGE;
    }
    /* The text in the column is valid only until the next item is read. */
    item.value.at = arena_copy(call->arena, item.value.at, item.value.size);
    add_result(batch, &item);
    return ERR_NONE;
}

static enum error_code remove_item(struct batch *batch, struct item *item)
{
    enum error_code error = items_remove(&batch->writes, item);
    if (error != ERR_NONE) {
        return error;
    }
    cJSON *object = cJSON_CreateObject();
    json_add(object, "key", json_new_string(item->key.at));
    json_add(object, "version", json_new_integer(batch->call->arena, item->version));
    json_add(object, "deleted", cJSON_CreateTrue());
    if (object != NULL) {
        (void)cJSON_AddItemToArray(batch->results, object);
    }
    return ERR_NONE;
}

static enum error_code store(struct batch *batch, const struct operation *operation, bool exists,
                             struct item *item)
{
    enum error_code error = ERR_NONE;
    bool counts = operation->verb == VERB_INCREMENT;
    if (counts) {
        const struct counter_step step = {
            .by = operation->by, .ttl = operation->ttl, .by_name = "by"};
        error = counter_add(batch->call, &batch->owner, &step, exists, item);
    } else {
        item->value = operation->value;
        item->expires_at = item_expiry(batch->call, operation->ttl);
    }
    if (error == ERR_NONE) {
        error = items_put(&batch->writes, item);
    }
    if (error == ERR_NONE) {
        struct item shown = *item;
        if (!counts) {
            shown.value = (struct text){.at = NULL, .size = 0};
        }
        add_result(batch, &shown);
    }
    return error;
}

static enum error_code run_operation(struct batch *batch, const struct operation *operation)
{
    if (operation->verb == VERB_GET) {
        return get(batch, operation);
    }
    struct item item = {.key = operation->key};
    bool exists;
    enum error_code error = items_find(&batch->writes, &item, &exists);
    if (error == ERR_NONE) {
        error = check_version(operation, exists, item.version);
    }
    if (error != ERR_NONE) {
        return error;
    }
    if (!exists && (operation->verb == VERB_PUT || operation->verb == VERB_DELETE)) {
        return ERR_KEY_NOT_FOUND;
    }
    if (exists && operation->verb == VERB_CREATE) {
        return ERR_KEY_EXISTS;
    }
    return operation->verb == VERB_DELETE ? remove_item(batch, &item)
                                          : store(batch, operation, exists, &item);
}

/* ---- the call -------------------------------------------------------------------------------- */

/* Turns the error of an operation into that of the batch, and adds which operation it was to the
 * details. A member that is unknown, or not of this operation, is an error of the whole request.
 * Errors that are not the operation's own, as of the token, are passed on. */
static enum error_code fail_at(struct call *call, size_t index, enum error_code error)
{
    /* Unknown members of these names would stand in the place of what is told here. */
    static const char *const names[] = {"index", "code", "message"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(call->response.details, names[i]);
    }
    if (error == ERR_UNKNOWN_FIELD) {
        json_add(call->response.details, "index", json_new_integer(call->arena, (int64_t)index));
        return error;
    }
    const struct error_info *info = error_info(error);
    bool own = (info->status < 500 || error == ERR_QUOTA_EXCEEDED) && error != ERR_INVALID_TOKEN &&
               error != ERR_FORBIDDEN;
    if (!own) {
        return error;
    }
    response_detail(&call->response, "code", info->code);
    response_detail(&call->response, "message", info->message);
    json_add(call->response.details, "index", json_new_integer(call->arena, (int64_t)index));
    return ERR_BATCH_FAILED;
}

static enum error_code refuse_operations(struct call *call, const char *reason)
{
    response_detail(&call->response, "operations", reason);
    return ERR_INVALID_PARAMETER;
}

static enum error_code read_operations(struct batch *batch)
{
    static const char *const names[] = {"operations"};
    struct call *call = batch->call;
    enum error_code refused = input_check_names(call, &call->body, names, 1, "");
    if (refused != ERR_NONE) {
        return refused;
    }
    const struct text *list = json_member(&call->body, "operations");
    if (list == NULL || list->at[0] != '[') {
        return refuse_operations(call, list == NULL ? "is missing" : "must be an array");
    }
    struct json_walk walk = json_walk_start(*list);
    struct text name;
    struct text text;
    size_t count = 0;
    while (json_walk_next(&walk, &name, &text)) {
        count++;
    }
    if (count == 0 || count > OPERATIONS_MAXIMUM) {
        return refuse_operations(call, "must have 1 to 500 operations");
    }
    batch->operations = arena_alloc(call->arena, count * sizeof *batch->operations);
    if (batch->operations == NULL) {
        return call_fail(call, ERR_INTERNAL, "out of memory while reading a batch");
    }
    batch->only_reads = true;
    struct arena scratch;
    arena_init(&scratch, json_object_room(list->size));
    walk = json_walk_start(*list);
    enum error_code error = ERR_NONE;
    while (batch->count < count && error == ERR_NONE && json_walk_next(&walk, &name, &text)) {
        struct operation *operation = &batch->operations[batch->count];
        error = read_operation(call, &scratch, text, operation);
        if (error != ERR_NONE) {
            error = fail_at(call, batch->count, error);
        }
        batch->only_reads = batch->only_reads && operation->verb == VERB_GET;
        batch->count++;
    }
    arena_reset(&scratch);
    return error;
}

static enum error_code run_batch(struct call *call)
{
    struct batch batch = {.call = call};
    enum error_code error = read_operations(&batch);
    if (error == ERR_NONE && batch.only_reads) {
        error = db_begin_read(call->store);
    } else if (error == ERR_NONE) {
        error = call_authenticate_to_write(call);
    }
    if (error != ERR_NONE) {
        return error;
    }
    batch.owner = items_owner(&call->claims);
    batch.results = cJSON_CreateArray();
    item_writes_begin(&batch.writes, call->store, call->config, &batch.owner, call->now_ms);
    error = batch.only_reads ? ERR_NONE : item_writes_start(call, &batch.writes);
    if (error != ERR_NONE) {
        return error;
    }
    for (size_t i = 0; i < batch.count; i++) {
        error = run_operation(&batch, &batch.operations[i]);
        if (error != ERR_NONE) {
            return fail_at(call, i, error);
        }
    }
    error = item_writes_end(&batch.writes);
    if (error == ERR_NONE) {
        response_json(&call->response, "results", batch.results);
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "",
     ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_BODY | ROUTE_LARGE_BODY | ROUTE_WRITES | ROUTE_MAY_READ,
     ERR_NONE, run_batch, NULL},
};

static const enum db_statement may_run[] = {
    TOKEN_STATEMENTS, DB_COUNTERS_READ, DB_COUNTERS_WRITE,      DB_ITEM_READ,   DB_ITEM_FIND,
    DB_ITEM_ADD,      DB_ITEM_CHANGE,   DB_ITEM_FIRST_EXPIRING, DB_ITEM_FORGET,
};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program batch_program = {.name = "batch",
                                      .routes = routes,
                                      .route_count = sizeof routes / sizeof *routes,
                                      .store = &database_store,
                                      .store_role = &role};

int main(void)
{
    return cgi_main(&batch_program);
}
