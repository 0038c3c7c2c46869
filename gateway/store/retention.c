/* SPDX-License-Identifier: ISC
 *
 * retention: what has been kept long enough is emptied.  Rows stay, with their ids, times, states
 * and kinds: the ledger goes on accounting for every mail, and the journal's chain over digests
 * still verifies.  What goes are bytes, letters, addresses, subjects, values and reasons, and the
 * keys of the blobs.  Every verb takes a bounded piece and says whether there is more to do.
 *
 * Never touches what a person has still to decide: held mail, mail under way, mail that has not
 * left.
 */
#include "store/internal.h"

#define CLOSED "state IN ('closed', 'rejected', 'duplicate', 'transferred') "

#define KEPT "SELECT payload.seq FROM payload JOIN journal USING (seq)" \
	" WHERE payload.why IS NOT NULL"

static GArray *
ids_read(struct query *query)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(struct id));

	while (query_row(query)) {
		struct id id = column_id(query, 0);

		g_array_append_val(ids, id);
	}
	return ids;
}

static enum outcome
run_on(struct store *store, const char *sql, gint64 now, struct id id, GError **error)
{
	g_auto(query_auto) q = query_new(store, "retention", sql);

	bind_int(&q, now);
	bind_id(&q, id);
	return query_run(&q, error);
}

/* The blob of the row that `sql` finds by id, if it has one that is not erased yet. */
static enum outcome
blob_drop(struct store *store, const char *sql, struct id id, GError **error)
{
	struct id blob = { { 0 } };
	bool found;
	{
		g_auto(query_auto) q = query_new(store, "retention", sql);

		bind_id(&q, id);
		found = query_id(&q, &blob);
	}
	return found ? blob_erase(store, blob, error) : DONE;
}

/* The statements take ?1 now and ?2 the id; each must change rows only. */
static enum outcome
all_run(struct store *store, const char *const *statements, gint64 now, struct id id,
	GError **error)
{
	enum outcome how = DONE;

	for (; *statements != NULL && how == DONE; statements++)
		how = run_on(store, *statements, now, id, error);
	store->scrub = true;
	return how;
}

/* ---- one row ---------------------------------------------------------------------------- */

static enum outcome
mail_empty(struct store *store, struct id id, gint64 now, GError **error)
{
	static const char *const statements[] = {
		"DELETE FROM letter WHERE ?1 >= 0 AND mail = (SELECT seq FROM mail WHERE id = ?2)",
		"UPDATE mail SET reason = NULL, sender = NULL, sealed = 0, erased = ?1"
		" WHERE id = ?2",
		NULL,
	};
	enum outcome how = blob_drop(store, "SELECT mail.blob FROM mail JOIN blob"
		" ON blob.id = mail.blob WHERE mail.id = ? AND blob.wrapped IS NOT NULL", id,
		error);

	return how == DONE ? all_run(store, statements, now, id, error) : how;
}

static enum outcome
outgoing_empty(struct store *store, struct id id, gint64 now, GError **error)
{
	static const char *const statements[] = {
		"UPDATE outgoing SET recipient = NULL, inputs = NULL, in_reply_to = NULL,"
		" reason = NULL, erased = ?1 WHERE id = ?2",
		NULL,
	};
	enum outcome how = blob_drop(store, "SELECT outgoing.blob FROM outgoing JOIN blob"
		" ON blob.id = outgoing.blob WHERE outgoing.id = ? AND blob.wrapped IS NOT NULL",
		id, error);

	return how == DONE ? all_run(store, statements, now, id, error) : how;
}

typedef enum outcome row_empty(struct store *, struct id, gint64 now, GError **error);

static enum outcome
each_empty(struct store *store, const GArray *ids, row_empty *empty, gint64 now, GError **error)
{
	enum outcome how = DONE;

	for (guint i = 0; i < ids->len && how == DONE; i++)
		how = empty(store, g_array_index(ids, struct id, i), now, error);
	return how;
}

static GArray *
ids_of(struct store *store, const char *sql, struct id ticket)
{
	g_auto(query_auto) q = query_new(store, "retention", sql);

	bind_id(&q, ticket);
	return ids_read(&q);
}

/* ---- reasons ------------------------------------------------------------------------------ */

static GArray *
seqs_read(struct query *query)
{
	GArray *seqs = g_array_new(FALSE, FALSE, sizeof(gint64));

	while (query_row(query)) {
		gint64 seq = column_int(query, 0);

		g_array_append_val(seqs, seq);
	}
	return seqs;
}

static enum outcome
payloads_erase(struct store *store, const GArray *seqs, GError **error)
{
	enum outcome how = DONE;

	for (guint i = 0; i < seqs->len && how == DONE; i++)
		how = journal_erase_payload(store, g_array_index(seqs, gint64, i), error);
	return how;
}

