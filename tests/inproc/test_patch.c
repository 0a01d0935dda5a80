/*
 * test_patch.c - PATCH: that nobody waits for it, what it does when the item changes meanwhile, and
 * trees that are changed in any order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/json/json_patch.h"
#include "db/engine/db.h"
#include "tests/inproc/faults.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

static const char *const merge_type[] = {"CONTENT_TYPE=application/merge-patch+json", NULL};
static const char *const patch_type[] = {"CONTENT_TYPE=application/json-patch+json", NULL};

static const char failing[] = "[{\"op\":\"test\",\"path\":\"\",\"value\":7}]";

static struct tape_request patch_of(const char *token, const char *const *type, const char *patch)
{
    return (struct tape_request){.method = "PATCH",
                                 .path = "/greeting",
                                 .authorization = token,
                                 .variables = type,
                                 .body = patch};
}

static const char *new_device_token(const char *scope)
{
    static char token[128];
    char body[64];
    (void)snprintf(body, sizeof body, "{\"name\":\"patcher\",\"scope\":\"%s\"}", scope);
    const struct tape_answer *answer = world_expect(
        &keys_program,
        (struct tape_request){.method = "POST", .authorization = world_ann, .body = body}, 201,
        NULL);
    assert_non_null(tape_member(answer, "token", token, sizeof token));
    return token;
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* What a driver was told, in order. */
static char steps[64];

static void note_step(char step)
{
    size_t used = strlen(steps);
    if (used + 1 < sizeof steps) {
        steps[used] = step;
        steps[used + 1] = '\0';
    }
}

static struct db_driver noting;

/* Done once, after the first commit, by another connection. */
static const char *change;

static enum db_class noting_begin(struct db_connection *connection)
{
    note_step('w');
    return db_sqlite.begin(connection);
}

static enum db_class noting_begin_read(struct db_connection *connection)
{
    note_step('r');
    return db_sqlite.begin_read(connection);
}

static enum db_class noting_commit(struct db_connection *connection)
{
    note_step('c');
    const enum db_class class = db_sqlite.commit(connection);
    if (change != NULL) {
        struct db_connection *other;
        assert_int_equal(db_sqlite.open(world_database, true, 1000, &other), DB_OK);
        assert_int_equal(db_sqlite.script(other, change), DB_OK);
        db_sqlite.close(other);
        change = NULL;
    }
    return class;
}

static bool noting_rollback(struct db_connection *connection)
{
    note_step('b');
    return db_sqlite.rollback(connection);
}

static void note_steps(void)
{
    noting = db_sqlite;
    noting.begin = noting_begin;
    noting.begin_read = noting_begin_read;
    noting.commit = noting_commit;
    noting.rollback = noting_rollback;
    steps[0] = '\0';
    db_use_driver(&noting);
}

/* Whoever may write: no transaction is open any more when the patch turns out to fail, so none was
 * while it was applied. */
static void the_reading_has_ended_before_a_patch_is_applied(void **state)
{
    (void)state;
    const char *const tokens[] = {world_ann, new_device_token("write")};
    for (size_t i = 0; i < 2; i++) {
        note_steps();
        (void)world_expect(&data_program, patch_of(tokens[i], patch_type, failing), 422,
                           "PATCH_FAILED");
        assert_int_equal(strncmp(steps, "rc", 2), 0);
        assert_null(strchr(steps, 'b'));
        note_steps();
        (void)world_expect(&data_program, patch_of(tokens[i], merge_type, "{\"a\":1}"), 200, NULL);
        assert_string_equal(steps, "rcwc");
        /* What is refused for another reason has no patch applied. */
        note_steps();
        struct tape_request request = patch_of(tokens[i], patch_type, failing);
        request.query = "if_match=99999";
        (void)world_expect(&data_program, request, 412, "PRECONDITION_FAILED");
        assert_null(strchr(steps, 'w'));
    }
    db_use_driver(NULL);
    /* Likewise when the end of the reading fails. */
    faults_commit(1, DB_INTERNAL);
    (void)world_expect(&data_program, patch_of(world_ann, patch_type, failing), 500,
                       "INTERNAL_ERROR");
    assert_true(faults_done());
    faults_stop();
}

