/* SPDX-License-Identifier: ISC
 *
 * server: private to transport/.  Settings of a server that outlive whoever gave them, and the
 * login that was refused last.
 */
#ifndef UNGCUU_SERVER_H
#define UNGCUU_SERVER_H

#include "transport/transport.h"

/* *out: a copy of its own, for server_clear(), which wipes the password. */
void server_copy(const struct server_settings *, struct server_settings *out);
void server_clear(struct server_settings *);

/* A server that counts refused logins may lock the account: the same login is not tried again
 * for a while.  True: not now, *error NEVER with why it was refused. */
bool server_is_refused(const struct server_settings *, GError **error);
void server_refuse(const struct server_settings *, const char *why);
/* A login failed this way (LATER, NEVER): is it worth another token? */
bool server_wants_token(const struct server_settings *, enum outcome how);

#endif
