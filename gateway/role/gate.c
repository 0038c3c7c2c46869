/* SPDX-License-Identifier: ISC
 *
 * gate: what every outgoing mail passes, whoever planned it, before it is made and again before it
 * leaves (I5): none to ourselves; mail of a drill to drill addresses and to our own team alone,
 * made and marked as such; and the caps, counted from the store. A mail that passed the caps once
 * is not counted again. Relies on the row and its ticket as they are now, not as they were when it
 * was planned.
 */
#include "role/outbox.h"

#include <syslog.h>

#define QUIET 3600000			/* ms: a flood is one warning, the rest is information */
#define STRANGERS_SHARE 80		/* percent of cap_total; the rest is kept for parties */

/* ---- drills -------------------------------------------------------------- */

static bool
ticket_is_drill(struct hub *hub, struct id id)
{
	struct ticket *ticket = id_is_null(id) ? NULL : ticket_get(hub->store, id);
	bool is_drill = ticket != NULL && ticket->drill;

	ticket_free(ticket);
	return is_drill;
}

static bool
may_hear_of_drill(const struct hub *hub, const char *address)
{
	return site_is_team(hub->site, address, hub->now) ||
		site_is_drill_address(hub->site, address);
}

/* To another address: its thread code and the Message-ID that holds it are that address's, and what
 * it answers was never seen there. */
static void
row_redirect(struct hub *hub, struct outgoing *row, const char *address)
{
	g_autofree char *code = NULL, *random = random_code(16), *to = g_strdup(address);
	g_autoptr(GError) error = NULL;

	code = thread_code(hub->store, row->ticket, to, &error);
	if (code == NULL)
		hub_must(LATER, &error, "thread code");
	g_free(row->recipient);
	g_free(row->message_id);
	g_clear_pointer(&row->in_reply_to, g_free);
	row->recipient = g_steal_pointer(&to);
	row->message_id = message_id_make(hub->site, code, random);
}

/* Once made for a drill it stays so, whatever becomes of the ticket's flag. */
static bool
drill_allows(struct hub *hub, struct outgoing *row)
{
	bool was_drill = row->drill;
	const char *instead;

	if (!row->drill && !ticket_is_drill(hub, row->ticket))
		return true;
	row->drill = true;
	if (may_hear_of_drill(hub, row->recipient)) {
		if (!was_drill)
			out_event(hub, row, OUT_EVENT_REDIRECT, "marked as mail of a drill");
		return was_drill;
	}
	instead = site_drill_address(hub->site, row->recipient);
	if (instead == NULL) {
		out_event(hub, row, OUT_EVENT_CANCEL, "its ticket is a drill, and there is no "
			"drill_address for its recipient");
		return false;
	}
	row_redirect(hub, row, instead);
	out_event(hub, row, OUT_EVENT_REDIRECT, "its ticket is a drill: to the drill address");
	return false;
}

/* ---- caps ---------------------------------------------------------------- */

static guint64
passed_since(struct hub *hub, enum cap_kind cap, const char *address, gint64 since)
{
	switch (cap) {
	case CAP_ADDRESS:
	case CAP_PARTY:
		return outgoing_passed_to(hub->store, address, since);
	case CAP_DOMAIN:
		return outgoing_passed_domain(hub->store, address, since);
	case CAP_TOTAL:
	case cap_kind_count:
		break;
	}
	return outgoing_passed(hub->store, since);
}

static bool
is_full(struct hub *hub, enum cap_kind kind, const char *address, guint share)
{
	const struct cap *cap = &hub->site->caps[kind];

	return cap->most > 0 && passed_since(hub, kind, address, hub->now - cap->window) >=
		(cap->most * share + 99) / 100;
}

/* The cap that is reached for this recipient; -1: none. What strangers can cause leaves room for
 * what parties must hear. */
static int
cap_reached(struct hub *hub, const char *address)
{
	bool is_party = site_party_by_address(hub->site, address) != NULL ||
		site_is_drill_address(hub->site, address);

	if (is_full(hub, is_party ? CAP_PARTY : CAP_ADDRESS, address, 100))
		return is_party ? CAP_PARTY : CAP_ADDRESS;
	if (!is_party && is_full(hub, CAP_DOMAIN, address, 100))
		return CAP_DOMAIN;
	if (is_full(hub, CAP_TOTAL, address, is_party ? 100 : STRANGERS_SHARE))
		return CAP_TOTAL;
	return -1;
}

/* An acknowledgement past a cap is not sent: days later it would be one more unasked mail to people
 * who most likely never wrote. What has a deadline waits for a person. */
static bool
caps_allow(struct hub *hub, struct outgoing *row)
{
	int cap = row->passed > 0 ? -1 : cap_reached(hub, row->recipient);
	g_autofree char *id = id_text(row->id), *why = NULL;
	const char *name;

	if (cap < 0) {
		if (row->passed == 0)
			row->passed = hub->now;
		return true;
	}
	name = cap_kind_word((enum cap_kind)cap);
	why = g_strdup_printf("policy.%s is reached", name);
	log_event(outgoing_capped(hub->store, hub->now - QUIET) == 0 ? LOG_WARNING : LOG_INFO,
		"cap", "out=%s cap=%s template=%s", id, name, row->template);
	row->capped = hub->now;
	out_event(hub, row, template_is_receipt(row->template) ? OUT_EVENT_CANCEL :
		OUT_EVENT_REFUSED, why);
	return false;
}

/* ---- all ----------------------------------------------------------------- */

bool
gate_allows(struct hub *hub, struct outgoing *row)
{
	if (site_is_own(hub->site, row->recipient)) {
		out_event(hub, row, OUT_EVENT_CANCEL, "its recipient is an address of our own");
		return false;
	}
	return drill_allows(hub, row) && (row->state != OUT_PLANNED || caps_allow(hub, row));
}
