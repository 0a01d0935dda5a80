/*
 * target_secret.c - device tokens and reset codes.
 *
 * An input is two texts on a line each: both are taken for a device token, and both for a code.
 */
#include <inttypes.h>
#include <string.h>

#include "common/identity/device.h"
#include "common/identity/reset_code.h"
#include "tests/fuzz/fuzz.h"

void fuzz_start(void)
{
}

static bool is_number(struct text text, int64_t maximum)
{
    bool over;
    int64_t number;
    return text_to_int64(text, maximum, &over, &number) && number > 0 && *text.at != '0';
}

/* The parts between the first two underlines behind the start, and the rest. */
static bool may_be_token(struct text text)
{
    struct text parts[4] = {{.at = text.at}};
    size_t part = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '_' && part < 3) {
            part++;
            parts[part].at = text.at + i + 1;
        } else {
            parts[part].size++;
        }
    }
    return part == 3 && text_equal(parts[0], text_of("cubby")) &&
           is_number(parts[1], INT64_MAX / DEVICE_NUMBER_MAXIMUM - 1) &&
           is_number(parts[2], DEVICE_NUMBER_MAXIMUM - 1) && parts[3].size == DEVICE_SECRET_SIZE;
}

static void check_device(struct text text)
{
    struct device_token token = {0};
    bool good = device_token_parse(text, &token);
    fuzz_check(good == may_be_token(text), "a device token: %d", good);
    fuzz_check(!good || looks_like_device_token(text), "it does not look like one");
    if (!good) {
        return;
    }
    fuzz_check(token.secret.at + token.secret.size == text.at + text.size, "another secret");
    /* Its id in the table is made of both. */
    fuzz_check(token.user_id < INT64_MAX / DEVICE_NUMBER_MAXIMUM && token.number > 0 &&
                   token.number < DEVICE_NUMBER_MAXIMUM,
               "numbers out of bounds");
    const char *secret = arena_copy(&fuzz_arena, token.secret.at, token.secret.size);
    const char *printed = device_token_text(&fuzz_arena, token.user_id, token.number, secret);
    struct device_token again = {0};
    fuzz_check(strlen(secret) != DEVICE_SECRET_SIZE ||
                   (text_equal(text_of(printed), text) &&
                    device_token_parse(text_of(printed), &again) &&
                    again.user_id == token.user_id && again.number == token.number &&
                    text_equal(again.secret, token.secret)),
               "another token: %s", printed);
}

/* What is left of a code: its characters as they count, and one more at most. */
static struct text normal(struct text code, char out[RESET_CODE_BYTES + 1])
{
    static const char from[] = "abcdefghijklmnopqrstuvwxyzOIL";
    static const char to[] = "ABCDEFGH1JK1MN0PQRSTUVWXYZ011";
    size_t size = 0;
    for (size_t i = 0; i < code.size && size <= RESET_CODE_BYTES; i++) {
        char c = code.at[i];
        const char *at = c != '\0' ? strchr(from, c) : NULL;
        if (c != ' ' && c != '-' && c != '\0') {
            out[size++] = at != NULL ? to[at - from] : c;
        }
    }
    return (struct text){.at = out, .size = size};
}

static void check_codes(struct text a, struct text b)
{
    char first[DIGEST_TEXT_SIZE];
    char second[DIGEST_TEXT_SIZE];
    char rooms[2][RESET_CODE_BYTES + 1];
    fuzz_check(reset_code_digest(a, first) && reset_code_digest(b, second), "no digest");
    bool same = text_equal(normal(a, rooms[0]), normal(b, rooms[1]));
    fuzz_check(same == (strcmp(first, second) == 0), "the same code: %d", same);
}

void fuzz_one(struct text input)
{
    struct text rest = input;
    struct text first = fuzz_line(&rest);
    struct text second = fuzz_line(&rest);
    check_device(first);
    check_device(second);
    check_codes(first, second);
}
