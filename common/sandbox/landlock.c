/*
 * landlock.c - by the system calls themselves, which no C library wraps.
 */
#include "common/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers everywhere, but that those of MIPS start at one of its own. */
#ifdef SYS_landlock_create_ruleset
enum {
    CREATE_RULESET = SYS_landlock_create_ruleset,
    ADD_RULE = SYS_landlock_add_rule,
    RESTRICT_SELF = SYS_landlock_restrict_self
};
#else
#ifdef __NR_Linux
enum { FIRST = __NR_Linux };
#elif defined __mips__
enum { FIRST = SYS_exit - 1 }; /* o32, where exit is the first call */
#else
enum { FIRST = 0 };
#endif
enum { CREATE_RULESET = FIRST + 444, ADD_RULE = FIRST + 445, RESTRICT_SELF = FIRST + 446 };
#endif

enum { PATH_BENEATH = 1, ASK_VERSION = 1, NEWEST = 6 };

struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

struct __attribute__((packed)) rule {
    uint64_t rights;
    int32_t parent;
};

enum { ABSTRACT_SOCKETS = 1, SIGNALS = 2 };

/* All that each version handles; the last counts for those that come. */
static const struct ruleset handled[NEWEST + 1] = {
    {0, 0, 0},
    {0x1fff, 0, 0},
    {0x3fff, 0, 0},   /* renaming to another folder */
    {0x7fff, 0, 0},   /* truncating */
    {0x7fff, 0x3, 0}, /* binding and connecting TCP */
    {0xffff, 0x3, 0}, /* ioctl of devices */
    {0xffff, 0x3, ABSTRACT_SOCKETS | SIGNALS},
};

enum {
    OF_A_FILE = LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_TRUNCATE
};

static int create(int version, bool network)
{
    struct ruleset wanted = handled[version];
    const struct ruleset *all = &wanted;
    if (network) {
        wanted.network = 0;
        wanted.scoped &= ~(uint64_t)ABSTRACT_SOCKETS;
    }
    size_t size = version < 4   ? offsetof(struct ruleset, network)
                  : version < 6 ? offsetof(struct ruleset, scoped)
                                : sizeof *all;
    return (int)syscall(CREATE_RULESET, all, size, 0);
}

int landlock_version(void)
{
    int version = (int)syscall(CREATE_RULESET, NULL, (size_t)0, ASK_VERSION);
    return version > 0 ? version : 0;
}

/* The newest version is tried first: asking costs a call more. */
void landlock_open(struct landlock *landlock, bool network)
{
    int version = NEWEST;
    landlock->rules = create(version, network);
    if (landlock->rules < 0 && errno != ENOSYS && errno != EOPNOTSUPP) {
        version = landlock_version();
        if (version > NEWEST) {
            version = NEWEST;
        }
        landlock->rules =
            create(version, network); /* version 0 handles nothing, which is refused */
    }
    landlock->handled = handled[version].files;
}

void landlock_allow(const struct landlock *landlock, const char *path, uint64_t rights)
{
    /* It is closed before anything could be executed; for O_CLOEXEC musl makes one call more. */
    int parent = landlock->rules >= 0 ? open(path, O_PATH) : -1;
    if (parent < 0) {
        return;
    }
    struct rule rule = {.rights = rights & landlock->handled, .parent = parent};
    if (syscall(ADD_RULE, landlock->rules, PATH_BENEATH, &rule, 0) != 0 && errno == EINVAL) {
        rule.rights &= OF_A_FILE; /* it is no folder */
        (void)syscall(ADD_RULE, landlock->rules, PATH_BENEATH, &rule, 0);
    }
    (void)close(parent);
}

bool landlock_enter(struct landlock *landlock)
{
    bool entered = landlock->rules >= 0 && syscall(RESTRICT_SELF, landlock->rules, 0) == 0;
    if (landlock->rules >= 0) {
        (void)close(landlock->rules);
        landlock->rules = -1;
    }
    return entered;
}
