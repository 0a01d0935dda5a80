/*
 * json_tree_whole.c - what goes through a whole tree: its height, printing it, comparing two.
 *
 * A tree has at most JSON_DEPTH_MAXIMUM levels: that is the most of any text that was checked, and
 * who puts something into a tree looks at the height of both.
 */
#include <string.h>

#include "common/json/json.h"
#include "common/json/json_node.h"

/* An object or array on the way, and the number of its next child. */
struct level {
    const struct json_node *node;
    size_t next;
};

/* ---- height ---------------------------------------------------------------------------------- */

static size_t text_height(struct json_node *node)
{
    if (node->height == 0) {
        node->height = json_depth(node->text) + 1;
    }
    return node->height - 1;
}

size_t json_tree_height(struct json_node *node)
{
    struct level open[JSON_DEPTH_MAXIMUM];
    size_t depth = 0;
    size_t deepest = 0;
    while (node != NULL) {
        size_t below = node->box != NULL ? 1 : text_height(node);
        deepest = depth + below > deepest ? depth + below : deepest;
        if (node->box != NULL && depth < JSON_DEPTH_MAXIMUM) {
            open[depth++] = (struct level){.node = node};
        }
        node = NULL;
        while (node == NULL && depth > 0) {
            struct level *now = &open[depth - 1];
            node = json_tree_next(now->node, &now->next);
            depth -= node == NULL;
        }
    }
    return deepest;
}

/* ---- printing -------------------------------------------------------------------------------- */

struct printer {
    char *to; /* NULL: only the size is wanted */
    size_t size;
};

static void print_bytes(struct printer *printer, const char *from, size_t size)
{
    if (printer->to != NULL) {
        memcpy(printer->to + printer->size, from, size);
    }
    printer->size += size;
}

static void print_name(struct printer *printer, struct text name)
{
    char *to = printer->to != NULL ? printer->to + printer->size : NULL;
    printer->size += json_string_write(name, to);
    print_bytes(printer, ":", 1);
}

/* Prints what stands behind the child before, if there is one, and in front of CHILD. */
static void print_between(struct printer *printer, const struct json_node *parent,
                          const struct json_node *child, bool first)
{
    bool object = parent->box->is_object;
    if (child == NULL) {
        print_bytes(printer, object ? "}" : "]", 1);
        return;
    }
    if (!first) {
        print_bytes(printer, ",", 1);
    }
    if (object) {
        print_name(printer, child->name);
    }
}

size_t json_tree_print(const struct json_node *node, char *out)
{
    struct printer printer = {.size = 0};
    printer.to = out;
    struct level open[JSON_DEPTH_MAXIMUM];
    size_t depth = 0;
    while (node != NULL) {
        bool first = node->box != NULL && depth < JSON_DEPTH_MAXIMUM;
        if (first) {
            print_bytes(&printer, node->box->is_object ? "{" : "[", 1);
            open[depth++] = (struct level){.node = node};
        } else {
            print_bytes(&printer, node->text.at, node->text.size);
        }
        node = NULL;
        while (node == NULL && depth > 0) {
            struct level *now = &open[depth - 1];
            node = json_tree_next(now->node, &now->next);
            print_between(&printer, now->node, node, first);
            first = false;
            depth -= node == NULL;
        }
    }
    return printer.size;
}

/* ---- comparing (RFC 6902 section 4.6) -------------------------------------------------------- */

/* The number that NODE is; NULL when it is none, or after a failure. Read once: its text may be as
 * long as a value, and there may be many to compare it with. */
static const struct json_decimal *decimal_of(struct json_tree *tree, struct json_node *node)
{
    char first = node->text.at[0];
    if (node->decimal == NULL && (first == '-' || (first >= '0' && first <= '9'))) {
        node->decimal = arena_alloc(tree->arena, sizeof *node->decimal);
        if (node->decimal == NULL) {
            (void)json_tree_fail(tree, ERR_INTERNAL, "out of memory");
            return NULL;
        }
        (void)json_decimal_read(node->text, node->decimal);
    }
    return node->decimal;
}

static bool equal_strings(struct json_tree *tree, struct text a, struct text b)
{
    struct text wanted;
    if (!json_string_slice(tree->arena, b, &wanted)) {
        return json_tree_fail(tree, ERR_INTERNAL, "out of memory");
    }
    return json_string_is(a, wanted);
}

/* Of two that have not the same text. */
static bool equal_scalars(struct json_tree *tree, struct json_node *a, struct json_node *b)
{
    if (a->text.at[0] == '"' && b->text.at[0] == '"') {
        return equal_strings(tree, a->text, b->text);
    }
    const struct json_decimal *x = decimal_of(tree, a);
    const struct json_decimal *y = decimal_of(tree, b);
    return x != NULL && y != NULL && json_decimals_equal(x, y);
}

enum comparison { DIFFERENT, SAME, UP_TO_CHILDREN };

static enum comparison compare_nodes(struct json_tree *tree, struct json_node *a,
                                     struct json_node *b)
{
    if (a->box == NULL && b->box == NULL && text_equal(a->text, b->text)) {
        return SAME;
    }
    bool objects = json_tree_is_object(a);
    bool arrays = json_tree_is_array(a);
    if (objects != json_tree_is_object(b) || arrays != json_tree_is_array(b) ||
        !json_tree_grow(tree, a) || !json_tree_grow(tree, b)) {
        return DIFFERENT;
    }
    if (!objects && !arrays) {
        return equal_scalars(tree, a, b) ? SAME : DIFFERENT;
    }
    if (json_tree_count(a) != json_tree_count(b)) {
        return DIFFERENT;
    }
    return json_tree_count(a) > 0 ? UP_TO_CHILDREN : SAME;
}

/* The next pair to compare. *B is NULL when A has a next child and B has none like it. */
static void next_pair(struct level *a, const struct json_node *in_b, struct json_node **next_a,
                      struct json_node **next_b)
{
    size_t index = a->next;
    *next_a = json_tree_next(a->node, &a->next);
    *next_b = *next_a == NULL        ? NULL
              : in_b->box->is_object ? json_tree_member(in_b, (*next_a)->name)
                                     : json_tree_element(in_b, index);
}

bool json_tree_equal(struct json_tree *tree, struct json_node *a, struct json_node *b)
{
    struct level open[JSON_DEPTH_MAXIMUM];
    const struct json_node *other[JSON_DEPTH_MAXIMUM]; /* than that of the same level */
    size_t depth = 0;
    while (a != NULL) {
        enum comparison comparison = b != NULL ? compare_nodes(tree, a, b) : DIFFERENT;
        if (comparison == DIFFERENT ||
            (comparison == UP_TO_CHILDREN && depth == JSON_DEPTH_MAXIMUM)) {
            return false;
        }
        if (comparison == UP_TO_CHILDREN) {
            other[depth] = b;
            open[depth++] = (struct level){.node = a};
        }
        a = NULL;
        while (a == NULL && depth > 0) {
            next_pair(&open[depth - 1], other[depth - 1], &a, &b);
            depth -= a == NULL;
        }
    }
    return true;
}
