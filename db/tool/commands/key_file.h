/*
 * key_file.h - the file of the keys that sign access tokens, for who edits it.
 *
 * The key file is a JWKS (RFC 7517): the first key signs, all verify. It is edited as JSON, so that
 * unknown members stay. Beside those of RFC 7517 a key made here has
 *
 *   iat             when it was created, seconds since 1970
 *   token_lifetime  seconds that its tokens live for by the settings, while it signs; and later on
 *                   where no clock told when it signed last, so that it has no exp
 *   exp             when the last token of one that signs no more has expired, with a margin
 *   key_ops         ["verify"] (RFC 7517 section 4.3) in one that is to sign later on
 */
#ifndef CUBBY_DB_TOOL_COMMANDS_KEY_FILE_H
#define CUBBY_DB_TOOL_COMMANDS_KEY_FILE_H

#include "db/tool/tool.h"

/* The member NAME of OBJECT, which stays its owner; of several the last one, which is the one that
 * the programs use. NULL when there is none. */
cJSON *key_member(const cJSON *object, const char *name);

/* Reads the key file as JSON and checks every key: *TOP is the whole, *LIST its array of keys,
 * which is not empty. Returns an exit status (enum tool_status), after it reported a failure. */
int key_file_read(struct tool *tool, cJSON **top, cJSON **list);

/* Locks the key file, so that no edit is lost when two are made at the same time. *LOCK is a
 * descriptor that the caller closes, or -1. Returns an exit status. */
int key_file_lock(struct tool *tool, int *lock);

/* Puts TOP in the place of the key file. Returns an exit status, after it reported a failure. */
int key_file_write(struct tool *tool, const cJSON *top);

/* The name of KEY, which stays its owner; "-" for one that has none. */
const char *key_name(const cJSON *key);

/* The member NAME of KEY, a whole number of seconds; 0 when there is none. */
int64_t key_seconds(const cJSON *key, const char *name);

/* When KEY was created, in seconds since 1970; 0: unknown. */
int64_t key_created(const cJSON *key);

/* Takes every member NAME from KEY. */
void key_drop_member(cJSON *key, const char *name);

/* Gives KEY the member NAME, in the place of any that it has. SECONDS is below 2^53. */
void key_set_seconds(cJSON *key, const char *name, int64_t seconds);

/* Whether KEY waits for "cubby key use". */
bool key_is_prepared(const cJSON *key);

/* How many seconds tokens of KEY live: as the settings say, or said when it was made. Who lowers
 * token_lifetime does not shorten the tokens that are about. */
int64_t key_lifetime(const struct tool *tool, const cJSON *key);

/* When the last token of KEY has expired, in seconds since 1970, whichever web server signed it, if
 * this file has it sign no more from NOW on. Another server's clock may be ahead. */
int64_t key_end_from(const struct tool *tool, const cJSON *key, int64_t now);

/* Whether the clock can have been right when it showed TIME, at which KEY was there. */
bool key_is_likely(int64_t time, const cJSON *key);

/* By when the last token of key NUMBER (from 0) has expired, in seconds since 1970; 0 for the first
 * key, which still signs, and when it is unknown. In files of before, which don't say so, its
 * successor stands before it, and its tokens live on from when that was created. What was noted
 * while the clock was wrong says nothing. */
int64_t key_end(const struct tool *tool, const cJSON *list, int number);

#endif
