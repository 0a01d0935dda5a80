/*
 * files.c - the files of an installation.
 */
#include "db/tool/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/settings/paths.h"
#include "db/tool/drafts.h"
#include "db/tool/rights.h"
#include "db/tool/way.h"

char *file_directory(struct tool *tool, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return arena_copy(&tool->arena, ".", 1);
    }
    return arena_copy(&tool->arena, path, slash == path ? 1 : (size_t)(slash - path));
}

const char *file_itself(struct tool *tool, const char *path)
{
    char whole[PATH_MAX];
    const char *target = paths_follow(path, whole) ? arena_printf(&tool->arena, "%s", whole) : NULL;
    return target != NULL ? target : path;
}

const char *file_companion(struct tool *tool, const char *path, size_t number)
{
    return arena_printf(&tool->arena, "%s%s",
                        number < CONFIG_COMPANIONS_OF_SQLITE ? file_itself(tool, path) : path,
                        config_companions[number]);
}

const char *file_link_fault(struct tool *tool, const char *path)
{
    char target[PATH_MAX];
    struct stat there;
    int problem = errno;
    ssize_t size = readlink(path, target, sizeof target - 1);
    bool loose = size >= 0 && stat(path, &there) != 0 && errno == ENOENT;
    errno = problem;
    if (!loose) {
        return NULL;
    }
    target[size] = '\0';
    const char *text = arena_printf(&tool->arena,
                                    "a symbolic link to %s, where nothing is: mount what it leads "
                                    "to, or remove the link",
                                    target);
    return text != NULL ? text : "a symbolic link to nothing";
}

int file_refuse_loose_link(struct tool *tool, const char *path)
{
    const char *fault = file_link_fault(tool, path);
    return fault == NULL ? TOOL_DONE : tool_fail(tool, "%s: %s", path, fault);
}

int file_fail(struct tool *tool, const char *path)
{
    const char *fault = file_link_fault(tool, path);
    return tool_fail(tool, "%s: %s", path, fault != NULL ? fault : strerror(errno));
}

int file_fail_to_give(struct tool *tool, const char *path, uid_t user)
{
    return tool_fail(tool, "%s: can't give it to user %ld: %s%s", path, (long)user, strerror(errno),
                     errno == EPERM ? "; root needs the capability CHOWN for that" : "");
}

int file_sync_directory(struct tool *tool, const char *path)
{
    const char *directory = file_directory(tool, path);
    int file = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file < 0 || fsync(file) != 0) {
        int problem = errno;
        if (file >= 0) {
            (void)close(file);
        }
        return tool_fail(tool, "%s: %s", directory != NULL ? directory : path, strerror(problem));
    }
    (void)close(file);
    return TOOL_DONE;
}

int file_read(struct tool *tool, const char *path, const char **text)
{
    enum { FILE_MAXIMUM = 1024 * 1024 };
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat there;
    if (file < 0 || fstat(file, &there) != 0) {
        int status = file_fail(tool, path);
        if (file >= 0) {
            (void)close(file);
        }
        return status;
    }
    size_t size = there.st_size < FILE_MAXIMUM ? (size_t)there.st_size : 0;
    char *to = size > 0 || there.st_size == 0 ? arena_alloc(&tool->arena, size + 1) : NULL;
    ssize_t got = to != NULL ? read(file, to, size) : -1;
    (void)close(file);
    if (got < 0 || (size_t)got != size) {
        return tool_fail(tool, "%s: can't be read whole", path);
    }
    to[size] = '\0';
    *text = to;
    return TOOL_DONE;
}

