/*
 * cubby.c - the operator's tool: the command line.
 *
 * The programs never create, migrate or clean up a database; the tool does. Each command, or group
 * of commands, is a file beside this one with a table of rows; here the row is chosen, its options
 * are read and its help is printed.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/streams.h"
#include "db/tool/admin.h"
#include "db/tool/nearest.h"
#include "db/tool/rights.h"
#include "db/tool/tool.h"

/* The settings that `make run` writes, from where the checkout is. */
#define CHECKOUT_SETTINGS "data/cubby.conf"

enum { ARENA_MAXIMUM = 4 * 1024 * 1024, SCRATCH_MAXIMUM = 256 * 1024 * 1024 };

static int run_help(struct tool *tool);

static const struct tool_command help_commands[] = {
    {.name = "help",
     .words = "[COMMAND]",
     .summary = "tell how a command is used",
     .text =
         "Prints what \"cubby COMMAND --help\" prints; of a group, as user, its commands; without\n"
         "COMMAND a line for each. --json has the options, too.\n",
     .words_most = 2,
     .flags = COMMAND_JSON | COMMAND_NO_SETTINGS,
     .run = run_help},
};

static const struct tool_group help_group = {help_commands, 1};

static const struct tool_group *const groups[] = {
    &tool_setup_commands,   &tool_user_commands,   &tool_key_commands,    &tool_backup_commands,
    &tool_restore_commands, &tool_export_commands, &tool_import_commands, &tool_copy_commands,
    &tool_gc_commands,      &tool_stats_commands,  &tool_doctor_commands, &help_group,
};

enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

/* Options that many commands take; the flags of a command say which. */
static const struct {
    unsigned flag;
    struct tool_option option;
} common_options[] = {
    {COMMAND_JSON, {"--json", NULL, "print JSON"}},
    {COMMAND_ASKS, {"--yes", NULL, "do it without asking"}},
    {COMMAND_PROGRESS, {"--progress", NULL, "show how far it is, also where no terminal is"}},
};

enum { COMMON_COUNT = sizeof common_options / sizeof *common_options };

/* ---- help ----------------------------------------------------------------------------------- */

static void print_all_help(FILE *to)
{
    (void)fputs("usage: cubby [-c CONF] COMMAND [OPTION]… [WORD]…\n\n", to);
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            (void)fprintf(to, "  %-16s %s\n", command->name, command->summary);
        }
    }
    (void)fprintf(to,
                  "\ncubby help COMMAND tells more of each.\n"
                  "CONF is the file of settings; else the one named by CUBBY_CONF, else %s.\n"
                  "In a checkout where nothing is installed it is " CHECKOUT_SETTINGS
                  " of \"make run\".\n"
                  "Exit status: 0 done, 1 something is wrong, 2 wrong usage, 3 not confirmed,\n"
                  "4 no such user or key, 5 the database is busy.\n",
                  config_default_path());
}

/* Prints an option and the lines of its help, which are aligned in one column. */
static void print_option(const struct tool_option *option)
{
    int used = printf("  %s%s%s", option->name, option->argument != NULL ? " " : "",
                      option->argument != NULL ? option->argument : "");
    const char *line = option->help;
    while (line != NULL) {
        const char *end = strchr(line, '\n');
        int size = (int)(end != NULL ? (size_t)(end - line) : strlen(line));
        printf("%*s%.*s\n", used < 24 ? 24 - used : 1, "", size, line);
        used = 0;
        line = end != NULL ? end + 1 : NULL;
    }
}

static void print_help(const struct tool_command *command)
{
    printf("usage: cubby [-c CONF] %s%s%s%s\n\n%s", command->name,
           command->option_count > 0 || command->flags != 0 ? " [OPTION]…" : "",
           *command->words != '\0' ? " " : "", command->words, command->text);
    if (command->option_count > 0 || command->flags != 0) {
        puts("");
    }
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i]);
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        if ((command->flags & common_options[i].flag) != 0) {
            print_option(&common_options[i].option);
        }
    }
}

/* ---- the command line ----------------------------------------------------------------------- */

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* How many letters the first word of a command's name has. */
static size_t first_size(const struct tool_command *command)
{
    return strcspn(command->name, " ");
}

/* The command that is named FIRST, or FIRST and SECOND (NULL: there is none), and in *USED how many
 * words name it; NULL when there is none. */
static const struct tool_command *find_command(const char *first, const char *second, int *used)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            size_t size = first_size(command);
            bool single = command->name[size] == '\0';
            if (strlen(first) == size && memcmp(first, command->name, size) == 0 &&
                (single || (second != NULL && strcmp(second, command->name + size + 1) == 0))) {
                *used = single ? 1 : 2;
                return command;
            }
        }
    }
    return NULL;
}

