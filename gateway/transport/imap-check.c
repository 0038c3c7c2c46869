/* SPDX-License-Identifier: ISC
 *
 * imap-check: what `ungcuuctl check` says about an IMAP mailbox: TLS, login, folders, the way mails
 * can be moved, room.  Changes nothing on the server but that a missing done folder is made.
 */
#include "transport/account.h"

#include <string.h>

#define FULL	70	/* per cent of the room, from which it is said */

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
check_room(struct account *account, GPtrArray *lines)
{
	struct room room;
	g_autoptr(GError) error = NULL;
	guint64 percent;

	if (imap_source_room(account, &room, &error) != DONE) {
		line_add(lines, "warn: room: %s", error->message);
		return;
	}
	percent = room.limit > 0 ? room.used / MAX(room.limit / 100, 1) : 0;
	if (room.limit == 0)
		line_add(lines, "ok: mails of %" G_GUINT64_FORMAT " KB, no quota",
			room.used / 1024);
	else
		line_add(lines, "%s: quota: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
			" KB used (%" G_GUINT64_FORMAT "%%)%s", percent >= FULL ? "warn" : "ok",
			room.used / 1024, room.limit / 1024, percent,
			percent >= FULL ? ": make room" : "");
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
		check_room(account, lines);
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
