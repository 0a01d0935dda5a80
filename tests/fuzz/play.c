/*
 * play.c - whole requests in the world of tests/inproc.
 */
#include "tests/fuzz/play.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/engine/driver.h"
#include "tests/fuzz/fuzz.h"
#include "tests/inproc/memory.h"

const char *play_reader;
const char *play_writer;

static struct world_state at_first;
static int database = -1;
static char counter_at_first[4];
static char *rows_at_first;

/* The world stops what makes allocations fail; nothing does here. */
bool memory_stop(void)
{
    return false;
}

static void finish(void)
{
    free((void *)(uintptr_t)play_reader);
    free((void *)(uintptr_t)play_writer);
    free(rows_at_first);
    world_forget(&at_first);
    (void)world_teardown(NULL);
}

/* SQLite's counter of changes, in the header of the file. */
static void read_counter(char out[4])
{
    enum { COUNTER_AT = 24 };
    fuzz_check(pread(database, out, 4, COUNTER_AT) == 4, "no database");
}

static const char *make_device_token(const char *body)
{
    char room[256];
    const struct tape_answer *answer = world_expect(
        &keys_program,
        (struct tape_request){.method = "POST", .authorization = world_ann, .body = body}, 201,
        NULL);
    return strdup(tape_member(answer, "token", room, sizeof room));
}

static void keep(void)
{
    free(rows_at_first);
    world_forget(&at_first);
    world_keep(&at_first);
    read_counter(counter_at_first);
    rows_at_first = play_rows_beyond(false);
}

void play_start(void)
{
    (void)world_setup(NULL);
    play_reader = make_device_token("{\"name\":\"reader\",\"scope\":\"read\"}");
    play_writer =
        make_device_token("{\"name\":\"writer\",\"scope\":\"write\",\"prefix\":\"list/\"}");
    database = open(world_database, O_RDWR | O_CLOEXEC);
    keep();
    (void)atexit(finish);
}

void play_empty(void)
{
    static const char sql[] =
        "DELETE FROM items; DELETE FROM tokens; DELETE FROM users; DELETE FROM throttle;"
        "DELETE FROM meta WHERE name <> 'store_id'; DELETE FROM sqlite_sequence;";
    struct db_connection *connection;
    fuzz_check(db_sqlite.open(world_database, true, 0, &connection) == DB_OK &&
                   db_sqlite.script(connection, sql) == DB_OK,
               "it can't be emptied");
    db_sqlite.close(connection);
    keep();
}

bool play_changed(void)
{
    char counter[4];
    read_counter(counter);
    return memcmp(counter, counter_at_first, sizeof counter) != 0;
}

static void print_rows(struct db_connection *connection, const char *sql, FILE *out)
{
    enum { COLUMNS_MAXIMUM = 20 };
    struct db_prepared *rows = NULL;
    fuzz_check(db_sqlite.prepare(connection, sql, &rows) == DB_OK, "no statement: %s", sql);
    while (db_sqlite.step(rows) == DB_ROW) {
        for (int i = 0; i < COLUMNS_MAXIMUM; i++) {
            const char *text = db_sqlite.column_text(rows, i).at;
            (void)fprintf(out, "|%s", text != NULL ? text : "");
        }
        (void)fputc('\n', out);
    }
    db_sqlite.finalize(rows);
}

char *play_rows_beyond(bool writes)
{
    static const char *const all[] = {
        "SELECT name, value FROM meta ORDER BY name",
        "SELECT id, username, username_key, email, email_key, full_name, age, gender,"
        " password_hash, epoch, created_at, updated_at, disabled, revoked, max_keys, max_bytes"
        " FROM users ORDER BY id",
        "SELECT id, hash, name, writes, prefix, created_at, expires_at FROM tokens ORDER BY id"};
    static const char *const for_reader[] = {
        "SELECT user_id, key, version, size, created_at, updated_at, expires_at, value"
        " FROM items ORDER BY user_id, key",
        "SELECT version, keys, bytes, tombstones, horizon, next_expiry FROM users ORDER BY id"};
    static const char *const for_writer[] = {
        "SELECT user_id, key, version, size, created_at, updated_at, expires_at, value"
        " FROM items WHERE user_id <> 1 OR substr(key, 1, 5) <> 'list/' ORDER BY user_id, key",
        "SELECT version, keys, bytes, tombstones, horizon, next_expiry FROM users"
        " WHERE id <> 1 ORDER BY id"};
    struct db_connection *connection;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fuzz_check(out != NULL && db_sqlite.open(world_database, false, 0, &connection) == DB_OK,
               "no database");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        print_rows(connection, all[i], out);
    }
    for (size_t i = 0; i < sizeof for_reader / sizeof *for_reader; i++) {
        print_rows(connection, writes ? for_writer[i] : for_reader[i], out);
    }
    db_sqlite.close(connection);
    (void)fclose(out);
    return text;
}

bool play_same_rows(bool used)
{
    if (!used) {
        return world_same(&at_first, true);
    }
    char *rows = play_rows_beyond(false);
    bool same = strcmp(rows, rows_at_first) == 0;
    free(rows);
    return same;
}

void play_restore(void)
{
    if (play_changed()) {
        fuzz_check(pwrite(database, at_first.bytes, at_first.size, 0) == (ssize_t)at_first.size &&
                       ftruncate(database, (off_t)at_first.size) == 0,
                   "no database");
    }
}

struct question {
    struct tape_request request;
    bool asked;
    struct tape_answer answer;
};

static bool put_question(void *self, struct tape_request *out)
{
    struct question *question = self;
    *out = question->request;
    bool first = !question->asked;
    question->asked = true;
    return first;
}

static void keep_answer(void *self, const struct tape_request *request,
                        const struct tape_answer *answer)
{
    struct question *question = self;
    (void)request;
    question->answer = *answer;
}

const struct tape_answer *play(const struct program *program, struct tape_request request)
{
    static struct question question;
    static uint64_t seed;
    request.now_ms = world_now_ms;
    request.seed = ++seed;
    question = (struct question){.request = request};
    int broken = tape_play(program, world_config, put_question, keep_answer, &question);
    fuzz_check(broken == 0, "%s: not one answer to one request", program->name);
    const struct tape_answer *answer = &question.answer;
    fuzz_check(answer->fault == NULL && answer->status < 500, "%s: %s\n%s%s\n%s", program->name,
               answer->fault != NULL ? answer->fault : "the server's own fault", answer->head,
               answer->body, answer->log);
    return answer;
}
