/*
 * serve.c - the loop: one request after the other, from the transport and back to it.
 */
#include <stdarg.h>
#include <stdio.h>

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

static void close_spools(struct call *call)
{
    spool_close(&call->body_spool);
    if (call->response.spool != NULL) {
        spool_close(call->response.spool);
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
    response_init(&call.response, &arena);
    request_read_head(call.transport, &call.request);
    struct rendered answer;
    finish_call(&call, gate_pass(&call), &answer);
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
    if (deferred) {
        serve->program->store->run_deferred(call.store, call.now_ms);
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
    while (transport->next(transport, -1) == TRANSPORT_REQUEST) {
        unsent += serve_one(&serve) ? 0 : 1;
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
