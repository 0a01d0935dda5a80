/*
 * spool.h - a long text on its way in or out, in a file that has no name: it does not take memory,
 * and it is gone with the process, however that ends.
 */
#ifndef CUBBY_COMMON_BASE_SPOOL_H
#define CUBBY_COMMON_BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

enum { SPOOL_BUFFER = 64 * 1024 };

/* Writing remembers the first failure; spool_finish tells it. */
struct spool {
    int file;     /* -1: none */
    int slot;     /* the user's place; -1: none */
    int64_t size; /* bytes written */
    char *buffer; /* SPOOL_BUFFER bytes on the arena */
    size_t used;  /* of the buffer */
    int problem;  /* errno of the first failure; 0: none */
    const char *map;
};

/* How many spools of one user there are at once, over all processes: with many, slow clients could
 * fill the disk many times over with what the user may store once. */
enum { SPOOLS_MAXIMUM = 2 };

/* Makes an empty spool of the user USER_ID in a file beside PATH; waits at most TIMEOUT
 * milliseconds while there are too many. ERR_SERVICE_UNAVAILABLE when they stay;
 * ERR_INSUFFICIENT_STORAGE, or ERR_INTERNAL, with a cause. Whatever the result, SPOOL is to be
 * closed with spool_close. */
enum error_code spool_open(struct spool *spool, struct arena *arena, const char *path,
                           int64_t user_id, int64_t timeout, struct cause *cause);

/* Appends SIZE bytes. */
void spool_write(struct spool *spool, const char *bytes, size_t size);

/* Room for up to SPOOL_BUFFER bytes to be read into, and how many have been. */
char *spool_room(struct spool *spool, size_t *size);
void spool_took(struct spool *spool, size_t size);

/* The end of writing: the whole of it is in the file, or an error as of spool_open. */
enum error_code spool_finish(struct spool *spool, struct cause *cause);

/* The whole of a finished spool as a text that is read from the file where it is looked at;
 * borrowed until spool_close. It has no NUL behind it. */
enum error_code spool_map(struct spool *spool, struct text *out, struct cause *cause);

/* Reads up to SPOOL_BUFFER bytes from OFFSET on into the buffer: their number, 0 at the end, -1
 * when reading fails. */
int64_t spool_read(struct spool *spool, int64_t offset);

/* Accepts one that was never opened, when it is all zeros but for file and slot -1. */
void spool_close(struct spool *spool);

#endif
