/*
 * json_patch.h - changing a part of a JSON value: JSON Merge Patch (RFC 7396) and JSON Patch (RFC
 * 6902).
 *
 * What a patch does not touch keeps its exact text, however numbers and strings are spelled.
 */
#ifndef CUBBY_COMMON_JSON_JSON_PATCH_H
#define CUBBY_COMMON_JSON_JSON_PATCH_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/text.h"

struct json_change {
    struct text value;  /* a checked JSON text */
    struct text patch;  /* likewise */
    size_t maximum;     /* bytes that the result may have */
    struct text result; /* on the arena */
    const char *reason; /* of a failure; static */
    size_t operation;   /* of a JSON Patch: the index of the one that failed, from 0, or
                           JSON_CHANGE_WHOLE: each of them succeeded, but not what they led to */
};

#define JSON_CHANGE_WHOLE SIZE_MAX

/* Merges the patch into the value. ERR_PATCH_FAILED, ERR_VALUE_TOO_LARGE, ERR_INTERNAL. */
enum error_code json_merge_patch(struct arena *arena, struct json_change *change);

/* Applies the operations of the patch one after the other. The errors of
 * json_merge_patch, and ERR_INVALID_PATCH when the patch is malformed and fits no value at all. */
enum error_code json_apply_patch(struct arena *arena, struct json_change *change);

#endif
