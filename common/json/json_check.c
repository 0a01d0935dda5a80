/*
 * json_check.c - checks a text by RFC 8259, and finds the members of its top object.
 *
 * It stands in the place of cJSON's parser because it does what that cannot: refuse what is no
 * JSON, say at which byte it goes wrong, and find the exact text of members without building a
 * tree. It walks the text once, keeps one flag per open level, and allocates only to note the
 * members of the top object.
 */
#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"

enum expect { EXPECT_VALUE, EXPECT_FIRST_ITEM, EXPECT_FIRST_NAME, EXPECT_NAME, EXPECT_NOTHING };

struct checker {
    const char *text;
    size_t size;
    size_t at;
    const char *reason; /* NULL unless the text was refused, at byte `at` */

    bool is_object[JSON_DEPTH_MAXIMUM + JSON_DOCUMENT_LEVELS];
    size_t depth;
    size_t deepest;
    size_t extra; /* levels allowed beyond JSON_DEPTH_MAXIMUM */

    /* Where to note the members of the top object; NULL: nowhere. */
    struct arena *arena;
    struct json_member *members;
    size_t count;
    size_t most;
    size_t room;
    bool out_of_memory;
};

static bool refuse(struct checker *c, const char *reason)
{
    if (c->reason == NULL) {
        c->reason = reason;
    }
    return false;
}

/* The byte at the current position, or -1 at the end. A NUL byte does not count as the end. */
static int peek(const struct checker *c)
{
    return c->at < c->size ? (unsigned char)c->text[c->at] : -1;
}

static void skip_space(struct checker *c)
{
    for (int b = peek(c); b == ' ' || b == '\t' || b == '\n' || b == '\r'; b = peek(c)) {
        c->at++;
    }
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool skip_digits(struct checker *c)
{
    if (!is_digit(peek(c))) {
        return refuse(c, "a digit is missing in a number");
    }
    while (is_digit(peek(c))) {
        c->at++;
    }
    return true;
}

static bool check_number(struct checker *c)
{
    if (peek(c) == '-') {
        c->at++;
    }
    if (peek(c) == '0') {
        c->at++;
        if (is_digit(peek(c))) {
            return refuse(c, "a number starts with 0");
        }
    } else if (!skip_digits(c)) {
        return false;
    }
    if (peek(c) == '.') {
        c->at++;
        if (!skip_digits(c)) {
            return false;
        }
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-') {
            c->at++;
        }
        return skip_digits(c);
    }
    return true;
}

static bool check_word(struct checker *c, const char *word)
{
    size_t length = strlen(word);
    if (c->size - c->at < length || memcmp(c->text + c->at, word, length) != 0) {
        return refuse(c, "not a JSON value");
    }
    c->at += length;
    return true;
}

/* The four hexadecimal digits after \u; the current position is at the first. */
static bool check_hex(struct checker *c, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        int b = peek(c);
        unsigned digit;
        if (is_digit(b)) {
            digit = (unsigned)(b - '0');
        } else if ((b | 0x20) >= 'a' && (b | 0x20) <= 'f') {
            digit = (unsigned)((b | 0x20) - 'a' + 10);
        } else {
            return refuse(c, "four hexadecimal digits must follow \\u");
        }
        *code = *code << 4 | digit;
    }
    return true;
}

/* The current position is at the backslash. */
static bool check_escape(struct checker *c)
{
    size_t start = c->at++;
    int b = peek(c);
    if (b < 0 || b == 0 || strchr("\"\\/bfnrtu", b) == NULL) {
        return refuse(c, "unknown escape in a string");
    }
    c->at++;
    if (b != 'u') {
        return true;
    }
    unsigned code;
    if (!check_hex(c, &code)) {
        return false;
    }
    unsigned low = 0;
    bool high = code >= 0xd800 && code <= 0xdbff;
    if (high && c->size - c->at >= 2 && c->text[c->at] == '\\' && c->text[c->at + 1] == 'u') {
        c->at += 2;
        if (!check_hex(c, &low)) {
            return false;
        }
    }
    if (high ? low < 0xdc00 || low > 0xdfff : code >= 0xdc00 && code <= 0xdfff) {
        c->at = start;
        return refuse(c, "lone surrogate in a string");
    }
    return true;
}

