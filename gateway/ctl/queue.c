/* SPDX-License-Identifier: ISC
 *
 * queue and hold: outgoing mail, and mail of either direction that waits for a person.  Reads
 * the store; `hold retry` asks the daemon, the only one who may change a row (I2).
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define ANSWER_MS	15000

/* ---- queue ---------------------------------------------------------------------------------- */

void
put_outgoing(struct ctl *ctl, json_t *object, const struct outgoing *outgoing)
{
	g_autofree char *number = number_of(ctl, outgoing->ticket);

	put_id(object, "id", outgoing->id);
	put_text(object, "ticket", number);
	put_text(object, "template", outgoing->template);
	put_text(object, "recipient", outgoing->recipient);
	put_text(object, "state", out_state_word(outgoing->state));
	put_int(object, "attempts", outgoing->attempts);
	put_time(object, "next_try", outgoing->next_try);
	put_text(object, "message_id", outgoing->message_id);
	put_bool(object, "signed", outgoing->is_signed);
	put_bool(object, "encrypted", outgoing->is_encrypted);
	put_time(object, "created", outgoing->created);
	put_text(object, "reason", outgoing->reason);
	put_text(object, "delivery", outgoing->delivery == FATE_NONE ? NULL :
		fate_word(outgoing->delivery));
	put_text(object, "delivery_status", outgoing->delivery_status);
	put_time(object, "delivery_at", outgoing->delivery_at > 0 ? outgoing->delivery_at : -1);
}

bool
is_id(struct ctl *ctl, const char *text)
{
	struct id id;

	if (!text || id_parse(text, &id))
		return true;
	ctl_fail(ctl, EX_USAGE, text, "no id: 32 hexadecimal digits are needed");
	return false;
}

int
run_queue_list(struct ctl *ctl, json_t *out)
{
	const char *words[out_state_count];

	for (guint i = 0; i < out_state_count; i++)
		words[i] = out_state_word((enum out_state) i);

	int state = ctl_state(ctl, words, out_state_count);

	if (ctl->error_what || !is_id(ctl, ctl->after))
		return EX_USAGE;

	g_autoptr(GPtrArray) rows = outgoing_list(ctl->store, state, (guint) ctl->limit + 1,
		ctl->after);
	json_t *array = put_array(out, "outgoing");

	for (guint i = 0; i < rows->len && i < ctl->limit; i++)
		put_outgoing(ctl, add_object(array), rows->pdata[i]);
	put_bool(out, "more", rows->len > ctl->limit);
	return EX_OK;
}

void
print_queue_list(const json_t *out)
{
	static const struct column columns[] = {
		{ "id", "ID" }, { "ticket", "TICKET" }, { "template", "TEMPLATE" },
		{ "state", "STATE" }, { "delivery", "DELIVERY" }, { "attempts", "TRIES" },
		{ "next_try", "NEXT TRY" }, { "recipient", "RECIPIENT" }, { "reason", "REASON" },
	};

	print_page(out, "outgoing", columns, G_N_ELEMENTS(columns));
}

/* ---- hold ----------------------------------------------------------------------------- */

static void
put_held(json_t *object, const struct mail *mail)
{
	put_id(object, "id", mail->id);
	put_text(object, "stage", mail->stage);
	put_text(object, "reason", mail->reason);
	put_int(object, "attempts", mail->attempts);
	put_text(object, "sha256", mail->sha256);
	put_int(object, "size", (gint64) mail->size);
	put_time(object, "received", mail->received);
}

int
run_hold_list(struct ctl *ctl, json_t *out)
{
	if (!is_id(ctl, ctl->after))
		return EX_USAGE;

	g_autoptr(GPtrArray) rows = mail_list(ctl->store, MAIL_HELD, (guint) ctl->limit + 1,
		ctl->after);
	json_t *array = put_array(out, "held");

	for (guint i = 0; i < rows->len && i < ctl->limit; i++)
		put_held(add_object(array), rows->pdata[i]);
	put_bool(out, "more", rows->len > ctl->limit);
	return EX_OK;
}

void
print_hold_list(const json_t *out)
{
	static const struct column columns[] = {
		{ "id", "ID" }, { "received", "RECEIVED" }, { "size", "SIZE" },
		{ "stage", "STAGE" }, { "attempts", "TRIES" }, { "reason", "REASON" },
	};

	print_page(out, "held", columns, G_N_ELEMENTS(columns));
}

