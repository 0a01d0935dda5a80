/*
 * gc.c - gc: deletes what has expired. It works in short transactions, so that programs can write
 * in between: a batch of rows or expired items, the old tombstones of one user, the lists of ended
 * tokens. Only --recount and --compact may keep them waiting longer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/model/items.h"
#include "db/model/tokens.h"
#include "db/tool/admin.h"
#include "db/model/users.h"

enum { BATCH_ROWS = 500, TOMBSTONE_DAYS = 90 };

struct gc {
    struct tool *tool;
    struct db_connection *connection;
    int64_t now_ms;
    int64_t tombstone_days;
    cJSON *report; /* on the scratch memory */
};

static int failed(struct gc *gc, enum db_class class, const char *doing)
{
    return admin_fail(gc->tool, gc->connection, gc->tool->config.database, class, doing);
}

/* Runs STATEMENT, with BOUND as its $1, until no rows are left. It deletes at most $2 of them each
 * time and returns a row for each. */
static enum db_class delete_rows(struct gc *gc, enum admin_statement statement, int64_t bound,
                                 int64_t *count)
{
    const struct db_value values[] = {db_integer(bound), db_integer(BATCH_ROWS)};
    int64_t rows = BATCH_ROWS;
    *count = 0;
    while (rows == BATCH_ROWS) {
        rows = 0;
        enum db_class class = admin_driver->begin(gc->connection);
        if (class == DB_OK) {
            class = admin_count(gc->connection, statement, values, 2, &rows);
        }
        if (class == DB_OK) {
            class = admin_driver->commit(gc->connection);
        }
        if (class != DB_OK) {
            admin_driver->rollback(gc->connection);
            return class;
        }
        *count += rows;
        tool_progress(gc->tool, "rows", *count, 0);
    }
    return DB_OK;
}

static void note(struct gc *gc, const char *name, int64_t count)
{
    json_add(gc->report, name, json_new_integer(&gc->tool->scratch, count));
}

static int collect_rows(struct gc *gc)
{
    const struct {
        const char *name;
        enum admin_statement statement;
        int64_t bound;
    } kinds[] = {
        {"device_tokens", ADMIN_GC_TOKENS, gc->now_ms},
        {"throttle", ADMIN_GC_THROTTLE, gc->now_ms},
        {"events", ADMIN_GC_EVENTS, gc->tool->config.audit_rows},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t count;
        enum db_class class = delete_rows(gc, kinds[i].statement, kinds[i].bound, &count);
        if (class != DB_OK) {
            return failed(gc, class, "deleting what is over");
        }
        note(gc, kinds[i].name, count);
    }
    return TOOL_DONE;
}

/* ---- items ---------------------------------------------------------------------------------- */

/* Turns expired items of a user into tombstones, a batch in one transaction, by the call that the
 * programs use, so that clients which follow the changes see the deletions. *COUNT is 0 when none
 * are left. */
static enum error_code sweep_batch(struct gc *gc, struct db *store, const struct item_owner *owner,
                                   int64_t *count)
{
    struct item_counters before = {0};
    struct item_writes writes;
    item_writes_begin(&writes, store, &gc->tool->config, owner, gc->now_ms);
    enum error_code error = db_begin(store);
    if (error == ERR_NONE) {
        error = items_counters(store, owner, &before);
    }
    if (error == ERR_NONE) {
        error = items_sweep(&writes, BATCH_ROWS);
    }
    if (error == ERR_NONE) {
        error = item_writes_end(&writes);
    }
    *count = error == ERR_NONE ? writes.counters.version - before.version : 0;
    /* When the user has ended all sessions or was deleted in the meantime, the next run sweeps what
     * is left. */
    return error == ERR_INVALID_TOKEN ? ERR_NONE : error;
}

static enum error_code sweep_user(struct gc *gc, struct db *store, struct cause *cause,
                                  const struct item_owner *owner, int64_t *all)
{
    enum error_code error = ERR_NONE;
    int64_t count = 1;
    while (error == ERR_NONE && count > 0) {
        db_start(store, true, cause);
        error = sweep_batch(gc, store, owner, &count);
        enum error_code end = db_end(store, error == ERR_NONE);
        error = error == ERR_NONE ? end : error;
        *all += count;
        tool_progress(gc->tool, "expired items", *all, 0);
    }
    return error;
}

