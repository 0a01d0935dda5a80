/*
 * account_call.h - what the programs that serve accounts share: how an account and a device token
 * look in an answer, and an account as one document, going out and coming back.
 */
#ifndef CUBBY_CGI_BIN_SHARED_ACCOUNT_CALL_H
#define CUBBY_CGI_BIN_SHARED_ACCOUNT_CALL_H

#include "common/serve/serve.h"
#include "db/model/tokens.h"
#include "db/model/users.h"

/* As objects on the arena of CALL; texts are borrowed. */
cJSON *profile_json(struct call *call, const struct user_profile *profile);
cJSON *token_json(struct call *call, const struct token_info *token);

/* Answers with everything that is stored about the user of the call's token, as one document that
 * lies in a file until it is sent. Memory does not grow with it. */
enum error_code export_account(struct call *call);

/* Stores the items of the call's body, which is such a document or has `items` itself: all of them
 * or, on any error, none. Memory does not grow with them. */
enum error_code import_items(struct call *call);

/* Statements that these two may run. */
#define EXPORT_STATEMENTS DB_USER_PROFILE, DB_TOKEN_LIST, DB_ITEM_LIST
#define IMPORT_STATEMENTS                                                                          \
    DB_COUNTERS_READ, DB_COUNTERS_WRITE, DB_ITEM_FIND, DB_ITEM_ADD, DB_ITEM_CHANGE, DB_ITEM_LIST,  \
        DB_ITEM_FIRST_EXPIRING, DB_ITEM_FORGET

#endif
