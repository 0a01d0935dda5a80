/*
 * error.h - every way a request can fail, in one enum, and the cause that is recorded for the log.
 * HTTP status, code and message of each are in common/http/error_table.c.
 */
#ifndef CUBBY_COMMON_BASE_ERROR_H
#define CUBBY_COMMON_BASE_ERROR_H

#include <stdbool.h>

enum error_code {
    ERR_NONE = 0,

    /* What the gate refuses. */
    ERR_INVALID_BODY,
    ERR_INVALID_LENGTH,
    ERR_INCOMPLETE_BODY,
    ERR_NOT_FOUND,
    ERR_METHOD_NOT_ALLOWED,
    ERR_LENGTH_REQUIRED,
    ERR_BODY_TOO_LARGE,
    ERR_INVALID_PARAMETER, /* a parameter or member that is known has no good value */
    ERR_UNKNOWN_PARAMETER,
    ERR_UNKNOWN_FIELD,
    ERR_INVALID_TOKEN,
    ERR_FORBIDDEN,

    /* Accounts. */
    ERR_INVALID_REGISTRATION,
    ERR_INVALID_AGE,
    ERR_GENDER_REQUIRED,
    ERR_INVALID_PASSWORD,
    ERR_USERNAME_EXISTS,
    ERR_EMAIL_EXISTS,
    ERR_MISSING_FIELDS,
    ERR_INVALID_CREDENTIALS,
    ERR_TOO_MANY_ATTEMPTS,

    /* Data. */
    ERR_INVALID_KEY,
    ERR_INVALID_VALUE,
    ERR_VALUE_TOO_LARGE,
    ERR_KEY_EXISTS,
    ERR_KEY_NOT_FOUND,
    ERR_PRECONDITION_FAILED,
    ERR_UNSUPPORTED_MEDIA_TYPE,
    ERR_INVALID_PATCH,
    ERR_PATCH_FAILED,
    ERR_BATCH_FAILED,
    ERR_ANSWER_TOO_LARGE,
    ERR_CHANGES_EXPIRED,
    ERR_QUOTA_EXCEEDED,

    /* Failures of the server itself; their causes are told to the log only. */
    ERR_INTERNAL,
    ERR_SERVICE_UNAVAILABLE,
    ERR_OUTCOME_UNKNOWN, /* what was asked for may be done or not */
    ERR_INSUFFICIENT_STORAGE,

    ERR_COUNT
};

/* What went wrong, for the log. Only the first cause is kept, since later ones are usually its
 * consequences. */
struct cause {
    enum error_code code; /* ERR_NONE while nothing was recorded */
    bool waited;          /* others kept what was waited for, or a server was silent; whoever waits
                             sets it */
    char text[400];       /* never a secret, never sent to a client */
};

/* Records CODE and a text for the log, unless one is recorded already; returns CODE. */
__attribute__((format(printf, 3, 4))) enum error_code
cause_set(struct cause *cause, enum error_code code, const char *format, ...);

#endif
