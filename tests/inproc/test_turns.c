/*
 * test_turns.c - one user's long call leaves the others their turn. Whenever such a call starts a
 * further transaction, it has none: then another process, which waits for no lock, does what others
 * do. And what many items cost is counted in steps of the database, not in time: while a call is
 * watched, the clock stands still but for what a test lets pass.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/identity/password.h"
#include "db/engine/db.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

static struct db_driver watched;
static size_t begun;                        /* transactions of the call */
static size_t steps;                        /* of statements */
static size_t commits;                      /* asked for */
static size_t failing;                      /* the number of the commit that fails; 0: none */
static enum db_class failure;               /* how it does; DB_UNKNOWN: it is done */
static const struct db_connection *unknown; /* of that one, while it is open */
static int patience;                        /* that a connection was last given */
static size_t reads;                        /* transactions for reading that were asked for */
static size_t undoing;      /* the number of the one that the engine undoes; 0: none */
static size_t turns;        /* others had */
static const char *theirs;  /* what they do; NULL: nothing */
static size_t turns_wanted; /* they do something in so many */
static size_t slow_after;   /* after so many of them the database is slow once */
static size_t read_so_far;  /* steps of the present transaction */
static int64_t step_ms;     /* that each step takes */
static bool clock_stands;   /* but for what passes by the above */
static int64_t clock_ms;

enum { NEVER = 1000 };

/* NOLINTBEGIN(*reserved-identifier,cert-dcl*): names that the linker gives */

int64_t __real_monotonic_ms(void);
int64_t __wrap_monotonic_ms(void);

int64_t __wrap_monotonic_ms(void)
{
    return clock_stands ? clock_ms : __real_monotonic_ms();
}

/* NOLINTEND(*reserved-identifier,cert-dcl*) */

