/*
 * origin.c - which texts are origins.
 */
#include "common/settings/origin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

static const char not_origins[] =
    "must be * or origins as browsers write them (https://app.example, http://localhost:3000: in "
    "lower case, without a path, and without the port that the scheme has anyway), separated by "
    "blanks";

static const char small[] = "abcdefghijklmnopqrstuvwxyz";

enum {
    WORD_MAXIMUM = 300, /* a name of the domain name system has 253 characters */
    IPV6_TEXT_SIZE = 48
};

/* The length of the scheme that TEXT begins with (RFC 3986 section 3.1), in lower case. */
static size_t scheme_size(const char *text)
{
    return strchr(small, *text) != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.")
                                        : 0;
}

/* Writes the IPv6 address BYTES as browsers do (URL standard, 3.5 "host serializing"): of the
 * longest runs of at least two zeros the first is left out, and no part is written in decimal. That
 * is not everywhere what inet_ntop does. */
static void print_ipv6(const unsigned char bytes[16], char out[IPV6_TEXT_SIZE])
{
    enum { PIECES = 8 };
    unsigned pieces[PIECES];
    size_t from = PIECES;
    size_t longest = 1;
    size_t run = 0;
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = bytes[2 * i] * 256U + bytes[2 * i + 1];
        run = pieces[i] == 0 ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            from = i + 1 - run;
        }
    }
    size_t used = 0;
    for (size_t i = 0; i < PIECES; i++) {
        const char *end = i + 1 < PIECES ? ":" : "";
        int size = i == from ? snprintf(out + used, IPV6_TEXT_SIZE - used, i == 0 ? "::" : ":")
                             : snprintf(out + used, IPV6_TEXT_SIZE - used, "%x%s", pieces[i], end);
        used += (size_t)size;
        i += i == from ? longest - 1 : 0;
    }
}

/* Whether the SIZE characters at TEXT are an IPv6 address, spelled as browsers do. */
static bool is_ipv6(const char *text, size_t size)
{
    char spelled[IPV6_TEXT_SIZE];
    char canonical[IPV6_TEXT_SIZE];
    unsigned char bytes[16];
    if (size >= sizeof spelled) {
        return false;
    }
    memcpy(spelled, text, size);
    spelled[size] = '\0';
    if (inet_pton(AF_INET6, spelled, bytes) != 1) {
        return false;
    }
    print_ipv6(bytes, canonical);
    return strcmp(spelled, canonical) == 0;
}

/* Whether the SIZE characters at TEXT are four numbers up to 255, without zeros before them. */
static bool is_ipv4(const char *text, size_t size)
{
    enum { NUMBERS = 4, NUMBER_MAXIMUM = 255 };
    const char *end = text + size;
    for (int i = 1; i <= NUMBERS; i++) {
        bool over;
        int64_t number;
        size_t digits = strspn(text, "0123456789");
        if (!text_to_int64((struct text){.at = text, .size = digits}, NUMBER_MAXIMUM, &over,
                           &number) ||
            (*text == '0' && digits > 1)) {
            return false;
        }
        text += digits;
        if (i < NUMBERS && *text++ != '.') {
            return false;
        }
    }
    return text == end;
}

/* Whether a browser takes LABEL, the last of a host, for a number, and so the host for an IPv4
 * address (URL standard, 3.5 "ends in a number checker"). */
static bool is_number(struct text label)
{
    static const char digits[] = "0123456789abcdef";
    bool is_hex = label.size >= 2 && memcmp(label.at, "0x", 2) == 0;
    return is_hex ? strspn(label.at + 2, digits) >= label.size - 2
                  : strspn(label.at, "0123456789") >= label.size;
}

/* Whether the SIZE characters at TEXT are a name of labels, none of them empty, or an IPv4 address.
 * A dot behind the last label, which makes a name absolute, may be there. */
static bool is_name(const char *text, size_t size)
{
    struct text label = {.at = text, .size = 0};
    for (size_t at = 0; at < size; at += label.size + 1) {
        label = (struct text){.at = text + at, .size = strcspn(text + at, ".:")};
        if (label.size == 0) {
            return false;
        }
    }
    return label.size > 0 && (!is_number(label) || is_ipv4(text, size));
}

/* The length of the host that TEXT begins with; 0: none. */
static size_t host_size(const char *text)
{
    if (*text == '[') {
        size_t size = strcspn(text + 1, "]");
        return text[1 + size] == ']' && is_ipv6(text + 1, size) ? size + 2 : 0;
    }
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-._~");
    return is_name(text, size) ? size : 0;
}

/* Whether TEXT is nothing, or a colon and a port that SCHEME does not have anyway. */
static bool is_port(const char *text, struct text scheme)
{
    enum { PORT_MAXIMUM = 65535, HTTP = 80, HTTPS = 443 };
    bool over;
    int64_t port;
    if (*text == '\0') {
        return true;
    }
    return *text == ':' && text[1] != '0' &&
           text_to_int64(text_of(text + 1), PORT_MAXIMUM, &over, &port) &&
           !(port == HTTP && text_equal(scheme, text_of("http"))) &&
           !(port == HTTPS && text_equal(scheme, text_of("https")));
}

static bool is_origin(const char *text)
{
    struct text scheme = {.at = text, .size = scheme_size(text)};
    if (scheme.size == 0 || strncmp(text + scheme.size, "://", 3) != 0) {
        return false;
    }
    const char *host = text + scheme.size + 3;
    size_t size = host_size(host);
    return size > 0 && is_port(host + size, scheme);
}

static const char *word_fault(const char *word)
{
    if (strcmp(word, "null") == 0) {
        return "must not have null, which is what any page in a sandboxed frame sends";
    }
    /* Files have no host, and some browsers send that. */
    return strcmp(word, "*") == 0 || strcmp(word, "file://") == 0 || is_origin(word) ? NULL
                                                                                     : not_origins;
}

const char *origin_list_fault(const char *origins)
{
    const char *fault = NULL;
    const char *at = origins + strspn(origins, " \t");
    while (*at != '\0' && fault == NULL) {
        char word[WORD_MAXIMUM + 1];
        size_t size = strcspn(at, " \t");
        if (size > WORD_MAXIMUM) {
            return not_origins;
        }
        memcpy(word, at, size);
        word[size] = '\0';
        fault = word_fault(word);
        at += size;
        at += strspn(at, " \t");
    }
    return fault;
}
