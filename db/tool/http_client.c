/*
 * http_client.c - one HTTP/1.1 request.
 *
 * libcurl would do this too, but it makes the tool 12 % larger for HTTP alone and 60 % with TLS,
 * and brings a TLS library to build and keep up to date. For https the program curl of the system
 * is run (http_curl.c).
 */
#include "db/tool/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "db/tool/http_curl.h"

int64_t http_date(const char *text)
{
    struct tm parts = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return end != NULL ? (int64_t)timegm(&parts) : -1;
}

/* ---- addresses ------------------------------------------------------------------------------ */

const char *http_url_parse(struct arena *arena, const char *text, struct http_url *out)
{
    out->tls = strncasecmp(text, "https://", 8) == 0;
    if (!out->tls && strncasecmp(text, "http://", 7) != 0) {
        return "an address begins with http:// or https://";
    }
    text += out->tls ? 8 : 7;
    size_t authority = strcspn(text, "/?#");
    if (strpbrk(text, "?# \r\n\t") != NULL || memchr(text, '@', authority) != NULL) {
        return "an address of the form http://host:port/path is wanted";
    }
    size_t path = strlen(text) - authority;
    while (path > 0 && text[authority + path - 1] == '/') {
        path--;
    }
    out->authority = arena_copy(arena, text, authority);
    out->path = arena_copy(arena, text + authority, path);
    char *host = arena_copy(arena, text, authority);
    if (out->authority == NULL || out->path == NULL || host == NULL) {
        return "out of memory";
    }
    char *port = strrchr(host, ':');
    const char *bracket = strrchr(host, ']');
    if (port != NULL && (bracket == NULL || port > bracket)) {
        *port++ = '\0';
    } else {
        port = NULL;
    }
    if (host[0] == '[' && bracket != NULL) {
        host[bracket - host] = '\0';
        host++;
    }
    int64_t number;
    bool over;
    if (*host == '\0' ||
        (port != NULL && (!text_to_int64(text_of(port), 65535, &over, &number) || number == 0))) {
        return "the host or the port is not valid";
    }
    out->host = host;
    out->port = port != NULL ? port : out->tls ? "443" : "80";
    return NULL;
}

/* ---- the connection ------------------------------------------------------------------------- */

/* Waits until SOCKET is ready for EVENTS; false when the time is up. */
static bool wait_for(int socket_file, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - monotonic_ms();
        struct pollfd poll_file = {.fd = socket_file, .events = events};
        int ready = left > 0 ? poll(&poll_file, 1, (int)left) : 0;
        if (ready > 0) {
            return true;
        }
        if (ready == 0 || errno != EINTR) {
            return false;
        }
    }
}

/* A connected socket; -1 with errno. */
static int connect_to(const struct addrinfo *address, int64_t deadline)
{
    int file = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0) {
        return -1;
    }
    int problem = 0;
    socklen_t size = sizeof problem;
    if (connect(file, address->ai_addr, address->ai_addrlen) != 0) {
        problem = errno;
        if (problem == EINPROGRESS) {
            problem = ETIMEDOUT;
            if (wait_for(file, POLLOUT, deadline) &&
                getsockopt(file, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
                problem = errno;
            }
        }
    }
    if (problem != 0) {
        (void)close(file);
        errno = problem;
        return -1;
    }
    return file;
}

static int connect_any(const struct http_url *url, int64_t deadline, const char **why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *addresses;
    int code = getaddrinfo(url->host, url->port, &hints, &addresses);
    if (code != 0) {
        *why = gai_strerror(code);
        return -1;
    }
    int file = -1;
    for (const struct addrinfo *at = addresses; at != NULL && file < 0; at = at->ai_next) {
        file = connect_to(at, deadline);
        *why = strerror(errno);
    }
    freeaddrinfo(addresses);
    return file;
}

/* False when the server accepts no more; it may have answered nevertheless. */
static bool send_all(int file, const char *from, size_t size, int64_t deadline)
{
    while (size > 0) {
        ssize_t sent = send(file, from, size, MSG_NOSIGNAL);
        if (sent > 0) {
            from += sent;
            size -= (size_t)sent;
            continue;
        }
        bool may_go_on = errno == EAGAIN ? wait_for(file, POLLOUT, deadline) : errno == EINTR;
        if (!may_go_on) {
            return false;
        }
    }
    return true;
}