/* Whether COMMAND is one of the group WORD. */
static bool is_of_group(const struct tool_command *command, const char *word)
{
    size_t size = first_size(command);
    return command->name[size] == ' ' && strlen(word) == size &&
           memcmp(command->name, word, size) == 0;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            if (is_of_group(&groups[i]->commands[k], word)) {
                return true;
            }
        }
    }
    return false;
}

/* Prints the commands of the group WORD. */
static void print_group(FILE *to, const char *word)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            if (is_of_group(command, word)) {
                (void)fprintf(to, "  cubby %-18s %s\n", command->name, command->summary);
            }
        }
    }
}

/* The first word of a command, or with GROUP the second of one of that group, which is nearest to
 * WORD; NULL when none is near. */
static const char *nearest_command(struct tool *tool, const char *group, const char *word)
{
    struct nearest nearest = nearest_to(word);
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            size_t size = first_size(command);
            const char *name = group != NULL ? command->name + size + 1
                                             : arena_copy(&tool->arena, command->name, size);
            if (name != NULL && (group == NULL || is_of_group(command, group))) {
                nearest_look(&nearest, name);
            }
        }
    }
    return nearest.name;
}

/* Says that no command is named FIRST, or FIRST and SECOND where FIRST is a group, and which one is
 * nearest. */
static int no_command(struct tool *tool, const char *first, const char *second)
{
    bool group = is_group(first);
    if (first[0] == '-') {
        (void)tool_fail(
            tool, "%s: before the command stands -c CONF alone, and once; see cubby --help", first);
        return TOOL_USAGE;
    }
    if (group && second == NULL) {
        (void)tool_fail(tool, "\"%s\" wants one word more:", first);
        print_group(stderr, first);
        return TOOL_USAGE;
    }
    const char *name = nearest_command(tool, group ? first : NULL, group ? second : first);
    const char *before = group ? first : "";
    const char *blank = group ? " " : "";
    (void)tool_fail(tool, "there is no command \"%s%s%s\"%s%s%s%s%s; see cubby %s%s--help", before,
                    blank, group ? second : first, name != NULL ? "; the nearest is \"" : "",
                    name != NULL ? before : "", name != NULL ? blank : "", name != NULL ? name : "",
                    name != NULL ? "\"" : "", before, blank);
    return TOOL_USAGE;
}

/* ---- cubby help ----------------------------------------------------------------------------- */

static void add_option(cJSON *list, const struct tool_option *option)
{
    cJSON *object = cJSON_CreateObject();
    json_add(object, "name", json_new_string(option->name));
    json_add(object, "argument",
             option->argument != NULL ? json_new_string(option->argument) : cJSON_CreateNull());
    json_add(object, "help", json_new_string(option->help));
    (void)cJSON_AddItemToArray(list, object);
}

static cJSON *command_json(const struct tool_command *command)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *options = cJSON_CreateArray();
    for (size_t i = 0; i < command->option_count; i++) {
        add_option(options, &command->options[i]);
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        if ((command->flags & common_options[i].flag) != 0) {
            add_option(options, &common_options[i].option);
        }
    }
    json_add(object, "name", json_new_string(command->name));
    json_add(object, "words", json_new_string(command->words));
    json_add(object, "summary", json_new_string(command->summary));
    json_add(object, "text", json_new_string(command->text));
    json_add(object, "options", options);
    return object;
}

/* Prints as JSON ONE command, or those of the group WORD, or (both NULL) all. */
static int print_help_json(struct tool *tool, const struct tool_command *one, const char *word)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            if (one != NULL ? command == one : word == NULL || is_of_group(command, word)) {
                (void)cJSON_AddItemToArray(list, command_json(command));
            }
        }
    }
    cJSON *object = cJSON_CreateObject();
    json_add(object, "commands", list);
    return tool_print_json(tool, object, true);
}

static int run_help(struct tool *tool)
{
    const char *first = tool->word_count > 0 ? tool->words[0] : NULL;
    const char *second = tool->word_count > 1 ? tool->words[1] : NULL;
    int used = 0;
    const struct tool_command *command = first != NULL ? find_command(first, second, &used) : NULL;
    bool group = first != NULL && second == NULL && is_group(first);
    if (command != NULL && used < tool->word_count) {
        return tool_misuse(tool, "unexpected \"%s\"", second);
    }
    if (first != NULL && command == NULL && !group) {
        return no_command(tool, first, second);
    }
    if (tool->json) {
        return print_help_json(tool, command, first);
    }
    if (command != NULL) {
        print_help(command);
    } else if (group) {
        print_group(stdout, first);
    } else {
        print_all_help(stdout);
    }
    return TOOL_DONE;
}

