/*
 * key_file.c - the file of the keys that sign access tokens, read and written for the commands.
 */
#include "db/tool/commands/key_file.h"

#include <string.h>

#include "common/identity/token.h"
#include "db/tool/files.h"
#include "db/tool/lock.h"

/* 2024-01-01, in seconds since 1970: a clock that shows less has not been set. */
#define CLOCK_IS_SET INT64_C(1704067200)

/* Seconds for which another web server, with its own copy of the file, may go on to sign by a key
 * that signs no more in this one. */
enum { OTHERS_FOLLOW = 24 * 60 * 60 };

cJSON *key_member(const cJSON *object, const char *name)
{
    cJSON *found = NULL;
    cJSON *each;
    cJSON_ArrayForEach(each, object)
    {
        found = each->string != NULL && strcmp(each->string, name) == 0 ? each : found;
    }
    return found;
}

/* ---- the file ------------------------------------------------------------------------------- */

static void report(void *self, const char *problem)
{
    struct tool *tool = self;
    (void)tool_fail(tool, "%s: %s", tool->config.keys, problem);
}

int key_file_read(struct tool *tool, cJSON **top, cJSON **list)
{
    const char *text;
    int status = file_become_owner(tool, tool->config.keys);
    if (status == TOOL_DONE) {
        status = file_read(tool, tool->config.keys, &text);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    if (!token_keys_check(tool->config.keys, report, tool)) {
        return TOOL_FAILED;
    }
    *top = cJSON_Parse(text);
    *list = key_member(*top, "keys");
    if (cJSON_GetArraySize(*list) > 0) {
        return TOOL_DONE;
    }
    return tool_fail(tool, "%s: not a JWKS file with a member \"keys\"", tool->config.keys);
}

int key_file_lock(struct tool *tool, int *lock)
{
    *lock = -1;
    int status = file_become_owner(tool, tool->config.keys);
    return status == TOOL_DONE ? lock_file(tool, tool->config.keys, lock) : status;
}

/* Each call of the API reads the file, so that it has no blanks. */
int key_file_write(struct tool *tool, const cJSON *top)
{
    const char *text = cJSON_PrintUnformatted(top);
    if (text != NULL && strlen(text) >= TOKEN_KEY_FILE_SIZE) {
        return tool_fail(
            tool, "%s: has as many keys as fit into it; \"cubby key retire --expired\" first",
            tool->config.keys);
    }
    return text != NULL ? file_replace_secret(tool, tool->config.keys, text)
                        : tool_out_of_memory(tool);
}

/* ---- one key -------------------------------------------------------------------------------- */

const char *key_name(const cJSON *key)
{
    const char *kid = cJSON_GetStringValue(key_member(key, "kid"));
    return kid != NULL ? kid : "-";
}

int64_t key_seconds(const cJSON *key, const char *name)
{
    const cJSON *found = key_member(key, name);
    return cJSON_IsNumber(found) && found->valuedouble > 0 && found->valuedouble < 1e11
               ? (int64_t)found->valuedouble
               : 0;
}

int64_t key_created(const cJSON *key)
{
    return key_seconds(key, "iat");
}

void key_drop_member(cJSON *key, const char *name)
{
    while (key_member(key, name) != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(key, name);
    }
}

void key_set_seconds(cJSON *key, const char *name, int64_t seconds)
{
    key_drop_member(key, name);
    json_add(key, name, cJSON_CreateNumber((double)seconds));
}

bool key_is_prepared(const cJSON *key)
{
    const cJSON *ops = key_member(key, "key_ops");
    const char *only = cJSON_GetStringValue(cJSON_GetArrayItem(ops, 0));
    return cJSON_GetArraySize(ops) == 1 && only != NULL && strcmp(only, "verify") == 0 &&
           key_seconds(key, "exp") == 0;
}

int64_t key_lifetime(const struct tool *tool, const cJSON *key)
{
    int64_t known = key_seconds(key, "token_lifetime");
    return known > tool->config.token_lifetime ? known : tool->config.token_lifetime;
}

int64_t key_end_from(const struct tool *tool, const cJSON *key, int64_t now)
{
    return now + key_lifetime(tool, key) + TOKEN_CLOCK_TOLERANCE + OTHERS_FOLLOW;
}

bool key_is_likely(int64_t time, const cJSON *key)
{
    return time >= CLOCK_IS_SET && time >= key_created(key);
}

int64_t key_end(const struct tool *tool, const cJSON *list, int number)
{
    const cJSON *key = cJSON_GetArrayItem(list, number);
    if (number == 0 || key_is_prepared(key)) {
        return 0;
    }
    int64_t said = key_seconds(key, "exp");
    if (said != 0 || key_seconds(key, "token_lifetime") != 0) {
        return key_is_likely(said, key) ? said : 0;
    }
    int64_t successor = key_created(cJSON_GetArrayItem(list, number - 1));
    return key_is_likely(successor, key) ? key_end_from(tool, key, successor) : 0;
}
