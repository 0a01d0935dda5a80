/*
 * http_curl.c - one HTTP/1.1 request over TLS, by the program curl of the system.
 */
#include "db/tool/http_curl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/text.h"

enum { ARGUMENTS_MAXIMUM = 48, ERRORS_MAXIMUM = 300 };

struct arguments {
    struct arena *arena;
    char *at[ARGUMENTS_MAXIMUM + 1];
    size_t count;
    bool full; /* too many, or out of memory */
};

static void add(struct arguments *arguments, const char *text)
{
    bool fits = text != NULL && arguments->count < ARGUMENTS_MAXIMUM;
    char *copy = fits ? arena_copy(arguments->arena, text, strlen(text)) : NULL;
    arguments->full = arguments->full || copy == NULL;
    arguments->at[arguments->count] = copy;
    arguments->count += copy != NULL ? 1 : 0;
}

static void add_headers(struct arguments *arguments, const char *lines)
{
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\r\n");
        add(arguments, "--header");
        add(arguments, arena_copy(arguments->arena, lines, size));
        lines += size;
        lines += strspn(lines, "\r\n");
    }
}

static void make_arguments(struct arguments *arguments, const struct http_url *url,
                           const struct http_request *request)
{
    struct arena *arena = arguments->arena;
    /* -q must be the first option: it ignores the user's curl settings. The answer is printed as
     * the server sent it, to be parsed like one over plain TCP. */
    static const char *const always[] = {
        "curl",  "-q",        "--silent",  "--show-error", "--include",
        "--raw", "--http1.1", "--globoff", "--path-as-is", "--noproxy",
        "*",     "--header",  "Expect:",   "--user-agent", "cubby-doctor"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        add(arguments, always[i]);
    }
    add(arguments, "--max-time");
    add(arguments, arena_printf(arena, "%d", HTTP_CLIENT_TIMEOUT_MS / 1000));
    add(arguments, "--connect-to");
    add(arguments, arena_printf(arena, strchr(url->host, ':') != NULL ? "::[%s]:%s" : "::%s:%s",
                                url->host, url->port));
    add(arguments, "--request");
    add(arguments, request->method);
    add_headers(arguments, request->headers);
    if (request->body != NULL) {
        add(arguments, "--data-binary");
        add(arguments, "@-");
    }
    add(arguments, "--url");
    add(arguments, arena_printf(arena, "https://%s%s", url->authority, request->path));
    arguments->at[arguments->count] = NULL;
}

static void close_files(struct http_curl *curl)
{
    if (curl->body != NULL) {
        (void)fclose(curl->body);
    }
    if (curl->errors != NULL) {
        (void)fclose(curl->errors);
    }
    if (curl->answer >= 0) {
        (void)close(curl->answer);
    }
}

/* Creates the files for the body and for curl's messages. 0, or an errno. */
static int make_files(const struct http_request *request, struct http_curl *curl)
{
    curl->errors = tmpfile();
    if (curl->errors == NULL || request->body == NULL) {
        return curl->errors != NULL ? 0 : errno;
    }
    curl->body = tmpfile();
    bool good = curl->body != NULL &&
                fwrite(request->body, 1, request->body_size, curl->body) == request->body_size &&
                fflush(curl->body) == 0 && lseek(fileno(curl->body), 0, SEEK_SET) == 0;
    return good         ? 0
           : errno != 0 ? errno
                        : EIO; /* never 0, which would mean that no process was started */
}

/* 0, or an errno. */
static int spawn(struct http_curl *curl, const struct arguments *arguments)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    curl->answer = ends[0];
    posix_spawn_file_actions_t actions;
    int problem = posix_spawn_file_actions_init(&actions);
    if (problem == 0) {
        problem = curl->body != NULL
                      ? posix_spawn_file_actions_adddup2(&actions, fileno(curl->body), STDIN_FILENO)
                      : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                                         O_RDONLY, 0);
        if (problem == 0) {
            problem = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        }
        if (problem == 0) {
            problem =
                posix_spawn_file_actions_adddup2(&actions, fileno(curl->errors), STDERR_FILENO);
        }
        if (problem == 0) {
            problem = posix_spawnp(&curl->process, "curl", &actions, NULL, arguments->at, environ);
        }
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(ends[1]);
    return problem;
}

const char *http_curl_start(struct arena *arena, const struct http_url *url,
                            const struct http_request *request, struct http_curl *curl)
{
    *curl = (struct http_curl){.answer = -1};
    struct arguments arguments = {.arena = arena};
    make_arguments(&arguments, url, request);
    if (arguments.full) {
        return "out of memory";
    }
    int problem = make_files(request, curl);
    if (problem == 0) {
        problem = spawn(curl, &arguments);
    }
    if (problem == 0) {
        return NULL;
    }
    close_files(curl);
    return problem == ENOENT ? "https:// is asked by the program curl, which is not installed; "
                               "install it, or, on the machine itself, give its http:// address"
                             : arena_printf(arena, "curl: %s", strerror(problem));
}

const char *http_curl_end(struct arena *arena, struct http_curl *curl)
{
    char said[ERRORS_MAXIMUM];
    int status;
    (void)kill(curl->process, SIGKILL); /* it has ended, or took too long */
    while (waitpid(curl->process, &status, 0) < 0 && errno == EINTR) {
    }
    ssize_t size = pread(fileno(curl->errors), said, sizeof said, 0);
    close_files(curl);
    size_t used = 0;
    while (size > 0 && used < (size_t)size && said[used] != '\n') {
        used++;
    }
    struct text line = {.at = said, .size = used};
    return used == 0 || text_has_control(line) ? NULL : arena_copy(arena, said, used);
}
