/*
 * http_client.h - one HTTP/1.1 request (RFC 9112) to a web server, over plain TCP, or over TLS by
 * the program curl.
 *
 * It does only what the doctor needs: no redirects, no persistent connections. Every buffer is
 * bounded, and so is every wait but that for the resolver, which has its own timeout.
 */
#ifndef CUBBY_DB_TOOL_HTTP_CLIENT_H
#define CUBBY_DB_TOOL_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

enum {
    HTTP_CLIENT_TIMEOUT_MS = 15000,         /* for a request */
    HTTP_CLIENT_ANSWER_MAXIMUM = 256 * 1024 /* bytes of an answer; the rest is not read */
};

/* http[s]://host[:port][/path], split. */
struct http_url {
    bool tls;
    const char *host;
    const char *port;
    const char *authority; /* as it was written, for Host */
    const char *path;      /* without a slash at its end: "" or "/api" */
};

struct http_request {
    const char *method;
    const char *path;    /* begins with a slash */
    const char *headers; /* whole lines with CRLF; "" for none */
    const char *body;    /* NULL: none */
    size_t body_size;
};

struct http_answer {
    int status;
    const char *head; /* the header lines */
    const char *body; /* NUL-terminated behind BODY_SIZE, unchunked */
    size_t body_size;
};

/* Splits TEXT on ARENA. NULL when it is valid, otherwise a static text that says why not. */
const char *http_url_parse(struct arena *arena, const char *text, struct http_url *out);

/* Sends REQUEST, over plain TCP with the body in a later segment than the head, and reads the
 * answer, all on ARENA. NULL when there is an answer, otherwise a text that says why not. */
const char *http_send(struct arena *arena, const struct http_url *url,
                      const struct http_request *request, struct http_answer *answer);

/* TEXT, a date in the form that servers send (RFC 9110 section 5.6.7), in seconds since 1970; -1
 * for any other. */
int64_t http_date(const char *text);

/* The value of the header NAME, on ARENA; NULL when there is none. */
const char *http_header(struct arena *arena, const struct http_answer *answer, const char *name);

/* Reads the SIZE bytes at TEXT, where there is room for one more, as a whole answer that a server
 * has sent until it closed the connection (RFC 9112); TEXT is changed, and what ANSWER names lies
 * in it. Chunks are put together, as far as they are there, and http_header leaves out the blanks
 * around a value. NULL, or a static text that says why it is no answer. */
const char *http_answer_parse(struct arena *arena, char *text, size_t size,
                              struct http_answer *answer);

#endif