static void a_token_that_only_reads_patches_nothing(void **state)
{
    (void)state;
    const char *token = new_device_token("read");
    (void)world_expect(&data_program,
                       (struct tape_request){.path = "/greeting", .authorization = token}, 200,
                       NULL); /* its use is noted */
    struct world_state before;
    world_keep(&before);
    note_steps();
    (void)world_expect(&data_program, patch_of(token, merge_type, "{\"a\":1}"), 403, "FORBIDDEN");
    assert_null(strchr(steps, 'w'));
    db_use_driver(NULL);
    assert_true(world_same(&before, true));
    world_forget(&before);
}

#define GREETING " WHERE user_id = 1 AND key = 'greeting'"
#define SET(value)                                                                                 \
    "UPDATE items SET value = '" value "', size = length('" value                                  \
    "'), version = version + 100" GREETING                                                         \
    "; UPDATE users SET version = version + 100 WHERE id = 1"

static void an_item_that_has_changed_meanwhile_is_patched_as_it_is_now(void **state)
{
    static const struct {
        const char *change;
        const char *const *type;
        const char *patch;
        const char *query;
        int status;
        const char *value; /* of the item then; NULL: nobody can read it */
        const char *scope; /* of a device token that is used; NULL: an access token */
    } rows[] = {
        {SET("{\"n\":5,\"o\":true}"), merge_type, "{\"m\":2}", NULL, 200,
         "{\"n\":5,\"o\":true,\"m\":2}", NULL},
        {SET("[1,2]"), patch_type, "[{\"op\":\"replace\",\"path\":\"\",\"value\":7}]", NULL, 200,
         "7", NULL},
        /* It would fit now, and did not when it was read: nobody can tell that it was not first. */
        {SET("7"), patch_type, failing, NULL, 422, "7", NULL},
        {SET("[1,2]"), patch_type,
         "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"n\":1}},{\"op\":\"add\",\"path\":\"/"
         "o\",\"value\":1}]",
         NULL, 422, "[1,2]", NULL},
        {SET("[1,2]"), merge_type, "{\"m\":2}", "if_match=@", 412, "[1,2]", NULL},
        {"UPDATE items SET expires_at = 1" GREETING, merge_type, "{\"m\":2}", NULL, 404, NULL,
         NULL},
        {"UPDATE users SET epoch = epoch + 1 WHERE id = 1", merge_type, "{\"m\":2}", NULL, 401,
         NULL, NULL},
        /* As when an account was disabled and enabled again, which ends no device tokens. */
        {"UPDATE users SET epoch = epoch + 1 WHERE id = 1", merge_type, "{\"m\":2}", NULL, 200,
         "{\"n\":1,\"m\":2}", "write"},
        {SET("[1,2]") "; UPDATE users SET epoch = epoch + 1 WHERE id = 1", patch_type,
         "[{\"op\":\"add\",\"path\":\"/0\",\"value\":9}]", NULL, 200, "[9,1,2]", "write"},
        {"UPDATE users SET epoch = epoch + 1 WHERE id = 1", merge_type, "{\"m\":2}", "if_match=@",
         200, "{\"n\":1,\"m\":2}", "write"},
        {"DELETE FROM tokens", merge_type, "{\"m\":2}", NULL, 401, "{\"n\":1}", "write"},
        {"UPDATE tokens SET writes = 0", merge_type, "{\"m\":2}", NULL, 403, "{\"n\":1}", "write"},
        {"UPDATE tokens SET prefix = 'x/'", merge_type, "{\"m\":2}", NULL, 403, "{\"n\":1}",
         "write"},
        {"UPDATE users SET disabled = 1 WHERE id = 1", merge_type, "{\"m\":2}", NULL, 401, NULL,
         "write"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char query[64] = "";
        char version[32];
        (void)world_reset(state);
        const struct tape_answer *answer =
            world_expect(&data_program,
                         (struct tape_request){.method = "PUT",
                                               .path = "/greeting",
                                               .authorization = world_ann,
                                               .body = "{\"value\":{\"n\":1}}"},
                         200, NULL);
        assert_non_null(tape_member(answer, "data.version", version, sizeof version));
        if (rows[i].query != NULL) {
            (void)snprintf(query, sizeof query, "if_match=%s", version);
        }
        const char *token = rows[i].scope != NULL ? new_device_token(rows[i].scope) : world_ann;
        note_steps();
        change = rows[i].change;
        struct tape_request request = patch_of(token, rows[i].type, rows[i].patch);
        request.query = query;
        (void)world_expect(&data_program, request, rows[i].status, NULL);
        assert_null(change);
        db_use_driver(NULL);
        if (rows[i].value != NULL) {
            const char *reader = rows[i].status == 200 ? token : world_ann;
            answer =
                world_expect(&data_program,
                             (struct tape_request){
                                 .path = "/greeting", .query = "raw=true", .authorization = reader},
                             200, NULL);
            assert_int_equal(strncmp(answer->body, rows[i].value, strlen(rows[i].value)), 0);
        }
    }
}

/* ---- trees ----------------------------------------------------------------------------------- */

static char *text_of_json(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    return text;
}

/* Applies PATCH to VALUE; compares with WANTED, or, NULL, wants it refused. */
static void check_patch(const json_t *value, const json_t *patch, const json_t *wanted)
{
    struct arena arena;
    arena_init(&arena, 8 * 1024 * 1024);
    char *from = text_of_json(value);
    char *operations = text_of_json(patch);
    char *to = wanted != NULL ? text_of_json(wanted) : NULL;
    struct json_change changing = {
        .value = text_of(from), .patch = text_of(operations), .maximum = 1024 * 1024};
    enum error_code error = json_apply_patch(&arena, &changing);
    if (to == NULL) {
        assert_int_equal(error, ERR_PATCH_FAILED);
    } else {
        if (error != ERR_NONE) {
            fail_msg("operation %zu: %s", changing.operation, changing.reason);
        }
        assert_string_equal(changing.result.at, to);
    }
    free(from);
    free(operations);
    free(to);
    arena_reset(&arena);
}

static unsigned random_below(unsigned most)
{
    static uint64_t seed = 88172645463325252;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % most);
}