/* What another process does: whatever holds a lock makes it fail. */
static void take_turn(void)
{
    read_so_far = 0;
    if (begun++ == 0 || theirs == NULL || turns >= turns_wanted) {
        return;
    }
    turns++;
    pid_t child = fork();
    if (child == 0) {
        struct db_connection *connection = NULL;
        bool good = db_sqlite.open(world_database, true, 0, &connection) == DB_OK &&
                    db_sqlite.begin(connection) == DB_OK &&
                    db_sqlite.script(connection, theirs) == DB_OK &&
                    db_sqlite.commit(connection) == DB_OK;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

static enum db_class watched_begin_read(struct db_connection *connection)
{
    assert_ptr_not_equal(connection, unknown);
    take_turn();
    return ++reads == undoing ? DB_AGAIN : db_sqlite.begin_read(connection);
}

static enum db_class watched_begin(struct db_connection *connection)
{
    assert_ptr_not_equal(connection, unknown);
    take_turn();
    return db_sqlite.begin(connection);
}

static enum db_class watched_commit(struct db_connection *connection)
{
    if (++commits != failing) {
        return db_sqlite.commit(connection);
    }
    if (failure != DB_UNKNOWN) {
        return failure;
    }
    unknown = connection;
    return db_sqlite.commit(connection) == DB_OK ? DB_UNKNOWN : DB_INTERNAL;
}

static enum db_class watched_open(const char *database, bool writable, int busy_timeout,
                                  struct db_connection **out)
{
    patience = busy_timeout;
    return db_sqlite.open(database, writable, busy_timeout, out);
}

static void watched_set_patience(struct db_connection *connection, int busy_timeout)
{
    patience = busy_timeout;
    db_sqlite.set_patience(connection, busy_timeout);
}

static void watched_close(struct db_connection *connection)
{
    unknown = connection == unknown ? NULL : unknown;
    db_sqlite.close(connection);
}

/* Once it takes longer than an export may keep others out. */
static enum db_class watched_step(struct db_prepared *prepared)
{
    enum { IN_THE_MIDST = 100, LONG_MS = 1100 };
    steps++;
    clock_ms += step_ms;
    if (++read_so_far == IN_THE_MIDST && turns == slow_after) {
        clock_ms += LONG_MS;
        slow_after = NEVER;
    }
    return db_sqlite.step(prepared);
}

/* From now on others do SQL in up to MOST turns. */
static void watch(const char *sql, size_t most)
{
    watched = db_sqlite;
    watched.begin_read = watched_begin_read;
    watched.begin = watched_begin;
    watched.commit = watched_commit;
    watched.close = watched_close;
    watched.open = watched_open;
    watched.set_patience = watched_set_patience;
    watched.step = watched_step;
    begun = steps = commits = failing = reads = undoing = turns = read_so_far = 0;
    failure = DB_BUSY;
    unknown = NULL;
    slow_after = NEVER;
    step_ms = 0;
    clock_stands = true;
    clock_ms = 0;
    theirs = sql;
    turns_wanted = most;
    db_use_driver(&watched);
}

static int unwatch(void **state)
{
    (void)state;
    db_use_driver(NULL);
    clock_stands = false;
    return 0;
}

static void run(const char *sql)
{
    struct db_connection *connection = NULL;
    assert_int_equal(db_sqlite.open(world_database, true, 0, &connection), DB_OK);
    if (db_sqlite.script(connection, sql) != DB_OK) {
        fail_msg("%s: %s", sql, db_sqlite.message(connection));
    }
    db_sqlite.close(connection);
}

static int64_t number(const char *sql)
{
    struct db_connection *connection = NULL;
    struct db_prepared *prepared = NULL;
    assert_int_equal(db_sqlite.open(world_database, false, 0, &connection), DB_OK);
    assert_int_equal(db_sqlite.prepare(connection, sql, &prepared), DB_OK);
    assert_int_equal(db_sqlite.step(prepared), DB_ROW);
    int64_t value = db_sqlite.column_integer(prepared, 0);
    db_sqlite.finalize(prepared);
    db_sqlite.close(connection);
    return value;
}

/* Ann has COUNT items more, many/000001 and so on, each with the value 1. */
static void give_many(int count)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "BEGIN; WITH RECURSIVE numbers (n) AS"
                   " (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)"
                   " INSERT INTO items SELECT 1, 'many/' || substr('00000' || n, -6),"
                   " (SELECT version FROM users WHERE id = 1) + n, 1, 1, 1, NULL, '1' FROM numbers;"
                   " UPDATE users SET version = version + %d, keys = keys + %d, bytes = bytes + %d"
                   " WHERE id = 1; COMMIT",
                   count, count, count, count);
    run(sql);
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static struct tape_request export_of_ann(void)
{
    return (struct tape_request){.path = "/export", .authorization = world_ann};
}

#define BOB_WRITES "UPDATE users SET full_name = full_name || 'x' WHERE id = 2"
#define BOB_WROTE "SELECT length(full_name) - length(rtrim(full_name, 'x')) FROM users WHERE id = 2"
#define ANN_WRITES "UPDATE users SET version = version + 1 WHERE id = 1"

static void others_write_while_a_large_account_is_exported(void **state)
{
    (void)state;
    give_many(12000);
    watch(BOB_WRITES, 100);
    const struct tape_answer *answer = world_expect(&me_program, export_of_ann(), 200, NULL);
    assert_int_equal(times(answer->body, "\"key\":\"many/"), 12000);
    assert_int_equal(times(answer->body, "\"key\":\"many/005000\""), 1);
    assert_true(turns >= 2);
    assert_int_equal(number(BOB_WROTE), (int64_t)turns);
}

static void an_export_is_the_state_of_one_moment(void **state)
{
    (void)state;
    give_many(12000);
    watch("DELETE FROM items WHERE user_id = 1 AND key = 'many/000001';"
          "UPDATE items SET key = 'many/000000' WHERE user_id = 1 AND key = 'many/012000';"
          " " ANN_WRITES,
          1);
    const struct tape_answer *answer = world_expect(&me_program, export_of_ann(), 200, NULL);
    assert_int_equal(turns, 1);
    assert_int_equal(times(answer->body, "\"key\":\"many/"), 11999);
    assert_int_equal(times(answer->body, "\"key\":\"many/000000\""), 1);
    assert_int_equal(times(answer->body, "\"key\":\"many/000001\""), 0);
    assert_int_equal(times(answer->body, "\"items\":["), 1);
}

/* Its last attempt leaves nobody a turn. The two items always have the same value. */
static void an_export_of_what_never_stays_the_same_succeeds(void **state)
{
    (void)state;
    give_many(6000);
    watch("UPDATE items SET value = value + 7000"
          " WHERE user_id = 1 AND key IN ('many/000001', 'many/006000');" ANN_WRITES,
          100);
    const struct tape_answer *answer = world_expect(&me_program, export_of_ann(), 200, NULL);
    assert_true(turns > 2);
    assert_int_equal(times(answer->body, "\"key\":\"many/"), 6000);
    char value[64];
    (void)snprintf(value, sizeof value, "\"value\":%zu}", 7000 * turns + 1);
    assert_int_equal(times(answer->body, value), 2);
}

/* However few items are read by then. */
static void others_write_while_an_export_is_slow(void **state)
{
    (void)state;
    give_many(600);
    watch(BOB_WRITES, 1);
    slow_after = 0;
    const struct tape_answer *answer = world_expect(&me_program, export_of_ann(), 200, NULL);
    assert_int_equal(slow_after, NEVER);
    assert_int_equal(turns, 1);
    assert_int_equal(number(BOB_WROTE), 1);
    assert_int_equal(times(answer->body, "\"key\":\"many/"), 600);
}

/* The clock is not looked at for each small item, but is for each large one. The account has seven
 * of them, each of which takes 300 ms: fewer than small ones between two looks. */
static void others_write_while_large_values_are_read_slowly(void **state)
{
    (void)state;
    give_many(7);
    run("DELETE FROM items WHERE user_id = 1 AND key < 'many';"
        "UPDATE items SET value = '\"' || printf('%.*c', 1100000, 'x') || '\"', size = 1100002"
        " WHERE user_id = 1");
    watch(BOB_WRITES, 100);
    step_ms = 300;
    const struct tape_answer *answer = world_expect(&me_program, export_of_ann(), 200, NULL);
    assert_int_equal(times(answer->body, "\"key\":\"many/"), 7);
    assert_in_range(turns, 2, 6);
    assert_int_equal(number(BOB_WROTE), (int64_t)turns);
}

/* It ends when it would keep others out for longer, and is possible again when its user rests. */
static void an_export_of_what_never_stays_the_same_is_not_read_for_long(void **state)
{
    (void)state;
    give_many(6000);
    watch(ANN_WRITES, 4);
    slow_after = 4;
    const struct tape_answer *answer =
        world_expect(&me_program, export_of_ann(), 503, "SERVICE_UNAVAILABLE");
    assert_int_equal(slow_after, NEVER);
    assert_int_equal(turns, 4);
    assert_in_range(read_so_far, 100, 110);
    assert_non_null(strstr(answer->head, "Retry-After: 1\r\n"));
    assert_non_null(strstr(answer->log, "while it is exported"));
    answer = world_expect(&me_program, export_of_ann(), 200, NULL);
    assert_int_equal(times(answer->body, "\"key\":\"many/"), 6000);
}

static void the_end_of_a_token_ends_its_export(void **state)
{
    (void)state;
    give_many(6000);
    watch("UPDATE users SET epoch = epoch + 1 WHERE id = 1", 1);
    (void)world_expect(&me_program, export_of_ann(), 401, "INVALID_TOKEN");
    assert_int_equal(turns, 1);
}

static struct tape_request deletion_of_ann(void)
{
    return (struct tape_request){.method = "DELETE",
                                 .authorization = world_ann,
                                 .body = "{\"password\":\"Correct-horse-1\"}"};
}

/* Nobody has a turn when the account is gone and its items are not. */
static void a_large_account_is_deleted_in_one_transaction(void **state)
{
    (void)state;
    give_many(3500);
    watch("INSERT INTO meta SELECT 'seen', 1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = 1)"
          " ON CONFLICT DO NOTHING",
          100);
    (void)world_expect(&me_program, deletion_of_ann(), 200, NULL);
    assert_true(turns > 0);
    assert_int_equal(number("SELECT count(*) FROM meta WHERE name = 'seen'"), 0);
    assert_int_equal(number("SELECT count(*) FROM users WHERE id = 1"), 0);
    assert_int_equal(number("SELECT count(*) FROM items WHERE user_id = 1"), 0);
    assert_int_equal(number("SELECT count(*) FROM items WHERE user_id = 2"), 1);
}

static void an_account_that_is_not_deleted_keeps_its_items(void **state)
{
    (void)state;
    give_many(3500);
    int64_t before = number("SELECT count(*) FROM items");
    for (size_t i = 1; i < 8; i++) {
        watch(NULL, 0);
        failing = i;
        const struct tape_answer *answer = world_ask(&me_program, deletion_of_ann());
        if (answer->status == 200) {
            assert_true(i > 1);
            return; /* what failed came after the deletion */
        }
        assert_int_equal(answer->status, 503);
        assert_int_equal(number("SELECT count(*) FROM items"), before);
        assert_int_equal(number("SELECT count(*) FROM users WHERE id = 1"), 1);
    }
    fail_msg("no commit was the last that failed");
}

/* The changes feed sweeps what has expired, and goes on where it can't: not with a connection that
 * may hold a lock still. */
static void no_call_goes_on_by_a_connection_in_an_unknown_state(void **state)
{
    (void)state;
    bool went_on = false;
    for (size_t i = 1; i < 6; i++) {
        (void)world_reset(NULL);
        run("UPDATE items SET expires_at = 1 WHERE user_id = 1 AND key = 'list/a';"
            "UPDATE users SET next_expiry = 1 WHERE id = 1");
        watch(NULL, 0);
        failing = i;
        failure = DB_UNKNOWN;
        const struct tape_answer *answer =
            world_ask(&changes_program, (struct tape_request){.authorization = world_ann});
        assert_true(answer->status == 200 || answer->status == 503);
        went_on = went_on || (answer->status == 200 && commits >= i);
        db_use_driver(NULL);
    }
    assert_true(went_on);
}

static bool next_write(void *self, struct tape_request *out)
{
    size_t *asked = self;
    *out = (struct tape_request){.method = "PUT",
                                 .path = "/greeting",
                                 .authorization = world_ann,
                                 .body = "{\"value\":1}",
                                 .now_ms = world_now_ms,
                                 .seed = ++*asked};
    return *asked <= 2;
}

static void heard_write(void *self, const struct tape_request *request,
                        const struct tape_answer *answer)
{
    (void)request;
    const size_t *asked = self;
    assert_int_equal(answer->status, *asked == 1 ? 503 : 200);
}

/* Who comes after a call that waited in vain has waited as long, and does not once more. After one
 * that was refused at once nobody has. */
static void only_who_waits_in_vain_takes_the_patience_of_others(void **state)
{
    (void)state;
    static const struct {
        enum db_class class;
        int patience;
    } cases[] = {{DB_READ_ONLY, 700}, {DB_COPY, 700}, {DB_BUSY, 10}, {DB_UNKNOWN, 10}};
    world_configure("busy_timeout = 700");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        watch(NULL, 0);
        failing = 1;
        failure = cases[i].class;
        size_t asked = 0;
        assert_int_equal(tape_play(&data_program, world_config, next_write, heard_write, &asked),
                         0);
        assert_int_equal(patience, cases[i].patience);
        db_use_driver(NULL);
    }
}

