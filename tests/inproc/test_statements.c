/*
 * test_statements.c - every SQL statement is prepared on the engine, and its plan looked at: no
 * table is read from end to end, nothing is sorted on the side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/engine/db.h"
#include "db/engine/statements.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

static struct db_connection *open_database(void)
{
    struct db_connection *connection = NULL;
    assert_int_equal(db_sqlite.open(world_database, true, 0, &connection), DB_OK);
    return connection;
}

static void every_statement_is_prepared(void **state)
{
    (void)state;
    struct db_connection *connection = open_database();
    for (int i = 0; i < DB_STATEMENT_COUNT; i++) {
        struct db_prepared *prepared = NULL;
        const char *sql = db_statement_sql((enum db_statement)i);
        if (*sql == '\0' || db_sqlite.prepare(connection, sql, &prepared) != DB_OK) {
            fail_msg("statement %d: %s: %s", i, sql, db_sqlite.message(connection));
        }
        db_sqlite.finalize(prepared);
    }
    db_sqlite.close(connection);
}

static void look_at_plan(struct db_connection *connection, int number)
{
    enum { DETAIL = 3 };
    char explain[8192];
    const char *sql = db_statement_sql((enum db_statement)number);
    (void)snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    struct db_prepared *prepared = NULL;
    if (db_sqlite.prepare(connection, explain, &prepared) != DB_OK) {
        fail_msg("statement %d: %s", number, db_sqlite.message(connection));
    }
    while (db_sqlite.step(prepared) == DB_ROW) {
        const char *step = db_sqlite.column_text(prepared, DETAIL).at;
        bool reads_all = strncmp(step, "SCAN ", 5) == 0 && strcmp(step, "SCAN CONSTANT ROW") != 0;
        /* The device tokens of a user are a hundred at most, and listed in another order than that
         * of their numbers. */
        bool sorts = strstr(step, "TEMP B-TREE") != NULL && number != DB_TOKEN_LIST;
        if (reads_all || sorts || strstr(step, "AUTOMATIC") != NULL) {
            fail_msg("statement %d: %s\nplan: %s", number, sql, step);
        }
    }
    db_sqlite.finalize(prepared);
}

static void no_statement_reads_a_whole_table_or_sorts(void **state)
{
    (void)state;
    struct db_connection *connection = open_database();
    for (int i = 0; i < DB_STATEMENT_COUNT; i++) {
        look_at_plan(connection, i);
    }
    db_sqlite.close(connection);
}

/* The programs that are asked most have no way to a password hash, whatever is wrong with them. */
static void data_and_health_may_not_read_password_hashes(void **state)
{
    (void)state;
    const struct program *const programs[2] = {&data_program, &health_program};
    for (size_t i = 0; i < 2; i++) {
        const struct db_role *role = programs[i]->store_role;
        for (size_t j = 0; j < role->count; j++) {
            assert_null(strstr(db_statement_sql(role->may_run[j]), "password_hash"));
        }
    }
}

const struct CMUnitTest statement_tests[] = {
    cmocka_unit_test_setup(every_statement_is_prepared, world_reset),
    cmocka_unit_test_setup(no_statement_reads_a_whole_table_or_sorts, world_reset),
    cmocka_unit_test_setup(data_and_health_may_not_read_password_hashes, world_reset),
};
const size_t statement_test_count = sizeof statement_tests / sizeof *statement_tests;
