/*
 * serve.c - the gate and the loop: from a request to its answer, in one fixed order.
 */
#include "common/serve/serve.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/serve/cors.h"
#include "common/base/log.h"
#include "common/serve/route.h"

/* What lives as long as the process: settings, keys, the store. */
struct serve {
    const struct program *program;
    struct transport *transport;
    struct arena arena; /* of the settings */
    struct config config;
    bool configured;
    struct token_keys *keys;
    struct stat keys_file; /* as a call that waits saw it last */
    void *store;
};

/* Room for settings, and for a request beside its body: decoded fields, answer, password hashing.
 */
enum { CONFIG_ARENA_MAXIMUM = 256 * 1024, REQUEST_ARENA_MAXIMUM = 2 * 1024 * 1024 };

/* A value is read, copied out of the database once and printed once. */
enum { BODY_COPIES = 4 };

enum error_code call_fail(struct call *call, enum error_code code, const char *format, ...)
{
    char text[sizeof call->cause.text];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return cause_set(&call->cause, code, "%s", text);
}

bool call_sleep(struct call *call, int64_t milliseconds)
{
    struct transport *transport = call->transport;
    if (transport->sleep == NULL || !transport->sleep(transport, milliseconds)) {
        return false;
    }
    call->now_ms = transport->now_ms(transport);
    return true;
}

/* ---- body, token, input --------------------------------------------------------------------- */

static enum error_code spool_body(struct call *call)
{
    enum error_code error =
        spool_open(&call->body_spool, call->arena, call->config->database, call->claims.user_id,
                   call->config->busy_timeout, &call->cause);
    return error == ERR_NONE
               ? request_spool_body(call->transport, &call->body_spool,
                                    (size_t)call->config->max_import_bytes,
                                    call->config->body_timeout * 1000, &call->request, &call->cause)
               : error;
}

static enum error_code read_body(struct call *call)
{
    if (call->route->flags & ROUTE_LONG_BODY) {
        return spool_body(call);
    }
    size_t maximum = call->route->flags & ROUTE_LARGE_BODY ? (size_t)call->config->max_body_bytes
                                                           : SMALL_BODY_MAXIMUM;
    return request_read_body(call->transport, call->arena, maximum,
                             call->config->body_timeout * 1000, &call->request);
}

enum error_code call_keys(struct call *call, const struct token_keys **out)
{
    struct serve *serve = call->serve;
    if (serve->keys == NULL) {
        enum error_code error = token_keys_load(call->config->keys, &serve->keys, &call->cause);
        if (error != ERR_NONE) {
            return error;
        }
    }
    *out = serve->keys;
    return ERR_NONE;
}

enum error_code call_refuse_token(struct call *call, const char *why)
{
    if (why != NULL) {
        response_detail(&call->response, "token", why);
    }
    return ERR_INVALID_TOKEN;
}

const char *call_address(struct call *call)
{
    return request_address(call->transport, call->arena, call->config->trusted_proxies);
}

static enum error_code start_store(struct call *call)
{
    struct serve *serve = call->serve;
    const struct store_class *class = call->program->store;
    if (class == NULL || call->store != NULL) {
        return ERR_NONE;
    }
    if (serve->store == NULL) {
        serve->store = class->make(call->config, call->program->store_role);
        if (serve->store == NULL) {
            return call_fail(call, ERR_INTERNAL, "out of memory");
        }
    }
    class->start(serve->store, (call->route->flags & ROUTE_WRITES) != 0, &call->cause);
    call->store = serve->store;
    return ERR_NONE;
}

static enum error_code admit(struct call *call)
{
    bool writes = (call->route->flags & ROUTE_WRITES) != 0 && call->request.method != HTTP_GET;
    return call->program->store->admit(call->store, call->arena, &call->device, writes,
                                       call->now_ms, &call->claims);
}

/* One that lives may still not do for this route; one that does not is told nothing else. */
static enum error_code check_device(struct call *call, struct text text)
{
    if (!device_token_parse(text, &call->device)) {
        return call_refuse_token(call, NULL);
    }
    enum error_code error = start_store(call);
    if (error == ERR_NONE) {
        error = admit(call);
    }
    if (error == ERR_INVALID_TOKEN) {
        return call_refuse_token(call, "revoked");
    }
    return error != ERR_NONE                     ? error
           : (call->route->flags & ROUTE_DEVICE) ? ERR_NONE
                                                 : ERR_FORBIDDEN;
}

