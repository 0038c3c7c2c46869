/* SPDX-License-Identifier: ISC
 *
 * smtp: private to transport/.  Hands mails on to one submission server, many over one connection.
 */
#ifndef UNGCUU_SMTP_H
#define UNGCUU_SMTP_H

#include "transport/transport.h"

struct smtp;

/* Connects at the first mail.  The settings are borrowed.  patience: seconds for one mail,
 * connecting included; a large one gets more. */
struct smtp *smtp_new(const struct server_settings *, guint patience);
void smtp_free(struct smtp *);

/* name: [A-Za-z0-9._-], told to the server as the envelope's id where it takes one (RFC 3461).
 * from: "" for the null sender. */
struct parcel { const char *name, *from, *to; };
/* Outcomes as delivery_send(): NEVER only for what lies in this mail or its recipient.  LATER
 * with a code of 500 and above: the server refuses us, whatever the mail. */
enum outcome smtp_send(struct smtp *, const struct parcel *, GBytes *mail, guint *code,
	GError **error);
enum scope smtp_scope(const struct smtp *);	/* of the last LATER */

/* Adds lines for `check`: TLS, login, size. */
void smtp_check(const struct server_settings *, guint patience, GPtrArray *lines);

#endif
