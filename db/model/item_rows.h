/*
 * item_rows.h - what reading many items, writing them and removing many share. Only for the files
 * of db/model whose names begin with item_.
 */
#ifndef CUBBY_DB_MODEL_ITEM_ROWS_H
#define CUBBY_DB_MODEL_ITEM_ROWS_H

#include "db/model/items.h"

enum {
    KEY_FILL_BYTES = ITEM_KEY_MAXIMUM + 4, /* of the last Unicode character, see item_rows.c */
};

/* Some keys: from FROM to before BELOW. Both texts lie in the range itself. */
struct key_range {
    struct text from;
    struct text below;
    char from_bytes[ITEM_KEY_MAXIMUM + 2];
    char below_bytes[ITEM_KEY_MAXIMUM + KEY_FILL_BYTES + 1];
};

/* The range of all keys that begin with PREFIX; DOWN, those before AFTER, else those after it.
 * PREFIX and AFTER have at most ITEM_KEY_MAXIMUM bytes. */
void key_range_make(struct text prefix, struct text after, bool down, struct key_range *out);

/* Moves the lower end of RANGE to KEY, which has at most ITEM_KEY_MAXIMUM bytes. */
void key_range_from(struct key_range *range, struct text key);

/* Writes ITEM to its row when it is PRESENT, otherwise to a new one. */
enum error_code item_row_store(struct item_writes *writes, const struct item *item, bool present);

/* Makes the row of KEY, which is there, the tombstone of the version VERSION. */
enum error_code item_row_bury(struct item_writes *writes, struct text key, int64_t version);

#endif
