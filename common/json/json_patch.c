/*
 * json_patch.c - JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902) on trees that are parsed
 * only where a patch reaches.
 *
 * Whoever sends a patch chooses both texts, so no operation may take a time that grows with the
 * value: what goes through all of it does so once for the whole patch, or counts what it copies.
 * But a member that is moved deeper has its children looked through, JSON_NODES_MAXIMUM at most.
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
#include "common/json/json_pointer_token.h"
#include "common/json/json_tree.h"

/* Limits the work that one patch can cause. */
enum { OPERATIONS_MAXIMUM = 1000 };

struct patching {
    struct json_tree tree;
    struct arena scratch; /* for one operation at a time */
    struct json_change *change;
    struct json_node *root;
    size_t copied; /* bytes copied by operations `copy` so far */
};

static bool fail(struct patching *patching, enum error_code error, const char *reason)
{
    return json_tree_fail(&patching->tree, error, reason);
}

/* ---- JSON Merge Patch ------------------------------------------------------------------------ */

/* Objects that are still to be merged. */
struct merging {
    struct json_node *target;
    const struct json_node *patch;
    struct merging *next;
};

/* Has PATCH merged into TARGET later. */
static bool merge_later(struct patching *patching, struct merging **open, struct json_node *target,
                        struct json_node *patch)
{
    struct merging *merging = arena_alloc(patching->tree.arena, sizeof *merging);
    if (merging == NULL) {
        return fail(patching, ERR_INTERNAL, "out of memory");
    }
    *merging = (struct merging){.target = target, .patch = patch, .next = *open};
    *open = merging;
    return json_tree_grow(&patching->tree, target) && json_tree_grow(&patching->tree, patch);
}

/* Merges MEMBER into TARGET, up to what is inside of it. *ADDED is set to what is to be added for
 * it, under its name, if the target has no such member. */
static bool merge_member(struct patching *patching, struct merging **open, struct json_node *target,
                         struct json_node *member, struct json_node **added)
{
    struct json_node *old = json_tree_member(target, json_tree_name(member));
    struct json_node *node = member;
    *added = NULL;
    if (json_tree_is_null(member)) {
        if (old != NULL) {
            json_tree_remove_member(target, old);
        }
        return true;
    }
    if (json_tree_is_object(member)) {
        bool inside = json_tree_is_object(old);
        node = inside ? old : json_tree_object(&patching->tree, json_tree_name(member));
        if (node == NULL || !merge_later(patching, open, node, member)) {
            return false;
        }
        if (inside) {
            return true;
        }
    }
    if (old == NULL) {
        *added = node;
        return true;
    }
    return json_tree_set_member(&patching->tree, target, json_tree_name(member), node);
}

/* Merges one object. New members are added together, at the end. */
static bool merge_object(struct patching *patching, struct merging **open, struct json_node *target,
                         const struct json_node *patch)
{
    size_t count = 0;
    struct json_node **added =
        arena_alloc(patching->tree.arena, json_tree_count(patch) * sizeof(struct json_node *));
    if (added == NULL) {
        return fail(patching, ERR_INTERNAL, "out of memory");
    }
    size_t place = 0;
    for (struct json_node *member; (member = json_tree_next(patch, &place)) != NULL;) {
        if (!merge_member(patching, open, target, member, &added[count])) {
            return false;
        }
        count += added[count] != NULL;
    }
    return json_tree_add_members(&patching->tree, target, added, count);
}

/* Returns the result of merging PATCH into TARGET: TARGET itself, changed, or another node; NULL
 * after a failure. */
static struct json_node *merge(struct patching *patching, struct json_node *target,
                               struct json_node *patch)
{
    if (!json_tree_is_object(patch)) {
        return patch;
    }
    if (!json_tree_is_object(target)) {
        target = json_tree_object(&patching->tree, text_of(""));
    }
    struct merging *open = NULL;
    bool good = target != NULL && merge_later(patching, &open, target, patch);
    while (good && open != NULL) {
        const struct merging now = *open;
        open = now.next;
        good = merge_object(patching, &open, now.target, now.patch);
    }
    return good ? target : NULL;
}

