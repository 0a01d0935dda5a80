/*
 * cubby.c - the operator's tool: makes, migrates and checks an installation.
 *
 * The programs never create or migrate anything; this does. Exit status: 0 done, 1 something is
 * wrong (said on standard error), 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "common/json.h"
#include "common/text.h"
#include "common/token.h"
#include "db/driver.h"
#include "db/schema.h"

enum { EXIT_USAGE = 2, ARENA_MAXIMUM = 1024 * 1024, BUSY_TIMEOUT = 10000 };

struct owner {
    bool given;
    uid_t user;
    gid_t group;
};

/* One run of the tool. */
struct tool {
    struct arena arena;
    const char *config_path; /* NULL: the default path */
    struct config config;
    struct owner owner;
    int problems;
};

struct command {
    const char *name;
    const char *summary;
    const char *help;
    int (*run)(struct tool *tool, int count, char **words);
};

__attribute__((format(printf, 2, 3))) static int fail(struct tool *tool, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fputs("cubby: ", stderr);
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    tool->problems++;
    return EXIT_FAILURE;
}

/* ---- files --------------------------------------------------------------------------------------
 */

/* The directory PATH lies in, on the arena. */
static char *parent_of(struct tool *tool, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    return arena_copy(&tool->arena, path, size);
}

static int give(struct tool *tool, const char *path)
{
    if (tool->owner.given && chown(path, tool->owner.user, tool->owner.group) != 0) {
        return fail(tool, "%s: can't give it to the owner: %s", path, strerror(errno));
    }
    return EXIT_SUCCESS;
}

/* Makes what is missing of the directory of PATH: parents as usual, the last one for the owner
 * alone.
 */
static int make_directory(struct tool *tool, const char *path)
{
    char *directory = parent_of(tool, path);
    if (directory == NULL) {
        return fail(tool, "out of memory");
    }
    struct stat there;
    if (stat(directory, &there) == 0) {
        return S_ISDIR(there.st_mode) ? EXIT_SUCCESS : fail(tool, "%s: not a directory", directory);
    }
    for (char *slash = strchr(directory + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
            return fail(tool, "%s: %s", directory, strerror(errno));
        }
        *slash = '/';
    }
    if (mkdir(directory, 0700) != 0) {
        return fail(tool, "%s: %s", directory, strerror(errno));
    }
    printf("made   %s/\n", directory);
    return give(tool, directory);
}

/* Makes the entries of the directory of PATH durable. */
static int sync_directory(struct tool *tool, const char *path)
{
    const char *directory = parent_of(tool, path);
    int file = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file < 0 || fsync(file) != 0) {
        int problem = errno;
        if (file >= 0) {
            (void)close(file);
        }
        return fail(tool, "%s: %s", directory != NULL ? directory : path, strerror(problem));
    }
    (void)close(file);
    return EXIT_SUCCESS;
}

static bool write_all(int file, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t written = write(file, text, left);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            text += written;
            left -= (size_t)written;
        }
    }
    return true;
}

/* A new file at PATH with TEXT, mode 0600, complete or not at all; an existing one stays. */
static int make_secret_file(struct tool *tool, const char *path, const char *text)
{
    const char *draft = arena_printf(&tool->arena, "%s.new-%ld", path, (long)getpid());
    if (draft == NULL) {
        return fail(tool, "out of memory");
    }
    int file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return fail(tool, "%s: %s", draft, strerror(errno));
    }
    bool good = write_all(file, text) && fsync(file) == 0;
    int problem = errno;
    good = close(file) == 0 && good;
    int status = good ? give(tool, draft) : fail(tool, "%s: %s", draft, strerror(problem));
    if (status == EXIT_SUCCESS && link(draft, path) != 0) {
        status = fail(tool, "%s: %s", path, strerror(errno));
    }
    (void)unlink(draft);
    return status == EXIT_SUCCESS ? sync_directory(tool, path) : status;
}

/* ---- the database
 * --------------------------------------------------------------------------------- */

static const struct db_driver *const driver = &db_sqlite;

static int fail_database(struct tool *tool, struct db_connection *connection, enum db_class class,
                         const char *doing)
{
    return fail(tool, "%s: %s: %s", tool->config.database, doing,
                class == DB_GONE ? "there is no such database; \"cubby init\" makes one"
                                 : driver->message(connection));
}

