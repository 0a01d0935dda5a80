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

/* A value of a parameter: what a token or a quoted string stands for, as far as it has room. */
struct value {
    char text[16];
    size_t size;
};

static void add(struct value *value, char c)
{
    if (value->size < sizeof value->text) {
        value->text[value->size++] = c;
    }
}

/* Takes the quoted string (section 5.6.4) at AT. Returns where it ends; NULL when it does not. */
static const char *take_quoted(const char *at, struct value *out)
{
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
        if (*at == '\0' || is_control(*at)) {
            return NULL;
        }
        add(out, *at);
    }
    return at + 1;
}

/* Takes the value of a parameter, a token or a quoted string; NULL when AT is none. */
static const char *take_value(const char *at, struct value *out)
{
    *out = (struct value){.size = 0};
    if (*at == '"') {
        return take_quoted(at, out);
    }
    const char *end = at;
    for (; is_token_character(*end); end++) {
        add(out, *end);
    }
    return end > at ? end : NULL;
}

static bool is_utf8(const struct value *charset)
{
    static const char *const names[] = {"utf-8", "utf8", "us-ascii"};
    const struct text text = {.at = charset->text, .size = charset->size};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (text_equal_nocase(text, text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static const char malformed[] = "is malformed";

/* Reads the parameters (section 5.6.6), AT being what stands behind the type. */
static const char *parameters_fault(const char *at)
{
    bool named = false;
    bool other = false;
    for (at = skip_blanks(at); *at == ';'; at = skip_blanks(at)) {
        at = skip_blanks(at + 1);
        struct text name = token_at(at);
        if (name.size == 0) {
            continue; /* between two semicolons, or behind the last, may be nothing */
        }
        struct value value;
        at += name.size;
        at = *at == '=' ? take_value(at + 1, &value) : NULL;
        if (at == NULL) {
            return malformed;
        }
        if (text_equal_nocase(name, text_of("charset"))) {
            if (named) {
                return "names a charset twice";
            }
            named = true;
            other = !is_utf8(&value);
        }
    }
    return *at != '\0' ? malformed : other ? "names another charset than UTF-8" : NULL;
}

const char *media_type_fault(const char *field, struct text *type)
{
    const char *at = skip_blanks(field);
    size_t size = token_at(at).size;
    size_t subtype = size > 0 && at[size] == '/' ? token_at(at + size + 1).size : 0;
    *type = (struct text){.at = at, .size = size + 1 + subtype};
    return subtype > 0 ? parameters_fault(at + size + 1 + subtype) : malformed;
}
