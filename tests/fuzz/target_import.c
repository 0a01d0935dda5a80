/*
 * target_import.c - the document that a user imports. An input is the query on one line, and the
 * document.
 *
 * The export that follows must have the items that were there and those that were imported, each
 * under its key with the value to the byte and its times, and no other; the answer must have
 * counted them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/play.h"

enum { ITEMS_MAXIMUM = 4096 };

struct item_row {
    struct text key;
    struct text value;
    int64_t created;
    int64_t updated;
    int64_t expires; /* 0: never */
};

struct rows {
    struct item_row *rows;
    size_t count;
};

static const char *at_first; /* the export before anything is imported */

static const char *export_all(void)
{
    struct tape_request request = {.method = "GET", .path = "/export", .authorization = world_ann};
    return play(&me_program, request)->body;
}

void fuzz_start(void)
{
    play_start();
    at_first = strdup(export_all());
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static const struct text *member(struct text object, const char *name, bool must)
{
    static struct json_object read;
    struct json_fault fault;
    fuzz_check(json_read_document(&fuzz_arena, object, &read, &fault), "no object: %.*s",
               (int)object.size, object.at);
    const struct text *found = json_member(&read, name);
    fuzz_check(found != NULL || !must, "no %s", name);
    return found;
}

static struct text string_member(struct text object, const char *name)
{
    struct text out = {.at = "", .size = 0};
    const struct text *json = member(object, name, false);
    fuzz_check(json == NULL || json_string_decode(&fuzz_arena, *json, &out), "%s is no string",
               name);
    return out;
}

static int64_t time_member(struct text object, const char *name)
{
    int64_t time = 0;
    struct text text = string_member(object, name);
    fuzz_check(text.size == 0 || text_to_time(text, &time), "%s is no time", name);
    return time;
}

static struct item_row read_row(struct text element)
{
    struct item_row row = {.key = string_member(element, "key"),
                           .created = time_member(element, "created_at"),
                           .updated = time_member(element, "updated_at"),
                           .expires = time_member(element, "expires_at")};
    row.value = *member(element, "value", true);
    return row;
}

static struct rows no_rows(void)
{
    struct rows out = {.rows = arena_alloc(&fuzz_arena, ITEMS_MAXIMUM * sizeof *out.rows)};
    fuzz_check(out.rows != NULL, "out of memory");
    return out;
}

/* ---- what must be there -----------------------------------------------------------------------
 */

static void put(struct rows *rows, const struct item_row *row)
{
    size_t i = 0;
    while (i < rows->count && !text_equal(rows->rows[i].key, row->key)) {
        i++;
    }
    fuzz_check(i < ITEMS_MAXIMUM, "more items than this can count");
    rows->rows[i] = *row;
    rows->count += i == rows->count ? 1 : 0;
}

static int by_key(const void *left, const void *right)
{
    const struct item_row *a = left;
    const struct item_row *b = right;
    size_t size = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.at, b->key.at, size);
    return order != 0 ? order : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

/* The rows of an export, in its order. */
static struct rows exported_rows(const char *exported)
{
    struct rows out = no_rows();
    struct json_walk walk =
        json_walk_start(*member(*member(text_of(exported), "data", true), "items", true));
    struct text none;
    struct text element;
    while (json_walk_next(&walk, &none, &element)) {
        fuzz_check(out.count < ITEMS_MAXIMUM, "more items than this can count");
        out.rows[out.count++] = read_row(element);
    }
    return out;
}

/* The time NAME of an item, unless it has none or one that is still to come. */
static int64_t past(struct text element, const char *name)
{
    int64_t time = time_member(element, name);
    return member(element, name, false) != NULL && time <= world_now_ms ? time : world_now_ms;
}

/* Adds ITEMS to OUT, but for what has expired. Returns how many there are of both kinds. */
static int64_t import_rows(struct rows *out, struct text items, int64_t *expired)
{
    struct json_walk walk = json_walk_start(items);
    struct text none;
    struct text element;
    int64_t imported = 0;
    *expired = 0;
    while (json_walk_next(&walk, &none, &element)) {
        struct item_row row = read_row(element);
        row.created = past(element, "created_at");
        row.updated = past(element, "updated_at");
        row.created = row.created < row.updated ? row.created : row.updated; /* it is older */
        if (member(element, "expires_at", false) != NULL && row.expires <= world_now_ms) {
            ++*expired;
        } else {
            put(out, &row);
            imported++;
        }
    }
    return imported;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static void check_rows(const struct rows *wanted, const struct rows *found)
{
    for (size_t i = 0; i < wanted->count && i < found->count; i++) {
        const struct item_row *a = &wanted->rows[i];
        const struct item_row *b = &found->rows[i];
        fuzz_check(text_equal(a->key, b->key), "item %zu is %.*s, not %.*s", i, (int)b->key.size,
                   b->key.at, (int)a->key.size, a->key.at);
        fuzz_check(text_equal(a->value, b->value), "%.*s is %.*s, not %.*s", (int)a->key.size,
                   a->key.at, (int)b->value.size, b->value.at, (int)a->value.size, a->value.at);
        fuzz_check(a->created == b->created && a->updated == b->updated && a->expires == b->expires,
                   "%.*s has other times", (int)a->key.size, a->key.at);
    }
    fuzz_check(wanted->count == found->count, "%zu items, not %zu", found->count, wanted->count);
}

static void check_count(struct text data, const char *name, int64_t wanted)
{
    char digits[INTEGER_TEXT_SIZE];
    size_t size = integer_to_text(wanted, digits);
    fuzz_check(text_equal(*member(data, name, true), (struct text){.at = digits, .size = size}),
               "another number: %s is not %s", name, digits);
}

static bool replaces(const char *query, struct text document)
{
    bool present;
    struct text mode;
    if (!query_find(&fuzz_arena, query, "mode", &present, &mode)) {
        mode = string_member(document, "mode");
    }
    return text_equal(mode, text_of("replace"));
}

static void check_import(const char *query, struct text document, struct text answer)
{
    struct rows there = exported_rows(at_first);
    struct rows wanted = no_rows();
    bool empties = replaces(query, document);
    const struct text *items = member(document, "items", false);
    struct text list =
        items != NULL ? *items : *member(*member(document, "data", true), "items", true);
    fuzz_check(list.at[0] == '[', "imported without items");
    for (size_t i = 0; i < there.count && !empties; i++) {
        put(&wanted, &there.rows[i]);
    }
    int64_t expired;
    int64_t imported = import_rows(&wanted, list, &expired);
    struct text data = *member(answer, "data", true);
    check_count(data, "imported", imported);
    check_count(data, "expired", expired);
    check_count(data, "removed", empties ? (int64_t)there.count : 0);
    qsort(wanted.rows, wanted.count, sizeof *wanted.rows, by_key);
    const char *exported = fuzz_string(text_of(export_all()));
    json_use_arena(&fuzz_arena);
    struct rows found = exported_rows(exported);
    check_rows(&wanted, &found);
}

void fuzz_one(struct text input)
{
    struct text rest = input;
    const char *query = fuzz_string(fuzz_line(&rest));
    struct tape_request request = {.method = "POST",
                                   .path = "/import",
                                   .query = query,
                                   .authorization = world_ann,
                                   .body = rest.at,
                                   .body_size = rest.size};
    if (rest.size == 0) {
        return;
    }
    const struct tape_answer *answer = play(&me_program, request);
    int status = answer->status;
    json_use_arena(&fuzz_arena);
    if (status == 200) {
        check_import(query, rest, text_of(fuzz_string(text_of(answer->body))));
    } else {
        fuzz_check(!play_changed() || play_same_rows(false), "refused, but done");
    }
    play_restore();
}