static enum error_code check_token(struct call *call)
{
    struct text token = request_token(&call->request);
    if (device_token_looks(token)) {
        return check_device(call, token);
    }
    if (token.size == 0) {
        const char *server = call->request.server_software;
        if (call->request.authorization == NULL && server != NULL &&
            strncmp(server, "Apache", strlen("Apache")) == 0) {
            (void)call_fail(call, ERR_INVALID_TOKEN,
                            "no Authorization header reached this program; if clients do send one, "
                            "Apache needs \"CGIPassAuth On\" for this directory");
        }
        return call_refuse_token(call, "missing");
    }
    enum error_code error = call_keys(call, &call->keys);
    if (error != ERR_NONE) {
        return error;
    }
    switch (token_verify(call->keys, call->arena, token, call->now_ms / 1000, &call->claims)) {
    case TOKEN_VALID:
        return ERR_NONE;
    case TOKEN_EXPIRED:
        return call_refuse_token(call, "expired");
    case TOKEN_INVALID:
    default:
        return arena_failed(call->arena) ? ERR_INTERNAL : call_refuse_token(call, NULL);
    }
}

/* Whether the key file is another than at the last look; at the first it counts as one. */
static bool keys_changed(struct call *call)
{
    struct stat there = {0};
    (void)stat(call->config->keys, &there); /* one that is gone is another too */
    struct stat *seen = &call->serve->keys_file;
    bool same = there.st_ino == seen->st_ino && there.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
                there.st_mtim.tv_nsec == seen->st_mtim.tv_nsec;
    *seen = there;
    return !same;
}

enum error_code call_admit_again(struct call *call)
{
    if (call->claims.device != 0) {
        return admit(call);
    }
    if (!keys_changed(call)) {
        return ERR_NONE;
    }
    token_keys_free(call->serve->keys);
    call->serve->keys = NULL;
    return check_token(call);
}

static bool read_json(struct call *call, struct json_fault *fault)
{
    struct text body = call->request.body;
    if (call->route->flags & ROUTE_LONG_BODY) {
        return json_read_document(call->arena, body, &call->body, fault);
    }
    bool any =
        (call->route->flags & ROUTE_ANY_JSON) != 0 && body.at[strspn(body.at, " \t\r\n")] != '{';
    return any ? json_check(body, fault) : json_read_object(call->arena, body, &call->body, fault);
}

static enum error_code read_input(struct call *call)
{
    struct json_fault fault;
    if (read_json(call, &fault)) {
        return ERR_NONE;
    }
    if (fault.reason == NULL) {
        return call_fail(call, ERR_INTERNAL, "out of memory while reading a body");
    }
    response_detail(&call->response, "body",
                    arena_printf(call->arena, "%s at byte %zu", fault.reason, fault.offset));
    enum error_code error = call->route->body_error;
    return error != ERR_NONE ? error : ERR_INVALID_BODY;
}

/* ---- one turn ---------------------------------------------------------------------------------
 */

static enum error_code configure(struct call *call)
{
    struct serve *serve = call->serve;
    if (!serve->configured) {
        const char *path = call->transport->variable(call->transport, "CUBBY_CONF");
        enum error_code error =
            config_load(&serve->arena, path != NULL && *path != '\0' ? path : NULL, &serve->config,
                        &call->cause);
        if (error != ERR_NONE) {
            arena_reset(&serve->arena);
            config_defaults(&serve->config);
            return error;
        }
        serve->configured = true;
    }
    return ERR_NONE;
}

/* The gate, then the handler. */
static enum error_code pass_gate(struct call *call)
{
    enum error_code error = configure(call);
    if (error != ERR_NONE) {
        return error;
    }
    cors_add(call);
    error = call_find_route(call);
    if (error != ERR_NONE || call->route == NULL) {
        return error;
    }
    unsigned flags = call->route->flags;
    call->arena->maximum += BODY_COPIES * (size_t)call->config->max_body_bytes;
    bool token_first = (flags & ROUTE_LONG_BODY) != 0; /* nobody else may fill the disk */
    if (token_first) {
        error = check_token(call);
    }
    if (error == ERR_NONE && flags & ROUTE_BODY) {
        error = read_body(call);
    }
    if (error == ERR_NONE && flags & ROUTE_TOKEN && !token_first) {
        error = check_token(call);
    }
    if (error == ERR_NONE && flags & ROUTE_BODY) {
        error = read_input(call);
    }
    if (error == ERR_NONE) {
        error = start_store(call);
    }
    if (error != ERR_NONE) {
        return error;
    }
    error = call->route->handle(call);
    /* An account that is gone looks to its tokens like any other reason to refuse them. */
    return error == ERR_INVALID_TOKEN ? call_refuse_token(call, "revoked") : error;
}

