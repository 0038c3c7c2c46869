/* SPDX-License-Identifier: ISC
 *
 * pop3-check: what `ungcuuctl check` says about a POP3 mailbox: TLS, login, whether mails can be
 * told apart, and what the server says of how it wants to be used.  Changes nothing there.
 */
#include "transport/pop3.h"
#include "transport/source.h"

#include <string.h>

static void
check_drop(struct pop3 *pop3, GPtrArray *lines)
{
	struct maildrop drop = { 0 };
	g_autoptr(GError) error = NULL;

	if (maildrop_look(pop3, &drop, &error) != DONE)
		line_add(lines, "fail: maildrop: %s: correct the server, or use IMAP or a Maildir",
			error->message);
	else if (drop.unusable > 0)
		line_add(lines, "fail: maildrop: %u of %u mails have no uid of their own (UIDL), "
			"they stay untaken: %s: remove them there by hand", drop.unusable,
			drop.mails->len, drop.why);
	else
		line_add(lines, "ok: the maildrop holds %u mails, each with a uid of its own",
			drop.mails->len);
	maildrop_clear(&drop);
}

static void
check_offers(const struct pop3 *pop3, GPtrArray *lines)
{
	const char *delay = pop3_capability(pop3, "LOGIN-DELAY");
	const char *expire = pop3_capability(pop3, "EXPIRE");
	g_autofree char *seconds = log_quote(delay ? delay : ""), *days = log_quote(expire ?
		expire : "");

	if (pop3_has_capabilities(pop3) && !pop3_capability(pop3, "TOP"))
		line_add(lines, "warn: the server has no TOP: how long a mail has been there is "
			"not known, and adopt_since takes in all of it: adopt with care");
	if (delay && strcmp(delay, "0") != 0)
		line_add(lines, "warn: the server takes one login in %s s: set "
			"mailboxes[].poll to no less", seconds);
	if (expire && g_ascii_strncasecmp(expire, "NEVER", 5) != 0)
		line_add(lines, "warn: the server removes mail by itself (EXPIRE %s): change that "
			"there", days);
}

void
pop3_source_check(const struct source_settings *settings, GPtrArray *lines)
{
	g_autoptr(GError) error = NULL;
	struct pop3 *pop3;
	bool refused;

	if (pop3_open(&settings->server, &pop3, &refused, &error) != DONE) {
		line_add(lines, "fail: %s: correct host, port, tls, ca_file, tls_pin, user or "
			"password_file of the mailbox, or the server", error->message);
		return;
	}
	g_autofree char *what = pop3_describe(pop3);

	line_add(lines, "ok: %s: %s", settings->server.host, what);
	check_offers(pop3, lines);
	check_drop(pop3, lines);
	if (!pop3_is_over(pop3))
		pop3_ask(pop3, "QUIT", "QUIT", NULL);
	pop3_close(pop3);
}
