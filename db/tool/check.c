/*
 * check.c - looking through an installation for problems: every one is reported, with the way to
 * mend it.
 */
#include "db/tool/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/token.h"
#include "db/schema.h"
#include "db/tool/admin.h"
#include "db/tool/files.h"

/* What was found; texts are on the tool's arena. */
struct findings {
    struct tool *tool;
    cJSON *problems; /* with --json */
};

__attribute__((format(printf, 4, 5))) static void found(struct findings *findings, const char *what,
                                                        const char *remedy, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    (void)tool_fail(findings->tool, "%s: %s%s%s", what, text, *remedy != '\0' ? "; " : "", remedy);
    if (findings->problems == NULL) {
        return;
    }
    cJSON *problem = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(problem, "where", what);
    (void)cJSON_AddStringToObject(problem, "problem", text);
    (void)cJSON_AddStringToObject(problem, "remedy", remedy);
    (void)cJSON_AddItemToArray(findings->problems, problem);
}

static void report(void *self, const char *problem)
{
    struct findings *findings = self;
    found(findings, findings->tool->config.database, "restore a backup", "%s", problem);
}

static void report_keys(void *self, const char *problem)
{
    struct findings *findings = self;
    found(findings, findings->tool->config.keys,
          "move the file away and run \"cubby init\" for a new key (tokens signed by the old one "
          "end)",
          "%s", problem);
}

/* A remedy that is a command with a path behind. */
static const char *with_path(struct tool *tool, const char *command, const char *path)
{
    const char *text = arena_printf(&tool->arena, "%s %s", command, path);
    return text != NULL ? text : command;
}

/* Secrets must be a file that only its owner can read, in a directory nobody else can write. */
static bool check_file(struct findings *findings, const char *path, uid_t *owner)
{
    struct tool *tool = findings->tool;
    struct stat there;
    if (stat(path, &there) != 0) {
        found(findings, path,
              errno == ENOENT   ? "\"cubby init\" makes it"
              : errno == EACCES ? "run this as root or as the programs' user"
                                : "",
              "%s", strerror(errno));
        return false;
    }
    *owner = there.st_uid;
    if (!S_ISREG(there.st_mode)) {
        found(findings, path, "", "not a regular file");
        return false;
    }
    if ((there.st_mode & 077) != 0) {
        found(findings, path, with_path(tool, "chmod 600", path),
              "others than its owner may use it (mode %03o)", (unsigned)(there.st_mode & 0777));
    }
    const char *directory = file_directory(tool, path);
    if (directory == NULL || stat(directory, &there) != 0) {
        found(findings, directory != NULL ? directory : path, "", "%s", strerror(errno));
        return false;
    }
    if ((there.st_mode & 022) != 0) {
        found(findings, directory, with_path(tool, "chmod go-w", directory),
              "others than its owner may write here (mode %03o)", (unsigned)(there.st_mode & 0777));
    }
    if (there.st_uid != *owner && there.st_uid != 0) {
        found(findings, directory, "chown both to the programs' user",
              "belongs to another user than %s", path);
    }
    return true;
}

static void found_failure(struct findings *findings, struct db_connection *connection)
{
    found(findings, findings->tool->config.database, "restore a backup if it is damaged", "%s",
          admin_driver->message(connection));
}

static void check_contents(struct findings *findings, struct db_connection *connection)
{
    const char *path = findings->tool->config.database;
    int64_t number = 0;
    enum db_class class = admin_driver->schema_number(connection, &number);
    if (class == DB_OK && number != schema_number) {
        found(findings, path,
              number < schema_number ? "run \"cubby migrate\""
                                     : "install the newer version of cubby",
              "it has schema %" PRId64 ", this version works with %" PRId64, number, schema_number);
    }
    if (class == DB_OK) {
        class = admin_driver->verify(connection, report, findings);
    }
    if (class != DB_OK) {
        found_failure(findings, connection);
    }
}

static void check_database(struct findings *findings)
{
    struct db_connection *connection;
    enum db_class class =
        admin_driver->open(findings->tool->config.database, false, ADMIN_BUSY_TIMEOUT, &connection);
    if (class == DB_OK) {
        check_contents(findings, connection);
    } else {
        found_failure(findings, connection);
    }
    admin_driver->close(connection);
}

static int conclude(struct findings *findings)
{
    struct tool *tool = findings->tool;
    int status = tool->problems > 0 ? TOOL_FAILED : TOOL_DONE;
    if (tool->json) {
        cJSON *object = cJSON_CreateObject();
        (void)cJSON_AddBoolToObject(object, "ok", status == TOOL_DONE);
        (void)cJSON_AddItemToObject(object, "problems", findings->problems);
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
    struct findings findings = {.tool = tool, .problems = tool->json ? cJSON_CreateArray() : NULL};
    uid_t database_owner;
    uid_t keys_owner;
    bool has_database = check_file(&findings, tool->config.database, &database_owner);
    bool has_keys = check_file(&findings, tool->config.keys, &keys_owner);
    if (has_database && has_keys && database_owner != keys_owner) {
        found(&findings, tool->config.keys, "chown both to the programs' user",
              "belongs to another user than %s", tool->config.database);
    }
    if (file_become_owner(tool, tool->config.database) != TOOL_DONE) {
        return TOOL_FAILED;
    }
    if (has_database) {
        check_database(&findings);
    }
    if (has_keys) {
        (void)token_keys_check(tool->config.keys, report_keys, &findings);
    }
    return conclude(&findings);
}
