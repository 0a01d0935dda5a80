/*
 * rights.c - becoming another user.
 */
#include "db/tool/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "db/tool/files.h"
#include "db/tool/way.h"

enum { GROUPS_MOST = 256, GROUP_OF_NOBODY = 65534 };

/* The groups of USER, the first one first; of them alone where the others can't be read. How many.
 */
static int groups_of(uid_t user, gid_t groups[GROUPS_MOST])
{
    int count = GROUPS_MOST;
    const struct passwd *entry = getpwuid(user);
    if (entry == NULL) {
        return 0;
    }
    if (getgrouplist(entry->pw_name, entry->pw_gid, groups, &count) < 0) {
        groups[0] = entry->pw_gid;
        count = count > GROUPS_MOST ? GROUPS_MOST : 1;
    }
    return count;
}

static gid_t choose_group(const struct rights *rights, const gid_t *groups, int count)
{
    if (rights->named) {
        return rights->group;
    }
    for (int i = 0; i < count; i++) {
        if (groups[i] == rights->group) {
            return rights->group;
        }
    }
    return count > 0 ? groups[0] : rights->group == rights->user ? rights->group : GROUP_OF_NOBODY;
}

int rights_take(const struct rights *rights)
{
    gid_t groups[GROUPS_MOST];
    uid_t user = rights->user;
    int count = groups_of(user, groups);
    gid_t group = choose_group(rights, groups, count);
    if (setgroups((size_t)count, groups) != 0) {
        return -1;
    }
    return rights->ever ? (setresgid(group, group, group) == 0 ? setresuid(user, user, user) : -1)
                        : (setegid(group) == 0 ? seteuid(user) : -1);
}

/* ---- who may change the settings ------------------------------------------------------------ */

/* Users other than root, or everybody. */
struct changers {
    int count;
    uid_t users[2];
};

static void note(struct changers *changers, uid_t user)
{
    bool known = user == 0;
    for (int i = 0; i < changers->count; i++) {
        known = known || changers->users[i] == user;
    }
    if (!known && changers->count < 2) {
        changers->users[changers->count++] = user;
    }
}

/* Whether others than the user who owns the file may write to it. A group with the number of the
 * user is that user's alone. */
static bool is_open(const struct stat *file)
{
    mode_t others = file->st_gid == file->st_uid ? S_IWOTH : S_IWOTH | S_IWGRP;
    return S_ISREG(file->st_mode) && (file->st_mode & others) != 0;
}

static struct changers find_changers(const struct way *way)
{
    struct changers changers = {0};
    bool outside = way->exists && way_is_outside(way->folder, way->rest, way->file.st_uid);
    note(&changers, outside ? 0 : way_owner(way));
    for (int i = 0; i < way->decider_count; i++) {
        note(&changers, way->deciders[i]);
    }
    if (way->passes_others) {
        note(&changers, way->other);
    }
    return changers;
}

/* Whether several users, a group or everybody. */
static bool are_many(const struct changers *changers)
{
    uid_t first = changers->count > 0 ? changers->users[0] : 0;
    return changers->count > 1 || first == WAY_EVERYBODY || first == WAY_GROUP;
}

/* Whether NAME in FOLDER lies on a medium that is mounted read-only, as a container may have its
 * settings: then nobody changes it, whatever its owner and mode. */
static bool is_fixed(int folder, const char *name)
{
    struct statvfs there;
    int file = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool fixed = file >= 0 && fstatvfs(file, &there) == 0 && (there.f_flag & ST_RDONLY) != 0;
    if (file >= 0) {
        (void)close(file);
    }
    return fixed;
}

/* WAY without what nobody can change. */
static struct way without_fixed(const struct way *way)
{
    struct way rest = *way;
    if (way->by_link || !way->exists || !is_fixed(way->folder, way->rest)) {
        return rest;
    }
    rest.file.st_uid = 0;
    rest.file.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
    if (is_fixed(way->folder, ".")) {
        bool passed =
            (way->place.st_mode & (S_IWGRP | S_IWOTH)) != 0 || way->other == way->place.st_uid;
        rest.decider_count = 0; /* without a link, the owner of the folder alone */
        rest.passes_others = way->passes_others && !passed;
    }
    return rest;
}

