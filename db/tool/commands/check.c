/*
 * check.c - checks an installation: every problem is reported, with the way to mend it.
 */
#include "db/tool/commands/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/identity/password_list.h"
#include "common/identity/token.h"
#include "common/sandbox/sandbox.h"
#include "common/settings/paths.h"
#include "db/engine/schema.h"
#include "db/tool/admin.h"
#include "db/tool/commands/check_rows.h"
#include "db/tool/files.h"
#include "db/tool/medium.h"

/* One run of the checks. */
struct check {
    struct tool *tool;
    const struct check_sink *sink;
    cJSON *warnings; /* with --json; else they are said at once */
};

__attribute__((format(printf, 4, 5))) static void
found(const struct check *check, const char *where, const char *remedy, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    check->sink->found(check->sink->self, where, text, remedy);
}

/* Adds where, what and how to mend it to LIST. */
static void add_row(cJSON *list, const char *where, const char *problem, const char *remedy)
{
    cJSON *row = cJSON_CreateObject();
    json_add(row, "where", cJSON_CreateString(where));
    json_add(row, "problem", cJSON_CreateString(problem));
    json_add(row, "remedy", cJSON_CreateString(remedy));
    (void)cJSON_AddItemToArray(list, row);
}

/* Something to know of that is no problem. */
static void warn(void *self, const char *where, const char *problem, const char *remedy)
{
    const struct check *check = self;
    if (check->warnings != NULL) {
        add_row(check->warnings, where, problem, remedy);
    } else {
        tool_warn(check->tool, "%s: %s; %s", where, problem, remedy);
    }
}

static void report(void *self, const char *problem)
{
    const struct check *check = self;
    found(check, check->tool->config.database,
          admin_has_server(check->tool) ? "" : "restore a backup", "%s", problem);
}

static void report_keys(void *self, const char *problem)
{
    const struct check *check = self;
    found(check, check->tool->config.keys,
          "move the file away and run \"cubby init\" for a new key (tokens signed by the old one "
          "end)",
          "%s", problem);
}

/* A remedy: COMMAND followed by PATH. */
static const char *with_path(struct tool *tool, const char *command, const char *path)
{
    const char *text = arena_printf(&tool->arena, "%s %s", command, path);
    return text != NULL ? text : command;
}

/* Checks that PATH is a regular file which only its owner can use, in a directory of that owner
 * or root which nobody else can write to. False when it can't go on; *OWNER is the owner of the
 * file. */
static bool check_file(const struct check *check, const char *path, uid_t *owner)
{
    struct tool *tool = check->tool;
    struct stat there;
    if (stat(path, &there) != 0) {
        const char *loose = file_link_fault(tool, path);
        found(check, path,
              loose != NULL     ? ""
              : errno == ENOENT ? "\"cubby init\" makes it"
              : errno == EACCES ? "run this as root or as the programs' user"
                                : "",
              "%s", loose != NULL ? loose : strerror(errno));
        return false;
    }
    *owner = there.st_uid;
    if (!S_ISREG(there.st_mode)) {
        found(check, path, "", "not a regular file");
        return false;
    }
    if ((there.st_mode & 0177) != 0) {
        found(check, path, with_path(tool, "chmod 600", path), "%s (mode %03o)",
              (there.st_mode & 077) != 0 ? "others than its owner may use it"
                                         : "it may be executed, which nobody needs",
              (unsigned)(there.st_mode & 0777));
    }
    const char *directory = file_directory(tool, path);
    if (directory == NULL || stat(directory, &there) != 0) {
        found(check, directory != NULL ? directory : path, "", "%s", strerror(errno));
        return false;
    }
    if ((there.st_mode & 022) != 0) {
        found(check, directory, with_path(tool, "chmod go-w", directory),
              "others than its owner may write here (mode %03o)", (unsigned)(there.st_mode & 0777));
    }
    if (there.st_uid != *owner && there.st_uid != 0) {
        found(check, directory, "chown both to the programs' user",
              "belongs to another user than %s", path);
    }
    return true;
}

/* Whether root may act on PATH; told when not. */
static bool is_safe(const struct check *check, const char *path)
{
    const char *fault = file_owner_fault(check->tool, path);
    if (fault != NULL) {
        found(check, path, "chown folder, link and file to the programs' user", "%s", fault);
    }
    return fault == NULL;
}

/* Checks that the owner of PATH can enter the directories above it; otherwise the programs can't
 * reach it. */
