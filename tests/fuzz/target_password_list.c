/*
 * target_password_list.c - the list of passwords that the operator refuses. An input is a password
 * on one line, and the list; the list is read once more with so many empty lines before it that the
 * first of the pieces in which it is read ends inside it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/identity/password.h"
#include "common/identity/password_list.h"
#include "tests/fuzz/fuzz.h"

enum { PIECE = 16 * 1024, CORE_MINIMUM = 4 };

void fuzz_start(void)
{
}

/* TEXT in small ASCII letters. */
static struct text small(struct text text)
{
    char *copy = arena_copy(&fuzz_arena, text.at, text.size);
    for (size_t i = 0; i < text.size; i++) {
        copy[i] = (char)(isascii(copy[i]) ? tolower(copy[i]) : copy[i]);
    }
    return (struct text){.at = copy, .size = text.size};
}

static bool is_letter(char c)
{
    return !isascii(c) || isalpha(c);
}

/* What is left of TEXT without what is no letter at its ends, with signs as the letters that they
 * are put for. */
static struct text core(struct text text)
{
    text = small(text);
    while (text.size > 0 && !is_letter(text.at[0])) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && !is_letter(text.at[text.size - 1])) {
        text.size--;
    }
    char *copy = arena_copy(&fuzz_arena, text.at, text.size);
    for (size_t i = 0; i < text.size; i++) {
        switch (copy[i]) {
        case '@':
        case '4':
            copy[i] = 'a';
            break;
        case '0':
            copy[i] = 'o';
            break;
        case '1':
        case '!':
        case '|':
        case 'l':
            copy[i] = 'i';
            break;
        case '3':
            copy[i] = 'e';
            break;
        case '$':
        case '5':
            copy[i] = 's';
            break;
        case '7':
        case '+':
            copy[i] = 't';
            break;
        default:
            break;
        }
    }
    return (struct text){.at = copy, .size = text.size};
}

static bool has(struct text list, struct text password)
{
    struct text whole = small(password);
    struct text inner = core(password);
    while (list.size > 0) {
        struct text line = fuzz_line(&list);
        line.size -= line.size > 0 && line.at[line.size - 1] == '\r' ? 1 : 0;
        if (line.size == 0 || line.size > PASSWORD_MAXIMUM ||
            (line.size >= 10 && memcmp(line.at, "#!comment:", 10) == 0)) {
            continue;
        }
        if (text_equal(small(line), whole) ||
            (inner.size >= CORE_MINIMUM && text_equal(core(line), inner))) {
            return true;
        }
    }
    return false;
}

static bool asked(struct text list, struct text password)
{
    bool refused;
    struct cause cause = {0};
    const char *path = fuzz_file(list.at, list.size);
    enum error_code error = password_list_has(path, password, &refused, &cause);
    fuzz_check(error == ERR_NONE, "error %d: %s", error, cause.text);
    return refused;
}

void fuzz_one(struct text input)
{
    struct text list = input;
    struct text password = fuzz_line(&list);
    if (password.size > PASSWORD_MAXIMUM) {
        return;
    }
    bool wanted = has(list, password);
    fuzz_check(asked(list, password) == wanted, "on the list: it should be %d", wanted);
    size_t before = PIECE - (list.size < 2 * PIECE ? list.size / 2 : PIECE);
    char *longer = arena_alloc(&fuzz_arena, before + list.size + 1);
    memset(longer, '\n', before);
    memcpy(longer + before, list.at, list.size);
    fuzz_check(asked((struct text){.at = longer, .size = before + list.size}, password) == wanted,
               "on the longer list: it should be %d", wanted);
}
