/*
 * address.h - whose requests are counted together: the address a request comes from, also behind
 * proxies that the operator named.
 */
#ifndef CUBBY_COMMON_BASE_ADDRESS_H
#define CUBBY_COMMON_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_TEXT_SIZE = 64 };

/* Writes the address of the client: REMOTE, the peer of the web server, unless PROXIES names it;
 * then the last address of FORWARDED (the value of X-Forwarded-For, or NULL) that PROXIES does not
 * name. What can't be read ends the search: then the proxy that sent it counts. PROXIES are
 * addresses and networks (10.0.0.0/8), separated by blanks. The form is one for each address: an
 * IPv4 address in an IPv6 one is an IPv4 address, and IPv6 addresses count by their /64 network, as
 * one client has all of that. */
void address_of_client(const char *remote, const char *forwarded, const char *proxies,
                       char out[ADDRESS_TEXT_SIZE]);

/* False when a word of PROXIES is no address or network. */
bool address_list_valid(const char *proxies);

#endif
