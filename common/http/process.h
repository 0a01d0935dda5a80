/*
 * process.h - what the transports of the programs, CGI and FastCGI, have of the process they run
 * in: environment, descriptors, clock, random bytes and the program's file. Those that take a
 * transport fit into struct transport.
 */
#ifndef CUBBY_COMMON_HTTP_PROCESS_H
#define CUBBY_COMMON_HTTP_PROCESS_H

#include <sys/stat.h>

#include "common/http/transport.h"

/* The value of the environment variable NAME, or NULL. */
const char *process_variable(struct transport *transport, const char *name);

/* As next_value of struct transport, of ENVIRONMENT, a list as `environ`. */
const char *environment_value(char **environment, const char *name, size_t *place);

/* The same of the environment of the process. */
const char *process_next_value(struct transport *transport, const char *name, size_t *place);

/* Closes what the process was started with beside standard input, output and error: a web server
 * may have left files open. From Linux 5.9 on; earlier kernels have no such call. */
void process_close_inherited(void);

/* Milliseconds since 1970. */
int64_t process_now_ms(struct transport *transport);

/* Random bytes of the system; false when it has none. */
bool process_random(struct transport *transport, unsigned char *bytes, size_t size);

enum { PROCESS_PATH_ROOM = 4096 };

/* The file that the process was started from, as it was then. */
struct process_program {
    char path[PROCESS_PATH_ROOM]; /* "": not known */
    struct stat image;
};

/* To be called when the process begins. Without /proc the file is not known. */
void process_note_program(struct process_program *program);

/* Whether another file lies there, or none: an upgrade. False when the file is not known. */
bool process_was_replaced(const struct process_program *program);

#endif
