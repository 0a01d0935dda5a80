/*
 * test_state.c - thousands of requests in one process: nothing is kept from one to the next, and
 * nothing is lost on the way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/inproc/examples.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"

/* A long mixed sequence, the same each time it is asked for. */
struct sequence {
    uint64_t random;
    size_t number; /* of requests given */
    char body[256];
    char path[64];
};

static uint32_t draw(struct sequence *sequence, uint32_t below)
{
    sequence->random = sequence->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(sequence->random >> 33) % below;
}

/* Reads, writes, deletes and refusals of both users; of one kind PROGRAM in ten a login. */
static const struct program *sequence_next(struct sequence *sequence, struct tape_request *out)
{
    static const char *const odd[] = {"{", "{}", "[]", "{\"value\":null}", "{\"value\":1}x"};
    uint32_t kind = draw(sequence, 100);
    bool ann = draw(sequence, 2) == 0;
    uint32_t key = draw(sequence, 30);
    *out = (struct tape_request){.authorization = ann ? world_ann : world_bob,
                                 .seed = ++sequence->number,
                                 .now_ms = world_now_ms + (int64_t)sequence->number};
    (void)snprintf(sequence->path, sizeof sequence->path, "/key/%u", key);
    if (kind < 3) {
        (void)snprintf(sequence->body, sizeof sequence->body,
                       "{\"username\":\"%s\",\"password\":\"%s\"}", ann ? "ann" : "bob",
                       kind > 0 ? world_password : "Wrong-horse-1");
        out->method = "POST";
        out->body = sequence->body;
        return &token_program;
    }
    if (kind < 6) {
        return &health_program;
    }
    if (kind < 40) {
        out->path = sequence->path;
        out->method = kind < 10 ? "HEAD" : "GET";
        return &data_program;
    }
    if (kind < 60) {
        (void)snprintf(sequence->body, sizeof sequence->body,
                       "{\"key\":\"key/%u\",\"value\":{\"n\":%zu}}", key, sequence->number);
        out->method = "POST";
        out->body = sequence->body;
        return &data_program;
    }
    out->path = sequence->path;
    if (kind < 85) {
        (void)snprintf(sequence->body, sizeof sequence->body, "{\"value\":[%zu,\"%0*u\"]}",
                       sequence->number, (int)draw(sequence, 150) + 1, key);
        out->method = "PUT";
        out->body = kind < 80 ? sequence->body : odd[draw(sequence, 5)];
        return &data_program;
    }
    if (kind < 96) {
        out->method = "DELETE";
        return &data_program;
    }
    out->authorization = kind < 98 ? NULL : "Bearer x.y.z";
    return &data_program;
}

/* ---- nothing kept ------------------------------------------------------------------------------
 */

/* All answers of a run, one behind the other. */
struct record {
    char *text;
    size_t used;
    size_t room;
};

static void keep(struct record *record, const char *text, size_t size)
{
    if (record->used + size > record->room) {
        record->room = (record->used + size) * 2;
        record->text = realloc(record->text, record->room);
        assert_non_null(record->text);
    }
    memcpy(record->text + record->used, text, size);
    record->used += size;
}

/* A run in which one loop takes requests for as long as they go to one program. */
struct run {
    struct sequence sequence;
    size_t limit;
    size_t loop_maximum; /* requests that a loop serves at most */
    size_t loop_turns;
    const struct program *program;      /* of the loop that runs */
    const struct program *next_program; /* of `pending`; NULL: nothing is pending */
    struct tape_request pending;
    struct record record;
    size_t server_errors;
    const char *fault;
};

static void look_ahead(struct run *run)
{
    if (run->next_program == NULL && run->sequence.number < run->limit) {
        run->next_program = sequence_next(&run->sequence, &run->pending);
    }
}

static bool run_next(void *self, struct tape_request *out)
{
    struct run *run = self;
    look_ahead(run);
    if (run->next_program != run->program || run->loop_turns == run->loop_maximum) {
        return false;
    }
    *out = run->pending;
    run->next_program = NULL;
    run->loop_turns++;
    return true;
}

