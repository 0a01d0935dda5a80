/*
 * password_list.c - looks for a password in a file of refused ones, line by line.
 */
#include "common/identity/password_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/identity/password.h"

#define COMMENT "#!comment:"

enum { CORE_MINIMUM = 4, CHUNK = 16 * 1024 };

const char password_list_reason[] = "is among the passwords that are refused";

/* A password in the forms that are compared. */
struct forms {
    char whole[PASSWORD_MAXIMUM]; /* ASCII letters in lower case */
    char core[PASSWORD_MAXIMUM];  /* what is left without its dress */
    size_t whole_size;
    size_t core_size;
};

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        c = (char)(c - 'A' + 'a');
    }
    return c;
}

/* The letter that C, in lower case, stands for. What looks like an i or an l is one letter. */
static char undressed(char c)
{
    static const char signs[] = "@4013$57!|+l";
    static const char letters[] = "aaoiesstiiti";
    const char *found = c != '\0' ? strchr(signs, c) : NULL;
    if (found != NULL) {
        c = letters[found - signs];
    }
    return c;
}

/* Bytes of other scripts are letters. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static void make_forms(struct text text, struct forms *out)
{
    out->whole_size = text.size;
    for (size_t i = 0; i < text.size; i++) {
        out->whole[i] = lower(text.at[i]);
    }
    size_t from = 0;
    size_t to = text.size;
    while (from < to && !is_letter(out->whole[from])) {
        from++;
    }
    while (to > from && !is_letter(out->whole[to - 1])) {
        to--;
    }
    out->core_size = to - from;
    for (size_t i = from; i < to; i++) {
        out->core[i - from] = undressed(out->whole[i]);
    }
}

static bool same_password(const struct forms *a, const struct forms *b)
{
    return (a->whole_size == b->whole_size && memcmp(a->whole, b->whole, a->whole_size) == 0) ||
           (a->core_size >= CORE_MINIMUM && a->core_size == b->core_size &&
            memcmp(a->core, b->core, a->core_size) == 0);
}

/* The line that is being read, which may lie in several chunks. */
struct line {
    char bytes[PASSWORD_MAXIMUM + 1]; /* and a carriage return */
    size_t size;                      /* more than there is room for: the line is too long */
};

static bool line_is(const struct line *line, const struct forms *wanted)
{
    size_t size = line->size;
    if (size > sizeof line->bytes) {
        return false;
    }
    if (size > 0 && line->bytes[size - 1] == '\r') {
        size--;
    }
    if (size == 0 || size > PASSWORD_MAXIMUM ||
        (size >= strlen(COMMENT) && memcmp(line->bytes, COMMENT, strlen(COMMENT)) == 0)) {
        return false;
    }
    struct forms forms;
    make_forms((struct text){.at = line->bytes, .size = size}, &forms);
    return same_password(&forms, wanted);
}

static void line_add(struct line *line, const char *bytes, size_t size)
{
    if (line->size <= sizeof line->bytes && size <= sizeof line->bytes - line->size) {
        memcpy(line->bytes + line->size, bytes, size);
        line->size += size;
    } else {
        line->size = sizeof line->bytes + 1;
    }
}

/* Whether one of the lines that end in CHUNK is WANTED. What is behind the last one is left in
 * LINE. */
static bool chunk_has(struct line *line, struct text chunk, const struct forms *wanted)
{
    while (chunk.size > 0) {
        const char *end = memchr(chunk.at, '\n', chunk.size);
        size_t size = end != NULL ? (size_t)(end - chunk.at) : chunk.size;
        line_add(line, chunk.at, size);
        if (end == NULL) {
            return false;
        }
        if (line_is(line, wanted)) {
            return true;
        }
        line->size = 0;
        chunk.at += size + 1;
        chunk.size -= size + 1;
    }
    return false;
}

/* 1: found; 0: not; -1: the file can't be read, with errno. */
static int search(int file, const struct forms *wanted)
{
    char chunk[CHUNK];
    struct line line = {.size = 0};
    for (;;) {
        ssize_t got = read(file, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : line_is(&line, wanted);
        }
        if (chunk_has(&line, (struct text){.at = chunk, .size = (size_t)got}, wanted)) {
            return 1;
        }
    }
}

enum error_code password_list_has(const char *path, struct text password, bool *refused,
                                  struct cause *cause)
{
    *refused = false;
    if (*path == '\0' || password.size > PASSWORD_MAXIMUM) {
        return ERR_NONE;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) {
        int problem = errno;
        if (file >= 0) {
            (void)close(file);
        }
        return cause_set(cause, ERR_INTERNAL, "refused_passwords: %s: %s", path, strerror(problem));
    }
    if (!S_ISREG(about.st_mode)) {
        (void)close(file);
        return cause_set(cause, ERR_INTERNAL, "refused_passwords: %s: is no regular file", path);
    }
    struct forms wanted;
    make_forms(password, &wanted);
    int found = search(file, &wanted);
    int problem = errno;
    explicit_bzero(&wanted, sizeof wanted);
    (void)close(file);
    *refused = found > 0;
    return found >= 0 ? ERR_NONE
                      : cause_set(cause, ERR_INTERNAL, "refused_passwords: %s: %s", path,
                                  strerror(problem));
}
