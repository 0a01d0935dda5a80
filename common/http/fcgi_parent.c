/*
 * fcgi_parent.c - holds the socket while the program that serves there ends and begins. It reads
 * nothing of what comes from outside.
 */
#include "common/http/fcgi_parent.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/http/process.h"

enum { PATH_ROOM = 4096, PAUSE_MS = 250 };

/* Whoever started the program may ignore them: nothing would tell then that a child has ended, and
 * the child would not end with its parent. */
static const int awaited[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP, SIGCHLD};

static bool is_wanted(void)
{
    const char *value = process_variable(NULL, "CUBBY_KEEP");
    return value != NULL && strcmp(value, "yes") == 0;
}

/* Until CHILD has ended; passes on what is to end it. Whether that came. Its number is its own
 * until waitpid tells of its end, or says that there is no such child. */
static bool wait_for_child(pid_t child, const sigset_t *signals, int *status)
{
    bool told = false;
    for (;;) {
        int number = sigwaitinfo(signals, NULL);
        bool tells = number > 0 && number != SIGCHLD;
        told = told || tells;
        if (waitpid(child, status, WNOHANG) != 0) {
            return told;
        }
        if (tells) {
            (void)kill(child, SIGTERM);
        }
    }
}

/* Lets the program begin again; its file may be another one by now, of an upgrade. Returns if it
 * can't, or is told to end. What crashes, or ends as soon as it has begun, is not started in a
 * hurry.
 */
static void start_anew(char *program, const sigset_t *signals, bool at_once)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    char *const words[] = {program, NULL};
    if (at_once || sigtimedwait(signals, NULL, &pause) < 0) {
        (void)execv(program, words);
    }
}

bool fcgi_parent_is(void)
{
    sigset_t signals;
    sigset_t before;
    char program[PATH_ROOM];
    ssize_t length = is_wanted() ? readlink("/proc/self/exe", program, sizeof program - 1) : -1;
    if (length < 0) {
        return false;
    }
    program[length] = '\0';
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof awaited / sizeof *awaited; i++) {
        (void)sigaddset(&signals, awaited[i]);
        (void)signal(awaited[i], SIG_DFL);
    }
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    const pid_t parent = getpid();
    pid_t child = fork();
    if (child > 0) {
        int status = 0;
        const int64_t began = monotonic_ms();
        if (!wait_for_child(child, &signals, &status)) {
            start_anew(program, &signals, status == 0 && monotonic_ms() - began > PAUSE_MS);
        }
        return true;
    }
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, (long)SIGTERM, 0L, 0L, 0L);
        if (getppid() != parent) {
            (void)raise(SIGTERM); /* nobody would tell it to end; pending until it waits */
        }
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return false;
}
