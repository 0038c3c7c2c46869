/* SPDX-License-Identifier: ISC
 *
 * imap-check: what `ungcuuctl check` says about an IMAP mailbox: TLS, login, folders, the way mails
 * can be moved, room.  Changes nothing on the server but that a missing done folder is made.
 */
#include "transport/account.h"

#include <string.h>

#define FULL	90	/* per cent of the room, from which it is said */

static void
check_folder(struct account *account, const char *name, GPtrArray *lines)
{
	g_autoptr(GError) error = NULL;
	bool there;

	if (account_select(account, name, &there, &error) != DONE)
		line_add(lines, "fail: folder %s: %s: correct mailboxes[].folders, or the rights "
			"on the server", name, error->message);
	else if (!there)
		line_add(lines, "warn: folder %s is not on the server, nothing is watched there: "
			"make it, or correct mailboxes[].folders", name);
	else if (imap_is_read_only(account->imap))
		line_add(lines, "fail: folder %s is read-only: let this account move mail out "
			"of it", name);
	else
		line_add(lines, "ok: folder %s holds %u mails", name, imap_count(account->imap));
}

static void
check_moving(const struct imap *imap, GPtrArray *lines)
{
	bool has_uidplus = imap_has(imap, "UIDPLUS");

	if (imap_has(imap, "MOVE"))
		line_add(lines, "%s", has_uidplus ? "ok: the server can move mail (MOVE, UIDPLUS)" :
			"warn: the server can move mail, but not tell where to (MOVE without "
			"UIDPLUS): the ledger cannot name what lies in the done folder");
	else
		line_add(lines, "%s", has_uidplus ?
			"ok: the server can copy and remove mail (UIDPLUS)" :
			"fail: the server has neither MOVE nor UIDPLUS, mail would stay where it "
			"is: use another server, or a Maildir");
}

static void
check_room(struct imap *imap, GPtrArray *lines)
{
	struct mailimap_quota_complete_data *data = NULL;
	int said;

	if (!imap_has(imap, "QUOTA"))
		return;
	said = mailimap_quota_getquotaroot(imap_begin(imap, 0), "INBOX", &data);
	for (clistiter *at = data ? clist_begin(data->quota_list) : NULL; at; at = clist_next(at)) {
		const struct mailimap_quota_quota_data *root = clist_content(at);

		for (clistiter *in = clist_begin(root->quota_list); in; in = clist_next(in)) {
			const struct mailimap_quota_quota_resource *one = clist_content(in);
			guint64 share = (guint64) one->usage * 100 / MAX(one->limit, 1);
			g_autofree char *name = log_quote(one->resource_name);

			line_add(lines, "%s: quota %s: %u of %u used (%u%%)%s",
				share >= FULL ? "warn" : "ok", name, one->usage, one->limit,
				(guint) share, share >= FULL ? ": make room" : "");
		}
	}
	if (data)
		mailimap_quota_complete_data_free(data);
	imap_end(imap, said, "quota", NULL);
}

static void
check_server(struct account *account, const struct source_settings *settings, GPtrArray *lines)
{
	static const char *const inbox[] = { "INBOX", NULL };
	const char *const *folders = settings->folders ? settings->folders : inbox;
	g_autofree char *what = imap_describe(account->imap);

	line_add(lines, "ok: %s: %s", settings->server.host, what);
	check_moving(account->imap, lines);
	for (; *folders; folders++)
		check_folder(account, *folders, lines);
	check_folder(account, settings->done_folder, lines);
	if (account_connect(account, NULL) == DONE)
		check_room(account->imap, lines);
}

void
imap_source_check(const struct source_settings *settings, GPtrArray *lines)
{
	g_autoptr(GError) error = NULL;
	void *box;

	if (source_imap.open(settings, &box, &error) == DONE) {
		check_server(box, settings, lines);
		source_imap.close(box);
	} else {
		line_add(lines, "fail: %s: correct host, port, tls, ca_file, tls_pin, user or "
			"password_file of the mailbox, or the server", error->message);
	}
}