/* ---- options and words ---------------------------------------------------------------------- */

/* Finds the option WORD of SIZE bytes, NULL when the command does not have it. Then *VALUE is where
 * its value is stored or, for a common option, *MARK its flag; the other one is NULL. */
static const struct tool_option *find_option(struct tool *tool, const char *word, size_t size,
                                             const char ***value, bool **mark)
{
    const struct tool_command *command = tool->command;
    *value = NULL;
    *mark = NULL;
    for (size_t i = 0; i < command->option_count; i++) {
        const struct tool_option *option = &command->options[i];
        if (strlen(option->name) == size && memcmp(option->name, word, size) == 0) {
            *value = &tool->values[i];
            return option;
        }
    }
    bool *const marks[COMMON_COUNT] = {&tool->json, &tool->yes, &tool->progress};
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        const struct tool_option *option = &common_options[i].option;
        if ((command->flags & common_options[i].flag) != 0 && strlen(option->name) == size &&
            memcmp(option->name, word, size) == 0) {
            *mark = marks[i];
            return option;
        }
    }
    return NULL;
}

/* Says that the command has no option WORD, whose name has SIZE bytes, and which one is nearest. */
static int unknown_option(struct tool *tool, const char *word, size_t size)
{
    const struct tool_command *command = tool->command;
    const char *name = arena_copy(&tool->arena, word, size);
    struct nearest nearest = nearest_to(name != NULL ? name : word);
    for (size_t i = 0; i < command->option_count; i++) {
        nearest_look(&nearest, command->options[i].name);
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        if ((command->flags & common_options[i].flag) != 0) {
            nearest_look(&nearest, common_options[i].option.name);
        }
    }
    return tool_misuse(tool, "unknown option %s%s%s", word,
                       nearest.name != NULL ? "; the nearest is " : "",
                       nearest.name != NULL ? nearest.name : "");
}

/* Reads the option at words[*at], moving *AT to the last word it takes. */
static int read_option(struct tool *tool, int count, char **words, int *at)
{
    const char *word = words[*at];
    const char *equals = strchr(word, '=');
    size_t size = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const char **value;
    bool *mark;
    const struct tool_option *option = find_option(tool, word, size, &value, &mark);
    if (option == NULL) {
        return unknown_option(tool, word, size);
    }
    bool takes_value = value != NULL && option->argument != NULL;
    if (!takes_value && equals != NULL) {
        return tool_misuse(tool, "%s takes no value", option->name);
    }
    if (value == NULL) {
        *mark = true;
        return TOOL_DONE;
    }
    if (!takes_value) {
        *value = "";
        return TOOL_DONE;
    }
    if (equals == NULL && *at + 1 >= count) {
        return tool_misuse(tool, "%s needs a value: %s", option->name, option->argument);
    }
    if (*value != NULL) {
        return tool_misuse(tool, "%s is given twice", option->name);
    }
    *value = equals != NULL ? equals + 1 : words[++*at];
    return TOOL_DONE;
}

static int read_words(struct tool *tool, int count, char **words)
{
    const struct tool_command *command = tool->command;
    bool options = true;
    for (int i = 0; i < count; i++) {
        if (options && strcmp(words[i], "--") == 0) {
            options = false;
        } else if (options && words[i][0] == '-' && words[i][1] != '\0') {
            int status = read_option(tool, count, words, &i);
            if (status != TOOL_DONE) {
                return status;
            }
        } else if (tool->word_count == command->words_most) {
            return tool_misuse(tool, "unexpected \"%s\"", words[i]);
        } else if (words[i][0] == '\0') {
            return tool_misuse(tool, "%s is empty", command->words);
        } else {
            tool->words[tool->word_count++] = words[i];
        }
    }
    return tool->word_count < command->words_least
               ? tool_misuse(tool, "%s is missing", command->words)
               : TOOL_DONE;
}

/* ---- settings ------------------------------------------------------------------------------- */

/* Whether the tool that runs lies below the present directory, as build/bin/cubby in a checkout.
 * One that is installed never takes settings from where it happens to be called, which may be
 * anybody's. */
static bool runs_in_checkout(void)
{
    char here[PATH_MAX];
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0 || getcwd(here, sizeof here) == NULL) {
        return false;
    }
    self[size] = '\0';
    size_t start = strlen(here);
    return strncmp(self, here, start) == 0 && strncmp(self + start, "/build/", 7) == 0;
}

