/* SPDX-License-Identifier: ISC
 *
 * retention: after the time the configuration gives each class, content is erased, a small piece in
 * each turn: closed tickets, mail that belongs to none, reasons in the journal.  What is erased,
 * and when, is journalled; the rows stay.  Without a time nothing is ever erased.
 */
#include "role/hub.h"

#include <syslog.h>

#define HOUR_MS (3600 * G_GINT64_CONSTANT(1000))
#define PIECE 50

static const struct id nothing;

/* Content older than this goes, ms; -1: none does. */
static gint64
before(const struct hub *hub, const char *option)
{
	gint64 keep = options_int(hub->options, "%s", option);

	return keep > 0 && keep < hub->now ? hub->now - keep : -1;
}

static bool
ticket_erase(struct hub *hub, gint64 until)
{
	g_autoptr(GError) error = NULL;
	struct id ticket = nothing;
	struct ticket *row;
	guint mails = 0;

	hub_must(retention_ticket(hub->store, until, hub->now, &ticket, &mails, &error), &error,
		"retention");
	if (id_is_null(ticket))
		return false;
	row = ticket_get(hub->store, ticket);
	hub_journal(hub, ticket, nothing, "erased", "policy.retention: the content of a closed "
		"ticket, its mails and its reasons");
	log_event(LOG_NOTICE, "erased", "ticket=%s mails=%u", row->number, mails);
	ticket_free(row);
	return true;
}

static bool
loose_erase(struct hub *hub, gint64 until)
{
	g_autoptr(GError) error = NULL;
	guint n = 0;

	hub_must(retention_loose(hub->store, until, hub->now, PIECE, &n, &error), &error,
		"retention");
	if (n == 0)
		return false;
	hub_journal(hub, nothing, nothing, "erased", "policy.retention_noise: the content of mail "
		"without a ticket");
	log_event(LOG_NOTICE, "erased", "mails=%u", n);
	return true;
}

static bool
journal_erase(struct hub *hub, gint64 until)
{
	g_autoptr(GError) error = NULL;
	guint n = 0;

	hub_must(retention_journal(hub->store, until, PIECE, &n, &error), &error, "retention");
	if (n > 0)
		log_event(LOG_NOTICE, "erased", "reasons=%u", n);
	return n > 0;
}

/* One row for each class: the option, and what takes one piece; true: there may be more. */
static const struct {
	const char *option;
	bool (*erase)(struct hub *, gint64 until);
} classes[] = {
	{ "policy.retention",         ticket_erase },
	{ "policy.retention_noise",   loose_erase },
	{ "policy.retention_journal", journal_erase },
};

void
retention_work(struct hub *hub)
{
	bool more = false;

	if (hub->stopping || (hub->now < hub->retention_due &&
	    hub->retention_due - hub->now <= HOUR_MS))
		return;
	for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
		gint64 until = before(hub, classes[i].option);

		more |= until >= 0 && classes[i].erase(hub, until);
	}
	hub->again |= more;
	hub->retention_due = more ? hub->now : hub->now + HOUR_MS;
}

gint64
retention_next(const struct hub *hub)
{
	return hub->retention_due;
}
