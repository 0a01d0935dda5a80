/*
 * test_config.c - the settings: what is taken, and how what is wrong is named.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/settings/config.h"
#include "common/identity/password.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

enum { ARENA_MAXIMUM = 256 * 1024 };

static char path[128];
static struct arena arena;
static struct config config;
static struct cause cause;

static enum error_code load(const char *text, size_t size)
{
    (void)snprintf(path, sizeof path, "%s.test", world_config);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    arena_init(&arena, ARENA_MAXIMUM);
    cause = (struct cause){0};
    enum error_code error = config_load(&arena, path, &config, &cause);
    (void)unlink(path);
    return error;
}

static void good_settings_are_taken(void **state)
{
    (void)state;
    static const char text[] =
        "# a comment\n"
        "\n"
        "   \t \n"
        "  token_lifetime =  60  \r\n"
        "database=/data/x = y.db\n"
        "\tkeys\t=\t/k.json\n"
        "log =\n"
        "cors_origins = https://a.example  http://localhost:3000\t* "
        "http://[2001:db8::1]:8080 app+x://xn--bcher-kva.example:443 "
        "http://a_b.example:443 http://10.0.0.1 file:// http://[::]:1 http://[::1] http://[1::] "
        "http://[1:0:2::3:0:0] http://[1:2:3:4:5:6:7:0] http://[0:2:3:4:5:6:7:8] "
        "http://[::ffff:102:304] http://5.example http://a.0xg http://a.example.\n"
        "password_method = bcrypt\n"
        "password_cost = 12\n"
        "  # another\n"
        "busy_timeout = 0";
    assert_int_equal(load(text, sizeof text - 1), ERR_NONE);
    assert_int_equal(config.token_lifetime, 60);
    assert_string_equal(config.database, "/data/x = y.db");
    assert_string_equal(config.keys, "/k.json");
    assert_string_equal(config.log, "");
    assert_string_equal(
        config.cors_origins,
        "https://a.example  http://localhost:3000\t* "
        "http://[2001:db8::1]:8080 app+x://xn--bcher-kva.example:443 "
        "http://a_b.example:443 http://10.0.0.1 file:// http://[::]:1 http://[::1] http://[1::] "
        "http://[1:0:2::3:0:0] http://[1:2:3:4:5:6:7:0] http://[0:2:3:4:5:6:7:8] "
        "http://[::ffff:102:304] http://5.example http://a.0xg http://a.example.");
    assert_string_equal(config.password_method, "bcrypt");
    assert_int_equal(config.password_cost, 12);
    assert_int_equal(config.busy_timeout, 0);
    arena_reset(&arena);
    /* what is not named keeps its default */
    struct config defaults;
    config_defaults(&defaults);
    assert_int_equal(config.max_value_bytes, defaults.max_value_bytes);
    assert_int_equal(load("", 0), ERR_NONE);
    assert_string_equal(config.database, defaults.database);
    assert_int_equal(config.token_lifetime, 3600);
    arena_reset(&arena);
}

