/*
 * test_hashes.c - which password hashes a login computes, told by the calls of libxcrypt, not by
 * their time: of an account that is there no less than of one that is not.
 */
#include <crypt.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/identity/password.h"
#include "db/engine/driver.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

enum { HASHES_MAXIMUM = 8, SETTING_ROOM = 32 };

static size_t hashes;
static char settings[HASHES_MAXIMUM][SETTING_ROOM]; /* how those begin that each was made with */
static char last_phrase[PASSWORD_MAXIMUM + 1];      /* what was hashed last */
static bool refuses_next;                           /* libxcrypt can't use the setting */

/* Hashes that were computed, each once: the tests of faults ask for the same some thousand times.
 * Of sha512crypt alone, which allocates nothing, so that no place where memory can be out is
 * missed. */
enum { KEPT_MAXIMUM = 64, KEPT_ROOM = 128 };
static struct {
    char phrase[KEPT_ROOM];
    char setting[KEPT_ROOM];
    char output[KEPT_ROOM];
} kept[KEPT_MAXIMUM];
static size_t kept_count;

/* NOLINTBEGIN(*reserved-identifier,cert-dcl*): names that the linker gives */

char *__real_crypt_rn(const char *phrase, const char *setting, void *data, int size);
char *__wrap_crypt_rn(const char *phrase, const char *setting, void *data, int size);

char *__wrap_crypt_rn(const char *phrase, const char *setting, void *data, int size)
{
    if (hashes < HASHES_MAXIMUM) {
        (void)snprintf(settings[hashes], SETTING_ROOM, "%s", setting);
    }
    hashes++;
    (void)snprintf(last_phrase, sizeof last_phrase, "%s", phrase);
    if (refuses_next) {
        refuses_next = false;
        errno = EINVAL;
        return NULL;
    }
    bool keeps = strncmp(setting, "$6$", 3) == 0 && strlen(phrase) < KEPT_ROOM &&
                 strlen(setting) < KEPT_ROOM && size == (int)sizeof(struct crypt_data);
    char *output = ((struct crypt_data *)data)->output;
    for (size_t i = 0; keeps && i < KEPT_MAXIMUM; i++) {
        if (strcmp(kept[i].setting, setting) == 0 && strcmp(kept[i].phrase, phrase) == 0) {
            memcpy(output, kept[i].output, KEPT_ROOM);
            return output;
        }
    }
    char *made = __real_crypt_rn(phrase, setting, data, size);
    if (keeps && made != NULL && strlen(made) < KEPT_ROOM) {
        size_t at = kept_count++ % KEPT_MAXIMUM;
        (void)snprintf(kept[at].phrase, KEPT_ROOM, "%s", phrase);
        (void)snprintf(kept[at].setting, KEPT_ROOM, "%s", setting);
        (void)snprintf(kept[at].output, KEPT_ROOM, "%s", made);
    }
    return made;
}

/* NOLINTEND(*reserved-identifier,cert-dcl*) */

static void log_in(const char *name, const char *password, int status)
{
    char body[PASSWORD_MAXIMUM + 64];
    (void)snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", name, password);
    hashes = 0;
    (void)world_expect(&token_program, (struct tape_request){.method = "POST", .body = body},
                       status, status == 200 ? NULL : "INVALID_CREDENTIALS");
}

static void assert_made_with(size_t number, const char *start)
{
    if (strncmp(settings[number], start, strlen(start)) != 0) {
        fail_msg("hash %zu was made with %s, not %s", number, settings[number], start);
    }
}

static void a_refused_login_has_the_hash_of_the_settings_whoever_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        const char *start; /* of their hashes */
    } rows[] = {
        {"password_method = sha512crypt\npassword_cost = 2000", "$6$rounds=2000$"},
        {"password_method = yescrypt\npassword_cost = 1", "$y$j75$"},
        {"password_method = bcrypt\npassword_cost = 4", "$2b$04$"},
    };
    static const char stored[] = "$6$rounds=1000$"; /* of both users */
    log_in("nobody", "Wrong-pass1!", 401);
    assert_int_equal(hashes, 1);
    log_in("bob", "Wrong-pass1!", 401);
    assert_int_equal(hashes, 1);
    assert_made_with(0, stored);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)world_reset(state);
        world_configure(rows[i].lines);
        log_in("nobody", "Wrong-pass1!", 401);
        assert_int_equal(hashes, 1);
        assert_made_with(0, rows[i].start);
        log_in("bob", "Wrong-pass1!", 401);
        assert_int_equal(hashes, 2);
        assert_made_with(0, stored);
        assert_made_with(1, rows[i].start);
        /* The right password has its hash made anew, and from then on there is one. */
        log_in("bob", world_password, 200);
        assert_int_equal(hashes, 2);
        assert_made_with(1, rows[i].start);
        log_in("bob", "Wrong-pass1!", 401);
        assert_int_equal(hashes, 1);
        assert_made_with(0, rows[i].start);
    }
}

static void sql(const char *statement)
{
    struct db_connection *connection;
    assert_int_equal(db_sqlite.open(world_database, true, 0, &connection), DB_OK);
    assert_int_equal(db_sqlite.script(connection, statement), DB_OK);
    db_sqlite.close(connection);
}

static void store_hash(const char *stored)
{
    char statement[256];
    (void)snprintf(statement, sizeof statement,
                   "UPDATE users SET password_hash = '%s' WHERE username = 'bob'", stored);
    sql(statement);
}

static void assert_one_hash(const char *stored, const char *password, const char *start)
{
    log_in("bob", password, 401);
    if (hashes != 1) {
        fail_msg("%zu hashes beside \"%s\"", hashes, stored);
    }
    assert_made_with(0, start);
}

