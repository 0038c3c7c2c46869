/* SPDX-License-Identifier: ISC
 *
 * waiting: outgoing mail while the way out is shut.  A server that is away, refuses us or asks for
 * patience is left alone by all mails together, longer each time, and then one mail alone tries
 * again; what could not leave within policy.give_up is held for a person.  Rows stay in the store
 * with their times (I6): what is kept here is only a pace, and a restart or a reload begins anew.
 */
#include "role/outbox.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define REST_FIRST 10000			/* ms */
#define REST_MOST (15 * 60 * G_GINT64_CONSTANT(1000))
#define REST_STEPS 7				/* the next one would pass REST_MOST */
#define QUIET_MS (15 * 60 * G_GINT64_CONSTANT(1000))	/* a server may be away so long */
#define REFUSED 500				/* reply codes from here on are about us */
#define ALARM_HELD "queue-held"
#define ALARM_SHUT "submission"

gint64
waiting_jitter(gint64 wait)
{
	guint16 random;

	random_bytes(&random, sizeof random);
	return wait - wait / 10 + wait / 5 * random / G_MAXUINT16;
}

/* ---- the pause of the whole queue ---------------------------------------------------- */

/* For `status`: since when, tries, why. */
static void
note_put(struct hub *hub, const char *text)
{
	g_autoptr(GError) error = NULL;

	hub_must(store_note_put(hub->store, "submission-shut", text, &error), &error, "note");
}

/* A clock that was set back must not stop the queue. */
bool
waiting_rests(const struct hub *hub)
{
	return hub->rest_until > hub->now && hub->rest_until - hub->now <= 2 * REST_MOST;
}

void
waiting_anew(struct hub *hub)
{
	hub->rest_until = 0;
	hub->rest_tries = 0;
}

/* True: one mail at a time tries whether the way is open again. */
bool
waiting_probes(const struct hub *hub)
{
	return hub->rest_since > 0;
}

void
waiting_shut(struct hub *hub, guint code, const char *why)
{
	g_autofree char *text = NULL, *quoted = log_quote(why);
	guint step;

	if (waiting_rests(hub))		/* others that were under way */
		return;
	step = MIN(hub->rest_tries, REST_STEPS);
	if (hub->rest_since == 0)
		hub->rest_since = hub->now;
	hub->rest_tries++;
	hub->rest_until = hub->now + waiting_jitter(MIN(REST_FIRST << step, REST_MOST));
	g_free(hub->rest_why);
	hub->rest_why = g_strdup(why);
	text = g_strdup_printf("%" G_GINT64_FORMAT " %u %u %s", hub->rest_since, hub->rest_tries,
		code, why);
	note_put(hub, text);
	log_event(LOG_WARNING, "submission-rests", "tries=%u seconds=%" G_GINT64_FORMAT
		" code=%u why=%s", hub->rest_tries, (hub->rest_until - hub->now) / 1000, code,
		quoted);
	if (code >= REFUSED || hub->now - hub->rest_since >= QUIET_MS)
		alarm_raise(hub, ALARM_SHUT, "no mail leaves: %s", why);
}

void
waiting_open(struct hub *hub)
{
	waiting_anew(hub);
	if (hub->rest_since == 0)
		return;
	hub->rest_since = 0;
	note_put(hub, "");
	log_event(LOG_NOTICE, "submission-open", "result=ok");
	alarm_clear(hub, ALARM_SHUT);
}

/* What was true when the last hub ended. */
void
waiting_recover(struct hub *hub)
{
	g_autofree char *note = store_note(hub->store, "submission-shut");

	hub->rest_since = note != NULL ? g_ascii_strtoll(note, NULL, 10) : 0;
}

gint64
waiting_next(const struct hub *hub)
{
	gint64 planned;

	if (!waiting_rests(hub))
		return outgoing_next_due(hub->store, -1);
	planned = outgoing_next_due(hub->store, OUT_PLANNED);
	return planned >= 0 ? MIN(planned, hub->rest_until) : hub->rest_until;
}

GPtrArray *
waiting_due(struct hub *hub)
{
	return fair_due(hub, waiting_rests(hub) ? (int)OUT_PLANNED : -1);
}

/* ---- given up ------------------------------------------------------------------------------ */

bool
waiting_is_over(const struct hub *hub, const struct outgoing *row)
{
	return hub->now - row->since >= options_int(hub->options, "policy.give_up");
}

/* Those that need not try any more to know that nothing leaves. */
void
waiting_work(struct hub *hub)
{
	gint64 before = hub->now - options_int(hub->options, "policy.give_up");
	g_autoptr(GPtrArray) rows = NULL;

	if (!waiting_rests(hub))
		return;
	rows = outgoing_waiting_since(hub->store, before, LIMIT_TURN);
	for (guint i = 0; i < rows->len; i++)
		out_event(hub, rows->pdata[i], OUT_EVENT_GIVE_UP, hub->rest_why);
	hub->again = hub->again || rows->len == LIMIT_TURN;
}

void
waiting_held(struct hub *hub)
{
	guint64 held;

	if (!hub->held_changed)
		return;
	hub->held_changed = false;
	held = outgoing_count(hub->store, OUT_HELD);
	if (held == 0)
		alarm_clear(hub, ALARM_HELD);
	else
		alarm_raise(hub, ALARM_HELD, "%" G_GUINT64_FORMAT " outgoing mails are held: "
			"ungcuuctl queue list --state held", held);
}
