/*
 * config.c - the settings of an installation.
 *
 * inih could take over only the splitting of lines, 44 of these, and would need 20 for glue. It
 * also accepts `name: value` and `[section]` and cuts lines at 200 bytes, which are errors here.
 */
#include "common/settings/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/http/address.h"
#include "common/settings/origin.h"
#include "common/settings/paths.h"
#include "common/identity/password.h"
#include "common/base/text.h"

#ifndef CUBBY_SYSCONFDIR
#error "CUBBY_SYSCONFDIR must be defined by the build"
#endif
#ifndef CUBBY_STATEDIR
#error "CUBBY_STATEDIR must be defined by the build"
#endif

enum { FILE_MAXIMUM = 64 * 1024 };

/* The body of an import is mapped as a whole, so its size must fit into a size_t, with one byte
 * more, and into the addresses of a 32-bit processor. */
enum { IMPORT_MAXIMUM_BITS = sizeof(size_t) < 8 ? 30 : 40 };

enum kind { KIND_PATH, KIND_DATABASE, KIND_ORIGINS, KIND_TEXT, KIND_WORD, KIND_NUMBER };

struct setting {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *fallback; /* default of a string */
    const char *words;    /* KIND_WORD: the allowed words, separated by blanks */
    int64_t number;       /* default of a number */
    int64_t least;
    int64_t most;
};

#define STRING(name, kind, fallback, words)                                                        \
    {                                                                                              \
#name, kind, offsetof(struct config, name), fallback, words, 0, 0, 0                       \
    }
#define NUMBER(name, number, least, most)                                                          \
    {                                                                                              \
#name, KIND_NUMBER, offsetof(struct config, name), NULL, NULL, number, least, most         \
    }

static const struct setting settings[] = {
    STRING(database, KIND_DATABASE, CUBBY_STATEDIR "/cubby.db", NULL),
    STRING(keys, KIND_PATH, CUBBY_STATEDIR "/keys.json", NULL),
    STRING(log, KIND_PATH, "", NULL),
    NUMBER(token_lifetime, 3600, 1, 10 * INT64_C(365) * 86400),
    NUMBER(session_lifetime, 0, 0, 10 * INT64_C(365) * 86400),
    STRING(password_method, KIND_WORD, "yescrypt", "yescrypt scrypt bcrypt sha512crypt"),
    NUMBER(password_cost, 0, 0, 999999999),
    STRING(refused_passwords, KIND_PATH, "", NULL),
    NUMBER(max_value_bytes, 256 * INT64_C(1024), 1, 64 * INT64_C(1024) * 1024),
    NUMBER(max_body_bytes, INT64_C(1024) * 1024, 1024, 128 * INT64_C(1024) * 1024),
    NUMBER(max_import_bytes, INT64_C(64) << 20, 1024, INT64_C(1) << IMPORT_MAXIMUM_BITS),
    NUMBER(max_user_keys, 100000, 0, INT64_C(1000000000)),
    NUMBER(max_user_bytes, INT64_C(1) << 30, 0, INT64_C(1) << 50),
    NUMBER(tombstones, 10000, 0, 10000000),
    STRING(journal, KIND_WORD, "rollback", "rollback wal"),
    NUMBER(busy_timeout, 5000, 0, 60000),
    NUMBER(body_timeout, 30, 1, 3600),
    NUMBER(login_limit_account, 10, 0, 1000000000),
    NUMBER(login_limit_address, 100, 0, 1000000000),
    NUMBER(login_window, 900, 1, 30 * INT64_C(86400)),
    NUMBER(register_limit, 100, 0, 1000000000),
    NUMBER(register_window, 3600, 1, 30 * INT64_C(86400)),
    NUMBER(max_hashes, 4, 0, 1024),
    NUMBER(max_waits, 32, 0, WAITS_MAXIMUM),
    STRING(trusted_proxies, KIND_TEXT, "", NULL),
    NUMBER(audit_rows, 0, 0, 10000000),
    STRING(cors_origins, KIND_ORIGINS, "", NULL),
    STRING(sandbox, KIND_WORD, "on", "on all off"),
    NUMBER(loop_requests, 100000, 0, INT64_C(1000000000000)),
    NUMBER(loop_lifetime, 3600, 0, 10 * INT64_C(365) * 86400),
};

