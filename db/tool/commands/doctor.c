/*
 * doctor.c - doctor URL: asks the running web server, as a client would, whether the programs get
 * all they need and whether it gives out a file that it must not.
 *
 * Nothing is stored but the count of one failed login: the requests carry no token that opens
 * anything, and the way a program refuses them tells whether it got everything. The files are
 * checked as by "cubby check".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/identity/token.h"
#include "db/tool/admin.h"
#include "db/tool/commands/check.h"
#include "db/tool/files.h"
#include "db/tool/http_client.h"

enum state { STATE_OK, STATE_NOTE, STATE_PROBLEM };

/* Each is one program. */
static const char *const programs[] = {"/batch", "/changes",  "/data",  "/health", "/keys",
                                       "/me",    "/register", "/reset", "/token"};

struct doctor {
    struct tool *tool;
    struct arena arena; /* of one request */
    struct http_url url;
    cJSON *checks;         /* with --json */
    bool no_authorization; /* no token reaches the programs */
    bool no_override;      /* nor does X-HTTP-Method-Override */
    struct http_answer answer;
};

__attribute__((format(printf, 5, 6))) static void tell(struct doctor *doctor, const char *check,
                                                       enum state state, const char *remedy,
                                                       const char *format, ...)
{
    static const char *const names[] = {"ok", "note", "problem"};
    char text[512];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    tool_make_printable(text, true); /* it may hold any bytes a server sent */
    doctor->tool->problems += state == STATE_PROBLEM;
    if (doctor->checks == NULL) {
        printf("%-8s %-14s %s\n", names[state], check, text);
        if (*remedy != '\0') {
            printf("%24s%s\n", "", remedy);
        }
        return;
    }
    cJSON *row = cJSON_CreateObject();
    json_add(row, "check", cJSON_CreateString(check));
    json_add(row, "state", cJSON_CreateString(names[state]));
    json_add(row, "message", cJSON_CreateString(text));
    json_add(row, "remedy", cJSON_CreateString(remedy));
    (void)cJSON_AddItemToArray(doctor->checks, row);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* Sends a request; the previous answer is freed. NULL, or why there is no answer. */
static const char *ask(struct doctor *doctor, const char *method, const char *path,
                       const char *headers, const char *body, size_t body_size)
{
    arena_reset(&doctor->arena);
    doctor->answer = (struct http_answer){.head = "", .body = ""};
    const struct http_request request = {
        .method = method, .path = path, .headers = headers, .body = body, .body_size = body_size};
    return http_send(&doctor->arena, &doctor->url, &request, &doctor->answer);
}

/* Sends a request to a program of the API; otherwise as ask. */
static const char *ask_api(struct doctor *doctor, const char *method, const char *path,
                           const char *headers, const char *body)
{
    char whole[512];
    if (snprintf(whole, sizeof whole, "%s%s", doctor->url.path, path) >= (int)sizeof whole) {
        return "the address is too long";
    }
    return ask(doctor, method, whole, headers, body, body != NULL ? strlen(body) : 0);
}

/* The text in the member NAME of the answer, or of the object in its member FROM, on the scratch
 * memory; "" when there is none. */
static const char *answered(const struct doctor *doctor, const char *from, const char *name)
{
    const cJSON *top = cJSON_ParseWithLength(doctor->answer.body, doctor->answer.body_size);
    const cJSON *in = from != NULL ? cJSON_GetObjectItemCaseSensitive(top, from) : top;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, name));
    return text != NULL ? text : "";
}

static bool is_code(const struct doctor *doctor, const char *code)
{
    return strcmp(answered(doctor, NULL, "code"), code) == 0;
}

/* ---- the questions -------------------------------------------------------------------------- */

