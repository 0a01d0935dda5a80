/*
 * import.c - stores the items of an export document in an account. See account_call.h.
 *
 * The document is read from its spool one item at a time, twice: the first pass checks everything,
 * the second stores it, so that the write lock is held only while storing.
 */
#include <stdio.h>
#include <string.h>

#include "common/serve/parameters.h"
#include "cgi-bin/shared/account_call.h"
#include "cgi-bin/shared/item_call.h"
#include "db/model/items.h"

struct import {
    struct call *call;
    struct item_writes *writes; /* NULL in the first pass, which only checks */
    bool replaces;              /* what the document does not have is removed */
    struct arena scratch;       /* for one item at a time */
    int64_t index;
    int64_t imported;
    int64_t expired; /* skipped, because they have expired */
};

/* Adds to `details` what is wrong with FIELD of the current item, and returns ERROR. */
static enum error_code refuse(struct import *import, const char *field, const char *reason,
                              enum error_code error)
{
    struct arena *arena = import->call->arena;
    /* Both texts must live as long as the answer, not just as long as the item. */
    const char *place = arena_printf(arena, "items[%lld]%s%s", (long long)import->index,
                                     *field != '\0' ? "." : "", field);
    const char *copy = reason != NULL ? arena_printf(arena, "%s", reason) : NULL;
    if (place == NULL || copy == NULL) {
        return call_fail(import->call, ERR_INTERNAL, "out of memory while importing");
    }
    response_detail(&import->call->response, place, copy);
    return error;
}

/* Decodes the string member NAME into *OUT, which is left unchanged when there is no such member.
 */
static enum error_code read_string(struct import *import, const struct json_object *object,
                                   const char *name, enum error_code refusal, struct text *out)
{
    enum { ESCAPED_MAXIMUM = 6 * ITEM_KEY_MAXIMUM + 2 }; /* each byte of a key written as \u0000 */
    const struct text *json = json_member(object, name);
    if (json == NULL) {
        return ERR_NONE;
    }
    if (json->size > ESCAPED_MAXIMUM && json->at[0] == '"') {
        return refuse(import, name, "is too long", refusal);
    }
    struct text text;
    if (json->at[0] != '"' || !json_string_decode(&import->scratch, *json, &text)) {
        return arena_failed(&import->scratch)
                   ? call_fail(import->call, ERR_INTERNAL, "out of memory while importing")
                   : refuse(import, name, "must be a string", refusal);
    }
    if (memchr(text.at, '\0', text.size) != NULL) {
        return refuse(import, name, "must not have a NUL character", refusal);
    }
    *out = text;
    return ERR_NONE;
}

/* A time of an item, if it has one. 1970 is one, too. */
struct moment {
    bool given;
    int64_t at;
};

static enum error_code read_time(struct import *import, const struct json_object *object,
                                 const char *name, struct moment *out)
{
    struct text text = {0};
    enum error_code error = read_string(import, object, name, ERR_INVALID_PARAMETER, &text);
    out->given = error == ERR_NONE && text.at != NULL;
    if (out->given && !text_to_time(text, &out->at)) {
        error = refuse(import, name, "must be a time such as 2026-01-31T12:00:00.000Z",
                       ERR_INVALID_PARAMETER);
    }
    return error;
}

/* In the place of a time. */
enum { NOT_KNOWN = -1 };

/* As read_time, of a time that is stored, so that it can't be before 1970; one that is missing or
 * lies in the future becomes OTHER. */
static enum error_code read_past(struct import *import, const struct json_object *object,
                                 const char *name, int64_t other, int64_t *out)
{
    struct moment time = {.given = false};
    enum error_code error = read_time(import, object, name, &time);
    if (error == ERR_NONE && time.given && time.at < 0) {
        error = refuse(import, name, "must not be before 1970", ERR_INVALID_PARAMETER);
    }
    *out = time.given && time.at <= import->call->now_ms ? time.at : other;
    return error;
}

/* When the item ends. Whatever its end was, it is over or still to come: over is EXPIRED. */
static enum error_code read_end(struct import *import, const struct json_object *object,
                                int64_t *out, bool *expired)
{
    struct moment end = {.given = false};
    enum error_code error = read_time(import, object, "expires_at", &end);
    *expired = end.given && end.at <= import->call->now_ms;
    *out = end.given && !*expired ? end.at : 0;
    return error;
}

static enum error_code read_value(struct import *import, const struct json_object *object,
                                  struct text *out)
{
    const struct text *json = json_member(object, "value");
    const char *fault = json == NULL ? "is missing" : json_slice_fault(*json, object->depth);
    if (fault != NULL) {
        return refuse(import, "value", fault, ERR_INVALID_VALUE);
    }
    if (json->size > (size_t)import->call->config->max_value_bytes) {
        return refuse(import, "value", "is larger than max_value_bytes", ERR_VALUE_TOO_LARGE);
    }
    *out = *json;
    return ERR_NONE;
}

