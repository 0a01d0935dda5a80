/*
 * play.c - whole requests in the world of tests/inproc.
 */
#include "tests/fuzz/play.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/inproc/memory.h"

const char *play_reader;
const char *play_writer;

static struct world_state at_first;
static int database = -1;
static char counter_at_first[4];

/* The world stops what makes allocations fail; nothing does here. */
bool memory_stop(void)
{
    return false;
}

static void finish(void)
{
    free((void *)(uintptr_t)play_reader);
    free((void *)(uintptr_t)play_writer);
    world_forget(&at_first);
    (void)world_teardown(NULL);
}

/* SQLite's counter of changes, in the header of the file. */
static void read_counter(char out[4])
{
    enum { COUNTER_AT = 24 };
    fuzz_check(pread(database, out, 4, COUNTER_AT) == 4, "no database");
}

static const char *make_device_token(const char *body)
{
    char room[256];
    const struct tape_answer *answer = world_expect(
        &keys_program,
        (struct tape_request){.method = "POST", .authorization = world_ann, .body = body}, 201,
        NULL);
    return strdup(tape_member(answer, "token", room, sizeof room));
}

void play_start(void)
{
    (void)world_setup(NULL);
    play_reader = make_device_token("{\"name\":\"reader\",\"scope\":\"read\"}");
    play_writer =
        make_device_token("{\"name\":\"writer\",\"scope\":\"write\",\"prefix\":\"list/\"}");
    world_keep(&at_first);
    database = open(world_database, O_RDWR | O_CLOEXEC);
    read_counter(counter_at_first);
    (void)atexit(finish);
}

bool play_changed(void)
{
    char counter[4];
    read_counter(counter);
    return memcmp(counter, counter_at_first, sizeof counter) != 0;
}

bool play_same_rows(void)
{
    return world_same(&at_first, true);
}

void play_restore(void)
{
    if (play_changed()) {
        fuzz_check(pwrite(database, at_first.bytes, at_first.size, 0) == (ssize_t)at_first.size &&
                       ftruncate(database, (off_t)at_first.size) == 0,
                   "no database");
    }
}

struct question {
    struct tape_request request;
    bool asked;
    struct tape_answer answer;
};

static bool put_question(void *self, struct tape_request *out)
{
    struct question *question = self;
    *out = question->request;
    bool first = !question->asked;
    question->asked = true;
    return first;
}

static void keep_answer(void *self, const struct tape_request *request,
                        const struct tape_answer *answer)
{
    struct question *question = self;
    (void)request;
    question->answer = *answer;
}

const struct tape_answer *play(const struct program *program, struct tape_request request)
{
    static struct question question;
    static uint64_t seed;
    request.now_ms = world_now_ms;
    request.seed = ++seed;
    question = (struct question){.request = request};
    int broken = tape_play(program, world_config, put_question, keep_answer, &question);
    fuzz_check(broken == 0, "%s: not one answer to one request", program->name);
    const struct tape_answer *answer = &question.answer;
    fuzz_check(answer->fault == NULL && answer->status < 500, "%s: %s\n%s%s\n%s", program->name,
               answer->fault != NULL ? answer->fault : "the server's own fault", answer->head,
               answer->body, answer->log);
    return answer;
}
