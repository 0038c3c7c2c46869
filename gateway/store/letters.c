/* SPDX-License-Identifier: ISC
 *
 * letters: opened mails, sealed whole, and the keyed digests taken from them: second identity,
 * Message-ID, sender, the sender's own part.  Copies of one mail may be opened in any order and
 * decided in any order; mail_twin() makes exactly one of those that people read the original.
 */
#include "store/internal.h"

#include <string.h>

/* HMAC of (Message-ID, Date, From, body octets).  What is absent counts as empty. */
static void
twin_digest(const struct store *store, const struct letter *letter, guint8 out[DIGEST_SIZE])
{
	g_autofree char *from = g_ascii_strdown(letter->from.address != NULL ?
		letter->from.address : "", -1);
	const char *message_id = letter->message_id != NULL ? letter->message_id : "";
	gint64 date = GINT64_TO_BE(letter->date);
	const struct hmac_part parts[] = {
		{ message_id, strlen(message_id) },
		{ &date, sizeof date },
		{ from, strlen(from) },
		{ letter->body_sha256, DIGEST_SIZE },
	};

	digest_keyed(store->lookup_key, "twin", parts, G_N_ELEMENTS(parts), out);
}

static enum outcome
sender_put(struct store *store, struct id id, const struct letter *letter, bool is_sealed,
	GError **error)
{
	g_auto(query_auto) q = query_new(store, "mail sender",
		"UPDATE mail SET sender = ?, sealed = ? WHERE id = ?");
	guint8 digest[DIGEST_SIZE];

	if (letter->from.address != NULL) {
		address_digest(store, letter->from.address, digest);
		bind_bytes(&q, digest, sizeof digest);
	} else {
		bind_bytes(&q, NULL, 0);
	}
	bind_int(&q, is_sealed);
	bind_id(&q, id);
	return query_change(&q, error);
}

static void
bind_digests(struct query *query, const struct letter *letter)
{
	guint8 digest[DIGEST_SIZE];

	twin_digest(query->store, letter, digest);
	bind_bytes(query, digest, sizeof digest);
	if (letter->message_id != NULL)
		text_digest(query->store, "message-id", letter->message_id, digest);
	bind_bytes(query, letter->message_id != NULL ? digest : NULL, sizeof digest);
	store_digest(query->store, "own", letter->own_sha256, DIGEST_SIZE, digest);
	bind_bytes(query, digest, sizeof digest);
}

enum outcome
mail_put_letter(struct store *store, struct id id, const struct letter *letter,
	const struct verdict *verdict, GError **error)
{
	g_auto(query_auto) q = query_new(store, "mail_put_letter",
		"INSERT INTO letter (mail, letter, verdict, twin, message_id, own)"
		" VALUES ((SELECT seq FROM mail WHERE id = ?), ?, ?, ?, ?, ?)"
		" ON CONFLICT (mail) DO UPDATE SET letter = excluded.letter,"
		" verdict = excluded.verdict,"
		" twin = excluded.twin, message_id = excluded.message_id, own = excluded.own");
	g_autoptr(GBytes) bytes = letter_to_bytes(letter);
	g_autoptr(GVariant) words = g_variant_ref_sink(verdict_to_variant(verdict));
	bool is_sealed = verdict->encryption != ENCRYPTION_NONE &&
		verdict->encryption != ENCRYPTION_DECRYPTED;
	enum outcome how = sender_put(store, id, letter, is_sealed, error);

	if (how != DONE)
		return how;
	bind_id(&q, id);
	bind_sealed(&q, "mail.letter", id, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	bind_sealed(&q, "mail.verdict", id, g_variant_get_data(words), g_variant_get_size(words));
	bind_digests(&q, letter);
	return query_run(&q, error);
}

static bool
verdict_load(struct query *query, int at, struct id id, struct verdict *out, GError **error)
{
	g_autoptr(GBytes) bytes = column_unseal(query, at, "mail.verdict", id, error);
	g_autoptr(GVariant) variant = NULL, sample = NULL;
	struct verdict worst = verdict_worst(LAYER_PLAIN);

	if (bytes == NULL)
		return false;
	/* The type is the one the model writes. */
	sample = g_variant_ref_sink(verdict_to_variant(&worst));
	verdict_clear(&worst);
	variant = g_variant_ref_sink(g_variant_new_from_bytes(g_variant_get_type(sample), bytes,
		FALSE));
	if (g_variant_is_normal_form(variant) && verdict_from_variant(variant, out))
		return true;
	fail(error, NEVER, "store %s: verdict of a mail cannot be read", query->store->database);
	return false;
}

struct letter *
mail_letter(struct store *store, struct id id, struct verdict *out, GError **error)
{
	g_auto(query_auto) q = query_new(store, "mail_letter",
		"SELECT letter.letter, letter.verdict"
		" FROM mail JOIN letter ON letter.mail = mail.seq"
		" WHERE mail.id = ?");
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(letter_auto) letter = NULL;

	bind_id(&q, id);
	if (!query_row(&q))
		return NULL;
	bytes = column_unseal(&q, 0, "mail.letter", id, error);
	if (bytes == NULL)
		return NULL;
	letter = letter_from_bytes(bytes, error);
	if (letter == NULL || (out != NULL && !verdict_load(&q, 1, id, out, error)))
		return NULL;
	return g_steal_pointer(&letter);
}

/* ---- the same mail again -------------------------------------------------------------- */

/* Kinds of mail that somebody reads and that is answered where it may be. */
#define KINDS_OF_PEOPLE \
	"('report', 'reply', 'command', 'isp-reply', 'order', 'thanks', 'oversize')"

/* The rule: an original is decided, is a person's mail and has a ticket, whichever came first.
 *
 * What was filed as a machine's mail (list, auto-reply, bounce, receipt, feedback, noise) is none,
 * even where it joined a ticket or had one from a hold: nobody was answered for it, and who writes
 * to us and to a list we read must not lose the report to the list's copy.  A duplicate is none.
 * A kind added later is none until it is named above: rather two tickets than no answer.
 *
 * Of a mail too large to be stored only the header is compared, and without a Message-ID that is
 * too little.
 *
 * A copy that is not decided is none either, however early it came and whether or not it is open.
 * What it will be is not known: it may turn out a list's copy or be held.  Nobody needs to wait for
 * it: decisions are made one after the other, each in its row before the next one looks, so of any
 * number of copies the first that gets a ticket is the original and each later one finds it. */
bool
mail_twin(struct store *store, struct id id, struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_twin",
		"SELECT other.id FROM mail AS self"
		" JOIN letter AS mine ON mine.mail = self.seq"
		" JOIN letter AS theirs ON theirs.twin = mine.twin"
		" JOIN mail AS other ON other.seq = theirs.mail"
		" WHERE self.id = ?1 AND theirs.mail <> mine.mail"
		" AND (self.state <> 'decided' OR self.kind = 'duplicate')"
		" AND other.state = 'decided' AND other.ticket IS NOT NULL"
		" AND other.kind IN " KINDS_OF_PEOPLE
		" AND (self.kind IS NOT 'oversize' OR mine.message_id IS NOT NULL)"
		" ORDER BY theirs.mail LIMIT 1");

	bind_id(&q, id);
	return query_id(&q, out);
}

