/* SPDX-License-Identifier: ISC
 *
 * queue show, retry and cancel: one outgoing mail.  Shows what the store has of it; what changes it
 * is asked of the daemon (I2).
 */
#include "ctl/ctl.h"

#include <sysexits.h>

int
run_queue_show(struct ctl *ctl, json_t *out)
{
	struct id id;
	struct outgoing *row = id_parse(ctl->words[0], &id) ? outgoing_get(ctl->store, id) : NULL;

	if (!row)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "no such outgoing mail");
	put_outgoing(ctl, add_object(put_array(out, "outgoing")), row);
	put_id(out, "mail", row->mail);
	put_text(out, "language", row->language);
	put_text(out, "in_reply_to", row->in_reply_to);
	put_time(out, "since", row->since);
	put_time(out, "gives_up", row->next_try < 0 ? -1 :
		row->since + options_int(ctl->options, "policy.give_up"));
	put_time(out, "sent", row->sent > 0 ? row->sent : -1);
	put_bool(out, "in_attempt", row->in_attempt);
	put_int(out, "deaths", row->deaths);
	put_int(out, "unexplained", row->unexplained);
	put_bool(out, "stored", !id_is_null(row->blob) && blob_exists(ctl->store, row->blob));
	outgoing_free(row);
	return EX_OK;
}

void
print_queue_show(const json_t *out)
{
	static const struct column mail[] = {
		{ "id", "Mail" }, { "ticket", "Ticket" }, { "template", "Template" },
		{ "recipient", "Recipient" }, { "state", "State" }, { "reason", "Last word" },
		{ "attempts", "Attempts" }, { "next_try", "Next try" },
		{ "delivery", "Delivery" }, { "delivery_status", "Status" },
		{ "delivery_at", "Told" }, { "message_id", "Message-ID" },
		{ "signed", "Signed" }, { "encrypted", "Encrypted" }, { "created", "Created" },
	};
	static const struct column fields[] = {
		{ "sent", "Sent" }, { "since", "Tried since" }, { "gives_up", "Held after" },
		{ "in_attempt", "Being tried" }, { "mail", "Answers" },
		{ "in_reply_to", "In reply to" }, { "language", "Language" },
		{ "deaths", "Deaths" }, { "unexplained", "Unexplained ends" },
		{ "stored", "Stored finished" },
	};

	print_fields(json_array_get(json_object_get(out, "outgoing"), 0), mail,
		G_N_ELEMENTS(mail));
	print_fields(out, fields, G_N_ELEMENTS(fields));
}

static int
change(struct ctl *ctl, const char *verb, json_t *out)
{
	const char *const words[] = { "queue", verb, ctl->words[0], NULL };

	if (!is_id(ctl, ctl->words[0]))
		return EX_USAGE;
	return daemon_ask(ctl, words, out);
}

int
run_queue_retry(struct ctl *ctl, json_t *out)
{
	return change(ctl, "retry", out);
}

int
run_queue_cancel(struct ctl *ctl, json_t *out)
{
	return change(ctl, "cancel", out);
}

void
print_queue_change(const json_t *out)
{
	static const struct column fields[] = {
		{ "retried", "Tried again" }, { "cancelled", "Cancelled" },
	};

	print_fields(out, fields, G_N_ELEMENTS(fields));
}
