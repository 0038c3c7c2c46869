/* SPDX-License-Identifier: ISC
 *
 * balance: once after each start and once a day a poll also reads the list of the done folder, and
 * every mail there must be one of ours: by the name the server told when it was moved, else by its
 * bytes.  What is nobody's was put there by a person before we took it: it stays, is counted, and
 * raises the alarm until it is adopted, taken away or explained.  After a restore it is what came
 * after the backup, and is taken in without answers.
 *
 * Relies on intake.c for listing and taking.  A person emptying the done folder is no fault.
 */
#include "role/intake.h"

#include <string.h>
#include <syslog.h>

#define DAY_MS (24 * 3600 * G_GINT64_CONSTANT(1000))

static char *
swept_note(const struct intake *box)
{
	return g_strconcat("swept ", box->name, NULL);
}

/* The note of the last restore, unless this mailbox was swept since. */
void
balance_read(struct hub *hub, struct intake *box)
{
	g_autofree char *name = swept_note(box), *swept = store_note(hub->store, name);
	g_autofree char *restored = store_note(hub->store, "restored");
	const char *done = options_text(hub->options, "mailboxes.%u.done_folder", box->index);

	box->done_folder = g_strdup(done);
	box->restores = restored != NULL && g_strcmp0(swept, restored) != 0;
	box->restored_at = box->is_drop && restored != NULL ?
		g_ascii_strtoll(restored, NULL, 10) : -1;
	box->compared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
balance_clear(struct intake *box)
{
	g_free(box->done_folder);
	g_hash_table_unref(box->compared);
}

void
balance_begin(struct hub *hub, struct intake *box)
{
	bool due = box->restores || hub->now >= box->balance_due ||
		box->balance_due > hub->now + DAY_MS;	/* the clock was set back */

	box->sweeps = due && box->done_folder != NULL && !box->is_drop;
	box->strays = 0;
	keep_stop(box);
}

/* ---- one mail of the done folder ----------------------------------------- */

static bool
is_adopted(const struct intake *box, gint64 arrived)
{
	return box->restores || (box->adopt_from >= 0 && arrived >= box->adopt_from);
}

static bool
is_left(struct hub *hub, struct id id)
{
	struct mail *mail = mail_get(hub->store, id);
	bool left = mail->state == MAIL_LEFT;

	mail_free(mail);
	return left;
}

static char *
copy_name(const struct intake *box, const char *uid)
{
	return g_strconcat(box->identity, "\n", uid, NULL);
}

bool
balance_listed(struct hub *hub, struct intake *box, const char *uid, gint64 arrived,
	struct wanted *wanted)
{
	g_autofree char *copy = copy_name(box, uid);
	struct id id;
	void *stray;

	if (mail_by_done(hub->store, box->name, box->identity, uid, &id)) {
		keep_listed(hub, box, id, uid);
		return false;
	}
	if (mail_known(hub->store, box->name, box->identity, uid, &wanted->known)) {
		keep_listed(hub, box, wanted->known, uid);
		wanted->adopts = is_adopted(box, arrived) && is_left(hub, wanted->known);
		wanted->swept = true;
		return wanted->adopts;
	}
	/* At the first poll: what lay there before we came. */
	if (!box->restores && box->row->floor >= 0 && arrived < box->row->floor) {
		intake_leave(hub, box, uid, arrived, 0);
		return false;
	}
	if (!is_adopted(box, arrived) &&
	    g_hash_table_lookup_extended(box->compared, copy, NULL, &stray)) {
		box->strays += stray != NULL;
		return false;
	}
	wanted->swept = true;
	return true;
}

static void
compared(struct intake *box, const char *uid, bool stray)
{
	g_hash_table_insert(box->compared, copy_name(box, uid), GINT_TO_POINTER(stray));
	box->strays += stray;
}

/* The same bytes: the row learns what its copy is called, unless it knows another one here. */
static void
copy_found(struct hub *hub, struct intake *box, struct id id, const char *uid)
{
	struct mail *mail = mail_get(hub->store, id);
	g_autoptr(GError) error = NULL;

	if (mail_done_is_of(mail, box->identity)) {
		compared(box, uid, false);
	} else {
		mail_set_done(mail, box->identity, uid);
		hub_must(mail_put(hub->store, mail, &error), &error, "mail");
	}
	mail_free(mail);
}

bool
balance_taken(struct hub *hub, struct intake *box, const struct wanted *wanted, const char *sha256)
{
	struct id id;

	if (mail_by_content(hub->store, box->name, sha256, &id)) {
		copy_found(hub, box, id, wanted->uid);
		return false;
	}
	if (is_adopted(box, wanted->arrived))
		return true;
	compared(box, wanted->uid, true);
	return false;
}

void
balance_refused(struct intake *box, const struct wanted *wanted)
{
	compared(box, wanted->uid, true);
}

/* ---- the balance --------------------------------------------------------- */

static void
swept(struct hub *hub, struct intake *box)
{
	g_autofree char *name = swept_note(box), *restored = store_note(hub->store, "restored");
	g_autoptr(GError) error = NULL;

	hub_must(store_note_put(hub->store, name, restored, &error), &error, "note");
	log_event(LOG_NOTICE, "restored", "mailbox=%s", box->name);
	box->restores = false;
}

/* For the weekly digest. */
static void
balance_note(struct hub *hub, const struct intake *box)
{
	g_autofree char *name = g_strconcat("strays ", box->name, NULL);
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, box->strays);
	g_autofree char *before = store_note(hub->store, name);
	g_autoptr(GError) error = NULL;

	if (g_strcmp0(before, text) != 0)
		hub_must(store_note_put(hub->store, name, text, &error), &error, "note");
}

void
balance_end(struct hub *hub, struct intake *box)
{
	g_autofree char *cause = g_strconcat("ledger-unbalanced:", box->name, NULL);
	struct ledger ledger = { 0 };
	guint missing;

	ledger_of(hub->store, box->name, &ledger);
	missing = ledger.missing->len;
	g_ptr_array_unref(ledger.missing);
	log_event(box->strays + missing > 0 ? LOG_ERR : LOG_INFO, "balance",
		"mailbox=%s seen=%" G_GUINT64_FORMAT " unexplained=%" G_GUINT64_FORMAT
		" missing=%u", box->name, ledger.seen, box->strays, missing);
	if (box->strays + missing > 0)
		alarm_raise(hub, cause, "mailbox %s: %" G_GUINT64_FORMAT " mails in the done "
			"folder without a row, %u rows without their bytes; see ungcuuctl ledger",
			box->name, box->strays, missing);
	else
		alarm_clear(hub, cause);
	keep_balanced(box, box->strays + missing == 0);
	if (box->restores)
		swept(hub, box);
	balance_note(hub, box);
	box->sweeps = false;
	box->balance_due = hub->now + DAY_MS;
}
