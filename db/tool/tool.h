/*
 * tool.h - what the commands of the operator's tool share: the command table, the options of a run,
 * messages, questions, progress and JSON output.
 *
 * A command is a row of a table and one function. Help, the parsing of options and the wording of
 * usage errors come from the row. Commands return an exit status (enum tool_status), after saying
 * on standard error what was wrong; standard output carries only the result.
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

/* Exit statuses, which the manual documents. */
enum tool_status {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,      /* something is wrong; said on standard error */
    TOOL_USAGE = 2,       /* wrong usage */
    TOOL_UNCONFIRMED = 3, /* a destructive action was not confirmed */
    TOOL_ABSENT = 4,      /* there is no such user or key */
    TOOL_BUSY = 5         /* another process held the database too long; a new attempt may work */
};

enum tool_flags {
    COMMAND_JSON = 1,          /* takes --json */
    COMMAND_ASKS = 2,          /* takes --yes */
    COMMAND_PROGRESS = 4,      /* takes --progress */
    COMMAND_NO_SETTINGS = 8,   /* reads no settings: tool->config is empty */
    COMMAND_NAMES_FAULTS = 32, /* runs for tool->settings_fault, too */
    COMMAND_ONE_OWNER = 16 /* once root acts as the owner of the database, it may do so for good */
};

struct tool_option {
    const char *name;     /* with its dashes */
    const char *argument; /* the name of its value in the help; NULL: it takes none */
    const char *help;
};

enum { TOOL_OPTIONS_MAXIMUM = 12, TOOL_WORDS_MAXIMUM = 4 };

struct tool;

struct tool_command {
    const char *name;    /* one word, or group and word: "key list" */
    const char *words;   /* the usage of the arguments that are not options; "" for none */
    const char *summary; /* one line, no full stop */
    const char *text;    /* lines for --help */
    const struct tool_option *options;
    size_t option_count;
    int words_least;
    int words_most;
    unsigned flags; /* enum tool_flags */
    int (*run)(struct tool *tool);
};

