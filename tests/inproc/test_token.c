/*
 * test_token.c - tokens that must not be let in, and those that must, with a clock that is moved.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/engine/db.h"
#include "db/model/users.h"
#include "tests/inproc/forge.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"first\"}"

static const int64_t now = INT64_C(1800000000); /* seconds; that of the world */

/* What every claim of a good token is made of; a test changes one. */
struct claims {
    const char *sub, *user_id, *iat, *exp, *epoch, *jti, *more;
};

static char epoch_text[24];
static char payload_room[8192];

static struct claims good_claims(void)
{
    (void)snprintf(epoch_text, sizeof epoch_text, "%" PRId64, world_ann_epoch);
    return (struct claims){.sub = "\"1\"",
                           .user_id = "1",
                           .iat = "1800000000",
                           .exp = "1800003600",
                           .epoch = epoch_text,
                           .jti = "\"0123456789abcdef0123456789abcdef\"",
                           .more = ""};
}

/* A member whose value is NULL is left out. */
static const char *payload_of(const struct claims *claims)
{
    const struct {
        const char *name;
        const char *value;
    } members[] = {{"sub", claims->sub}, {"user_id", claims->user_id}, {"iat", claims->iat},
                   {"exp", claims->exp}, {"epoch", claims->epoch},     {"jti", claims->jti}};
    size_t used = (size_t)snprintf(payload_room, sizeof payload_room, "{\"iss\":\"x\"");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (members[i].value != NULL) {
            used += (size_t)snprintf(payload_room + used, sizeof payload_room - used, ",\"%s\":%s",
                                     members[i].name, members[i].value);
        }
    }
    (void)snprintf(payload_room + used, sizeof payload_room - used, "%s}", claims->more);
    return payload_room;
}

/* Tries TOKEN at a read and a write, at the time AT (seconds), and wants STATUS. */
static void try_token(const char *token, int64_t at, int status, const char *detail)
{
    const struct tape_request read = {
        .path = "/greeting", .authorization = token, .now_ms = at * 1000};
    const struct tape_answer *answer =
        world_expect(&data_program, read, status, status == 401 ? "INVALID_TOKEN" : NULL);
    if (detail != NULL) {
        world_member(answer, "details.token", detail);
    }
    if (status != 200) {
        struct tape_request write = {.method = "PUT",
                                     .path = "/greeting",
                                     .authorization = token,
                                     .body = "{\"value\":\"taken\"}",
                                     .now_ms = at * 1000};
        (void)world_expect(&data_program, write, status, "INVALID_TOKEN");
        assert_true(world_same(NULL, false));
    }
}

static void try_forged(const char *header, const char *payload, enum forge_hash hash,
                       const unsigned char *key, int status, const char *detail)
{
    char *token = forge_token(header, payload, hash, key, 32);
    try_token(token, now, status, detail);
    free(token);
}

static void forged_as_cubby_makes_them_they_are_let_in(void **state)
{
    (void)state;
    struct claims claims = good_claims();
    const char *payload = payload_of(&claims);
    try_forged(HEADER, payload, FORGE_SHA256, forge_first_key, 200, NULL);
    try_forged("{\"alg\":\"HS256\",\"kid\":\"first\"}", payload, FORGE_SHA256, forge_first_key, 200,
               NULL);
    /* the second key verifies too, so that keys can be rotated */
    try_forged("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"second\"}", payload, FORGE_SHA256,
               forge_second_key, 200, NULL);
}

