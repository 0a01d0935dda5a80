/*
 * sandbox.c - what of the system a program still needs once it has its settings.
 *
 * Files. A database comes with others that come and go beside it (journal, log, shared memory,
 * places of slots, spools), and is replaced by `cubby restore`: so the rule is its folder, with the
 * right to make and remove plain files, and no others. A key file in another folder, and the log,
 * have a rule of their own, which ends when another file takes their place: what lies beside them
 * is nobody's business. A program that changes nothing may only read, unless a journal or a log
 * lies there: it then has to bring back what a writer left. The settings were read before;
 * /dev/urandom is no file that is needed, as random bytes come by getrandom(2).
 *
 * A database that is a server is reached by the network, again and again, by a library that reads
 * what it pleases: names of hosts, passwords and certificates, settings in whole folders, further
 * libraries. Then all files may be read and all folders listed, none but those in the folder of the
 * key file may be written, the network is open, and of the system calls only the worst are taken
 * away.
 *
 * Limits are far above what any request takes, so that they only end what has gone wrong. Memory is
 * counted as addresses: of data alone, what is shared would not count.
 */
#include "common/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/sandbox/landlock.h"
#include "common/sandbox/seccomp.h"
#include "common/settings/paths.h"

enum {
    READS = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
    WRITES =
        READS | LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE | LANDLOCK_MAKE_REG | LANDLOCK_REMOVE_FILE,
    PATH_ROOM = 4096
};

/* The dearest password hash takes 1 GiB (yescrypt and scrypt at cost 11), bcrypt at cost 20 some
 * minutes on a small board. */
static const rlim_t memory_least = (rlim_t)3 << 29;
static const rlim_t file_growth = (rlim_t)1 << 40;
enum { PROCESSOR_SECONDS = 3600, BODY_COPIES = 8, IMPORT_COPIES = 4 };

/* ---- files --------------------------------------------------------------------------------------
 */

struct files {
    struct landlock landlock;
    char folder[PATH_ROOM]; /* the last one that was granted something */
    uint64_t granted;
};

/* Of the path of the folder of PATH; 0: it is too long, or none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash != NULL ? (size_t)(slash - path) : 0;
    return length < PATH_ROOM ? length : 0;
}

/* Whether the folder of PATH is the last one that was granted something, and RIGHTS among it. */
static bool is_granted(const struct files *files, const char *path, uint64_t rights)
{
    size_t length = folder_length(path);
    return (rights & ~files->granted) == 0 && strncmp(files->folder, path, length) == 0 &&
           files->folder[length] == '\0';
}

/* Grants RIGHTS to the folder of PATH. */
static void allow_folder(struct files *files, const char *path, uint64_t rights)
{
    size_t length = folder_length(path);
    if (length == 0 || is_granted(files, path, rights)) {
        return;
    }
    memcpy(files->folder, path, length);
    files->folder[length] = '\0';
    files->granted = rights;
    landlock_allow(&files->landlock, files->folder, rights);
}

/* The same, and to the folder of the file that PATH leads to. *THERE is what lies at PATH. */
static void allow_beside(struct files *files, const char *path, uint64_t rights, struct stat *there)
{
    if (lstat(path, there) != 0) {
        *there = (struct stat){0};
    }
    allow_folder(files, path, rights);
    if (S_ISLNK(there->st_mode)) {
        char target[PATH_MAX];
        if (realpath(path, target) != NULL) {
            allow_folder(files, target, rights);
        }
    }
}

/* Whether a file named DATABASE with SUFFIX behind it is there; yes, if that can't be known. */
static bool lies_beside(const char *database, const char *suffix)
{
    char path[PATH_ROOM];
    size_t length = strlen(database);
    struct stat there;
    if (length + strlen(suffix) >= sizeof path) {
        return true;
    }
    memcpy(path, database, length);
    memcpy(path + length, suffix, strlen(suffix) + 1);
    return stat(path, &there) == 0 || errno != ENOENT;
}

/* Whether who reads DATABASE may have to write: a journal of somebody who died is to be rolled
 * back, and a write-ahead log goes with shared memory. The header tells whether it keeps one
 * (sqlite.org/fileformat2.html, section 1.3.3). */
