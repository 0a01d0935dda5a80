/*
 * suites.h - the tests that main runs, one table a file.
 */
#ifndef CUBBY_TESTS_INPROC_SUITES_H
#define CUBBY_TESTS_INPROC_SUITES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* Of numbers that are longer than a library may read. */
#define ZEROS_20 "00000000000000000000"
#define ZEROS_80 ZEROS_20 ZEROS_20 ZEROS_20 ZEROS_20

extern const struct CMUnitTest call_tests[];
extern const size_t call_test_count;
extern const struct CMUnitTest fault_tests[];
extern const size_t fault_test_count;
extern const struct CMUnitTest finish_tests[];
extern const size_t finish_test_count;
extern const struct CMUnitTest hash_tests[];
extern const size_t hash_test_count;
extern const struct CMUnitTest state_tests[];
extern const size_t state_test_count;
extern const struct CMUnitTest pair_tests[];
extern const size_t pair_test_count;
extern const struct CMUnitTest token_tests[];
extern const size_t token_test_count;
extern const struct CMUnitTest text_tests[];
extern const size_t text_test_count;
extern const struct CMUnitTest heap_tests[];
extern const size_t heap_test_count;
extern const struct CMUnitTest json_tests[];
extern const size_t json_test_count;
extern const struct CMUnitTest config_tests[];
extern const size_t config_test_count;
extern const struct CMUnitTest field_tests[];
extern const size_t field_test_count;
extern const struct CMUnitTest statement_tests[];
extern const size_t statement_test_count;
extern const struct CMUnitTest patch_tests[];
extern const size_t patch_test_count;
extern const struct CMUnitTest mutation_tests[];
extern const size_t mutation_test_count;
extern const struct CMUnitTest name_tests[];
extern const size_t name_test_count;
extern const struct CMUnitTest write_queue_tests[];
extern const size_t write_queue_test_count;
extern const struct CMUnitTest turn_tests[];
extern const size_t turn_test_count;

#endif
