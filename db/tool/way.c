/*
 * way.c - walking to a file.
 */
#include "db/tool/way.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "db/tool/acl.h"
#include "db/tool/mounts.h"

enum { LINKS_MAXIMUM = 40, LINE_SIZE = 256, REST_SIZE = 2 * PATH_MAX };

struct walk {
    struct way *way;
    char rest[REST_SIZE]; /* what is left to walk */
    int links;
    bool to_read;             /* what nobody can change is nobody's */
    enum mount_writes writes; /* to the present folder, so that it matters */
};

static const char users[] = "/proc/self/uid_map";
static const char groups[] = "/proc/self/gid_map";

/* Whether NUMBER is one of this user namespace, by its map of users or of groups: others' files all
 * show the number that stands for nobody here, among them those of the system's root, who is
 * trusted anyway. *ALL: it has all numbers. */
static bool is_of_this_namespace(const char *file, unsigned long number, bool *all)
{
    char line[LINE_SIZE];
    FILE *map = fopen(file, "re");
    bool found = map == NULL;
    *all = map == NULL;
    while (!found && fgets(line, sizeof line, map) != NULL) {
        char *rest;
        unsigned long first = strtoul(line, &rest, 10);
        (void)strtoul(rest, &rest, 10); /* its number outside */
        unsigned long count = strtoul(rest, NULL, 10);
        found = number >= first && number - first < count;
        *all = count >= UINT32_MAX;
    }
    if (map != NULL) {
        (void)fclose(map);
    }
    return found;
}

/* The number that stands for nobody. */
static uid_t number_of_nobody(void)
{
    char line[LINE_SIZE];
    FILE *file = fopen("/proc/sys/fs/overflowuid", "re");
    bool told = file != NULL && fgets(line, sizeof line, file) != NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    return told ? (uid_t)strtoul(line, NULL, 10) : 65534;
}

/* What this process may do to the files of others whose owners have numbers here, as
 * linux/capability.h has it. */
enum { READ_ALL = 1 << 1 | 1 << 2, ACT_FOR_OWNERS = 1 << 3 };

static unsigned long long capabilities(void)
{
    static const char name[] = "CapEff:";
    char line[LINE_SIZE];
    unsigned long long all = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, name, sizeof name - 1) == 0) {
            all = strtoull(line + sizeof name - 1, NULL, 16);
        }
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return all;
}

/* Of a namespace with fewer numbers, the one that stands for nobody may also be a user's here. What
 * is that user's root can read, and open so that its time of access stays, as its owner may. */
