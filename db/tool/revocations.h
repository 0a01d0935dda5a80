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

/* Takes from DRAFT, a backup about to be restored, the device tokens that PRESENT does not have any
 * more though it has their user, and disables the accounts that it has disabled. An account is the
 * same when its id and its time of birth are. Both databases have this version's schema; the
 * changes are one transaction. */
enum db_class revocations_apply(struct db_connection *draft, struct db_connection *present,
                                struct revocations *out);

#endif