static void check_reach(const struct check *check, const char *path)
{
    if (file_become_owner(check->tool, path) != TOOL_DONE) {
        return;
    }
    struct stat there;
    if (stat(path, &there) != 0) {
        found(check, path, "chmod a+x on them, or move the file",
              "its owner may not enter the directories above it (%s)", strerror(errno));
    }
    file_become_self();
}

/* The journal is made beside the database itself, not beside a link to it, by its owner. */
static void check_folder(const struct check *check, const char *path)
{
    char whole[PATH_MAX];
    const char *folder = file_directory(check->tool, realpath(path, whole) != NULL ? whole : path);
    if (folder == NULL || file_become_owner(check->tool, path) != TOOL_DONE) {
        return;
    }
    struct stat there;
    if (stat(path, &there) == 0 && faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) != 0 &&
        errno == EACCES) {
        found(check, folder, "chown it to the programs' user",
              "the owner of %s may not write here, where its journal is made", path);
    }
    file_become_self();
}

/* The programs also write to the companions of the database, and existing ones must have the same
 * owner. */
static void check_companions(const struct check *check, uid_t owner)
{
    struct tool *tool = check->tool;
    for (size_t i = 0; config_companions[i] != NULL; i++) {
        const char *path = file_companion(tool, tool->config.database, i);
        struct stat there;
        if (path != NULL && stat(path, &there) == 0 && there.st_uid != owner) {
            found(check, path, "chown it to the programs' user", "belongs to another user than %s",
                  tool->config.database);
        }
    }
}

void check_owners_and_modes(struct tool *tool, const struct check_sink *sink)
{
    const struct check check = {.tool = tool, .sink = sink};
    uid_t database_owner;
    uid_t keys_owner;
    bool has_database =
        !admin_has_server(tool) && check_file(&check, tool->config.database, &database_owner);
    bool has_keys = check_file(&check, tool->config.keys, &keys_owner);
    if (has_database && is_safe(&check, tool->config.database)) {
        check_reach(&check, tool->config.database);
        check_folder(&check, tool->config.database);
        check_companions(&check, database_owner);
    }
    if (has_keys && is_safe(&check, tool->config.keys)) {
        check_reach(&check, tool->config.keys);
    }
    if (has_database && has_keys && database_owner != keys_owner) {
        found(&check, tool->config.keys, "chown both to the programs' user",
              "belongs to another user than %s", tool->config.database);
    }
}

/* Whether REST, the part of a file name after that of the database or key file, makes it the draft
 * of a run that has ended: there is no process with the number in it. */
static bool is_left_over(const char *rest)
{
    static const char *const kinds[] = {".restore-", ".export-", ".backup-", ".new-"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t size = strlen(kinds[i]);
        if (strncmp(rest, kinds[i], size) == 0) {
            long number = strtol(rest + size, NULL, 10);
            return number > 0 && kill((pid_t)number, 0) != 0 && errno == ESRCH;
        }
    }
    return false;
}

/* A draft that a killed run of the tool left beside the file at PATH holds a copy of its content,
 * which may be the keys that sign tokens. So does what a restore keeps, whose name an interrupted
 * one could not tell. */
static void check_left_over(struct check *check, const char *path, const char *what)
{
    static const char before_restore[] = ".before-restore-";
    struct tool *tool = check->tool;
    path = file_itself(tool, path);
    const char *name = paths_last_name(path);
    const char *directory = file_directory(tool, path);
    DIR *list = directory != NULL ? opendir(directory) : NULL;
    if (list == NULL) {
        return; /* reported already */
    }
    size_t size = strlen(name);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        const char *rest = strncmp(entry->d_name, name, size) == 0 ? entry->d_name + size : "";
        bool kept = strncmp(rest, before_restore, sizeof before_restore - 1) == 0;
        if (!kept && !is_left_over(rest)) {
            continue;
        }
        const char *whole = arena_printf(&tool->arena, "%s/%s", directory, entry->d_name);
        whole = whole != NULL ? whole : directory;
        if (kept) {
            warn(check, whole,
                 "a restore, which may have been interrupted, kept the database of before here",
                 "delete it when all is well");
        } else {
            found(check, whole, "delete it",
                  "a run of cubby that was killed left this copy of the %s", what);
        }
    }
    (void)closedir(list);
}

/* ---- contents ------------------------------------------------------------------------------- */

