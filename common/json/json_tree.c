/*
 * json_tree.c - a JSON value as a cJSON tree that is parsed level by level, on demand.
 */
#include "common/json/json_tree.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "common/json/json_number.h"

/* The most nodes that one tree may have, which limits work and memory whatever is sent. */
enum { NODES_MAXIMUM = 20000 };

bool json_tree_fail(struct json_tree *tree, enum error_code error, const char *reason)
{
    if (tree->error == ERR_NONE) {
        tree->error = error;
        tree->reason = reason;
    }
    return false;
}

static bool is_raw(const cJSON *node)
{
    return cJSON_IsRaw(node) != 0;
}

static bool begins_with(const cJSON *node, char first)
{
    return is_raw(node) && node->valuestring != NULL && node->valuestring[0] == first;
}

bool json_tree_is_object(const cJSON *node)
{
    return node != NULL && (cJSON_IsObject(node) || begins_with(node, '{'));
}

bool json_tree_is_array(const cJSON *node)
{
    return node != NULL && (cJSON_IsArray(node) || begins_with(node, '['));
}

cJSON *json_tree_node(struct json_tree *tree, struct text text)
{
    const char *copy = arena_copy(tree->arena, text.at, text.size);
    cJSON *node = copy != NULL ? json_new_raw(copy) : NULL;
    if (node == NULL) {
        (void)json_tree_fail(tree, ERR_INTERNAL, "out of memory");
    }
    return node;
}

/* The name without quotes and escapes, as of json_c_string; decoded in place if it has no escapes.
 */
static char *decode_name(struct text name)
{
    union {
        const char *from;
        char *to;
    } own = {.from = name.at}; /* in a node's own copy of the text */
    if (memchr(name.at, '\\', name.size) == NULL) {
        own.to[name.size - 1] = '\0';
        return own.to + 1;
    }
    return json_c_string(name);
}

/* Writes a NUL after SLICE, which is part of a node's own copy of the text. */
static void terminate(struct text slice)
{
    union {
        const char *from;
        char *to;
    } own = {.from = slice.at};
    if (slice.at != NULL) {
        own.to[slice.size] = '\0';
    }
}

static int member_order(const void *left, const void *right)
{
    const cJSON *a = *(cJSON *const *)left;
    const cJSON *b = *(cJSON *const *)right;
    int order = strcmp(a->string, b->string);
    /* Among members of the same name, the order is that of the text. */
    return order != 0 ? order
                      : (a->valuestring > b->valuestring) - (a->valuestring < b->valuestring);
}

/* Leaves one member of each name: the value of the last, in the place of the first. */
static bool drop_duplicates(struct json_tree *tree, cJSON *object)
{
    size_t count = (size_t)cJSON_GetArraySize(object);
    if (count < 2) {
        return true;
    }
    cJSON **members = arena_alloc(tree->arena, count * sizeof(cJSON *));
    if (members == NULL) {
        return json_tree_fail(tree, ERR_INTERNAL, "out of memory");
    }
    size_t used = 0;
    for (cJSON *each = object->child; each != NULL; each = each->next) {
        members[used++] = each;
    }
    qsort(members, count, sizeof(cJSON *), member_order);
    cJSON *first = members[0];
    for (size_t i = 1; i < count; i++) {
        if (strcmp(first->string, members[i]->string) == 0) {
            first->valuestring = members[i]->valuestring;
            (void)cJSON_DetachItemViaPointer(object, members[i]);
        } else {
            first = members[i];
        }
    }
    return true;
}

bool json_tree_grow(struct json_tree *tree, cJSON *node)
{
    if (!is_raw(node) || (!json_tree_is_object(node) && !json_tree_is_array(node))) {
        return true;
    }
    bool object = json_tree_is_object(node);
    struct json_walk walk = json_walk_start(text_of(node->valuestring));
    node->type = (node->type & cJSON_StringIsConst) | (object ? cJSON_Object : cJSON_Array);
    node->valuestring = NULL;
    node->child = NULL;
    struct text name = {.at = NULL, .size = 0};
    struct text value;
    struct text before = {.at = NULL, .size = 0};
    while (json_walk_next(&walk, &name, &value)) {
        terminate(before); /* not before, since the walk reads the separator */
        before = value;
        if (++tree->nodes > NODES_MAXIMUM) {
            return json_tree_fail(tree, ERR_PATCH_FAILED,
                                  "has too many members where the patch reaches");
        }
        cJSON *child = json_new_raw(value.at);
        const char *decoded = object ? decode_name(name) : "";
        if (child == NULL || decoded == NULL) {
            return json_tree_fail(tree, ERR_INTERNAL, "out of memory");
        }
        (void)(object ? cJSON_AddItemToObjectCS(node, decoded, child)
                      : cJSON_AddItemToArray(node, child));
    }
    terminate(before);
    return !object || drop_duplicates(tree, node);
}

