/*
 * health.c - GET /api/health: is the service ready? Needs no token and tells no secret.
 */
#include "cgi-bin/shared/store.h"
#include "common/serve/serve.h"
#include "db/model/meta.h"

#ifndef CUBBY_VERSION
#error "CUBBY_VERSION must be defined by the build"
#endif

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

static enum error_code report_health(struct call *call)
{
    struct text store_id;
    enum error_code error = meta_store_id(call->store, &store_id);
    struct response *response = &call->response;
    response->errors_carry_data = true;
    response_text(response, "version", CUBBY_VERSION);
    response_text(response, "engine",
                  arena_printf(call->arena, "%s %s", db_engine(), db_engine_version()));
    response_text(response, "database", database_state(error));
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
