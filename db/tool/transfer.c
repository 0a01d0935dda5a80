/*
 * transfer.c - the tables that export writes and import reads, and what a row of each may hold.
 *
 * store_id is left out, since every store has its own, and so is throttling, which is over in
 * minutes.
 */
#include "db/tool/transfer.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/identity/password.h"
#include "common/identity/token.h"
#include "common/json/json.h"
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
/* What a number of JSON is exact for, and what versions_renew goes on to at the most. */
#define VERSION_MOST ((INT64_C(1) << 53) - 1)

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

/* base64url, as digest.h makes it. */
static const char *digest_fault(struct text text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bool good = text.size == DIGEST_TEXT_SIZE - 1;
    for (size_t i = 0; good && i < text.size; i++) {
        good = memchr(letters, text.at[i], sizeof letters - 1) != NULL;
    }
    return good ? NULL : "is no digest";
}

/* Of a code for a lost password it is empty: token_fault. */
static const char *token_name_fault(struct text text)
{
    return text_has_control(text)                       ? "must not have control characters"
           : text_characters(text) > TOKEN_NAME_MAXIMUM ? "is too long"
                                                        : NULL;
}

/* Whether ENTRY is `;id=expiry`, as accounts.c makes the list of ended tokens. */
static bool is_revoked_entry(struct text entry)
{
    const char *equals = entry.at[0] == ';' ? memchr(entry.at, '=', entry.size) : NULL;
    if (equals == NULL || equals - entry.at - 1 < 1 ||
        equals - entry.at - 1 > REVOKED_NAME_MAXIMUM) {
        return false;
    }
    const struct text expiry = {.at = equals + 1,
                                .size = entry.size - (size_t)(equals + 1 - entry.at)};
    int64_t moment;
    bool over;
    return text_to_int64(expiry, INT64_MAX, &over, &moment);
}

