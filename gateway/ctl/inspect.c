/* SPDX-License-Identifier: ISC
 *
 * inspect: what the gateway would see in one raw mail (ungcuuctl(8)).  Needs no store, no daemon
 * and no key of ours; stores and sends nothing.  Exit 0 for hostile mail too: the answer is
 * data.
 */
#include "ctl/ctl.h"

#include <sysexits.h>

static void
put_signer(json_t *out, const struct verdict *verdict)
{
	if (!verdict->fingerprint) {
		put_text(out, "signer", NULL);
		return;
	}

	json_t *signer = put_object(out, "signer");

	put_text(signer, "fingerprint", verdict->fingerprint);
	if (verdict->sha1)
		put_text(signer, "sha1", verdict->sha1);
	put_text(signer, "party", verdict->party);
	put_time(signer, "signed_at", verdict->signed_at);
}

static void
put_bounce(json_t *out, const struct bounce *bounce)
{
	if (!bounce) {
		put_text(out, "bounce", NULL);
		return;
	}

	json_t *object = put_object(out, "bounce");

	put_text(object, "action", bounce->action);
	put_text(object, "status", bounce->status);
	put_text(object, "recipient", bounce->recipient);
	put_text(object, "message_id", bounce->message_id);
	put_text(object, "original_recipient", bounce->original);
	put_text(object, "envelope_id", bounce->envelope_id);
	put_text(object, "our_id", bounce->our_id);
}

static void
put_feedback(json_t *out, const struct feedback *feedback)
{
	if (!feedback) {
		put_text(out, "feedback", NULL);
		return;
	}

	json_t *object = put_object(out, "feedback");

	put_text(object, "format", feedback->format);
	put_text(object, "type", feedback->type);
}

static char *
ticket_meant(const struct site *site, const struct letter *letter)
{
	if (!letter)
		return NULL;

	struct clues *clues = clues_find(site, letter);
	char *tag = clues->tags->len > 0 ? g_strdup(clues->tags->pdata[0]) : NULL;

	clues_free(clues);
	return tag;
}

/* What desk makes of it; a held mail is a report until somebody has read it. */
struct judged { enum kind kind; bool is_answered; char *answer_why, *kind_why; };

static struct judged
judge(const struct site *site, const struct opened_mail *opened)
{
	struct judged judged = { .kind = KIND_REPORT };

	if (opened->is_held) {
		judged.answer_why = g_strdup("held: not answered before a person has read it");
		return judged;
	}
	judged.kind = classify(site, opened->letter, &opened->verdict, &judged.kind_why);
	judged.is_answered = acknowledgeable(site, judged.kind, opened->letter, &opened->verdict,
		&judged.answer_why);
	return judged;
}

static void
put_content(json_t *out, const struct site *site, const struct letter *letter)
{
	g_autofree char *ticket = ticket_meant(site, letter);

	put_from(out, letter);
	put_text(out, "subject", letter ? letter->subject : "");
	put_time(out, "date", letter ? letter->date : -1);
	put_text(out, "message_id", letter ? letter->message_id : NULL);
	put_text(out, "header_protection", NULL);	/* its place; set from the verdict */
	put_text(out, "language", letter ? letter->language : NULL);
	put_text(out, "text", letter ? letter->text : "");
	put_text(out, "quoted", letter ? letter->quoted : "");
	put_text(out, "outside_signature", letter ? letter->outside : "");
	put_text(out, "ticket", ticket);
	put_indicators(out, letter);
	put_attachments(out, letter);
	put_array(out, "commands");
	put_bounce(out, letter ? letter->bounce : NULL);
	put_feedback(out, letter ? letter->feedback : NULL);
}

static void
put_notes(json_t *out, const struct letter *letter)
{
	json_t *notes = put_array(out, "notes");

	for (guint i = 0; letter && i < letter->notes->len; i++)
		add_text(notes, letter->notes->pdata[i]);
}

static void
put_opened(json_t *out, const struct site *site, const struct opened_mail *opened)
{
	struct judged judged = judge(site, opened);
	const struct verdict *verdict = &opened->verdict;

	put_text(out, "outcome", opened->is_held ? "held" : "opened");
	put_text(out, "reason", opened->reason);
	put_text(out, "kind", kind_word(judged.kind));
	put_text(out, "encryption", encryption_word(verdict->encryption));
	put_text(out, "signature", signature_word(verdict->signature));
	put_signer(out, verdict);
	put_content(out, site, opened->letter);
	put_text(out, "header_protection", header_protection_word(verdict->header_protection));
	put_bool(out, "acknowledge", judged.is_answered);
	put_text(out, "acknowledge_why", judged.answer_why);
	put_text(out, "kind_why", judged.kind_why);
	put_notes(out, opened->letter);
	g_free(judged.answer_why);
	g_free(judged.kind_why);
}

int
run_inspect(struct ctl *ctl, json_t *out)
{
	guint64 max = (guint64) options_int(ctl->options, "policy.max_size");
	g_auto(input_auto) input = { 0 };
	g_auto(opened_auto) opened = { 0 };
	g_autoptr(GError) error = NULL;

	if (input_read(ctl->words[0], max, &input, &error) != DONE)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "%s", error->message);
	if (!input.bytes) {
		limit_reached(&error, "fetch", "mail size", max);
		opened.is_held = true;
		opened.reason = g_strdup(error->message);
		opened.verdict = verdict_worst(LAYER_PLAIN);
	} else if (opened_read(ctl, input.bytes, &opened, &error) != DONE) {
		return ctl_fail(ctl, EX_TEMPFAIL, "inspect", "%s", error->message);
	}

	struct site *site = site_new(ctl->options);
	g_autofree char *sha256 = digest_hex(input.sha256);

	put_text(out, "sha256", sha256);
	put_int(out, "size", (gint64) input.size);
	put_opened(out, site, &opened);
	site_free(site);
	return EX_OK;
}

void
print_inspect(const json_t *out)
{
	static const struct column fields[] = {
		{ "outcome", "Outcome" }, { "reason", "Reason" }, { "kind", "Kind" },
		{ "kind_why", "Kind because" }, { "signature", "Signature" },
		{ "signer", "Signer" }, { "encryption", "Encryption" },
		{ "header_protection", "Header" },
		{ "from", "From" }, { "subject", "Subject" }, { "date", "Date" },
		{ "message_id", "Message-ID" }, { "ticket", "Ticket named" },
		{ "language", "Language" }, { "bounce", "Bounce" }, { "feedback", "Feedback" },
		{ "acknowledge", "Acknowledged" }, { "acknowledge_why", "Because" },
		{ "sha256", "SHA-256" }, { "size", "Size" }, { "notes", "Notes" },
		{ "text", "Text" }, { "quoted", "Quoted" },
		{ "outside_signature", "Outside the signature" },
	};
	static const struct column attachment[] = {
		{ "size", "SIZE" }, { "type", "TYPE" }, { "covered", "COVERED" },
		{ "name", "ATTACHMENT" },
	};
	const json_t *attachments = json_object_get(out, "attachments");

	print_fields(out, fields, G_N_ELEMENTS(fields));
	if (json_array_size(attachments) > 0)
		print_table(attachments, attachment, G_N_ELEMENTS(attachment));
}
