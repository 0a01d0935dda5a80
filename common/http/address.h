/*
 * address.h - the client's address by which requests are throttled, also behind proxies that the
 * operator named.
 */
#ifndef CUBBY_COMMON_HTTP_ADDRESS_H
#define CUBBY_COMMON_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_TEXT_SIZE = 64 };

/* Writes the address of the client. That is REMOTE, the peer of the web server, unless PROXIES has
 * it; then it is the last address in FORWARDED (the value of X-Forwarded-For, or NULL) that PROXIES
 * does not have. A peer at a Unix socket has no address: the word "unix:" in PROXIES has it. An
 * element that can't be parsed ends the search, and the proxy that sent it counts
 * as the client. PROXIES is a list of addresses and networks (10.0.0.0/8), or that word, separated
 * by blanks; it never has an address that comes with a zone (fe80::1%eth0), since that of another
 * link may be the same. Each client has one form: an IPv4-mapped IPv6 address becomes the IPv4
 * address, and an IPv6 address stands for its /64 network, since one client usually has all of
 * that; but one of a link (fe80::/10) stands for itself, and the zone is left out. "unknown" when
 * REMOTE is NULL or no address, and FORWARDED does not tell either. */
void address_of_client(const char *remote, const char *forwarded, const char *proxies,
                       char out[ADDRESS_TEXT_SIZE]);

/* False when a word of PROXIES is no address or network, and not "unix:". */
bool address_list_valid(const char *proxies);

#endif
