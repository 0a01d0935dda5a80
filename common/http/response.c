/*
 * response.c - an answer being built in memory, and printed at the end.
 */
#include "common/http/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/http/error_table.h"
#include "common/json/json.h"

void response_init(struct response *response, struct arena *arena)
{
    *response = (struct response){.arena = arena, .status = 200};
}

void response_success(struct response *response, int status, const char *message)
{
    response->status = status;
    response->message = message;
}

void response_header(struct response *response, const char *name, const char *value)
{
    if (value == NULL || response->header_count == RESPONSE_HEADERS_MAXIMUM) {
        /* An answer without one of its headers would be incomplete. */
        response->arena->failed = true;
        return;
    }
    response->headers[response->header_count++] =
        (struct response_header){.name = name, .value = value};
}

void response_etag(struct response *response, int64_t version, bool cacheable)
{
    response->etag = arena_printf(response->arena, "\"%" PRId64 "\"", version);
    response->revalidated = cacheable;
}

static cJSON *data_of(struct response *response)
{
    if (response->data == NULL) {
        response->data = cJSON_CreateObject();
    }
    return response->data;
}

void response_text(struct response *response, const char *name, const char *text)
{
    if (text == NULL) {
        return; /* out of memory, which the arena has recorded */
    }
    response->text_bytes += strlen(text);
    json_add(data_of(response), name, json_new_string(text));
}

void response_integer(struct response *response, const char *name, int64_t value)
{
    json_add(data_of(response), name, json_new_integer(response->arena, value));
}

void response_time(struct response *response, const char *name, int64_t milliseconds)
{
    json_add(data_of(response), name, json_new_time(response->arena, milliseconds));
}

void response_raw(struct response *response, const char *name, const char *json, size_t size)
{
    response->text_bytes += size;
    json_add(data_of(response), name, json_new_raw(json));
}

void response_json(struct response *response, const char *name, cJSON *item)
{
    json_add(data_of(response), name, item);
}

void response_plain(struct response *response, const char *type, struct text body)
{
    response->plain_type = type;
    response->plain = body;
}

void response_detail(struct response *response, const char *field, const char *reason)
{
    if (reason == NULL) {
        return; /* out of memory, which the arena has recorded */
    }
    /* The caller may have set cJSON to an arena that is freed before the answer is printed. */
    struct arena *in_use = json_arena();
    json_use_arena(response->arena);
    if (response->details == NULL) {
        response->details = cJSON_CreateObject();
    }
    if (cJSON_GetObjectItemCaseSensitive(response->details, field) == NULL) {
        json_add(response->details, field, json_new_string(reason));
    }
    json_use_arena(in_use);
}

/* BODY with a newline appended, in place if the ROOM bytes it was printed into suffice. */
static struct text end_line(struct arena *arena, char *body, size_t room)
{
    size_t size = strlen(body);
    if (size + 2 > room) {
        return (struct text){.at = arena_printf(arena, "%s\n", body), .size = size + 1};
    }
    memcpy(body + size, "\n", 2);
    return (struct text){.at = body, .size = size + 1};
}

/* The body: status, code, message, token, data, details. At NULL when memory is out. */
static struct text render_body(struct response *response, const struct error_info *error)
{
    cJSON *top = cJSON_CreateObject();
    json_add(top, "status", json_new_string(error != NULL ? "error" : "success"));
    if (error != NULL) {
        json_add(top, "code", json_new_string(error->code));
    }
    const char *message = error != NULL ? error->message : response->message;
    if (message != NULL) {
        json_add(top, "message", json_new_string(message));
    }
    if (error == NULL && response->token != NULL) {
        json_add(top, "token", json_new_string(response->token));
    }
    if (response->data != NULL && (error == NULL || response->errors_carry_data)) {
        json_add(top, "data", response->data);
    }
    if (error != NULL && response->details != NULL) {
        json_add(top, "details", response->details);
    }
    const struct text none = {.at = NULL, .size = 0};
    if (arena_failed(response->arena)) {
        return none;
    }
    enum { ENVELOPE_BYTES = 1024, TOTAL_MAXIMUM = 1 << 30 };
    size_t guess = response->text_bytes + ENVELOPE_BYTES;
    char *body = guess < TOTAL_MAXIMUM ? cJSON_PrintBuffered(top, (int)guess, 0) : NULL;
    return body != NULL ? end_line(response->arena, body, guess) : none;
}

