/*
 * test_write_queue.c - the queue of writers.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/engine/driver.h"
#include "db/engine/write_queue.h"
#include "tests/inproc/suites.h"
#include "tests/inproc/world.h"

static char path[] = "/tmp/cubby-queue.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    int result = unlink(path);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    return result;
}

static void one_at_a_time(void **state)
{
    (void)state;
    struct write_queue first = WRITE_QUEUE_NONE;
    struct write_queue second = WRITE_QUEUE_NONE;
    assert_true(write_queue_enter(&first, path, 0));
    assert_true(write_queue_enter(&first, path, 0)); /* has it */
    assert_false(write_queue_enter(&second, path, 0));
    assert_false(write_queue_enter(&second, path, 30));
    assert_false(second.held);
    write_queue_leave(&second); /* not its own to give */
    assert_false(write_queue_enter(&second, path, 1));
    write_queue_leave(&first);
    assert_true(write_queue_enter(&second, path, 30));
    assert_false(write_queue_enter(&first, path, 0));
    write_queue_close(&second);
    assert_int_equal(second.file, -1);
    assert_true(write_queue_enter(&first, path, 0));
    write_queue_close(&first);
    write_queue_close(&first);
}

static void without_a_file_nobody_waits(void **state)
{
    (void)state;
    struct write_queue queue = WRITE_QUEUE_NONE;
    assert_true(write_queue_enter(&queue, "/nowhere/at/all", 1000));
    assert_false(queue.held);
    write_queue_leave(&queue);
    write_queue_close(&queue);
}

static volatile sig_atomic_t rang;

static void ring(int number)
{
    (void)number;
    rang = 1;
}

/* Also where the caller has the signal blocked: the wait ends in time all the same. */
static void the_alarm_is_put_back(void **state)
{
    (void)state;
    struct sigaction mine = {.sa_handler = ring};
    struct sigaction before;
    assert_int_equal(sigaction(SIGALRM, &mine, &before), 0);
    sigset_t alarm_only;
    sigset_t mask;
    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &alarm_only, &mask), 0);
    const struct itimerval far = {.it_value = {.tv_sec = 1000}};
    assert_int_equal(setitimer(ITIMER_REAL, &far, NULL), 0);

    struct write_queue first = WRITE_QUEUE_NONE;
    struct write_queue second = WRITE_QUEUE_NONE;
    assert_true(write_queue_enter(&first, path, 0));
    assert_false(write_queue_enter(&second, path, 50));
    write_queue_close(&second);
    write_queue_close(&first);

    struct sigaction after;
    assert_int_equal(sigaction(SIGALRM, &before, &after), 0);
    assert_ptr_equal(after.sa_handler, ring);
    struct itimerval timer;
    const struct itimerval none = {0};
    assert_int_equal(setitimer(ITIMER_REAL, &none, &timer), 0);
    assert_true(timer.it_value.tv_sec > 100);
    sigset_t now;
    assert_int_equal(sigprocmask(SIG_SETMASK, &mask, &now), 0);
    assert_true(sigismember(&now, SIGALRM));
    assert_int_equal(rang, 0);
}

/* The place at the head of the queue ends with the process that has it. */
static void a_place_dies_with_its_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct write_queue queue = WRITE_QUEUE_NONE;
        bool taken = write_queue_enter(&queue, path, 0);
        (void)raise(taken ? SIGKILL : SIGTERM);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    struct write_queue queue = WRITE_QUEUE_NONE;
    assert_true(write_queue_enter(&queue, path, 0));
    write_queue_close(&queue);
}

/* Whether this process holds the lock by which SQLite tells others that it reads. */
static bool read_is_locked(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int file = open(path, O_RDWR | O_CLOEXEC);
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
        _exit(fcntl(file, F_GETLK, &lock) == 0 && lock.l_type == F_RDLCK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status == 0;
}

static struct db_connection *connect_to(const char *file)
{
    struct db_connection *connection;
    assert_int_equal(db_sqlite.open(file, true, 1000, &connection), DB_OK);
    return connection;
}

/* Closing any descriptor of a file takes the locks on it from the whole process. */
static void a_connection_that_ends_leaves_the_others_locked(void **state)
{
    (void)state;
    int64_t number;
    size_t files = world_open_files();
    struct db_connection *reader = connect_to(path);
    assert_int_equal(db_sqlite.begin_read(reader), DB_OK);
    assert_int_equal(db_sqlite.schema_number(reader, &number), DB_OK);
    assert_true(read_is_locked());
    for (int i = 0; i < 3; i++) {
        struct db_connection *writer = connect_to(path);
        assert_int_equal(db_sqlite.begin(writer), DB_OK);
        db_sqlite.close(writer);
        assert_true(read_is_locked());
    }
    struct db_connection *next = connect_to(path); /* the places of those that ended are free */
    assert_int_equal(db_sqlite.begin(next), DB_OK);
    db_sqlite.close(next);
    db_sqlite.close(reader);
    assert_int_equal(world_open_files(), files);
}

const struct CMUnitTest write_queue_tests[] = {
    cmocka_unit_test_setup_teardown(one_at_a_time, make_file, remove_file),
    cmocka_unit_test(without_a_file_nobody_waits),
    cmocka_unit_test_setup_teardown(the_alarm_is_put_back, make_file, remove_file),
    cmocka_unit_test_setup_teardown(a_place_dies_with_its_process, make_file, remove_file),
    cmocka_unit_test_setup_teardown(a_connection_that_ends_leaves_the_others_locked, make_file,
                                    remove_file),
};
const size_t write_queue_test_count = sizeof write_queue_tests / sizeof *write_queue_tests;