static void other_algorithms_and_keys_are_not(void **state)
{
    (void)state;
    struct claims claims = good_claims();
    const char *payload = payload_of(&claims);
    static const char *const algorithms[] = {"none",  "None",  "NONE",  "HS384", "HS512", "RS256",
                                             "ES256", "PS256", "EdDSA", "hs256", "",      "HS256 "};
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        char header[128];
        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"first\"}",
                       algorithms[i]);
        try_forged(header, payload, FORGE_UNSIGNED, NULL, 401, NULL);
        try_forged(header, payload, FORGE_SHA256, forge_first_key, 401, NULL);
        try_forged(header, payload, FORGE_SHA512, forge_first_key, 401, NULL);
    }
    static const char *const headers[] = {
        "{\"typ\":\"JWT\",\"kid\":\"first\"}",
        "{\"alg\":null,\"kid\":\"first\"}",
        "{\"alg\":5,\"kid\":\"first\"}",
        "{\"alg\":[\"HS256\"],\"kid\":\"first\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":\"third\"}",
        "{\"alg\":\"HS256\",\"kid\":\"FIRST\"}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"kid\":\"second\"}",
        "[]",
        "null",
        "",
        "{",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        try_forged(headers[i], payload, FORGE_SHA256, forge_first_key, 401, NULL);
    }
    try_forged(HEADER, payload, FORGE_SHA256, forge_foreign_key, 401, NULL);
    try_forged(HEADER, payload, FORGE_SHA256, forge_second_key, 401, NULL);
    try_forged(HEADER, payload, FORGE_SHA512, forge_first_key, 401, NULL);
    try_forged(HEADER, payload, FORGE_UNSIGNED, NULL, 401, NULL);
}

static void a_changed_or_cut_token_is_not(void **state)
{
    (void)state;
    size_t size = strlen(world_ann);
    char *token = malloc(size + 2);
    assert_non_null(token);
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(token, size + 2, "%s", world_ann);
        token[i] = token[i] == 'A' ? 'B' : 'A';
        /* The last character carries bits that no byte of the signature has. */
        if (i + 1 < size) {
            try_token(token, now, 401, NULL);
        }
        token[i] = '\0';
        try_token(token, now, 401, NULL);
    }
    static const char *const more[] = {"A", ".", "=", " x"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        char *longer = malloc(size + 8);
        assert_non_null(longer);
        (void)snprintf(longer, size + 8, "%s%s", world_ann, more[i]);
        try_token(longer, now, 401, NULL);
        free(longer);
    }
    free(token);
}

static void odd_tokens_are_not(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        ".",
        "..",
        "...",
        "a.b.c",
        "Bearer Bearer x",
        "Basic YW5uOng=",
        "e30.e30.",
        "e30.e30.e30",
        "\x01",
        "\xff\xfe",
        "%00",
        "{}",
        "Bearer\t.",
    };
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        try_token(tokens[i], now, 401, NULL);
    }
    try_token("Bearer", now, 401, "missing");
    try_token("Bearer ", now, 401, "missing");
    enum { HUGE = 100 * 1024 };
    char *huge = malloc(HUGE + 1);
    assert_non_null(huge);
    memset(huge, 'A', HUGE);
    huge[HUGE] = '\0';
    try_token(huge, now, 401, NULL);
    huge[100] = '.';
    huge[HUGE - 100] = '.';
    try_token(huge, now, 401, NULL);
    free(huge);
    /* signed well, and yet too long */
    static char more[7000];
    (void)snprintf(more, sizeof more, ",\"pad\":\"%06000d\"", 0);
    struct claims claims = good_claims();
    claims.more = more;
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
}

static void claims_of_wrong_types_are_not(void **state)
{
    (void)state;
    static const char *const wrong[] = {NULL,   "null", "true",  "[]",  "{}",    "1.5",
                                        "\"\"", "-1",   "\"x\"", "[1]", "1e300", "\"1800003600\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (size_t which = 0; which < 5; which++) {
            struct claims claims = good_claims();
            const char **members[] = {&claims.sub, &claims.user_id, &claims.exp, &claims.epoch,
                                      &claims.jti};
            *members[which] = wrong[i];
            /* any text that is not empty will do as an identifier */
            if (which == 4 && wrong[i] != NULL && wrong[i][0] == '"' && wrong[i][1] != '"') {
                continue;
            }
            try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
        }
    }
    static const char *const more[] = {",\"nbf\":\"x\"", ",\"nbf\":null", ",\"nbf\":[]",
                                       ",\"nbf\":1800000001", ",\"nbf\":99999999999"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        struct claims claims = good_claims();
        claims.more = more[i];
        try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
    }
    static const char *const payloads[] = {"", "[]", "null", "5", "\"x\"", "{", "{}"};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        try_forged(HEADER, payloads[i], FORGE_SHA256, forge_first_key, 401, NULL);
    }
    struct claims claims = good_claims();
    claims.jti = "\"0123456789abcdef0123456789abcdef0\"";
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
    static const char *const ids[] = {"\"a;b\"", "\"a=b\"", "\";\"", "\"=\"", "\"\""};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        claims = good_claims();
        claims.jti = ids[i];
        try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
    }
    claims = good_claims();
    claims.iat = NULL;
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
    claims = good_claims();
    claims.sub = "\"2\"";
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, NULL);
    claims.user_id = "2";
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, "revoked");
}

