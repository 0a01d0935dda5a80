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

bool address_list_valid(const char *proxies)
{
    for (const char *word = proxies + strspn(proxies, " \t"); *word != '\0';) {
        size_t size = strcspn(word, " \t");
        struct address network;
        unsigned bits;
        if (!parse_network(word, size, &network, &bits)) {
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

void address_of_client(const char *remote, const char *forwarded, const char *proxies,
                       char out[ADDRESS_TEXT_SIZE])
{
    struct address client;
    bool has_zone;
    if (remote == NULL || !parse_client(remote, strlen(remote), &client, &has_zone)) {
        (void)snprintf(out, ADDRESS_TEXT_SIZE, "unknown");
        return;
    }
    size_t left = forwarded != NULL ? strlen(forwarded) : 0;
    while (left > 0 && !has_zone && is_listed(proxies, &client)) {
        size_t length;
        const char *element = last_element(forwarded, &left, &length);
        struct address before;
        if (!parse_client(element, length, &before, &has_zone)) {
            break;
        }
        client = before;
    }
    print_address(&client, out);
}
