/*
 * main.c - what the `main` of each program calls.
 */
#include <signal.h>
#include <stdlib.h>

#include "common/base/streams.h"
#include "common/http/cgi.h"
#include "common/http/fcgi.h"
#include "common/http/fcgi_parent.h"
#include "common/http/process.h"
#include "common/serve/serve.h"

/* The life of a program that a web server lets serve many requests, one after the other. */
static int serve_many(const struct program *program)
{
    if (fcgi_parent_is()) {
        return EXIT_SUCCESS;
    }
    struct transport *fcgi = fcgi_open();
    if (fcgi == NULL) {
        return EXIT_FAILURE;
    }
    (void)serve(program, fcgi); /* a client that went away is no failure of the program */
    fcgi_close(fcgi);
    return EXIT_SUCCESS;
}

int cgi_main(const struct program *program)
{
    if (!streams_occupy()) {
        return EXIT_FAILURE;
    }
    process_close_inherited();
    /* A client that hangs up must not end the program before it has written its log line. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* A file size limit (RLIMIT_FSIZE) is then reported like a full disk. */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (fcgi_is_wanted()) {
        return serve_many(program);
    }
    struct cgi_transport cgi;
    cgi_transport_init(&cgi);
    return serve(program, &cgi.transport) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