/* Says why root can't obey the settings; "cubby check" goes on to tell it in its own way. */
__attribute__((format(printf, 2, 3))) static int refuse(struct tool *tool, const char *format, ...)
{
    char line[PATH_MAX + 512];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(line, sizeof line, format, list);
    va_end(list);
    tool->settings_fault = arena_copy(&tool->arena, line, strlen(line));
    return (tool->command->flags & COMMAND_NAMES_FAULTS) != 0 && tool->settings_fault != NULL
               ? TOOL_DONE
               : tool_fail(tool, "%s", line);
}

static int obey(struct tool *tool, const char *path, const struct way *taken)
{
    struct way rest = without_fixed(taken);
    const struct way *way = &rest;
    struct changers changers = find_changers(way);
    uid_t first = changers.count > 0 ? changers.users[0] : 0;
    if (changers.count == 0 && way->exists && is_open(&way->file)) {
        return refuse(tool,
                      "%s: others than root may change the settings (mode %03o), and could lead "
                      "root anywhere; chmod go-w %s",
                      path, (unsigned)(way->file.st_mode & 0777), path);
    }
    if (are_many(&changers)) {
        return refuse(tool, "%s: %s", path,
                      file_way_fault(tool, way, changers.users[changers.count - 1]));
    }
    if (first == 0) {
        return TOOL_DONE;
    }
    const struct rights rights = {first, way->exists ? way->file.st_gid : way->place.st_gid, false,
                                  true};
    if (rights_take(&rights) != 0) {
        return tool_fail(tool, "%s: can't act as who may change it: %s", path, strerror(errno));
    }
    const struct passwd *entry = getpwuid(first);
    tool->settings_owner = entry != NULL
                               ? arena_copy(&tool->arena, entry->pw_name, strlen(entry->pw_name))
                               : arena_printf(&tool->arena, "user %ld", (long)first);
    return tool->settings_owner != NULL ? TOOL_DONE : tool_out_of_memory(tool);
}

int rights_of_settings(struct tool *tool, const char *path)
{
    struct way way;
    if (geteuid() != 0) {
        return TOOL_DONE;
    }
    if (way_take(path, &way) != 0) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    int status = obey(tool, path, &way);
    way_leave(&way);
    return status;
}

/* ---- files that the operator names ---------------------------------------------------------- */

/* Opens what lies at the end of WAY in the folder that is open, as root: a regular file that nobody
 * can have made of another by a link. OWNER: it must be root's. -1 with errno. */
static int open_by_folder(const struct way *way, int flags, bool owner)
{
    struct stat there;
    int file = openat(way->folder, way->rest,
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | flags);
    if (file >= 0 && (fstat(file, &there) != 0 || !S_ISREG(there.st_mode) || there.st_nlink != 1 ||
                      (owner && there.st_uid != 0))) {
        (void)close(file);
        file = -1;
        errno = EACCES;
    }
    return file;
}

static int open_as(uid_t user, const char *path, const struct way *way, int flags)
{
    const struct rights rights = {user, way->exists ? way->file.st_gid : way->place.st_gid, false,
                                  false};
    int file = rights_take(&rights) == 0 ? open(path, O_RDONLY | O_CLOEXEC | flags) : -1;
    int problem = errno;
    file_become_self();
    errno = problem;
    return file < 0 && errno == EACCES && way->exists && way->place.st_uid == user
               ? open_by_folder(way, flags, true)
               : file;
}

/* As root. */
static int open_by_way(struct tool *tool, const char *path, const struct way *way, int flags,
                       int *file)
{
    struct changers changers = find_changers(way);
    if (are_many(&changers) && (way->decider_count > 0 || !way->exists)) {
        return tool_fail(tool, "%s: %s", path,
                         file_way_fault(tool, way, changers.users[changers.count - 1]));
    }
    *file = are_many(&changers)  ? open_by_folder(way, flags, false)
            : changers.count > 0 ? open_as(changers.users[0], path, way, flags)
                                 : open(path, O_RDONLY | O_CLOEXEC | flags);
    return *file >= 0 ? TOOL_DONE : tool_fail(tool, "%s: %s", path, strerror(errno));
}

int rights_open(struct tool *tool, const char *path, int flags, int *file)
{
    struct way way;
    *file = -1;
    if (geteuid() != 0) {
        *file = open(path, O_RDONLY | O_CLOEXEC | flags);
        return *file >= 0 ? TOOL_DONE : tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    if (way_take(path, &way) != 0) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    int status = open_by_way(tool, path, &way, flags, file);
    way_leave(&way);
    return status;
}