/* How many bytes from AT on, in steps of eight, are plain ASCII: no control characters, quotes or
 * backslashes. Most of a large value consists of such bytes. */
static size_t plain_run(const char *at, size_t size)
{
    static const uint64_t ones = UINT64_MAX / 0xff; /* every byte is 1 */
    static const uint64_t highs = UINT64_MAX / 0xff * 0x80;
    size_t run = 0;
    while (size - run >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at + run, sizeof word);
        uint64_t quotes = word ^ (ones * '"');
        uint64_t escapes = word ^ (ones * '\\');
        /* A byte is below n if subtracting n borrows, and its high bit was not set. */
        uint64_t special = word | ((word - ones * 0x20) & ~word) | ((quotes - ones) & ~quotes) |
                           ((escapes - ones) & ~escapes);
        if ((special & highs) != 0) {
            break;
        }
        run += sizeof word;
    }
    return run;
}

/* The current position is at the opening quote. */
static bool check_string(struct checker *c)
{
    c->at++;
    for (;;) {
        int b = peek(c);
        if (b == '"') {
            c->at++;
            return true;
        }
        if (b < 0) {
            return refuse(c, "a string does not end");
        }
        if (b == '\\') {
            if (!check_escape(c)) {
                return false;
            }
        } else if (b < 0x20) {
            return refuse(c, b == 0 ? "NUL in a string" : "control character in a string");
        } else if (b < 0x80) {
            c->at++;
            c->at += plain_run(c->text + c->at, c->size - c->at);
        } else {
            uint32_t code;
            size_t length = utf8_decode(c->text + c->at, c->size - c->at, &code);
            if (length == 0) {
                return refuse(c, "invalid UTF-8");
            }
            c->at += length;
        }
    }
}

static bool open_level(struct checker *c, bool is_object)
{
    if (c->depth == JSON_DEPTH_MAXIMUM + c->extra) {
        return refuse(c, "nested deeper than 100 levels");
    }
    c->is_object[c->depth++] = is_object;
    c->deepest = c->depth > c->deepest ? c->depth : c->deepest;
    c->at++;
    return true;
}

static bool check_scalar(struct checker *c)
{
    int b = peek(c);
    switch (b) {
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, "true");
    case 'f':
        return check_word(c, "false");
    case 'n':
        return check_word(c, "null");
    case -1:
        return refuse(c, "the text ends where a value must stand");
    case 0:
        return refuse(c, "NUL outside a string");
    default:
        return b == '-' || is_digit(b) ? check_number(c) : refuse(c, "not a JSON value");
    }
}

/* Notes a new member of the top object, whose name begins at START and was just read. */
static bool note_name(struct checker *c, size_t start)
{
    if (c->arena == NULL || c->depth != 1) {
        return true;
    }
    if (c->count == c->most) {
        c->at = start;
        return refuse(c, c->most == JSON_MEMBERS_MAXIMUM ? "more than 4096 members in one object"
                                                         : "more than 20000 members in one object");
    }
    if (c->count == c->room) {
        size_t room = c->room == 0 ? 16 : c->room * 2;
        struct json_member *members = arena_alloc(c->arena, room * sizeof *members);
        if (members == NULL) {
            c->out_of_memory = true;
            return refuse(c, "out of memory");
        }
        if (c->count > 0) {
            memcpy(members, c->members, c->count * sizeof *members);
        }
        c->members = members;
        c->room = room;
    }
    c->members[c->count++] =
        (struct json_member){.name = {.at = c->text + start, .size = c->at - start}};
    return true;
}

static void note_value_start(struct checker *c)
{
    if (c->arena != NULL && c->depth == 1) {
        c->members[c->count - 1].value.at = c->text + c->at;
    }
}

/* A value has just ended at the current position, in the innermost open level. */
static void note_value_end(struct checker *c)
{
    if (c->arena != NULL && c->depth == 1) {
        struct text *value = &c->members[c->count - 1].value;
        value->size = (size_t)(c->text + c->at - value->at);
    }
}

