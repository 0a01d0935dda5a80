/*
 * target_json_patch.c - both kinds of patch, and trees, against cJSON_Utils where that can tell:
 * its known faults are listed in json_patch.c, and inputs that meet one are not compared.
 *
 * An input is a value, on one line, and a patch.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON_Utils.h>

#include "common/json/json.h"
#include "common/json/json_patch.h"
#include "common/json/json_tree.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

enum { RESULT_MAXIMUM = 8192 };

void fuzz_start(void)
{
}

static bool equal_trees(struct text a, struct text b)
{
    struct json_tree tree = {.arena = &fuzz_arena};
    struct json_node *first = json_tree_node(&tree, a);
    struct json_node *second = json_tree_node(&tree, b);
    bool equal = json_tree_equal(&tree, first, second);
    fuzz_check(tree.error == ERR_NONE, "comparing failed: %s", tree.reason);
    return equal;
}

static struct text trimmed(struct text text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.at[0]) != NULL) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && strchr(" \t\r\n", text.at[text.size - 1]) != NULL) {
        text.size--;
    }
    return text;
}

static void check_trees(struct text a, struct text b, const struct reference *one,
                        const struct reference *two, bool plain)
{
    bool equal = equal_trees(a, b);
    if (one->duplicates || two->duplicates || one->top == NULL || two->top == NULL) {
        return;
    }
    fuzz_check(equal == equal_trees(b, a), "equal one way round only");
    bool wanted = json_equal(one->top, two->top) != 0;
    /* Other numbers may be the same double. */
    fuzz_check(plain ? equal == wanted : !equal || wanted, "equal: %d, to jansson %d", equal,
               wanted);
    fuzz_check(equal_trees(a, a) && equal_trees(b, b), "a value is not equal to itself");
}

/* A patch leaves a value that may be stored. */
static void check_result(const struct json_change *change)
{
    struct json_fault fault;
    struct text result = change->result;
    fuzz_check(json_check(result, &fault), "the result is no JSON: %s", fault.reason);
    fuzz_check(result.size <= change->maximum && result.at[result.size] == '\0', "its size");
    fuzz_check(json_depth(result) <= JSON_VALUE_DEPTH_MAXIMUM, "it is too deep");
    fuzz_check(strcmp(result.at, "null") != 0, "it is null");
}

/* Whether cJSON_Utils is known to read POINTER otherwise. */
static bool pointer_is_hard(const char *pointer)
{
    size_t digits = 0;
    for (const char *at = pointer; *at != '\0'; at++) {
        digits = *at >= '0' && *at <= '9' ? digits + 1 : 0;
        if (*at == '~' || digits > 9 || (*at == '/' && (at[1] == '/' || at[1] == '\0'))) {
            return true;
        }
    }
    return *pointer != '\0' && *pointer != '/';
}

static bool has_capitals(struct text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] >= 'A' && text.at[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

static const char *member(const json_t *operation, const char *name)
{
    const char *text = json_string_value(json_object_get(operation, name));
    return text != NULL ? text : "?";
}

/* Likewise the whole patch. What it can't do either: put something that it moves or copies in the
 * place of the whole value. */
static bool patch_is_hard(const json_t *patch, bool *only_tests)
{
    *only_tests = true;
    bool hard = false;
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const json_t *operation = json_array_get(patch, i);
        const char *op = member(operation, "op");
        bool has_from = strcmp(op, "move") == 0 || strcmp(op, "copy") == 0;
        *only_tests = *only_tests && strcmp(op, "test") == 0;
        hard = hard || pointer_is_hard(member(operation, "path")) ||
               (has_from &&
                (pointer_is_hard(member(operation, "from")) || *member(operation, "path") == '\0'));
    }
    return hard;
}

