/*
 * cors.h - cross-origin requests (Fetch standard, section "CORS protocol").
 */
#ifndef CUBBY_COMMON_SERVE_CORS_H
#define CUBBY_COMMON_SERVE_CORS_H

struct call;

/* Adds the header fields that the settings allow for the origin of the request; to OPTIONS, the
 * answer to a preflight. Nothing without `cors_origins`. */
void cors_add(struct call *call);

#endif
