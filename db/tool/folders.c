/*
 * folders.c - making the folder of a file, and those above it. Declared in files.h.
 *
 * Each is made in the one before, which is open, and opened itself, so that nobody who may write to
 * one of them can have a link followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/tool/files.h"
#include "db/tool/way.h"

/* Makes the folder NAME in FOLDER and opens it; -1 with errno, which is EEXIST when there is
 * something of that name. */
static int make_in(int folder, const char *name, mode_t mode)
{
    struct stat there;
    if (mkdirat(folder, name, mode) != 0) {
        return -1;
    }
    int made = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0) {
        return -1;
    }
    bool own = fstat(made, &there) == 0 && there.st_uid == geteuid();
    if (!own || fchmod(made, mode) != 0) { /* the umask does not matter */
        errno = own ? errno : EPERM;
        (void)close(made);
        return -1;
    }
    return made;
}

/* Makes the names in FOLDER durable, which may be open as a mere place. */
static bool sync_folder(int folder)
{
    int readable = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = readable >= 0 && fsync(readable) == 0;
    int problem = errno;
    if (readable >= 0) {
        (void)close(readable);
    }
    errno = problem;
    return good;
}

/* Makes the folder NAME in FOLDER, mode 0700, with its owner from the first moment on: one of
 * root's, which an interruption would leave, would be refused ever after. */
static bool make_owned(int folder, const char *name, const struct file_owner *owner)
{
    char draft[NAME_MAX + 1];
    (void)snprintf(draft, sizeof draft, "%.200s.new-%ld", name, (long)getpid());
    int made = make_in(folder, draft, 0700);
    if (made < 0) {
        return false;
    }
    bool good = (!owner->given || fchown(made, owner->user, owner->group) == 0) &&
                renameat(folder, draft, folder, name) == 0;
    int problem = errno;
    (void)close(made);
    if (!good) {
        (void)unlinkat(folder, draft, AT_REMOVEDIR);
        errno = problem;
    }
    return good && sync_folder(folder);
}

/* Makes the folders that REST names, from FOLDER on, all but the last with mode 0755. */
static bool make_all(int folder, char *rest, const struct file_owner *owner)
{
    int present = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    bool good = present >= 0;
    for (char *slash = strchr(rest, '/'); slash != NULL && good; slash = strchr(rest, '/')) {
        *slash = '\0';
        int next = *rest == '\0' || strcmp(rest, ".") == 0 ? fcntl(present, F_DUPFD_CLOEXEC, 0)
                                                           : make_in(present, rest, 0755);
        good = next >= 0 && sync_folder(present);
        int problem = errno;
        (void)close(present);
        errno = problem;
        present = next;
        rest = slash + 1;
    }
    good = good && make_owned(present, rest, owner);
    int problem = errno;
    if (present >= 0) {
        (void)close(present);
    }
    errno = problem;
    return good;
}

/* Makes DIRECTORY, which is missing, by the way that leads there now. *AGAIN: somebody made one of
 * the folders meanwhile, and who may lead there is to be asked anew. */
static int make_by_way(struct tool *tool, const char *directory, const struct file_owner *owner,
                       bool *again)
{
    struct way way;
    struct file_owner rest = *owner;
    *again = false;
    if (way_take(directory, &way) != 0) {
        return tool_fail(tool, "%s: %s", directory, strerror(errno));
    }
    int status = file_become_folder_maker(tool, directory, &way, &rest);
    size_t size = strlen(way.rest);
    while (size > 1 && way.rest[size - 1] == '/') {
        way.rest[--size] = '\0';
    }
    if (status == TOOL_DONE && !make_all(way.folder, way.rest, &rest)) {
        *again = errno == EEXIST || errno == ENOTEMPTY;
        status = *again ? TOOL_FAILED
                 : errno == EACCES && geteuid() != getuid()
                     ? tool_fail(tool,
                                 "%s: user %ld, who is to own it, may not make it; make it, and "
                                 "give it to that user",
                                 directory, (long)geteuid())
                 : errno == EPERM && rest.given
                     ? file_fail_to_give(tool, directory, rest.user)
                     : tool_fail(tool, "%s: %s", directory, strerror(errno));
    }
    way_leave(&way);
    return status;
}

int file_make_directory(struct tool *tool, const char *path, const struct file_owner *owner)
{
    enum { ATTEMPTS = 16 };
    const char *directory = file_directory(tool, path);
    if (directory == NULL) {
        return tool_out_of_memory(tool);
    }
    struct stat there;
    bool again = true;
    int status = TOOL_FAILED;
    for (int i = 0; i < ATTEMPTS && again; i++) {
        if (stat(directory, &there) == 0) {
            return S_ISDIR(there.st_mode) ? TOOL_DONE
                                          : tool_fail(tool, "%s: not a directory", directory);
        }
        bool self = geteuid() == getuid();
        status = make_by_way(tool, directory, owner, &again);
        if (self) {
            file_become_self();
        }
    }
    if (again) {
        return tool_fail(tool, "%s: others make and delete folders on the way to it", directory);
    }
    if (status == TOOL_DONE) {
        const char *shown = arena_printf(&tool->arena, "%s/", directory);
        tool_file(tool, "made", shown != NULL ? shown : directory);
    }
    return status;
}
