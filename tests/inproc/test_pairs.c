/*
 * test_pairs.c - a process that stays answers each request as a process of its own would, whatever
 * it was asked before, by whom, and however that failed.
 *
 * Each pair of a program's calls is played twice from the same world: in one loop, and in a loop
 * each. The clock and the random bytes being the tape's, the second answers, and what is logged,
 * must be the same to the byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/inproc/examples.h"
#include "tests/inproc/faults.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"

/* Of the troubles, each pair has its third: which one depends on the pair. */

/* What goes wrong with the first request of a pair. */
struct trouble {
    const char *name;
    const char *announced; /* CONTENT_LENGTH */
    enum tape_ending ending;
    const char *authorization;
    size_t memory; /* this allocation fails, and all after it */
    size_t step;   /* this step in the database finds it … */
    size_t commit; /* … or this commit */
    enum db_class class;
};

static const struct trouble troubles[] = {
    {.name = "nothing"},
    {.name = "too large a body", .announced = "99999999999"},
    {.name = "a length that is none", .announced = "many"},
    {.name = "a body that was cut", .announced = "1000"},
    {.name = "a body that stalls", .announced = "1000", .ending = TAPE_STALLED},
    {.name = "no such token", .authorization = "Bearer x.y.z"},
    {.name = "no such device token",
     .authorization = "Bearer cubby_1_1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    {.name = "no memory from the start", .memory = 2},
    {.name = "no memory later", .memory = 30},
    {.name = "no memory near the end", .memory = 90},
    {.name = "busy at once", .step = 1, .class = DB_BUSY},
    {.name = "busy later", .step = 9, .class = DB_BUSY},
    {.name = "busy at the end", .commit = 1, .class = DB_BUSY},
    {.name = "full", .step = 12, .class = DB_FULL},
    {.name = "full at the end", .commit = 1, .class = DB_FULL},
    {.name = "broken", .step = 6, .class = DB_INTERNAL},
    {.name = "gone", .step = 1, .class = DB_GONE},
};

struct pair {
    const struct example *first;
    const struct trouble *trouble;
    const struct example *second;
    enum example_user user; /* of the second */
    int from;               /* the requests that the present loop plays */
    int to;
    size_t statuses[6]; /* of the firsts, by hundreds */
    char *said;         /* to the second: head, body, log */
    size_t size;
    int status; /* of the second */
    const char *fault;
};

static void start_trouble(const struct trouble *trouble, struct tape_request *request)
{
    if (trouble->announced != NULL && request->body != NULL) {
        request->announced = trouble->announced;
        request->ending = trouble->ending;
    }
    if (trouble->authorization != NULL) {
        request->authorization = trouble->authorization;
    }
    if (trouble->memory > 0) {
        memory_fail_at(trouble->memory, true);
    }
    if (trouble->step > 0) {
        faults_at(trouble->step, trouble->class);
    }
    if (trouble->commit > 0) {
        faults_commit(trouble->commit, trouble->class);
    }
}

static bool pair_next(void *self, struct tape_request *out)
{
    struct pair *pair = self;
    if (pair->from == pair->to) {
        return false;
    }
    if (pair->from == 0) {
        *out = example_request(pair->first);
        out->seed = 11;
        start_trouble(pair->trouble, out);
    } else {
        *out = example_request(pair->second);
        out->seed = 12;
        if (pair->second->user != NOBODY) {
            out->authorization = pair->user == ANN ? world_ann : world_bob;
        }
    }
    return true;
}

static void pair_heard(void *self, const struct tape_request *request,
                       const struct tape_answer *answer)
{
    (void)request;
    struct pair *pair = self;
    (void)memory_stop();
    (void)faults_done();
    pair->fault = pair->fault != NULL ? pair->fault : answer->fault;
    if (pair->from++ == 0) {
        pair->statuses[answer->status / 100]++;
        return;
    }
    size_t log_size = strlen(answer->log);
    pair->size = answer->head_size + answer->body_size + log_size;
    pair->status = answer->status;
    pair->said = malloc(pair->size + 1);
    if (pair->said != NULL) {
        memcpy(pair->said, answer->head, answer->head_size);
        memcpy(pair->said + answer->head_size, answer->body, answer->body_size);
        memcpy(pair->said + answer->head_size + answer->body_size, answer->log, log_size + 1);
    }
}

static void play(struct pair *pair, int from, int to)
{
    pair->from = from;
    pair->to = to;
    assert_int_equal(tape_play(pair->first->program, world_config, pair_next, pair_heard, pair), 0);
    (void)memory_stop();
    faults_stop();
    assert_null(pair->fault);
}

static void compare(struct pair *pair)
{
    (void)world_reset(NULL);
    play(pair, 0, 1);
    play(pair, 1, 2);
    char *alone = pair->said;
    size_t size = pair->size;
    (void)world_reset(NULL);
    play(pair, 0, 2);
    assert_non_null(alone);
    assert_non_null(pair->said);
    if (size != pair->size || memcmp(alone, pair->said, size) != 0) {
        fail_msg("\"%s\" after \"%s\" with %s: alone\n%s\nin one process\n%s", pair->second->name,
                 pair->first->name, pair->trouble->name, alone, pair->said);
    }
    free(alone);
    free(pair->said);
}

static void an_answer_is_that_of_a_fresh_process(void **state)
{
    (void)state;
    struct pair pair = {0};
    size_t statuses[6] = {0}; /* of the seconds */
    for (size_t i = 0; i < example_count; i++) {
        for (size_t j = 0; j < example_count; j++) {
            for (size_t k = 0; k < sizeof troubles / sizeof *troubles; k++) {
                pair.first = &examples[i];
                pair.second = &examples[j];
                pair.trouble = &troubles[k];
                pair.user = (i + j + k) % 2 == 0 ? ANN : BOB;
                bool chosen = k == 0 || (i + 2 * j + k) % 3 == 0;
                if (chosen && pair.first->program == pair.second->program) {
                    compare(&pair);
                    statuses[pair.status / 100]++;
                }
            }
        }
    }
    /* All of it took place. */
    assert_true(pair.statuses[2] > 300 && pair.statuses[4] > 300 && pair.statuses[5] > 300);
    assert_true(statuses[2] > 300 && statuses[4] > 300);
}

const struct CMUnitTest pair_tests[] = {
    cmocka_unit_test_setup(an_answer_is_that_of_a_fresh_process, world_reset),
};
const size_t pair_test_count = sizeof pair_tests / sizeof *pair_tests;