/* A long run of operations on a list, and on an object, each of which jansson does too. */
static void children_that_come_and_go_in_any_order(void **state)
{
    (void)state;
    enum { ROUNDS = 40, OPERATIONS = 1000 };
    json_set_alloc_funcs(malloc, free); /* cubby lets it work on arenas */
    for (int round = 0; round < ROUNDS; round++) {
        bool object = round % 2 == 0;
        unsigned names = 3 + random_below(200);
        json_t *value = object ? json_object() : json_array();
        json_t *now = json_deep_copy(value);
        json_t *patch = json_array();
        for (int i = 0; i < OPERATIONS; i++) {
            char path[16];
            unsigned place = random_below(names);
            size_t size = json_array_size(now);
            (void)snprintf(path, sizeof path, object ? "/k%u" : "/%u",
                           object ? place : (unsigned)(place % (size + 1)));
            const char *name = path + 1;
            place = (unsigned)(object ? 0 : place % (size + 1));
            bool there = object ? json_object_get(now, name) != NULL : place < size;
            unsigned what = random_below(there ? 4 : 1);
            json_t *number = json_integer(i);
            const char *op = what == 1   ? "remove"
                             : what == 2 ? "replace"
                             : what == 3 ? "test"
                                         : "add";
            if (what == 3) {
                json_decref(number);
                number = json_deep_copy(object ? json_object_get(now, name)
                                               : json_array_get(now, place));
            }
            json_array_append_new(
                patch, json_pack("{s:s,s:s,s:O}", "op", op, "path", path, "value", number));
            if (what == 1 && object) {
                json_object_del(now, name);
            } else if (what == 1) {
                json_array_remove(now, place);
            } else if (what != 3 && object) {
                json_object_set(now, name, number);
            } else if (what == 0) {
                json_array_insert(now, place, number);
            } else if (what == 2) {
                json_array_set(now, place, number);
            }
            json_decref(number);
        }
        check_patch(value, patch, now);
        json_array_append_new(patch,
                              json_pack("{s:s,s:s,s:i}", "op", "test", "path", "", "value", 1));
        json_array_remove(patch, 0);
        check_patch(value, patch, NULL);
        json_decref(value);
        json_decref(now);
        json_decref(patch);
    }
}

