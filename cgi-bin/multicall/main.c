/*
 * main.c - all programs as one executable, for boards that have little room. It is what the name
 * says by which it is started: the same routes and statements as the program of its own with that
 * name, and no others. `make MULTICALL=1` builds it and makes a hard link for each name.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/streams.h"
#include "common/serve/serve.h"

/* CUBBY_PROGRAMS, from the Makefile, names each program once: PROGRAM(batch) PROGRAM(data) ... */
#define PROGRAM(name) extern const struct program name##_program;
CUBBY_PROGRAMS
#undef PROGRAM

#define PROGRAM(name) &name##_program,
static const struct program *const programs[] = {CUBBY_PROGRAMS NULL};
#undef PROGRAM

static const struct program *program_named(const char *name)
{
    for (const struct program *const *program = programs; *program != NULL; program++) {
        if (strcmp((*program)->name, name) == 0) {
            return *program;
        }
    }
    return NULL;
}

/* Under any other name it is no program: a request is told that there is nothing (404), the
 * operator why. */
static int refuse_name(const char *name)
{
    static const struct program none = {.name = "none"};
    char line[LOG_LINE_MAXIMUM];
    if (!streams_occupy()) {
        return EXIT_FAILURE;
    }
    log_format(line, "multicall", "started as \"%s\", which is no program of cubby", name);
    (void)log_write("", line);
    (void)cgi_main(&none);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *path = argc > 0 ? argv[0] : "";
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const struct program *program = program_named(name);
    return program != NULL ? cgi_main(program) : refuse_name(name);
}