/* One run of the tool. */
struct tool {
    struct arena arena;          /* what lives as long as the run */
    struct arena scratch;        /* for one row of a long list, and cJSON; freed by tool_row_done */
    const char *config_path;     /* NULL: the default path */
    const char *settings_owner;  /* as whom the tool goes on, since the settings are that user's to
                                    change and not root's alone; NULL: nobody else */
    const char *settings_remedy; /* then, how they become root's alone */
    struct config config;
    const struct tool_command *command;
    const char *settings_fault; /* why root can't obey the settings, which were not read: the
                                   defaults hold; NULL: it can */
    const char *words[TOOL_WORDS_MAXIMUM];
    int word_count;
    const char *values[TOOL_OPTIONS_MAXIMUM]; /* of command->options; NULL: not given */
    uid_t operator;                           /* who runs this, whoever it goes on as */
    bool json;
    bool yes;
    bool one_owner; /* COMMAND_ONE_OWNER, or what is left to do is like that */
    bool progress;
    int problems;
    bool unnoted;              /* something was done and could not be recorded */
    int output_problem;        /* errno of the first failure of standard output; 0: none yet */
    int64_t progress_shown;    /* when, in ms; 0: no line of progress is shown */
    const char *progress_what; /* what the line counts; NULL: nothing */
    cJSON *result;             /* on the scratch memory, printed at the end */
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
extern const struct tool_group tool_copy_commands;
extern const struct tool_group tool_gc_commands;
extern const struct tool_group tool_stats_commands;
extern const struct tool_group tool_doctor_commands;

/* The value of an option that was given ("" for one that takes none), or NULL. */
const char *tool_option(const struct tool *tool, const char *name);

/* ---- messages ------------------------------------------------------------------------------- */

/* Replaces bytes of TEXT that are not UTF-8 by '?', and, with CONTROLS, control characters too. The
 * calls below that print messages or JSON do that. */
void tool_make_printable(char *text, bool controls);

/* Whether TEXT is UTF-8 without such characters. */
bool tool_is_printable(const char *text);

/* Says "cubby: …" on standard error and counts a problem; returns TOOL_FAILED. */
__attribute__((format(printf, 2, 3))) int tool_fail(struct tool *tool, const char *format, ...);

/* Says "cubby: warning: …" on standard error: something to know of that is no problem. */
__attribute__((format(printf, 2, 3))) void tool_warn(struct tool *tool, const char *format, ...);

/* Says "cubby: …; see cubby COMMAND --help"; returns TOOL_USAGE. */
__attribute__((format(printf, 2, 3))) int tool_misuse(const struct tool *tool, const char *format,
                                                      ...);

/* tool_fail when an arena is full or the system has no memory. */
int tool_out_of_memory(struct tool *tool);

/* Prints a line of progress or result: on standard output, or on standard error when standard
 * output is for --json. */
__attribute__((format(printf, 2, 3))) void tool_say(struct tool *tool, const char *format, ...);

/* Reports WHAT was done to the file at PATH; with --json, by adding it to the list of that name in
 * the result. */
void tool_file(struct tool *tool, const char *what, const char *path);

/* Records in the log, and in the database when the settings say so, that the operator did EVENT.
 * Where it can't, it says so, and the exit status will be TOOL_FAILED.
 * USER_ID is the account concerned, 0 for none; once the account is deleted, only the log names it.
 * FORMAT makes the details, "" for none; they must contain no secret and no name of a user. */
__attribute__((format(printf, 4, 5))) void tool_audit(struct tool *tool, const char *event,
                                                      int64_t user_id, const char *format, ...);

/* ---- questions and progress -------------------------------------------------------------------
 */

/* TOOL_DONE when --yes was given or the question is answered with yes at the terminal; otherwise
 * TOOL_UNCONFIRMED, after a line that says so, and with the question where nobody can be asked. */
__attribute__((format(printf, 2, 3))) int tool_confirm(struct tool *tool, const char *format, ...);

/* The same for an action that can be undone and may be urgent: without a terminal it is not held
 * up. */
__attribute__((format(printf, 2, 3))) int tool_confirm_if_seen(struct tool *tool,
                                                               const char *format, ...);

/* Shows on standard error, a few times a second, that DONE of TOTAL (0: unknown) of WHAT, a
 * constant, are done, if standard error is a terminal or --progress was given. */
void tool_progress(struct tool *tool, const char *what, int64_t done, int64_t total);

/* Likewise shows what is starting, when one long statement does it and its progress is unknown. */
__attribute__((format(printf, 2, 3))) void tool_step(struct tool *tool, const char *format, ...);

/* Clears the line that the two calls above show. To be called before printing anything else; the
 * calls of this file do that. */
void tool_progress_end(struct tool *tool);

/* ---- JSON output ----------------------------------------------------------------------------- */

/* The text of OBJECT, on the scratch memory; PRETTY with line breaks. Bytes that are not UTF-8 are
 * '?', and characters that a terminal obeys, such as U+009B, are written by their numbers; with
 * SHELL also those that a shell obeys. NULL when memory is out, or OBJECT is NULL. */
char *tool_json_text(struct tool *tool, const cJSON *object, bool pretty, bool shell);

/* Prints OBJECT and a newline on standard output; PRETTY with line breaks. Then frees the scratch
 * memory, OBJECT included. TOOL_FAILED when memory is out or standard output can't be written. */
int tool_print_json(struct tool *tool, const cJSON *object, bool pretty);

/* Prints the result of a command: with --json OBJECT, as tool_print_json does, else the line for
 * people. */
__attribute__((format(printf, 3, 4))) int tool_result(struct tool *tool, const cJSON *object,
                                                      const char *format, ...);

/* Prints a flat object: with --json as tool_print_json does, else as a table for people. */
int tool_print_counts(struct tool *tool, const cJSON *report);

/* Remembers why standard output failed, if it did; to be called right after printing much, because
 * nothing but errno tells. */
void tool_note_output(struct tool *tool);

/* Frees the scratch memory, after tool_note_output. */
void tool_row_done(struct tool *tool);

/* Flushes standard output; TOOL_FAILED when what was printed did not all get there. */
int tool_finish_output(struct tool *tool);

/* ---- small things -------------------------------------------------------------------------------
 */

/* Milliseconds since 1970. */
int64_t tool_now_ms(void);

/* Fills BYTES with SIZE random bytes fit for keys. False, after an error message, when the system
 * has none. */
bool tool_random(struct tool *tool, unsigned char *bytes, size_t size);

#endif
