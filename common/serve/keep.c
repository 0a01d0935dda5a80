/*
 * keep.c - what a process that serves many requests keeps from one to the next: settings, keys and
 * the store. Each is given up when it is no longer what a process started now would read.
 */
#include <string.h>

#include "common/serve/loop.h"

static const char *settings_path(struct transport *transport)
{
    const char *path = transport->variable(transport, "CUBBY_CONF");
    return path != NULL && *path != '\0' ? path : NULL;
}

void keep_release_store(struct serve *serve)
{
    if (serve->store != NULL) {
        serve->program->store->destroy(serve->store);
        serve->store = NULL;
    }
}

static void release_keys(struct serve *serve)
{
    token_keys_free(serve->keys);
    serve->keys = NULL;
}

void keep_nothing(struct serve *serve)
{
    keep_release_store(serve); /* first: it borrows from the settings */
    release_keys(serve);
    arena_reset(&serve->arena);
    config_defaults(&serve->config);
    serve->configured = false;
    serve->settings_path = NULL;
}

/* Remembers which file the settings were read from, and what it was like before. A process that
 * ends after the request does not. */
static enum error_code note_settings(struct serve *serve, const char *path, struct cause *cause)
{
    if (serve->transport->ends_process) {
        return ERR_NONE;
    }
    if (path == NULL) {
        path = config_default_path();
    }
    if (serve->transport->confines) {
        /* A confined process ends when they change: not because they might have. */
        stamp_take_settled(&serve->settings_file, path);
    } else {
        stamp_take(&serve->settings_file, path);
    }
    serve->settings_path = arena_copy(&serve->arena, path, strlen(path));
    return serve->settings_path != NULL ? ERR_NONE
                                        : cause_set(cause, ERR_INTERNAL, "out of memory");
}

enum error_code keep_settings(struct serve *serve, struct cause *cause)
{
    if (serve->configured) {
        return ERR_NONE;
    }
    if (confine_keeps_settings(serve)) {
        return confine_gives_way(serve, cause, "the request names other settings");
    }
    const char *path = settings_path(serve->transport);
    enum error_code error = note_settings(serve, path, cause);
    if (error == ERR_NONE) {
        error = config_load(&serve->arena, path, &serve->config, cause);
    }
    if (error != ERR_NONE) {
        keep_nothing(serve);
        return error;
    }
    confine(serve);
    serve->configured = true;
    return ERR_NONE;
}

void keep_settings_beforehand(struct serve *serve)
{
    struct cause cause = {0};
    if (serve->transport->confines && settings_path(serve->transport) != NULL) {
        (void)keep_settings(serve, &cause);
    }
}

enum error_code keep_keys(struct serve *serve, struct cause *cause)
{
    if (serve->keys != NULL) {
        return ERR_NONE;
    }
    if (confine_keeps_from_keys(serve)) {
        return confine_gives_way(serve, cause, "the key file was replaced");
    }
    if (!serve->transport->ends_process) {
        stamp_take(&serve->keys_file, serve->config.keys);
    }
    return token_keys_load(serve->config.keys, &serve->keys, cause);
}

void keep_new_keys(struct serve *serve)
{
    if (stamp_differs(&serve->keys_file, serve->config.keys)) {
        release_keys(serve);
        stamp_take(&serve->keys_file, serve->config.keys);
    }
}

/* Whether the request names other settings than those that were read. A confined process, which
 * could not read them again, knows them by another name of the same file too. */
static bool names_others(const struct serve *serve)
{
    const char *path = settings_path(serve->transport);
    path = path != NULL ? path : config_default_path();
    return strcmp(path, serve->settings_path) != 0 &&
           (!confine_keeps_settings(serve) || stamp_is_other_file(&serve->settings_file, path));
}

void keep_current(struct serve *serve)
{
    if (!serve->configured) {
        return;
    }
    if (names_others(serve) || (!confine_keeps_settings(serve) &&
                                stamp_differs(&serve->settings_file, serve->settings_path))) {
        keep_nothing(serve);
    } else if (serve->keys != NULL) {
        keep_new_keys(serve);
    }
}
