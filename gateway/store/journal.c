/* SPDX-License-Identifier: ISC
 *
 * journal: what was decided and why, in rows chained by HMAC.  The mac of a row covers the row,
 * the digest of its payload and the mac before it; the newest (number, mac) is also kept sealed
 * from the first migration on, so that cutting off the tail shows.  Payloads lie apart: erasing
 * one leaves a proof that we did it, and the chain still verifies.  What it cannot show: the
 * whole store put back to an earlier copy of itself.
 */
#include "store/internal.h"

#include <string.h>

#define HEAD_NAME "journal-head"

struct link {
	gint64 seq, at;
	struct id ticket, mail;
	char *event;
	guint8 digest[DIGEST_SIZE], mac[DIGEST_SIZE];
};

void
journal_row_free(struct journal_row *row)
{
	if (row == NULL)
		return;
	g_free(row->event);
	g_free(row->why);
	g_free(row);
}

/* ---- head ----------------------------------------------------------------------------- */

enum outcome
head_load(struct store *store, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GBytes) value = meta_get(store, HEAD_NAME, &why);

	memset(&store->head, 0, sizeof store->head);
	if (value == NULL && why == NULL)
		return fail(error, NEVER, "store %s: the journal's head is missing",
			store->database);
	if (value == NULL || g_bytes_get_size(value) != sizeof(gint64) + DIGEST_SIZE)
		return fail(error, NEVER, "store %s: the journal's head was changed",
			store->database);
	memcpy(&store->head.seq, g_bytes_get_data(value, NULL), sizeof(gint64));
	store->head.seq = GINT64_FROM_BE(store->head.seq);
	memcpy(store->head.mac, (const guint8 *)g_bytes_get_data(value, NULL) + sizeof(gint64),
		DIGEST_SIZE);
	return DONE;
}

enum outcome
head_store(struct store *store, GError **error)
{
	gint64 seq = GINT64_TO_BE(store->head.seq);
	guint8 value[sizeof seq + DIGEST_SIZE];

	memcpy(value, &seq, sizeof seq);
	memcpy(value + sizeof seq, store->head.mac, DIGEST_SIZE);
	return meta_put(store, HEAD_NAME, value, sizeof value, error);
}

/* ---- chain ---------------------------------------------------------------------------- */

/* A row's number as the id its payload is sealed under. */
static struct id
payload_id(gint64 seq)
{
	struct id id = { { 0 } };
	gint64 be = GINT64_TO_BE(seq);

	memcpy(id.b + 8, &be, sizeof be);
	return id;
}

/* No payload and an empty one differ; equal payloads of two rows have different digests. */
static void
payload_digest(const struct store *store, gint64 seq, const char *why, guint8 out[DIGEST_SIZE])
{
	gint64 be = GINT64_TO_BE(seq);
	const struct hmac_part parts[] = {
		{ &be, sizeof be },
		{ why, why != NULL ? strlen(why) : 0 },
	};

	digest_keyed(store->journal_key, "payload", parts, why != NULL ? 2 : 1, out);
}

static void
erasure_proof(const struct store *store, gint64 seq, guint8 out[DIGEST_SIZE])
{
	gint64 be = GINT64_TO_BE(seq);
	struct hmac_part part = { &be, sizeof be };

	digest_keyed(store->journal_key, "erased", &part, 1, out);
}

static void
link_mac(const struct store *store, const guint8 before[DIGEST_SIZE], const struct link *link,
	guint8 out[DIGEST_SIZE])
{
	gint64 seq = GINT64_TO_BE(link->seq), at = GINT64_TO_BE(link->at);
	const struct hmac_part parts[] = {
		{ before, DIGEST_SIZE },
		{ &seq, sizeof seq },
		{ &at, sizeof at },
		{ link->ticket.b, sizeof link->ticket.b },
		{ link->mail.b, sizeof link->mail.b },
		{ link->event, strlen(link->event) },
		{ link->digest, DIGEST_SIZE },
	};

	digest_keyed(store->journal_key, "row", parts, G_N_ELEMENTS(parts), out);
}

