/*
 * paths.c - comparing paths by what they lead to.
 */
#include "common/settings/paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const config_companions[] = {"-journal", "-wal", "-shm", "-hashes", "-transfers", NULL};

const char *paths_last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool paths_follow(const char *path, char target[PATH_MAX])
{
    struct stat there;
    return lstat(path, &there) == 0 && S_ISLNK(there.st_mode) && realpath(path, target) != NULL;
}

/* Whether both exist and are the same. */
static bool is_same(const char *one, const char *other, bool *known)
{
    struct stat first;
    struct stat second;
    *known = stat(one, &first) == 0 && stat(other, &second) == 0;
    return *known && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Copies the folder of PATH, with the slash at its end, to OUT. False when it is too long. */
static bool take_folder(const char *path, char out[PATH_MAX])
{
    size_t size = (size_t)(paths_last_name(path) - path);
    if (size >= PATH_MAX) {
        return false;
    }
    memcpy(out, size > 0 ? path : "./", size > 0 ? size : sizeof "./");
    out[size > 0 ? size : 2] = '\0';
    return true;
}

/* Whether both lie in the same folder. */
static bool share_folder(const char *one, const char *other)
{
    char first[PATH_MAX];
    char second[PATH_MAX];
    bool known;
    return take_folder(one, first) && take_folder(other, second) &&
           (strcmp(first, second) == 0 || is_same(first, second, &known));
}

bool paths_meet(const char *one, const char *other)
{
    struct stat there;
    bool known;
    if (strcmp(one, other) == 0 || is_same(one, other, &known)) {
        return stat(one, &there) != 0 || S_ISREG(there.st_mode); /* /dev/null is no trouble */
    }
    return !known && strcmp(paths_last_name(one), paths_last_name(other)) == 0 &&
           share_folder(one, other);
}

bool paths_companion(const char *path, const char *base)
{
    const char *start = paths_last_name(base);
    const char *name = paths_last_name(path);
    size_t size = strlen(start);
    if (strncmp(name, start, size) != 0) {
        return false;
    }
    for (size_t i = 0; config_companions[i] != NULL; i++) {
        if (strcmp(name + size, config_companions[i]) == 0) {
            return share_folder(path, base);
        }
    }
    return false;
}
