/*
 * drafts.c - drafts, and deleting them whatever ends the tool.
 */
#include "db/tool/drafts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/settings/paths.h"
#include "db/tool/files.h"
#include "db/tool/way.h"

/* Those that end a process unless they are handled, but SIGKILL, and SIGPIPE and SIGXFSZ, which the
 * tool ignores: a limit of processor time, somebody's kill, a fault of the tool. Some architectures
 * have SIGEMT in the place of SIGSTKFLT. */
static const int ending_signals[] = {SIGINT,    SIGTERM, SIGHUP,  SIGQUIT,   SIGXCPU, SIGUSR1,
                                     SIGUSR2,   SIGALRM, SIGPROF, SIGVTALRM, SIGPOLL, SIGPWR,
                                     SIGABRT,   SIGSEGV, SIGBUS,  SIGFPE,    SIGILL,  SIGSYS,
#ifdef SIGSTKFLT
                                     SIGSTKFLT,
#endif
#ifdef SIGEMT
                                     SIGEMT,
#endif
                                     SIGTRAP};

/* The draft, and what SQLite makes beside a database. */
enum { NAMES = 1 + CONFIG_COMPANIONS_OF_SQLITE };

/* Globals, because a signal handler gets no argument of ours. Names are in the folder; NULL: none.
 */
static volatile int folder = -1;
static const char *volatile names[NAMES];
static const char *volatile second_names[NAMES];
static volatile uid_t owner;

static int file = -1;
static const char *shown; /* the path of the draft, for messages */
static bool has_name;

static void delete_names(const char *volatile list[NAMES])
{
    for (int i = 0; i < NAMES; i++) {
        if (list[i] != NULL) {
            (void)unlinkat(folder, list[i], 0);
        }
    }
}

static void forget_names(const char *volatile list[NAMES])
{
    for (int i = 0; i < NAMES; i++) {
        list[i] = NULL;
    }
}

static void delete_and_end(int signal_number)
{
    if (geteuid() == owner || seteuid(owner) == 0) {
        delete_names(names);
        delete_names(second_names);
    }
    _exit(128 + signal_number);
}

/* Those above and, which end a process as well, those for real time. */
static void fill_ending(sigset_t *ending)
{
    (void)sigemptyset(ending);
    for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
        (void)sigaddset(ending, ending_signals[i]);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        (void)sigaddset(ending, number);
    }
}

void draft_hold_signals(sigset_t *before)
{
    sigset_t ending;
    fill_ending(&ending);
    (void)sigprocmask(SIG_BLOCK, &ending, before);
}

void draft_release_signals(const sigset_t *before)
{
    (void)sigprocmask(SIG_SETMASK, before, NULL);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = delete_and_end};
    struct sigaction before;
    sigset_t ending;
    fill_ending(&ending);
    for (int number = 1; number <= SIGRTMAX; number++) {
        /* What is ignored, as after nohup, stays so, and so does what a sanitizer handles. */
        if (sigismember(&ending, number) == 1 && sigaction(number, NULL, &before) == 0 &&
            before.sa_handler == SIG_DFL) {
            (void)sigaction(number, &action, NULL);
        }
    }
}

/* Makes the file of that PATH, in the folder that is open, and notes the names of it in LIST.
 * Returns it, open, or -1 after a message. */
static int make_file(struct tool *tool, const char *path, const char *volatile list[NAMES])
{
    const char *all[NAMES];
    for (int i = 0; i < NAMES; i++) {
        all[i] = arena_printf(&tool->arena, "%s%s", paths_last_name(path),
                              i == 0 ? "" : config_companions[i - 1]);
        if (all[i] == NULL) {
            (void)tool_out_of_memory(tool);
            return -1;
        }
    }
    sigset_t before;
    draft_hold_signals(&before);
    int made = openat(folder, all[0], O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int problem = errno;
    for (int i = 0; i < NAMES && made >= 0; i++) {
        list[i] = all[i];
    }
    owner = geteuid();
    catch_signals();
    draft_release_signals(&before);
    if (made < 0) {
        (void)tool_fail(tool, "%s: %s", path, strerror(problem));
    }
    return made;
}

static void close_all(void)
{
    if (file >= 0) {
        (void)close(file);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    file = -1;
    folder = -1;
}

/* Opens the folder of PATH. */
static int open_folder(struct tool *tool, const char *path)
{
    struct way way;
    const char *directory = file_directory(tool, path);
    const char *itself = directory != NULL ? arena_printf(&tool->arena, "%s/.", directory) : NULL;
    if (itself == NULL) {
        return tool_out_of_memory(tool);
    }
    if (way_take(itself, &way) != 0 || !way.exists) {
        return tool_fail(tool, "%s: %s", directory, strerror(way.folder < 0 ? errno : ENOENT));
    }
    uid_t who;
    bool safe = way_is_safe(&way, &who);
    folder = way.folder;
    /* Who may write there can put a journal beside it, which SQLite would play back. */
    bool shared = (way.file.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    has_name = !shared && (geteuid() != 0 || (safe && way_owner(&way) == 0));
    /* In one that many may write to, others can replace what lies there, but not the way. */
    return geteuid() != 0 || safe || way_are_many(who)
               ? TOOL_DONE
               : tool_fail(tool, "%s: %s", directory, file_way_fault(tool, &way, who));
}

int draft_make(struct tool *tool, const char *path)
{
    int status = open_folder(tool, path);
    if (status == TOOL_DONE) {
        shown = path;
        file = make_file(tool, path, names);
        status = file >= 0 ? TOOL_DONE : TOOL_FAILED;
    }
    if (status != TOOL_DONE) {
        close_all();
    }
    return status;
}

int draft_file(void)
{
    return file;
}

bool draft_has_name(void)
{
    return has_name;
}

int draft_sync(struct tool *tool)
{
    if (file < 0) {
        return TOOL_FAILED;
    }
    tool_step(tool, "writing %s to the disk", shown);
    return fsync(file) == 0 ? TOOL_DONE : tool_fail(tool, "%s: %s", shown, strerror(errno));
}

int draft_place(struct tool *tool, const char *path, bool over)
{
    int status = draft_sync(tool);
    if (status != TOOL_DONE) {
        return status;
    }
    const char *to = paths_last_name(path);
    if ((over ? renameat(folder, names[0], folder, to) : file_name_new_in(folder, names[0], to)) !=
        0) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    forget_names(names);
    int readable = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (readable < 0 || fsync(readable) != 0) {
        status = tool_fail(tool, "the folder of %s: %s", path, strerror(errno));
    }
    if (readable >= 0) {
        (void)close(readable);
    }
    close_all();
    return status;
}

void draft_drop(void)
{
    delete_names(names);
    forget_names(names);
    close_all();
}

int draft_make_second(struct tool *tool, const char *path)
{
    int made = make_file(tool, path, second_names);
    return made >= 0 && close(made) == 0 ? TOOL_DONE : TOOL_FAILED;
}

void draft_drop_second(void)
{
    delete_names(second_names);
    forget_names(second_names);
}
