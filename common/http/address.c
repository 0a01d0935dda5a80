/*
 * address.c - the client's address, and lists of networks.
 */
#include "common/http/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Every address as an IPv6 one; IPv4 addresses are mapped (RFC 4291 section 2.5.5.2). */
struct address {
    unsigned char bytes[16];
};

enum { ADDRESS_BITS = 128, MAPPED_BITS = 96 };

static const char sockets[] = "unix:";

static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

/* Whether the address is of a link (fe80::/10, RFC 4291 section 2.5.6), whose hosts share a /64. */
static bool is_of_link(const struct address *address)
{
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* Whether SIZE characters at TEXT, what stands behind a bracket, are nothing or a port. */
static bool is_port(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (i == 0 ? text[i] != ':' : text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* SIZE characters at TEXT: 1.2.3.4, 1.2.3.4:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80. */
static bool parse_address(const char *text, size_t size, struct address *out)
{
    char copy[INET6_ADDRSTRLEN];
    if (size > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', size);
        if (end == NULL || !is_port(end + 1, size - (size_t)(end + 1 - text))) {
            return false;
        }
        text++;
        size = (size_t)(end - text);
    } else {
        const char *colon = memchr(text, ':', size);
        const char *second =
            colon != NULL ? memchr(colon + 1, ':', size - (size_t)(colon - text) - 1) : NULL;
        size = colon != NULL && second == NULL ? (size_t)(colon - text) : size;
    }
    if (size == 0 || size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (inet_pton(AF_INET6, copy, out->bytes) == 1) {
        return true;
    }
    memcpy(out->bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, copy, out->bytes + sizeof mapped) == 1;
}

/* An address or ADDRESS/BITS. */
static bool parse_network(const char *text, size_t size, struct address *out, unsigned *bits)
{
    const char *slash = memchr(text, '/', size);
    size_t length = slash != NULL ? (size_t)(slash - text) : size;
    if (!parse_address(text, length, out)) {
        return false;
    }
    *bits = ADDRESS_BITS;
    if (slash == NULL) {
        return true;
    }
    unsigned number = 0;
    size_t digits = size - length - 1;
    for (size_t i = 0; i < digits; i++) {
        if (slash[1 + i] < '0' || slash[1 + i] > '9' || number > ADDRESS_BITS) {
            return false;
        }
        number = number * 10 + (unsigned)(slash[1 + i] - '0');
    }
    unsigned base = is_mapped(out) ? MAPPED_BITS : 0;
    *bits = base + number;
    return digits > 0 && *bits <= ADDRESS_BITS;
}

static bool in_network(const struct address *address, const struct address *network, unsigned bits)
{
    size_t whole = bits / 8;
    if (memcmp(address->bytes, network->bytes, whole) != 0) {
        return false;
    }
    unsigned rest = bits % 8;
    unsigned mask = (0xff00U >> rest) & 0xffU;
    return rest == 0 || ((address->bytes[whole] ^ network->bytes[whole]) & mask) == 0;
}

static bool is_listed(const char *proxies, const struct address *address)
{
    for (const char *word = proxies + strspn(proxies, " \t"); *word != '\0';) {
        size_t size = strcspn(word, " \t");
        struct address network;
        unsigned bits;
        if (parse_network(word, size, &network, &bits) && in_network(address, &network, bits)) {
            return true;
        }
        word += size;
        word += strspn(word, " \t");
    }
    return false;
}

/* The peers at Unix sockets, as a word of the list. */
static bool is_sockets(const char *word, size_t size)
{
    return size == sizeof sockets - 1 && memcmp(word, sockets, size) == 0;
}

static bool sockets_are_listed(const char *proxies)
{
    for (const char *word = strstr(proxies, sockets); word != NULL;
         word = strstr(word + 1, sockets)) {
        bool begins = word == proxies || word[-1] == ' ' || word[-1] == '\t';
        if (begins && is_sockets(word, strcspn(word, " \t"))) {
            return true;
        }
    }
    return false;
}

bool address_list_valid(const char *proxies)
{
    for (const char *word = proxies + strspn(proxies, " \t"); *word != '\0';) {
        size_t size = strcspn(word, " \t");
        struct address network;
        unsigned bits;
        if (!is_sockets(word, size) && !parse_network(word, size, &network, &bits)) {
            return false;
        }
        word += size;
        word += strspn(word, " \t");
    }
    return true;
}

static void print_address(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
    if (is_mapped(address)) {
        (void)inet_ntop(AF_INET, address->bytes + sizeof mapped, out, ADDRESS_TEXT_SIZE);
        return;
    }
    if (is_of_link(address)) {
        (void)inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_SIZE);
        return;
    }
    struct address network = *address;
    memset(network.bytes + 8, 0, 8);
    (void)inet_ntop(AF_INET6, network.bytes, out, ADDRESS_TEXT_SIZE);
    size_t used = strlen(out);
    (void)snprintf(out + used, ADDRESS_TEXT_SIZE - used, "/64");
}

/* An address as a server or a proxy tells it: an IPv6 one may have a zone (RFC 4007 section 11),
 * the interface by which it was reached, behind a percent sign, which in a URI is %25. It is left
 * out; networks have none. */
static bool parse_client(const char *text, size_t size, struct address *out, bool *has_zone)
{
    const char *zone = memchr(text, '%', size);
    *has_zone = zone != NULL;
    if (zone == NULL) {
        return parse_address(text, size, out);
    }
    const char *end = text + size;
    if (text[0] == '[') {
        const char *bracket = memchr(zone, ']', (size_t)(end - zone));
        if (bracket == NULL || !is_port(bracket + 1, (size_t)(end - bracket - 1))) {
            return false;
        }
        end = bracket;
        text++;
    }
    return end - zone > 1 && memchr(zone, '/', (size_t)(end - zone)) == NULL && text[0] != '[' &&
           parse_address(text, (size_t)(zone - text), out) && !is_mapped(out);
}

/* The last element of the list of *SIZE characters, without the blanks around it. *SIZE becomes the
 * length of the rest of the list, the comma before the element included. */
static const char *last_element(const char *list, size_t *size, size_t *length)
{
    size_t end = *size;
    if (end > 0 && list[end - 1] == ',') {
        end--;
    }
    size_t start = end;
    while (start > 0 && list[start - 1] != ',') {
        start--;
    }
    *size = start;
    while (start < end && (list[start] == ' ' || list[start] == '\t')) {
        start++;
    }
    while (end > start && (list[end - 1] == ' ' || list[end - 1] == '\t')) {
        end--;
    }
    *length = end - start;
    return list + start;
}

/* Whether a server tells by TEXT that its peer is at a Unix socket, which has no address: nginx
 * says "unix:", lighttpd the path of the socket, Caddy "@", httpd of busybox behind a superserver
 * "localhost". */
static bool is_socket(const char *text, size_t size)
{
    static const char superserver[] = "localhost";
    return is_sockets(text, size) || (size > 0 && (text[0] == '/' || text[0] == '@')) ||
           (size == sizeof superserver - 1 && memcmp(text, superserver, size) == 0);
}

/* What is known of who sent a request, or sent it on. */
struct hop {
    struct address address;
    bool has_address; /* else it is at a Unix socket, or nothing is known */
    bool is_proxy;    /* who is on the list */
};

/* False when TEXT says nothing. Who has no address leaves that of *OUT as it was. */
static bool read_hop(const char *text, size_t size, const char *proxies, struct hop *out)
{
    struct address address;
    bool has_zone;
    if (parse_client(text, size, &address, &has_zone)) {
        *out = (struct hop){.address = address,
                            .has_address = true,
                            .is_proxy = !has_zone && is_listed(proxies, &address)};
        return true;
    }
    out->is_proxy = is_socket(text, size) && sockets_are_listed(proxies);
    return out->is_proxy;
}

void address_of_client(const char *remote, const char *forwarded, const char *proxies,
                       char out[ADDRESS_TEXT_SIZE])
{
    struct hop client = {.has_address = false};
    bool known = remote != NULL && read_hop(remote, strlen(remote), proxies, &client);
    size_t left = forwarded != NULL ? strlen(forwarded) : 0;
    while (known && client.is_proxy && left > 0) {
        size_t length;
        const char *element = last_element(forwarded, &left, &length);
        known = read_hop(element, length, proxies, &client);
    }
    if (client.has_address) {
        print_address(&client.address, out);
    } else {
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "unknown");
    }
}
