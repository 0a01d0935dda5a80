/*
 * cgi.c - the CGI transport (RFC 3875): meta-variables from the environment, the body from standard
 * input, one request, the answer to standard output.
 */
#include "common/http/cgi.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/http/process.h"

static enum transport_event cgi_next(struct transport *transport, int64_t patience)
{
    struct cgi_transport *cgi = (struct cgi_transport *)transport;
    (void)patience;
    bool first = !cgi->served;
    cgi->served = true;
    return first ? TRANSPORT_REQUEST : TRANSPORT_END;
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

void cgi_transport_init(struct cgi_transport *cgi)
{
    *cgi = (struct cgi_transport){.transport = {.ends_process = true,
                                                .confines = true,
                                                .next = cgi_next,
                                                .variable = process_variable,
                                                .next_value = process_next_value,
                                                .read_body = cgi_read_body,
                                                .discard_body = cgi_discard_body,
                                                .send = cgi_send,
                                                .outlive_answer = cgi_outlive_answer,
                                                .now_ms = process_now_ms,
                                                .sleep = cgi_sleep,
                                                .random = process_random}};
}
