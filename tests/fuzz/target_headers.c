/*
 * target_headers.c - the head of a request: method, length, token, address of the client, origin,
 * conditions and content type, and the body as its length says.
 *
 * An input has lines NAME=value, the meta-variables of a request, then an empty line and the body.
 * PROXIES and ORIGINS stand for settings, PIECE for the bytes that come at a time, DELIMITS for a
 * transport that finds the end of the body by itself.
 */
#include <arpa/inet.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/address.h"
#include "common/http/media_type.h"
#include "common/serve/condition.h"
#include "common/serve/cors.h"
#include "tests/fuzz/fuzz.h"

enum { VARIABLES_MAXIMUM = 32, BODY_MAXIMUM = 5000 };

struct head {
    struct transport transport;
    const char *variables[VARIABLES_MAXIMUM];
    size_t count;
    struct text body;
    size_t read;
    size_t piece;
};

static const char *next_value(struct transport *transport, const char *name, size_t *place)
{
    const struct head *head = (const struct head *)(void *)transport;
    size_t length = strlen(name);
    while (*place < head->count) {
        const char *line = head->variables[(*place)++];
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            return line + length + 1;
        }
    }
    return NULL;
}

static const char *variable(struct transport *transport, const char *name)
{
    size_t place = 0;
    return next_value(transport, name, &place);
}

static int64_t read_body(struct transport *transport, char *to, size_t size, int64_t *timeout)
{
    struct head *head = (struct head *)(void *)transport;
    (void)timeout;
    size_t left = head->body.size - head->read;
    size = size < left ? size : left;
    size = size < head->piece ? size : head->piece;
    if (size > 0) {
        memcpy(to, head->body.at + head->read, size);
    }
    head->read += size;
    return (int64_t)size;
}

/* ---- the body, in a second way ----------------------------------------------------------------
 */

/* The only value of a header or of what the server makes of it, "" when there is none; NULL when it
 * stands there twice. */
static const char *single(const struct head *head, const char *name)
{
    struct head copy = *head;
    size_t place = 0;
    const char *value = next_value(&copy.transport, name, &place);
    return value == NULL ? "" : next_value(&copy.transport, name, &place) == NULL ? value : NULL;
}

static bool begins_with(const char *text, const char *word)
{
    return strncasecmp(text, word, strlen(word)) == 0;
}

/* What becomes of a body whose LENGTH was announced. */
static enum error_code announced(const char *length, size_t there, size_t *size)
{
    size_t digits = strspn(length, "0123456789");
    size_t zeros = strspn(length, "0");
    if (length[digits] != '\0') {
        return ERR_INVALID_LENGTH;
    }
    *size = digits - zeros < 8 ? strtoul(length, NULL, 10) : SIZE_MAX;
    return *size > BODY_MAXIMUM ? ERR_BODY_TOO_LARGE
           : *size > there      ? ERR_INCOMPLETE_BODY
                                : ERR_NONE;
}

/* What is to become of the body: its SIZE, or an error; ERR_INTERNAL: not looked at here. */
static enum error_code body_wanted(const struct head *head, size_t *size)
{
    const char *length = single(head, "CONTENT_LENGTH");
    const char *other = single(head, "HTTP_CONTENT_LENGTH");
    const char *codings = single(head, "HTTP_TRANSFER_ENCODING");
    const char *server = single(head, "SERVER_SOFTWARE");
    if (length == NULL || other == NULL || codings == NULL || server == NULL) {
        return ERR_INTERNAL;
    }
    length = *length != '\0' ? length : other;
    bool busybox = begins_with(server, "busybox");
    bool told = *length != '\0';
    bool chunked = strcasestr(codings, "chunked") != NULL;
    bool until_end = head->transport.delimits_body && (!told || strcmp(length, "-1") == 0);
    if (!head->transport.delimits_body && !begins_with(server, "apache") &&
        !begins_with(server, "lighttpd") && !begins_with(server, "nginx")) {
        /* Chunks come as they are, or nobody knows. */
        if (chunked && (!told || busybox || strcmp(length, "0") == 0)) {
            return ERR_LENGTH_REQUIRED;
        }
        if (!told && !busybox) {
            return ERR_LENGTH_REQUIRED;
        }
    } else if (!told && chunked) {
        until_end = true;
    }
    if (until_end) {
        *size = head->body.size;
        return *size > BODY_MAXIMUM ? ERR_BODY_TOO_LARGE : ERR_NONE;
    }
    *size = 0;
    return told ? announced(length, head->body.size, size) : ERR_NONE;
}

