/* SPDX-License-Identifier: ISC
 *
 * returned: ties a bounce to the mail of ours it is about, and keeps what it says became of that
 * mail.  Relies on desk for what the bounce says.  Believes it only for a mail that we really sent,
 * and to whom the bounce names; never moves a ticket, an outgoing mail or anything else, and sends
 * nothing.
 */
#include "role/hub.h"

#include <syslog.h>

/* ---- which mail? --------------------------------------------------------------------------- */

static struct outgoing *
named(struct hub *hub, const struct returned_name *name)
{
	struct id id;
	bool found = name->kind == NAMED_MESSAGE_ID ?
		outgoing_by_message_id(hub->store, name->text, &id) : id_parse(name->text, &id);

	return found ? outgoing_get(hub->store, id) : NULL;
}

static void
facts_take(struct facts *facts, const struct outgoing *row, const struct returned *returned,
	enum name_kind kind)
{
	facts->returned = row->id;
	facts->delivery = returned->delivery;
	facts->delivery_status = g_strdup(returned->status);
	facts->returned_why = g_strdup_printf("%s %s%s%s: known by %s", row->template,
		fate_word(returned->delivery), returned->status != NULL ? " " : "",
		returned->status != NULL ? returned->status : "", name_kind_words(kind));
}

bool
returned_facts(struct hub *hub, const struct letter *letter, struct facts *facts)
{
	struct returned *returned = returned_find(hub->site, letter);
	bool found = false;

	for (guint i = 0; returned != NULL && returned->delivery != FATE_NONE && !found &&
	    i < returned->names->len; i++) {
		const struct returned_name *name = returned->names->pdata[i];
		struct outgoing *row = named(hub, name);

		found = row != NULL && row->state == OUT_SENT &&
			returned_is_about(letter, row->recipient);
		if (found) {
			facts_take(facts, row, returned, name->kind);
			facts->ticket = row->ticket;
			facts->thread_address = g_strdup(row->recipient);
			facts->proof = PROOF_MESSAGE_ID;
		}
		outgoing_free(row);
	}
	returned_free(returned);
	return found;
}

/* ---- what became of it ----------------------------------------------------------------------- */

void
returned_apply(struct hub *hub, const struct effect *effect, const struct mail *mail)
{
	struct outgoing *row = outgoing_get(hub->store, effect->outgoing);
	g_autofree char *text = id_text(effect->outgoing);
	g_autoptr(GError) error = NULL;

	if (row == NULL)
		panic("a plan reports on a mail that is not there");
	/* A delay told late does not take a failure back. */
	if (effect->delivery > row->delivery) {
		row->delivery = effect->delivery;
		row->delivery_at = hub->now;
		g_free(row->delivery_status);
		row->delivery_status = g_strdup(effect->status);
		hub_must(outgoing_put(hub->store, row, &error), &error, "outgoing");
	}
	hub_journal(hub, row->ticket, mail->id, effect->word, effect->why);
	log_event(effect->delivery == FATE_FAILED ? LOG_WARNING : LOG_NOTICE, "delivery",
		"out=%s delivery=%s status=%s", text, fate_word(effect->delivery),
		effect->status != NULL ? effect->status : "-");
	outgoing_free(row);
}