/* The likely reason why the answer does not come from a program. */
static const char *guess(const struct http_answer *answer)
{
    if (answer->body_size >= 4 && memcmp(answer->body, "\177ELF", 4) == 0) {
        return "the server sends the program as a file instead of running it: make the folder one "
               "of CGI programs (ScriptAlias and the module cgid, cgi.assign, /cgi-bin/)";
    }
    switch (answer->status) {
    case 404:
        return "no program is at this address: is it the one of the API, /api or /cgi-bin?";
    case 403:
        return "the server may not run the programs: look at their modes and at \"Require all "
               "granted\"";
    case 500:
    case 502:
        return "the program does not run: the error log of the server says why";
    default:
        return "is this the address of the API?";
    }
}

/* What confines the programs, by the answer about their health. */
static void look_at_sandbox(struct doctor *doctor)
{
    const cJSON *top = cJSON_ParseWithLength(doctor->answer.body, doctor->answer.body_size);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(top, "data");
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(data, "sandbox");
    char names[64] = "";
    const cJSON *part;
    cJSON_ArrayForEach(part, parts)
    {
        size_t used = strlen(names);
        const char *name = cJSON_GetStringValue(part);
        (void)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? " and " : "",
                       name != NULL ? name : "?");
    }
    bool whole = cJSON_GetArraySize(parts) > 0;
    tell(doctor, "sandbox", whole ? STATE_OK : STATE_NOTE,
         whole ? ""
               : "\"cubby check\" says what the kernel offers; the setting sandbox may be off, and "
                 "so may it in how the programs were built",
         "the programs are confined by %s", *names != '\0' ? names : "nothing");
}

/* False when no further request makes sense. */
static bool ask_health(struct doctor *doctor)
{
    const char *why = ask_api(doctor, "GET", "/health", "", NULL);
    if (why != NULL) {
        tell(doctor, "health", STATE_PROBLEM, "is the web server running, and is this its address?",
             "%s does not answer: %s", doctor->url.authority, why);
        return false;
    }
    const char *version = answered(doctor, "data", "version");
    const char *database = answered(doctor, "data", "database");
    if (*version == '\0') {
        tell(doctor, "health", STATE_PROBLEM, guess(&doctor->answer),
             "no answer of cubby, but status %d", doctor->answer.status);
        return false;
    }
    const char *server = http_header(&doctor->arena, &doctor->answer, "Server");
    bool good = strcmp(database, "ok") == 0;
    tell(doctor, "health", good ? STATE_OK : STATE_PROBLEM,
         good ? "" : "the server's error log says why; see also cubby check",
         "cubby %s, server %s, %s, database %s", version, server != NULL ? server : "of no name",
         answered(doctor, "data", "engine"), database);
    if (strcmp(version, CUBBY_VERSION) != 0) {
        tell(doctor, "version", STATE_PROBLEM, "install programs and tool from one version",
             "the programs are of version %s, this tool of %s", version, CUBBY_VERSION);
    }
    look_at_sandbox(doctor);
    if (*answered(doctor, "data", "client") != '\0') {
        tell(doctor, "client", STATE_NOTE,
             "let the proxy in front of it send X-Forwarded-For, and name the proxy in "
             "trusted_proxies; one that comes by a Unix socket is unix: there",
             "the web server tells no address of clients, whose failed logins count together");
    }
    return true;
}

/* After ask_health: whether programs stay, and whether each of them answers. Every one that stays
 * has a socket and processes of its own, which may be missing. */
static void ask_programs(struct doctor *doctor)
{
    bool stay = strcmp(answered(doctor, "data", "mode"), "fastcgi") == 0;
    tell(doctor, "mode", STATE_OK, "",
         stay ? "programs stay between requests (FastCGI)" : "a process for each request (CGI)");
    const char *silent = "";
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        const char *why = ask_api(doctor, "GET", programs[i], "", NULL);
        int status = why == NULL ? doctor->answer.status : 0;
        /* A program wants a token, or another method. */
        if (status != 200 && status != 401 && status != 405) {
            silent = arena_printf(&doctor->tool->arena, "%s %s (%d)", silent, programs[i], status);
            silent = silent != NULL ? silent : "";
        }
    }
    tell(doctor, "programs", *silent == '\0' ? STATE_OK : STATE_PROBLEM,
         *silent == '\0' ? ""
         : stay ? "do they run (systemctl status 'cubby-*', cubby-loop run), and are they in reach?"
                : "are all programs there, and may the web server run them?",
         *silent == '\0' ? "each of them answers%s" : "do not answer:%s", silent);
}