static void the_clock_decides(void **state)
{
    (void)state;
    struct claims claims = good_claims();
    claims.more = ",\"nbf\":1800000100";
    char *token = forge_token(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 32);
    try_token(token, now + 99, 401, NULL);
    try_token(token, now + 100, 200, NULL);
    try_token(token, now + 3599, 200, NULL);
    try_token(token, now + 3600, 401, "expired");
    try_token(token, now + 1000000000, 401, "expired");
    free(token);
    /* cubby's own: a clock that is a little behind does no harm, one far behind does */
    try_token(world_ann, now + 3599, 200, NULL);
    try_token(world_ann, now + 3600, 401, "expired");
    try_token(world_ann, now - TOKEN_CLOCK_TOLERANCE, 200, NULL);
    try_token(world_ann, now - TOKEN_CLOCK_TOLERANCE - 1, 401, NULL);
}

static void of_an_account_that_is_gone_or_another_epoch_it_is_revoked(void **state)
{
    (void)state;
    struct claims claims = good_claims();
    claims.epoch = "1";
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, "revoked");
    claims = good_claims();
    claims.user_id = "9007199254740993";
    claims.sub = "\"9007199254740993\"";
    try_forged(HEADER, payload_of(&claims), FORGE_SHA256, forge_first_key, 401, "revoked");
    /* deleted since, behind the back of the API */
    struct db_connection *connection;
    assert_int_equal(db_sqlite.open(world_database, true, 0, &connection), DB_OK);
    assert_int_equal(db_sqlite.script(connection, "DELETE FROM items; DELETE FROM users"), DB_OK);
    db_sqlite.close(connection);
    const struct tape_answer *answer = world_expect(
        &data_program, (struct tape_request){.path = "/greeting", .authorization = world_ann}, 401,
        "INVALID_TOKEN");
    world_member(answer, "details.token", "revoked");
    (void)world_expect(&data_program,
                       (struct tape_request){.method = "POST",
                                             .authorization = world_ann,
                                             .body = "{\"key\":\"x\",\"value\":1}"},
                       401, "INVALID_TOKEN");
}

/* A new access token of ann's at the time AT (seconds), to be freed. */
static char *log_in(int64_t at)
{
    char body[128];
    char token[TOKEN_MAXIMUM];
    (void)snprintf(body, sizeof body, "{\"username\":\"ann\",\"password\":\"%s\"}", world_password);
    const struct tape_answer *answer = world_expect(
        &token_program, (struct tape_request){.method = "POST", .body = body, .now_ms = at * 1000},
        200, NULL);
    assert_non_null(tape_member(answer, "token", token, sizeof token));
    return strdup(token);
}

static void log_out(const char *token, int64_t at)
{
    (void)world_expect(
        &token_program,
        (struct tape_request){.method = "DELETE", .authorization = token, .now_ms = at * 1000}, 200,
        NULL);
}

/* A logout may drop what has expired from the list of ended tokens. By a clock that is ahead
 * everything has. */
