/*
 * unknown.c - refusing a name that no table of a call knows.
 */
#include "common/serve/unknown.h"

/* How many bytes must be added or taken away to make KNOWN of NAME, both at most
 * UNKNOWN_NAME_MAXIMUM long. A byte that is changed counts as two, so that `ups` is nearer to
 * `upsert` than to `key`. Capital and small ASCII letters count as the same. */
static size_t edit_distance(struct text name, struct text known)
{
    size_t row[UNKNOWN_NAME_MAXIMUM + 1]; /* of the prefix of NAME read so far, to each of KNOWN */
    for (size_t j = 0; j <= known.size; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < name.size; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < known.size; j++) {
            const struct text a = {.at = name.at + i, .size = 1};
            const struct text b = {.at = known.at + j, .size = 1};
            size_t least = diagonal + (text_equal_nocase(a, b) ? 0 : 2);
            least = row[j] + 1 < least ? row[j] + 1 : least;
            diagonal = row[j + 1];
            row[j + 1] = diagonal + 1 < least ? diagonal + 1 : least;
        }
    }
    return row[known.size];
}

static struct text cut(struct text name)
{
    name.size = name.size < UNKNOWN_NAME_MAXIMUM ? name.size : UNKNOWN_NAME_MAXIMUM;
    return name;
}

struct unknown unknown_start(struct text name)
{
    return (struct unknown){.name = cut(name)};
}

void unknown_offer(struct unknown *unknown, const char *known)
{
    size_t distance = edit_distance(unknown->name, cut(text_of(known)));
    if (unknown->nearest == NULL || distance < unknown->distance) {
        unknown->nearest = known;
        unknown->distance = distance;
    }
}

/* The name as text that can be printed; a character that the cut has split becomes question marks
 * too. */
static const char *printable(struct arena *arena, struct text name)
{
    char *copy = arena_copy(arena, name.at, name.size);
    for (size_t i = 0; copy != NULL && i < name.size;) {
        uint32_t code;
        size_t length = utf8_decode(copy + i, name.size - i, &code);
        bool plain = length > 0 && code >= 0x20 && (code < 0x7f || code >= 0xa0);
        if (!plain) {
            copy[i] = '?';
        }
        i += plain ? length : 1;
    }
    return copy;
}

void unknown_tell(struct call *call, const struct unknown *unknown, const char *place)
{
    const char *name = printable(call->arena, unknown->name);
    const char *field = name != NULL ? arena_printf(call->arena, "%s%s", place, name) : NULL;
    const char *reason =
        unknown->nearest != NULL
            ? arena_printf(call->arena, "is unknown; the nearest known is %s", unknown->nearest)
            : "is unknown; this call takes none";
    if (field != NULL) {
        response_detail(&call->response, field, reason);
    }
}
