/*
 * tape.c - a transport that plays recorded requests.
 *
 * The programs know one interface to the outside, struct transport, and no library plays requests
 * through that; what runs the tests is cmocka.
 */
#include "tests/inproc/tape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

/* Static, so that looking at an answer allocates nothing while allocations are made to fail. */
enum { HEAD_ROOM = 16 * 1024, BODY_ROOM = 8 * 1024 * 1024, LOG_ROOM = 64 * 1024 };

struct tape {
    struct transport transport;
    const char *config;
    tape_next *next;
    tape_heard *heard;
    void *self;

    struct tape_request request;
    char length[24];
    size_t body_size;
    size_t body_read;
    uint64_t random;
    int64_t now_ms;
    int answers;      /* to the present request */
    size_t said_head; /* of the present answer, as far as it has come */
    size_t said_body;
    int broken_turns;
    bool playing;
    bool looked_at; /* some variable of the present request was asked for */
};

static char head_room[HEAD_ROOM];
static char body_room[BODY_ROOM];
static char log_room[LOG_ROOM];
static size_t log_used;

static struct tape *tape_of(struct transport *transport)
{
    return (struct tape *)(void *)transport;
}

static void end_turn(struct tape *tape)
{
    if (tape->playing && tape->answers != 1) {
        tape->broken_turns++;
    }
    tape->playing = false;
}

static enum transport_event play_next(struct transport *transport, int64_t patience)
{
    (void)patience;
    struct tape *tape = tape_of(transport);
    end_turn(tape);
    tape->request = (struct tape_request){0};
    if (!tape->next(tape->self, &tape->request)) {
        return TRANSPORT_END;
    }
    log_used = 0;
    log_room[0] = '\0';
    const struct tape_request *request = &tape->request;
    tape->body_size = request->body == NULL    ? 0
                      : request->body_size > 0 ? request->body_size
                                               : strlen(request->body);
    tape->body_read = 0;
    (void)snprintf(tape->length, sizeof tape->length, "%zu", tape->body_size);
    tape->random = request->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    tape->now_ms = request->now_ms;
    tape->answers = 0;
    tape->playing = true;
    tape->looked_at = false;
    return TRANSPORT_REQUEST;
}

/* Settings come first, as a program confines itself once it has them. */
static void note_look(struct tape *tape, const char *name)
{
    if (!tape->looked_at && strcmp(name, "CUBBY_CONF") != 0) {
        tape->broken_turns++;
    }
    tape->looked_at = true;
}

static const char *play_variable(struct transport *transport, const char *name)
{
    struct tape *tape = tape_of(transport);
    note_look(tape, name);
    const struct tape_request *request = &tape->request;
    size_t length = strlen(name);
    for (size_t i = 0; request->variables != NULL && request->variables[i] != NULL; i++) {
        const char *variable = request->variables[i];
        if (strncmp(variable, name, length) == 0 && variable[length] == '=') {
            return variable + length + 1;
        }
    }
    const char *announced = request->announced;
    if (announced == NULL && request->body != NULL) {
        announced = tape->length;
    }
    const struct {
        const char *name;
        const char *value;
    } variables[] = {
        {"REQUEST_METHOD", request->method != NULL ? request->method : "GET"},
        {"PATH_INFO", request->path},
        {"QUERY_STRING", request->query},
        {"HTTP_AUTHORIZATION", request->authorization},
        {"CONTENT_LENGTH", announced},
        {"SERVER_SOFTWARE", "tape"},
        {"REMOTE_ADDR", "192.0.2.1"},
        {"CUBBY_CONF", tape->config},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (strcmp(variables[i].name, name) == 0) {
            return variables[i].value;
        }
    }
    return NULL;
}

/* The lines of a header are variables of the same name, one after the other. */
static const char *play_next_value(struct transport *transport, const char *name, size_t *place)
{
    const char *const *variables = tape_of(transport)->request.variables;
    size_t length = strlen(name);
    for (size_t i = *place; i != SIZE_MAX && variables != NULL && variables[i] != NULL; i++) {
        if (strncmp(variables[i], name, length) == 0 && variables[i][length] == '=') {
            *place = i + 1;
            return variables[i] + length + 1;
        }
    }
    const char *value = *place == 0 ? play_variable(transport, name) : NULL;
    *place = SIZE_MAX;
    return value;
}

static int64_t play_body(struct transport *transport, char *to, size_t size, int64_t *timeout)
{
    struct tape *tape = tape_of(transport);
    size_t left = tape->body_size - tape->body_read;
    if (left == 0 && tape->request.ending == TAPE_STALLED) {
        tape->now_ms += *timeout;
        *timeout = 0;
        return -1;
    }
    size_t piece = tape->request.piece > 0 ? tape->request.piece : size;
    size_t most = piece < size ? piece : size;
    size_t count = left < most ? left : most;
    if (count > 0) {
        memcpy(to, tape->request.body + tape->body_read, count);
        tape->now_ms += tape->request.piece_ms;
        *timeout -= tape->request.piece_ms;
    }
    tape->body_read += count;
    return (int64_t)count;
}

