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
#include "common/identity/password_form.h"

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
_Static_assert(METHOD_USES_ALL < CRYPT_MAX_PASSPHRASE_SIZE, "libxcrypt would refuse passwords");

static const struct method methods[] = {
    {"yescrypt", "$y$", 1, 11, 5, METHOD_USES_ALL},
    {"scrypt", "$7$", 6, 11, 7, METHOD_USES_ALL},
    {"bcrypt", "$2b$", 4, BCRYPT_COST_MAXIMUM, 10, BCRYPT_USES},
    {"sha512crypt", "$6$", SHA_ROUNDS_MINIMUM, SHA_ROUNDS_MAXIMUM, 100000, METHOD_USES_ALL},
};

const char *password_hash_fault(struct text stored)
{
    char copy[CRYPT_OUTPUT_SIZE];
    size_t longest;
    if (stored.size == 0 || stored.size >= sizeof copy ||
        memchr(stored.at, '\0', stored.size) != NULL) {
        return "is no hash";
    }
    memcpy(copy, stored.at, stored.size);
    copy[stored.size] = '\0';
    const char *fault = password_form_fault(copy, &longest);
    if (fault != NULL) {
        return fault;
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

/* Writes what stands for a PASSWORD that is longer than what a method uses: its digest, behind a
 * byte that UTF-8 has nowhere, so that it is nothing that anybody can log in with. The digest is
 * one that no other service has made of the same password, where it may have become known. */
static bool shorten(struct arena *arena, struct text password, char *out)
{
    static const char ours[] = "cubby: the digest of a long password"; /* with its NUL */
    char *whole = arena_alloc(arena, sizeof ours + password.size);
    if (whole == NULL) {
        return false;
    }
    memcpy(whole, ours, sizeof ours);
    memcpy(whole + sizeof ours, password.at, password.size);
    *out = '\xff';
    bool done =
        digest_text((struct text){.at = whole, .size = sizeof ours + password.size}, out + 1);
    explicit_bzero(whole, sizeof ours + password.size);
    return done;
}

/* Hashes PASSWORD with the crypt(5) SETTING, which may be a whole hash. *OUT is on ARENA, or NULL
 * when libxcrypt can't use SETTING. */
static enum error_code hash_with(struct arena *arena, const char *setting, size_t longest,
                                 struct text password, const char **out, struct cause *cause)
{
    struct crypt_data *data = arena_alloc(arena, sizeof *data);
    char *phrase = arena_alloc(arena, password.size + 1 + DIGEST_TEXT_SIZE);
    if (data == NULL || phrase == NULL) {
        return cause_set(cause, ERR_INTERNAL, "out of memory");
    }
    if (password.size > longest) {
        if (!shorten(arena, password, phrase)) {
            return cause_set(cause, ERR_INTERNAL, "digest of a long password failed");
        }
    } else {
        memcpy(phrase, password.at, password.size);
        phrase[password.size] = '\0';
    }
    memset(data, 0, sizeof *data);
    errno = 0;
    *out = crypt_rn(phrase, setting, data, (int)sizeof *data);
    int problem = errno;
    explicit_bzero(phrase, strlen(phrase));
    return *out != NULL || problem == EINVAL || problem == ERANGE
               ? ERR_NONE
               : cause_set(cause, ERR_INTERNAL, "hashing a password: %s", strerror(problem));
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
    enum error_code error = hash_with(arena, setting, method->longest, password, out, cause);
    return error == ERR_NONE && *out == NULL
               ? cause_set(cause, ERR_INTERNAL, "hashing a password: the setting is refused")
               : error;
}

enum error_code password_verify(struct arena *arena, const char *stored, struct text password,
                                bool *matches, struct cause *cause)
{
    size_t longest = METHOD_USES_ALL;
    (void)password_form_fault(stored, &longest);
    const char *hash = NULL;
    *matches = false;
    enum error_code error = hash_with(arena, stored, longest, password, &hash, cause);
    if (error != ERR_NONE) {
        return error;
    }
    if (hash == NULL) {
        return ERR_INVALID_CREDENTIALS;
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