/* Steps that a call takes which removes all of COUNT items. */
static size_t steps_of(int count, const struct program *program, struct tape_request request)
{
    (void)world_reset(NULL);
    char settings[256];
    (void)snprintf(settings, sizeof settings, "%s\ntombstones = 50", world_settings);
    world_configure(settings);
    give_many(count);
    request.authorization = world_ann;
    watch(NULL, 0);
    (void)world_expect(program, request, 200, NULL);
    db_use_driver(NULL);
    assert_int_equal(number("SELECT count(*) FROM items WHERE user_id = 1 AND key >= 'many'"), 50);
    assert_int_equal(number("SELECT tombstones FROM users WHERE id = 1"), 50);
    return steps;
}

static void removing_many_takes_few_statements(void **state)
{
    (void)state;
    const struct tape_request prefix = {.method = "DELETE", .query = "prefix=many"};
    const struct tape_request replace = {
        .method = "POST", .path = "/import", .query = "mode=replace", .body = "{\"items\":[]}"};
    size_t few = steps_of(1000, &data_program, prefix);
    assert_in_range(steps_of(8000, &data_program, prefix), few, few + 100);
    few = steps_of(1000, &me_program, replace);
    assert_in_range(steps_of(8000, &me_program, replace), few, few + 100);
}