static void play_discard(struct transport *transport)
{
    struct tape *tape = tape_of(transport);
    tape->body_read = tape->body_size;
}

static int64_t play_now(struct transport *transport)
{
    return tape_of(transport)->now_ms;
}

/* xorshift64*: the same bytes for the same seed. */
static bool play_random(struct transport *transport, unsigned char *bytes, size_t size)
{
    struct tape *tape = tape_of(transport);
    for (size_t i = 0; i < size; i++) {
        tape->random ^= tape->random >> 12;
        tape->random ^= tape->random << 25;
        tape->random ^= tape->random >> 27;
        bytes[i] = (unsigned char)((tape->random * UINT64_C(0x2545f4914f6cdd1d)) >> 56);
    }
    return true;
}

static void play_log(struct transport *transport, const char *line)
{
    (void)transport;
    int length = snprintf(log_room + log_used, LOG_ROOM - log_used, "%s\n", line);
    if (length > 0 && log_used + (size_t)length < LOG_ROOM) {
        log_used += (size_t)length;
    }
}

/* ---- the form that every answer has ---------------------------------------------------------- */

/* The value of a header, and how often it is there. */
static size_t count_header(const char *head, const char *name, const char **value)
{
    size_t count = 0;
    size_t length = strlen(name);
    for (const char *line = head; line != NULL && *line != '\0';) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            count++;
            *value = line + length + 1;
            *value += strspn(*value, " ");
        }
        line = strstr(line, "\r\n");
        line = line != NULL ? line + 2 : NULL;
    }
    return count;
}

static bool header_is(const char *head, const char *name, const char *wanted)
{
    const char *value = "";
    return count_header(head, name, &value) == 1 && strncmp(value, wanted, strlen(wanted)) == 0 &&
           value[strlen(wanted)] == '\r';
}

static bool has_header(const char *head, const char *name)
{
    const char *value = "";
    return count_header(head, name, &value) == 1 && *value != '\r';
}

/* Whether the answer may be a bare value. */
static bool may_be_raw(const struct tape *tape, const struct tape_answer *answer)
{
    return answer->status < 400 && tape->request.query != NULL &&
           strstr(tape->request.query, "raw=true") != NULL;
}

/* Lines of printable text that end with CRLF, one empty line at the end. */
static const char *head_fault(const struct tape_answer *answer, bool raw)
{
    if (strlen(answer->head) != answer->head_size) {
        return "a NUL in the head";
    }
    if (answer->head_size < 4 || strcmp(answer->head + answer->head_size - 4, "\r\n\r\n") != 0 ||
        strstr(answer->head, "\r\n\r\n") != answer->head + answer->head_size - 4) {
        return "the head does not end with one empty line";
    }
    for (size_t i = 0; i < answer->head_size; i++) {
        unsigned char c = (unsigned char)answer->head[i];
        bool ends = c == '\r' ? answer->head[i + 1] == '\n' : i > 0 && answer->head[i - 1] == '\r';
        if ((c == '\r' || c == '\n') ? !ends : c < 0x20 || c == 0x7f) {
            return "a control character in the head";
        }
    }
    int status = answer->status;
    return strncmp(answer->head, "Status: ", 8) != 0 ? "Status is not the first line"
           : status < 200 || status > 599            ? "no such status"
           : !header_is(answer->head, "Content-Type", "application/json") &&
                   !(raw && header_is(answer->head, "Content-Type", "text/plain; charset=utf-8"))
               ? "Content-Type is not application/json"
           : !header_is(answer->head, "X-Content-Type-Options", "nosniff")
               ? "no X-Content-Type-Options: nosniff"
           : !has_header(answer->head, "Content-Security-Policy") ? "no Content-Security-Policy"
           : !has_header(answer->head, "Cache-Control")           ? "no Cache-Control"
           : status == 401 && !has_header(answer->head, "WWW-Authenticate")
               ? "401 without WWW-Authenticate"
           : status == 405 && !has_header(answer->head, "Allow") ? "405 without Allow"
           : (status == 429 || status == 503) && !has_header(answer->head, "Retry-After")
               ? "429 or 503 without Retry-After"
               : NULL;
}

/* Whether the request has TEXT: a name that is not known is told as it came. */
static bool request_has(const struct tape_request *request, const char *text)
{
    size_t size = request->body_size > 0  ? request->body_size
                  : request->body != NULL ? strlen(request->body)
                                          : 0;
    return (request->query != NULL && strstr(request->query, text) != NULL) ||
           (size > 0 && memmem(request->body, size, text, strlen(text)) != NULL);
}