/* The first user after the id AFTER who may have expired items. DB_OK: there is none. */
static enum db_class next_expiring(struct gc *gc, int64_t after, struct token_claims *claims)
{
    const struct db_value values[] = {db_integer(gc->now_ms), db_integer(after)};
    struct db_prepared *row;
    enum db_class class = admin_prepare(gc->connection, ADMIN_EXPIRING, values, 2, &row);
    if (class == DB_OK) {
        class = admin_driver->step(row);
    }
    if (class == DB_ROW) {
        *claims = (struct token_claims){.user_id = admin_driver->column_integer(row, 0),
                                        .epoch = admin_driver->column_integer(row, 1),
                                        .id = "-"};
    }
    admin_driver->finalize(row);
    return class;
}

static int collect_expired(struct gc *gc)
{
    static const enum db_statement may_run[] = {
        DB_COUNTERS_READ, DB_COUNTERS_WRITE, DB_ITEM_FIRST_EXPIRING,
        DB_ITEM_CHANGE,   DB_ITEM_ADD,       DB_ITEM_FORGET};
    static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};
    struct db *store = db_make(&gc->tool->config, &role);
    if (store == NULL) {
        return tool_out_of_memory(gc->tool);
    }
    struct cause cause = {0};
    struct token_claims claims = {0};
    int64_t count = 0;
    int status = TOOL_DONE;
    enum db_class class = DB_ROW;
    while (status == TOOL_DONE && (class = next_expiring(gc, claims.user_id, &claims)) == DB_ROW) {
        const struct item_owner owner = items_owner(&claims);
        enum error_code error = sweep_user(gc, store, &cause, &owner, &count);
        if (error != ERR_NONE) {
            status = admin_fail_store(gc->tool, error, &cause);
        }
    }
    db_free(store);
    if (status == TOOL_DONE && class != DB_OK) {
        return failed(gc, class, "looking for expired items");
    }
    note(gc, "expired_items", count);
    return status;
}

/* Deletes the tombstones of USER_ID that were made by UNTIL, and updates the user's counters and
 * horizon. */
static enum db_class forget_deletions(struct gc *gc, int64_t user_id, int64_t until, int64_t *all)
{
    const struct db_value values[] = {db_integer(user_id), db_integer(until)};
    struct db_prepared *rows;
    int64_t count = 0;
    int64_t horizon = 0;
    enum db_class class = admin_prepare(gc->connection, ADMIN_GC_TOMBSTONES, values, 2, &rows);
    if (class == DB_OK) {
        class = admin_driver->step(rows);
    }
    for (; class == DB_ROW; class = admin_driver->step(rows)) {
        int64_t version = admin_driver->column_integer(rows, 0);
        horizon = version > horizon ? version : horizon;
        count++;
    }
    admin_driver->finalize(rows);
    *all += count;
    const struct db_value counters[] = {db_integer(user_id), db_integer(count),
                                        db_integer(horizon)};
    return class == DB_OK ? admin_run(gc->connection, ADMIN_GC_HORIZON, counters, 3, NULL) : class;
}

static enum db_class forget_next_user(struct gc *gc, int64_t until, int64_t *user_id,
                                      int64_t *count)
{
    const struct db_value values[] = {db_integer(until), db_integer(*user_id)};
    int64_t before = *user_id;
    enum db_class class = admin_driver->begin(gc->connection);
    if (class == DB_OK) {
        class = admin_run(gc->connection, ADMIN_OLD_TOMBSTONES, values, 2, user_id);
    }
    if (class == DB_OK && *user_id != before) {
        class = forget_deletions(gc, *user_id, until, count);
    }
    if (class == DB_OK) {
        class = admin_driver->commit(gc->connection);
    }
    if (class != DB_OK) {
        admin_driver->rollback(gc->connection);
        return class;
    }
    return *user_id != before ? DB_ROW : DB_OK;
}

