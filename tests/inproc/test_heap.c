/*
 * test_heap.c - the malloc of the static programs, under other names beside that of the sanitizer.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/heap.h"
#include "tests/inproc/memory.h"
#include "tests/inproc/suites.h"

void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
void *heap_realloc(void *piece, size_t size);
void heap_free(void *piece);
size_t heap_malloc_usable_size(void *piece);

static uint64_t random_state;

static size_t draw(size_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (size_t)(random_state >> 33) % below;
}

/* Mostly small, some around the limit of the lists, some mappings of their own. */
static size_t draw_size(void)
{
    static const size_t ranges[] = {64, 64, 512, 512, 4096, 20000, 140000, 1000000};
    return draw(ranges[draw(8)]);
}

struct held {
    unsigned char *piece;
    size_t size;
    unsigned char fill;
};

static void check_held(const struct held *held)
{
    assert_int_equal((uintptr_t)held->piece % 16, 0);
    assert_true(heap_malloc_usable_size(held->piece) >= held->size);
    for (size_t i = 0; i < held->size; i++) {
        if (held->piece[i] != held->fill) {
            fail_msg("byte %zu of %zu was overwritten", i, held->size);
        }
    }
}

static void fill_held(struct held *held)
{
    held->fill = (unsigned char)(1 + draw(255));
    memset(held->piece, held->fill, held->size);
}

static void take_piece(struct held *held)
{
    held->size = draw_size();
    if (draw(2) == 0) {
        held->piece = heap_calloc(1, held->size);
        assert_non_null(held->piece);
        held->fill = 0;
        check_held(held);
    } else {
        held->piece = heap_malloc(held->size);
        assert_non_null(held->piece);
    }
    fill_held(held);
}

static void resize_piece(struct held *held)
{
    size_t size = draw_size();
    struct held kept = *held;
    kept.piece = heap_realloc(held->piece, size);
    assert_non_null(kept.piece);
    kept.size = size < held->size ? size : held->size;
    check_held(&kept);
    held->piece = kept.piece;
    held->size = size;
    fill_held(held);
}

static void pieces_never_touch_each_other(void **state)
{
    (void)state;
    enum { PIECES = 100, STEPS = 30000 };
    static struct held held[PIECES];
    random_state = 5;
    for (int step = 0; step < STEPS; step++) {
        struct held *one = &held[draw(PIECES)];
        if (one->piece == NULL) {
            take_piece(one);
        } else if (draw(3) == 0) {
            resize_piece(one);
        } else {
            check_held(one);
            heap_free(one->piece);
            one->piece = NULL;
        }
    }
    for (size_t i = 0; i < PIECES; i++) {
        if (held[i].piece != NULL) {
            check_held(&held[i]);
        }
        heap_free(held[i].piece);
        held[i].piece = NULL;
    }
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    volatile size_t huge = SIZE_MAX;
    char *piece = heap_malloc(10);
    assert_non_null(piece);
    memcpy(piece, "untouched", 10);
    assert_null(heap_malloc(huge));
    assert_int_equal(errno, ENOMEM);
    assert_null(heap_calloc(huge / 2, 3));
    assert_null(heap_calloc(3, huge / 2));
    assert_null(heap_realloc(piece, huge));
    assert_string_equal(piece, "untouched");
    char *large = heap_malloc((size_t)1 << 20);
    assert_non_null(large);
    assert_null(heap_realloc(large, huge));
    heap_free(large);
    heap_free(piece);
    heap_free(NULL);
    void *grown = heap_realloc(NULL, 5);
    assert_non_null(grown);
    heap_free(grown);
}

static void without_memory_of_the_system_it_says_so(void **state)
{
    (void)state;
    memory_fail_at(1, true);
    assert_null(heap_malloc((size_t)1 << 20));
    assert_int_equal(errno, ENOMEM);
    size_t taken = 0;
    enum { BYTES = 1000, MANY = 1000000 };
    void *last = NULL;
    for (void *piece = heap_malloc(BYTES); piece != NULL && taken < MANY;
         piece = heap_malloc(BYTES)) {
        *(void **)piece = last;
        last = piece;
        taken++;
    }
    assert_true(memory_stop());
    assert_true(taken < MANY);
    while (last != NULL) {
        void *next = *(void **)last;
        heap_free(last);
        last = next;
    }
    void *again = heap_malloc(BYTES);
    assert_non_null(again);
    heap_free(again);
}

static void what_is_freed_is_wiped_when_that_is_asked(void **state)
{
    (void)state;
    static const char secret[] = "correct horse battery staple";
    heap_wipe_freed();
    for (size_t size = sizeof secret + 16; size < 50000; size *= 2) {
        char *volatile piece = heap_malloc(size);
        assert_non_null(piece);
        memset(piece, 'x', size);
        memcpy(piece + size - sizeof secret, secret, sizeof secret);
        char *moved = heap_realloc(piece, size * 8); /* which frees what it copied from */
        assert_non_null(moved);
        if (moved != piece) {
            assert_memory_not_equal(piece + size - sizeof secret, secret, sizeof secret);
        }
        heap_free(moved);
        char *again = heap_malloc(size * 8);
        assert_ptr_equal(again, moved);
        assert_memory_not_equal(again + size - sizeof secret, secret, sizeof secret);
        heap_free(again);
    }
}

static void freeing_twice_ends_the_program(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        void *volatile piece = heap_malloc(100);
        heap_free(piece);
        heap_free(piece);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

const struct CMUnitTest heap_tests[] = {
    cmocka_unit_test(pieces_never_touch_each_other),
    cmocka_unit_test(what_is_too_large_is_refused),
    cmocka_unit_test(without_memory_of_the_system_it_says_so),
    cmocka_unit_test(what_is_freed_is_wiped_when_that_is_asked),
    cmocka_unit_test(freeing_twice_ends_the_program),
};
const size_t heap_test_count = sizeof heap_tests / sizeof *heap_tests;
