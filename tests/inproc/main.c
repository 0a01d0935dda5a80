/*
 * main.c - runs the in-process tests; with an argument those whose name fits it (* and ? are wild).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

/* NOLINTBEGIN(*reserved-identifier,cert-dcl*): the sanitizers' own names */

/* What a sanitizer finds must not look like a failed test. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
           "allocator_may_return_null=1:malloc_context_size=8";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "exitcode=99:print_stacktrace=1";
}

/* NOLINTEND(*reserved-identifier,cert-dcl*) */

enum { TESTS_MAXIMUM = 256 };

static struct CMUnitTest tests[TESTS_MAXIMUM];
static size_t count;

static void add(const struct CMUnitTest *more, size_t more_count)
{
    if (count + more_count > TESTS_MAXIMUM) {
        abort();
    }
    memcpy(tests + count, more, more_count * sizeof *more);
    count += more_count;
}

int main(int argc, char **argv)
{
    /* First: each of its processes is forked with the page tables of all memory that was used
     * before. */
    add(pair_tests, pair_test_count);
    add(text_tests, text_test_count);
    add(name_tests, name_test_count);
    add(heap_tests, heap_test_count);
    add(json_tests, json_test_count);
    add(config_tests, config_test_count);
    add(field_tests, field_test_count);
    add(statement_tests, statement_test_count);
    add(call_tests, call_test_count);
    add(token_tests, token_test_count);
    add(hash_tests, hash_test_count);
    add(finish_tests, finish_test_count);
    add(state_tests, state_test_count);
    add(fault_tests, fault_test_count);
    add(patch_tests, patch_test_count);
    add(mutation_tests, mutation_test_count);
    add(write_queue_tests, write_queue_test_count);
    add(turn_tests, turn_test_count);
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return _cmocka_run_group_tests("in process", tests, count, world_setup, world_teardown) == 0
               ? 0
               : 1;
}
