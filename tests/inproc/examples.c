/*
 * examples.c - every call of the API once.
 */
#include "tests/inproc/examples.h"

#include <string.h>

#define CARLA                                                                                      \
    "{\"username\":\"carla\",\"email\":\"carla@example.org\",\"full_name\":\"Carla C.\","          \
    "\"age\":41,\"gender\":\"female\",\"password\":\"Correct-horse-1\"}"

static const char *const as_put[] = {"HTTP_X_HTTP_METHOD_OVERRIDE=PUT", NULL};
static const char *const as_merge_patch[] = {"CONTENT_TYPE=application/merge-patch+json", NULL};
static const char *const as_json_patch[] = {"CONTENT_TYPE=application/json-patch+json", NULL};
static const char *const as_text[] = {"CONTENT_TYPE=text/plain", NULL};
static const char *const as_json[] = {"CONTENT_TYPE=application/json; charset=utf-8", NULL};
static const char *const if_there[] = {"HTTP_IF_MATCH=*", "HTTP_IF_NONE_MATCH=W/\"999-gzip\"",
                                       NULL};

/* JSON in so many levels of objects. */
#define IN(json) "{\"a\":" json "}"
#define IN_4(json) IN(IN(IN(IN(json))))
#define IN_16(json) IN_4(IN_4(IN_4(IN_4(json))))
#define IN_98(json) IN_16(IN_16(IN_16(IN_16(IN_16(IN_16(IN(IN(json))))))))

#define LOGIN(name) "{" name ",\"password\":\"Correct-horse-1\"}"

