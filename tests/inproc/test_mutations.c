/*
 * test_mutations.c - requests that are changed at random, the same ones each time. Whatever comes
 * in, what goes out is a whole answer of the contract, and never one that blames the server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/inproc/examples.h"
#include "tests/inproc/suites.h"

enum { PART_ROOM = 4096, ROUNDS = 6000 };

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % below;
}

struct mutable
{
    char *room; /* PART_ROOM bytes */
    size_t size;
};

/* Puts LENGTH bytes at PIECE, or of the text itself, in front of the byte AT. */
static void insert(struct mutable *text, size_t at, const char *piece, size_t length)
{
    if (text->size + length >= PART_ROOM - 1) {
        return;
    }
    memmove(text->room + at + length, text->room + at, text->size - at);
    if (piece != NULL) {
        memcpy(text->room + at, piece, length);
    }
    text->size += length;
}

static void change_once(struct mutable *text)
{
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\u0000",
        "\\ud800",
        ":",
        ",",
        "null",
        "1e999",
        "-",
        "%",
        "%00",
        "%2F",
        "/",
        "//",
        "..",
        "&",
        "=",
        "+",
        "\xff",
        "\xc3\xa9",
        "\r\n",
        "\t",
        " ",
        ".",
        "key",
        "value",
        "Bearer ",
        "9223372036854775808",
        "\"value\":",
        "username",
        "%zz",
        "*",
        "W/",
    };
    size_t at = draw((uint32_t)text->size + 1);
    const char *piece = pieces[draw(sizeof pieces / sizeof *pieces)];
    size_t length = draw((uint32_t)(text->size - at) + 1);
    switch (draw(5)) {
    case 0:
        insert(text, at, piece, strlen(piece));
        break;
    case 1: /* some bytes less */
        memmove(text->room + at, text->room + at + length, text->size - at - length);
        text->size -= length;
        break;
    case 2: /* a part twice */
        insert(text, at, NULL, length);
        break;
    default: /* another byte */
        if (at < text->size) {
            text->room[at] = (char)draw(256);
        }
    }
}

/* TEXT (or nothing) in ROOM, changed at a few places. Meta-variables hold no NUL, bodies may. */
static size_t mutate(const char *from, char *room, bool may_have_nul)
{
    struct mutable text = {.room = room, .size = from != NULL ? strlen(from) : 0};
    text.size = text.size < PART_ROOM / 2 ? text.size : PART_ROOM / 2;
    if (text.size > 0) {
        memcpy(room, from, text.size);
    }
    for (uint32_t changes = draw(5); changes > 0; changes--) {
        change_once(&text);
    }
    for (size_t i = 0; i < text.size; i++) {
        if (room[i] == '\0' && !may_have_nul) {
            room[i] = 'x';
        }
    }
    room[text.size] = '\0';
    return text.size;
}

struct mutant {
    const struct example *example;
    struct tape_request request;
    char path[PART_ROOM], query[PART_ROOM], authorization[PART_ROOM], body[PART_ROOM];
    char announced[PART_ROOM], method[PART_ROOM], header[PART_ROOM];
    char log[2048];
    const char *headers[2];
    size_t requests;
    int status;
    const char *fault;
};

static const char *some(const char *text, char *room)
{
    (void)mutate(text, room, false);
    return draw(20) == 0 ? NULL : room;
}

static bool mutant_next(void *self, struct tape_request *out)
{
    struct mutant *mutant = self;
    if (mutant->requests++ > 0) {
        return false;
    }
    static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT", "PATCH",
                                          "DELETE", "OPTIONS", "TRACE", "",    "get"};
    static const char *const headers[] = {
        "HTTP_X_HTTP_METHOD_OVERRIDE=",
        "HTTP_TRANSFER_ENCODING=",
        "HTTP_ORIGIN=",
        "HTTP_CONTENT_LENGTH=",
        "HTTP_IF_MATCH=",
        "HTTP_IF_NONE_MATCH=",
        "CONTENT_TYPE=",
        "REDIRECT_HTTP_AUTHORIZATION=",
    };
    static const char *const values[] = {
        "PUT", "PATCH", "chunked", "\"1\"", "*", "12", "application/json-patch+json", ""};
    const struct example *example = mutant->example;
    *out = example_request(example);
    out->path = some(example->path, mutant->path);
    out->query = some(example->query, mutant->query);
    out->authorization = draw(3) > 0 ? out->authorization : some(world_ann, mutant->authorization);
    out->method = draw(4) > 0 ? example->method : methods[draw(10)];
    out->piece = draw(4) > 0 ? 0 : draw(50) + 1;
    if (example->body != NULL || draw(4) == 0) {
        out->body_size = mutate(example->body, mutant->body, true);
        out->body = mutant->body;
    }
    if (draw(8) == 0) {
        out->announced = some("120", mutant->announced);
    }
    if (draw(4) == 0) {
        const char *header = headers[draw(8)];
        size_t length = strlen(header);
        memcpy(mutant->header, header, length);
        (void)mutate(values[draw(8)], mutant->path, false);
        (void)snprintf(mutant->header + length, PART_ROOM - length, "%.1000s", mutant->path);
        out->path = example->path;
        mutant->headers[0] = mutant->header;
        out->variables = mutant->headers;
    }
    return true;
}

static void mutant_heard(void *self, const struct tape_request *request,
                         const struct tape_answer *answer)
{
    struct mutant *mutant = self;
    mutant->request = *request;
    mutant->status = answer->status;
    mutant->fault = answer->fault;
    (void)snprintf(mutant->log, sizeof mutant->log, "%s%.1000s\n%.900s", answer->log, answer->head,
                   answer->body);
}

static void changed_requests_get_an_answer_of_the_contract(void **state)
{
    (void)state;
    random_state = 2026;
    static struct mutant mutant;
    size_t good = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        if (round % 200 == 0) {
            (void)world_reset(NULL);
        }
        mutant = (struct mutant){.example = &examples[draw((uint32_t)example_count)]};
        int broken =
            tape_play(mutant.example->program, world_config, mutant_next, mutant_heard, &mutant);
        if (broken != 0 || mutant.fault != NULL || mutant.status >= 500) {
            fail_msg("round %zu (%s): %s\n%s\nmethod %s\npath %s\nquery %s\nbody %s", round,
                     mutant.example->name, mutant.fault != NULL ? mutant.fault : "", mutant.log,
                     mutant.request.method, mutant.request.path, mutant.request.query,
                     mutant.request.body);
        }
        good += mutant.status < 400;
    }
    /* changed so that most, not all of them are refused */
    assert_true(good > ROUNDS / 20 && good < ROUNDS * 3 / 4);
}

const struct CMUnitTest mutation_tests[] = {
    cmocka_unit_test_setup(changed_requests_get_an_answer_of_the_contract, world_reset),
};
const size_t mutation_test_count = sizeof mutation_tests / sizeof *mutation_tests;