enum { SETTING_COUNT = sizeof settings / sizeof *settings };

static const char **string_at(struct config *config, const struct setting *setting)
{
    return (const char **)(void *)((char *)config + setting->offset);
}

static int64_t *number_at(struct config *config, const struct setting *setting)
{
    return (int64_t *)(void *)((char *)config + setting->offset);
}

bool config_is_path(const char *database)
{
    return *database == '/';
}

static void note_place(struct config *config)
{
    config->beside = config_is_path(config->database) ? config->database : config->keys;
}

void config_defaults(struct config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].kind == KIND_NUMBER) {
            *number_at(config, &settings[i]) = settings[i].number;
        } else {
            *string_at(config, &settings[i]) = settings[i].fallback;
        }
    }
    note_place(config);
}

const char *config_default_path(void)
{
    return CUBBY_SYSCONFDIR "/cubby.conf";
}

/* True when WORDS, separated by blanks, has VALUE among them. */
static bool is_one_of(const char *words, const char *value)
{
    size_t length = strlen(value);
    while (length > 0 && *words != '\0') {
        size_t word = strcspn(words, " ");
        if (word == length && memcmp(words, value, length) == 0) {
            return true;
        }
        words += word;
        words += strspn(words, " ");
    }
    return false;
}

/* The file and the line being read, for messages. */
struct place {
    const char *file;
    int line;
    struct cause *cause;
};

static enum error_code take_number(const struct place *place, const struct setting *setting,
                                   const char *value, struct config *config)
{
    bool over;
    int64_t number;
    if (!text_to_int64(text_of(value), setting->most, &over, &number) || number < setting->least) {
        return cause_set(place->cause, ERR_INTERNAL,
                         "%s:%d: %s must be a whole number from %" PRId64 " to %" PRId64,
                         place->file, place->line, setting->name, setting->least, setting->most);
    }
    *number_at(config, setting) = number;
    return ERR_NONE;
}

#ifdef CUBBY_POSTGRESQL
/* Whether a connection string (libpq, section "Connection Strings") has a password in it: blanks
 * may stand around the =. */
static bool names_password(const char *value)
{
    for (const char *at = value; (at = strstr(at, "password")) != NULL;) {
        at += strlen("password");
        if (at[strspn(at, " \t\r\n\v\f")] == '=') {
            return true;
        }
    }
    return false;
}

/* Whether the user of a URL has one, as libpq looks for it: before an @ that stands before the
 * first slash. */
static bool user_has_password(const char *value)
{
    const char *user = strstr(value, "://");
    if (user == NULL) {
        return false;
    }
    user += strlen("://");
    size_t size = strcspn(user, "@/");
    return user[size] == '@' && memchr(user, ':', size) != NULL;
}
#endif

/* A password could be read by all who may read the settings, and is told in the log; the driver
 * looks once more. */
const char *config_database_fault(const char *value)
{
    if (config_is_path(value)) {
        return NULL;
    }
#ifdef CUBBY_POSTGRESQL
    if (names_password(value) || user_has_password(value)) {
        return "must not hold a password; name a file for it with passfile=";
    }
    const char *query = strchr(value, '?');
    for (; query != NULL; query = strchr(query + 1, '&')) {
        if (memchr(query, '%', strcspn(query, "=")) != NULL) {
            return "must not hide the name of a parameter";
        }
    }
    return strncmp(value, "postgresql://", 13) == 0 || strncmp(value, "postgres://", 11) == 0 ||
                   strncmp(value, "service=", 8) == 0
               ? NULL
               : "must be an absolute path, or begin with postgresql:// or service=";
#else
    if (strncmp(value, "postgres", 8) == 0 || strncmp(value, "service=", 8) == 0) {
        return "must be an absolute path: this build knows no PostgreSQL";
    }
    return "must be an absolute path";
#endif
}