static void check_body(struct head *head, struct request *request)
{
    size_t wanted_size = 0;
    enum error_code wanted = body_wanted(head, &wanted_size);
    enum error_code error =
        request_read_body(&head->transport, &fuzz_arena, BODY_MAXIMUM, 1000, request);
    fuzz_check(wanted == ERR_INTERNAL || error == wanted, "a body ends with error %d, not %d",
               error, wanted);
    if (error != ERR_NONE) {
        fuzz_check(error == ERR_INVALID_LENGTH || error == ERR_BODY_TOO_LARGE ||
                       error == ERR_INCOMPLETE_BODY || error == ERR_LENGTH_REQUIRED,
                   "a body ends with error %d", error);
        return;
    }
    size_t size = request->body.size;
    fuzz_check(wanted == ERR_INTERNAL || size == wanted_size, "a body of %zu bytes, not %zu", size,
               wanted_size);
    fuzz_check(size <= BODY_MAXIMUM && size == head->read, "a body of another size");
    fuzz_check(size == 0 || memcmp(request->body.at, head->body.at, size) == 0, "another body");
    fuzz_check(request->body.at[size] == '\0' && !request->body_pending, "a body without end");
}

/* ---- conditions, in a second way ---------------------------------------------------------------
 */

enum { TAGS_MAXIMUM = 1024 };

struct list {
    bool good;
    bool any;
    size_t count;
    int64_t strong[TAGS_MAXIMUM]; /* the version that a tag names; 0: none */
    int64_t weak[TAGS_MAXIMUM];
};

/* The version of the opaque part AT to END; 0 when it is none. */
static int64_t version_of(const char *at, const char *end)
{
    if (end - at > 5 && memcmp(end - 5, "-gzip", 5) == 0) {
        end -= 5;
    } else if (end - at > 3 && memcmp(end - 3, "-br", 3) == 0) {
        end -= 3;
    }
    if (at == end || *at == '0' || end - at > 18) {
        return 0;
    }
    int64_t number = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return 0;
        }
        number = number * 10 + (*at - '0');
    }
    return number;
}

static struct list read_list(const char *text)
{
    struct list list = {.good = true};
    const char *at = text + strspn(text, " \t");
    if (*at == '*' && strspn(at + 1, " \t") == strlen(at + 1)) {
        list.any = true;
        return list;
    }
    for (;;) {
        at += strspn(at, " \t,");
        if (*at == '\0' || list.count == TAGS_MAXIMUM) {
            break;
        }
        int64_t version = 0;
        bool weak = false;
        if (*at >= '0' && *at <= '9') {
            const char *end = at + strspn(at, "0123456789");
            version = version_of(at, end);
            at = end;
        } else {
            weak = at[0] == 'W' && at[1] == '/';
            at += weak ? 2 : 0;
            const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
            if (end == NULL) {
                list.good = false;
                break;
            }
            for (const char *each = at + 1; each < end; each++) {
                list.good = list.good && *each != ' ' && *each != '\x7f' &&
                            ((unsigned char)*each & 0xe0) != 0;
            }
            version = version_of(at + 1, end);
            at = end + 1;
        }
        list.strong[list.count] = weak ? 0 : version;
        list.weak[list.count++] = version;
        at += strspn(at, " \t");
        if (*at != ',' && *at != '\0') {
            list.good = false;
            break;
        }
    }
    list.good = list.good && list.count > 0;
    return list;
}

