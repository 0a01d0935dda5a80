/*
 * request.h - one request: its head, its body, its token and the address of its client.
 */
#ifndef CUBBY_COMMON_HTTP_REQUEST_H
#define CUBBY_COMMON_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/http/http.h"
#include "common/http/spool.h"
#include "common/base/text.h"
#include "common/http/transport.h"

enum length_kind {
    LENGTH_NONE,     /* no body announced */
    LENGTH_KNOWN,    /* `length` bytes */
    LENGTH_UNTIL_END /* a decoded chunked body, or what FastCGI delimits: read to its end */
};

/* Strings are borrowed from the transport and live as long as the request; absent ones are NULL,
 * path and query "". */
struct request {
    enum http_method method; /* after X-HTTP-Method-Override */
    bool head;               /* HEAD: as GET, without the body */
    const char *path;        /* behind the program's name, percent-decoded by the web server */
    const char *query;       /* not decoded */
    const char *authorization;
    const char *origin;
    const char *content_type;
    const char *if_match;
    const char *if_none_match;
    const char *if_unmodified_since;
    const char *content_range;
    const char *server_software;

    enum error_code length_error; /* why a body can't be read, or ERR_NONE. ERR_LENGTH_REQUIRED also
                                     where none may have been sent: without a length that is unknown
                                     under servers that don't decode chunks */
    enum length_kind length_kind;
    int64_t length;

    bool body_pending; /* a body was announced and has not been read to its end */
    struct text body;  /* empty until request_read_body */
};

/* Fills REQUEST from the meta-variables of the transport's present request. The lines of a header
 * that came in several are one value, with commas between them, on ARENA. The method override
 * counts for POST only, and only for PUT, PATCH and DELETE; any other name gives HTTP_OTHER. */
void request_read_head(struct transport *transport, struct arena *arena, struct request *request);

/* Reads the body, at most MAXIMUM bytes, onto ARENA. ERR_BODY_TOO_LARGE before a byte is kept when
 * the announced length is above it; ERR_INCOMPLETE_BODY when input ends, fails, or takes more than
 * TIMEOUT milliseconds, before the announced length; ERR_LENGTH_REQUIRED and ERR_INVALID_LENGTH as
 * the head said; ERR_INTERNAL when memory is out. */
enum error_code request_read_body(struct transport *transport, struct arena *arena, size_t maximum,
                                  int64_t timeout, struct request *request);

/* How a body is read that is too long for memory. */
struct long_body {
    size_t maximum;  /* bytes */
    int64_t timeout; /* milliseconds that it may keep the reader waiting; each byte that comes gives
                        two of them back, so that the whole may take long, but not at less than some
                        500 bytes a second */
    /* Asked after each five seconds of waiting, when more has come, and at last when all has come
     * and was waited for since: ERR_NONE to go on. */
    enum error_code (*look)(void *self);
    void *self;
};

/* Like request_read_body, for a long body: it is written to SPOOL, which must be open and empty,
 * and request->body is mapped from there. The errors of spool_finish and spool_map, and of
 * body->look, are possible too. */
enum error_code request_spool_body(struct transport *transport, struct spool *spool,
                                   const struct long_body *body, struct request *request,
                                   struct cause *cause);

/* The token in Authorization, bare or behind the scheme Bearer in any case (RFC 6750 section 2.1);
 * empty when there is none. */
struct text request_token(const struct request *request);

/* The client's address as address_of_client gives it (address.h), on ARENA; NULL when memory is
 * out.
 */
const char *request_address(struct transport *transport, struct arena *arena, const char *proxies);

#endif
