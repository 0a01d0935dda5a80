/*
 * json_patch.c - JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902) on cJSON trees that are
 * parsed only where a patch reaches.
 *
 * cJSON_Utils can not be used. These faults are in version 1.7.19, the newest; in brackets what
 * github.com/DaveGamble/cJSON knows of them:
 *
 * - it parses and prints the whole value, so 12345678901234567890 becomes 1.2345678901234567e+19
 *   though no patch touched it [issue 14, will not be changed]
 * - it compares numbers as doubles [not reported, but follows from issue 14]
 * - it decodes `~1` wrongly when it adds or removes [issues 820 and 977, open]
 * - it takes an empty array index for 0 [issue 1009, open] and 18446744073709551617 for 1 [issue
 *   1070, closed; pull request 1002, open]
 * - it moves a replaced member to the end of its object [not reported]
 * - it removes, replaces and moves a member whose name differs in case alone [not reported]
 * - it leaves the first operations done when a later one fails [issue 997, open]
 */
#include "common/json/json_patch.h"

#include <string.h>

#include "common/json/json.h"
#include "common/json/json_tree.h"

/* Limits the work that one patch can cause. */
enum { OPERATIONS_MAXIMUM = 1000 };

struct patching {
    struct json_tree tree;
    struct arena scratch; /* for one operation at a time */
    struct json_change *change;
    cJSON *root;
    size_t copied; /* bytes copied by operations `copy` so far */
};

static bool fail(struct patching *patching, enum error_code error, const char *reason)
{
    return json_tree_fail(&patching->tree, error, reason);
}

/* ---- JSON Merge Patch ------------------------------------------------------------------------ */

/* An object that is being merged, and its patch, whose members are moved out of it one by one. */
struct merging {
    cJSON *target;
    cJSON *patch;
};

/* Merges one member. When it is an object, its members are still to be merged: then returns true
 * and sets *INSIDE to it. */
static bool merge_member(struct patching *patching, cJSON *target, cJSON *member,
                         struct merging *inside)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(target, member->string);
    if (cJSON_IsRaw(member) && strcmp(member->valuestring, "null") == 0) {
        (void)cJSON_DetachItemViaPointer(target, old);
        return false;
    }
    if (!json_tree_is_object(member)) {
        json_tree_set_member(target, member->string, member);
        return false;
    }
    if (!json_tree_is_object(old)) {
        old = cJSON_CreateObject();
        if (old == NULL) {
            return fail(patching, ERR_INTERNAL, "out of memory");
        }
        json_tree_set_member(target, member->string, old);
    }
    *inside = (struct merging){.target = old, .patch = member};
    return json_tree_grow(&patching->tree, old) && json_tree_grow(&patching->tree, member);
}

/* Returns the result of merging PATCH into TARGET: TARGET itself, changed, or another node. */
static cJSON *merge(struct patching *patching, cJSON *target, cJSON *patch)
{
    if (!json_tree_is_object(patch)) {
        return patch;
    }
    if (!json_tree_is_object(target)) {
        target = cJSON_CreateObject();
    }
    struct merging open[JSON_DEPTH_MAXIMUM] = {{.target = target, .patch = patch}};
    size_t depth = 1;
    if (target == NULL || !json_tree_grow(&patching->tree, target) ||
        !json_tree_grow(&patching->tree, patch)) {
        return target;
    }
    while (depth > 0 && patching->tree.error == ERR_NONE) {
        const struct merging *now = &open[depth - 1];
        cJSON *member = now->patch != NULL ? now->patch->child : NULL;
        if (member == NULL) {
            depth--;
            continue;
        }
        (void)cJSON_DetachItemViaPointer(now->patch, member);
        struct merging inside = {.target = NULL, .patch = NULL};
        if (merge_member(patching, now->target, member, &inside) && depth < JSON_DEPTH_MAXIMUM) {
            open[depth++] = inside;
        }
    }
    return target;
}

/* ---- JSON Pointer (RFC 6901) ----------------------------------------------------------------- */

static size_t count_tokens(const char *pointer)
{
    size_t count = 0;
    for (; *pointer != '\0'; pointer++) {
        count += *pointer == '/';
    }
    return count;
}

/* What a pointer refers to. */
struct place {
    cJSON *parent;     /* NULL when the pointer refers to the whole value */
    cJSON *node;       /* what is there, or NULL */
    const char *token; /* the last token, decoded */
    bool appends;      /* in an array, the token is `-` */
    size_t index;      /* in an array */
};

