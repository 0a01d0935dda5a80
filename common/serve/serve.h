/*
 * serve.h - what a program is, and the loop that serves its requests.
 *
 * The loop owns the order of the steps: method, route, length, body, token, input, handler, end of
 * the transaction, one answer. A handler gets a `struct call`, returns an error code and leaves the
 * rest to the loop: it prints nothing, never exits, keeps nothing between calls, and reads neither
 * clock nor environment by itself.
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
#include "common/http/spool.h"
#include "common/identity/token.h"
#include "common/http/transport.h"

struct call;
struct parameter;

/* Answers a call that has passed the gate. ERR_NONE, after it said in call->response what the
 * answer holds; or the error of which the answer is made. A failure of the server itself has
 * recorded a cause before (call_fail, or what it called), unless the arena has failed. */
typedef enum error_code handler_function(struct call *call);

enum route_flags {
    ROUTE_TOKEN = 1,  /* refused without a valid access token; the program has a store */
    ROUTE_BODY = 2,   /* the body must be a JSON object, which the handler finds in call->body */
    ROUTE_WRITES = 4, /* the store is opened for writing */
    ROUTE_LARGE_BODY = 8, /* takes max_body_bytes instead of SMALL_BODY_MAXIMUM */
    /* With ROUTE_TOKEN: device tokens are accepted too; without this flag they get FORBIDDEN. */
    ROUTE_DEVICE = 16,
    ROUTE_ANY_JSON = 32, /* with ROUTE_BODY: any JSON will do; its text is call->request.body */
    /* With ROUTE_BODY: takes up to max_import_bytes, into a file, and only after the token was
     * verified. */
    ROUTE_LONG_BODY = 64,
    /* With ROUTE_BODY: with the query parameter raw=true the body may be any bytes, which the
     * handler finds in call->request.body. */
    ROUTE_RAW = 128,
    /* With ROUTE_BODY: likewise, always. A request without a length has an empty one; the handler
     * that needs one returns call->request.length_error. */
    ROUTE_ANY_BODY = 256,
    ROUTE_QUERY = 512, /* only addresses with a query, besides the name of the item, fit */
    /* With ROUTE_WRITES: a device token is looked up without the write lock, because whether the
     * call writes is known from its body only, or because it works for long before it does; a
     * handler that writes calls call_authenticate_to_write then. */
    ROUTE_MAY_READ = 1024
};

/* The largest body, in bytes, of a call that stores no value. */
enum { SMALL_BODY_MAXIMUM = 64 * 1024 };

/* One row of a program's table: this method at this path. */
struct route {
    enum http_method method; /* GET answers HEAD too */
    const char *path;        /* "" the program's own address; "/name" exactly; "/{}" anything behind
                                the first slash, or the query parameter program->item_parameter */
    unsigned flags;          /* enum route_flags */
    /* The error for a body that is no JSON object; ERR_NONE: ERR_INVALID_BODY. */
    enum error_code body_error;
    handler_function *handle;
    const struct parameter *parameters; /* the query parameters it takes (parameters.h); NULL: none.
                                           Others are refused */
};

/*
 * The store, which keeps a program's state, as the loop sees it. It is made on first use, and only
 * the loop ends its transaction. cgi-bin/shared/store.c implements it over the database; this room
 * knows nothing more about it.
 */
struct store_class {
    /* A store for a program that plays ROLE, not yet opened. NULL when memory is out. */
    void *(*make)(const struct config *config, const void *role);
    /* Tells the store that a request begins, whether it may write, how many milliseconds it may
     * wait for a lock, and where to record causes of failures. */
    void (*start)(void *store, bool writes, int64_t patience, struct cause *cause);
    /* Looks up a device token: ERR_INVALID_TOKEN, or what it allows in CLAIMS. With WRITES, in the
     * transaction that then writes. Texts are on ARENA. */
    enum error_code (*authenticate)(void *store, struct arena *arena,
                                    const struct device_token *token, bool writes, int64_t now_ms,
                                    struct token_claims *claims);
    /* Whether the access token with CLAIMS, whose signature is good, still holds: its account is
     * there and has not ended it. ERR_INVALID_TOKEN when not. Leaves no transaction open. */
    enum error_code (*look_up)(void *store, const struct token_claims *claims);
    /* After an error: whether what the request did in the store was undone through no fault of its
     * own, so that it may be tried again from its beginning; the store is ready for that then, as
     * after `start`. */
    bool (*try_again)(void *store, struct cause *cause);
    /* Commits the transaction, or rolls it back unless GOOD. When it fails, its error becomes the
     * answer. */
    enum error_code (*end)(void *store, bool good);
    /* Whether some of what the client asked for was committed before the end, and stays. */
    bool (*has_committed)(const void *store);
    /* Stores TEXT, a line about a security event, in the current transaction. In a request that
     * only reads, or whose transaction has ended, that starts a new one, which the caller must end.
     * When the event is about a user, USER_ID (0: nobody), whose account does not exist any more,
     * UNNAMED is stored instead. Only the latest ROWS events are kept. */
    enum error_code (*add_event)(void *store, int64_t user_id, struct text text,
                                 struct text unnamed, int64_t rows, struct cause *cause);
    /* After an error: whether something could not be written because the store takes no write now,
     * and all else is well. Then the transaction is rolled back, and the request can go on without
     * what nobody has asked for. */
    bool (*drop_writes)(void *store);
    /* Whether work was deferred until the answer is sent, and the function that then does it. It
     * must be quick, and its failures are not reported. */
    bool (*has_deferred)(const void *store);
    void (*run_deferred)(void *store, int64_t now_ms);
    /* The request is over and the process lives on: forgets what was of the request, keeps what the
     * next one can use. False when the store had better be destroyed. */
    bool (*rest)(void *store);
    /* Frees the store, which is not NULL. */
    void (*destroy)(void *store);
};

