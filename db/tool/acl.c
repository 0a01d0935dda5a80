/*
 * acl.c - whether there is an access control list.
 */
#include "db/tool/acl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>

bool acl_lets_write(int folder, const char *name, const struct stat *there)
{
    char path[PATH_MAX + 32];
    if ((there->st_mode & S_IWGRP) == 0) {
        return false; /* the mask takes it from everybody whom the list names */
    }
    int length = folder == AT_FDCWD
                     ? snprintf(path, sizeof path, "%s", name)
                     : snprintf(path, sizeof path, "/proc/self/fd/%d/%s", folder, name);
    if (length < 0 || length >= (int)sizeof path) {
        return true;
    }
    return getxattr(path, "system.posix_acl_access", NULL, 0) >= 0 ||
           (errno != ENODATA && errno != ENOTSUP);
}
