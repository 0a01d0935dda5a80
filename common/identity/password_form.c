/*
 * password_form.c - reads the settings in a crypt(5) hash.
 *
 * crypt_checksalt looks at the prefix and for characters that no hash has. Whether the numbers
 * behind it are such as libxcrypt takes shows only when it hashes, which may then take days or more
 * memory than there is: hashes may come from elsewhere, by `cubby import`.
 */
#include "common/identity/password_form.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/text.h"

static const char not_whole[] = "is no whole hash";
static const char too_dear[] = "takes more time or memory than any password_cost that can be set";

/* yescrypt and scrypt take 128 bytes times this number, which 1 GiB at their highest cost (11)
 * makes. */
enum { BLOCKS_MAXIMUM = 1 << 23, BLOCKS_POWER = 23 };

/* The value of a digit of crypt(5), of six bits; negative when C is none. */
static int digit(char c)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* The length of the digits that AT begins with. */
static size_t digits_at(const char *at)
{
    size_t size = 0;
    while (digit(at[size]) >= 0) {
        size++;
    }
    return size;
}

/* Whether AT is `$` and then SIZE digits, which are the end. */
static bool ends_with(const char *at, size_t size)
{
    return *at == '$' && digits_at(at + 1) == size && at[1 + size] == '\0';
}

/* Whether SIZE digits are whole bytes, the lowest first: what is over must be zero. */
static bool are_bytes(const char *at, size_t size)
{
    size_t over = size % 4;
    return over == 0 || (over == 2 && digit(at[size - 1]) < 4) ||
           (over == 3 && digit(at[size - 1]) < 16);
}

/* $y$jNR$SALT$HASH, as crypt_gensalt makes it: j for all that is usual, N the power of two, R the
 * size of a block. More letters there are parameters that it never makes. */
static const char *yescrypt_fault(const char *at)
{
    enum { ONE_LETTER = 47, SALT_DIGITS_MAXIMUM = 86, HASH_DIGITS = 43 };
    if (digits_at(at) != 3 || at[0] != 'j' || digit(at[1]) > ONE_LETTER ||
        digit(at[2]) > ONE_LETTER || at[3] != '$') {
        return not_whole;
    }
    int power = digit(at[1]) + 1;
    uint64_t size = (uint64_t)digit(at[2]) + 1;
    if (power > BLOCKS_POWER || size << power > BLOCKS_MAXIMUM) {
        return too_dear;
    }
    const char *salt = at + 4;
    size_t length = digits_at(salt);
    return power >= 2 && length <= SALT_DIGITS_MAXIMUM && are_bytes(salt, length) &&
                   ends_with(salt + length, HASH_DIGITS)
               ? NULL
               : not_whole;
}

/* Five digits, the lowest first; negative when they are not there. */
static int64_t number_at(const char *at)
{
    enum { DIGITS = 5, BITS = 6 };
    int64_t number = 0;
    for (int i = 0; i < DIGITS; i++) {
        int value = digit(at[i]);
        if (value < 0) {
            return -1;
        }
        number |= (int64_t)value << (BITS * i);
    }
    return number;
}

/* $7$NRRRRRPPPPPSALT$HASH: N the power of two, R the size of a block, P how often. */
static const char *scrypt_fault(const char *at)
{
    enum { SETTING_DIGITS = 11, SIZE_AT = 1, TIMES_AT = 6, HASH_DIGITS = 43 };
    int power = digit(at[0]);
    if (power <= 0 || digits_at(at) < SETTING_DIGITS) {
        return not_whole;
    }
    int64_t blocks = number_at(at + SIZE_AT) * number_at(at + TIMES_AT); /* below 2^60 */
    if (power > BLOCKS_POWER || blocks > BLOCKS_MAXIMUM || blocks << power > BLOCKS_MAXIMUM) {
        return too_dear;
    }
    const char *salt = at + SETTING_DIGITS;
    return blocks > 0 && ends_with(salt + digits_at(salt), HASH_DIGITS) ? NULL : not_whole;
}

/* $2b$COST$, then salt and hash without anything between them. */
static const char *bcrypt_fault(const char *at)
{
    enum { COST_DIGITS = 2, COST_MINIMUM = 4, DIGITS = 53 };
    bool over;
    int64_t cost;
    if (strcspn(at, "$") != COST_DIGITS ||
        !text_to_int64((struct text){.at = at, .size = COST_DIGITS}, INT32_MAX, &over, &cost) ||
        cost < COST_MINIMUM || !ends_with(at + COST_DIGITS, DIGITS)) {
        return not_whole;
    }
    return cost > BCRYPT_COST_MAXIMUM ? too_dear : NULL;
}

/* $6$SALT$HASH or $6$rounds=N$SALT$HASH. */
static const char *sha_fault(const char *at, size_t hash_digits)
{
    static const char name[] = "rounds=";
    enum { NAME_SIZE = sizeof name - 1, SALT_MAXIMUM = 16 };
    if (strncmp(at, name, NAME_SIZE) == 0) {
        bool over = false;
        int64_t rounds = 0;
        at += NAME_SIZE;
        size_t size = strcspn(at, "$");
        bool good = text_to_int64((struct text){.at = at, .size = size}, SHA_ROUNDS_MAXIMUM, &over,
                                  &rounds);
        if (over) {
            return too_dear;
        }
        if (!good || *at == '0' || rounds < SHA_ROUNDS_MINIMUM || at[size] != '$') {
            return not_whole;
        }
        at += size + 1;
    }
    size_t salt = strcspn(at, "$");
    return salt <= SALT_MAXIMUM && ends_with(at + salt, hash_digits) ? NULL : not_whole;
}

static const char *sha512_fault(const char *at)
{
    return sha_fault(at, 86);
}

static const char *sha256_fault(const char *at)
{
    return sha_fault(at, 43);
}

const char *password_form_fault(const char *stored, size_t *longest)
{
    static const struct {
        const char *prefix;
        size_t longest; /* the most bytes of a password that it uses */
        const char *(*fault)(const char *rest);
    } accepted[] = {
        {"$y$", METHOD_USES_ALL, yescrypt_fault}, {"$gy$", METHOD_USES_ALL, yescrypt_fault},
        {"$7$", METHOD_USES_ALL, scrypt_fault},   {"$2b$", BCRYPT_USES, bcrypt_fault},
        {"$2y$", BCRYPT_USES, bcrypt_fault},      {"$2a$", BCRYPT_USES, bcrypt_fault},
        {"$6$", METHOD_USES_ALL, sha512_fault},   {"$5$", METHOD_USES_ALL, sha256_fault},
    };
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        size_t size = strlen(accepted[i].prefix);
        if (strncmp(stored, accepted[i].prefix, size) == 0) {
            *longest = accepted[i].longest;
            return accepted[i].fault(stored + size);
        }
    }
    return "is no hash of an accepted method (yescrypt, gost-yescrypt, scrypt, bcrypt, "
           "sha512crypt, sha256crypt)";
}
