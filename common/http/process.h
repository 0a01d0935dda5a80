/*
 * process.h - what the transports of the programs, CGI and FastCGI, have of the process they run
 * in: environment, clock and random bytes. The functions fit into struct transport.
 */
#ifndef CUBBY_COMMON_HTTP_PROCESS_H
#define CUBBY_COMMON_HTTP_PROCESS_H

#include "common/http/transport.h"

/* The value of the environment variable NAME, or NULL. */
const char *process_variable(struct transport *transport, const char *name);

/* As next_value of struct transport, of ENVIRONMENT, a list as `environ`. */
const char *environment_value(char **environment, const char *name, size_t *place);

/* The same of the environment of the process. */
const char *process_next_value(struct transport *transport, const char *name, size_t *place);

/* Milliseconds since 1970. */
int64_t process_now_ms(struct transport *transport);

/* Random bytes of the system; false when it has none. */
bool process_random(struct transport *transport, unsigned char *bytes, size_t size);

#endif
