/*
 * cgi.h - the transport of a program that a web server starts for one request (CGI, RFC 3875).
 */
#ifndef CUBBY_COMMON_HTTP_CGI_H
#define CUBBY_COMMON_HTTP_CGI_H

#include <stdbool.h>

#include "common/http/transport.h"

struct cgi_transport {
    struct transport transport; /* the first member: the functions get its address */
    bool served;                /* the one request */
};

/* Fills CGI, which then gives the process's one request. It must stay where it is while served. */
void cgi_transport_init(struct cgi_transport *cgi);

#endif
