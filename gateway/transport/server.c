/* SPDX-License-Identifier: ISC
 *
 * server: copies of settings, and the login that was refused last: one for each process, which
 * has one mailbox.  Keeps a digest of the password, never the password.
 */
#include "transport/server.h"

#include <string.h>

#define REFUSED_WAIT	300	/* seconds until a refused login is tried again */
#define EXPIRED_WAIT	300	/* seconds between tokens fetched for a temporary failure */

/* ---- settings ------------------------------------------------------------------------------ */

void
server_copy(const struct server_settings *server, struct server_settings *out)
{
	*out = (struct server_settings) {
		.host = g_strdup(server->host), .port = server->port, .tls = g_strdup(server->tls),
		.ca_file = g_strdup(server->ca_file), .tls_pin = g_strdup(server->tls_pin),
		.user = g_strdup(server->user), .password = g_strdup(server->password),
		.token = server->token, .patience = server->patience,
	};
}

void
server_clear(struct server_settings *server)
{
	g_free((char *) server->host);
	g_free((char *) server->tls);
	g_free((char *) server->ca_file);
	g_free((char *) server->tls_pin);
	g_free((char *) server->user);
	if (server->password)
		wipe((char *) server->password, strlen(server->password));
	g_free((char *) server->password);
	memset(server, 0, sizeof *server);
}

/* ---- refused logins ------------------------------------------------------------------------ */

static struct { char *who, *why; gint64 until; } refused;

/* Another password is another login. */
static char *
who(const struct server_settings *server)
{
	guint8 digest[DIGEST_SIZE];
	g_autofree char *hex = NULL;
	const char *password = server->password ? server->password : "";

	digest_bytes(password, strlen(password), digest);
	hex = digest_hex(digest);
	return g_strdup_printf("%s %u %s %s", server->host, server->port, server->user, hex);
}

bool
server_is_refused(const struct server_settings *server, GError **error)
{
	g_autofree char *me = who(server);

	if (g_strcmp0(refused.who, me) != 0 || g_get_monotonic_time() >= refused.until)
		return false;
	fail(error, NEVER, "%s (not tried again for %d s, so that the account is not locked)",
		refused.why, REFUSED_WAIT);
	return true;
}

void
server_refuse(const struct server_settings *server, const char *why)
{
	g_free(refused.who);
	g_free(refused.why);
	refused.who = who(server);
	refused.why = g_strdup(why);
	refused.until = g_get_monotonic_time() + (gint64) REFUSED_WAIT * G_USEC_PER_SEC;
}

/* Some servers call it a temporary failure that a token has expired.  Others mean it: then it is
 * not fetched again for each poll. */
bool
server_wants_token(const struct server_settings *server, enum outcome how)
{
	static gint64 tried = G_MININT64;
	gint64 now = g_get_monotonic_time();

	if (!server->token)
		return false;
	if (how == LATER && tried > now - (gint64) EXPIRED_WAIT * G_USEC_PER_SEC)
		return false;
	if (how == LATER)
		tried = now;
	return true;
}
