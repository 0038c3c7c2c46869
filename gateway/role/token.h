/* SPDX-License-Identifier: ISC
 *
 * token.h: private to role/: access tokens instead of passwords.  token-ask.c is for fetch and
 * submit: it asks the hub while a login waits, and keeps the requests that come meanwhile.
 */
#ifndef UNGCUU_ROLE_TOKEN_H
#define UNGCUU_ROLE_TOKEN_H

#include "role/role.h"

/* token-text.c: the first line of what a token_command printed, trimmed; NULL: LATER.  Wipe it
 * before g_free(). */
char *token_of_output(const char *output, GError **error);

/* token-ask.c.  The settings' server_token: asks the hub where there is none, or where the last was
 * refused. */
const char *token_get(bool was_refused, GError **error);
/* Before each frame is served.  NULL: this one must not ask, since nothing may wait behind it. */
void token_serve_for(struct peer *hub);
/* A request that came while a token was waited for, oldest first; false: none. */
bool token_deferred(struct frame *out);

#endif
