/*
 * json_node.h - the insides of a tree's nodes, for the files that make up json_tree.h alone.
 */
#ifndef CUBBY_COMMON_JSON_JSON_NODE_H
#define CUBBY_COMMON_JSON_JSON_NODE_H

#include "common/json/json_number.h"
#include "common/json/json_tree.h"

/* Nodes in some order. */
struct json_nodes {
    struct json_node **at;
    size_t used;
    size_t room;
};

/* What is inside an object or array. */
struct json_box {
    bool is_object;
    struct json_nodes order;  /* as printed; NULL where a member of an object was taken out */
    struct json_nodes sorted; /* of an object: the members, by the bytes of their names */
};

struct json_node {
    struct text name;             /* of a member, decoded */
    struct text text;             /* the value as it came, while there is no box */
    size_t height;                /* that of the text, plus 1; 0: not measured */
    size_t place;                 /* of a member: where it is in the order of its object */
    struct json_decimal *decimal; /* of a number that was compared; else NULL */
    struct json_box *box;         /* NULL until something inside is needed */
};

#endif
