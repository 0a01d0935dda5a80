/*
 * target_settings.c - the settings file. An input is its content.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/settings/config.h"
#include "tests/fuzz/fuzz.h"

void fuzz_start(void)
{
}

static void print_setting(void *self, const char *name, const char *value, const int64_t *number)
{
    (void)number;
    (void)fprintf(self, "%s = %s\n", name, value);
}

static char *print_all(const struct config *config)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fuzz_check(out != NULL, "out of memory");
    config_each(config, print_setting, out);
    (void)fclose(out);
    return text;
}

void fuzz_one(struct text input)
{
    struct config config;
    struct cause cause = {0};
    enum error_code error =
        config_load(&fuzz_arena, fuzz_file(input.at, input.size), &config, &cause);
    fuzz_check(error == (cause.text[0] == '\0' ? ERR_NONE : ERR_INTERNAL), "error %d: %s", error,
               cause.text);
    if (error != ERR_NONE) {
        return;
    }
    fuzz_check(config.max_body_bytes >= config.max_value_bytes && config.max_value_bytes > 0 &&
                   config.token_lifetime > 0 && config.busy_timeout <= 60000,
               "a setting out of bounds");
    fuzz_check(config.database[0] == '/' && config.keys[0] == '/', "a relative path");
    /* What the tool prints of them are the same settings. */
    char *printed = print_all(&config);
    error = config_load(&fuzz_arena, fuzz_file(printed, strlen(printed)), &config, &cause);
    fuzz_check(error == ERR_NONE, "printed they are refused: %s", cause.text);
    char *again = print_all(&config);
    fuzz_check(strcmp(printed, again) == 0, "other settings: %s and %s", printed, again);
    free(printed);
    free(again);
}
