/*
 * item_list.c - GET /api/data: a user's items, page by page. See item_list.h.
 */
#include "cgi-bin/shared/item_list.h"

#include <string.h>

#include "cgi-bin/shared/item_call.h"
#include "common/serve/unknown.h"

struct list_query {
    struct text prefix;
    struct text cursor;
    int64_t limit;
    bool values;
    bool count;
    struct text order;
    struct text since;
    struct text until;
    struct text fields; /* names, with commas between them */
    struct text path;   /* JSON Pointer */
};

static const char *order_fault(struct text order)
{
    return text_equal(order, text_of("asc")) || text_equal(order, text_of("desc"))
               ? NULL
               : "must be asc or desc";
}

static const char *time_fault(struct text text)
{
    int64_t time;
    return text_to_instant(text, &time) ? NULL
                                        : "must be a time such as 2026-01-31T12:00:00Z (RFC 3339)";
}

static const char *path_fault(struct text path)
{
    return text_characters(path) == SIZE_MAX ? "must be UTF-8" : json_pointer_fault(path);
}

#define AT(member) offsetof(struct list_query, member)

const struct parameter list_parameters[] = {
    {"prefix", PARAMETER_TEXT, AT(prefix), 0, 0, item_prefix_fault},
    {"cursor", PARAMETER_TEXT, AT(cursor), 0, 0, NULL},
    {"limit", PARAMETER_WHOLE, AT(limit), 0, 1000, NULL},
    {"values", PARAMETER_FLAG, AT(values), 0, 0, NULL},
    {"count", PARAMETER_FLAG, AT(count), 0, 0, NULL},
    {"order", PARAMETER_TEXT, AT(order), 0, 0, order_fault},
    {"since", PARAMETER_TEXT, AT(since), 0, 0, time_fault},
    {"until", PARAMETER_TEXT, AT(until), 0, 0, time_fault},
    {"fields", PARAMETER_TEXT, AT(fields), 0, 0, NULL},
    {"path", PARAMETER_TEXT, AT(path), 0, 0, path_fault},
    PARAMETERS_END,
};

enum { LIST_LIMIT = 100 };

/* What the query asks for, read. */
struct listing {
    struct list_query query;
    struct item_selection selection;
    unsigned members;            /* enum item_member */
    struct json_pointer pointer; /* with a path */
    size_t looked_at;            /* bytes, to find what it points to */
    struct item_page page;
};

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

/* The member called NAME; 0, and told, when there is none. */
static unsigned member_named(struct call *call, struct text name)
{
    static const struct {
        const char *name;
        unsigned member;
    } names[] = {
        {"key", ITEM_SHOWS_KEY},
        {"version", ITEM_SHOWS_VERSION},
        {"size", ITEM_SHOWS_SIZE},
        {"updated_at", ITEM_SHOWS_UPDATED},
        {"created_at", ITEM_SHOWS_CREATED},
        {"expires_at", ITEM_SHOWS_EXPIRES},
        {"value", ITEM_SHOWS_VALUE},
    };
    struct unknown unknown = unknown_start(name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (text_equal(name, text_of(names[i].name))) {
            return names[i].member;
        }
        unknown_offer(&unknown, names[i].name);
    }
    unknown_tell(call, &unknown, "fields.");
    return 0;
}

