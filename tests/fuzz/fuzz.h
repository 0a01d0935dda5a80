/*
 * fuzz.h - what the targets of fuzzing share.
 *
 * A target is a program of its own, made of target_NAME.c: libFuzzer calls fuzz_one with bytes that
 * may come in from outside at one place. A target looks at more than crashes: it compares with a
 * second implementation, or with what must hold for any input, and ends the process when they
 * differ. Inputs are text wherever that is possible, so that people can read and write them.
 */
#ifndef CUBBY_TESTS_FUZZ_FUZZ_H
#define CUBBY_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/text.h"

/* What libFuzzer calls; fuzz.c has both. */
int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the target: called once, before all inputs. */
void fuzz_start(void);

/* Of the target: one input, in memory of exactly its size, which no NUL follows. */
void fuzz_one(struct text input);

/* The memory of one input, which is also the arena that cJSON uses. */
extern struct arena fuzz_arena;

/* Ends the process, with a message, unless GOOD. */
__attribute__((format(printf, 2, 3))) void fuzz_check(bool good, const char *format, ...);

/* The text up to the next newline, which is taken from REST; the rest when there is none. */
struct text fuzz_line(struct text *rest);

/* A NUL-terminated copy, cut at the first NUL, in memory of its own. */
const char *fuzz_string(struct text text);

/* Makes SIZE bytes at AT the content of a file without a name, and returns its path, which is the
 * same each time. */
const char *fuzz_file(const char *at, size_t size);

#endif