/* One hash, by the settings, for a login with a usual password and with one longer than any method
 * uses. */
static void assert_work_beside(const char *stored)
{
    static const struct {
        const char *lines;
        const char *start;
    } rows[] = {
        {"password_method = sha512crypt\npassword_cost = 2000", "$6$rounds=2000$"},
        {"password_method = bcrypt\npassword_cost = 4", "$2b$04$"},
    };
    char longer[PASSWORD_MAXIMUM + 1] = "Aa1-";
    memset(longer + 4, 'a', PASSWORD_MAXIMUM - 4);
    const char *const passwords[] = {world_password, longer};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        world_configure(rows[row].lines);
        for (size_t i = 0; i < sizeof passwords / sizeof *passwords; i++) {
            assert_one_hash(stored, passwords[i], rows[row].start);
        }
    }
}

static void a_hash_that_nothing_matches_has_one_of_the_settings_in_its_place(void **state)
{
    (void)state;
    static const char *const stored[] = {
        "",
        "!",
        "*",
        "x",
        "plain text",
        "$",
        "$0$salt$hash",
        "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", /* a method that is too weak */
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA",
        "$2b$04$",
        "$2b$04$abcdefghijklmnopqrstuu", /* without its end */
        "$2b$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234",
        "$6$rounds=1000$saltsalt$",
        "$6$rounds=1000$saltsalt$tooshort",
        "$y$j9T$salt",
        "$y$zzz$saltsalt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq",
    };
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
        (void)world_reset(state);
        store_hash(stored[i]);
        assert_work_beside(stored[i]);
    }
}

static void a_hash_that_libxcrypt_refuses_has_one_of_the_settings_in_its_place(void **state)
{
    (void)state;
    world_configure("password_method = sha512crypt\npassword_cost = 2000");
    refuses_next = true;
    log_in("bob", world_password, 401);
    assert_int_equal(hashes, 2);
    assert_made_with(0, "$6$rounds=1000$");
    assert_made_with(1, "$6$rounds=2000$");
}

static void set_password(const char *new_password)
{
    char body[2 * PASSWORD_MAXIMUM];
    (void)snprintf(body, sizeof body, "{\"current_password\":\"%s\",\"new_password\":\"%s\"}",
                   world_password, new_password);
    (void)world_expect(
        &me_program,
        (struct tape_request){
            .method = "PUT", .path = "/password", .authorization = world_bob, .body = body},
        200, NULL);
}

/* The methods that use only so many bytes of a password: of a longer one every byte counts all the
 * same, and what stands for it is no password. */
static void a_password_longer_than_its_method_uses_is_the_only_one_that_logs_in(void **state)
{
    static const struct {
        const char *lines;
        size_t longest;
    } rows[] = {
        {"password_method = bcrypt\npassword_cost = 4", 72},
        {"password_method = sha512crypt\npassword_cost = 1000", 511},
        {"password_method = yescrypt\npassword_cost = 1", 511},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t size = rows[i].longest; size <= PASSWORD_MAXIMUM && size <= rows[i].longest + 1;
             size++) {
            char password[PASSWORD_MAXIMUM + 1];
            char digest[DIGEST_TEXT_SIZE];
            memset(password, 'a', size);
            memcpy(password, "Aa1-", 4);
            password[size] = '\0';
            (void)world_reset(state);
            world_configure(rows[i].lines);
            set_password(password);
            log_in("bob", password, 200);
            assert_int_equal(hashes, 1);
            assert_true(digest_text(text_of(password), digest));
            char hashed[sizeof last_phrase];
            memcpy(hashed, last_phrase, sizeof hashed);
            log_in("bob", digest, 401);
            if (size > rows[i].longest) {
                log_in("bob", hashed + 1, 401);
                char body[PASSWORD_MAXIMUM + 64];
                (void)snprintf(body, sizeof body, "{\"username\":\"bob\",\"password\":\"%s\"}",
                               hashed);
                hashes = 0;
                (void)world_expect(&token_program,
                                   (struct tape_request){.method = "POST", .body = body}, 400,
                                   "INVALID_REQUEST");
                assert_int_equal(hashes, 0);
            }
            password[size - 1] = 'b';
            log_in("bob", password, 401);
            password[size - 1] = '\0';
            log_in("bob", password, 401);
        }
    }
}

static void a_disabled_account_hashes_the_same_for_the_right_password(void **state)
{
    (void)state;
    sql("UPDATE users SET disabled = 1 WHERE username = 'bob'");
    world_configure("password_method = sha512crypt\npassword_cost = 2000");
    const char *const passwords[] = {"Wrong-pass1!", world_password};
    for (size_t i = 0; i < sizeof passwords / sizeof *passwords; i++) {
        log_in("bob", passwords[i], 401);
        assert_int_equal(hashes, 2);
        assert_made_with(0, "$6$rounds=1000$");
        assert_made_with(1, "$6$rounds=2000$");
    }
}

const struct CMUnitTest hash_tests[] = {
    cmocka_unit_test_setup(a_refused_login_has_the_hash_of_the_settings_whoever_is_named,
                           world_reset),
    cmocka_unit_test_setup(a_hash_that_nothing_matches_has_one_of_the_settings_in_its_place,
                           world_reset),
    cmocka_unit_test_setup(a_hash_that_libxcrypt_refuses_has_one_of_the_settings_in_its_place,
                           world_reset),
    cmocka_unit_test_setup(a_password_longer_than_its_method_uses_is_the_only_one_that_logs_in,
                           world_reset),
    cmocka_unit_test_setup(a_disabled_account_hashes_the_same_for_the_right_password, world_reset),
};
const size_t hash_test_count = sizeof hash_tests / sizeof *hash_tests;
