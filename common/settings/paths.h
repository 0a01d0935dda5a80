/*
 * paths.h - whether two settings lead to one file, which the program that writes one of them would
 * break for all that read the other.
 */
#ifndef CUBBY_COMMON_SETTINGS_PATHS_H
#define CUBBY_COMMON_SETTINGS_PATHS_H

#include <limits.h>
#include <stdbool.h>

/* The suffixes of the files that are made beside a database, or, where that is a server, beside the
 * key file; the last entry is NULL. The first CONFIG_COMPANIONS_OF_SQLITE are made by SQLite,
 * beside the file itself where a link leads to it. */
extern const char *const config_companions[];
enum { COMPANION_JOURNAL, COMPANION_LOG, COMPANION_MEMORY, CONFIG_COMPANIONS_OF_SQLITE };

/* What stands behind the last slash of PATH; borrowed from it. */
const char *paths_last_name(const char *path);

/* Whether PATH is a symbolic link that leads somewhere; TARGET is then the path of that. */
bool paths_follow(const char *path, char target[PATH_MAX]);

/* Whether the paths ONE and OTHER lead to the same file: they are equal, or, where both files
 * exist, device and inode are, or else the last names are equal and the folders the same. False for
 * what is no regular file. */
bool paths_meet(const char *one, const char *other);

/* Whether PATH is, or would be, one of the companions of BASE, by its name and folder. */
bool paths_companion(const char *path, const char *base);

#endif