static enum error_code take_string(const struct place *place, const struct setting *setting,
                                   const char *value, struct config *config)
{
    if (setting->kind == KIND_WORD && !is_one_of(setting->words, value)) {
        return cause_set(place->cause, ERR_INTERNAL, "%s:%d: %s must be one of: %s", place->file,
                         place->line, setting->name, setting->words);
    }
    const char *fault = setting->kind == KIND_DATABASE  ? config_database_fault(value)
                        : setting->kind == KIND_ORIGINS ? origin_list_fault(value)
                                                        : NULL;
    if (fault != NULL) {
        return cause_set(place->cause, ERR_INTERNAL, "%s:%d: %s %s", place->file, place->line,
                         setting->name, fault);
    }
    bool may_be_empty = setting->fallback[0] == '\0';
    if (setting->kind == KIND_PATH && value[0] != '/' && !(may_be_empty && value[0] == '\0')) {
        return cause_set(place->cause, ERR_INTERNAL, "%s:%d: %s must be an absolute path",
                         place->file, place->line, setting->name);
    }
    *string_at(config, setting) = value;
    return ERR_NONE;
}

static enum error_code take_setting(const struct place *place, const char *name, const char *value,
                                    bool seen[SETTING_COUNT], struct config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(name, settings[i].name) != 0) {
            continue;
        }
        if (seen[i]) {
            return cause_set(place->cause, ERR_INTERNAL, "%s:%d: %s is set twice", place->file,
                             place->line, name);
        }
        seen[i] = true;
        return settings[i].kind == KIND_NUMBER ? take_number(place, &settings[i], value, config)
                                               : take_string(place, &settings[i], value, config);
    }
    return cause_set(place->cause, ERR_INTERNAL, "%s:%d: unknown setting \"%.40s\"", place->file,
                     place->line, name);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Removes the blanks at both ends, in place. */
static char *trim(char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && is_blank(text[size - 1])) {
        size--;
    }
    text[size] = '\0';
    return text;
}