/* Opens the database, which must exist. NULL after it has said why not. */
static struct db_connection *open_database(struct tool *tool, bool writable)
{
    struct db_connection *connection;
    enum db_class class = driver->open(tool->config.database, writable, BUSY_TIMEOUT, &connection);
    if (class != DB_OK) {
        (void)fail_database(tool, connection, class, "opening");
        driver->close(connection);
        return NULL;
    }
    return connection;
}

static int migrate_database(struct tool *tool, int64_t *from)
{
    struct db_connection *connection = open_database(tool, true);
    if (connection == NULL) {
        return EXIT_FAILURE;
    }
    int status = EXIT_SUCCESS;
    enum db_class class = schema_migrate(driver, connection, from);
    if (class != DB_OK) {
        status = *from > schema_number
                     ? fail(tool,
                            "%s has schema %" PRId64 ", this version of cubby knows %" PRId64
                            "; install the newer version",
                            tool->config.database, *from, schema_number)
                     : fail_database(tool, connection, class, "migrating");
    }
    driver->close(connection);
    return status;
}

/* ---- init
 * ----------------------------------------------------------------------------------------- */

static int init_keys(struct tool *tool)
{
    const char *path = tool->config.keys;
    if (access(path, F_OK) == 0) {
        printf("kept   %s\n", path);
        return EXIT_SUCCESS;
    }
    unsigned char key[TOKEN_KEY_MINIMUM];
    unsigned char id[8];
    char kid[2 * sizeof id + 1];
    if (getrandom(key, sizeof key, 0) != sizeof key || getrandom(id, sizeof id, 0) != sizeof id) {
        return fail(tool, "no random bytes for a key");
    }
    hex_encode(id, sizeof id, kid);
    const char *text = token_keys_text(key, kid);
    explicit_bzero(key, sizeof key);
    if (text == NULL) {
        return fail(tool, "out of memory");
    }
    int status = make_directory(tool, path);
    if (status == EXIT_SUCCESS) {
        status = make_secret_file(tool, path, text);
    }
    if (status == EXIT_SUCCESS) {
        printf("made   %s\n", path);
    }
    return status;
}

static int init_database(struct tool *tool)
{
    const char *path = tool->config.database;
    int status = make_directory(tool, path);
    if (status != EXIT_SUCCESS) {
        return status;
    }
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool made = file >= 0;
    if (!made && errno != EEXIST) {
        return fail(tool, "%s: %s", path, strerror(errno));
    }
    if (made) {
        (void)close(file);
        status = give(tool, path);
    }
    /* An empty file is what an interrupted init left: it is finished now. */
    struct stat there;
    bool empty = stat(path, &there) == 0 && there.st_size == 0;
    int64_t from = 0;
    if (status == EXIT_SUCCESS && empty) {
        status = migrate_database(tool, &from);
    }
    if (status == EXIT_SUCCESS) {
        status = sync_directory(tool, path);
    }
    if (status == EXIT_SUCCESS) {
        printf("%s   %s\n", empty ? "made" : "kept", path);
    }
    return status;
}

static bool parse_number(const char *text, int64_t *out)
{
    bool over;
    return text_to_int64(text_of(text), INT32_MAX, &over, out);
}

static int parse_owner(struct tool *tool, char *word)
{
    char *group = strchr(word, ':');
    if (group != NULL) {
        *group++ = '\0';
    }
    int64_t number;
    const struct passwd *user = getpwnam(word);
    if (user != NULL) {
        tool->owner = (struct owner){true, user->pw_uid, user->pw_gid};
    } else if (parse_number(word, &number)) {
        tool->owner = (struct owner){true, (uid_t)number, (gid_t)number};
    } else {
        return fail(tool, "there is no user %s", word);
    }
    if (group == NULL || *group == '\0') {
        return EXIT_SUCCESS;
    }
    const struct group *entry = getgrnam(group);
    if (entry == NULL && !parse_number(group, &number)) {
        return fail(tool, "there is no group %s", group);
    }
    tool->owner.group = entry != NULL ? entry->gr_gid : (gid_t)number;
    return EXIT_SUCCESS;
}

static int no_words(int count, char **words, const char *name)
{
    if (count == 0) {
        return EXIT_SUCCESS;
    }
    (void)fprintf(stderr, "cubby: unexpected \"%s\"; see cubby %s --help\n", words[0], name);
    return EXIT_USAGE;
}