/* ---- JSON Pointer (RFC 6901) ----------------------------------------------------------------- */

/* What a pointer refers to. */
struct place {
    struct json_node *parent; /* NULL when the pointer refers to the whole value */
    struct json_node *node;   /* what is there, or NULL */
    struct text token;        /* the last token, decoded */
    size_t index;             /* in an array; where `-` stands, the number of its elements */
};

static bool step_into(struct patching *patching, struct place *place, struct text token)
{
    struct json_node *parent = place->node;
    *place = (struct place){.parent = parent, .token = token};
    if (!json_tree_grow(&patching->tree, parent)) {
        return false;
    }
    if (json_tree_is_object(parent)) {
        place->node = json_tree_member(parent, token);
        return true;
    }
    if (!json_tree_is_array(parent)) {
        return fail(patching, ERR_PATCH_FAILED, "leads into what is no object or array");
    }
    if (text_equal(token, text_of("-"))) {
        place->index = json_tree_count(parent);
        return true;
    }
    if (!json_pointer_index(token, &place->index)) {
        return fail(patching, ERR_PATCH_FAILED, "has no index of an array where one must stand");
    }
    place->node = json_tree_element(parent, place->index);
    return true;
}

/* Follows POINTER; everything but its last token must exist. */
static bool find(struct patching *patching, struct text pointer, struct place *place)
{
    *place = (struct place){.node = patching->root};
    while (pointer.size > 0) {
        struct text token;
        if (place->node == NULL) {
            return fail(patching, ERR_PATCH_FAILED, "leads nowhere");
        }
        if (!json_pointer_next(patching->tree.arena, &pointer, &token)) {
            return fail(patching, ERR_INTERNAL, "out of memory");
        }
        if (!step_into(patching, place, token)) {
            return false;
        }
    }
    return true;
}

/* Like find, but what POINTER refers to must exist. */
static bool find_present(struct patching *patching, struct text pointer, struct place *place)
{
    return find(patching, pointer, place) &&
           (place->node != NULL || fail(patching, ERR_PATCH_FAILED, "leads nowhere"));
}

/* ---- JSON Patch ------------------------------------------------------------------------------ */

enum verb { ADD, REPLACE, TEST, REMOVE, MOVE, COPY };

struct operation {
    enum verb verb;
    struct text path;
    struct text from;        /* of move and copy */
    struct json_node *value; /* of add, replace and test */
};

static bool test(struct patching *patching, const struct operation *operation)
{
    struct place place;
    return find_present(patching, operation->path, &place) &&
           (json_tree_equal(&patching->tree, place.node, operation->value) ||
            fail(patching, ERR_PATCH_FAILED, "is not what the test says"));
}

static bool remove_node(struct patching *patching, struct text path, struct json_node **removed)
{
    struct place place;
    if (!find_present(patching, path, &place)) {
        return false;
    }
    if (place.parent == NULL) {
        return fail(patching, ERR_PATCH_FAILED, "is the whole value, which can't be removed");
    }
    if (json_tree_is_object(place.parent)) {
        json_tree_remove_member(place.parent, place.node);
    } else {
        json_tree_remove_element(place.parent, place.index);
    }
    *removed = place.node;
    return true;
}

/* Fails when NODE would be too deep at PATH. So a tree never gets deeper than a value may be. */
static bool check_height(struct patching *patching, struct text path, struct json_node *node)
{
    return json_pointer_count(path) + json_tree_height(node) <= JSON_VALUE_DEPTH_MAXIMUM ||
           fail(patching, ERR_PATCH_FAILED, "would be nested deeper than 96 levels");
}

/* Puts NODE, which is in no tree, at PATH. With REPLACES something must exist there. */
static bool put(struct patching *patching, struct text path, struct json_node *node, bool replaces)
{
    struct place place;
    if (!(replaces ? find_present(patching, path, &place) : find(patching, path, &place))) {
        return false;
    }
    if (place.parent == NULL) {
        patching->root = node;
        return true;
    }
    if (json_tree_is_object(place.parent)) {
        return json_tree_set_member(&patching->tree, place.parent, place.token, node);
    }
    if (replaces) {
        json_tree_set_element(place.parent, place.index, node);
        return true;
    }
    return place.index <= json_tree_count(place.parent)
               ? json_tree_insert(&patching->tree, place.parent, place.index, node)
               : fail(patching, ERR_PATCH_FAILED, "lies behind the end of an array");
}

