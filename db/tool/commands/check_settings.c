/*
 * check_settings.c - who can change the settings.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/tool/acl.h"
#include "db/tool/commands/check.h"
#include "db/tool/files.h"
#include "db/tool/mounts.h"
#include "db/tool/way.h"

static void tell(const struct check_sink *sink, const char *path, const char *problem,
                 const char *remedy)
{
    sink->found(sink->self, path, problem != NULL ? problem : "others may change the settings",
                remedy != NULL ? remedy : "");
}

/* Whether others than the owner may write to what is THERE. A folder such as /tmp keeps each file
 * for its owner, a group with the number of its user is that user's alone, and some are root's,
 * unless the mode is that of an access control list (LISTED). */
static bool is_open(const struct stat *there, bool listed)
{
    bool private = !listed && (there->st_gid == there->st_uid || way_is_roots_group(there->st_gid));
    mode_t others = private ? S_IWOTH : S_IWGRP | S_IWOTH;
    bool keeps = S_ISDIR(there->st_mode) && (there->st_mode & S_ISVTX) != 0;
    return (there->st_mode & others) != 0 && !keeps;
}

/* Whether OWNER is who runs the programs, to whom the keys belong: only a program that somebody has
 * taken over would change the settings. */
static bool runs_programs(const struct tool *tool, uid_t owner)
{
    struct stat keys;
    return stat(tool->config.keys, &keys) == 0 && keys.st_uid == owner;
}

/* Who could change what lies at PATH, were it for owner and mode alone. */
static enum mount_writes writes_to(const char *path)
{
    int file = open(path, O_PATH | O_CLOEXEC);
    enum mount_writes writes = file >= 0 ? mount_writes(file) : MOUNT_WRITABLE;
    if (file >= 0) {
        (void)close(file);
    }
    return writes;
}

/* The file at PATH, or its folder. */
static void check_one(struct tool *tool, const struct check_sink *sink,
                      const struct check_sink *warned, const char *path)
{
    struct stat there;
    if (stat(path, &there) != 0) {
        return; /* no settings: the defaults hold */
    }
    enum mount_writes writes = writes_to(path);
    if (writes == MOUNT_READ_ONLY) {
        return;
    }
    bool listed = acl_lets_write(AT_FDCWD, path, &there);
    if (is_open(&there, listed) && writes != MOUNT_READ_ONLY_HERE) {
        tell(sink, path,
             arena_printf(
                 &tool->arena, "others than its owner may change the settings (mode %03o%s)",
                 (unsigned)(there.st_mode & 0777), listed ? ", of an access control list" : ""),
             arena_printf(&tool->arena, "chmod go-w %s", path));
    }
    if (S_ISREG(there.st_mode) && (there.st_mode & 0111) != 0) {
        tell(warned, path,
             arena_printf(&tool->arena, "it may be executed, which nobody needs (mode %03o)",
                          (unsigned)(there.st_mode & 0777)),
             arena_printf(&tool->arena, "chmod a-x %s", path));
    }
    bool own = there.st_uid == getuid() && tool->settings_owner == NULL;
    if (there.st_uid != 0 && !own && !way_is_outside(AT_FDCWD, path, there.st_uid)) {
        tell(runs_programs(tool, there.st_uid) ? warned : sink, path,
             arena_printf(&tool->arena,
                          "user %ld, neither root nor who runs this, may change the settings",
                          (long)there.st_uid),
             S_ISDIR(there.st_mode) ? "move them to a folder of root's"
                                    : arena_printf(&tool->arena, "chown root %s", path));
    }
}

void check_settings_file(struct tool *tool, const struct check_sink *sink,
                         const struct check_sink *warned)
{
    const char *path = tool->config_path != NULL ? tool->config_path : config_default_path();
    const char *folder = file_directory(tool, path);
    check_one(tool, sink, warned, path);
    if (folder != NULL && access(path, F_OK) == 0) {
        check_one(tool, sink, warned, folder);
    }
}
