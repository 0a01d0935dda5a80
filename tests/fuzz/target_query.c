/*
 * target_query.c - path and query: percent-encoding, parameters, cursors, keys, and the route that
 * a request takes.
 *
 * An input is a path, as a web server decodes it, and a query, on a line each.
 */
#include <stdlib.h>
#include <string.h>

#include "common/serve/parameters.h"
#include "common/serve/route.h"
#include "db/model/items.h"
#include "tests/fuzz/fuzz.h"

extern const struct program data_program, keys_program, me_program, token_program;

void fuzz_start(void)
{
}

/* ---- the same, in a second way --------------------------------------------------------------- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* -1 when TEXT is not percent-encoded. */
static long decode(const char *text, size_t size, bool form, char *out)
{
    long used = 0;
    while (size > 0) {
        if (*text != '%') {
            out[used++] = (char)(*text == '+' && form ? ' ' : *text);
            text++;
            size--;
            continue;
        }
        if (size < 3 || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0) {
            return -1;
        }
        out[used++] = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
        text += 3;
        size -= 3;
    }
    return used;
}

/* The bytes of the first parameter NAME; NULL when there is none. */
static const char *find_parameter(const char *query, const char *name, size_t *size)
{
    const char *word = query;
    while (word != NULL) {
        const char *end = strchr(word, '&');
        size_t whole = end != NULL ? (size_t)(end - word) : strlen(word);
        const char *equals = memchr(word, '=', whole);
        size_t left = equals != NULL ? (size_t)(equals - word) : whole;
        if (left == strlen(name) && strncmp(word, name, left) == 0) {
            *size = equals != NULL ? whole - left - 1 : 0;
            return word + (equals != NULL ? left + 1 : left);
        }
        word = end != NULL ? end + 1 : NULL;
    }
    return NULL;
}

