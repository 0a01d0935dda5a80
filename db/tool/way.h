/*
 * way.h - the way that the system takes to a file by its name, and who else may turn it elsewhere:
 * whoever owns a folder on it, or a symbolic link, can put something else there at any moment.
 *
 * For root, who may write everywhere. The way is taken folder by folder, each opened from the one
 * before, so that what is told holds for the folder that stays open, whatever happens to its name.
 */
#ifndef CUBBY_DB_TOOL_WAY_H
#define CUBBY_DB_TOOL_WAY_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

/* In the place of a user's number: everybody; a group other than root's, whoever is in it; whom an
 * access control list names. */
#define WAY_EVERYBODY ((uid_t)-1)
#define WAY_GROUP ((uid_t)-2)
#define WAY_LISTED ((uid_t)-3)

struct way {
    int folder;           /* open (O_PATH): where the file lies or would; where folders are
                             missing, the last one there is */
    struct stat place;    /* that folder; it is root's where way_is_outside */
    bool place_is_listed; /* acl_lets_write of it */
    char rest[PATH_MAX];  /* the name in it of the file; where folders are missing, the names of
                             these and of the file, with slashes between */
    bool whole;           /* no folder is missing */
    bool by_link;         /* a symbolic link was followed */
    bool exists;
    struct stat file;    /* if it exists; never a link */
    bool file_is_listed; /* acl_lets_write of it */
    /* Users other than root, in the order in which they were met: of links and of the folders that
     * hold a link or the file, two at most; of the other folders, one. */
    int decider_count;
    uid_t deciders[2];
    bool passes_others; /* another user's folder, or one that others (way_are_many) may write to */
    uid_t other;
    char passed[PATH_MAX]; /* the first such folder; "" where its path is not known */
    bool passed_link;      /* a link was followed in it, or behind it */
    /* With way_take_to_read: a folder that can't be written to here was met, which may be written
     * to elsewhere. */
    bool writable_elsewhere;
};

/* Whether WHO stands for several users: all, a group, or whom a list names. */
bool way_are_many(uid_t who);

/* Takes the way to PATH, and follows symbolic links, also one in the place of the file, which need
 * not exist. 0, or -1 with errno; then nothing is open. */
int way_take(const char *path, struct way *way);

/* The same for what is only read. On a file system that takes no writes (MOUNT_READ_ONLY) folders
 * and links are nobody's to change, whatever their owners and modes. Where only the mount is
 * read-only (MOUNT_READ_ONLY_HERE), as a container has its settings, their owners count, who may
 * write by another mount, but not that a group, a list or all may write to a folder. */
int way_take_to_read(const char *path, struct way *way);

/* Whether OWNER, whose number what NAME leads to from FOLDER shows, is outside of this user
 * namespace: so it looks in a container where somebody outside, as a rule root, shares a folder.
 * false also where the system does not tell. */
bool way_is_outside(int folder, const char *name, uid_t owner);

/* The user who owns the file, or its folder where there is no file. */
uid_t way_owner(const struct way *way);

/* Whether root may act by the name of the file as the user who owns it: that is root and nobody
 * else decides where the way leads, or it is another user and nobody but that one and root put a
 * link there or owns the folder. If not, *WHO is who else does. */
bool way_is_safe(const struct way *way, uid_t *who);

/* Whether all, a group, or whom an access control list names, may make files where the file lies,
 * and *WHO is that: in a folder such as /tmp they can't replace it, but put beside it what SQLite
 * takes for its journal. Root's own group is root, and so is one that way_is_roots_group; any other
 * may have members that nothing here can tell of. */
bool way_is_shared(const struct way *way, uid_t *who);

/* The path of the file, after links were followed, into OUT; "" where it is not known. */
void way_name(const struct way *way, char out[PATH_MAX]);

/* Whether GROUP may write to a folder of root's on the way to the tool itself, as on Debian "staff"
 * to /usr/local: who is in it can have root run anything, so it counts as root. */
bool way_is_roots_group(gid_t group);

/* Closes what is open. */
void way_leave(struct way *way);

#endif
