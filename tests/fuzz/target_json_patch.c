/*
 * target_json_patch.c - both kinds of patch, and trees, against two others: reference_patch.c,
 * which can tell of any input whose numbers jansson reads, and cJSON_Utils, whose known faults are
 * listed in json_patch.c: inputs that meet one are not compared with that.
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
#include "tests/fuzz/reference_patch.h"

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

/* Whether a letter is there as a capital and as a small one: of names that differ in nothing else
 * cJSON_Utils may take the wrong one. */
static bool mixes_case(struct text a, struct text b)
{
    bool there[256] = {false};
    for (size_t i = 0; i < a.size + b.size; i++) {
        there[(unsigned char)(i < a.size ? a.at[i] : b.at[i - a.size])] = true;
    }
    for (int c = 'A'; c <= 'Z'; c++) {
        if (there[c] && there[c | 0x20]) {
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
    cJSON *result = reference_cjson(change->result);
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

/* Value and patch, as they came and as jansson reads them. */
struct change {
    struct text value;
    struct text patch;
    struct reference one;
    struct reference two;
    bool exact;      /* doubles are as good as its numbers */
    bool comparable; /* by cJSON_Utils, as far as it has no known fault */
};

static void check_trees(const struct change *input)
{
    const json_t *one = input->one.top;
    const json_t *two = input->two.top;
    bool equal = equal_trees(input->value, input->patch);
    if (one == NULL || two == NULL) {
        return;
    }
    fuzz_check(equal == equal_trees(input->patch, input->value), "equal one way round only");
    bool wanted = json_equal(one, two) != 0;
    /* Other numbers may be the same double. */
    fuzz_check(input->exact ? equal == wanted : !equal || wanted, "equal: %d, to jansson %d", equal,
               wanted);
    fuzz_check(equal_trees(input->value, input->value) && equal_trees(input->patch, input->patch),
               "a value is not equal to itself");
}

/* Whether RESULT is WANTED, which is given up. What jansson can't read of it, it could not read of
 * the value and the patch. */
static void check_same(const struct json_change *change, json_t *wanted)
{
    struct reference result = reference_read(change->result);
    if (!result.too_large && (result.top == NULL || json_equal(result.top, wanted) == 0)) {
        fuzz_check(false, "by the RFC it is %s\nbut it is %s", json_dumps(wanted, JSON_ENCODE_ANY),
                   change->result.at);
    }
    json_decref(result.top);
    json_decref(wanted);
}

/* As reference_patch.c has it. Numbers that are the same double may differ, and then a test fails.
 */
static void check_by_reference(const struct change *input, const struct json_change *change,
                               enum error_code error)
{
    if (input->one.top == NULL || input->two.top == NULL || error == ERR_VALUE_TOO_LARGE) {
        return;
    }
    json_t *value = json_deep_copy(input->one.top);
    enum reference_verdict verdict = reference_patch(&value, input->two.top, input->patch);
    bool limited = error == ERR_PATCH_FAILED &&
                   (is_a_limit(change->reason) ||
                    (!input->exact && strcmp(change->reason, "is not what the test says") == 0));
    fuzz_check(limited || (verdict == REFERENCE_DONE) == (error == ERR_NONE),
               "by the RFC it is %d, not %d: %s", verdict, error,
               change->reason != NULL ? change->reason : "done");
    fuzz_check((verdict == REFERENCE_INVALID) == (error == ERR_INVALID_PATCH),
               "no patch by the RFC: %d, not %d: %s", verdict, error,
               change->reason != NULL ? change->reason : "done");
    if (error == ERR_NONE) {
        check_same(change, value);
    } else {
        json_decref(value);
    }
}

static void check_by_cjson(const struct change *input, const struct json_change *change,
                           enum error_code error)
{
    bool only_tests;
    bool hard = patch_is_hard(json_is_array(input->two.top) ? input->two.top : NULL, &only_tests);
    if (error == ERR_NONE && only_tests && json_is_array(input->two.top)) {
        fuzz_check(equal_trees(input->value, change->result), "tests have changed the value");
    }
    if (!input->comparable || hard || error == ERR_INVALID_PATCH || error == ERR_VALUE_TOO_LARGE) {
        return;
    }
    cJSON *wanted = reference_cjson(input->value);
    bool done = cJSONUtils_ApplyPatchesCaseSensitive(wanted, reference_cjson(input->patch)) == 0;
    if (error == ERR_NONE) {
        fuzz_check(done, "cJSON_Utils refuses the patch");
        compare(change, wanted);
    } else {
        fuzz_check(!done || is_a_limit(change->reason), "cJSON_Utils takes the patch: %s",
                   change->reason);
    }
}

static void check_patch(const struct change *input)
{
    struct json_change change = {
        .value = input->value, .patch = input->patch, .maximum = RESULT_MAXIMUM};
    enum error_code error = json_apply_patch(&fuzz_arena, &change);
    json_use_arena(&fuzz_arena);
    fuzz_check(error == ERR_NONE || error == ERR_INVALID_PATCH || error == ERR_PATCH_FAILED ||
                   error == ERR_VALUE_TOO_LARGE,
               "error %d", error);
    fuzz_check(error == ERR_NONE || change.reason != NULL, "no reason");
    if (error == ERR_NONE) {
        check_result(&change);
    }
    check_by_reference(input, &change, error);
    check_by_cjson(input, &change, error);
}

static void check_merge(const struct change *input)
{
    struct json_change change = {
        .value = input->value, .patch = input->patch, .maximum = RESULT_MAXIMUM};
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
    if (input->one.top != NULL && input->two.top != NULL) {
        check_same(&change, reference_merge(json_deep_copy(input->one.top), input->two.top));
    }
    if (input->comparable) {
        compare(&change, cJSONUtils_MergePatchCaseSensitive(reference_cjson(input->value),
                                                            reference_cjson(input->patch)));
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
    struct change change = {.value = {arena_copy(&fuzz_arena, value.at, value.size), value.size},
                            .patch = {arena_copy(&fuzz_arena, patch.at, patch.size), patch.size}};
    change.one = reference_read(change.value);
    change.two = reference_read(change.patch);
    change.exact = reference_plain_numbers(change.value) && reference_plain_numbers(change.patch);
    change.comparable = change.exact && !change.one.nul && !change.two.nul &&
                        !change.one.duplicates && !change.two.duplicates &&
                        !mixes_case(change.value, change.patch);
    check_trees(&change);
    check_patch(&change);
    check_merge(&change);
    json_decref(change.one.top);
    json_decref(change.two.top);
}
