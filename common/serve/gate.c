/*
 * gate.c - what a request must pass before its handler sees it, in one fixed order: method and
 * route, length and body, token, names of the parameters, form of the input (of a long body, length
 * and body come after the parameters). A request that is refused here has not opened the database,
 * unless it has a device token, which is looked up there.
 */
#include <string.h>

#include "common/sandbox/sandbox.h"
#include "common/serve/cors.h"
#include "common/serve/loop.h"
#include "common/serve/parameters.h"
#include "common/serve/route.h"

/* How often the largest body may be in memory at the same time: as it was sent, as a text from the
 * database, as a patched value, and in the printed answer. What a stored value that is larger takes
 * comes on top when it is read (cgi-bin/shared/item_call.c). */
enum { BODY_COPIES = 4 };

enum error_code call_keys(struct call *call, const struct token_keys **out)
{
    enum error_code error = keep_keys(call->serve, &call->cause);
    *out = error == ERR_NONE ? call->serve->keys : NULL;
    return error;
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

const char *call_sandbox(const struct call *call)
{
    return sandbox_json(call->serve->sandbox);
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
    class->start(serve->store, (call->route->flags & ROUTE_WRITES) != 0, call->patience,
                 &call->cause);
    call->store = serve->store;
    return ERR_NONE;
}

static enum error_code authenticate_device(struct call *call, bool writes)
{
    return call->program->store->authenticate(call->store, call->arena, &call->device, writes,
                                              call->now_ms, &call->claims);
}

/* Whether the route takes device tokens is checked last, so that only the holder of a valid token
 * learns of it (403); an invalid token is always 401. */
static enum error_code check_device(struct call *call, struct text text)
{
    if (!device_token_parse(text, &call->device)) {
        return call_refuse_token(call, NULL);
    }
    enum error_code error = start_store(call);
    if (error == ERR_NONE) {
        unsigned flags = call->route->flags & (ROUTE_WRITES | ROUTE_MAY_READ);
        error =
            authenticate_device(call, flags == ROUTE_WRITES && call->request.method != HTTP_GET);
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
    if (looks_like_device_token(token)) {
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

/* Refuses an access token that was valid when it was verified, and has ended since then. */
static enum error_code check_end(struct call *call)
{
    bool ended = call->claims.device == 0 && call->claims.expires <= call->now_ms / 1000;
    return ended ? call_refuse_token(call, "expired") : ERR_NONE;
}

enum error_code call_authenticate_again(struct call *call)
{
    call_time_passed(call);
    if (call->claims.device != 0) {
        return authenticate_device(call, false);
    }
    keep_new_keys(call->serve);
    return call->serve->keys == NULL ? check_token(call) : check_end(call);
}

enum error_code call_authenticate_to_write(struct call *call)
{
    return call->claims.device != 0 ? authenticate_device(call, true) : ERR_NONE;
}

static enum error_code look_up_token(struct call *call)
{
    enum error_code error = call->program->store->look_up(call->store, &call->claims);
    return error == ERR_INVALID_TOKEN ? call_refuse_token(call, "revoked") : error;
}

/* Only users may have a long body written to the disk, and take one of the few places for that. So
 * the token is looked up too, which otherwise is left to the statement that needs it. */
static enum error_code check_token_first(struct call *call)
{
    enum error_code error = check_token(call);
    if (error == ERR_NONE) {
        error = start_store(call);
    }
    if (error != ERR_NONE || call->claims.device != 0) {
        return error;
    }
    return look_up_token(call);
}

static enum error_code look_once(struct call *call)
{
    enum error_code error = call_authenticate_again(call);
    return error == ERR_NONE ? look_up_token(call) : error;
}

/* Whether the token of a call with a long body still holds, whose place others may need. A
 * connection that was lost is replaced, as otherwise no later look would see anything either. That
 * the store is busy is no reason to end: it is looked up once more before anything is written. That
 * the keys have been replaced by some that this process can't open is one. */
static enum error_code look_again(void *self)
{
    struct call *call = self;
    enum error_code error = look_once(call);
    if (error == ERR_SERVICE_UNAVAILABLE &&
        call->program->store->try_again(call->store, &call->cause)) {
        call->cause = (struct cause){0};
        error = look_once(call);
    }
    if (error != ERR_SERVICE_UNAVAILABLE || call->serve->misplaced) {
        return error;
    }
    call->cause = (struct cause){0};
    return ERR_NONE;
}

static enum error_code spool_body(struct call *call)
{
    const struct long_body body = {.maximum = (size_t)call->config->max_import_bytes,
                                   .timeout = call->config->body_timeout * 1000,
                                   .look = look_again,
                                   .self = call};
    const struct spool_place place = {.beside = call->config->beside,
                                      .instead = call->config->keys,
                                      .user_id = call->claims.user_id};
    enum error_code error =
        spool_open(&call->body_spool, call->arena, &place, call->patience, &call->cause);
    return error == ERR_NONE ? request_spool_body(call->transport, &call->body_spool, &body,
                                                  &call->request, &call->cause)
                             : error;
}

static enum error_code read_body(struct call *call)
{
    if (call->route->flags & ROUTE_LONG_BODY) {
        return spool_body(call);
    }
    /* Whether there is a body can't be known: the handler says whether it needs one. */
    if ((call->route->flags & ROUTE_ANY_BODY) && call->request.length_kind == LENGTH_NONE) {
        call->request.body = text_of("");
        return ERR_NONE;
    }
    size_t maximum = call->route->flags & ROUTE_LARGE_BODY ? (size_t)call->config->max_body_bytes
                                                           : SMALL_BODY_MAXIMUM;
    return request_read_body(call->transport, call->arena, maximum,
                             call->config->body_timeout * 1000, &call->request);
}

static bool read_json(struct call *call, struct json_fault *fault)
{
    struct text body = call->request.body;
    if (call->route->flags & ROUTE_LONG_BODY) {
        return json_read_document(call->arena, body, &call->body, fault);
    }
    return call->route->flags & ROUTE_ANY_JSON
               ? json_check_names(body, fault)
               : json_read_object(call->arena, body, &call->body, fault);
}

/* Whether the body is left to the handler as it is. */
static bool is_raw(struct call *call)
{
    bool given = false;
    struct text raw;
    if (call->route->flags & ROUTE_ANY_BODY) {
        return true;
    }
    bool read = (call->route->flags & ROUTE_RAW) != 0 && *call->request.query != '\0' &&
                query_find(call->arena, call->request.query, "raw", &given, &raw);
    return given && !(read && text_equal(raw, text_of("false"))); /* what is neither: the handler */
}

static enum error_code read_input(struct call *call)
{
    struct json_fault fault;
    if (is_raw(call) || read_json(call, &fault)) {
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

/* Who calls, and whether all the parameters are known. */
static enum error_code check_caller(struct call *call)
{
    unsigned flags = call->route->flags;
    enum error_code error = flags & ROUTE_LONG_BODY ? check_token_first(call)
                            : flags & ROUTE_TOKEN   ? check_token(call)
                                                    : ERR_NONE;
    return error == ERR_NONE ? parameters_check(call) : error;
}

/* While requests wait for the process because another one waited in vain, they are tried, and
 * answered 503 unless it goes quickly. */
static int64_t patience_of(const struct serve *serve)
{
    enum { CONGESTED_MS = 10 };
    int64_t usual = serve->config.busy_timeout;
    return serve->congestion.is_there && usual > CONGESTED_MS ? CONGESTED_MS : usual;
}

/* The way of a request from its token on, its body read, to the end of its handler. */
static enum error_code pass_on(struct call *call)
{
    unsigned flags = call->route->flags;
    bool caller_first = (flags & ROUTE_LONG_BODY) != 0;
    enum error_code error = caller_first ? check_end(call) : check_caller(call);
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
    /* A token of a deleted account is answered like any other revoked token. */
    return error == ERR_INVALID_TOKEN ? call_refuse_token(call, "revoked") : error;
}

/* The most memory that the bodies of a request take. */
static size_t room_for_bodies(const struct call *call)
{
    return BODY_COPIES * (size_t)call->config->max_body_bytes;
}

/* Whether the answer is for the holder of the token alone. A browser keeps it by its address, and
 * the next who logs in there would be told that it still holds, by an ETag that is the other's. */
static bool needs_token(const struct call *call)
{
    return (call->route->flags & ROUTE_TOKEN) != 0;
}

bool gate_starts_again(struct call *call, enum error_code error)
{
    enum { ATTEMPTS = 4 };
    if (error != ERR_SERVICE_UNAVAILABLE || call->store == NULL ||
        call->tries_again + 1 == ATTEMPTS ||
        !call->program->store->try_again(call->store, &call->cause)) {
        return false;
    }
    if (call->response.spool != NULL) {
        spool_close(call->response.spool);
    }
    response_init(&call->response, call->arena);
    cors_add(call);
    call->response.varies_by_token = needs_token(call);
    call->cause = (struct cause){0};
    call->audit = (struct audit){0};
    call->retry_after = 0;
    call->arena->maximum += room_for_bodies(call);
    call->tries_again++;
    return true;
}

enum error_code gate_pass_again(struct call *call)
{
    enum error_code error = pass_on(call);
    while (gate_starts_again(call, error)) {
        error = pass_on(call);
    }
    return error;
}

enum error_code gate_pass(struct call *call)
{
    call->patience = patience_of(call->serve);
    cors_add(call);
    enum error_code error = call_find_route(call);
    if (error != ERR_NONE || call->route == NULL) {
        return error;
    }
    unsigned flags = call->route->flags;
    call->response.varies_by_token = needs_token(call);
    call->arena->maximum += room_for_bodies(call);
    bool caller_first = (flags & ROUTE_LONG_BODY) != 0;
    if (caller_first) {
        error = check_caller(call);
        while (gate_starts_again(call, error)) {
            error = check_caller(call);
        }
    }
    if (error == ERR_NONE && flags & ROUTE_BODY) {
        error = read_body(call);
        call_time_passed(call); /* a body may come slowly, and a token end meanwhile */
    }
    return error == ERR_NONE ? gate_pass_again(call) : error;
}
