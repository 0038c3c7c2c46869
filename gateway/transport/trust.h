/* SPDX-License-Identifier: ISC
 *
 * trust: private to transport/.  Which server is believed to be the one configured.  Judged
 * inside the TLS handshake, so that nothing is ever sent to another one.
 */
#ifndef UNGCUU_TRUST_H
#define UNGCUU_TRUST_H

#include "transport/transport.h"

#include <gnutls/gnutls.h>

struct trust;

/* Settings must outlive it.  NEVER: a pin that is none, a CA file that cannot be used. */
enum outcome trust_new(const struct server_settings *, struct trust **, GError **error);
void trust_free(struct trust *);
/* Before the handshake: CAs, name, and the verdict on the server's certificate.  Takes the
 * session's user pointer. */
void trust_attach(struct trust *, gnutls_session_t);
/* Why the certificate was refused, what to add to the configuration, the presented chain; NULL
 * if it was not.  Also logged, a line for each certificate. */
const char *trust_refusal(const struct trust *);
/* Of the server's certificate, seconds since 1970; -1 before the handshake. */
gint64 trust_until(const struct trust *);
bool trust_is_pinned(const struct trust *);

#endif
