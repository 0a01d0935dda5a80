/*
 * test_faults.c - memory runs out, the database fails: at the n-th time, for every n, in every
 * call.
 *
 * Each round plays the request twice in one loop, the first time with a fault. The answer must be
 * whole and say what the contract says; the database file must then hold the very bytes it held
 * before, and after the second time those that it holds when nothing ever went wrong. Of calls that
 * count attempts the rows are compared instead: a failed attempt may stay counted. So they are
 * where the database keeps security events: one of the failure may be there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgi-bin/shared/store.h"
#include "common/http/error_table.h"
#include "common/json/json.h"
#include "common/json/json_patch.h"
#include "db/model/throttle.h"
#include "tests/inproc/examples.h"
#include "tests/inproc/faults.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"

enum { ROUNDS_MAXIMUM = 5000 };

enum fault_kind {
    FAULT_MEMORY,
    FAULT_MEMORY_LASTING,
    FAULT_STEP,
    FAULT_COMMIT,
    FAULT_COMMIT_DONE, /* nobody knows it */
    FAULT_TEXT
};

struct fault {
    enum fault_kind kind;
    enum db_class class;
    int status; /* what the contract makes of it */
    const char *code;
};

struct round {
    const struct example *example;
    const struct fault *fault;
    size_t number;
    int requests;
    bool struck;
    bool failed;  /* the first time, and rightly so */
    bool unknown; /* whether it was done, by its own word */
    char problem[1024];
};

static const char *settings = world_settings;
static bool keeps_events; /* those settings */

static void arm(const struct fault *fault, size_t number)
{
    switch (fault->kind) {
    case FAULT_MEMORY:
    case FAULT_MEMORY_LASTING:
        memory_fail_at(number, fault->kind == FAULT_MEMORY_LASTING);
        break;
    case FAULT_STEP:
        faults_at(number, fault->class);
        break;
    case FAULT_COMMIT:
        faults_commit(number, fault->class);
        break;
    case FAULT_COMMIT_DONE:
        faults_commit_done(number);
        break;
    case FAULT_TEXT:
    default:
        faults_text(number);
        break;
    }
}

static bool play_round(void *self, struct tape_request *out)
{
    struct round *round = self;
    *out = example_request(round->example);
    round->requests++;
    if (round->requests == 1) {
        arm(round->fault, round->number);
    }
    return round->requests <= 2;
}

__attribute__((format(printf, 2, 3))) static void blame(struct round *round, const char *format,
                                                        ...)
{
    if (round->problem[0] == '\0') {
        va_list list;
        va_start(list, format);
        (void)vsnprintf(round->problem, sizeof round->problem, format, list);
        va_end(list);
    }
}

/* cmocka must not jump out of the loop from here, so problems are kept for later. */
static void hear_faulty_answer(struct round *round, const struct tape_answer *answer)
{
    bool out_of_memory = memory_stop();
    round->struck = faults_done() || out_of_memory;
    if (answer->status < 500) {
        /* Some failures do not matter, such as that of a cache. But a call never means anything
         * else than without them. */
        if (answer->status != round->example->status) {
            blame(round, "says %d", answer->status);
        }
        return;
    }
    round->failed = true;
    const struct fault *fault = round->fault;
    char code[64] = "";
    char message[128] = "";
    if (tape_member(answer, "code", code, sizeof code) == NULL) {
        (void)snprintf(code, sizeof code, "%s", fault->code); /* HEAD */
    }
    bool says_known =
        tape_member(answer, "message", message, sizeof message) != NULL &&
        strncmp(message, "It is not known whether", strlen("It is not known whether")) != 0;
    /* That of counts, before what is asked for, is no matter of the client's. */
    bool says_other = fault->class == DB_UNKNOWN && says_known && !round->example->attempts;
    round->unknown = !says_known;
    bool of_health = round->example->program == &health_program && answer->status == 503;
    if (!round->struck) {
        blame(round, "says %d of its own: %s", answer->status, answer->log);
    } else if (!of_health && (answer->status != fault->status || strcmp(code, fault->code) != 0)) {
        blame(round, "says %d %s, wanted %d %s; log: %s", answer->status, code, fault->status,
              fault->code, answer->log);
    } else if (says_other) {
        blame(round, "says \"%s\"", message);
    } else if (!(round->unknown && fault->kind == FAULT_COMMIT_DONE) &&
               !world_same(NULL, round->example->attempts || keeps_events)) {
        blame(round, "says %s, and the database is not as it was", code);
    } else if (answer->log[0] == '\0' || strstr(answer->log, "no cause recorded") != NULL) {
        blame(round, "says %s, and the log: %s", code, answer->log);
    }
}