static bool has_version(const struct list *list, bool weakly, int64_t version)
{
    for (size_t i = 0; i < list->count; i++) {
        if ((weakly ? list->weak[i] : list->strong[i]) == version) {
            return true;
        }
    }
    return list->any;
}

static void check_evaluation(const struct condition *condition)
{
    static const int64_t versions[] = {1, 2, 7, 10, 123, 4711};
    struct list match = read_list(condition->if_match != NULL ? condition->if_match : "");
    struct list none = read_list(condition->if_none_match != NULL ? condition->if_none_match : "");
    fuzz_check(condition->if_match == NULL || match.good || match.count == TAGS_MAXIMUM,
               "If-Match: %s", condition->if_match);
    fuzz_check(condition->if_none_match == NULL || none.good || none.count == TAGS_MAXIMUM,
               "If-None-Match: %s", condition->if_none_match);
    if (match.count == TAGS_MAXIMUM || none.count == TAGS_MAXIMUM) {
        return;
    }
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        for (int state = 0; state < 4; state++) {
            bool exists = (state & 1) != 0;
            bool reads = (state & 2) != 0;
            int64_t version = exists ? versions[i] : 0;
            enum condition_result wanted =
                condition->if_match != NULL && !(exists && has_version(&match, false, version))
                    ? CONDITION_FAILS
                : condition->if_none_match != NULL && exists && has_version(&none, true, version)
                    ? (reads ? CONDITION_NOT_MODIFIED : CONDITION_FAILS)
                    : CONDITION_HOLDS;
            enum condition_result result = condition_evaluate(condition, reads, exists, version);
            fuzz_check(result == wanted, "version %d: %d instead of %d", (int)version, (int)result,
                       (int)wanted);
        }
    }
    fuzz_check(condition_creates(condition) == (condition->if_none_match != NULL && none.any),
               "it creates");
}

static void check_condition(struct call *call)
{
    struct condition condition;
    enum error_code error = condition_read(call, &condition);
    if (error == ERR_NONE) {
        check_evaluation(&condition);
        return;
    }
    fuzz_check(error == ERR_INVALID_PARAMETER && call->response.details != NULL,
               "a condition ends with error %d", error);
    const char *match = call->request.if_match;
    const char *none = call->request.if_none_match;
    struct list lists[] = {read_list(match != NULL ? match : "1"),
                           read_list(none != NULL ? none : "1")};
    fuzz_check(*call->request.query != '\0' || !lists[0].good || !lists[1].good,
               "a good condition is refused");
}

/* ---- the content type -------------------------------------------------------------------------
 */

#define TOKEN "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#define BLANKS "[ \t]*"
#define QUOTED "\"([^\"\\\x01-\x08\x0a-\x1f\x7f]|\\\\[^\x01-\x08\x0a-\x1f\x7f])*\""

static regex_t media;
static regex_t parameter;
static regex_t zoned;

static void compile(regex_t *out, const char *expression)
{
    fuzz_check(regcomp(out, expression, REG_EXTENDED) == 0, "an expression");
}

void fuzz_start(void)
{
    static const char one[] = BLANKS ";" BLANKS "((" TOKEN ")=(" TOKEN "|" QUOTED "))?";
    char whole[512];
    (void)snprintf(whole, sizeof whole, "^%s%s/%s(%s)*%s$", BLANKS, TOKEN, TOKEN, one, BLANKS);
    compile(&media, whole);
    (void)snprintf(whole, sizeof whole, "^%s", one);
    compile(&parameter, whole);
    compile(&zoned, "^(\\[[^]%[]*%[^]/]+\\]|[^][%]*%[^/]+)");
}