static void ask_authorization(struct doctor *doctor)
{
    const char *why = ask_api(doctor, "GET", "/data/cubby-doctor",
                              "Authorization: Bearer cubby.doctor.probe\r\n", NULL);
    if (why != NULL || doctor->answer.status != 401) {
        tell(doctor, "authorization", STATE_PROBLEM, guess(&doctor->answer),
             "a request without a good token is not answered 401, but %s%d", why != NULL ? why : "",
             why != NULL ? 0 : doctor->answer.status);
        return;
    }
    bool arrives = strcmp(answered(doctor, "details", "token"), "missing") != 0;
    doctor->no_authorization = !arrives;
    tell(doctor, "authorization", arrives ? STATE_OK : STATE_PROBLEM,
         arrives
             ? ""
             : "Apache: \"CGIPassAuth On\" for the folder of the programs, in the configuration or "
               "in its .htaccess",
         arrives ? "the Authorization header reaches the programs"
                 : "the server keeps the Authorization header from the programs");
}

/* Without its header the POST is one to an address that takes none. */
static void ask_override(struct doctor *doctor)
{
    const char *why = ask_api(doctor, "POST", "/data/cubby-doctor",
                              "Content-Type: application/json\r\nX-HTTP-Method-Override: PUT\r\n"
                              "Authorization: Bearer cubby.doctor.probe\r\n",
                              "{\"value\":1}");
    doctor->no_override = why == NULL && doctor->answer.status == 405;
    bool arrives = why == NULL && doctor->answer.status == 401;
    if (arrives) {
        tell(doctor, "override", STATE_OK, "",
             "the X-HTTP-Method-Override header reaches the programs");
    } else if (doctor->no_override) {
        tell(doctor, "override", STATE_NOTE,
             "let it pass, or clients that can send nothing but GET and POST can't change and "
             "delete",
             "the server keeps the X-HTTP-Method-Override header from the programs");
    } else {
        tell(doctor, "override", STATE_PROBLEM, "the error log of the server may say why",
             "a POST with X-HTTP-Method-Override is answered %d %s",
             why == NULL ? doctor->answer.status : 0,
             why != NULL ? why : answered(doctor, NULL, "code"));
    }
}

/* A token of nobody, signed by the key of this installation: programs take it for genuine and go on
 * to what the request says, but no account has it. On the arena of the tool; NULL when the keys
 * can't be read. */
static const char *token_of_nobody(struct doctor *doctor)
{
    enum { LIFETIME = 60 };
    struct tool *tool = doctor->tool;
    struct cause cause = {0};
    struct token_keys *keys;
    unsigned char id[TOKEN_ID_SIZE / 2];
    if (file_become_owner(tool, tool->config.keys) != TOOL_DONE) {
        return NULL;
    }
    enum error_code error = token_keys_load(tool->config.keys, &keys, &cause);
    file_become_self();
    if (error != ERR_NONE) {
        return NULL; /* check_files reports it */
    }
    int64_t now = tool_now_ms() / 1000;
    struct token_claims claims = {.user_id = INT64_MAX, .issued = now, .expires = now + LIFETIME};
    const char *token = NULL;
    if (tool_random(tool, id, sizeof id)) {
        hex_encode(id, sizeof id, claims.id);
        error = token_sign(keys, &claims, &tool->arena, &token, &cause);
    }
    token_keys_free(keys);
    return error == ERR_NONE ? token : NULL;
}

/* Sends a condition in the header NAME that contradicts the one in the query parameter PARAMETER,
 * which means the same: a program that gets both refuses the request for that, whatever it is about
 * (400). One that gets no header goes on and finds that nobody has the TOKEN (401). */
