/*
 * versions.h - which versions the accounts of a backup go on from after restoring it. No version
 * may name another value than before, which a client that holds an ETag would take for its own.
 */
#ifndef CUBBY_DB_TOOL_VERSIONS_H
#define CUBBY_DB_TOOL_VERSIONS_H

#include "db/tool/admin.h"

/* How many random bytes versions_distance takes. */
enum { VERSIONS_BYTES = 5 };

/* A distance that RANDOM makes, from 2^40 to below 2^41. */
int64_t versions_distance(const unsigned char random[VERSIONS_BYTES]);

/* Has the next write of each account of DRAFT take a number that no write had before, however many
 * there were since the backup, by the clock, which says NOW_MS, or by DISTANCE. The items keep
 * their versions, since their values are those of then. Who follows the changes from before is told
 * to start anew. */
enum db_class versions_renew(struct db_connection *draft, int64_t now_ms, int64_t distance);

/* Has those accounts of DRAFT whose version is not above each of PRESENT, the database that it
 * takes the place of, go on from there and DISTANCE further. DB_DAMAGED also when PRESENT is. Both
 * must have this version's schema. */
enum db_class versions_pass(struct db_connection *draft, struct db_connection *present,
                            int64_t distance);

#endif
