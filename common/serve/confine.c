/*
 * confine.c - a process gives up what it does not need as soon as it has its settings (sandbox.h).
 * One that stays must notice when later settings, or a log that was moved, want what it has given
 * up: then it ends before it takes a request, and whoever keeps the processes starts another.
 */
#include <stdlib.h>
#include <string.h>

#include "common/sandbox/sandbox.h"
#include "common/serve/loop.h"

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

/* The settings that confinement goes by, as one text. NULL when memory is out. */
static char *wanted(const struct config *config)
{
    const char *const parts[] = {config->sandbox, config->database, config->keys, config->log};
    enum { COUNT = sizeof parts / sizeof *parts };
    size_t size = 1;
    for (int i = 0; i < COUNT; i++) {
        size += strlen(parts[i]) + 1;
    }
    char *text = calloc(1, size);
    for (size_t i = 0, used = 0; text != NULL && i < COUNT; i++) {
        memcpy(text + used, parts[i], strlen(parts[i]));
        used += strlen(parts[i]);
        text[used++] = '\n'; /* no setting has one */
    }
    return text;
}

static bool is_other(const struct serve *serve, const struct config *config)
{
    char *text = wanted(config);
    bool other =
        text == NULL || serve->confined_to == NULL || strcmp(text, serve->confined_to) != 0;
    free(text);
    return other;
}

enum error_code confine(struct serve *serve, struct cause *cause)
{
    const struct config *config = &serve->config;
    if (!serve->transport->confines) {
        return ERR_NONE;
    }
    if (serve->confined) {
        if (!is_other(serve, config)) {
            return ERR_NONE;
        }
        serve->misplaced = true;
        return cause_set(cause, ERR_SERVICE_UNAVAILABLE,
                         "this process is confined to the files of other settings; it ends, for "
                         "another one to take its place");
    }
    const struct sandbox_needs needs = {.config = config,
                                        .settings = serve->settings_path,
                                        .writes = program_writes(serve->program),
                                        .stays = !serve->transport->ends_process};
    serve->confined = true;
    serve->sandbox = sandbox_enter(&needs);
    if (needs.stays) {
        serve->confined_to = wanted(config);
        stamp_take(&serve->log_file, config->log);
    }
    return ERR_NONE;
}

/* Reads settings that have changed, only to see whether they want something else. Bad ones do not:
 * the request is told so. */
static bool settings_are_other(const struct serve *serve)
{
    enum { SETTINGS_MAXIMUM = 256 * 1024 };
    struct arena arena;
    struct config config;
    struct cause cause = {0};
    arena_init(&arena, SETTINGS_MAXIMUM);
    bool other = config_load(&arena, serve->settings_path, &config, &cause) == ERR_NONE &&
                 is_other(serve, &config);
    arena_reset(&arena);
    return other;
}

static bool has_to_end(void *self)
{
    const struct serve *serve = self;
    if (serve->misplaced) {
        return true;
    }
    if (!serve->confined || !serve->configured) {
        return false;
    }
    bool log_moved = serve->sandbox != 0 && *serve->config.log != '\0' &&
                     stamp_is_other_file(&serve->log_file, serve->config.log);
    return log_moved || (stamp_differs(&serve->settings_file, serve->settings_path) &&
                         settings_are_other(serve));
}

void confine_watch(struct serve *serve)
{
    serve->transport->self = serve;
    serve->transport->has_to_end = has_to_end;
}

void confine_forget(struct serve *serve)
{
    free(serve->confined_to);
    serve->confined_to = NULL;
}
