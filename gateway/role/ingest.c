/* SPDX-License-Identifier: ISC
 *
 * ingest: mails an MTA hands to `ungcuuctl ingest`.  The bytes come whole, in a frozen memfd, so
 * no client makes the hub wait; the answer leaves after the commit that made the mail durable.
 * The digest of the bytes is the mail's name in the ledger: what an MTA repeats after an answer
 * that was lost is known already.  Whatever fails before the store is touched (a full disk) is
 * answered "later" and leaves the hub as it was.
 */
#include "role/hub.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define TURN_BYTES ((gsize)32 << 20)	/* past this, the next mail has the next turn */
#define HANG_UP_MS 10000		/* for the client, once it is answered */

static char *
ingest_refusal(const char *why)
{
	return control_refusal("ingest", why);
}

static char *
ingest_answer(struct id id, const char *hex, bool is_new)
{
	g_autofree char *text = id_text(id);

	return g_strdup_printf("{\"version\":1,\"mail\":\"%s\",\"sha256\":\"%s\",\"new\":%s}",
		text, hex, is_new ? "true" : "false");
}

/* Sealed and synced, but under no name yet: closing it leaves nothing. */
static enum outcome
ingest_seal(struct hub *hub, GBytes *raw, struct blob *blob, guint64 *size, GError **error)
{
	guint8 sha256[DIGEST_SIZE];
	const void *data;
	gsize n;
	struct sealer *sealer;
	enum outcome how = blob_new(hub->store, blob, error);

	if (how != DONE)
		return how;
	data = g_bytes_get_data(raw, &n);
	sealer = sealer_new(blob->fd, blob->key, blob->id);
	how = sealer_put(sealer, data, n, error);
	if (how == DONE)
		how = sealer_end(sealer, size, sha256, error);
	sealer_free(sealer);
	return how;
}

/* There is no server copy: nothing to move, and nothing to poll. */
static void
ingest_store(struct hub *hub, struct blob *blob, guint64 size, const char *hex, struct id id)
{
	struct mailbox *before = mailbox_get(hub->store, INGEST_MAILBOX);
	const struct mailbox row = {
		.name = (char *)INGEST_MAILBOX, .type = (char *)"ingest",
		.identity = (char *)INGEST_IDENTITY, .last_poll = hub->now, .last_good = hub->now,
		.first_poll = before != NULL ? before->first_poll : hub->now, .floor = -1,
	};
	const struct mail mail = {
		.id = id, .mailbox = (char *)INGEST_MAILBOX, .identity = (char *)INGEST_IDENTITY,
		.uid = (char *)hex, .size = size, .arrived = hub->now, .received = hub->now,
		.state = MAIL_STORED, .kind = -1, .blob = blob->id, .sha256 = (char *)hex,
		.moved = true, .next_try = hub->now,
	};
	g_autofree char *text = id_text(id);
	g_autoptr(GError) error = NULL;

	mailbox_free(before);
	hub_must(blob_link(hub->store, blob, size, &error), &error, "spool");
	hub_must(mailbox_put(hub->store, &row, &error), &error, "mailbox");
	hub_must(mail_add(hub->store, &mail, &error), &error, "mail");
	hub_journal(hub, (struct id){ { 0 } }, id, "stored", NULL);
	log_event(LOG_INFO, "stored", "mail=%s mailbox=%s size=%" G_GUINT64_FORMAT " sha=%.16s",
		text, INGEST_MAILBOX, size, hex);
}

static char *
ingest_new(struct hub *hub, GBytes *raw, const char *hex, int *status)
{
	struct blob blob = { .fd = -1 };
	struct id id = id_new();
	g_autoptr(GError) error = NULL;
	guint64 size = 0;
	enum outcome how = ingest_seal(hub, raw, &blob, &size, &error);

	if (how == DONE) {
		ingest_store(hub, &blob, size, hex, id);
	} else {
		g_autofree char *why = log_quote(error->message);

		log_event(LOG_ERR, "ingest-failed", "sha=%.16s why=%s", hex, why);
		*status = EX_TEMPFAIL;
	}
	if (blob.fd >= 0)
		blob_clear(&blob);
	return how == DONE ? ingest_answer(id, hex, true) :
		ingest_refusal("the spool does not take it now");
}

static char *
ingest_mail(struct hub *hub, GBytes *raw, int *status)
{
	guint8 sha256[DIGEST_SIZE];
	g_autofree char *hex = NULL, *text = NULL;
	struct id known;

	digest_bytes(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw), sha256);
	hex = digest_hex(sha256);
	if (!mail_known(hub->store, INGEST_MAILBOX, INGEST_IDENTITY, hex, &known))
		return ingest_new(hub, raw, hex, status);
	text = id_text(known);
	log_event(LOG_INFO, "ingest-known", "mail=%s sha=%.16s", text, hex);
	return ingest_answer(known, hex, false);
}

/* How many bytes it was.  ungcuuctl has refused what its configuration refuses: what is too large
 * here was let through by one that this hub has not read yet. */
static gsize
ingest_one(struct hub *hub, struct link *link)
{
	gsize max = (gsize)options_int(hub->options, "policy.max_size");
	g_autoptr(GError) error = NULL;
	g_autofree char *json = NULL;
	int status = EX_OK;
	GBytes *raw = memfd_map(link->ingest, max, &error);
	gsize size = raw != NULL ? g_bytes_get_size(raw) : 0;

	if (size > 0) {
		json = ingest_mail(hub, raw, &status);
	} else {
		status = raw == NULL ? EX_TEMPFAIL : EX_DATAERR;
		json = ingest_refusal(raw == NULL ? "larger than the running gateway takes, or "
			"not to be read: reload it" : "empty");
	}
	if (raw != NULL)
		g_bytes_unref(raw);
	close(link->ingest);
	link->ingest = -1;
	hub_request(hub, link, VERB_INGESTED, g_variant_new("(us)", (guint32)status, json), NULL, 0,
		HANG_UP_MS);
	return size;
}

void
ingest_asked(struct hub *hub, struct link *link, struct frame *frame)
{
	(void)hub;
	if (link->ingest >= 0) {
		log_event(LOG_WARNING, "control-refused", "why=second-mail");
		hub_link_drop(link);
		return;
	}
	link->ingest = frame->fds[0];
	frame->fds[0] = -1;
}

void
ingest_work(struct hub *hub)
{
	gsize taken = 0;

	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role != ROLE_CONTROL || link->ingest < 0 || link->dropped)
			continue;
		if (taken >= TURN_BYTES) {
			hub->again = true;
			return;
		}
		taken += ingest_one(hub, link);
	}
}
