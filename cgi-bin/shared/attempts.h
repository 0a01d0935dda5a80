/*
 * attempts.h - attempts to guess a password or a code are counted and limited, and so is the number
 * of password hashes computed at the same time. All programs that hash passwords use this.
 *
 * An attempt is counted before the hash is computed, in a transaction of its own, and taken back
 * when it succeeds: of many simultaneous attempts no more than the limit are tried. A call that is
 * started again goes on with the attempt that it has counted.
 */
#ifndef CUBBY_CGI_BIN_SHARED_ATTEMPTS_H
#define CUBBY_CGI_BIN_SHARED_ATTEMPTS_H

#include "common/serve/serve.h"
#include "db/model/throttle.h"
#include "db/model/users.h"

enum attempt_kind { ATTEMPT_LOGIN, ATTEMPT_RESET };

struct attempt {
    struct throttle account;
    struct throttle address;
    int slot; /* -1: none */
};

/* Statements that a program with attempts may run. */
#define ATTEMPT_STATEMENTS                                                                         \
    DB_THROTTLE_READ, DB_THROTTLE_COUNT, DB_THROTTLE_GIVE_BACK, DB_THROTTLE_CLEAR, DB_THROTTLE_SWEEP

/* Looks for the account NAME, in a transaction that attempt_begin goes on with and ends: else one
 * more would begin for each statement behind a look that found nobody, and the time of the answer
 * tell that. *FOUND and *OUT as users_find_login leaves them. */
enum error_code attempt_find_account(struct call *call, struct text name, bool *found,
                                     struct user_login *out);

/* Counts an attempt on the account USER_ID, or on the unknown name NAME when USER_ID is 0, and
 * takes a slot for hashing. Commits, and with that everything the call has written so far. Columns
 * that were read before are no longer valid.
 * ERR_TOO_MANY_ATTEMPTS, with the time to wait in call->retry_after, before any costly work;
 * ERR_SERVICE_UNAVAILABLE when no slot became free. After an error attempt_end is not needed. */
enum error_code attempt_begin(struct call *call, enum attempt_kind kind, int64_t user_id,
                              struct text name, struct attempt *attempt);

/* Whether PASSWORD matches the hash STORED. With STORED NULL, for an account that does not exist,
 * it does not match, after the same work: that of a hash by the settings. One by other settings is
 * verified first, and only then takes that work too, unless it matches. */
enum error_code attempt_verify(struct call *call, const char *stored, struct text password,
                               bool *matches);

/* ERR_INVALID_PASSWORD, with the reason in the details under FIELD, when the operator's list
 * refuses PASSWORD, which somebody chooses anew. ERR_INTERNAL when that list can't be read. */
enum error_code attempt_new_password(struct call *call, const char *field, struct text password);

/* Hashes a new password by the method and cost of the settings. */
enum error_code attempt_hash(struct call *call, struct text password, const char **hash);

/* The attempt succeeded: clears the account's count and takes this attempt off the address's.
 * Commits that, so nothing else may have been written since attempt_begin: what the client asked
 * for, and the event that tells of it, are committed together at the end of the call. */
enum error_code attempt_succeeded(struct call *call, const struct attempt *attempt);

/* Takes back what was counted for the address, in the transaction of the call, which attempt_forget
 * is to follow: the address comes first for everybody, so that no two calls wait for each other. In
 * the place of attempt_succeeded, for calls that write before they know that they succeed. */
enum error_code attempt_give_back(struct call *call, const struct attempt *attempt);

/* Ends the attempt and frees its slot. */
void attempt_end(struct attempt *attempt);

/* Takes a slot for hashing without counting an attempt; attempt_end frees it. Commits as
 * attempt_begin does, because no lock of the database may be held meanwhile.
 * ERR_SERVICE_UNAVAILABLE when no slot became free. */
enum error_code attempt_take_slot(struct call *call, struct attempt *attempt);

/* Registrations from this call's address. The first function only checks the limit, and afterwards
 * no database lock is held; the second counts one in the request's transaction.
 * ERR_TOO_MANY_ATTEMPTS. */
enum error_code attempt_check_registration(struct call *call);
enum error_code attempt_count_registration(struct call *call);

/* To be called with the error of a look for a name or an e-mail that may be taken, before anything
 * is written: telling that one is counts like a registration, and so nobody can ask for many.
 * Returns ERROR, or that of counting. */
enum error_code attempt_told_taken(struct call *call, enum error_code error);

/* Clears the account's counts of failed logins and resets. For calls that set a password or delete
 * the account. */
enum error_code attempt_forget(struct call *call, int64_t user_id);

#endif
