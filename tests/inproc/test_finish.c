/*
 * test_finish.c - the end of a call's transaction decides its answer, by a program and a store of
 * the test's own.
 */
#include <string.h>

#include "common/serve/serve.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

static enum error_code handled; /* what the handler returns */
static enum error_code ended;   /* and then the end of the transaction */

static void *make(const struct config *config, const void *role)
{
    static int store;
    (void)config;
    (void)role;
    return &store;
}

static void start(void *store, bool writes, int64_t patience, struct cause *cause)
{
    (void)store;
    (void)writes;
    (void)patience;
    (void)cause;
}

static bool try_again(void *store, struct cause *cause)
{
    (void)store;
    (void)cause;
    return false;
}

static enum error_code end(void *store, bool good)
{
    (void)store;
    (void)good;
    return ended;
}

static bool has_deferred(const void *store)
{
    (void)store;
    return false;
}

static bool has_committed(const void *store)
{
    (void)store;
    return false;
}

static bool rest(void *store)
{
    (void)store;
    return true;
}

static void destroy(void *store)
{
    (void)store;
}

static const struct store_class store_class = {.make = make,
                                               .start = start,
                                               .try_again = try_again,
                                               .end = end,
                                               .has_deferred = has_deferred,
                                               .has_committed = has_committed,
                                               .rest = rest,
                                               .destroy = destroy};

static enum error_code handle(struct call *call)
{
    response_header(&call->response, "Link", "</here>");
    response_detail(&call->response, "token", "of the handler");
    call->response.errors_carry_data = true;
    response_integer(&call->response, "current", 1);
    return handled;
}

static const struct route routes[] = {{HTTP_GET, "", 0, ERR_NONE, handle, NULL}};

static const struct program program = {
    .name = "finish", .routes = routes, .route_count = 1, .store = &store_class};

static size_t count(const struct tape_answer *answer, const char *text)
{
    size_t times = 0;
    for (const char *at = answer->head; (at = strstr(at, text)) != NULL; at++) {
        times++;
    }
    return times;
}

static void an_error_at_the_end_takes_the_place_of_another(void **state)
{
    (void)state;
    static const enum error_code errors[] = {ERR_FORBIDDEN, ERR_INVALID_TOKEN,
                                             ERR_TOO_MANY_ATTEMPTS, ERR_PRECONDITION_FAILED};
    const struct tape_answer *answer;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        handled = errors[i];
        ended = ERR_SERVICE_UNAVAILABLE;
        answer =
            world_expect(&program, (struct tape_request){.path = ""}, 503, "SERVICE_UNAVAILABLE");
        assert_int_equal(count(answer, "WWW-Authenticate:"), 0);
        assert_int_equal(count(answer, "Retry-After:"), 1);
        assert_int_equal(count(answer, "Link:"), 1);
        assert_null(strstr(answer->body, "details"));
        assert_null(strstr(answer->body, "current"));
        ended = ERR_NONE;
        answer = world_ask(&program, (struct tape_request){.path = ""});
        assert_int_equal(count(answer, "WWW-Authenticate:"), i < 2 ? 1 : 0);
        assert_non_null(strstr(answer->body, "of the handler"));
        assert_non_null(strstr(answer->body, "current"));
    }
    /* An error of the server itself stays what it is. */
    handled = ERR_INTERNAL;
    ended = ERR_SERVICE_UNAVAILABLE;
    answer = world_expect(&program, (struct tape_request){.path = ""}, 500, "INTERNAL_ERROR");
    assert_int_equal(count(answer, "Retry-After:"), 0);
}

const struct CMUnitTest finish_tests[] = {
    cmocka_unit_test_setup(an_error_at_the_end_takes_the_place_of_another, world_reset),
};
const size_t finish_test_count = sizeof finish_tests / sizeof *finish_tests;
