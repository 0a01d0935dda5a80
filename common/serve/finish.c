/*
 * finish.c - the end of a call: prints its answer, then commits or rolls back its transaction.
 */
#include <inttypes.h>
#include <string.h>

#include "common/http/error_table.h"
#include "common/serve/loop.h"

static void add_error_headers(struct call *call, enum error_code error)
{
    switch (error_info(error)->status) {
    case 401: {
        /* RFC 6750 section 3: no error code when no token was sent. */
        const cJSON *why = cJSON_GetObjectItemCaseSensitive(call->response.details, "token");
        bool sent = error == ERR_INVALID_TOKEN &&
                    !(cJSON_IsString(why) && strcmp(why->valuestring, "missing") == 0);
        response_header(&call->response, "WWW-Authenticate",
                        sent ? "Bearer realm=\"cubby\", error=\"invalid_token\""
                             : "Bearer realm=\"cubby\"");
        break;
    }
    case 403:
        response_header(&call->response, "WWW-Authenticate",
                        "Bearer realm=\"cubby\", error=\"insufficient_scope\"");
        break;
    case 429:
        response_header(&call->response, "Retry-After",
                        arena_printf(call->arena, "%" PRId64, call->retry_after));
        break;
    case 503:
        response_header(&call->response, "Retry-After", "1");
        break;
    default:
        break;
    }
}

/* Prints the answer; false when there is no memory for it. */
static bool render(struct call *call, enum error_code error, struct rendered *answer)
{
    if (error != ERR_NONE) {
        add_error_headers(call, error);
    }
    return response_render(&call->response, error, !call->request.head, answer);
}

/* What an answer had beside HEADERS of its handler for an error that is not its own any more. */
static void forget_error(struct response *response, size_t headers)
{
    response->header_count = headers;
    response->details = NULL;
    response->errors_carry_data = false;
}

/* What can be said of ERROR when some of what was asked for is done already, so that it must not
 * say that nothing was changed. */
static enum error_code truth(const struct call *call, enum error_code error)
{
    bool failed = error_info(error)->status >= 500 && call->store != NULL;
    return failed && call->program->store->has_committed(call->store) ? ERR_OUTCOME_UNKNOWN : error;
}

/* finish_call, but that *AGAIN says that the request is to be done again. */
static enum error_code finish_once(struct call *call, enum error_code error,
                                   struct rendered *answer, bool *again)
{
    const size_t headers = call->response.header_count;
    error = truth(call, error);
    bool printed = render(call, error, answer);
    if (!printed && error == ERR_NONE) {
        error = truth(call, call_fail(call, ERR_INTERNAL, "out of memory for an answer"));
    }
    event_of_refusal(call, error);
    const char *event = event_text(call, error, true);
    bool kept = event_is_kept(call, event, error);
    enum error_code ended = ERR_NONE;
    if (kept && error == ERR_NONE) {
        ended = event_keep(call, event, error);
    }
    if (call->store != NULL) {
        bool good = error == ERR_NONE && ended == ERR_NONE;
        enum error_code last = call->program->store->end(call->store, good);
        ended = ended != ERR_NONE ? ended : last;
    }
    *again = error == ERR_NONE && gate_starts_again(call, ended);
    if (*again) {
        return ended;
    }
    if (ended != ERR_NONE && (error == ERR_NONE || error_info(error)->status < 500)) {
        error = truth(call, ended);
        forget_error(&call->response, headers);
        event = event_text(call, error, true);
        printed = render(call, error, answer);
    } else if (kept && error != ERR_NONE) {
        (void)event_keep(call, event, error);
    }
    if (!printed) {
        response_last_resort(!call->request.head, answer);
    }
    if (error != ERR_NONE || call->cause.code != ERR_NONE) {
        cause_log(call, error);
    }
    if (event != NULL) {
        event_log(call, event);
    }
    return error;
}

enum error_code finish_call(struct call *call, enum error_code error, struct rendered *answer)
{
    bool again;
    error = finish_once(call, error, answer, &again);
    while (again) {
        error = finish_once(call, gate_pass_again(call), answer, &again);
    }
    return error;
}
