/*
 * target_number.c - numbers and times: comparing them exactly, whole numbers of a body, digits of a
 * query, and RFC 3339.
 *
 * An input is two texts on a line each. If both are JSON numbers, they are compared: with plain
 * arithmetic on their digits, and with the doubles that strtod reads.
 */
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json_number.h"
#include "common/serve/input.h"
#include "tests/fuzz/fuzz.h"

enum { DIGITS_MAXIMUM = 512, POWER_DIGITS = DIGITS_MAXIMUM + 8 };

/* A number as its digits, without zeros at either end, times ten to the power, which is kept as
 * ten's complement, the lowest digit first. */
struct decimal {
    bool negative;
    char digits[DIGITS_MAXIMUM];
    size_t count;
    signed char power[POWER_DIGITS];
    int64_t small; /* the power too, if it is no further from 0 than 2^58 */
};

static regex_t moment;

void fuzz_start(void)
{
    fuzz_check(regcomp(&moment,
                       "^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
                       "(\\.[0-9]{1,9})?Z$",
                       REG_EXTENDED | REG_NOSUB) == 0,
               "an expression");
}

static bool is_number(struct text text)
{
    struct json_fault fault;
    return text.size > 0 && text.size < DIGITS_MAXIMUM &&
           (text.at[0] == '-' || (text.at[0] >= '0' && text.at[0] <= '9')) &&
           strspn(text.at, "-+.0123456789eE") == text.size && json_check(text, &fault);
}

/* Adds NUMBER at PLACE, which may be negative, and what is carried on. */
static void add_power(struct decimal *out, size_t place, int64_t number)
{
    for (; place < POWER_DIGITS && number != 0; place++) {
        int64_t sum = out->power[place] + number;
        int64_t digit = (sum % 10 + 10) % 10;
        out->power[place] = (signed char)digit;
        number = (sum - digit) / 10;
    }
}

static void read_power(const char *at, struct decimal *out)
{
    int sign = *at == '-' ? -1 : 1;
    int64_t number = 0;
    at += *at == '-' || *at == '+';
    for (size_t left = strlen(at); left > 0; at++) {
        left--;
        add_power(out, left, sign * (*at - '0'));
        number = number < INT64_C(1) << 58 ? number * 10 + (*at - '0') : number;
    }
    out->small += sign * number;
}

static struct decimal read_decimal(const char *text)
{
    struct decimal out = {.negative = *text == '-'};
    const char *at = text + out.negative;
    bool behind_point = false;
    for (; *at != '\0' && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            behind_point = true;
            continue;
        }
        out.small -= behind_point;
        if (out.count > 0 || *at != '0') {
            out.digits[out.count++] = *at;
        }
    }
    while (out.count > 0 && out.digits[out.count - 1] == '0') {
        out.count--;
        out.small++;
    }
    if (out.count == 0) {
        return (struct decimal){.negative = false};
    }
    add_power(&out, 0, out.small);
    if (*at != '\0') {
        read_power(at + 1, &out);
    }
    return out;
}

static void check_equality(const char *a, const char *b)
{
    struct decimal x = read_decimal(a);
    struct decimal y = read_decimal(b);
    bool equal = json_numbers_equal(text_of(a), text_of(b));
    fuzz_check(json_numbers_equal(text_of(b), text_of(a)) == equal, "equal one way round only");
    fuzz_check(json_numbers_equal(text_of(a), text_of(a)), "a number is not equal to itself");
    bool wanted = x.negative == y.negative && memcmp(x.power, y.power, sizeof x.power) == 0 &&
                  x.count == y.count && memcmp(x.digits, y.digits, x.count) == 0;
    fuzz_check(equal == wanted, "%s and %s: equal is %d", a, b, equal);
    double one = strtod(a, NULL);
    double two = strtod(b, NULL);
    fuzz_check(!equal || !(one < two || one > two), "equal, but not as doubles");
    enum { EXACT_DIGITS = 15, EXACT_POWER = 290 };
    bool exact = x.count <= EXACT_DIGITS && y.count <= EXACT_DIGITS &&
                 llabs(x.small) < EXACT_POWER && llabs(y.small) < EXACT_POWER;
    fuzz_check(!exact || equal == (one >= two && one <= two), "not equal, but as doubles");
}

struct whole {
    int64_t number;
};