static void hear_round(void *self, const struct tape_request *request,
                       const struct tape_answer *answer)
{
    (void)request;
    struct round *round = self;
    if (round->requests == 1) {
        hear_faulty_answer(round, answer);
    } else if (round->failed && answer->status != round->example->status &&
               !(round->unknown && round->fault->kind == FAULT_COMMIT_DONE)) {
        blame(round, "then again, without a fault, says %d: %s", answer->status, answer->log);
    }
    if (answer->fault != NULL) {
        blame(round, "request %d: %s\n%s%s", round->requests, answer->fault, answer->head,
              answer->body);
    }
}

/* All rounds of one call with one kind of fault; how many struck. */
static size_t play_rounds(const struct example *example, const struct fault *fault,
                          const struct world_state *good)
{
    /* Where everything fails from some point on, the points need not lie side by side. */
    size_t step = fault->kind == FAULT_MEMORY_LASTING ? 13 : 1;
    for (size_t number = 1; number < ROUNDS_MAXIMUM; number += step) {
        (void)world_reset(NULL);
        world_configure(settings);
        struct round round = {.example = example, .fault = fault, .number = number};
        if (tape_play(example->program, world_config, play_round, hear_round, &round) != 0) {
            blame(&round, "not one answer for one request");
        }
        bool done = round.failed && !(round.unknown && fault->kind == FAULT_COMMIT_DONE);
        if (done && !world_same(good, example->attempts || keeps_events)) {
            blame(&round,
                  "then again, and the database is not as without the fault, or %zu events "
                  "say that it was done",
                  world_events());
        }
        if (round.problem[0] != '\0') {
            fail_msg("%s, fault %d (class %d) number %zu: %s", example->name, (int)fault->kind,
                     (int)fault->class, number, round.problem);
        }
        if (!round.struck) {
            return number / step;
        }
    }
    fail_msg("%s: no end of faults", example->name);
    return 0;
}

enum { FAULTS_MAXIMUM = 16 };

/* Each fault, one after the other; adds to STRUCK of each how many rounds it struck in. */
static void play_example(const struct example *example, const struct fault *faults, size_t count,
                         size_t *struck)
{
    (void)world_reset(NULL);
    world_configure(settings);
    example_check(example, world_ask(example->program, example_request(example)));
    if (keeps_events && world_events() == 0) {
        return; /* nothing else than without them */
    }
    struct world_state good;
    world_keep(&good);
    if (keeps_events && good.events != 1) {
        fail_msg("%s: %zu events say that it was done", example->name, good.events);
    }
    size_t files = world_open_files();
    for (size_t i = 0; i < count; i++) {
        struck[i] += play_rounds(example, &faults[i], &good);
    }
    world_forget(&good);
    if (world_open_files() != files) {
        fail_msg("%s: files are left open", example->name);
    }
}

/* Each of the faults must have struck more than LEAST times. */
static void play_all(const struct fault *faults, size_t count, size_t least)
{
    size_t struck[FAULTS_MAXIMUM] = {0};
    assert_true(count <= FAULTS_MAXIMUM);
    for (size_t i = 0; i < example_count; i++) {
        play_example(&examples[i], faults, count, struck);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(struck[i] > least);
    }
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    const struct fault fault = {FAULT_MEMORY, DB_OK, 500, "INTERNAL_ERROR"};
    play_all(&fault, 1, 10 * example_count);
}

static void every_allocation_fails_and_all_after_it(void **state)
{
    (void)state;
    const struct fault fault = {FAULT_MEMORY_LASTING, DB_OK, 500, "INTERNAL_ERROR"};
    play_all(&fault, 1, 5 * example_count);
}

/* The arenas take memory in pieces of 16 KiB. Blanks behind the patch move the place at which one
 * is full, so that in time each single object of the merge is the one that there is no memory for.
 */
