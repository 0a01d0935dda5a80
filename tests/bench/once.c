/*
 * once.c - what one execution of a program costs, from spawn to exit.
 *
 *   once ROUNDS EACH LABEL PROGRAM ENVIRONMENT INPUT [LABEL PROGRAM ENVIRONMENT INPUT]…
 *
 * ENVIRONMENT is a file of NAME=VALUE lines, INPUT the program's standard input, each may be
 * /dev/null; an INPUT that ends in a slash is a folder of files 1, 2, 3…, one for each of the
 * ROUNDS * EACH + 1 executions. Standard output is thrown away. In every round each program runs
 * EACH times in a row, so that whatever else the machine does falls on all of them alike. Prints a
 * line of tab-separated fields per program: label, microseconds by the clock (fastest round,
 * median, slowest but for a tenth), microseconds of processor time in the child (fastest round,
 * median), page faults, peak memory in KiB, worst exit status.
 *
 * Linked statically against musl: peak memory is never seen below that of the parent that spawned.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CASES_MAXIMUM = 24,
    ROUNDS_MAXIMUM = 1000,
    VARIABLES_MAXIMUM = 64,
    FIELDS = 4,
    PATH_MAXIMUM = 512
};

struct measured {
    const char *label;
    char *arguments[2];
    char *environment[VARIABLES_MAXIMUM + 1];
    const char *input;
    int executions;
    double clock[ROUNDS_MAXIMUM]; /* microseconds, the mean of a round */
    double processor[ROUNDS_MAXIMUM];
    long faults;
    long peak;
    int status;
};

static struct measured cases[CASES_MAXIMUM];

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* One line per variable; the text stays allocated, the lines are used in place. */
static void read_environment(const char *path, char **variables)
{
    static char text[64 * 1024];
    int file = open(path, O_RDONLY);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (size < 0) {
        die(path);
    }
    (void)close(file);
    text[size] = '\0';
    int count = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        variables[count++] = strdup(line);
        if (count == VARIABLES_MAXIMUM) {
            break;
        }
    }
    variables[count] = NULL;
}

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

/* Gives the child's processor time. */
static double run(struct measured *of)
{
    char input[PATH_MAXIMUM];
    size_t length = strlen(of->input);
    bool folder = length > 0 && of->input[length - 1] == '/';
    of->executions++;
    (void)snprintf(input, sizeof input, folder ? "%s%d" : "%s", of->input, of->executions);
    posix_spawn_file_actions_t files;
    pid_t child;
    int status;
    struct rusage usage;
    if (posix_spawn_file_actions_init(&files) != 0 ||
        posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0) != 0 ||
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn(&child, of->arguments[0], &files, NULL, of->arguments, of->environment) != 0 ||
        wait4(child, &status, 0, &usage) != child) {
        die(of->arguments[0]);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    of->faults = usage.ru_minflt + usage.ru_majflt;
    of->peak = usage.ru_maxrss;
    of->status = status > of->status ? status : of->status;
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? (int)strtol(argv[1], NULL, 10) : 0;
    int each = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    int count = (argc - 3) / FIELDS;
    if (rounds < 1 || rounds > ROUNDS_MAXIMUM || each < 1 || count < 1 || count > CASES_MAXIMUM ||
        argc != 3 + count * FIELDS) {
        (void)fputs("usage: once ROUNDS EACH LABEL PROGRAM ENVIRONMENT INPUT…\n", stderr);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        char **from = argv + 3 + i * FIELDS;
        cases[i].label = from[0];
        cases[i].arguments[0] = from[1];
        read_environment(from[2], cases[i].environment);
        cases[i].input = from[3];
        (void)run(&cases[i]); /* what it reads is in the page cache from here on */
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++) {
            double processor = 0;
            double start = now();
            for (int j = 0; j < each; j++) {
                processor += run(&cases[i]);
            }
            cases[i].clock[round] = (now() - start) / each;
            cases[i].processor[round] = processor / each;
        }
    }
    for (int i = 0; i < count; i++) {
        double *clock = cases[i].clock;
        double *processor = cases[i].processor;
        qsort(clock, (size_t)rounds, sizeof *clock, ascending);
        qsort(processor, (size_t)rounds, sizeof *processor, ascending);
        (void)printf("%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%ld\t%ld\t%d\n", cases[i].label, clock[0],
                     clock[rounds / 2], clock[rounds - 1 - rounds / 10], processor[0],
                     processor[rounds / 2], cases[i].faults, cases[i].peak, cases[i].status);
    }
    return EXIT_SUCCESS;
}