/* Everything up to the end of the connection or pipe, the maximum or the deadline. */
static size_t receive(int file, char *to, size_t room, int64_t deadline)
{
    size_t used = 0;
    while (used < room && wait_for(file, POLLIN, deadline)) {
        ssize_t got = read(file, to + used, room - used);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    return used;
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* The value of SIZE bytes at AT without the blanks around it. */
static const char *copy_value(struct arena *arena, const char *at, size_t size)
{
    while (size > 0 && (*at == ' ' || *at == '\t')) {
        at++;
        size--;
    }
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t')) {
        size--;
    }
    return arena_copy(arena, at, size);
}

const char *http_header(struct arena *arena, const struct http_answer *answer, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = answer->head; line != NULL && *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
        if (length > size && strncasecmp(line, name, size) == 0 && line[size] == ':') {
            return copy_value(arena, line + size + 1, length - size - 1);
        }
        line = end != NULL ? end + 2 : NULL;
    }
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the chunked BODY (RFC 9112 section 7.1) in place, as far as it is complete; returns its
 * size. */
static size_t unchunk(char *body, size_t size)
{
    size_t to = 0;
    size_t at = 0;
    for (;;) {
        size_t chunk = 0;
        size_t digits = 0;
        while (at < size && digits < 8 && hex_digit(body[at]) >= 0) {
            chunk = chunk * 16 + (size_t)hex_digit(body[at]);
            at++;
            digits++;
        }
        const char *end = at < size ? memchr(body + at, '\n', size - at) : NULL;
        if (digits == 0 || end == NULL || chunk == 0) {
            return to;
        }
        at = (size_t)(end - body) + 1;
        chunk = chunk < size - at ? chunk : size - at;
        memmove(body + to, body + at, chunk);
        to += chunk;
        at += chunk + 2 < size - at ? chunk + 2 : size - at;
    }
}

/* The status of TEXT, which begins as an answer does (RFC 9112 section 4); -1: it does not. */
static int read_status(const char *text)
{
    enum { AT = 9, DIGITS = 3 }; /* behind "HTTP/1.1 " */
    int status = 0;
    if (strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < AT + DIGITS || text[AT - 1] != ' ') {
        return -1;
    }
    for (size_t i = AT; i < AT + DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        status = status * 10 + (text[i] - '0');
    }
    return status;
}

const char *http_answer_parse(struct arena *arena, char *text, size_t size,
                              struct http_answer *answer)
{
    text[size] = '\0';
    char *head_end = strstr(text, "\r\n\r\n");
    int status = read_status(text);
    if (status < 0 || head_end == NULL) {
        return size == 0 ? "no answer came" : "the answer is no HTTP/1.1";
    }
    *head_end = '\0';
    char *lines = strstr(text, "\r\n");
    *answer = (struct http_answer){.status = status, .head = lines != NULL ? lines + 2 : ""};
    char *body = head_end + 4;
    size_t body_size = size - (size_t)(body - text);
    const char *coding = http_header(arena, answer, "Transfer-Encoding");
    if (coding != NULL && strcasecmp(coding, "chunked") == 0) {
        body_size = unchunk(body, body_size);
        body[body_size] = '\0';
    }
    answer->body = body;
    answer->body_size = body_size;
    return NULL;
}

static const char *exchange(struct arena *arena, int file, const char *head,
                            const struct http_request *request, int64_t deadline,
                            struct http_answer *answer)
{
    bool sent = send_all(file, head, strlen(head), deadline);
    if (sent && request->body != NULL) {
        /* The pause makes the body arrive in a segment of its own, which some web servers handle
         * differently. */
        const struct timespec pause = {.tv_nsec = 50 * INT64_C(1000000)};
        (void)nanosleep(&pause, NULL);
        (void)send_all(file, request->body, request->body_size, deadline);
    }
    char *text = arena_alloc(arena, HTTP_CLIENT_ANSWER_MAXIMUM + 1);
    if (text == NULL) {
        return "out of memory";
    }
    size_t size = receive(file, text, HTTP_CLIENT_ANSWER_MAXIMUM, deadline);
    return http_answer_parse(arena, text, size, answer);
}

static const char *send_by_curl(struct arena *arena, const struct http_url *url,
                                const struct http_request *request, int64_t deadline,
                                struct http_answer *answer)
{
    struct http_curl curl;
    char *text = arena_alloc(arena, HTTP_CLIENT_ANSWER_MAXIMUM + 1);
    if (text == NULL) {
        return "out of memory";
    }
    const char *why = http_curl_start(arena, url, request, &curl);
    if (why != NULL) {
        return why;
    }
    size_t size = receive(curl.answer, text, HTTP_CLIENT_ANSWER_MAXIMUM, deadline);
    const char *said = http_curl_end(arena, &curl);
    why = http_answer_parse(arena, text, size, answer);
    return why != NULL && said != NULL ? said : why;
}

const char *http_send(struct arena *arena, const struct http_url *url,
                      const struct http_request *request, struct http_answer *answer)
{
    int64_t deadline = monotonic_ms() + HTTP_CLIENT_TIMEOUT_MS;
    if (url->tls) {
        return send_by_curl(arena, url, request, deadline, answer);
    }
    const char *length = request->body != NULL
                             ? arena_printf(arena, "Content-Length: %zu\r\n", request->body_size)
                             : "";
    if (length == NULL) {
        return "out of memory";
    }
    const char *head =
        arena_printf(arena,
                     "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: cubby-doctor\r\n"
                     "Accept: */*\r\n%s%sConnection: close\r\n\r\n",
                     request->method, request->path, url->authority, length, request->headers);
    if (head == NULL) {
        return "out of memory";
    }
    const char *why = "no address";
    int file = connect_any(url, deadline, &why);
    if (file < 0) {
        return why;
    }
    why = exchange(arena, file, head, request, deadline, answer);
    (void)close(file);
    return why;
}
