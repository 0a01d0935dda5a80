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
#include <unistd.h>

#include "db/tool/files.h"
#include "db/tool/mounts.h"
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
    if (rights->ever) {
        return setresgid(group, group, group) == 0 ? setresuid(user, user, user) : -1;
    }
    gid_t before = getegid();
    int taken = setegid(group) == 0 ? seteuid(user) : -1;
    int problem = errno;
    errno = taken != 0 && setegid(before) != 0 ? errno : problem;
    return taken;
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
 * user is that user's alone, and root's is root's, as way_is_roots_group is, unless the mode is
 * that of a list. */
static bool is_open(const struct way *way)
{
    const struct stat *file = &way->file;
    bool private = !way->file_is_listed && (file->st_gid == file->st_uid || file->st_gid == 0 ||
                                            way_is_roots_group(file->st_gid));
    mode_t others = private ? S_IWOTH : S_IWOTH | S_IWGRP;
    return S_ISREG(file->st_mode) && (file->st_mode & others) != 0;
}

/* Whether the user who owns the file decides alone what lies there, although others own folders
 * further above. Those can put nothing in the place of the file but what that user left in theirs,
 * so that root, acting as that user, does with it no more than the user could; as file_become_owner
 * has it for the database. */
static bool is_owners_own(const struct way *way)
{
    uid_t who;
    return way->exists && way_owner(way) != 0 && way_is_safe(way, &who) &&
           !way_is_shared(way, &who) && !is_open(way) &&
           !(way->passes_others && way_are_many(way->other));
}

/* Who decides where the way leads. */
static struct changers find_deciders(const struct way *way)
{
    struct changers changers = {0};
    for (int i = 0; i < way->decider_count; i++) {
        note(&changers, way->deciders[i]);
    }
    if (way->passes_others && is_owners_own(way)) {
        note(&changers, way_owner(way));
    } else if (way->passes_others) {
        note(&changers, way->other);
    }
    return changers;
}

/* The same, and who may change the file itself. */
static struct changers find_changers(const struct way *way)
{
    struct changers changers = {0};
    bool outside = way->exists && way_is_outside(way->folder, way->rest, way->file.st_uid);
    note(&changers, outside ? 0 : way_owner(way));
    struct changers deciders = find_deciders(way);
    for (int i = 0; i < deciders.count; i++) {
        note(&changers, deciders.users[i]);
    }
    return changers;
}

/* Whether several users, or who stands for several. */
static bool are_many(const struct changers *changers)
{
    uid_t first = changers->count > 0 ? changers->users[0] : 0;
    return changers->count > 1 || way_are_many(first);
}

/* WAY without what does not count of a file that can't be written to here: who may write to it by
 * its mode and, where nobody can write to it anywhere, its owner. */
