/*
 * drafts.h - results that appear under their name when they are complete: until then they are
 * written to a draft beside it, which a failure, or a signal that ends the tool, deletes along with
 * what SQLite makes beside it. There can be one at a time, and a second one beside it.
 *
 * A draft is reached through its folder and itself, which stay open, so that nobody who may write
 * to the folder can put something else in its place.
 */
#ifndef CUBBY_DB_TOOL_DRAFTS_H
#define CUBBY_DB_TOOL_DRAFTS_H

#include <signal.h>

#include "db/tool/tool.h"

/* Creates an empty file at PATH, which is borrowed, mode 0600, for this run alone. When root runs
 * this, folders and links on the way must be root's or of the owner of the folder. */
int draft_make(struct tool *tool, const char *path);

/* The draft, open for reading and writing; it is closed by draft_place and draft_drop. */
int draft_file(void);

/* Whether the name of the draft may be used: not when others may put something beside it, nor when
 * root runs this and they may put something else in its place. */
bool draft_has_name(void);

/* Makes the contents of the draft durable. */
int draft_sync(struct tool *tool);

/* Makes the draft durable and gives it the name PATH, in the same folder. It replaces an existing
 * file only if OVER. */
int draft_place(struct tool *tool, const char *path, bool over);

/* Deletes the draft, if there is one, and what lies beside it. */
void draft_drop(void);

/* The same for the second one, in the folder of the first. Once it has another name,
 * draft_drop_second forgets it. */
int draft_make_second(struct tool *tool, const char *path);
void draft_drop_second(void);

/* Keeps signals that end the tool waiting, until draft_release_signals is called with BEFORE. */
void draft_hold_signals(sigset_t *before);
void draft_release_signals(const sigset_t *before);

#endif
