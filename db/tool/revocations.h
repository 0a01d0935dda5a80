/*
 * revocations.h - what was revoked since a backup was made must stay revoked after restoring it.
 */
#ifndef CUBBY_DB_TOOL_REVOCATIONS_H
#define CUBBY_DB_TOOL_REVOCATIONS_H

#include "db/tool/admin.h"

struct revocations {
    int64_t tokens; /* device tokens that were deleted */
    int64_t users;  /* accounts that were disabled */
};

/* Deletes from DRAFT, a backup about to be restored, the device tokens that PRESENT no longer has
 * although it has their user, and disables the accounts that are disabled in PRESENT. Accounts are
 * the same when their ids and times of creation are. Both databases must have this version's
 * schema; the changes are one transaction. */
enum db_class revocations_apply(struct db_connection *draft, struct db_connection *present,
                                struct revocations *out);

#endif