static void ended_while_the_clock_was_right_it_stays_so_when_it_is_right_again(void **state)
{
    (void)state;
    char *first = log_in(now);
    char *second = log_in(now + 1);
    log_out(first, now + 2);
    log_out(second, now + 3);
    for (int i = 0; i < 20; i++) {
        char *ahead = log_in(now + 2 * 3600 + i * 4000);
        log_out(ahead, now + 2 * 3600 + i * 4000 + 1);
        free(ahead);
    }
    struct tape_request read = {.path = "/greeting", .now_ms = (now + 4) * 1000};
    read.authorization = first;
    world_member(world_expect(&data_program, read, 401, "INVALID_TOKEN"), "details.token",
                 "revoked");
    read.authorization = second;
    world_member(world_expect(&data_program, read, 401, "INVALID_TOKEN"), "details.token",
                 "revoked");
    read.authorization = world_ann;
    (void)world_expect(&data_program, read, 200, NULL);
    free(first);
    free(second);
}

/* Two web servers over one store, the clock of one a little ahead: what has expired by it, and has
 * not by the other, is kept however long the list is. */
static void ended_it_is_remembered_until_it_has_expired_by_every_clock(void **state)
{
    (void)state;
    char list[100 * 48];
    size_t used = 0;
    for (int i = 0; i < 100; i++) { /* all expire at once */
        used += (size_t)snprintf(list + used, sizeof list - used, ";%032x=%" PRId64, i, now + 3600);
    }
    char kept[sizeof list];
    assert_int_equal(users_revoked_kept(list, now + 3600 + TOKEN_CLOCK_TOLERANCE, kept), used);
    assert_string_equal(kept, list);
    /* of those that are over by every clock as many as a jump of the clock may need */
    used = users_revoked_kept(list, now + 3600 + TOKEN_CLOCK_TOLERANCE + 1, kept);
    assert_int_equal(used, strlen(list) / 100 * USERS_EXPIRED_KEPT);
    assert_int_equal(strlen(kept), used);
    assert_memory_equal(kept, list, used);
}

/* Those that expired last, wherever they stand; what says no time is dropped. */
static void of_ended_tokens_those_that_expired_first_are_forgotten_first(void **state)
{
    (void)state;
    char list[4096] = ";none;a=1";
    char wanted[4096] = "";
    size_t used = strlen(list);
    size_t wanted_used = 0;
    for (int i = 0; i < USERS_EXPIRED_KEPT - 1; i++) {
        char entry[64];
        size_t size = (size_t)snprintf(entry, sizeof entry, ";e%d=%d", i, 1000 + (i * 7) % 31);
        memcpy(list + used, entry, size + 1);
        used += size;
        memcpy(wanted + wanted_used, entry, size + 1);
        wanted_used += size;
    }
    static const char last[] = ";b=2;c=999;lives=1800000000;d=998";
    memcpy(list + used, last, sizeof last);
    static const char last_wanted[] = ";c=999;lives=1800000000";
    memcpy(wanted + wanted_used, last_wanted, sizeof last_wanted);
    char kept[sizeof list];
    assert_int_equal(users_revoked_kept(list, now, kept), strlen(wanted));
    assert_string_equal(kept, wanted);
    assert_int_equal(users_revoked_kept("", now, kept), 0);
    assert_string_equal(kept, "");
}

static void run_sql(const char *sql)
{
    struct db_connection *connection;
    assert_int_equal(db_sqlite.open(world_database, true, 0, &connection), DB_OK);
    assert_int_equal(db_sqlite.script(connection, sql), DB_OK);
    db_sqlite.close(connection);
}

/* When ann's device token called "ahead" was last used, as she is told at the time AT (seconds). */
static const char *last_use(int64_t at)
{
    static char used[64];
    const struct tape_answer *answer = world_expect(
        &keys_program, (struct tape_request){.authorization = world_ann, .now_ms = at * 1000}, 200,
        NULL);
    const char *row = strstr(answer->body, "\"name\":\"ahead\"");
    const char *start = row != NULL ? strstr(row, "\"last_used_at\":\"") : NULL;
    assert_non_null(start);
    (void)snprintf(used, sizeof used, "%.24s", start + strlen("\"last_used_at\":\""));
    return used;
}

/* As an access token. What was made by a clock that is ahead would hold too long by the right one,
 * and so it does not hold before that has come as far. */