#define SAME_ID(compare) "SELECT other.id FROM mail AS self" \
	" JOIN letter AS mine ON mine.mail = self.seq" \
	" JOIN letter AS theirs ON theirs.message_id = mine.message_id" \
	" AND theirs.twin " compare " mine.twin" \
	" JOIN mail AS other ON other.seq = theirs.mail" \
	" WHERE self.id = ?1 AND (theirs.mail < mine.mail OR other.state = 'decided') LIMIT 1"

/* Two probes left and right of the own digest: any number of equal copies costs nothing. */
bool
mail_same_message_id(struct store *store, struct id id, struct id *out)
{
	g_auto(query_auto) below = query_new(store, "mail_same_message_id", SAME_ID("<"));
	g_auto(query_auto) above = query_new(store, "mail_same_message_id", SAME_ID(">"));

	bind_id(&below, id);
	bind_id(&above, id);
	return query_id(&below, out) || query_id(&above, out);
}

bool
mail_by_message_id(struct store *store, const char *message_id, struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_by_message_id",
		"SELECT mail.id FROM letter JOIN mail ON mail.seq = letter.mail"
		" WHERE letter.message_id = ? AND mail.ticket IS NOT NULL"
		" ORDER BY letter.mail DESC LIMIT 1");
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "message-id", message_id, digest);
	bind_bytes(&q, digest, sizeof digest);
	return query_id(&q, out);
}

bool
mail_first_of(struct store *store, const char *address, struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_first_of",
		"SELECT id FROM mail WHERE sender = ? AND relation = 'first'"
		" ORDER BY seq DESC LIMIT 1");
	guint8 digest[DIGEST_SIZE];

	address_digest(store, address, digest);
	bind_bytes(&q, digest, sizeof digest);
	return query_id(&q, out);
}

/* Copies have the same own part; the one with a ticket is meant. */
bool
mail_by_own_digest(struct store *store, const guint8 own_sha256[DIGEST_SIZE], struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_by_own_digest",
		"SELECT id FROM mail WHERE seq = coalesce("
		"(SELECT mail FROM letter JOIN mail ON mail.seq = letter.mail"
		" WHERE own = ?1 AND ticket IS NOT NULL ORDER BY letter.mail LIMIT 1),"
		"(SELECT mail FROM letter WHERE own = ?1 ORDER BY mail LIMIT 1))");
	guint8 digest[DIGEST_SIZE];

	store_digest(store, "own", own_sha256, DIGEST_SIZE, digest);
	bind_bytes(&q, digest, sizeof digest);
	return query_id(&q, out);
}
