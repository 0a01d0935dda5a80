/*
 * input.c - the members of a body that a call takes.
 */
#include "common/serve/input.h"

#include <inttypes.h>
#include <string.h>

#include "common/json/json_number.h"
#include "common/serve/unknown.h"

static const char out_of_memory[] = "out of memory"; /* recognised by its address */

static const char *read_text(struct call *call, const struct input_field *field,
                             const struct text *json, struct text *out)
{
    /* The first character decides before the value is parsed: the tree of a large array may take
     * far more memory than its text. */
    if (json->at[0] != '"') {
        return "must be a string";
    }
    /* A body in a file (ROUTE_LONG_BODY) may be larger than memory allows: no string in it may be
     * larger than an ordinary body. */
    if (json->size > SMALL_BODY_MAXIMUM && json->size > (size_t)call->config->max_body_bytes) {
        return "is too long";
    }
    struct text text;
    if (!json_string_decode(call->arena, *json, &text)) {
        return out_of_memory;
    }
    if (memchr(text.at, '\0', text.size) != NULL) {
        return "must not have a NUL character";
    }
    int64_t characters = (int64_t)text_characters(text);
    if (characters == 0 && field->least > 0) {
        return "must not be empty";
    }
    if (characters < field->least) {
        return arena_printf(call->arena, "must have at least %" PRId64 " characters", field->least);
    }
    if (characters > field->most) {
        return arena_printf(call->arena, "must have at most %" PRId64 " characters", field->most);
    }
    const char *reason = field->check != NULL ? field->check(text) : NULL;
    if (reason == NULL) {
        *out = text;
    }
    return reason;
}

static const char *read_whole(struct call *call, const struct input_field *field,
                              const struct text *json, int64_t *out)
{
    struct json_decimal number;
    int64_t value;
    if (!json_decimal_read(*json, &number) || !json_decimal_whole(&number, &value)) {
        return "must be a whole number";
    }
    if (value < field->least || value > field->most) {
        return arena_printf(call->arena, "must be from %" PRId64 " to %" PRId64, field->least,
                            field->most);
    }
    *out = value;
    return NULL;
}

static const char *read_json(struct call *call, const struct text *json, struct text *out)
{
    const char *fault = json_slice_fault(*json, call->body.depth);
    if (fault != NULL) {
        return fault;
    }
    char *copy = arena_copy(call->arena, json->at, json->size);
    if (copy == NULL) {
        return out_of_memory;
    }
    *out = (struct text){.at = copy, .size = json->size};
    return NULL;
}

static const char *read_field(struct call *call, const struct input_field *field, void *out)
{
    const struct text *json = json_member(&call->body, field->name);
    if (json == NULL) {
        return field->optional ? NULL : "is missing";
    }
    void *member = (char *)out + field->offset;
    switch (field->kind) {
    case INPUT_TEXT:
        return read_text(call, field, json, member);
    case INPUT_WHOLE:
        return read_whole(call, field, json, member);
    case INPUT_JSON:
    default:
        return read_json(call, json, member);
    }
}

enum error_code input_read_known(struct call *call, const struct input_field *fields, size_t count,
                                 void *out)
{
    enum error_code error = ERR_NONE;
    for (size_t i = 0; i < count; i++) {
        if (error != ERR_NONE && fields[i].error != error) {
            continue;
        }
        const char *reason = read_field(call, &fields[i], out);
        if (reason == out_of_memory || arena_failed(call->arena)) {
            return call_fail(call, ERR_INTERNAL, "out of memory while reading a body");
        }
        if (reason != NULL) {
            error = fields[i].error;
            response_detail(&call->response, fields[i].name, reason);
        }
    }
    return error;
}

/* ---- names that no table knows --------------------------------------------------------------- */

static bool is_row(const struct input_field *fields, size_t count, struct text name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(name, text_of(fields[i].name))) {
            return true;
        }
    }
    return false;
}

enum error_code input_read(struct call *call, const struct input_field *fields, size_t count,
                           void *out)
{
    enum error_code error = input_read_known(call, fields, count, out);
    size_t told = 0;
    for (size_t i = 0; i < call->body.count && told < UNKNOWN_TOLD_MAXIMUM; i++) {
        struct text name = call->body.members[i].name;
        if (is_row(fields, count, name)) {
            continue;
        }
        struct unknown unknown = unknown_start(name);
        for (size_t j = 0; j < count; j++) {
            unknown_offer(&unknown, fields[j].name);
        }
        unknown_tell(call, &unknown, "");
        told++;
    }
    return error == ERR_NONE && told > 0 ? ERR_UNKNOWN_FIELD : error;
}

enum error_code input_check_names(struct call *call, const struct json_object *object,
                                  const char *const *names, size_t count, const char *place)
{
    size_t told = 0;
    for (size_t i = 0; i < object->count && told < UNKNOWN_TOLD_MAXIMUM; i++) {
        struct unknown unknown = unknown_start(object->members[i].name);
        bool known = false;
        for (size_t j = 0; j < count && !known; j++) {
            known = text_equal(object->members[i].name, text_of(names[j]));
        }
        for (size_t j = 0; j < count && !known; j++) {
            unknown_offer(&unknown, names[j]);
        }
        if (!known) {
            unknown_tell(call, &unknown, place);
            told++;
        }
    }
    return told > 0 ? ERR_UNKNOWN_FIELD : ERR_NONE;
}
