/*
 * http_curl.h - one HTTP/1.1 request over TLS, by the program curl of the system.
 *
 * TLS needs the system's list of certificate authorities and its security updates, so the static
 * tool has no TLS of its own.
 */
#ifndef CUBBY_DB_TOOL_HTTP_CURL_H
#define CUBBY_DB_TOOL_HTTP_CURL_H

#include <stdio.h>
#include <sys/types.h>

#include "db/tool/http_client.h"

struct http_curl {
    pid_t process;
    int answer;   /* a pipe with the answer, head and body as they came */
    FILE *body;   /* NULL: none */
    FILE *errors; /* the standard error of curl */
};

/* Starts curl for REQUEST, connected to the host of URL; the certificate must be for the name in
 * the authority of URL, which may differ. NULL when curl runs, and then http_curl_end must be
 * called; otherwise a text that says why not. */
const char *http_curl_start(struct arena *arena, const struct http_url *url,
                            const struct http_request *request, struct http_curl *curl);

/* Ends curl, finished or not. NULL, or its error message, on ARENA. */
const char *http_curl_end(struct arena *arena, struct http_curl *curl);

#endif