bool way_is_outside(int folder, const char *name, uid_t owner)
{
    bool all;
    if (!is_of_this_namespace(users, owner, &all)) {
        return true;
    }
    if (all || owner != number_of_nobody()) {
        return false;
    }
    int file = openat(folder, name, O_RDONLY | O_NOATIME | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    unsigned long long needed = file >= 0         ? 0
                                : errno == EPERM  ? ACT_FOR_OWNERS
                                : errno == EACCES ? READ_ALL
                                                  : 0;
    if (file >= 0) {
        (void)close(file);
    }
    return needed != 0 && (capabilities() & needed) != 0;
}

static bool is_other(uid_t user)
{
    bool all;
    return user != 0 && is_of_this_namespace(users, user, &all);
}

bool way_is_roots_group(gid_t group)
{
    char path[PATH_MAX];
    struct stat folder;
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    bool may = false;
    path[size > 0 ? size : 0] = '\0';
    for (char *slash = strrchr(path, '/'); slash != NULL && !may; slash = strrchr(path, '/')) {
        *slash = '\0';
        /* With the sticky bit others can't replace what is root's. */
        may = lstat(*path != '\0' ? path : "/", &folder) == 0 && S_ISDIR(folder.st_mode) &&
              folder.st_uid == 0 && folder.st_gid == group &&
              (folder.st_mode & (S_IWGRP | S_ISVTX)) == S_IWGRP;
    }
    return may;
}

bool way_are_many(uid_t who)
{
    return who == WAY_EVERYBODY || who == WAY_GROUP || who == WAY_LISTED;
}

/* Whether others than the owner may make files in the present folder; *WHO is then set. */
static bool is_open(const struct way *way, uid_t *who)
{
    bool all;
    const struct stat *folder = &way->place;
    if ((folder->st_mode & S_IWOTH) != 0) {
        *who = WAY_EVERYBODY;
        return true;
    }
    if (way->place_is_listed) {
        *who = WAY_LISTED;
        return true;
    }
    if ((folder->st_mode & S_IWGRP) == 0 || folder->st_gid == 0 ||
        !is_of_this_namespace(groups, folder->st_gid, &all) || way_is_roots_group(folder->st_gid)) {
        return false;
    }
    *who = WAY_GROUP;
    return true;
}

static void note_decider(struct way *way, uid_t user)
{
    bool known = way->decider_count > 0 && way->deciders[0] == user;
    if (!known && way->decider_count < 2 && is_other(user)) {
        way->deciders[way->decider_count++] = user;
    }
}

/* The path of the present folder, into OUT; "" where it is not known. */
static void name_folder(const struct way *way, char out[PATH_MAX])
{
    char link[32];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", way->folder);
    ssize_t size = readlink(link, out, PATH_MAX - 1);
    out[size > 0 ? size : 0] = '\0';
}

/* Goes on in the folder NAME of the present one. */
static int enter(struct walk *walk, const char *name, int flags)
{
    struct way *way = walk->way;
    int folder = openat(way->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC | flags);
    if (folder < 0 || fstat(folder, &way->place) != 0) {
        int problem = errno;
        if (folder >= 0) {
            (void)close(folder);
        }
        errno = problem;
        return -1;
    }
    if (way->folder >= 0) {
        (void)close(way->folder);
    }
    way->folder = folder;
    way->place_is_listed = acl_lets_write(folder, ".", &way->place);
    walk->writes = walk->to_read ? mount_writes(folder) : MOUNT_WRITABLE;
    way->writable_elsewhere =
        way->writable_elsewhere ||
        (walk->to_read && walk->writes != MOUNT_READ_ONLY && mount_refuses_writes(folder));
    if (way->place.st_uid != 0 && way_is_outside(folder, ".", way->place.st_uid)) {
        way->place.st_uid = 0;
    }
    /* In a folder such as /tmp only its owner can rename or delete what lies there. */
    uid_t who = way->place.st_uid; /* of this namespace, as way_is_outside said */
    bool keeps = (way->place.st_mode & S_ISVTX) != 0 || walk->writes == MOUNT_READ_ONLY_HERE;
    if (walk->writes != MOUNT_READ_ONLY && !way->passes_others &&
        (who != 0 || (is_open(way, &who) && !keeps))) {
        way->passes_others = true;
        way->other = who;
        name_folder(way, way->passed);
    }
    return 0;
}

/* Whether the present folder is one of /proc, whose links lead to what they name without being
 * read. */
static bool is_in_proc(const struct way *way)
{
    enum { PROC = 0x9fa0 }; /* linux/magic.h */
    struct statfs there;
    return fstatfs(way->folder, &there) == 0 && there.f_type == PROC;
}

/* The owner of a LINK in the present folder. Nothing that changes no link tells whether one that
 * shows the number of nobody is outside; but in a folder of root's where nobody else may make files
 * it was put by root. */
static uid_t owner_of_link(const struct way *way, const struct stat *link)
{
    bool all;
    uid_t who;
    bool unknown = link->st_uid == number_of_nobody() &&
                   is_of_this_namespace(users, link->st_uid, &all) && !all;
    return unknown && way->place.st_uid == 0 && !is_open(way, &who) ? 0 : link->st_uid;
}

/* Puts what the link NAME says in front of what is left. */
static int follow(struct walk *walk, const char *name, const struct stat *link)
{
    char whole[REST_SIZE];
    char target[PATH_MAX];
    struct way *way = walk->way;
    way->by_link = true;
    way->passed_link = way->passed_link || way->passes_others;
    if (walk->writes != MOUNT_READ_ONLY) {
        note_decider(way, owner_of_link(way, link));
        note_decider(way, way->place.st_uid);
    }
    ssize_t size = readlinkat(way->folder, name, target, sizeof target - 1);
    if (size < 0) {
        return -1;
    }
    target[size] = '\0';
    int length = snprintf(whole, sizeof whole, "%s/%s", target, walk->rest);
    if (++walk->links > LINKS_MAXIMUM || length >= (int)sizeof whole) {
        errno = ELOOP;
        return -1;
    }
    if (*walk->rest == '\0') { /* no slash behind the name of a file */
        whole[length - 1] = '\0';
    }
    memcpy(walk->rest, whole, sizeof whole);
    return *target == '/' ? enter(walk, "/", 0) : 0;
}

/* Takes the next name from what is left; NULL with errno when it is too long. */
static const char *next_name(struct walk *walk, char name[NAME_MAX + 1])
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t size = strcspn(start, "/");
    if (size > NAME_MAX) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    memcpy(name, start, size);
    name[size] = '\0';
    memmove(walk->rest, start + size, strlen(start + size) + 1);
    return name;
}

