/*
 * examples.h - every call of the API once, as a request that succeeds in the world as it is at
 * first, and a few that are refused only after much work.
 *
 * The tests of failing memory, of a failing database and of kept state go through this table: a new
 * call needs one row here to be covered by all of them.
 */
#ifndef CUBBY_TESTS_INPROC_EXAMPLES_H
#define CUBBY_TESTS_INPROC_EXAMPLES_H

#include "tests/inproc/world.h"

enum example_user { NOBODY, ANN, BOB };

struct example {
    const char *name;
    const struct program *program;
    const char *method;
    const char *path;
    const char *query;
    const char *body;
    enum example_user user; /* whose token is sent */
    int status;
    const char *member;           /* this member of the answer … NULL: none is looked at */
    const char *wanted;           /* … is this JSON text, of a string without quotes */
    bool attempts;                /* counts attempts, which stay when it fails */
    const char *const *variables; /* further headers, "HTTP_NAME=value" …, NULL */
};

extern const struct example examples[];
extern const size_t example_count;

/* The request of the row, with the token of its user. */
struct tape_request example_request(const struct example *example);

/* Fails the test unless ANSWER is the one that the row promises. */
void example_check(const struct example *example, const struct tape_answer *answer);

#endif