static enum outcome
payload_add(struct store *store, gint64 seq, const char *why, GError **error)
{
	g_auto(query_auto) q = query_new(store, "journal payload",
		"INSERT INTO payload (seq, why) VALUES (?, ?)");

	bind_int(&q, seq);
	bind_sealed_text(&q, "journal.why", payload_id(seq), why);
	return query_run(&q, error);
}

enum outcome
journal_add(struct store *store, gint64 at, struct id ticket, struct id mail, const char *event,
	const char *why, GError **error)
{
	g_auto(query_auto) q = query_new(store, "journal_add",
		"INSERT INTO journal (seq, at, ticket, mail, event, digest, mac)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)");
	struct link link = { .seq = store->head.seq + 1, .at = at, .ticket = ticket, .mail = mail,
		.event = (char *)(guintptr)event };
	enum outcome how;

	payload_digest(store, link.seq, why, link.digest);
	link_mac(store, store->head.mac, &link, link.mac);
	bind_int(&q, link.seq);
	bind_int(&q, at);
	bind_id(&q, ticket);
	bind_id(&q, mail);
	bind_text(&q, event);
	bind_bytes(&q, link.digest, DIGEST_SIZE);
	bind_bytes(&q, link.mac, DIGEST_SIZE);
	how = query_run(&q, error);
	if (how == DONE && why != NULL)
		how = payload_add(store, link.seq, why, error);
	if (how == DONE) {
		store->head.seq = link.seq;
		memcpy(store->head.mac, link.mac, DIGEST_SIZE);
		store->head_moved = true;
	}
	return how;
}

gint64
journal_latest(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "journal_latest",
		"SELECT at FROM journal ORDER BY seq DESC LIMIT 1");

	return query_row(&q) ? column_int(&q, 0) : 0;
}

enum outcome
journal_erase_payload(struct store *store, gint64 seq, GError **error)
{
	g_auto(query_auto) q = query_new(store, "journal_erase_payload",
		"UPDATE payload SET why = NULL, erased = ? WHERE seq = ?");
	guint8 proof[DIGEST_SIZE];
	enum outcome how;

	erasure_proof(store, seq, proof);
	bind_bytes(&q, proof, sizeof proof);
	bind_int(&q, seq);
	how = query_change(&q, error);
	store->scrub |= how == DONE;
	return how;
}

GPtrArray *
journal_of(struct store *store, struct id id)
{
	g_auto(query_auto) q = query_new(store, "journal_of",
		"SELECT seq, at, ticket, mail, event, why"
		" FROM journal LEFT JOIN payload USING (seq)"
		" WHERE seq IN (SELECT seq FROM journal WHERE ticket = ?1"
		"  UNION SELECT seq FROM journal WHERE mail = ?1"
		"  UNION SELECT journal.seq FROM mail JOIN journal ON journal.mail = mail.id"
		"   WHERE mail.ticket = ?1)"
		" ORDER BY seq");
	GPtrArray *rows =
		g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))journal_row_free);

	bind_id(&q, id);
	while (query_row(&q)) {
		struct journal_row *row = g_new0(struct journal_row, 1);

		row->seq = column_int(&q, 0);
		row->at = column_int(&q, 1);
		row->ticket = column_id(&q, 2);
		row->mail = column_id(&q, 3);
		row->event = column_text(&q, 4);
		row->why = column_unseal_text(&q, 5, "journal.why", payload_id(row->seq));
		g_ptr_array_add(rows, row);
	}
	return rows;
}

/* ---- verification --------------------------------------------------------------------- */

/* Reads ids and digests without ending the process when they were tampered with. */
static bool
link_load(struct query *query, struct link *link)
{
	bool sound = column_bytes(query, 5, link->digest, DIGEST_SIZE) &&
		column_bytes(query, 6, link->mac, DIGEST_SIZE);

	link->seq = column_int(query, 0);
	link->at = column_int(query, 1);
	if (sqlite3_column_type(query->statement, 2) != SQLITE_NULL)
		sound &= column_bytes(query, 2, link->ticket.b, sizeof link->ticket.b);
	if (sqlite3_column_type(query->statement, 3) != SQLITE_NULL)
		sound &= column_bytes(query, 3, link->mail.b, sizeof link->mail.b);
	link->event = column_text(query, 4);
	return sound && link->event != NULL;
}

