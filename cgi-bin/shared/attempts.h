/*
 * attempts.h - what costs a password hash: attempts to guess one are counted and limited, and so
 * are the hashes that run at once. The programs that hash share this.
 *
 * The attempt is counted before the hash is computed, in a transaction of its own, and taken back
 * when it was no failure: of many at once no more than the limit get as far as the hash.
 */
#ifndef CUBBY_CGI_BIN_SHARED_ATTEMPTS_H
#define CUBBY_CGI_BIN_SHARED_ATTEMPTS_H

#include "common/serve/serve.h"
#include "db/model/throttle.h"

enum attempt_kind { ATTEMPT_LOGIN, ATTEMPT_RESET };

struct attempt {
    struct throttle account;
    struct throttle address;
    int slot; /* -1: none */
};

/* Statements that a program with attempts may run. */
#define ATTEMPT_STATEMENTS                                                                         \
    DB_THROTTLE_READ, DB_THROTTLE_COUNT, DB_THROTTLE_GIVE_BACK, DB_THROTTLE_CLEAR, DB_THROTTLE_SWEEP

/* Counts an attempt on the account USER_ID, or, when that is 0, on the unknown name NAME, and takes
 * a place for hashing. Columns read before are void after. ERR_TOO_MANY_ATTEMPTS, with the time to
 * wait in call->retry_after, before anything costly; ERR_SERVICE_UNAVAILABLE when too many hashes
 * run. On any error there is nothing to end. */
enum error_code attempt_begin(struct call *call, enum attempt_kind kind, int64_t user_id,
                              struct text name, struct attempt *attempt);

/* Whether PASSWORD is the one STORED was made of. STORED NULL: no account has it, at the same cost.
 */
enum error_code attempt_verify(struct call *call, const char *stored, struct text password,
                               bool *matches);

/* The hash of a new password by the settings. */
enum error_code attempt_hash(struct call *call, struct text password, const char **hash);

/* It was no failure: the account's count is set back, and the address's is as it was before. What
 * the call has written so far is committed with that. */
enum error_code attempt_succeeded(struct call *call, struct attempt *attempt);

/* The attempt is over: gives its place to the next. */
void attempt_end(struct attempt *attempt);

/* Takes a place for hashing alone; to be given to attempt_end. */
enum error_code attempt_take_slot(struct call *call, struct attempt *attempt);

/* A registration from this call's address: refuses one too many without counting, and then holds no
 * lock of the database; or counts it in the request's transaction. ERR_TOO_MANY_ATTEMPTS. */
enum error_code attempt_check_registration(struct call *call);
enum error_code attempt_count_registration(struct call *call);

/* The account's count of failed logins, for whoever sets a password or deletes the account. */
enum error_code attempt_forget(struct call *call, int64_t user_id);

#endif