static void of_a_device_it_holds_from_the_time_on_at_which_it_was_made(void **state)
{
    (void)state;
    const int64_t made = now + 1000;
    const struct tape_answer *answer = world_expect(
        &keys_program,
        (struct tape_request){.method = "POST",
                              .authorization = world_ann,
                              .body = "{\"name\":\"ahead\",\"scope\":\"write\",\"ttl\":100000}",
                              .now_ms = made * 1000},
        201, NULL);
    char token[128];
    assert_non_null(tape_member(answer, "data.token", token, sizeof token));
    struct tape_request write = {
        .method = "PUT", .path = "/greeting", .authorization = token, .body = "{\"value\":1}"};
    const struct {
        int64_t now_ms;
        int status;
    } times[] = {{now * 1000, 401},
                 {(made - TOKEN_CLOCK_TOLERANCE) * 1000 - 1, 401},
                 {(made - TOKEN_CLOCK_TOLERANCE) * 1000, 200},
                 {made * 1000, 200},
                 {(made + 99999) * 1000, 200},
                 {(made + 100000) * 1000, 401}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        write.now_ms = times[i].now_ms;
        (void)world_expect(&data_program, write, times[i].status,
                           times[i].status == 401 ? "INVALID_TOKEN" : NULL);
        const struct tape_request read = {
            .path = "/greeting", .authorization = token, .now_ms = times[i].now_ms};
        (void)world_expect(&data_program, read, times[i].status,
                           times[i].status == 401 ? "INVALID_TOKEN" : NULL);
    }
    /* The clock is right again: what is told is its last use by that, not one to come. */
    char ahead[64];
    (void)snprintf(ahead, sizeof ahead, "%s", last_use(made + 1));
    write.now_ms = (made + 1) * 1000;
    (void)world_expect(&data_program, write, 200, NULL);
    assert_true(strcmp(last_use(made + 1), ahead) < 0);
}

static void a_reset_code_holds_from_the_time_on_at_which_it_was_made(void **state)
{
    (void)state;
    char body[256];
    char sql[128];
    (void)snprintf(body, sizeof body,
                   "{\"username\":\"ann\",\"code\":\"%s\",\"new_password\":\"Next-one1!\"}",
                   world_code);
    const struct tape_request reset = {.method = "POST", .body = body};
    for (int ahead = 1; ahead >= 0; ahead--) {
        (void)snprintf(sql, sizeof sql, "UPDATE tokens SET created_at = %" PRId64 " WHERE id = %d",
                       (now + TOKEN_CLOCK_TOLERANCE) * 1000 + ahead, 1 << 20);
        run_sql(sql);
        (void)world_expect(&reset_program, reset, ahead > 0 ? 401 : 200,
                           ahead > 0 ? "INVALID_CREDENTIALS" : NULL);
    }
}

const struct CMUnitTest token_tests[] = {
    cmocka_unit_test_setup(forged_as_cubby_makes_them_they_are_let_in, world_reset),
    cmocka_unit_test_setup(other_algorithms_and_keys_are_not, world_reset),
    cmocka_unit_test_setup(a_changed_or_cut_token_is_not, world_reset),
    cmocka_unit_test_setup(odd_tokens_are_not, world_reset),
    cmocka_unit_test_setup(claims_of_wrong_types_are_not, world_reset),
    cmocka_unit_test_setup(the_clock_decides, world_reset),
    cmocka_unit_test_setup(of_an_account_that_is_gone_or_another_epoch_it_is_revoked, world_reset),
    cmocka_unit_test_setup(ended_while_the_clock_was_right_it_stays_so_when_it_is_right_again,
                           world_reset),
    cmocka_unit_test_setup(ended_it_is_remembered_until_it_has_expired_by_every_clock, world_reset),
    cmocka_unit_test_setup(of_ended_tokens_those_that_expired_first_are_forgotten_first,
                           world_reset),
    cmocka_unit_test_setup(of_a_device_it_holds_from_the_time_on_at_which_it_was_made, world_reset),
    cmocka_unit_test_setup(a_reset_code_holds_from_the_time_on_at_which_it_was_made, world_reset),
};
const size_t token_test_count = sizeof token_tests / sizeof *token_tests;