static int collect_tombstones(struct gc *gc)
{
    int64_t until = gc->now_ms - gc->tombstone_days * INT64_C(86400000);
    int64_t user_id = 0;
    int64_t count = 0;
    enum db_class class;
    while ((class = forget_next_user(gc, until, &user_id, &count)) == DB_ROW) {
        tool_progress(gc->tool, "tombstones", count, 0);
    }
    if (class != DB_OK) {
        return failed(gc, class, "forgetting deletions");
    }
    note(gc, "tombstones", count);
    return TOOL_DONE;
}

/* ---- lists of ended tokens ------------------------------------------------------------------ */

static int64_t count_ended(struct text list)
{
    int64_t count = 0;
    for (size_t i = 0; i < list.size; i++) {
        count += list.at[i] == ';';
    }
    return count;
}

/* Removes from LIST, the ended tokens of a user, what a logout would remove too. ROOM has room for
 * LIST and a NUL. */
static enum db_class trim_list(struct gc *gc, int64_t user_id, struct text list, char *room,
                               int64_t *count)
{
    const struct text kept = {.at = room,
                              .size = users_revoked_kept(list.at, gc->now_ms / 1000, room)};
    if (kept.size == list.size) {
        return DB_OK;
    }
    *count += count_ended(list) - count_ended(kept);
    /* The statement also compares the old list, which always matches while the transaction holds
     * the write lock. */
    const struct db_value values[] = {db_integer(user_id), db_text(list), db_text(kept)};
    return admin_run(gc->connection, ADMIN_GC_REVOKED, values, 3, NULL);
}

/* The memory is freed after each list: all lists together may not fit into the tool's arena. */
static enum db_class trim_revoked(struct gc *gc, struct db_prepared *row, int64_t *count)
{
    struct text list = admin_driver->column_text(row, 1);
    char *room = list.at != NULL ? malloc(list.size + 1) : NULL;
    enum db_class class =
        room != NULL ? trim_list(gc, admin_driver->column_integer(row, 0), list, room, count)
                     : DB_INTERNAL;
    free(room);
    return class;
}

static int collect_revoked(struct gc *gc)
{
    struct db_prepared *rows;
    int64_t count = 0;
    enum db_class class = admin_driver->begin(gc->connection);
    if (class == DB_OK) {
        class = admin_prepare(gc->connection, ADMIN_REVOKED, NULL, 0, &rows);
        if (class == DB_OK) {
            class = admin_driver->step(rows);
        }
        while (class == DB_ROW) {
            class = trim_revoked(gc, rows, &count);
            class = class == DB_OK ? admin_driver->step(rows) : class;
        }
        admin_driver->finalize(rows);
    }
    if (class == DB_OK) {
        class = admin_driver->commit(gc->connection);
    }
    if (class != DB_OK) {
        admin_driver->rollback(gc->connection);
        return failed(gc, class, "looking through ended tokens");
    }
    note(gc, "ended_tokens", count);
    return TOOL_DONE;
}

/* ---- more, when asked for ------------------------------------------------------------------- */

/* Lets no new account get the number of one that is there. */
static enum db_class mend_last_user(struct db_connection *connection)
{
    int64_t highest = 0;
    int64_t behind = 0;
    enum db_class class = admin_run(connection, ADMIN_LAST_USER_BEHIND, NULL, 0, &behind);
    if (class != DB_OK || behind == 0) {
        return class;
    }
    class = admin_run(connection, ADMIN_HIGHEST_USER, NULL, 0, &highest);
    return class == DB_OK ? admin_set_last_user(connection, highest) : class;
}

/* Mends what "cubby check" reports of rows together: deletes what belongs to none, sets sizes, and
 * then what follows from them. */
static int recount(struct gc *gc)
{
    const struct db_value numbers[] = {db_integer(DEVICE_NUMBER_MAXIMUM)};
    int64_t items = 0;
    int64_t tokens = 0;
    int64_t sizes = 0;
    int64_t users = 0;
    enum db_class class = admin_driver->begin(gc->connection);
    if (class == DB_OK) {
        class = admin_count(gc->connection, ADMIN_DELETE_ORPHAN_ITEMS, NULL, 0, &items);
    }
    if (class == DB_OK) {
        class = admin_count(gc->connection, ADMIN_DELETE_ORPHAN_TOKENS, numbers, 1, &tokens);
    }
    if (class == DB_OK) {
        class = admin_count(gc->connection, ADMIN_RESIZE, NULL, 0, &sizes);
    }
    if (class == DB_OK) {
        class = admin_count(gc->connection, ADMIN_RECOUNT, NULL, 0, &users);
    }
    if (class == DB_OK) {
        class = mend_last_user(gc->connection);
    }
    if (class == DB_OK) {
        class = admin_driver->commit(gc->connection);
    }
    if (class != DB_OK) {
        admin_driver->rollback(gc->connection);
        return failed(gc, class, "counting anew");
    }
    note(gc, "orphans", items + tokens);
    note(gc, "items_resized", sizes);
    note(gc, "users_recounted", users);
    return TOOL_DONE;
}