static void ask_condition(struct doctor *doctor, const char *check, const char *name,
                          const char *parameter, const char *token, enum state when_swallowed)
{
    char headers[1024];
    char path[64];
    char remedy[96];
    (void)snprintf(path, sizeof path, "/data/cubby-doctor?%s=%%222%%22", parameter);
    (void)snprintf(remedy, sizeof remedy, "clients write ?%s= instead, which means the same",
                   parameter);
    bool fits = snprintf(headers, sizeof headers, "%s: \"1\"\r\nAuthorization: Bearer %s\r\n", name,
                         token) < (int)sizeof headers;
    const char *why = fits ? ask_api(doctor, "GET", path, headers, NULL) : "the token is too long";
    if (why == NULL && doctor->answer.status == 400 &&
        *answered(doctor, "details", parameter) != '\0') {
        tell(doctor, check, STATE_OK, "", "the %s header reaches the programs", name);
    } else if (why == NULL && doctor->answer.status == 401 &&
               strcmp(answered(doctor, "details", "token"), "revoked") == 0) {
        tell(doctor, check, when_swallowed, remedy,
             "the server keeps the %s header from the programs, so that conditions in it are "
             "ignored",
             name);
    } else if (why == NULL && doctor->answer.status == 401) {
        tell(doctor, check, STATE_PROBLEM,
             "do they use the settings that this tool uses? See CUBBY_CONF, and cubby config",
             "not asked: the programs do not take a token signed by the keys in %s",
             doctor->tool->config.keys);
    } else {
        tell(doctor, check, STATE_PROBLEM, "the error log of the server may say why",
             "a request with %s is answered %d %s", name, why == NULL ? doctor->answer.status : 0,
             why != NULL ? why : answered(doctor, NULL, "code"));
    }
}

/* If-Match guards against lost updates, so a server that swallows it is a problem; If-None-Match
 * mostly saves bytes. */
static void ask_conditions(struct doctor *doctor)
{
    const char *token = doctor->no_authorization ? NULL : token_of_nobody(doctor);
    if (token == NULL) {
        tell(doctor, "if-match", STATE_NOTE,
             doctor->no_authorization ? "mend that first"
                                      : "run this as root or as the programs' user",
             "not asked about If-Match and If-None-Match: %s",
             doctor->no_authorization ? "no token reaches the programs" : "the keys can't be read");
        return;
    }
    ask_condition(doctor, "if-match", "If-Match", "if_match", token, STATE_PROBLEM);
    ask_condition(doctor, "if-none-match", "If-None-Match", "if_none_match", token, STATE_NOTE);
}

/* A body larger than what a web server reads along with the head. */
static char *large_body(struct arena *arena)
{
    enum { BODY_SIZE = 100 * 1000 };
    char *body = arena_alloc(arena, BODY_SIZE + 1);
    if (body != NULL) {
        static const char start[] = "{\"value\":\"";
        memset(body, 'x', BODY_SIZE);
        memcpy(body, start, sizeof start - 1);
        memcpy(body + BODY_SIZE - 2, "\"}", 3);
    }
    return body;
}

/* A program checks the token only after it has read the whole body, so 401 means that the body
 * arrived whole. */
