/*
 * changes.c - /api/changes: what has changed since a version, for clients that keep a copy.
 *
 * A client that starts with since=0, continues with the last_version of each answer, and applies
 * every change it gets, ends up with the items as they are, wherever its pages begin and end.
 */
#include <stddef.h>

#include "cgi-bin/shared/store.h"
#include "common/base/slots.h"
#include "common/serve/parameters.h"
#include "common/serve/serve.h"
#include "cgi-bin/shared/item_call.h"
#include "db/model/meta.h"
#include "db/model/tokens.h"

struct changes_query {
    int64_t since;
    struct text prefix;
    int64_t limit;
    bool values;
    int64_t wait; /* seconds */
};

static const struct parameter parameters[] = {
    {"since", PARAMETER_WHOLE, offsetof(struct changes_query, since), 0, INT64_MAX, NULL},
    {"prefix", PARAMETER_TEXT, offsetof(struct changes_query, prefix), 0, 0, item_prefix_fault},
    {"limit", PARAMETER_WHOLE, offsetof(struct changes_query, limit), 1, 1000, NULL},
    {"values", PARAMETER_FLAG, offsetof(struct changes_query, values), 0, 0, NULL},
    {"wait", PARAMETER_WHOLE, offsetof(struct changes_query, wait), 0, 25, NULL},
    PARAMETERS_END,
};

enum {
    CHANGES_LIMIT = 100,
    SCAN_MOST = 10000,  /* the most changes of other keys that one answer skips */
    SWEEP_MOST = 1000,  /* the most expired items that one look turns into tombstones */
    LOOK_EVERY_MS = 100 /* while a client waits */
};

/* One read of the changes; a call that waits does several. */
struct look {
    struct item_page page;
    struct item_counters counters;
    int64_t seen;    /* version of the last change looked at */
    int64_t scanned; /* changes of other keys that were skipped */
    bool more;
    bool unswept; /* sweeping is off for this call: nothing can be written */
};

static bool show_change(void *self, const struct item *item)
{
    struct look *look = self;
    if (item->key.at == NULL) {
        look->more = look->scanned++ == SCAN_MOST;
    } else {
        look->more = !item_page_add(&look->page, item);
    }
    look->seen = look->more ? look->seen : item->version;
    return !look->more;
}

/* Reads the counters, in the same transaction as what is read after them. */
static enum error_code read_counters(struct call *call, const struct item_owner *owner,
                                     struct item_counters *counters)
{
    enum error_code error = db_begin_read(call->store);
    return error == ERR_NONE ? items_counters(call->store, owner, counters) : error;
}

/* OWNER is told anew, too: of a device token the epoch may have changed, by which it is not ended.
 */
static enum error_code authenticate_again(struct call *call, struct item_owner *owner)
{
    enum error_code error = call_authenticate_again(call);
    if (error == ERR_NONE) {
        *owner = items_owner(&call->claims);
    }
    return error;
}

/* Turns expired items into tombstones, so that clients learn of them. Where nothing can be written,
 * or not with the copies that a server is to have, or not before a long write of somebody else,
 * expired items are just left out, and clients learn of them later. */
static enum error_code sweep(struct call *call, struct item_owner *owner, bool *unswept)
{
    struct item_writes writes;
    item_writes_begin(&writes, call->store, call->config, owner, call->now_ms);
    enum error_code error = items_sweep(&writes, SWEEP_MOST);
    if (error == ERR_NONE) {
        error = item_writes_end(&writes);
    }
    if (error == ERR_NONE) {
        /* If the commit is going to fail it must fail here, where the call can still read on. */
        error = db_commit_aside(call->store);
    }
    if (error != ERR_NONE && db_drop_writes(call->store)) {
        *unswept = true;
        error = ERR_NONE;
    }
    return error == ERR_NONE ? authenticate_again(call, owner) : error;
}

static bool sweep_is_due(const struct call *call, const struct look *look)
{
    return !look->unswept && look->counters.next_expiry != 0 &&
           look->counters.next_expiry <= call->now_ms;
}

static enum error_code read_swept_counters(struct call *call, struct item_owner *owner,
                                           struct look *look)
{
    enum error_code error = read_counters(call, owner, &look->counters);
    if (error != ERR_NONE || !sweep_is_due(call, look)) {
        return error;
    }
    error = sweep(call, owner, &look->unswept);
    return error == ERR_NONE ? read_counters(call, owner, &look->counters) : error;
}