static bool reading_writes(const char *database)
{
    enum { VERSIONS_AT = 18, ROLLBACK = 1 };
    unsigned char versions[2] = {0};
    int file = open(database, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool known =
        file >= 0 && pread(file, versions, sizeof versions, VERSIONS_AT) == sizeof versions;
    if (file >= 0) {
        (void)close(file);
    }
    /* It lies beside the file, not beside a link to it. */
    char target[PATH_MAX];
    return !known || versions[0] != ROLLBACK || versions[1] != ROLLBACK ||
           lies_beside(paths_follow(database, target) ? target : database, "-journal");
}

/* Makes the log, so that there is a rule for it. */
static void allow_log(struct files *files, const char *path)
{
    struct stat there;
    if (*path == '\0') {
        return;
    }
    if (lstat(path, &there) == 0 && S_ISREG(there.st_mode) &&
        is_granted(files, path, LANDLOCK_WRITE_FILE)) {
        return;
    }
    if (stat(path, &there) != 0) {
        int log =
            open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
        if (log >= 0) {
            (void)close(log);
        }
    }
    landlock_allow(&files->landlock, path, LANDLOCK_WRITE_FILE);
}

bool sandbox_has_folder(const struct config *config, const char *path)
{
    size_t length = folder_length(path);
    struct stat there;
    return length == folder_length(config->beside) && strncmp(config->beside, path, length) == 0 &&
           !(lstat(path, &there) == 0 && S_ISLNK(there.st_mode));
}

/* Leaves in *THERE what the database is. */
static bool confine_files(const struct sandbox_needs *needs, bool writes, struct stat *there)
{
    const struct config *config = needs->config;
    struct files files = {.granted = 0};
    landlock_open(&files.landlock, !config_is_path(config->database));
    if (files.landlock.rules < 0) {
        return false;
    }
    allow_beside(&files, config->beside, writes ? WRITES : READS, there);
    if (!config_is_path(config->database)) {
        landlock_allow(&files.landlock, "/", READS);
    }
    if (needs->keys_have_rule) {
        landlock_allow(&files.landlock, config->keys, LANDLOCK_READ_FILE);
    }
    if (needs->writes && *config->refused_passwords != '\0') {
        landlock_allow(&files.landlock, config->refused_passwords, LANDLOCK_READ_FILE);
    }
    allow_log(&files, config->log);
    return landlock_enter(&files.landlock);
}

/* ---- limits -------------------------------------------------------------------------------------
 */

/* Sets both limits to MOST. What was lower is set back: most often nothing was, and a call is
 * saved. Who may not raise a limit fails, and has the lower one still. By the call itself: the C
 * libraries disagree about the type of RESOURCE. */
static void limit(int resource, rlim_t most)
{
    const struct rlimit wanted = {.rlim_cur = most, .rlim_max = most};
    struct rlimit before;
    if (syscall(SYS_prlimit64, 0, resource, &wanted, &before) == 0 && before.rlim_cur < most) {
        before.rlim_max = before.rlim_max < most ? before.rlim_max : most;
        (void)syscall(SYS_prlimit64, 0, resource, &before, NULL);
    }
}

/* Only the limit that can be raised again is set. */
void sandbox_renew(void)
{
    static rlim_t each;    /* the seconds of a request */
    static rlim_t renewed; /* what it was set to last: limits are whole seconds */
    struct rlimit now;
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) {
        return;
    }
    rlim_t seconds = (rlim_t)used.tv_sec;
    seconds += each != 0 ? 1 : 0; /* the one that has begun: of a few there might be none left */
    if ((each != 0 && seconds + each == renewed) || getrlimit(RLIMIT_CPU, &now) != 0) {
        return;
    }
    if (each == 0) {
        each = now.rlim_cur > seconds ? now.rlim_cur - seconds : 1;
        each = each < PROCESSOR_SECONDS ? each : PROCESSOR_SECONDS;
    }
    renewed = seconds + each;
    now.rlim_cur = renewed < now.rlim_max ? renewed : now.rlim_max;
    (void)setrlimit(RLIMIT_CPU, &now);
}

static void set_limits(const struct sandbox_needs *needs, const struct stat *database)
{
    const struct config *config = needs->config;
    rlim_t memory = memory_least + BODY_COPIES * (rlim_t)config->max_body_bytes +
                    IMPORT_COPIES * (rlim_t)config->max_import_bytes;
    limit(RLIMIT_AS, memory);
    limit(RLIMIT_FSIZE, file_growth + (rlim_t)database->st_size);
    if (needs->stays) {
        sandbox_renew();
    } else {
        limit(RLIMIT_CPU, PROCESSOR_SECONDS);
    }
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

unsigned sandbox_enter(const struct sandbox_needs *needs)
{
    unsigned parts = 0;
#ifdef CUBBY_NO_SANDBOX
    return parts;
#endif
    const char *wanted = needs->config->sandbox;
    if (strcmp(wanted, "off") == 0) {
        return parts;
    }
    const char *beside = needs->config->beside;
    bool writes = needs->writes || needs->stays || reading_writes(beside);
    struct stat database = {0};
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
    bool may = prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0;
    parts |= may && confine_files(needs, writes, &database) ? SANDBOX_LANDLOCK : 0U;
    if (!S_ISREG(database.st_mode) && stat(beside, &database) != 0) {
        database.st_size = 0; /* it is not there yet */
    }
    set_limits(needs, &database);
    parts |= SANDBOX_LIMITS;
    bool connects = !config_is_path(needs->config->database);
    if (may && (needs->stays || strcmp(wanted, "all") == 0)) {
        enum seccomp_filter filter = connects       ? SECCOMP_CONNECT
                                     : needs->stays ? SECCOMP_STAY
                                     : writes       ? SECCOMP_WRITE
                                                    : SECCOMP_READ;
        if (!connects) {
            /* No mode can be changed then: SQLite makes a file beside the database with the mode of
             * that, and what the umask took away would be missing for others who share it. Every
             * other file is made with a mode for its owner alone. */
            (void)umask(0);
        }
        parts |= seccomp_enter(filter) ? SANDBOX_SECCOMP : 0U;
    }
    return parts;
}

unsigned sandbox_offered(void)
{
#ifdef CUBBY_NO_SANDBOX
    return 0;
#endif
    return (landlock_version() > 0 ? (unsigned)SANDBOX_LANDLOCK : 0U) |
           (seccomp_offered() ? (unsigned)SANDBOX_SECCOMP : 0U);
}

const char *sandbox_json(unsigned parts)
{
    static const char *const texts[] = {[0] = "[]",
                                        [SANDBOX_LANDLOCK] = "[\"landlock\"]",
                                        [SANDBOX_SECCOMP] = "[\"seccomp\"]",
                                        [SANDBOX_LANDLOCK | SANDBOX_SECCOMP] =
                                            "[\"landlock\",\"seccomp\"]"};
    return texts[parts & SANDBOX_CONFINES];
}
