/* SPDX-License-Identifier: ISC
 *
 * outbox: one row for every mail that shall leave, from its plan to its end.  Planned in the
 * turn that decided it, so a decision and its mail exist together or not at all (I3); what is
 * not final always has a next try (I6).
 */
#include "store/internal.h"

#include <stddef.h>

WORDS_COLUMN(out_state)
WORDS_COLUMN(fate)

#define OUTGOING_FIXED(X) \
	X("ticket",       id,     ticket,       NULL) \
	X("mail",         id,     mail,         NULL) \
	X("created",      int,    created,      NULL) \
	X("received",     int,    received,     NULL)
#define OUTGOING_MUTABLE(X) \
	X("template",     text,   template,     NULL) \
	X("language",     text,   language,     NULL) \
	X("recipient",    sealed, recipient,    "outgoing.recipient") \
	X("recipient_digest", address, recipient, NULL) \
	X("domain_digest", domain, recipient,   NULL) \
	X("passed",       int,    passed,       NULL) \
	X("capped",       int,    capped,       NULL) \
	X("drill",        bool,   drill,        NULL) \
	X("inputs",       sealed, values,       "outgoing.inputs") \
	X("state",        word,   state,        &out_state_words) \
	X("attempts",     uint,   attempts,     NULL) \
	X("deaths",       uint,   deaths,       NULL) \
	X("unexplained",  uint,   unexplained,  NULL) \
	X("next_try",     int,    next_try,     NULL) \
	X("sent",         int,    sent,         NULL) \
	X("since",        int,    since,        NULL) \
	X("delivery",     word,   delivery,     &fate_words) \
	X("delivery_status", text, delivery_status, NULL) \
	X("delivery_at",  int,    delivery_at,  NULL) \
	X("message_id",   sealed, message_id,   "outgoing.message_id") \
	X("message_id_digest", digest, message_id, "message-id") \
	X("in_reply_to",  sealed, in_reply_to,  "outgoing.in_reply_to") \
	X("is_signed",    bool,   is_signed,    NULL) \
	X("is_encrypted", bool,   is_encrypted, NULL) \
	X("in_attempt",   bool,   in_attempt,   NULL) \
	X("blob",         id,     blob,         NULL) \
	X("reason",       sealed, reason,       "outgoing.reason")

#define ROW outgoing
static const struct column outgoing_fixed[] = { OUTGOING_FIXED(COLUMN_ROW) COLUMN_END };
static const struct column outgoing_mutable[] = { OUTGOING_MUTABLE(COLUMN_ROW) COLUMN_END };

#define SELECT \
	"SELECT " OUTGOING_FIXED(COLUMN_NAME) OUTGOING_MUTABLE(COLUMN_NAME) "id FROM outgoing "
#define N_COLUMNS (G_N_ELEMENTS(outgoing_fixed) + G_N_ELEMENTS(outgoing_mutable) - 2)
#define AFTER "seq > CASE WHEN ?1 IS NULL THEN 0 ELSE (SELECT seq FROM outgoing WHERE id = ?1) END "

void
outgoing_free(struct outgoing *out)
{
	if (out == NULL)
		return;
	g_free(out->template);
	g_free(out->language);
	g_free(out->recipient);
	g_free(out->values);
	g_free(out->message_id);
	g_free(out->in_reply_to);
	g_free(out->reason);
	g_free(out->delivery_status);
	g_free(out);
}

static struct outgoing *
outgoing_load(struct query *query)
{
	struct outgoing *out = g_new0(struct outgoing, 1);

	out->id = column_id(query, (int)N_COLUMNS);
	row_load(query, outgoing_mutable, row_load(query, outgoing_fixed, 0, out, out->id), out,
		out->id);
	return out;
}

static GPtrArray *
outgoing_none(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))outgoing_free);
}

static GPtrArray *
outgoings_load(struct query *query)
{
	GPtrArray *list = outgoing_none();

	while (query_row(query))
		g_ptr_array_add(list, outgoing_load(query));
	return list;
}

/* ---- one row -------------------------------------------------------------------------- */

enum outcome
outgoing_add(struct store *store, const struct outgoing *out, GError **error)
{
	g_auto(query_auto) q = query_new(store, "outgoing_add",
		"INSERT INTO outgoing (" OUTGOING_FIXED(COLUMN_NAME) OUTGOING_MUTABLE(COLUMN_NAME)
		"id) VALUES (" OUTGOING_FIXED(COLUMN_MARK) OUTGOING_MUTABLE(COLUMN_MARK) "?)");

	row_bind(&q, outgoing_fixed, out, out->id);
	row_bind(&q, outgoing_mutable, out, out->id);
	bind_id(&q, out->id);
	return query_run(&q, error);
}

enum outcome
outgoing_put(struct store *store, const struct outgoing *out, GError **error)
{
	g_auto(query_auto) q = query_new(store, "outgoing_put",
		"UPDATE outgoing SET " OUTGOING_MUTABLE(COLUMN_SET)
		"revision = revision + 1 WHERE id = ?");

	row_bind(&q, outgoing_mutable, out, out->id);
	bind_id(&q, out->id);
	return query_change(&q, error);
}

struct outgoing *
outgoing_get(struct store *store, struct id id)
{
	g_auto(query_auto) q = query_new(store, "outgoing_get", SELECT "WHERE id = ?");

	bind_id(&q, id);
	return query_row(&q) ? outgoing_load(&q) : NULL;
}

bool
outgoing_by_message_id(struct store *store, const char *message_id, struct id *out)
{
	g_auto(query_auto) q = query_new(store, "outgoing_by_message_id",
		"SELECT id FROM outgoing WHERE message_id_digest = ? ORDER BY seq LIMIT 1");
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "message-id", message_id, digest);
	bind_bytes(&q, digest, sizeof digest);
	return query_id(&q, out);
}

