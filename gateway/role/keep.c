/* SPDX-License-Identifier: ISC
 *
 * keep: server copies in the done folder are removed when done_keep is over.  The balance of that
 * day lists them; only after it found nothing unexplained are those removed whose mail is ours
 * whole, was decided on, and is in a backup.  What a person moved or removed is none of them.
 */
#include "role/intake.h"

#include <string.h>
#include <syslog.h>

#define REMOVE_MOST	90	/* of one request: as many as an answer has room for */
#define OUTWORN_MOST	9000	/* of one balance; the rest has its turn the next day */

struct outworn { char *uid; struct id mail; };

static void
outworn_free(void *data)
{
	struct outworn *outworn = data;

	g_free(outworn->uid);
	g_free(outworn);
}

void
keep_read(struct hub *hub, struct intake *box)
{
	box->keep = options_int(hub->options, "mailboxes.%u.done_keep", box->index);
	box->outworn = g_ptr_array_new_with_free_func(outworn_free);
}

/* The one gate before a server copy is removed: ours is whole, was decided on, and is in a backup.
 * Of a mail too large for that we have the header alone. */
bool
keep_is_over(struct hub *hub, const struct intake *box, const struct mail *mail)
{
	bool is_final = mail->state == MAIL_DECIDED || mail->state == MAIL_HELD;

	return box->keep >= 0 && mail->received <= hub->now - box->keep && is_final &&
		mail->kind != KIND_OVERSIZE && blob_exists(hub->store, mail->blob) &&
		backup_covers(hub, mail);
}

void
keep_listed(struct hub *hub, struct intake *box, struct id id, const char *uid)
{
	struct mail *mail = box->keep >= 0 && box->outworn->len < OUTWORN_MOST ?
		mail_get(hub->store, id) : NULL;

	if (mail != NULL && mail->moved && keep_is_over(hub, box, mail)) {
		struct outworn *outworn = g_new(struct outworn, 1);

		*outworn = (struct outworn){ g_strdup(uid), id };
		g_ptr_array_add(box->outworn, outworn);
	}
	mail_free(mail);
}

/* The balance is over. */
void
keep_balanced(struct intake *box, bool is_balanced)
{
	if (!is_balanced)
		g_ptr_array_set_size(box->outworn, 0);
	box->may_remove = box->outworn->len > 0;
}

void
keep_ask(struct hub *hub, struct intake *box, struct link *link)
{
	guint n = MIN(box->outworn->len, REMOVE_MOST);
	GVariantBuilder uids;

	if (!box->may_remove || box->removing > 0 || n == 0 || hub->stopping)
		return;
	g_variant_builder_init(&uids, G_VARIANT_TYPE("as"));
	for (guint i = 0; i < n; i++)
		g_variant_builder_add(&uids, "s",
			((const struct outworn *)box->outworn->pdata[i])->uid);
	box->removing = n;
	hub_request(hub, link, VERB_REMOVE, g_variant_new("(sas)", box->done_folder, &uids), NULL,
		0, ANSWER_MS);
}

bool
keep_is_busy(const struct intake *box)
{
	return box->may_remove && box->outworn->len > 0;
}

void
keep_stop(struct intake *box)
{
	g_ptr_array_set_size(box->outworn, 0);
	box->removing = 0;
	box->may_remove = false;
}

/* Its copy is gone: by us, or by a person before. */
static void
one_removed(struct hub *hub, const struct intake *box, struct id id, guint32 outcome)
{
	g_autofree char *text = id_text(id);

	hub_journal(hub, (struct id){ { 0 } }, id, "removed", outcome == DONE ?
		"server copy removed, done_keep is over" : "server copy was gone already");
	log_event(LOG_INFO, "removed", "mail=%s mailbox=%s", text, box->name);
}

void
intake_removed(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autoptr(GVariantIter) items = NULL;
	const char *why, *uid;
	guint32 outcome, item_outcome;
	struct intake *box;
	guint n = 0;

	if (link->index >= hub->boxes->len)
		return;
	box = hub->boxes->pdata[link->index];
	g_variant_get(frame->body, "(u&sa(su))", &outcome, &why, &items);
	while (g_variant_iter_next(items, "(&su)", &uid, &item_outcome) && n < box->removing &&
	       n < box->outworn->len) {
		const struct outworn *outworn = box->outworn->pdata[n++];

		if (item_outcome != LATER && strcmp(outworn->uid, uid) == 0)
			one_removed(hub, box, outworn->mail, item_outcome);
	}
	if (outcome != DONE) {
		g_autofree char *quoted = log_quote(why);

		log_event(LOG_WARNING, "not-removed", "mailbox=%s why=%s", box->name, quoted);
		keep_stop(box);
		return;
	}
	g_ptr_array_remove_range(box->outworn, 0, MIN(box->removing, box->outworn->len));
	box->removing = 0;
	hub->again = true;
}