static void every_object_of_a_deep_merge_fails(void **state)
{
    (void)state;
    enum { LEVELS = 98, BLANKS = 17 * 1024, STEP = 32 };
    static char patch[LEVELS * 6 + 1 + BLANKS];
    for (size_t i = 0; i < LEVELS; i++) {
        memcpy(patch + i * 5, "{\"a\":", 5);
        patch[LEVELS * 5 + 1 + i] = '}';
    }
    patch[LEVELS * 5] = '1';
    memset(patch + LEVELS * 6 + 1, ' ', BLANKS);
    size_t struck = 0;
    for (size_t blanks = 0; blanks < BLANKS; blanks += STEP) {
        bool fails = true;
        for (size_t number = 1; fails; number++) {
            struct arena arena;
            arena_init(&arena, 1024 * 1024);
            struct json_change change = {.value = text_of("\"x\""),
                                         .patch = {patch, LEVELS * 6 + 1 + blanks},
                                         .maximum = 64 * 1024};
            memory_fail_at(number, false);
            enum error_code error = json_merge_patch(&arena, &change);
            fails = memory_stop();
            struck += fails;
            assert_int_equal(error, fails ? ERR_INTERNAL : ERR_PATCH_FAILED);
            arena_reset(&arena);
        }
    }
    json_use_arena(NULL);
    assert_true(struck > BLANKS / STEP);
}

/* The usual hash of the tests allocates nothing, this one does, by mmap. */
static void every_allocation_of_yescrypt_fails(void **state)
{
    const struct fault fault = {FAULT_MEMORY, DB_OK, 500, "INTERNAL_ERROR"};
    settings = "password_method = yescrypt\npassword_cost = 1";
    for (size_t i = 0; i < example_count; i++) {
        if (examples[i].program == &register_program) {
            size_t struck = 0;
            play_example(&examples[i], &fault, 1, &struck);
            assert_true(struck > 10);
        }
    }
    settings = world_settings;
    (void)world_reset(state);
}

static void every_step_finds_the_database(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {FAULT_STEP, DB_BUSY, 503, "SERVICE_UNAVAILABLE"},
        {FAULT_STEP, DB_FULL, 507, "INSUFFICIENT_STORAGE"},
        {FAULT_STEP, DB_INTERNAL, 500, "INTERNAL_ERROR"},
        {FAULT_STEP, DB_CONFLICT, 500, "INTERNAL_ERROR"},
        {FAULT_STEP, DB_GONE, 500, "INTERNAL_ERROR"},
    };
    play_all(faults, sizeof faults / sizeof *faults, 2 * example_count);
}

static void every_commit_fails(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {FAULT_COMMIT, DB_BUSY, 503, "SERVICE_UNAVAILABLE"},
        {FAULT_COMMIT, DB_FULL, 507, "INSUFFICIENT_STORAGE"},
        {FAULT_COMMIT, DB_INTERNAL, 500, "INTERNAL_ERROR"},
        {FAULT_COMMIT, DB_CONFLICT, 500, "INTERNAL_ERROR"},
        {FAULT_COMMIT, DB_UNKNOWN, 503, "SERVICE_UNAVAILABLE"},
    };
    play_all(faults, sizeof faults / sizeof *faults, 0);
}

static void every_commit_is_done_and_nobody_knows(void **state)
{
    (void)state;
    const struct fault fault = {FAULT_COMMIT_DONE, DB_UNKNOWN, 503, "SERVICE_UNAVAILABLE"};
    play_all(&fault, 1, 0);
}

/* The same where security events are kept in the database. */
static void every_fault_while_events_are_kept(void **state)
{
    static const struct fault faults[] = {
        {FAULT_MEMORY, DB_OK, 500, "INTERNAL_ERROR"},
        {FAULT_MEMORY_LASTING, DB_OK, 500, "INTERNAL_ERROR"},
        {FAULT_STEP, DB_BUSY, 503, "SERVICE_UNAVAILABLE"},
        {FAULT_STEP, DB_FULL, 507, "INSUFFICIENT_STORAGE"},
        {FAULT_STEP, DB_INTERNAL, 500, "INTERNAL_ERROR"},
        {FAULT_COMMIT, DB_BUSY, 503, "SERVICE_UNAVAILABLE"},
        {FAULT_COMMIT, DB_FULL, 507, "INSUFFICIENT_STORAGE"},
        {FAULT_COMMIT, DB_INTERNAL, 500, "INTERNAL_ERROR"},
        {FAULT_COMMIT, DB_UNKNOWN, 503, "SERVICE_UNAVAILABLE"},
        {FAULT_COMMIT_DONE, DB_UNKNOWN, 503, "SERVICE_UNAVAILABLE"},
        {FAULT_TEXT, DB_OK, 500, "INTERNAL_ERROR"},
    };
    char lines[256];
    (void)snprintf(lines, sizeof lines, "%s\naudit_rows = 100", world_settings);
    settings = lines;
    keeps_events = true;
    play_all(faults, sizeof faults / sizeof *faults, 0);
    settings = world_settings;
    keeps_events = false;
    (void)world_reset(state);
}

