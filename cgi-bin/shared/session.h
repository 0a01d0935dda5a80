/*
 * session.h - the answer that carries a new access token.
 */
#ifndef CUBBY_CGI_BIN_SHARED_SESSION_H
#define CUBBY_CGI_BIN_SHARED_SESSION_H

#include "common/serve/serve.h"

/* Signs a token for USER_ID with its current EPOCH and answers with it: 200, MESSAGE, `token` and
 * `data`. ERR_INTERNAL, with a cause, when the key file can't be used, or there are no random bytes
 * or no memory. */
enum error_code session_answer(struct call *call, int64_t user_id, int64_t epoch,
                               const char *message);

#endif
