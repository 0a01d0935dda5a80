/*
 * no_shared_maps.c - runs a command as on a medium without shared writable mappings, such as jffs2.
 *
 *   no_shared_maps COMMAND [ARGUMENT]…
 *
 * A filter of system calls (seccomp, inherited by all children) lets mmap fail with ENODEV for
 * files that are to be mapped shared and writable. Everything else is as ever, so that it needs no
 * mount and works for static programs, which no LD_PRELOAD reaches.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_mmap2
#define MMAP_NUMBER SYS_mmap2
#else
#define MMAP_NUMBER SYS_mmap
#endif

/* Where the lower half of argument NUMBER lies. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_HALF(number) (offsetof(struct seccomp_data, args[number]) + 4)
#else
#define LOW_HALF(number) offsetof(struct seccomp_data, args[number])
#endif

enum { PROT_ARGUMENT = 2, FLAGS_ARGUMENT = 3 };

int main(int argc, char **argv)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MMAP_NUMBER, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(PROT_ARGUMENT)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(FLAGS_ARGUMENT)),
        /* MAP_SHARED_VALIDATE has the bit of MAP_SHARED too. */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, MAP_SHARED | MAP_ANONYMOUS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAP_SHARED, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENODEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
    if (argc < 2) {
        (void)fputs("usage: no_shared_maps COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("no_shared_maps");
        return 2;
    }
    (void)execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