static struct way without_fixed(const struct way *way)
{
    struct way rest = *way;
    int file = way->exists ? openat(way->folder, way->rest, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (file < 0) {
        return rest;
    }
    enum mount_writes writes = mount_writes(file);
    if (writes != MOUNT_WRITABLE) {
        rest.file.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
    }
    if (writes == MOUNT_READ_ONLY) {
        rest.file.st_uid = 0;
    } else {
        rest.writable_elsewhere = rest.writable_elsewhere || mount_refuses_writes(file);
    }
    (void)close(file);
    return rest;
}

/* What to say besides of others who may change what looks as if nobody could. */
static const char *elsewhere(const struct way *way)
{
    return way->writable_elsewhere
               ? "; that it is mounted read-only here keeps nobody from writing by another mount: "
                 "change owner and mode where it comes from, or mount the file alone, root's, in "
                 "a folder of root's"
               : "";
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

/* How the settings become root's alone, where USER may change them, as the rest of a sentence. */
static const char *settings_remedy(struct tool *tool, const char *path, const struct way *way,
                                   uid_t user)
{
    bool folder = way->decider_count > 0 || way->passes_others;
    char *text = !folder ? arena_printf(&tool->arena, "\"chown root %s\" makes them root's alone%s",
                                        path, elsewhere(way))
                 : way->passes_others && way->other == user && *way->passed != '\0'
                     ? arena_printf(&tool->arena,
                                    "they are root's alone outside of %s, as root's file in a "
                                    "folder of root's",
                                    way->passed)
                     : NULL;
    if (text != NULL) {
        tool_make_printable(text, true);
    }
    return text != NULL ? text
                        : "in a folder of root's, as root's file, they would be root's alone";
}

static int obey(struct tool *tool, const char *path, const struct way *taken)
{
    struct way rest = without_fixed(taken);
    const struct way *way = &rest;
    struct changers changers = find_changers(way);
    uid_t first = changers.count > 0 ? changers.users[0] : 0;
    if (way->exists && is_open(way)) {
        return refuse(tool,
                      "%s: others than root may change the settings (mode %03o%s), and could "
                      "lead root anywhere; chmod go-w %s%s",
                      path, (unsigned)(way->file.st_mode & 0777),
                      way->file_is_listed ? ", of an access control list" : "", path,
                      elsewhere(way));
    }
    if (are_many(&changers)) {
        return refuse(tool, "%s: %s%s", path,
                      file_way_fault(tool, way, changers.users[changers.count - 1]),
                      elsewhere(way));
    }
    if (first == 0) {
        return TOOL_DONE;
    }
    const struct rights rights = {first, way->exists ? way->file.st_gid : way->place.st_gid, false,
                                  true};
    if (rights_take(&rights) != 0) {
        const char *problem = strerror(errno);
        return tool_fail(tool, "%s: can't act as who may change it: %s; %s", path, problem,
                         settings_remedy(tool, path, way, first));
    }
    const struct passwd *entry = getpwuid(first);
    tool->settings_remedy = settings_remedy(tool, path, way, first);
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
    if (way_take_to_read(path, &way) != 0) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    int status = obey(tool, path, &way);
    way_leave(&way);
    return status;
}

/* ---- files that the operator names ---------------------------------------------------------- */

/* Opens what lies at the end of WAY in the folder that is open, as root: a regular file that nobody
 * can have made of another by a link. OWNER, if not NULL, is whose it must be, if it is not that of
 * the way; -1 with errno, which is EMLINK when it has other names. */
static int open_by_folder(const struct way *way, int flags, const uid_t *owner)
{
    struct stat there;
    int file = openat(way->folder, way->rest,
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | flags);
    bool good = file >= 0 && fstat(file, &there) == 0 && S_ISREG(there.st_mode) &&
                (owner == NULL || there.st_uid == *owner);
    if (file >= 0 && (!good || there.st_nlink != 1)) {
        (void)close(file);
        file = -1;
        errno = good ? EMLINK : EACCES;
    }
    return file;
}

/* Without the right to become another user, as in a container without capabilities, only what is
 * that user's, or root's in root's own folder, is opened, as by who may not read it by its name. */
static int open_as(uid_t user, const char *path, const struct way *way, int flags)
{
    const struct rights rights = {user, way->exists ? way->file.st_gid : way->place.st_gid, false,
                                  false};
    int file = rights_take(&rights) == 0 ? open(path, O_RDONLY | O_CLOEXEC | flags) : -1;
    int problem = errno;
    file_become_self();
    errno = problem;
    bool refused = file < 0 && (errno == EACCES || errno == EPERM) && way->exists;
    bool roots = way->file.st_uid == 0 &&
                 (way->place.st_uid == user || (way->place.st_uid == 0 && !way->by_link));
    return refused && (roots || way->file.st_uid == user)
               ? open_by_folder(way, flags, &way->file.st_uid)
               : file;
}

/* Says why the file at PATH could not be opened, as WHO, which is 0 for root. */
static int fail_to_open(struct tool *tool, const char *path, uid_t who)
{
    if (errno == EMLINK) {
        return tool_fail(tool,
                         "%s: it has another name as well (a hard link), so that others could "
                         "have put a file of root's here; if it is what you mean, copy it to a "
                         "folder of root's",
                         path);
    }
    return who != 0 && (errno == EACCES || errno == EPERM)
               ? tool_fail(tool,
                           "%s: Permission denied to user %ld, as whom it is read, since that "
                           "user could put a link there; move it to a folder of root's",
                           path, (long)who)
               : tool_fail(tool, "%s: %s", path, strerror(errno));
}

/* As root. */
static int open_by_way(struct tool *tool, const char *path, const struct way *way, int flags,
                       int *file)
{
    static const uid_t root = 0;
    struct changers changers = find_deciders(way);
    uid_t who = changers.count > 0 ? changers.users[changers.count - 1] : 0;
    bool many = are_many(&changers);
    if (many &&
        (!way->exists || (way->decider_count > 0 && (way->by_link || way_owner(way) != 0)))) {
        return tool_fail(tool, "%s: %s", path, file_way_fault(tool, way, who));
    }
    /* What lies in a folder such as /tmp is its owner's to replace, by a link, too. */
    uid_t user = changers.count > 0         ? changers.users[0]
                 : way_is_shared(way, &who) ? way_owner(way)
                                            : 0;
    *file = many        ? open_by_folder(way, flags, way->decider_count > 0 ? &root : NULL)
            : user != 0 ? open_as(user, path, way, flags)
                        : open(path, O_RDONLY | O_CLOEXEC | flags);
    return *file >= 0 ? TOOL_DONE : fail_to_open(tool, path, many ? 0 : user);
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