static void found_failure(const struct check *check, enum db_class class, const char *why)
{
    found(check, check->tool->config.database,
          class == DB_DAMAGED ? "restore a backup"
          : class == DB_BUSY  ? "try again"
                              : "",
          "%s", why);
}

static void found_disorder(void *self, int64_t count, const char *what)
{
    const struct check *check = self;
    found(check, check->tool->config.database, "run \"cubby gc --recount\"", "%" PRId64 " %s",
          count, what);
}

/* Checks that the medium can carry the journal that the database has, or is to have. If it can't,
 * CONNECTION, new as it is, is told to do without what the medium lacks, and *MEDIUM_FAULT is set.
 */
static enum db_class check_log_medium(const struct check *check, struct db_connection *connection,
                                      bool *medium_fault)
{
    struct tool *tool = check->tool;
    const char *path = tool->config.database;
    const char *fault = admin_log_refused(tool, connection, path);
    *medium_fault = true;
    if (fault != NULL) {
        found(check, path, admin_log_remedy, "%s", fault);
        return admin_maintenance->stand_alone(connection, true);
    }
    if (strcmp(tool->config.journal, "wal") == 0 &&
        (fault = medium_refuses_log(tool, path)) != NULL) {
        found(check, path, "set journal = rollback",
              "the settings say wal, which its medium can't carry: %s", fault);
        return DB_OK;
    }
    *medium_fault = false;
    return DB_OK;
}

/* Checks that the database has the journal of the settings, since changing the setting alone does
 * not change it. */
static enum db_class check_journal(const struct check *check, struct db_connection *connection)
{
    const struct config *config = &check->tool->config;
    bool wanted = strcmp(config->journal, "wal") == 0;
    bool ahead = wanted;
    enum db_class class = admin_maintenance->journal(connection, &ahead);
    if (ahead != wanted) {
        found(check, config->database,
              ahead ? "run \"cubby migrate\" while nothing else uses it, or set journal = wal"
                    : "run \"cubby migrate\" while nothing else uses it, or set journal = rollback",
              "its journal is %s, the settings say %s", ahead ? "wal" : "rollback",
              config->journal);
    }
    return class;
}

static void warn_of_large(struct check *check, const struct large_values *large)
{
    if (large->count > 0) {
        char problem[160];
        (void)snprintf(problem, sizeof problem,
                       "%" PRId64 " values are larger than max_value_bytes, the largest has %zu "
                       "bytes",
                       large->count, large->largest);
        warn(check, check->tool->config.database, problem,
             "they are read, exported and deleted as ever; \"cubby import\" takes them where "
             "max_value_bytes is as high");
    }
}

/* What the rows say, all together and each by itself. */
static enum db_class check_stored(struct check *check, struct db_connection *connection)
{
    struct large_values large;
    const char *path = check->tool->config.database;
    admin_step(check->tool, "counting what the accounts store in", path);
    enum db_class class = admin_find_disorder(connection, found_disorder, check);
    int64_t behind = 0;
    if (class == DB_OK) {
        class = admin_run(connection, ADMIN_LAST_USER_BEHIND, NULL, 0, &behind);
    }
    if (class == DB_OK && behind > 0) {
        found_disorder(check, behind,
                       "accounts with a number above the last one that was given away, which new "
                       "accounts would get");
    }
    if (class == DB_OK) {
        admin_step(check->tool, "looking at every row of", path);
        class = check_rows(check->tool, connection, check->sink, &large);
    }
    if (class == DB_OK) {
        warn_of_large(check, &large);
        const struct check_sink warned = {.self = check, .found = warn};
        class = check_made_ahead(check->tool, connection, &warned);
    }
    return class;
}

static void check_contents(struct check *check, struct db_connection *connection)
{
    const char *path = check->tool->config.database;
    int64_t number = 0;
    bool medium_fault = false;
    bool is_file = !admin_has_server(check->tool);
    enum db_class class = is_file ? check_log_medium(check, connection, &medium_fault) : DB_OK;
    int before = check->tool->problems;
    if (class == DB_OK) {
        class = admin_driver->schema_number(connection, &number);
    }
    if (class == DB_OK && number != schema_number) {
        found(check, path,
              number < schema_number ? "run \"cubby migrate\""
                                     : "install the newer version of cubby",
              "it has schema %" PRId64 ", this version works with %" PRId64, number, schema_number);
    }
    if (class == DB_OK) {
        admin_step(check->tool, "verifying", path);
        class = admin_driver->verify(connection, report, check);
    }
    char why[ADMIN_WHY_SIZE] = "";
    if (class == DB_OK && number == schema_number) {
        class = admin_compare_schema(connection, report, check, why);
    }
    if (class == DB_OK && number == schema_number && check->tool->problems == before) {
        class = check_stored(check, connection);
    }
    if (class == DB_OK && is_file && !medium_fault) {
        class = check_journal(check, connection);
    }
    if (class != DB_OK) {
        found_failure(check, class, *why != '\0' ? why : admin_driver->message(connection));
    }
}