static void check_whole(const char *text)
{
    enum { LEAST = -1000000000, MOST = 1000000000 };
    static const struct input_field fields[] = {{"n", INPUT_WHOLE, false,
                                                 offsetof(struct whole, number), LEAST, MOST, NULL,
                                                 ERR_INVALID_PARAMETER}};
    static const struct config config = {.max_body_bytes = 65536};
    struct call call = {.arena = &fuzz_arena, .config = &config};
    struct json_fault fault;
    struct whole out = {.number = 0};
    response_init(&call.response, &fuzz_arena);
    char *body = arena_printf(&fuzz_arena, "{\"n\":%s}", text);
    fuzz_check(json_read_object(&fuzz_arena, text_of(body), &call.body, &fault), "the body");
    enum error_code error = input_read(&call, fields, 1, &out);
    fuzz_check(error == ERR_NONE || error == ERR_INVALID_PARAMETER, "error %d", error);
    struct decimal decimal = read_decimal(text);
    double number = strtod(text, NULL);
    bool wanted = decimal.small >= 0 && number >= LEAST && number <= MOST;
    fuzz_check((error == ERR_NONE) == wanted, "%s: whole and within bounds is %d", text,
               error == ERR_NONE);
    fuzz_check(error != ERR_NONE || out.number == (int64_t)number, "%s became %" PRId64, text,
               out.number);
}

static void check_digits(struct text text)
{
    static const int64_t bounds[] = {0, 9, 10, 1000, INT32_MAX, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        bool over;
        int64_t number = -1;
        bool good = text_to_int64(text, bounds[i], &over, &number);
        char printed[INTEGER_TEXT_SIZE];
        bool digits = text.size > 0;
        size_t zeros = 0;
        for (size_t at = 0; at < text.size; at++) {
            digits = digits && text.at[at] >= '0' && text.at[at] <= '9';
            zeros += text.at[at] == '0' && zeros == at ? 1 : 0;
        }
        fuzz_check(digits || (!good && !over), "no digits are a number");
        fuzz_check(!digits || good != over, "digits are neither good nor too large");
        if (good) {
            fuzz_check(number >= 0 && number <= bounds[i], "out of bounds");
            zeros -= zeros == text.size ? 1 : 0;
            size_t size = integer_to_text(number, printed);
            fuzz_check(size == text.size - zeros && memcmp(printed, text.at + zeros, size) == 0,
                       "another number: %s", printed);
        }
    }
}

/* COUNT digits as a number. */
static int64_t digits_at(const char *at, size_t count)
{
    int64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number = number * 10 + (at[i] - '0');
    }
    return number;
}

/* The moment that TEXT is, in milliseconds since 1970, by its form and plain counting of days. */
static bool read_moment(const char *text, int64_t *out)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    enum { YEAR = 0, MONTH = 5, DAY = 8, HOUR = 11, MINUTE = 14, SECOND = 17, FRACTION = 20 };
    if (regexec(&moment, text, 0, NULL, 0) != 0) {
        return false;
    }
    int64_t year = digits_at(text + YEAR, 4);
    int64_t month = digits_at(text + MONTH, 2);
    int64_t day = digits_at(text + DAY, 2);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 ||
        day > days[month - 1] + (leap && month == 2 ? 1 : 0)) {
        return false;
    }
    int64_t count = day - 1 + (leap && month > 2 ? 1 : 0);
    for (int64_t i = 1; i < month; i++) {
        count += days[i - 1];
    }
    for (int64_t i = 0; i < year; i++) {
        count += i % 4 == 0 && (i % 100 != 0 || i % 400 == 0) ? 366 : 365;
    }
    enum { DAYS_BEFORE_1970 = 719528 };
    int64_t seconds = ((count - DAYS_BEFORE_1970) * 24 + digits_at(text + HOUR, 2)) * 3600 +
                      digits_at(text + MINUTE, 2) * 60 + digits_at(text + SECOND, 2);
    int64_t fraction = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i < 3 && size > FRACTION; i++) {
        fraction = fraction * 10 + (FRACTION + i + 1 < size ? text[FRACTION + i] - '0' : 0);
    }
    *out = seconds * 1000 + fraction;
    return true;
}

static void check_time(struct text text)
{
    int64_t time = 0;
    int64_t wanted = 0;
    bool good = text_to_time(text, &time);
    bool is = memchr(text.at, '\0', text.size) == NULL && read_moment(fuzz_string(text), &wanted);
    fuzz_check(good == is, "a time: %d, not %d", good, is);
    if (!good) {
        return;
    }
    fuzz_check(time == wanted, "another time: %" PRId64 ", not %" PRId64, time, wanted);
    if (time < 0) {
        return; /* what is before 1970 is printed as 1970 */
    }
    char printed[TIME_TEXT_SIZE];
    int64_t again;
    time_to_text(time, printed);
    fuzz_check(text_to_time(text_of(printed), &again) && again == time, "another time: %s",
               printed);
    fuzz_check(memcmp(printed, text.at, strlen("2026-01-31T12:00:00")) == 0, "another second: %s",
               printed);
}

void fuzz_one(struct text input)
{
    struct text rest = input;
    struct text first = fuzz_line(&rest);
    struct text second = fuzz_line(&rest);
    check_digits(first);
    check_time(first);
    const char *a = fuzz_string(first);
    const char *b = fuzz_string(second);
    if (is_number(text_of(a)) && is_number(text_of(b))) {
        check_equality(a, b);
        check_whole(a);
        check_whole(b);
    }
}
