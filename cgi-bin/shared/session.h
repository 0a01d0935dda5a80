/*
 * session.h - the answer that carries a new access token.
 */
#ifndef CUBBY_CGI_BIN_SHARED_SESSION_H
#define CUBBY_CGI_BIN_SHARED_SESSION_H

#include "common/serve/parameters.h"
#include "common/serve/serve.h"

/* The query of calls that answer with a token. */
struct session_query {
    bool raw; /* the token alone is wanted */
};

extern const struct parameter session_parameters[];

/* Signs a token for USER_ID with its current EPOCH and answers with it: 200, MESSAGE, `token` and
 * `data`; or RAW, the token alone. STARTED is when the password was given, in seconds since 1970;
 * 0: in this call. The token ends no later than session_lifetime after that, and when that time is
 * over there is none: ERR_INVALID_TOKEN. ERR_INTERNAL, with a cause, when the key file can't be
 * used, or there are no random bytes or no memory. */
enum error_code session_answer(struct call *call, int64_t user_id, int64_t epoch, int64_t started,
                               bool raw, const char *message);

#endif