static void check_database(struct check *check)
{
    struct db_connection *connection;
    enum db_class class = admin_driver->open(check->tool->config.database, true,
                                             admin_timeout(check->tool), &connection);
    if (class == DB_OK) {
        admin_maintenance->operate(connection);
        check_contents(check, connection);
    } else if (class != DB_GONE) {
        found_failure(check, class, admin_driver->message(connection));
    }
    admin_driver->close(connection);
}

/* ---- the medium ------------------------------------------------------------------------------ */

/* Warns when the file at PATH, which the setting NAME names, lies in memory. That is no problem
 * where it is meant so, as for a test. */
static void warn_of_memory(struct check *check, const char *name, const char *path)
{
    struct tool *tool = check->tool;
    const char *kind = medium_in_memory(tool, path);
    if (kind == NULL) {
        return;
    }
    char problem[64];
    char remedy[80];
    (void)snprintf(problem, sizeof problem, "lies in memory (%s), and is lost at a reboot", kind);
    (void)snprintf(remedy, sizeof remedy, "set %s to a path on a disk or on flash memory", name);
    warn(check, path, problem, remedy);
}

static void report_double(void *self, const char *problem)
{
    const struct check *check = self;
    check->sink->found(check->sink->self, check->tool->config.keys, problem,
                       "\"cubby key retire\" drops all keys of a name");
}

void check_double_keys(struct tool *tool, const struct check_sink *sink)
{
    struct check check = {.tool = tool, .sink = sink};
    if (access(tool->config.keys, F_OK) == 0 && file_owner_fault(tool, tool->config.keys) == NULL &&
        file_become_owner(tool, tool->config.keys) == TOOL_DONE) {
        token_keys_doubles(tool->config.keys, report_double, &check);
        file_become_self();
    }
}

static void check_refused_passwords(const struct check *check)
{
    bool refused;
    struct cause cause = {0};
    if (password_list_has(check->tool->config.refused_passwords, (struct text){.at = "", .size = 0},
                          &refused, &cause) != ERR_NONE) {
        check->sink->found(
            check->sink->self, "settings", cause.text,
            "make the list readable for the programs' user, or take the setting out");
    }
}

/* Checks that the programs can write to the log of the settings, which is made at the first line.
 * What they can't write there goes to standard error, and is missed in the file. */
static void check_log(const struct check *check)
{
    const char *path = check->tool->config.log;
    const char *folder = *path != '\0' ? file_directory(check->tool, path) : NULL;
    if (folder == NULL) {
        return;
    }
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file >= 0) {
        (void)close(file);
    } else if (errno != ENOENT || faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0) {
        found(check, path, "set log to a file in a folder of the programs' user",
              "the log can't be written (%s)",
              errno == ENXIO ? "a pipe that nobody reads" : strerror(errno));
    }
}

/* Checks what is in the key file, as its owner. One that can't be read may be a good one. */
static void check_keys(struct check *check)
{
    const char *path = check->tool->config.keys;
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) {
        found(check, path,
              errno == EACCES
                  ? "let its owner read it (chmod 600) and enter the folders above it (chmod u+rwx)"
                  : "",
              "the keys can't be read (%s)", strerror(errno));
        return;
    }
    (void)token_keys_check(path, report_keys, check);
}

/* Warns of folders below that of PATH which its owner, as whom this runs, may look into: the
 * sandbox leaves them to the programs (common/sandbox). */
