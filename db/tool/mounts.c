/*
 * mounts.c - whether files that can't be written to here could be written to elsewhere, by
 * /proc/self/mountinfo (Documentation/filesystems/proc.rst of Linux, 3.5).
 */
#include "db/tool/mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What is told of one mount; texts are parts of its line. */
struct mount {
    long id;
    const char *device; /* of the file system, not of a part of it that is mounted */
    const char *root;   /* what is mounted of it */
    const char *type;
    bool read_only;
    bool system_read_only;
};

/* Options begin with one of these two words. */
static bool say_read_only(const char *options)
{
    return strncmp(options, "ro", 2) == 0 && (options[2] == ',' || options[2] == '\0');
}

/* Takes LINE apart. False when something is missing. */
static bool parse(char *line, struct mount *out)
{
    enum { BEFORE = 6, BEHIND = 3 }; /* fields before those that may be missing, and behind */
    const char *fields[BEFORE + BEHIND];
    char *rest = line;
    int count = 0;
    line[strcspn(line, "\n")] = '\0';
    while (count < BEFORE && rest != NULL) {
        fields[count++] = strsep(&rest, " ");
    }
    const char *field = "";
    while (rest != NULL && strcmp(field, "-") != 0) {
        field = strsep(&rest, " ");
    }
    while (count < BEFORE + BEHIND && rest != NULL) {
        fields[count++] = strsep(&rest, " ");
    }
    if (count < BEFORE + BEHIND) {
        return false;
    }
    *out = (struct mount){.id = strtol(fields[0], NULL, 10),
                          .device = fields[2],
                          .root = fields[3],
                          .type = fields[6],
                          .read_only = say_read_only(fields[5]),
                          .system_read_only = say_read_only(fields[8])};
    return true;
}

/* The number of the mount that FILE was opened by; -1 where the system does not tell. */
static long mount_of(int file)
{
    static const char name[] = "mnt_id:";
    char path[40];
    char line[80];
    long id = -1;
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
    FILE *about = fopen(path, "re");
    while (about != NULL && id < 0 && fgets(line, sizeof line, about) != NULL) {
        if (strncmp(line, name, sizeof name - 1) == 0) {
            id = strtol(line + sizeof name - 1, NULL, 10);
        }
    }
    if (about != NULL) {
        (void)fclose(about);
    }
    return id;
}

/* Whether nobody writes to a file system of that TYPE but by mounts of this machine. */
static bool is_of_this_machine(const char *type)
{
    static const char *const types[] = {"squashfs", "erofs", "cramfs", "romfs",  "iso9660",
                                        "udf",      "ext2",  "ext3",   "ext4",   "xfs",
                                        "btrfs",    "f2fs",  "vfat",   "jffs2",  "ubifs",
                                        "yaffs2",   "zfs",   "tmpfs",  "rootfs", "ramfs"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a file system of that TYPE shows what lies in others, which may take writes meanwhile. */
static bool is_of_others(const char *type)
{
    static const char *const types[] = {"overlay", "aufs", "ecryptfs"};
    bool of_others = strncmp(type, "fuse", 4) == 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        of_others = of_others || strcmp(type, types[i]) == 0;
    }
    return of_others;
}

/* Whether ABOVE is the path BELOW or one of a folder over it. */
static bool is_above(const char *above, const char *below)
{
    size_t size = strlen(above);
    return strcmp(above, "/") == 0 ||
           (strncmp(above, below, size) == 0 && (below[size] == '/' || below[size] == '\0'));
}

/* Whether OTHER takes writes to some of what is mounted by MOUNT. */
static bool takes_writes(const struct mount *other, const struct mount *mount)
{
    return other->id != mount->id && !other->read_only &&
           strcmp(other->device, mount->device) == 0 &&
           (is_above(other->root, mount->root) || is_above(mount->root, other->root));
}

static bool are_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* Whether the folders ONE and OTHER are the same, of the same mount. */
static bool are_same_place(const char *one, const char *other)
{
    struct stat first;
    struct stat second;
    int file = open(one, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int another = open(other, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool same = file >= 0 && another >= 0 && fstat(file, &first) == 0 &&
                fstat(another, &second) == 0 && are_same(&first, &second) &&
                mount_of(file) == mount_of(another);
    if (file >= 0) {
        (void)close(file);
    }
    if (another >= 0) {
        (void)close(another);
    }
    return same;
}

/* Whether the first process, as root of which a container or a machine starts, has the same mounts:
 * a service that is protected has its own. The same root, too: only mounts below that are told of,
 * and after chroot there are others. */
static bool has_mounts_of_first(void)
{
    struct stat first;
    struct stat own;
    return geteuid() != 0 ||
           (stat("/proc/1/ns/mnt", &first) == 0 && stat("/proc/self/ns/mnt", &own) == 0 &&
            are_same(&first, &own) && are_same_place("/proc/1/root", "/"));
}

/* The LINE of mount number ID, taken apart. *LINE is the caller's to free. */
static bool find(FILE *all, long id, char **line, size_t *size, struct mount *out)
{
    bool found = false;
    rewind(all);
    while (!found && getline(line, size, all) >= 0) {
        found = parse(*line, out) && out->id == id;
    }
    return found;
}

static bool is_written_by_another(FILE *all, const struct mount *mount)
{
    char *line = NULL;
    size_t size = 0;
    struct mount other;
    bool written = false;
    rewind(all);
    while (!written && getline(&line, &size, all) >= 0) {
        written = !parse(line, &other) || takes_writes(&other, mount);
    }
    free(line);
    return written;
}

enum mount_writes mount_writes(int file)
{
    char *line = NULL;
    size_t size = 0;
    struct mount mount;
    enum mount_writes writes = MOUNT_WRITABLE;
    long id = mount_refuses_writes(file) ? mount_of(file) : -1;
    FILE *all = id >= 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
    if (all != NULL && find(all, id, &line, &size, &mount)) {
        writes = mount.system_read_only && is_of_this_machine(mount.type) ? MOUNT_READ_ONLY
                 : !is_of_others(mount.type) && has_mounts_of_first() &&
                         !is_written_by_another(all, &mount)
                     ? MOUNT_READ_ONLY_HERE
                     : MOUNT_WRITABLE;
    }
    if (all != NULL) {
        (void)fclose(all);
    }
    free(line);
    return writes;
}

bool mount_refuses_writes(int file)
{
    struct statvfs there;
    return fstatvfs(file, &there) == 0 && (there.f_flag & ST_RDONLY) != 0;
}