static void add_error_headers(struct call *call, enum error_code error)
{
    switch (error_info(error)->status) {
    case 401: {
        /* RFC 6750 section 3: no error code when no token was sent. */
        const cJSON *why = cJSON_GetObjectItemCaseSensitive(call->response.details, "token");
        bool sent = error == ERR_INVALID_TOKEN &&
                    !(cJSON_IsString(why) && strcmp(why->valuestring, "missing") == 0);
        response_header(&call->response, "WWW-Authenticate",
                        sent ? "Bearer realm=\"cubby\", error=\"invalid_token\""
                             : "Bearer realm=\"cubby\"");
        break;
    }
    case 403:
        response_header(&call->response, "WWW-Authenticate",
                        "Bearer realm=\"cubby\", error=\"insufficient_scope\"");
        break;
    case 429:
        response_header(&call->response, "Retry-After",
                        arena_printf(call->arena, "%" PRId64, call->retry_after));
        break;
    case 503:
        response_header(&call->response, "Retry-After", "1");
        break;
    default:
        break;
    }
}

static void write_log(struct call *call, const char *line)
{
    if (call->transport->log != NULL) {
        call->transport->log(call->transport, line);
    } else {
        log_write(call->config->log, line);
    }
}

static void log_cause(struct call *call, enum error_code error)
{
    bool no_trouble = error_info(error)->status < 500 || error == ERR_QUOTA_EXCEEDED;
    if (call->cause.code == ERR_NONE && no_trouble) {
        return;
    }
    char line[LOG_LINE_MAXIMUM];
    const char *code = error != ERR_NONE ? error_info(error)->code : "warning";
    const char *text = call->cause.code != ERR_NONE ? call->cause.text
                       : arena_failed(call->arena)  ? "out of memory"
                                                    : "no cause recorded";
    log_format(line, call->program->name, "%s: %s", code, text);
    write_log(call, line);
}

/* Prints the answer; false when there is no memory for it. */
static bool render(struct call *call, enum error_code error, struct rendered *answer)
{
    if (error != ERR_NONE) {
        add_error_headers(call, error);
    }
    return response_render(&call->response, error, !call->request.head, answer);
}

/* The event of this call as one line of JSON; without who and where it was unless NAMED. NULL when
 * there is none. */
static const char *describe_event(struct call *call, enum error_code error, bool named)
{
    const struct audit *audit = &call->audit;
    const char *address = audit->event != NULL ? call_address(call) : NULL;
    if (address == NULL) {
        return NULL;
    }
    cJSON *line = cJSON_CreateObject();
    json_add(line, "event", json_new_string(audit->event));
    json_add(line, "outcome",
             json_new_string(error == ERR_NONE ? "done" : error_info(error)->code));
    if (named && audit->user_id != 0) {
        json_add(line, "user_id", json_new_integer(call->arena, audit->user_id));
    }
    if (audit->token != 0) {
        json_add(line, "token", json_new_integer(call->arena, audit->token));
    }
    if (named) {
        json_add(line, "address", json_new_string(address));
    }
    json_add(line, "at", json_new_time(call->arena, call->now_ms));
    return cJSON_PrintUnformatted(line);
}

/* Whether EVENT is kept in the database too. Not what was refused unread: that may be a flood. */
static bool keeps_event(const struct call *call, const char *event, enum error_code error)
{
    return event != NULL && call->store != NULL && call->config->audit_rows > 0 &&
           error != ERR_TOO_MANY_ATTEMPTS && error_info(error)->status != 503;
}

/* With a success the event is part of its transaction, after a failure it has one of its own. */
static enum error_code keep_event(struct call *call, const char *event, enum error_code error)
{
    const struct store_class *class = call->program->store;
    /* Of a user who is gone nothing is to be left, be it by this call. A token that holds no more
     * may be of one who is gone, too, and another may have got the number. */
    const char *unnamed = describe_event(call, error, false);
    const char *text = error == ERR_INVALID_TOKEN ? unnamed : event;
    enum error_code kept = unnamed != NULL
                               ? class->note(call->store, call->audit.user_id, text_of(text),
                                             text_of(unnamed), &call->cause)
                               : call_fail(call, ERR_INTERNAL, "out of memory");
    if (error != ERR_NONE) {
        (void)class->end(call->store, kept == ERR_NONE);
    }
    return kept;
}

