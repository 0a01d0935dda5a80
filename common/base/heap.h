/*
 * heap.h - what malloc (heap.c, or the system's) can be told.
 */
#ifndef CUBBY_COMMON_BASE_HEAP_H
#define CUBBY_COMMON_BASE_HEAP_H

/* From now on what is freed is overwritten, so that a process that lives on keeps no password,
 * token or value of a request that is over. With a C library other than glibc and without heap.c it
 * does nothing. */
void heap_wipe_freed(void);

#endif
