/*
 * reference_patch.h - JSON Patch and JSON Merge Patch a second time: on jansson's trees, written
 * from the RFCs alone, with every value read before anything is done. It knows no limits.
 */
#ifndef CUBBY_TESTS_FUZZ_REFERENCE_PATCH_H
#define CUBBY_TESTS_FUZZ_REFERENCE_PATCH_H

#include <jansson.h>

#include "common/base/text.h"

enum reference_verdict {
    REFERENCE_DONE,
    REFERENCE_INVALID, /* no patch by RFC 6902 */
    REFERENCE_FAILS    /* a test says no, or a place is missing */
};

/* Applies PATCH (RFC 6902), which jansson read from TEXT, to *VALUE, which is then the result, or,
 * if the patch fails, anything. */
enum reference_verdict reference_patch(json_t **value, const json_t *patch, struct text text);

/* VALUE, which is given up, with PATCH merged into it (RFC 7396). */
json_t *reference_merge(json_t *value, const json_t *patch);

#endif
