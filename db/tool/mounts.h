/*
 * mounts.h - whether files that can't be written to here could be written to elsewhere.
 *
 * "Mounted read-only" says two things: that the file system takes no writes, or that this mount of
 * it lets none through. A service that systemd protects, and a volume that a container has with
 * ":ro", are of the second kind: other mounts of the same files, which other processes have, take
 * writes.
 */
#ifndef CUBBY_DB_TOOL_MOUNTS_H
#define CUBBY_DB_TOOL_MOUNTS_H

#include <stdbool.h>

enum mount_writes {
    MOUNT_WRITABLE,       /* or nobody can tell */
    MOUNT_READ_ONLY_HERE, /* by no process of this machine, or of this container, whose first
                             process has the same mounts and root; outside of a container perhaps */
    MOUNT_READ_ONLY       /* by nobody, as the file system itself takes no writes */
};

/* Who could write to what FILE, which may be open as a mere place (O_PATH), stands for, were it for
 * owner and mode alone. Of a file system that others may write to behind this machine's back, such
 * as one of a network, no more than MOUNT_READ_ONLY_HERE is told; of one that shows what lies in
 * others, such as an overlay, MOUNT_WRITABLE. Whose process is not root's may not look at the first
 * process; then it is taken to have the same mounts. */
enum mount_writes mount_writes(int file);

/* Whether FILE can't be written to by this process, for whichever of these reasons. */
bool mount_refuses_writes(int file);

#endif