static bool check_name(struct checker *c)
{
    size_t start = c->at;
    if (peek(c) != '"') {
        return refuse(c, "the name of a member must stand here");
    }
    if (!check_string(c) || !note_name(c, start)) {
        return false;
    }
    skip_space(c);
    if (peek(c) != ':') {
        return refuse(c, "a colon is missing");
    }
    c->at++;
    return true;
}

/* Reads what follows a value, closing brackets or a comma, and sets what must come next. */
static bool check_after_value(struct checker *c, enum expect *next)
{
    for (;;) {
        if (c->depth == 0) {
            *next = EXPECT_NOTHING;
            return true;
        }
        note_value_end(c);
        skip_space(c);
        bool is_object = c->is_object[c->depth - 1];
        int b = peek(c);
        if (b == ',') {
            c->at++;
            *next = is_object ? EXPECT_NAME : EXPECT_VALUE;
            return true;
        }
        if (b != (is_object ? '}' : ']')) {
            return refuse(c, b < 0 ? "the text ends inside an object or array"
                                   : "a comma or the end of the object or array is missing");
        }
        c->at++;
        c->depth--;
    }
}

static bool check_step(struct checker *c, enum expect *next)
{
    int b = peek(c);
    if (*next == EXPECT_FIRST_ITEM && b == ']') {
        c->at++;
        c->depth--;
        return check_after_value(c, next);
    }
    if (*next == EXPECT_FIRST_NAME || *next == EXPECT_NAME) {
        if (*next == EXPECT_FIRST_NAME && b == '}') {
            c->at++;
            c->depth--;
            return check_after_value(c, next);
        }
        *next = EXPECT_VALUE;
        return check_name(c);
    }
    if (c->depth > 0 && c->is_object[c->depth - 1]) {
        note_value_start(c);
    }
    if (b == '{' || b == '[') {
        *next = b == '{' ? EXPECT_FIRST_NAME : EXPECT_FIRST_ITEM;
        return open_level(c, b == '{');
    }
    return check_scalar(c) && check_after_value(c, next);
}

static bool check_all(struct checker *c)
{
    enum expect next = EXPECT_VALUE;
    while (next != EXPECT_NOTHING) {
        skip_space(c);
        if (!check_step(c, &next)) {
            return false;
        }
    }
    skip_space(c);
    return c->at == c->size || refuse(c, "something follows after the end of the value");
}

static bool check_ended(const struct checker *c, bool good, struct json_fault *fault)
{
    if (!good) {
        *fault =
            (struct json_fault){.offset = c->at, .reason = c->out_of_memory ? NULL : c->reason};
    }
    return good;
}

bool json_check(struct text text, struct json_fault *fault)
{
    struct checker c = {.text = text.at, .size = text.size};
    return check_ended(&c, check_all(&c), fault);
}

/* What is left to decide on a checked VALUE, with nothing around it and DEPTH levels. */
static const char *value_fault(struct text value, size_t depth)
{
    return text_equal(value, text_of("null")) ? "must not be null"
           : depth > JSON_VALUE_DEPTH_MAXIMUM ? "must not be nested deeper than 96 levels"
                                              : NULL;
}

const char *json_value_fault(struct text value)
{
    struct checker c = {.text = value.at, .size = value.size};
    if (!check_all(&c)) {
        return c.reason;
    }
    return json_trim(value).size != value.size ? "has white space around it"
                                               : value_fault(value, c.deepest);
}

const char *json_slice_fault(struct text value, size_t levels)
{
    return value_fault(value, levels > JSON_VALUE_DEPTH_MAXIMUM ? json_depth(value) : levels);
}

static int member_order(const void *left, const void *right)
{
    const struct json_member *a = left;
    const struct json_member *b = right;
    int order = text_order(a->name, b->name);
    /* Among members of the same name, the order is that of the text. */
    return order != 0 ? order : (a->value.at > b->value.at) - (a->value.at < b->value.at);
}

/* Names as they were sent become what they stand for. Limits the bytes of those that have to be
 * decoded, since each takes memory; no call has members whose names need escapes. */
