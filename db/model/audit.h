/*
 * audit.h - the latest security events, stored in the database when the settings say so.
 *
 * They are rows of the table meta, named `audit/<number>` in their order: a table of their own
 * would be one more definition for every request to parse.
 */
#ifndef CUBBY_DB_MODEL_AUDIT_H
#define CUBBY_DB_MODEL_AUDIT_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "db/engine/db.h"

/* Statements that a program whose calls have events may run. */
#define AUDIT_STATEMENTS DB_AUDIT_LAST, DB_AUDIT_ADD, DB_AUDIT_TRIM

/* A LIKE pattern for the events of the user USER_ID. It matches no other event: in the JSON of an
 * event the id is always followed by another member, and quotes inside texts are escaped. */
enum { AUDIT_PATTERN_SIZE = 48 };
struct text audit_pattern(int64_t user_id, char out[AUDIT_PATTERN_SIZE]);

/* Deletes the events of the user USER_ID in the present transaction. Its DB_AUDIT_FORGET is not
 * among the statements above. */
enum error_code audit_forget(struct db *db, int64_t user_id);

/* Adds TEXT in the present transaction and deletes all but the latest ROWS events. USER_ID is
 * the user that TEXT is about, 0 for none; if that account no longer exists, UNNAMED is stored
 * instead. */
enum error_code audit_add(struct db *db, int64_t user_id, struct text text, struct text unnamed,
                          int64_t rows);

#endif
