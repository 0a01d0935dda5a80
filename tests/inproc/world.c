/*
 * world.c - an installation for the tests.
 */
#include "tests/inproc/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/identity/reset_code.h"
#include "db/engine/schema.h"
#include "tests/inproc/faults.h"
#include "tests/inproc/forge.h"
#include "tests/inproc/memory.h"

const int64_t world_now_ms = INT64_C(1800000000000);
const char world_password[] = "Correct-horse-1";
/* the cheapest hash there is */
const char world_settings[] = "password_method = sha512crypt\npassword_cost = 1000";
const char world_code[] = "7MZQ2-K4T9A-0XHBN-PD6WE";
const char *world_ann;
const char *world_bob;
int64_t world_ann_epoch;
const char *world_config;
const char *world_database;
const char *world_keys;

static char directory[64];
static char paths[5][96];
static struct world_state at_first;
static uint64_t seed;

enum { PATH_CONFIG, PATH_DATABASE, PATH_KEYS, PATH_JOURNAL, PATH_WAL };

static void die(const char *what)
{
    perror(what);
    abort();
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size || close(file) != 0) {
        die(path);
    }
}

void world_configure(const char *lines)
{
    char text[4096];
    const char *wait = strstr(lines, "busy_timeout") == NULL ? "busy_timeout = 0\n" : "";
    int length = snprintf(text, sizeof text, "database = %s\nkeys = %s\n%s%s\n", world_database,
                          world_keys, wait, lines);
    if (length < 0 || (size_t)length >= sizeof text) {
        abort();
    }
    write_file(world_config, text, (size_t)length);
}

static char *read_database(size_t *size)
{
    int file = open(world_database, O_RDONLY | O_CLOEXEC);
    struct stat there;
    if (file < 0 || fstat(file, &there) != 0) {
        die(world_database);
    }
    *size = (size_t)there.st_size;
    char *copy = malloc(*size + 1);
    if (copy == NULL || read(file, copy, *size) != (ssize_t)*size) {
        die(world_database);
    }
    (void)close(file);
    return copy;
}

static struct db_prepared *prepare(struct db_connection *connection, const char *sql)
{
    struct db_prepared *prepared = NULL;
    if (db_sqlite.prepare(connection, sql, &prepared) != DB_OK) {
        die(db_sqlite.message(connection));
    }
    return prepared;
}

static void print_table(struct db_connection *connection, const char *name, FILE *out)
{
    enum { COLUMNS_MAXIMUM = 32 };
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s%s ORDER BY 1, 2", name,
                   strcmp(name, "meta") == 0 ? " WHERE name NOT LIKE 'audit/%'" : "");
    struct db_prepared *prepared = prepare(connection, sql);
    (void)fprintf(out, "%s\n", name);
    while (db_sqlite.step(prepared) == DB_ROW) {
        for (int i = 0; i < COLUMNS_MAXIMUM; i++) {
            const char *text = db_sqlite.column_text(prepared, i).at;
            (void)fprintf(out, "|%s", text != NULL ? text : "");
        }
        (void)fputc('\n', out);
    }
    db_sqlite.finalize(prepared);
}

static size_t count_events(struct db_connection *connection)
{
    struct db_prepared *rows =
        prepare(connection, "SELECT 1 FROM meta WHERE value LIKE '%\"outcome\":\"done\"%'");
    size_t count = 0;
    while (db_sqlite.step(rows) == DB_ROW) {
        count++;
    }
    db_sqlite.finalize(rows);
    return count;
}

static struct db_connection *open_database(void)
{
    struct db_connection *connection;
    if (db_sqlite.open(world_database, false, 0, &connection) != DB_OK) {
        die("opening the database");
    }
    return connection;
}

static void print_rows(struct world_state *state)
{
    struct db_connection *connection = open_database();
    size_t size;
    state->rows = NULL;
    FILE *out = open_memstream(&state->rows, &size);
    struct db_prepared *tables =
        prepare(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'"
                            " AND name <> 'throttle' ORDER BY name");
    while (out != NULL && db_sqlite.step(tables) == DB_ROW) {
        print_table(connection, db_sqlite.column_text(tables, 0).at, out);
    }
    db_sqlite.finalize(tables);
    state->events = count_events(connection);
    db_sqlite.close(connection);
    if (out == NULL || fclose(out) != 0) {
        die("open_memstream");
    }
}