static void ask_bodies(struct doctor *doctor)
{
    const char *body = large_body(&doctor->tool->arena);
    if (body == NULL) {
        (void)tool_out_of_memory(doctor->tool);
        return;
    }
    const char *why = ask_api(doctor, "PUT", "/data/cubby-doctor",
                              "Content-Type: application/json\r\n"
                              "Authorization: Bearer cubby.doctor.probe\r\n",
                              body);
    bool put_whole = why == NULL && doctor->answer.status == 401;
    int put_status = why == NULL ? doctor->answer.status : 0;
    bool put_cut = why == NULL && is_code(doctor, "INCOMPLETE_BODY");
    if (put_whole) {
        tell(doctor, "put", STATE_OK, "", "PUT bodies arrive whole");
    }
    why = ask_api(doctor, "POST", "/data",
                  "Content-Type: application/json\r\n"
                  "Authorization: Bearer cubby.doctor.probe\r\n",
                  body);
    bool post_whole = why == NULL && doctor->answer.status == 401;
    if (post_whole) {
        tell(doctor, "post", STATE_OK, "", "POST bodies arrive whole");
    } else {
        tell(doctor, "post", STATE_PROBLEM,
             "a limit of the server is below what cubby takes (Apache: LimitRequestBody)",
             "a POST of 100 KB is answered %d %s", why == NULL ? doctor->answer.status : 0,
             why != NULL ? why : answered(doctor, NULL, "code"));
    }
    if (!put_whole) {
        tell(doctor, "put",
             put_cut && post_whole && !doctor->no_override ? STATE_NOTE : STATE_PROBLEM,
             doctor->no_override
                 ? "nothing helps clients: the server swallows X-HTTP-Method-Override too"
                 : "clients send POST with \"X-HTTP-Method-Override: PUT\" (busybox httpd can't do "
                   "better)",
             put_cut ? "PUT bodies arrive cut short" : "a PUT of 100 KB is answered %d",
             put_status);
    }
}

static void ask_slashes(struct doctor *doctor)
{
    const char *why = ask_api(doctor, "GET", "/data/cubby%2Fdoctor",
                              "Authorization: Bearer cubby.doctor.probe\r\n", NULL);
    bool good = why == NULL && doctor->answer.status == 401;
    tell(doctor, "slashes", good ? STATE_OK : STATE_NOTE,
         good ? ""
              : "write such keys as /data/a/b or /data?key=a%2Fb; Apache: \"AllowEncodedSlashes "
                "On\" inside <VirtualHost>",
         good ? "%%2F in an address reaches the programs"
              : "the server refuses %%2F in an address");
}

/* cubby-doctor//x names no key; merged, it names another one. A program that gets the address as it
 * is refuses it whoever asks (404); one that gets another goes on and finds that nobody has the
 * TOKEN (401). */
static void ask_empty_segments(struct doctor *doctor)
{
    const char *token = doctor->no_authorization ? NULL : token_of_nobody(doctor);
    char headers[1024];
    if (token == NULL || snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token) >=
                             (int)sizeof headers) {
        return; /* ask_conditions has said why */
    }
    const char *why = ask_api(doctor, "GET", "/data/cubby-doctor//x", headers, NULL);
    bool merged = why == NULL && doctor->answer.status == 401;
    tell(doctor, "empty-segments", merged ? STATE_NOTE : STATE_OK,
         merged ? "write a key whose slashes matter as ?key=; Apache: the <If> of cubby's snippet"
                : "",
         merged ? "the server merges slashes: /data/a//b means the key a/b"
                : "an address with an empty segment names no other key");
}

/* Tells when the programs, which could just write, run as root. That shows in a database which only
 * root may write to, and in files beside another user's database that programs of root made. */
static void check_user(struct doctor *doctor)
{
    static const char *const made_by_programs[] = {"", "-hashes", "-transfers"};
    const char *database = doctor->tool->config.beside;
    for (size_t i = 0; i < sizeof made_by_programs / sizeof *made_by_programs; i++) {
        struct stat there;
        const char *path =
            arena_printf(&doctor->tool->arena, "%s%s", database, made_by_programs[i]);
        if (path != NULL && stat(path, &there) == 0 && there.st_uid == 0 &&
            (there.st_mode & 022) == 0) {
            tell(
                doctor, "user", STATE_NOTE,
                "let the server run them as another user, to whom database and keys belong; uhttpd "
                "can't: use the httpd of busybox, by cubby-httpd",
                "the programs run as root, as %s shows", path);
            return;
        }
    }
}