static enum error_code look_once(struct call *call, struct item_owner *owner,
                                 const struct changes_query *query, struct look *look)
{
    *look = (struct look){.seen = query->since, .unswept = look->unswept};
    enum error_code error = read_swept_counters(call, owner, look);
    if (error != ERR_NONE) {
        return error;
    }
    /* A version beyond the newest is from another store, or from before a backup was restored. */
    if (query->since < look->counters.horizon || query->since > look->counters.version) {
        return ERR_CHANGES_EXPIRED;
    }
    if (look->counters.version == query->since) {
        return ERR_NONE;
    }
    item_page_init(&look->page, call, query->limit, ITEM_SHOWS_USUAL);
    error = items_changes(call->store, owner, call->now_ms, query->prefix, query->since,
                          query->values, show_change, look);
    if (error == ERR_NONE && !look->more) {
        look->seen = look->counters.version;
        look->more = sweep_is_due(call, look);
    }
    return error;
}

/* Adds what a client needs to continue, or after ERR_CHANGES_EXPIRED to start again. */
static enum error_code answer_position(struct call *call, int64_t last_version)
{
    struct text store_id;
    enum error_code error = meta_store_id(call->store, &store_id);
    if (error == ERR_NONE) {
        response_integer(&call->response, "last_version", last_version);
        response_text(&call->response, "store_id", store_id.at);
    }
    return error;
}

static enum error_code answer_look(struct call *call, struct look *look)
{
    response_json(&call->response, "changes",
                  look->page.items != NULL ? look->page.items : cJSON_CreateArray());
    response_json(&call->response, "more", cJSON_CreateBool(look->more));
    return answer_position(call, look->seen);
}

/* Takes one of the places in which the user's calls may wait, *SLOT, so that one user does not have
 * all processes of a web server wait. False when all are taken. Where the file of the places can't
 * be used, nothing is counted. */
static bool may_wait(struct call *call, int *slot)
{
    const int64_t number = call->claims.user_id % (INT64_C(1) << 40); /* none is that high */
    const int64_t first = SLOTS_WAITS + number * WAITS_MAXIMUM;
    const struct slots slots = {.path = slots_of_users(call->arena, call->config->beside),
                                .what = "calls that wait (max_waits)",
                                .first = first,
                                .count = call->config->max_waits};
    struct cause cause = {0};
    *slot = -1;
    return slots.path != NULL && slot_take(&slots, 0, slot, &cause) != ERR_SERVICE_UNAVAILABLE;
}

static enum error_code report_changes(struct call *call)
{
    struct changes_query query = {
        .prefix = {.at = "", .size = 0}, .limit = CHANGES_LIMIT, .values = true};
    enum error_code error = parameters_read(call, &query);
    if (error != ERR_NONE) {
        return error;
    }
    struct item_owner owner = items_owner(&call->claims);
    error =
        items_allow(&owner, ITEM_READS, query.prefix); /* before anything of the store is told */
    if (error != ERR_NONE) {
        return error;
    }
    int slot = -1;
    /* Also when it is started again, as its connection was lost. */
    int64_t end = call->began_ms + query.wait * 1000;
    if (query.wait > 0 && !may_wait(call, &slot)) {
        end = 0;
    }
    /* Ends the loop even if somebody sets the clock back. */
    int64_t looks = (end - call->now_ms) / LOOK_EVERY_MS;
    struct look look = {.unswept = false};
    for (;;) {
        error = look_once(call, &owner, &query, &look);
        if (error != ERR_NONE || look.page.count > 0 || look.more || call->now_ms >= end ||
            looks-- == 0) {
            break;
        }
        query.since = look.seen; /* the next look need not skip the same changes again */
        error = db_commit_early(call->store);
        if (error != ERR_NONE || !call_sleep(call, LOOK_EVERY_MS)) {
            end = 0;
        }
        error = authenticate_again(call, &owner);
        if (error != ERR_NONE) {
            break;
        }
    }
    slot_free(slot);
    if (error == ERR_CHANGES_EXPIRED) {
        call->response.errors_carry_data = true;
        error = answer_position(call, look.counters.version);
        return error == ERR_NONE ? ERR_CHANGES_EXPIRED : error;
    }
    return error == ERR_NONE ? answer_look(call, &look) : error;
}

static const struct route routes[] = {
    {HTTP_GET, "", ROUTE_TOKEN | ROUTE_DEVICE | ROUTE_WRITES, ERR_NONE, report_changes, parameters},
};

static const enum db_statement may_run[] = {
    TOKEN_STATEMENTS, DB_STORE_ID,    DB_COUNTERS_READ,       DB_COUNTERS_WRITE,
    DB_ITEM_CHANGES,  DB_ITEM_CHANGE, DB_ITEM_FIRST_EXPIRING, DB_ITEM_FORGET,
};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program changes_program = {.name = "changes",
                                        .routes = routes,
                                        .route_count = sizeof routes / sizeof *routes,
                                        .store = &database_store,
                                        .store_role = &role};

int main(void)
{
    return cgi_main(&changes_program);
}
