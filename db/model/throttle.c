/*
 * throttle.c - limits on how often something may happen within a time.
 */
#include "db/model/throttle.h"

#include "common/base/digest.h"

bool throttle_id(struct arena *arena, const char *kind, struct text who, int64_t *out)
{
    const char *text = arena_printf(arena, "%s:%.*s", kind, (int)who.size, who.at);
    return text != NULL && digest_number(text_of(text), out);
}

/* The latest end that a window can have at NOW_MS. One with a later end was started before the
 * clock was set back, or before a setting made windows shorter, and would last until the clock gets
 * there again. The tolerance is more than the time by which requests overtake each other. */
static int64_t latest_end(const struct throttle *throttle, int64_t now_ms)
{
    static const int64_t tolerance_ms = INT64_C(3600) * 1000;
    return now_ms + throttle->window + tolerance_ms;
}

enum error_code throttle_check(struct db *db, const struct throttle *throttle, int64_t now_ms,
                               int64_t *until)
{
    if (throttle->limit == 0) {
        return ERR_NONE;
    }
    const struct db_value values[] = {db_integer(throttle->id), db_integer(now_ms),
                                      db_integer(latest_end(throttle, now_ms))};
    bool found;
    enum error_code error = db_run(db, DB_THROTTLE_READ, values, 3, &found);
    if (error != ERR_NONE || !found ||
        db_column_integer(db, DB_THROTTLE_READ, 0) < throttle->limit) {
        return error;
    }
    *until = db_column_integer(db, DB_THROTTLE_READ, 1);
    return ERR_TOO_MANY_ATTEMPTS;
}

enum error_code throttle_count(struct db *db, const struct throttle *throttle, int64_t now_ms,
                               int64_t *until)
{
    if (throttle->limit == 0) {
        return ERR_NONE;
    }
    enum error_code error = db_begin(db);
    if (error != ERR_NONE) {
        return error;
    }
    const struct db_value values[] = {
        db_integer(throttle->id), db_integer(now_ms), db_integer(latest_end(throttle, now_ms)),
        db_integer(now_ms + throttle->window), db_integer(throttle->user_id)};
    bool found;
    error = db_run(db, DB_THROTTLE_COUNT, values, 5, &found);
    if (error != ERR_NONE || !found ||
        db_column_integer(db, DB_THROTTLE_COUNT, 0) <= throttle->limit) {
        return error;
    }
    *until = db_column_integer(db, DB_THROTTLE_COUNT, 1);
    return ERR_TOO_MANY_ATTEMPTS;
}

static enum error_code change(struct db *db, enum db_statement statement,
                              const struct throttle *throttle)
{
    enum error_code error = throttle->limit != 0 ? db_begin(db) : ERR_NONE;
    if (error != ERR_NONE || throttle->limit == 0) {
        return error;
    }
    const struct db_value values[] = {db_integer(throttle->id)};
    bool found;
    return db_run(db, statement, values, 1, &found);
}

enum error_code throttle_give_back(struct db *db, const struct throttle *throttle)
{
    return change(db, DB_THROTTLE_GIVE_BACK, throttle);
}

enum error_code throttle_clear(struct db *db, const struct throttle *throttle)
{
    return change(db, DB_THROTTLE_CLEAR, throttle);
}

enum error_code throttle_sweep(struct db *db, int64_t from, int64_t now_ms)
{
    const struct db_value values[] = {db_integer(from), db_integer(now_ms)};
    bool found;
    return db_run(db, DB_THROTTLE_SWEEP, values, 2, &found);
}
