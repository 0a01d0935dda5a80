/*
 * lock.c - locks on files that are replaced by others of their name.
 */
#include "db/tool/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/tool/admin.h"
#include "db/tool/files.h"

enum { PAUSE_NS = 20 * 1000 * 1000 };

/* 0, or -1 with errno, EAGAIN when another has it. */
static int try_whole(int file)
{
    return flock(file, LOCK_EX | LOCK_NB);
}

static int try_database(int file)
{
    /* Where SQLite locks (file format, section 1.2): PENDING, RESERVED and 510 SHARED. A connection
     * that keeps a write-ahead log holds one of the latter as long as it is open. */
    struct flock range = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
    return fcntl(file, F_OFD_SETLK, &range);
}

/* Whether FILE is still that of the name PATH. */
static bool is_named(int file, const char *path)
{
    struct stat one;
    struct stat other;
    return fstat(file, &one) == 0 && stat(path, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* A lock on a whole file, where it lies on NFS, wants it open for writing; who may only read it can
 * lock it elsewhere. */
static int open_whole(const char *path)
{
    int flags = O_CLOEXEC | O_NONBLOCK;
    int file = open(path, O_RDWR | flags);
    return file < 0 && (errno == EACCES || errno == EROFS || errno == EPERM)
               ? open(path, O_RDONLY | flags)
               : file;
}

static int open_database(const char *path)
{
    return open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

/* Waits for the lock on the file that has the name PATH by then. */
static int take(struct tool *tool, const char *path, int (*open_it)(const char *path),
                int (*try)(int file), int *lock)
{
    const struct timespec pause = {0, PAUSE_NS};
    int64_t end = tool_now_ms() + admin_timeout(tool);
    *lock = -1;
    for (;;) {
        *lock = *lock >= 0 ? *lock : open_it(path);
        bool locked = *lock >= 0 && try(*lock) == 0;
        if (locked && is_named(*lock, path)) {
            return TOOL_DONE;
        }
        if (!locked && (*lock < 0 || errno != EAGAIN)) {
            return *lock < 0 && file_link_fault(tool, path) != NULL
                       ? file_fail(tool, path)
                       : tool_fail(tool, "%s: can't lock it: %s", path, strerror(errno));
        }
        if (tool_now_ms() >= end) {
            (void)tool_fail(tool, "%s: another process keeps it locked", path);
            return TOOL_BUSY;
        }
        if (!locked) {
            (void)nanosleep(&pause, NULL);
        }
        if (locked || !is_named(*lock, path)) { /* it was replaced meanwhile */
            (void)close(*lock);
            *lock = -1;
        }
    }
}

int lock_file(struct tool *tool, const char *path, int *lock)
{
    return take(tool, path, open_whole, try_whole, lock);
}

int lock_database(struct tool *tool, const char *path, int *lock)
{
    return take(tool, path, open_database, try_database, lock);
}