/* Notes the FILE at the end of the way, or, if that is NULL, that there is none. */
static int arrive(const struct walk *walk, const struct stat *file)
{
    struct way *way = walk->way;
    if (walk->writes != MOUNT_READ_ONLY) {
        note_decider(way, way->place.st_uid);
    }
    way->whole = true;
    way->exists = file != NULL;
    if (file != NULL) {
        way->file = *file;
        way->file_is_listed = acl_lets_write(way->folder, way->rest, file);
    }
    return 0;
}

/* Takes one step. 1 while there are more. */
static int step(struct walk *walk)
{
    char room[NAME_MAX + 1];
    struct stat there;
    struct way *way = walk->way;
    const char *name = next_name(walk, room);
    if (name == NULL) {
        return -1;
    }
    bool last = walk->rest[strspn(walk->rest, "/")] == '\0';
    if (snprintf(way->rest, sizeof way->rest, "%s%s", *name != '\0' ? name : ".", walk->rest) >=
        (int)sizeof way->rest) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (*name == '\0') {
        return arrive(walk, &way->place);
    }
    if (fstatat(way->folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno != ENOENT ? -1 : last ? arrive(walk, NULL) : 0;
    }
    if (S_ISLNK(there.st_mode) && !is_in_proc(way)) {
        return follow(walk, name, &there) == 0 ? 1 : -1;
    }
    if (!last) {
        return enter(walk, name, S_ISLNK(there.st_mode) ? 0 : O_NOFOLLOW) == 0 ? 1 : -1;
    }
    if (S_ISLNK(there.st_mode) && fstatat(way->folder, name, &there, 0) != 0) {
        return -1; /* what a link of /proc stands for, such as an open pipe */
    }
    return arrive(walk, &there);
}

static int take(const char *path, struct way *way, bool to_read)
{
    struct walk walk = {.way = way, .to_read = to_read};
    *way = (struct way){.folder = -1};
    int length = snprintf(walk.rest, sizeof walk.rest, "%s", path);
    if (length < 0 || length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    way->folder = AT_FDCWD;
    int more = enter(&walk, *path == '/' ? "/" : ".", 0) == 0 ? 1 : -1;
    while (more > 0) {
        more = step(&walk);
    }
    if (more < 0) {
        way_leave(way);
    }
    return more;
}

int way_take(const char *path, struct way *way)
{
    return take(path, way, false);
}

int way_take_to_read(const char *path, struct way *way)
{
    return take(path, way, true);
}

uid_t way_owner(const struct way *way)
{
    uid_t owner = way->exists ? way->file.st_uid : way->place.st_uid;
    return is_other(owner) ? owner : 0;
}

bool way_is_safe(const struct way *way, uid_t *who)
{
    uid_t owner = way_owner(way);
    for (int i = 0; i < way->decider_count; i++) {
        if (way->deciders[i] != owner) {
            *who = way->deciders[i];
            return false;
        }
    }
    if (owner == 0 && way->passes_others) {
        *who = way->other;
        return false;
    }
    return true;
}

bool way_is_shared(const struct way *way, uid_t *who)
{
    return way->whole && is_open(way, who);
}

void way_name(const struct way *way, char out[PATH_MAX])
{
    name_folder(way, out);
    size_t size = strlen(out);
    const char *slash = size == 1 ? "" : "/";
    if (size == 0 ||
        snprintf(out + size, PATH_MAX - size, "%s%s", slash, way->rest) >= (int)(PATH_MAX - size)) {
        *out = '\0';
    }
}

void way_leave(struct way *way)
{
    int problem = errno;
    if (way->folder >= 0) {
        (void)close(way->folder);
    }
    way->folder = -1;
    errno = problem;
}
