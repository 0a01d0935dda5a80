/*
 * account_call.c - an account and a device token as JSON.
 */
#include "cgi-bin/shared/account_call.h"

cJSON *profile_json(struct call *call, const struct user_profile *profile)
{
    cJSON *object = cJSON_CreateObject();
    json_add(object, "user_id", json_new_integer(call->arena, call->claims.user_id));
    json_add(object, "username", json_new_string(profile->username.at));
    json_add(object, "email", json_new_string(profile->email.at));
    json_add(object, "full_name", json_new_string(profile->full_name.at));
    json_add(object, "age", json_new_integer(call->arena, profile->age));
    json_add(object, "gender", json_new_string(profile->gender.at));
    json_add(object, "created_at", json_new_time(call->arena, profile->created_at));
    json_add(object, "updated_at", json_new_time(call->arena, profile->updated_at));
    return object;
}

static void add_optional_time(struct call *call, cJSON *object, const char *name, int64_t time)
{
    if (time != 0) {
        json_add(object, name, json_new_time(call->arena, time));
    }
}

cJSON *token_json(struct call *call, const struct token_info *token)
{
    cJSON *object = cJSON_CreateObject();
    json_add(object, "id", json_new_integer(call->arena, token->number));
    json_add(object, "name", json_new_string(token->name.at));
    json_add(object, "scope", json_new_string(token->writes ? "write" : "read"));
    json_add(object, "prefix", json_new_string(token->prefix.at));
    json_add(object, "created_at", json_new_time(call->arena, token->created_at));
    add_optional_time(call, object, "expires_at", token->expires_at);
    add_optional_time(call, object, "last_used_at", token->used_at);
    return object;
}
