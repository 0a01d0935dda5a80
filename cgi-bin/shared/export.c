/*
 * export.c - an account as one JSON document. See account_call.h.
 *
 * It is the state of one moment, and is written to a file before anything is sent, so that a slow
 * client does not hold up writers. Where nobody can write while another reads, a large account is
 * read in pieces, each in a transaction of its own: every write of the user takes the next number
 * of the account's counter, so as long as that stays the same, nothing has changed since the first
 * piece. If something has, all is read again, the last time in one transaction. No transaction
 * keeps others out for long, whatever the size of the account and however slow the disk: a piece
 * ends, and the last time fails, before who waits gives up, but for the time that one item takes.
 */
#include <inttypes.h>
#include <string.h>

#include "cgi-bin/shared/account_call.h"
#include "common/base/clock.h"
#include "db/model/items.h"

struct exporting {
    struct call *call;
    struct spool *spool;
    struct arena scratch; /* for one row at a time */
    bool first;           /* no row of this list is written yet */
    bool out_of_memory;
    bool blocks;          /* nobody can write while a transaction of this export is open */
    bool in_pieces;       /* or all in one transaction */
    int64_t since;        /* when the present transaction began, by monotonic_ms */
    int64_t bytes;        /* of the present piece, yet */
    int64_t rows;         /* the same */
    int64_t looked;       /* how many of the bytes at the last look at the clock */
    struct item_key last; /* of this piece */
    bool more;            /* items come after it */
};

enum { PIECE_BYTES = 16 << 20, PIECE_ROWS = 5000, ATTEMPTS = 5 };

/* The longest that a transaction may keep others out, in milliseconds: who comes meanwhile waits as
 * long as busy_timeout says, and is to have a turn in that time. Below LEAST_MS the pieces would
 * get so short that a slow disk read little else than their beginnings: with a busy_timeout of less
 * than twice that, one who waits may give up before a slow piece ends. */
static int64_t longest_hold(const struct call *call)
{
    enum { LEAST_MS = 1000 };
    const int64_t half = call->config->busy_timeout / 2;
    return half > LEAST_MS ? half : LEAST_MS;
}

/* Of small items a look at the clock for each would be a hundredth of the work. */
static bool look_is_due(const struct exporting *export)
{
    enum { LOOK_ROWS = 8, LOOK_BYTES = 1 << 20 };
    return export->rows % LOOK_ROWS == 0 || export->bytes - export->looked >= LOOK_BYTES;
}

/* Whether others must have a turn before the next item is read. */
static bool piece_is_full(struct exporting *export)
{
    if (!export->blocks || export->rows == 0) {
        return false;
    }
    if (export->in_pieces && (export->bytes >= PIECE_BYTES || export->rows >= PIECE_ROWS)) {
        return true;
    }
    if (!look_is_due(export)) {
        return false;
    }
    export->looked = export->bytes;
    return monotonic_ms() - export->since >= longest_hold(export->call);
}

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
    if (piece_is_full(export)) {
        export->more = true;
        return false;
    }
    export->bytes += item->size;
    export->rows++;
    (void)item_key_keep(item->key, &export->last);
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

/* Ends the transaction that reads and starts another. *CHANGED tells whether the user has written
 * since the version VERSION. An export that is not in pieces must not do so. */
static enum error_code let_others_write(struct exporting *export, const struct item_owner *owner,
                                        int64_t version, bool *changed)
{
    struct call *call = export->call;
    struct item_counters now = {0};
    if (!export->in_pieces) {
        return call_fail(call, ERR_SERVICE_UNAVAILABLE,
                         "an account changes again and again while it is exported, and reading it "
                         "at once would keep writers out for more than %" PRId64
                         " ms; with journal = wal nobody waits for that",
                         longest_hold(call));
    }
    enum error_code error = db_commit_early(call->store);
    if (error == ERR_NONE) {
        error = items_counters(call->store, owner, &now);
    }
    export->since = monotonic_ms();
    *changed = error == ERR_NONE && now.version != version;
    return error;
}

static enum error_code write_items(struct exporting *export, const struct item_owner *owner,
                                   int64_t version, bool *changed)
{
    struct call *call = export->call;
    enum error_code error = ERR_NONE;
    write_text(export, "],\"items\":[");
    export->first = true;
    export->last.size = 0;
    export->more = true;
    *changed = false;
    while (error == ERR_NONE && export->more && !*changed) {
        const struct item_key last = export->last;
        const struct item_selection next = {.after = item_key_text(&last),
                                            .until = ITEM_FOREVER,
                                            .limit = INT64_MAX,
                                            .values = true};
        export->more = false;
        export->bytes = 0;
        export->rows = 0;
        export->looked = 0;
        error = items_list(call->store, owner, call->now_ms, &next, write_item, export);
        if (error == ERR_NONE && export->more) {
            error = let_others_write(export, owner, version, changed);
        }
    }
    return error;
}

/* *CHANGED: it is of no use, because the user has written meanwhile. */
static enum error_code write_document(struct exporting *export, bool *changed)
{
    struct call *call = export->call;
    const struct item_owner owner = items_owner(&call->claims);
    struct item_counters counters = {0};
    enum error_code error = ERR_NONE;
    if (export->in_pieces) {
        error = items_counters(call->store, &owner, &counters);
    }
    if (error == ERR_NONE) {
        error = write_profile(export, &owner);
    }
    if (error == ERR_NONE) {
        write_text(export, ",\"device_tokens\":[");
        export->first = true;
        error = tokens_list(call->store, &owner, call->now_ms, write_token, export);
    }
    if (error == ERR_NONE) {
        error = write_items(export, &owner, counters.version, changed);
    }
    if (error == ERR_NONE && export->out_of_memory) {
        error = call_fail(call, ERR_INTERNAL, "out of memory while exporting");
    }
    write_text(export, "]}}\n");
    return error;
}

static enum error_code write_unchanged(struct exporting *export)
{
    bool changed = true;
    enum error_code error = db_reading_blocks(export->call->store, &export->blocks);
    export->since = monotonic_ms();
    for (int i = 1; i <= ATTEMPTS && error == ERR_NONE && changed; i++) {
        changed = false;
        export->in_pieces = export->blocks && i < ATTEMPTS;
        spool_restart(export->spool);
        error = write_document(export, &changed);
    }
    return error;
}

enum error_code export_account(struct call *call)
{
    struct spool *spool = arena_alloc(call->arena, sizeof *spool);
    if (spool == NULL) {
        return call_fail(call, ERR_INTERNAL, "out of memory");
    }
    const struct spool_place place = {.beside = call->config->beside,
                                      .instead = call->config->keys,
                                      .user_id = call->claims.user_id};
    enum error_code error = spool_open(spool, call->arena, &place, call->patience, &call->cause);
    call->response.spool = spool;
    if (error != ERR_NONE) {
        return error;
    }
    call->audit = (struct audit){.event = "export", .user_id = call->claims.user_id};
    struct exporting export = {.call = call, .spool = spool};
    arena_init(&export.scratch, call->arena->maximum);
    error = write_unchanged(&export);
    return error == ERR_NONE ? spool_finish(spool, &call->cause) : error;
}
