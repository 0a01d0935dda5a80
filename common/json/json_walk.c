/*
 * json_walk.c - walks over the members of a text that has been checked, without checking it again.
 */
#include <string.h>

#include "common/json/json.h"

/* Not strspn and strcspn: they take a string that ends with NUL, which a slice of a text need not.
 */
static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_space(const char *at)
{
    while (is_space(*at)) {
        at++;
    }
    return at;
}

/* The position after the number or word that begins at AT. */
static const char *skip_word(const char *at)
{
    while (*at != ',' && *at != ']' && *at != '}' && !is_space(*at)) {
        at++;
    }
    return at;
}

/* The position after the string that begins at AT, in a text that ends at END. A long value is
 * mostly strings, and may be walked over once for each level around it. */
static const char *skip_string(const char *at, const char *end)
{
    for (const char *from = at + 1; from < end;) {
        const char *quote = memchr(from, '"', (size_t)(end - from));
        if (quote == NULL) {
            return end;
        }
        const char *first = quote; /* of the backslashes in front of it */
        while (first > from && first[-1] == '\\') {
            first--;
        }
        from = quote + 1;
        if ((quote - first) % 2 == 0) {
            return from; /* it is not escaped */
        }
    }
    return end;
}

/* The position after the value that begins at AT, in a text that ends at END. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;
    do {
        at = skip_space(at);
        switch (*at) {
        case '"':
            at = skip_string(at, end);
            break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            depth--;
            at++;
            break;
        case ',':
        case ':':
            at++;
            break;
        default:
            at = skip_word(at);
            break;
        }
    } while (depth > 0);
    return at;
}

struct json_walk json_walk_start(struct text container)
{
    return (struct json_walk){.at = container.at + 1,
                              .end = container.at + container.size,
                              .is_object = container.at[0] == '{'};
}

bool json_walk_next(struct json_walk *walk, struct text *name, struct text *value)
{
    const char *at = skip_space(walk->at);
    if (*at == ',') {
        at = skip_space(at + 1);
    }
    if (at >= walk->end || *at == '}' || *at == ']') {
        return false;
    }
    if (walk->is_object) {
        const char *end = skip_string(at, walk->end);
        *name = (struct text){.at = at, .size = (size_t)(end - at)};
        at = skip_space(skip_space(end) + 1);
    }
    const char *end = skip_value(at, walk->end);
    *value = (struct text){.at = at, .size = (size_t)(end - at)};
    walk->at = end;
    return true;
}

size_t json_depth(struct text value)
{
    size_t depth = 0;
    size_t deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.at[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0; /* an escaped quote does not end the string */
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return deepest;
}
