/*
 * confine.c - a process gives up what it does not need as soon as it has its settings (sandbox.h):
 * before it looks at anything else of a request. One that stays, and whose environment names them,
 * does so before it takes any.
 *
 * One that stays can't open what takes the place of its settings, of the folder of the database, or
 * of a key file, a log or a list of passwords outside of that. It ends when it notices, before it
 * takes a request, and whoever keeps the processes starts another. One that has limits alone ends
 * when its settings change: they say how high these are, and no limit can be raised again.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/sandbox/sandbox.h"
#include "common/serve/loop.h"
#include "common/settings/paths.h"

/* Whether some route changes the database, be it that a device token was used. */
static bool program_writes(const struct program *program)
{
    for (size_t i = 0; i < program->route_count; i++) {
        if ((program->routes[i].flags & (ROUTE_TOKEN | ROUTE_WRITES)) != 0) {
            return true;
        }
    }
    return false;
}

/* Leaves in FOLDER where the link at PATH leads; empty when there is none. */
static void folder_behind_link(const char *path, char folder[PATH_MAX])
{
    if (paths_follow(path, folder)) {
        strrchr(folder, '/')[1] = '\0';
    } else {
        folder[0] = '\0';
    }
}

/* What the folder of the database, the log and the refused passwords are, for has_to_end. */
static void note_files(struct serve *serve)
{
    const char *beside = serve->config.beside;
    const char *slash = strrchr(beside, '/');
    int length = slash != NULL ? (int)(slash - beside) + 1 : 0;
    serve->folder = arena_printf(&serve->arena, "%.*s", length, beside);
    if (serve->folder != NULL) {
        stamp_take(&serve->folder_rule, serve->folder);
    }
    char behind[PATH_MAX];
    folder_behind_link(beside, behind);
    stamp_take(&serve->target_rule, behind);
    if (*serve->config.log != '\0') {
        stamp_take(&serve->log_rule, serve->config.log);
    }
    if (*serve->config.refused_passwords != '\0') {
        stamp_take(&serve->passwords_rule, serve->config.refused_passwords);
    }
}

void confine(struct serve *serve)
{
    const struct config *config = &serve->config;
    if (!serve->transport->confines || confine_keeps_settings(serve)) {
        return;
    }
    struct sandbox_needs needs = {.config = config,
                                  .writes = program_writes(serve->program),
                                  .stays = !serve->transport->ends_process};
    needs.keys_have_rule = needs.writes && !sandbox_has_folder(config, config->keys);
    serve->keys_have_rule = needs.keys_have_rule;
    if (serve->keys_have_rule) {
        stamp_take(&serve->keys_rule, config->keys);
    }
    serve->sandbox = sandbox_enter(&needs);
    if (needs.stays) {
        note_files(serve);
    }
}

bool confine_holds(const struct serve *serve)
{
    return (serve->sandbox & SANDBOX_CONFINES) != 0;
}

bool confine_keeps_settings(const struct serve *serve)
{
    return serve->sandbox != 0;
}

/* Of a key file with a rule of its own. */
static bool keys_were_replaced(const struct serve *serve)
{
    return serve->keys_have_rule && stamp_is_other_file(&serve->keys_rule, serve->config.keys);
}

bool confine_keeps_from_keys(const struct serve *serve)
{
    return confine_holds(serve) &&
           (keys_were_replaced(serve) ||
            (!serve->keys_have_rule && !sandbox_has_folder(&serve->config, serve->config.keys)));
}

enum error_code confine_gives_way(struct serve *serve, struct cause *cause, const char *why)
{
    serve->misplaced = true;
    return cause_set(cause, ERR_SERVICE_UNAVAILABLE,
                     "%s, and this process is confined to what it has read; another one takes its "
                     "place",
                     why);
}

/* The path of the database, or what it leads to, is a link that was put there meanwhile. */
static bool leads_elsewhere(const struct serve *serve)
{
    char behind[PATH_MAX];
    folder_behind_link(serve->config.beside, behind);
    return stamp_is_other_file(&serve->target_rule, behind);
}

/* Something has taken the place of what a confined process may open. */
static bool was_replaced(const struct serve *serve)
{
    const char *log = serve->config.log;
    const char *passwords = serve->config.refused_passwords;
    return keys_were_replaced(serve) ||
           (serve->folder != NULL && stamp_is_other_file(&serve->folder_rule, serve->folder)) ||
           leads_elsewhere(serve) || (*log != '\0' && stamp_is_other_file(&serve->log_rule, log)) ||
           (*passwords != '\0' && stamp_is_other_file(&serve->passwords_rule, passwords));
}

static bool has_to_end(void *self)
{
    const struct serve *serve = self;
    if (!confine_keeps_settings(serve) || !serve->configured) {
        return serve->misplaced;
    }
    return stamp_differs(&serve->settings_file, serve->settings_path) ||
           (confine_holds(serve) && was_replaced(serve));
}

void confine_watch(struct serve *serve)
{
    serve->transport->self = serve;
    serve->transport->has_to_end = has_to_end;
}
