/*
 * token.c - access tokens with libjwt. No other file may include jwt.h.
 *
 * libjwt checks the signature; the other rules for tokens are applied here to the claims that
 * libjwt parsed. Times are compared with the caller's clock, so that one moment holds for a whole
 * request.
 */
#include "common/identity/token.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jwt.h>

#include "common/base/digest.h"
#include "common/json/json.h"

/* Claims are 64-bit integers, for which libjwt needs a build option. */
_Static_assert(sizeof(jwt_long_t) >= sizeof(int64_t), "build with -DJWT_USES_LONG_LONG=1");

#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-statement-expression" /* in the macros of jwt.h */
#endif

/* ---- memory
 *
 * libjwt does not handle every failed allocation: it frees memory that is not its own, and treats a
 * key whose name could not be allocated as one without a name. So libjwt, and jansson and Mbed TLS
 * below it, allocate on an arena, where nothing is freed piece by piece and a failed allocation is
 * recorded; after one, none of their results is used. The allocation functions have no context
 * argument, so the arena in use is a global of the process. */
static struct arena *memory;

static void *take(size_t size)
{
    return memory != NULL ? arena_alloc(memory, size) : NULL;
}

static void *take_cleared(size_t count, size_t size)
{
    void *piece = count == 0 || size <= SIZE_MAX / count ? take(count * size) : NULL;
    if (piece != NULL) {
        memset(piece, 0, count * size);
    }
    return piece;
}

static void give_back(void *piece)
{
    (void)piece; /* freed with the arena */
}

static void use_memory(struct arena *arena)
{
    memory = arena;
    (void)jwt_set_alloc(take, give_back);
    digest_use_memory(take_cleared, give_back);
}

/* ---- keys ------------------------------------------------------------------------------------ */

enum { KEYS_ARENA_MAXIMUM = 1024 * 1024 };

struct token_keys {
    struct arena arena;
    jwk_set_t *set;
};

/* Names of keys stand in tokens, logs and commands: those that tools make (hexadecimal, base64,
 * UUIDs, thumbprints, addresses, dates) have nothing by which a shell or a terminal could be led.
 */
static bool is_harmless(const char *kid)
{
    static const char others[] = "-_.~+/=:@, ";
    for (; *kid != '\0'; kid++) {
        bool letter = (*kid >= 'a' && *kid <= 'z') || (*kid >= 'A' && *kid <= 'Z');
        if (!letter && !(*kid >= '0' && *kid <= '9') && strchr(others, *kid) == NULL) {
            return false;
        }
    }
    return true;
}

/* NULL when the key may be used, otherwise a static text that says why not. */
static const char *key_fault(const jwk_item_t *key)
{
    if (jwks_item_error(key)) {
        return "can't be read as a JWK";
    }
    if (jwks_item_kty(key) != JWK_KEY_TYPE_OCT) {
        return "is not of type oct";
    }
    if (jwks_item_key_bits(key) < TOKEN_KEY_MINIMUM * 8) {
        return "has less than 32 bytes";
    }
    if (jwks_item_kid(key) != NULL && strlen(jwks_item_kid(key)) > TOKEN_KEY_ID_MAXIMUM) {
        return "has a kid of more than 256 bytes";
    }
    if (jwks_item_kid(key) != NULL && !is_harmless(jwks_item_kid(key))) {
        return "has a kid with other characters than letters, digits, blanks and -_.~+/=:@,";
    }
    if (jwks_item_alg(key) != JWT_ALG_NONE && jwks_item_alg(key) != JWT_ALG_HS256) {
        return "names an algorithm other than HS256";
    }
    return NULL;
}

/* Reads the file PATH and returns its size; -1 with errno when it can't be read, EFBIG when it is
 * not smaller than TOKEN_KEY_FILE_SIZE. O_NONBLOCK: a pipe in its place reads as empty instead of
 * blocking. */