static void log_event(struct call *call, const char *event)
{
    char line[LOG_LINE_MAXIMUM];
    log_format(line, call->program->name, "audit %s", event);
    write_log(call, line);
}

/* The end of a call: the answer is printed, then the transaction ends, so that what was answered is
 * what was committed, and texts borrowed from the store live long enough. */
static void finish(struct call *call, enum error_code error, struct rendered *answer)
{
    bool printed = render(call, error, answer);
    if (!printed && error == ERR_NONE) {
        error = call_fail(call, ERR_INTERNAL, "out of memory while building an answer");
    }
    const char *event = describe_event(call, error, true);
    bool kept = keeps_event(call, event, error);
    enum error_code ended = ERR_NONE;
    if (kept && error == ERR_NONE) {
        ended = keep_event(call, event, error);
    }
    if (call->store != NULL) {
        bool good = error == ERR_NONE && ended == ERR_NONE;
        enum error_code last = call->program->store->end(call->store, good);
        ended = ended != ERR_NONE ? ended : last;
    }
    if (ended != ERR_NONE && (error == ERR_NONE || error_info(error)->status < 500)) {
        error = ended;
        event = describe_event(call, error, true);
        printed = render(call, error, answer);
    } else if (kept && error != ERR_NONE) {
        (void)keep_event(call, event, error);
    }
    if (!printed) {
        response_last_resort(!call->request.head, answer);
    }
    if (error != ERR_NONE || call->cause.code != ERR_NONE) {
        log_cause(call, error);
    }
    if (event != NULL) {
        log_event(call, event);
    }
}

/* In one piece, as far as it is in memory; of a spooled body the first part goes with the head. */
static bool send_answer(struct transport *transport, const struct rendered *answer)
{
    struct spool *spool = answer->spool;
    if (spool == NULL) {
        return transport->send(transport, answer->head, answer->head_size, answer->body,
                               answer->body_size);
    }
    int64_t got = spool_read(spool, 0);
    bool sent = got > 0 && transport->send(transport, answer->head, answer->head_size,
                                           spool->buffer, (size_t)got);
    for (int64_t done = got; sent && done < spool->size; done += got) {
        got = spool_read(spool, done);
        sent = got > 0 && transport->send(transport, "", 0, spool->buffer, (size_t)got);
    }
    return sent;
}

static void close_spools(struct call *call)
{
    spool_close(&call->body_spool);
    if (call->response.spool != NULL) {
        spool_close(call->response.spool);
    }
}

/* One request: gate, handler, answer, end of the transaction. */
static bool turn(struct serve *serve)
{
    struct arena arena;
    arena_init(&arena, REQUEST_ARENA_MAXIMUM);
    json_use_arena(&arena);
    struct call call = {.program = serve->program,
                        .config = &serve->config,
                        .transport = serve->transport,
                        .arena = &arena,
                        .now_ms = serve->transport->now_ms(serve->transport),
                        .body_spool = {.file = -1, .slot = -1},
                        .serve = serve};
    response_init(&call.response, &arena);
    request_read_head(call.transport, &call.request);
    struct rendered answer;
    finish(&call, pass_gate(&call), &answer);
    bool rest = call.store != NULL && serve->program->store->has_rest(call.store);
    if (rest && call.transport->outlast != NULL) {
        call.transport->outlast(call.transport);
    }
    bool sent = send_answer(call.transport, &answer);
    if (call.request.body_pending) {
        call.transport->discard_body(call.transport);
    }
    if (rest) {
        serve->program->store->rest(call.store, call.now_ms);
    }
    if (!serve->transport->ends_process) {
        close_spools(&call);
        json_use_arena(NULL);
        arena_reset(&arena);
    }
    return sent;
}

int serve(const struct program *program, struct transport *transport)
{
    int unsent = 0;
    struct serve serve = {.program = program, .transport = transport};
    arena_init(&serve.arena, CONFIG_ARENA_MAXIMUM);
    config_defaults(&serve.config);
    while (transport->next(transport)) {
        unsent += turn(&serve) ? 0 : 1;
    }
    if (transport->ends_process) {
        return unsent;
    }
    if (serve.store != NULL) {
        program->store->destroy(serve.store);
    }
    token_keys_free(serve.keys);
    arena_reset(&serve.arena);
    return unsent;
}
