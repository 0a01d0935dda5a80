/*
 * http.h - names of HTTP that several rooms share.
 */
#ifndef CUBBY_COMMON_HTTP_HTTP_H
#define CUBBY_COMMON_HTTP_HTTP_H

/* Methods as bits, so that a set of them fits into one number. */
enum http_method {
    HTTP_OTHER = 0,
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_PATCH = 16,
    HTTP_DELETE = 32,
    HTTP_OPTIONS = 64,
};

#endif