static void bad_ones_are_named_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *cause; /* behind "FILE:" */
    } rows[] = {
        {"\n\ntoken_lifetim = 5", "3: unknown setting \"token_lifetim\""},
        {"Token_lifetime = 5", "1: unknown setting"},
        {" = 5", "1: unknown setting \"\""},
        {"token_lifetime", "1: not of the form name = value"},
        {"#x\ntoken_lifetime: 5", "2: not of the form name = value"},
        {"token_lifetime =", "1: token_lifetime must be a whole number from 1 to"},
        {"token_lifetime = 0", "1: token_lifetime must be a whole number from 1 to"},
        {"token_lifetime = -5", "1: token_lifetime must be a whole number"},
        {"token_lifetime = 5s", "1: token_lifetime must be a whole number"},
        {"token_lifetime = 1.5", "1: token_lifetime must be a whole number"},
        {"token_lifetime = 99999999999999999999999", "1: token_lifetime must be a whole number"},
        {"token_lifetime = 5 # seconds", "1: token_lifetime must be a whole number"},
        {"token_lifetime = 5\ntoken_lifetime = 5", "2: token_lifetime is set twice"},
        {"busy_timeout = 60001", "1: busy_timeout must be a whole number from 0 to 60000"},
        {"database = cubby.db", "1: database must be an absolute path"},
        {"database =", "1: database must be an absolute path"},
        {"keys = ./keys", "1: keys must be an absolute path"},
        {"log = log.txt", "1: log must be an absolute path"},
        {"password_method = md5", "1: password_method must be one of: yescrypt"},
        {"password_method = YESCRYPT", "1: password_method must be one of: yescrypt"},
        {"password_method = yescrypt scrypt", "1: password_method must be one of: yescrypt"},
        {"password_method =", "1: password_method must be one of: yescrypt"},
        {"password_cost = 12", " password_cost: out of the range"},
        {"password_method = bcrypt\npassword_cost = 3", " password_cost: out of the range"},
        {"\ncors_origins = https://App.example", "2: cors_origins must be * or origins"},
        {"cors_origins = HTTPS://app.example", "1: cors_origins must be"},
        {"cors_origins = https://app.example/", "1: cors_origins must be"},
        {"cors_origins = https://app.example/path", "1: cors_origins must be"},
        {"cors_origins = https://app.example, https://b.example", "1: cors_origins must be"},
        {"cors_origins = https://*.example", "1: cors_origins must be"},
        {"cors_origins = ** https://a.example", "1: cors_origins must be"},
        {"cors_origins = * app.example", "1: cors_origins must be"},
        {"cors_origins = app.example:8080", "1: cors_origins must be"},
        {"cors_origins = //app.example", "1: cors_origins must be"},
        {"cors_origins = ://app.example", "1: cors_origins must be"},
        {"cors_origins = 1http://app.example", "1: cors_origins must be"},
        {"cors_origins = https://", "1: cors_origins must be"},
        {"cors_origins = https://:8080", "1: cors_origins must be"},
        {"cors_origins = https://app.example:", "1: cors_origins must be"},
        {"cors_origins = https://app.example:443", "1: cors_origins must be"},
        {"cors_origins = http://app.example:80", "1: cors_origins must be"},
        {"cors_origins = http://app.example:080", "1: cors_origins must be"},
        {"cors_origins = http://app.example:65536", "1: cors_origins must be"},
        {"cors_origins = http://app.example:8080x", "1: cors_origins must be"},
        {"cors_origins = http://user@app.example", "1: cors_origins must be"},
        {"cors_origins = http://app.example?", "1: cors_origins must be"},
        {"cors_origins = http://b\xc3\xbc.example", "1: cors_origins must be"},
        {"cors_origins = http://[::1", "1: cors_origins must be"},
        {"cors_origins = http://[0::1]", "1: cors_origins must be"},
        {"cors_origins = http://[2001:DB8::1]", "1: cors_origins must be"},
        {"cors_origins = http://[1.2.3.4]", "1: cors_origins must be"},
        {"cors_origins = http://[::ffff:1.2.3.4]", "1: cors_origins must be"},
        {"cors_origins = http://[::1.2.3.4]", "1: cors_origins must be"},
        {"cors_origins = http://[1:0:2:0:0:3:0:0]", "1: cors_origins must be"},
        {"cors_origins = http://[1:0:2:0:0:3::]", "1: cors_origins must be"},
        {"cors_origins = http://[1:2:3:4:5:6:7::]", "1: cors_origins must be"},
        {"cors_origins = http://[::2:3:4:5:6:7:8]", "1: cors_origins must be"},
        {"cors_origins = http://1.2.3", "1: cors_origins must be"},
        {"cors_origins = http://1.2.3.04", "1: cors_origins must be"},
        {"cors_origins = http://1.2.3.256", "1: cors_origins must be"},
        {"cors_origins = http://1.2.3.4.", "1: cors_origins must be"},
        {"cors_origins = http://1.2.3.4.5", "1: cors_origins must be"},
        {"cors_origins = http://5", "1: cors_origins must be"},
        {"cors_origins = http://0x7f", "1: cors_origins must be"},
        {"cors_origins = http://app.0x", "1: cors_origins must be"},
        {"cors_origins = http://app.99:8080", "1: cors_origins must be"},
        {"cors_origins = http://app..example", "1: cors_origins must be"},
        {"cors_origins = http://.example", "1: cors_origins must be"},
        {"cors_origins = http://app.example..", "1: cors_origins must be"},
        {"cors_origins = http://.", "1: cors_origins must be"},
        {"cors_origins = file:///", "1: cors_origins must be"},
        {"cors_origins = file://:80", "1: cors_origins must be"},
        {"cors_origins = * null", "1: cors_origins must not have null"},
        {"cors_origins = null", "1: cors_origins must not have null"},
        {"cors_origins = 5", "1: cors_origins must be"},
        {"max_body_bytes = 1024", " max_body_bytes must not be below max_value_bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(load(rows[i].text, strlen(rows[i].text)), ERR_INTERNAL);
        char wanted[256];
        (void)snprintf(wanted, sizeof wanted, "%s:%s", path, rows[i].cause);
        if (strncmp(cause.text, wanted, strlen(wanted)) != 0) {
            fail_msg("%s\nis told as: %s\nwanted:     %s", rows[i].text, cause.text, wanted);
        }
        arena_reset(&arena);
    }
}

