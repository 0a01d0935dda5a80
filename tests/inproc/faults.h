/*
 * faults.h - a driver behind the database seam that passes everything on to another and makes the
 * n-th step fail, as a busy, full, broken or vanished database would.
 */
#ifndef CUBBY_TESTS_INPROC_FAULTS_H
#define CUBBY_TESTS_INPROC_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "db/engine/driver.h"

/* From now on stores use the faulty driver, and its NUMBER-th step, counted from 1, ends with
 * CLASS without having been done. */
void faults_at(size_t number, enum db_class class);

/* From now on the NUMBER-th commit ends with CLASS and is not done. */
void faults_commit(size_t number, enum db_class class);

/* The same, but it is done all the same, and ends with DB_UNKNOWN. */
void faults_commit_done(size_t number);

/* From now on the NUMBER-th text read from a row is lost, as when memory is out. */
void faults_text(size_t number);

/* No further step fails; the driver stays in use. True when one did. */
bool faults_done(void);

/* faults_done, and stores made from now on use SQLite itself. */
void faults_stop(void);

#endif
