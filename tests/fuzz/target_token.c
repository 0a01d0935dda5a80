/*
 * target_token.c - access tokens: libjwt with jansson and Mbed TLS, and the rules that token.c
 * adds.
 *
 * An input is a header and a payload, on a line each, which are encoded and signed with the key
 * that the header names, if the key file has it; what follows on a third line is put behind the
 * token. Without a payload the first line is a token as it stands. Nobody can forge a signature:
 * what is accepted must be what the rules say, read by jansson.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/identity/token.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"
#include "tests/inproc/forge.h"

static const int64_t now = 1800000000;
static struct token_keys *keys;

void fuzz_start(void)
{
    struct cause cause = {0};
    char *text = forge_key_file();
    fuzz_check(token_keys_load(fuzz_file(text, strlen(text)), &keys, &cause) == ERR_NONE, "%s",
               cause.text);
    free(text);
}

enum verdict { REFUSED, EXPIRED, VALID, ANY };

/* Members that the rules know nothing of, so that they may be refused or not. */
static bool has_others(const json_t *object, const char *known)
{
    const char *name;
    json_t *value;
    union {
        const json_t *from;
        json_t *to;
    } all = {.from = object};
    json_object_foreach(all.to, name, value)
    {
        char word[16];
        (void)snprintf(word, sizeof word, " %.12s ", name);
        if (strstr(known, word) == NULL) {
            return true;
        }
    }
    return false;
}

static bool integer(const json_t *payload, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(payload, name);
    *out = json_integer_value(value);
    return json_is_integer(value);
}

/* What the rules say about a token that is signed with the key KID. */
static enum verdict judge(const json_t *header, const json_t *payload)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));
    if (alg == NULL || strcmp(alg, "HS256") != 0 || kid == NULL ||
        (strcmp(kid, "first") != 0 && strcmp(kid, "second") != 0) ||
        json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL) {
        return REFUSED;
    }
    int64_t user_id;
    int64_t issued;
    int64_t expires;
    int64_t epoch;
    int64_t not_before = 0;
    int64_t started = 0;
    char subject[24];
    const char *sub = json_string_value(json_object_get(payload, "sub"));
    const char *id = json_string_value(json_object_get(payload, "jti"));
    if (!integer(payload, "user_id", &user_id) || !integer(payload, "iat", &issued) ||
        !integer(payload, "exp", &expires) || !integer(payload, "epoch", &epoch) ||
        (json_object_get(payload, "nbf") != NULL && !integer(payload, "nbf", &not_before)) ||
        (json_object_get(payload, "auth_time") != NULL &&
         (!integer(payload, "auth_time", &started) || started < 0)) ||
        sub == NULL || id == NULL || *id == '\0' || strlen(id) > TOKEN_ID_SIZE) {
        return REFUSED;
    }
    (void)snprintf(subject, sizeof subject, "%" PRId64, user_id);
    if (strcmp(subject, sub) != 0) {
        return REFUSED;
    }
    if (expires <= now) {
        return EXPIRED;
    }
    if (not_before > now || issued > now + TOKEN_CLOCK_TOLERANCE ||
        started > now + TOKEN_CLOCK_TOLERANCE) {
        return REFUSED;
    }
    return has_others(header, " alg kid typ ") ||
                   has_others(payload, " user_id iat exp epoch nbf auth_time sub jti ")
               ? ANY
               : VALID;
}

static enum verdict verify(struct text token, struct token_claims *claims)
{
    enum token_state state = token_verify(keys, &fuzz_arena, token, now, claims);
    fuzz_check(!arena_failed(&fuzz_arena), "out of memory");
    return state == TOKEN_VALID ? VALID : state == TOKEN_EXPIRED ? EXPIRED : REFUSED;
}

static void check_signed(const char *left, const char *right, const char *tail)
{
    json_set_alloc_funcs(malloc, free); /* cubby lets it work on arenas */
    json_t *header = json_loads(left, 0, NULL);
    json_t *payload = json_loads(right, 0, NULL);
    const char *kid = json_string_value(json_object_get(header, "kid"));
    bool second = kid != NULL && strcmp(kid, "second") == 0;
    char *token = forge_token(left, right, FORGE_SHA256,
                              second ? forge_second_key : forge_first_key, sizeof forge_first_key);
    enum verdict wanted = header != NULL && payload != NULL ? judge(header, payload) : REFUSED;
    int64_t user_id = json_integer_value(json_object_get(payload, "user_id"));
    int64_t epoch = json_integer_value(json_object_get(payload, "epoch"));
    json_decref(header);
    json_decref(payload);
    struct token_claims claims = {0};
    struct text text = text_of(token);
    enum verdict verdict = verify(text, &claims);
    bool matches = verdict == wanted || (wanted == ANY && verdict != EXPIRED) ||
                   (wanted == EXPIRED && verdict == REFUSED) || text.size > TOKEN_MAXIMUM;
    fuzz_check(matches, "verdict %d instead of %d: %s . %s", verdict, wanted, left, right);
    fuzz_check(verdict != VALID || (claims.user_id == user_id && claims.epoch == epoch),
               "claims of somebody else");
    if (verdict == VALID) {
        char *more = arena_printf(&fuzz_arena, "%s%s", token, tail);
        fuzz_check(*tail == '\0' || verify(text_of(more), &claims) == REFUSED,
                   "something behind the token: %s", tail);
        char *other = arena_copy(&fuzz_arena, token, text.size);
        other[text.size - 4] = other[text.size - 4] == 'A' ? 'B' : 'A';
        fuzz_check(verify(text_of(other), &claims) == REFUSED, "another signature");
    }
    free(token);
}

void fuzz_one(struct text input)
{
    struct text rest = input;
    struct text header = fuzz_line(&rest);
    struct text payload = fuzz_line(&rest);
    if (payload.size == 0) {
        struct token_claims claims;
        fuzz_check(verify(header, &claims) == REFUSED, "a forged token");
        return;
    }
    check_signed(fuzz_string(header), fuzz_string(payload), fuzz_string(rest));
}
