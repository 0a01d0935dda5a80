/*
 * http_curl.h - one HTTP/1.1 request over TLS, by the program curl of the system.
 *
 * TLS means trust in certificates, and that is the system's: its list of authorities, its updates.
 * So the static tool has no TLS of its own.
 */
#ifndef CUBBY_DB_TOOL_HTTP_CURL_H
#define CUBBY_DB_TOOL_HTTP_CURL_H

#include <stdio.h>
#include <sys/types.h>

#include "db/tool/http_client.h"

struct http_curl {
    pid_t process;
    int answer;   /* where the answer is to be read, head and body as they came */
    FILE *body;   /* NULL: none */
    FILE *errors; /* what curl says */
};

/* Starts curl for REQUEST, connected to the host of URL whatever its authority is: that name is the
 * one that the certificate must be for. NULL when it runs, and then http_curl_end is to be called;
 * otherwise a text that says why not. */
const char *http_curl_start(struct arena *arena, const struct http_url *url,
                            const struct http_request *request, struct http_curl *curl);

/* Ends it, done or not. NULL, or what curl complained of, on ARENA. */
const char *http_curl_end(struct arena *arena, struct http_curl *curl);

#endif