static const char *revoked_fault(struct text list)
{
    for (size_t at = 0; at < list.size;) {
        const char *next = memchr(list.at + at + 1, ';', list.size - at - 1);
        size_t end = next != NULL ? (size_t)(next - list.at) : list.size;
        if (!is_revoked_entry((struct text){.at = list.at + at, .size = end - at})) {
            return "is no list of ended tokens";
        }
        at = end;
    }
    return NULL;
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

/* What db/model/audit.c is given to keep. */
static const char *event_value_fault(struct text text)
{
    return json_value_fault(text) == NULL && text.at[0] == '{' ? NULL : "is no JSON object";
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
    INTEGER("version", 0, VERSION_MOST),
    INTEGER("created_at", 0, TIME_MOST),
    INTEGER("updated_at", 0, TIME_MOST),
    INTEGER("disabled", 0, 1),
    TEXT("revoked", revoked_fault),
    INTEGER("keys", 0, COUNT_MOST),
    INTEGER("bytes", 0, COUNT_MOST),
    INTEGER("tombstones", 0, COUNT_MOST),
    INTEGER("horizon", 0, VERSION_MOST),
    INTEGER("next_expiry", 0, TIME_MOST),
    INTEGER_OR_NULL("max_keys", ITEM_QUOTA_NONE, COUNT_MOST),
    INTEGER_OR_NULL("max_bytes", ITEM_QUOTA_NONE, COUNT_MOST),
};

/* A tombstone has no value: value_text is "". */
static const struct transfer_column items[] = {
    INTEGER("user_id", 1, USER_ID_MOST),
    TEXT("key", item_key_fault),
    INTEGER("version", 1, VERSION_MOST),
    INTEGER("size", 0, COUNT_MOST),
    INTEGER("created_at", 0, TIME_MOST),
    INTEGER("updated_at", 0, TIME_MOST),
    INTEGER_OR_NULL("expires_at", -VERSION_MOST, TIME_MOST),
    {"value", TRANSFER_JSON, false, 0, 0, NULL},
};

static const struct transfer_column tokens[] = {
    INTEGER("id", DEVICE_NUMBER_MAXIMUM, (USER_ID_MOST + 1) * DEVICE_NUMBER_MAXIMUM - 1),
    TEXT("hash", digest_fault),
    TEXT("name", token_name_fault),
    INTEGER("writes", 0, 1),
    TEXT("prefix", item_prefix_fault),
    INTEGER("created_at", 0, TIME_MOST),
    INTEGER_OR_NULL("expires_at", 1, TIME_MOST),
    INTEGER_OR_NULL("used_at", 0, TIME_MOST),
};

static const struct transfer_column events[] = {
    TEXT("name", event_fault),
    TEXT("value", event_value_fault),
};

static const struct transfer_column meta[] = {
    TEXT("name", NULL),
    TEXT("value", NULL),
};

static const struct transfer_column throttle[] = {
    INTEGER("id", INT64_MIN, INT64_MAX),
    INTEGER("count", 0, COUNT_MOST),
    INTEGER("until", 0, TIME_MOST),
};

/* ---- rows ----------------------------------------------------------------------------------- */

static const char not_valid[] = "is missing or not valid";

/* NOT_VALID with the reason WHY. */
static const char *refused(struct arena *arena, const char *why)
{
    const char *text = why != NULL ? arena_printf(arena, "%s: %s", not_valid, why) : NULL;
    return text != NULL ? text : not_valid;
}

static const char *text_fault(const struct transfer_column *column, struct text text)
{
    if (text_characters(text) == SIZE_MAX) {
        return "must be UTF-8";
    }
    if (memchr(text.at, '\0', text.size) != NULL) {
        return "must not have a NUL character";
    }
    return column->fault != NULL ? column->fault(text) : NULL;
}

/* BEFORE is the value of the column before it. */
static const char *column_fault(struct arena *arena, const struct transfer_column *column,
                                const struct transfer_value *value,
                                const struct transfer_value *before)
{
    const char *why = NULL;
    const char *lower;
    if (value->null) {
        return column->may_be_null ? NULL : not_valid;
    }
    switch (column->kind) {
    case TRANSFER_INTEGER:
        return value->integer >= column->least && value->integer <= column->most
                   ? NULL
                   : refused(arena, arena_printf(arena, "must be from %" PRId64 " to %" PRId64,
                                                 column->least, column->most));
    case TRANSFER_TEXT:
        why = text_fault(column, value->text);
        break;
    case TRANSFER_LOWER:
        lower = text_lower(arena, before->text);
        why = lower != NULL && text_equal(value->text, text_of(lower))
                  ? NULL
                  : "must be the column before it in lower case";
        break;
    case TRANSFER_JSON:
    default:
        break; /* item_fault, as of a deleted item there is none */
    }
    return why != NULL ? refused(arena, why) : NULL;
}

/* The end is a moment, or minus the version, which marks what is left of a deleted item; that has
 * no value, and every other has one; the size is that of the value. */
static const char *item_fault(struct arena *arena, const struct transfer_value *row,
                              const char **column)
{
    const struct transfer_value *ends = &row[ITEM_EXPIRES_AT];
    const struct text value = row[ITEM_VALUE].text;
    bool deleted = !ends->null && ends->integer <= 0;
    *column = "expires_at";
    if (deleted && ends->integer != -row[ITEM_VERSION].integer) {
        return "is neither a moment nor that of a deleted item";
    }
    *column = "value";
    const char *why = !deleted         ? json_value_fault(value)
                      : value.size > 0 ? "of a deleted item must be empty"
                                       : NULL;
    if (why != NULL) {
        return refused(arena, why);
    }
    *column = "size";
    return (uint64_t)row[ITEM_SIZE].integer == value.size
               ? NULL
               : "is not the number of bytes of the value";
}

/* Number 0 of a user's is the code for a lost password, which allows nothing else and ends. */
static const char *token_fault(struct arena *arena, const struct transfer_value *row,
                               const char **column)
{
    bool code = row[TOKEN_ID].integer % DEVICE_NUMBER_MAXIMUM == 0;
    *column = "name";
    if (code != (row[TOKEN_NAME].text.size == 0)) {
        return refused(arena, code ? "of a code for a lost password must be empty" : "is empty");
    }
    *column = "writes";
    if (code && row[TOKEN_WRITES].integer != 0) {
        return refused(arena, "of a code for a lost password must be 0");
    }
    *column = "prefix";
    if (code && row[TOKEN_PREFIX].text.size > 0) {
        return refused(arena, "of a code for a lost password must be empty");
    }
    *column = "expires_at";
    return code && row[TOKEN_EXPIRES_AT].null
               ? refused(arena, "of a code for a lost password must be a moment")
               : NULL;
}

/* The name of the store, which "cubby init" gives, or a security event. */
static const char *meta_fault(struct arena *arena, const struct transfer_value *row,
                              const char **column)
{
    enum { STORE_ID_SIZE = 32 };
    const struct text value = row[META_VALUE].text;
    bool is_store = text_equal(row[META_NAME].text, text_of("store_id"));
    *column = "name";
    const char *why = is_store ? NULL : event_fault(row[META_NAME].text);
    if (why == NULL) {
        *column = "value";
        why = !is_store                                                 ? event_value_fault(value)
              : value.size == STORE_ID_SIZE && !text_has_control(value) ? NULL
                                                                        : "is no name of a store";
    }
    return why != NULL ? refused(arena, why) : NULL;
}

const char *transfer_fault(struct arena *arena, const struct transfer_table *table,
                           const struct transfer_value *row, const char **column)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *fault =
            column_fault(arena, &table->columns[i], &row[i], &row[i > 0 ? i - 1 : 0]);
        if (fault != NULL) {
            *column = table->columns[i].name;
            return fault;
        }
    }
    return table->fault != NULL ? table->fault(arena, row, column) : NULL;
}

/* ---- the tables ----------------------------------------------------------------------------- */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

const struct transfer_table transfer_tables[TRANSFER_TABLE_COUNT] = {
    {"user", ADMIN_USERS_READ, ADMIN_USERS_WRITE, users, COUNT(users), NULL},
    {"item", ADMIN_ITEMS_READ, ADMIN_ITEMS_WRITE, items, COUNT(items), item_fault},
    {"token", ADMIN_TOKENS_READ, ADMIN_TOKENS_WRITE, tokens, COUNT(tokens), token_fault},
    {"event", ADMIN_EVENTS_READ, ADMIN_EVENTS_WRITE, events, COUNT(events), NULL},
};

const struct transfer_table transfer_meta = {"meta", ADMIN_COPY_META_READ, ADMIN_COPY_META_WRITE,
                                             meta,   COUNT(meta),          meta_fault};

const struct transfer_table transfer_throttle = {
    "throttle", ADMIN_COPY_THROTTLE_READ, ADMIN_COPY_THROTTLE_WRITE,
    throttle,   COUNT(throttle),          NULL};

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