/* The document comes first, in its own order, then the deletions, in that of the keys. */
static void what_is_stored_again_leaves_no_tombstone(void **state)
{
    (void)state;
    int64_t before = number("SELECT version FROM users WHERE id = 1");
    const struct tape_request import = {
        .method = "POST",
        .path = "/import",
        .query = "mode=replace",
        .authorization = world_ann,
        .body = "{\"items\":[{\"key\":\"list/b\",\"value\":1},{\"key\":\"greeting\",\"value\":2},"
                "{\"key\":\"list/b\",\"value\":3}]}"};
    const struct tape_answer *answer = world_expect(&me_program, import, 200, NULL);
    world_member(answer, "data.removed", "5");
    char query[64];
    (void)snprintf(query, sizeof query, "since=%d&values=true", (int)before);
    answer =
        world_expect(&changes_program,
                     (struct tape_request){.query = query, .authorization = world_ann}, 200, NULL);
    world_member(answer, "data.changes.0.key", "greeting");
    world_member(answer, "data.changes.1.value", "3");
    world_member(answer, "data.changes.2.key", "big/number");
    world_member(answer, "data.changes.3.key", "list/a");
    world_member(answer, "data.changes.4.key", "list/c");
    world_member(answer, "data.changes.4.deleted", "true");
    assert_int_equal(number("SELECT tombstones FROM users WHERE id = 1"), 3);
    assert_int_equal(number("SELECT version FROM users WHERE id = 1"), before + 6);
}

