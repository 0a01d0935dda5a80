/*
 * fcgi.c - the FastCGI transport: requests over a listening socket that is standard input, one at a
 * time, by libfcgi. Only this file may include fcgiapp.h.
 *
 * Signals that end the process are blocked but while it waits, so that none cuts a request short.
 * Where there is no need to wait, it looks whether one is pending.
 *
 * libfcgi reads the head and the body of a request without a limit of time. While it does, the
 * interval timer looks after the connection, and shuts it down when it has kept the process for too
 * long; libfcgi then finds its end. An answer is written in pieces, each when there is room for it;
 * see takes_more.
 */
#include "common/http/fcgi.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "common/base/clock.h"
#include "common/http/process.h"

enum { LISTENER = STDIN_FILENO, NO_LISTENER = -1 };

enum { RESPONDER = 1 }; /* the role of who answers requests; fcgiapp.h does not name it */

/* See allowance. */
enum { USUAL_MS = 1000, HURRIED_MS = 100 };

struct fcgi {
    struct transport transport; /* must be first: its functions cast its address */
    FCGX_Request request;
    sigset_t waiting; /* the signals that are blocked while it waits */
    int turns;        /* tells of connections to the listener, this process or another; -1: can't */
    enum {
        BODY_COMES,    /* or is complete */
        BODY_LOST,     /* the connection broke, or nothing came in time */
        BODY_GAVE_WAY  /* to other requests */
    } body;            /* of this request */
    int64_t waited;    /* milliseconds for it */
    bool hurried;      /* one gave way, and others have waited since */
    int64_t answering; /* since when, by monotonic_ms */
    int64_t answered;  /* bytes */
    int64_t earned;    /* milliseconds; see earn */
    int64_t left;      /* milliseconds that the answer may wait for its client when others wait */
    struct process_program program;
};

static const int ending_signals[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};

static volatile sig_atomic_t told_to_end;

/* What the timer looks after; see watch. */
static struct {
    int connection;
    int64_t end;   /* of the time it has in any case, by monotonic_ms */
    int64_t limit; /* of the time it has while nobody else waits */
    volatile sig_atomic_t cut;
} watched;

static void note_end(int number)
{
    (void)number;
    told_to_end = 1;
}

/* Also when others still wait: then waiting ends before any signal is delivered. */
static bool is_told_to_end(void)
{
    sigset_t pending;
    bool is = told_to_end != 0;
    if (!is && sigpending(&pending) == 0) {
        for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
            is = is || sigismember(&pending, ending_signals[i]) == 1;
        }
    }
    return is;
}

static struct fcgi *fcgi_of(struct transport *transport)
{
    return (struct fcgi *)(void *)transport;
}

