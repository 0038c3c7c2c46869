/* SPDX-License-Identifier: ISC
 *
 * drop: what is different about a POP3 maildrop.  It has no folder to move mail to: a mail stays
 * where it is, known by its row, until done_keep is over, if ever.  What is removed then has its
 * row and its bytes committed long before, and counts as removed only when the server has said
 * yes to the end of the session (RFC 1939 §6): whatever breaks before is done again.  When a mail
 * arrived is asked for each new one by itself.
 */
#include "role/intake.h"

#include <string.h>
#include <syslog.h>

#define REMOVE_MOST 90			/* in one session: as many as an answer has room for */
#define LOOKED_AT 500			/* rows, for those that may be removed */

void
drop_read(struct intake *box)
{
	box->is_drop = strcmp(box->type, "pop3") == 0;
}

/* ---- listing ------------------------------------------------------------- */

/* A removed one that is there again is none: it is taken, and compared. */
bool
drop_rests(struct hub *hub, const struct intake *box, const char *uid)
{
	gint64 left_before = box->adopt_from < 0 ? G_MAXINT64 : box->adopt_from;
	bool rests = mail_rests(hub->store, box->name, box->identity, uid, left_before);
	bool known = !rests && mail_known(hub->store, box->name, box->identity, uid, NULL);

	for (guint n = 2; known && !rests; n++) {
		g_autofree char *name = g_strdup_printf("%s" SECOND "%u", uid, n);

		rests = mail_rests(hub->store, box->name, box->identity, name, left_before);
		known = mail_known(hub->store, box->name, box->identity, name, NULL);
	}
	return rests;
}

/* A server that was moved, or repaired, may give all its mails new uids.  What the first poll left
 * in place must then be left again: a page without a single known mail looks like that. */
void
drop_first_page(struct hub *hub, struct intake *box, GVariant *body)
{
	g_autoptr(GVariant) items = g_variant_get_child_value(body, 3);
	g_autoptr(GError) error = NULL;
	GVariantIter each;
	const char *uid;

	if (box->row->last_good < 0 || box->adopt_since < 0 || box->row->floor >= 0)
		return;
	g_variant_iter_init(&each, items);
	while (g_variant_iter_next(&each, "(&sxt)", &uid, NULL, NULL))
		if (mail_known(hub->store, box->name, box->identity, uid, NULL))
			return;
	box->row->floor = MAX(0, box->row->first_poll - box->adopt_since);
	hub_must(mailbox_put(hub->store, box->row, &error), &error, "mailbox");
}

/* ---- arrival ------------------------------------------------------------- */

void
drop_ask_date(struct hub *hub, struct intake *box, struct link *link, struct wanted *wanted)
{
	hub_request(hub, link, VERB_DATE, g_variant_new("(s)", wanted->uid), NULL, 0, ANSWER_MS);
	g_queue_push_tail(&box->taking, wanted);
}

/* Where nothing tells, it arrived when it was first seen: now.  Then it is taken; or it is older
 * than what the first poll takes in. */
void
intake_dated(struct hub *hub, struct link *link, struct frame *frame)
{
	struct intake *box = link->index < hub->boxes->len ? hub->boxes->pdata[link->index] : NULL;
	struct wanted *wanted = box != NULL ? g_queue_pop_head(&box->taking) : NULL;
	const char *why;
	guint32 outcome;
	gint64 arrived;

	if (wanted == NULL)
		return;
	g_variant_get(frame->body, "(u&sx)", &outcome, &why, &arrived);
	wanted->arrived = arrived < 0 ? hub->now : MIN(arrived, hub->now);
	if (outcome == DONE &&
	    (!id_is_null(wanted->known) || wanted->arrived >= box->row->floor)) {
		g_queue_push_head(&box->wanted, wanted);
		return;
	}
	if (outcome == DONE)
		intake_leave(hub, box, wanted->uid, wanted->arrived, wanted->size);
	else if (outcome == LATER)
		box->failed = true;
	wanted_free(wanted);
}

/* ---- the end of a poll --------------------------------------------------- */

static GVariant *
to_remove(struct hub *hub, struct intake *box)
{
	g_autoptr(GPtrArray) mails = NULL;
	GVariantBuilder uids;

	g_variant_builder_init(&uids, G_VARIANT_TYPE("as"));
	if (box->keep >= 0)
		mails = mail_outstayed(hub->store, box->name, hub->now - box->keep, LOOKED_AT);
	for (guint i = 0; mails != NULL && i < mails->len && box->settling->len < REMOVE_MOST;
	     i++) {
		const struct mail *mail = mails->pdata[i];
		g_autofree char *uid = settle_name(mail->uid);

		if (mail->moved || !keep_is_over(hub, box, mail))
			continue;
		g_variant_builder_add(&uids, "s", uid);
		g_array_append_val(box->settling, mail->id);
	}
	return g_variant_builder_end(&uids);
}

void
drop_end(struct hub *hub, struct intake *box, struct link *link)
{
	GVariant *uids;

	box->moved = 0;
	g_array_set_size(box->settling, 0);
	uids = to_remove(hub, box);
	hub_request(hub, link, VERB_SETTLE, g_variant_new("(sb@as)", "INBOX", FALSE, uids), NULL, 0,
		ANSWER_MS);
}

/* NEVER: it was gone already. */
static void
one_removed(struct hub *hub, struct intake *box, guint n, guint32 outcome)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct mail *mail;

	if (outcome == LATER || n >= box->settling->len)
		return;
	mail = mail_get(hub->store, g_array_index(box->settling, struct id, n));
	mail->moved = true;
	hub_must(mail_put(hub->store, mail, &error), &error, "mail");
	hub_journal(hub, (struct id){ { 0 } }, mail->id, "removed", outcome == DONE ?
		"server copy removed, done_keep is over" : "server copy was gone already");
	text = id_text(mail->id);
	log_event(LOG_INFO, "removed", "mail=%s mailbox=%s", text, box->name);
	mail_free(mail);
}

void
drop_ended(struct hub *hub, struct intake *box, struct frame *frame)
{
	g_autoptr(GVariantIter) items = NULL;
	const char *why, *uid, *item_why;
	guint32 outcome, item_outcome;
	guint n = 0;

	g_variant_get(frame->body, "(u&sa(susss))", &outcome, &why, &items);
	while (outcome == DONE && g_variant_iter_next(items, "(&su&s&s&s)", &uid, &item_outcome,
	       &item_why, NULL, NULL))
		one_removed(hub, box, n++, item_outcome);
	if (outcome == DONE)
		intake_through(hub, box);
	else
		intake_failed(hub, box, why);
}