static int run_init(struct tool *tool, int count, char **words)
{
    if (count >= 1 && strcmp(words[0], "--owner") == 0) {
        if (count < 2) {
            (void)fputs("cubby: --owner needs a user\n", stderr);
            return EXIT_USAGE;
        }
        if (parse_owner(tool, words[1]) != EXIT_SUCCESS) {
            return EXIT_FAILURE;
        }
        count -= 2;
        words += 2;
    }
    int status = no_words(count, words, "init");
    if (status == EXIT_SUCCESS) {
        status = init_database(tool);
    }
    if (status == EXIT_SUCCESS) {
        status = init_keys(tool);
    }
    if (status == EXIT_SUCCESS && geteuid() == 0 && !tool->owner.given) {
        puts("note   made as root: the programs must run as root too, or say --owner USER");
    }
    return status;
}

/* ---- migrate
 * -------------------------------------------------------------------------------------- */

static int run_migrate(struct tool *tool, int count, char **words)
{
    int status = no_words(count, words, "migrate");
    int64_t from = 0;
    if (status == EXIT_SUCCESS) {
        status = migrate_database(tool, &from);
    }
    if (status == EXIT_SUCCESS) {
        printf("%s: schema %" PRId64 "%s\n", tool->config.database, schema_number,
               from == schema_number ? ", nothing to do" : "");
        if (from != schema_number) {
            printf("migrated from schema %" PRId64 "\n", from);
        }
    }
    return status;
}

/* ---- check
 * ---------------------------------------------------------------------------------------- */

static void report(void *self, const char *problem)
{
    struct tool *tool = self;
    (void)fail(tool, "%s: %s", tool->config.database, problem);
}

static void report_keys(void *self, const char *problem)
{
    struct tool *tool = self;
    (void)fail(tool,
               "%s: %s; move the file away and run \"cubby init\" for a new key (tokens signed by "
               "the old one end)",
               tool->config.keys, problem);
}

/* Secrets must be a file that only its owner can read, in a directory nobody else can write. */
static bool check_file(struct tool *tool, const char *path, uid_t *owner)
{
    struct stat there;
    if (stat(path, &there) != 0) {
        (void)fail(tool, "%s: %s%s", path, strerror(errno),
                   errno == ENOENT ? "; \"cubby init\" makes it" : "");
        return false;
    }
    *owner = there.st_uid;
    if (!S_ISREG(there.st_mode)) {
        (void)fail(tool, "%s: not a regular file", path);
        return false;
    }
    if ((there.st_mode & 077) != 0) {
        (void)fail(tool, "%s: others than its owner may use it (mode %03o); chmod 600 %s", path,
                   (unsigned)(there.st_mode & 0777), path);
    }
    const char *directory = parent_of(tool, path);
    if (directory == NULL || stat(directory, &there) != 0) {
        (void)fail(tool, "%s: %s", directory != NULL ? directory : path, strerror(errno));
        return false;
    }
    if ((there.st_mode & 022) != 0) {
        (void)fail(tool, "%s: others than its owner may write here (mode %03o); chmod go-w %s",
                   directory, (unsigned)(there.st_mode & 0777), directory);
    }
    if (there.st_uid != *owner && there.st_uid != 0) {
        (void)fail(tool, "%s: belongs to another user than %s; chown both to the programs' user",
                   directory, path);
    }
    return true;
}

static void check_database(struct tool *tool)
{
    struct db_connection *connection = open_database(tool, false);
    if (connection == NULL) {
        return;
    }
    int64_t number = 0;
    enum db_class class = driver->schema_number(connection, &number);
    if (class == DB_OK && number != schema_number) {
        (void)fail(tool, "%s has schema %" PRId64 ", this version works with %" PRId64 "; %s",
                   tool->config.database, number, schema_number,
                   number < schema_number ? "run \"cubby migrate\""
                                          : "install the newer version of cubby");
    }
    if (class == DB_OK) {
        class = driver->verify(connection, report, tool);
    }
    if (class != DB_OK) {
        (void)fail_database(tool, connection, class, "reading; restore a backup if it is damaged");
    }
    driver->close(connection);
}

