/*
 * loop.h - internal declarations of the loop; only its own files include this header.
 *
 * One request goes through them in this order: serve.c takes it from the transport (keep.c has what
 * it finds from the one before), gate.c brings it to its handler, finish.c makes the answer and
 * ends the transaction (events.c has the lines of the log), send.c sends it.
 */
#ifndef CUBBY_COMMON_SERVE_LOOP_H
#define CUBBY_COMMON_SERVE_LOOP_H

#include "common/base/stamp.h"
#include "common/serve/serve.h"

/* What is known of requests that wait for this process. A request that waited in vain, for a lock
 * or a place, has kept others waiting as long; they must not wait once more in its place. */
struct congestion {
    bool is_there;
    bool of_writers; /* the one that waited was to write, so that only another writer proves an end
                        of it */
    int64_t of_user; /* of a server, where users have locks of their own: whose call waited, so that
                        only another one of that user proves an end of it; 0: anybody's */
};

/* What lives as long as the process: settings, keys and the connection to the database. */
struct serve {
    const struct program *program;
    struct transport *transport;
    struct arena arena; /* of the settings */
    struct config config;
    bool configured;
    const char *settings_path; /* of the file they were read from */
    struct stamp settings_file;
    struct token_keys *keys;
    struct stamp keys_file; /* when the keys were read; of a process that ends with the request,
                               when call_authenticate_again looked last */
    void *store;
    unsigned sandbox;       /* what sandbox_enter has put into force */
    struct stamp keys_rule; /* the files that had rules of their own then; the key file when */
    struct stamp log_rule;
    struct stamp passwords_rule;
    struct stamp folder_rule;
    struct stamp target_rule; /* the folder of what the database is a link to */
    const char *folder;       /* of the database; of a process that lives on */
    bool keys_have_rule;
    bool misplaced; /* it was asked for what it has given up */
    struct congestion congestion;
    int64_t served;  /* requests */
    int64_t started; /* monotonic_ms of the first one; of a process that lives on */
};

/* keep.c: settings and keys are read on first use, and then kept. */
enum error_code keep_settings(struct serve *serve, struct cause *cause);
enum error_code keep_keys(struct serve *serve, struct cause *cause);

/* Before the first request: reads the settings that the environment of a process names which has
 * no other purpose, and confines it. An error is left for the first request to meet again. */
void keep_settings_beforehand(struct serve *serve);

/* Between two requests: gives up what has changed since it was read. */
void keep_current(struct serve *serve);

/* Gives up the keys if their file has changed since the last look. */
void keep_new_keys(struct serve *serve);

/* confine.c: confines the process to what the settings name, unless the transport has it for other
 * things. */
void confine(struct serve *serve);

/* Whether it is confined, and thus opens no other files any more. */
bool confine_holds(const struct serve *serve);

/* Whether it reads no settings any more: it is confined, or has limits that follow from them. */
bool confine_keeps_settings(const struct serve *serve);

/* Whether there is a key file that it has no right to read. */
bool confine_keeps_from_keys(const struct serve *serve);

/* Records that the process can't serve this request, and ends before the next one, for another to
 * take its place. ERR_SERVICE_UNAVAILABLE. */
enum error_code confine_gives_way(struct serve *serve, struct cause *cause, const char *why);

/* Has a process that lives on end before a request that it is confined too much for. */
void confine_watch(struct serve *serve);

/* Gives up the store, or everything. */
void keep_release_store(struct serve *serve);
void keep_nothing(struct serve *serve);

/* Passes CALL through the checks of the gate and then to its handler. Returns ERR_NONE or the first
 * error, of which the answer is then made. */
enum error_code gate_pass(struct call *call);

/* After ERROR, of the handler or of the end of its transaction: whether the request is to be done
 * again, because the store undid it for the sake of others; at most a few times. CALL is then as
 * when its body had been read, for gate_pass_again, which returns as gate_pass does. */
bool gate_starts_again(struct call *call, enum error_code error);
enum error_code gate_pass_again(struct call *call);

/* Ends a call whose gate or handler returned ERROR. Prints the answer into memory before it ends
 * the transaction, because texts borrowed from the store live only until then; a success is sent
 * only after its commit. ANSWER is complete in every case, perhaps with another error than ERROR,
 * which is returned. */
enum error_code finish_call(struct call *call, enum error_code error, struct rendered *answer);

/* Makes a security event of a call without one whose token was refused, or reached outside of its
 * scope (ERROR); a call without any token is none. Such events are not kept in the database: there
 * may be a flood of them, and calls that only read may not write there. */
void event_of_refusal(struct call *call, enum error_code error);

/* The security event of CALL, which ended with ERROR, as one line of JSON on its arena; unless
 * NAMED it leaves out the user and the address. NULL when there is no event, or no memory. */
const char *event_text(struct call *call, enum error_code error, bool named);

/* Whether EVENT is kept in the database too. */
bool event_is_kept(const struct call *call, const char *event, enum error_code error);

/* Stores EVENT in the database: after a success in the transaction of the call, which is still
 * open; after a failure, and the success of a call that only reads, in a new one, which this
 * function ends. Where the latter can't be written now, it is left to the log, with the cause:
 * ERR_NONE. */
enum error_code event_keep(struct call *call, const char *event, enum error_code error);

/* Write EVENT, or the cause of ERROR, to the log. */
void event_log(struct call *call, const char *event);
void cause_log(struct call *call, enum error_code error);

/* Sends ANSWER; false when the client is gone, or the file of a long body can't be read. */
bool send_answer(struct transport *transport, const struct rendered *answer);

#endif
