/*
 * steps.c - counts the instructions that a program executes itself, the kernel's left out, by going
 * through it step by step: unlike under valgrind, which knows not all system calls, the program
 * behaves as it does alone, and can confine itself.
 *
 *   steps FILE PROGRAM [ARGUMENT]…
 *
 * Writes the number into FILE. Ends as the program does, with 2 if it can't be counted.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 2 };

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: steps FILE PROGRAM [ARGUMENT]...\n");
        return FAILED;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void)execv(argv[2], argv + 2);
        _exit(FAILED);
    }
    long long steps = 0;
    int status = 0;
    for (;;) {
        if (child < 0 || waitpid(child, &status, 0) != child) {
            perror("steps");
            return FAILED;
        }
        if (!WIFSTOPPED(status)) {
            break;
        }
        steps++;
        /* The signal that stopped it, but for that of a step. */
        int passed_on = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, (long)passed_on) != 0) {
            perror("steps: ptrace");
            (void)kill(child, SIGKILL);
            return FAILED;
        }
    }
    FILE *out = fopen(argv[1], "w");
    if (out == NULL || fprintf(out, "%lld\n", steps) < 0 || fclose(out) != 0) {
        perror(argv[1]);
        return FAILED;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}
