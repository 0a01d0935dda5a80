/*
 * test_calls.c - every call and every refusal of the contract, in process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/identity/device.h"
#include "tests/inproc/examples.h"
#include "tests/inproc/suites.h"

static void every_call_succeeds(void **state)
{
    for (size_t i = 0; i < example_count; i++) {
        (void)world_reset(state);
        example_check(&examples[i], world_ask(examples[i].program, example_request(&examples[i])));
    }
}

static void what_was_stored_comes_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "12345678901234567890",
        "1.0",
        "1e400",
        "-0",
        "{\"b\":1,\"a\":2,\"b\\u0062\":3}",
        "[]",
        "\"\\u00e9\\ud83d\\ude00\"",
        "false",
        "\"\"",
        "{\"x\":{\"x\":{\"x\":[[[]]]}}}",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char body[256];
        char wanted[256];
        (void)snprintf(body, sizeof body, "{\"value\": %s }", values[i]);
        (void)snprintf(wanted, sizeof wanted, "\"value\":%s,", values[i]);
        (void)world_expect(
            &data_program,
            (struct tape_request){
                .method = "PUT", .path = "/greeting", .authorization = world_ann, .body = body},
            200, NULL);
        const struct tape_answer *answer = world_expect(
            &data_program, (struct tape_request){.path = "/greeting", .authorization = world_ann},
            200, NULL);
        if (strstr(answer->body, wanted) == NULL) {
            fail_msg("stored %s, got %s", values[i], answer->body);
        }
    }
    const struct tape_answer *other = world_expect(
        &data_program, (struct tape_request){.path = "/greeting", .authorization = world_bob}, 200,
        NULL);
    world_member(other, "data.value", "hello, bob");
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

struct refusal {
    const struct program *program;
    const char *method;
    const char *path;
    const char *query;
    const char *body;
    enum example_user user;
    int status;
    const char *code;
    const char *details; /* the field that is named, or NULL */
};

#define REGISTER(body, code, field)                                                                \
    {                                                                                              \
        &register_program, "POST", NULL, NULL, body, NOBODY, 400, code, field                      \
    }
#define TOKEN(body, status, code, field)                                                           \
    {                                                                                              \
        &token_program, "POST", NULL, NULL, body, NOBODY, status, code, field                      \
    }
#define STORE(body, status, code, field)                                                           \
    {                                                                                              \
        &data_program, "POST", NULL, NULL, body, ANN, status, code, field                          \
    }

#define FULL(username, email, name, age, gender, password)                                         \
    "{\"username\":" username ",\"email\":" email ",\"full_name\":" name ",\"age\":" age           \
    ",\"gender\":" gender ",\"password\":" password "}"
#define GOOD_NAME "\"dora\""
#define GOOD_MAIL "\"dora@example.org\""
#define GOOD_FULL "\"Dora\""
#define GOOD_GENDER "\"female\""
#define GOOD_PASSWORD "\"Correct-horse-1\""

