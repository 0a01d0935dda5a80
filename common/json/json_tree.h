/*
 * json_tree.h - a JSON value as a cJSON tree that is parsed level by level, on demand.
 *
 * A node is the raw text of its value (cJSON_Raw) until something inside it is needed; then it
 * becomes an object or array whose children are raw texts. What is never needed is printed as it
 * came, to the byte, and costs one node. Of members with the same name an object keeps the last, as
 * JavaScript and most others do. Names are strings of C as json_c_string makes them; who prints a
 * tree calls json_restore_nuls.
 */
#ifndef CUBBY_COMMON_JSON_JSON_TREE_H
#define CUBBY_COMMON_JSON_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

/* What all nodes of one operation share; starts zeroed except for the arena, which must also be the
 * one that cJSON uses (json_use_arena): the texts are on the first, the nodes on the second. */
struct json_tree {
    struct arena *arena;
    size_t nodes;          /* children created so far */
    enum error_code error; /* of the first failure */
    const char *reason;
};

/* Records a failure, unless one is recorded already; returns false. */
bool json_tree_fail(struct json_tree *tree, enum error_code error, const char *reason);

/* A node for TEXT, which must be checked JSON and is copied; NULL after a failure. */
cJSON *json_tree_node(struct json_tree *tree, struct text text);

/* Whether NODE, parsed or still raw, is an object / an array. NULL is neither. */
bool json_tree_is_object(const cJSON *node);
bool json_tree_is_array(const cJSON *node);

/* Gives an object or array its children; other nodes stay as they are. False when the tree would
 * get too large (ERR_PATCH_FAILED) or memory is out. */
bool json_tree_grow(struct json_tree *tree, cJSON *node);

/* Replaces OLD, a child of PARENT, with NODE, which must not be in a tree. */
void json_tree_replace(cJSON *parent, cJSON *old, cJSON *node);

/* Makes NODE, which must not be in a tree, the member NAME of OBJECT; replaces one of that name.
 * The name is borrowed. */
void json_tree_set_member(cJSON *object, const char *name, cJSON *node);

/* The nesting levels of NODE; adds to *BYTES about the size of its printed text. */
size_t json_tree_measure(const cJSON *node, size_t *bytes);

/* Whether both are the same JSON (RFC 6902 section 4.6): numbers by their exact value, strings by
 * their characters, objects without regard to order. Grows both. False also after a failure. */
bool json_tree_equal(struct json_tree *tree, cJSON *a, cJSON *b);

#endif
