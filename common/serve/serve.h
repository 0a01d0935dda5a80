/*
 * serve.h - what a program is, and the loop that serves its requests.
 *
 * The loop owns the order of things: method, route, length, body, token, input, handler, end of the
 * transaction, one answer. A handler gets a `struct call`, returns an error code and leaves the
 * rest to the loop: it prints nothing, exits nowhere, keeps nothing between calls, and reads no
 * clock or environment of its own.
 */
#ifndef CUBBY_COMMON_SERVE_SERVE_H
#define CUBBY_COMMON_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/settings/config.h"
#include "common/identity/device.h"
#include "common/base/error.h"
#include "common/json/json.h"
#include "common/http/request.h"
#include "common/http/response.h"
#include "common/base/spool.h"
#include "common/identity/token.h"
#include "common/http/transport.h"

struct call;

typedef enum error_code handler_function(struct call *call);

enum route_flags {
    ROUTE_TOKEN = 1,  /* refused without a valid access token */
    ROUTE_BODY = 2,   /* the body must be a JSON object, which the handler finds in call->body */
    ROUTE_WRITES = 4, /* the store is opened for writing */
    ROUTE_LARGE_BODY = 8, /* takes max_body_bytes instead of SMALL_BODY_MAXIMUM */
    ROUTE_ANY_JSON = 32,  /* with ROUTE_BODY: any JSON will do; its text is call->request.body */
    ROUTE_LONG_BODY = 64, /* takes max_import_bytes, from who has a token, and not into memory */
    ROUTE_DEVICE = 16     /* with ROUTE_TOKEN: a device token will do; else it is FORBIDDEN */
};

/* Bytes of a body that carries no stored value. */
enum { SMALL_BODY_MAXIMUM = 64 * 1024 };

/* One row of a program's table: this method at this path. */
struct route {
    enum http_method method; /* GET answers HEAD too */
    const char *path;        /* "" the program's own address; "/name" exactly; "/{}" anything behind
                                the first slash, or the query parameter program->item_parameter */
    unsigned flags;          /* enum route_flags */
    enum error_code body_error; /* what a body that is no JSON object is called; 0: INVALID_BODY */
    handler_function *handle;
};

/*
 * The thing that keeps state, as the loop sees it: made on first use, its transaction ended by the
 * loop alone. db/ implements it; common knows nothing more of it.
 */
struct store_class {
    /* A store for a program that plays ROLE, not yet opened. NULL when memory is out. */
    void *(*make)(const struct config *config, const void *role);
    /* Tells the store that a request begins, which may write or not, and where causes go. */
    void (*start)(void *store, bool writes, struct cause *cause);
    /* Looks a device token up: ERR_INVALID_TOKEN, or what it allows in CLAIMS. With WRITES in the
     * transaction that then writes. Texts lie on ARENA. */
    enum error_code (*authenticate)(void *store, struct arena *arena,
                                    const struct device_token *token, bool writes, int64_t now_ms,
                                    struct token_claims *claims);
    /* Commits, or rolls back unless GOOD. An error of a commit is the answer's. */
    enum error_code (*end)(void *store, bool good); /* or of what it could not read */
    /* Keeps TEXT, a line about a security event, with the present transaction; of a request that
     * only reads, or has ended its transaction, in one of its own, to be ended again. Keeps UNNAMED
     * instead when the event is of a user, USER_ID, who is gone by then; 0: of nobody. Only the
     * latest ROWS are kept. */
    enum error_code (*add_event)(void *store, int64_t user_id, struct text text,
                                 struct text unnamed, int64_t rows, struct cause *cause);
    /* Whether there is work that was deferred until the answer is sent; and does it, quickly.
     * Nobody is told when it fails. */
    bool (*has_deferred)(const void *store);
    void (*run_deferred)(void *store, int64_t now_ms);
    void (*destroy)(void *store);
};

struct program {
    const char *name;
    const struct route *routes;
    size_t route_count;
    const char *item_parameter; /* query parameter that stands for "/{}"; NULL: none */
    const struct store_class *store;
    const void *store_role;
};

/* A security event of a call, for the log; its outcome is that of the call. Nothing a client wrote
 * goes in, as people type passwords where names belong. */
struct audit {
    const char *event; /* "login", "password_change"; NULL: none */
    int64_t user_id;   /* 0: nobody known */
    int64_t token;     /* number of a device token; 0: none */
};

/* One request on its way through a program. */
struct call {
    const struct program *program;
    const struct route *route;
    const struct config *config;
    const struct token_keys *keys; /* of routes with a token; else see call_keys */
    struct transport *transport;
    struct arena *arena; /* everything made for this call; its end is the call's */
    struct request request;
    struct response response;
    struct cause cause;
    int64_t now_ms;             /* one moment for the whole call, milliseconds since 1970 */
    struct text item;           /* what stood behind "/{}", not yet looked at */
    struct token_claims claims; /* with ROUTE_TOKEN */
    struct device_token device; /* with claims.device */
    struct json_object body;    /* with ROUTE_BODY */
    struct spool body_spool;    /* with ROUTE_LONG_BODY: what request.body lies in */
    struct audit audit;
    int64_t retry_after; /* seconds, with a 429 */
    void *store;         /* what program->store made */
    struct serve *serve;
};

/* Serves every request of TRANSPORT; returns how many answers could not be sent. */
int serve(const struct program *program, struct transport *transport);

/* Serves one request from the CGI environment (RFC 3875); the return value of main. */
int cgi_main(const struct program *program);

/* Records a cause for the log and returns CODE, for `return call_fail(...)`. */
__attribute__((format(printf, 3, 4))) enum error_code
call_fail(struct call *call, enum error_code code, const char *format, ...);

/* Lets MILLISECONDS pass and moves call->now_ms on. False when there is no use in waiting: the
 * client is gone, or the transport does not wait. No transaction may be open. */
bool call_sleep(struct call *call, int64_t milliseconds);

/* The keys that sign tokens, read on first use. */
enum error_code call_keys(struct call *call, const struct token_keys **out);

/* Makes the answer say that the token of this call is of no use; WHY is a value of details.token,
 * or NULL. Returns ERR_INVALID_TOKEN. */
enum error_code call_refuse_token(struct call *call, const char *why);

/* Looks again, for a call that has waited, at what no statement asks: whether a device token is
 * there still, whether the key of an access token is. ERR_INVALID_TOKEN when not. */
enum error_code call_authenticate_again(struct call *call);

/* The address that this call counts for; see request_address. NULL when memory is out. */
const char *call_address(struct call *call);

#endif
