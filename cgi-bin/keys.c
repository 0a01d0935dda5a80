/*
 * keys.c - /api/keys: device tokens, which a user gives to programs and devices: limited to reading
 * and to keys with a prefix, and ended one by one.
 */
#include <stddef.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/input.h"
#include "common/serve/serve.h"
#include "cgi-bin/shared/account_call.h"
#include "cgi-bin/shared/raw_value.h"
#include "cgi-bin/shared/session.h"
#include "db/model/audit.h"
#include "db/model/tokens.h"

enum { TTL_MAXIMUM = 10 * 365 * 86400 }; /* seconds */

struct input_values {
    struct text name;
    struct text scope;
    struct text prefix;
    int64_t ttl;
};

static const char *check_name(struct text name)
{
    return text_has_control(name) ? "must not have control characters" : NULL;
}

static const char *check_scope(struct text scope)
{
    return text_equal(scope, text_of("read")) || text_equal(scope, text_of("write"))
               ? NULL
               : "must be \"read\" or \"write\"";
}

static const struct input_field fields[] = {
    {"name", INPUT_TEXT, false, offsetof(struct input_values, name), 1, TOKEN_NAME_MAXIMUM,
     check_name, ERR_INVALID_PARAMETER},
    {"scope", INPUT_TEXT, false, offsetof(struct input_values, scope), 0, INT64_MAX, check_scope,
     ERR_INVALID_PARAMETER},
    {"prefix", INPUT_TEXT, true, offsetof(struct input_values, prefix), 0, INT64_MAX,
     item_prefix_fault, ERR_INVALID_PARAMETER},
    {"ttl", INPUT_WHOLE, true, offsetof(struct input_values, ttl), 1, TTL_MAXIMUM, NULL,
     ERR_INVALID_PARAMETER},
};

static enum error_code answer_new(struct call *call, const struct token_info *info,
                                  const char *secret, bool raw)
{
    const char *token = device_token_text(call->arena, call->claims.user_id, info->number, secret);
    if (token == NULL) {
        return call_fail(call, ERR_INTERNAL, "out of memory");
    }
    response_success(&call->response, 201, "Device token created successfully.");
    call->response.token = token;
    call->response.data = token_json(call, info);
    response_text(&call->response, "token", token);
    if (raw) {
        raw_token_answer(call, token);
    }
    return ERR_NONE;
}

static enum error_code create_key(struct call *call)
{
    struct session_query query = {.raw = false};
    struct input_values in = {.prefix = {.at = "", .size = 0}};
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = input_read(call, fields, sizeof fields / sizeof *fields, &in);
    }
    if (error != ERR_NONE) {
        return error;
    }
    unsigned char bytes[DEVICE_SECRET_BYTES];
    uint32_t number;
    char secret[DEVICE_SECRET_SIZE + 1];
    char hash[DIGEST_TEXT_SIZE];
    if (!call->transport->random(call->transport, bytes, sizeof bytes) ||
        !call->transport->random(call->transport, (unsigned char *)&number, sizeof number)) {
        return call_fail(call, ERR_INTERNAL, "no random bytes for a device token");
    }
    device_secret_make(bytes, secret);
    if (!digest_text(text_of(secret), hash)) {
        return call_fail(call, ERR_INTERNAL, "the digest of a device token failed");
    }
    const struct item_owner owner = items_owner(&call->claims);
    call->audit = (struct audit){.event = "device_token_create", .user_id = owner.user_id};
    error = users_live(call->store, &owner); /* from here on others wait, not this call */
    if (error != ERR_NONE) {
        return error;
    }
    call_time_passed(call);
    struct token_info token = {.number = device_number(number),
                               .name = in.name,
                               .prefix = in.prefix,
                               .writes = text_equal(in.scope, text_of("write")),
                               .created_at = call->now_ms,
                               .expires_at = in.ttl != 0 ? call->now_ms + in.ttl * 1000 : 0};
    error = tokens_add(call->store, &owner, hash, &token);
    if (error == ERR_QUOTA_EXCEEDED) {
        response_detail(
            &call->response, "name",
            arena_printf(call->arena, "there are %d device tokens already", (int)TOKENS_MAXIMUM));
    }
    if (error != ERR_NONE) {
        return error;
    }
    call->audit.token = token.number;
    return answer_new(call, &token, secret, query.raw);
}

/* What the callback of tokens_list works on. */
struct list {
    struct call *call;
    cJSON *keys;
};

static void show(void *self, const struct token_info *token)
{
    struct list *list = self;
    /* The texts are borrowed from the row and are copied here. */
    struct arena *arena = list->call->arena;
    struct token_info copy = *token;
    copy.name.at = arena_copy(arena, token->name.at, token->name.size);
    copy.prefix.at = arena_copy(arena, token->prefix.at, token->prefix.size);
    cJSON *item = token_json(list->call, &copy);
    if (list->keys != NULL && item != NULL) {
        (void)cJSON_AddItemToArray(list->keys, item);
    }
}

static enum error_code list_keys(struct call *call)
{
    const struct item_owner owner = items_owner(&call->claims);
    struct list list = {.call = call, .keys = cJSON_CreateArray()};
    enum error_code error = tokens_list(call->store, &owner, call->now_ms, show, &list);
    if (error == ERR_NONE) {
        response_json(&call->response, "keys", list.keys);
    }
    return error;
}

static enum error_code delete_key(struct call *call)
{
    int64_t number;
    bool over;
    if (!text_to_int64(call->item, DEVICE_NUMBER_MAXIMUM - 1, &over, &number) ||
        *call->item.at == '0') {
        return ERR_NOT_FOUND;
    }
    const struct item_owner owner = items_owner(&call->claims);
    call->audit =
        (struct audit){.event = "device_token_delete", .user_id = owner.user_id, .token = number};
    bool found;
    enum error_code error = tokens_delete(call->store, &owner, number, call->now_ms, &found);
    if (error == ERR_NONE && !found) {
        error = ERR_NOT_FOUND;
    }
    if (error == ERR_NONE) {
        response_success(&call->response, 200, "Device token deleted successfully.");
        response_integer(&call->response, "id", number);
    }
    return error;
}

static const struct route routes[] = {
    {HTTP_POST, "", ROUTE_TOKEN | ROUTE_BODY | ROUTE_WRITES, ERR_NONE, create_key,
     session_parameters},
    {HTTP_GET, "", ROUTE_TOKEN, ERR_NONE, list_keys, NULL},
    {HTTP_DELETE, "/{}", ROUTE_TOKEN | ROUTE_WRITES, ERR_NONE, delete_key, NULL},
};

static const enum db_statement may_run[] = {
    DB_USER_LIVES,   DB_TOKEN_COUNT,          DB_TOKEN_ADD,     DB_TOKEN_LIST,
    DB_TOKEN_DELETE, DB_TOKEN_DELETE_EXPIRED, TOKEN_STATEMENTS, AUDIT_STATEMENTS};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program keys_program = {.name = "keys",
                                     .routes = routes,
                                     .route_count = sizeof routes / sizeof *routes,
                                     .store = &database_store,
                                     .store_role = &role};

int main(void)
{
    return cgi_main(&keys_program);
}
