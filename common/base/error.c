/*
 * error.c - the first cause of a failure is kept.
 */
#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>

enum error_code cause_set(struct cause *cause, enum error_code code, const char *format, ...)
{
    if (cause->code == ERR_NONE) {
        cause->code = code;
        va_list list;
        va_start(list, format);
        (void)vsnprintf(cause->text, sizeof cause->text, format, list);
        va_end(list);
    }
    return code;
}