static ssize_t read_key_file(const char *path, char text[TOKEN_KEY_FILE_SIZE])
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t used = 0;
    ssize_t got = file >= 0 ? 1 : -1;
    while (got > 0 && used < TOKEN_KEY_FILE_SIZE) {
        got = read(file, text + used, (size_t)(TOKEN_KEY_FILE_SIZE - used));
        used += got > 0 ? got : 0;
    }
    int problem = got < 0 ? errno : EFBIG;
    if (file >= 0) {
        (void)close(file);
    }
    errno = problem;
    return got == 0 ? used : -1;
}

static const char no_file[] = "is missing";

/* Reads the key set at PATH into KEYS, which is empty. NULL when it is usable, otherwise the
 * reason; *NUMBER is then the key that is at fault, from 1, or 0. */
static const char *load_set(const char *path, struct token_keys *keys, size_t *number)
{
    *number = 0;
    keys->set = NULL;
    arena_init(&keys->arena, KEYS_ARENA_MAXIMUM);
    /* Not jwks_create_fromfile, which reads the file byte by byte through stdio. */
    char text[TOKEN_KEY_FILE_SIZE];
    ssize_t size = read_key_file(path, text);
    if (size < 0) {
        return errno == ENOENT ? no_file : errno == EFBIG ? "is too large" : "can't be read";
    }
    use_memory(&keys->arena);
    keys->set = jwks_create_strn(text, (size_t)size);
    use_memory(NULL);
    explicit_bzero(text, (size_t)size);
    if (keys->set == NULL || arena_failed(&keys->arena)) {
        return "out of memory";
    }
    if (jwks_error(keys->set)) {
        return "is no JWKS";
    }
    size_t count = jwks_item_count(keys->set);
    if (count == 0) {
        return "has no key";
    }
    for (size_t i = 0; i < count; i++) {
        const char *fault = key_fault(jwks_item_get(keys->set, i));
        if (fault != NULL) {
            *number = i + 1;
            return fault;
        }
    }
    return NULL;
}

enum error_code token_keys_load(const char *path, struct token_keys **out, struct cause *cause)
{
    *out = NULL;
    struct token_keys *keys = malloc(sizeof *keys);
    if (keys == NULL) {
        return cause_set(cause, ERR_INTERNAL, "key file %s: out of memory", path);
    }
    size_t number;
    const char *fault = load_set(path, keys, &number);
    if (fault == NULL) {
        *out = keys;
        return ERR_NONE;
    }
    token_keys_free(keys);
    return number > 0 ? cause_set(cause, ERR_INTERNAL, "%s: key %zu %s", path, number, fault)
                      : cause_set(cause, ERR_INTERNAL, "key file %s: %s%s", path, fault,
                                  fault == no_file ? "; \"cubby init\" makes one" : "");
}

/* jwks_free wipes the keys. */
static void free_set(struct token_keys *keys)
{
    if (!arena_failed(&keys->arena)) {
        use_memory(NULL); /* the libraries may have been told otherwise since */
        jwks_free(keys->set);
    }
    arena_reset(&keys->arena);
}

void token_keys_free(struct token_keys *keys)
{
    if (keys != NULL) {
        free_set(keys);
        free(keys);
    }
}

bool token_keys_check(const char *path, void (*report)(void *self, const char *problem), void *self)
{
    struct token_keys keys;
    size_t number;
    const char *fault = load_set(path, &keys, &number);
    if (fault != NULL) {
        char line[128];
        if (number > 0) {
            (void)snprintf(line, sizeof line, "key %zu %s", number, fault);
        } else {
            (void)snprintf(line, sizeof line, "%s", fault);
        }
        report(self, line);
    }
    free_set(&keys);
    return fault == NULL;
}

