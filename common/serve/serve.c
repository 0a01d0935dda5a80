/*
 * serve.c - the loop: one request after the other, from the transport and back to it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/heap.h"
#include "common/sandbox/sandbox.h"
#include "common/serve/loop.h"

/* The memory of the settings, and of one request beside the copies of its body: decoded fields, the
 * answer, password hashing. */
enum { CONFIG_ARENA_MAXIMUM = 256 * 1024, REQUEST_ARENA_MAXIMUM = 2 * 1024 * 1024 };

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

void call_time_passed(struct call *call)
{
    int64_t now_ms = call->transport->now_ms(call->transport);
    call->now_ms = now_ms > call->now_ms ? now_ms : call->now_ms;
}

static void close_spools(struct call *call)
{
    spool_close(&call->body_spool);
    if (call->response.spool != NULL) {
        spool_close(call->response.spool);
    }
}

/* Nothing of the request stays with the store but its connection and its statements. */
static void rest_store(struct serve *serve)
{
    if (serve->store != NULL && !serve->program->store->rest(serve->store)) {
        keep_release_store(serve);
    }
}

/* CALL has ended with ERROR. One that had no need to wait, such as a write to a store that takes
 * none, has kept nobody waiting. */
static void note_congestion(struct serve *serve, const struct call *call, enum error_code error)
{
    struct congestion *congestion = &serve->congestion;
    bool writes = call->route != NULL && (call->route->flags & ROUTE_WRITES) != 0;
    bool in_vain = error == ERR_SERVICE_UNAVAILABLE || error == ERR_OUTCOME_UNKNOWN;
    if (in_vain && call->cause.waited) {
        int64_t user = config_is_path(call->config->database) ? 0 : call->claims.user_id;
        *congestion = (struct congestion){.is_there = true, .of_writers = writes, .of_user = user};
    } else if (error == ERR_NONE && call->route != NULL && (writes || !congestion->of_writers) &&
               (congestion->of_user == 0 || congestion->of_user == call->claims.user_id)) {
        congestion->is_there = false;
    }
}

static bool serve_one(struct serve *serve)
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
    call.began_ms = call.now_ms;
    response_init(&call.response, &arena);
    enum error_code error = keep_settings(serve, &call.cause); /* first: see confine.c */
    request_read_head(call.transport, &arena, &call.request);
    error = error == ERR_NONE ? gate_pass(&call) : error;
    struct rendered answer;
    error = finish_call(&call, error, &answer);
    bool deferred = call.store != NULL && serve->program->store->has_deferred(call.store);
    if (deferred && call.transport->outlive_answer != NULL) {
        call.transport->outlive_answer(call.transport);
    }
    bool sent = send_answer(call.transport, &answer);
    if (call.request.body_pending) {
        call.transport->discard_body(call.transport);
    }
    if (call.transport->finish != NULL) {
        sent = call.transport->finish(call.transport) && sent;
    }
    close_spools(&call); /* others may need their places */
    if (deferred) {
        serve->program->store->run_deferred(call.store, call.now_ms);
    }
    if (!serve->transport->ends_process) {
        note_congestion(serve, &call, error);
        rest_store(serve);
        json_use_arena(NULL);
        arena_reset(&arena);
    }
    return sent;
}

/* Milliseconds until the process has lived long enough; 0: it has, -1: there is no limit. */
static int64_t time_left(const struct serve *serve)
{
    const struct config *config = &serve->config;
    if (config->loop_requests > 0 && serve->served >= config->loop_requests) {
        return 0;
    }
    if (!serve->configured || config->loop_lifetime == 0 || serve->served == 0) {
        return -1; /* of settings that it does not know, or has done nothing by */
    }
    int64_t left = serve->started + config->loop_lifetime * 1000 - monotonic_ms();
    return left > 0 ? left : 0;
}

/* After a request that waited in vain: whether another one is there already, and has waited for the
 * process meanwhile. If none is, the congestion is over. */
static enum transport_event next_in_congestion(struct serve *serve)
{
    enum transport_event event = serve->transport->next(serve->transport, 0);
    serve->congestion.is_there = event != TRANSPORT_IDLE;
    return event;
}

/* Waits for the next request; false when there will be none. A process that has nothing to do
 * leaves the database, so that the last one out can empty the write-ahead log. */
static bool wait_for_request(struct serve *serve)
{
    enum { RESTLESS_MS = 1000 };
    struct transport *transport = serve->transport;
    enum transport_event event = TRANSPORT_IDLE;
    if (serve->congestion.is_there && time_left(serve) != 0 && !serve->misplaced) {
        event = next_in_congestion(serve);
    }
    while (event == TRANSPORT_IDLE) {
        int64_t left = time_left(serve);
        int64_t patience =
            serve->store != NULL && (left < 0 || left > RESTLESS_MS) ? RESTLESS_MS : left;
        event =
            left != 0 && !serve->misplaced ? transport->next(transport, patience) : TRANSPORT_END;
        if (event == TRANSPORT_IDLE) {
            keep_release_store(serve);
        }
    }
    return event == TRANSPORT_REQUEST;
}

/* What calls that have returned left there: libjwt, for one, the signature of a token. */
__attribute__((noinline)) static void wipe_stack(void)
{
    unsigned char below[32 * 1024];
    explicit_bzero(below, sizeof below);
}

static int serve_many(struct serve *serve)
{
    int unsent = 0;
    heap_wipe_freed();
    confine_watch(serve);
    keep_settings_beforehand(serve);
    while (wait_for_request(serve)) {
        serve->started = serve->served == 0 ? monotonic_ms() : serve->started;
        keep_current(serve);
        if ((serve->sandbox & SANDBOX_LIMITS) != 0) {
            sandbox_renew();
        }
        unsent += serve_one(serve) ? 0 : 1;
        wipe_stack();
        serve->served++;
    }
    keep_nothing(serve);
    return unsent;
}

int serve(const struct program *program, struct transport *transport)
{
    struct serve serve = {.program = program, .transport = transport};
    arena_init(&serve.arena, CONFIG_ARENA_MAXIMUM);
    config_defaults(&serve.config);
    if (!transport->ends_process) {
        return serve_many(&serve);
    }
    return transport->next(transport, -1) == TRANSPORT_REQUEST && !serve_one(&serve) ? 1 : 0;
}