/* Loads settings of TEXT, each # in which is the folder FOLDER. */
static enum error_code load_in(const char *folder, const char *text)
{
    char whole[1024] = "";
    for (size_t used = 0; *text != '\0' && used < sizeof whole; text++) {
        bool stands = *text == '#';
        used += (size_t)snprintf(whole + used, sizeof whole - used, "%.*s",
                                 stands ? (int)strlen(folder) : 1, stands ? folder : text);
    }
    return load(whole, strlen(whole));
}

/* MAKE a folder with a file "is" and two more names of that, or delete it again. */
static void make_names(const char *folder, bool make)
{
    static const char *const names[] = {"is", "hard", "soft"};
    char paths[3][256];
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    }
    if (!make) {
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(unlink(paths[i]), 0);
        }
        assert_int_equal(rmdir(folder), 0);
        return;
    }
    assert_int_equal(mkdir(folder, 0700), 0);
    FILE *file = fopen(paths[0], "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(link(paths[0], paths[1]), 0);
    assert_int_equal(symlink("is", paths[2]), 0);
}

/* A log that is the key file would break it with its first line. */
static void settings_that_lead_to_one_file_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *cause; /* NULL: they are taken */
    } rows[] = {
        {"keys = #/k\nlog = #/k", "keys and log lead to the same file"},
        {"keys = #/k\nlog = #/./k", "keys and log lead to the same file"},
        {"keys = #/k\nlog = #//k", "keys and log lead to the same file"},
        {"keys = #/is\nlog = #/hard", "keys and log lead to the same file"},
        {"keys = #/is\nlog = #/soft", "keys and log lead to the same file"},
        {"keys = #/soft\nlog = #/hard", "keys and log lead to the same file"},
        {"database = #/is\nlog = #/soft", "database and log lead to the same file"},
        {"database = #/new\nkeys = #/new", "database and keys lead to the same file"},
        {"database = #/d\nrefused_passwords = #/./d", "database and refused_passwords lead to"},
        {"keys = #/is\nrefused_passwords = #/hard", "keys and refused_passwords lead to"},
        {"log = #/is\nrefused_passwords = #/hard", "log and refused_passwords lead to"},
        {"database = #/d\nlog = #/d-journal", "log is a file that is made beside that of database"},
        {"database = #/d\nlog = #/./d-wal", "log is a file that is made beside that of database"},
        {"database = #/d\nlog = #/d-shm", "log is a file that is made beside that of database"},
        {"database = #/d\nlog = #/d-hashes", "log is a file that is made beside that of database"},
        {"database = #/d\nkeys = #/d-transfers", "keys is a file that is made beside"},
        {"database = #/d\nkeys = #/k\nlog = #/l\nrefused_passwords = #/r", NULL},
        {"database = #/d\nkeys = #/k\nlog = #/d-journals", NULL},
        {"database = #/d\nkeys = #/k\nlog = #/../d-journal", NULL},
        {"log = /dev/null\nrefused_passwords = /dev/null", NULL},
    };
    char folder[160];
    (void)snprintf(folder, sizeof folder, "%s.folder", world_config);
    make_names(folder, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum error_code error = load_in(folder, rows[i].text);
        if ((error == ERR_NONE) != (rows[i].cause == NULL) ||
            (rows[i].cause != NULL && strstr(cause.text, rows[i].cause) == NULL)) {
            fail_msg("%s\nis told as: %s\nwanted:     %s", rows[i].text, cause.text,
                     rows[i].cause != NULL ? rows[i].cause : "nothing");
        }
        arena_reset(&arena);
    }
    make_names(folder, false);
    /* the settings file itself, which `load` names */
    char line[256];
    (void)snprintf(line, sizeof line, "log = %s.test", world_config);
    assert_int_equal(load(line, strlen(line)), ERR_INTERNAL);
    assert_non_null(strstr(cause.text, "the settings file and log lead to the same file"));
    arena_reset(&arena);
}

