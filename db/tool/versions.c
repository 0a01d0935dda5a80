/*
 * versions.c - which versions the accounts of a backup go on from.
 */
#include "db/tool/versions.h"

/* Nobody writes more often. */
enum { VERSIONS_PER_MS = 1024 };

/* A clock that says less, as on a board that has none, is wrong, and says the same after each
 * start: 2024, before the first version of cubby. */
#define TIME_LEAST INT64_C(1704067200000)
#define TIME_MOST (INT64_C(1) << 42) /* the year 2109 */
/* Versions stay below this, as far as JSON numbers are exact. */
#define VERSION_END (INT64_C(1) << 53)

int64_t versions_distance(const unsigned char random[VERSIONS_BYTES])
{
    int64_t distance = 1;
    for (size_t i = 0; i < VERSIONS_BYTES; i++) {
        distance = distance << 8 | random[i];
    }
    return distance;
}

enum db_class versions_renew(struct db_connection *draft, int64_t now_ms, int64_t distance)
{
    bool sane = now_ms >= TIME_LEAST && now_ms < TIME_MOST;
    const struct db_value values[] = {db_integer(sane ? now_ms * VERSIONS_PER_MS : 0),
                                      db_integer(distance)};
    return admin_run(draft, ADMIN_NEW_VERSIONS, values, 2, NULL);
}

enum db_class versions_pass(struct db_connection *draft, struct db_connection *present,
                            int64_t distance)
{
    int64_t highest = 0;
    enum db_class class = admin_run(present, ADMIN_HIGHEST_VERSION, NULL, 0, &highest);
    if (class != DB_OK || highest >= VERSION_END - 2 * distance) {
        return class; /* what is that far is none that a write took */
    }
    const struct db_value values[] = {db_integer(highest), db_integer(distance)};
    return admin_run(draft, ADMIN_PASS_VERSIONS, values, 2, NULL);
}
