/* SPDX-License-Identifier: ISC
 *
 * watch: what the hub notices by itself when mail is what broke: a mailbox that cannot be read, a
 * way out that is closed, a disk that is full, a clock that went back.  Each is an alarm
 * (alarm.c), raised when it has lasted, or at once where waiting does not mend it, and cleared by
 * the first thing that goes well.  Looks at what the turn has brought; asks nobody.
 */
#include "role/intake.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#define MINUTE		G_GINT64_CONSTANT(60000)
#define PATIENCE	(15 * MINUTE)
#define POLLS		10		/* that long, where polls are rarer */
#define ROOM_LEAST	(G_GUINT64_CONSTANT(100) << 20)	/* bytes; as `check` */
#define ROOM_AGAIN	(G_GUINT64_CONSTANT(125) << 20)
#define CLOCK_SLACK	(5 * MINUTE)
#define CLOCK_SHOWN	(60 * MINUTE)	/* a clock that went back is shown so long */

/* ---- mailboxes ----------------------------------------------------------- */

/* How long polls have failed, by what was seen: a machine that slept, or a daemon that was stopped,
 * is not behind.  With --once only the store remembers. */
static gint64
failing_for(const struct hub *hub, const struct intake *box)
{
	if (box->failed_at == 0)
		return 0;
	return box->failed_at - (hub->once ? MAX(box->row->last_good, box->row->first_poll) :
		box->failing_since);
}

static void
look_at_mailbox(struct hub *hub, struct intake *box)
{
	g_autofree char *cause = g_strconcat("mailbox:", box->name, NULL);
	g_autofree char *token = token_cause(box->name);
	gint64 patience = MAX(PATIENCE, POLLS * box->interval);
	const char *why = box->row != NULL ? box->row->error : NULL;

	if (hub_worker(hub, ROLE_FETCH, box->index, G_MAXUINT) != NULL)
		box->unserved = 0;
	else if (box->unserved == 0)
		box->unserved = hub->now;
	if (box->refused && why != NULL)
		alarm_raise(hub, cause, "mailbox %s cannot be read: %s", box->name, why);
	else if (why != NULL && failing_for(hub, box) > patience)
		alarm_raise(hub, cause, "mailbox %s has not been read for long: %s", box->name,
			why);
	else if (box->unserved > 0 && hub->now - box->unserved > patience)
		alarm_raise(hub, cause, "mailbox %s is not read: its process does not start",
			box->name);
	else if (box->row != NULL && why == NULL && box->row->last_good >= hub->watch.began) {
		alarm_clear(hub, cause);
		alarm_clear(hub, token);
	}
}

/* ---- the way out --------------------------------------------------------- */

/* A server that is shut is waiting.c's. */
static void
look_at_submission(struct hub *hub)
{
	if (outgoing_oldest(hub->store) < 0 ||
	    hub_worker(hub, ROLE_SUBMIT, 0, G_MAXUINT) != NULL) {
		hub->watch.unserved = 0;
		alarm_clear(hub, "submission-process");
	} else if (hub->watch.unserved == 0) {
		hub->watch.unserved = hub->now;
	} else if (hub->now - hub->watch.unserved > PATIENCE) {
		alarm_raise(hub, "submission-process", "mail waits, and the process that hands it "
			"on does not start");
	}
}

/* ---- the disk ------------------------------------------------------------ */

void
watch_taken(struct hub *hub, enum outcome outcome, const char *why)
{
	if (outcome == DONE)
		hub->watch.full = false;
	else if (outcome == LATER && strstr(why, g_strerror(ENOSPC)) != NULL)
		hub->watch.full = true;
}

static void
look_at_disk(struct hub *hub)
{
	guint64 room = store_room(hub->store);

	if (hub->watch.full || room < ROOM_LEAST)
		alarm_raise(hub, "disk", "the disk of the store is full, or nearly so: mail stays "
			"on the server until there is room");
	else if (room >= ROOM_AGAIN)
		alarm_clear(hub, "disk");
}

/* ---- the clock ----------------------------------------------------------- */

/* What waits has been moved along with it. */
void
watch_clock_back(struct hub *hub, gint64 by)
{
	for (guint i = 0; hub->boxes != NULL && i < hub->boxes->len; i++) {
		struct intake *box = hub->boxes->pdata[i];

		box->failed_at = MIN(box->failed_at, hub->now);
		box->failing_since = MIN(box->failing_since, hub->now);
		box->unserved = MIN(box->unserved, hub->now);
	}
	hub->watch.unserved = MIN(hub->watch.unserved, hub->now);
	hub->watch.began = MIN(hub->watch.began, hub->now);
	hub->watch.back = hub->now;
	if (by >= CLOCK_SLACK)
		alarm_raise(hub, "clock", "the clock of this machine went back by %" G_GINT64_FORMAT
			" minutes: times of tickets and deadlines around it are wrong",
			by / MINUTE);
}

/* ---- what is no longer configured ---------------------------------------- */

static bool
is_configured(const struct hub *hub, const char *name)
{
	for (guint i = 0; i < hub->boxes->len; i++)
		if (strcmp(((const struct intake *)hub->boxes->pdata[i])->name, name) == 0)
			return true;
	return false;
}

/* After a start or a reload: nothing would ever clear these. */
static void
forget_gone(struct hub *hub)
{
	g_autoptr(GPtrArray) rows = alarm_list(hub->store);

	for (guint i = 0; i < rows->len; i++) {
		const struct alarm *row = rows->pdata[i];

		if ((g_str_has_prefix(row->cause, "mailbox:") ||
		    g_str_has_prefix(row->cause, "token:")) &&
		    !is_configured(hub, strchr(row->cause, ':') + 1))
			alarm_clear(hub, row->cause);
	}
	hub->watch.started = true;
}

/* ---- each turn ----------------------------------------------------------- */

/* At the start and after a reload. */
void
watch_start(struct hub *hub)
{
	struct alarm *row = alarm_get(hub->store, "clock");

	hub->watch.began = hub->began > 0 ? MIN(hub->began, hub->now) : hub->now;
	hub->watch.started = false;
	hub->watch.back = row != NULL ? MIN(row->since, hub->now) : 0;
	alarm_free(row);
}

void
watch_work(struct hub *hub)
{
	if (!hub->watch.started)
		forget_gone(hub);
	if (hub->now - hub->watch.back > CLOCK_SHOWN)
		alarm_clear(hub, "clock");
	for (guint i = 0; i < hub->boxes->len; i++)
		look_at_mailbox(hub, hub->boxes->pdata[i]);
	look_at_submission(hub);
	look_at_disk(hub);
}
