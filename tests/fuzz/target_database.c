/*
 * target_database.c - the setting `database` of a build that knows PostgreSQL: paths, and the
 * connection strings of libpq, which says here what they mean.
 *
 * An input is the value of the setting. What is accepted holds no password for libpq; what is
 * refused for one has the word, or a colon before an @.
 */
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "common/settings/config.h"
#include "tests/fuzz/fuzz.h"

void fuzz_start(void)
{
}

/* Whether libpq finds a password in VALUE; *READ: it can read VALUE. */
static bool holds_password(const char *value, bool *read)
{
    bool found = false;
    PQconninfoOption *options = PQconninfoParse(value, NULL);
    *read = options != NULL;
    for (const PQconninfoOption *at = options; at != NULL && at->keyword != NULL; at++) {
        found = found || (at->val != NULL && (strcmp(at->keyword, "password") == 0 ||
                                              strcmp(at->keyword, "sslpassword") == 0));
    }
    PQconninfoFree(options);
    return found;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A name of a parameter that is written with escapes: it may be any. */
static bool hides_a_name(const char *value)
{
    const char *at = strchr(value, '?');
    for (; at != NULL; at = strchr(at + 1, '&')) {
        size_t name = strcspn(at + 1, "=");
        if (memchr(at + 1, '%', name) != NULL) {
            return true;
        }
    }
    return false;
}

/* Whether something in VALUE may be a password: the word before an equals sign, or what stands
 * between a colon and an @. */
static bool may_hold_password(const char *value)
{
    const char *colon = strchr(value, ':');
    colon = colon != NULL && colon[1] == '/' ? strchr(colon + 1, ':') : colon;
    bool in_user = colon != NULL && strchr(colon, '@') != NULL;
    const char *word = strstr(value, "password");
    return in_user || (word != NULL && strchr(word, '=') != NULL);
}

void fuzz_one(struct text input)
{
    const char *value = fuzz_string(input);
    const char *fault = config_database_fault(value);
    bool read;
    bool secret = holds_password(value, &read);
    bool is_server = begins_with(value, "postgresql://") || begins_with(value, "postgres://") ||
                     begins_with(value, "service=");
    fuzz_check(config_is_path(value) == (*value == '/'), "a path: %s", value);
    if (config_is_path(value)) {
        fuzz_check(fault == NULL, "a path is refused: %s", fault);
        return;
    }
    fuzz_check(fault == NULL || *fault != '\0', "no reason");
    fuzz_check(fault != NULL || (is_server && !secret), "accepted: %s", value);
    fuzz_check(fault == NULL || !is_server || hides_a_name(value) || may_hold_password(value),
               "%s is refused: it %s", value, fault);
}
