/* SPDX-License-Identifier: ISC
 *
 * room: once an hour each mailbox is asked how full it is.  A full one refuses the mail people
 * send, and nobody hears of it but them.  What was said is kept for `status`.
 */
#include "role/intake.h"

#include <syslog.h>

#define ROOM_MS		3600000
#define ROOM_ANSWER_MS	600000
#define ALARMING	85	/* per cent */

/* From how many per cent on, and how loud. */
static const struct { guint percent; int priority; } marks[] = {
	{ 95, LOG_CRIT }, { 85, LOG_ERR }, { 70, LOG_WARNING },
};

void
room_ask(struct hub *hub, struct intake *box, struct link *link)
{
	if (hub->once || hub->stopping || hub->now < box->next_room)
		return;
	box->next_room = hub->now + ROOM_MS;
	hub_request(hub, link, VERB_ROOM, g_variant_new("()"), NULL, 0, ROOM_ANSWER_MS);
}

/* Said when a mark is passed, not at each look; from the second one on as an alarm, too. */
static void
tell(struct hub *hub, struct intake *box, guint percent)
{
	g_autofree char *cause = g_strconcat("mailbox-full:", box->name, NULL);
	guint mark = 0;

	while (mark < G_N_ELEMENTS(marks) && percent < marks[mark].percent)
		mark++;
	if (mark < G_N_ELEMENTS(marks) && marks[mark].percent > box->room_told)
		log_event(marks[mark].priority, "mailbox-full", "mailbox=%s percent=%u", box->name,
			percent);
	if (percent >= ALARMING)
		alarm_raise(hub, cause, "mailbox %s is more than %u%% full: when it is, mail to "
			"it is refused", box->name, percent >= marks[0].percent ? marks[0].percent :
			ALARMING);
	else
		alarm_clear(hub, cause);
	box->room_told = mark < G_N_ELEMENTS(marks) ? marks[mark].percent : 0;
}

void
intake_roomed(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autofree char *name = NULL, *text = NULL;
	g_autoptr(GError) error = NULL;
	struct intake *box;
	guint64 used, limit;
	guint32 outcome;
	const char *why;

	if (link->index >= hub->boxes->len)
		return;
	box = hub->boxes->pdata[link->index];
	g_variant_get(frame->body, "(u&stt)", &outcome, &why, &used, &limit);
	if (outcome != DONE) {
		g_autofree char *quoted = log_quote(why);

		log_event(LOG_INFO, "room-unknown", "mailbox=%s why=%s", box->name, quoted);
		return;
	}
	name = g_strconcat("room ", box->name, NULL);
	text = g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT,
		used, limit, hub->now);
	hub_must(store_note_put(hub->store, name, text, &error), &error, "note");
	if (limit > 0)
		tell(hub, box, (guint)MIN((double)used / (double)limit * 100, 1000));
}
