/*
 * postgresql_hosts.c - what a process knows of the servers that the setting names, from one
 * connection to the next.
 *
 * libpq goes through several hosts from the first one on, each time anew, and waits connect_timeout
 * for each that is silent. So the one that led last is put first, as long as the process lives.
 *
 * A server that lets everybody wait is asked by one request at a time and process, and the others
 * queue for the process. Each of them would wait as long as the first: so for a moment after an
 * attempt that took long, nobody tries again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "db/engine/postgresql_connection.h"

/* An attempt that failed after more milliseconds than the first makes the others wait for as long
 * as the second: those who came meanwhile are answered in it. */
enum { LONG_MS = 1000, QUIET_MS = 1000 };

/* The options of libpq that have an entry for each host. */
enum { LIST_COUNT = POSTGRESQL_HOST_LISTS };

const char *const postgresql_host_lists[LIST_COUNT] = {"host", "hostaddr", "port"};

static struct {
    char *database; /* the setting that this is about; NULL: nothing is known */
    char *lists[LIST_COUNT];
    int64_t quiet_until;
} known;

static bool is_known(const char *database)
{
    return known.database != NULL && strcmp(known.database, database) == 0;
}

static void forget(void)
{
    for (size_t i = 0; i < LIST_COUNT; i++) {
        free(known.lists[i]);
        known.lists[i] = NULL;
    }
    free(known.database);
    known.database = NULL;
    known.quiet_until = 0;
}

/* Whether something may be noted of DATABASE. */
static bool know(const char *database)
{
    if (!is_known(database)) {
        forget();
        known.database = strdup(database);
    }
    return known.database != NULL;
}

/* ---- servers that let everybody wait */

bool postgresql_is_quiet(const char *database)
{
    return is_known(database) && monotonic_ms() < known.quiet_until;
}

void postgresql_note_failure(const char *database, int64_t since)
{
    int64_t now = monotonic_ms();
    if (now - since >= LONG_MS && know(database)) {
        known.quiet_until = now + QUIET_MS;
    }
}

/* ---- the host that leads */

const char *postgresql_host_list(const char *database, size_t list)
{
    return is_known(database) ? known.lists[list] : NULL;
}

static size_t count_entries(const char *list)
{
    size_t count = 1;
    for (; *list != '\0'; list++) {
        count += *list == ',' ? 1 : 0;
    }
    return count;
}

static struct text entry(const char *list, size_t number)
{
    for (; number > 0; number--) {
        list += strcspn(list, ",") + 1;
    }
    return (struct text){.at = list, .size = strcspn(list, ",")};
}

/* Whether the entry with NUMBER of LIST may be VALUE: one that is not there may. */
static bool may_be(const char *list, size_t number, const char *value)
{
    if (list == NULL || value == NULL) {
        return true;
    }
    struct text text = entry(list, count_entries(list) > 1 ? number : 0);
    return text.size == 0 || text_equal(text, text_of(value));
}

/* Of COUNT hosts the number of that which HANDLE is connected to; COUNT: it can't be told. */
static size_t find_leader(const PGconn *handle, const char *const *lists, size_t count)
{
    const char *const values[] = {PQhost(handle), PQhostaddr(handle), PQport(handle)};
    for (size_t number = 0; number < count; number++) {
        bool fits = true;
        for (size_t i = 0; i < LIST_COUNT; i++) {
            fits = fits && may_be(lists[i], number, values[i]);
        }
        if (fits) {
            return number;
        }
    }
    return count;
}

/* LIST with the entry of that NUMBER first; NULL when memory is out. */
static char *with_first(const char *list, size_t number)
{
    struct text first = entry(list, number);
    size_t before = (size_t)(first.at - list);
    size_t room = strlen(list) + 2;
    char *text = malloc(room);
    if (text != NULL) {
        (void)snprintf(text, room, "%.*s,%.*s%s", (int)first.size, first.at,
                       before > 0 ? (int)before - 1 : 0, list, first.at + first.size);
    }
    return text;
}

/* Without memory what is known stays incomplete, and is forgotten. */
static void put_first(const char *const *lists, size_t number)
{
    bool good = true;
    for (size_t i = 0; i < LIST_COUNT; i++) {
        free(known.lists[i]);
        known.lists[i] = NULL;
        if (lists[i] != NULL && count_entries(lists[i]) > 1) {
            known.lists[i] = with_first(lists[i], number);
            good = good && known.lists[i] != NULL;
        }
    }
    if (!good) {
        forget();
    }
}

void postgresql_note_leader(const char *database, PGconn *handle)
{
    PQconninfoOption *options = PQconninfo(handle);
    const char *lists[LIST_COUNT] = {NULL};
    size_t count = 0;
    for (const PQconninfoOption *at = options; at != NULL && at->keyword != NULL; at++) {
        for (size_t i = 0; i < LIST_COUNT; i++) {
            if (at->val != NULL && strcmp(at->keyword, postgresql_host_lists[i]) == 0) {
                lists[i] = at->val;
                count = count_entries(at->val) > count ? count_entries(at->val) : count;
            }
        }
    }
    size_t leader = find_leader(handle, lists, count);
    if (leader > 0 && leader < count && know(database)) {
        put_first(lists, leader);
    }
    PQconninfoFree(options);
}
