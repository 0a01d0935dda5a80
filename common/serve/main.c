/*
 * main.c - what the `main` of each program calls.
 */
#include <signal.h>
#include <stdlib.h>

#include "common/http/cgi.h"
#include "common/serve/serve.h"

int cgi_main(const struct program *program)
{
    /* A client that hangs up must not end the program before it has written its log line. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* A file size limit (RLIMIT_FSIZE) is then reported like a full disk. */
    (void)signal(SIGXFSZ, SIG_IGN);
    struct cgi_transport cgi;
    cgi_transport_init(&cgi);
    return serve(program, &cgi.transport) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