static void run_heard(void *self, const struct tape_request *request,
                      const struct tape_answer *answer)
{
    (void)request;
    struct run *run = self;
    keep(&run->record, answer->head, answer->head_size);
    keep(&run->record, answer->body, answer->body_size);
    run->server_errors += answer->status >= 500;
    run->fault = run->fault != NULL ? run->fault : answer->fault;
}

static void play_run(struct run *run)
{
    (void)world_reset(NULL);
    run->sequence = (struct sequence){.random = 42};
    for (look_ahead(run); run->next_program != NULL; look_ahead(run)) {
        run->program = run->next_program;
        run->loop_turns = 0;
        assert_int_equal(tape_play(run->program, world_config, run_next, run_heard, run), 0);
    }
    assert_null(run->fault);
    assert_int_equal(run->server_errors, 0);
}

/* A loop for each request, as under CGI, and long loops give byte by byte the same answers. */
static void a_request_does_not_know_what_came_before_it(void **state)
{
    (void)state;
    enum { REQUESTS = 3000 };
    struct run single = {.limit = REQUESTS, .loop_maximum = 1};
    play_run(&single);
    struct world_state alone;
    world_keep(&alone);
    struct run together = {.limit = REQUESTS, .loop_maximum = SIZE_MAX};
    play_run(&together);
    assert_int_equal(single.record.used, together.record.used);
    assert_memory_equal(single.record.text, together.record.text, single.record.used);
    assert_true(world_same(&alone, false));
    world_forget(&alone);
    free(single.record.text);
    free(together.record.text);
}

/* ---- nothing lost ------------------------------------------------------------------------------
 */

struct endless {
    struct sequence sequence;
    size_t requests;
    size_t most_in_use; /* of the first half, later of the second */
    size_t first_half;
    const char *fault;
};

enum { REQUESTS = 6000 };

static bool endless_next(void *self, struct tape_request *out)
{
    struct endless *endless = self;
    if (endless->requests == REQUESTS / 2) {
        endless->first_half = endless->most_in_use;
        endless->most_in_use = 0;
    }
    size_t in_use = memory_in_use();
    endless->most_in_use = in_use > endless->most_in_use ? in_use : endless->most_in_use;
    while (sequence_next(&endless->sequence, out) != &data_program) {
    }
    return endless->requests++ < REQUESTS;
}

static void endless_heard(void *self, const struct tape_request *request,
                          const struct tape_answer *answer)
{
    (void)request;
    struct endless *endless = self;
    endless->fault = endless->fault != NULL ? endless->fault : answer->fault;
}

static void memory_does_not_grow_with_the_number_of_requests(void **state)
{
    (void)state;
    struct endless endless = {.sequence = {.random = 7}};
    size_t before = memory_in_use();
    assert_int_equal(tape_play(&data_program, world_config, endless_next, endless_heard, &endless),
                     0);
    assert_null(endless.fault);
    enum { SLACK = 16 * 1024 };
    if (endless.most_in_use > endless.first_half + SLACK) {
        fail_msg("first half of the requests: at most %zu bytes in use, second half: %zu",
                 endless.first_half, endless.most_in_use);
    }
    assert_true(memory_in_use() <= before + SLACK);
}

static void loops_leave_nothing_behind(void **state)
{
    size_t before = 0;
    size_t files = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < example_count; i++) {
            (void)world_reset(state);
            (void)world_ask(examples[i].program, example_request(&examples[i]));
        }
        if (round == 4) {
            before = memory_in_use();
            files = world_open_files();
        }
    }
    assert_true(memory_in_use() <= before);
    assert_int_equal(world_open_files(), files);
}

const struct CMUnitTest state_tests[] = {
    cmocka_unit_test_setup(a_request_does_not_know_what_came_before_it, world_reset),
    cmocka_unit_test_setup(memory_does_not_grow_with_the_number_of_requests, world_reset),
    cmocka_unit_test_setup(loops_leave_nothing_behind, world_reset),
};
const size_t state_test_count = sizeof state_tests / sizeof *state_tests;