/* Appends TEXT without its NUL; when there is no more room it only counts, like snprintf. */
static void add_text(char *head, size_t room, size_t *used, const char *text)
{
    size_t size = strlen(text);
    if (*used + size < room) {
        memcpy(head + *used, text, size);
    }
    *used += size;
}

static void add_line(char *head, size_t room, size_t *used, const char *name, const char *value)
{
    add_text(head, room, used, name);
    add_text(head, room, used, ": ");
    add_text(head, room, used, value);
    add_text(head, room, used, "\r\n");
}

static size_t print_head(const struct response *response, int status, bool has_body,
                         size_t body_size, char *head, size_t room)
{
    char digits[INTEGER_TEXT_SIZE];
    size_t used = 0;
    (void)integer_to_text(status, digits);
    /* First, because busybox httpd looks for the status in the first line only. */
    add_text(head, room, &used, "Status: ");
    add_text(head, room, &used, digits);
    add_text(head, room, &used, " ");
    add_text(head, room, &used, http_reason(status));
    add_text(head, room, &used, "\r\n");
    bool plain = status < 400 && response->plain_type != NULL;
    add_line(head, room, &used, "Content-Type", plain ? response->plain_type : "application/json");
    if (has_body) {
        (void)integer_to_text((int64_t)body_size, digits);
        add_line(head, room, &used, "Content-Length", digits);
    }
    add_line(head, room, &used, "X-Content-Type-Options", "nosniff");
    /* A browser shows no answer inside of a page, and loads and runs nothing that one names. */
    add_line(head, room, &used, "Content-Security-Policy",
             "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    bool with_etag = response->etag != NULL && (status < 400 || response->errors_carry_data);
    add_line(head, room, &used, "Cache-Control",
             with_etag && response->revalidated ? "private, no-cache" : "no-store");
    if (with_etag) {
        add_line(head, room, &used, "ETag", response->etag);
    }
    if (response->varies_by_origin || response->varies_by_token) {
        add_line(head, room, &used, "Vary",
                 !response->varies_by_token    ? "Origin"
                 : !response->varies_by_origin ? "Authorization"
                                               : "Origin, Authorization");
    }
    for (size_t i = 0; i < response->header_count; i++) {
        add_line(head, room, &used, response->headers[i].name, response->headers[i].value);
    }
    return used;
}

bool response_render(struct response *response, enum error_code error, bool with_body,
                     struct rendered *out)
{
    const struct error_info *info = error != ERR_NONE ? error_info(error) : NULL;
    int status = info != NULL ? info->status : response->status;
    bool has_body = status != 204 && status != 304; /* RFC 9110 sections 8.6, 15.3.5, 15.4.5 */
    struct spool *spool = info == NULL ? response->spool : NULL;
    struct text body = {.at = "", .size = spool != NULL ? (size_t)spool->size : 0};
    if (has_body && spool == NULL) {
        bool plain = info == NULL && response->plain_type != NULL;
        body = plain ? response->plain : render_body(response, info);
    }
    if (body.at == NULL || arena_failed(response->arena)) {
        return false;
    }
    size_t room = print_head(response, status, has_body, body.size, NULL, 0) + sizeof "\r\n";
    char *head = arena_alloc(response->arena, room);
    if (head == NULL) {
        return false;
    }
    size_t used = print_head(response, status, has_body, body.size, head, room);
    memcpy(head + used, "\r\n", 2);
    *out = (struct rendered){.head = head,
                             .head_size = used + 2,
                             .body = body.at,
                             .body_size = with_body && spool == NULL ? body.size : 0,
                             .spool = with_body ? spool : NULL};
    return true;
}

#define LAST_BODY                                                                                  \
    "{\"status\":\"error\",\"code\":\"INTERNAL_ERROR\",\"message\":\"The server met an "           \
    "unexpected condition.\"}\n"

void response_last_resort(bool with_body, struct rendered *out)
{
    static const char body[] = LAST_BODY;
    static char head[320];
    size_t used = 0;
    static const struct response empty;
    used = print_head(&empty, 500, true, sizeof body - 1, head, sizeof head - 2);
    memcpy(head + used, "\r\n", 2);
    *out = (struct rendered){.head = head,
                             .head_size = used + 2,
                             .body = body,
                             .body_size = with_body ? sizeof body - 1 : 0};
}