int
run_hold_show(struct ctl *ctl, json_t *out)
{
	struct id id;
	struct mail *mail = id_parse(ctl->words[0], &id) ? mail_get(ctl->store, id) : NULL;

	if (!mail || mail->state != MAIL_HELD) {
		mail_free(mail);
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "no such held mail");
	}

	g_autofree char *number = number_of(ctl, mail->ticket);

	put_held(add_object(put_array(out, "held")), mail);
	put_text(out, "mailbox", mail->mailbox);
	put_text(out, "folder", mail->folder);
	put_text(out, "uid", mail->uid);
	put_text(out, "ticket", number);
	put_int(out, "deaths", mail->deaths);
	put_bool(out, "stored", !id_is_null(mail->blob) && blob_exists(ctl->store, mail->blob));
	put_events(ctl, out, mail->id);
	mail_free(mail);
	return EX_OK;
}

void
print_hold_show(const json_t *out)
{
	static const struct column held[] = {
		{ "id", "Mail" }, { "stage", "Stage" }, { "reason", "Reason" },
		{ "attempts", "Attempts" }, { "sha256", "SHA-256" }, { "size", "Size" },
		{ "received", "Received" },
	};
	static const struct column fields[] = {
		{ "mailbox", "Mailbox" }, { "folder", "Folder" }, { "uid", "Uid" },
		{ "ticket", "Ticket" }, { "deaths", "Deaths" }, { "stored", "Stored whole" },
	};
	static const struct column event[] = {
		{ "at", "AT" }, { "event", "EVENT" }, { "why", "WHY" },
	};

	print_fields(json_array_get(json_object_get(out, "held"), 0), held, G_N_ELEMENTS(held));
	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_table(json_object_get(out, "events"), event, G_N_ELEMENTS(event));
}

/* ---- hold retry: through the daemon --------------------------------------------------- */

int
daemon_connect(const struct ctl *ctl)
{
	const char *path = options_text(ctl->options, "control.socket");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = ANSWER_MS / 1000 };
	int fd = -1;

	errno = ENAMETOOLONG;
	if (!path || g_strlcpy(address.sun_path, path, sizeof address.sun_path) >=
	    sizeof address.sun_path)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* Where many wait for a daemon that does not answer, connect() waits, too. */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof address) != 0) {
		int number = errno;

		close(fd);
		errno = number;
		return -1;
	}
	return fd;
}

int
daemon_take(struct ctl *ctl, json_t *out, struct frame *frame)
{
	guint32 status;
	const char *text;

	g_variant_get(frame->body, "(u&s)", &status, &text);

	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(object, "error");
	const char *what = json_string_value(json_object_get(error, "what"));
	const char *why = json_string_value(json_object_get(error, "why"));

	if (!json_is_object(object))
		ctl_fail(ctl, EX_PROTOCOL, "daemon", "its answer is no JSON");
	else if (error)
		ctl_fail(ctl, (int) status, what ? what : "daemon", "%s", why ? why : "refused");
	else
		json_object_update(out, object);
	json_decref(object);
	return ctl->error_what && status == EX_OK ? EX_PROTOCOL : (int) status;
}

int
daemon_ask(struct ctl *ctl, const char *const *words, json_t *out)
{
	const char *path = options_text(ctl->options, "control.socket");
	int fd = daemon_connect(ctl);
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;

	if (fd < 0)
		return ctl_fail(ctl, EX_UNAVAILABLE, "daemon", "not running: %s: %s; start ungcuud "
			"and try again", path ? path : "control.socket", g_strerror(errno));

	struct peer *hub = role_peer(fd, ROLE_CONTROL, ROLE_HUB, "hub");
	enum receipt receipt = PEER_GONE;

	if (peer_send(hub, VERB_CONTROL, g_variant_new("(^as)", words), NULL, 0, &error) == DONE)
		receipt = peer_receive(hub, &frame, ANSWER_MS, &error);
	peer_free(hub);
	if (receipt == RECEIVED)
		return daemon_take(ctl, out, &frame);
	if (receipt == NOTHING_YET)
		return ctl_fail(ctl, EX_TEMPFAIL, "daemon", "no answer within %d s",
			ANSWER_MS / 1000);
	if (receipt == PEER_GONE)
		return ctl_fail(ctl, EX_NOPERM, "daemon", "it hung up: only its own user and root "
			"are heard");
	return ctl_fail(ctl, EX_PROTOCOL, "daemon", "%s", error ? error->message : "?");
}

int
run_hold_retry(struct ctl *ctl, json_t *out)
{
	const char *const words[] = { "hold", "retry", ctl->words[0], NULL };

	if (!is_id(ctl, ctl->words[0]))
		return EX_USAGE;
	return daemon_ask(ctl, words, out);
}

void
print_hold_retry(const json_t *out)
{
	static const struct column fields[] = { { "retried", "Tried again" } };

	print_fields(out, fields, G_N_ELEMENTS(fields));
}
