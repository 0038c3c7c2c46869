/* SPDX-License-Identifier: ISC
 *
 * explain, journal verify and receipt verify: what was decided and why, that nobody rewrote it,
 * and which ticket a sender's own copy of a mail belongs to.  Reads only.
 */
#include "ctl/ctl.h"

#include <sysexits.h>

/* ---- explain -------------------------------------------------------------------------------- */

int
run_explain(struct ctl *ctl, json_t *out)
{
	const char *name = ctl->words[0];
	struct id id;
	struct mail *mail = id_parse(name, &id) ? mail_get(ctl->store, id) : NULL;
	struct ticket *ticket = mail ? NULL : ticket_named(ctl, name);

	if (!mail && !ticket)
		return ctl_fail(ctl, EX_DATAERR, name, "no such ticket or mail");

	g_autofree char *number = mail ? number_of(ctl, mail->ticket) : g_strdup(ticket->number);

	put_text(out, "ticket", number);
	put_id(out, "mail", mail ? mail->id : (struct id) { { 0 } });
	put_events(ctl, out, mail ? mail->id : ticket->id);
	mail_free(mail);
	ticket_free(ticket);
	return EX_OK;
}

void
print_explain(const json_t *out)
{
	static const struct column event[] = {
		{ "at", "AT" }, { "event", "EVENT" }, { "mail", "MAIL" }, { "why", "WHY" },
	};

	print_table(json_object_get(out, "events"), event, G_N_ELEMENTS(event));
}

/* ---- journal verify ------------------------------------------------------------------- */

int
run_journal_verify(struct ctl *ctl, json_t *out)
{
	struct journal_check check = { .first_bad = -1 };

	journal_verify(ctl->store, &check);
	put_int(out, "rows", check.rows);
	put_text(out, "head", check.head);
	put_bool(out, "ok", check.ok);
	if (check.ok)
		put_text(out, "first_bad", NULL);
	else
		put_int(out, "first_bad", check.first_bad);
	put_text(out, "what", check.ok ? NULL : check.what);
	g_free(check.head);
	g_free(check.what);
	return check.ok ? EX_OK : 1;
}

void
print_journal_verify(const json_t *out)
{
	static const struct column fields[] = {
		{ "ok", "Unbroken" }, { "rows", "Rows" }, { "head", "Head" },
		{ "first_bad", "First bad row" }, { "what", "What" },
	};

	print_fields(out, fields, G_N_ELEMENTS(fields));
}

/* ---- receipt verify ------------------------------------------------------------------- */

static int
put_match(struct ctl *ctl, json_t *out, const struct letter *letter)
{
	struct id id;
	g_autofree char *own = digest_hex(letter->own_sha256);
	struct mail *mail = mail_by_own_digest(ctl->store, letter->own_sha256, &id) ?
		mail_get(ctl->store, id) : NULL;
	g_autofree char *number = mail ? number_of(ctl, mail->ticket) : NULL;

	put_bool(out, "matches", mail != NULL);
	put_text(out, "own_sha256", own);
	put_text(out, "ticket", number);
	put_id(out, "mail", mail ? mail->id : (struct id) { { 0 } });
	put_time(out, "received", mail ? mail->received : -1);
	put_text(out, "sha256", mail ? mail->sha256 : NULL);

	int status = mail ? EX_OK : 1;

	mail_free(mail);
	return status;
}

int
run_receipt_verify(struct ctl *ctl, json_t *out)
{
	guint64 max = (guint64) options_int(ctl->options, "policy.max_size");
	g_auto(input_auto) input = { 0 };
	g_auto(opened_auto) opened = { 0 };
	g_autoptr(GError) error = NULL;

	if (input_read(ctl->words[0], max, &input, &error) != DONE)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "%s", error->message);
	if (!input.bytes)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "larger than policy.max_size");
	if (opened_read(ctl, input.bytes, &opened, &error) != DONE)
		return ctl_fail(ctl, EX_TEMPFAIL, "receipt verify", "%s", error->message);
	if (opened.is_held)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "%s", opened.reason);
	return put_match(ctl, out, opened.letter);
}

void
print_receipt_verify(const json_t *out)
{
	static const struct column fields[] = {
		{ "ticket", "Ticket" }, { "received", "Received" }, { "mail", "Mail" },
		{ "own_sha256", "SHA-256 of the sender's part" },
		{ "sha256", "SHA-256 as received" },
	};

	if (json_is_true(json_object_get(out, "matches")))
		print_fields(out, fields, G_N_ELEMENTS(fields));
	else
		print_line("no receipt matches");
}
