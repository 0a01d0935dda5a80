/*
 * key.c - the keys that sign access tokens: list, rotate, use, retire.
 *
 * What the file holds stands in key_file.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/identity/token.h"
#include "db/tool/commands/key.h"
#include "db/tool/commands/key_file.h"

/* The name of KEY as JSON: null for a key without a name. */
static cJSON *name_json(const cJSON *key)
{
    const char *kid = cJSON_GetStringValue(key_member(key, "kid"));
    return kid != NULL ? cJSON_CreateString(kid) : cJSON_CreateNull();
}

static size_t bits_of(const cJSON *key)
{
    const char *k = cJSON_GetStringValue(key_member(key, "k"));
    return k != NULL ? strcspn(k, "=") * 6 / 8 * 8 : 0;
}

const char *key_new_name(struct tool *tool)
{
    unsigned char id[8];
    char kid[2 * sizeof id + 1];
    if (!tool_random(tool, id, sizeof id)) {
        return NULL;
    }
    hex_encode(id, sizeof id, kid);
    return arena_copy(&tool->arena, kid, sizeof kid - 1);
}

int key_new_file(struct tool *tool, const char *kid, const char **text)
{
    unsigned char key[TOKEN_KEY_MINIMUM];
    if (!tool_random(tool, key, sizeof key)) {
        return TOOL_FAILED;
    }
    const char *plain = token_keys_text(key, kid);
    explicit_bzero(key, sizeof key);
    cJSON *top = plain != NULL ? cJSON_Parse(plain) : NULL;
    cJSON *made = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(top, "keys"), 0);
    json_add(made, "iat", json_new_integer(&tool->scratch, tool_now_ms() / 1000));
    key_set_seconds(made, "token_lifetime", tool->config.token_lifetime);
    *text = made != NULL ? cJSON_PrintUnformatted(top) : NULL;
    return *text != NULL && !arena_failed(&tool->scratch) ? TOOL_DONE : tool_out_of_memory(tool);
}

/* Makes a new key, in *KEY, as a JSON object that is in no list yet. */
static int new_key(struct tool *tool, const char *kid, cJSON **key)
{
    const char *text;
    int status = key_new_file(tool, kid, &text);
    if (status != TOOL_DONE) {
        return status;
    }
    cJSON *list = cJSON_GetObjectItemCaseSensitive(cJSON_Parse(text), "keys");
    *key = cJSON_DetachItemFromArray(list, 0);
    return *key != NULL ? TOOL_DONE : tool_out_of_memory(tool);
}

static int no_such_key(struct tool *tool, const char *kid)
{
    (void)tool_fail(tool, "there is no key %s; see cubby key list", kid);
    return TOOL_ABSENT;
}

/* ---- list ----------------------------------------------------------------------------------- */

/* RFC 3339 text of a time in seconds, or "-". */
static const char *time_text(char out[TIME_TEXT_SIZE], int64_t seconds)
{
    (void)snprintf(out, TIME_TEXT_SIZE, "-");
    if (seconds > 0) {
        time_to_text(seconds * 1000, out);
    }
    return out;
}

static void add_time(struct tool *tool, cJSON *object, const char *name, int64_t seconds)
{
    json_add(object, name,
             seconds > 0 ? json_new_time(&tool->scratch, seconds * 1000) : cJSON_CreateNull());
}

static int list_as_json(struct tool *tool, const cJSON *list)
{
    cJSON *out = cJSON_CreateArray();
    int count = cJSON_GetArraySize(list);
    for (int i = 0; i < count; i++) {
        const cJSON *key = cJSON_GetArrayItem(list, i);
        cJSON *row = cJSON_CreateObject();
        json_add(row, "kid", name_json(key));
        json_add(row, "signs", cJSON_CreateBool(i == 0));
        json_add(row, "prepared", cJSON_CreateBool(i > 0 && key_is_prepared(key)));
        json_add(row, "bits", json_new_integer(&tool->scratch, (int64_t)bits_of(key)));
        add_time(tool, row, "created_at", key_created(key));
        add_time(tool, row, "tokens_end_at", key_end(tool, list, i));
        (void)cJSON_AddItemToArray(out, row);
    }
    return tool_print_json(tool, out, true);
}