/* Sets the name of NODE, which borrows NAME. */
static void set_name(cJSON *node, const char *name)
{
    union {
        const char *from;
        char *to;
    } borrowed = {.from = name};
    node->string = borrowed.to;
    node->type |= cJSON_StringIsConst;
}

void json_tree_replace(cJSON *parent, cJSON *old, cJSON *node)
{
    if (cJSON_IsObject(parent)) {
        set_name(node, old->string);
    }
    (void)cJSON_ReplaceItemViaPointer(parent, old, node);
}

void json_tree_set_member(cJSON *object, const char *name, cJSON *node)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(object, name);
    if (old != NULL) {
        json_tree_replace(object, old, node);
    } else {
        (void)cJSON_AddItemToObjectCS(object, name, node);
    }
}

/* json_tree_measure of a node that is still raw text. */
static size_t measure_text(const char *text, size_t *bytes)
{
    size_t depth = 0;
    size_t deepest = 0;
    bool in_string = false;
    const char *at = text;
    for (; *at != '\0'; at++) {
        if (in_string) {
            in_string = *at != '"';
            at += *at == '\\';
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '{' || *at == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if (*at == '}' || *at == ']') {
            depth--;
        }
    }
    *bytes += (size_t)(at - text);
    return deepest;
}

size_t json_tree_measure(const cJSON *node, size_t *bytes)
{
    const cJSON *open[JSON_DEPTH_MAXIMUM];
    size_t depth = 0;
    size_t deepest = 0;
    for (;;) {
        size_t below = is_raw(node) ? measure_text(node->valuestring, bytes) : 1;
        deepest = depth + below > deepest ? depth + below : deepest;
        if (!is_raw(node) && node->child != NULL) {
            if (depth == JSON_DEPTH_MAXIMUM) {
                return depth + 1;
            }
            open[depth++] = node;
            node = node->child;
        } else {
            while (depth > 0 && node->next == NULL) {
                node = open[--depth];
            }
            if (depth == 0) {
                return deepest;
            }
            node = node->next;
        }
        enum { PUNCTUATION_BYTES = 4 };
        *bytes += PUNCTUATION_BYTES + (node->string != NULL ? strlen(node->string) : 0);
    }
}

/* ---- comparing (RFC 6902 section 4.6) -------------------------------------------------------- */

static bool equal_scalars(const char *a, const char *b)
{
    if (a[0] != '"' || b[0] != '"') {
        return json_numbers_equal(a, b);
    }
    const char *first = json_c_string(text_of(a));
    const char *second = json_c_string(text_of(b));
    return first != NULL && second != NULL && strcmp(first, second) == 0;
}

/* The child to compare with MEMBER: in an array the one at the same index, in an object the one
 * with the same name. LIKELY is that one if both objects have the same order. */
static cJSON *counterpart(const cJSON *parent, cJSON *likely, const cJSON *member)
{
    if (cJSON_IsArray(parent) || (likely != NULL && strcmp(likely->string, member->string) == 0)) {
        return likely;
    }
    return cJSON_GetObjectItemCaseSensitive(parent, member->string);
}

enum comparison { DIFFERENT, SAME, UP_TO_CHILDREN };

static enum comparison compare_nodes(struct json_tree *tree, cJSON *a, cJSON *b)
{
    if (is_raw(a) && is_raw(b) && strcmp(a->valuestring, b->valuestring) == 0) {
        return SAME;
    }
    bool objects = json_tree_is_object(a);
    bool arrays = json_tree_is_array(a);
    if (objects != json_tree_is_object(b) || arrays != json_tree_is_array(b) ||
        !json_tree_grow(tree, a) || !json_tree_grow(tree, b)) {
        return DIFFERENT;
    }
    if (!objects && !arrays) {
        bool texts = a->valuestring != NULL && b->valuestring != NULL;
        return texts && equal_scalars(a->valuestring, b->valuestring) ? SAME : DIFFERENT;
    }
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) {
        return DIFFERENT;
    }
    return a->child != NULL ? UP_TO_CHILDREN : SAME;
}

bool json_tree_equal(struct json_tree *tree, cJSON *a, cJSON *b)
{
    struct {
        cJSON *a;
        cJSON *b;
    } open[JSON_DEPTH_MAXIMUM];
    size_t depth = 0;
    while (b != NULL) {
        enum comparison comparison = compare_nodes(tree, a, b);
        if (comparison == DIFFERENT ||
            (comparison == UP_TO_CHILDREN && depth == JSON_DEPTH_MAXIMUM)) {
            return false;
        }
        if (comparison == UP_TO_CHILDREN) {
            open[depth].a = a;
            open[depth++].b = b;
            a = a->child;
            b = counterpart(b, b->child, a);
            continue;
        }
        while (depth > 0 && a->next == NULL) {
            a = open[--depth].a;
            b = open[depth].b;
        }
        if (depth == 0) {
            return true;
        }
        a = a->next;
        b = counterpart(open[depth - 1].b, b->next, a);
    }
    return false;
}
