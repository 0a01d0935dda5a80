/*
 * parameters.c - the query parameters that a call takes.
 */
#include "common/serve/parameters.h"

#include <inttypes.h>

static const char *take_whole(struct call *call, const struct parameter *parameter,
                              struct text value, int64_t *out)
{
    bool over;
    if (text_to_int64(value, parameter->most, &over, out) && *out >= parameter->least) {
        return NULL;
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
    default:
        return take_text(parameter, value, member);
    }
}

enum error_code parameters_read(struct call *call, const struct parameter *parameters, size_t count,
                                void *out)
{
    enum error_code error = ERR_NONE;
    if (*call->request.query == '\0') {
        return ERR_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        const char *reason = read_parameter(call, &parameters[i], out);
        if (arena_failed(call->arena)) {
            return call_fail(call, ERR_INTERNAL, "out of memory while reading a query");
        }
        if (reason != NULL) {
            response_detail(&call->response, parameters[i].name, reason);
            error = ERR_INVALID_PARAMETER;
        }
    }
    return error;
}
