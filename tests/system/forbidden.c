/*
 * forbidden.c - a program as the others, but that its handler tries what no program may: it plays
 * one that somebody has taken over. Built for the tests only, and never installed.
 *
 * GET /?try=WHAT&at=PATH answers with what came of it: "works", or the name of the error. Started
 * as `forbidden-reader` it has no route that writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "cgi-bin/shared/store.h"
#include "common/sandbox/landlock.h"
#include "common/serve/parameters.h"
#include "common/serve/serve.h"
#include "db/engine/db.h"

struct asked {
    struct text what;
    struct text at;
};

/* Each returns a negative number when it failed, with errno. */
static int closed(int file)
{
    return file >= 0 ? close(file) : -1;
}

static int try_read(const char *at)
{
    return closed(open(at, O_RDONLY));
}

static int try_write(const char *at)
{
    return closed(open(at, O_WRONLY));
}

static int try_update(const char *at)
{
    return closed(open(at, O_RDWR));
}

/* As a line is added to the log. */
static int try_append(const char *at)
{
    return closed(open(at, O_WRONLY | O_APPEND | O_CREAT, 0600));
}

static int try_create(const char *at)
{
    return closed(open(at, O_WRONLY | O_CREAT | O_EXCL, 0600));
}

/* One that others could execute with the rights of its owner. */
static int try_make_program(const char *at)
{
    return closed(open(at, O_WRONLY | O_CREAT | O_EXCL, 04755));
}

static int try_temporary_program(const char *at)
{
    return closed(open(at, O_WRONLY | O_TMPFILE, 04755));
}

static int try_mark_program(const char *at)
{
    int file = open(at, O_RDONLY);
    int done = file >= 0 ? fchmod(file, 04755) : -1;
    return file >= 0 && close(file) == 0 ? done : -1;
}

/* Takes a folder away from its owner and others, for as long as it is tried. */
static int try_close_folder(const char *at)
{
    int folder = open(at, O_RDONLY | O_DIRECTORY);
    int done = folder >= 0 ? fchmod(folder, 0) : -1;
    if (done == 0) {
        (void)fchmod(folder, 0700);
    }
    int problem = errno;
    (void)closed(folder);
    errno = problem;
    return done;
}

/* Of the web server's log, which is standard error: all lines, the first byte, where the next one
 * goes, the mode and the owner. */
static int try_empty_log(const char *at)
{
    (void)at;
    return ftruncate(STDERR_FILENO, 0);
}

static int try_overwrite_log(const char *at)
{
    (void)at;
    return (int)pwrite(STDERR_FILENO, "#", 1, 0);
}

static int try_rewind_log(const char *at)
{
    (void)at;
    return (int)lseek(STDERR_FILENO, 0, SEEK_SET);
}

static int try_mode_of_log(const char *at)
{
    (void)at;
    return fchmod(STDERR_FILENO, 0600);
}

static int try_owner_of_log(const char *at)
{
    (void)at;
    return fchown(STDERR_FILENO, getuid(), (gid_t)-1);
}

static int try_remove(const char *at)
{
    return unlink(at);
}

/* Of a file that is open for writing elsewhere too, so without opening it. */
static int try_truncate(const char *at)
{
    return truncate(at, 0);
}

static int try_folder(const char *at)
{
    return mkdir(at, 0700);
}

static int try_remove_folder(const char *at)
{
    return rmdir(at);
}

static int try_fifo(const char *at)
{
    return mkfifo(at, 0600);
}

/* /dev/null by another name. */
static int try_device(const char *at)
{
    return mknod(at, S_IFCHR | 0600, makedev(1, 3));
}

/* A plain file that is made without being opened. */
static int try_make_file(const char *at)
{
    return mknod(at, S_IFREG | 0600, 0);
}

/* The first disk that is made of a file, by another name. */
static int try_block_device(const char *at)
{
    return mknod(at, S_IFBLK | 0600, makedev(7, 0));
}

/* Asks the device AT what only a terminal can tell; that it is none is an answer. */
static int try_ask_device(const char *at)
{
    struct termios answer;
    int device = open(at, O_WRONLY);
    int done = device >= 0 && (tcgetattr(device, &answer) == 0 || errno == ENOTTY) ? 0 : -1;
    int problem = errno;
    (void)closed(device);
    errno = problem;
    return done;
}

static int try_rename(const char *at)
{
    char to[4096];
    (void)snprintf(to, sizeof to, "%s.renamed", at);
    return rename(at, to);
}

