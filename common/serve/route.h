/*
 * route.h - which row of its program's table a request is for.
 */
#ifndef CUBBY_COMMON_SERVE_ROUTE_H
#define CUBBY_COMMON_SERVE_ROUTE_H

#include "common/base/error.h"

struct call;

/* Sets call->route, and call->item to the part of the address that "/{}" stands for. ERR_NOT_FOUND
 * when no row has the path; ERR_METHOD_NOT_ALLOWED when only rows of other methods have it, which
 * the answer lists in Allow (RFC 9110 section 10.2.1). For OPTIONS that list is the whole answer,
 * and call->route stays NULL. */
enum error_code call_find_route(struct call *call);

#endif
