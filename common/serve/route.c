/*
 * route.c - finds the row of a program's table that a request is for.
 */
#include "common/serve/route.h"

#include <string.h>

#include "common/serve/serve.h"

/* What the address refers to, worked out once for all routes. */
struct place {
    bool at_root;  /* the program's own address */
    bool has_item; /* the pattern "/{}" matches */
    struct text item;
};

static struct place find_place(struct call *call)
{
    const char *path = call->request.path;
    const char *parameter = call->program->item_parameter;
    struct place place = {.at_root = path[0] == '\0'};
    if (!place.at_root) {
        place.has_item = path[0] == '/' && path[1] != '\0'; /* a bare slash names nothing */
        place.item = text_of(path + 1);
    } else if (parameter != NULL && !query_find(call->arena, call->request.query, parameter,
                                                &place.has_item, &place.item)) {
        /* There is none, or it can't be decoded; then it names no item. */
        place.item = (struct text){.at = "", .size = 0};
    }
    return place;
}

static bool path_fits(const struct place *place, const char *path, const char *pattern)
{
    if (pattern[0] == '\0') {
        return place->at_root && !place->has_item;
    }
    return strcmp(pattern, "/{}") == 0 ? place->has_item : strcmp(path, pattern) == 0;
}

static const char *method_list(struct arena *arena, unsigned methods)
{
    return arena_printf(arena, "%s%s%s%s%sOPTIONS", methods & HTTP_GET ? "GET, HEAD, " : "",
                        methods & HTTP_POST ? "POST, " : "", methods & HTTP_PUT ? "PUT, " : "",
                        methods & HTTP_PATCH ? "PATCH, " : "",
                        methods & HTTP_DELETE ? "DELETE, " : "");
}

enum error_code call_find_route(struct call *call)
{
    unsigned methods = 0;
    const struct program *program = call->program;
    struct place place = find_place(call);
    for (size_t i = 0; i < program->route_count; i++) {
        const struct route *route = &program->routes[i];
        if (!path_fits(&place, call->request.path, route->path)) {
            continue;
        }
        methods |= (unsigned)route->method;
        if (route->method == call->request.method) {
            call->route = route;
            call->item = place.item;
            return ERR_NONE;
        }
    }
    if (methods == 0) {
        return ERR_NOT_FOUND;
    }
    const char *allow = method_list(call->arena, methods);
    response_header(&call->response, "Allow", allow);
    if (call->request.method != HTTP_OPTIONS) {
        return ERR_METHOD_NOT_ALLOWED;
    }
    response_success(&call->response, 204, NULL);
    return ERR_NONE;
}
