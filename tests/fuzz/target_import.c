/*
 * target_import.c - the document that a user imports. An input is the query on one line, and the
 * document. What was imported must be in the export that follows, to the byte.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/play.h"

void fuzz_start(void)
{
    play_start();
}

static struct text key_of(struct text element)
{
    struct json_object object;
    struct json_fault fault;
    struct text none = {.at = NULL, .size = 0};
    if (!json_read_object(&fuzz_arena, element, &object, &fault)) {
        return none;
    }
    const struct text *key = json_member(&object, "key");
    return key != NULL ? text_of(cJSON_GetStringValue(json_parse(*key))) : none;
}

/* Whether a later element of ITEMS, which a walk is in, has the same key. */
static bool comes_again(struct json_walk walk, struct text key)
{
    struct text none;
    struct text element;
    while (json_walk_next(&walk, &none, &element)) {
        if (text_equal(key_of(element), key)) {
            return true;
        }
    }
    return false;
}

static void check_export(const struct text *items, const char *exported)
{
    struct json_walk walk = json_walk_start(*items);
    struct text none;
    struct text element;
    while (json_walk_next(&walk, &none, &element)) {
        struct json_object object;
        struct json_fault fault;
        fuzz_check(json_read_object(&fuzz_arena, element, &object, &fault), "an item is no object");
        const struct text *value = json_member(&object, "value");
        fuzz_check(value != NULL, "an item without value");
        if (json_member(&object, "expires_at") == NULL && !comes_again(walk, key_of(element))) {
            const char *wanted =
                arena_printf(&fuzz_arena, "\"value\":%.*s}", (int)value->size, value->at);
            fuzz_check(strstr(exported, wanted) != NULL, "not exported: %s\n%s", wanted, exported);
        }
    }
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
    int status = play(&me_program, request)->status;
    json_use_arena(&fuzz_arena);
    if (status != 200) {
        fuzz_check(!play_changed() || play_same_rows(), "refused, but done");
        play_restore();
        return;
    }
    struct json_object document;
    struct json_fault fault;
    fuzz_check(json_read_document(&fuzz_arena, rest, &document, &fault), "no document");
    const struct text *items = json_member(&document, "items");
    fuzz_check(items != NULL && items->at[0] == '[', "imported without items");
    struct tape_request again = {.method = "GET", .path = "/export", .authorization = world_ann};
    const char *exported = fuzz_string(text_of(play(&me_program, again)->body));
    json_use_arena(&fuzz_arena);
    check_export(items, exported);
    play_restore();
}
