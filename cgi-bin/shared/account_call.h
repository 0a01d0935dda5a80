/*
 * account_call.h - what the programs that serve accounts share: an account and a device token as
 * JSON, and the export and import of a whole account.
 */
#ifndef CUBBY_CGI_BIN_SHARED_ACCOUNT_CALL_H
#define CUBBY_CGI_BIN_SHARED_ACCOUNT_CALL_H

#include "common/serve/parameters.h"
#include "common/serve/serve.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

/* JSON objects on the arena of CALL; their texts are borrowed from the arguments. */
cJSON *profile_json(struct call *call, const struct user_profile *profile);
cJSON *token_json(struct call *call, const struct token_info *token);

/* Answers with one JSON document of everything stored about the user of the call's token. It is
 * written to a spool first and sent from there, so memory does not grow with it. */
enum error_code export_account(struct call *call);

/* Stores the items of the call's body, which is an export document or an object with `items`: all
 * of them or, on any error, none. Memory does not grow with them. */
enum error_code import_items(struct call *call);
extern const struct parameter import_parameters[];

/* Statements that these two may run. */
#define EXPORT_STATEMENTS DB_COUNTERS_READ, DB_USER_PROFILE, DB_TOKEN_LIST, DB_ITEM_LIST
#define IMPORT_STATEMENTS                                                                          \
    DB_COUNTERS_WRITE, DB_ITEM_FIND, DB_ITEM_ADD, DB_ITEM_CHANGE, DB_ITEM_FIRST_EXPIRING,          \
        DB_ITEM_FORGET, REMOVAL_STATEMENTS

#endif