void world_keep(struct world_state *state)
{
    state->bytes = read_database(&state->size);
    print_rows(state);
}

void world_forget(struct world_state *state)
{
    free(state->bytes);
    free(state->rows);
}

size_t world_events(void)
{
    struct db_connection *connection = open_database();
    size_t count = count_events(connection);
    db_sqlite.close(connection);
    return count;
}

static bool has_content(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && there.st_size > 0;
}

bool world_same(const struct world_state *state, bool rows)
{
    state = state != NULL ? state : &at_first;
    struct world_state present;
    present.bytes = read_database(&present.size);
    bool same =
        present.size == state->size && memcmp(present.bytes, state->bytes, state->size) == 0;
    free(present.bytes);
    if (!same && rows) {
        print_rows(&present);
        same = strcmp(present.rows, state->rows) == 0 && present.events == state->events;
        free(present.rows);
    }
    return same && !has_content(paths[PATH_JOURNAL]) && !has_content(paths[PATH_WAL]);
}

size_t world_open_files(void)
{
    DIR *list = opendir("/proc/self/fd");
    size_t count = 0;
    while (list != NULL && readdir(list) != NULL) {
        count++;
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return count;
}

void world_restore(const struct world_state *state)
{
    (void)memory_stop();
    faults_stop();
    seed = 1000;
    (void)unlink(paths[PATH_JOURNAL]);
    (void)unlink(paths[PATH_WAL]);
    write_file(world_database, state->bytes, state->size);
}

int world_reset(void **state)
{
    (void)state;
    world_restore(&at_first);
    world_configure(world_settings);
    return 0;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

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
    (void)request;
    struct question *question = self;
    question->answer = *answer;
}

const struct tape_answer *world_ask(const struct program *program, struct tape_request request)
{
    static struct question question;
    question = (struct question){.request = request};
    if (request.now_ms == 0) {
        question.request.now_ms = world_now_ms;
    }
    if (request.seed == 0) {
        question.request.seed = ++seed;
    }
    if (tape_play(program, world_config, put_question, keep_answer, &question) != 0) {
        fail_msg("%s: not one answer to one request", program->name);
    }
    if (question.answer.fault != NULL) {
        fail_msg("%s: %s\n%s%s", program->name, question.answer.fault, question.answer.head,
                 question.answer.body);
    }
    return &question.answer;
}

const struct tape_answer *world_expect(const struct program *program, struct tape_request request,
                                       int status, const char *code)
{
    const struct tape_answer *answer = world_ask(program, request);
    char is[64] = "";
    if (code != NULL) {
        (void)tape_member(answer, "code", is, sizeof is);
    }
    if (answer->status != status || (code != NULL && strcmp(is, code) != 0)) {
        fail_msg("%s %s %s %s: wanted %d %s, got\n%s%s\n%s", program->name,
                 request.method != NULL ? request.method : "GET",
                 request.path != NULL ? request.path : "", request.body != NULL ? request.body : "",
                 status, code != NULL ? code : "", answer->head, answer->body, answer->log);
    }
    return answer;
}

void world_member(const struct tape_answer *answer, const char *path, const char *wanted)
{
    static char room[1024 * 1024];
    const char *is = tape_member(answer, path, room, sizeof room);
    if (is == NULL || strcmp(is, wanted) != 0) {
        fail_msg("%s is %s, wanted %s, in\n%s", path, is != NULL ? is : "not there", wanted,
                 answer->body);
    }
}

/* ---- making it --------------------------------------------------------------------------------
 */

static void make_directory(void)
{
    static const char *const places[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        (void)snprintf(directory, sizeof directory, "%s/cubby-tape-XXXXXX", places[i]);
        if (mkdtemp(directory) != NULL) {
            break;
        }
        directory[0] = '\0';
    }
    if (directory[0] == '\0') {
        die("a directory");
    }
    static const char *const names[] = {"cubby.conf", "cubby.db", "keys.json", "cubby.db-journal",
                                        "cubby.db-wal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", directory, names[i]);
    }
    world_config = paths[PATH_CONFIG];
    world_database = paths[PATH_DATABASE];
    world_keys = paths[PATH_KEYS];
}