static void odd_files_are_refused(void **state)
{
    (void)state;
    assert_int_equal(load("token_lifetime = 5\0\n", 20), ERR_INTERNAL);
    assert_non_null(strstr(cause.text, "NUL"));
    arena_reset(&arena);
    static char large[64 * 1024 + 1];
    memset(large, '\n', sizeof large);
    assert_int_equal(load(large, sizeof large), ERR_INTERNAL);
    assert_non_null(strstr(cause.text, "64 KiB"));
    arena_reset(&arena);
    assert_int_equal(load(large, sizeof large - 2), ERR_NONE);
    arena_reset(&arena);
    cause = (struct cause){0};
    arena_init(&arena, 65536);
    assert_int_equal(config_load(&arena, "/nowhere/cubby.conf", &config, &cause), ERR_INTERNAL);
    assert_non_null(strstr(cause.text, "/nowhere/cubby.conf"));
    cause = (struct cause){0};
    assert_int_equal(config_load(&arena, "/", &config, &cause), ERR_INTERNAL);
    assert_int_equal(cause.code, ERR_INTERNAL);
    arena_reset(&arena);
}

static void note(void *self, const char *name, const char *value, const int64_t *number)
{
    char digits[24] = "";
    if (number != NULL) {
        (void)snprintf(digits, sizeof digits, "%" PRId64, *number);
        assert_string_equal(value, digits);
    }
    char *text = self;
    size_t used = strlen(text);
    (void)snprintf(text + used, 8192 - used, "%s = %s\n", name, value);
}

static void what_is_shown_can_be_read_again(void **state)
{
    (void)state;
    static char shown[8192];
    static char again[8192];
    shown[0] = again[0] = '\0';
    config_defaults(&config);
    config_each(&config, note, shown);
    assert_int_equal(load(shown, strlen(shown)), ERR_NONE);
    config_each(&config, note, again);
    assert_string_equal(shown, again);
    arena_reset(&arena);
}

/* A program whose settings are wrong answers all the same, and tells only the log. */
static void programs_answer_without_good_settings(void **state)
{
    (void)state;
    world_configure("nonsense = 1");
    const struct tape_answer *answer = world_expect(
        &data_program, (struct tape_request){.path = "/greeting", .authorization = world_ann}, 500,
        "INTERNAL_ERROR");
    assert_non_null(strstr(answer->log, "unknown setting \"nonsense\""));
    assert_null(strstr(answer->body, "nonsense"));
    world_configure(world_settings);
    (void)world_expect(&data_program,
                       (struct tape_request){.path = "/greeting", .authorization = world_ann}, 200,
                       NULL);
}

static void a_hash_of_another_method_or_cost_is_outdated(void **state)
{
    (void)state;
    static const struct {
        struct password_policy policy;
        const char *same;
        const char *other;
    } cases[] = {
        {{"yescrypt", 5}, "$y$j9T$salt$hash", "$y$j8T$salt$hash"},
        {{"scrypt", 7}, "$7$CU..../....salt$hash", "$7$DU..../....salt$hash"},
        {{"bcrypt", 10}, "$2b$10$salthash", "$2b$11$salthash"},
        {{"sha512crypt", 5000}, "$6$salt$hash", "$6$rounds=100000$salt$hash"},
        {{"sha512crypt", 1000}, "$6$rounds=1000$salt$hash", "$6$salt$hash"},
    };
    size_t count = sizeof cases / sizeof *cases;
    for (size_t i = 0; i < count; i++) {
        assert_false(password_outdated(cases[i].same, &cases[i].policy));
        assert_true(password_outdated(cases[i].other, &cases[i].policy));
        assert_true(password_outdated(cases[(i + 1) % count].same, &cases[i].policy));
    }
}

const struct CMUnitTest config_tests[] = {
    cmocka_unit_test_setup(good_settings_are_taken, world_reset),
    cmocka_unit_test_setup(bad_ones_are_named_with_file_and_line, world_reset),
    cmocka_unit_test_setup(settings_that_lead_to_one_file_are_refused, world_reset),
    cmocka_unit_test_setup(odd_files_are_refused, world_reset),
    cmocka_unit_test_setup(what_is_shown_can_be_read_again, world_reset),
    cmocka_unit_test_setup(programs_answer_without_good_settings, world_reset),
    cmocka_unit_test(a_hash_of_another_method_or_cost_is_outdated),
};
const size_t config_test_count = sizeof config_tests / sizeof *config_tests;
