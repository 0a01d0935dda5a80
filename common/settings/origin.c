/*
 * origin.c - which texts are origins.
 */
#include "common/settings/origin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/text.h"

static const char small[] = "abcdefghijklmnopqrstuvwxyz";

enum { WORD_MAXIMUM = 300 }; /* a name of the domain name system has 253 characters */

/* The length of the scheme that TEXT begins with (RFC 3986 section 3.1), in lower case. */
static size_t scheme_size(const char *text)
{
    return strchr(small, *text) != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.")
                                        : 0;
}

/* The length of the host that TEXT begins with; 0: none. An IPv6 address must be spelled as
 * browsers do, which is as inet_ntop does (RFC 5952). */
static size_t host_size(const char *text)
{
    if (*text != '[') {
        return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-._~");
    }
    char spelled[INET6_ADDRSTRLEN];
    char canonical[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    size_t size = strcspn(text + 1, "]");
    if (text[1 + size] != ']' || size >= sizeof spelled) {
        return 0;
    }
    memcpy(spelled, text + 1, size);
    spelled[size] = '\0';
    bool same = inet_pton(AF_INET6, spelled, bytes) == 1 &&
                inet_ntop(AF_INET6, bytes, canonical, sizeof canonical) != NULL &&
                strcmp(spelled, canonical) == 0;
    return same ? size + 2 : 0;
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

bool origin_list_valid(const char *origins)
{
    for (const char *at = origins + strspn(origins, " \t"); *at != '\0'; at += strspn(at, " \t")) {
        char word[WORD_MAXIMUM + 1];
        size_t size = strcspn(at, " \t");
        if (size > WORD_MAXIMUM) {
            return false;
        }
        memcpy(word, at, size);
        word[size] = '\0';
        if (strcmp(word, "*") != 0 && !is_origin(word)) {
            return false;
        }
        at += size;
    }
    return true;
}
