/*
 * item_list.c - GET /api/data: a user's items, page by page. See item_list.h.
 */
#include "cgi-bin/shared/item_list.h"

#include "cgi-bin/shared/item_call.h"

struct list_query {
    struct text prefix;
    struct text cursor;
    int64_t limit;
    bool values;
    bool count;
};

const struct parameter list_parameters[] = {
    {"prefix", PARAMETER_TEXT, offsetof(struct list_query, prefix), 0, 0, item_prefix_fault},
    {"cursor", PARAMETER_TEXT, offsetof(struct list_query, cursor), 0, 0, NULL},
    {"limit", PARAMETER_WHOLE, offsetof(struct list_query, limit), 1, 1000, NULL},
    {"values", PARAMETER_FLAG, offsetof(struct list_query, values), 0, 0, NULL},
    {"count", PARAMETER_FLAG, offsetof(struct list_query, count), 0, 0, NULL},
    PARAMETERS_END,
};

enum { LIST_LIMIT = 100 };

/* A cursor is the last key of the previous page, so it stays valid whatever is written meanwhile.
 */
static enum error_code read_cursor(struct call *call, struct text cursor, struct text *after)
{
    *after = cursor;
    if (cursor.size == 0) {
        return ERR_NONE;
    }
    if (base64url_decode(call->arena, cursor, after) && item_key_fault(*after) == NULL) {
        return ERR_NONE;
    }
    response_detail(&call->response, "cursor", "must be the next_cursor of an answer");
    return ERR_INVALID_PARAMETER;
}

/* next_cursor, and the same as a link (RFC 8288). The link is relative, so that it works even if
 * a proxy maps the address. */
static void answer_next(struct call *call, const struct list_query *query, const char *last_key)
{
    struct text key = text_of(last_key);
    char *cursor = arena_alloc(call->arena, (key.size * 4 + 2) / 3 + 1);
    const char *prefix = text_percent_encode(call->arena, query->prefix);
    if (cursor == NULL || prefix == NULL) {
        return; /* out of memory, which the arena has recorded */
    }
    base64url_encode((const unsigned char *)key.at, key.size, cursor);
    response_text(&call->response, "next_cursor", cursor);
    response_header(&call->response, "Link",
                    arena_printf(call->arena, "<?prefix=%s&limit=%d%s%s&cursor=%s>; rel=\"next\"",
                                 prefix, (int)query->limit, query->values ? "&values=true" : "",
                                 query->count ? "&count=true" : "", cursor));
}

enum error_code list_items(struct call *call)
{
    struct list_query query = {.prefix = {.at = "", .size = 0}, .limit = LIST_LIMIT};
    struct text after;
    enum error_code error = parameters_read(call, &query);
    if (error == ERR_NONE) {
        error = read_cursor(call, query.cursor, &after);
    }
    if (error != ERR_NONE) {
        return error;
    }
    const struct item_owner owner = items_owner(&call->claims);
    struct item_counters counters;
    struct item_page page;
    item_page_init(&page, call, query.limit, true);
    error = items_counters(call->store, &owner, &counters);
    if (error == ERR_NONE) {
        error = items_list(call->store, &owner, call->now_ms, query.prefix, after, query.limit + 1,
                           query.values, item_page_add, &page);
    }
    int64_t total = 0;
    if (error == ERR_NONE && query.count) {
        error = items_count(call->store, &owner, call->now_ms, query.prefix, &total);
    }
    if (error != ERR_NONE) {
        return error;
    }
    response_json(&call->response, "items", page.items);
    if (page.more) {
        answer_next(call, &query, page.last_key);
    }
    if (query.count) {
        response_integer(&call->response, "total", total);
    }
    return ERR_NONE;
}
