/* SPDX-License-Identifier: ISC
 *
 * idle: between two polls a mailbox whose server can is asked to tell of new mail (IMAP IDLE).
 * What it tells is a hint and no more: the next poll comes sooner.  The polls go on beside it, so a
 * server that says nothing, or too much, changes nothing but the moment.
 */
#include "role/intake.h"

#include <string.h>
#include <syslog.h>

#define WAIT_SECONDS	1440	/* then the server is asked again; RFC 2177 wants it below 29 min */
#define WAIT_MS		((WAIT_SECONDS + 120) * 1000)
#define HINTS_MOST	20	/* that may cause polls between two regular ones */
#define HINT_MS		1000	/* between two such polls */

void
idle_ask(struct hub *hub, struct intake *box, struct link *link)
{
	if (box->waiting || box->hints >= HINTS_MOST || hub->once || hub->stopping ||
	    strcmp(box->type, "imap") != 0)
		return;
	box->waiting = true;
	hub_request(hub, link, VERB_WAIT, g_variant_new("(su)", box->folders->pdata[0],
		(guint32)WAIT_SECONDS), NULL, 0, WAIT_MS);
}

/* Nobody is asked until the next regular poll; NEVER: as long as this configuration lasts. */
static void
idle_not(struct intake *box, enum outcome how)
{
	box->hints = how == NEVER ? G_MAXUINT : HINTS_MOST;
}

void
idle_regular_poll(struct intake *box)
{
	if (box->hints != G_MAXUINT)
		box->hints = 0;
}

void
intake_waited(struct hub *hub, struct link *link, struct frame *frame)
{
	const char *why;
	struct intake *box;
	guint32 outcome;
	gboolean news;

	if (link->index >= hub->boxes->len)
		return;
	box = hub->boxes->pdata[link->index];
	box->waiting = false;
	g_variant_get(frame->body, "(u&sb)", &outcome, &why, &news);
	if (outcome != DONE) {
		g_autofree char *quoted = log_quote(why);

		log_event(outcome == NEVER ? LOG_INFO : LOG_NOTICE, "idle-ended",
			"mailbox=%s why=%s", box->name, quoted);
		idle_not(box, (enum outcome)outcome);
	} else if (news && box->phase == PHASE_IDLE && box->row != NULL) {
		box->hints++;
		box->next_poll = MIN(box->next_poll, hub->ticks +
			CLAMP(box->row->last_poll + HINT_MS - hub->now, 0, HINT_MS));
		box->hinted = true;
	}
}
