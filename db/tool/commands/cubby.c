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
#include <sys/stat.h>
#include <unistd.h>

#include "db/tool/tool.h"

/* The settings that `make run` writes, from where the checkout is. */
#define CHECKOUT_SETTINGS "data/cubby.conf"

enum { ARENA_MAXIMUM = 4 * 1024 * 1024, SCRATCH_MAXIMUM = 256 * 1024 * 1024 };

static const struct tool_group *const groups[] = {
    &tool_setup_commands,   &tool_user_commands,   &tool_key_commands,    &tool_backup_commands,
    &tool_restore_commands, &tool_export_commands, &tool_import_commands, &tool_gc_commands,
    &tool_stats_commands,   &tool_doctor_commands,
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
                  "\ncubby COMMAND --help tells more of each.\n"
                  "CONF is the file of settings; else the one named by CUBBY_CONF, else %s;\n"
                  "in a checkout where nothing is installed, " CHECKOUT_SETTINGS
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

/* The command named by the first of COUNT words, and in *USED how many words name it; NULL when
 * there is none. */
static const struct tool_command *find_command(int count, char **words, int *used)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            const char *second = strchr(command->name, ' ');
            size_t first =
                second != NULL ? (size_t)(second - command->name) : strlen(command->name);
            *used = second != NULL ? 2 : 1;
            if (*used <= count && strlen(words[0]) == first &&
                memcmp(words[0], command->name, first) == 0 &&
                (second == NULL || strcmp(words[1], second + 1) == 0)) {
                return command;
            }
        }
    }
    return NULL;
}

/* Prints the commands of the group WORD; false when there is no such group. */
static bool print_group(FILE *to, const char *word)
{
    size_t size = strlen(word);
    bool any = false;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (size_t k = 0; k < groups[i]->count; k++) {
            const struct tool_command *command = &groups[i]->commands[k];
            if (strncmp(command->name, word, size) == 0 && command->name[size] == ' ') {
                (void)fprintf(to, "  cubby %-18s %s\n", command->name, command->summary);
                any = true;
            }
        }
    }
    return any;
}

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
        return tool_misuse(tool, "unknown option %s", word);
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
    find_settings(tool);
    struct cause cause = {0};
    if (config_load(&tool->arena, tool->config_path, &tool->config, &cause) != ERR_NONE) {
        return tool_fail(tool, "%s", cause.text);
    }
    status = tool->command->run(tool);
    tool_progress_end(tool);
    return status == TOOL_DONE ? tool_finish_output(tool) : status;
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
    tool->command = find_command(count, words, &used);
    if (tool->command != NULL) {
        return run(tool, count - used, words + used);
    }
    bool helps = count > 1 && asks_for_help(words[1]);
    if (print_group(helps ? stdout : stderr, words[0])) {
        return helps ? tool_finish_output(tool) : TOOL_USAGE;
    }
    (void)tool_fail(tool, "there is no command \"%s\"; see cubby --help", words[0]);
    return TOOL_USAGE;
}

int main(int count, char **words)
{
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is reported as an error */
    (void)signal(SIGXFSZ, SIG_IGN); /* and so is a file at its size limit */
    struct tool tool = {.config_path = getenv("CUBBY_CONF")};
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