static void compare(const struct json_change *change, cJSON *wanted)
{
    cJSON *result = json_parse(change->result);
    fuzz_check(result != NULL && cJSON_Compare(result, wanted, true), "cJSON_Utils: %s\ncubby: %s",
               cJSON_PrintUnformatted(wanted), change->result.at);
}

static bool is_a_limit(const char *reason)
{
    static const char *const limits[] = {"would be", "is the whole value", "copies more"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (strncmp(reason, limits[i], strlen(limits[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void check_patch(struct text value, struct text text, const json_t *patch, bool comparable)
{
    struct json_change change = {.value = value, .patch = text, .maximum = RESULT_MAXIMUM};
    enum error_code error = json_apply_patch(&fuzz_arena, &change);
    json_use_arena(&fuzz_arena);
    fuzz_check(error == ERR_NONE || error == ERR_INVALID_PATCH || error == ERR_PATCH_FAILED ||
                   error == ERR_VALUE_TOO_LARGE,
               "error %d", error);
    fuzz_check(error == ERR_NONE || change.reason != NULL, "no reason");
    if (error == ERR_NONE) {
        check_result(&change);
    }
    bool only_tests;
    bool hard = patch_is_hard(patch, &only_tests);
    if (error == ERR_NONE && only_tests && patch != NULL) {
        fuzz_check(equal_trees(value, change.result), "tests have changed the value");
    }
    if (!comparable || hard || error == ERR_INVALID_PATCH || error == ERR_VALUE_TOO_LARGE) {
        return;
    }
    cJSON *wanted = json_parse(value);
    bool done = cJSONUtils_ApplyPatchesCaseSensitive(wanted, json_parse(text)) == 0;
    if (error == ERR_NONE) {
        fuzz_check(done, "cJSON_Utils refuses the patch");
        compare(&change, wanted);
    } else {
        fuzz_check(!done || is_a_limit(change.reason), "cJSON_Utils takes the patch: %s",
                   change.reason);
    }
}

static void check_merge(struct text value, struct text text, bool comparable)
{
    struct json_change change = {.value = value, .patch = text, .maximum = RESULT_MAXIMUM};
    enum error_code error = json_merge_patch(&fuzz_arena, &change);
    json_use_arena(&fuzz_arena);
    fuzz_check(error == ERR_NONE || error == ERR_PATCH_FAILED || error == ERR_VALUE_TOO_LARGE,
               "error %d", error);
    if (error != ERR_NONE) {
        fuzz_check(change.reason != NULL && is_a_limit(change.reason), "merging failed: %s",
                   change.reason);
        return;
    }
    check_result(&change);
    if (comparable) {
        compare(&change, cJSONUtils_MergePatchCaseSensitive(json_parse(value), json_parse(text)));
    }
}

void fuzz_one(struct text input)
{
    struct text patch = input;
    struct text value = trimmed(fuzz_line(&patch));
    struct json_fault fault;
    patch = trimmed(patch);
    if (!json_check(value, &fault) || !json_check(patch, &fault) ||
        json_depth(value) > JSON_VALUE_DEPTH_MAXIMUM || text_equal(value, text_of("null"))) {
        return;
    }
    /* As they come to a handler: NUL-terminated. */
    value = (struct text){arena_copy(&fuzz_arena, value.at, value.size), value.size};
    patch = (struct text){arena_copy(&fuzz_arena, patch.at, patch.size), patch.size};
    struct reference one = reference_read(value);
    struct reference two = reference_read(patch);
    /* What cJSON and doubles keep whole. */
    bool plain =
        reference_plain_numbers(value) && reference_plain_numbers(patch) && !one.nul && !two.nul;
    bool comparable =
        plain && !has_capitals(value) && !has_capitals(patch) && !one.duplicates && !two.duplicates;
    check_trees(value, patch, &one, &two, plain);
    check_patch(value, patch, json_is_array(two.top) ? two.top : NULL, comparable);
    check_merge(value, patch, comparable);
    json_decref(one.top);
    json_decref(two.top);
}
