/*
 * setup.c - init, migrate, check, config: setting up an installation and maintaining it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/settings/paths.h"
#include "db/engine/schema.h"
#include "db/tool/admin.h"
#include "db/tool/commands/check.h"
#include "db/tool/files.h"
#include "db/tool/commands/key.h"
#include "db/tool/medium.h"
#include "db/tool/rights.h"
#include "db/tool/tool.h"
#include "db/tool/way.h"

/* ---- migrate -------------------------------------------------------------------------------- */

/* What a migration found. */
struct migration {
    int64_t from; /* the schema number */
    bool kept_log;
};

static bool wants_log(const struct tool *tool)
{
    return strcmp(tool->config.journal, "wal") == 0;
}

/* Gives the database the schema of this version and the journal of the settings. */
static enum db_class migrate_connection(struct tool *tool, struct db_connection *connection,
                                        struct migration *found)
{
    enum db_class class = DB_OK;
    const char *path = tool->config.database;
    found->kept_log = admin_maintenance->file_keeps_log(connection);
    bool locked_in = !admin_has_server(tool) && found->kept_log && !wants_log(tool) &&
                     medium_refuses_log(tool, path) != NULL;
    if (locked_in) {
        class = admin_maintenance->stand_alone(connection, true);
    }
    if (class == DB_OK) {
        class = schema_migrate(admin_driver, connection, &found->from);
    }
    if (class == DB_OK) {
        class = admin_driver->set_journal(connection, wants_log(tool));
    }
    if (class == DB_OK && locked_in) {
        /* Programs that could not map it left it; nobody uses it now. */
        const char *memory = file_companion(tool, path, COMPANION_MEMORY);
        (void)unlink(memory != NULL ? memory : "");
        class = admin_maintenance->stand_alone(connection, false);
    }
    return class;
}

static int migrate_database(struct tool *tool, struct migration *found)
{
    const char *path = tool->config.database;
    struct db_connection *connection;
    int status = admin_open_any(tool, path, true, &connection);
    if (status != TOOL_DONE) {
        return status;
    }
    enum db_class class = migrate_connection(tool, connection, found);
    if (class != DB_OK) {
        status = found->from > schema_number
                     ? admin_fail_schema(tool, path, found->from)
                     : admin_fail(tool, connection, path, class, "migrating");
    }
    admin_driver->close(connection);
    return status;
}

