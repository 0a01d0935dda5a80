/*
 * export.c - an account as one JSON document. See account_call.h.
 *
 * Everything is read in one transaction, so it is the state of one moment, and is written to a file
 * before anything is sent, so that a slow client does not hold up writers.
 */
#include <string.h>

#include "cgi-bin/shared/account_call.h"
#include "db/model/items.h"

struct exporting {
    struct call *call;
    struct spool *spool;
    struct arena scratch; /* for one row at a time */
    bool first;           /* no row of this list is written yet */
    bool out_of_memory;
};

static void write_text(struct exporting *export, const char *text)
{
    spool_write(export->spool, text, strlen(text));
}

/* Writes OBJECT, which lies on the scratch arena, as the next row of a list. RAW, if any, is
 * inserted before its closing brace as the member `value`. */
static void write_row(struct exporting *export, const cJSON *object, const struct text *raw)
{
    char *text = cJSON_PrintUnformatted(object);
    if (text == NULL || arena_failed(&export->scratch)) {
        export->out_of_memory = true;
        return;
    }
    write_text(export, export->first ? "\n" : ",\n");
    export->first = false;
    if (raw == NULL) {
        write_text(export, text);
        return;
    }
    spool_write(export->spool, text, strlen(text) - 1);
    write_text(export, ",\"value\":");
    spool_write(export->spool, raw->at, raw->size);
    write_text(export, "}");
}

/* Each row is built on the scratch arena, so that memory does not grow with their number. */
static void row_begins(struct exporting *export)
{
    json_use_arena(&export->scratch);
}

static void row_ends(struct exporting *export)
{
    arena_reset(&export->scratch);
    json_use_arena(export->call->arena);
}

static void write_token(void *self, const struct token_info *token)
{
    struct exporting *export = self;
    row_begins(export);
    write_row(export, token_json(export->call, token), NULL);
    row_ends(export);
}

/* The version is left out, because it numbers the writes of this account and would mean nothing in
 * another. */
static bool write_item(void *self, const struct item *item)
{
    struct exporting *export = self;
    if (item->value.at == NULL) {
        export->out_of_memory = true;
        return false;
    }
    row_begins(export);
    cJSON *object = cJSON_CreateObject();
    json_add(object, "key", json_new_string(item->key.at));
    json_add(object, "created_at", json_new_time(&export->scratch, item->created_at));
    json_add(object, "updated_at", json_new_time(&export->scratch, item->updated_at));
    if (item->expires_at != 0) {
        json_add(object, "expires_at", json_new_time(&export->scratch, item->expires_at));
    }
    write_row(export, object, &item->value);
    row_ends(export);
    return !export->out_of_memory && export->spool->problem == 0;
}

static enum error_code write_profile(struct exporting *export, const struct item_owner *owner)
{
    struct call *call = export->call;
    struct user_profile profile;
    enum error_code error = users_profile(call->store, owner, &profile);
    if (error != ERR_NONE) {
        return error;
    }
    char now[TIME_TEXT_SIZE];
    time_to_text(call->now_ms, now);
    const char *user = cJSON_PrintUnformatted(profile_json(call, &profile));
    const char *head = user != NULL ? arena_printf(call->arena,
                                                   "{\"status\":\"success\",\"data\":{"
                                                   "\"format\":\"cubby-account-1\","
                                                   "\"exported_at\":\"%s\",\"user\":%s",
                                                   now, user)
                                    : NULL;
    if (head == NULL) {
        export->out_of_memory = true;
        return ERR_NONE;
    }
    write_text(export, head);
    return ERR_NONE;
}

static enum error_code write_document(struct exporting *export)
{
    struct call *call = export->call;
    const struct item_owner owner = items_owner(&call->claims);
    const struct item_selection all = {.until = ITEM_FOREVER, .limit = INT64_MAX, .values = true};
    enum error_code error = write_profile(export, &owner);
    if (error == ERR_NONE) {
        write_text(export, ",\"device_tokens\":[");
        export->first = true;
        error = tokens_list(call->store, &owner, call->now_ms, write_token, export);
    }
    if (error == ERR_NONE) {
        write_text(export, "],\"items\":[");
        export->first = true;
        error = items_list(call->store, &owner, call->now_ms, &all, write_item, export);
    }
    if (error == ERR_NONE && export->out_of_memory) {
        error = call_fail(call, ERR_INTERNAL, "out of memory while exporting");
    }
    write_text(export, "]}}\n");
    return error;
}

enum error_code export_account(struct call *call)
{
    struct spool *spool = arena_alloc(call->arena, sizeof *spool);
    if (spool == NULL) {
        return call_fail(call, ERR_INTERNAL, "out of memory");
    }
    enum error_code error = spool_open(spool, call->arena, call->config->beside,
                                       call->claims.user_id, call->patience, &call->cause);
    call->response.spool = spool;
    if (error != ERR_NONE) {
        return error;
    }
    call->audit = (struct audit){.event = "export", .user_id = call->claims.user_id};
    struct exporting export = {.call = call, .spool = spool};
    arena_init(&export.scratch, call->arena->maximum);
    error = write_document(&export);
    return error == ERR_NONE ? spool_finish(spool, &call->cause) : error;
}
