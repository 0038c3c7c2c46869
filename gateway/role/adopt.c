/* SPDX-License-Identifier: ISC
 *
 * adopt: older mail is left in place by the first poll, and taken in after all when a person says
 * so: `ungcuuctl mailbox adopt`.  What was said stays in the store, so a restart changes nothing.
 */
#include "role/intake.h"

#include <string.h>
#include <sysexits.h>

/* The mailbox's first poll found it older than adopt_since. */
void
intake_leave(struct hub *hub, struct intake *box, const char *uid, gint64 arrived, guint64 size)
{
	g_autoptr(GError) error = NULL;
	struct mail mail = {
		.id = id_new(), .mailbox = box->name, .identity = box->identity, .uid = (char *)uid,
		.folder = box->folders->pdata[box->folder], .size = size, .arrived = arrived,
		.received = hub->now, .state = MAIL_LEFT, .kind = KIND_BEFORE_START,
		.next_try = -1,
	};

	hub_must(mail_add(hub->store, &mail, &error), &error, "mail");
	hub_journal(hub, (struct id){ { 0 } }, mail.id, "left",
		"arrived before the start (adopt_since): left in place, no ticket, no answer");
}

static char *
adopt_note(const char *mailbox)
{
	return g_strconcat("adopt ", mailbox, NULL);
}

/* "SINCE_MS SILENT", as `mailbox adopt` wrote it. */
void
intake_adopt_read(struct hub *hub, struct intake *box)
{
	g_autofree char *name = adopt_note(box->name), *text = store_note(hub->store, name);
	char *end = NULL;

	box->adopt_from = -1;
	if (text == NULL)
		return;
	box->adopt_from = g_ascii_strtoll(text, &end, 10);
	box->adopt_silent = strcmp(end, " silent") == 0;
}

void
intake_cursors_forget(struct intake *box)
{
	for (guint i = 0; i < box->cursors->len; i++) {
		g_free(box->cursors->pdata[i]);
		box->cursors->pdata[i] = NULL;
	}
}

/* Its row is there already, and its blob is linked. */
void
intake_adopted(struct hub *hub, const struct intake *box, struct wanted *wanted, guint64 size,
	const char *hex)
{
	struct mail *mail = mail_get(hub->store, wanted->known);

	mail->blob = wanted->blob.id;
	mail->size = wanted->header_only ? wanted->size : size;
	g_free(mail->sha256);
	mail->sha256 = g_strdup(hex);
	mail->kind = wanted->header_only ? KIND_OVERSIZE : -1;
	mail->silent = box->restores || box->adopt_silent;
	mail->moved = wanted->swept;
	job_event(hub, mail, MAIL_EVENT_ADOPT, NULL, mail->silent ? "taken in later, unanswered" :
		"taken in later");
	mail_free(mail);
}

/* `ungcuuctl mailbox adopt NAME`: what came since then and lies where it was is taken in by the
 * next poll, which begins at once.  JSON; g_free(). */
char *
intake_adopt(struct hub *hub, const char *mailbox, gint64 since, bool silent, int *exit_code)
{
	g_autofree char *name = adopt_note(mailbox);
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "%s", since,
		silent ? " silent" : " answered");
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < hub->boxes->len; i++) {
		struct intake *box = hub->boxes->pdata[i];

		if (strcmp(box->name, mailbox) != 0)
			continue;
		hub_must(store_note_put(hub->store, name, text, &error), &error, "note");
		hub_journal(hub, (struct id){ { 0 } }, (struct id){ { 0 } }, "mailbox-adopt",
			text);
		intake_adopt_read(hub, box);
		intake_cursors_forget(box);
		box->balance_due = hub->now;
		box->next_poll = hub->ticks;
		return g_strdup("{\"version\":1,\"adopted\":true}");
	}
	*exit_code = EX_DATAERR;
	return control_refusal("mailbox adopt", "no such mailbox");
}
