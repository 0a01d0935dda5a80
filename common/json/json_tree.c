/*
 * json_tree.c - a JSON value as a tree that is parsed level by level, on demand.
 */
#include "common/json/json_tree.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "common/json/json_node.h"

bool json_tree_fail(struct json_tree *tree, enum error_code error, const char *reason)
{
    if (tree->error == ERR_NONE) {
        tree->error = error;
        tree->reason = reason;
    }
    return false;
}

static bool out_of_memory(struct json_tree *tree)
{
    return json_tree_fail(tree, ERR_INTERNAL, "out of memory");
}

/* ---- lists of nodes -------------------------------------------------------------------------- */

/* Makes room for COUNT more. */
static bool make_room(struct json_tree *tree, struct json_nodes *list, size_t count)
{
    enum { LEAST = 4 };
    if (list->room - list->used >= count) {
        return true;
    }
    size_t room = list->room * 2 > list->used + count ? list->room * 2 : list->used + count;
    room = room < LEAST ? LEAST : room;
    struct json_node **at = arena_alloc(tree->arena, room * sizeof(struct json_node *));
    if (at == NULL) {
        return out_of_memory(tree);
    }
    if (list->used > 0) {
        memcpy(at, list->at, list->used * sizeof(struct json_node *));
    }
    list->at = at;
    list->room = room;
    return true;
}

static bool insert(struct json_tree *tree, struct json_nodes *list, size_t index,
                   struct json_node *node)
{
    if (!make_room(tree, list, 1)) {
        return false;
    }
    struct json_node **at = list->at + index;
    memmove(at + 1, at, (list->used - index) * sizeof(struct json_node *));
    *at = node;
    list->used++;
    return true;
}

static bool append(struct json_tree *tree, struct json_nodes *list, struct json_node *node)
{
    return insert(tree, list, list->used, node);
}

static void take_out(struct json_nodes *list, size_t index)
{
    struct json_node **at = list->at + index;
    list->used--;
    memmove(at, at + 1, (list->used - index) * sizeof(struct json_node *));
}

/* ---- names ----------------------------------------------------------------------------------- */

