/*
 * log.h - lines for the operator. Callers must not log secrets, tokens or passwords. Control
 * characters and bytes that are not UTF-8 are escaped, so that a client can't forge lines.
 */
#ifndef CUBBY_COMMON_BASE_LOG_H
#define CUBBY_COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum { LOG_LINE_MAXIMUM = 1024 };

/* Formats "cubby <program>: <text>" into LINE, escaped and cut to fit. */
__attribute__((format(printf, 3, 4))) void log_format(char line[LOG_LINE_MAXIMUM],
                                                      const char *program, const char *format, ...);

/* Adds LINE and a newline in one write to the file at PATH, made with mode 0600 when it is missing,
 * with the time in front; or, when PATH is "" or can't be written, to standard error. Whether it
 * is in the file; if not, errno tells why. */
bool log_write(const char *path, const char *line);

/* The same for a log that is open as FILE for adding, which is closed; -1, with errno set: it could
 * not be opened. */
bool log_write_open(int file, const char *line);

#endif
