/*
 * target_password.c - hashes of passwords, which `cubby import` takes from elsewhere: their form,
 * compared with regular expressions and sums of their own, and what libxcrypt makes of those that
 * are accepted and cheap.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/identity/password.h"
#include "common/identity/password_form.h"
#include "tests/fuzz/fuzz.h"

#define DIGIT "[./0-9A-Za-z]"

enum shape { YESCRYPT, SCRYPT, BCRYPT, SHA, SHA_ROUNDS, SHAPES };
enum { PARTS = 5, LENGTH_MAXIMUM = 383 /* that of crypt(5) */ };

static const char *const expressions[SHAPES] = {
    [YESCRYPT] = "^\\$g?y\\$j(" DIGIT ")(" DIGIT ")\\$(" DIGIT "{0,86})\\$" DIGIT "{43}$",
    [SCRYPT] = "^\\$7\\$(" DIGIT ")(" DIGIT "{5})(" DIGIT "{5})" DIGIT "*\\$" DIGIT "{43}$",
    [BCRYPT] = "^\\$2[aby]\\$([0-9]{2})\\$" DIGIT "{53}$",
    [SHA] = "^(\\$6\\$[^$]{0,16}\\$" DIGIT "{86}|\\$5\\$[^$]{0,16}\\$" DIGIT "{43})$",
    [SHA_ROUNDS] = "^\\$[56]\\$rounds=([1-9][0-9]{0,8})\\$"
                   "([^$]{0,16}\\$(" DIGIT "{43}){1,2})$",
};

static regex_t compiled[SHAPES];

void fuzz_start(void)
{
    for (size_t i = 0; i < SHAPES; i++) {
        fuzz_check(regcomp(&compiled[i], expressions[i], REG_EXTENDED) == 0, "an expression");
    }
}

static unsigned long value_of(char c)
{
    return c == '.'   ? 0
           : c == '/' ? 1
           : c <= '9' ? 2 + (unsigned long)(c - '0')
           : c <= 'Z' ? 12 + (unsigned long)(c - 'A')
                      : 38 + (unsigned long)(c - 'a');
}

/* What the COUNT digits at AT stand for. */
static double number_of(const char *at, size_t count)
{
    double number = 0;
    while (count > 0) {
        count--;
        number = number * 64 + (double)value_of(at[count]);
    }
    return number;
}

static double power_of_two(double power)
{
    double number = 1;
    for (; power > 0; power--) {
        number *= 2;
    }
    return number;
}

/* Whether the bits that are left over behind the last whole byte of the salt are zero. */
static bool is_salt(const char *at, size_t size)
{
    size_t over = size * 6 % 8;
    return over == 0 || (over < 6 && value_of(at[size - 1]) >> (6 - over) == 0);
}

/* How much work a hash of SHAPE takes, in blocks of memory or rounds; negative when it is none. */
static double work_of(enum shape shape, const char *text, const regmatch_t *part)
{
    static const double most = 8388608; /* 1 GiB of blocks of 128 bytes */
    const char *first = text + part[1].rm_so;
    double work;
    switch (shape) {
    case YESCRYPT:
        work = number_of(first, 1) > 47 || number_of(first + 1, 1) > 47
                   ? -1
                   : power_of_two(number_of(first, 1) + 1) * (number_of(first + 1, 1) + 1);
        return work > most || number_of(first, 1) < 1 ||
                       !is_salt(text + part[3].rm_so, (size_t)(part[3].rm_eo - part[3].rm_so))
                   ? -1
                   : work;
    case SCRYPT:
        work =
            power_of_two(number_of(first, 1)) * number_of(first + 1, 5) * number_of(first + 6, 5);
        return work > most || work < 1 || number_of(first, 1) < 1 ? -1 : work;
    case BCRYPT:
        work = atof(first);
        return work < 4 || work > 20 ? -1 : power_of_two(work);
    case SHA_ROUNDS:
        work = atof(first);
        return work < 1000 || work > 9999999 ? -1 : work;
    case SHA:
        return strncmp(text + 3, "rounds=", 7) == 0 ? -1 : 5000;
    case SHAPES:
    default:
        return -1;
    }
}

/* The same, whatever its shape. */
static double work_of_any(const char *text)
{
    regmatch_t part[PARTS];
    for (size_t i = 0; i < SHAPES; i++) {
        if (regexec(&compiled[i], text, PARTS, part, 0) == 0) {
            size_t hash = i == SHA_ROUNDS ? strlen(strrchr(text, '$') + 1) : 0;
            bool whole = i != SHA_ROUNDS || hash == (text[1] == '6' ? 86U : 43U);
            return whole ? work_of((enum shape)i, text, part) : -1;
        }
    }
    return -1;
}

/* A hash that can be computed in no time is computed; what comes of it is no fault of the server.
 */
static void check_use(const char *stored, double work)
{
    enum { CHEAP = 1024 };
    static const char *const methods[] = {"yescrypt", "scrypt", "bcrypt", "sha512crypt"};
    struct cause cause = {0};
    bool matches = true;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        const struct password_policy policy = {.method = methods[i]};
        (void)password_outdated(stored, &policy);
    }
    if (work > (strncmp(stored, "$2", 2) == 0 ? 16 : CHEAP)) {
        return;
    }
    enum error_code error =
        password_verify(&fuzz_arena, stored, text_of("Aa1-word"), &matches, &cause);
    fuzz_check((error == ERR_NONE || error == ERR_INVALID_CREDENTIALS) && cause.text[0] == '\0',
               "error %d: %s", error, cause.text);
    fuzz_check(error == ERR_NONE || !matches, "refused, but it matches");
}

/* The characters that crypt(5) allows in any hash. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~' || strchr(":;*!\\", *text) != NULL) {
            return false;
        }
    }
    return true;
}

void fuzz_one(struct text input)
{
    const char *stored = fuzz_string(input);
    size_t longest = 0;
    const char *fault = password_form_fault(stored, &longest);
    double work = work_of_any(stored);
    fuzz_check((fault == NULL) == (work >= 0), "%s: %s", stored, fault != NULL ? fault : "good");
    const char *refused = password_hash_fault(text_of(stored));
    fuzz_check(fault == NULL || refused != NULL, "taken, but %s", fault);
    fuzz_check(refused == NULL || work < 0 || strlen(stored) > LENGTH_MAXIMUM || !is_plain(stored),
               "refused: %s", refused);
    if (fault == NULL) {
        bool bcrypt = strncmp(stored, "$2", 2) == 0;
        fuzz_check(longest == (bcrypt ? 72 : 511), "another longest password: %zu", longest);
    }
    if (refused == NULL) {
        check_use(stored, work);
    }
}