static void make_database(void)
{
    write_file(world_database, "", 0);
    struct db_connection *connection;
    int64_t from;
    if (db_sqlite.open(world_database, true, 1000, &connection) != DB_OK ||
        schema_migrate(&db_sqlite, connection, &from) != DB_OK) {
        (void)fprintf(stderr, "making a database: %s\n", db_sqlite.message(connection));
        abort();
    }
    db_sqlite.close(connection);
}

static const char *make_user(const char *name, int64_t *epoch)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"username\":\"%s\",\"email\":\"%s@example.org\",\"full_name\":\"%s "
                   "Tester\",\"age\":30,\"gender\":\"female\",\"password\":\"%s\"}",
                   name, name, name, world_password);
    (void)world_expect(&register_program, (struct tape_request){.method = "POST", .body = body},
                       201, NULL);
    (void)snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", name,
                   world_password);
    const struct tape_answer *answer = world_expect(
        &token_program, (struct tape_request){.method = "POST", .body = body}, 200, NULL);
    char room[4096];
    char *token = strdup(tape_member(answer, "token", room, sizeof room));
    if (epoch != NULL) {
        struct token_keys *keys;
        struct cause cause = {0};
        struct arena arena;
        struct token_claims claims;
        arena_init(&arena, 65536);
        if (token_keys_load(world_keys, &keys, &cause) != ERR_NONE ||
            token_verify(keys, &arena, text_of(token), world_now_ms / 1000, &claims) !=
                TOKEN_VALID) {
            abort();
        }
        *epoch = claims.epoch;
        token_keys_free(keys);
        arena_reset(&arena);
    }
    return token;
}

static void store(const char *token, const char *body)
{
    (void)world_expect(
        &data_program,
        (struct tape_request){.method = "POST", .authorization = token, .body = body}, 201, NULL);
}

static void make_device_token(void)
{
    (void)world_expect(&keys_program,
                       (struct tape_request){.method = "POST",
                                             .authorization = world_ann,
                                             .body = "{\"name\":\"meter\",\"scope\":\"read\"}"},
                       201, NULL);
}

static void run_sql(const char *sql)
{
    struct db_connection *connection;
    if (db_sqlite.open(world_database, true, 1000, &connection) != DB_OK ||
        db_sqlite.script(connection, sql) != DB_OK) {
        die(db_sqlite.message(connection));
    }
    db_sqlite.close(connection);
}

/* As the operator's tool does: number 0 among ann's tokens. */
static void make_code(void)
{
    char digest[DIGEST_TEXT_SIZE];
    char sql[256];
    if (!reset_code_digest(text_of(world_code), digest)) {
        abort();
    }
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO tokens (id, hash, expires_at) VALUES (1 << 20, '%s', %" PRId64 ")",
                   digest, world_now_ms + 3600000);
    run_sql(sql);
}

int world_setup(void **state)
{
    (void)state;
    make_directory();
    char *keys = forge_key_file();
    write_file(world_keys, keys, strlen(keys));
    free(keys);
    world_configure(world_settings);
    make_database();
    world_ann = make_user("ann", &world_ann_epoch);
    world_bob = make_user("bob", NULL);
    store(world_ann, "{\"key\":\"greeting\",\"value\":\"hello, ann\"}");
    store(world_ann, "{\"key\":\"big/number\",\"value\":[1.50, -0]}");
    store(world_ann, "{\"key\":\"list/a\",\"value\":1}");
    store(world_ann, "{\"key\":\"list/b\",\"value\":{\"deep\":[true,null]}}");
    store(world_ann, "{\"key\":\"list/c\",\"value\":\"third\"}");
    store(world_bob, "{\"key\":\"greeting\",\"value\":\"hello, bob\"}");
    make_device_token();
    run_sql("UPDATE tokens SET id = (1 << 20) + 1"); /* its number is drawn at random */
    make_code();
    world_keep(&at_first);
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    union {
        const char *text;
        void *piece;
    } ann = {.text = world_ann}, bob = {.text = world_bob};
    free(ann.piece);
    free(bob.piece);
    world_forget(&at_first);
    DIR *list = opendir(directory);
    for (struct dirent *entry = NULL; list != NULL && (entry = readdir(list)) != NULL;) {
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return rmdir(directory);
}
