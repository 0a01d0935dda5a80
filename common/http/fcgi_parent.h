/*
 * fcgi_parent.h - who holds the socket of a program that has it alone, and starts the program anew.
 *
 * Under Apache's mod_fcgid each process has a socket of its own. When it ends, as it does when
 * settings change, the connection that waits there is lost, unless another process has the socket
 * too.
 */
#ifndef CUBBY_COMMON_HTTP_FCGI_PARENT_H
#define CUBBY_COMMON_HTTP_FCGI_PARENT_H

#include <stdbool.h>

/* Where the variable CUBBY_KEEP of the environment is "yes": makes a child, in which it returns
 * false. In the process itself it waits for the child, passes on what ends it, and executes the
 * program anew when it has ended by itself; true, once all is over. Where it is not, or no child
 * can be made: false. For a process that has not yet read any setting. */
bool fcgi_parent_is(void);

#endif
