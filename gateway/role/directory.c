/* SPDX-License-Identifier: ISC
 *
 * directory: the certificates the hub knows: those of keys.certificates, compiled into the index
 * beside the store, and those that came by mail, pinned in the store.  The first kind judges
 * signatures and encrypts; the second only ever encrypts, and only to the address it came from.
 * Relies on keys to read them: the hub itself looks into no certificate.
 */
#include "role/hub.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

/* ---- the index --------------------------------------------------------------------------- */

void
directory_open(struct hub *hub)
{
	g_autofree char *path = directory_index_path(hub->options);
	g_autoptr(GError) error = NULL;

	hub_must(certificates_open(path, true, &hub->certificates, &error), &error,
		"index of certificates");
	hub->compiled = -1;
}

void
directory_start(struct hub *hub)
{
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&hub->compile, compile_free);
	if (hub->compiled >= 0)
		close(hub->compiled);
	hub->compiled = -1;
	hub->compiler = 0;
	if (compile_new(options_text(hub->options, "keys.certificates"), hub->certificates,
		&hub->compile, &error) != DONE) {
		g_autofree char *why = log_quote(error->message);

		log_event(LOG_ERR, "certificates-unread", "why=%s", why);
	}
}

/* Until this is through, nobody's signature is judged: an index half made would call a registered
 * key unknown. */
void
directory_work(struct hub *hub)
{
	struct link *keys = hub_idle_keys(hub);
	struct question question;

	if (hub->compile == NULL || hub->compiler != 0 || hub->stopping)
		return;
	if (keys != NULL && compile_ask(hub->compile, &question)) {
		hub->compiled = memfd_dup(question.result);
		hub->compiler = keys->index + 1;
		hub_ask_keys(hub, keys, &question);
	} else if (!compile_left(hub->compile)) {
		log_event(LOG_INFO, "certificates", "n=%" G_GUINT64_FORMAT,
			certificates_count(hub->certificates));
		g_clear_pointer(&hub->compile, compile_free);
		hub->again = true;
	}
}

static void
compiler_done(struct hub *hub)
{
	close(hub->compiled);
	hub->compiled = -1;
	hub->compiler = 0;
	hub->again = true;
}

/* READINGS answers one of two who may have asked. */
void
directory_read(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	guint32 outcome;
	const char *why;

	if (hub->compile == NULL || hub->compiler != link->index + 1) {
		job_opened(hub, link, frame);
		return;
	}
	g_variant_get(frame->body, "(u&s)", &outcome, &why);
	if (outcome == DONE && memfd_freeze(hub->compiled, &error) == DONE)
		hub_must(compile_take(hub->compile, hub->compiled, &error), &error,
			"index of certificates");
	else
		compile_failed(hub->compile, error != NULL ? error->message : why);
	compiler_done(hub);
}

void
directory_gone(struct hub *hub, guint keys, const char *cause)
{
	if (hub->compile == NULL || hub->compiler != keys + 1)
		return;
	compile_failed(hub->compile, cause);
	compiler_done(hub);
}

/* ---- what came by mail ------------------------------------------------------------------- */

static bool
is_usable(const struct hub *hub, const struct certificate_row *row)
{
	return row->can_encrypt && !row->revoked && row->bytes != NULL &&
		(row->encrypt_expires < 0 || row->encrypt_expires > hub->now);
}

/* An attached key must name the sender itself; an Autocrypt field says for whom it is. */
static bool
is_for(const struct offered_key *offered, const struct certificate_row *row, const char *from)
{
	g_autofree char *folded = g_ascii_strdown(from, -1);

	if (offered->address != NULL)
		return g_ascii_strcasecmp(offered->address, from) == 0;
	return g_strv_contains((const char *const *)row->addresses, folded);
}

