/*
 * request.c - reads the head and the body of one request.
 */
#include "common/http/request.h"

#include <string.h>
#include <strings.h>

#include "common/http/address.h"

/* Larger than any body; keeps sums of lengths far from an overflow. */
static const int64_t length_maximum = INT64_C(1) << 40;

static enum http_method method_named(const char *name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},   {"POST", HTTP_POST},
        {"PUT", HTTP_PUT},         {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE},
        {"OPTIONS", HTTP_OPTIONS},
    };
    for (size_t i = 0; name != NULL && i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(name, methods[i].name) == 0) {
            return methods[i].method;
        }
    }
    return HTTP_OTHER;
}

static const char *meta_value(struct transport *transport, const char *name)
{
    const char *value = transport->variable(transport, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* What the head of a request is read from, and where what is made of it is kept. */
struct head {
    struct transport *transport;
    struct arena *arena;
};

/* What stands for a header that can't be read, so that it is refused and not passed over: no list,
 * no type, no token. */
static const char unreadable[] = ",";

/* The lines of the header that the variable NAME stands for, COUNT of them with SIZE bytes, as one
 * list. */
static const char *join_lines(const struct head *head, const char *name, size_t count, size_t size)
{
    char *list = arena_alloc(head->arena, size + count + 1);
    if (list == NULL) {
        return unreadable;
    }
    char *end = list;
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        const char *value = head->transport->next_value(head->transport, name, &place);
        size_t length = strlen(value);
        if (i > 0) {
            *end++ = ',';
        }
        memcpy(end, value, length);
        end += length;
    }
    *end = '\0';
    return list;
}

/* The value of the header that the variable NAME stands for, all its lines as one list (RFC 9110
 * section 5.3), as most web servers make of them. Who looked at the first line alone would let
 * through what another one, perhaps of a proxy, forbids. A header that is no list has no good value
 * then, and is refused like any other that is malformed. NULL when there is none. */
static const char *header_lines(const struct head *head, const char *name)
{
    size_t place = 0;
    size_t size = 0;
    size_t count = 0;
    const char *first = NULL;
    const char *value;
    while ((value = head->transport->next_value(head->transport, name, &place)) != NULL) {
        first = count++ == 0 ? value : first;
        size += strlen(value);
    }
    return count < 2 ? first : join_lines(head, name, count, size);
}

/* The same; NULL, too, when it is empty. */
static const char *header_value(const struct head *head, const char *name)
{
    const char *value = header_lines(head, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* Whether the software that SERVER names is NAME. */
static bool server_is(const char *server, const char *name)
{
    return server != NULL && strncasecmp(server, name, strlen(name)) == 0;
}

/* The value of a conditional header. Sent empty it is malformed, not absent; but uhttpd sets the
 * variable of each header it knows, and leaves it empty when the header was not sent. */
static const char *condition_value(const struct head *head, const char *name)
{
    const char *value = header_lines(head, name);
    if (value == NULL || *value != '\0') {
        return value;
    }
    return server_is(meta_value(head->transport, "SERVER_SOFTWARE"), "uhttpd") ? NULL : value;
}

/* Caddy says that a body without a type is a form; what was sent is in another variable. There
 * nginx also passes each line of several, and in the usual one the first. */
static const char *content_type(const struct head *head, const char *server)
{
    const char *lines = header_value(head, "HTTP_CONTENT_TYPE");
    const char *value =
        server_is(server, "Caddy") ? lines : meta_value(head->transport, "CONTENT_TYPE");
    return value != NULL && lines != NULL && strchr(lines, ',') != NULL ? lines : value;
}

static void read_method(const struct head *head, struct request *request)
{
    enum http_method method =
        method_named(head->transport->variable(head->transport, "REQUEST_METHOD"));
    const char *instead = header_value(head, "HTTP_X_HTTP_METHOD_OVERRIDE");
    if (method == HTTP_POST && instead != NULL) {
        method = method_named(instead);
        if (method != HTTP_PUT && method != HTTP_PATCH && method != HTTP_DELETE) {
            method = HTTP_OTHER;
        }
    }
    request->head = method == HTTP_HEAD;
    request->method = request->head ? HTTP_GET : method;
}

/* True when the field value lists the transfer coding chunked (RFC 9112 section 6.1). */
static bool says_chunked(const char *codings)
{
    static const char word[] = "chunked";
    for (const char *at = codings; at != NULL && *at != '\0'; at++) {
        if (strncasecmp(at, word, sizeof word - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether LENGTH, of a server that delimits the body itself, is none; Caddy says -1 then. */
static bool is_unknown(const char *length)
{
    return length == NULL || strcmp(length, "-1") == 0;
}

/* Without a length. Apache, lighttpd and nginx decode chunks. busybox httpd passes them on as they
 * are, with no length or any; of others it can't be known, and some, as uhttpd, do not even pass on
 * that there are chunks. Those are asked for a length. */
static void read_no_length(struct request *request, bool chunked, bool decodes)
{
    bool busybox = server_is(request->server_software, "busybox");
    if (!decodes && (chunked || !busybox)) {
        request->length_error = ERR_LENGTH_REQUIRED; /* asked for only where there must be a body */
    }
    request->length_kind = chunked ? LENGTH_UNTIL_END : LENGTH_NONE;
    request->body_pending = chunked;
}

static void read_length(const struct head *head, struct request *request)
{
    const struct transport *transport = head->transport;
    const char *length = header_value(head, "CONTENT_LENGTH");
    const char *server = request->server_software;
    bool chunked = says_chunked(header_value(head, "HTTP_TRANSFER_ENCODING"));
    bool decodes = transport->delimits_body || server_is(server, "Apache") ||
                   server_is(server, "lighttpd") || server_is(server, "nginx");
    if (length == NULL) {
        /* busybox httpd sets only this one for methods other than POST. */
        length = header_value(head, "HTTP_CONTENT_LENGTH");
    }
    bool raw = chunked && !decodes &&
               (length == NULL || strcmp(length, "0") == 0 || server_is(server, "busybox"));
    if (transport->delimits_body && is_unknown(length)) {
        request->length_kind = LENGTH_UNTIL_END;
        request->body_pending = chunked || length != NULL;
        return;
    }
    if (length == NULL || raw) {
        read_no_length(request, chunked, decodes);
        return;
    }
    request->body_pending = true;
    bool over;
    if (!text_to_int64(text_of(length), length_maximum, &over, &request->length)) {
        request->length_error = over ? ERR_BODY_TOO_LARGE : ERR_INVALID_LENGTH;
        return;
    }
    request->length_kind = LENGTH_KNOWN;
    request->body_pending = request->length > 0;
}

/* Whether the path of URI, as the client wrote it, has a control character in it. */
static bool has_control(const char *uri)
{
    for (; uri != NULL && *uri != '\0' && *uri != '?'; uri++) {
        if (uri[0] == '%' && (uri[1] == '0' || uri[1] == '1' ||
                              (uri[1] == '7' && (uri[2] == 'F' || uri[2] == 'f')))) {
            return true;
        }
    }
    return false;
}

/* A path with a control character names nothing, and is one that does. Not all servers hand it over
 * as it is: lighttpd writes _ instead, others end it at a NUL; and both would be another key than
 * the one that was asked for. */
static const char *path_info(struct transport *transport)
{
    const char *path = meta_value(transport, "PATH_INFO");
    if (path == NULL) {
        return "";
    }
    /* That of busybox httpd is decoded already, so that a % in it is one of the key. */
    bool decoded = server_is(meta_value(transport, "SERVER_SOFTWARE"), "busybox");
    return !decoded && has_control(meta_value(transport, "REQUEST_URI")) ? "/\x7f" : path;
}

void request_read_head(struct transport *transport, struct arena *arena, struct request *request)
{
    const struct head head = {.transport = transport, .arena = arena};
    *request =
        (struct request){.path = path_info(transport),
                         .query = meta_value(transport, "QUERY_STRING"),
                         .origin = header_value(&head, "HTTP_ORIGIN"),
                         .if_match = condition_value(&head, "HTTP_IF_MATCH"),
                         .if_none_match = condition_value(&head, "HTTP_IF_NONE_MATCH"),
                         .if_unmodified_since = header_value(&head, "HTTP_IF_UNMODIFIED_SINCE"),
                         .content_range = header_value(&head, "HTTP_CONTENT_RANGE"),
                         .server_software = meta_value(transport, "SERVER_SOFTWARE")};
    request->content_type = content_type(&head, request->server_software);
    if (request->query == NULL) {
        request->query = "";
    }
    request->authorization = header_value(&head, "HTTP_AUTHORIZATION");
    if (request->authorization == NULL) {
        /* An internal redirect of Apache renames the variable. */
        request->authorization = header_value(&head, "REDIRECT_HTTP_AUTHORIZATION");
    }
    read_method(&head, request);
    read_length(&head, request);
}

/* GOT is what reading the body returned before its end. */
static enum error_code no_more_comes(struct request *request, int64_t got)
{
    request->body_pending = false;
    return got == TRANSPORT_GAVE_WAY ? ERR_SERVICE_UNAVAILABLE : ERR_INCOMPLETE_BODY;
}

static enum error_code read_known(struct transport *transport, struct arena *arena, int64_t timeout,
                                  struct request *request)
{
    size_t size = (size_t)request->length;
    char *body = arena_alloc(arena, size + 1);
    if (body == NULL) {
        return ERR_INTERNAL;
    }
    size_t used = 0;
    while (used < size) {
        int64_t got = transport->read_body(transport, body + used, size - used, &timeout);
        if (got <= 0) {
            return no_more_comes(request, got);
        }
        used += (size_t)got;
    }
    body[size] = '\0';
    request->body_pending = false;
    request->body = (struct text){.at = body, .size = size};
    return ERR_NONE;
}

/* The room to go on with when ROOM bytes of at most MAXIMUM + 1 are full. Memory that was given up
 * is not given back, so there are few steps, and the last is a large one: all together they are not
 * much more than MAXIMUM, which is all that a body of known length takes. */
static size_t larger_room(size_t room, size_t maximum)
{
    enum { STEP = 8 };
    return room <= maximum / STEP / STEP ? room * STEP : maximum + 1;
}

static enum error_code read_until_end(struct transport *transport, struct arena *arena,
                                      size_t maximum, int64_t timeout, struct request *request)
{
    enum { ROOM = 4096 };
    size_t room = maximum < ROOM ? maximum + 1 : ROOM;
    size_t used = 0;
    char *body = arena_alloc(arena, room + 1);
    while (body != NULL) {
        int64_t got = transport->read_body(transport, body + used, room - used, &timeout);
        if (got < 0) {
            return no_more_comes(request, got);
        }
        used += (size_t)got;
        if (used > maximum) {
            request->body_pending = true;
            return ERR_BODY_TOO_LARGE;
        }
        if (got == 0) {
            request->body_pending = false;
            body[used] = '\0';
            request->body = (struct text){.at = body, .size = used};
            return ERR_NONE;
        }
        if (used == room) {
            room = larger_room(room, maximum);
            char *larger = arena_alloc(arena, room + 1);
            if (larger != NULL) {
                memcpy(larger, body, used);
            }
            body = larger;
        }
    }
    return ERR_INTERNAL;
}

enum error_code request_read_body(struct transport *transport, struct arena *arena, size_t maximum,
                                  int64_t timeout, struct request *request)
{
    if (request->length_error != ERR_NONE) {
        return request->length_error;
    }
    switch (request->length_kind) {
    case LENGTH_KNOWN:
        if ((uint64_t)request->length > maximum) {
            return ERR_BODY_TOO_LARGE;
        }
        return read_known(transport, arena, timeout, request);
    case LENGTH_UNTIL_END:
        return read_until_end(transport, arena, maximum, timeout, request);
    case LENGTH_NONE:
    default:
        request->body = (struct text){.at = "", .size = 0};
        return ERR_NONE;
    }
}

/* The time that a long body may still keep the reader waiting, and how long it has done so since
 * LOOK was asked last; in milliseconds. */
struct waiting {
    int64_t left;
    int64_t unasked;
};

/* GOT bytes came after a wait of PASSED milliseconds. They earn time, so that a body that comes
 * slowly is read to its end, but one that comes a byte at a time is not waited for without end. */
static enum error_code wait_on(const struct long_body *body, struct waiting *waiting,
                               int64_t passed, int64_t got)
{
    enum { MS_PER_BYTE = 2, LOOK_MS = 5000 };
    int64_t left = waiting->left - passed + got * MS_PER_BYTE;
    waiting->left = left < body->timeout ? left : body->timeout;
    waiting->unasked += passed;
    if (waiting->unasked < LOOK_MS) {
        return ERR_NONE;
    }
    waiting->unasked = 0;
    return body->look(body->self);
}

/* Reads pieces until the announced length, or the end of input, is reached. */
static enum error_code spool_pieces(struct transport *transport, struct spool *spool,
                                    const struct long_body *body, struct request *request)
{
    bool known = request->length_kind == LENGTH_KNOWN;
    size_t left = known ? (size_t)request->length : body->maximum + 1;
    struct waiting waiting = {.left = body->timeout};
    while (left > 0 && spool->problem == 0) {
        size_t room;
        char *to = spool_room(spool, &room);
        int64_t time = waiting.left;
        int64_t got = transport->read_body(transport, to, room < left ? room : left, &time);
        if (got < 0 || (got == 0 && known)) {
            return no_more_comes(request, got);
        }
        if (got == 0) {
            break;
        }
        spool_took(spool, (size_t)got);
        left -= (size_t)got;
        enum error_code error = wait_on(body, &waiting, waiting.left - time, got);
        if (error != ERR_NONE) {
            return error;
        }
    }
    if (!known && left == 0) {
        request->body_pending = true;
        return ERR_BODY_TOO_LARGE;
    }
    request->body_pending = spool->problem != 0;
    return waiting.unasked > 0 && spool->problem == 0 ? body->look(body->self) : ERR_NONE;
}

enum error_code request_spool_body(struct transport *transport, struct spool *spool,
                                   const struct long_body *body, struct request *request,
                                   struct cause *cause)
{
    if (request->length_error != ERR_NONE) {
        return request->length_error;
    }
    if (request->length_kind == LENGTH_NONE) {
        request->body = (struct text){.at = "", .size = 0};
        return ERR_NONE;
    }
    if (request->length_kind == LENGTH_KNOWN && (uint64_t)request->length > body->maximum) {
        return ERR_BODY_TOO_LARGE;
    }
    enum error_code error = spool_pieces(transport, spool, body, request);
    if (error == ERR_NONE) {
        error = spool_finish(spool, cause);
    }
    return error == ERR_NONE ? spool_map(spool, &request->body, cause) : error;
}

struct text request_token(const struct request *request)
{
    struct text token = text_of(request->authorization);
    static const char scheme[] = "Bearer";
    size_t length = sizeof scheme - 1;
    if (token.size >= length && strncasecmp(token.at, scheme, length) == 0 &&
        (token.size == length || token.at[length] == ' ')) {
        token.at += length;
        token.size -= length;
    }
    while (token.size > 0 && *token.at == ' ') {
        token.at++;
        token.size--;
    }
    while (token.size > 0 && token.at[token.size - 1] == ' ') {
        token.size--;
    }
    return token;
}

const char *request_address(struct transport *transport, struct arena *arena, const char *proxies)
{
    const struct head head = {.transport = transport, .arena = arena};
    const char *forwarded = *proxies != '\0' ? header_value(&head, "HTTP_X_FORWARDED_FOR") : NULL;
    char *out = arena_alloc(arena, ADDRESS_TEXT_SIZE);
    if (out == NULL) {
        return NULL;
    }
    address_of_client(meta_value(transport, "REMOTE_ADDR"), forwarded != NULL ? forwarded : "",
                      proxies, out);
    return out;
}
