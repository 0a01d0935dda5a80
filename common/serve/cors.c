/*
 * cors.c - the header fields that let pages of other origins use the API.
 */
#include "common/serve/cors.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/serve/serve.h"

/* Bytes of an origin that is echoed. A scheme, a name of 253 characters and a port are fewer. */
enum { ORIGIN_MAXIMUM = 300 };

static bool origin_allowed(const char *origins, const char *origin)
{
    size_t length = strlen(origin);
    while (*origins != '\0') {
        size_t word = strcspn(origins, " \t");
        if ((word == 1 && *origins == '*') ||
            (word == length && memcmp(origins, origin, length) == 0)) {
            return true;
        }
        origins += word;
        origins += strspn(origins, " \t");
    }
    return false;
}

void cors_add(struct call *call)
{
    const char *origins = call->config->cors_origins;
    if (*origins == '\0') {
        return;
    }
    call->response.varies_by_origin = true;
    const char *origin = call->request.origin;
    if (origin == NULL || strlen(origin) > ORIGIN_MAXIMUM || text_has_control(text_of(origin)) ||
        !origin_allowed(origins, origin)) {
        return;
    }
    response_header(&call->response, "Access-Control-Allow-Origin", origin);
    if (call->request.method == HTTP_OPTIONS) {
        response_header(&call->response, "Access-Control-Allow-Methods",
                        "GET, HEAD, POST, PUT, PATCH, DELETE");
        response_header(&call->response, "Access-Control-Allow-Headers",
                        "Authorization, Content-Type, If-Match, If-None-Match, "
                        "X-HTTP-Method-Override");
        response_header(&call->response, "Access-Control-Max-Age", "600");
    } else {
        response_header(&call->response, "Access-Control-Expose-Headers",
                        "ETag, Link, Retry-After, WWW-Authenticate");
    }
}