static void
pin_one(struct hub *hub, const struct mail *mail, const struct offered_key *offered,
	const struct certificate_row *row, const char *from)
{
	const struct pin pin = { .address = (char *)from, .fingerprint = row->fingerprint,
		.source = offered->source, .last_seen = mail->received,
		.expires = row->encrypt_expires, .certificate = row->bytes };
	g_autofree char *id = id_text(mail->id);
	g_autoptr(GError) error = NULL;
	bool changed = false;

	hub_must(pin_put(hub->store, &pin, &changed, &error), &error, "pin");
	log_event(changed ? LOG_WARNING : LOG_INFO, "pin", "mail=%s changed=%d", id, changed);
	if (changed)
		hub_journal(hub, mail->ticket, mail->id, "key-changed", "a correspondent sent "
			"another key than before: not used until a person accepts it");
}

/* Only its owner can have revoked it, whoever sends it. */
static void
pin_revoked(struct hub *hub, const struct mail *mail, const struct certificate_row *row,
	const char *from)
{
	struct pin *pin = pin_current(hub->store, from);
	g_autoptr(GError) error = NULL;

	if (pin != NULL && g_ascii_strcasecmp(pin->fingerprint, row->fingerprint) == 0) {
		hub_must(pin_forget(hub->store, from, row->fingerprint, &error), &error, "pin");
		hub_journal(hub, mail->ticket, mail->id, "key-revoked",
			"a correspondent's key was revoked: not used any more");
	}
	pin_free(pin);
}

void
directory_pin(struct hub *hub, const struct mail *mail, const struct opening *opening)
{
	const struct letter *letter = opening->letter;
	const char *from = letter->from.address;
	guint n = 0;			/* one mail does not fill the store with keys */

	for (guint i = 0; opening->offered != NULL && i < opening->offered->len; i++) {
		const struct reading *reading = opening->offered->pdata[i];
		const struct offered_key *offered = letter->offered->pdata[i];

		for (guint j = 0; from != NULL && j < reading->rows->len; j++) {
			const struct certificate_row *row = reading->rows->pdata[j];

			if (row->revoked)
				pin_revoked(hub, mail, row, from);
			else if (is_usable(hub, row) && is_for(offered, row, from) &&
			    n++ < LIMIT_OFFERED)
				pin_one(hub, mail, offered, row, from);
		}
	}
}

/* ---- whom to encrypt to ------------------------------------------------------------------- */

void
recipient_free(struct recipient *recipient)
{
	if (recipient == NULL)
		return;
	g_free(recipient->fingerprint);
	g_bytes_unref(recipient->certificate);
	g_free(recipient);
}

static struct recipient *
recipient_new(const char *fingerprint, GBytes *certificate)
{
	struct recipient *recipient = g_new0(struct recipient, 1);

	recipient->fingerprint = g_strdup(fingerprint);
	recipient->certificate = g_bytes_ref(certificate);
	return recipient;
}

/* Takes the rows. */
static struct recipient *
first_usable(const struct hub *hub, GPtrArray *rows)
{
	g_autoptr(GPtrArray) owned = rows;

	for (guint i = 0; i < owned->len; i++) {
		const struct certificate_row *row = owned->pdata[i];

		if (is_usable(hub, row))
			return recipient_new(row->fingerprint, row->bytes);
	}
	return NULL;
}

static struct recipient *
by_pin(const struct hub *hub, const char *address)
{
	struct pin *pin = pin_current(hub->store, address);
	struct recipient *found = NULL;

	if (pin != NULL && (pin->expires < 0 || pin->expires > hub->now))
		found = recipient_new(pin->fingerprint, pin->certificate);
	pin_free(pin);
	return found;
}

struct recipient *
directory_recipient(struct hub *hub, const char *address)
{
	const struct party *party = site_party_by_address(hub->site, address);
	struct recipient *found = NULL;

	for (guint i = 0; party != NULL && found == NULL && party->keys[i] != NULL; i++)
		found = first_usable(hub, certificates_find(hub->certificates, party->keys[i]));
	/* Nothing else than its own keys speaks for a party that has some: least of all what
	 * anybody may send under its address. */
	if (party != NULL && party->keys[0] != NULL)
		return found;
	if (found == NULL)
		found = first_usable(hub, certificates_by_address(hub->certificates, address));
	return found != NULL ? found : by_pin(hub, address);
}
