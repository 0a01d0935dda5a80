/*
 * log.c - one line for the operator.
 */
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/text.h"

static void escape(const char *from, char *to, size_t room)
{
    size_t used = 0;
    for (struct text rest = text_of(from); rest.size > 0;) {
        uint32_t code = 0;
        size_t length = utf8_decode(rest.at, rest.size, &code);
        bool plain = length > 0 && !text_has_control((struct text){rest.at, length});
        size_t need = plain ? length : 4;
        if (used + need >= room) {
            break;
        }
        if (plain) {
            memcpy(to + used, rest.at, length);
        } else {
            length = 1;
            (void)snprintf(to + used, room - used, "\\x%02x", (unsigned char)*rest.at);
        }
        used += need;
        rest.at += length;
        rest.size -= length;
    }
    to[used] = '\0';
}

void log_format(char line[LOG_LINE_MAXIMUM], const char *program, const char *format, ...)
{
    char text[LOG_LINE_MAXIMUM];
    int used = snprintf(text, sizeof text, "cubby %s: ", program);
    if (used < 0 || (size_t)used >= sizeof text) {
        used = 0;
    }
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text + used, sizeof text - (size_t)used, format, list);
    va_end(list);
    escape(text, line, LOG_LINE_MAXIMUM);
}

bool log_write_open(int file, const char *line)
{
    char whole[LOG_LINE_MAXIMUM + 64];
    char when[TIME_TEXT_SIZE] = "";
    int problem = errno;
    struct timespec now;
    if (file >= 0 && clock_gettime(CLOCK_REALTIME, &now) == 0) {
        time_to_text((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, when);
    }
    int length = snprintf(whole, sizeof whole, "%s%s%s\n", when, *when != '\0' ? " " : "", line);
    bool noted = false;
    if (length > 0) {
        size_t size = (size_t)length < sizeof whole ? (size_t)length : sizeof whole - 1;
        if (file >= 0) {
            noted = write(file, whole, size) == (ssize_t)size;
            problem = errno;
        }
        if (!noted) {
            ssize_t written = write(STDERR_FILENO, whole, size);
            (void)written; /* nowhere is left to report a failure of the log */
        }
    }
    if (file >= 0) {
        (void)close(file);
    }
    errno = problem;
    return noted;
}

bool log_write(const char *path, const char *line)
{
    /* O_NONBLOCK: a log that is a pipe without a reader, or a full one, must not block a request.
     */
    int file =
        *path != '\0'
            ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600)
            : -1;
    return log_write_open(file, line);
}
