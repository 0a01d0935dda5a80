/*
 * transfer.c - the tables that export writes and import reads.
 *
 * What is not among them: store_id, which is the store's own, and throttling, which is over in
 * minutes.
 */
#include "db/tool/transfer.h"

static const struct transfer_column users[] = {
    {"id", TRANSFER_INTEGER, false},         {"username", TRANSFER_TEXT, false},
    {"username_key", TRANSFER_LOWER, false}, {"email", TRANSFER_TEXT, false},
    {"email_key", TRANSFER_LOWER, false},    {"full_name", TRANSFER_TEXT, false},
    {"age", TRANSFER_INTEGER, false},        {"gender", TRANSFER_TEXT, false},
    {"password_hash", TRANSFER_TEXT, false}, {"epoch", TRANSFER_INTEGER, false},
    {"version", TRANSFER_INTEGER, false},    {"created_at", TRANSFER_INTEGER, false},
    {"updated_at", TRANSFER_INTEGER, false}, {"disabled", TRANSFER_INTEGER, false},
    {"revoked", TRANSFER_TEXT, false},       {"keys", TRANSFER_INTEGER, false},
    {"bytes", TRANSFER_INTEGER, false},      {"tombstones", TRANSFER_INTEGER, false},
    {"horizon", TRANSFER_INTEGER, false},    {"next_expiry", TRANSFER_INTEGER, false},
};

/* A tombstone has no value: value_text is "". */
static const struct transfer_column items[] = {
    {"user_id", TRANSFER_INTEGER, false},    {"key", TRANSFER_TEXT, false},
    {"version", TRANSFER_INTEGER, false},    {"size", TRANSFER_INTEGER, false},
    {"created_at", TRANSFER_INTEGER, false}, {"updated_at", TRANSFER_INTEGER, false},
    {"expires_at", TRANSFER_INTEGER, true},  {"value", TRANSFER_JSON, false},
};

static const struct transfer_column tokens[] = {
    {"id", TRANSFER_INTEGER, false},        {"hash", TRANSFER_TEXT, true},
    {"name", TRANSFER_TEXT, true},          {"writes", TRANSFER_INTEGER, true},
    {"prefix", TRANSFER_TEXT, true},        {"created_at", TRANSFER_INTEGER, true},
    {"expires_at", TRANSFER_INTEGER, true}, {"used_at", TRANSFER_INTEGER, true},
};

static const struct transfer_column events[] = {
    {"name", TRANSFER_TEXT, false},
    {"value", TRANSFER_TEXT, false},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

const struct transfer_table transfer_tables[TRANSFER_TABLE_COUNT] = {
    {"user", ADMIN_USERS_READ, ADMIN_USERS_WRITE, users, COUNT(users)},
    {"item", ADMIN_ITEMS_READ, ADMIN_ITEMS_WRITE, items, COUNT(items)},
    {"token", ADMIN_TOKENS_READ, ADMIN_TOKENS_WRITE, tokens, COUNT(tokens)},
    {"event", ADMIN_EVENTS_READ, ADMIN_EVENTS_WRITE, events, COUNT(events)},
};
