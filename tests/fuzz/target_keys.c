/*
 * target_keys.c - the key file, a JWKS. An input is its content; a file that is accepted must be
 * good for signing and verifying.
 */
#include <stdlib.h>
#include <string.h>

#include "common/identity/token.h"
#include "tests/fuzz/fuzz.h"

static const int64_t now = 1800000000;

void fuzz_start(void)
{
}

static void note_problem(void *self, const char *problem)
{
    const char **out = self;
    *out = problem != NULL && *problem != '\0' ? "told" : NULL;
}

void fuzz_one(struct text input)
{
    struct token_keys *keys;
    struct cause cause = {0};
    const char *problem = NULL;
    const char *path = fuzz_file(input.at, input.size);
    enum error_code error = token_keys_load(path, &keys, &cause);
    bool good = token_keys_check(path, note_problem, &problem);
    fuzz_check(good == (error == ERR_NONE) && good == (problem == NULL), "error %d, but %s", error,
               cause.text);
    fuzz_check(good == (cause.text[0] == '\0'), "no cause");
    if (!good) {
        return;
    }
    const struct token_claims claims = {
        .user_id = 7, .epoch = 3, .issued = now, .expires = now + 60, .id = "0123456789abcdef"};
    const char *token = NULL;
    error = token_sign(keys, &claims, &fuzz_arena, &token, &cause);
    fuzz_check(error == ERR_NONE, "these keys do not sign: %s", cause.text);
    struct token_claims verified;
    enum token_state state = token_verify(keys, &fuzz_arena, text_of(token), now, &verified);
    fuzz_check(state == TOKEN_VALID && verified.user_id == 7 && verified.epoch == 3,
               "a token of these keys is refused: %s", token);
    token_keys_free(keys);
}