static bool same_name(const jwk_item_t *a, const jwk_item_t *b)
{
    const char *one = jwks_item_kid(a);
    const char *other = jwks_item_kid(b);
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_secret(const jwk_item_t *a, const jwk_item_t *b)
{
    const unsigned char *one = NULL;
    const unsigned char *other = NULL;
    size_t size = 0;
    size_t other_size = 0;
    return jwks_item_key_oct(a, &one, &size) == 0 &&
           jwks_item_key_oct(b, &other, &other_size) == 0 && size == other_size &&
           memcmp(one, other, size) == 0;
}

void token_keys_doubles(const char *path, void (*report)(void *self, const char *problem),
                        void *self)
{
    struct token_keys keys;
    size_t number;
    size_t count = load_set(path, &keys, &number) == NULL ? (size_t)jwks_item_count(keys.set) : 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            const jwk_item_t *one = jwks_item_get(keys.set, i);
            const jwk_item_t *other = jwks_item_get(keys.set, j);
            bool named = same_name(one, other);
            bool secret = same_secret(one, other);
            char line[128];
            (void)snprintf(line, sizeof line, "keys %zu and %zu have the same %s", i + 1, j + 1,
                           named && secret ? "name and secret"
                           : named         ? "name (kid)"
                                           : "secret");
            if (named || secret) {
                report(self, line);
            }
        }
    }
    free_set(&keys);
}

const char *token_keys_text(const unsigned char *key, const char *kid)
{
    char *material = arena_alloc(json_arena(), (size_t)TOKEN_KEY_MINIMUM * 2);
    cJSON *top = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(top, "keys");
    cJSON *item = cJSON_CreateObject();
    if (material == NULL || list == NULL || item == NULL) {
        return NULL;
    }
    base64url_encode(key, TOKEN_KEY_MINIMUM, material);
    json_add(item, "kty", json_new_string("oct"));
    json_add(item, "alg", json_new_string("HS256"));
    json_add(item, "use", json_new_string("sig"));
    json_add(item, "kid", json_new_string(kid));
    json_add(item, "k", json_new_string(material));
    (void)cJSON_AddItemToArray(list, item);
    return cJSON_Print(top);
}

/* ---- signing --------------------------------------------------------------------------------- */

static bool set_integer(jwt_builder_t *builder, const char *name, int64_t value)
{
    jwt_value_t claim;
    jwt_set_SET_INT(&claim, name, value);
    return jwt_builder_claim_set(builder, &claim) == JWT_VALUE_ERR_NONE;
}

static bool set_text(jwt_builder_t *builder, const char *name, const char *value)
{
    jwt_value_t claim;
    jwt_set_SET_STR(&claim, name, value);
    return jwt_builder_claim_set(builder, &claim) == JWT_VALUE_ERR_NONE;
}

static bool set_key(jwt_builder_t *builder, const jwk_item_t *key)
{
    const char *kid = jwks_item_kid(key);
    if (kid != NULL) {
        jwt_value_t header;
        jwt_set_SET_STR(&header, "kid", kid);
        if (jwt_builder_header_set(builder, &header) != JWT_VALUE_ERR_NONE) {
            return false;
        }
    }
    return jwt_builder_setkey(builder, JWT_ALG_HS256, key) == 0;
}

enum error_code token_sign(const struct token_keys *keys, const struct token_claims *claims,
                           struct arena *arena, const char **out, struct cause *cause)
{
    char subject[24];
    (void)snprintf(subject, sizeof subject, "%" PRId64, claims->user_id);
    use_memory(arena);
    jwt_builder_t *builder = jwt_builder_new();
    bool good = builder != NULL && set_key(builder, jwks_item_get(keys->set, 0)) &&
                jwt_builder_enable_iat(builder, 0) >= 0 && set_text(builder, "sub", subject) &&
                set_integer(builder, "user_id", claims->user_id) &&
                set_integer(builder, "iat", claims->issued) &&
                set_integer(builder, "exp", claims->expires) &&
                set_text(builder, "jti", claims->id) &&
                set_integer(builder, "epoch", claims->epoch) &&
                (claims->started == 0 || set_integer(builder, "auth_time", claims->started));
    *out = good ? jwt_builder_generate(builder) : NULL;
    use_memory(NULL);
    if (arena_failed(arena)) {
        return cause_set(cause, ERR_INTERNAL, "signing a token: out of memory");
    }
    if (*out == NULL) {
        return cause_set(cause, ERR_INTERNAL, "signing a token: %s",
                         builder != NULL ? jwt_builder_error_msg(builder) : "no builder");
    }
    return ERR_NONE;
}