/* Where nothing names settings and nothing is installed, those of `make run` are meant. */
static void find_settings(struct tool *tool)
{
    struct config config;
    config_defaults(&config);
    if (tool->config_path == NULL && access(config_default_path(), F_OK) != 0 &&
        access(config.database, F_OK) != 0 && runs_in_checkout() &&
        access(CHECKOUT_SETTINGS, F_OK) == 0) {
        tool->config_path = CHECKOUT_SETTINGS;
        (void)fputs("cubby: takes the settings of this checkout, -c " CHECKOUT_SETTINGS "\n",
                    stderr);
    }
}

/* The file of the settings. */
static const char *settings_path(const struct tool *tool)
{
    return tool->config_path != NULL ? tool->config_path : config_default_path();
}

static int load_settings(struct tool *tool)
{
    find_settings(tool);
    int status = rights_of_settings(tool, settings_path(tool));
    struct cause cause = {0};
    if (status == TOOL_DONE && tool->settings_fault != NULL) {
        config_defaults(&tool->config);
    } else if (status == TOOL_DONE &&
               config_load(&tool->arena, tool->config_path, &tool->config, &cause) != ERR_NONE) {
        status = tool_fail(tool, "%s", cause.text);
    }
    if (status == TOOL_DONE) {
        admin_choose_engine(&tool->config);
    }
    return status;
}

static int run(struct tool *tool, int count, char **words)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (asks_for_help(words[i])) {
            print_help(tool->command);
            return tool_finish_output(tool);
        }
    }
    int status = read_words(tool, count, words);
    if (status != TOOL_DONE) {
        return status;
    }
    if ((tool->command->flags & COMMAND_NO_SETTINGS) == 0) {
        tool->one_owner = (tool->command->flags & COMMAND_ONE_OWNER) != 0;
        status = load_settings(tool);
    }
    if (status == TOOL_DONE) {
        status = tool->command->run(tool);
    }
    tool_progress_end(tool);
    if (status == TOOL_DONE) {
        status = tool_finish_output(tool);
    }
    status = status == TOOL_DONE && tool->unnoted ? TOOL_FAILED : status;
    bool refused = status == TOOL_FAILED || status == TOOL_ABSENT || status == TOOL_BUSY;
    if (refused && tool->settings_owner != NULL) {
        (void)fprintf(
            stderr,
            "cubby: this was run as %s, since the settings in %s are theirs to change; %s\n",
            tool->settings_owner, settings_path(tool), tool->settings_remedy);
    }
    return status;
}

static int start(struct tool *tool, int count, char **words)
{
    if (count > 0 && asks_for_help(words[0])) {
        print_all_help(stdout);
        return tool_finish_output(tool);
    }
    if (count > 0 && strcmp(words[0], "--version") == 0) {
        puts("cubby " CUBBY_VERSION);
        return tool_finish_output(tool);
    }
    if (count == 0) {
        print_all_help(stderr);
        return TOOL_USAGE;
    }
    int used;
    const char *second = count > 1 ? words[1] : NULL;
    tool->command = find_command(words[0], second, &used);
    if (tool->command != NULL) {
        return run(tool, count - used, words + used);
    }
    if (second != NULL && asks_for_help(second) && is_group(words[0])) {
        print_group(stdout, words[0]);
        return tool_finish_output(tool);
    }
    return no_command(tool, words[0], second);
}

/* Memory has passwords and keys, which must not get into a file when the tool crashes. */
static void leave_no_core(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Whoever started the tool may have blocked signals, so that nothing would end it, or may let its
 * children go unnoticed: then the number of one that has ended could be another process's when it
 * is killed. What is ignored otherwise, as after nohup, stays so. */
static void take_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is reported as an error */
    (void)signal(SIGXFSZ, SIG_IGN); /* and so is a file at its size limit */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(int count, char **words)
{
    leave_no_core();
    if (!streams_occupy()) {
        return TOOL_FAILED;
    }
    (void)umask(077);
    take_signals();
    if (!isatty(STDOUT_FILENO)) {
        static char output[16 * 1024];
        /* Else a first line is written at once, and long before its failure is looked at. */
        (void)setvbuf(stdout, output, _IOFBF, sizeof output);
    }
    struct tool tool = {.config_path = getenv("CUBBY_CONF"), .operator= getuid()};
    arena_init(&tool.arena, ARENA_MAXIMUM);
    arena_init(&tool.scratch, SCRATCH_MAXIMUM);
    json_use_arena(&tool.scratch);
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
    int status = start(&tool, count, words);
    arena_reset(&tool.scratch);
    arena_reset(&tool.arena);
    return status;
}
