/*
 * spool.c - a long text in an unnamed temporary file.
 */
#include "common/http/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/base/slots.h"

static enum error_code failed(int problem, struct cause *cause)
{
    bool full = problem == ENOSPC || problem == EDQUOT || problem == EFBIG;
    return cause_set(cause, full ? ERR_INSUFFICIENT_STORAGE : ERR_INTERNAL,
                     "a file for a long body, beside the database: %s", strerror(problem));
}

static enum error_code take_slot(struct spool *spool, struct arena *arena,
                                 const struct spool_place *place, int64_t timeout,
                                 struct cause *cause)
{
    const int64_t first = place->user_id * SPOOLS_MAXIMUM;
    const struct slots slots = {.path = slots_of_users(arena, place->beside),
                                .instead = place->instead,
                                .instead_first = SLOTS_SHARED_TRANSFERS + first,
                                .what = "exports and imports of this user",
                                .first = first,
                                .count = SPOOLS_MAXIMUM};
    return slots.path != NULL ? slot_take(&slots, timeout, &spool->slot, cause)
                              : cause_set(cause, ERR_INTERNAL, "out of memory");
}

enum error_code spool_open(struct spool *spool, struct arena *arena,
                           const struct spool_place *place, int64_t timeout, struct cause *cause)
{
    *spool = (struct spool){.file = -1, .slot = -1, .buffer = arena_alloc(arena, SPOOL_BUFFER)};
    enum error_code error = take_slot(spool, arena, place, timeout, cause);
    if (error != ERR_NONE) {
        return error;
    }
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const char *name = arena_printf(arena, "%s-spool-%ld-%ld-%ld", place->beside, (long)getpid(),
                                    (long)now.tv_sec, now.tv_nsec);
    if (name == NULL || spool->buffer == NULL) {
        return cause_set(cause, ERR_INTERNAL, "out of memory");
    }
    spool->file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (spool->file >= 0) {
        (void)unlink(name);
    } else if (errno == EROFS || errno == EACCES) {
        spool->file = memfd_create("cubby-spool", MFD_CLOEXEC);
    }
    return spool->file >= 0 ? ERR_NONE : failed(errno, cause);
}

static void write_out(struct spool *spool, const char *bytes, size_t size)
{
    while (size > 0 && spool->problem == 0) {
        ssize_t written = pwrite(spool->file, bytes, size, spool->size);
        if (written < 0 && errno != EINTR) {
            spool->problem = errno;
        } else if (written > 0) {
            bytes += written;
            size -= (size_t)written;
            spool->size += written;
        }
    }
}

static void flush(struct spool *spool)
{
    write_out(spool, spool->buffer, spool->used);
    spool->used = 0;
}

void spool_write(struct spool *spool, const char *bytes, size_t size)
{
    if (size > SPOOL_BUFFER - spool->used) {
        flush(spool);
    }
    if (size > SPOOL_BUFFER) {
        write_out(spool, bytes, size);
        return;
    }
    if (size > 0) {
        memcpy(spool->buffer + spool->used, bytes, size);
    }
    spool->used += size;
}

void spool_restart(struct spool *spool)
{
    spool->used = 0;
    spool->size = 0;
}

char *spool_room(struct spool *spool, size_t *size)
{
    if (spool->used == SPOOL_BUFFER) {
        flush(spool);
    }
    *size = SPOOL_BUFFER - spool->used;
    return spool->buffer + spool->used;
}

void spool_took(struct spool *spool, size_t size)
{
    spool->used += size;
}

enum error_code spool_finish(struct spool *spool, struct cause *cause)
{
    flush(spool);
    return spool->problem == 0 ? ERR_NONE : failed(spool->problem, cause);
}

enum error_code spool_map(struct spool *spool, struct text *out, struct cause *cause)
{
    *out = (struct text){.at = "", .size = 0};
    if (spool->size == 0) {
        return ERR_NONE;
    }
    void *map = mmap(NULL, (size_t)spool->size, PROT_READ, MAP_PRIVATE, spool->file, 0);
    if (map == MAP_FAILED) {
        return failed(errno, cause);
    }
    spool->map = map;
    *out = (struct text){.at = map, .size = (size_t)spool->size};
    return ERR_NONE;
}

int64_t spool_read(struct spool *spool, int64_t offset)
{
    for (;;) {
        ssize_t got = pread(spool->file, spool->buffer, SPOOL_BUFFER, offset);
        if (got >= 0 || errno != EINTR) {
            return got;
        }
    }
}

void spool_close(struct spool *spool)
{
    if (spool->map != NULL) {
        union {
            const char *from;
            void *to;
        } map = {.from = spool->map}; /* munmap takes no const pointer */
        (void)munmap(map.to, (size_t)spool->size);
        spool->map = NULL;
    }
    if (spool->file >= 0) {
        (void)close(spool->file);
        spool->file = -1;
    }
    slot_free(spool->slot);
    spool->slot = -1;
}