static bool may_be_key(struct text key)
{
    if (key.size == 0 || key.size > ITEM_KEY_MAXIMUM || text_characters(key) == SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < key.size; i++) {
        unsigned char c = (unsigned char)key.at[i];
        unsigned char before = i > 0 ? (unsigned char)key.at[i - 1] : 0;
        if (c < 0x20 || c == 0x7f || (before == 0xc2 && c < 0xa0)) {
            return false;
        }
    }
    size_t length = 0;
    size_t dots = 0;
    for (size_t i = 0; i <= key.size; i++) {
        if (i == key.size || key.at[i] == '/') {
            if (length == dots && length <= 2) {
                return false;
            }
            length = 0;
            dots = 0;
        } else {
            length++;
            dots += key.at[i] == '.';
        }
    }
    return true;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void check_encoding(struct text text)
{
    for (int form = 0; form < 2; form++) {
        char *room = malloc(text.size + 1);
        fuzz_check(room != NULL, "out of memory");
        long wanted = decode(text.at, text.size, form != 0, room);
        struct text out;
        bool good = text_percent_decode(&fuzz_arena, text, form != 0, &out);
        fuzz_check(good == (wanted >= 0), "decoding gives %d", good);
        fuzz_check(!good || (out.size == (size_t)wanted && memcmp(out.at, room, out.size) == 0 &&
                             out.at[out.size] == '\0'),
                   "decoding gives something else");
        free(room);
    }
    struct text again;
    const char *encoded = text_percent_encode(&fuzz_arena, text);
    fuzz_check(text_percent_decode(&fuzz_arena, text_of(encoded), true, &again) &&
                   text_equal(text, again),
               "encoding loses something");
}

static void check_base64url(struct text text)
{
    struct text bytes;
    char *encoded = malloc((text.size * 4 + 2) / 3 + 1);
    fuzz_check(encoded != NULL, "out of memory");
    if (base64url_decode(&fuzz_arena, text, &bytes)) {
        char *again = malloc((bytes.size * 4 + 2) / 3 + 1);
        fuzz_check(again != NULL, "out of memory");
        base64url_encode((const unsigned char *)bytes.at, bytes.size, again);
        fuzz_check(text_equal(text, text_of(again)), "two texts for the same bytes");
        free(again);
    }
    base64url_encode((const unsigned char *)text.at, text.size, encoded);
    fuzz_check(base64url_decode(&fuzz_arena, text_of(encoded), &bytes) && text_equal(text, bytes),
               "base64url loses something");
    free(encoded);
}

struct query {
    struct text prefix;
    int64_t limit;
    bool values;
};

static const struct parameter query_parameters[] = {
    {"prefix", PARAMETER_TEXT, offsetof(struct query, prefix), 0, 0, item_prefix_fault},
    {"limit", PARAMETER_WHOLE, offsetof(struct query, limit), 1, 1000, NULL},
    {"values", PARAMETER_FLAG, offsetof(struct query, values), 0, 0, NULL},
    PARAMETERS_END,
};

/* Whether each parameter of QUERY that has a name or a value is one of query_parameters. */
static bool all_known(const char *query)
{
    const char *word = query;
    while (word != NULL) {
        const char *end = strchr(word, '&');
        size_t whole = end != NULL ? (size_t)(end - word) : strlen(word);
        const char *equals = memchr(word, '=', whole);
        size_t size = equals != NULL ? (size_t)(equals - word) : whole;
        bool known = whole == 0;
        for (size_t i = 0; query_parameters[i].name != NULL; i++) {
            const char *name = query_parameters[i].name;
            known = known || (strlen(name) == size && memcmp(name, word, size) == 0);
        }
        if (!known) {
            return false;
        }
        word = end != NULL ? end + 1 : NULL;
    }
    return true;
}

/* Whether one of query_parameters is there more than once. */
static bool one_twice(const char *query)
{
    for (size_t i = 0; query_parameters[i].name != NULL; i++) {
        const char *name = query_parameters[i].name;
        size_t count = 0;
        for (const char *word = query; word != NULL; word = strchr(word, '&')) {
            word += *word == '&';
            size_t size = strlen(name);
            count += strncmp(word, name, size) == 0 &&
                     (word[size] == '=' || word[size] == '&' || word[size] == '\0');
        }
        if (count > 1) {
            return true;
        }
    }
    return false;
}

static void check_parameters(struct call *call)
{
    static const struct route route = {.path = "", .parameters = query_parameters};
    struct query query = {.limit = 100};
    call->route = &route;
    enum error_code error = parameters_check(call);
    const char *text = call->request.query;
    fuzz_check(error == (!all_known(text)  ? ERR_UNKNOWN_PARAMETER
                         : one_twice(text) ? ERR_INVALID_PARAMETER
                                           : ERR_NONE),
               "names of parameters end with error %d", error);
    fuzz_check(error == ERR_NONE || call->response.details != NULL, "no name is told");
    error = parameters_read(call, &query);
    fuzz_check(error == ERR_NONE ||
                   (error == ERR_INVALID_PARAMETER && call->response.details != NULL),
               "parameters end with error %d", error);
    if (error == ERR_NONE) {
        fuzz_check(query.limit >= 1 && query.limit <= 1000, "a limit out of bounds");
        fuzz_check(!text_has_control(query.prefix), "a prefix with control characters");
    }
}

static void check_route(const struct program *program, const char *path, const char *query)
{
    static const enum http_method methods[] = {HTTP_GET,    HTTP_POST,    HTTP_PUT,  HTTP_PATCH,
                                               HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct call call = {.program = program,
                            .arena = &fuzz_arena,
                            .request = {.path = path, .query = query, .method = methods[i]}};
        response_init(&call.response, &fuzz_arena);
        enum error_code error = call_find_route(&call);
        fuzz_check(error == ERR_NONE || error == ERR_NOT_FOUND || error == ERR_METHOD_NOT_ALLOWED,
                   "the route ends with error %d", error);
        fuzz_check((call.route != NULL) == (error == ERR_NONE && methods[i] != HTTP_OPTIONS),
                   "error %d, and a route, or none", error);
        if (call.route == NULL || strcmp(call.route->path, "/{}") != 0) {
            continue;
        }
        size_t size = 0;
        const char *key = find_parameter(query, "key", &size);
        fuzz_check(path[0] != '\0' ? strcmp(call.item.at, path + 1) == 0 : key != NULL,
                   "an item that the address does not name");
        fuzz_check((item_key_fault(call.item) == NULL) == may_be_key(call.item), "a key: %s",
                   item_key_fault(call.item));
    }
}

void fuzz_one(struct text input)
{
    struct text rest = input;
    const char *path = fuzz_string(fuzz_line(&rest));
    const char *query = fuzz_string(rest);
    check_encoding(rest);
    check_base64url(rest);
    static const char *const names[] = {"key", "prefix", "limit", "k", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool present;
        struct text out;
        size_t size = 0;
        const char *wanted = *query != '\0' ? find_parameter(query, names[i], &size) : NULL;
        bool found = query_find(&fuzz_arena, query, names[i], &present, &out);
        fuzz_check(names[i][0] == '\0' || present == (wanted != NULL), "%s is there: %d", names[i],
                   present);
        struct text decoded;
        fuzz_check(names[i][0] == '\0' ||
                       found == (wanted != NULL &&
                                 text_percent_decode(&fuzz_arena, (struct text){wanted, size}, true,
                                                     &decoded)),
                   "%s is found: %d", names[i], found);
        fuzz_check(names[i][0] == '\0' || !found || text_equal(out, decoded), "another value of %s",
                   names[i]);
    }
    struct call call = {
        .arena = &fuzz_arena, .request = {.path = path, .query = query}, .program = &data_program};
    response_init(&call.response, &fuzz_arena);
    check_parameters(&call);
    check_route(&data_program, path, query);
    check_route(&keys_program, path, query);
    check_route(&me_program, path, query);
    check_route(&token_program, path, query);
}
