/*
 * write_queue.c - the queue of processes that want to write.
 *
 * It is an open file description lock (OFD) on one byte of the database file itself, so that no
 * second file needs an owner and a name, or can get lost. The byte lies behind those that SQLite
 * locks (512 bytes from 1 GiB on), still in the page that SQLite leaves unused for its locks. So
 * this lock disturbs nobody, even on a network file system where locks prevent reading and writing.
 */
#include "db/engine/write_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/clock.h"

static const off_t queue_byte = 0x40000000 + 1024;
static const off_t leave_byte = 0x40000000 + 1025; /* of who asks the others out */

static struct flock lock_of(off_t byte, short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static int set_lock(int file, int command, short type)
{
    struct flock lock = lock_of(queue_byte, type);
    return fcntl(file, command, &lock) == 0 ? 0 : errno;
}

static bool open_file(struct write_queue *queue, const char *path)
{
    if (queue->file < 0) {
        queue->file = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    }
    return queue->file >= 0;
}

static void ignore_signal(int number)
{
    (void)number;
}

/* The timer fires repeatedly, because a single signal that arrives just before the process goes to
 * sleep would wake nobody. */
static int wait_for_lock(int file, int timeout)
{
    enum { AGAIN_US = 20000 };
    const int64_t end = monotonic_ms() + timeout;
    const struct sigaction action = {.sa_handler = ignore_signal}; /* no SA_RESTART: fcntl ends */
    struct sigaction action_before;
    sigset_t alarm_only;
    sigset_t mask_before;
    struct itimerval timer_before;
    const struct itimerval timer = {
        .it_interval = {.tv_usec = AGAIN_US},
        .it_value = {.tv_sec = timeout / 1000, .tv_usec = (timeout % 1000) * 1000 + 1},
    };
    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    if (sigaction(SIGALRM, &action, &action_before) != 0) {
        return errno;
    }
    (void)sigprocmask(SIG_UNBLOCK, &alarm_only, &mask_before);
    int problem = setitimer(ITIMER_REAL, &timer, &timer_before) == 0 ? EINTR : errno;
    while (problem == EINTR) {
        problem = set_lock(file, F_OFD_SETLKW, F_WRLCK);
        if (problem == EINTR && monotonic_ms() >= end) {
            problem = EAGAIN;
        }
    }
    (void)setitimer(ITIMER_REAL, &timer_before, NULL);
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    (void)sigaction(SIGALRM, &action_before, NULL);
    return problem;
}

bool write_queue_enter(struct write_queue *queue, const char *path, int timeout)
{
    if (queue->held) {
        return true;
    }
    if (!open_file(queue, path)) {
        return true;
    }
    int problem = set_lock(queue->file, F_OFD_SETLK, F_WRLCK);
    if ((problem == EAGAIN || problem == EACCES) && timeout > 0) {
        problem = wait_for_lock(queue->file, timeout);
    }
    queue->held = problem == 0;
    return problem != EAGAIN && problem != EACCES;
}

void write_queue_leave(struct write_queue *queue)
{
    if (queue->held) {
        (void)set_lock(queue->file, F_OFD_SETLK, F_UNLCK);
        queue->held = false;
    }
}

void write_queue_ask_out(struct write_queue *queue, const char *path)
{
    struct flock lock = lock_of(leave_byte, F_WRLCK);
    queue->asked_out = open_file(queue, path) && fcntl(queue->file, F_OFD_SETLK, &lock) == 0;
}

void write_queue_let_in(struct write_queue *queue)
{
    if (queue->asked_out) {
        struct flock lock = lock_of(leave_byte, F_UNLCK);
        (void)fcntl(queue->file, F_OFD_SETLK, &lock);
        queue->asked_out = false;
    }
}

bool write_queue_is_asked_out(struct write_queue *queue, const char *path)
{
    struct flock lock = lock_of(leave_byte, F_WRLCK);
    return open_file(queue, path) && fcntl(queue->file, F_OFD_GETLK, &lock) == 0 &&
           lock.l_type != F_UNLCK;
}

void write_queue_close(struct write_queue *queue)
{
    if (queue->file >= 0) {
        (void)close(queue->file);
    }
    *queue = WRITE_QUEUE_NONE;
}
