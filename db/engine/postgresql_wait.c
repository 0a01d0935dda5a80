/*
 * postgresql_wait.c - waiting for a server, and giving up.
 *
 * Every wait has an end. libpq waits connect_timeout for each host; the server gives up a lock
 * after lock_timeout and a statement after statement_timeout, which are set for each transaction
 * (postgresql.c) and thus hold behind a pooler too; and who is silent for longer than both is given
 * up here. Only a commit has no limit in the server, where it may wait for copies without end: it
 * is cancelled when it is given up, as what is left behind would fill the server with connections.
 * The kernel gives up a server that does not acknowledge what was sent (tcp_user_timeout).
 *
 * The operator's tool waits as long as it takes. Who interrupts it must not leave behind a server
 * that goes on, with the lock that keeps all programs from writing: so the server is told to end
 * what it does, and what it then says is waited for.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "db/engine/postgresql_connection.h"

/* Milliseconds that a server may be silent beyond the patience of the request. */
enum { SILENCE_MS = 10000 };

/* Milliseconds that the request to cancel something may take until nobody waits for it any more. */
enum { CANCEL_MS = 2000 };

/* Milliseconds after which an encrypted connection is looked at again: see postgresql_wait. */
enum { ENCRYPTED_MS = 50 };

/* ---- cancelling */

static void *send_cancel(void *request)
{
    char problem[256];
    (void)PQcancel(request, problem, sizeof problem);
    PQfreeCancel(request);
    return NULL;
}

/* libpq waits for that request as long as the system lets it: so a thread of its own does, for
 * which nobody waits long. */
void postgresql_cancel(const struct db_connection *connection)
{
    PGcancel *request = PQgetCancel(connection->handle);
    if (request == NULL) {
        return;
    }
    struct timespec end;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += CANCEL_MS / 1000;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's thread */
    int problem = pthread_create(&thread, NULL, send_cancel, request);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (problem != 0) {
        PQfreeCancel(request);
    } else if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end) != 0) {
        (void)pthread_detach(thread);
    }
}

/* ---- the operator's signals */

static volatile sig_atomic_t signalled;

static void note_signal(int number)
{
    signalled = number;
}

/* poll, in which the signals that end the tool are noted. They are let in nowhere else meanwhile,
 * so that none is missed; those that are ignored stay so. */
static int poll_and_note(struct pollfd *socket, int most)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    const struct sigaction noting = {.sa_handler = note_signal};
    struct sigaction before[COUNT];
    const struct timespec time = {.tv_sec = most / 1000, .tv_nsec = most % 1000 * 1000000L};
    sigset_t noted;
    sigset_t mask;
    (void)sigemptyset(&noted);
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaddset(&noted, numbers[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &noted, &mask);
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) {
            (void)sigaction(numbers[i], &noting, NULL);
        }
    }
    int ready = ppoll(socket, 1, most < 0 ? NULL : &time, &mask);
    int problem = errno;
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(numbers[i], &before[i], NULL);
    }
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    errno = problem;
    return ready;
}

/* ---- waiting */

static bool is_encrypted(PGconn *handle)
{
    return PQsslInUse(handle) != 0 || PQgssEncInUse(handle) != 0;
}

/* How long to sleep at most, in milliseconds; -1: until something comes, 0: the time is over. */
static int longest_sleep(const struct db_connection *connection, int64_t end)
{
    bool endless = connection->operates && !connection->interrupted;
    int64_t left = endless ? INT32_MAX : end - monotonic_ms();
    if (left <= 0) {
        return 0;
    }
    if (is_encrypted(connection->handle)) {
        return left < ENCRYPTED_MS ? (int)left : ENCRYPTED_MS;
    }
    return endless ? -1 : (int)left;
}

/* Sleeps until something comes, or can be sent. False when the connection is lost. */
static bool sleep_on(struct db_connection *connection, struct pollfd *socket, int most)
{
    int ready = connection->operates ? poll_and_note(socket, most) : poll(socket, 1, most);
    if (ready < 0) {
        socket->revents = 0;
    }
    if (ready < 0 && errno != EINTR) {
        (void)postgresql_lose(connection, strerror(errno));
        return false;
    }
    return true;
}

/* What comes encrypted is read in whole records of up to 16 KiB, of which libpq may take a part:
 * the rest waits where poll does not see it. So it is asked for before each sleep, and no sleep is
 * long. */
enum db_class postgresql_wait(struct db_connection *connection, bool wanted)
{
    int64_t end = monotonic_ms() + connection->patience + SILENCE_MS;
    PGconn *handle = connection->handle;
    bool encrypted = is_encrypted(handle);
    bool comes = encrypted;
    for (;;) {
        int unsent = PQflush(handle);
        if (wanted ? PQisBusy(handle) == 0 : unsent <= 0) {
            return DB_OK;
        }
        if (comes && PQconsumeInput(handle) == 0) {
            return postgresql_lose(connection, PQerrorMessage(handle));
        }
        if (comes && wanted && PQisBusy(handle) == 0) {
            return DB_OK;
        }
        struct pollfd socket = {.fd = PQsocket(handle),
                                .events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN)};
        int most = longest_sleep(connection, end);
        if (most == 0) {
            (void)postgresql_lose(connection, "the server does not answer");
            return DB_BUSY;
        }
        if (!sleep_on(connection, &socket, most)) {
            return DB_AGAIN;
        }
        if (signalled != 0) {
            signalled = 0;
            connection->interrupted = true;
            postgresql_cancel(connection);
            end = monotonic_ms() + SILENCE_MS;
        }
        comes = encrypted || (socket.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    }
}
