/*
 * test_pairs.c - a process that stays answers each request as a process of its own would, whatever
 * it was asked before, by whom, and however that failed.
 *
 * Each pair of a program's calls is played twice from the same world: in one process, and in a
 * process each. The clock and the random bytes being the tape's, the second answers, and what is
 * logged, must be the same to the byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/inproc/examples.h"
#include "tests/inproc/faults.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"

/* What goes wrong with the first request of a pair: nothing, and two of these; which ones depends
 * on the pair. */
struct trouble {
    const char *name;
    const char *announced; /* CONTENT_LENGTH */
    const char *authorization;
    size_t memory; /* this allocation fails, and all after it */
    size_t step;   /* this step in the database finds it … */
    size_t commit; /* … or this commit */
    enum db_class class;
    enum tape_ending ending;
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
    {.name = "unknown at the end", .commit = 1, .class = DB_UNKNOWN},
    {.name = "full", .step = 12, .class = DB_FULL},
    {.name = "full at the end", .commit = 1, .class = DB_FULL},
    {.name = "broken", .step = 6, .class = DB_INTERNAL},
    {.name = "gone", .step = 1, .class = DB_GONE},
};

enum { SAID_MAXIMUM = 256 * 1024 };

/* What a process tells of the requests that it played. */
struct told {
    int first_status;
    int status;  /* of the second */
    bool broken; /* an answer has not the form that it should have */
    size_t size;
    char said[SAID_MAXIMUM]; /* to the second: head, body, log */
};

struct pair {
    const struct example *first;
    const struct trouble *trouble;
    const struct example *second;
    enum example_user user; /* of the second */
    int next;               /* the request that the present process plays next */
    int end;
    struct told *told;
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
    if (pair->next == pair->end) {
        return false;
    }
    if (pair->next == 0) {
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

static void add(struct told *told, const char *text, size_t size)
{
    if (size > SAID_MAXIMUM - told->size) {
        told->broken = true;
        return;
    }
    memcpy(told->said + told->size, text, size);
    told->size += size;
}

static void pair_heard(void *self, const struct tape_request *request,
                       const struct tape_answer *answer)
{
    (void)request;
    struct pair *pair = self;
    struct told *told = pair->told;
    (void)memory_stop();
    (void)faults_done();
    told->broken = told->broken || answer->fault != NULL;
    if (pair->next++ == 0) {
        told->first_status = answer->status;
        return;
    }
    told->status = answer->status;
    add(told, answer->head, answer->head_size);
    add(told, answer->body, answer->body_size);
    add(told, answer->log, strlen(answer->log));
}

/* Plays the requests FROM to END in a process of their own, forked from one that plays none. */
static void play(struct pair *pair, int from, int end, struct told *told)
{
    pair->next = from;
    pair->end = end;
    pair->told = told;
    told->size = 0;
    told->broken = false;
    pid_t child = fork();
    if (child == 0) {
        _exit(tape_play(pair->first->program, world_config, pair_next, pair_heard, pair) == 0 ? 0
                                                                                              : 1);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 0 || told->broken) {
        fail_msg("\"%s\" after \"%s\" with %s: status %d", pair->second->name, pair->first->name,
                 pair->trouble->name, status);
    }
}

/* ALONE and TOGETHER are memory that the processes share; ALONE has what was said to the first
 * request, and AFTER is the world that it left. */
static void compare(struct pair *pair, const struct world_state *after, struct told *alone,
                    struct told *together)
{
    world_restore(after);
    play(pair, 1, 2, alone);
    (void)world_reset(NULL);
    play(pair, 0, 2, together);
    assert_int_equal(alone->first_status, together->first_status);
    if (alone->size != together->size || memcmp(alone->said, together->said, alone->size) != 0) {
        fail_msg("\"%s\" after \"%s\" with %s: alone\n%.*s\nin one process\n%.*s",
                 pair->second->name, pair->first->name, pair->trouble->name, (int)alone->size,
                 alone->said, (int)together->size, together->said);
    }
}

struct counts {
    size_t firsts[6]; /* by hundreds of the status */
    size_t seconds[6];
};

/* What comes after the I-th example with the K-th trouble. */
static void compare_all_after(size_t i, size_t k, struct told *told, struct counts *counts)
{
    struct world_state after = {0};
    for (size_t j = 0; j < example_count; j++) {
        struct pair pair = {.first = &examples[i],
                            .trouble = &troubles[k],
                            .second = &examples[j],
                            .user = k % 2 == 0 ? ANN : BOB};
        bool chosen = k == 0 || (i + 2 * j + k) % 8 == 0;
        if (!chosen || pair.first->program != pair.second->program) {
            continue;
        }
        if (after.bytes == NULL) {
            (void)world_reset(NULL);
            play(&pair, 0, 1, &told[0]);
            world_keep(&after);
            assert_true(world_same(&after, false));
        }
        compare(&pair, &after, &told[0], &told[1]);
        counts->firsts[told[1].first_status / 100]++;
        counts->seconds[told[1].status / 100]++;
    }
    world_forget(&after);
}

static void an_answer_is_that_of_a_fresh_process(void **state)
{
    (void)state;
    struct told *told =
        mmap(NULL, 2 * sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    struct counts counts = {0};
    for (size_t i = 0; i < example_count; i++) {
        for (size_t k = 0; k < sizeof troubles / sizeof *troubles; k++) {
            compare_all_after(i, k, told, &counts);
        }
    }
    (void)munmap(told, 2 * sizeof *told);
    /* All of it took place. */
    assert_true(counts.firsts[2] > 300 && counts.firsts[4] > 100 && counts.firsts[5] > 100);
    assert_true(counts.seconds[2] > 300 && counts.seconds[4] > 300);
}

const struct CMUnitTest pair_tests[] = {
    cmocka_unit_test_setup(an_answer_is_that_of_a_fresh_process, world_reset),
};
const size_t pair_test_count = sizeof pair_tests / sizeof *pair_tests;
