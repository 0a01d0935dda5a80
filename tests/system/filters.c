/*
 * filters.c - what the filters of a processor decide: runs them as the kernel would, by the
 * interpreter for classic BPF that libpcap brings. Built by the tests for each file that filters.pl
 * made, whose name is FILTERS.
 *
 * Each line of standard input is "FILTER PROCESSOR NUMBER [ARGUMENT…]"; it is written again with
 * "allow" or "refuse" behind it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct instruction {
    uint16_t code;
    uint8_t jump_if;
    uint8_t jump_else;
    uint32_t constant;
};

#include FILTERS

/* linux/seccomp.h: what a filter returns. */
enum { ALLOW = 0x7fff0000, REFUSE = 0x00050000 | ENOSYS };

enum { ARGUMENTS = 6, MOST = 255 };

static const struct processor {
    const char *name;
    uint32_t number;
    int big;
} processors[] = {{"x86_64", AUDIT_ARCH_X86_64, 0},   {"x86", AUDIT_ARCH_I386, 0},
                  {"arm", AUDIT_ARCH_ARM, 0},         {"aarch64", AUDIT_ARCH_AARCH64, 0},
                  {"mips", AUDIT_ARCH_MIPS, 1},       {"mipsel", AUDIT_ARCH_MIPSEL, 0},
                  {"ppc64le", AUDIT_ARCH_PPC64LE, 0}, {"s390x", AUDIT_ARCH_S390X, 1},
                  {"riscv64", AUDIT_ARCH_RISCV64, 0}, {NULL, 0, 0}};

/* Words of a packet go over the wire with the highest byte first: so libpcap loads them. */
static void put(unsigned char *at, uint32_t word)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (unsigned char)(word >> (24 - 8 * i));
    }
}

/* struct seccomp_data: number, processor, where the call was made, arguments of 64 bits. */
static unsigned decide(const struct instruction *filter, size_t count, uint32_t number,
                       const struct processor *processor, const uint64_t *arguments)
{
    struct bpf_insn code[MOST];
    unsigned char data[16 + 8 * ARGUMENTS] = {0};
    for (size_t i = 0; i < count; i++) {
        code[i] = (struct bpf_insn){filter[i].code, filter[i].jump_if, filter[i].jump_else,
                                    filter[i].constant};
    }
    if (!bpf_validate(code, (int)count)) {
        return 0;
    }
    put(data, number);
    put(data + 4, processor->number);
    for (size_t i = 0; i < ARGUMENTS; i++) {
        uint32_t low = (uint32_t)arguments[i];
        uint32_t high = (uint32_t)(arguments[i] >> 32);
        put(data + 16 + 8 * i, processor->big ? high : low);
        put(data + 20 + 8 * i, processor->big ? low : high);
    }
    return bpf_filter(code, data, sizeof data, sizeof data);
}

#define FILTER(name)                                                                               \
    if (strcmp(filter, #name) == 0) {                                                              \
        answer = decide(filter_##name, sizeof filter_##name / sizeof *filter_##name,               \
                        (uint32_t)number, processor, arguments);                                   \
    }

int main(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char filter[16];
        char name[16];
        unsigned long long number = 0;
        int used = 0;
        uint64_t arguments[ARGUMENTS] = {0};
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%15s %15s %llu%n", filter, name, &number, &used) != 3) {
            return 2;
        }
        const char *rest = line + used;
        for (size_t i = 0; i < ARGUMENTS; i++) {
            char *end;
            arguments[i] = strtoull(rest, &end, 10);
            rest = end;
        }
        const struct processor *processor = processors;
        while (processor->name != NULL && strcmp(processor->name, name) != 0) {
            processor++;
        }
        unsigned answer = 0;
        if (processor->name != NULL) {
            FILTER(read)
            FILTER(write)
            FILTER(stay)
            FILTER(connect)
        }
        if (answer != ALLOW && answer != REFUSE) {
            (void)fprintf(stderr, "%s: the filter says %#x\n", line, answer);
            return 1;
        }
        (void)printf("%s %s\n", line, answer == ALLOW ? "allow" : "refuse");
    }
    return 0;
}
