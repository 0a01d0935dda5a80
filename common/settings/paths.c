/*
 * paths.c - comparing paths by what they lead to.
 */
#include "common/settings/paths.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

const char *const config_companions[] = {"-journal", "-wal", "-shm", "-hashes", "-transfers", NULL};

/* Whether both exist and are the same. */
static bool is_same(const char *one, const char *other, bool *known)
{
    struct stat first;
    struct stat second;
    *known = stat(one, &first) == 0 && stat(other, &second) == 0;
    return *known && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Copies the folder of PATH, with the slash at its end, to OUT, and returns the last name. */
static const char *divide(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (size == 0 || size >= PATH_MAX) {
        return NULL;
    }
    memcpy(out, path, size);
    out[size] = '\0';
    return path + size;
}

/* Whether both lie in the same folder. */
static bool share_folder(const char *one, const char *other)
{
    char first[PATH_MAX];
    char second[PATH_MAX];
    bool known;
    return divide(one, first) != NULL && divide(other, second) != NULL &&
           (strcmp(first, second) == 0 || is_same(first, second, &known));
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool paths_meet(const char *one, const char *other)
{
    struct stat there;
    bool known;
    if (strcmp(one, other) == 0 || is_same(one, other, &known)) {
        return stat(one, &there) != 0 || S_ISREG(there.st_mode); /* /dev/null is no trouble */
    }
    return !known && strcmp(last_name(one), last_name(other)) == 0 && share_folder(one, other);
}

bool paths_companion(const char *path, const char *base)
{
    const char *start = last_name(base);
    const char *name = last_name(path);
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
