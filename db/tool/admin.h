/*
 * admin.h - the tool's connection to the database, and the statements that only the operator may
 * run.
 *
 * The programs' statements and roles are those of db.h; these are a table of their own, which the
 * programs do not link.
 *
 * Functions that return an int return an exit status (enum tool_status), after they reported a
 * failure, unless they say otherwise. Those that return an enum db_class report nothing.
 */
#ifndef CUBBY_DB_TOOL_ADMIN_H
#define CUBBY_DB_TOOL_ADMIN_H

#include "db/engine/db.h"
#include "db/engine/driver.h"
#include "db/tool/statements.h"
#include "db/tool/tool.h"

/* The engine of the settings, which admin_choose_engine chooses before a command runs. */
extern const struct db_driver *admin_driver;
extern const struct db_maintenance *admin_maintenance;
void admin_choose_engine(const struct config *config);

/* Whether the database is a server, not a file. */
bool admin_has_server(const struct tool *tool);

/* For what is done to the file of a database: TOOL_DONE where it is one, else TOOL_FAILED, after a
 * message that names INSTEAD, what does the same for a server. */
int admin_need_file(struct tool *tool, const char *instead);

/* Milliseconds to wait for another writer: twice as long as a request does. */
int admin_timeout(const struct tool *tool);

/* Reports CLASS, a failure of CONNECTION at the database PATH while DOING something. TOOL_BUSY for
 * DB_BUSY, else TOOL_FAILED. */
int admin_fail(struct tool *tool, struct db_connection *connection, const char *path,
               enum db_class class, const char *doing);

/* NULL unless the database at PATH, that of CONNECTION, keeps a write-ahead log and lies on a
 * medium that can't carry one; then a text that says so, on the tool's arena. What mends it is
 * admin_log_remedy. */
const char *admin_log_refused(struct tool *tool, struct db_connection *connection,
                              const char *path);
extern const char admin_log_remedy[];

/* Reports ERROR of a store (db.h) over the database of the settings, for which CAUSE was recorded.
 * TOOL_BUSY when others held the database, else TOOL_FAILED. */
int admin_fail_store(struct tool *tool, enum error_code error, const struct cause *cause);

/* Opens the database at PATH, which must exist, whatever its schema. PATH is borrowed until it is
 * closed. After a failure, which is reported, *OUT is NULL. */
int admin_open_any(struct tool *tool, const char *path, bool writable, struct db_connection **out);

/* Reports that the database at PATH has schema NUMBER, which is not this version's, and what to
 * do. */
int admin_fail_schema(struct tool *tool, const char *path, int64_t number);

/* Turns COPY, at PATH, which nobody else has open, into one file without a write-ahead log: the
 * copy of a database that keeps such a log keeps one too. */
int admin_make_plain(struct tool *tool, const char *path, struct db_connection *copy);

/* Copies as admin_maintenance does, and shows the progress as that of WHAT, a constant. */
enum db_class admin_copy(struct tool *tool, struct db_connection *from, struct db_connection *to,
                         bool durable, const char *what);

/* tool_step for the database at PATH: what is being done to it, and its size, because the engine
 * does not report the progress of a statement. */
void admin_step(struct tool *tool, const char *doing, const char *path);

/* Checks that *OUT, the database at PATH, has this version's schema. If not, or if the number can't
 * be read, that is reported and *OUT is closed. */
int admin_need_schema(struct tool *tool, const char *path, struct db_connection **out);

/* Verify the database at PATH and report what is wrong; TOOL_DONE when nothing is. The first
 * function reads all pages and indexes, the second compares the text of the schema with that of the
 * one this version makes. */
int admin_verify_integrity(struct tool *tool, const char *path, struct db_connection *connection);
int admin_verify_schema(struct tool *tool, const char *path, struct db_connection *connection);

/* Calls REPORT when the schema differs from the one that the migrations make in an empty database.
 * After a failure WHY is what the engine says of it, which CONNECTION need not know. */
enum { ADMIN_WHY_SIZE = 512 };
enum db_class admin_compare_schema(struct db_connection *connection,
                                   void (*report)(void *self, const char *problem), void *self,
                                   char why[ADMIN_WHY_SIZE]);

/* Opens the database of the settings, as its owner; its schema must be this version's. */
int admin_open(struct tool *tool, bool writable, struct db_connection **out);

/* Prepares STATEMENT and binds its parameters. The caller finalizes *OUT, also after a failure,
 * when it may be NULL. */
enum db_class admin_prepare(struct db_connection *connection, enum admin_statement statement,
                            const struct db_value *values, size_t count, struct db_prepared **out);

/* Binds VALUES, integers and texts only, to PREPARED, which is reset first. */
enum db_class admin_bind(struct db_prepared *prepared, const struct db_value *values, size_t count);

/* Runs STATEMENT to its end. *NUMBER, unless NULL, is set to the first column of its first row, and
 * keeps its value when there is no row. */
enum db_class admin_run(struct db_connection *connection, enum admin_statement statement,
                        const struct db_value *values, size_t count, int64_t *number);

/* Lets no new account get an id up to LAST. */
enum db_class admin_set_last_user(struct db_connection *connection, int64_t last);

/* Calls FOUND for each kind of what no call leaves behind, but somebody might who edits the
 * database by hand: COUNT of WHAT, a constant in the plural. "cubby gc --recount" mends all of it.
 */
enum db_class admin_find_disorder(struct db_connection *connection,
                                  void (*found)(void *self, int64_t count, const char *what),
                                  void *self);

/* Runs STATEMENT to its end and counts its rows. */
enum db_class admin_count(struct db_connection *connection, enum admin_statement statement,
                          const struct db_value *values, size_t count, int64_t *rows);

#endif
