/*
 * raw_value.c - values that travel bare.
 */
#include "cgi-bin/shared/raw_value.h"

#include <string.h>

#include "cgi-bin/shared/item_call.h"
#include "common/http/media_type.h"

static const char type_text[] = "text/plain; charset=utf-8";
static const char type_json[] = "application/json";

enum raw_kind { RAW_TEXT, RAW_JSON, RAW_OTHER };

/* Without a type the body is text, because then it always comes back as it was sent. *FAULT is what
 * is wrong with RAW_OTHER. */
static enum raw_kind kind_of(const char *content_type, const char **fault)
{
    struct text type;
    if (content_type == NULL) {
        return RAW_TEXT;
    }
    *fault = media_type_fault(content_type, &type);
    if (*fault != NULL) {
        return RAW_OTHER;
    }
    *fault = "must be application/json or text/plain, in UTF-8";
    return text_equal_nocase(type, text_of("text/plain"))         ? RAW_TEXT
           : text_equal_nocase(type, text_of("application/json")) ? RAW_JSON
                                                                  : RAW_OTHER;
}

static enum error_code refuse_json(struct call *call, const struct json_fault *fault)
{
    response_detail(&call->response, "body",
                    arena_printf(call->arena, "%s at byte %zu", fault->reason, fault->offset));
    return ERR_INVALID_PARAMETER;
}

static enum error_code read_json(struct call *call, struct text body, struct text *value)
{
    struct json_fault fault;
    if (!json_check(body, &fault)) {
        return refuse_json(call, &fault);
    }
    struct text text = json_trim(body);
    /* Callers expect texts that end with a NUL. */
    char *copy = arena_copy(call->arena, text.at, text.size);
    *value = (struct text){.at = copy, .size = text.size};
    return copy != NULL ? ERR_NONE : ERR_INTERNAL;
}

/* The byte at which TEXT ceases to be UTF-8; its size when it does not. */
static size_t text_end(struct text text)
{
    size_t at = 0;
    uint32_t code;
    for (size_t length; at < text.size; at += length) {
        length = utf8_decode(text.at + at, text.size - at, &code);
        if (length == 0) {
            break;
        }
    }
    return at;
}

static enum error_code read_text(struct call *call, struct text body, struct text *value)
{
    size_t end = text_end(body);
    if (end < body.size) {
        response_detail(&call->response, "value",
                        arena_printf(call->arena, "is not UTF-8 at byte %zu", end));
        return ERR_INVALID_VALUE;
    }
    /* First, because escapes make it up to six times as long, for which there is no memory. */
    enum error_code error = item_check_size(call, json_string_write(body, NULL));
    if (error != ERR_NONE) {
        return error;
    }
    if (!json_string_encode(call->arena, body, value)) {
        return ERR_INTERNAL;
    }
    /* Whatever may not stand in a string that comes as JSON may not come as text either. */
    struct json_fault fault;
    if (!json_check(*value, &fault)) {
        response_detail(&call->response, "value", fault.reason);
        return ERR_INVALID_VALUE;
    }
    return ERR_NONE;
}

enum error_code raw_value_read(struct call *call, struct text *value)
{
    const char *fault = NULL;
    enum raw_kind kind = kind_of(call->request.content_type, &fault);
    if (kind == RAW_OTHER) {
        response_detail(&call->response, "content_type", fault);
        return ERR_UNSUPPORTED_MEDIA_TYPE;
    }
    enum error_code error = kind == RAW_JSON ? read_json(call, call->request.body, value)
                                             : read_text(call, call->request.body, value);
    if (error == ERR_INTERNAL) {
        return call_fail(call, error, "out of memory while reading a value");
    }
    if (error != ERR_NONE) {
        return error;
    }
    fault = json_slice_fault(*value, SIZE_MAX); /* its levels are not known yet */
    if (fault != NULL) {
        response_detail(&call->response, "value", fault);
        return ERR_INVALID_VALUE;
    }
    return item_check_size(call, value->size);
}

const char *raw_value_type(struct text value)
{
    return value.at[0] == '"' ? type_text : type_json;
}

void raw_value_answer(struct call *call, struct text value)
{
    struct text body = {.at = NULL, .size = 0};
    if (value.at[0] != '"') {
        char *line = arena_copy(call->arena, value.at, value.size); /* with room for one more */
        if (line != NULL) {
            line[value.size] = '\n';
        }
        body = (struct text){.at = line, .size = value.size + 1};
    } else if (!json_string_decode(call->arena, value, &body)) {
        return; /* out of memory, which the arena has recorded */
    }
    response_plain(&call->response, raw_value_type(value), body);
}

void raw_token_answer(struct call *call, const char *token)
{
    response_plain(&call->response, type_text, text_of(arena_printf(call->arena, "%s\n", token)));
}