bool fcgi_is_wanted(void)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    return getsockopt(LISTENER, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

/* Polls with the ending signals unblocked; TIMEOUT -1 is without limit. One of them makes it fail.
 */
static int wait_for(struct fcgi *fcgi, struct pollfd *descriptors, nfds_t count, int64_t timeout)
{
    const struct timespec limit = {.tv_sec = (time_t)(timeout / 1000),
                                   .tv_nsec = (long)(timeout % 1000) * 1000000};
    return ppoll(descriptors, count, timeout < 0 ? NULL : &limit, &fcgi->waiting);
}

/* The same for the listener alone. For a connection one of the processes that wait is woken, where
 * poll would wake all of them, and all but one in vain. None is forgotten: who is woken takes it,
 * even when told to end meanwhile, as no other may come in its place. Only who is outdated leaves
 * it: the process that takes its place is told at once, as is who comes back to wait. */
static int wait_for_turn(struct fcgi *fcgi, int64_t timeout)
{
    struct epoll_event event;
    int limit = timeout < 0 ? -1 : timeout < INT_MAX ? (int)timeout : INT_MAX;
    return epoll_pwait(fcgi->turns, &event, 1, limit, &fcgi->waiting);
}

/* A connection that nobody takes means that all processes of the program are in use. */
static bool others_wait(void)
{
    struct pollfd listener = {.fd = LISTENER, .events = POLLIN};
    return poll(&listener, 1, 0) > 0;
}

/* The same, for longer than a process that is free takes to come for it. */
static bool others_keep_waiting(void)
{
    enum { LOOKS = 6, BETWEEN_MS = 2 };
    for (int i = 0; i < LOOKS; i++) {
        if ((i > 0 && poll(NULL, 0, BETWEEN_MS) < 0) || !others_wait()) {
            return false;
        }
    }
    return true;
}

/* The handler of the timer. poll, shutdown and clock_gettime are safe in it. */
static void look_after(int number)
{
    (void)number;
    const int problem = errno;
    const int64_t now = monotonic_ms();
    if (now >= watched.limit || (now >= watched.end && others_wait())) {
        watched.cut = 1;
        (void)shutdown(watched.connection, SHUT_RDWR);
    }
    errno = problem;
}

static struct timeval timeval_of(int64_t milliseconds)
{
    return (struct timeval){.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
}

static void set_timer(int64_t milliseconds)
{
    const struct timeval each = timeval_of(milliseconds);
    const struct itimerval timer = {.it_interval = each, .it_value = each};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* Until unwatch, the connection is shut down once it has taken LIMIT milliseconds, or OWN when
 * others wait; every LOOK it is seen whether it has. */
static void watch(const struct fcgi *fcgi, int64_t own, int64_t limit, int64_t look)
{
    const int64_t now = monotonic_ms();
    watched.connection = fcgi->request.ipcFd;
    watched.end = now + own;
    watched.limit = now + limit;
    watched.cut = 0;
    set_timer(look);
}

/* False when the connection was shut down meanwhile. */
static bool unwatch(void)
{
    set_timer(0);
    watched.connection = -1; /* for a signal that somebody else sends */
    return watched.cut == 0;
}

static bool is_outdated(const struct fcgi *fcgi)
{
    return fcgi->transport.has_to_end != NULL && fcgi->transport.has_to_end(fcgi->transport.self);
}

/* Closes the connection. libfcgi would wait for the web server to close it first. */
static void hang_up(struct fcgi *fcgi)
{
    (void)FCGX_Detach(&fcgi->request);
    FCGX_Free(&fcgi->request, 1);
}

/* Waits until a request can be read. A connection that the web server keeps open for further ones
 * gives way when others wait for theirs. */
static enum transport_event wait_for_request(struct fcgi *fcgi, int64_t patience)
{
    if (is_told_to_end()) {
        return TRANSPORT_END;
    }
    struct pollfd descriptors[] = {{.fd = LISTENER, .events = POLLIN},
                                   {.fd = fcgi->request.ipcFd, .events = POLLIN}};
    bool alone = fcgi->request.ipcFd < 0 && fcgi->turns >= 0;
    int ready = alone ? wait_for_turn(fcgi, patience) : wait_for(fcgi, descriptors, 2, patience);
    const bool failed = ready < 0 && errno != EINTR;
    if ((ready <= 0 && told_to_end) || process_was_replaced(&fcgi->program) || is_outdated(fcgi) ||
        failed) {
        return TRANSPORT_END;
    }
    if (ready <= 0) {
        return TRANSPORT_IDLE;
    }
    if (fcgi->request.ipcFd >= 0 && descriptors[1].revents == 0) {
        hang_up(fcgi);
    }
    return TRANSPORT_REQUEST;
}

static void set_timeout(struct fcgi *fcgi, int option, int64_t milliseconds)
{
    const struct timeval limit = timeval_of(milliseconds);
    (void)setsockopt(fcgi->request.ipcFd, SOL_SOCKET, option, &limit, sizeof limit);
}

/* Has a connection: the present one, or the next that waits. 0, or an errno. */
static int connect_next(struct fcgi *fcgi)
{
    if (fcgi->request.ipcFd >= 0) {
        set_timeout(fcgi, SO_RCVTIMEO, 0); /* it may have that of a body */
        return 0;
    }
    int connection = accept(LISTENER, NULL, NULL);
    if (connection < 0) {
        return errno;
    }
    fcgi->request.ipcFd = connection;
    fcgi->request.keepConnection = 1; /* or FCGX_Accept_r would close it */
    return 0;
}

/* How long a head, a body or a client that does not read may keep the process waiting while other
 * requests wait for it. After one that took longer those that have waited meanwhile get less, until
 * nobody waits any more. */
static int64_t allowance(const struct fcgi *fcgi)
{
    return fcgi->hurried ? HURRIED_MS : USUAL_MS;
}

/* Reads the head of a request. False when there is none, or not in time. */
static bool read_head(struct fcgi *fcgi)
{
    enum { TIMEOUT_MS = 10000 };
    FCGX_Request *request = &fcgi->request;
    (void)FCGX_Detach(request); /* to be closed without waiting for the other side */
    watch(fcgi, allowance(fcgi), TIMEOUT_MS, HURRIED_MS);
    bool there = FCGX_Accept_r(request) == 0;
    bool in_time = unwatch();
    fcgi->hurried = fcgi->hurried || !in_time;
    /* To libfcgi one that breaks off between two variables is whole; the error stays with IN. */
    if (there && (!in_time || FCGX_GetError(request->in) != 0 || request->role != RESPONDER)) {
        hang_up(fcgi);
        return false;
    }
    return there;
}

static enum transport_event fcgi_next(struct transport *transport, int64_t patience)
{
    struct fcgi *fcgi = fcgi_of(transport);
    fcgi->hurried = fcgi->hurried || fcgi->body == BODY_GAVE_WAY;
    fcgi->body = BODY_COMES;
    fcgi->waited = 0;
    const int64_t end = monotonic_ms() + patience;
    for (int64_t left = patience;;) {
        fcgi->hurried = fcgi->hurried && others_wait();
        enum transport_event event = wait_for_request(fcgi, left);
        if (event != TRANSPORT_REQUEST) {
            return event;
        }
        int problem = connect_next(fcgi);
        if (problem == 0 && read_head(fcgi)) {
            return TRANSPORT_REQUEST;
        }
        /* Another process was quicker, or the connection is gone; all other errors stay. */
        if (problem != 0 && problem != EAGAIN && problem != EINTR && problem != ECONNABORTED) {
            return TRANSPORT_END;
        }
        if (patience >= 0) {
            left = end - monotonic_ms();
            left = left > 0 ? left : 0;
        }
    }
}

/* ---- a request --------------------------------------------------------------------------------
 */

/* The environment of the process may name the settings, and nothing else. */
static const char *fcgi_variable(struct transport *transport, const char *name)
{
    const char *value = FCGX_GetParam(name, fcgi_of(transport)->request.envp);
    bool names_nothing = value == NULL || *value == '\0';
    return names_nothing && strcmp(name, "CUBBY_CONF") == 0 ? process_variable(transport, name)
                                                            : value;
}

static const char *fcgi_next_value(struct transport *transport, const char *name, size_t *place)
{
    return environment_value(fcgi_of(transport)->request.envp, name, place);
}

static bool gives_way(const struct fcgi *fcgi)
{
    return fcgi->waited >= allowance(fcgi) && others_keep_waiting();
}

/* Whether nothing came in time, or nothing of this body, and then makes libfcgi forget that. It
 * lets go of a piece that it has begun to look at; but the head of one, which is what may be lost
 * so, is written at once. */
static bool nothing_came(FCGX_Stream *in)
{
    if (FCGX_GetError(in) != EAGAIN && FCGX_GetError(in) != EINTR) {
        return false;
    }
    FCGX_ClearError(in);
    in->isClosed = 0;
    in->stop = in->rdNext;
    return true;
}

/* The first byte of the next piece of the body, if one comes within STEP milliseconds. The timeout
 * is the socket's: libfcgi reads ahead, so that polling would not tell what is there. It counts
 * anew for each byte of what is skipped (records of other requests, padding), so for the whole
 * there is a watch, a second longer. *CUT: it shut the connection down. FCGX_GetStr would wait for
 * all that it is asked for. */
static int first_of_piece(struct fcgi *fcgi, int64_t step, int64_t timeout, bool *cut)
{
    set_timeout(fcgi, SO_RCVTIMEO, step);
    watch(fcgi, step + USUAL_MS, timeout + USUAL_MS, step + USUAL_MS);
    int first = FCGX_GetChar(fcgi->request.in);
    *cut = !unwatch();
    fcgi->hurried = fcgi->hurried || *cut;
    return first;
}

/* Waits for the next piece of the body, in steps, and returns its first byte. Negative at the end,
 * and when there will be none, which BODY then tells. */
static int next_piece(struct fcgi *fcgi, int64_t *timeout)
{
    FCGX_Stream *in = fcgi->request.in;
    for (;;) {
        if (*timeout <= 0 || gives_way(fcgi)) {
            fcgi->body = *timeout > 0 ? BODY_GAVE_WAY : BODY_LOST;
            return -1;
        }
        int64_t step = *timeout < allowance(fcgi) ? *timeout : allowance(fcgi);
        int64_t before = monotonic_ms();
        bool cut = false;
        int first = first_of_piece(fcgi, step, *timeout, &cut);
        int64_t passed = monotonic_ms() - before;
        fcgi->waited += passed;
        *timeout -= passed;
        if (!cut && (first >= 0 || FCGX_GetError(in) == 0)) {
            return first;
        }
        if (cut || !nothing_came(in)) {
            fcgi->body = BODY_LOST;
            return -1;
        }
    }
}

static int64_t fcgi_read_body(struct transport *transport, char *to, size_t size, int64_t *timeout)
{
    struct fcgi *fcgi = fcgi_of(transport);
    FCGX_Stream *in = fcgi->request.in;
    if (size == 0) {
        return 0;
    }
    int first = fcgi->body != BODY_COMES ? -1
                : in->rdNext == in->stop ? next_piece(fcgi, timeout)
                                         : FCGX_GetChar(in);
    if (first < 0) {
        return fcgi->body == BODY_COMES ? 0 : fcgi->body == BODY_LOST ? -1 : TRANSPORT_GAVE_WAY;
    }
    to[0] = (char)first;
    size_t there = (size_t)(in->stop - in->rdNext);
    size_t more = there < size - 1 ? there : size - 1;
    return 1 + (more > 0 ? FCGX_GetStr(to + 1, (int)more, in) : 0);
}

/* Reads up to the end of the body. */
static void drain(struct transport *transport)
{
    enum { TIMEOUT_MS = 2000, BYTES_MAXIMUM = 64 * 1024 * 1024 };
    char piece[16 * 1024];
    int64_t timeout = TIMEOUT_MS;
    int64_t got = 1;
    for (int64_t all = 0; got > 0 && all < BYTES_MAXIMUM; all += got) {
        got = fcgi_read_body(transport, piece, sizeof piece, &timeout);
    }
    if (got > 0) {
        fcgi_of(transport)->request.keepConnection = 0;
    }
}

static void fcgi_discard_body(struct transport *transport)
{
    (void)FCGX_FFlush(fcgi_of(transport)->request.out);
    drain(transport);
}

enum { PIECE = 16 * 1024 }; /* of an answer */

/* A piece was taken, after waiting for PASSED milliseconds, and gives the rest as much time as it
 * takes at 64 KB a second. The kernel and the web server may have taken it, and megabytes more, for
 * a client that reads nothing; but they do so at once. Therefore an answer earns no more than twice
 * the time that it has taken, and of that keeps no more than SAVED times what it had at first. */
static void earn(struct fcgi *fcgi, int64_t passed)
{
    enum { BYTES_PER_MS = 64, SAVED = 5 };
    const int64_t room = 2 * (monotonic_ms() - fcgi->answering) - fcgi->earned;
    const int64_t earned = room < PIECE / BYTES_PER_MS ? room : PIECE / BYTES_PER_MS;
    const int64_t most = SAVED * allowance(fcgi);
    const int64_t left = fcgi->left - passed + earned;
    fcgi->earned += earned;
    fcgi->left = left < 0 ? 0 : left < most ? left : most;
}

/* Waits until the connection takes more. False when it took nothing for too long, or gives way to
 * others. */
static bool takes_more(struct fcgi *fcgi)
{
    enum { TIMEOUT_MS = 30000, LOOK_MS = 50 };
    struct pollfd connection = {.fd = fcgi->request.ipcFd, .events = POLLOUT};
    const int64_t began = monotonic_ms();
    for (int64_t passed = 0; passed < TIMEOUT_MS; passed = monotonic_ms() - began) {
        if (passed > fcgi->left && others_keep_waiting()) {
            fcgi->hurried = true;
            return false;
        }
        int ready = poll(&connection, 1, LOOK_MS);
        if (ready > 0) {
            earn(fcgi, monotonic_ms() - began);
        }
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return ready > 0;
        }
    }
    return false;
}

/* libfcgi would wait for each of its writes anew, so this one waits, but for the first piece, for
 * which there is room. */
static bool put(struct fcgi *fcgi, const char *from, size_t size)
{
    while (size > 0) {
        int piece = size < PIECE ? (int)size : PIECE;
        if ((fcgi->answered >= PIECE && !takes_more(fcgi)) ||
            FCGX_PutStr(from, piece, fcgi->request.out) != piece) {
            return false;
        }
        from += piece;
        size -= (size_t)piece;
        fcgi->answered += piece;
    }
    return true;
}

/* Whatever libfcgi still has for the connection would be waited for anew, as often as it tries. */
static bool give_up(const struct fcgi *fcgi)
{
    (void)shutdown(fcgi->request.ipcFd, SHUT_RDWR);
    return false;
}

static bool fcgi_send(struct transport *transport, const char *head, size_t head_size,
                      const char *body, size_t body_size)
{
    enum { TIMEOUT_MS = 30000 };
    struct fcgi *fcgi = fcgi_of(transport);
    if (head_size > 0) {
        set_timeout(fcgi, SO_SNDTIMEO, TIMEOUT_MS);
        fcgi->answering = monotonic_ms();
        fcgi->answered = 0;
        fcgi->earned = 0;
        fcgi->left = allowance(fcgi);
    }
    return (put(fcgi, head, head_size) && put(fcgi, body, body_size)) || give_up(fcgi);
}

static bool fcgi_finish(struct transport *transport)
{
    struct fcgi *fcgi = fcgi_of(transport);
    FCGX_Request *request = &fcgi->request;
    /* The end of the body has a record of its own, which would be in the way of the next request,
     * and which, unread, would make closing look like a failure to the web server. It comes at
     * once, however long the body took. */
    fcgi->waited = 0;
    drain(transport);
    bool sent = FCGX_FClose(request->err) == 0 || give_up(fcgi);
    sent = FCGX_FClose(request->out) == 0 && sent;
    if (!sent || !request->keepConnection || fcgi->body != BODY_COMES) {
        request->keepConnection = 0;
        (void)FCGX_Detach(request);
    }
    FCGX_Finish_r(request);
    return sent;
}

/* False when the client went away, or the process is to end. */
static bool let_pass(struct fcgi *fcgi, int64_t milliseconds)
{
    struct pollfd connection = {.fd = fcgi->request.ipcFd, .events = 0};
    return wait_for(fcgi, &connection, 1, milliseconds) == 0 && !told_to_end;
}

/* A request that only waits gives way to others, but not to one that is just being taken. */
static bool fcgi_sleep(struct transport *transport, int64_t milliseconds)
{
    enum { TAKEN_WITHIN_MS = 10 };
    struct fcgi *fcgi = fcgi_of(transport);
    if (milliseconds > TAKEN_WITHIN_MS && others_wait()) {
        if (!let_pass(fcgi, TAKEN_WITHIN_MS) || others_wait()) {
            return false;
        }
        milliseconds -= TAKEN_WITHIN_MS;
    }
    return let_pass(fcgi, milliseconds);
}

static void fcgi_log(struct transport *transport, const char *line)
{
    FCGX_Stream *err = fcgi_of(transport)->request.err;
    if (FCGX_PutS(line, err) >= 0) {
        (void)FCGX_PutChar('\n', err);
    }
}

/* ---- the process ------------------------------------------------------------------------------
 */

/* Kernels before 4.5 can't wake one process alone. */
static void take_turns(struct fcgi *fcgi)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    fcgi->turns = epoll_create1(EPOLL_CLOEXEC);
    if (fcgi->turns >= 0 && epoll_ctl(fcgi->turns, EPOLL_CTL_ADD, LISTENER, &event) != 0) {
        (void)close(fcgi->turns);
        fcgi->turns = -1;
    }
}

/* Before libfcgi has handlers of its own: one that comes meanwhile is still there later. */
static void block_signals(struct fcgi *fcgi)
{
    sigset_t ending;
    (void)sigemptyset(&ending);
    for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
        (void)sigaddset(&ending, ending_signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &ending, &fcgi->waiting);
    for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
        (void)sigdelset(&fcgi->waiting, ending_signals[i]);
    }
}