static int compact(struct gc *gc)
{
    int64_t before;
    int64_t after;
    int64_t unused;
    enum db_class class = admin_maintenance->space(gc->connection, &before, &unused);
    if (class == DB_OK) {
        class = admin_maintenance->compact(gc->connection);
    }
    if (class == DB_OK) {
        class = admin_maintenance->space(gc->connection, &after, &unused);
    }
    if (class != DB_OK) {
        return failed(gc, class, "giving unused room back");
    }
    note(gc, "bytes_given_back", before - after);
    return TOOL_DONE;
}

static int collect(struct gc *gc)
{
    static const struct {
        const char *option; /* NULL: always */
        const char *doing;
        int (*run)(struct gc *gc);
    } steps[] = {
        {NULL, "looking for expired items in", collect_expired},
        {NULL, "looking for old deletions in", collect_tombstones},
        {NULL, "looking for old tokens, windows and events in", collect_rows},
        {NULL, "looking for ended tokens in", collect_revoked},
        {"--recount", "counting anew what the accounts store in", recount},
        {"--compact", "compacting", compact},
    };
    int status = TOOL_DONE;
    for (size_t i = 0; status == TOOL_DONE && i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].option == NULL || tool_option(gc->tool, steps[i].option) != NULL) {
            admin_step(gc->tool, steps[i].doing, gc->tool->config.database);
            status = steps[i].run(gc);
        }
    }
    return status;
}

static int run_gc(struct tool *tool)
{
    struct gc gc = {.tool = tool, .now_ms = tool_now_ms(), .report = cJSON_CreateObject()};
    const char *given = tool_option(tool, "--tombstones");
    bool over;
    gc.tombstone_days = TOMBSTONE_DAYS;
    if (given != NULL && !text_to_int64(text_of(given), 36500, &over, &gc.tombstone_days)) {
        return tool_misuse(tool, "--tombstones is a number of days");
    }
    int status = admin_open(tool, true, &gc.connection);
    if (status != TOOL_DONE) {
        return status;
    }
    status = collect(&gc);
    (void)admin_driver->checkpoint(gc.connection); /* deleted data must not stay in the log */
    admin_driver->close(gc.connection);
    return status == TOOL_DONE ? tool_print_counts(tool, gc.report) : status;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct tool_option options[] = {
    {"--tombstones", "DAYS",
     "forget deletions older than this (90): a client that was away for\n"
     "longer is told to read everything anew"},
    {"--recount", NULL, "count anew what the accounts store, and delete what belongs to none"},
    {"--compact", NULL,
     "give unused room back to the system; meanwhile no program can write,\n"
     "and the disk needs room for up to twice what is left afterwards"},
};

static const struct tool_command commands[] = {
    {.name = "gc",
     .words = "",
     .summary = "delete what is over, and say how much it was",
     .text = "Deletes items that have expired, old tombstones (the memory of deletions, which the\n"
             "changes feed tells), device tokens and reset codes that have expired, throttle\n"
             "windows that are over, security events beyond the latest audit_rows, and from the\n"
             "lists of ended access tokens those that have expired by themselves. In short\n"
             "transactions, while programs run; they do the same bit by bit, so that this is of\n"
             "use now and then, not needed.\n",
     .options = options,
     .option_count = sizeof options / sizeof options[0],
     .flags = COMMAND_JSON | COMMAND_PROGRESS | COMMAND_ONE_OWNER,
     .run = run_gc},
};

const struct tool_group tool_gc_commands = {commands, sizeof commands / sizeof *commands};
