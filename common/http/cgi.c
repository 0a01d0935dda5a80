/*
 * cgi.c - the CGI transport (RFC 3875): meta-variables from the environment, the body from standard
 * input, one request, the answer to standard output.
 *
 * No other file of the CGI programs uses the environment or the file descriptors 0 and 1.
 */
#include "common/http/cgi.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

#if defined(CUBBY_OWN_HEAP) && defined(__LP64__)
/* Replaces the C library's function, which first looks up the call in the kernel's shared object
 * (vDSO). For a process that asks for the time twice, that costs more than two system calls. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    return (int)syscall(SYS_clock_gettime, clock, time);
}

time_t time(time_t *out)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
#endif

static bool cgi_next(struct transport *transport)
{
    struct cgi_transport *cgi = (struct cgi_transport *)transport;
    bool first = !cgi->served;
    cgi->served = true;
    return first;
}

static const char *cgi_variable(struct transport *transport, const char *name)
{
    (void)transport;
    /* Cheaper than getenv: most variables that are asked for are not there, and the first character
     * usually tells. */
    size_t length = strlen(name);
    for (char **each = environ; *each != NULL; each++) {
        const char *entry = *each;
        if (entry[0] == name[0] && strncmp(entry, name, length) == 0 && entry[length] == '=') {
            return entry + length + 1;
        }
    }
    return NULL;
}

static int64_t cgi_now_ms(struct transport *transport)
{
    (void)transport;
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0
               ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000
               : 0;
}

static int64_t cgi_read_body(struct transport *transport, char *to, size_t size, int64_t *timeout)
{
    (void)transport;
    int64_t before = monotonic_ms();
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = *timeout > 0 ? poll(&input, 1, (int)*timeout) : 0;
        int64_t after = monotonic_ms();
        *timeout -= after - before;
        before = after;
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            return -1;
        }
        ssize_t got = ready > 0 ? read(STDIN_FILENO, to, size) : -1;
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) {
            return got;
        }
    }
}

static void cgi_discard_body(struct transport *transport)
{
    enum { TIMEOUT_MS = 2000, BYTES_MAXIMUM = 64 * 1024 * 1024 };
    char piece[16 * 1024];
    int64_t timeout = TIMEOUT_MS;
    int64_t got = 1;
    for (int64_t all = 0; got > 0 && all < BYTES_MAXIMUM; all += got) {
        got = cgi_read_body(transport, piece, sizeof piece, &timeout);
    }
}

static bool cgi_send(struct transport *transport, const char *head, size_t head_size,
                     const char *body, size_t body_size)
{
    (void)transport;
    union {
        const char *from;
        void *to;
    } head_base = {.from = head},
      body_base = {.from = body}; /* struct iovec has no const pointers */
    struct iovec parts[2] = {{.iov_base = head_base.to, .iov_len = head_size},
                             {.iov_base = body_base.to, .iov_len = body_size}};
    struct iovec *part = parts;
    int count = body_size > 0 ? 2 : 1;
    while (count > 0) {
        ssize_t sent = writev(STDOUT_FILENO, part, count);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
            if (poll(&output, 1, 30000) <= 0) {
                return false;
            }
            continue;
        }
        if (sent < 0) {
            return false;
        }
        size_t done = (size_t)sent;
        while (count > 0 && done >= part->iov_len) {
            done -= part->iov_len;
            part++;
            count--;
        }
        if (count > 0) {
            part->iov_base = (char *)part->iov_base + done;
            part->iov_len -= done;
        }
    }
    return true;
}

static bool cgi_sleep(struct transport *transport, int64_t milliseconds)
{
    (void)transport;
    /* Detects that the web server has closed its end of the pipe because the client is gone. On a
     * socket, only an error is detected. */
    struct pollfd output = {.fd = STDOUT_FILENO, .events = 0};
    int64_t end = monotonic_ms() + milliseconds;
    for (;;) {
        int64_t left = end - monotonic_ms();
        if (left <= 0) {
            return true;
        }
        int broken = poll(&output, 1, left < milliseconds ? (int)left : (int)milliseconds);
        if (broken > 0) {
            return false;
        }
    }
}

/* lighttpd sends SIGTERM as soon as it has received as many bytes as Content-Length announced. */
static void cgi_outlive_answer(struct transport *transport)
{
    (void)transport;
    (void)signal(SIGTERM, SIG_IGN);
}

static bool cgi_random(struct transport *transport, unsigned char *bytes, size_t size)
{
    (void)transport;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
    return true;
}

void cgi_transport_init(struct cgi_transport *cgi)
{
    *cgi = (struct cgi_transport){.transport = {.ends_process = true,
                                                .next = cgi_next,
                                                .variable = cgi_variable,
                                                .read_body = cgi_read_body,
                                                .discard_body = cgi_discard_body,
                                                .send = cgi_send,
                                                .outlive_answer = cgi_outlive_answer,
                                                .now_ms = cgi_now_ms,
                                                .sleep = cgi_sleep,
                                                .random = cgi_random}};
}