/* In the place of libfcgi's handlers. */
static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = note_end};
    for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
        (void)sigaction(ending_signals[i], &action, NULL);
    }
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = look_after;
    action.sa_flags = SA_RESTART; /* what it does not end goes on */
    (void)sigaction(SIGALRM, &action, NULL);
    sigset_t alarm_only;
    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &alarm_only, NULL); /* whoever started it may have blocked it */
}

struct transport *fcgi_open(void)
{
    struct fcgi *fcgi = calloc(1, sizeof *fcgi);
    if (fcgi == NULL) {
        return NULL;
    }
    /* FastCGI carries the body in records, of which an empty one is the end. */
    fcgi->transport = (struct transport){.delimits_body = true,
                                         .confines = true,
                                         .next = fcgi_next,
                                         .variable = fcgi_variable,
                                         .next_value = fcgi_next_value,
                                         .read_body = fcgi_read_body,
                                         .discard_body = fcgi_discard_body,
                                         .send = fcgi_send,
                                         .finish = fcgi_finish,
                                         .now_ms = process_now_ms,
                                         .sleep = fcgi_sleep,
                                         .random = process_random,
                                         .log = fcgi_log};
    block_signals(fcgi);
    /* Several processes wait at one socket, and all but one find that another took the connection.
     */
    int flags = fcntl(LISTENER, F_GETFL);
    if (FCGX_Init() != 0 ||
        FCGX_InitRequest(&fcgi->request, NO_LISTENER, FCGI_FAIL_ACCEPT_ON_INTR) != 0 || flags < 0 ||
        fcntl(LISTENER, F_SETFL, flags | O_NONBLOCK) != 0) {
        free(fcgi);
        return NULL;
    }
    process_note_program(&fcgi->program);
    take_turns(fcgi);
    handle_signals();
    return &fcgi->transport;
}

void fcgi_close(struct transport *transport)
{
    struct fcgi *fcgi = fcgi_of(transport);
    if (fcgi->request.ipcFd >= 0) {
        hang_up(fcgi);
    }
    if (fcgi->turns >= 0) {
        (void)close(fcgi->turns);
    }
    free(fcgi);
}