static bool decode_names(struct checker *c, size_t maximum, struct json_fault *fault)
{
    size_t escaped = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct text *name = &c->members[i].name;
        escaped += memchr(name->at, '\\', name->size) != NULL ? name->size : 0;
        if (escaped > maximum) {
            *fault = (struct json_fault){.offset = (size_t)(name->at - c->text),
                                         .reason = "too many escapes in the names of members"};
            return false;
        }
        if (!json_string_slice(c->arena, *name, name)) {
            *fault = (struct json_fault){.reason = NULL};
            return false;
        }
    }
    return true;
}

/* Decodes the names of the members, which CHECKER has noted, and sorts them. */
static bool take_members(struct checker *c, size_t names_maximum, struct json_fault *fault)
{
    if (!decode_names(c, names_maximum, fault)) {
        return false;
    }
    if (c->count > 1) {
        qsort(c->members, c->count, sizeof *c->members, member_order);
    }
    for (size_t i = 1; i < c->count; i++) {
        if (text_equal(c->members[i - 1].name, c->members[i].name)) {
            *fault = (struct json_fault){.offset = (size_t)(c->members[i].value.at - c->text),
                                         .reason = "duplicate member"};
            return false;
        }
    }
    return true;
}

static bool read_object(struct arena *arena, struct text text, size_t extra,
                        struct json_object *out, struct json_fault *fault)
{
    struct checker c = {.text = text.at,
                        .size = text.size,
                        .arena = arena,
                        .most = JSON_MEMBERS_MAXIMUM,
                        .extra = extra};
    skip_space(&c);
    if (peek(&c) >= 0 && peek(&c) != '{') {
        /* If the text is not even JSON, that fault is reported instead. */
        size_t start = c.at;
        c.arena = NULL;
        bool good = check_all(&c);
        c.at = good ? start : c.at;
        return check_ended(&c, good && refuse(&c, "the body must be an object"), fault);
    }
    c.at = 0;
    if (!check_all(&c)) {
        return check_ended(&c, false, fault);
    }
    if (!take_members(&c, JSON_NAMES_MAXIMUM, fault)) {
        return false;
    }
    *out = (struct json_object){.members = c.members, .count = c.count, .depth = c.deepest};
    return true;
}

/* The memory that MEMBERS of a text of SIZE bytes take. The list doubles as it grows; a name with
 * an escape becomes a text of its own. */
static size_t members_room(size_t members, size_t size)
{
    enum { PIECE_BYTES = 4 * sizeof(struct json_member) + 32, CHUNKS_BYTES = 65536 };
    return members * PIECE_BYTES + 2 * size + CHUNKS_BYTES;
}

bool json_check_names(struct text text, struct json_fault *fault)
{
    struct arena arena;
    arena_init(&arena, members_room(JSON_NODES_MAXIMUM, text.size));
    struct checker c = {
        .text = text.at, .size = text.size, .arena = &arena, .most = JSON_NODES_MAXIMUM};
    skip_space(&c);
    bool object = peek(&c) == '{';
    c.arena = object ? &arena : NULL;
    c.at = 0;
    bool good =
        check_ended(&c, check_all(&c), fault) && (!object || take_members(&c, text.size, fault));
    arena_reset(&arena);
    return good;
}

size_t json_object_room(size_t size)
{
    return members_room(JSON_MEMBERS_MAXIMUM, size);
}

bool json_read_object(struct arena *arena, struct text text, struct json_object *out,
                      struct json_fault *fault)
{
    return read_object(arena, text, 0, out, fault);
}

bool json_read_document(struct arena *arena, struct text text, struct json_object *out,
                        struct json_fault *fault)
{
    return read_object(arena, text, JSON_DOCUMENT_LEVELS, out, fault);
}

const struct text *json_member(const struct json_object *object, const char *name)
{
    struct text wanted = text_of(name);
    for (size_t i = 0; i < object->count; i++) {
        if (text_equal(object->members[i].name, wanted)) {
            return &object->members[i].value;
        }
    }
    return NULL;
}