static int run_list(struct tool *tool)
{
    if (tool->json && tool_option(tool, "--names") != NULL) {
        return tool_misuse(tool, "either --names or --json");
    }
    cJSON *top;
    cJSON *list;
    int status = key_file_read(tool, &top, &list);
    if (status != TOOL_DONE) {
        return status;
    }
    bool names = tool_option(tool, "--names") != NULL;
    if (tool->json) {
        return list_as_json(tool, list);
    }
    if (!names) {
        printf("%-20s %5s  %-24s  %s\n", "KEY", "BITS", "CREATED", "TOKENS");
    }
    int count = cJSON_GetArraySize(list);
    for (int i = 0; i < count; i++) {
        const cJSON *key = cJSON_GetArrayItem(list, i);
        int64_t end = key_end(tool, list, i);
        char born[TIME_TEXT_SIZE];
        char ends[TIME_TEXT_SIZE];
        const char *name = key_name(key);
        if (names) {
            (void)puts(name); /* of harmless characters, as token_keys_check has seen */
            continue;
        }
        bool none = i == 0 || key_is_prepared(key);
        const char *tokens = i == 0 ? "signs new ones" : "is to sign new ones";
        printf("%-20s %5zu  %-24s  %s%s\n", tool_is_printable(name) ? name : "?", bits_of(key),
               time_text(born, key_created(key)), none ? tokens : "the last ends by ",
               none ? "" : time_text(ends, end));
    }
    return TOOL_DONE;
}

/* ---- rotate --------------------------------------------------------------------------------- */

/* Puts KEY, which is in no list, in front of LIST. */
static bool put_first(cJSON *list, cJSON *key)
{
    return cJSON_GetArraySize(list) == 0 ? cJSON_AddItemToArray(list, key)
                                         : cJSON_InsertItemInArray(list, 0, key);
}

/* Notes in KEY, which signs no more from now on because NEXT does, by when its last token has
 * expired; or that this is unknown, where the clock is not set or behind. */
static void note_end(const struct tool *tool, cJSON *key, const cJSON *next)
{
    int64_t now = tool_now_ms() / 1000;
    int64_t lifetime = key_lifetime(tool, key);
    int64_t end = key_end_from(tool, key, now);
    key_drop_member(key, "exp");
    key_drop_member(key, "token_lifetime");
    if (key_is_likely(now, key) && key_is_likely(now, next)) {
        key_set_seconds(key, "exp", end);
    } else {
        key_drop_member(key, "key_ops"); /* it would count as prepared */
        key_set_seconds(key, "token_lifetime", lifetime);
    }
}

/* Puts KEY, named KID, into LIST and writes the file TOP; says what has become of tokens. */
static int add_key(struct tool *tool, cJSON *top, cJSON *list, cJSON *key, const char *kid)
{
    bool alone = tool_option(tool, "--retire-others") != NULL;
    bool later = tool_option(tool, "--prepare") != NULL;
    while (alone && cJSON_GetArraySize(list) > 0) {
        cJSON_DeleteItemFromArray(list, 0);
    }
    if (later) {
        cJSON *ops = cJSON_AddArrayToObject(key, "key_ops");
        (void)cJSON_AddItemToArray(ops, cJSON_CreateString("verify"));
    } else if (!alone) {
        note_end(tool, cJSON_GetArrayItem(list, 0), key);
    }
    if (!(later ? cJSON_AddItemToArray(list, key) : put_first(list, key))) {
        return tool_out_of_memory(tool);
    }
    int status = key_file_write(tool, top);
    if (status != TOOL_DONE) {
        return status;
    }
    tool_audit(tool, later ? "key_prepared" : "key_rotated", 0, "%s%s", kid,
               alone ? ", all others retired" : "");
    cJSON *out = cJSON_CreateObject();
    json_add(out, "kid", cJSON_CreateString(kid));
    json_add(out, "keys", cJSON_CreateNumber(cJSON_GetArraySize(list)));
    if (later) {
        return tool_result(
            tool, out, "key %s verifies from now on; \"cubby key use %s\" signs by it", kid, kid);
    }
    return tool_result(tool, out, "key %s signs from now on%s", kid,
                       alone ? "; all earlier tokens have ended"
                             : "; tokens of older keys live until they expire");
}

static int rotate_locked(struct tool *tool)
{
    cJSON *top;
    cJSON *list;
    int status = key_file_read(tool, &top, &list);
    if (status == TOOL_DONE && tool_option(tool, "--retire-others") != NULL) {
        status = tool_confirm(tool, "Retire all present keys? Every access token ends at once.");
    }
    cJSON *key = NULL;
    const char *kid = status == TOOL_DONE ? key_new_name(tool) : NULL;
    if (status == TOOL_DONE) {
        status = kid != NULL ? new_key(tool, kid, &key) : TOOL_FAILED;
    }
    return status == TOOL_DONE ? add_key(tool, top, list, key, kid) : status;
}

