/* SPDX-License-Identifier: ISC
 *
 * ticket list and show: the rows of the store as JSON.  Reads only.
 */
#include "ctl/ctl.h"

#include <sysexits.h>

struct ticket *
ticket_named(struct ctl *ctl, const char *name)
{
	struct id id;

	if (id_parse(name, &id))
		return ticket_get(ctl->store, id);
	return ticket_by_number(ctl->store, name);
}

char *
number_of(struct ctl *ctl, struct id id)
{
	struct ticket *ticket = id_is_null(id) ? NULL : ticket_get(ctl->store, id);
	char *number = ticket ? g_strdup(ticket->number) : NULL;

	if (ticket)
		ticket_free(ticket);
	return number;
}

void
put_ticket(json_t *object, const struct ticket *ticket)
{
	put_text(object, "id", ticket->number);
	put_text(object, "state", ticket_state_word(ticket->state));
	put_text(object, "kind", ticket->kind);
	put_text(object, "severity", ticket->severity);
	put_text(object, "category", ticket->category);
	put_text(object, "subject", ticket->subject);
	put_text(object, "reporter", ticket->reporter);
	put_text(object, "signature", ticket->signature);
	put_text(object, "encryption", ticket->encryption);
	put_time(object, "created", ticket->created);
	put_time(object, "updated", ticket->updated);
	put_text(object, "assignee", ticket->assignee);
	put_int(object, "reports", ticket->reports);
	put_bool(object, "drill", ticket->drill);
}

void
put_open(struct ctl *ctl, json_t *object)
{
	json_t *open = put_object(object, "open");

	put_int(open, "tickets", (gint64) ticket_open_count(ctl->store, false));
	put_int(open, "drills", (gint64) ticket_open_count(ctl->store, true));
}

int
run_ticket_list(struct ctl *ctl, json_t *out)
{
	const char *words[ticket_state_count];

	for (guint i = 0; i < ticket_state_count; i++)
		words[i] = ticket_state_word((enum ticket_state) i);

	int state = ctl_state(ctl, words, ticket_state_count);

	if (ctl->error_what)
		return EX_USAGE;

	/* Asked for by name, a final state is not hidden. */
	g_autoptr(GPtrArray) tickets = ticket_list(ctl->store, state, ctl->all || state >= 0,
		(guint) ctl->limit + 1, ctl->after);
	json_t *array = put_array(out, "tickets");

	for (guint i = 0; i < tickets->len && i < ctl->limit; i++)
		put_ticket(add_object(array), tickets->pdata[i]);
	put_bool(out, "more", tickets->len > ctl->limit);
	put_open(ctl, out);
	return EX_OK;
}

void
print_ticket_list(const json_t *out)
{
	static const struct column columns[] = {
		{ "id", "TICKET" }, { "state", "STATE" }, { "kind", "KIND" },
		{ "created", "CREATED" }, { "drill", "DRILL" }, { "signature", "SIGNATURE" },
		{ "reporter", "REPORTER" }, { "subject", "SUBJECT" },
	};
	static const struct column fields[] = { { "open", "Open" } };

	print_page(out, "tickets", columns, G_N_ELEMENTS(columns));
	print_fields(out, fields, G_N_ELEMENTS(fields));
}

/* ---- one ticket ------------------------------------------------------------------------------ */

static void
put_letter(struct ctl *ctl, json_t *object, const struct mail *mail)
{
	struct verdict verdict = verdict_worst(LAYER_PLAIN);
	g_autoptr(GError) error = NULL;
	struct letter *letter = mail_letter(ctl->store, mail->id, &verdict, &error);

	put_id(object, "id", mail->id);
	put_time(object, "received", mail->received);
	put_from(object, letter);
	put_text(object, "subject", letter ? letter->subject : NULL);
	put_text(object, "signature", signature_word(verdict.signature));
	put_text(object, "encryption", encryption_word(verdict.encryption));
	put_text(object, "text", letter ? letter->text : "");
	put_text(object, "quoted", letter ? letter->quoted : "");
	put_text(object, "outside_signature", letter ? letter->outside : "");
	put_attachments(object, letter);
	put_text(object, "relation", mail->relation);
	put_text(object, "state", mail_state_word(mail->state));
	put_text(object, "reason", mail->reason);
	put_text(object, "sha256", mail->sha256);
	put_int(object, "size", (gint64) mail->size);
	if (letter)
		letter_free(letter);
	verdict_clear(&verdict);
}