/* Whether SIZE bytes at AT, the value of a parameter, say UTF-8. */
static bool says_utf8(const char *at, size_t size)
{
    char bare[1024];
    size_t used = 0;
    bool quoted = *at == '"';
    for (size_t i = quoted ? 1 : 0; i < size - (quoted ? 1 : 0) && used + 1 < sizeof bare; i++) {
        i += quoted && at[i] == '\\' ? 1 : 0;
        bare[used++] = at[i];
    }
    bare[used] = '\0';
    return strcasecmp(bare, "utf-8") == 0 || strcasecmp(bare, "utf8") == 0 ||
           strcasecmp(bare, "us-ascii") == 0;
}

/* Counts the charsets in FIELD, whose form is good. *ARE_UTF8: all of them are. */
static size_t count_charsets(const char *field, bool *are_utf8)
{
    enum { NAME = 2, VALUE = 3, PARTS = 5 };
    regmatch_t part[PARTS];
    size_t count = 0;
    const char *at = strchr(field, ';');
    *are_utf8 = true;
    while (at != NULL && regexec(&parameter, at, PARTS, part, 0) == 0) {
        regoff_t from = part[NAME].rm_so;
        if (from >= 0 && part[NAME].rm_eo - from == 7 &&
            strncasecmp(at + from, "charset", 7) == 0) {
            count++;
            *are_utf8 = *are_utf8 && says_utf8(at + part[VALUE].rm_so,
                                               (size_t)(part[VALUE].rm_eo - part[VALUE].rm_so));
        }
        at += part[0].rm_eo;
    }
    return count;
}

/* A second reading, by the grammar of RFC 9110 section 8.3.1. */
static void check_content_type(const char *field)
{
    struct text type;
    bool are_utf8;
    if (field == NULL) {
        return;
    }
    const char *fault = media_type_fault(field, &type);
    if (regexec(&media, field, 0, NULL, 0) != 0) {
        fuzz_check(fault != NULL && strcmp(fault, "names another charset than UTF-8") != 0,
                   "a media type of no form: %s", fault != NULL ? fault : "good");
        return;
    }
    size_t charsets = count_charsets(field, &are_utf8);
    const char *wanted = charsets > 1 ? "names a charset twice"
                         : are_utf8   ? "good"
                                      : "names another charset than UTF-8";
    fuzz_check(strcmp(fault != NULL ? fault : "good", wanted) == 0, "a media type: %s, not %s",
               fault != NULL ? fault : "good", wanted);
}

/* ---- what remains -----------------------------------------------------------------------------
 */

/* What is said in several lines is what is said in one. */
static void check_lines(const struct head *head, const char *proxies, const char *address)
{
    static const char name[] = "HTTP_X_FORWARDED_FOR=";
    const size_t skip = sizeof name - 1;
    struct head one = {.transport = head->transport};
    const char *list = NULL;
    for (size_t i = 0; i < head->count; i++) {
        const char *line = head->variables[i];
        if (strncmp(line, name, skip) != 0) {
            one.variables[one.count++] = line;
        } else {
            list = list == NULL ? line : arena_printf(&fuzz_arena, "%s,%s", list, line + skip);
        }
    }
    if (list != NULL) {
        one.variables[one.count++] = list;
        const char *same = request_address(&one.transport, &fuzz_arena, proxies);
        fuzz_check(strcmp(same, address) == 0, "another by one line: %s, %s", address, same);
    }
}

/* An address with a zone is what it is without; an IPv4 address has none. */
static void check_zone(const char *remote)
{
    regmatch_t part;
    char address[ADDRESS_TEXT_SIZE];
    char wanted[ADDRESS_TEXT_SIZE] = "unknown";
    if (remote == NULL || strchr(remote, '%') == NULL) {
        return;
    }
    if (regexec(&zoned, remote, 1, &part, 0) == 0) {
        size_t size = strcspn(remote, "%");
        const char *behind = remote + part.rm_eo - (*remote == '[' ? 1 : 0);
        char *bare = malloc(size + strlen(behind) + 1);
        fuzz_check(bare != NULL, "out of memory");
        memcpy(bare, remote, size);
        memcpy(bare + size, behind, strlen(behind) + 1);
        address_of_client(bare, NULL, "", wanted);
        free(bare);
    }
    address_of_client(remote, NULL, "", address);
    fuzz_check(strcmp(address, strchr(wanted, ':') != NULL ? wanted : "unknown") == 0,
               "with a zone %s, without %s", address, wanted);
}

