/*
 * streams.c - keeps the numbers of the standard streams from other files.
 *
 * A closed one gets a descriptor that nothing can be read from or written to (O_PATH). It is of the
 * root folder, which is always there, as /dev/null may not be; no rule of Landlock keeps it from
 * being opened. On exec it stays open, as the next program may not look after itself.
 */
#include "common/base/streams.h"

#include <fcntl.h>
#include <unistd.h>

bool streams_occupy(void)
{
    static bool occupied;
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO && !occupied; stream++) {
        if (fcntl(stream, F_GETFD) < 0 && open("/", O_PATH) != stream) {
            return false;
        }
    }
    occupied = true;
    return true;
}