void
put_events(struct ctl *ctl, json_t *object, struct id id)
{
	g_autoptr(GPtrArray) rows = journal_of(ctl->store, id);
	json_t *events = put_array(object, "events");

	for (guint i = 0; i < rows->len; i++) {
		const struct journal_row *row = rows->pdata[i];
		json_t *event = add_object(events);

		put_int(event, "seq", row->seq);
		put_time(event, "at", row->at);
		put_text(event, "event", row->event);
		put_text(event, "why", row->why);
		put_id(event, "mail", row->mail);
	}
}

/* What we sent, or will, and what became of it. */
static void
put_mails(struct ctl *ctl, json_t *object, struct id ticket)
{
	g_autoptr(GPtrArray) rows = outgoing_of_ticket(ctl->store, ticket);
	json_t *array = put_array(object, "outgoing");

	for (guint i = 0; i < rows->len; i++)
		put_outgoing(ctl, add_object(array), rows->pdata[i]);
}

void
put_ticket_whole(struct ctl *ctl, json_t *object, const struct ticket *ticket)
{
	g_autoptr(GPtrArray) mails = mail_of_ticket(ctl->store, ticket->id);

	put_ticket(object, ticket);
	put_text(object, "language", ticket->language);
	put_text(object, "profile", ticket->profile);

	json_t *letters = put_array(object, "letters");

	for (guint i = 0; i < mails->len; i++)
		put_letter(ctl, add_object(letters), mails->pdata[i]);
	put_mails(ctl, object, ticket->id);
	put_events(ctl, object, ticket->id);
	put_array(object, "clocks");
	put_array(object, "escalations");
	put_array(object, "indicators");
}

int
run_ticket_show(struct ctl *ctl, json_t *out)
{
	struct ticket *ticket = ticket_named(ctl, ctl->words[0]);

	if (!ticket)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "no such ticket");
	put_ticket_whole(ctl, out, ticket);
	ticket_free(ticket);
	return EX_OK;
}

void
print_ticket_show(const json_t *out)
{
	static const struct column fields[] = {
		{ "id", "Ticket" }, { "state", "State" }, { "kind", "Kind" },
		{ "severity", "Severity" }, { "category", "Category" }, { "subject", "Subject" },
		{ "reporter", "Reporter" }, { "signature", "Signature" },
		{ "encryption", "Encryption" }, { "created", "Created" }, { "updated", "Updated" },
		{ "assignee", "Assignee" }, { "reports", "Reports" }, { "drill", "Drill" },
	};
	static const struct column letter[] = {
		{ "id", "Letter" }, { "received", "Received" }, { "relation", "Relation" },
		{ "from", "From" }, { "subject", "Subject" }, { "signature", "Signature" },
		{ "encryption", "Encryption" }, { "reason", "Held because" },
		{ "attachments", "Attachments" }, { "text", "Text" },
		{ "outside_signature", "Outside the signature" },
	};
	static const struct column event[] = {
		{ "at", "AT" }, { "event", "EVENT" }, { "why", "WHY" },
	};
	static const struct column mail[] = {
		{ "id", "OUTGOING" }, { "template", "TEMPLATE" }, { "state", "STATE" },
		{ "delivery", "DELIVERY" }, { "delivery_status", "STATUS" },
		{ "recipient", "RECIPIENT" },
	};
	const json_t *item;
	gsize i;

	print_fields(out, fields, G_N_ELEMENTS(fields));
	json_array_foreach(json_object_get(out, "letters"), i, item) {
		print_line("%s", "");
		print_fields(item, letter, G_N_ELEMENTS(letter));
	}
	print_line("%s", "");
	print_table(json_object_get(out, "outgoing"), mail, G_N_ELEMENTS(mail));
	print_line("%s", "");
	print_table(json_object_get(out, "events"), event, G_N_ELEMENTS(event));
}
