/*
 * throttle.h - limits on how often something may happen within a time. It is counted in the
 * database, because a program lives for one request only.
 *
 * A window starts with the first event and has a fixed length; the next event after its end starts
 * a new one, as does one after the clock was set back by more than an hour. What is counted is
 * identified by a number, which is a digest: no name or address is stored.
 */
#ifndef CUBBY_DB_MODEL_THROTTLE_H
#define CUBBY_DB_MODEL_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "db/engine/db.h"

struct throttle {
    int64_t id;
    int64_t user_id; /* whose account it is that events are counted for; 0: of nobody */
    int64_t limit;   /* events in a window; 0: no limit, nothing is counted */
    int64_t window;  /* milliseconds */
};

/* The number that identifies WHO among those counted for KIND ("login:user", "register"). False
 * when memory is out. */
bool throttle_id(struct arena *arena, const char *kind, struct text who, int64_t *out);

/* ERR_TOO_MANY_ATTEMPTS when the limit is reached; *UNTIL is then the end of the window. Counts
 * nothing. */
enum error_code throttle_check(struct db *db, const struct throttle *throttle, int64_t now_ms,
                               int64_t *until);

/* Counts one event in the request's transaction; none for an account that is gone.
 * ERR_TOO_MANY_ATTEMPTS as above when it exceeds the limit; rolling the transaction back takes the
 * count back too. */
enum error_code throttle_count(struct db *db, const struct throttle *throttle, int64_t now_ms,
                               int64_t *until);

/* Takes back one event that was counted. */
enum error_code throttle_give_back(struct db *db, const struct throttle *throttle);

/* Forgets all events. */
enum error_code throttle_clear(struct db *db, const struct throttle *throttle);

/* Deletes windows that have ended, among the next few from the number FROM on. */
enum error_code throttle_sweep(struct db *db, int64_t from, int64_t now_ms);

#endif
