/*
 * medium.c - what the medium under the database can carry.
 */
#include "db/tool/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/settings/paths.h"
#include "db/tool/files.h"

/* An open descriptor of the folder that holds the file at PATH, or will; -1 with errno. *NAME is
 * the folder's. A symbolic link in the place of the file is followed, as SQLite does. */
static int open_folder(struct tool *tool, const char *path, const char **name)
{
    char whole[PATH_MAX];
    char *folder = file_directory(tool, realpath(path, whole) != NULL ? whole : path);
    if (folder == NULL) {
        errno = ENOMEM;
        return -1;
    }
    *name = folder;
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (file < 0 && errno == ENOENT && strrchr(folder, '/') > folder) {
        *strrchr(folder, '/') = '\0';
        file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return file;
}

/* 0, or the errno of the first step that fails. */
static int try_shared_memory(int file)
{
    enum { REGION_BYTES = 32 * 1024 }; /* what SQLite maps at a time */
    if (ftruncate(file, REGION_BYTES) != 0) {
        return errno;
    }
    void *map = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED) {
        return errno;
    }
    (void)munmap(map, REGION_BYTES);
    return 0;
}

static const char *say(struct tool *tool, const char *what, const char *folder, int problem)
{
    const char *text = arena_printf(&tool->arena, "%s %s (%s)", what, folder, strerror(problem));
    return text != NULL ? text : what;
}

const char *medium_refuses_log(struct tool *tool, const char *path)
{
    static const char makes_none[] = "no file can be made in";
    const char *folder = path;
    int directory = open_folder(tool, path, &folder);
    if (directory < 0) {
        return say(tool, makes_none, folder, errno);
    }
    char name[NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%.200s.new-%ld", paths_last_name(path),
                   (long)getpid()); /* cubby check knows the name, should this be killed */
    int file = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int problem = file < 0 ? errno : try_shared_memory(file);
    if (file >= 0) {
        (void)close(file);
        (void)unlinkat(directory, name, 0);
    }
    (void)close(directory);
    return file < 0       ? say(tool, makes_none, folder, problem)
           : problem != 0 ? say(tool, "processes can't share memory in", folder, problem)
                          : NULL;
}

bool medium_is_read_only(struct tool *tool, const char *path)
{
    const char *folder;
    struct statvfs there;
    int directory = open_folder(tool, path, &folder);
    bool only =
        directory >= 0 && fstatvfs(directory, &there) == 0 && (there.f_flag & ST_RDONLY) != 0;
    if (directory >= 0) {
        (void)close(directory);
    }
    return only;
}

const char *medium_in_memory(struct tool *tool, const char *path)
{
    static const struct {
        uint32_t type; /* as in linux/magic.h */
        const char *name;
    } kinds[] = {{UINT32_C(0x01021994), "tmpfs"}, {UINT32_C(0x858458f6), "ramfs"}};
    const char *folder;
    struct statfs there;
    int directory = open_folder(tool, path, &folder);
    bool known = directory >= 0 && fstatfs(directory, &there) == 0;
    if (directory >= 0) {
        (void)close(directory);
    }
    for (size_t i = 0; known && i < sizeof kinds / sizeof *kinds; i++) {
        if ((uint32_t)there.f_type == kinds[i].type) {
            return kinds[i].name;
        }
    }
    return NULL;
}

int medium_check_copy(struct tool *tool, const char *path)
{
    if (!medium_is_read_only(tool, path)) {
        return TOOL_DONE;
    }
    return tool_fail(tool,
                     "%s: its medium is read-only, and a copy is made beside it first; \"cubby "
                     "backup FILE\" into a folder where nobody else may write makes none there",
                     path);
}

int medium_check_journal(struct tool *tool)
{
    const char *path = tool->config.database;
    if (strcmp(tool->config.journal, "wal") != 0 || !config_is_path(path)) {
        return TOOL_DONE;
    }
    bool self = geteuid() == getuid();
    int status = file_become_owner(tool, path);
    const char *why = status == TOOL_DONE ? medium_refuses_log(tool, path) : NULL;
    if (self) {
        file_become_self();
    }
    return why == NULL ? status
                       : tool_fail(tool,
                                   "%s: its medium can't carry journal = wal: %s; set journal = "
                                   "rollback; nothing was changed",
                                   path, why);
}
