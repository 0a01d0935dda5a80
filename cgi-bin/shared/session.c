/*
 * session.c - the answer that carries a new access token.
 */
#include "cgi-bin/shared/session.h"

#include "cgi-bin/shared/raw_value.h"

const struct parameter session_parameters[] = {
    {"raw", PARAMETER_FLAG, offsetof(struct session_query, raw), 0, 0, NULL},
    PARAMETERS_END,
};

enum error_code session_answer(struct call *call, int64_t user_id, int64_t epoch, int64_t started,
                               bool raw, const char *message)
{
    int64_t now = call->now_ms / 1000;
    int64_t limit = call->config->session_lifetime;
    int64_t expires = now + call->config->token_lifetime;
    started = limit == 0 ? 0 : started == 0 ? now : started;
    if (limit > 0 && expires > started + limit) {
        expires = started + limit;
    }
    if (expires <= now) {
        return call_refuse_token(call, "expired");
    }
    const struct token_keys *keys;
    enum error_code error = call_keys(call, &keys);
    if (error != ERR_NONE) {
        return error;
    }
    unsigned char id[TOKEN_ID_SIZE / 2];
    if (!call->transport->random(call->transport, id, sizeof id)) {
        return call_fail(call, ERR_INTERNAL, "no random bytes for a token");
    }
    struct token_claims claims = {
        .user_id = user_id, .epoch = epoch, .issued = now, .expires = expires, .started = started};
    hex_encode(id, sizeof id, claims.id);
    const char *token;
    error = token_sign(keys, &claims, call->arena, &token, &call->cause);
    if (error != ERR_NONE) {
        return error;
    }
    struct response *response = &call->response;
    response_success(response, 200, message);
    response->token = token;
    response_text(response, "access_token", token);
    response_text(response, "token_type", "Bearer");
    response_integer(response, "expires_in", expires - now);
    if (raw) {
        raw_token_answer(call, token);
    }
    return ERR_NONE;
}
