/*
 * memory.h - makes the n-th allocation of the program under test fail. The linker sends malloc,
 * calloc, realloc and mmap of cubby and of all its libraries here.
 */
#ifndef CUBBY_TESTS_INPROC_MEMORY_H
#define CUBBY_TESTS_INPROC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the NUMBER-th allocation fails, counted from 1; when LASTING all after it too. */
void memory_fail_at(size_t number, bool lasting);

/* Nothing fails any more. True when something did. */
bool memory_stop(void);

/* Bytes that are allocated at present. */
size_t memory_in_use(void);

#endif
