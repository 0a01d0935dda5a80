/*
 * tool.h - what the commands of the operator's tool share: the command table, the options of a run,
 * messages, questions, progress and output for machines.
 *
 * A command is a row of a table and one function. Help, the parsing of options and the wording of
 * usage errors come from the row. Commands return an exit status (enum tool_status) and have said
 * on standard error what was wrong; standard output carries the result alone.
 */
#ifndef CUBBY_DB_TOOL_TOOL_H
#define CUBBY_DB_TOOL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/settings/config.h"
#include "common/json/json.h"
#include "common/base/text.h"

/* Exit statuses; part of what the manual promises. */
enum tool_status {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,      /* something is wrong; said on standard error */
    TOOL_USAGE = 2,       /* wrong usage */
    TOOL_UNCONFIRMED = 3, /* a destructive action that nobody agreed to */
    TOOL_ABSENT = 4,      /* there is no such user or key */
    TOOL_BUSY = 5         /* another process held the database too long; worth another try */
};

enum tool_flags {
    COMMAND_JSON = 1,    /* takes --json */
    COMMAND_ASKS = 2,    /* takes --yes */
    COMMAND_PROGRESS = 4 /* takes --progress */
};

struct tool_option {
    const char *name;     /* with its dashes */
    const char *argument; /* what stands for its value in the help; NULL: it takes none */
    const char *help;
};

enum { TOOL_OPTIONS_MAXIMUM = 12, TOOL_WORDS_MAXIMUM = 4 };

struct tool;

struct tool_command {
    const char *name;    /* one word, or group and word: "key list" */
    const char *words;   /* the usage of what is no option, "" when there is none */
    const char *summary; /* one line, no full stop */
    const char *text;    /* lines for --help and nobody else */
    const struct tool_option *options;
    size_t option_count;
    int words_least;
    int words_most;
    unsigned flags; /* enum tool_flags */
    int (*run)(struct tool *tool);
};

/* One run of the tool. */
struct tool {
    struct arena arena;   /* what lives as long as the run */
    struct arena scratch; /* what a row of a long list needs; cJSON's memory; see tool_row_done */
    const char *config_path; /* NULL: the default path */
    struct config config;
    const struct tool_command *command;
    const char *words[TOOL_WORDS_MAXIMUM];
    int word_count;
    const char *values[TOOL_OPTIONS_MAXIMUM]; /* of command->options; NULL: not given */
    bool json;
    bool yes;
    bool progress;
    int problems;
    int64_t progress_shown;    /* ms; 0: there is no line of progress */
    const char *progress_what; /* what the line counts; NULL: nothing */
    cJSON *result;             /* what is gathered on the scratch memory to be printed in the end */
};

/* The groups of commands, in the order of the help. */
struct tool_group {
    const struct tool_command *commands;
    size_t count;
};

extern const struct tool_group tool_setup_commands;
extern const struct tool_group tool_user_commands;
extern const struct tool_group tool_key_commands;
extern const struct tool_group tool_backup_commands;
extern const struct tool_group tool_restore_commands;
extern const struct tool_group tool_export_commands;
extern const struct tool_group tool_import_commands;
extern const struct tool_group tool_gc_commands;
extern const struct tool_group tool_stats_commands;
extern const struct tool_group tool_doctor_commands;

/* The value of an option that was given ("" for one that takes none), or NULL. */
const char *tool_option(const struct tool *tool, const char *name);

/* ---- messages ------------------------------------------------------------------------------- */

/* What is no UTF-8 in TEXT becomes '?', and, with CONTROLS, so do control characters. All the calls
 * below do that to what they print. */
void tool_make_printable(char *text, bool controls);

/* Says "cubby: …" on standard error and counts a problem; returns TOOL_FAILED. */
__attribute__((format(printf, 2, 3))) int tool_fail(struct tool *tool, const char *format, ...);

/* Says "cubby: …; see cubby COMMAND --help"; returns TOOL_USAGE. */
__attribute__((format(printf, 2, 3))) int tool_misuse(const struct tool *tool, const char *format,
                                                      ...);

/* tool_fail for an arena that is full or a system without memory. */
int tool_out_of_memory(struct tool *tool);

/* Prints a line of progress or result: on standard output, or on standard error when standard
 * output is for --json. */
__attribute__((format(printf, 2, 3))) void tool_say(struct tool *tool, const char *format, ...);

/* Tells WHAT became of the file at PATH; with --json, in the list of that name in the result. */
void tool_file(struct tool *tool, const char *what, const char *path);

/* Notes in the log, and in the database when the settings say so, that the operator did EVENT, to
 * the account USER_ID unless that is 0; when that is gone only the log names it. FORMAT makes the
 * details, "" for none; never a secret, nor the name of a user. */
__attribute__((format(printf, 4, 5))) void tool_audit(struct tool *tool, const char *event,
                                                      int64_t user_id, const char *format, ...);

/* ---- questions and progress -------------------------------------------------------------------
 */

/* TOOL_DONE when --yes was given or somebody at the terminal agrees to the question;
 * TOOL_UNCONFIRMED, and a line that says so, otherwise. */
__attribute__((format(printf, 2, 3))) int tool_confirm(struct tool *tool, const char *format, ...);

/* The same for something that can be undone and may be urgent: continues where there is no
 * terminal. */
__attribute__((format(printf, 2, 3))) int tool_confirm_if_seen(struct tool *tool,
                                                               const char *format, ...);

/* Shows DONE of TOTAL (0: unknown) of WHAT, a constant, on standard error a few times a second, if
 * that is a terminal or --progress was given. */
void tool_progress(struct tool *tool, const char *what, int64_t done, int64_t total);

/* Likewise shows what is starting when its progress can't be told: one long statement. */
__attribute__((format(printf, 2, 3))) void tool_step(struct tool *tool, const char *format, ...);

/* Clears the line of both. What prints anything else calls it first; the calls of this file do. */
void tool_progress_end(struct tool *tool);

/* ---- output for machines ------------------------------------------------------------------------
 */

/* Prints OBJECT and a newline on standard output; "pretty" with line breaks. Then forgets the
 * scratch memory, OBJECT included. TOOL_FAILED when memory is out or standard output is closed. */
int tool_print_json(struct tool *tool, const cJSON *object, bool pretty);

/* The result of a command: OBJECT as JSON with --json, else the line for people. */
__attribute__((format(printf, 3, 4))) int tool_result(struct tool *tool, const cJSON *object,
                                                      const char *format, ...);

/* Prints a flat object, as JSON or as a table for people, and forgets the scratch memory. */
int tool_print_counts(struct tool *tool, const cJSON *report);

/* Forgets the scratch memory. */
void tool_row_done(struct tool *tool);

/* Flushes standard output; TOOL_FAILED when what was printed did not all get there. */
int tool_finish_output(struct tool *tool);

/* ---- small things -------------------------------------------------------------------------------
 */

/* Milliseconds since 1970. */
int64_t tool_now_ms(void);

/* Fills BYTES with SIZE random bytes fit for keys; false after saying that there are none. */
bool tool_random(struct tool *tool, unsigned char *bytes, size_t size);

#endif
