/*
 * media_type.c - reads a media type with its parameters.
 */
#include "common/http/media_type.h"

#include <string.h>

static bool is_token_character(char c)
{
    return c != '\0' && strchr("!#$%&'*+-.^_`|~0123456789"
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                               c) != NULL;
}

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t') || c == '\x7f';
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* The token (section 5.6.2) at AT; empty when there is none. */
static struct text token_at(const char *at)
{
    struct text token = {.at = at};
    while (is_token_character(at[token.size])) {
        token.size++;
    }
    return token;
}

/* Takes the quoted string (section 5.6.4) at AT, and compares what it stands for with WORDS, which
 * end with NULL. Returns where it ends; NULL when it does not. */
static const char *take_quoted(const char *at, const char *const *words, bool *is_one)
{
    enum { ROOM = 16 };
    char word[ROOM];
    size_t size = 0;
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
        if (*at == '\0' || is_control(*at)) {
            return NULL;
        }
        if (size < ROOM) {
            word[size++] = *at;
        }
    }
    *is_one = false;
    for (; *words != NULL; words++) {
        *is_one =
            *is_one || text_equal_nocase((struct text){.at = word, .size = size}, text_of(*words));
    }
    return at + 1;
}

/* Takes the value of a parameter, a token or a quoted string; NULL when AT is none. */
static const char *take_value(const char *at, const char *const *words, bool *is_one)
{
    if (*at == '"') {
        return take_quoted(at, words, is_one);
    }
    struct text value = token_at(at);
    *is_one = false;
    for (; *words != NULL; words++) {
        *is_one = *is_one || text_equal_nocase(value, text_of(*words));
    }
    return value.size > 0 ? at + value.size : NULL;
}

/* Takes the parameters (section 5.6.6), AT being what stands behind the type. */
static bool read_parameters(const char *at, bool *is_utf8)
{
    static const char *const words[] = {"utf-8", "us-ascii", NULL};
    bool named = false;
    *is_utf8 = true;
    for (at = skip_blanks(at); *at == ';'; at = skip_blanks(at)) {
        at = skip_blanks(at + 1);
        struct text name = token_at(at);
        if (name.size == 0) {
            continue; /* between two semicolons, or behind the last, may be nothing */
        }
        bool is_charset = text_equal_nocase(name, text_of("charset"));
        bool is_one;
        at += name.size;
        at = *at == '=' ? take_value(at + 1, words, &is_one) : NULL;
        if (at == NULL || (is_charset && named)) {
            return false;
        }
        named = named || is_charset;
        *is_utf8 = *is_utf8 && (!is_charset || is_one);
    }
    return *at == '\0';
}

bool media_type_read(const char *field, struct media_type *out)
{
    const char *at = skip_blanks(field);
    size_t type = token_at(at).size;
    size_t subtype = type > 0 && at[type] == '/' ? token_at(at + type + 1).size : 0;
    out->type = (struct text){.at = at, .size = type + 1 + subtype};
    return subtype > 0 && read_parameters(at + type + 1 + subtype, &out->is_utf8);
}