static enum error_code take_lines(char *text, const char *file, struct config *config,
                                  struct cause *cause)
{
    bool seen[SETTING_COUNT] = {false};
    struct place place = {.file = file, .cause = cause};
    while (text != NULL) {
        place.line++;
        char *next = strchr(text, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *line = trim(text);
        text = next;
        if (*line == '\0' || *line == '#') {
            continue;
        }
        char *equals = strchr(line, '=');
        if (equals == NULL) {
            return cause_set(cause, ERR_INTERNAL, "%s:%d: not of the form name = value", file,
                             place.line);
        }
        *equals = '\0';
        enum error_code error = take_setting(&place, trim(line), trim(equals + 1), seen, config);
        if (error != ERR_NONE) {
            return error;
        }
    }
    return ERR_NONE;
}

/* The whole file on the arena, NUL-terminated; NULL with a cause, or without one when there is no
 * such file and MAY_BE_MISSING. */
static char *read_file(struct arena *arena, const char *path, bool may_be_missing,
                       struct cause *cause)
{
    /* O_NONBLOCK: opening a pipe must not block. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        if (errno != ENOENT || !may_be_missing) {
            (void)cause_set(cause, ERR_INTERNAL, "%s: %s", path, strerror(errno));
        }
        return NULL;
    }
    struct stat there;
    bool known = fstat(file, &there) == 0;
    bool fits = known && there.st_size < FILE_MAXIMUM;
    /* A pipe has size 0, so it would be read as an empty file. */
    bool pipe = known && (S_ISFIFO(there.st_mode) || S_ISSOCK(there.st_mode));
    size_t size = fits ? (size_t)there.st_size : 0;
    char *text = arena_alloc(arena, size + 1);
    size_t used = 0;
    ssize_t got = 1;
    while (text != NULL && got > 0 && used < size) {
        got = read(file, text + used, size - used);
        used += got > 0 ? (size_t)got : 0;
    }
    int problem = errno;
    (void)close(file);
    if (text == NULL || got < 0 || !fits || pipe) {
        (void)cause_set(cause, ERR_INTERNAL, "%s: %s", path,
                        text == NULL ? "out of memory"
                        : got < 0    ? strerror(problem)
                        : pipe       ? "a pipe, not a file"
                                     : "larger than 64 KiB");
        return NULL;
    }
    text[used] = '\0';
    if (memchr(text, '\0', used) != NULL) {
        (void)cause_set(cause, ERR_INTERNAL, "%s: a NUL byte in the file", path);
        return NULL;
    }
    return text;
}

/* Refuses two settings that lead to one file, such as a log that is the key file: its first line
 * would break it. FILE is that of the settings. Links and other spellings are looked through for
 * what need not be set, such as the log, to which anything is appended; of the others each can tell
 * that a file is not its own. */
static enum error_code refuse_clashes(const char *file, const struct config *config,
                                      struct cause *cause)
{
    const struct {
        const char *name;
        const char *path;
    } all[] = {
        {"the settings file", file},
        {"database", config_is_path(config->database) ? config->database : ""},
        {"keys", config->keys},
        {"log", config->log},
        {"refused_passwords", config->refused_passwords},
    };
    enum { KEYS = 2 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i].path == '\0') {
            continue;
        }
        if (i >= KEYS && paths_companion(all[i].path, config->beside)) {
            return cause_set(
                cause, ERR_INTERNAL, "%s: %s is a file that is made beside that of %s, %s", file,
                all[i].name, config->beside == config->keys ? "keys" : "database", all[i].path);
        }
        for (size_t j = 0; j < i; j++) {
            if ((i > KEYS || strcmp(all[i].path, all[j].path) == 0) &&
                paths_meet(all[i].path, all[j].path)) {
                return cause_set(cause, ERR_INTERNAL, "%s: %s and %s lead to the same file, %s",
                                 file, all[j].name, all[i].name, all[i].path);
            }
        }
    }
    return ERR_NONE;
}

enum error_code config_load(struct arena *arena, const char *path, struct config *config,
                            struct cause *cause)
{
    config_defaults(config);
    bool named = path != NULL;
    const char *file = named ? path : config_default_path();
    char *text = read_file(arena, file, !named, cause);
    if (text == NULL) {
        return cause->code;
    }
    enum error_code error = take_lines(text, file, config, cause);
    if (error != ERR_NONE) {
        return error;
    }
    note_place(config);
    const char *reason;
    if (!password_policy_valid(config->password_method, config->password_cost, &reason)) {
        return cause_set(cause, ERR_INTERNAL, "%s: password_cost: %s", file, reason);
    }
    if (config->max_body_bytes < config->max_value_bytes) {
        return cause_set(cause, ERR_INTERNAL,
                         "%s: max_body_bytes must not be below max_value_bytes", file);
    }
    if (!address_list_valid(config->trusted_proxies)) {
        return cause_set(
            cause, ERR_INTERNAL,
            "%s: trusted_proxies must be addresses, networks or unix:, separated by blanks", file);
    }
    return refuse_clashes(file, config, cause);
}

void config_each(const struct config *config,
                 void (*callback)(void *self, const char *name, const char *value,
                                  const int64_t *number),
                 void *self)
{
    struct config copy = *config;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char digits[24];
        const int64_t *number =
            settings[i].kind == KIND_NUMBER ? number_at(&copy, &settings[i]) : NULL;
        if (number != NULL) {
            (void)snprintf(digits, sizeof digits, "%" PRId64, *number);
        }
        callback(self, settings[i].name, number != NULL ? digits : *string_at(&copy, &settings[i]),
                 number);
    }
}
