/*
 * audit.h - the latest security events, stored in the database when the operator wants that.
 *
 * They are rows of the table meta, named `audit/<number>` in their order: every request would have
 * to parse the definition of a table of their own.
 */
#ifndef CUBBY_DB_MODEL_AUDIT_H
#define CUBBY_DB_MODEL_AUDIT_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "db/engine/db.h"

/* Statements that a program whose calls have events may run. */
#define AUDIT_STATEMENTS DB_AUDIT_LAST, DB_AUDIT_ADD, DB_AUDIT_TRIM

/* A LIKE pattern for the events of the user USER_ID. It fits nothing else: in the JSON of an event
 * a member always follows the id, and quotes inside of texts have a backslash in front. */
enum { AUDIT_PATTERN_SIZE = 48 };
struct text audit_pattern(int64_t user_id, char out[AUDIT_PATTERN_SIZE]);

/* Deletes the events of the user USER_ID in the present transaction. Its DB_AUDIT_FORGET is not
 * among the statements above. */
enum error_code audit_forget(struct db *db, int64_t user_id);

/* Adds TEXT in the present transaction and deletes what is older than the latest ROWS. If TEXT is
 * about a user, USER_ID is not 0, and UNNAMED is kept instead when that user is gone. */
enum error_code audit_add(struct db *db, int64_t user_id, struct text text, struct text unnamed,
                          int64_t rows);

#endif
