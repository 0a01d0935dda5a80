/*
 * item_call.h - what the programs that serve items share: the limits of a value, and items as JSON,
 * one or a page of them.
 */
#ifndef CUBBY_CGI_BIN_SHARED_ITEM_CALL_H
#define CUBBY_CGI_BIN_SHARED_ITEM_CALL_H

#include "common/serve/input.h"
#include "common/serve/serve.h"
#include "db/model/items.h"

/* Returns ERROR, which may be ERR_NONE. For ERR_QUOTA_EXCEEDED it first adds the limits of a user
 * to `details`. */
enum error_code item_failed(struct call *call, enum error_code error);

/* Refuses a value of SIZE bytes, which need not be there yet, that is larger than the settings
 * allow (ERR_VALUE_TOO_LARGE), with the reason in `details`. */
enum error_code item_check_size(struct call *call, size_t size);

/* items_read for this call: the item as it is now. Its value may be larger than the settings let a
 * value be, since it was stored under others: the memory of the call grows with it, so that it can
 * be looked into and shown. */
enum error_code item_read(struct call *call, const struct item_owner *owner, struct item *item);

/* Starts the transaction of WRITES. From here on the time of CALL is the time of the write: waiting
 * for other writers may have taken long, and a `ttl` must not be over before it is acknowledged. */
enum error_code item_writes_start(struct call *call, struct item_writes *writes);

/* The time at which an item stored now with TTL seconds expires; 0 (never) for 0. */
int64_t item_expiry(const struct call *call, int64_t ttl);

/* The longest time, in seconds, until an item expires. */
#define ITEM_TTL_MAXIMUM (INT64_C(10) * 365 * 86400)

/* A row of an input table: the member `ttl`, into an int64_t of seconds. */
#define ITEM_TTL_FIELD(type, member)                                                               \
    {                                                                                              \
        "ttl", INPUT_WHOLE, true, offsetof(type, member), 1, ITEM_TTL_MAXIMUM, NULL,               \
            ERR_INVALID_PARAMETER                                                                  \
    }

/* What is shown of an item. */
enum item_member {
    ITEM_SHOWS_KEY = 1,
    ITEM_SHOWS_VALUE = 2,
    ITEM_SHOWS_VERSION = 4,
    ITEM_SHOWS_CREATED = 8,
    ITEM_SHOWS_UPDATED = 16,
    ITEM_SHOWS_EXPIRES = 32,
    ITEM_SHOWS_SIZE = 64,
    ITEM_SHOWS_ALL = 127,
    ITEM_SHOWS_USUAL = ITEM_SHOWS_ALL - ITEM_SHOWS_SIZE
};

/* ITEM as an object on the arena of CALL, with these MEMBERS, a sum of enum item_member; the value
 * only if it has one. Texts are borrowed. */
cJSON *item_json(struct call *call, const struct item *item, unsigned members);

/* The items of one answer, limited in number and in bytes. */
struct item_page {
    struct call *call;
    cJSON *items;
    int64_t count;
    int64_t limit;
    unsigned members;     /* see item_json */
    bool more;            /* an item was left out because the page was full */
    const char *last_key; /* of the page; NULL while it is empty */
    int64_t last_version;
    size_t bytes;
};

/* A page ends before it gets larger than this many bytes, unless its first item alone is larger. */
enum { ITEM_PAGE_BYTES = 1024 * 1024 };

/* An empty page. */
void item_page_init(struct item_page *page, struct call *call, int64_t limit, unsigned members);

/* Adds a copy of ITEM, or sets page->more and returns false: an item_callback. */
bool item_page_add(void *page, const struct item *item);

#endif