/* Columns 7 and 8: why and erased; both null where the row never had a payload. */
static const char *
payload_fault(struct query *query, const struct link *link)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) plain = NULL;
	g_autofree char *why = NULL;
	guint8 expected[DIGEST_SIZE], found[DIGEST_SIZE];
	const char *data;
	gsize size;

	erasure_proof(query->store, link->seq, expected);
	if (column_bytes(query, 8, found, DIGEST_SIZE) &&
	    sqlite3_column_type(query->statement, 7) == SQLITE_NULL &&
	    equal_constant_time(found, expected, DIGEST_SIZE))
		return NULL;
	plain = column_unseal(query, 7, "journal.why", payload_id(link->seq), &error);
	if (error != NULL)
		return "its payload was changed";
	if (plain != NULL) {
		data = g_bytes_get_data(plain, &size);
		why = g_strndup(data != NULL ? data : "", size);
	}
	payload_digest(query->store, link->seq, why, expected);
	if (equal_constant_time(expected, link->digest, DIGEST_SIZE))
		return NULL;
	return plain != NULL ? "its payload is another one" :
		"its payload is missing and was not erased by us";
}

static const char *
link_fault(struct query *query, const struct head *before, const struct link *link, bool sound)
{
	guint8 mac[DIGEST_SIZE];

	if (link->seq != before->seq + 1)
		return "rows before it are missing";
	if (!sound)
		return "the row was changed";
	link_mac(query->store, before->mac, link, mac);
	if (!equal_constant_time(mac, link->mac, DIGEST_SIZE))
		return "the row was changed or moved";
	return payload_fault(query, link);
}

static void
check_fault(struct journal_check *check, gint64 seq, const char *what)
{
	if (check->first_bad >= 0)
		return;
	check->ok = false;
	check->first_bad = seq;
	check->what = g_strdup(what);
}

/* Walks the chain; `last` becomes the last row that fits. */
static void
chain_walk(struct store *store, struct journal_check *check, struct head *last)
{
	g_auto(query_auto) q = query_new(store, "journal_verify",
		"SELECT seq, at, ticket, mail, event, digest, mac, why, erased"
		" FROM journal LEFT JOIN payload USING (seq) ORDER BY seq");

	while (query_row(&q)) {
		struct link link = { 0 };
		bool sound = link_load(&q, &link);
		const char *fault;

		check->rows++;
		if (check->first_bad < 0) {
			fault = link_fault(&q, last, &link, sound);
			if (fault != NULL)
				check_fault(check, MIN(link.seq, last->seq + 1), fault);
			else {
				last->seq = link.seq;
				memcpy(last->mac, link.mac, DIGEST_SIZE);
			}
		}
		g_free(link.event);
	}
}

char *
journal_head(struct store *store, gint64 *rows)
{
	*rows = store->head.seq;
	return digest_hex(store->head.mac);
}

void
journal_verify(struct store *store, struct journal_check *check)
{
	g_autoptr(GError) error = NULL;
	struct head last = { 0 };
	bool own_turn = !store->in_turn && store_begin(store, &error) == DONE;

	*check = (struct journal_check){ .ok = true, .first_bad = -1 };
	if (!store->head_moved && head_load(store, &error) != DONE)
		check_fault(check, 0, "the sealed head was changed or removed");
	chain_walk(store, check, &last);
	if (last.seq < store->head.seq)
		check_fault(check, last.seq + 1, "the last rows are missing");
	else if (last.seq > store->head.seq)
		check_fault(check, store->head.seq + 1, "rows after the sealed head");
	else if (!equal_constant_time(last.mac, store->head.mac, DIGEST_SIZE))
		check_fault(check, last.seq, "the sealed head is another one");
	check->head = digest_hex(store->head.mac);
	if (own_turn)
		store_rollback(store);
}