/* Does EDIT while no other edit of the key file is done. */
static int with_lock(struct tool *tool, int (*edit)(struct tool *))
{
    int lock;
    int status = key_file_lock(tool, &lock);
    if (status == TOOL_DONE) {
        status = edit(tool);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    return status;
}

static int run_rotate(struct tool *tool)
{
    if (tool_option(tool, "--prepare") != NULL && tool_option(tool, "--retire-others") != NULL) {
        return tool_misuse(tool, "either --prepare or --retire-others");
    }
    return with_lock(tool, rotate_locked);
}

/* ---- use ------------------------------------------------------------------------------------ */

static int use_locked(struct tool *tool)
{
    cJSON *top;
    cJSON *list;
    const char *kid = tool->words[0];
    int status = key_file_read(tool, &top, &list);
    if (status != TOOL_DONE) {
        return status;
    }
    int found = -1;
    int count = 0;
    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--) {
        if (strcmp(key_name(cJSON_GetArrayItem(list, i)), kid) == 0) {
            found = i;
            count++;
        }
    }
    if (count == 0) {
        return no_such_key(tool, kid);
    }
    if (count > 1) {
        return tool_fail(tool, "%d keys are named %s", count, kid);
    }
    if (found > 0) {
        cJSON *key = cJSON_DetachItemFromArray(list, found);
        note_end(tool, cJSON_GetArrayItem(list, 0), key);
        key_drop_member(key, "key_ops");
        key_drop_member(key, "exp");
        key_set_seconds(key, "token_lifetime", key_lifetime(tool, key));
        status = put_first(list, key) ? key_file_write(tool, top) : tool_out_of_memory(tool);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    if (found > 0) {
        tool_audit(tool, "key_rotated", 0, "%s", kid);
    }
    cJSON *out = cJSON_CreateObject();
    json_add(out, "kid", name_json(cJSON_GetArrayItem(list, 0)));
    json_add(out, "keys", cJSON_CreateNumber(cJSON_GetArraySize(list)));
    return tool_result(
        tool, out, "key %s signs from now on; tokens of older keys live until they expire", kid);
}

static int run_use(struct tool *tool)
{
    return with_lock(tool, use_locked);
}

/* ---- retire --------------------------------------------------------------------------------- */

/* How many keys of LIST have the name KID, by which a file made by hand may have several; *ENDED:
 * no token of theirs lives any more. */
static int count_named(const struct tool *tool, const cJSON *list, const char *kid, bool *ended)
{
    int count = cJSON_GetArraySize(list);
    int found = 0;
    *ended = true;
    for (int i = 0; i < count; i++) {
        if (strcmp(key_name(cJSON_GetArrayItem(list, i)), kid) == 0) {
            int64_t end = key_end(tool, list, i);
            *ended = *ended && end != 0 && end <= tool_now_ms() / 1000;
            found++;
        }
    }
    return found;
}

/* Removes key NUMBER from LIST and adds its name to the array REMOVED. */
static void remove_key(cJSON *list, int number, cJSON *removed)
{
    (void)cJSON_AddItemToArray(removed, name_json(cJSON_GetArrayItem(list, number)));
    cJSON_DeleteItemFromArray(list, number);
}

/* Writes the file with the keys that are left in LIST, and reports those that were REMOVED. */
static int write_retired(struct tool *tool, const cJSON *top, const cJSON *list, cJSON *removed)
{
    int count = cJSON_GetArraySize(removed);
    int status = count > 0 ? key_file_write(tool, top) : TOOL_DONE;
    if (status != TOOL_DONE) {
        return status;
    }
    const cJSON *kid;
    cJSON_ArrayForEach(kid, removed)
    {
        const char *name = cJSON_IsString(kid) ? kid->valuestring : "-";
        tool_audit(tool, "key_retired", 0, "%s", name);
        if (!tool->json) {
            tool_say(tool, "key %s is retired", name);
        }
    }
    if (tool->json) {
        cJSON *out = cJSON_CreateObject();
        json_add(out, "retired", removed);
        json_add(out, "keys", cJSON_CreateNumber(cJSON_GetArraySize(list)));
        return tool_print_json(tool, out, true);
    }
    if (count == 0) {
        tool_say(tool, "no key to retire");
    }
    return TOOL_DONE;
}

static const char *secret_of(const cJSON *key)
{
    const char *k = cJSON_GetStringValue(key_member(key, "k"));
    return k != NULL ? k : "";
}

/* Whoever has a secret signs by any name under which it is left. */
static void warn_of_secret(struct tool *tool, const cJSON *list, const cJSON *retired)
{
    const cJSON *left;
    cJSON_ArrayForEach(left, list)
    {
        if (strcmp(key_name(left), key_name(retired)) != 0 &&
            strcmp(secret_of(left), secret_of(retired)) == 0) {
            tool_warn(tool, "the secret of key %s is that of key %s too, which is kept",
                      key_name(retired), key_name(left));
        }
    }
}

static int retire_named(struct tool *tool, cJSON *top, cJSON *list)
{
    const char *kid = tool->words[0];
    bool ended;
    int count = count_named(tool, list, kid, &ended);
    if (count == 0) {
        return no_such_key(tool, kid);
    }
    if (strcmp(key_name(cJSON_GetArrayItem(list, 0)), kid) == 0) {
        return tool_fail(tool, "key %s signs new tokens; run \"cubby key rotate\" first", kid);
    }
    int status = TOOL_DONE;
    if (!ended && count > 1) {
        status = tool_confirm(
            tool, "Retire the %d keys named %s? Tokens that they sign end at once.", count, kid);
    } else if (!ended) {
        status = tool_confirm(tool, "Retire key %s? Tokens that it signed end at once.", kid);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    cJSON *removed = cJSON_CreateArray();
    for (int i = cJSON_GetArraySize(list) - 1; i > 0; i--) {
        const cJSON *key = cJSON_GetArrayItem(list, i);
        if (strcmp(key_name(key), kid) == 0) {
            warn_of_secret(tool, list, key);
            remove_key(list, i, removed);
        }
    }
    return write_retired(tool, top, list, removed);
}

static int retire_expired(struct tool *tool, cJSON *top, cJSON *list)
{
    int64_t now = tool_now_ms() / 1000;
    cJSON *removed = cJSON_CreateArray();
    /* From the oldest key on, because the end of a key depends on the one before it in the list. */
    for (int i = cJSON_GetArraySize(list) - 1; i > 0; i--) {
        int64_t end = key_end(tool, list, i);
        if (end != 0 && end <= now) {
            remove_key(list, i, removed);
        }
    }
    return write_retired(tool, top, list, removed);
}

static int retire_locked(struct tool *tool)
{
    cJSON *top;
    cJSON *list;
    int status = key_file_read(tool, &top, &list);
    if (status != TOOL_DONE) {
        return status;
    }
    return tool->word_count == 0 ? retire_expired(tool, top, list) : retire_named(tool, top, list);
}

static int run_retire(struct tool *tool)
{
    if ((tool_option(tool, "--expired") != NULL) == (tool->word_count == 1)) {
        return tool_misuse(tool, "either a key or --expired");
    }
    return with_lock(tool, retire_locked);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct tool_option list_options[] = {
    {"--names", NULL, "the names alone, a line each, as scripts and completion want them"},
};

static const struct tool_option rotate_options[] = {
    {"--prepare", NULL, "which only verifies until \"cubby key use\""},
    {"--retire-others", NULL, "and keep no other: every access token ends at once"},
};

static const struct tool_option retire_options[] = {
    {"--expired", NULL, "all keys whose last token has expired, without asking"},
};

static const struct tool_command commands[] = {
    {.name = "key list",
     .words = "",
     .summary = "show the keys that sign and verify tokens",
     .text = "Shows the keys of the key file, never their secret. The first signs new tokens; the\n"
             "others verify tokens that are still about, the last of which ends by the time shown\n"
             "(\"-\": unknown, since the clock was wrong), or are to sign later on.\n",
     .options = list_options,
     .option_count = 1,
     .flags = COMMAND_JSON,
     .run = run_list},
    {.name = "key rotate",
     .words = "",
     .summary = "make a new key, which signs from now on",
     .text = "Puts a new key in front of the others. Tokens signed by older keys live until they\n"
             "expire; a day after that \"cubby key retire --expired\" drops those keys. With\n"
             "--prepare the new key only verifies until \"cubby key use\": where several web\n"
             "servers have copies of the file, each can know the key before the first one signs\n"
             "by it. The day is for the others to follow.\n",
     .options = rotate_options,
     .option_count = 2,
     .flags = COMMAND_JSON | COMMAND_ASKS,
     .run = run_rotate},
    {.name = "key use",
     .words = "KEY",
     .summary = "let a key that is there sign from now on",
     .text =
         "Puts the key named KEY in front of the others, as a rule one that \"cubby key rotate\n"
         "--prepare\" made. Tokens signed by the others live until they expire.\n",
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON,
     .run = run_use},
    {.name = "key retire",
     .words = "[KEY]",
     .summary = "drop a key; tokens that it signed end at once",
     .text =
         "Drops the key named KEY (\"-\": the one without a name), as \"cubby key list\" shows\n"
         "them; all of that name where there are several. The key that signs can't be dropped:\n"
         "rotate first. Asks while tokens of the key may still live, which is for token_lifetime\n"
         "of the settings, or as that stood when the key was made where it was more, and a day\n"
         "for other web servers that have copies of the file to follow.\n",
     .options = retire_options,
     .option_count = 1,
     .words_most = 1,
     .flags = COMMAND_JSON | COMMAND_ASKS,
     .run = run_retire},
};

const struct tool_group tool_key_commands = {commands, sizeof commands / sizeof *commands};