/* Decodes the reference token at *POINTER, and advances *POINTER past it. */
static const char *take_token(struct patching *patching, const char **pointer)
{
    const char *from = *pointer + 1;
    size_t size = strcspn(from, "/");
    *pointer = from + size;
    char *token = arena_copy(patching->tree.arena, from, size);
    if (token == NULL) {
        (void)fail(patching, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    char *to = token;
    for (const char *at = token; *at != '\0'; at++) {
        if (*at == '~') {
            at++;
            *to++ = (char)(*at == '0' ? '~' : '/');
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return token;
}

static bool read_index(const char *token, size_t *index)
{
    bool over;
    int64_t number;
    bool good = (token[0] != '0' || token[1] == '\0') &&
                text_to_int64(text_of(token), INT32_MAX, &over, &number);
    *index = good ? (size_t)number : 0;
    return good;
}

static bool step_into(struct patching *patching, struct place *place, const char *token)
{
    cJSON *parent = place->node;
    *place = (struct place){.parent = parent, .token = token};
    if (!json_tree_grow(&patching->tree, parent)) {
        return false;
    }
    if (cJSON_IsObject(parent)) {
        place->node = cJSON_GetObjectItemCaseSensitive(parent, token);
        return true;
    }
    if (!cJSON_IsArray(parent)) {
        return fail(patching, ERR_PATCH_FAILED, "leads into what is no object or array");
    }
    place->appends = strcmp(token, "-") == 0;
    if (place->appends) {
        return true;
    }
    if (!read_index(token, &place->index)) {
        return fail(patching, ERR_PATCH_FAILED, "has no index of an array where one must stand");
    }
    place->node = cJSON_GetArrayItem(parent, (int)place->index);
    return true;
}

/* Follows POINTER; everything but its last token must exist. */
static bool find(struct patching *patching, const char *pointer, struct place *place)
{
    *place = (struct place){.node = patching->root};
    while (*pointer != '\0') {
        if (place->node == NULL) {
            return fail(patching, ERR_PATCH_FAILED, "leads nowhere");
        }
        const char *token = take_token(patching, &pointer);
        if (token == NULL || !step_into(patching, place, token)) {
            return false;
        }
    }
    return true;
}

/* Like find, but what POINTER refers to must exist. */
static bool find_present(struct patching *patching, const char *pointer, struct place *place)
{
    return find(patching, pointer, place) &&
           (place->node != NULL || fail(patching, ERR_PATCH_FAILED, "leads nowhere"));
}

/* ---- JSON Patch ------------------------------------------------------------------------------ */

struct operation {
    const char *op;
    const char *path;
    const char *from; /* of move and copy */
    cJSON *value;     /* of add, replace and test */
};

static bool test(struct patching *patching, const struct operation *operation)
{
    struct place place;
    return find_present(patching, operation->path, &place) &&
           (json_tree_equal(&patching->tree, place.node, operation->value) ||
            fail(patching, ERR_PATCH_FAILED, "is not what the test says"));
}

static bool remove_node(struct patching *patching, const char *path, cJSON **removed)
{
    struct place place;
    if (!find_present(patching, path, &place)) {
        return false;
    }
    if (place.parent == NULL) {
        return fail(patching, ERR_PATCH_FAILED, "is the whole value, which can't be removed");
    }
    *removed = cJSON_DetachItemViaPointer(place.parent, place.node);
    return true;
}

/* Puts NODE, which is in no tree, at PATH. With REPLACES something must exist there. */
static bool put(struct patching *patching, const char *path, cJSON *node, bool replaces)
{
    size_t bytes = 0;
    if (json_tree_measure(node, &bytes) + count_tokens(path) > JSON_VALUE_DEPTH_MAXIMUM) {
        return fail(patching, ERR_PATCH_FAILED, "would be nested deeper than 96 levels");
    }
    struct place place;
    if (!(replaces ? find_present(patching, path, &place) : find(patching, path, &place))) {
        return false;
    }
    if (place.parent == NULL) {
        patching->root = node;
    } else if (cJSON_IsObject(place.parent)) {
        json_tree_set_member(place.parent, place.token, node);
    } else if (replaces) {
        json_tree_replace(place.parent, place.node, node);
    } else if (place.appends) {
        (void)cJSON_AddItemToArray(place.parent, node);
    } else if (place.index > (size_t)cJSON_GetArraySize(place.parent)) {
        return fail(patching, ERR_PATCH_FAILED, "lies behind the end of an array");
    } else {
        (void)cJSON_InsertItemInArray(place.parent, (int)place.index, node);
    }
    return true;
}

static bool move(struct patching *patching, const struct operation *operation)
{
    const char *from = operation->from;
    struct place place;
    if (strcmp(operation->path, from) == 0) {
        return find_present(patching, from, &place);
    }
    cJSON *node = NULL;
    return remove_node(patching, from, &node) && put(patching, operation->path, node, false);
}

static bool copy(struct patching *patching, const struct operation *operation)
{
    struct place place;
    if (!find_present(patching, operation->from, &place)) {
        return false;
    }
    size_t bytes = 0;
    (void)json_tree_measure(place.node, &bytes);
    patching->copied += bytes;
    if (patching->copied > patching->change->maximum) {
        return fail(patching, ERR_VALUE_TOO_LARGE, "copies more than a value may have");
    }
    cJSON *node = cJSON_Duplicate(place.node, 1);
    if (node == NULL) {
        return fail(patching, ERR_INTERNAL, "out of memory");
    }
    return put(patching, operation->path, node, false);
}

static bool apply(struct patching *patching, const struct operation *operation)
{
    const char *op = operation->op;
    cJSON *removed;
    if (strcmp(op, "add") == 0 || strcmp(op, "replace") == 0) {
        return put(patching, operation->path, operation->value, op[0] == 'r');
    }
    if (strcmp(op, "remove") == 0) {
        return remove_node(patching, operation->path, &removed);
    }
    if (strcmp(op, "test") == 0) {
        return test(patching, operation);
    }
    return op[0] == 'm' ? move(patching, operation) : copy(patching, operation);
}

/* A member that must be a string; NULL after a failure. */
static const char *read_string(struct patching *patching, const struct json_object *object,
                               const char *name, const char *fault)
{
    const struct text *text = json_member(object, name);
    const char *value = text != NULL && text->at[0] == '"' ? json_c_string(*text) : NULL;
    if (value == NULL) {
        (void)fail(patching, arena_failed(patching->tree.arena) ? ERR_INTERNAL : ERR_INVALID_PATCH,
                   fault);
    }
    return value;
}

static const char *read_pointer(struct patching *patching, const struct json_object *object,
                                const char *name, const char *fault)
{
    const char *pointer = read_string(patching, object, name, fault);
    if (pointer != NULL && json_pointer_fault(text_of(pointer)) != NULL) {
        (void)fail(patching, ERR_INVALID_PATCH, fault);
        return NULL;
    }
    return pointer;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_operation(struct patching *patching, struct text text, struct operation *out)
{
    static const char *const with_value[] = {"add", "replace", "test"};
    static const char *const with_from[] = {"move", "copy"};
    static const char *const alone[] = {"remove"};
    struct json_object object;
    struct json_fault fault;
    *out = (struct operation){.op = "", .path = "", .from = ""};
    if (text.at[0] != '{') {
        return fail(patching, ERR_INVALID_PATCH, "must be an object");
    }
    /* An operation may have many unknown members, which must not add up. */
    arena_reset(&patching->scratch);
    json_use_arena(&patching->scratch);
    bool read = json_read_object(&patching->scratch, text, &object, &fault);
    json_use_arena(patching->tree.arena);
    if (!read) {
        return fail(patching, fault.reason == NULL ? ERR_INTERNAL : ERR_INVALID_PATCH,
                    fault.reason);
    }
    out->op = read_string(patching, &object, "op", "must have an op, a string");
    out->path = read_pointer(patching, &object, "path", "must have a path, a JSON Pointer");
    if (out->op == NULL || out->path == NULL) {
        return false;
    }
    if (is_one_of(out->op, with_from, 2)) {
        out->from = read_pointer(patching, &object, "from", "must have a from, a JSON Pointer");
        if (out->from == NULL) {
            return false;
        }
        size_t size = strlen(out->from);
        return out->op[0] == 'c' || strncmp(out->path, out->from, size) != 0 ||
               out->path[size] != '/' ||
               fail(patching, ERR_INVALID_PATCH, "moves a value into itself");
    }
    if (is_one_of(out->op, with_value, 3)) {
        const struct text *value = json_member(&object, "value");
        if (value == NULL) {
            return fail(patching, ERR_INVALID_PATCH, "must have a value");
        }
        out->value = json_tree_node(&patching->tree, *value);
        return out->value != NULL;
    }
    return is_one_of(out->op, alone, 1) ||
           fail(patching, ERR_INVALID_PATCH,
                "must have an op that is add, remove, replace, move, copy or test");
}

/* Reads all operations, before any is applied: whether a patch is malformed does not depend on the
 * value. */
static bool read_all(struct patching *patching, struct text patch, struct operation *operations)
{
    size_t *number = &patching->change->operation;
    struct json_walk walk = json_walk_start(patch);
    struct text name;
    struct text text;
    for (*number = 0; json_walk_next(&walk, &name, &text); ++*number) {
        if (*number == OPERATIONS_MAXIMUM) {
            return fail(patching, ERR_INVALID_PATCH, "is one too many: at most 1000 are taken");
        }
        if (!read_operation(patching, text, &operations[*number])) {
            return false;
        }
    }
    return true;
}

static bool apply_all(struct patching *patching, struct text patch)
{
    struct operation operations[OPERATIONS_MAXIMUM];
    size_t *number = &patching->change->operation;
    if (!read_all(patching, patch, operations)) {
        return false;
    }
    size_t count = *number;
    for (*number = 0; *number < count; ++*number) {
        if (!apply(patching, &operations[*number])) {
            return false;
        }
    }
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

static enum error_code print(struct patching *patching, struct arena *arena)
{
    struct json_change *change = patching->change;
    if (patching->tree.error != ERR_NONE) {
        change->reason = patching->tree.reason;
        return patching->tree.error;
    }
    change->operation = JSON_CHANGE_WHOLE;
    /* A buffer of this size usually suffices, so that cJSON need not enlarge it. */
    size_t guess = change->value.size + change->patch.size + patching->copied + 256;
    const char *text = patching->root != NULL && guess < INT32_MAX
                           ? cJSON_PrintBuffered(patching->root, (int)guess, 0)
                           : NULL;
    if (text == NULL || arena_failed(patching->tree.arena)) {
        return ERR_INTERNAL;
    }
    change->result = text_of(text);
    if (!json_restore_nuls(patching->tree.arena, &change->result)) {
        return ERR_INTERNAL;
    }
    if (change->result.size > change->maximum) {
        change->reason = "would be larger than a value may be";
        return ERR_VALUE_TOO_LARGE;
    }
    if (strcmp(text, "null") == 0) {
        change->reason = "would be null";
        return ERR_PATCH_FAILED;
    }
    change->result.at = arena_copy(arena, change->result.at, change->result.size);
    return change->result.at != NULL ? ERR_NONE : ERR_INTERNAL;
}

/* Runs WORK on the tree of the value. Its memory is on arenas of its own, which are freed at the
 * end. */
static enum error_code change_value(struct arena *arena, struct json_change *change,
                                    bool (*work)(struct patching *patching, struct text patch))
{
    enum { OWN_BYTES = 4 * 1024 * 1024, COPIES = 4 };
    struct arena own;
    struct patching patching = {.tree = {.arena = &own}, .change = change};
    size_t size = change->value.size + change->patch.size;
    arena_init(&own, OWN_BYTES + COPIES * (size + change->maximum));
    arena_init(&patching.scratch, json_object_room(change->patch.size));
    json_use_arena(&own);
    patching.root = json_tree_node(&patching.tree, change->value);
    if (patching.root != NULL) {
        (void)work(&patching, change->patch);
    }
    enum error_code error = print(&patching, arena);
    json_use_arena(arena);
    arena_reset(&patching.scratch);
    arena_reset(&own);
    return error;
}

static bool merge_all(struct patching *patching, struct text text)
{
    cJSON *patch = json_tree_node(&patching->tree, text);
    if (patch != NULL) {
        patching->root = merge(patching, patching->root, patch);
    }
    /* Only a deep patch can make a deep value. */
    size_t bytes = 0;
    if (patching->tree.error == ERR_NONE && patching->root != NULL &&
        json_depth(text) > JSON_VALUE_DEPTH_MAXIMUM &&
        json_tree_measure(patching->root, &bytes) > JSON_VALUE_DEPTH_MAXIMUM) {
        return fail(patching, ERR_PATCH_FAILED, "would be nested deeper than 96 levels");
    }
    return patch != NULL;
}

enum error_code json_merge_patch(struct arena *arena, struct json_change *change)
{
    return change_value(arena, change, merge_all);
}

enum error_code json_apply_patch(struct arena *arena, struct json_change *change)
{
    if (change->patch.at[0] != '[') {
        change->reason = "must be an array of operations";
        return ERR_INVALID_PATCH;
    }
    return change_value(arena, change, apply_all);
}