/* What a program is to the loop: one constant, which its `main` passes on. */
struct program {
    const char *name; /* in the lines of the log */
    const struct route *routes;
    size_t route_count;
    const char *item_parameter;      /* query parameter that stands for "/{}"; NULL: none */
    const struct store_class *store; /* NULL: none; then no route may take a token */
    const void *store_role;          /* what the program may do there, for store->make */
};

/* A security event of a call, for the log. Its outcome is that of the call. It holds nothing that a
 * client wrote, because people type passwords into the wrong fields. */
struct audit {
    const char *event; /* "login", "password_change"; NULL: none */
    int64_t user_id;   /* 0: nobody known */
    int64_t token;     /* number of a device token; 0: none */
    bool only_logged;  /* never kept in the database */
};

/* One request on its way through a program. */
struct call {
    const struct program *program;
    const struct route *route;
    const struct config *config;
    const struct token_keys *keys; /* of routes with a token; else see call_keys */
    struct transport *transport;
    struct arena *arena; /* all memory of this call, freed when the call ends */
    struct request request;
    struct response response;
    struct cause cause;
    int64_t began_ms;           /* when the call came, in milliseconds since 1970 */
    int64_t now_ms;             /* the time of the whole call, likewise; see call_time_passed */
    int64_t patience;           /* milliseconds to wait for a lock, or for a place; then 503 */
    struct text item;           /* what stands for "/{}" in the address, not yet checked */
    struct token_claims claims; /* with ROUTE_TOKEN */
    struct device_token device; /* with claims.device */
    struct json_object body;    /* with ROUTE_BODY */
    struct spool body_spool;    /* with ROUTE_LONG_BODY: the file that holds request.body */
    struct audit audit;
    int64_t retry_after; /* seconds, with a 429 */
    int tries_again;     /* how often it was started again, see gate_starts_again */
    bool counted;        /* an attempt of this call stands in the store: started again, it is not
                            counted once more */
    void *store;         /* what program->store made */
    struct serve *serve;
};

/* Serves every request of TRANSPORT; returns how many answers could not be sent. */
int serve(const struct program *program, struct transport *transport);

/* Serves one request from the CGI environment (RFC 3875), or, when standard input is a listening
 * socket, those that come there (FastCGI); the return value of main. */
int cgi_main(const struct program *program);

/* Records a cause for the log and returns CODE, for `return call_fail(...)`. */
__attribute__((format(printf, 3, 4))) enum error_code
call_fail(struct call *call, enum error_code code, const char *format, ...);

/* Sleeps for MILLISECONDS and updates call->now_ms. Returns false when waiting makes no sense: the
 * client is gone, others need the process, or the transport does not wait. No transaction may be
 * open. */
bool call_sleep(struct call *call, int64_t milliseconds);

/* For a call that has waited: its time is the present one from here on, though never an earlier
 * one. */
void call_time_passed(struct call *call);

/* The keys that sign tokens, read on first use; borrowed until the loop ends or
 * call_authenticate_again reads them anew. ERR_INTERNAL, with a cause, when the key file can't be
 * used. */
enum error_code call_keys(struct call *call, const struct token_keys **out);

/* Makes the answer say that the token of this call is not valid; WHY is a value of details.token,
 * or NULL. Returns ERR_INVALID_TOKEN. */
enum error_code call_refuse_token(struct call *call, const char *why);

/* For a call that has waited: checks again what no SQL statement of the call checks, that the
 * device token still exists, or that the access token has not ended and its key is still in the key
 * file. The time of the call is the present one then. ERR_INVALID_TOKEN when not. */
enum error_code call_authenticate_again(struct call *call);

/* For a route with ROUTE_MAY_READ that is about to write: looks up a device token once more, in the
 * transaction that writes, and starts that. Claims that were read before are no longer valid. */
enum error_code call_authenticate_to_write(struct call *call);

/* What confines this process, as an array of JSON; see sandbox_json. */
const char *call_sandbox(const struct call *call);

/* The client's address, by which this call is throttled; see request_address. NULL when memory is
 * out. */
const char *call_address(struct call *call);

#endif
