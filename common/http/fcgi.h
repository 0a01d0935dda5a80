/*
 * fcgi.h - the transport of a program that lives from one request to the next (FastCGI).
 *
 * A web server, or who starts programs for it, hands over a listening socket as standard input.
 * fcgi.c is the only file that includes fcgiapp.h, of libfcgi.
 */
#ifndef CUBBY_COMMON_HTTP_FCGI_H
#define CUBBY_COMMON_HTTP_FCGI_H

#include <stdbool.h>

#include "common/http/transport.h"

/* Whether the process was started so: its standard input is a listening socket. */
bool fcgi_is_wanted(void);

/* The transport of the process, which has only one. From then on SIGTERM, SIGUSR1, SIGINT and
 * SIGHUP wait until no request is in hand; then they end it. So does the replacement of the
 * program's file. NULL when memory is out. */
struct transport *fcgi_open(void);

/* Closes what fcgi_open opened. */
void fcgi_close(struct transport *transport);

#endif
