/* SPDX-License-Identifier: ISC
 *
 * oversize: a mail larger than policy.max_size is not stored whole.  Its header is, as a mail of
 * that kind: it gets a ticket, its sender is told how to hand in large evidence, and the server
 * copy goes to the held folder.  Where not even the header can be stored, the mail stays where it
 * is and a person is told.
 */
#include "role/intake.h"

/* Too large to be stored whole: at least who wrote, and what about. */
void
oversize_header_next(struct intake *box, struct wanted *wanted)
{
	blob_clear(&wanted->blob);
	wanted->blob.fd = -1;
	wanted->header_only = true;
	g_queue_push_head(&box->wanted, wanted);
}

/* A free name for what cannot be stored whole under a known one; false: it has its row already. */
static bool
refused_anew(struct hub *hub, struct intake *box, struct wanted *wanted)
{
	g_autofree char *name = g_steal_pointer(&wanted->uid);
	struct id known;

	for (guint n = 2; ; n++) {
		struct mail *mail;
		bool same;

		g_free(wanted->uid);
		wanted->uid = g_strdup_printf("%s" SECOND "%u", name, n);
		if (!mail_known(hub->store, box->name, box->identity, wanted->uid, &known))
			return true;
		mail = mail_get(hub->store, known);
		same = mail->kind == KIND_OVERSIZE;
		mail_free(mail);
		if (same)
			return false;
	}
}

/* Not stored whole: a row all the same, held, and a ticket for a person. */
void
oversize_refused(struct hub *hub, struct intake *box, struct wanted *wanted, const char *why)
{
	g_autoptr(GError) error = NULL;
	struct mail mail = {
		.id = id_new(), .mailbox = box->name, .identity = box->identity,
		.uid = wanted->uid, .folder = (char *)wanted->folder,
		.arrived = wanted->arrived, .received = hub->now, .state = MAIL_STORED,
		.kind = KIND_OVERSIZE, .next_try = hub->now,
	};
	struct mail *row;

	if (wanted->adopts)
		return;		/* too large: it stays left in place, as it was */
	if (!id_is_null(wanted->known)) {
		if (!refused_anew(hub, box, wanted))
			return;
		mail.uid = wanted->uid;
	}
	hub_must(mail_add(hub->store, &mail, &error), &error, "mail");
	row = mail_get(hub->store, mail.id);
	job_event(hub, row, MAIL_EVENT_REFUSED, "fetch", why);
	mail_free(row);
}