/* The members that FIELDS lists; no list at all means all of them. */
static enum error_code read_fields(struct call *call, struct text fields, unsigned *members)
{
    if (fields.at == NULL) {
        *members = ITEM_SHOWS_ALL;
        return ERR_NONE;
    }
    *members = 0;
    const char *end = fields.at + fields.size;
    for (const char *at = fields.at; at != NULL;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t size = (size_t)((comma != NULL ? comma : end) - at);
        unsigned member = member_named(call, (struct text){.at = at, .size = size});
        if (member == 0) {
            return ERR_INVALID_PARAMETER;
        }
        *members |= member;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return ERR_NONE;
}

static enum error_code read_selection(struct call *call, struct listing *listing)
{
    const struct list_query *query = &listing->query;
    struct item_selection *selection = &listing->selection;
    *selection = (struct item_selection){.prefix = query->prefix, .until = ITEM_FOREVER};
    if (query->limit == 0 && !query->count) {
        response_detail(&call->response, "limit", "must be from 1 to 1000; 0 goes with count=true");
        return ERR_INVALID_PARAMETER;
    }
    if (query->since.at != NULL) {
        (void)text_to_instant(query->since, &selection->since);
    }
    if (query->until.at != NULL) {
        (void)text_to_instant(query->until, &selection->until);
    }
    enum error_code error = read_cursor(call, query->cursor, &selection->after);
    if (error == ERR_NONE) {
        error = read_fields(call, query->fields, &listing->members);
    }
    if (error != ERR_NONE) {
        return error;
    }
    if (query->path.at != NULL &&
        !json_pointer_parse(call->arena, query->path, &listing->pointer)) {
        return call_fail(call, ERR_INTERNAL, "out of memory while reading a query");
    }
    bool listed = query->fields.at != NULL && (listing->members & ITEM_SHOWS_VALUE) != 0;
    selection->values = query->values || listed || query->path.at != NULL;
    listing->members |= selection->values ? ITEM_SHOWS_VALUE : 0;
    selection->down = text_equal(query->order, text_of("desc"));
    selection->limit = query->limit + 1; /* one more tells whether there is another page */
    return ERR_NONE;
}

/* Whether no more values are looked into for this page. Each step of a path may go through the
 * whole value once, of which nothing may be left to be counted as a part of the answer. */
static bool looked_enough(struct listing *listing, const struct item *item)
{
    enum { LOOKED_AT_MAXIMUM = 32 * 1024 * 1024 };
    listing->looked_at += item->value.size * (listing->pointer.count + 1);
    return listing->page.count > 0 && listing->looked_at > LOOKED_AT_MAXIMUM;
}

/* Adds an item with the part of its value that is wanted: an item_callback. */
static bool show_item(void *self, const struct item *item)
{
    struct listing *listing = self;
    struct item shown = *item;
    bool part = listing->query.path.at != NULL && item->value.at != NULL;
    if (part && looked_enough(listing, item)) {
        listing->page.more = true;
        return false;
    }
    if (part && !json_pointer_find(&listing->pointer, item->value, &shown.value)) {
        shown.value = (struct text){.at = NULL, .size = 0};
    }
    return item_page_add(&listing->page, &shown);
}

/* LINK with one more parameter, unless it was not given. */
static const char *add_parameter(struct arena *arena, const char *link, const char *name,
                                 struct text value)
{
    if (link == NULL || value.at == NULL) {
        return link;
    }
    const char *encoded = text_percent_encode(arena, value);
    return encoded != NULL ? arena_printf(arena, "%s&%s=%s", link, name, encoded) : NULL;
}

/* Web servers take no longer line of a header than 4,096 bytes (nginx) or 8,192 (Apache). */
enum { LINK_MOST = 3000 };

/* next_cursor, and the same as a link (RFC 8288), unless that is too long. The link is relative, so
 * that it works even if a proxy maps the address. */
static void answer_next(struct call *call, const struct list_query *query, const char *last_key)
{
    struct text key = text_of(last_key);
    struct arena *arena = call->arena;
    char *cursor = arena_alloc(arena, (key.size * 4 + 2) / 3 + 1);
    const char *prefix = text_percent_encode(arena, query->prefix);
    if (cursor == NULL || prefix == NULL) {
        return; /* out of memory, which the arena has recorded */
    }
    base64url_encode((const unsigned char *)key.at, key.size, cursor);
    response_text(&call->response, "next_cursor", cursor);
    const char *link = arena_printf(arena, "<?prefix=%s&limit=%d%s%s&cursor=%s", prefix,
                                    (int)query->limit, query->values ? "&values=true" : "",
                                    query->count ? "&count=true" : "", cursor);
    link = add_parameter(arena, link, "order", query->order);
    link = add_parameter(arena, link, "since", query->since);
    link = add_parameter(arena, link, "until", query->until);
    link = add_parameter(arena, link, "fields", query->fields);
    link = add_parameter(arena, link, "path", query->path);
    if (link == NULL || strlen(link) <= LINK_MOST) {
        response_header(&call->response, "Link",
                        link != NULL ? arena_printf(arena, "%s>; rel=\"next\"", link) : NULL);
    }
}

static enum error_code read_items(struct call *call, struct listing *listing, int64_t *total)
{
    const struct item_owner owner = items_owner(&call->claims);
    struct item_counters counters;
    enum error_code error = items_counters(call->store, &owner, &counters);
    if (error == ERR_NONE && listing->query.limit > 0) {
        error =
            items_list(call->store, &owner, call->now_ms, &listing->selection, show_item, listing);
    }
    return error == ERR_NONE && listing->query.count
               ? items_count(call->store, &owner, call->now_ms, &listing->selection, total)
               : error;
}

enum error_code list_items(struct call *call)
{
    struct listing listing = {.query = {.prefix = {.at = "", .size = 0}, .limit = LIST_LIMIT}};
    int64_t total = 0;
    enum error_code error = parameters_read(call, &listing.query);
    if (error == ERR_NONE) {
        error = read_selection(call, &listing);
    }
    item_page_init(&listing.page, call, listing.query.limit, listing.members);
    if (error == ERR_NONE) {
        error = read_items(call, &listing, &total);
    }
    if (error != ERR_NONE) {
        return error;
    }
    response_json(&call->response, "items", listing.page.items);
    if (listing.page.more) {
        answer_next(call, &listing.query, listing.page.last_key);
    }
    if (listing.query.count) {
        response_integer(&call->response, "total", total);
    }
    return ERR_NONE;
}