static int try_link(const char *at)
{
    return symlink("/etc/passwd", at);
}

static int try_mode(const char *at)
{
    return chmod(at, 0666);
}

static int try_execute(const char *at)
{
    char *const none[] = {NULL};
    return execve(at, none, none);
}

/* A program that lies in memory alone, where Landlock does not look. It is empty: who may execute
 * it is told ENOEXEC. */
static int try_execute_memory(const char *at)
{
    (void)at;
    char *const none[] = {NULL};
    int file = memfd_create("program", 0);
    return file >= 0 ? fexecve(file, none, none) : -1;
}

static int try_fork(const char *at)
{
    (void)at;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child > 0 ? 0 : -1; /* nobody waits for it: that is refused in any case */
}

static int try_socket(const char *at)
{
    (void)at;
    return closed(socket(AF_INET, SOCK_DGRAM, 0));
}

/* To a port of this machine: refused by nobody there, or by the kernel. */
static int try_connect(const char *at)
{
    (void)at;
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    return connection < 0 ? -1 : connect(connection, (const void *)&to, sizeof to);
}

/* To the port AT of this machine without connect(2): by what goes with the first data (TCP fast
 * open), over a socket of its own, or over the one that the process was given, which is no listener
 * any more when it was shut down. */
static int try_fast_open(const char *at)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)strtoul(at, NULL, 10)),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0) {
        connection = STDIN_FILENO;
        (void)shutdown(connection, SHUT_RD);
    }
    return (int)sendto(connection, "x", 1, MSG_FASTOPEN, (const void *)&to, sizeof to);
}

static int try_shut_down(const char *at)
{
    (void)at;
    return shutdown(STDIN_FILENO, SHUT_RD);
}

/* Of the socket that the process was given, another option than a timeout. */
static int try_option(const char *at)
{
    (void)at;
    return setsockopt(STDIN_FILENO, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
}

static int try_listen(const char *at)
{
    (void)at;
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    return listener < 0 ? -1 : bind(listener, (const void *)&any, sizeof any);
}

/* A socket of this machine, with a name in a folder. */
static int try_name(const char *at)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", at);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    return listener < 0 ? -1 : bind(listener, (const void *)&name, sizeof name);
}

/* A process that listens under a name which is in no folder (unix(7), abstract). */
static int try_abstract(const char *at)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s", at);
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at));
    return connection < 0 ? -1 : connect(connection, (const void *)&name, length);
}

static int try_trace(const char *at)
{
    (void)at;
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_signal(const char *at)
{
    (void)at;
    return kill(getppid(), 0);
}

/* Has the kernel send it a signal when something happens to a file. */
static int try_owner(const char *at)
{
    (void)at;
    return fcntl(STDERR_FILENO, F_SETOWN, getppid());
}

/* The same, of a connection, where one can be made. */
static int try_owner_of_socket(const char *at)
{
    (void)at;
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    return ioctl(connection >= 0 ? connection : STDERR_FILENO, FIOSETOWN, &(pid_t){getppid()});
}

/* And makes that another one than the usual. */
static int try_owner_signal(const char *at)
{
    (void)at;
    return fcntl(STDERR_FILENO, F_SETSIG, SIGKILL);
}

static int try_asynchronous(const char *at)
{
    (void)at;
    return fcntl(STDERR_FILENO, F_SETFL, O_APPEND | O_ASYNC);
}

static int try_duplicate(const char *at)
{
    (void)at;
    return closed(fcntl(STDERR_FILENO, F_DUPFD, 100));
}

/* Whether the descriptor AT, which whoever started the program had open, is still. */
static int try_inherited(const char *at)
{
    return fcntl((int)strtol(at, NULL, 10), F_GETFD);
}

static int try_code(const char *at)
{
    (void)at;
    void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? 0 : -1;
}

static int try_make_code(const char *at)
{
    (void)at;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? mprotect(memory, 4096, PROT_READ | PROT_EXEC) : -1;
}

static int try_dumpable(const char *at)
{
    (void)at;
    return prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L);
}

/* Whether others of the same user could look into this process. */
static int try_look_into(const char *at)
{
    (void)at;
    errno = EACCES;
    return prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) == 1 ? 0 : -1;
}

/* Another process's limits. */
static int try_limits(const char *at)
{
    (void)at;
    return prlimit(getppid(), RLIMIT_CORE, NULL, &(struct rlimit){0});
}

