/*
 * events.c - the lines of the log: what caused a failure, and the security events, which are kept
 * in the database too when the operator wants that.
 */
#include "common/base/log.h"
#include "common/http/error_table.h"
#include "common/serve/loop.h"

static void write_log(struct call *call, const char *line)
{
    if (*call->config->log == '\0' && call->transport->log != NULL) {
        call->transport->log(call->transport, line);
    } else {
        (void)log_write(call->config->log, line);
    }
}

void cause_log(struct call *call, enum error_code error)
{
    bool no_trouble = error_info(error)->status < 500 || error == ERR_QUOTA_EXCEEDED;
    if (call->cause.code == ERR_NONE && no_trouble) {
        return;
    }
    char line[LOG_LINE_MAXIMUM];
    const char *code = error != ERR_NONE ? error_info(error)->code : "warning";
    const char *text = call->cause.code != ERR_NONE ? call->cause.text
                       : arena_failed(call->arena)  ? "out of memory"
                                                    : "no cause recorded";
    log_format(line, call->program->name, "%s: %s", code, text);
    write_log(call, line);
}

void event_of_refusal(struct call *call, enum error_code error)
{
    struct audit *audit = &call->audit;
    bool refused = error == ERR_FORBIDDEN ||
                   (error == ERR_INVALID_TOKEN && request_token(&call->request).size > 0);
    if (audit->event != NULL || !refused) {
        return;
    }
    *audit = (struct audit){.event = "access", .only_logged = true};
    if (error == ERR_FORBIDDEN) {
        audit->user_id = call->claims.user_id;
        audit->token = call->claims.device;
    }
}

const char *event_text(struct call *call, enum error_code error, bool named)
{
    const struct audit *audit = &call->audit;
    const char *address = audit->event != NULL ? call_address(call) : NULL;
    if (address == NULL) {
        return NULL;
    }
    cJSON *line = cJSON_CreateObject();
    json_add(line, "event", json_new_string(audit->event));
    json_add(line, "outcome",
             json_new_string(error == ERR_NONE ? "done" : error_info(error)->code));
    if (named && audit->user_id != 0) {
        json_add(line, "user_id", json_new_integer(call->arena, audit->user_id));
    }
    if (audit->token != 0) {
        json_add(line, "token", json_new_integer(call->arena, audit->token));
    }
    if (named) {
        json_add(line, "address", json_new_string(address));
    }
    json_add(line, "at", json_new_time(call->arena, call->now_ms));
    return cJSON_PrintUnformatted(line);
}

/* Whether EVENT is kept in the database too. Requests that were refused unread are not kept, since
 * there may be a flood of them. */
bool event_is_kept(const struct call *call, const char *event, enum error_code error)
{
    return event != NULL && !call->audit.only_logged && call->store != NULL &&
           call->config->audit_rows > 0 && error != ERR_TOO_MANY_ATTEMPTS &&
           error_info(error)->status != 503;
}

static enum error_code add_event(struct call *call, const char *event, enum error_code error)
{
    const struct store_class *class = call->program->store;
    /* Nothing may be left in the database about a deleted user, not even by the call that deletes
     * the account. A token that is no longer valid may also belong to a deleted user, whose number
     * somebody else may have by now; so its event does not name the user either. */
    const char *unnamed = event_text(call, error, false);
    const char *text = error == ERR_INVALID_TOKEN ? unnamed : event;
    return unnamed != NULL
               ? class->add_event(call->store, call->audit.user_id, text_of(text), text_of(unnamed),
                                  call->config->audit_rows, &call->cause)
               : call_fail(call, ERR_INTERNAL, "out of memory");
}

/* What was read is answered also where nothing can be written now: the log has the event. */
static enum error_code keep_of_reader(struct call *call, const char *event)
{
    const struct store_class *class = call->program->store;
    enum error_code error = class->end(call->store, true);
    if (error != ERR_NONE) {
        return error;
    }
    error = add_event(call, event, ERR_NONE);
    if (error == ERR_NONE) {
        error = class->end(call->store, true);
    }
    return error != ERR_NONE && class->drop_writes(call->store) ? ERR_NONE : error;
}

/* The event of a successful call that writes is part of the call's transaction; after a failure,
 * which rolls that transaction back, and of a call that only reads the event gets one of its own.
 */
enum error_code event_keep(struct call *call, const char *event, enum error_code error)
{
    bool writes = (call->route->flags & ROUTE_WRITES) != 0;
    if (error == ERR_NONE && !writes) {
        return keep_of_reader(call, event);
    }
    enum error_code kept = add_event(call, event, error);
    if (error != ERR_NONE) {
        (void)call->program->store->end(call->store, kept == ERR_NONE);
    }
    return kept;
}

void event_log(struct call *call, const char *event)
{
    char line[LOG_LINE_MAXIMUM];
    log_format(line, call->program->name, "audit %s", event);
    write_log(call, line);
}