static int member_order(const void *left, const void *right)
{
    const struct json_node *a = *(struct json_node *const *)left;
    const struct json_node *b = *(struct json_node *const *)right;
    int order = text_order(a->name, b->name);
    /* Among members of the same name, the order is that of the text. */
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static void sort(struct json_nodes *list)
{
    if (list->used > 1) {
        qsort(list->at, list->used, sizeof(struct json_node *), member_order);
    }
}

/* Where in the sorted members the first is whose name is not before NAME. */
static size_t sorted_place(const struct json_box *box, struct text name)
{
    size_t low = 0;
    size_t high = box->sorted.used;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text_order(box->sorted.at[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The member at PLACE of the sorted ones, if it has that name. */
static struct json_node *member_at(const struct json_box *box, size_t place, struct text name)
{
    struct json_node *there = place < box->sorted.used ? box->sorted.at[place] : NULL;
    return there != NULL && text_equal(there->name, name) ? there : NULL;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

struct json_node *json_tree_node(struct json_tree *tree, struct text text)
{
    struct json_node *node = arena_alloc(tree->arena, sizeof *node);
    if (node == NULL) {
        (void)out_of_memory(tree);
        return NULL;
    }
    *node = (struct json_node){.text = text};
    return node;
}

struct json_node *json_tree_object(struct json_tree *tree, struct text name)
{
    struct json_node *node = json_tree_node(tree, text_of("{}"));
    if (node != NULL) {
        node->name = name;
    }
    return node;
}

bool json_tree_is_object(const struct json_node *node)
{
    return node != NULL && (node->box != NULL ? node->box->is_object : node->text.at[0] == '{');
}

bool json_tree_is_array(const struct json_node *node)
{
    return node != NULL && (node->box != NULL ? !node->box->is_object : node->text.at[0] == '[');
}

bool json_tree_is_null(const struct json_node *node)
{
    return node != NULL && node->box == NULL && node->text.at[0] == 'n';
}

/* Leaves one member of each name: the value of the last, in the place of the first. */
static void drop_duplicates(struct json_box *box)
{
    struct json_nodes *sorted = &box->sorted;
    size_t kept = 0;
    for (size_t i = 0; i < sorted->used; i++) {
        struct json_node *node = sorted->at[i];
        struct json_node *first = kept > 0 ? sorted->at[kept - 1] : NULL;
        if (first != NULL && text_equal(first->name, node->name)) {
            first->text = node->text;
            box->order.at[node->place] = NULL;
        } else {
            sorted->at[kept++] = node;
        }
    }
    sorted->used = kept;
}

static bool sort_members(struct json_tree *tree, struct json_box *box)
{
    if (!make_room(tree, &box->sorted, box->order.used)) {
        return false;
    }
    if (box->order.used > 0) {
        memcpy(box->sorted.at, box->order.at, box->order.used * sizeof(struct json_node *));
    }
    box->sorted.used = box->order.used;
    sort(&box->sorted);
    drop_duplicates(box);
    return true;
}

static bool add_child(struct json_tree *tree, struct json_box *box, struct text name,
                      struct text value)
{
    if (++tree->nodes > JSON_NODES_MAXIMUM) {
        return json_tree_fail(tree, ERR_PATCH_FAILED,
                              "has too many members where the patch reaches");
    }
    struct json_node *child = json_tree_node(tree, value);
    if (child == NULL) {
        return false;
    }
    if (box->is_object && !json_string_slice(tree->arena, name, &child->name)) {
        return out_of_memory(tree);
    }
    child->place = box->order.used;
    return append(tree, &box->order, child);
}

bool json_tree_grow(struct json_tree *tree, struct json_node *node)
{
    if (node->box != NULL || !(json_tree_is_object(node) || json_tree_is_array(node))) {
        return true;
    }
    struct json_box *box = arena_alloc(tree->arena, sizeof *box);
    if (box == NULL) {
        return out_of_memory(tree);
    }
    *box = (struct json_box){.is_object = json_tree_is_object(node)};
    struct json_walk walk = json_walk_start(node->text);
    struct text name = {.at = NULL, .size = 0};
    struct text value;
    while (json_walk_next(&walk, &name, &value)) {
        if (!add_child(tree, box, name, value)) {
            return false;
        }
    }
    if (box->is_object && !sort_members(tree, box)) {
        return false;
    }
    node->box = box;
    return true;
}

/* ---- children -------------------------------------------------------------------------------- */

size_t json_tree_count(const struct json_node *parent)
{
    const struct json_box *box = parent->box;
    return box->is_object ? box->sorted.used : box->order.used;
}

struct json_node *json_tree_next(const struct json_node *parent, size_t *place)
{
    const struct json_nodes *order = &parent->box->order;
    while (*place < order->used) {
        struct json_node *child = order->at[(*place)++];
        if (child != NULL) {
            return child;
        }
    }
    return NULL;
}

struct text json_tree_name(const struct json_node *member)
{
    return member->name;
}

struct json_node *json_tree_member(const struct json_node *object, struct text name)
{
    return member_at(object->box, sorted_place(object->box, name), name);
}

struct json_node *json_tree_element(const struct json_node *array, size_t index)
{
    const struct json_nodes *order = &array->box->order;
    return index < order->used ? order->at[index] : NULL;
}

bool json_tree_set_member(struct json_tree *tree, struct json_node *object, struct text name,
                          struct json_node *node)
{
    struct json_box *box = object->box;
    size_t place = sorted_place(box, name);
    const struct json_node *old = member_at(box, place, name);
    node->name = name;
    if (old != NULL) {
        node->place = old->place;
        box->order.at[node->place] = node;
        box->sorted.at[place] = node;
        return true;
    }
    node->place = box->order.used;
    return append(tree, &box->order, node) && insert(tree, &box->sorted, place, node);
}

bool json_tree_add_members(struct json_tree *tree, struct json_node *object,
                           struct json_node *const *nodes, size_t count)
{
    struct json_box *box = object->box;
    if (!make_room(tree, &box->order, count) || !make_room(tree, &box->sorted, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        nodes[i]->place = box->order.used;
        box->order.at[box->order.used++] = nodes[i];
        box->sorted.at[box->sorted.used++] = nodes[i];
    }
    sort(&box->sorted);
    return true;
}

bool json_tree_insert(struct json_tree *tree, struct json_node *array, size_t index,
                      struct json_node *node)
{
    return insert(tree, &array->box->order, index, node);
}

void json_tree_set_element(struct json_node *array, size_t index, struct json_node *node)
{
    array->box->order.at[index] = node;
}

void json_tree_remove_member(struct json_node *object, struct json_node *member)
{
    struct json_box *box = object->box;
    take_out(&box->sorted, sorted_place(box, member->name));
    box->order.at[member->place] = NULL;
}

void json_tree_remove_element(struct json_node *array, size_t index)
{
    take_out(&array->box->order, index);
}
