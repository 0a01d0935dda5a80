/*
 * json_tree.c - a JSON value as a cJSON tree that grows where it is looked into.
 */
#include "common/json_tree.h"

#include <string.h>

#include "common/json.h"
#include "common/json_number.h"

/* Nodes that one tree may grow: what keeps work and memory small whatever is sent. */
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
    return is_raw(node) && node->valuestring[0] == first;
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

/* The name without quotes and escapes; in place where that is possible. */
static char *decode_name(struct text name)
{
    union {
        const char *from;
        char *to;
    } own = {.from = name.at}; /* of a node's text, which nobody else has */
    if (memchr(name.at, '\\', name.size) == NULL) {
        own.to[name.size - 1] = '\0';
        return own.to + 1;
    }
    const cJSON *decoded = json_parse(name);
    return decoded != NULL ? decoded->valuestring : NULL;
}

/* Ends a slice of a node's own text where its value ends. */
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
        terminate(before); /* not sooner: the walk reads what separates the two */
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
    return true;
}

/* Gives NODE the name NAME, which is borrowed. */
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

size_t json_tree_measure(const cJSON *node, size_t *bytes)
{
    size_t deepest = 0;
    if (is_raw(node)) {
        size_t depth = 0;
        bool in_string = false;
        const char *at = node->valuestring;
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
        *bytes += (size_t)(at - node->valuestring);
        return deepest;
    }
    for (const cJSON *child = node->child; child != NULL; child = child->next) {
        *bytes += child->string != NULL ? strlen(child->string) + 4 : 1;
        size_t depth = json_tree_measure(child, bytes);
        deepest = depth > deepest ? depth : deepest;
    }
    *bytes += 2;
    return deepest + 1;
}

/* ---- comparing (RFC 6902 section 4.6) -----------------------------------------------------------
 */

static bool equal_scalars(const char *a, const char *b)
{
    if (a[0] != '"' || b[0] != '"') {
        return json_numbers_equal(a, b);
    }
    const cJSON *first = json_parse(text_of(a));
    const cJSON *second = json_parse(text_of(b));
    return first != NULL && second != NULL && strcmp(first->valuestring, second->valuestring) == 0;
}

static bool equal_arrays(struct json_tree *tree, cJSON *a, cJSON *b)
{
    a = a->child;
    b = b->child;
    while (a != NULL && b != NULL && json_tree_equal(tree, a, b)) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

static bool equal_objects(struct json_tree *tree, cJSON *a, cJSON *b)
{
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) {
        return false;
    }
    cJSON *likely = b->child; /* both are often in the same order */
    for (cJSON *member = a->child; member != NULL; member = member->next) {
        cJSON *other = likely;
        if (other == NULL || strcmp(other->string, member->string) != 0) {
            other = cJSON_GetObjectItemCaseSensitive(b, member->string);
        }
        if (other == NULL || !json_tree_equal(tree, member, other)) {
            return false;
        }
        likely = other->next;
    }
    return true;
}

bool json_tree_equal(struct json_tree *tree, cJSON *a, cJSON *b)
{
    if (is_raw(a) && is_raw(b) && strcmp(a->valuestring, b->valuestring) == 0) {
        return true;
    }
    if (json_tree_is_object(a) != json_tree_is_object(b) ||
        json_tree_is_array(a) != json_tree_is_array(b)) {
        return false;
    }
    if (!json_tree_grow(tree, a) || !json_tree_grow(tree, b)) {
        return false;
    }
    if (json_tree_is_object(a)) {
        return equal_objects(tree, a, b);
    }
    return json_tree_is_array(a) ? equal_arrays(tree, a, b)
                                 : equal_scalars(a->valuestring, b->valuestring);
}
