/*
 * json.h - JSON as cubby needs it: strict checking of request bodies, the exact text of their
 * members, and cJSON with its memory on the arena of the request.
 *
 * cJSON prints. Its parser is not used for what clients send: it accepts more than RFC 8259 allows
 * (control characters, `01`, `1.`, invalid UTF-8, text after the value), keeps neither the spelling
 * of numbers nor the position of a member, and before version 1.7.19 takes the first 63 characters
 * of a number for all of it. A body passes a checker, which builds nothing and notes where the
 * members of the top object are. The strings and whole numbers among those that a handler needs are
 * read from that text (json_string.c, json_number.h); values that are only stored are kept as they
 * came.
 */
#ifndef CUBBY_COMMON_JSON_JSON_H
#define CUBBY_COMMON_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/base/arena.h"
#include "common/base/text.h"

/* Nesting levels of arrays and objects, the outermost included. */
enum { JSON_DEPTH_MAXIMUM = 100 };

/* Nesting levels of a stored value by itself. The limit is the same for all calls, and low enough
 * that any stored value also fits into a batch or an import document. */
enum { JSON_VALUE_DEPTH_MAXIMUM = 96 };

/* Nesting levels that a document of many values may have around each of them. */
enum { JSON_DOCUMENT_LEVELS = 4 };

/* The most members of the top object, and bytes of their names that have escapes: more than any
 * call needs. */
enum { JSON_MEMBERS_MAXIMUM = 4096, JSON_NAMES_MAXIMUM = 1024 * 1024 };

/* The most nodes that the trees of a patch and of its value may have together (json_tree.h), which
 * limits work and memory whatever is sent. */
enum { JSON_NODES_MAXIMUM = 20000 };

/* One member of an object: NAME decoded, VALUE the exact text it was sent as. */
struct json_member {
    struct text name;
    struct text value;
};

struct json_object {
    struct json_member *members; /* sorted by the bytes of the name */
    size_t count;
    size_t depth; /* nesting levels, the object itself included */
};

/* Why a text was refused. */
struct json_fault {
    size_t offset;      /* byte in the text, from 0 */
    const char *reason; /* a static text; NULL when the fault is that memory ran out */
};

/* Makes cJSON allocate on ARENA from now on; single pieces are never freed. cJSON has no context
 * argument, so this is global to the process, which serves one request at a time. */
void json_use_arena(struct arena *arena);

/* The arena in use. */
struct arena *json_arena(void);

/* Checks that TEXT is one JSON value by RFC 8259: well-formed UTF-8, no NUL byte, no lone
 * surrogate, only white space around it, at most JSON_DEPTH_MAXIMUM levels. */
bool json_check(struct text text, struct json_fault *fault);

/* Like json_check; besides, TEXT must be an object with at most JSON_MEMBERS_MAXIMUM members and no
 * duplicate names, and those names that have escapes may have at most JSON_NAMES_MAXIMUM bytes
 * together. The texts in OUT are slices of TEXT, except that names with escapes are decoded, on
 * ARENA, as is the list. */
bool json_read_object(struct arena *arena, struct text text, struct json_object *out,
                      struct json_fault *fault);

/* Like json_check; besides, if TEXT is an object, it must have at most JSON_NODES_MAXIMUM members
 * and no duplicate names. For a patch, which is read by json_patch.h. Its memory is its own. */
bool json_check_names(struct text text, struct json_fault *fault);

/* The maximum of an arena that suffices for json_read_object with any text of SIZE bytes. */
size_t json_object_room(size_t size);

/* A walk over the members or elements of a checked object or array. */
struct json_walk {
    const char *at;
    const char *end;
    bool is_object;
};

/* Starts a walk; CONTAINER must be a checked text that begins with { or [. */
struct json_walk json_walk_start(struct text container);

/* Sets VALUE to the slice of the next value and, in an object, NAME to that of its name, with the
 * quotes. False at the end. */
