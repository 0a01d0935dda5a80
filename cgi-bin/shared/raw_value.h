/*
 * raw_value.h - values that travel bare, as the whole body of a request or an answer, without the
 * JSON object around them: the query parameter raw=true.
 */
#ifndef CUBBY_CGI_BIN_SHARED_RAW_VALUE_H
#define CUBBY_CGI_BIN_SHARED_RAW_VALUE_H

#include "common/serve/serve.h"

/* Makes VALUE the JSON text of the body of CALL: with the content type application/json the body is
 * that text, with text/plain, or none, it is the text of a string. ERR_UNSUPPORTED_MEDIA_TYPE for
 * any other; ERR_INVALID_PARAMETER for what is no JSON; ERR_INVALID_VALUE for text that is not
 * UTF-8, and as json_slice_fault says; ERR_VALUE_TOO_LARGE as item_check_size. */
enum error_code raw_value_read(struct call *call, struct text *value);

/* The content type of VALUE, a checked JSON text, when it is sent bare. */
const char *raw_value_type(struct text value);

/* Makes VALUE the whole body of the answer: of a string its text, to the byte; of anything else its
 * JSON and a newline. */
void raw_value_answer(struct call *call, struct text value);

/* Makes TOKEN and a newline the whole body of the answer. */
void raw_token_answer(struct call *call, const char *token);

#endif