/* What gets no deeper need not be measured. */
static bool move(struct patching *patching, const struct operation *operation)
{
    struct text path = operation->path;
    struct text from = operation->from;
    struct place place;
    if (text_equal(path, from)) {
        return find_present(patching, from, &place);
    }
    struct json_node *node = NULL;
    return remove_node(patching, from, &node) &&
           (json_pointer_count(path) <= json_pointer_count(from) ||
            check_height(patching, path, node)) &&
           put(patching, path, node, false);
}

/* The JSON of NODE, which has SIZE bytes, on ARENA. False when memory is out. */
static bool print_to(struct arena *arena, const struct json_node *node, size_t size,
                     struct text *out)
{
    char *to = arena_alloc(arena, size + 1);
    if (to == NULL) {
        return false;
    }
    (void)json_tree_print(node, to);
    to[size] = '\0';
    *out = (struct text){.at = to, .size = size};
    return true;
}

/* The copy is a text, however much of what is copied has been parsed. */
static struct json_node *duplicate(struct patching *patching, const struct json_node *node)
{
    size_t size = json_tree_print(node, NULL);
    patching->copied += size;
    if (patching->copied > patching->change->maximum) {
        (void)fail(patching, ERR_VALUE_TOO_LARGE, "copies more than a value may have");
        return NULL;
    }
    struct text text;
    if (!print_to(patching->tree.arena, node, size, &text)) {
        (void)fail(patching, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    return json_tree_node(&patching->tree, text);
}

static bool copy(struct patching *patching, const struct operation *operation)
{
    struct place place;
    if (!find_present(patching, operation->from, &place)) {
        return false;
    }
    struct json_node *node = duplicate(patching, place.node);
    return node != NULL && check_height(patching, operation->path, node) &&
           put(patching, operation->path, node, false);
}

static bool apply(struct patching *patching, const struct operation *operation)
{
    struct json_node *removed;
    switch (operation->verb) {
    case TEST:
        return test(patching, operation);
    case REMOVE:
        return remove_node(patching, operation->path, &removed);
    case MOVE:
        return move(patching, operation);
    case COPY:
        return copy(patching, operation);
    case ADD:
    case REPLACE:
    default:
        return check_height(patching, operation->path, operation->value) &&
               put(patching, operation->path, operation->value, operation->verb == REPLACE);
    }
}

/* A member that must be a string. */
static bool read_string(struct patching *patching, const struct json_object *object,
                        const char *name, const char *fault, struct text *out)
{
    const struct text *text = json_member(object, name);
    if (text == NULL || text->at[0] != '"') {
        return fail(patching, ERR_INVALID_PATCH, fault);
    }
    return json_string_decode(patching->tree.arena, *text, out) ||
           fail(patching, ERR_INTERNAL, "out of memory");
}

static bool read_pointer(struct patching *patching, const struct json_object *object,
                         const char *name, const char *fault, struct text *out)
{
    return read_string(patching, object, name, fault, out) &&
           (json_pointer_fault(*out) == NULL || fail(patching, ERR_INVALID_PATCH, fault));
}

static bool read_verb(struct text op, enum verb *verb)
{
    static const char *const names[] = {
        [ADD] = "add",       [REPLACE] = "replace", [TEST] = "test",
        [REMOVE] = "remove", [MOVE] = "move",       [COPY] = "copy",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (text_equal(op, text_of(names[i]))) {
            *verb = (enum verb)i;
            return true;
        }
    }
    return false;
}

/* Whether PATH leads into what FROM refers to. */
static bool is_inside(struct text path, struct text from)
{
    return path.size > from.size && path.at[from.size] == '/' &&
           memcmp(path.at, from.at, from.size) == 0;
}

/* Reads what an operation has beside its op and path. */
static bool read_rest(struct patching *patching, const struct json_object *object,
                      struct operation *out)
{
    const struct text *value = json_member(object, "value");
    switch (out->verb) {
    case MOVE:
    case COPY:
        return read_pointer(patching, object, "from", "must have a from, a JSON Pointer",
                            &out->from) &&
               (out->verb == COPY || !is_inside(out->path, out->from) ||
                fail(patching, ERR_INVALID_PATCH, "moves a value into itself"));
    case ADD:
    case REPLACE:
    case TEST:
        if (value == NULL) {
            return fail(patching, ERR_INVALID_PATCH, "must have a value");
        }
        out->value = json_tree_node(&patching->tree, *value);
        return out->value != NULL;
    case REMOVE:
    default:
        return true;
    }
}

static bool read_operation(struct patching *patching, struct text text, struct operation *out)
{
    struct json_object object;
    struct json_fault fault;
    struct text op = {.at = "", .size = 0};
    *out = (struct operation){.path = op, .from = op};
    if (text.at[0] != '{') {
        return fail(patching, ERR_INVALID_PATCH, "must be an object");
    }
    /* An operation may have many unknown members, which must not add up. */
    arena_reset(&patching->scratch);
    if (!json_read_object(&patching->scratch, text, &object, &fault)) {
        return fail(patching, fault.reason == NULL ? ERR_INTERNAL : ERR_INVALID_PATCH,
                    fault.reason);
    }
    return read_string(patching, &object, "op", "must have an op, a string", &op) &&
           read_pointer(patching, &object, "path", "must have a path, a JSON Pointer",
                        &out->path) &&
           (read_verb(op, &out->verb) ||
            fail(patching, ERR_INVALID_PATCH,
                 "must have an op that is add, remove, replace, move, copy or test")) &&
           read_rest(patching, &object, out);
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
    if (patching->tree.error != ERR_NONE || patching->root == NULL) {
        change->reason = patching->tree.reason;
        return patching->tree.error != ERR_NONE ? patching->tree.error : ERR_INTERNAL;
    }
    change->operation = JSON_CHANGE_WHOLE;
    size_t size = json_tree_print(patching->root, NULL);
    if (size > change->maximum) {
        change->reason = "would be larger than a value may be";
        return ERR_VALUE_TOO_LARGE;
    }
    if (json_tree_is_null(patching->root)) {
        change->reason = "would be null";
        return ERR_PATCH_FAILED;
    }
    return print_to(arena, patching->root, size, &change->result) ? ERR_NONE : ERR_INTERNAL;
}

/* Runs WORK on the tree of the value. Its memory is on arenas of its own, which are freed at the
 * end. */
static enum error_code change_value(struct arena *arena, struct json_change *change,
                                    bool (*work)(struct patching *patching, struct text patch))
{
    /* An object of a merge patch has a node here and one in the value, each with its lists. */
    enum { NODE_BYTES = 512, OWN_BYTES = NODE_BYTES * JSON_NODES_MAXIMUM, COPIES = 4 };
    struct arena own;
    struct patching patching = {.tree = {.arena = &own}, .change = change};
    size_t size = change->value.size + change->patch.size;
    arena_init(&own, OWN_BYTES + COPIES * (size + change->maximum));
    arena_init(&patching.scratch, json_object_room(change->patch.size));
    patching.root = json_tree_node(&patching.tree, change->value);
    if (patching.root != NULL) {
        (void)work(&patching, change->patch);
    }
    enum error_code error = print(&patching, arena);
    arena_reset(&patching.scratch);
    arena_reset(&own);
    return error;
}

static bool merge_all(struct patching *patching, struct text text)
{
    struct json_node *patch = json_tree_node(&patching->tree, text);
    if (patch != NULL) {
        patching->root = merge(patching, patching->root, patch);
    }
    /* Only a deep patch can make a deep value. */
    return patch != NULL && patching->root != NULL &&
           (json_depth(text) <= JSON_VALUE_DEPTH_MAXIMUM ||
            check_height(patching, text_of(""), patching->root));
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