/* Its second commit is that of the event; the first one ends what it read. */
static void an_export_is_answered_where_its_event_can_not_be_kept(void **state)
{
    (void)state;
    static const enum db_class can_not[] = {DB_BUSY, DB_FULL, DB_READ_ONLY, DB_COPY, DB_UNKNOWN};
    const struct tape_request export = {.path = "/export", .authorization = world_ann};
    world_configure("audit_rows = 100");
    for (size_t i = 0; i < sizeof can_not / sizeof *can_not; i++) {
        faults_commit(2, can_not[i]);
        const struct tape_answer *answer = world_expect(&me_program, export, 200, NULL);
        assert_true(faults_done());
        assert_non_null(strstr(answer->body, "\"greeting\""));
        assert_non_null(strstr(answer->log, "\"event\":\"export\",\"outcome\":\"done\""));
        assert_non_null(strstr(answer->log, "warning: "));
        assert_int_equal(world_events(), 0);
    }
    faults_commit(2, DB_INTERNAL);
    (void)world_expect(&me_program, export, 500, "INTERNAL_ERROR");
    faults_commit(1, DB_FULL);
    (void)world_expect(&me_program, export, 507, "INSUFFICIENT_STORAGE");
    assert_int_equal(world_events(), 0);
    faults_stop();
    (void)world_expect(&me_program, export, 200, NULL);
    assert_int_equal(world_events(), 1);
}

static void every_text_of_a_row_is_lost(void **state)
{
    (void)state;
    const struct fault fault = {FAULT_TEXT, DB_OK, 500, "INTERNAL_ERROR"};
    play_all(&fault, 1, 0);
}

/* ---- what was done before the end of a call ----------------------------------------------------
 */

static enum error_code (*commit)(struct db *db);
static enum error_code failure;

static enum error_code commit_and_fail(struct call *call)
{
    const struct throttle any = {.id = 1, .limit = 100, .window = 1000};
    int64_t until;
    enum error_code error = throttle_count(call->store, &any, call->now_ms, &until);
    if (error == ERR_NONE) {
        error = commit(call->store);
    }
    return error == ERR_NONE ? call_fail(call, failure, "a failure on purpose") : error;
}

static void who_fails_after_a_commit_does_not_say_that_nothing_was_changed(void **state)
{
    (void)state;
    static const struct route routes[] = {
        {HTTP_POST, "", ROUTE_WRITES, ERR_NONE, commit_and_fail, NULL}};
    static const enum db_statement may_run[] = {DB_THROTTLE_COUNT};
    static const struct db_role role = {may_run, 1};
    static const struct program program = {.name = "test",
                                           .routes = routes,
                                           .route_count = 1,
                                           .store = &database_store,
                                           .store_role = &role};
    static const enum error_code failures[] = {ERR_INTERNAL, ERR_SERVICE_UNAVAILABLE,
                                               ERR_INSUFFICIENT_STORAGE, ERR_INVALID_PARAMETER};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        failure = failures[i];
        int status = error_info(failure)->status;
        const struct tape_request request = {.method = "POST"};
        commit = db_commit_early;
        const struct tape_answer *answer =
            world_expect(&program, request, status >= 500 ? 503 : status, NULL);
        world_member(answer, "message",
                     status >= 500 ? error_info(ERR_OUTCOME_UNKNOWN)->message
                                   : error_info(failure)->message);
        commit = db_commit_aside;
        answer = world_expect(&program, request, status, NULL);
        world_member(answer, "message", error_info(failure)->message);
    }
}

const struct CMUnitTest fault_tests[] = {
    cmocka_unit_test_setup(every_allocation_fails_once, world_reset),
    cmocka_unit_test_setup(every_allocation_fails_and_all_after_it, world_reset),
    cmocka_unit_test(every_object_of_a_deep_merge_fails),
    cmocka_unit_test_setup(every_allocation_of_yescrypt_fails, world_reset),
    cmocka_unit_test_setup(every_step_finds_the_database, world_reset),
    cmocka_unit_test_setup(every_commit_fails, world_reset),
    cmocka_unit_test_setup(every_commit_is_done_and_nobody_knows, world_reset),
    cmocka_unit_test_setup(every_text_of_a_row_is_lost, world_reset),
    cmocka_unit_test_setup(who_fails_after_a_commit_does_not_say_that_nothing_was_changed,
                           world_reset),
    cmocka_unit_test_setup(every_fault_while_events_are_kept, world_reset),
    cmocka_unit_test_setup(an_export_is_answered_where_its_event_can_not_be_kept, world_reset),
};
const size_t fault_test_count = sizeof fault_tests / sizeof *fault_tests;
