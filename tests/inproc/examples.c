/*
 * examples.c - every call of the API once.
 */
#include "tests/inproc/examples.h"

#include <string.h>

#define CARLA                                                                                      \
    "{\"username\":\"carla\",\"email\":\"carla@example.org\",\"full_name\":\"Carla C.\","          \
    "\"age\":41,\"gender\":\"female\",\"password\":\"Correct-horse-1\"}"

static const char *const as_put[] = {"HTTP_X_HTTP_METHOD_OVERRIDE=PUT", NULL};

const struct example examples[] = {
    {"register", &register_program, "POST", NULL, NULL, CARLA, NOBODY, 201, "data.user_id", "3",
     NULL},
    {"token by name", &token_program, "POST", NULL, NULL,
     "{\"username\":\"Ann\",\"password\":\"Correct-horse-1\"}", NOBODY, 200, "data.token_type",
     "Bearer", NULL},
    {"token by e-mail", &token_program, "POST", NULL, NULL,
     "{\"email\":\"ANN@example.org\",\"password\":\"Correct-horse-1\"}", NOBODY, 200,
     "data.expires_in", "3600", NULL},
    {"store", &data_program, "POST", NULL, NULL,
     "{\"key\":\"new \\u20ac/key\",\"value\":{\"a\":[1,2.50,\"x\"]}}", ANN, 201, "data.value",
     "{\"a\":[1,2.5,\"x\"]}", NULL},
    {"read", &data_program, "GET", "/greeting", NULL, NULL, ANN, 200, "data.value", "hello, ann",
     NULL},
    {"read by query", &data_program, "GET", NULL, "key=list%2Fb", NULL, ANN, 200, "data.value",
     "{\"deep\":[true,null]}", NULL},
    {"head", &data_program, "HEAD", "/greeting", NULL, NULL, ANN, 200, NULL, NULL, NULL},
    {"update", &data_program, "PUT", "/greeting", NULL, "{\"value\":\"changed\"}", ANN, 200,
     "data.value", "changed", NULL},
    {"update by POST", &data_program, "POST", "/list/a", NULL, "{\"value\":2}", ANN, 200,
     "data.value", "2", as_put},
    {"delete", &data_program, "DELETE", "/list/c", NULL, NULL, ANN, 200, "data.key", "list/c",
     NULL},
    {"options", &data_program, "OPTIONS", "/greeting", NULL, NULL, NOBODY, 204, NULL, NULL, NULL},
    {"health", &health_program, "GET", NULL, NULL, NULL, NOBODY, 200, "data.database", "ok", NULL},
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
