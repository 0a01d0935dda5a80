/*
 * terminal.c - reading passwords.
 */
#include "db/tool/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/identity/password.h"
#include "common/identity/password_list.h"

enum { LINE_SIZE = PASSWORD_MAXIMUM + 2 };

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    interrupted = number;
}

/* Reads a line, without its end. False at the end of the input, on a signal, and when the line is
 * longer than a password may be. */
static bool read_line(int file, char line[LINE_SIZE])
{
    size_t used = 0;
    for (;;) {
        char c;
        ssize_t got = read(file, &c, 1);
        if (got < 0 && errno == EINTR && interrupted == 0) {
            continue;
        }
        if (got < 0 || (got == 0 && used == 0)) {
            return false;
        }
        if (got == 0 || c == '\n') {
            line[used] = '\0';
            return true;
        }
        if (used + 1 == LINE_SIZE) {
            return false;
        }
        line[used++] = c;
    }
}

/* Asks at the terminal with the echo off, and turns it on again even when a signal ends the
 * tool. */
static bool ask_secret(int terminal, const char *question, char line[LINE_SIZE])
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    struct sigaction before[sizeof numbers / sizeof *numbers];
    const struct sigaction noting = {.sa_handler = note_signal}; /* no SA_RESTART: read ends */
    struct termios plain;
    if (tcgetattr(terminal, &plain) != 0) {
        return false;
    }
    interrupted = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        (void)sigaction(numbers[i], &noting, &before[i]);
    }
    struct termios silent = plain;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ECHONL;
    (void)dprintf(terminal, "%s", question);
    bool good = tcsetattr(terminal, TCSAFLUSH, &silent) == 0 && read_line(terminal, line);
    (void)tcsetattr(terminal, TCSAFLUSH, &plain);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        (void)sigaction(numbers[i], &before[i], NULL);
    }
    if (interrupted != 0) {
        (void)raise((int)interrupted);
    }
    return good;
}

static int ask_twice(struct tool *tool, char line[LINE_SIZE])
{
    int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) {
        return tool_misuse(tool, "there is no terminal to ask at: give --password-stdin");
    }
    char again[LINE_SIZE];
    bool read = ask_secret(terminal, "new password: ", line) &&
                ask_secret(terminal, "the same again: ", again);
    (void)close(terminal);
    bool same = read && strcmp(line, again) == 0;
    explicit_bzero(again, sizeof again);
    if (!read) {
        return tool_fail(tool, "no password was read");
    }
    return same ? TOOL_DONE : tool_fail(tool, "the two differ; nothing was changed");
}

int terminal_new_password(struct tool *tool, struct text *password)
{
    char line[LINE_SIZE];
    int status = TOOL_DONE;
    if (tool_option(tool, "--password-stdin") == NULL) {
        status = ask_twice(tool, line);
    } else if (!read_line(STDIN_FILENO, line)) {
        status = tool_fail(tool, "standard input has no line that can be a password");
    }
    if (status != TOOL_DONE) {
        return status;
    }
    const struct text text = text_of(line);
    const char *weakness =
        text.size > PASSWORD_MAXIMUM ? "must have at most 512 bytes" : password_weakness(text);
    struct cause cause = {0};
    bool refused = false;
    enum error_code error =
        password_list_has(tool->config.refused_passwords, text, &refused, &cause);
    weakness = weakness == NULL && refused ? password_list_reason : weakness;
    if (error != ERR_NONE) {
        status = tool_fail(tool, "%s", cause.text);
    } else if (weakness == NULL) {
        const char *copy = arena_copy(&tool->arena, text.at, text.size);
        *password = (struct text){.at = copy, .size = text.size};
        status = copy != NULL ? TOOL_DONE : tool_out_of_memory(tool);
    } else {
        status = tool_fail(tool, "the password will not do: %s", weakness);
    }
    explicit_bzero(line, sizeof line);
    return status;
}
