/*
 * response.h - an answer being built in memory.
 *
 * Handlers add to it and print nothing. Adding never reports failure: when memory runs out the
 * arena records it, and the loop sends a constant answer instead.
 */
#ifndef CUBBY_COMMON_HTTP_RESPONSE_H
#define CUBBY_COMMON_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/spool.h"

enum { RESPONSE_HEADERS_MAXIMUM = 12 };

struct response_header {
    const char *name;
    const char *value;
};

struct response {
    struct arena *arena;
    int status;          /* of a success; errors take theirs from the table */
    const char *message; /* of a success; NULL: none */
    const char *token;   /* top member `token` of the token call; NULL: none */
    cJSON *data;         /* NULL: none */
    cJSON *details;      /* of an error: field -> reason; NULL: none */
    struct response_header headers[RESPONSE_HEADERS_MAXIMUM];
    size_t header_count;
    const char *etag; /* NULL: none; like data it belongs to a success */
    bool revalidated; /* the ETag belongs to what was read, so a client may revalidate with it */
    bool errors_carry_data; /* `data` is sent with an error too */
    bool varies_by_origin;  /* which request headers the answer depends on, for caches (Vary) */
    bool varies_by_token;
    struct spool *spool;    /* the whole body of a success, in a file; NULL: none */
    const char *plain_type; /* content type of a success that is no JSON object; NULL: it is one */
    struct text plain;      /* with plain_type: the whole body */
    size_t text_bytes;      /* about the bytes of the texts added: the size to print into */
};

/* A rendered answer, on the arena. */
struct rendered {
    const char *head;
    size_t head_size;
    const char *body;
    size_t body_size;
    struct spool *spool; /* to be sent after the head; NULL: none */
};

/* An empty 200 answer. */
void response_init(struct response *response, struct arena *arena);

/* Sets status and message of a success. MESSAGE is borrowed. */
void response_success(struct response *response, int status, const char *message);

/* Adds a header; both strings are borrowed and must be free of line ends. A VALUE of NULL, which a
 * failed allocation gives, and one header more than RESPONSE_HEADERS_MAXIMUM count as a failure of
 * the arena. */
void response_header(struct response *response, const char *name, const char *value);

/* Sets the ETag of a version; CACHEABLE when the answer is a read of that item. */
void response_etag(struct response *response, int64_t version, bool cacheable);

/* Add a member to `data`, which appears with the first of them. NAME is a constant. Texts are
 * borrowed, NUL-terminated UTF-8; raw is JSON text. A TEXT of NULL, which a failed allocation
 * gives, adds nothing. */
void response_text(struct response *response, const char *name, const char *text);
void response_integer(struct response *response, const char *name, int64_t value);
void response_time(struct response *response, const char *name, int64_t milliseconds);
void response_raw(struct response *response, const char *name, const char *json, size_t size);

/* Adds ITEM to `data`; accepts NULL, which a failed allocation gives. */
void response_json(struct response *response, const char *name, cJSON *item);

/* Makes BODY, of the content type TYPE, the whole body of a success, to the byte. Both are
 * borrowed; BODY.at is NULL after a failed allocation, which the arena has recorded. */
void response_plain(struct response *response, const char *type, struct text body);

/* Adds the REASON why FIELD was refused to `details`; both are borrowed, static or on the arena.
 * The first reason given for a field stays. A REASON of NULL, which a failed allocation gives, adds
 * nothing. */
void response_detail(struct response *response, const char *field, const char *reason);

/* Prints head and body: of the success when ERROR is ERR_NONE, else of the error. WITH_BODY false
 * leaves the body out but keeps its length in the head (RFC 9110 section 9.3.2). False when memory
 * is out. */
bool response_render(struct response *response, enum error_code error, bool with_body,
                     struct rendered *out);

/* The answer for when there is no memory for any other; it needs none. */
void response_last_resort(bool with_body, struct rendered *out);

#endif
