/* SPDX-License-Identifier: ISC
 *
 * settle: after a committed turn has made mails durable, their server copies go to the done
 * folder, in bulk (I1); of what was too large to be stored whole, to the held folder.  Relies on
 * the rows for what is to be moved; a copy that a person took away meanwhile is no fault.
 */
#include "role/intake.h"

#include <string.h>

#define SETTLE_BATCH 100		/* moves asked at once */

/* As the server calls it; g_free(). */
char *
settle_name(const char *uid)
{
	const char *second = g_strrstr(uid, SECOND);

	return second == NULL ? g_strdup(uid) : g_strndup(uid, (gsize)(second - uid));
}

/* The oldest unmoved mails of one folder; false when there are none. */
bool
settle_ask(struct hub *hub, struct intake *box, struct link *link)
{
	g_autoptr(GPtrArray) mails = NULL;
	const char *folder = NULL;
	bool is_held;
	GVariantBuilder uids;

	if (box->is_drop) {
		drop_end(hub, box, link);
		return true;
	}
	mails = mail_unmoved(hub->store, box->name, SETTLE_BATCH);
	if (mails->len == 0)
		return false;
	folder = ((struct mail *)mails->pdata[0])->folder;
	is_held = ((struct mail *)mails->pdata[0])->kind == KIND_OVERSIZE;
	g_variant_builder_init(&uids, G_VARIANT_TYPE("as"));
	g_array_set_size(box->settling, 0);
	for (guint i = 0; i < mails->len; i++) {
		const struct mail *mail = mails->pdata[i];
		g_autofree char *name = settle_name(mail->uid);

		if (strcmp(mail->folder, folder) != 0 ||
		    (mail->kind == KIND_OVERSIZE) != is_held)
			continue;
		g_variant_builder_add(&uids, "s", name);
		g_array_append_val(box->settling, mail->id);
	}
	box->moved = 0;
	hub_request(hub, link, VERB_SETTLE, g_variant_new("(sbas)", folder,
		(gboolean)is_held, &uids), NULL, 0, ANSWER_MS);
	return true;
}

struct copy { const char *identity, *uid; };	/* in the done folder; "": not told */

static void
one_settled(struct hub *hub, struct intake *box, guint n, guint32 outcome, const struct copy *copy)
{
	g_autoptr(GError) error = NULL;
	struct mail *mail;

	/* NEVER: a person took the server copy away meanwhile; ours is whole. */
	if (outcome == LATER || n >= box->settling->len)
		return;
	mail = mail_get(hub->store, g_array_index(box->settling, struct id, n));
	mail->moved = true;
	if (*copy->identity != '\0')
		mail_set_done(mail, copy->identity, copy->uid);
	hub_must(mail_put(hub->store, mail, &error), &error, "mail");
	mail_free(mail);
	box->moved++;
}

void
intake_settled(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autoptr(GVariantIter) items = NULL;
	const char *why, *uid, *item_why;
	guint32 outcome, item_outcome;
	struct intake *box;
	struct copy copy;
	guint n = 0;

	if (link->index >= hub->boxes->len)
		return;
	box = hub->boxes->pdata[link->index];
	if (box->phase != PHASE_SETTLING)
		return;
	if (box->is_drop) {
		drop_ended(hub, box, frame);
		return;
	}
	g_variant_get(frame->body, "(u&sa(susss))", &outcome, &why, &items);
	while (g_variant_iter_next(items, "(&su&s&s&s)", &uid, &item_outcome, &item_why,
	    &copy.identity, &copy.uid))
		one_settled(hub, box, n++, item_outcome, &copy);
	if (outcome != DONE || box->moved == 0)
		intake_failed(hub, box, outcome != DONE ? why :
			"the server copies cannot be moved");
}
