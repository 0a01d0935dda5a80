/*
 * nearest.h - which of some names was meant by a word that is none of them.
 */
#ifndef CUBBY_DB_TOOL_NEAREST_H
#define CUBBY_DB_TOOL_NEAREST_H

#include <stddef.h>

/* Names are borrowed. */
struct nearest {
    const char *word;
    const char *name; /* the nearest so far; NULL: none is near */
    size_t distance;  /* of NAME, in single slips of the hand */
};

/* A search for the name that is nearest to WORD, which is borrowed. */
struct nearest nearest_to(const char *word);

/* Takes NAME if it is nearer than those before. A name is near when one in four letters of the word
 * would have to be changed, added, dropped or swapped with its neighbour, one in a short word. */
void nearest_look(struct nearest *nearest, const char *name);

#endif