const struct example examples[] = {
    {"register", &register_program, "POST", NULL, NULL, CARLA, NOBODY, 201, "data.user_id", "3",
     false, NULL},
    {"token by name", &token_program, "POST", NULL, NULL, LOGIN("\"username\":\"Ann\""), NOBODY,
     200, "data.token_type", "Bearer", true, NULL},
    {"token by e-mail", &token_program, "POST", NULL, NULL, LOGIN("\"email\":\"ANN@example.org\""),
     NOBODY, 200, "data.expires_in", "3600", true, NULL},
    {"token alone", &token_program, "POST", NULL, "raw=true", LOGIN("\"username\":\"ann\""), NOBODY,
     200, NULL, NULL, true, NULL},
    {"refresh", &token_program, "POST", "/refresh", NULL, NULL, ANN, 200, "data.token_type",
     "Bearer", false, NULL},
    {"log out", &token_program, "DELETE", NULL, NULL, NULL, ANN, 200, "status", "success", false,
     NULL},
    {"log out everywhere", &token_program, "DELETE", NULL, "all=true", NULL, ANN, 200, "status",
     "success", false, NULL},
    {"reset", &reset_program, "POST", NULL, NULL,
     "{\"username\":\"ann\",\"code\":\"7mzq2k4t9a0xhbnpd6we\",\"new_password\":\"Other-horse-2\"}",
     NOBODY, 200, "status", "success", true, NULL},
    {"profile", &me_program, "GET", NULL, NULL, NULL, ANN, 200, "data.username", "ann", false,
     NULL},
    {"change profile", &me_program, "PATCH", NULL, NULL,
     "{\"full_name\":\"Ann A.\",\"email\":\"ann@example.net\",\"age\":31}", ANN, 200, "data.email",
     "ann@example.net", false, NULL},
    {"change password", &me_program, "PUT", "/password", NULL,
     "{\"current_password\":\"Correct-horse-1\",\"new_password\":\"Other-horse-2\"}", ANN, 200,
     "data.token_type", "Bearer", true, NULL},
    {"export", &me_program, "GET", "/export", NULL, NULL, ANN, 200, NULL, NULL, false, NULL},
    {"import", &me_program, "POST", "/import", "mode=replace",
     "{\"items\":[{\"key\":\"greeting\",\"value\":\"back\"},{\"key\":\"n\",\"value\":[1.0],"
     "\"created_at\":\"2020-01-01T00:00:00.000Z\"}]}",
     ANN, 200, "data.imported", "2", false, NULL},
    {"delete account", &me_program, "DELETE", NULL, NULL, "{\"password\":\"Correct-horse-1\"}", ANN,
     200, "status", "success", true, NULL},
    {"device token", &keys_program, "POST", NULL, NULL,
     "{\"name\":\"pump\",\"scope\":\"write\",\"prefix\":\"list/\",\"ttl\":60}", ANN, 201,
     "data.name", "pump", false, NULL},
    {"device tokens", &keys_program, "GET", NULL, NULL, NULL, ANN, 200, "data.keys.0.name", "meter",
     false, NULL},
    {"delete device token", &keys_program, "DELETE", "/1", NULL, NULL, ANN, 200, "data.id", "1",
     false, NULL},
    {"store", &data_program, "POST", NULL, NULL,
     "{\"key\":\"new \\u20ac/key\",\"value\":{\"a\":[1,2.50,\"x\"]}}", ANN, 201, "data.value",
     "{\"a\":[1,2.5,\"x\"]}", false, NULL},
    {"read", &data_program, "GET", "/greeting", NULL, NULL, ANN, 200, "data.value", "hello, ann",
     false, NULL},
    {"read by query", &data_program, "GET", NULL, "key=list%2Fb", NULL, ANN, 200, "data.value",
     "{\"deep\":[true,null]}", false, NULL},
    {"head", &data_program, "HEAD", "/greeting", NULL, NULL, ANN, 200, NULL, NULL, false, NULL},
    {"update", &data_program, "PUT", "/greeting", NULL, "{\"value\":\"changed\"}", ANN, 200,
     "data.value", "changed", false, NULL},
    {"update by POST", &data_program, "POST", "/list/a", NULL, "{\"value\":2}", ANN, 200,
     "data.value", "2", false, as_put},
    {"delete", &data_program, "DELETE", "/list/c", NULL, NULL, ANN, 200, "data.key", "list/c",
     false, NULL},
    {"upsert", &data_program, "PUT", "/list/new", "upsert=true", "{\"value\":[],\"ttl\":60}", ANN,
     201, "data.key", "list/new", false, NULL},
    {"update on condition", &data_program, "PUT", "/greeting", NULL, "{\"value\":1}", ANN, 200,
     "data.value", "1", false, if_there},
    {"not modified", &data_program, "GET", "/greeting", "if_none_match=*", NULL, ANN, 304, NULL,
     NULL, false, NULL},
    {"read raw", &data_program, "GET", "/greeting", "raw=true", NULL, ANN, 200, NULL, NULL, false,
     NULL},
    {"read raw JSON", &data_program, "GET", "/list/b", "raw=true", NULL, ANN, 200, "deep.0", "true",
     false, NULL},
    {"update with text", &data_program, "PUT", "/greeting", "raw=true&ttl=60", "say \"\xc3\xa9\"\n",
     ANN, 200, "data.value", "say \"\xc3\xa9\"\n", false, as_text},
    {"update with JSON", &data_program, "PUT", "/list/new", "raw=true&upsert=true", " [1.0] ", ANN,
     201, "data.value", "[1.0]", false, as_json},
    {"store text", &data_program, "POST", NULL, "key=list%2Fnew&raw=true", "[1]", ANN, 201,
     "data.value", "[1]", false, NULL},
    {"count", &data_program, "POST", "/list/a", "increment=-3", NULL, ANN, 200, "data.value", "-2",
     false, NULL},
    {"count from nothing", &data_program, "POST", "/list/new", "increment=7&raw=true&ttl=5", NULL,
     ANN, 201, NULL, NULL, false, NULL},
    {"merge patch", &data_program, "PATCH", "/list/b", NULL,
     "{\"deep\":null,\"\\u00e4\":{\"x\":{\"y\":null}}}", ANN, 200, "data.value",
     "{\"ä\":{\"x\":{}}}", false, as_merge_patch},
    {"merge patch too deep", &data_program, "PATCH", "/greeting", NULL, IN_98("1"), ANN, 422,
     "code", "PATCH_FAILED", false, as_merge_patch},
    {"JSON patch", &data_program, "PATCH", "/list/b", NULL,
     "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"deep\":[true,null]}},"
     "{\"op\":\"add\",\"path\":\"/deep/-\",\"value\":1.0},"
     "{\"op\":\"copy\",\"from\":\"/deep\",\"path\":\"/d~1e\"},"
     "{\"op\":\"move\",\"from\":\"/deep/0\",\"path\":\"/m\"},"
     "{\"op\":\"replace\",\"path\":\"/deep/1\",\"value\":\"x\"},"
     "{\"op\":\"remove\",\"path\":\"/d~1e\"}]",
     ANN, 200, "data.value", "{\"deep\":[null,\"x\"],\"m\":true}", false, as_json_patch},
    {"list", &data_program, "GET", NULL, "prefix=list/&limit=2&values=true&count=true", NULL, ANN,
     200, "data.items.1.key", "list/b", false, NULL},
    {"list on", &data_program, "GET", NULL, "prefix=list/&cursor=bGlzdC9i", NULL, ANN, 200,
     "data.items.0.key", "list/c", false, NULL},
    {"list down", &data_program, "GET", NULL,
     "prefix=list/&order=desc&limit=1&path=/deep/"
     "0&fields=key&cursor=bGlzdC9j&until=2999-01-01T00:00:00Z",
     NULL, ANN, 200, "data.items.0", "{\"key\":\"list/b\",\"value\":true}", false, NULL},
    {"list since", &data_program, "GET", NULL,
     "since=2000-01-01T00:00:00%2B01:00&limit=0&count=true&prefix=list/", NULL, ANN, 200,
     "data.total", "3", false, NULL},
    {"list within", &data_program, "GET", NULL, "until=2000-01-01T00:00:00Z&count=true", NULL, ANN,
     200, "data.items", "[]", false, NULL},
    {"delete by prefix", &data_program, "DELETE", NULL, "prefix=list/", NULL, ANN, 200,
     "data.deleted", "3", false, NULL},
    {"batch", &batch_program, "POST", NULL, NULL,
     "{\"operations\":[{\"op\":\"get\",\"key\":\"greeting\"},"
     "{\"op\":\"create\",\"key\":\"n\",\"value\":{},\"ttl\":5,\"if_version\":0},"
     "{\"op\":\"put\",\"key\":\"n\",\"value\":1},{\"op\":\"increment\",\"key\":\"n\",\"by\":-3},"
     "{\"op\":\"upsert\",\"key\":\"list/a\",\"value\":2},{\"op\":\"delete\",\"key\":\"list/c\"}]}",
     ANN, 200, "data.results.3.value", "-2", false, NULL},
    {"batch of reads", &batch_program, "POST", NULL, NULL,
     "{\"operations\":[{\"op\":\"get\",\"key\":\"list/a\"},{\"op\":\"get\",\"key\":\"list/b\"}]}",
     ANN, 200, "data.results.0.key", "list/a", false, NULL},
    {"changes", &changes_program, "GET", NULL, "since=0&prefix=list/&limit=2&wait=1", NULL, ANN,
     200, "data.more", "true", false, NULL},
    {"options", &data_program, "OPTIONS", "/greeting", NULL, NULL, NOBODY, 204, NULL, NULL, false,
     NULL},
    {"health", &health_program, "GET", NULL, NULL, NULL, NOBODY, 200, "data.database", "ok", false,
     NULL},
};

const size_t example_count = sizeof examples / sizeof *examples;

struct tape_request example_request(const struct example *example)
{
    const char *const tokens[] = {[NOBODY] = NULL, [ANN] = world_ann, [BOB] = world_bob};
    return (struct tape_request){.method = example->method,
                                 .path = example->path,
                                 .query = example->query,
                                 .authorization = tokens[example->user],
                                 .body = example->body,
                                 .variables = example->variables,
                                 .seed = 77,
                                 .now_ms = world_now_ms};
}

void example_check(const struct example *example, const struct tape_answer *answer)
{
    if (answer->fault != NULL || answer->status != example->status) {
        fail_msg("%s: wanted %d, got %s\n%s%s\n%s", example->name, example->status,
                 answer->fault != NULL ? answer->fault : "another status", answer->head,
                 answer->body, answer->log);
    }
    if (example->member != NULL) {
        world_member(answer, example->member, example->wanted);
    }
}