static int run_migrate(struct tool *tool)
{
    struct migration found = {.from = 0};
    const char *path = tool->config.database;
    int status = file_become_owner(tool, tool->config.beside);
    if (status == TOOL_DONE) {
        status = medium_check_journal(tool);
    }
    if (status == TOOL_DONE) {
        admin_step(tool, "migrating", path);
        status = migrate_database(tool, &found);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    int64_t from = found.from;
    const char *journal = tool->config.journal;
    cJSON *object = cJSON_CreateObject();
    json_add(object, "database", json_new_string(path));
    json_add(object, "schema", json_new_integer(&tool->scratch, schema_number));
    json_add(object, "schema_before", json_new_integer(&tool->scratch, from));
    json_add(object, "migrated", cJSON_CreateBool(from != schema_number));
    json_add(object, "journal", json_new_string(journal));
    if (from == schema_number && !admin_has_server(tool) && found.kept_log != wants_log(tool)) {
        return tool_result(tool, object, "%s: schema %" PRId64 ", its journal is %s now", path,
                           from, journal);
    }
    return from == schema_number
               ? tool_result(tool, object, "%s: schema %" PRId64 ", nothing to do", path, from)
               : tool_result(tool, object, "%s: schema %" PRId64 ", migrated from schema %" PRId64,
                             path, schema_number, from);
}

/* ---- init ----------------------------------------------------------------------------------- */

/* Reports that PATH stays as it is; it must be a regular file. */
static int init_keep(struct tool *tool, const char *path, const struct stat *there)
{
    if (!S_ISREG(there->st_mode)) {
        return tool_fail(tool, "%s: not a regular file", path);
    }
    tool_file(tool, "kept", path);
    return TOOL_DONE;
}

/* Makes the key file with TEXT. */
static int make_keys(struct tool *tool, const char *text, struct file_owner owner)
{
    const char *path = tool->config.keys;
    int status = file_make_directory(tool, path, &owner);
    if (status == TOOL_DONE) {
        status = file_become_maker(tool, path, &owner);
    }
    if (status == TOOL_DONE) {
        status = file_make_secret(tool, path, text, &owner);
    }
    file_become_self();
    return status;
}

static int init_keys(struct tool *tool, const struct file_owner *owner)
{
    const char *path = tool->config.keys;
    struct stat there;
    if (stat(path, &there) == 0) {
        return init_keep(tool, path, &there);
    }
    const char *text;
    const char *kid = key_new_name(tool);
    int status = kid != NULL ? key_new_file(tool, kid, &text) : TOOL_FAILED;
    if (status == TOOL_DONE) {
        status = make_keys(tool, text, *owner);
    }
    if (status == TOOL_DONE) {
        tool_file(tool, "made", path);
    }
    return status;
}

/* A journal means that a process was killed while it wrote to the database. Reading the database
 * rolls that transaction back; if it was the first one, the file is empty again. */
static int undo_interrupted(struct tool *tool, const char *path)
{
    const char *journal = file_companion(tool, path, COMPANION_JOURNAL);
    if (journal == NULL) {
        return tool_out_of_memory(tool);
    }
    if (access(journal, F_OK) != 0) {
        return TOOL_DONE;
    }
    struct db_connection *connection;
    int status = admin_open_any(tool, path, true, &connection);
    if (status != TOOL_DONE) {
        return status;
    }
    int64_t number;
    enum db_class class = admin_driver->schema_number(connection, &number);
    if (class != DB_OK) {
        status = admin_fail(tool, connection, path, class, "reading");
    }
    admin_driver->close(connection);
    return status;
}

/* Gives the open FILE to its owner if it is empty: then an init makes it, or was interrupted before
 * it had one. A second name it can't have. Closes FILE, which may be -1. */
static int own_empty(struct tool *tool, int file, const char *path, const struct file_owner *owner)
{
    struct stat there;
    int status = TOOL_DONE;
    if (file >= 0 && owner->given && fstat(file, &there) == 0 && S_ISREG(there.st_mode) &&
        there.st_size == 0 && there.st_nlink == 1 && fchown(file, owner->user, owner->group) != 0) {
        status = file_fail_to_give(tool, path, owner->user);
    }
    if (file >= 0) {
        (void)close(file);
    }
    return status;
}

/* Deletes the empty file at PATH that an interrupted init of root's left in the folder of the
 * present user. */
static void drop_empty_of_root(const char *path)
{
    struct stat there;
    if (geteuid() != 0 && lstat(path, &there) == 0 && S_ISREG(there.st_mode) &&
        there.st_size == 0 && there.st_uid == 0 && there.st_nlink == 1) {
        (void)unlink(path);
    }
}

/* Makes the file, or completes what an interrupted init left. *MADE: it has no content yet. */
static int make_database_file(struct tool *tool, const struct file_owner *owner, bool *made)
{
    const char *path = tool->config.database;
    struct stat there;
    drop_empty_of_root(path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *made = file >= 0;
    if (!*made && errno == EACCES && geteuid() != getuid()) {
        return tool_fail(tool,
                         "%s: user %ld, who is to own it, may not enter its folder or write there",
                         path, (long)geteuid());
    }
    if (!*made && errno != EEXIST) {
        return file_fail(tool, path);
    }
    int status =
        own_empty(tool, *made ? file : open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
                  path, owner);
    if (status != TOOL_DONE && *made) {
        (void)unlink(path);
    }
    if (status == TOOL_DONE && !*made) {
        status = undo_interrupted(tool, path);
    }
    if (status == TOOL_DONE && stat(path, &there) != 0) {
        return file_fail(tool, path);
    }
    *made = status == TOOL_DONE && S_ISREG(there.st_mode) && there.st_size == 0;
    return status;
}

/* As whoever may make it. */
static int make_database(struct tool *tool, struct file_owner owner)
{
    const char *path = tool->config.database;
    struct migration found = {.from = 0};
    bool made = false;
    int status = file_become_maker(tool, path, &owner);
    if (status == TOOL_DONE) {
        status = make_database_file(tool, &owner, &made);
    }
    if (status == TOOL_DONE && made) {
        status = migrate_database(tool, &found);
    }
    if (status == TOOL_DONE && made) {
        status = file_sync_directory(tool, path);
    }
    file_become_self();
    struct stat there;
    if (status == TOOL_DONE && !made && stat(path, &there) == 0) {
        return init_keep(tool, path, &there);
    }
    if (status == TOOL_DONE) {
        tool_file(tool, "made", path);
    }
    return status;
}

/* Whether a file is there that needs nothing: one with content and without a journal. */
static bool is_complete(struct tool *tool, const char *path, struct stat *there)
{
    const char *journal = file_companion(tool, path, COMPANION_JOURNAL);
    return journal != NULL && access(journal, F_OK) != 0 && stat(path, there) == 0 &&
           (!S_ISREG(there->st_mode) || there->st_size > 0);
}

/* Whether OWNER may make files in a folder of others that is THERE, by its mode: it has no access
 * control list that lets others write, as file_has_roots_folder has told. */
static bool mode_takes_files_of(const struct stat *there, const struct file_owner *owner)
{
    const mode_t needed = S_IWOTH | S_IXOTH;
    mode_t rights = there->st_gid == owner->group ? there->st_mode >> 3 : there->st_mode;
    return (rights & needed) == needed;
}

/* Whether OWNER may make files in the folder at the end of WAY, which is root's, as SQLite does
 * beside a database. Where root can't become OWNER, as in a container without capabilities, the
 * mode tells. */
static bool takes_files_of(const struct way *way, const struct file_owner *owner)
{
    const struct rights rights = {owner->user, owner->group, true, false};
    bool takes = rights_take(&rights) != 0
                     ? mode_takes_files_of(&way->place, owner)
                     : faccessat(way->folder, ".", W_OK | X_OK, AT_EACCESS) == 0 || errno != EACCES;
    file_become_self();
    return takes;
}

static bool begins_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

/* Whether nothing lies in the folder at the end of WAY but files of the installation's names, and
 * what a new file system has. */
static bool has_only_own(const struct tool *tool, const struct way *way)
{
    const char *slash = strrchr(tool->config.keys, '/');
    const char *keys = slash != NULL ? slash + 1 : tool->config.keys;
    int folder = openat(way->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = folder >= 0 ? fdopendir(folder) : NULL;
    bool only = list != NULL;
    for (const struct dirent *entry = only ? readdir(list) : NULL; entry != NULL && only;
         entry = readdir(list)) {
        const char *name = entry->d_name;
        only = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
               strcmp(name, "lost+found") == 0 || begins_with(name, way->rest) ||
               begins_with(name, keys);
    }
    if (list != NULL) {
        (void)closedir(list);
    } else if (folder >= 0) {
        (void)close(folder);
    }
    return only;
}

/* Fails where the folder that the database is to be made in is root's alone, and OWNER could not
 * write to the database then, which needs a journal beside it. */
static int check_folder(struct tool *tool, const struct file_owner *owner)
{
    struct way way;
    const char *path = tool->config.database;
    int status = TOOL_DONE;
    if (geteuid() != 0 || !owner->given || owner->user == 0 || !file_has_roots_folder(path) ||
        file_link_fault(tool, path) != NULL || way_take(path, &way) != 0) {
        return TOOL_DONE; /* other faults are told where they matter */
    }
    if (way.whole && !takes_files_of(&way, owner)) {
        const char *folder = file_directory(tool, file_itself(tool, path));
        folder = folder != NULL ? folder : path;
        status = has_only_own(tool, &way)
                     ? tool_fail(tool,
                                 "%s belongs to root, so that user %ld could not write to a "
                                 "database there: chown %s %s, then run this again",
                                 folder, (long)owner->user, tool_option(tool, "--owner"), folder)
                     : tool_fail(tool,
                                 "%s belongs to root, so that user %ld could not write to a "
                                 "database there, and it holds other files: name a folder that is "
                                 "the database's own in the settings",
                                 folder, (long)owner->user);
    }
    way_leave(&way);
    return status;
}

static int init_database(struct tool *tool, const struct file_owner *owner)
{
    struct stat there;
    const char *path = tool->config.database;
    if (is_complete(tool, path, &there)) {
        return init_keep(tool, path, &there);
    }
    int status = check_folder(tool, owner);
    if (status == TOOL_DONE) {
        status = file_make_directory(tool, path, owner);
    }
    return status == TOOL_DONE ? make_database(tool, *owner) : status;
}

/* The server's database is there, by its own tools. Its tables are made by whom the programs run
 * as: the owner of the key file. */
static int init_server(struct tool *tool)
{
    struct migration found = {.from = 0};
    int status = file_become_owner(tool, tool->config.beside);
    if (status == TOOL_DONE) {
        status = migrate_database(tool, &found);
    }
    if (status == TOOL_DONE) {
        tool_file(tool, found.from == 0 ? "made" : "kept", tool->config.database);
    }
    file_become_self();
    return status;
}

static bool parse_number(const char *text, int64_t *out)
{
    bool over;
    return text_to_int64(text_of(text), INT32_MAX, &over, out);
}

static int parse_owner(struct tool *tool, const char *given, struct file_owner *owner)
{
    char *name = arena_copy(&tool->arena, given, strlen(given));
    if (name == NULL) {
        return tool_out_of_memory(tool);
    }
    char *group = strchr(name, ':');
    if (group != NULL) {
        *group++ = '\0';
    }
    int64_t number;
    const struct passwd *user = getpwnam(name);
    if (user != NULL) {
        *owner = (struct file_owner){true, user->pw_uid, user->pw_gid};
    } else if (parse_number(name, &number)) {
        *owner = (struct file_owner){true, (uid_t)number, (gid_t)number};
    } else {
        return tool_fail(tool, "there is no user %s", name);
    }
    if (group == NULL || *group == '\0') {
        return TOOL_DONE;
    }
    const struct group *entry = getgrnam(group);
    if (entry == NULL && !parse_number(group, &number)) {
        return tool_fail(tool, "there is no group %s", group);
    }
    owner->group = entry != NULL ? entry->gr_gid : (gid_t)number;
    return TOOL_DONE;
}

static int run_init(struct tool *tool)
{
    struct file_owner owner = {0};
    const char *given = tool_option(tool, "--owner");
    tool->result = cJSON_CreateObject();
    json_add(tool->result, "made", cJSON_CreateArray());
    json_add(tool->result, "kept", cJSON_CreateArray());
    int status = given != NULL ? parse_owner(tool, given, &owner) : TOOL_DONE;
    if (status == TOOL_DONE) {
        status = medium_check_journal(tool);
    }
    if (status == TOOL_DONE) {
        status = admin_has_server(tool) ? TOOL_DONE : init_database(tool, &owner);
    }
    if (status == TOOL_DONE) {
        status = init_keys(tool, &owner);
    }
    if (status == TOOL_DONE && admin_has_server(tool)) {
        status = init_server(tool);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    struct stat there;
    bool for_root =
        geteuid() == 0 && !owner.given && stat(tool->config.keys, &there) == 0 && there.st_uid == 0;
    if (tool->json) {
        json_add(tool->result, "for_root", cJSON_CreateBool(for_root));
        return tool_print_json(tool, tool->result, true);
    }
    if (for_root) {
        puts("note   made as root: the programs must run as root too, or say --owner USER");
    }
    return TOOL_DONE;
}

/* ---- config --------------------------------------------------------------------------------- */

static void print_setting(void *self, const char *name, const char *value, const int64_t *number)
{
    (void)self;
    (void)number;
    printf("%s =%s%s\n", name, *value != '\0' ? " " : "", value);
}

static void add_setting(void *self, const char *name, const char *value, const int64_t *number)
{
    struct tool *tool = self;
    json_add(tool->result, name,
             number != NULL ? json_new_integer(&tool->scratch, *number)
                            : cJSON_CreateString(value));
}

static int run_config(struct tool *tool)
{
    if (!tool->json) {
        config_each(&tool->config, print_setting, NULL);
        return TOOL_DONE;
    }
    tool->result = cJSON_CreateObject();
    config_each(&tool->config, add_setting, tool);
    return tool_print_json(tool, tool->result, true);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct tool_option init_options[] = {
    {"--owner", "USER[:GROUP]",
     "give what is made to this user, as whom the web server runs the\n"
     "programs (on Debian: www-data)"},
};

static const struct tool_command commands[] = {
    {.name = "init",
     .words = "",
     .summary = "make what is missing: directory, database, key file",
     .text = "Makes the database and the key file named in the settings, with mode 0600, in a\n"
             "directory of mode 0700; what is there already stays as it is. Refuses journal = wal\n"
             "on a medium that can't carry it, such as jffs2.\n",
     .options = init_options,
     .option_count = 1,
     .flags = COMMAND_JSON,
     .run = run_init},
    {.name = "migrate",
     .words = "",
     .summary = "bring the database to the schema of this version",
     .text = "Runs the migrations that the database does not have yet, all in one transaction:\n"
             "afterwards it is either as before or up to date. Then gives it the journal of the\n"
             "settings: wal only on a medium that can carry it, otherwise nothing is changed.\n"
             "Make a backup first.\n",
     .flags = COMMAND_JSON | COMMAND_PROGRESS | COMMAND_ONE_OWNER,
     .run = run_migrate},
    {.name = "check",
     .words = "",
     .summary = "look for problems, and say how to mend each",
     .text =
         "Checks the settings, owners and modes of files and directories, the schema number,\n"
         "the integrity and the journal of the database, whether its medium can carry that, every\n"
         "row by the rules of \"cubby import\", and the strength of the keys. Exit status 1 if\n"
         "anything is wrong. A warning, such as of a folder in memory, which a reboot empties, is\n"
         "no problem to it.\n",
     .flags = COMMAND_JSON | COMMAND_PROGRESS | COMMAND_NAMES_FAULTS,
     .run = run_check},
    {.name = "config",
     .words = "",
     .summary = "show the settings that hold",
     .text = "Prints every setting with its value, in the form of the configuration file. In JSON\n"
             "a setting that is a number is one.\n",
     .flags = COMMAND_JSON,
     .run = run_config},
};

const struct tool_group tool_setup_commands = {commands, sizeof commands / sizeof *commands};