bool file_write(int file, const char *from, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, from, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        from += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* Gives FILE to OWNER. To a group in which its owner is not, only root can give it. */
static bool give(int file, const struct file_owner *owner)
{
    if (fchown(file, owner->user, owner->group) == 0) {
        return true;
    }
    if (getuid() != 0 || geteuid() == 0) {
        return false;
    }
    uid_t before = geteuid();
    bool given = seteuid(0) == 0 && fchown(file, owner->user, owner->group) == 0;
    return seteuid(before) == 0 && given;
}

/* Creates a file beside PATH, durably, with TEXT, MODE and OWNER; *DRAFT is its name. After a
 * failure it is deleted again. */
static int make_draft(struct tool *tool, const char *path, const char *text, mode_t mode,
                      const struct file_owner *owner, const char **draft)
{
    *draft = arena_printf(&tool->arena, "%s.new-%ld", path, (long)getpid());
    if (*draft == NULL) {
        return tool_out_of_memory(tool);
    }
    int file = open(*draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return errno == EACCES && geteuid() != getuid()
                   ? tool_fail(tool, "%s: user %ld, who is to own it, may not write to its folder",
                               path, (long)geteuid())
                   : tool_fail(tool, "%s: %s", *draft, strerror(errno));
    }
    bool good = file_write(file, text, strlen(text));
    bool given = !owner->given || !good || give(file, owner);
    good = good && given && fchmod(file, mode) == 0 && fsync(file) == 0;
    int problem = errno;
    if (close(file) != 0 || !good) {
        problem = good ? errno : problem;
        (void)unlink(*draft);
        errno = problem;
        return !given && geteuid() == 0 ? file_fail_to_give(tool, path, owner->user)
               : problem == EPERM && owner->given && geteuid() != 0
                   ? tool_fail(tool,
                               "%s: user %ld is not in its group, %ld, so that only root can "
                               "replace it; or chgrp it",
                               path, (long)geteuid(), (long)owner->group)
                   : tool_fail(tool, "%s: %s", *draft, strerror(problem));
    }
    return TOOL_DONE;
}

static int place_secret(struct tool *tool, const char *path, const char *text,
                        const struct file_owner *owner)
{
    const char *draft;
    int status = make_draft(tool, path, text, 0600, owner, &draft);
    if (status != TOOL_DONE) {
        return status;
    }
    if (file_name_new(draft, path) != 0) {
        status = file_fail(tool, path);
        (void)unlink(draft);
        return status;
    }
    return file_sync_directory(tool, path);
}

int file_make_secret(struct tool *tool, const char *path, const char *text,
                     const struct file_owner *owner)
{
    sigset_t before; /* a draft of keys is not left behind */
    draft_hold_signals(&before);
    int status = place_secret(tool, path, text, owner);
    draft_release_signals(&before);
    return status;
}

static int replace_secret(struct tool *tool, const char *path, const char *text)
{
    char whole[PATH_MAX];
    struct stat there;
    if (realpath(path, whole) == NULL || stat(whole, &there) != 0) {
        return file_fail(tool, path);
    }
    path = whole; /* a symbolic link stays one: its target is replaced */
    bool mine = geteuid() == there.st_uid;
    struct file_owner owner = {geteuid() == 0 || (mine && there.st_gid != getegid()), there.st_uid,
                               there.st_gid};
    const char *draft;
    int status = make_draft(tool, path, text, there.st_mode & 0777, &owner, &draft);
    if (status != TOOL_DONE) {
        return status;
    }
    if (rename(draft, path) != 0) {
        status = file_fail(tool, path);
        (void)unlink(draft);
        return status;
    }
    return file_sync_directory(tool, path);
}

int file_replace_secret(struct tool *tool, const char *path, const char *text)
{
    sigset_t before;
    draft_hold_signals(&before);
    int status = replace_secret(tool, path, text);
    draft_release_signals(&before);
    return status;
}

/* ---- as whom -------------------------------------------------------------------------------- */

static const char *name_user(struct tool *tool, uid_t user)
{
    const char *text = user == 0               ? "root"
                       : user == WAY_EVERYBODY ? "everybody"
                       : user == WAY_GROUP     ? "a group other than root's"
                       : user == WAY_LISTED    ? "somebody whom an access control list names"
                                               : arena_printf(&tool->arena, "user %ld", (long)user);
    return text != NULL ? text : "another user";
}

/* Whether others may put something in the place of a folder on the way to PATH, or of what lies
 * there; or nobody can tell. */
static bool is_led_by_others(const char *path)
{
    struct way way;
    if (way_take(path, &way) != 0) {
        return true;
    }
    bool led = way.passes_others || way.decider_count > 0;
    way_leave(&way);
    return led;
}

/* What to do about WHO's leading elsewhere what is root's, in words that follow; "" where that is
 * not known. */
static const char *way_remedy(struct tool *tool, const struct way *way, uid_t who)
{
    const char *text = "";
    char target[PATH_MAX] = "";
    bool passed = way->passes_others && way->other == who && *way->passed != '\0';
    if (way->passed_link && way->whole) {
        way_name(way, target);
    }
    if (way_owner(way) == 0 && passed && *target != '\0' && !is_led_by_others(target)) {
        /* The folder may be as the system needs it, such as /var/log, and it is the link in it that
         * others could replace. */
        text = arena_printf(&tool->arena, ": %s; name %s itself instead of a link to it",
                            way->passed, target);
    } else if (way_owner(way) == 0 && passed) {
        text =
            arena_printf(&tool->arena, ": %s; move it to a folder of root's, or %s %s", way->passed,
                         who == WAY_EVERYBODY ? "chmod go-w"
                         : way_are_many(who)  ? "chmod g-w"
                                              : "chown root",
                         way->passed);
    } else if (way_owner(way) == 0 && way_are_many(who)) {
        text = "; move it to a folder of root's";
    }
    return text != NULL ? text : "";
}

const char *file_way_fault(struct tool *tool, const struct way *way, uid_t who)
{
    const char *text =
        arena_printf(&tool->arena,
                     "%s belongs to %s, but %s owns a link or may write to a folder "
                     "on the way to it, and could lead root elsewhere%s",
                     way->exists ? "it" : "its folder", name_user(tool, way_owner(way)),
                     name_user(tool, who), way_remedy(tool, way, who));
    return text != NULL ? text : "others could lead root elsewhere";
}

/* Whether root may act by the name of the file, beside which there may be others of its. */
static bool is_safe(const struct way *way, uid_t *who)
{
    return way_is_safe(way, who) && (way_owner(way) != 0 || !way_is_shared(way, who));
}

const char *file_owner_fault(struct tool *tool, const char *path)
{
    struct way way;
    uid_t who;
    if (geteuid() != 0 || way_take(path, &way) != 0) {
        return NULL;
    }
    const char *fault = is_safe(&way, &who) ? NULL : file_way_fault(tool, &way, who);
    way_leave(&way);
    return fault;
}

bool file_has_roots_folder(const char *path)
{
    struct way way;
    uid_t who;
    if (way_take(path, &way) != 0) {
        return false;
    }
    way.exists = false; /* the folder counts */
    bool roots = is_safe(&way, &who) && way_owner(&way) == 0;
    way_leave(&way);
    return roots;
}

/* Whether USER may write to the log, so that nothing is left for which root would be needed. */
static bool has_log(const struct tool *tool, uid_t user)
{
    struct way way;
    uid_t who;
    if (*tool->config.log == '\0') {
        return true;
    }
    if (way_take(tool->config.log, &way) != 0) {
        return false;
    }
    bool has = way_is_safe(&way, &who) && way_owner(&way) == user;
    way_leave(&way);
    return has;
}

static int act_as(struct tool *tool, const char *path, const struct rights *rights)
{
    return rights->user == 0 || rights_take(rights) == 0
               ? TOOL_DONE
               : tool_fail(tool, "%s: can't act as its owner, user %ld: %s%s", path,
                           (long)rights->user, strerror(errno),
                           errno == EPERM ? "; root needs the capabilities SETUID and SETGID for "
                                            "that; or run this as that user"
                                          : "");
}

/* ALONE: if the file exists, nothing beside it matters. */
static int become_owner(struct tool *tool, const char *path, bool alone)
{
    struct way way;
    uid_t who;
    if (geteuid() != 0) {
        return TOOL_DONE;
    }
    if (way_take(path, &way) != 0) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    struct rights rights = {.user = way_owner(&way),
                            .group = way.exists ? way.file.st_gid : way.place.st_gid};
    /* What takes over SQLite by a hostile file must not find a way back to root. */
    rights.ever = !alone && rights.user != 0 && tool->one_owner && has_log(tool, rights.user);
    int status = (alone && way.exists ? way_is_safe : is_safe)(&way, &who)
                     ? act_as(tool, path, &rights)
                     : tool_fail(tool, "%s: %s", path, file_way_fault(tool, &way, who));
    way_leave(&way);
    return status;
}

int file_become_owner(struct tool *tool, const char *path)
{
    return become_owner(tool, path, false);
}

int file_become_owner_alone(struct tool *tool, const char *path)
{
    return become_owner(tool, path, true);
}

/* Opens the log at the end of WAY, or makes it. */
static int open_log(const struct way *way)
{
    struct stat there;
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;
    int file = openat(way->folder, way->rest, flags | (way->exists ? 0 : O_CREAT | O_EXCL), 0600);
    if (file >= 0 && (fstat(file, &there) != 0 || !S_ISREG(there.st_mode) || there.st_uid != 0 ||
                      there.st_nlink != 1)) {
        (void)close(file);
        file = -1;
    }
    return file;
}

int file_open_roots_log(const char *path)
{
    struct way way;
    uid_t who = 0;
    int file = -1;
    if (geteuid() != 0 || way_take(path, &way) != 0) {
        return -1;
    }
    bool led = !way_is_safe(&way, &who) || (!way.exists && way_is_shared(&way, &who));
    if (led && way_are_many(who) && (who != WAY_EVERYBODY || way.exists) && way.whole &&
        !way.by_link && way.decider_count == 0 && way_owner(&way) == 0) {
        file = open_log(&way);
    }
    way_leave(&way);
    return file;
}

/* Who is to make the file at the end of WAY; *GROUP is the group to make it with. */
static uid_t maker_of(const struct way *way, const struct file_owner *owner, gid_t *group)
{
    struct way folder = *way;
    folder.exists = false;
    uid_t user = way_owner(&folder);
    uid_t others;
    if (user == 0 && !way->exists && owner->given && way_is_shared(way, &others) &&
        others != WAY_EVERYBODY) {
        user = owner->user; /* root could be led by others of the group, or of the list */
    }
    *group = owner->given && owner->user == user ? owner->group : way->place.st_gid;
    if (user == 0 && way->exists && (way->place.st_mode & 022) != 0) {
        user = way_owner(way); /* what lies beside it may be that user's, too */
        *group = way->file.st_gid;
    }
    return user;
}

/* A FOLDER is made by one call, for which nothing beside it matters. */
static int become_maker(struct tool *tool, const char *path, struct way way, bool folder,
                        struct file_owner *owner)
{
    uid_t who = WAY_EVERYBODY;
    gid_t group;
    uid_t user = maker_of(&way, owner, &group);
    way.exists = way.exists && user == way_owner(&way); /* else it is the folder that counts */
    if (!way.exists && user != way_owner(&way)) {
        way.exists = true; /* the owner that the file will have */
        way.file.st_uid = user;
    }
    if (!(folder ? way_is_safe : is_safe)(&way, &who)) {
        return tool_fail(tool, "%s: %s", path, file_way_fault(tool, &way, who));
    }
    if (user != 0 && owner->given && owner->user != user) {
        return tool_fail(tool,
                         "%s: its folder belongs to user %ld, and so must what is made there; "
                         "chown the folder, or name that user",
                         path, (long)user);
    }
    const struct rights rights = {user, group, owner->given && owner->user == user, false};
    int status = act_as(tool, path, &rights);
    owner->given = owner->given && user == 0;
    return status;
}

int file_become_maker(struct tool *tool, const char *path, struct file_owner *owner)
{
    struct way way;
    if (geteuid() != 0) {
        return TOOL_DONE;
    }
    if (way_take(path, &way) != 0) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    int status = become_maker(tool, path, way, false, owner);
    way_leave(&way);
    return status;
}

int file_become_folder_maker(struct tool *tool, const char *path, const struct way *way,
                             struct file_owner *owner)
{
    return geteuid() != 0 ? TOOL_DONE : become_maker(tool, path, *way, true, owner);
}

void file_become_self(void)
{
    if (geteuid() != getuid() && (seteuid(getuid()) != 0 || setegid(getgid()) != 0)) {
        perror("cubby: can't continue as the user who runs this");
        exit(TOOL_FAILED);
    }
}

void file_become_self_for(struct file_user *before)
{
    *before = (struct file_user){geteuid(), getegid()};
    file_become_self();
}

void file_become_again(struct tool *tool, const struct file_user *before)
{
    file_become_self();
    const struct rights rights = {before->user, before->group, true, false};
    if (before->user != geteuid() && act_as(tool, "going on", &rights) != TOOL_DONE) {
        exit(TOOL_FAILED);
    }
}

/* Whether PATH is a file that the settings name, or their own, or a companion of one; writing a
 * result there is surely a mistake. */
static bool is_own_file(const struct tool *tool, const char *path)
{
    const struct config *config = &tool->config;
    const char *const own[] = {config->database,
                               config->keys,
                               config->log,
                               config->refused_passwords,
                               tool->config_path != NULL ? tool->config_path : "",
                               config_default_path()};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char itself[PATH_MAX];
        if (*own[i] == '\0') {
            continue;
        }
        if (paths_meet(path, own[i]) || paths_companion(path, own[i]) ||
            (paths_follow(own[i], itself) && paths_companion(path, itself))) {
            return true;
        }
    }
    return false;
}

