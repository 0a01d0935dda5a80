/*
 * target_http_answer.c - what a web server answers to `cubby doctor`. An input is the whole answer.
 *
 * The head is read a second time by lines; a body in chunks that are what RFC 9112 section 7.1
 * wants must come out whole, any other is only not to be larger than what was sent.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "db/tool/http_client.h"
#include "tests/fuzz/fuzz.h"

static regex_t start;
static regex_t chunk;

void fuzz_start(void)
{
    fuzz_check(regcomp(&start, "^HTTP/1\\..[ ]([0-9]{3})", REG_EXTENDED) == 0 &&
                   regcomp(&chunk, "^([0-9A-Fa-f]{1,8})([ \t]*;[^\r\n]*)?\r\n", REG_EXTENDED) == 0,
               "an expression");
}

/* The value of the first line of HEAD that is of the header NAME; NULL when there is none. */
static const char *header(struct text head, const char *name)
{
    size_t length = strlen(name);
    while (head.size > 0) {
        const char *end = memmem(head.at, head.size, "\r\n", 2);
        size_t size = end != NULL ? (size_t)(end - head.at) : head.size;
        if (size > length && head.at[length] == ':' && strncasecmp(head.at, name, length) == 0) {
            char *value = arena_copy(&fuzz_arena, head.at + length + 1, size - length - 1);
            char *last = value + strlen(value);
            while (last > value && (last[-1] == ' ' || last[-1] == '\t')) {
                *--last = '\0';
            }
            return value + strspn(value, " \t");
        }
        size += end != NULL ? 2 : 0;
        head.at += size;
        head.size -= size;
    }
    return NULL;
}

/* What the chunks of BODY hold; false when they are not by the grammar. */
static bool gather(struct text body, struct text *out)
{
    char *to = arena_alloc(&fuzz_arena, body.size + 1);
    *out = (struct text){.at = to};
    for (;;) {
        regmatch_t part[2];
        const char *line = arena_copy(&fuzz_arena, body.at, body.size);
        if (regexec(&chunk, line, 2, part, 0) != 0) {
            return false;
        }
        size_t head = (size_t)part[0].rm_eo;
        size_t size = strtoul(line, NULL, 16);
        if (size == 0) {
            return true; /* what follows are trailers */
        }
        if (body.size - head < 2 || size > body.size - head - 2 ||
            memcmp(body.at + head + size, "\r\n", 2) != 0) {
            return false;
        }
        memcpy(to + out->size, body.at + head, size);
        out->size += size;
        body.at += head + size + 2;
        body.size -= head + size + 2;
    }
}

static void check_headers(const struct http_answer *answer, struct text head)
{
    static const char *const names[] = {"Server", "Date", "Transfer-Encoding", "Content-Type"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *wanted = header(head, names[i]);
        const char *found = http_header(&fuzz_arena, answer, names[i]);
        fuzz_check((wanted == NULL) == (found == NULL) &&
                       (wanted == NULL || strcmp(wanted, found) == 0),
                   "%s is %s, not %s", names[i], found, wanted);
    }
}

static void check_body(const struct http_answer *answer, struct text head, struct text body)
{
    const char *coding = header(head, "Transfer-Encoding");
    struct text wanted = body;
    fuzz_check(answer->body_size <= body.size && answer->body[answer->body_size] == '\0',
               "a body of another size");
    if (coding != NULL && strcasecmp(coding, "chunked") == 0 && !gather(body, &wanted)) {
        return;
    }
    fuzz_check(answer->body_size == wanted.size &&
                   memcmp(answer->body, wanted.at, wanted.size) == 0,
               "another body: %s", answer->body);
}

void fuzz_one(struct text input)
{
    struct http_answer answer;
    char *text = arena_alloc(&fuzz_arena, input.size + 1);
    const char *end = memmem(input.at, input.size, "\r\n\r\n", 4);
    memcpy(text, input.at, input.size);
    const char *fault = http_answer_parse(&fuzz_arena, text, input.size, &answer);
    bool whole = end != NULL && memchr(input.at, '\0', (size_t)(end - input.at)) == NULL &&
                 regexec(&start, fuzz_string(input), 0, NULL, 0) == 0;
    fuzz_check(whole == (fault == NULL), "an answer: %s", fault != NULL ? fault : "taken");
    if (!whole) {
        return;
    }
    struct text head = {.at = input.at, .size = (size_t)(end - input.at)};
    struct text body = {.at = end + 4, .size = input.size - head.size - 4};
    const char *status = arena_copy(&fuzz_arena, head.at + 9, 3);
    fuzz_check(answer.status == (int)strtol(status, NULL, 10), "another status: %d", answer.status);
    const char *lines = memmem(head.at, head.size, "\r\n", 2);
    head.size -= lines != NULL ? (size_t)(lines + 2 - head.at) : head.size;
    head.at = lines != NULL ? lines + 2 : "";
    check_headers(&answer, head);
    check_body(&answer, head, body);
}