/* The top object has the members of the contract and no others. */
static const char *body_fault(const struct tape *tape, const struct tape_answer *answer)
{
    if (strlen(answer->body) != answer->body_size) {
        return "a NUL in the body";
    }
    struct json_fault fault;
    if (!json_check((struct text){answer->body, answer->body_size}, &fault)) {
        return "the body is not JSON";
    }
    static const char error[] = "{\"status\":\"error\",\"code\":\"";
    static const char success[] = "{\"status\":\"success\"";
    bool fails = answer->status >= 400;
    if (strncmp(answer->body, fails ? error : success, strlen(fails ? error : success)) != 0) {
        return "the body does not start with status and code as it should";
    }
    static const char *const secrets[] = {"SELECT ", "INSERT ", "PRAGMA", "/cubby-tape", "$y$"};
    bool shows_item = answer->status == 412; /* the present one, whatever its value is */
    for (size_t i = 0; fails && !shows_item && i < sizeof secrets / sizeof *secrets; i++) {
        if (strstr(answer->body, secrets[i]) != NULL && !request_has(&tape->request, secrets[i])) {
            return "an error that tells how things are inside";
        }
    }
    return NULL;
}

static const char *form_fault(const struct tape *tape, const struct tape_answer *answer)
{
    bool raw = may_be_raw(tape, answer);
    const char *fault = head_fault(answer, raw);
    if (fault != NULL) {
        return fault;
    }
    bool bodiless = answer->status == 204 || answer->status == 304;
    const char *length = "";
    size_t lengths = count_header(answer->head, "Content-Length", &length);
    if (bodiless || (tape->request.method != NULL && strcmp(tape->request.method, "HEAD") == 0)) {
        return answer->body_size > 0           ? "a body where none may be"
               : lengths != (bodiless ? 0 : 1) ? "Content-Length is wrong"
                                               : NULL;
    }
    if (lengths != 1 || strtoull(length, NULL, 10) != answer->body_size) {
        return "Content-Length is not that of the body";
    }
    return raw ? NULL : body_fault(tape, answer);
}

/* Whether parts of the body are still to come, as of one that lies in a spool. */
static bool is_part(const struct tape *tape, size_t size)
{
    const char *length = "0";
    return size == SPOOL_BUFFER && count_header(head_room, "Content-Length", &length) == 1 &&
           strtoull(length, NULL, 10) > tape->said_body;
}

static bool play_send(struct transport *transport, const char *head, size_t head_size,
                      const char *body, size_t body_size)
{
    struct tape *tape = tape_of(transport);
    struct tape_answer answer = {.head = head_room, .body = body_room, .log = log_room};
    if (head_size > 0) {
        tape->said_head = 0;
        tape->said_body = 0;
    }
    if (head_size >= HEAD_ROOM || body_size >= BODY_ROOM - tape->said_body) {
        answer.fault = "larger than any answer may be";
        head_size = 0;
        body_size = 0;
    }
    memcpy(head_room + tape->said_head, head, head_size);
    tape->said_head += head_size;
    head_room[tape->said_head] = '\0';
    if (body_size > 0) {
        memcpy(body_room + tape->said_body, body, body_size);
    }
    tape->said_body += body_size;
    body_room[tape->said_body] = '\0';
    if (answer.fault == NULL && is_part(tape, body_size)) {
        return true;
    }
    tape->answers++;
    answer.head_size = tape->said_head;
    answer.body_size = tape->said_body;
    answer.status = tape->said_head > 8 ? (int)strtol(head_room + strlen("Status: "), NULL, 10) : 0;
    if (answer.fault == NULL) {
        answer.fault = form_fault(tape, &answer);
    }
    tape->heard(tape->self, &tape->request, &answer);
    return true;
}

int tape_play(const struct program *program, const char *config, tape_next *next, tape_heard *heard,
              void *self)
{
    struct tape tape = {.transport = {.next = play_next,
                                      .variable = play_variable,
                                      .next_value = play_next_value,
                                      .read_body = play_body,
                                      .discard_body = play_discard,
                                      .send = play_send,
                                      .now_ms = play_now,
                                      .random = play_random,
                                      .log = play_log},
                        .config = config,
                        .next = next,
                        .heard = heard,
                        .self = self};
    int unsent = serve(program, &tape.transport);
    return unsent + tape.broken_turns;
}

/* ---- reading answers --------------------------------------------------------------------------
 */

const char *tape_header(const struct tape_answer *answer, const char *name, char *room, size_t size)
{
    const char *value = "";
    if (count_header(answer->head, name, &value) == 0) {
        return NULL;
    }
    (void)snprintf(room, size, "%.*s", (int)strcspn(value, "\r"), value);
    return room;
}

const char *tape_member(const struct tape_answer *answer, const char *path, char *room, size_t size)
{
    json_set_alloc_funcs(malloc, free); /* cubby lets it work on arenas */
    json_t *top = json_loadb(answer->body, answer->body_size, 0, NULL);
    const json_t *at = top;
    for (const char *rest = path; at != NULL && *rest != '\0';) {
        size_t length = strcspn(rest, ".");
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)length, rest);
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        rest += length;
        rest += *rest == '.';
    }
    const char *out = at != NULL ? room : NULL;
    if (json_is_string(at)) {
        (void)snprintf(room, size, "%s", json_string_value(at));
    } else if (at != NULL) {
        size_t used = json_dumpb(at, room, size - 1, JSON_ENCODE_ANY | JSON_COMPACT);
        room[used < size ? used : size - 1] = '\0';
    }
    json_decref(top);
    return out;
}
