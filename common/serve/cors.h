/*
 * cors.h - cross-origin requests (Fetch standard, section "CORS protocol").
 */
#ifndef CUBBY_COMMON_SERVE_CORS_H
#define CUBBY_COMMON_SERVE_CORS_H

struct call;

/* With `cors_origins` set, adds Vary and, if it allows the origin of the request, the fields that
 * permit access, for OPTIONS those that answer a preflight request. Otherwise adds nothing. */
void cors_add(struct call *call);

#endif
