/*
 * loop.h - what the files of the loop share with each other; nobody else includes it.
 *
 * One request goes through them in this order: serve.c takes it from the transport, gate.c brings
 * it to its handler, finish.c makes the answer and ends the transaction (events.c has the lines of
 * the log), send.c sends it.
 */
#ifndef CUBBY_COMMON_SERVE_LOOP_H
#define CUBBY_COMMON_SERVE_LOOP_H

#include <sys/stat.h>

#include "common/serve/serve.h"

/* What lives as long as the process: settings, keys and the connection to the database. */
struct serve {
    const struct program *program;
    struct transport *transport;
    struct arena arena; /* of the settings */
    struct config config;
    bool configured;
    struct token_keys *keys;
    struct stat keys_file; /* as call_authenticate_again saw it last */
    void *store;
};

/* The gate in its fixed order, then the handler. What the answer is made of: ERR_NONE, or the error
 * that ended the way through. */
enum error_code gate_pass(struct call *call);

/* The end of a call whose handler, or gate, gave ERROR: prints the answer into memory, then ends
 * the transaction, so that what was answered is what was committed, and texts borrowed from the
 * store live long enough. ANSWER is complete whatever happens; it may be another error than ERROR.
 */
void finish_call(struct call *call, enum error_code error, struct rendered *answer);

/* The security event of CALL, which ended with ERROR, as one line of JSON on its arena; without who
 * and where it was unless NAMED. NULL when there is none, or no memory. */
const char *event_text(struct call *call, enum error_code error, bool named);

/* Whether EVENT is kept in the database too. */
bool event_is_kept(const struct call *call, const char *event, enum error_code error);

/* Keeps EVENT in the database: with a success in the call's own transaction, which is still open;
 * after a failure in one of its own, which is ended here. */
enum error_code event_keep(struct call *call, const char *event, enum error_code error);

/* Writes EVENT, or what caused ERROR, into the log. */
void event_log(struct call *call, const char *event);
void cause_log(struct call *call, enum error_code error);

/* Sends ANSWER; false when the client is gone. */
bool send_answer(struct transport *transport, const struct rendered *answer);

#endif