/* 3 GiB of memory, which are never touched. */
static int take_memory(int kind)
{
    enum { PIECE = 1 << 28, PIECES = 12 };
    for (int i = 0; i < PIECES; i++) {
        if (mmap(NULL, PIECE, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                 0) == MAP_FAILED) {
            return -1;
        }
    }
    return 0;
}

static int try_memory(const char *at)
{
    (void)at;
    return take_memory(MAP_PRIVATE);
}

static int try_shared_memory(const char *at)
{
    (void)at;
    return take_memory(MAP_SHARED);
}

/* A byte behind two TiB. */
static int try_size(const char *at)
{
    int file = open(at, O_WRONLY);
    return file >= 0 ? (int)pwrite(file, "", 1, (off_t)1 << 41) - 1 : -1;
}

static const struct attempt {
    const char *name;
    int (*make)(const char *at);
} attempts[] = {{"read", try_read},
                {"write", try_write},
                {"create", try_create},
                {"remove", try_remove},
                {"truncate", try_truncate},
                {"folder", try_folder},
                {"fifo", try_fifo},
                {"remove-folder", try_remove_folder},
                {"make-file", try_make_file},
                {"device", try_device},
                {"block-device", try_block_device},
                {"ask-device", try_ask_device},
                {"rename", try_rename},
                {"link", try_link},
                {"mode", try_mode},
                {"execute", try_execute},
                {"execute-memory", try_execute_memory},
                {"fork", try_fork},
                {"socket", try_socket},
                {"connect", try_connect},
                {"listen", try_listen},
                {"name", try_name},
                {"trace", try_trace},
                {"abstract", try_abstract},
                {"signal", try_signal},
                {"code", try_code},
                {"limits", try_limits},
                {"make-code", try_make_code},
                {"memory", try_memory},
                {"dumpable", try_dumpable},
                {"size", try_size},
                {"look-into", try_look_into},
                {"update", try_update},
                {"append", try_append},
                {"fast-open", try_fast_open},
                {"option", try_option},
                {"shut-down", try_shut_down},
                {"owner", try_owner},
                {"owner-signal", try_owner_signal},
                {"owner-of-socket", try_owner_of_socket},
                {"duplicate", try_duplicate},
                {"asynchronous", try_asynchronous},
                {"make-program", try_make_program},
                {"mark-program", try_mark_program},
                {"temporary-program", try_temporary_program},
                {"inherited", try_inherited},
                {"close-folder", try_close_folder},
                {"empty-log", try_empty_log},
                {"overwrite-log", try_overwrite_log},
                {"rewind-log", try_rewind_log},
                {"mode-of-log", try_mode_of_log},
                {"owner-of-log", try_owner_of_log},
                {"shared-memory", try_shared_memory}};

static const char *name_of(int problem)
{
    switch (problem) {
    case EACCES:
        return "EACCES";
    case EPERM:
        return "EPERM";
    case ENOSYS:
        return "ENOSYS";
    case ENOMEM:
        return "ENOMEM";
    case EFBIG:
        return "EFBIG";
    default:
        return strerror(problem);
    }
}

static enum error_code try_it(struct call *call)
{
    struct asked asked = {.at = text_of("")};
    enum error_code error = parameters_read(call, &asked);
    if (error != ERR_NONE) {
        return error;
    }
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (strcmp(asked.what.at, attempts[i].name) == 0) {
            bool done = attempts[i].make(asked.at.at) >= 0;
            response_text(&call->response, "outcome", done ? "works" : name_of(errno));
            const char *sandbox = call_sandbox(call);
            response_raw(&call->response, "sandbox", sandbox, strlen(sandbox));
            response_integer(&call->response, "landlock", landlock_version());
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

static const struct parameter parameters[] = {
    {"try", PARAMETER_TEXT, offsetof(struct asked, what), 0, 0, NULL},
    {"at", PARAMETER_TEXT, offsetof(struct asked, at), 0, 0, NULL},
    PARAMETERS_END};

static const struct route reading[] = {{HTTP_GET, "", 0, ERR_NONE, try_it, parameters}};
static const struct route writing[] = {{HTTP_GET, "", ROUTE_WRITES, ERR_NONE, try_it, parameters}};

static const struct db_role role = {NULL, 0};

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    bool reads = slash != NULL && strcmp(slash, "/forbidden-reader") == 0;
    const struct program program = {.name = "forbidden",
                                    .routes = reads ? reading : writing,
                                    .route_count = 1,
                                    .store = &database_store,
                                    .store_role = &role};
    return cgi_main(&program);
}
