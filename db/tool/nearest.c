/*
 * nearest.c - optimal string alignment: the fewest letters to change, add, drop or swap.
 */
#include "db/tool/nearest.h"

#include <string.h>

enum { WORD_MAXIMUM = 40, TOO_FAR = WORD_MAXIMUM };

struct nearest nearest_to(const char *word)
{
    return (struct nearest){.word = word, .distance = 2 + strlen(word) / 4};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *from, const char *to)
{
    size_t rows[3][WORD_MAXIMUM + 1]; /* of the table, by number of letters of FROM modulo 3 */
    size_t height = strlen(from);
    size_t width = strlen(to);
    if (height > WORD_MAXIMUM || width > WORD_MAXIMUM) {
        return TOO_FAR;
    }
    for (size_t i = 0; i <= height; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t k = 1; k <= width; k++) {
            if (i == 0) {
                row[k] = k;
                continue;
            }
            row[k] = least(least(above[k], row[k - 1]) + 1,
                           above[k - 1] + (from[i - 1] == to[k - 1] ? 0 : 1));
            if (i > 1 && k > 1 && from[i - 1] == to[k - 2] && from[i - 2] == to[k - 1]) {
                row[k] = least(row[k], two_above[k - 2] + 1);
            }
        }
    }
    return rows[height % 3][width];
}

void nearest_look(struct nearest *nearest, const char *name)
{
    size_t found = distance(nearest->word, name);
    if (found < nearest->distance) {
        nearest->distance = found;
        nearest->name = name;
    }
}
