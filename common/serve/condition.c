/*
 * condition.c - conditional requests over entity tags that are versions.
 */
#include "common/serve/condition.h"

#include <string.h>

/* One entity tag of a list. */
struct tag {
    bool weak;
    struct text opaque;
};

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* Where the characters from AT on end that may stand between the quotes of a tag: no blank, no
 * control character, no quote. */
static const char *skip_opaque(const char *at)
{
    while ((unsigned char)*at > ' ' && *at != '"' && *at != '\x7f') {
        at++;
    }
    return at;
}

/* Reads the next tag of the list (RFC 9110 section 8.8.3) and the comma after it; NULL when it is
 * malformed. A bare version is accepted too, because queries write it like that. */
static const char *take_tag(const char *at, struct tag *out)
{
    static const char digits[] = "0123456789";
    *out = (struct tag){.weak = false};
    if (strspn(at, digits) > 0) {
        out->opaque = (struct text){.at = at, .size = strspn(at, digits)};
        at += out->opaque.size;
    } else {
        out->weak = strncmp(at, "W/", 2) == 0;
        at += out->weak ? 2 : 0;
        const char *end = *at == '"' ? skip_opaque(at + 1) : at;
        if (end == at || *end != '"') {
            return NULL;
        }
        out->opaque = (struct text){.at = at + 1, .size = (size_t)(end - at - 1)};
        at = end + 1;
    }
    at = skip_blanks(at);
    return *at == '\0' ? at : *at == ',' ? skip_blanks(at + 1) : NULL;
}

/* Whether LIST is `*`, which stands for any item, and stands alone: not even beside commas. */
static bool is_any(const char *list)
{
    const char *at = skip_blanks(list);
    return *at == '*' && *skip_blanks(at + 1) == '\0';
}

/* Whether LIST is a list of at least one entity tag. */
static bool is_list(const char *list)
{
    struct tag tag;
    const char *at = skip_blanks(list);
    size_t count = 0;
    while (at != NULL && *at != '\0') {
        bool empty = *at == ','; /* RFC 9110 section 5.6.1: empty elements are ignored */
        at = empty ? skip_blanks(at + 1) : take_tag(at, &tag);
        count += empty ? 0 : 1;
    }
    return at != NULL && count > 0;
}

/* Whether OPAQUE is VERSION, perhaps with the suffix that web servers add when they compress. */
static bool names_version(struct text opaque, int64_t version)
{
    static const char *const suffixes[] = {"-gzip", "-br"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t length = strlen(suffixes[i]);
        if (opaque.size > length &&
            memcmp(opaque.at + opaque.size - length, suffixes[i], length) == 0) {
            opaque.size -= length;
            break;
        }
    }
    bool over;
    int64_t number;
    return text_to_int64(opaque, INT64_MAX, &over, &number) && number == version &&
           opaque.at[0] != '0';
}

/* Whether one of the tags is that of VERSION. Weak tags match only in the weak comparison (RFC 9110
 * section 8.8.3.2). */
static bool lists_version(const char *list, bool weakly, int64_t version)
{
    const char *at = skip_blanks(list);
    if (is_any(list)) {
        return true;
    }
    while (at != NULL && *at != '\0') {
        struct tag tag = {.weak = false};
        at = *at == ',' ? skip_blanks(at + 1) : take_tag(at, &tag);
        if (at != NULL && (weakly || !tag.weak) && tag.opaque.at != NULL &&
            names_version(tag.opaque, version)) {
            return true;
        }
    }
    return false;
}

/* Takes the list from the header FIELD or from the query parameter NAME, which means the same. When
 * both are given they must be equal. */
static enum error_code read_list(struct call *call, const char *field, const char *name,
                                 const char **out)
{
    *out = field;
    bool given = false;
    struct text text = {.at = NULL, .size = 0};
    if (*call->request.query != '\0') {
        bool read = query_find(call->arena, call->request.query, name, &given, &text);
        if (given && field != NULL && !(read && text_equal(text, text_of(field)))) {
            response_detail(&call->response, name, "differs from the header of that name");
            return ERR_INVALID_PARAMETER;
        }
        bool whole = read && strlen(text.at) == text.size; /* no NUL in it */
        *out = whole ? text.at : given ? "" : field;
    }
    if (*out == NULL || is_any(*out) || is_list(*out)) {
        return ERR_NONE;
    }
    response_detail(&call->response, name, "must be * or a list of entity tags");
    return ERR_INVALID_PARAMETER;
}

enum error_code condition_read(struct call *call, struct condition *out)
{
    enum error_code error = read_list(call, call->request.if_match, "if_match", &out->if_match);
    return error != ERR_NONE
               ? error
               : read_list(call, call->request.if_none_match, "if_none_match", &out->if_none_match);
}

bool condition_creates(const struct condition *condition)
{
    return condition->if_none_match != NULL && is_any(condition->if_none_match);
}

enum condition_result condition_evaluate(const struct condition *condition, bool reads, bool exists,
                                         int64_t version)
{
    if (condition->if_match != NULL &&
        !(exists && lists_version(condition->if_match, false, version))) {
        return CONDITION_FAILS;
    }
    if (condition->if_none_match != NULL && exists &&
        lists_version(condition->if_none_match, true, version)) {
        return reads ? CONDITION_NOT_MODIFIED : CONDITION_FAILS;
    }
    return CONDITION_HOLDS;
}
