/*
 * error_table.c - status, code and message of each error.
 */
#include "common/http/error_table.h"

static const struct error_info table[ERR_COUNT] = {
    [ERR_INVALID_BODY] = {400, "INVALID_REQUEST",
                          "Invalid request. The body must be one valid JSON object."},
    [ERR_INVALID_LENGTH] = {400, "INVALID_REQUEST",
                            "Invalid request. The announced length of the body is not a number."},
    [ERR_INCOMPLETE_BODY] =
        {400, "INCOMPLETE_BODY",
         "The body ended before its announced length; nothing was changed. Where "
         "the web server passes whole bodies only for POST, send POST with the "
         "header X-HTTP-Method-Override: PUT (or PATCH, DELETE)."},
    [ERR_NOT_FOUND] = {404, "NOT_FOUND", "There is nothing at this address."},
    [ERR_METHOD_NOT_ALLOWED] = {405, "METHOD_NOT_ALLOWED",
                                "This address does not take this method. See the Allow header."},
    [ERR_LENGTH_REQUIRED] = {411, "LENGTH_REQUIRED",
                             "This web server does not decode chunked bodies. Send the body with a "
                             "Content-Length."},
    [ERR_BODY_TOO_LARGE] = {413, "BODY_TOO_LARGE", "The body is larger than this call takes."},
    [ERR_INVALID_PARAMETER] = {400, "INVALID_REQUEST",
                               "Invalid request. See details for what is wrong with it."},
    [ERR_UNKNOWN_PARAMETER] = {400, "INVALID_PARAMETER",
                               "This call does not take a parameter of that name. See details."},
    [ERR_UNKNOWN_FIELD] = {400, "INVALID_FIELD",
                           "This call does not take a member of that name. See details."},
    [ERR_INVALID_TOKEN] = {401, "INVALID_TOKEN", "Invalid access token provided."},
    [ERR_FORBIDDEN] = {403, "FORBIDDEN", "This token does not allow that."},

    [ERR_INVALID_REGISTRATION] = {400, "INVALID_REQUEST",
                                  "Invalid request. Please provide all required fields: username, "
                                  "email, password, full_name."},
    [ERR_INVALID_AGE] = {400, "INVALID_AGE", "Invalid age value. Age must be a positive integer."},
    [ERR_GENDER_REQUIRED] = {400, "GENDER_REQUIRED",
                             "Gender field is required. Please specify the gender (e.g., male, "
                             "female, non-binary)."},
    [ERR_INVALID_PASSWORD] = {400, "INVALID_PASSWORD",
                              "The provided password does not meet the requirements. Password must "
                              "be at least 8 characters long and contain a mix of uppercase and "
                              "lowercase letters, numbers, and special characters."},
    [ERR_USERNAME_EXISTS] = {400, "USERNAME_EXISTS",
                             "The provided username is already taken. Please choose a different "
                             "username."},
    [ERR_EMAIL_EXISTS] = {400, "EMAIL_EXISTS",
                          "The provided email is already registered. Please use a different email "
                          "address."},
    [ERR_MISSING_FIELDS] = {400, "MISSING_FIELDS",
                            "Missing fields. Please provide both username and password."},
    [ERR_INVALID_CREDENTIALS] = {401, "INVALID_CREDENTIALS",
                                 "Invalid credentials. The provided username or password is "
                                 "incorrect."},
    [ERR_TOO_MANY_ATTEMPTS] = {429, "TOO_MANY_ATTEMPTS",
                               "Too many attempts. Please wait before you try again."},

    [ERR_INVALID_KEY] = {400, "INVALID_KEY", "The provided key is not valid or missing."},
    [ERR_INVALID_VALUE] = {400, "INVALID_VALUE", "The provided value is not valid or missing."},
    [ERR_VALUE_TOO_LARGE] = {413, "VALUE_TOO_LARGE",
                             "The provided value is larger than this service stores."},
    [ERR_KEY_EXISTS] = {400, "KEY_EXISTS",
                        "The provided key already exists in the database. To update an existing "
                        "key, use the update API."},
    [ERR_KEY_NOT_FOUND] = {404, "KEY_NOT_FOUND",
                           "The provided key does not exist in the database."},
    [ERR_PRECONDITION_FAILED] = {412, "PRECONDITION_FAILED",
                                 "The item is not as the condition demands. Nothing was changed."},
    [ERR_UNSUPPORTED_MEDIA_TYPE] =
        {415, "UNSUPPORTED_MEDIA_TYPE",
         "This call does not take a body of that content type. See details for those it takes."},
    [ERR_INVALID_PATCH] = {400, "INVALID_PATCH", "The provided patch is not valid."},
    [ERR_PATCH_FAILED] = {422, "PATCH_FAILED",
                          "The patch does not fit the value. Nothing was changed."},
    [ERR_BATCH_FAILED] = {409, "BATCH_FAILED", "An operation failed. Nothing was changed."},
    [ERR_ANSWER_TOO_LARGE] = {413, "ANSWER_TOO_LARGE",
                              "What was asked for does not fit into one answer."},
    [ERR_CHANGES_EXPIRED] =
        {410, "CHANGES_EXPIRED",
         "The changes asked for are no longer kept. Please read the items anew."},
    [ERR_QUOTA_EXCEEDED] = {507, "QUOTA_EXCEEDED",
                            "The room for this user's data is used up. Nothing was changed."},

    [ERR_INTERNAL] = {500, "INTERNAL_ERROR", "The server met an unexpected condition."},
    [ERR_SERVICE_UNAVAILABLE] = {503, "SERVICE_UNAVAILABLE",
                                 "The service is busy or not ready. Nothing was changed; please "
                                 "try again."},
    [ERR_OUTCOME_UNKNOWN] = {503, "SERVICE_UNAVAILABLE",
                             "It is not known whether this was done; read before you repeat it."},
    [ERR_INSUFFICIENT_STORAGE] = {507, "INSUFFICIENT_STORAGE",
                                  "The server has no room left. Nothing was changed."},
};

const struct error_info *error_info(enum error_code code)
{
    unsigned row = (unsigned)code;
    return row < ERR_COUNT && table[row].status != 0 ? &table[row] : &table[ERR_INTERNAL];
}

const char *http_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    case 507:
        return "Insufficient Storage";
    default:
        return "Internal Server Error";
    }
}
