/*
 * audit.c - records what the operator did in the places where the programs record security events:
 * the log, and the database when the settings say so. When the programs write to the web server's
 * log, which the tool can't reach, the tool writes to the system log. Declared in tool.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/log.h"
#include "db/model/audit.h"
#include "db/tool/files.h"
#include "db/tool/tool.h"

static void keep_in_log(struct tool *tool, const char *text)
{
    if (*tool->config.log == '\0') {
        openlog("cubby", LOG_PID, LOG_AUTH);
        syslog(LOG_NOTICE, "audit %s", text);
        closelog();
        return;
    }
    const char *path = tool->config.log;
    char line[LOG_LINE_MAXIMUM];
    struct file_user before;
    log_format(line, "tool", "audit %s", text);
    file_become_self_for(&before); /* the log may be another user's than the database */
    int roots = file_open_roots_log(path);
    if (roots < 0 && file_become_owner_alone(tool, path) != TOOL_DONE) {
        tool->unnoted = true;
    } else if (!(roots >= 0 ? log_write_open(roots, line) : log_write(path, line))) {
        tool->unnoted = true;
        (void)tool_fail(tool, "%s: what was done could not be noted here: %s", path,
                        strerror(errno));
    }
    file_become_again(tool, &before);
}

/* Stores TEXT, or UNNAMED when the user no longer exists. */
static void keep_in_database(struct tool *tool, int64_t user_id, const char *text,
                             const char *unnamed)
{
    static const enum db_statement may_run[] = {AUDIT_STATEMENTS};
    static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};
    if (tool->config.audit_rows == 0) {
        return;
    }
    bool self = geteuid() == getuid();
    struct cause cause = {0};
    struct db *store = file_become_owner(tool, tool->config.beside) == TOOL_DONE
                           ? db_make(&tool->config, &role)
                           : NULL;
    if (store != NULL) {
        db_start(store, true, &cause);
        enum error_code error =
            audit_add(store, user_id, text_of(text), text_of(unnamed), tool->config.audit_rows);
        if (db_end(store, error == ERR_NONE) != ERR_NONE || error != ERR_NONE) {
            (void)tool_fail(tool, "what was done could not be noted in the database: %s",
                            cause.text);
            /* Of one that is only read, as an operator wants it to be, that is no failure. */
            tool->unnoted = tool->unnoted || !db_takes_no_writes(store);
        }
        db_free(store);
    } else {
        tool->unnoted = true;
    }
    if (self) {
        file_become_self();
    }
}

static cJSON *new_line(struct tool *tool, const char *event, int64_t user_id, const char *detail)
{
    cJSON *line = cJSON_CreateObject();
    json_add(line, "event", json_new_string(event));
    json_add(line, "outcome", json_new_string("done"));
    if (user_id != 0) {
        json_add(line, "user_id", json_new_integer(&tool->scratch, user_id));
    }
    if (*detail != '\0') {
        json_add(line, "detail", json_new_string(detail));
    }
    json_add(line, "operator", json_new_integer(&tool->scratch, (int64_t)tool->operator));
    json_add(line, "at", json_new_time(&tool->scratch, tool_now_ms()));
    return line;
}

void tool_audit(struct tool *tool, const char *event, int64_t user_id, const char *format, ...)
{
    char detail[512];
    tool_progress_end(tool);
    va_list list;
    va_start(list, format);
    (void)vsnprintf(detail, sizeof detail, format, list);
    va_end(list);
    /* File names may not be UTF-8, and vsnprintf may have cut a character. */
    tool_make_printable(detail, false);
    /* Wherever the settings have it written to. */
    const char *text = tool_json_text(tool, new_line(tool, event, user_id, detail), false, true);
    const char *unnamed = tool_json_text(tool, new_line(tool, event, 0, detail), false, true);
    if (text != NULL && unnamed != NULL) {
        keep_in_log(tool, text);
        keep_in_database(tool, user_id, text, unnamed);
    }
}
