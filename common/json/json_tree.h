/*
 * json_tree.h - a JSON value as a tree that is parsed level by level, on demand.
 *
 * A node is the text of its value, as it came, until something inside it is needed; then it becomes
 * an object or array whose children are such texts. What is never needed is printed to the byte and
 * costs one node. Of members with the same name an object keeps the last, as JavaScript and most
 * others do.
 *
 * Not a tree of cJSON, whose children are linked lists: to find a member or an element of those
 * takes as many steps as there are, for each operation of a patch. Here an element is found at
 * once, and a member by halving; only moving pointers aside, where one comes or goes, takes time
 * that grows with the number of children.
 */
#ifndef CUBBY_COMMON_JSON_JSON_TREE_H
#define CUBBY_COMMON_JSON_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

struct json_node;

/* What all nodes of one operation share; starts zeroed except for the arena. */
struct json_tree {
    struct arena *arena;
    size_t nodes;          /* children created so far */
    enum error_code error; /* of the first failure */
    const char *reason;
};

/* Records a failure, unless one is recorded already; returns false. */
bool json_tree_fail(struct json_tree *tree, enum error_code error, const char *reason);

/* A node for TEXT, which must be checked JSON and outlive the tree; NULL after a failure. */
struct json_node *json_tree_node(struct json_tree *tree, struct text text);

/* An object without members, which has the name NAME; NULL after a failure. */
struct json_node *json_tree_object(struct json_tree *tree, struct text name);

/* Whether NODE is an object / an array / null. A missing node, NULL, is none of them. */
bool json_tree_is_object(const struct json_node *node);
bool json_tree_is_array(const struct json_node *node);
bool json_tree_is_null(const struct json_node *node);

/* Gives an object or array its children; other nodes stay as they are. False when the tree would
 * get too large (ERR_PATCH_FAILED) or memory is out. The functions below want PARENT, OBJECT and
 * ARRAY grown. */
bool json_tree_grow(struct json_tree *tree, struct json_node *node);

/* The number of children. */
size_t json_tree_count(const struct json_node *parent);

/* The first child of PARENT, in its order, whose number *PLACE is not below what that was; NULL at
 * the end. *PLACE is set to the number after it, so that a loop which starts with 0 finds all. */
struct json_node *json_tree_next(const struct json_node *parent, size_t *place);

/* The name of a member, decoded. */
struct text json_tree_name(const struct json_node *member);

/* The member NAME, or NULL. */
struct json_node *json_tree_member(const struct json_node *object, struct text name);

/* The element with that number, from 0, or NULL. */
struct json_node *json_tree_element(const struct json_node *array, size_t index);

/* Makes NODE, which must not be in a tree, the member NAME, which is borrowed; it takes the place
 * of the one of that name, or comes last. False when memory is out. */
bool json_tree_set_member(struct json_tree *tree, struct json_node *object, struct text name,
                          struct json_node *node);

/* Adds COUNT nodes to the end of OBJECT, which has no members of their names. As
 * json_tree_set_member for each of them, but in a time that does not grow with the product of both
 * numbers. */
bool json_tree_add_members(struct json_tree *tree, struct json_node *object,
                           struct json_node *const *nodes, size_t count);

/* Puts NODE, which must not be in a tree, before the element INDEX, or at the end when that is the
 * number of elements; or, json_tree_set_element, in the place of that element. False when memory is
 * out. */
bool json_tree_insert(struct json_tree *tree, struct json_node *array, size_t index,
                      struct json_node *node);
void json_tree_set_element(struct json_node *array, size_t index, struct json_node *node);

/* Takes MEMBER out of OBJECT / the element INDEX out of ARRAY. */
void json_tree_remove_member(struct json_node *object, struct json_node *member);
void json_tree_remove_element(struct json_node *array, size_t index);

/* The nesting levels of NODE. The text of a node is looked through once, however often this is
 * asked. */
size_t json_tree_height(struct json_node *node);

/* Writes the JSON of NODE to OUT, without a NUL after it; returns its size: OUT may be NULL. */
size_t json_tree_print(const struct json_node *node, char *out);

/* Whether both are the same JSON (RFC 6902 section 4.6): numbers by their exact value, strings by
 * their characters, objects without regard to order. Grows both. False also after a failure. Takes
 * a time that grows with the text of B, however long that of A is, but for what is done but once
 * for each node of A. */
bool json_tree_equal(struct json_tree *tree, struct json_node *a, struct json_node *b);

#endif
