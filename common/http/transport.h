/*
 * transport.h - where requests come from and answers go.
 *
 * The loop in serve.c knows nothing of CGI: it asks a transport for the next request, for its
 * meta-variables (named as in RFC 3875 section 4.1), for its body, and hands it one whole answer.
 * The programs have two, for one request (cgi.c) and for many (fcgi.c); the in-process tests bring
 * another.
 */
#ifndef CUBBY_COMMON_HTTP_TRANSPORT_H
#define CUBBY_COMMON_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum transport_event {
    TRANSPORT_REQUEST, /* there is a request */
    TRANSPORT_IDLE,    /* none came in time */
    TRANSPORT_END      /* none will come */
};

enum { TRANSPORT_GAVE_WAY = -2 };

struct transport {
    /* The process ends after its last request, so memory and descriptors need not be released one
     * by one. */
    bool ends_process;

    /* read_body gives the body alone and finds its end, whatever the request says of its length.
     * Where it is false, that depends on the web server. */
    bool delimits_body;

    /* The process has no other purpose, so the loop may confine it for good. */
    bool confines;

    /* Set by the loop, and asked before a request is taken: whether the process had better end
     * instead, because another one would do what it can't. NULL: never. */
    bool (*has_to_end)(void *self);
    void *self;

    /* Moves on to the next request, and waits for it at most PATIENCE milliseconds; -1: without
     * limit. */
    enum transport_event (*next)(struct transport *transport, int64_t patience);

    /* A meta-variable of the request, or NULL. Valid until `next`. */
    const char *(*variable)(struct transport *transport, const char *name);

    /* The values of all variables NAME one after the other: *PLACE is 0 before the first call, and
     * NULL the end. Some web servers pass each line of a header that came in several as a variable
     * of its own. */
    const char *(*next_value)(struct transport *transport, const char *name, size_t *place);

    /* Reads up to SIZE bytes of the body: their number, 0 at its end, -1 when reading fails or
     * nothing came within *TIMEOUT milliseconds, TRANSPORT_GAVE_WAY when it had waited for some
     * time and other requests wait for this process. The time it waited is subtracted from
     * *TIMEOUT. */
    int64_t (*read_body)(struct transport *transport, char *to, size_t size, int64_t *timeout);

    /* Reads and drops the rest of a body, for a limited time. A web server that is still sending it
     * may otherwise see the end of the program as a failure and drop the answer. */
    void (*discard_body)(struct transport *transport);

    /* Sends a whole answer, head and body. A long body is sent in parts, of which all but the first
     * have HEAD_SIZE 0. False when the client is gone. */
    bool (*send)(struct transport *transport, const char *head, size_t head_size, const char *body,
                 size_t body_size);

    /* The answer is complete, and what is left of the body is of no use: ends the request, so that
     * the client has the answer whatever the program does then. False when the client is gone. NULL
     * where that is so once it is sent. */
    bool (*finish)(struct transport *transport);

    /* To be called before the answer is sent when work follows it: from then on the program ignores
     * a web server that ends it once it has the whole answer. NULL where no server does that. */
    void (*outlive_answer)(struct transport *transport);

    /* Milliseconds since 1970. */
    int64_t (*now_ms)(struct transport *transport);

    /* Lets MILLISECONDS pass; false when the request should wait no longer: the client is gone,
     * others wait for this process, or it is told to end. NULL where no request may wait. */
    bool (*sleep)(struct transport *transport, int64_t milliseconds);

    /* Fills BYTES with SIZE bytes fit for keys and salts; false when there are none. */
    bool (*random)(struct transport *transport, unsigned char *bytes, size_t size);

    /* Adds one line, without the newline, to the log of the web server; NULL: standard error. */
    void (*log)(struct transport *transport, const char *line);
};

#endif