static enum outcome
reasons_erase(struct store *store, const char *sql, struct id id, GError **error)
{
	g_autoptr(GArray) seqs = NULL;
	{
		g_auto(query_auto) q = query_new(store, "retention", sql);

		bind_id(&q, id);
		seqs = seqs_read(&q);
	}
	return payloads_erase(store, seqs, error);
}

enum outcome
retention_journal(struct store *store, gint64 before, guint limit, guint *n, GError **error)
{
	g_autoptr(GArray) seqs = NULL;
	{
		g_auto(query_auto) q = query_new(store, "retention",
			"SELECT payload.seq FROM payload INDEXED BY payload_kept"
			" JOIN journal USING (seq)"
			" WHERE payload.why IS NOT NULL AND journal.at < ?"
			" ORDER BY payload.seq LIMIT ?");

		bind_int(&q, before);
		bind_int(&q, limit);
		seqs = seqs_read(&q);
	}
	*n = seqs->len;
	return payloads_erase(store, seqs, error);
}

/* ---- a ticket ----------------------------------------------------------------------------- */

static bool
ticket_find(struct store *store, gint64 before, struct id *out)
{
	g_auto(query_auto) q = query_new(store, "retention",
		"SELECT id FROM ticket AS t INDEXED BY ticket_kept WHERE " CLOSED
		"AND erased < updated AND updated < ?"
		" AND NOT EXISTS (SELECT 1 FROM mail WHERE mail.ticket = t.id"
		"  AND mail.state NOT IN ('decided', 'left'))"
		" AND NOT EXISTS (SELECT 1 FROM outgoing WHERE outgoing.ticket = t.id"
		"  AND outgoing.state NOT IN ('sent', 'cancelled'))"
		" ORDER BY updated LIMIT 1");

	bind_int(&q, before);
	return query_id(&q, out);
}

static enum outcome
ticket_empty(struct store *store, struct id id, gint64 now, GError **error)
{
	static const char *const statements[] = {
		"DELETE FROM thread WHERE ?1 >= 0 AND ticket = ?2",
		"UPDATE ticket SET subject = NULL, reporter = NULL, assignee = NULL, erased = ?1"
		" WHERE id = ?2",
		NULL,
	};

	return all_run(store, statements, now, id, error);
}

enum outcome
retention_ticket(struct store *store, gint64 before, gint64 now, struct id *ticket, guint *mails,
	GError **error)
{
	g_autoptr(GArray) in = NULL, out = NULL;
	enum outcome how;

	*ticket = (struct id){ { 0 } };
	if (!ticket_find(store, before, ticket))
		return DONE;
	in = ids_of(store, "SELECT id FROM mail WHERE ticket = ? AND erased = 0", *ticket);
	out = ids_of(store, "SELECT id FROM outgoing WHERE ticket = ? AND erased = 0", *ticket);
	*mails = in->len;
	how = each_empty(store, in, mail_empty, now, error);
	if (how == DONE)
		how = each_empty(store, out, outgoing_empty, now, error);
	if (how == DONE)
		how = reasons_erase(store, KEPT " AND (journal.ticket = ?1 OR journal.mail IN"
			" (SELECT id FROM mail WHERE mail.ticket = ?1))", *ticket, error);
	return how == DONE ? ticket_empty(store, *ticket, now, error) : how;
}

/* ---- what belongs to no ticket ------------------------------------------------------------ */

static GArray *
loose_find(struct store *store, const char *sql, gint64 before, guint limit)
{
	g_auto(query_auto) q = query_new(store, "retention", sql);

	bind_int(&q, before);
	bind_int(&q, limit);
	return ids_read(&q);
}

enum outcome
retention_loose(struct store *store, gint64 before, gint64 now, guint limit, guint *n,
	GError **error)
{
	g_autoptr(GArray) in = loose_find(store, "SELECT id FROM mail INDEXED BY mail_loose"
		" WHERE ticket IS NULL"
		" AND state = 'decided' AND erased = 0 AND received < ? ORDER BY received LIMIT ?",
		before, limit);
	g_autoptr(GArray) out = loose_find(store, "SELECT id FROM outgoing"
		" INDEXED BY outgoing_loose"
		" WHERE ticket IS NULL"
		" AND state IN ('sent', 'cancelled') AND erased = 0 AND created < ?"
		" ORDER BY created LIMIT ?", before, limit);
	enum outcome how = each_empty(store, in, mail_empty, now, error);

	if (how == DONE)
		how = each_empty(store, out, outgoing_empty, now, error);
	for (guint i = 0; i < in->len && how == DONE; i++)
		how = reasons_erase(store, KEPT " AND journal.mail = ?",
			g_array_index(in, struct id, i), error);
	*n = in->len + out->len;
	return how;
}