/* Of the deletions the newest are remembered, those of this call and older ones. */
static void the_newest_deletions_are_remembered(void **state)
{
    (void)state;
    world_configure("tombstones = 4");
    const struct tape_request early = {
        .method = "DELETE", .query = "prefix=list/", .authorization = world_ann};
    (void)world_expect(&data_program, early, 200, NULL);
    int64_t before = number("SELECT version FROM users WHERE id = 1");
    give_many(2);
    const struct tape_request two = {
        .method = "DELETE", .query = "prefix=many", .authorization = world_ann};
    (void)world_expect(&data_program, two, 200, NULL);
    assert_int_equal(number("SELECT tombstones FROM users WHERE id = 1"), 4);
    assert_int_equal(number("SELECT horizon FROM users WHERE id = 1"), before - 2);
    assert_int_equal(number("SELECT min(version) FROM items WHERE user_id = 1 AND expires_at < 0"),
                     before - 1);
    run("UPDATE items SET key = 'old/' || key WHERE user_id = 1 AND expires_at < 0");
    give_many(6);
    (void)world_expect(&data_program, two, 200, NULL);
    int64_t after = number("SELECT version FROM users WHERE id = 1");
    assert_int_equal(number("SELECT horizon FROM users WHERE id = 1"), after - 4);
    assert_int_equal(number("SELECT count(*) FROM items WHERE user_id = 1 AND expires_at < 0"
                            " AND version = (SELECT version FROM users WHERE id = 1) - 6"
                            " + substr(key, -1) AND key > 'many/000002'"),
                     4);
}

/* A counter that says more than there are is set right. */
static void deletions_that_are_not_there_are_not_counted(void **state)
{
    (void)state;
    world_configure("tombstones = 4");
    const struct tape_request three = {
        .method = "DELETE", .query = "prefix=list/", .authorization = world_ann};
    (void)world_expect(&data_program, three, 200, NULL);
    int64_t before = number("SELECT version FROM users WHERE id = 1");
    run("UPDATE users SET tombstones = 3000 WHERE id = 1");
    give_many(2);
    const struct tape_request two = {
        .method = "DELETE", .query = "prefix=many", .authorization = world_ann};
    (void)world_expect(&data_program, two, 200, NULL);
    assert_int_equal(number("SELECT tombstones FROM users WHERE id = 1"), 2);
    assert_int_equal(number("SELECT count(*) FROM items WHERE user_id = 1 AND expires_at < 0"), 2);
    assert_int_equal(number("SELECT horizon FROM users WHERE id = 1"), before);
}

/* The token is looked up before the body is read, and again while that comes slowly. */
static void a_look_at_a_token_that_is_repeated_is_no_trouble(void **state)
{
    (void)state;
    const struct tape_request slow = {.method = "POST",
                                      .path = "/import",
                                      .authorization = world_ann,
                                      .body = "{\"items\":[{\"key\":\"slow\",\"value\":1}]}",
                                      .piece = 20,
                                      .piece_ms = 6000};
    watch(NULL, 0);
    undoing = 2;
    const struct tape_answer *answer = world_expect(&me_program, slow, 200, NULL);
    assert_true(reads > undoing);
    assert_null(strstr(answer->log, "warning"));
    assert_int_equal(number("SELECT count(*) FROM items WHERE key = 'slow'"), 1);
}

/* SQL that gives ann a hash of PASSWORD by other settings than those of the world, as a login does
 * while it has the password at hand, then MORE. */