static void warn_of_folders(struct check *check, const char *path)
{
    struct tool *tool = check->tool;
    const char *folder = file_directory(tool, file_itself(tool, path));
    DIR *list = folder != NULL ? opendir(folder) : NULL;
    if (list == NULL) {
        return; /* reported already */
    }
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        struct stat there;
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            fstatat(dirfd(list), name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(there.st_mode) && faccessat(dirfd(list), name, X_OK, AT_EACCESS) == 0) {
            const char *whole = arena_printf(&tool->arena, "%s/%s", folder, name);
            warn(check, whole != NULL ? whole : folder,
                 "the programs may use all that is in this folder, as it lies below that of the "
                 "database",
                 "move it, or give the database a folder of its own");
        }
    }
    (void)closedir(list);
}

/* ---- the command ---------------------------------------------------------------------------- */

static void print_problem(void *self, const char *where, const char *problem, const char *remedy)
{
    (void)tool_fail(self, "%s: %s%s%s", where, problem, *remedy != '\0' ? "; " : "", remedy);
}

/* With --json: the problems so far, on the scratch memory. */
struct list {
    struct tool *tool;
    cJSON *problems;
};

static void list_problem(void *self, const char *where, const char *problem, const char *remedy)
{
    struct list *list = self;
    list->tool->problems++;
    add_row(list->problems, where, problem, remedy);
}

/* What programs confine themselves by on this kernel. */
static void print_sandbox(const struct tool *tool)
{
    unsigned offered = sandbox_offered();
    bool off = strcmp(tool->config.sandbox, "off") == 0;
    printf("sandbox: Landlock %s, seccomp %s%s\n",
           (offered & SANDBOX_LANDLOCK) != 0 ? "offered by this kernel" : "not offered",
           (offered & SANDBOX_SECCOMP) != 0 ? "offered" : "not offered",
           off ? "; switched off by the settings" : "");
}

static int conclude(struct tool *tool, cJSON *problems, cJSON *warnings)
{
    tool_progress_end(tool);
    int status = tool->problems > 0 ? TOOL_FAILED : TOOL_DONE;
    if (tool->json) {
        cJSON *object = cJSON_CreateObject();
        json_add(object, "ok", cJSON_CreateBool(status == TOOL_DONE));
        json_add(object, "problems", problems);
        json_add(object, "warnings", warnings);
        json_add(object, "kernel_offers", cJSON_Parse(sandbox_json(sandbox_offered())));
        return tool_print_json(tool, object, true) == TOOL_DONE ? status : TOOL_FAILED;
    }
    if (status == TOOL_DONE) {
        puts("all in order");
    } else {
        (void)fprintf(stderr, "cubby: %d problem%s\n", tool->problems,
                      tool->problems == 1 ? "" : "s");
    }
    return status;
}

int run_check(struct tool *tool)
{
    struct list list = {.tool = tool, .problems = tool->json ? cJSON_CreateArray() : NULL};
    const struct check_sink sink = {.self = tool->json ? (void *)&list : (void *)tool,
                                    .found = tool->json ? list_problem : print_problem};
    struct check check = {
        .tool = tool, .sink = &sink, .warnings = tool->json ? cJSON_CreateArray() : NULL};
    if (!tool->json) {
        print_sandbox(tool);
    }
    const struct check_sink warned = {.self = &check, .found = warn};
    check_settings_file(tool, &sink, &warned);
    if (tool->settings_fault != NULL) {
        sink.found(sink.self, "the settings", tool->settings_fault, "");
        return conclude(tool, list.problems, check.warnings);
    }
    check_owners_and_modes(tool, &sink);
    bool server = admin_has_server(tool);
    if (!server) {
        warn_of_memory(&check, "database", tool->config.database);
    }
    warn_of_memory(&check, "keys", tool->config.keys);
    if (file_owner_fault(tool, tool->config.beside) == NULL &&
        (server || access(tool->config.database, F_OK) == 0)) {
        if (file_become_owner(tool, tool->config.beside) != TOOL_DONE) {
            return TOOL_FAILED;
        }
        check_database(&check);
        check_refused_passwords(&check);
        check_log(&check);
        if (!server) {
            check_left_over(&check, tool->config.database, "data");
            warn_of_folders(&check, tool->config.database);
        }
        check_left_over(&check, tool->config.keys, "keys");
        file_become_self();
    }
    if (file_owner_fault(tool, tool->config.keys) == NULL && access(tool->config.keys, F_OK) == 0) {
        if (file_become_owner(tool, tool->config.keys) != TOOL_DONE) {
            return TOOL_FAILED;
        }
        check_keys(&check);
        file_become_self();
        check_double_keys(tool, &warned);
    }
    return conclude(tool, list.problems, check.warnings);
}
