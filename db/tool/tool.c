/*
 * tool.c - messages, questions, progress and output of the operator's tool.
 */
#include "db/tool/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

const char *tool_option(const struct tool *tool, const char *name)
{
    for (size_t i = 0; i < tool->command->option_count; i++) {
        if (strcmp(tool->command->options[i].name, name) == 0) {
            return tool->values[i];
        }
    }
    return NULL;
}

/* Control characters, and those that change the direction of what is around them. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

bool tool_is_printable(const char *text)
{
    const struct text all = text_of(text);
    for (size_t i = 0; i < all.size;) {
        uint32_t code;
        size_t length = utf8_decode(all.at + i, all.size - i, &code);
        if (length == 0 || is_control(code)) {
            return false;
        }
        i += length;
    }
    return true;
}

void tool_make_printable(char *text, bool controls)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        uint32_t code = 0;
        size_t length = utf8_decode(text + i, size - i, &code);
        bool control = length != 0 && is_control(code);
        size_t bytes = length != 0 ? length : 1;
        if (length == 0 || (controls && control)) {
            memset(text + i, '?', bytes);
        }
        i += bytes;
    }
}

/* Names of files and accounts may contain control characters, which must not reach a terminal. */
__attribute__((format(printf, 2, 0))) static void print_line(FILE *to, const char *format,
                                                             va_list list)
{
    char line[2 * PATH_MAX];
    (void)vsnprintf(line, sizeof line, format, list);
    tool_make_printable(line, true);
    (void)fputs(line, to);
}

int tool_fail(struct tool *tool, const char *format, ...)
{
    tool_progress_end(tool);
    va_list list;
    va_start(list, format);
    (void)fputs("cubby: ", stderr);
    print_line(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    tool->problems++;
    return TOOL_FAILED;
}

void tool_warn(struct tool *tool, const char *format, ...)
{
    tool_progress_end(tool);
    va_list list;
    va_start(list, format);
    (void)fputs("cubby: warning: ", stderr);
    print_line(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
}

int tool_misuse(const struct tool *tool, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fputs("cubby: ", stderr);
    print_line(stderr, format, list);
    (void)fprintf(stderr, "; see cubby %s --help\n", tool->command->name);
    va_end(list);
    return TOOL_USAGE;
}

int tool_out_of_memory(struct tool *tool)
{
    return tool_fail(tool, "out of memory");
}

void tool_say(struct tool *tool, const char *format, ...)
{
    tool_progress_end(tool);
    va_list list;
    va_start(list, format);
    print_line(tool->json ? stderr : stdout, format, list);
    (void)fputc('\n', tool->json ? stderr : stdout);
    va_end(list);
}

void tool_file(struct tool *tool, const char *what, const char *path)
{
    if (tool->json) {
        (void)cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(tool->result, what),
                                   cJSON_CreateString(path));
    } else {
        tool_say(tool, "%-6s %s", what, path);
    }
}

/* ---- questions and progress -------------------------------------------------------------------
 */

static int unconfirmed(const char *why)
{
    (void)fprintf(stderr, "cubby: %s; nothing was changed\n", why);
    return TOOL_UNCONFIRMED;
}

/* Asks at the terminal. */
__attribute__((format(printf, 1, 0))) static int ask(const char *format, va_list list)
{
    print_line(stderr, format, list);
    (void)fputs(" [y/N] ", stderr);
    char answer[16];
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        (void)fputc('\n', stderr);
        return unconfirmed("no answer");
    }
    bool agreed =
        strcmp(answer, "y\n") == 0 || strcmp(answer, "Y\n") == 0 || strcmp(answer, "yes\n") == 0;
    return agreed ? TOOL_DONE : unconfirmed("not confirmed");
}

int tool_confirm(struct tool *tool, const char *format, ...)
{
    if (tool->yes) {
        return TOOL_DONE;
    }
    va_list list;
    va_start(list, format);
    int status;
    if (isatty(STDIN_FILENO)) {
        status = ask(format, list);
    } else {
        (void)fputs("cubby: ", stderr);
        print_line(stderr, format, list);
        (void)fputs(" That needs --yes where nobody can be asked; nothing was changed\n", stderr);
        status = TOOL_UNCONFIRMED;
    }
    va_end(list);
    return status;
}

int tool_confirm_if_seen(struct tool *tool, const char *format, ...)
{
    if (tool->yes || !isatty(STDIN_FILENO)) {
        return TOOL_DONE;
    }
    va_list list;
    va_start(list, format);
    int status = ask(format, list);
    va_end(list);
    return status;
}

static bool shows_progress(const struct tool *tool)
{
    return tool->progress || isatty(STDERR_FILENO) != 0;
}

/* On a terminal the line replaces the last one, and is cut off at the right edge: if it wrapped,
 * only its last row could be cleared. */
__attribute__((format(printf, 2, 3))) static void show_progress(struct tool *tool,
                                                                const char *format, ...)
{
    bool terminal = isatty(STDERR_FILENO) != 0;
    va_list list;
    va_start(list, format);
    (void)fputs(terminal ? "\r\033[K\033[?7l" : "", stderr);
    print_line(stderr, format, list);
    (void)fputs(terminal ? "\033[?7h" : "\n", stderr);
    va_end(list);
    (void)fflush(stderr);
    tool->progress_shown = tool_now_ms();
}

