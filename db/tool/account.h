/*
 * account.h - one account, for the commands of "cubby user".
 *
 * Functions that return an int return an exit status (enum tool_status), after they reported a
 * failure.
 */
#ifndef CUBBY_DB_TOOL_ACCOUNT_H
#define CUBBY_DB_TOOL_ACCOUNT_H

#include "db/model/items.h"
#include "db/tool/admin.h"

/* Texts are on the tool's arena, or borrowed from the row that was read. */
struct account {
    int64_t id;
    const char *username;
    const char *email;
    const char *full_name;
    int64_t age;
    const char *gender;
    int64_t created_at; /* milliseconds since 1970 */
    int64_t updated_at;
    bool disabled;
    int64_t keys; /* items, and bytes of their values */
    int64_t bytes;
    int64_t tokens; /* device tokens */
    struct item_quota quota;
};

/* Prepares the statement that gives all accounts in the order of their names. */
enum db_class account_list(struct db_connection *connection, struct db_prepared **rows);

/* The account of the present row; its texts are borrowed until the next step. */
void account_of_row(struct db_prepared *row, struct account *out);

/* Finds the account with this user name, or this e-mail when NAME has an @. TOOL_ABSENT, after an
 * error message, when there is none. */
int account_find(struct tool *tool, struct db_connection *connection, const char *name,
                 struct account *out);

/* The account as JSON, on the scratch memory; texts are copied. */
cJSON *account_json(struct tool *tool, const struct account *account);

/* An object with the id and the name of an account, on the scratch memory: the start of a command's
 * result. */
cJSON *account_name_json(struct tool *tool, int64_t id, const char *username);

/* Adds what the account may store to OBJECT: max_keys and max_bytes (null: no limit), and whether
 * they are its own instead of the settings'. */
void account_add_limits(struct tool *tool, cJSON *object, const struct item_quota *quota);

/* Looks up the account of the command's first word. */
int account_look_up(struct tool *tool, struct account *out);

/* Changes what belongs to ACCOUNT, in the transaction that found it. ARGUMENT is what the caller of
 * account_change gave. */
typedef int account_changer(struct tool *tool, struct db_connection *connection,
                            const struct account *account, const void *argument);

/* Finds the account of the command's first word and runs CHANGER, all in one transaction, which is
 * committed only when CHANGER returns TOOL_DONE. */
int account_change(struct tool *tool, account_changer *changer, const void *argument,
                   struct account *out);

/* Runs STATEMENT, which changes something. */
int account_run(struct tool *tool, struct db_connection *connection, enum admin_statement statement,
                const struct db_value *values, size_t count);

/* Deletes the device tokens of the account, and the code for a lost password. */
int account_drop_tokens(struct tool *tool, struct db_connection *connection, int64_t user_id);

/* Clears the counts of failed logins and resets of the account, so that its user can log in at
 * once. */
int account_clear_attempts(struct tool *tool, struct db_connection *connection, int64_t user_id);

#endif
