/*
 * item_list.h - a user's items, page by page.
 */
#ifndef CUBBY_CGI_BIN_SHARED_ITEM_LIST_H
#define CUBBY_CGI_BIN_SHARED_ITEM_LIST_H

#include "common/serve/parameters.h"
#include "common/serve/serve.h"

/* Answers with a page of the items of the user, as the query asks for it. */
enum error_code list_items(struct call *call);
extern const struct parameter list_parameters[];

#endif
