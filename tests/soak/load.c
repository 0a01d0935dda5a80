/*
 * load.c - many writers at once against the programs, and an exact account of what was
 * acknowledged.
 *
 *   load PROGRAM TOKENS WRITERS WRITES [KILLS]
 *
 * PROGRAM is the path of the program data, run as a web server would, one process a request; its
 * settings come by CUBBY_CONF. TOKENS is a file of access tokens, one a line: writer N works for
 * user N modulo their number. Each writer owns some keys; it creates, updates, reads and deletes
 * them, WRITES writes in all. KILLS of 1000 writes are killed at a random moment. KILLS -1: PROGRAM
 * asks processes that somebody else kills, so that any request may stay without an answer.
 *
 * A write is acknowledged when its whole answer came. Whatever was acknowledged must be there at
 * the next read and at the end; a killed write may have happened or not. No answer may be a 5xx. At
 * the end the number of each user's last write must be that of the writes that happened: none lost,
 * none twice. Prints what happened; the exit status is 0 only when all of this held.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    USERS_MAXIMUM = 64,
    WRITERS_MAXIMUM = 256,
    KEYS = 8,
    ANSWER_ROOM = 8192,
    TOKEN_ROOM = 2048,
    TIMEOUT_MS = 600000 /* who is not answered at all is lost; who is slow is not */
};

/* Shared by all writers. */
struct totals {
    volatile int64_t acknowledged[USERS_MAXIMUM];
    volatile int64_t unknown[USERS_MAXIMUM]; /* killed before an answer */
    volatile int64_t reads;
    volatile int64_t killed;
    volatile int64_t faults;
};

struct key_state {
    int64_t value; /* 0: none */
    int64_t maybe; /* what a killed write may have put there; -1: nothing of that kind */
    int64_t version;
};

struct writer {
    int number;
    int user;
    uint64_t random;
    int64_t next_value;
    struct key_state keys[KEYS];
};

static const char *program;
static char tokens[USERS_MAXIMUM][TOKEN_ROOM];
static int user_count;
static int kills; /* -1: somebody else kills */
static struct totals *totals;

static uint32_t draw(struct writer *writer, uint32_t below)
{
    writer->random = writer->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(writer->random >> 33) % below;
}

__attribute__((format(printf, 2, 3))) static void fault(const struct writer *writer,
                                                        const char *format, ...)
{
    char line[1024];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(line, sizeof line, format, list);
    va_end(list);
    (void)fprintf(stderr, "writer %d: %s\n", writer->number, line);
    (void)__sync_add_and_fetch(&totals->faults, 1);
}

/* ---- one request ------------------------------------------------------------------------------
 */

struct answer {
    int status; /* 0: none came */
    char text[ANSWER_ROOM];
};

static pid_t start(char *const *variables, int input, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t child = -1;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    char *path = strdup(program);
    char *words[] = {path, NULL};
    if (path == NULL || posix_spawn(&child, program, &actions, NULL, words, variables) != 0) {
        child = -1;
    }
    free(path);
    (void)posix_spawn_file_actions_destroy(&actions);
    return child;
}

