/*
 * transfer.c - the tables that export writes and import reads.
 *
 * store_id is left out, since every store has its own, and so is throttling, which is over in
 * minutes.
 */
#include "db/tool/transfer.h"

#include <string.h>

#include "common/base/digest.h"
#include "common/identity/password.h"
#include "db/model/items.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

#define INTEGER(name, least, most)                                                                 \
    {                                                                                              \
        (name), TRANSFER_INTEGER, false, (least), (most), NULL                                     \
    }
#define INTEGER_OR_NULL(name, least, most)                                                         \
    {                                                                                              \
        (name), TRANSFER_INTEGER, true, (least), (most), NULL                                      \
    }
#define TEXT(name, fault)                                                                          \
    {                                                                                              \
        (name), TRANSFER_TEXT, false, 0, 0, (fault)                                                \
    }
#define LOWER(name)                                                                                \
    {                                                                                              \
        (name), TRANSFER_LOWER, false, 0, 0, NULL                                                  \
    }

#define USER_ID_MOST (INT64_MAX / DEVICE_NUMBER_MAXIMUM - 2)
#define TIME_MOST INT64_C(253402300799999) /* the end of the year 9999 */
#define COUNT_MOST (INT64_MAX / 4)         /* sums of a few do not overflow */

const int64_t transfer_user_id_most = USER_ID_MOST;

static const char *length_fault(struct text text, size_t most)
{
    size_t characters = text_characters(text);
    return characters == 0 ? "is empty" : characters > most ? "is too long" : NULL;
}

static const char *username_fault(struct text text)
{
    const char *fault = length_fault(text, 64);
    return fault != NULL ? fault : user_name_fault(text);
}

static const char *full_name_fault(struct text text)
{
    return length_fault(text, 120);
}

static const char *gender_fault(struct text text)
{
    return length_fault(text, 32);
}

static const char *digest_fault(struct text text)
{
    return text.size == DIGEST_TEXT_SIZE - 1 && !text_has_control(text) ? NULL : "is no digest";
}

/* The names of security events are those that db/model/audit.c makes. The first digit must be 0,
 * which leaves room for later events. */
static const char *event_fault(struct text text)
{
    static const char start[] = "audit/0";
    enum { START_SIZE = sizeof start - 1, NAME_SIZE = 24 };
    bool good = text.size == NAME_SIZE && memcmp(text.at, start, START_SIZE) == 0;
    for (size_t i = START_SIZE; good && i < text.size; i++) {
        good = text.at[i] >= '0' && text.at[i] <= '9';
    }
    return good ? NULL : "is no event";
}

static const struct transfer_column users[] = {
    INTEGER("id", 1, USER_ID_MOST),
    TEXT("username", username_fault),
    LOWER("username_key"),
    TEXT("email", user_email_fault),
    LOWER("email_key"),
    TEXT("full_name", full_name_fault),
    INTEGER("age", 1, 150),
    TEXT("gender", gender_fault),
    TEXT("password_hash", password_hash_fault),
    INTEGER("epoch", 0, COUNT_MOST),
    INTEGER("version", 0, COUNT_MOST),
    INTEGER("created_at", 0, TIME_MOST),
    INTEGER("updated_at", 0, TIME_MOST),
    INTEGER("disabled", 0, 1),
    TEXT("revoked", NULL),
    INTEGER("keys", 0, COUNT_MOST),
    INTEGER("bytes", 0, COUNT_MOST),
    INTEGER("tombstones", 0, COUNT_MOST),
    INTEGER("horizon", 0, COUNT_MOST),
    INTEGER("next_expiry", 0, TIME_MOST),
    INTEGER_OR_NULL("max_keys", ITEM_QUOTA_NONE, COUNT_MOST),
    INTEGER_OR_NULL("max_bytes", ITEM_QUOTA_NONE, COUNT_MOST),
};

/* A tombstone has no value: value_text is "". */
static const struct transfer_column items[] = {
    INTEGER("user_id", 1, USER_ID_MOST),
    TEXT("key", item_key_fault),
    INTEGER("version", 1, COUNT_MOST),
    INTEGER("size", 0, COUNT_MOST),
    INTEGER("created_at", 0, TIME_MOST),
    INTEGER("updated_at", 0, TIME_MOST),
    INTEGER_OR_NULL("expires_at", -COUNT_MOST, TIME_MOST),
    {"value", TRANSFER_JSON, false, 0, 0, NULL},
};

static const struct transfer_column tokens[] = {
    INTEGER("id", DEVICE_NUMBER_MAXIMUM, (USER_ID_MOST + 1) * DEVICE_NUMBER_MAXIMUM - 1),
    TEXT("hash", digest_fault),
    TEXT("name", NULL),
    INTEGER("writes", 0, 1),
    TEXT("prefix", item_prefix_fault),
    INTEGER("created_at", 0, TIME_MOST),
    INTEGER_OR_NULL("expires_at", 0, TIME_MOST),
    INTEGER_OR_NULL("used_at", 0, TIME_MOST),
};

static const struct transfer_column events[] = {
    TEXT("name", event_fault),
    TEXT("value", NULL),
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

const struct transfer_table transfer_tables[TRANSFER_TABLE_COUNT] = {
    {"user", ADMIN_USERS_READ, ADMIN_USERS_WRITE, users, COUNT(users)},
    {"item", ADMIN_ITEMS_READ, ADMIN_ITEMS_WRITE, items, COUNT(items)},
    {"token", ADMIN_TOKENS_READ, ADMIN_TOKENS_WRITE, tokens, COUNT(tokens)},
    {"event", ADMIN_EVENTS_READ, ADMIN_EVENTS_WRITE, events, COUNT(events)},
};

void transfer_add_counts(struct tool *tool, cJSON *object,
                         const int64_t counts[TRANSFER_TABLE_COUNT])
{
    for (size_t i = 0; i < TRANSFER_TABLE_COUNT; i++) {
        const char *name = arena_printf(&tool->scratch, "%ss", transfer_tables[i].type);
        if (name != NULL) {
            json_add(object, name, json_new_integer(&tool->scratch, counts[i]));
        }
    }
}
