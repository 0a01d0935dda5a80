/*
 * target_fastcgi.c - what a web server sends over FastCGI. An input is all that comes by one
 * connection, which the server then shuts down; it is read by libfcgi, as in a program that stays.
 *
 * Records that are what the specification wants of a web server are read here a second time: each
 * such request must arrive, with its variables and its body to the byte. Of all others only some
 * answer, or the end of the connection, is wanted. What is answered must be records again, and hold
 * what was sent.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/http/fcgi.h"
#include "tests/fuzz/fuzz.h"

enum { REQUESTS_MAXIMUM = 4, VARIABLES_MAXIMUM = 64, ANSWER_SIZE = 40000, HEAD_SIZE = 8 };
enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };

static struct transport *transport;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

/* A name of the abstract kind, which needs no file. */
void fuzz_start(void)
{
    sigset_t as_it_was;
    int length =
        snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "cubby-fuzz-%d", (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    fuzz_check(length > 0 && listener >= 0 &&
                   bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(listener, 8) == 0 && dup2(listener, STDIN_FILENO) == STDIN_FILENO &&
                   close(listener) == 0 && fcgi_is_wanted(),
               "no socket");
    (void)sigprocmask(SIG_SETMASK, NULL, &as_it_was);
    transport = fcgi_open();
    fuzz_check(transport != NULL, "no transport");
    (void)sigprocmask(SIG_SETMASK, &as_it_was, NULL); /* who looks on must be able to end it */
}

/* ---- reading it here --------------------------------------------------------------------------
 */

struct record {
    int type;
    int id;
    struct text content;
    bool padded;
};

/* The next record of REST. False at its end, and where there is none by the specification. */
static bool take_record(struct text *rest, struct record *out)
{
    const unsigned char *head = (const unsigned char *)rest->at;
    if (rest->size < HEAD_SIZE || head[0] != 1) {
        return false;
    }
    size_t content = (size_t)head[4] << 8 | head[5];
    size_t whole = HEAD_SIZE + content + head[6];
    if (whole > rest->size) {
        return false;
    }
    *out = (struct record){.type = head[1],
                           .id = head[2] << 8 | head[3],
                           .content = {.at = rest->at + HEAD_SIZE, .size = content},
                           .padded = head[6] > 0};
    rest->at += whole;
    rest->size -= whole;
    return true;
}

struct message {
    bool good; /* the rest counts for nothing otherwise */
    bool keeps;
    const char *variables[VARIABLES_MAXIMUM]; /* NAME=value */
    size_t count;
    struct text body;
};

static bool take_length(struct text *rest, size_t *out)
{
    const unsigned char *at = (const unsigned char *)rest->at;
    size_t bytes = rest->size > 0 && at[0] >= 0x80 ? 4 : 1;
    if (rest->size < bytes) {
        return false;
    }
    *out = bytes == 1
               ? at[0]
               : (size_t)(at[0] & 0x7f) << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    rest->at += bytes;
    rest->size -= bytes;
    return true;
}

static bool take_variable(struct text *rest, struct message *out)
{
    size_t name;
    size_t value;
    if (!take_length(rest, &name) || !take_length(rest, &value) || name > rest->size ||
        value > rest->size - name || name == 0 || out->count == VARIABLES_MAXIMUM ||
        memchr(rest->at, '=', name) != NULL) {
        return false;
    }
    char *to = arena_alloc(&fuzz_arena, name + value + 2);
    memcpy(to, rest->at, name);
    to[name] = '=';
    memcpy(to + name + 1, rest->at + name, value);
    size_t size = name + 1 + value;
    to[size] = '\0';
    while (strlen(to) < size) {
        to[strlen(to)] = '\x7f'; /* see common/deps/build.sh */
    }
    out->variables[out->count++] = to;
    rest->at += name + value;
    rest->size -= name + value;
    return true;
}

/* The contents of a stream, up to the empty record that ends it. libfcgi forgets that there may be
 * padding behind that one, and behind the record that begins a request; no web server sends such:
 * then it counts for none. */
static bool take_stream(struct text *rest, int type, int id, struct text *out)
{
    struct record record;
    char *to = arena_alloc(&fuzz_arena, rest->size + 1);
    *out = (struct text){.at = to};
    while (take_record(rest, &record)) {
        if (record.type != type || record.id != id) {
            return false;
        }
        if (record.content.size == 0) {
            return !record.padded;
        }
        memcpy(to + out->size, record.content.at, record.content.size);
        out->size += record.content.size;
    }
    return false;
}

/* REST is moved behind it if it is good. */
static struct message take_message(struct text *rest)
{
    struct message out = {.good = false};
    struct record record;
    struct text variables;
    if (!take_record(rest, &record) || record.type != BEGIN || record.id == 0 ||
        record.content.size != 8 || record.padded || memcmp(record.content.at, "\0\1", 2) != 0) {
        return out;
    }
    out.keeps = (record.content.at[2] & 1) != 0;
    out.good = take_stream(rest, PARAMS, record.id, &variables);
    while (out.good && variables.size > 0) {
        out.good = take_variable(&variables, &out);
    }
    out.good = out.good && take_stream(rest, STDIN, record.id, &out.body);
    return out;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static void check_variables(const struct message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        const char *equals = strchr(message->variables[i], '=');
        const char *name = arena_copy(&fuzz_arena, message->variables[i],
                                      (size_t)(equals - message->variables[i]));
        size_t place = 0;
        const char *value = transport->next_value(transport, name, &place);
        for (size_t before = 0; before < i; before++) {
            if (strncmp(message->variables[before], message->variables[i], strlen(name) + 1) == 0) {
                value = value != NULL ? transport->next_value(transport, name, &place) : NULL;
            }
        }
        fuzz_check(value != NULL && strcmp(value, equals + 1) == 0, "%s is %s, not %s", name,
                   value != NULL ? value : "absent", equals + 1);
    }
}

static void read_body(const struct message *message, size_t piece)
{
    char *to = malloc(piece);
    int64_t timeout = 600000; /* is never used up: all was sent before, and the end too */
    size_t used = 0;
    int64_t got;
    fuzz_check(to != NULL, "out of memory");
    while ((got = transport->read_body(transport, to, piece, &timeout)) > 0) {
        fuzz_check((size_t)got <= piece, "more than there is room for");
        fuzz_check(!message->good || (used + (size_t)got <= message->body.size &&
                                      memcmp(message->body.at + used, to, (size_t)got) == 0),
                   "another body");
        used += (size_t)got;
    }
    free(to);
    fuzz_check(!message->good || (got == 0 && used == message->body.size),
               "%zu bytes of a body of %zu, and %d", used, message->body.size, (int)got);
}

static const char *answer_body(void)
{
    static char body[ANSWER_SIZE];
    memset(body, 'x', sizeof body);
    return body;
}

static void serve(const struct message *message, size_t piece)
{
    static const char head[] = "Status: 200\r\n\r\n";
    if (message->good) {
        check_variables(message);
    }
    read_body(message, piece);
    transport->log(transport, "a line");
    bool sent = transport->send(transport, head, sizeof head - 1, answer_body(), ANSWER_SIZE);
    sent = transport->finish(transport) && sent;
    fuzz_check(!message->good || sent, "a good request has no answer");
}

static struct {
    char bytes[(REQUESTS_MAXIMUM + 2) * (ANSWER_SIZE + 4096)];
    size_t size;
} answers;

/* Takes what CLIENT was sent so far. */
static void take_answer(int client)
{
    ssize_t got;
    while (answers.size < sizeof answers.bytes &&
           (got = recv(client, answers.bytes + answers.size, sizeof answers.bytes - answers.size,
                       MSG_DONTWAIT)) > 0) {
        answers.size += (size_t)got;
    }
}

/* There are whole answers to COUNT requests and, if there was more, to another that was cut short
 * or refused. */
static void check_answers(size_t count)
{
    struct text rest = {.at = answers.bytes, .size = answers.size};
    struct record record;
    size_t out = 0;
    size_t ends = 0;
    while (ends < count && take_record(&rest, &record)) {
        fuzz_check(record.type == STDOUT || record.type == STDERR || record.type == END ||
                       record.id == 0,
                   "a record of type %d", record.type);
        out += record.type == STDOUT ? record.content.size : 0;
        ends += record.type == END ? 1 : 0;
    }
    fuzz_check(ends == count && out == count * (ANSWER_SIZE + strlen("Status: 200\r\n\r\n")),
               "%zu answers to %zu requests, of %zu bytes", ends, count, out);
}

/* Sends SIZE bytes at FROM; AND_ALL: they are the last. */
static void put(int client, const char *from, size_t size, bool and_all)
{
    fuzz_check(send(client, from, size, MSG_NOSIGNAL) == (ssize_t)size &&
                   (!and_all || shutdown(client, SHUT_WR) == 0),
               "no connection");
}

/* Sends what comes next of REST by CLIENT. A server sends a further request by the same connection
 * once it has the answer to the one before. */
static struct message put_next(int client, struct text *rest)
{
    struct text all = *rest;
    struct message message = take_message(rest);
    bool last = !message.good || !message.keeps || rest->size == 0;
    put(client, all.at, last ? all.size : all.size - rest->size, last);
    rest->size = last ? 0 : rest->size;
    return message;
}

void fuzz_one(struct text input)
{
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fuzz_check(connect(client, (struct sockaddr *)&address, sizeof address) == 0, "no connection");
    struct text rest = input;
    size_t piece = input.size % 2 == 0 ? 4096 : 7;
    size_t good = 0;
    answers.size = 0;
    for (size_t i = 0; i < REQUESTS_MAXIMUM; i++) {
        struct message message = {.good = false};
        if (rest.size > 0) {
            message = put_next(client, &rest);
        }
        enum transport_event event = transport->next(transport, 0);
        fuzz_check(event != TRANSPORT_END, "the process is to end");
        fuzz_check(!message.good || event == TRANSPORT_REQUEST, "a good request does not arrive");
        if (event != TRANSPORT_REQUEST) {
            break;
        }
        serve(&message, piece);
        take_answer(client);
        good += message.good ? 1 : 0;
    }
    take_answer(client);
    check_answers(good);
    /* So that none is left for the next input. */
    (void)close(client);
    while (transport->next(transport, 0) == TRANSPORT_REQUEST) {
        (void)transport->finish(transport);
    }
}
