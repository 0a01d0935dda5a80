/*
 * json_tree.h - a JSON value as a cJSON tree that is parsed level by level, on demand.
 *
 * A node is the raw text of its value (cJSON_Raw) until something inside it is needed; then it
 * becomes an object or array whose children are raw texts. What is never needed is printed as it
 * came, to the byte, and costs one node.
 */
#ifndef CUBBY_COMMON_JSON_JSON_TREE_H
#define CUBBY_COMMON_JSON_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

/* What all nodes of one operation share; starts zeroed except for the arena. */
struct json_tree {
    struct arena *arena;
    size_t nodes;          /* grown so far */
    enum error_code error; /* of the first failure */
    const char *reason;
};

/* Records a failure, unless one stands already; returns false. */
bool json_tree_fail(struct json_tree *tree, enum error_code error, const char *reason);

/* A node of the whole of TEXT, checked JSON, which is copied; NULL after a failure. */
cJSON *json_tree_node(struct json_tree *tree, struct text text);

/* Whether NODE, grown or not, is an object / an array. NULL is neither. */
bool json_tree_is_object(const cJSON *node);
bool json_tree_is_array(const cJSON *node);

/* Gives an object or array its children; other nodes stay as they are. False when the tree would
 * get too large (ERR_PATCH_FAILED) or memory is out. */
bool json_tree_grow(struct json_tree *tree, cJSON *node);

/* Puts NODE, which is in no tree, in the place of OLD, a child of PARENT. */
void json_tree_replace(cJSON *parent, cJSON *old, cJSON *node);

/* Makes NODE, which is in no tree, the member NAME of OBJECT, in the place of one that has that
 * name. The name is borrowed. */
void json_tree_set_member(cJSON *object, const char *name, cJSON *node);

/* Levels of objects and arrays in NODE; *BYTES grows by about what it prints to. */
size_t json_tree_measure(const cJSON *node, size_t *bytes);

/* Whether both are the same JSON (RFC 6902 section 4.6): numbers by their exact value, strings by
 * their characters, objects without regard to order. Grows both. False also after a failure. */
bool json_tree_equal(struct json_tree *tree, cJSON *a, cJSON *b);

#endif
