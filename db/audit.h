/*
 * audit.h - the latest security events, kept in the database when the operator wants that.
 *
 * They are rows of meta named `audit/<number>`, in order of the number: a table of their own would
 * cost every request the parsing of it.
 */
#ifndef CUBBY_DB_AUDIT_H
#define CUBBY_DB_AUDIT_H

#include <stdint.h>

#include "common/error.h"
#include "common/text.h"
#include "db/db.h"

/* Statements that a program whose calls have events may run. */
#define AUDIT_STATEMENTS DB_AUDIT_LAST, DB_AUDIT_ADD, DB_AUDIT_TRIM

/* Adds TEXT in the present transaction and deletes what is older than the latest ROWS. */
enum error_code audit_add(struct db *db, struct text text, int64_t rows);

#endif
