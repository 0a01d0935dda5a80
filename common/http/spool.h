/*
 * spool.h - a long text on its way in or out, in an unnamed temporary file: it takes no memory, and
 * it is gone when the process ends, however it ends.
 */
#ifndef CUBBY_COMMON_HTTP_SPOOL_H
#define CUBBY_COMMON_HTTP_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

enum { SPOOL_BUFFER = 64 * 1024 };

/* Writing remembers the first failure, and spool_finish returns it. */
struct spool {
    int file;     /* -1: none */
    int slot;     /* the slot taken for the user; -1: none */
    int64_t size; /* bytes written */
    char *buffer; /* SPOOL_BUFFER bytes on the arena */
    size_t used;  /* of the buffer */
    int problem;  /* errno of the first failure; 0: none */
    const char *map;
};

/* The number of spools that one user may have at once, over all processes. Without a limit, slow
 * clients could fill the disk with many copies of one account. */
enum { SPOOLS_MAXIMUM = 2 };

struct spool_place {
    const char *beside;  /* its file is made beside this one */
    const char *instead; /* where none can be made: counted by locks on this file (slots.h) */
    int64_t user_id;
};

/* Makes an empty spool for a user, in a file at PLACE or, where none may be made there, in memory.
 * While the user has SPOOLS_MAXIMUM already it waits, at most TIMEOUT milliseconds.
 * ERR_SERVICE_UNAVAILABLE after that; ERR_INSUFFICIENT_STORAGE or ERR_INTERNAL with a cause.
 * Whatever the result, close SPOOL with spool_close. */
enum error_code spool_open(struct spool *spool, struct arena *arena,
                           const struct spool_place *place, int64_t timeout, struct cause *cause);

/* Appends SIZE bytes. */
void spool_write(struct spool *spool, const char *bytes, size_t size);

/* Forgets all that was written. */
void spool_restart(struct spool *spool);

/* spool_room gives a buffer for the next bytes, up to SPOOL_BUFFER of them (*SIZE); spool_took then
 * says how many were written into it. */
char *spool_room(struct spool *spool, size_t *size);
void spool_took(struct spool *spool, size_t size);

/* Ends the writing: everything is in the file, or an error as of spool_open. */
enum error_code spool_finish(struct spool *spool, struct cause *cause);

/* The whole text of a finished spool, mapped from the file, so that only what is looked at is read.
 * Borrowed until spool_close. No NUL follows it; of an empty spool it is "". Errors as of
 * spool_finish. */
enum error_code spool_map(struct spool *spool, struct text *out, struct cause *cause);

/* Reads up to SPOOL_BUFFER bytes from OFFSET on into the buffer: their number, 0 at the end, -1
 * when reading fails. */
int64_t spool_read(struct spool *spool, int64_t offset);

/* Accepts a spool that was never opened, if it is all zeros except for a file and slot of -1. */
void spool_close(struct spool *spool);

#endif