/* Whether the folder that PATH shall lie in is there; told when it is not. */
static int has_folder(struct tool *tool, const char *path)
{
    const char *folder = file_directory(tool, path);
    struct stat there;
    if (folder == NULL) {
        return tool_out_of_memory(tool);
    }
    if (stat(folder, &there) != 0) {
        return tool_fail(tool, "%s: %s", folder,
                         errno == ENOENT ? "there is no such folder" : strerror(errno));
    }
    return S_ISDIR(there.st_mode) ? TOOL_DONE : tool_fail(tool, "%s is no folder", folder);
}

int file_may_write(struct tool *tool, const char *path, bool *exists)
{
    struct stat there;
    *exists = lstat(path, &there) == 0;
    if (is_own_file(tool, path)) {
        return tool_fail(tool, "%s belongs to the installation itself", path);
    }
    if (!*exists) {
        return has_folder(tool, path);
    }
    if (!S_ISREG(there.st_mode)) {
        return tool_fail(tool, "%s: not a regular file%s", path,
                         S_ISDIR(there.st_mode) ? ", but a folder" : "");
    }
    return tool_confirm(tool, "%s exists. Replace it?", path);
}

int file_sync(struct tool *tool, const char *path)
{
    tool_step(tool, "writing %s to the disk", path);
    int file = open(path, O_RDWR | O_CLOEXEC);
    bool good = file >= 0 && fsync(file) == 0;
    int problem = errno;
    if (file >= 0) {
        (void)close(file);
    }
    return good ? TOOL_DONE : tool_fail(tool, "%s: %s", path, strerror(problem));
}

int file_name_new_in(int folder, const char *from, const char *to)
{
    if (linkat(folder, from, folder, to, 0) == 0) {
        (void)unlinkat(folder, from, 0);
        return 0;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) {
        return -1;
    }
    /* A file system without hard links, such as FAT. */
    struct stat there;
    if (fstatat(folder, to, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(folder, from, folder, to);
}

int file_name_new(const char *from, const char *to)
{
    return file_name_new_in(AT_FDCWD, from, to);
}