/* Reads the answer, or kills the program after TIMEOUT microseconds when that is not negative. */
static void collect(pid_t child, int output, int64_t timeout, struct answer *answer)
{
    size_t used = 0;
    ssize_t got = 1;
    struct pollfd ready = {.fd = output, .events = POLLIN};
    if (timeout >= 0) {
        const struct timespec pause = {.tv_nsec = timeout * 1000};
        (void)nanosleep(&pause, NULL);
        (void)kill(child, SIGKILL);
    }
    while (got > 0 && used < ANSWER_ROOM - 1 && poll(&ready, 1, TIMEOUT_MS) > 0) {
        got = read(output, answer->text + used, ANSWER_ROOM - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    answer->text[used] = '\0';
    static const char first[] = "Status: ";
    if (strncmp(answer->text, first, sizeof first - 1) == 0) {
        answer->status = (int)strtol(answer->text + sizeof first - 1, NULL, 10);
    }
    if (answer->status != 0 && (strstr(answer->text, "\r\n\r\n{") == NULL || used < 2 ||
                                strcmp(answer->text + used - 2, "}\n") != 0)) {
        answer->status = 0;
    }
}

static void ask(const struct writer *writer, const char *method, const char *path, const char *body,
                int64_t timeout, struct answer *answer)
{
    char conf[512], verb[64], address[128], authorization[TOKEN_ROOM + 64], length[64];
    (void)snprintf(conf, sizeof conf, "CUBBY_CONF=%s", getenv("CUBBY_CONF"));
    (void)snprintf(verb, sizeof verb, "REQUEST_METHOD=%s", method);
    (void)snprintf(address, sizeof address, "PATH_INFO=%s", path);
    (void)snprintf(authorization, sizeof authorization, "HTTP_AUTHORIZATION=Bearer %s",
                   tokens[writer->user]);
    (void)snprintf(length, sizeof length, "CONTENT_LENGTH=%zu", strlen(body));
    char *variables[] = {conf, verb, address, authorization, *body != '\0' ? length : NULL, NULL};
    *answer = (struct answer){0};
    int input[2];
    int output[2];
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) {
        fault(writer, "pipe: %s", strerror(errno));
        exit(1);
    }
    pid_t child = start(variables, input[0], output[1]);
    (void)close(input[0]);
    (void)close(output[1]);
    if (write(input[1], body, strlen(body)) < 0 && errno != EPIPE) {
        fault(writer, "write: %s", strerror(errno));
    }
    (void)close(input[1]);
    if (child < 0) {
        fault(writer, "the program can't be started");
    } else {
        collect(child, output[0], timeout, answer);
        (void)waitpid(child, NULL, 0);
    }
    (void)close(output[0]);
    if (answer->status >= 500) {
        fault(writer, "%s %s: %s", method, path, answer->text);
    }
}

static int64_t number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* ---- a writer ---------------------------------------------------------------------------------
 */

static void path_of(const struct writer *writer, int key, char *path, size_t size)
{
    (void)snprintf(path, size, "/w%d/k%d", writer->number, key);
}

/* Reads the key: what is there must be what was acknowledged last. */
static void check(struct writer *writer, int number)
{
    struct key_state *key = &writer->keys[number];
    char path[64];
    struct answer answer;
    path_of(writer, number, path, sizeof path);
    int tries = kills < 0 ? 100 : 1;
    do {
        ask(writer, "GET", path, "", -1, &answer);
    } while (answer.status == 0 && --tries > 0);
    (void)__sync_add_and_fetch(&totals->reads, 1);
    int64_t value = answer.status == 200 ? number_behind(answer.text, "\"value\":") : 0;
    bool known = value == key->value || (key->maybe >= 0 && value == key->maybe);
    if ((answer.status != 200 && answer.status != 404) || !known) {
        fault(writer, "%s: wanted %lld or %lld, got %d %s", path, (long long)key->value,
              (long long)key->maybe, answer.status, answer.text);
    }
    int64_t version = number_behind(answer.text, "\"version\":");
    if (answer.status == 200 && version < key->version) {
        fault(writer, "%s: version %lld after %lld", path, (long long)version,
              (long long)key->version);
    }
    if (key->maybe >= 0) {
        /* Now it is known whether the killed write happened. */
        (void)__sync_add_and_fetch(
            value == key->value ? &totals->killed : &totals->acknowledged[writer->user], 1);
        (void)__sync_sub_and_fetch(&totals->unknown[writer->user], 1);
        key->value = value;
        key->maybe = -1;
    }
}

static void put(struct writer *writer, int number)
{
    struct key_state *key = &writer->keys[number];
    char path[64];
    char body[128];
    struct answer answer;
    path_of(writer, number, path, sizeof path);
    int64_t value = ++writer->next_value;
    const char *method = key->value == 0 ? "POST" : draw(writer, 8) == 0 ? "DELETE" : "PUT";
    int wanted = key->value == 0 ? 201 : 200;
    body[0] = '\0';
    if (strcmp(method, "POST") == 0) {
        (void)snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":%lld}", path + 1,
                       (long long)value);
    } else if (strcmp(method, "PUT") == 0) {
        (void)snprintf(body, sizeof body, "{\"value\":%lld}", (long long)value);
    } else {
        value = 0;
    }
    bool kill_it = kills > 0 && (int)draw(writer, 1000) < kills;
    ask(writer, method, strcmp(method, "POST") == 0 ? "" : path, body,
        kill_it ? (int64_t)draw(writer, 4000) : -1, &answer);
    if (answer.status == wanted) {
        key->value = value;
        key->version = number_behind(answer.text, "\"version\":");
        (void)__sync_add_and_fetch(&totals->acknowledged[writer->user], 1);
    } else if ((kill_it || kills < 0) && answer.status == 0) {
        key->maybe = value;
        (void)__sync_add_and_fetch(&totals->unknown[writer->user], 1);
        check(writer, number); /* the very next request must work without help */
    } else {
        fault(writer, "%s %s: wanted %d, got %d %s", method, path, wanted, answer.status,
              answer.text);
    }
}