/* A failed login is counted in the database, so it shows whether the programs can write. */
static void ask_login(struct doctor *doctor)
{
    const char *why = ask_api(doctor, "POST", "/token", "Content-Type: application/json\r\n",
                              "{\"username\":\"cubby doctor\",\"password\":\"cubby doctor\"}");
    int status = why == NULL ? doctor->answer.status : 0;
    bool good = status == 401 || status == 429;
    tell(doctor, "login", good ? STATE_OK : STATE_PROBLEM,
         good ? "" : "the error log of the server says why; see also cubby check",
         good ? "a login is checked and refused (%d)" : "a wrong login is answered %d", status);
    if (good) {
        check_user(doctor);
    }
}

static void check_clock(struct doctor *doctor)
{
    enum { TOLERANCE = 120 };
    const int64_t least = INT64_C(1704067200); /* 2024, before the first version of cubby */
    int64_t here = tool_now_ms() / 1000;
    const char *why = ask_api(doctor, "GET", "/health", "", NULL);
    const char *date = why == NULL ? http_header(&doctor->arena, &doctor->answer, "Date") : NULL;
    int64_t there = date != NULL ? http_date(date) : -1;
    if (here < least) {
        tell(doctor, "clock", STATE_PROBLEM, "set the clock, by NTP best: tokens live by it",
             "this machine's clock stands before 2024");
    } else if (there >= 0 && (there < here - TOLERANCE || there > here + TOLERANCE)) {
        tell(doctor, "clock", STATE_PROBLEM, "set both clocks, by NTP best: tokens live by them",
             "the server's clock differs from this one's by %" PRId64 " seconds", there - here);
    } else {
        tell(doctor, "clock", STATE_OK, "", "the clock is sane%s",
             there < 0 ? " (the server tells no time)" : "");
    }
}

/* ---- what must not leave -------------------------------------------------------------------- */

static bool holds(const struct http_answer *answer, const char *text, size_t size)
{
    return answer->status == 200 && memmem(answer->body, answer->body_size, text, size) != NULL;
}

/* Whether the web server sends the file at PATH, whose content includes MARK, at an address that
 * ends like the path; ADDRESS is that one. Every possible length of that end is tried. */
static bool is_served(struct doctor *doctor, const char *path, const char *mark, size_t mark_size,
                      char address[512])
{
    for (const char *tail = path + strlen(path); tail >= path; tail--) {
        if (*tail != '/') {
            continue;
        }
        const char *const bases[] = {"", doctor->url.path};
        for (size_t i = 0; i < (*doctor->url.path != '\0' ? 2 : 1); i++) {
            if (snprintf(address, 512, "%s%s", bases[i], tail) < 512 &&
                strpbrk(address, " %?#") == NULL &&
                ask(doctor, "GET", address, "", NULL, 0) == NULL &&
                holds(&doctor->answer, mark, mark_size)) {
                return true;
            }
        }
    }
    return false;
}

static void check_file_served(struct doctor *doctor, const char *what, const char *path,
                              const char *mark)
{
    char address[512];
    if (*mark == '\0') {
        return;
    }
    bool served = is_served(doctor, path, mark, strlen(mark), address);
    if (served) {
        tell(doctor, what, STATE_PROBLEM,
             "move the file out of the document root, change the settings, and take new keys: "
             "cubby key rotate --retire-others",
             "anybody can fetch %s at %s", path, address);
    } else {
        tell(doctor, what, STATE_OK, "", "the server does not give out %s", path);
    }
}

/* A text that only the key file contains; "" when it can't be read. */
static const char *mark_of_keys(struct doctor *doctor)
{
    const char *text;
    struct tool *tool = doctor->tool;
    if (file_become_owner(tool, tool->config.keys) != TOOL_DONE) {
        return "";
    }
    int before = tool->problems;
    bool good = file_read(tool, tool->config.keys, &text) == TOOL_DONE;
    tool->problems = before; /* check_files counts it */
    file_become_self();
    const cJSON *list = good ? cJSON_GetObjectItemCaseSensitive(cJSON_Parse(text), "keys") : NULL;
    const char *k =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, 0), "k"));
    return k != NULL ? k : "";
}

static void check_served(struct doctor *doctor)
{
    if (!admin_has_server(doctor->tool)) {
        check_file_served(doctor, "database", doctor->tool->config.database, "SQLite format 3");
    }
    check_file_served(doctor, "keys", doctor->tool->config.keys, mark_of_keys(doctor));
}

