/*
 * parameters.c - the query parameters that a call takes.
 */
#include "common/serve/parameters.h"

#include <inttypes.h>
#include <string.h>

#include "common/serve/unknown.h"

static const char *take_whole(struct call *call, const struct parameter *parameter,
                              struct text value, int64_t *out)
{
    bool over;
    bool negative = parameter->least < 0 && value.size > 0 && value.at[0] == '-';
    struct text digits = {.at = value.at + negative, .size = value.size - negative};
    int64_t most = negative ? -parameter->least : parameter->most;
    if (text_to_int64(digits, most, &over, out)) {
        *out = negative ? -*out : *out;
        if (*out >= parameter->least) {
            return NULL;
        }
    }
    return arena_printf(call->arena, "must be a whole number from %" PRId64 " to %" PRId64,
                        parameter->least, parameter->most);
}

static const char *take_flag(struct text value, bool *out)
{
    *out = text_equal(value, text_of("true"));
    return *out || text_equal(value, text_of("false")) ? NULL : "must be true or false";
}

static const char *take_text(const struct parameter *parameter, struct text value, struct text *out)
{
    *out = value;
    return parameter->check != NULL ? parameter->check(value) : NULL;
}

/* NULL, or what is wrong with the parameter. */
static const char *read_parameter(struct call *call, const struct parameter *parameter, void *out)
{
    bool given;
    struct text value;
    if (!query_find(call->arena, call->request.query, parameter->name, &given, &value)) {
        return given ? "is not percent-encoded text" : NULL;
    }
    void *member = (char *)out + parameter->offset;
    switch (parameter->kind) {
    case PARAMETER_WHOLE:
        return take_whole(call, parameter, value, member);
    case PARAMETER_FLAG:
        return take_flag(value, member);
    case PARAMETER_TEXT:
    case PARAMETER_ELSEWHERE:
    default:
        return take_text(parameter, value, member);
    }
}

enum error_code parameters_read(struct call *call, void *out)
{
    enum error_code error = ERR_NONE;
    const struct parameter *row = call->route->parameters;
    if (*call->request.query == '\0' || row == NULL) {
        return ERR_NONE;
    }
    for (; row->name != NULL; row++) {
        const char *reason =
            row->kind != PARAMETER_ELSEWHERE ? read_parameter(call, row, out) : NULL;
        if (arena_failed(call->arena)) {
            return call_fail(call, ERR_INTERNAL, "out of memory while reading a query");
        }
        if (reason != NULL) {
            response_detail(&call->response, row->name, reason);
            error = ERR_INVALID_PARAMETER;
        }
    }
    return error;
}

/* ---- names that no table knows --------------------------------------------------------------- */

/* The parameter that names the item, if the present address may have it; else NULL. */
static const char *item_parameter(const struct call *call)
{
    return strcmp(call->route->path, "/{}") == 0 && *call->request.path == '\0'
               ? call->program->item_parameter
               : NULL;
}

/* Whether NAME is known; otherwise UNKNOWN is told of it. */
static bool is_known(const struct call *call, struct text name, struct unknown *unknown)
{
    *unknown = unknown_start(name);
    const char *item = item_parameter(call);
    if (item != NULL) {
        if (text_equal(name, text_of(item))) {
            return true;
        }
        unknown_offer(unknown, item);
    }
    const struct parameter *row = call->route->parameters;
    for (; row != NULL && row->name != NULL; row++) {
        if (text_equal(name, text_of(row->name))) {
            return true;
        }
        unknown_offer(unknown, row->name);
    }
    return false;
}

/* Whether the query from AT on has a parameter NAME. */
static bool has_parameter(const char *at, struct text name)
{
    while (*at != '\0') {
        size_t name_size = strcspn(at, "&=");
        if (text_equal((struct text){.at = at, .size = name_size}, name)) {
            return true;
        }
        at += strcspn(at, "&");
        at += *at == '&';
    }
    return false;
}

static bool takes_conditions(const struct call *call)
{
    const struct parameter *row = call->route->parameters;
    for (; row != NULL && row->name != NULL; row++) {
        if (strcmp(row->name, "if_match") == 0) {
            return true;
        }
    }
    return false;
}

/* A call that changes something must not be made as if the client had not said under which
 * condition, or of which part. One that only reads may: caches send conditions by themselves, and
 * who gets the whole answer sees that (RFC 9110 section 13.1). There is no time to compare with
 * here, so of the conditions on times one is of no use, and the other, If-Modified-Since, is none
 * for such a call. A tag that is given along takes precedence over a time (section 13.1.4). */
static enum error_code refuse_condition(struct call *call)
{
    static const char none[] = "this call takes no condition";
    const struct request *request = &call->request;
    if (request->method == HTTP_GET) {
        return ERR_NONE;
    }
    bool takes = takes_conditions(call);
    const struct {
        const char *name;
        const char *reason; /* NULL: no fault */
    } faults[] = {
        {"if_match", request->if_match != NULL && !takes ? none : NULL},
        {"if_none_match", request->if_none_match != NULL && !takes ? none : NULL},
        {"if_unmodified_since",
         request->if_unmodified_since == NULL ? NULL
         : !takes                             ? none
         : request->if_match == NULL && !has_parameter(request->query, text_of("if_match"))
             ? "is no condition here; If-Match and If-None-Match are"
             : NULL},
        {"content_range", request->content_range != NULL ? "no part can be sent" : NULL},
    };
    enum error_code error = ERR_NONE;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].reason != NULL) {
            response_detail(&call->response, faults[i].name, faults[i].reason);
            error = ERR_INVALID_PARAMETER;
        }
    }
    return error;
}

enum error_code parameters_check(struct call *call)
{
    size_t told = 0;
    bool twice = false; /* and then no more are looked for, so that the work stays small */
    for (const char *at = call->request.query; *at != '\0' && told < UNKNOWN_TOLD_MAXIMUM;) {
        size_t size = strcspn(at, "&");
        size_t name_size = strcspn(at, "&=");
        struct unknown unknown;
        const struct text name = {.at = at, .size = name_size};
        at += size;
        at += *at == '&';
        if (size > 0 && !is_known(call, name, &unknown)) {
            unknown_tell(call, &unknown, "");
            told++;
        } else if (size > 0 && !twice && has_parameter(at, name)) {
            const char *field = arena_copy(call->arena, name.at, name.size);
            if (field != NULL) {
                response_detail(&call->response, field, "is given more than once");
            }
            twice = true;
        }
    }
    return told > 0 ? ERR_UNKNOWN_PARAMETER
           : twice  ? ERR_INVALID_PARAMETER
                    : refuse_condition(call);
}