/* ---- verifying ------------------------------------------------------------------------------- */

/* The state of the libjwt callback, which sees the token parsed but not yet verified. */
struct reading {
    const struct token_keys *keys;
    struct token_claims claims;
    int64_t not_before;
    size_t next; /* where the keys begin that were not tried yet */
    bool more;   /* one of those has the name as well: a file made by hand may have several */
};

static bool get_integer(jwt_t *jwt, const char *name, int64_t *out)
{
    jwt_value_t claim;
    jwt_set_GET_INT(&claim, name);
    if (jwt_claim_get(jwt, &claim) != JWT_VALUE_ERR_NONE) {
        return false;
    }
    *out = claim.int_val;
    return true;
}

/* The text is borrowed from JWT. */
static const char *get_text(jwt_t *jwt, const char *name)
{
    jwt_value_t claim;
    jwt_set_GET_STR(&claim, name);
    return jwt_claim_get(jwt, &claim) == JWT_VALUE_ERR_NONE ? claim.str_val : NULL;
}

/* For a claim that may be absent, *OUT is 0 then, but if present must be an integer, and at least
 * LEAST. */
static bool get_optional_integer(jwt_t *jwt, const char *name, int64_t least, int64_t *out)
{
    jwt_value_t claim;
    jwt_set_GET_INT(&claim, name);
    jwt_value_error_t error = jwt_claim_get(jwt, &claim);
    *out = error == JWT_VALUE_ERR_NONE ? claim.int_val : 0;
    return error == JWT_VALUE_ERR_NOEXIST || (error == JWT_VALUE_ERR_NONE && *out >= least);
}

static bool get_claims(jwt_t *jwt, struct reading *reading)
{
    struct token_claims *claims = &reading->claims;
    if (!get_integer(jwt, "user_id", &claims->user_id) ||
        !get_integer(jwt, "iat", &claims->issued) || !get_integer(jwt, "exp", &claims->expires) ||
        !get_integer(jwt, "epoch", &claims->epoch) ||
        !get_optional_integer(jwt, "nbf", INT64_MIN, &reading->not_before) ||
        !get_optional_integer(jwt, "auth_time", 1, &claims->started)) {
        return false;
    }
    char subject[24];
    (void)snprintf(subject, sizeof subject, "%" PRId64, claims->user_id);
    const char *sub = get_text(jwt, "sub");
    const char *id = get_text(jwt, "jti");
    /* An id stands between these two in the list of ended tokens (db/model/accounts.c). */
    if (sub == NULL || strcmp(sub, subject) != 0 || id == NULL || *id == '\0' ||
        strlen(id) > TOKEN_ID_SIZE || strpbrk(id, ";=") != NULL) {
        return false;
    }
    (void)snprintf(claims->id, sizeof claims->id, "%s", id);
    return true;
}

static bool has_name(const jwk_item_t *key, const char *name)
{
    const char *kid = jwks_item_kid(key);
    return name == NULL ? kid == NULL : kid != NULL && strcmp(kid, name) == 0;
}

