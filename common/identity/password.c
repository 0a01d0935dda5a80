/*
 * password.c - hashing and verifying passwords with libxcrypt.
 *
 * No other file may include crypt.h. Hashes are crypt(5) strings, which name their method and cost.
 */
#include "common/identity/password.h"

#include <crypt.h>
#include <errno.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/unicode.h"

struct method {
    const char *name;
    const char *prefix; /* of its crypt(5) strings */
    int64_t least;      /* cost */
    int64_t most;
    int64_t usual;
    size_t longest; /* the most bytes of a password that the method uses */
};

/* libxcrypt refuses passwords of CRYPT_MAX_PASSPHRASE_SIZE bytes and more; bcrypt ignores
 * everything after byte 72. */
static const struct method methods[] = {
    {"yescrypt", "$y$", 1, 11, 5, CRYPT_MAX_PASSPHRASE_SIZE - 1},
    {"scrypt", "$7$", 6, 11, 7, CRYPT_MAX_PASSPHRASE_SIZE - 1},
    {"bcrypt", "$2b$", 4, 20, 10, 72},
    {"sha512crypt", "$6$", 1000, 9999999, 100000, CRYPT_MAX_PASSPHRASE_SIZE - 1},
};

/* The hashes that are accepted, also from elsewhere, and their lengths. */
static const struct {
    const char *prefix;
    size_t longest; /* as above */
    size_t tail;    /* characters after the last `$` */
} accepted[] = {
    {"$y$", CRYPT_MAX_PASSPHRASE_SIZE - 1, 43},
    {"$gy$", CRYPT_MAX_PASSPHRASE_SIZE - 1, 43},
    {"$7$", CRYPT_MAX_PASSPHRASE_SIZE - 1, 43},
    {"$2b$", 72, 53},
    {"$2y$", 72, 53},
    {"$2a$", 72, 53},
    {"$6$", CRYPT_MAX_PASSPHRASE_SIZE - 1, 86},
    {"$5$", CRYPT_MAX_PASSPHRASE_SIZE - 1, 43},
};

enum { ACCEPTED_COUNT = sizeof accepted / sizeof *accepted };

static size_t accepted_prefix(const char *stored)
{
    size_t i = 0;
    while (i < ACCEPTED_COUNT &&
           strncmp(stored, accepted[i].prefix, strlen(accepted[i].prefix)) != 0) {
        i++;
    }
    return i;
}

const char *password_hash_fault(struct text stored)
{
    char copy[CRYPT_OUTPUT_SIZE];
    if (stored.size == 0 || stored.size >= sizeof copy ||
        memchr(stored.at, '\0', stored.size) != NULL) {
        return "is no hash";
    }
    memcpy(copy, stored.at, stored.size);
    copy[stored.size] = '\0';
    size_t method = accepted_prefix(copy);
    if (method == ACCEPTED_COUNT) {
        return "is no hash of an accepted method (yescrypt, gost-yescrypt, scrypt, bcrypt, "
               "sha512crypt, sha256crypt)";
    }
    if (strlen(strrchr(copy, '$') + 1) != accepted[method].tail) {
        return "is no whole hash";
    }
    int checked = crypt_checksalt(copy);
    return checked == CRYPT_SALT_INVALID || checked == CRYPT_SALT_METHOD_DISABLED
               ? "is no hash that this build can verify"
               : NULL;
}

