/*
 * health.c - GET /api/health, and, where the web server sends it here, GET /api: what is this,
 * which calls does it have, and is it ready? Needs no token and tells no secret.
 */
#include <string.h>
#include <strings.h>

#include "cgi-bin/shared/store.h"
#include "common/serve/serve.h"
#include "db/model/meta.h"

#ifndef CUBBY_VERSION
#error "CUBBY_VERSION must be defined by the build"
#endif

/* Every call, below the address of the API. Printed by hand, because a tree of them would cost more
 * than all the rest of the answer. */
static const char endpoints[] = "[\"POST /register\""
                                ",\"POST /token\""
                                ",\"DELETE /token\""
                                ",\"POST /data\""
                                ",\"GET /data\""
                                ",\"DELETE /data\""
                                ",\"POST /data/{key}\""
                                ",\"GET /data/{key}\""
                                ",\"PUT /data/{key}\""
                                ",\"PATCH /data/{key}\""
                                ",\"DELETE /data/{key}\""
                                ",\"POST /batch\""
                                ",\"GET /changes\""
                                ",\"POST /token/refresh\""
                                ",\"GET /me\""
                                ",\"PATCH /me\""
                                ",\"DELETE /me\""
                                ",\"PUT /me/password\""
                                ",\"GET /me/export\""
                                ",\"POST /me/import\""
                                ",\"POST /keys\""
                                ",\"GET /keys\""
                                ",\"DELETE /keys/{id}\""
                                ",\"POST /reset\""
                                ",\"GET /health\""
                                "]";

/* Where page and description lie: with busybox httpd, which knows no aliases, at the top. */
static const char links[] = "{\"page\":\"/cubby/\",\"openapi\":\"/cubby/openapi.json\"}";
static const char busybox_links[] = "{\"page\":\"/\",\"openapi\":\"/openapi.json\"}";

static const char *links_for(const char *server)
{
    bool busybox = server != NULL && strncasecmp(server, "busybox", strlen("busybox")) == 0;
    return busybox ? busybox_links : links;
}

static const char *database_state(enum error_code error)
{
    switch (error) {
    case ERR_NONE:
        return "ok";
    case ERR_SERVICE_UNAVAILABLE:
        return "busy";
    default:
        return "unusable"; /* the reason goes to the log only */
    }
}

/* Whether the web server tells an address of the client, or of a proxy. What can be none is looked
 * at in whole, which would cost as much as a twentieth of the answer. */
static bool has_address(struct call *call)
{
    const char *peer = call->transport->variable(call->transport, "REMOTE_ADDR");
    if (peer != NULL && *peer != '\0' && strchr("0123456789abcdefABCDEF:[", *peer) != NULL) {
        return true;
    }
    const char *address = call_address(call);
    return address == NULL || strcmp(address, "unknown") != 0;
}

static enum error_code report_health(struct call *call)
{
    struct text store_id;
    enum error_code error = meta_store_id(call->store, &store_id);
    struct response *response = &call->response;
    response->errors_carry_data = true;
    response_text(response, "name", "cubby");
    response_text(response, "version", CUBBY_VERSION);
    response_text(response, "engine",
                  arena_printf(call->arena, "%s %s", db_engine(), db_engine_version()));
    response_text(response, "database", database_state(error));
    if (!call->transport->ends_process) {
        response_text(response, "mode", "fastcgi"); /* this program stays */
    }
    if (!has_address(call)) {
        response_text(response, "client", "unknown"); /* limits count all such clients as one */
    }
    const char *sandbox = call_sandbox(call);
    response_raw(response, "sandbox", sandbox, strlen(sandbox));
    const char *where = links_for(call->request.server_software);
    response_raw(response, "links", where, strlen(where));
    response_raw(response, "endpoints", endpoints, sizeof endpoints - 1);
    return error == ERR_NONE ? ERR_NONE : ERR_SERVICE_UNAVAILABLE;
}

static const struct route routes[] = {
    {HTTP_GET, "", 0, ERR_NONE, report_health, NULL},
};

static const enum db_statement may_run[] = {DB_STORE_ID};

static const struct db_role role = {may_run, sizeof may_run / sizeof *may_run};

const struct program health_program = {.name = "health",
                                       .routes = routes,
                                       .route_count = sizeof routes / sizeof *routes,
                                       .store = &database_store,
                                       .store_role = &role};

int main(void)
{
    return cgi_main(&health_program);
}
