/*
 * tape.h - a transport that plays recorded requests, the second one after CGI.
 *
 * The programs run on it as they are: the same loop, the same handlers, thousands of requests in
 * one process. Clock and random bytes are set by the player, the log can be read, a body can come
 * in pieces, end early or stall. Each answer is looked at as it is sent: a broken one is told by
 * tape_answer.fault.
 */
#ifndef CUBBY_TESTS_INPROC_TAPE_H
#define CUBBY_TESTS_INPROC_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/serve/serve.h"

enum tape_ending {
    TAPE_WHOLE,  /* the body ends where it ends */
    TAPE_STALLED /* then nothing comes any more: the reader waits until its deadline */
};

/* Absent texts are NULL. All are borrowed until the answer was heard. */
struct tape_request {
    const char *method; /* NULL: GET */
    const char *path;
    const char *query;
    const char *authorization;
    const char *body;
    size_t body_size;      /* 0: that of the string */
    const char *announced; /* CONTENT_LENGTH; NULL: the true length, nothing without a body */
    size_t piece;          /* bytes handed over at a time; 0: as many as are asked for */
    int64_t piece_ms;      /* how long each lets the reader wait */
    enum tape_ending ending;
    const char *const *variables; /* "NAME=value" …, NULL; they go before all others */
    uint64_t seed;                /* of the random bytes */
    int64_t now_ms;
};

struct tape_answer {
    int status;
    const char *head; /* NUL-terminated, as is the body */
    size_t head_size;
    const char *body;
    size_t body_size;
    const char *log;   /* the lines of this request, each with a newline */
    const char *fault; /* what is wrong with the answer's form, or NULL */
};

/* The next request to play; false at the end of the tape. */
typedef bool tape_next(void *self, struct tape_request *out);

/* Called with every answer, valid during the call. */
typedef void tape_heard(void *self, const struct tape_request *request,
                        const struct tape_answer *answer);

/* Plays a tape to PROGRAM in one loop. CONFIG is the path of the settings. Returns the number of
 * requests that had no answer or more than one, or were looked at before the settings, which should
 * be 0. */
int tape_play(const struct program *program, const char *config, tape_next *next, tape_heard *heard,
              void *self);

/* The value of a header of the answer, in ROOM; NULL when it is not there. */
const char *tape_header(const struct tape_answer *answer, const char *name, char *room,
                        size_t size);

/* The member at PATH ("data.value") of the answer's body: its JSON text in ROOM, of a string the
 * decoded text. NULL when it is not there. */
const char *tape_member(const struct tape_answer *answer, const char *path, char *room,
                        size_t size);

#endif