static const struct method *method_named(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(name, methods[i].name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

bool password_policy_valid(const char *method_name, int64_t cost, const char **reason)
{
    const struct method *method = method_named(method_name);
    if (method == NULL) {
        *reason = "unknown method";
        return false;
    }
    if (cost != 0 && (cost < method->least || cost > method->most)) {
        *reason = "out of the range of this method; see the sample file";
        return false;
    }
    return true;
}

const char *password_weakness(struct text password)
{
    bool upper = false;
    bool lower = false;
    bool digit = false;
    bool special = false;
    if (password.size < PASSWORD_MINIMUM) {
        return "shorter than 8 bytes";
    }
    if (password.size > PASSWORD_MAXIMUM) {
        return "longer than 512 bytes";
    }
    for (size_t i = 0; i < password.size;) {
        uint32_t code = 0;
        size_t length = utf8_decode(password.at + i, password.size - i, &code);
        bool is_upper = unicode_is_upper(code);
        bool is_lower = unicode_is_lower(code);
        bool is_digit = code >= '0' && code <= '9';
        upper = upper || is_upper;
        lower = lower || is_lower;
        digit = digit || is_digit;
        special = special || code >= 0x80 || !(is_upper || is_lower || is_digit);
        i += length > 0 ? length : 1;
    }
    return !upper     ? "has no uppercase letter"
           : !lower   ? "has no lowercase letter"
           : !digit   ? "has no digit"
           : !special ? "has no special character"
                      : NULL;
}

/* Hashes PASSWORD with the crypt(5) SETTING, which may be a whole hash. *OUT is on ARENA. */
static enum error_code hash_with(struct arena *arena, const char *setting, size_t longest,
                                 struct text password, const char **out, struct cause *cause)
{
    struct crypt_data *data = arena_alloc(arena, sizeof *data);
    char *phrase = arena_alloc(arena, password.size + DIGEST_TEXT_SIZE);
    if (data == NULL || phrase == NULL) {
        return cause_set(cause, ERR_INTERNAL, "out of memory");
    }
    if (password.size > longest) {
        /* Longer than what the method uses: the digest of the password takes its place. */
        if (!digest_text(password, phrase)) {
            return cause_set(cause, ERR_INTERNAL, "digest of a long password failed");
        }
    } else {
        memcpy(phrase, password.at, password.size);
        phrase[password.size] = '\0';
    }
    memset(data, 0, sizeof *data);
    errno = 0;
    const char *hash = crypt_rn(phrase, setting, data, (int)sizeof *data);
    int problem = errno;
    explicit_bzero(phrase, strlen(phrase));
    if (hash == NULL) {
        return cause_set(cause, ERR_INTERNAL, "hashing a password: %s", strerror(problem));
    }
    *out = hash;
    return ERR_NONE;
}

/* Writes the crypt(5) setting for POLICY and SALT. Returns the method, or NULL on failure. */
static const struct method *make_setting(const struct password_policy *policy,
                                         const unsigned char *salt,
                                         char setting[CRYPT_GENSALT_OUTPUT_SIZE])
{
    const struct method *method = method_named(policy->method);
    if (method == NULL) {
        return NULL;
    }
    unsigned long cost = (unsigned long)(policy->cost != 0 ? policy->cost : method->usual);
    const char *made = crypt_gensalt_rn(method->prefix, cost, (const char *)salt,
                                        PASSWORD_SALT_BYTES, setting, CRYPT_GENSALT_OUTPUT_SIZE);
    return made != NULL ? method : NULL;
}

enum error_code password_hash(struct arena *arena, const unsigned char *salt,
                              const struct password_policy *policy, struct text password,
                              const char **out, struct cause *cause)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const struct method *method = make_setting(policy, salt, setting);
    if (method == NULL) {
        return cause_set(cause, ERR_INTERNAL, "no setting for password method %s", policy->method);
    }
    return hash_with(arena, setting, method->longest, password, out, cause);
}

enum error_code password_verify(struct arena *arena, const char *stored, struct text password,
                                bool *matches, struct cause *cause)
{
    size_t method = accepted_prefix(stored);
    size_t longest =
        method < ACCEPTED_COUNT ? accepted[method].longest : CRYPT_MAX_PASSPHRASE_SIZE - 1;
    const char *hash = "";
    enum error_code error = hash_with(arena, stored, longest, password, &hash, cause);
    if (error != ERR_NONE) {
        return error;
    }
    size_t size = strlen(stored);
    *matches = strlen(hash) == size && secret_equal(hash, stored, size);
    return ERR_NONE;
}

bool password_outdated(const char *stored, const struct password_policy *policy)
{
    static const unsigned char salt[PASSWORD_SALT_BYTES];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (make_setting(policy, salt, setting) == NULL) {
        return false;
    }
    /* In a setting, method and cost come before the last `$` and the salt after it. For scrypt the
     * last `$` is the second one, and its cost parameters follow it. sha512crypt names its cost
     * ("rounds=") only if it is not 5000, so "$6$" alone begins every sha512crypt hash. */
    enum { SCRYPT_NUMBERS = 11 };
    const char *last = strrchr(setting, '$');
    size_t length = last != NULL ? (size_t)(last - setting) + 1 : 0;
    length += strncmp(setting, "$7$", length) == 0 ? SCRYPT_NUMBERS : 0;
    return strncmp(stored, setting, length) != 0 ||
           strncmp(stored + length, "rounds=", strlen("rounds=")) == 0;
}