static const char *rehash(const char *password, const char *more)
{
    static char sql[512];
    static const unsigned char salt[PASSWORD_SALT_BYTES] = {1};
    const struct password_policy policy = {.method = "sha512crypt", .cost = 1001};
    struct arena arena;
    struct cause cause = {0};
    const char *hash;
    arena_init(&arena, 65536);
    assert_int_equal(password_hash(&arena, salt, &policy, text_of(password), &hash, &cause),
                     ERR_NONE);
    (void)snprintf(sql, sizeof sql, "UPDATE users SET password_hash = '%s' WHERE id = 1;%s", hash,
                   more);
    arena_reset(&arena);
    return sql;
}

static struct tape_request password_request(void)
{
    static char body[256];
    (void)snprintf(body, sizeof body,
                   "{\"current_password\":\"%s\",\"new_password\":\"Next-one1!\"}", world_password);
    return (struct tape_request){
        .method = "PUT", .path = "/password", .authorization = world_ann, .body = body};
}

static struct tape_request delete_request(void)
{
    static char body[128];
    (void)snprintf(body, sizeof body, "{\"password\":\"%s\"}", world_password);
    return (struct tape_request){.method = "DELETE", .authorization = world_ann, .body = body};
}

/* Attempts, beside the two registrations of the world. */
static int64_t counted(void)
{
    return number("SELECT SUM(count) - 2 FROM throttle");
}

static void a_hash_that_a_login_renews_meanwhile_is_no_revoked_token(void **state)
{
    (void)state;
    const struct tape_request login = {
        .method = "POST", .body = "{\"username\":\"ann\",\"password\":\"Next-one1!\"}"};
    for (int i = 0; i < 2; i++) {
        (void)world_reset(NULL);
        watch(rehash(world_password, ""), 1);
        (void)world_expect(&me_program, i == 0 ? password_request() : delete_request(), 200, NULL);
        assert_int_equal(turns, 1);
        assert_int_equal(counted(), 0);
        (void)world_expect(&token_program, login, i == 0 ? 200 : 401, NULL);
    }
    assert_int_equal(number("SELECT count(*) FROM users WHERE id = 1"), 0);
}

/* With another password the hash is no longer that of the one that was sent, which counts as a
 * wrong one; an account whose tokens have ended is left alone. */
static void a_password_that_is_replaced_meanwhile_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tape_request request = i == 0 ? password_request() : delete_request();
        (void)world_reset(NULL);
        watch(rehash("Another-one1!", ""), 1);
        (void)world_expect(&me_program, request, 401, "INVALID_CREDENTIALS");
        assert_int_equal(turns, 1);
        assert_int_equal(counted(), 2); /* for the account and for the address */
        (void)world_reset(NULL);
        watch(rehash("Another-one1!", "UPDATE users SET epoch = epoch + 1 WHERE id = 1"), 1);
        const struct tape_answer *answer = world_expect(&me_program, request, 401, "INVALID_TOKEN");
        world_member(answer, "details.token", "revoked");
        assert_int_equal(turns, 1);
        assert_int_equal(number("SELECT count(*) FROM users WHERE id = 1"), 1);
    }
}

#define TURN_TEST(function) cmocka_unit_test_setup_teardown(function, world_reset, unwatch)

const struct CMUnitTest turn_tests[] = {
    TURN_TEST(others_write_while_a_large_account_is_exported),
    TURN_TEST(an_export_is_the_state_of_one_moment),
    TURN_TEST(an_export_of_what_never_stays_the_same_succeeds),
    TURN_TEST(others_write_while_an_export_is_slow),
    TURN_TEST(others_write_while_large_values_are_read_slowly),
    TURN_TEST(an_export_of_what_never_stays_the_same_is_not_read_for_long),
    TURN_TEST(the_end_of_a_token_ends_its_export),
    TURN_TEST(a_large_account_is_deleted_in_one_transaction),
    TURN_TEST(an_account_that_is_not_deleted_keeps_its_items),
    TURN_TEST(no_call_goes_on_by_a_connection_in_an_unknown_state),
    TURN_TEST(only_who_waits_in_vain_takes_the_patience_of_others),
    TURN_TEST(removing_many_takes_few_statements),
    TURN_TEST(what_is_stored_again_leaves_no_tombstone),
    TURN_TEST(the_newest_deletions_are_remembered),
    TURN_TEST(deletions_that_are_not_there_are_not_counted),
    TURN_TEST(a_look_at_a_token_that_is_repeated_is_no_trouble),
    TURN_TEST(a_hash_that_a_login_renews_meanwhile_is_no_revoked_token),
    TURN_TEST(a_password_that_is_replaced_meanwhile_is_refused),
};
const size_t turn_test_count = sizeof turn_tests / sizeof *turn_tests;