/* ---- merging ----------------------------------------------------------------------------------
 */

#define LEVELS_3(text) "{\"a\":{\"a\":{\"a\":" text "}}}"
#define LEVELS_9(text) LEVELS_3(LEVELS_3(LEVELS_3(text)))
#define LEVELS_27(text) LEVELS_9(LEVELS_9(LEVELS_9(text)))
#define LEVELS_81(text) LEVELS_27(LEVELS_27(LEVELS_27(text)))

/* {"m0":TEXT,"m1":TEXT…}, on the heap. */
static char *many_members(size_t count, const char *text)
{
    size_t room = count * (strlen(text) + 16) + 3;
    char *out = malloc(room);
    size_t used = 0;
    assert_non_null(out);
    for (size_t i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(out + used, room - used, "%c\"m%zu\":%s", i == 0 ? '{' : ',', i, text);
    }
    (void)snprintf(out + used, room - used, "}");
    return out;
}

static void as_many_members_are_merged_as_a_tree_may_have(void **state)
{
    static const struct {
        size_t members;
        const char *text;
        int status;
        const char *code;
    } rows[] = {
        {4096, "1", 200, NULL},
        {4097, "1", 200, NULL},
        {10000, "null", 200, NULL},
        {18000, "1", 200, NULL},
        {19900, "{}", 200, NULL},
        {240, LEVELS_81("{}"), 200, NULL},
        {20000, "null", 200, NULL},
        {20001, "null", 400, "INVALID_REQUEST"},
        {20001, "1", 400, "INVALID_REQUEST"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)world_reset(state);
        char *patch = many_members(rows[i].members, rows[i].text);
        const struct tape_answer *answer = world_expect(
            &data_program, patch_of(world_ann, merge_type, patch), rows[i].status, rows[i].code);
        char details[128] = "";
        (void)tape_member(answer, "details.body", details, sizeof details);
        if (rows[i].code != NULL) {
            assert_int_equal(strncmp(details, "more than 20000 members in one object at byte ", 46),
                             0);
            assert_true(world_same(NULL, false));
        } else {
            answer = world_expect(&data_program,
                                  (struct tape_request){.path = "/greeting",
                                                        .query = "raw=true",
                                                        .authorization = world_ann},
                                  200, NULL);
            if (strcmp(rows[i].text, "null") == 0) {
                assert_string_equal(answer->body, "{}\n");
            } else {
                assert_int_equal(strncmp(answer->body, patch, strlen(patch)), 0);
            }
        }
        free(patch);
    }
}

/* The nodes of the value and those of the patch are counted together. */
static void a_merge_is_bounded_by_both(void **state)
{
    (void)state;
    char *members = many_members(12000, "1");
    char *more = many_members(8001, "2");
    char *fewer = many_members(8000, "2");
    (void)world_expect(&data_program, patch_of(world_ann, merge_type, members), 200, NULL);
    (void)world_expect(&data_program, patch_of(world_ann, merge_type, more), 422, "PATCH_FAILED");
    (void)world_expect(&data_program, patch_of(world_ann, merge_type, fewer), 200, NULL);
    (void)world_expect(&data_program, patch_of(world_ann, merge_type, "{\"a\":1,\"a\":2}"), 400,
                       "INVALID_REQUEST");
    (void)world_expect(&data_program, patch_of(world_ann, merge_type, "{\"a\":1,\"\\u0061\":2}"),
                       400, "INVALID_REQUEST");
    free(members);
    free(more);
    free(fewer);
}

const struct CMUnitTest patch_tests[] = {
    cmocka_unit_test_setup(the_reading_has_ended_before_a_patch_is_applied, world_reset),
    cmocka_unit_test_setup(a_token_that_only_reads_patches_nothing, world_reset),
    cmocka_unit_test_setup(an_item_that_has_changed_meanwhile_is_patched_as_it_is_now, world_reset),
    cmocka_unit_test(children_that_come_and_go_in_any_order),
    cmocka_unit_test_setup(as_many_members_are_merged_as_a_tree_may_have, world_reset),
    cmocka_unit_test_setup(a_merge_is_bounded_by_both, world_reset),
};
const size_t patch_test_count = sizeof patch_tests / sizeof *patch_tests;