void tool_progress(struct tool *tool, const char *what, int64_t done, int64_t total)
{
    enum { INTERVAL_MS = 250 };
    bool countable = total > 0 || done > 0; /* else the line of tool_step says more */
    if (!countable || !shows_progress(tool) ||
        (tool->progress_what == what && tool_now_ms() - tool->progress_shown < INTERVAL_MS)) {
        return;
    }
    tool->progress_what = what;
    if (total > 0) {
        show_progress(tool, "%s: %3" PRId64 " %%", what, done < total ? done * 100 / total : 100);
    } else {
        show_progress(tool, "%s: %" PRId64, what, done);
    }
}

void tool_step(struct tool *tool, const char *format, ...)
{
    char line[PATH_MAX + 64];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (shows_progress(tool)) {
        tool->progress_what = NULL;
        show_progress(tool, "%s", line);
    }
}

void tool_progress_end(struct tool *tool)
{
    if (tool->progress_shown != 0 && isatty(STDERR_FILENO)) {
        (void)fputs("\r\033[K", stderr);
    }
    tool->progress_shown = 0;
    tool->progress_what = NULL;
}

/* ---- JSON output ----------------------------------------------------------------------------- */

void tool_note_output(struct tool *tool)
{
    if (tool->output_problem == 0 && ferror(stdout)) {
        tool->output_problem = errno;
    }
}

void tool_row_done(struct tool *tool)
{
    tool_note_output(tool);
    arena_reset(&tool->scratch);
}

/* Whether the character CODE of a JSON text, which stands in a string, is better written by its
 * number: a terminal obeys it, or, with SHELL, a shell. */
static bool is_better_escaped(uint32_t code, bool shell)
{
    return code >= 0x7f ? is_control(code)
                        : shell && code != 0 && strchr("$`!'&|;<>", (int)code) != NULL;
}

char *tool_json_text(struct tool *tool, const cJSON *object, bool pretty, bool shell)
{
    enum { ESCAPED = 6 };
    char *plain = object == NULL ? NULL
                  : pretty       ? cJSON_Print(object)
                                 : cJSON_PrintUnformatted(object);
    if (plain == NULL || arena_failed(&tool->scratch)) {
        return NULL;
    }
    tool_make_printable(plain, false);
    uint32_t code;
    size_t size = strlen(plain);
    size_t count = 0;
    for (size_t i = 0; i < size; i += utf8_decode(plain + i, size - i, &code)) {
        (void)utf8_decode(plain + i, size - i, &code);
        count += is_better_escaped(code, shell) ? 1 : 0;
    }
    char *text = count == 0 ? plain : arena_alloc(&tool->scratch, size + count * ESCAPED + 1);
    char *to = text;
    for (size_t i = 0; i < size && count > 0 && text != NULL;) {
        size_t bytes = utf8_decode(plain + i, size - i, &code);
        if (is_better_escaped(code, shell)) {
            to += snprintf(to, ESCAPED + 1, "\\u%04" PRIx32, code);
        } else {
            memcpy(to, plain + i, bytes);
            to += bytes;
        }
        *to = '\0';
        i += bytes;
    }
    return text;
}

int tool_print_json(struct tool *tool, const cJSON *object, bool pretty)
{
    tool_progress_end(tool);
    const char *text = tool_json_text(tool, object, pretty, false);
    bool whole = text != NULL;
    int status = whole ? TOOL_DONE : tool_out_of_memory(tool);
    if (whole && (fputs(text, stdout) < 0 || fputc('\n', stdout) == EOF)) {
        tool_note_output(tool);
        status = tool_fail(tool, "standard output: %s", strerror(tool->output_problem));
    }
    tool_row_done(tool);
    return status;
}

int tool_result(struct tool *tool, const cJSON *object, const char *format, ...)
{
    if (tool->json) {
        return tool_print_json(tool, object, true);
    }
    tool_progress_end(tool);
    va_list list;
    va_start(list, format);
    print_line(stdout, format, list);
    (void)fputc('\n', stdout);
    va_end(list);
    return TOOL_DONE;
}

int tool_print_counts(struct tool *tool, const cJSON *report)
{
    tool_progress_end(tool);
    if (tool->json) {
        return tool_print_json(tool, report, true);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, report)
    {
        const char *text = cJSON_IsString(item) ? item->valuestring : cJSON_PrintUnformatted(item);
        char name[32];
        (void)snprintf(name, sizeof name, "%s", item->string);
        for (char *at = name; *at != '\0'; at++) {
            if (*at == '_') {
                *at = ' ';
            }
        }
        printf("%-18s %s\n", name, text != NULL ? text : "?");
    }
    return TOOL_DONE;
}

int tool_finish_output(struct tool *tool)
{
    bool flushed = fflush(stdout) == 0;
    if (!flushed && tool->output_problem == 0) {
        tool->output_problem = errno;
    }
    if (flushed && !ferror(stdout)) {
        return TOOL_DONE;
    }
    return tool_fail(tool, "standard output: %s",
                     tool->output_problem != 0 ? strerror(tool->output_problem)
                                               : "not all of it could be written");
}

/* ---- small things -------------------------------------------------------------------------------
 */

int64_t tool_now_ms(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0
               ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000
               : 0;
}

bool tool_random(struct tool *tool, unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got < 0 && errno != EINTR) {
            (void)tool_fail(tool, "no random bytes: %s", strerror(errno));
            return false;
        }
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
    return true;
}