static int write_all(int number, int writes)
{
    static struct writer writer;
    writer = (struct writer){.number = number,
                             .user = number % user_count,
                             .random = (uint64_t)number * 7919 + (uint64_t)time(NULL)};
    for (int key = 0; key < KEYS; key++) {
        writer.keys[key].maybe = -1;
    }
    for (int i = 0; i < writes; i++) {
        put(&writer, (int)draw(&writer, KEYS));
        if (draw(&writer, 3) == 0) {
            check(&writer, (int)draw(&writer, KEYS));
        }
    }
    for (int key = 0; key < KEYS; key++) {
        check(&writer, key);
    }
    return 0;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

/* One write more of each user: its number tells how many there were. */
static void count_writes(void)
{
    for (int user = 0; user < user_count; user++) {
        struct writer last = {.number = -1, .user = user};
        struct answer answer;
        int tries = kills < 0 ? 100 : 1;
        do {
            ask(&last, "POST", "", "{\"key\":\"last\",\"value\":1}", -1, &answer);
            if (tries > 1 && strstr(answer.text, "KEY_EXISTS") != NULL) {
                /* The one before happened, but its process was killed before it could say so. */
                ask(&last, "GET", "/last", "", -1, &answer);
            }
        } while (answer.status == 0 && --tries > 0);
        int64_t version = number_behind(answer.text, "\"version\":");
        if ((answer.status != 201 && answer.status != 200) ||
            version != totals->acknowledged[user] + 1) {
            fault(&last, "user %d: %lld writes happened, but the next has number %lld", user,
                  (long long)totals->acknowledged[user], (long long)version);
        }
    }
}

static bool read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    while (file != NULL && user_count < USERS_MAXIMUM &&
           fgets(tokens[user_count], TOKEN_ROOM, file) != NULL) {
        tokens[user_count][strcspn(tokens[user_count], "\n")] = '\0';
        user_count++;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return user_count > 0;
}

int main(int argc, char **argv)
{
    if (argc < 5 || getenv("CUBBY_CONF") == NULL) {
        (void)fputs("usage: CUBBY_CONF=FILE load PROGRAM TOKENS WRITERS WRITES [KILLS]\n", stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    program = argv[1];
    int writers = (int)strtol(argv[3], NULL, 10);
    int writes = (int)strtol(argv[4], NULL, 10);
    kills = argc > 5 ? (int)strtol(argv[5], NULL, 10) : 0;
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED || !read_tokens(argv[2]) || writers > WRITERS_MAXIMUM) {
        (void)fputs("load: no tokens, or too many writers\n", stderr);
        return 2;
    }
    struct timespec from;
    struct timespec to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < writers; i++) {
        if (fork() == 0) {
            exit(write_all(i, writes));
        }
    }
    int status;
    while (wait(&status) > 0) {
        if (status != 0) {
            (void)__sync_add_and_fetch(&totals->faults, 1);
        }
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    count_writes();
    int64_t happened = 0;
    for (int user = 0; user < user_count; user++) {
        happened += totals->acknowledged[user];
    }
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf(
        "%lld writes, %lld reads, %lld killed without effect, %lld faults, %.1f s, %.0f writes/s\n",
        (long long)happened, (long long)totals->reads, (long long)totals->killed,
        (long long)totals->faults, seconds, (double)happened / seconds);
    return totals->faults == 0 && happened > 0 ? 0 : 1;
}