static const struct refusal refusals[] = {
    /* what is no body at all */
    {&register_program, "POST", NULL, NULL, NULL, NOBODY, 411, "LENGTH_REQUIRED", NULL},
    {&data_program, "POST", "/bare", "raw=true", NULL, ANN, 411, "LENGTH_REQUIRED", NULL},
    REGISTER("", "INVALID_REQUEST", "body"),
    REGISTER("nonsense", "INVALID_REQUEST", "body"),
    REGISTER("[]", "INVALID_REQUEST", "body"),
    REGISTER("{}x", "INVALID_REQUEST", "body"),
    REGISTER("{\"a\":1,\"a\":2}", "INVALID_REQUEST", "body"),
    REGISTER("{\"a\":\"\xff\"}", "INVALID_REQUEST", "body"),
    REGISTER("{\"username\\u0000\":\"x\",\"\\u0000username\":\"x\"}", "INVALID_REQUEST",
             "username"),
    REGISTER("{\"username\":\"x\\u0000\"}", "INVALID_REQUEST", "username"),
    /* register, field by field */
    REGISTER("{}", "INVALID_REQUEST", "username"),
    REGISTER(FULL("5", GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD), "INVALID_REQUEST",
             "username"),
    REGISTER(FULL("\"\"", GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "username"),
    REGISTER(FULL("\"a@b\"", GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "username"),
    REGISTER(FULL("\" a\"", GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "username"),
    REGISTER(FULL("\"a\\n\"", GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "username"),
    REGISTER(FULL(GOOD_NAME, "\"dora\"", GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "email"),
    REGISTER(FULL(GOOD_NAME, "\"d@e@f.org\"", GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "email"),
    REGISTER(FULL(GOOD_NAME, "\"@f.org\"", GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "email"),
    REGISTER(FULL(GOOD_NAME, "\"d@org\"", GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "email"),
    REGISTER(FULL(GOOD_NAME, "\"d@a..b\"", GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "email"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, "\"\"", "30", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_REQUEST", "full_name"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, "null"), "INVALID_REQUEST",
             "password"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "0", GOOD_GENDER, GOOD_PASSWORD), "INVALID_AGE",
             "age"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "151", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_AGE", "age"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "1.5", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_AGE", "age"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "1e999", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_AGE", "age"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "\"30\"", GOOD_GENDER, GOOD_PASSWORD),
             "INVALID_AGE", "age"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", "\"\"", GOOD_PASSWORD), "GENDER_REQUIRED",
             "gender"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", "null", GOOD_PASSWORD), "GENDER_REQUIRED",
             "gender"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, "\"Short-1\""),
             "INVALID_PASSWORD", "password"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, "\"nouppercase-1\""),
             "INVALID_PASSWORD", "password"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, "\"NoDigitHere-\""),
             "INVALID_PASSWORD", "password"),
    REGISTER(FULL(GOOD_NAME, GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, "\"NoSpecial111\""),
             "INVALID_PASSWORD", "password"),
    REGISTER(FULL("\"ANN\"", GOOD_MAIL, GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "USERNAME_EXISTS", "username"),
    REGISTER(FULL(GOOD_NAME, "\"Bob@Example.org\"", GOOD_FULL, "30", GOOD_GENDER, GOOD_PASSWORD),
             "EMAIL_EXISTS", "email"),
    /* token */
    TOKEN("nonsense", 400, "INVALID_REQUEST", "body"),
    TOKEN("{}", 400, "MISSING_FIELDS", "password"),
    TOKEN("{\"password\":\"x\"}", 400, "MISSING_FIELDS", "username"),
    TOKEN("{\"username\":\"ann\"}", 400, "MISSING_FIELDS", "password"),
    TOKEN("{\"username\":\"ann\",\"password\":\"Wrong-horse-1\"}", 401, "INVALID_CREDENTIALS",
          NULL),
    TOKEN("{\"username\":\"nobody\",\"password\":\"Wrong-horse-1\"}", 401, "INVALID_CREDENTIALS",
          NULL),
    TOKEN("{\"username\":\"ann' OR 1=1 --\",\"password\":\"x\"}", 401, "INVALID_CREDENTIALS", NULL),
    {&token_program, "GET", NULL, NULL, NULL, NOBODY, 405, "METHOD_NOT_ALLOWED", NULL},
    {&token_program, "POST", "/nowhere", NULL, "{}", NOBODY, 404, "NOT_FOUND", NULL},
    /* data */
    STORE("{\"value\":1}", 400, "INVALID_KEY", "key"),
    STORE("{\"key\":5,\"value\":1}", 400, "INVALID_KEY", "key"),
    STORE("{\"key\":\"\",\"value\":1}", 400, "INVALID_KEY", "key"),
    STORE("{\"key\":\"a//b\",\"value\":1}", 400, "INVALID_KEY", "key"),
    STORE("{\"key\":\"a/../b\",\"value\":1}", 400, "INVALID_KEY", "key"),
    STORE("{\"key\":\"a\\u0007\",\"value\":1}", 400, "INVALID_KEY", "key"),
    STORE("{\"key\":\"fresh\"}", 400, "INVALID_VALUE", "value"),
    STORE("{\"key\":\"fresh\",\"value\":null}", 400, "INVALID_VALUE", "value"),
    STORE("{\"key\":\"greeting\",\"value\":1}", 400, "KEY_EXISTS", NULL),
    STORE("{\"key\":\"greeting\",\"value\":01}", 400, "INVALID_REQUEST", "body"),
    STORE("{\"key\":\"fresh\",\"value\":1,\"tll\":5}", 400, "INVALID_FIELD", "tll"),
    STORE("{\"key\":\"fresh\",\"value\":1,\"\\u0001\":5}", 400, "INVALID_FIELD", NULL),
    {&data_program, "POST", NULL, "upsert=true", "{\"key\":\"fresh\",\"value\":1}", ANN, 400,
     "INVALID_PARAMETER", "upsert"},
    {&data_program, "PUT", "/greeting", "upser=true", "{\"value\":1}", ANN, 400,
     "INVALID_PARAMETER", "upser"},
    {&data_program, "PUT", "/greeting", NULL, "{\"value\":1,\"key\":\"greeting\"}", ANN, 400,
     "INVALID_FIELD", "key"},
    {&data_program, "DELETE", "/greeting", "if_mach=1", NULL, ANN, 400, "INVALID_PARAMETER",
     "if_mach"},
    {&data_program, "GET", NULL, "prefx=l", NULL, ANN, 400, "INVALID_PARAMETER", "prefx"},
    {&data_program, "GET", NULL, "\xff\xc3=1", NULL, ANN, 400, "INVALID_PARAMETER", "??"},
    {&data_program, "GET", NULL, "prefx=l", NULL, NOBODY, 401, "INVALID_TOKEN", "token"},
    {&batch_program, "POST", NULL, NULL,
     "{\"operations\":[{\"op\":\"delete\",\"key\":\"list/"
     "a\"},{\"op\":\"get\",\"key\":\"n\",\"kye\":1}]}",
     ANN, 400, "INVALID_FIELD", "kye"},
    {&me_program, "POST", "/import", "mode=replace",
     "{\"items\":[{\"key\":\"n\",\"value\":1,\"tll\":1}]}", ANN, 400, "INVALID_FIELD", NULL},
    {&me_program, "POST", "/import", "mod=replace", "{\"items\":[]}", ANN, 400, "INVALID_PARAMETER",
     "mod"},
    {&me_program, "PATCH", NULL, NULL, "{\"age\":31,\"name\":\"x\"}", ANN, 400, "INVALID_FIELD",
     "name"},
    {&keys_program, "POST", NULL, NULL, "{\"name\":\"n\",\"scope\":\"read\",\"prefx\":\"\"}", ANN,
     400, "INVALID_FIELD", "prefx"},
    {&data_program, "PUT", "/greeting", "raw=true", "\xff", ANN, 400, "INVALID_VALUE", "value"},
    {&data_program, "PUT", "/greeting", "raw=yes", "x", ANN, 400, "INVALID_REQUEST", "raw"},
    {&data_program, "PUT", "/greeting", "ttl=5", "{\"value\":1}", ANN, 400, "INVALID_REQUEST",
     "ttl"},
    {&data_program, "PUT", "/nothing", "raw=true", "x", ANN, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "POST", "/greeting", "raw=true", "x", ANN, 400, "KEY_EXISTS", NULL},
    {&data_program, "POST", "/greeting", "increment=1", NULL, ANN, 400, "INVALID_VALUE", "value"},
    {&data_program, "POST", "/list/a", "increment=9007199254740992", NULL, ANN, 400,
     "INVALID_REQUEST", "increment"},
    {&data_program, "POST", "/list/a", "increment=1", "1", ANN, 400, "INVALID_REQUEST", "body"},
    {&data_program, "POST", "/list/a", "ttl=5", NULL, ANN, 400, "INVALID_REQUEST", "increment"},
    {&data_program, "POST", "/list/a", NULL, "{}", ANN, 405, "METHOD_NOT_ALLOWED", NULL},
    {&data_program, "GET", "/nothing", "raw=true", NULL, ANN, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "GET", NULL, "limit=0", NULL, ANN, 400, "INVALID_REQUEST", "limit"},
    {&data_program, "GET", NULL, "order=up", NULL, ANN, 400, "INVALID_REQUEST", "order"},
    {&data_program, "GET", NULL, "since=now", NULL, ANN, 400, "INVALID_REQUEST", "since"},
    {&data_program, "GET", NULL, "path=a", NULL, ANN, 400, "INVALID_REQUEST", "path"},
    {&data_program, "GET", NULL, "fields=", NULL, ANN, 400, "INVALID_REQUEST", NULL},
    {&health_program, "GET", NULL, "x", NULL, NOBODY, 400, "INVALID_PARAMETER", "x"},
    {&data_program, "GET", "/nothing", NULL, NULL, ANN, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "GET", "/list/a", NULL, NULL, BOB, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "GET", "/a//b", NULL, NULL, ANN, 404, "KEY_NOT_FOUND", "key"},
    {&data_program, "PUT", "/nothing", NULL, "{\"value\":1}", ANN, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "PUT", "/list/a", NULL, "{\"value\":1}", BOB, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "PUT", "/greeting", NULL, "{\"value\":null}", ANN, 400, "INVALID_VALUE",
     "value"},
    {&data_program, "DELETE", "/nothing", NULL, NULL, ANN, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "DELETE", "/list/a", NULL, NULL, BOB, 404, "KEY_NOT_FOUND", NULL},
    {&data_program, "GET", "/greeting", NULL, NULL, NOBODY, 401, "INVALID_TOKEN", "token"},
    {&data_program, "POST", NULL, NULL, "{}", NOBODY, 401, "INVALID_TOKEN", "token"},
    {&data_program, "PUT", "/greeting", NULL, "{}", NOBODY, 401, "INVALID_TOKEN", "token"},
    {&data_program, "DELETE", "/greeting", NULL, NULL, NOBODY, 401, "INVALID_TOKEN", "token"},
    {&data_program, "BREW", "/greeting", NULL, NULL, ANN, 405, "METHOD_NOT_ALLOWED", NULL},
    {&health_program, "POST", NULL, NULL, "{}", NOBODY, 405, "METHOD_NOT_ALLOWED", NULL},
    {&health_program, "GET", "/more", NULL, NULL, NOBODY, 404, "NOT_FOUND", NULL},
};

static void every_refusal_names_its_reason_and_changes_nothing(void **state)
{
    const char *const tokens[] = {[NOBODY] = NULL, [ANN] = world_ann, [BOB] = world_bob};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *row = &refusals[i];
        (void)world_reset(state);
        const struct tape_answer *answer =
            world_expect(row->program,
                         (struct tape_request){.method = row->method,
                                               .path = row->path,
                                               .query = row->query,
                                               .authorization = tokens[row->user],
                                               .body = row->body},
                         row->status, row->code);
        char path[64];
        char room[256];
        (void)snprintf(path, sizeof path, "details.%s", row->details != NULL ? row->details : "");
        if (row->details != NULL && tape_member(answer, path, room, sizeof room) == NULL) {
            fail_msg("row %zu: details do not name %s: %s", i, row->details, answer->body);
        }
        /* Wrong passwords are counted, and so is being told that a name is taken. */
        bool counts = row->program == &token_program || strcmp(row->code, "USERNAME_EXISTS") == 0 ||
                      strcmp(row->code, "EMAIL_EXISTS") == 0;
        if (!world_same(NULL, counts)) {
            fail_msg("row %zu (%s) has changed the database", i, row->code);
        }
    }
}

/* ---- bodies that do not come as announced ---------------------------------------------------- */

static void broken_bodies_are_refused_and_store_nothing(void **state)
{
    (void)state;
    static const char body[] = "{\"key\":\"fresh\",\"value\":1}";
    static const char *const chunked[] = {"HTTP_TRANSFER_ENCODING=chunked",
                                          "SERVER_SOFTWARE=Apache/2.4.62 (Debian)", NULL};
    static const char *const raw_chunked[] = {"HTTP_TRANSFER_ENCODING=chunked",
                                              "SERVER_SOFTWARE=busybox httpd/1.35.0", NULL};
    static const char *const unknown_chunked[] = {"HTTP_TRANSFER_ENCODING=gzip, chunked", NULL};
    static const char *const nameless_chunked[] = {"HTTP_TRANSFER_ENCODING=chunked",
                                                   "SERVER_SOFTWARE=", NULL};
    static const char *const uhttpd[] = {"SERVER_SOFTWARE=uhttpd",
                                         "HTTP_TRANSFER_ENCODING=", "HTTP_CONTENT_LENGTH=", NULL};
    static const char *const apache[] = {"SERVER_SOFTWARE=Apache", NULL};
    static const char *const lighttpd[] = {"SERVER_SOFTWARE=lighttpd/1.4.69", NULL};
    static const char *const nginx[] = {"SERVER_SOFTWARE=nginx/1.22.1", NULL};
    static const char *const busybox[] = {"SERVER_SOFTWARE=busybox httpd/1.35.0", NULL};
    const struct {
        struct tape_request request;
        int status;
        const char *code;
    } rows[] = {
        {{.announced = "27"}, 400, "INCOMPLETE_BODY"},
        {{.announced = "27", .piece = 1}, 400, "INCOMPLETE_BODY"},
        {{.announced = "60000", .ending = TAPE_STALLED}, 400, "INCOMPLETE_BODY"},
        {{.announced = "60000", .ending = TAPE_STALLED, .piece = 3}, 400, "INCOMPLETE_BODY"},
        {{.announced = "20"}, 400, "INVALID_REQUEST"},
        {{.announced = "0"}, 400, "INVALID_REQUEST"},
        {{.announced = "-1"}, 400, "INVALID_REQUEST"},
        {{.announced = "0x20"}, 400, "INVALID_REQUEST"},
        {{.announced = "25 "}, 400, "INVALID_REQUEST"},
        {{.announced = "+25"}, 400, "INVALID_REQUEST"},
        {{.announced = "1048577"}, 413, "BODY_TOO_LARGE"},
        {{.announced = "99999999999999999999999999"}, 413, "BODY_TOO_LARGE"},
        {{.announced = "9223372036854775807"}, 413, "BODY_TOO_LARGE"},
        {{.announced = "", .variables = chunked, .ending = TAPE_STALLED}, 400, "INCOMPLETE_BODY"},
        {{.announced = "", .variables = raw_chunked}, 411, "LENGTH_REQUIRED"},
        {{.announced = "25", .variables = raw_chunked}, 411, "LENGTH_REQUIRED"},
        /* Of other servers it is not known whether they decode chunks, or pass on that there are
         * some. */
        {{.announced = "", .variables = unknown_chunked}, 411, "LENGTH_REQUIRED"},
        {{.announced = "0", .variables = unknown_chunked}, 411, "LENGTH_REQUIRED"},
        {{.announced = "", .variables = nameless_chunked}, 411, "LENGTH_REQUIRED"},
        {{.announced = "", .variables = uhttpd}, 411, "LENGTH_REQUIRED"},
        {{.announced = ""}, 411, "LENGTH_REQUIRED"},
        {{.announced = "", .variables = apache}, 400, "INVALID_REQUEST"},
        {{.announced = "", .variables = lighttpd}, 400, "INVALID_REQUEST"},
        {{.announced = "", .variables = nginx}, 400, "INVALID_REQUEST"},
        {{.announced = "", .variables = busybox}, 400, "INVALID_REQUEST"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tape_request request = rows[i].request;
        request.method = "POST";
        request.authorization = world_ann;
        request.body = body;
        (void)world_expect(&data_program, request, rows[i].status, rows[i].code);
        assert_true(world_same(NULL, false));
    }
}

static void bodies_in_pieces_and_decoded_chunks_are_whole(void **state)
{
    static const char body[] = "{\"key\":\"fresh\",\"value\":[1,2,3]}";
    static const char *const chunked[] = {"HTTP_TRANSFER_ENCODING=gzip, Chunked",
                                          "SERVER_SOFTWARE=Apache/2.4.62", NULL};
    /* A server of any name that tells the decoded length. */
    static const char *const with_length[] = {"HTTP_TRANSFER_ENCODING=chunked", NULL};
    const struct {
        const char *announced;
        const char *const *variables;
    } ways[] = {{NULL, NULL}, {"", chunked}, {NULL, with_length}};
    for (size_t piece = 0; piece < sizeof body; piece++) {
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            (void)world_reset(state);
            (void)world_expect(&data_program,
                               (struct tape_request){.method = "POST",
                                                     .authorization = world_ann,
                                                     .body = body,
                                                     .announced = ways[i].announced,
                                                     .variables = ways[i].variables,
                                                     .piece = piece},
                               201, NULL);
        }
    }
}

/* A header in several lines is the list of all of them, as FastCGI may pass each by itself. */
static void lines_of_a_header_are_one_list(void **state)
{
    static const char *const rows[][4] = {
        /* the item's version is 1: the lines, and status and code */
        {"HTTP_IF_MATCH=\"1\"", "HTTP_IF_MATCH=\"99\"", "200", NULL},
        {"HTTP_IF_MATCH=\"99\"", "HTTP_IF_MATCH=\"1\"", "200", NULL},
        {"HTTP_IF_MATCH=\"98\"", "HTTP_IF_MATCH=\"99\"", "412", "PRECONDITION_FAILED"},
        {"HTTP_IF_MATCH=*", "HTTP_IF_MATCH=\"1\"", "400", "INVALID_REQUEST"},
        {"HTTP_IF_MATCH=\"1\"", "HTTP_IF_MATCH=*", "400", "INVALID_REQUEST"},
        {"HTTP_IF_MATCH=\"1\"", "HTTP_IF_MATCH=\"9", "400", "INVALID_REQUEST"},
        {"HTTP_IF_MATCH=\"1\"", "HTTP_IF_MATCH=", "200", NULL},
        {"HTTP_IF_MATCH=", "HTTP_IF_MATCH=\"99\"", "412", "PRECONDITION_FAILED"},
        {"HTTP_IF_MATCH=", "HTTP_IF_MATCH=", "400", "INVALID_REQUEST"},
        {"HTTP_IF_NONE_MATCH=\"99\"", "HTTP_IF_NONE_MATCH=\"1\"", "412", "PRECONDITION_FAILED"},
        {"HTTP_IF_NONE_MATCH=\"1\"", "HTTP_IF_NONE_MATCH=\"99\"", "412", "PRECONDITION_FAILED"},
        {"HTTP_IF_NONE_MATCH=\"98\"", "HTTP_IF_NONE_MATCH=\"99\"", "200", NULL},
        {"HTTP_IF_NONE_MATCH=\"98\"", "HTTP_IF_NONE_MATCH=*", "400", "INVALID_REQUEST"},
        {"HTTP_X_HTTP_METHOD_OVERRIDE=PUT", "HTTP_X_HTTP_METHOD_OVERRIDE=DELETE", "405",
         "METHOD_NOT_ALLOWED"},
        {"HTTP_X_HTTP_METHOD_OVERRIDE=DELETE", "HTTP_X_HTTP_METHOD_OVERRIDE=PUT", "405",
         "METHOD_NOT_ALLOWED"},
        {"HTTP_AUTHORIZATION=@", "HTTP_AUTHORIZATION=@", "401", "INVALID_TOKEN"},
        {"HTTP_AUTHORIZATION=Bearer @", "HTTP_AUTHORIZATION=x", "401", "INVALID_TOKEN"},
        {"HTTP_AUTHORIZATION=x", "HTTP_AUTHORIZATION=Bearer @", "401", "INVALID_TOKEN"},
        {"HTTP_CONTENT_TYPE=text/plain", "HTTP_CONTENT_TYPE=application/json", "415",
         "UNSUPPORTED_MEDIA_TYPE"},
        {"HTTP_CONTENT_TYPE=application/json", "HTTP_CONTENT_TYPE=application/json", "415",
         "UNSUPPORTED_MEDIA_TYPE"},
        {"HTTP_CONTENT_TYPE=application/json", "HTTP_OTHER=1", "200", NULL},
        {"CONTENT_LENGTH=1", "CONTENT_LENGTH=1", "400", "INVALID_REQUEST"},
        {"HTTP_CONTENT_RANGE=x", "HTTP_CONTENT_RANGE=", "400", "INVALID_REQUEST"},
        {"HTTP_CONTENT_RANGE=", "HTTP_CONTENT_RANGE=x", "400", "INVALID_REQUEST"},
        {"HTTP_IF_UNMODIFIED_SINCE=", "HTTP_IF_UNMODIFIED_SINCE=x", "400", "INVALID_REQUEST"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char lines[2][1024];
        for (size_t j = 0; j < 2; j++) {
            const char *at = strchr(rows[i][j], '@');
            (void)snprintf(lines[j], sizeof lines[j], "%.*s%s",
                           at != NULL ? (int)(at - rows[i][j]) : (int)strlen(rows[i][j]),
                           rows[i][j], at != NULL ? world_ann : "");
        }
        const char *const variables[] = {lines[0], lines[1], "CONTENT_TYPE=application/json", NULL};
        (void)world_reset(state);
        bool overrides = strstr(rows[i][0], "OVERRIDE") != NULL;
        (void)world_expect(&data_program,
                           (struct tape_request){.method = overrides ? "POST" : "PUT",
                                                 .path = "/greeting",
                                                 .query = "raw=true",
                                                 .authorization = world_ann,
                                                 .body = "7",
                                                 .variables = variables},
                           (int)strtol(rows[i][2], NULL, 10), rows[i][3]);
        if (rows[i][3] != NULL) {
            assert_true(world_same(NULL, false));
        }
    }
}

/* Where a server ends the path at a NUL, or writes something else for a control character, what is
 * left of it is another key. */
static void a_path_with_control_characters_is_no_other_path(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "REQUEST_URI=/api/data/greeting%00",
        "REQUEST_URI=/api/data/greeting%00x?raw=true",
        "REQUEST_URI=/api/data/greeting%0a",
        "REQUEST_URI=/api/data/greeting%7F",
        "REQUEST_URI=http://example.org/api/data/greeting%1f",
    };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const char *const variables[] = {addresses[i], NULL};
        struct tape_request request = {
            .path = "/greeting", .authorization = world_ann, .variables = variables};
        (void)world_expect(&data_program, request, 404, "KEY_NOT_FOUND");
        request.method = "DELETE";
        (void)world_expect(&data_program, request, 404, "KEY_NOT_FOUND");
        assert_true(world_same(NULL, false));
    }
    static const char *const good[] = {"REQUEST_URI=/api/data/greeting?a=%00", NULL};
    (void)world_expect(
        &data_program,
        (struct tape_request){.path = "/greeting", .authorization = world_ann, .variables = good},
        200, NULL);
}

/* A library that reads numbers may take the first characters of one for all of it. */
static void long_numbers_mean_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *code;
        const char *value; /* of the counter then */
    } rows[] = {
        {"\"by\":2", 200, NULL, "12"},
        {"\"by\":2." ZEROS_80, 200, NULL, "12"},
        {"\"by\":2." ZEROS_80 "e1", 200, NULL, "30"},
        {"\"by\":2" ZEROS_80 "e-80", 200, NULL, "12"},
        {"\"by\":2e" ZEROS_80 "1", 200, NULL, "30"},
        {"\"by\":2e" ZEROS_80 "20", 409, "BATCH_FAILED", "1.0" ZEROS_80 "e1"},
        {"\"by\":0.2e" ZEROS_80 "1,\"ttl\":1" ZEROS_80 "e-79", 200, NULL, "12"},
        {"\"if_version\":1." ZEROS_80 "e1", 409, "BATCH_FAILED", "1.0" ZEROS_80 "e1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[1024];
        (void)world_reset(state);
        (void)world_expect(
            &data_program,
            (struct tape_request){.method = "POST",
                                  .authorization = world_ann,
                                  .body = "{\"key\":\"n\",\"value\":1.0" ZEROS_80 "e1}"},
            201, NULL);
        (void)snprintf(body, sizeof body,
                       "{\"operations\":[{\"op\":\"increment\",\"key\":\"n\",%s}]}", rows[i].body);
        (void)world_expect(
            &batch_program,
            (struct tape_request){.method = "POST", .authorization = world_ann, .body = body},
            rows[i].status, rows[i].code);
        const struct tape_answer *answer = world_expect(
            &data_program,
            (struct tape_request){.path = "/n", .query = "raw=true", .authorization = world_ann},
            200, NULL);
        size_t size = strlen(rows[i].value);
        if (strncmp(answer->body, rows[i].value, size) != 0 || answer->body[size] != '\n') {
            fail_msg("row %zu: %s", i, answer->body);
        }
    }
}

static int64_t number_of_new_device_token(uint64_t seed, int status)
{
    char text[32];
    const struct tape_answer *answer =
        world_expect(&keys_program,
                     (struct tape_request){.method = "POST",
                                           .authorization = world_ann,
                                           .body = "{\"name\":\"n\",\"scope\":\"read\"}",
                                           .seed = seed},
                     status, NULL);
    return status == 201 && tape_member(answer, "data.id", text, sizeof text) != NULL
               ? strtoll(text, NULL, 10)
               : 0;
}

/* Whatever is drawn, a number is that of one token. */
static void a_number_that_is_taken_is_not_drawn_again(void **state)
{
    (void)state;
    enum { SEED = 99, OTHERS = 99 }; /* beside ann's first */
    int64_t first = number_of_new_device_token(SEED, 201);
    assert_true(first > 0 && first < DEVICE_NUMBER_MAXIMUM);
    for (int64_t i = 1; i < OTHERS; i++) {
        assert_int_equal(number_of_new_device_token(SEED, 201),
                         (first + i - 1) % (DEVICE_NUMBER_MAXIMUM - 1) + 1);
    }
    (void)number_of_new_device_token(SEED, 507);
    assert_int_equal(device_number(0), 1);
    assert_int_equal(device_number(DEVICE_NUMBER_MAXIMUM - 2), DEVICE_NUMBER_MAXIMUM - 1);
    assert_int_equal(device_number(DEVICE_NUMBER_MAXIMUM - 1), 1);
    assert_int_equal(device_number(UINT32_MAX), UINT32_MAX % (DEVICE_NUMBER_MAXIMUM - 1) + 1);
}

static void no_long_origin_is_echoed(void **state)
{
    (void)state;
    enum { LONGEST = 300 };
    static char variable[512];
    const char *const variables[] = {variable, NULL};
    world_configure("cors_origins = *");
    for (size_t size = LONGEST - 1; size <= LONGEST + 1; size++) {
        int used = snprintf(variable, sizeof variable, "HTTP_ORIGIN=https://");
        memset(variable + used, 'x', size - strlen("https://"));
        variable[strlen("HTTP_ORIGIN=") + size] = '\0';
        for (int i = 0; i < 2; i++) {
            const struct tape_answer *answer =
                world_expect(&data_program,
                             (struct tape_request){.method = i == 0 ? "GET" : "OPTIONS",
                                                   .path = "/greeting",
                                                   .authorization = world_ann,
                                                   .variables = variables},
                             i == 0 ? 200 : 204, NULL);
            assert_true((strstr(answer->head, "Access-Control-") != NULL) == (size <= LONGEST));
            assert_non_null(strstr(answer->head, "Vary: Origin"));
        }
    }
    world_configure(world_settings);
}

static void values_up_to_the_limit_and_no_further(void **state)
{
    (void)state;
    enum { LIMIT = 256 * 1024 };
    static char body[2 * LIMIT];
    for (size_t size = LIMIT - 1; size <= LIMIT + 1; size++) {
        int used = snprintf(body, sizeof body, "{\"value\":\"");
        memset(body + used, 'x', size - 2);
        (void)snprintf(body + used + size - 2, 8, "\"}");
        const struct tape_request request = {.method = "PUT",
                                             .path = "/greeting",
                                             .authorization = world_ann,
                                             .body = body,
                                             .piece = 4096};
        (void)world_expect(&data_program, request, size <= LIMIT ? 200 : 413,
                           size <= LIMIT ? NULL : "VALUE_TOO_LARGE");
    }
    const struct tape_answer *answer = world_expect(
        &data_program, (struct tape_request){.path = "/greeting", .authorization = world_ann}, 200,
        NULL);
    assert_true(answer->body_size > LIMIT);
}

/* Bodies and values of the largest sizes that the settings allow, however the JSON of a text grows
 * by escapes, and whether or not its length is known before. */
static void texts_have_the_memory_that_their_json_takes(void **state)
{
    (void)state;
    enum { SMALL = 1024 * 1024, LARGE = 6 * SMALL };
    static const char *const text[] = {"CONTENT_TYPE=text/plain", NULL};
    static const char *const chunked[] = {"CONTENT_TYPE=text/plain",
                                          "HTTP_TRANSFER_ENCODING=chunked",
                                          "SERVER_SOFTWARE=Apache/2.4.62", NULL};
    static const struct {
        const char *settings; /* NULL: the usual ones */
        size_t size;
        char byte;
        int status;
    } rows[] = {
        {NULL, SMALL, 1, 413},
        {NULL, SMALL, '"', 413},
        {NULL, SMALL, 'x', 413},
        {NULL, 131071, '"', 200},
        {NULL, 131072, '"', 413},
        {"max_value_bytes = 1048576", SMALL - 2, 'x', 200},
        {"max_value_bytes = 1048576", SMALL / 2 - 1, '"', 200},
        {"max_value_bytes = 6291456\nmax_body_bytes = 6291456", LARGE - 2, 'x', 200},
        {"max_value_bytes = 6291456\nmax_body_bytes = 6291456", SMALL - 1, 1, 200},
        {"max_value_bytes = 6291456\nmax_body_bytes = 6291456", LARGE, 1, 413},
    };
    char *body = malloc(LARGE);
    assert_non_null(body);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char lines[512];
        (void)snprintf(lines, sizeof lines, "%s\n%s\n", world_settings,
                       rows[i].settings != NULL ? rows[i].settings : "");
        world_configure(lines);
        memset(body, rows[i].byte, rows[i].size);
        for (int known = 0; known < 2; known++) {
            const struct tape_request request = {.method = "PUT",
                                                 .path = "/greeting",
                                                 .query = "raw=true",
                                                 .authorization = world_ann,
                                                 .body = body,
                                                 .body_size = rows[i].size,
                                                 .announced = known ? NULL : "",
                                                 .piece = 64 * 1024,
                                                 .variables = known ? text : chunked};
            (void)world_expect(&data_program, request, rows[i].status,
                               rows[i].status == 413 ? "VALUE_TOO_LARGE" : NULL);
        }
    }
    free(body);
    world_configure(world_settings);
}

const struct CMUnitTest call_tests[] = {
    cmocka_unit_test_setup(every_call_succeeds, world_reset),
    cmocka_unit_test_setup(what_was_stored_comes_back, world_reset),
    cmocka_unit_test_setup(every_refusal_names_its_reason_and_changes_nothing, world_reset),
    cmocka_unit_test_setup(broken_bodies_are_refused_and_store_nothing, world_reset),
    cmocka_unit_test_setup(bodies_in_pieces_and_decoded_chunks_are_whole, world_reset),
    cmocka_unit_test_setup(lines_of_a_header_are_one_list, world_reset),
    cmocka_unit_test_setup(a_path_with_control_characters_is_no_other_path, world_reset),
    cmocka_unit_test_setup(long_numbers_mean_what_they_say, world_reset),
    cmocka_unit_test_setup(a_number_that_is_taken_is_not_drawn_again, world_reset),
    cmocka_unit_test_setup(no_long_origin_is_echoed, world_reset),
    cmocka_unit_test_setup(values_up_to_the_limit_and_no_further, world_reset),
    cmocka_unit_test_setup(texts_have_the_memory_that_their_json_takes, world_reset),
};
const size_t call_test_count = sizeof call_tests / sizeof *call_tests;