/* The next key that the token names; a token without `kid` is verified with a key without one. */
static const jwk_item_t *find_key(struct reading *reading, jwt_t *jwt)
{
    jwt_value_t header;
    jwt_set_GET_STR(&header, "kid");
    jwt_value_error_t error = jwt_header_get(jwt, &header);
    if (error != JWT_VALUE_ERR_NONE && error != JWT_VALUE_ERR_NOEXIST) {
        return NULL;
    }
    const char *wanted = error == JWT_VALUE_ERR_NONE ? header.str_val : NULL;
    const jwk_item_t *found = NULL;
    size_t count = jwks_item_count(reading->keys->set);
    for (size_t i = reading->next; i < count && !reading->more; i++) {
        const jwk_item_t *key = jwks_item_get(reading->keys->set, i);
        if (found != NULL) {
            reading->more = has_name(key, wanted);
        } else if (has_name(key, wanted)) {
            found = key;
            reading->next = i + 1;
        }
    }
    return found;
}

/* Whether the header has the parameter NAME, of whatever type. */
static bool has_header(jwt_t *jwt, const char *name)
{
    jwt_value_t header;
    jwt_set_GET_STR(&header, name);
    return jwt_header_get(jwt, &header) != JWT_VALUE_ERR_NOEXIST;
}

/* Whether the token says for whom it is: none of this service does, so it is another's (RFC 7519
 * section 4.1.3). */
static bool has_audience(jwt_t *jwt)
{
    jwt_value_t claim;
    jwt_set_GET_STR(&claim, "aud");
    return jwt_claim_get(jwt, &claim) != JWT_VALUE_ERR_NOEXIST;
}

/* Called by libjwt between parsing and verifying; a result other than 0 refuses the token. */
static int choose_key(jwt_t *jwt, jwt_config_t *config)
{
    struct reading *reading = config->ctx;
    /* Extensions that the token says must be understood (RFC 7515 section 4.1.11), or an encoding
     * of the payload that is not ours (RFC 7797). None is known here. */
    if (has_header(jwt, "crit") || has_header(jwt, "b64")) {
        return 1;
    }
    /* When the key file names an algorithm, libjwt does not check the one in the token. */
    if (jwt_get_alg(jwt) != JWT_ALG_HS256 || has_audience(jwt) || !get_claims(jwt, reading)) {
        return 1;
    }
    config->alg = JWT_ALG_HS256;
    config->key = find_key(reading, jwt);
    return config->key == NULL;
}

static bool verify_with(struct reading *reading, const char *token)
{
    jwt_checker_t *checker = jwt_checker_new();
    return checker != NULL && jwt_checker_time_leeway(checker, JWT_CLAIM_EXP, -1) == 0 &&
           jwt_checker_time_leeway(checker, JWT_CLAIM_NBF, -1) == 0 &&
           jwt_checker_setcb(checker, choose_key, reading) == 0 &&
           jwt_checker_verify(checker, token) == 0;
}

/* The characters of base64url without padding, and dots: a token has no others (RFC 7515 sections 2
 * and 7.1), though libjwt takes some. */
static const char token_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

enum token_state token_verify(const struct token_keys *keys, struct arena *arena, struct text token,
                              int64_t now, struct token_claims *claims)
{
    if (token.size > TOKEN_MAXIMUM) {
        return TOKEN_INVALID;
    }
    const char *copy = arena_copy(arena, token.at, token.size);
    if (copy == NULL || strspn(copy, token_characters) != token.size) {
        return TOKEN_INVALID;
    }
    struct reading reading = {.keys = keys};
    use_memory(arena);
    bool good = false;
    do {
        reading.more = false;
        good = verify_with(&reading, copy);
    } while (!good && reading.more);
    use_memory(NULL);
    if (!good || arena_failed(arena)) {
        return TOKEN_INVALID;
    }
    if (reading.claims.expires <= now) {
        return TOKEN_EXPIRED;
    }
    if (reading.not_before > now || reading.claims.issued > now + TOKEN_CLOCK_TOLERANCE ||
        reading.claims.started > now + TOKEN_CLOCK_TOLERANCE) {
        return TOKEN_INVALID;
    }
    *claims = reading.claims;
    return TOKEN_VALID;
}