/* Items as this API shows them anywhere may be given back; what is not stored is not looked at. */
static enum error_code check_names(struct import *import, const struct json_object *object)
{
    static const char *const names[] = {"key",        "value",      "version", "created_at",
                                        "updated_at", "expires_at", "size"};
    char place[32];
    (void)snprintf(place, sizeof place, "items[%lld].", (long long)import->index);
    return input_check_names(import->call, object, names, sizeof names / sizeof *names, place);
}

/* Why JSON is no object that can be read, FAULT being what the reader says, and where in it. */
static const char *object_fault(struct arena *arena, struct text json,
                                const struct json_fault *fault)
{
    return json.at[0] == '{' ? arena_printf(arena, "%s at byte %zu", fault->reason, fault->offset)
                             : "must be an object";
}

static enum error_code read_item(struct import *import, struct text element, struct item *item,
                                 bool *expired)
{
    struct json_object object;
    struct json_fault fault;
    *item = (struct item){0};
    if (!json_read_object(&import->scratch, element, &object, &fault)) {
        return fault.reason != NULL
                   ? refuse(import, "", object_fault(import->call->arena, element, &fault),
                            ERR_INVALID_PARAMETER)
                   : call_fail(import->call, ERR_INTERNAL, "out of memory while importing");
    }
    enum error_code error = check_names(import, &object);
    if (error == ERR_NONE) {
        error = read_string(import, &object, "key", ERR_INVALID_KEY, &item->key);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const char *fault_of_key = item->key.at != NULL ? item_key_fault(item->key) : "is missing";
    if (fault_of_key != NULL) {
        return refuse(import, "key", fault_of_key, ERR_INVALID_KEY);
    }
    error = read_value(import, &object, &item->value);
    if (error == ERR_NONE) {
        error = read_past(import, &object, "created_at", NOT_KNOWN, &item->created_at);
    }
    if (error == ERR_NONE) {
        error = read_past(import, &object, "updated_at", import->call->now_ms, &item->updated_at);
    }
    return error == ERR_NONE ? read_end(import, &object, &item->expires_at, expired) : error;
}

static enum error_code store_item(struct import *import, const struct item *item)
{
    struct item row = {.key = item->key};
    bool found;
    enum error_code error = items_find(import->writes, &row, &found);
    if (error != ERR_NONE) {
        return error;
    }
    /* As with a PUT, an item that is there already stays as old as it is, unless it is replaced
     * with all others; but none is younger than its last write. */
    int64_t created_at = item->updated_at;
    if (item->created_at != NOT_KNOWN) {
        created_at = item->created_at;
    } else if (found && !(import->replaces && import->writes->row.older)) {
        created_at = row.created_at;
    }
    row = *item;
    row.created_at = created_at < item->updated_at ? created_at : item->updated_at;
    return items_put(import->writes, &row);
}

static enum error_code take_item(struct import *import, struct text element)
{
    struct item item;
    bool expired = false;
    enum error_code error = read_item(import, element, &item, &expired);
    if (error != ERR_NONE) {
        return error;
    }
    if (expired) {
        import->expired++;
        return ERR_NONE;
    }
    import->imported++;
    return import->writes != NULL ? store_item(import, &item) : ERR_NONE;
}

static enum error_code walk(struct import *import, struct text items)
{
    enum error_code error = ERR_NONE;
    struct json_walk steps = json_walk_start(items);
    struct text none;
    struct text element;
    import->index = 0;
    import->imported = 0;
    import->expired = 0;
    while (error == ERR_NONE && json_walk_next(&steps, &none, &element)) {
        error = take_item(import, element);
        arena_reset(&import->scratch);
        import->index++;
    }
    return error;
}

/* The members of `data`, DATA. */
static enum error_code read_data(struct call *call, struct text data, struct json_object *out)
{
    struct json_fault fault;
    if (json_read_document(call->arena, data, out, &fault)) {
        return ERR_NONE;
    }
    if (fault.reason == NULL) {
        return call_fail(call, ERR_INTERNAL, "out of memory while importing");
    }
    response_detail(&call->response, "data", object_fault(call->arena, data, &fault));
    return ERR_INVALID_PARAMETER;
}

/* Finds `items` in the body, which may be an exported document, or in its member `data`, as the
 * answer of an export has it. */
static enum error_code find_items(struct call *call, struct text *out)
{
    static const char *const outer_names[] = {"items",  "mode",        "status", "data",
                                              "format", "exported_at", "user",   "device_tokens"};
    static const char *const inner_names[] = {"items", "format", "exported_at", "user",
                                              "device_tokens"};
    const struct text *items = json_member(&call->body, "items");
    const struct text *data = json_member(&call->body, "data");
    struct json_object inner;
    enum error_code error = input_check_names(call, &call->body, outer_names,
                                              sizeof outer_names / sizeof *outer_names, "");
    if (error == ERR_NONE && items != NULL && data != NULL) {
        response_detail(&call->response, "data", "must not stand beside items");
        return ERR_INVALID_PARAMETER;
    }
    if (error == ERR_NONE && data != NULL) {
        error = read_data(call, *data, &inner);
        if (error == ERR_NONE) {
            items = json_member(&inner, "items");
            error = input_check_names(call, &inner, inner_names,
                                      sizeof inner_names / sizeof *inner_names, "data.");
        }
    }
    if (error != ERR_NONE) {
        return error;
    }
    if (items == NULL || items->at[0] != '[') {
        response_detail(&call->response, "items",
                        items == NULL ? "is missing" : "must be an array");
        return ERR_INVALID_PARAMETER;
    }
    *out = *items;
    return ERR_NONE;
}

static const char *check_mode(struct text mode)
{
    return text_equal(mode, text_of("merge")) || text_equal(mode, text_of("replace"))
               ? NULL
               : "must be merge or replace";
}

struct input_values {
    struct text mode;
};

const struct parameter import_parameters[] = {
    {"mode", PARAMETER_TEXT, offsetof(struct input_values, mode), 0, 0, check_mode},
    PARAMETERS_END,
};

/* `mode` of the query or of the body; that of the query wins. */
static enum error_code read_mode(struct call *call, bool *replace)
{
    static const struct input_field fields[] = {
        {"mode", INPUT_TEXT, true, offsetof(struct input_values, mode), 0, INT64_MAX, check_mode,
         ERR_INVALID_PARAMETER},
    };
    struct input_values in = {.mode = text_of("merge")};
    enum error_code error = input_read_known(call, fields, 1, &in);
    if (error == ERR_NONE) {
        error = parameters_read(call, &in);
    }
    *replace = text_equal(in.mode, text_of("replace"));
    return error;
}

static enum error_code refuse_all(const struct import *import)
{
    response_detail(&import->call->response, "items", "are more than this user may store");
    return ERR_QUOTA_EXCEEDED;
}

/* Refuses more items than the user may have keys, or has already. Repetitions of one key count too,
 * and what has expired, because reading them takes time during which all other writers wait. */
static enum error_code check_number(struct import *import, const struct item_writes *writes)
{
    int64_t limit = items_limits(writes->config, &writes->counters.quota).keys;
    int64_t number = import->imported + import->expired;
    if (limit == 0 || import->imported == 0 || number <= limit || number <= writes->counters.keys) {
        return ERR_NONE;
    }
    return refuse_all(import);
}

static enum error_code store_all(struct import *import, struct item_writes *writes,
                                 struct text items, int64_t *removed)
{
    struct call *call = import->call;
    const struct item_owner owner = items_owner(&call->claims);
    item_writes_begin(writes, call->store, call->config, &owner, call->now_ms);
    writes->keeps_times = true;
    writes->late_quota = true;
    writes->replaces = import->replaces;
    import->writes = writes;
    enum error_code error = item_writes_start(call, writes);
    if (error == ERR_NONE) {
        error = check_number(import, writes);
    }
    if (error == ERR_NONE && import->imported > 0) {
        error = walk(import, items);
    }
    /* What is stored again is not deleted before, and so needs no tombstone. */
    if (error == ERR_NONE && import->replaces) {
        const struct text all = {.at = "", .size = 0};
        error = items_remove_all(writes, all, removed);
    }
    if (error == ERR_NONE) {
        error = item_writes_end(writes);
        error = error == ERR_QUOTA_EXCEEDED ? refuse_all(import) : error;
    }
    return error;
}

/* Nothing is to be stored, and nobody is kept from writing for that. */
static enum error_code check_live(struct call *call)
{
    const struct item_owner owner = items_owner(&call->claims);
    enum error_code error = db_begin_read(call->store);
    return error == ERR_NONE ? users_live_now(call->store, &owner) : error;
}

enum error_code import_items(struct call *call)
{
    struct import import = {.call = call};
    struct text items;
    enum error_code error = read_mode(call, &import.replaces);
    if (error == ERR_NONE) {
        error = find_items(call, &items);
    }
    arena_init(&import.scratch, call->arena->maximum);
    if (error == ERR_NONE) {
        error = walk(&import, items);
    }
    if (error != ERR_NONE) {
        return error;
    }
    bool stores = import.imported > 0 || import.replaces;
    call->audit =
        (struct audit){.event = "import", .user_id = call->claims.user_id, .only_logged = !stores};
    int64_t removed = 0;
    struct item_writes writes;
    error = stores ? store_all(&import, &writes, items, &removed) : check_live(call);
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Data imported successfully.");
        response_integer(&call->response, "imported", import.imported);
        response_integer(&call->response, "expired", import.expired);
        response_integer(&call->response, "removed", removed);
    }
    return error;
}
