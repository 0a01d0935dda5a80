/*
 * cgi.h - the transport of a program that a web server starts for one request (CGI, RFC 3875).
 */
#ifndef CUBBY_COMMON_HTTP_CGI_H
#define CUBBY_COMMON_HTTP_CGI_H

#include <stdbool.h>

#include "common/http/transport.h"

struct cgi_transport {
    struct transport transport; /* must be first: its functions cast its address */
    bool served;                /* the one request was given out */
};

/* Makes CGI the transport of the process's one request. It must not be moved while in use. */
void cgi_transport_init(struct cgi_transport *cgi);

#endif