/* ---- the command ---------------------------------------------------------------------------- */

static void tell_file(void *self, const char *where, const char *problem, const char *remedy)
{
    tell(self, "files", STATE_PROBLEM, remedy, "%s: %s", where, problem);
}

static void note_keys(void *self, const char *where, const char *problem, const char *remedy)
{
    tell(self, "keys", STATE_NOTE, remedy, "%s: %s", where, problem);
}

static void check_files(struct doctor *doctor)
{
    int before = doctor->tool->problems;
    const struct check_sink sink = {.self = doctor, .found = tell_file};
    const struct check_sink notes = {.self = doctor, .found = note_keys};
    check_owners_and_modes(doctor->tool, &sink);
    check_double_keys(doctor->tool, &notes);
    if (doctor->tool->problems == before) {
        tell(doctor, "files", STATE_OK, "", "owners and modes of database and keys are right");
    }
}

static int run_doctor(struct tool *tool)
{
    struct doctor doctor = {.tool = tool, .checks = tool->json ? cJSON_CreateArray() : NULL};
    arena_init(&doctor.arena, (size_t)4 * HTTP_CLIENT_ANSWER_MAXIMUM);
    const char *why = http_url_parse(&tool->arena, tool->words[0], &doctor.url);
    if (why != NULL) {
        return tool_misuse(tool, "%s: %s", tool->words[0], why);
    }
    const char *host = tool_option(tool, "--host");
    if (host != NULL) {
        if (text_has_control(text_of(host))) {
            return tool_misuse(tool, "--host: not valid");
        }
        doctor.url.authority = host;
    }
    if (ask_health(&doctor)) {
        ask_programs(&doctor);
        ask_authorization(&doctor);
        ask_override(&doctor);
        ask_conditions(&doctor);
        ask_bodies(&doctor);
        ask_slashes(&doctor);
        ask_empty_segments(&doctor);
        ask_login(&doctor);
        check_clock(&doctor);
        check_served(&doctor);
    }
    check_files(&doctor);
    arena_reset(&doctor.arena);
    int status = tool->problems > 0 ? TOOL_FAILED : TOOL_DONE;
    if (tool->json) {
        cJSON *object = cJSON_CreateObject();
        json_add(object, "ok", cJSON_CreateBool(status == TOOL_DONE));
        json_add(object, "checks", doctor.checks);
        return tool_print_json(tool, object, true) == TOOL_DONE ? status : TOOL_FAILED;
    }
    printf("%d problem%s\n", tool->problems, tool->problems == 1 ? "" : "s");
    return status;
}

static const struct tool_option options[] = {
    {"--host", "NAME", "ask for this virtual host"},
};

static const struct tool_command commands[] = {
    {.name = "doctor",
     .words = "URL",
     .summary = "ask the running web server whether all is set up right",
     .text =
         "URL is the address of the API, as http://127.0.0.1/api. Asks as a client would: do all\n"
         "programs answer, by a process for each request or by ones that stay, do the headers\n"
         "Authorization, If-Match, If-None-Match and X-HTTP-Method-Override reach them, do bodies\n"
         "of PUT and POST arrive whole, does an address with %2F or with an empty segment, do the\n"
         "programs run as root, are the clocks sane, and does the server give out the database or\n"
         "the keys; and looks at owners and modes of the files. Nothing is stored but one failed\n"
         "login of nobody. Run it on the machine of the web server. An https:// address is asked\n"
         "by the program curl, which must be installed, and the certificate must be good for the\n"
         "host, or for the name given by --host; CURL_CA_BUNDLE names a file with a certificate\n"
         "of your own.\n",
     .options = options,
     .option_count = 1,
     .words_least = 1,
     .words_most = 1,
     .flags = COMMAND_JSON,
     .run = run_doctor},
};

const struct tool_group tool_doctor_commands = {commands, sizeof commands / sizeof *commands};