/* ---- what waits ----------------------------------------------------------------------- */

#define DUE SELECT "WHERE next_try >= 0 AND in_attempt = 0 AND next_try <= ?1"
#define DUE_STATE SELECT "WHERE state = ?3 AND next_try >= 0 AND in_attempt = 0 AND next_try <= ?1"
#define OLDEST " ORDER BY next_try, seq LIMIT ?2"
#define NEWEST " ORDER BY next_try DESC, seq DESC LIMIT ?2"

GPtrArray *
outgoing_due(struct store *store, int state, bool newest, gint64 now, guint limit)
{
	static const char *const texts[2][2] = {
		{ DUE OLDEST, DUE NEWEST }, { DUE_STATE OLDEST, DUE_STATE NEWEST },
	};
	g_auto(query_auto) q = query_new(store, "outgoing_due", texts[state >= 0][newest]);

	bind_int(&q, now);
	bind_int(&q, limit);
	if (state >= 0)
		bind_text(&q, out_state_text(state));
	return outgoings_load(&q);
}

GPtrArray *
outgoing_waiting_since(struct store *store, gint64 before, guint limit)
{
	g_auto(query_auto) q = query_new(store, "outgoing_waiting_since", SELECT
		"WHERE state = ? AND next_try >= 0 AND in_attempt = 0 AND since <= ?"
		" ORDER BY since LIMIT ?");

	bind_text(&q, out_state_word(OUT_PROTECTED));
	bind_int(&q, before);
	bind_int(&q, limit);
	return outgoings_load(&q);
}

GPtrArray *
outgoing_reported(struct store *store, enum fate delivery, gint64 since, guint limit)
{
	g_auto(query_auto) q = query_new(store, "outgoing_reported", SELECT
		"WHERE delivery = ? AND delivery_at > 0 AND delivery_at >= ?"
		" AND ticket NOT IN (SELECT id FROM ticket WHERE state IN"
		" ('closed', 'rejected', 'duplicate', 'transferred'))"
		" ORDER BY delivery_at DESC, seq DESC LIMIT ?");

	bind_text(&q, fate_word(delivery));
	bind_int(&q, since);
	bind_int(&q, limit);
	return outgoings_load(&q);
}

static gint64
one_time(struct query *query)
{
	return query_row(query) && sqlite3_column_type(query->statement, 0) != SQLITE_NULL ?
		column_int(query, 0) : -1;
}

gint64
outgoing_next_due(struct store *store, int state)
{
	g_auto(query_auto) q = state < 0 ?
		query_new(store, "outgoing_next_due",
			"SELECT next_try FROM outgoing WHERE next_try >= 0 AND in_attempt = 0"
			" ORDER BY next_try LIMIT 1") :
		query_new(store, "outgoing_next_due_state",
			"SELECT next_try FROM outgoing WHERE state = ? AND next_try >= 0"
			" AND in_attempt = 0 ORDER BY next_try LIMIT 1");

	if (state >= 0)
		bind_text(&q, out_state_text(state));
	return one_time(&q);
}

GPtrArray *
outgoing_in_attempt(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "outgoing_in_attempt", SELECT
		"WHERE in_attempt = 1 ORDER BY seq");

	return outgoings_load(&q);
}

gint64
outgoing_oldest(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "outgoing_oldest",
		"SELECT created FROM outgoing WHERE next_try >= 0 ORDER BY created LIMIT 1");

	return one_time(&q);
}

/* ---- lists ---------------------------------------------------------------------------- */

GPtrArray *
outgoing_list(struct store *store, int state, guint limit, const char *after)
{
	g_auto(query_auto) q = state < 0 ?
		query_new(store, "outgoing_list", SELECT "WHERE " AFTER "ORDER BY seq LIMIT ?2") :
		query_new(store, "outgoing_list", SELECT
			"WHERE state = ?3 AND " AFTER "ORDER BY seq LIMIT ?2");
	struct id id = { { 0 } };

	if (after != NULL && !id_parse(after, &id))
		return outgoing_none();
	bind_id(&q, id);
	bind_int(&q, limit);
	if (state >= 0)
		bind_text(&q, out_state_text(state));
	return outgoings_load(&q);
}

GPtrArray *
outgoing_of_ticket(struct store *store, struct id ticket)
{
	g_auto(query_auto) q = query_new(store, "outgoing_of_ticket", SELECT
		"WHERE ticket = ? ORDER BY seq");

	bind_id(&q, ticket);
	return outgoings_load(&q);
}

gint64
outgoing_last(struct store *store, struct id ticket, const char *template)
{
	g_auto(query_auto) q = query_new(store, "outgoing_last",
		"SELECT max(created) FROM outgoing WHERE ticket = ? AND template = ?");

	bind_id(&q, ticket);
	bind_text(&q, template);
	return one_time(&q);
}

guint64
outgoing_sent_since(struct store *store, gint64 from, gint64 now)
{
	g_auto(query_auto) q = query_new(store, "outgoing_sent_since",
		"SELECT count(*) FROM outgoing WHERE sent > 0 AND sent BETWEEN ? AND ?");

	bind_int(&q, from);
	bind_int(&q, now);
	return query_row(&q) ? (guint64)column_int(&q, 0) : 0;
}

guint64
outgoing_count(struct store *store, enum out_state state)
{
	g_auto(query_auto) q = query_new(store, "outgoing_count",
		"SELECT count(*) FROM outgoing WHERE state = ?");

	bind_text(&q, out_state_word(state));
	return query_row(&q) ? (guint64)column_int(&q, 0) : 0;
}