bool json_walk_next(struct json_walk *walk, struct text *name, struct text *value);

/* Like json_read_object, for a document whose values, JSON_DOCUMENT_LEVELS further in, may have
 * JSON_DEPTH_MAXIMUM levels of their own. */
bool json_read_document(struct arena *arena, struct text text, struct json_object *out,
                        struct json_fault *fault);

/* The bytes that STRING, a checked string with its quotes, stands for, on ARENA; NUL among them if
 * it was escaped, and one after them. False when memory is out. */
bool json_string_decode(struct arena *arena, struct text string, struct text *out);

/* The same, but as a slice of STRING, with no NUL after it, unless that has escapes. */
bool json_string_slice(struct arena *arena, struct text string, struct text *out);

/* Whether the checked STRING, with its quotes, stands for the bytes WANTED. */
bool json_string_is(struct text string, struct text wanted);

/* The string, with its quotes, that stands for BYTES, which should be UTF-8; on ARENA. False when
 * memory is out. It may be six times as long as BYTES. */
bool json_string_encode(struct arena *arena, struct text bytes, struct text *out);

/* Writes the string, with its quotes, that stands for BYTES to OUT, without a NUL after it; returns
 * its size, which is also how much room it needs: OUT may be NULL, and nothing is written then. */
size_t json_string_write(struct text bytes, char *out);

/* A JSON Pointer (RFC 6901), taken apart. */
struct json_pointer {
    struct text *tokens; /* decoded */
    size_t count;
};

/* NULL when POINTER is one, otherwise a static text that says why not. */
const char *json_pointer_fault(struct text pointer);

/* Takes apart POINTER, in which json_pointer_fault found nothing, on ARENA. False when memory is
 * out. */
bool json_pointer_parse(struct arena *arena, struct text pointer, struct json_pointer *out);

/* The slice of the checked VALUE that POINTER refers to; of members of the same name the last.
 * False when there is none. */
bool json_pointer_find(const struct json_pointer *pointer, struct text value, struct text *out);

/* Why VALUE may not stand in the database as the value of an item, a static text; NULL when it may:
 * one JSON value as json_check takes it, but with nothing around it, not null, and of at most
 * JSON_VALUE_DEPTH_MAXIMUM levels. Whatever stores a value, or looks at one that is stored, asks
 * this or json_slice_fault; how many bytes it may have is the settings' matter. */
const char *json_value_fault(struct text value);

/* The same of a slice of a checked text, as json_member and json_walk_next give it, which is looked
 * into only where that text has more than the levels of a value: LEVELS. */
const char *json_slice_fault(struct text value, size_t levels);

/* TEXT without the white space of JSON around it (RFC 8259 section 2); it stays borrowed. */
struct text json_trim(struct text text);

/* Levels of arrays and objects in the checked VALUE, from its own root; 0 for a scalar. */
size_t json_depth(struct text value);

/* The member's value, or NULL. */
const struct text *json_member(const struct json_object *object, const char *name);

/* The characters of the checked string VALUE, which has its quotes; on the arena in use,
 * NUL-terminated. NULs that were escaped are NULs: OUT->size counts them. False when memory is out.
 */
bool json_text(struct text value, struct text *out);

/* A cJSON string or raw value that borrows TEXT, which must be NUL-terminated and outlive the
 * answer; or a whole number, whose digits are on ARENA. NULL when memory is out. */
cJSON *json_new_string(const char *text);
cJSON *json_new_raw(const char *text);
cJSON *json_new_integer(struct arena *arena, int64_t value);

/* The RFC 3339 text of MILLISECONDS since 1970, on ARENA. NULL when memory is out. */
cJSON *json_new_time(struct arena *arena, int64_t milliseconds);

/* Adds ITEM to OBJECT under NAME, a string literal. Either may be NULL after a failed allocation;
 * then nothing happens, since the arena has remembered the failure. */
void json_add(cJSON *object, const char *name, cJSON *item);

#endif