static void check_address(struct head *head)
{
    const char *proxies = variable(&head->transport, "PROXIES");
    const char *remote = variable(&head->transport, "REMOTE_ADDR");
    proxies = proxies != NULL ? proxies : "";
    (void)address_list_valid(proxies);
    check_zone(remote);
    const char *address = request_address(&head->transport, &fuzz_arena, proxies);
    char bare[ADDRESS_TEXT_SIZE];
    fuzz_check(strlen(address) < sizeof bare, "a long address");
    memcpy(bare, address, strlen(address) + 1);
    bare[strcspn(bare, "/")] = '\0';
    unsigned char bytes[16];
    fuzz_check(strcmp(bare, "unknown") == 0 || inet_pton(AF_INET, bare, bytes) == 1 ||
                   inet_pton(AF_INET6, bare, bytes) == 1,
               "no address: %s", address);
    check_lines(head, proxies, address);
    if (strspn(proxies, " \t") == strlen(proxies)) {
        address_of_client(remote, NULL, "", bare);
        fuzz_check(strcmp(bare, address) == 0, "another than the peer: %s", address);
    }
}

static void check_origin(struct call *call, const char *origins)
{
    cors_add(call);
    for (size_t i = 0; i < call->response.header_count; i++) {
        const struct response_header *header = &call->response.headers[i];
        fuzz_check(!text_has_control(text_of(header->value)), "a control character in the head");
        fuzz_check(strcmp(header->name, "Access-Control-Allow-Origin") != 0 ||
                       (strcmp(header->value, call->request.origin) == 0 &&
                        (strstr(origins, header->value) != NULL || strchr(origins, '*') != NULL)),
                   "an origin that is not allowed");
    }
}

static void check_token(const struct request *request)
{
    struct text token = request_token(request);
    if (request->authorization == NULL) {
        fuzz_check(token.size == 0, "a token of nothing");
        return;
    }
    struct text whole = text_of(request->authorization);
    fuzz_check(token.at >= whole.at && token.at + token.size <= whole.at + whole.size &&
                   (token.size == 0 || (token.at[0] != ' ' && token.at[token.size - 1] != ' ')),
               "a token of something else");
}

void fuzz_one(struct text input)
{
    struct head head = {
        .transport = {.variable = variable, .next_value = next_value, .read_body = read_body}};
    struct text rest = input;
    while (rest.size > 0 && head.count < VARIABLES_MAXIMUM) {
        struct text line = fuzz_line(&rest);
        if (line.size == 0) {
            break;
        }
        head.variables[head.count++] = fuzz_string(line);
    }
    const char *piece = variable(&head.transport, "PIECE");
    head.body = rest;
    head.piece = piece != NULL && *piece != '\0' ? (unsigned char)*piece : SIZE_MAX;
    head.transport.delimits_body = variable(&head.transport, "DELIMITS") != NULL;
    const char *origins = variable(&head.transport, "ORIGINS");
    const struct config config = {.cors_origins = origins != NULL ? origins : ""};
    struct call call = {.arena = &fuzz_arena, .config = &config, .transport = &head.transport};
    response_init(&call.response, &fuzz_arena);
    request_read_head(&head.transport, &fuzz_arena, &call.request);
    check_token(&call.request);
    check_address(&head);
    check_origin(&call, config.cors_origins);
    check_condition(&call);
    check_content_type(call.request.content_type);
    check_body(&head, &call.request);
}
