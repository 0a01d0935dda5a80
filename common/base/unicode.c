/*
 * unicode.c - searches the tables that unicode.pl makes when cubby is built.
 */
#include "common/base/unicode.h"

#include <stddef.h>

/* COUNT code points from FIRST on, each STEP after the one before. */
struct unicode_range {
    uint32_t first;
    uint16_t count;
    uint8_t step;
    uint8_t value;
};

struct unicode_pair {
    uint32_t first;
    uint32_t second;
};

#include "common/base/unicode_tables.h"

#define SIZE(table) (sizeof(table) / sizeof(table)[0])

/* The range that CODE is in, or NULL. Ranges are sorted and do not overlap. */
static const struct unicode_range *find(const struct unicode_range *ranges, size_t count,
                                        uint32_t code)
{
    size_t low = 0; /* all before begin at or before CODE */
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].first <= code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    const struct unicode_range *range = &ranges[low - 1];
    uint32_t distance = code - range->first;
    bool inside = distance % range->step == 0 && distance / range->step < range->count;
    return inside ? range : NULL;
}

bool unicode_is_upper(uint32_t code)
{
    return find(upper_case, SIZE(upper_case), code) != NULL;
}

bool unicode_is_lower(uint32_t code)
{
    return find(lower_case, SIZE(lower_case), code) != NULL;
}

bool unicode_is_identifier(uint32_t code, unsigned *script)
{
    const struct unicode_range *range = find(identifiers, SIZE(identifiers), code);
    *script = range != NULL ? range->value : SCRIPT_NONE;
    return range != NULL;
}

unsigned unicode_combining_class(uint32_t code)
{
    const struct unicode_range *range = find(combining_classes, SIZE(combining_classes), code);
    return range != NULL ? range->value : 0;
}

bool unicode_composes(uint32_t first, uint32_t second)
{
    size_t low = 0;
    size_t high = SIZE(compositions);
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct unicode_pair *pair = &compositions[middle];
        if (pair->first == first && pair->second == second) {
            return true;
        }
        if (pair->first < first || (pair->first == first && pair->second < second)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}