static int run_check(struct tool *tool, int count, char **words)
{
    int status = no_words(count, words, "check");
    if (status != EXIT_SUCCESS) {
        return status;
    }
    uid_t database_owner;
    uid_t keys_owner;
    bool has_database = check_file(tool, tool->config.database, &database_owner);
    bool has_keys = check_file(tool, tool->config.keys, &keys_owner);
    if (has_database) {
        check_database(tool);
    }
    if (has_keys) {
        (void)token_keys_check(tool->config.keys, report_keys, tool);
    }
    if (has_database && has_keys && database_owner != keys_owner) {
        (void)fail(tool, "%s and %s belong to different users; chown both to the programs' user",
                   tool->config.database, tool->config.keys);
    }
    if (tool->problems > 0) {
        (void)fprintf(stderr, "cubby: %d problem%s\n", tool->problems,
                      tool->problems == 1 ? "" : "s");
        return EXIT_FAILURE;
    }
    puts("all in order");
    return EXIT_SUCCESS;
}

/* ---- config
 * --------------------------------------------------------------------------------------- */

static void print_setting(void *self, const char *name, const char *value)
{
    (void)self;
    printf("%s =%s%s\n", name, *value != '\0' ? " " : "", value);
}

static int run_config(struct tool *tool, int count, char **words)
{
    int status = no_words(count, words, "config");
    if (status == EXIT_SUCCESS) {
        config_each(&tool->config, print_setting, NULL);
    }
    return status;
}

/* ---- the command line
 * ------------------------------------------------------------------------------ */

static const struct command commands[] = {
    {"init", "make what is missing: directory, database, key file",
     "usage: cubby [-c CONF] init [--owner USER[:GROUP]]\n\n"
     "Makes the database and the key file named in the settings, with mode 0600, in a directory "
     "of\n"
     "mode 0700; what is there already stays as it is. --owner gives what is made to the user the\n"
     "web server runs the programs as (on Debian: www-data).\n",
     run_init},
    {"migrate", "bring the database to the schema of this version",
     "usage: cubby [-c CONF] migrate\n\n"
     "Runs the migrations that the database does not have yet, all in one transaction: afterwards "
     "it\n"
     "is either as before or up to date. Make a copy of the file first.\n",
     run_migrate},
    {"check", "look for problems, and say how to mend each",
     "usage: cubby [-c CONF] check\n\n"
     "Checks the settings, owners and modes of files and directories, the schema number and the\n"
     "integrity of the database, and the strength of the keys. Exit status 1 if anything is "
     "wrong.\n",
     run_check},
    {"config", "show the settings that hold",
     "usage: cubby [-c CONF] config\n\n"
     "Prints every setting with its value, in the form of the configuration file.\n",
     run_config},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
    (void)fputs("usage: cubby [-c CONF] COMMAND [--help]\n\n", to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fprintf(to,
                  "\nCONF is the file of settings; else the one named by CUBBY_CONF, else %s.\n"
                  "Exit status: 0 done, 1 something is wrong, 2 wrong usage.\n",
                  config_default_path());
}

static int run(struct tool *tool, const struct command *command, int count, char **words)
{
    if (count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)) {
        (void)fputs(command->help, stdout);
        return EXIT_SUCCESS;
    }
    struct cause cause = {0};
    if (config_load(&tool->arena, tool->config_path, &tool->config, &cause) != ERR_NONE) {
        return fail(tool, "%s", cause.text);
    }
    return command->run(tool, count, words);
}

int main(int count, char **words)
{
    (void)umask(077);
    struct tool tool = {.config_path = getenv("CUBBY_CONF")};
    arena_init(&tool.arena, ARENA_MAXIMUM);
    json_use_arena(&tool.arena);
    if (tool.config_path != NULL && *tool.config_path == '\0') {
        tool.config_path = NULL;
    }
    count--;
    words++;
    if (count >= 2 && strcmp(words[0], "-c") == 0) {
        tool.config_path = words[1];
        count -= 2;
        words += 2;
    }
    if (count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (count > 0 && strcmp(words[0], "--version") == 0) {
        puts("cubby " CUBBY_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; count > 0 && i < COMMAND_COUNT; i++) {
        if (strcmp(words[0], commands[i].name) == 0) {
            int status = run(&tool, &commands[i], count - 1, words + 1);
            arena_reset(&tool.arena);
            return status;
        }
    }
    print_help(stderr);
    return EXIT_USAGE;
}
