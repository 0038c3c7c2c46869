/* SPDX-License-Identifier: ISC
 *
 * mailboxes: how far each mailbox was read, and the ledger that balances it: every row is
 * counted exactly once, and a row whose raw blob should be there but is not is named.  Blobs
 * erased on purpose are not missing.
 */
#include "store/internal.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MAILBOX_COLUMNS(X) \
	X("type",       text,   type,       NULL) \
	X("identity",   text,   identity,   NULL) \
	X("first_poll", int,    first_poll, NULL) \
	X("last_poll",  int,    last_poll,  NULL) \
	X("last_good",  int,    last_good,  NULL) \
	X("floor",      int,    floor,      NULL) \
	X("cursor",     sealed, cursor,     "mailbox.cursor") \
	X("error",      sealed, error,      "mailbox.error")

#define ROW mailbox
static const struct column mailbox_columns[] = { MAILBOX_COLUMNS(COLUMN_ROW) COLUMN_END };

#define SELECT "SELECT name, id, " MAILBOX_COLUMNS(COLUMN_NAME) "1 FROM mailbox "

void
mailbox_free(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	g_free(mailbox->name);
	g_free(mailbox->type);
	g_free(mailbox->identity);
	g_free(mailbox->cursor);
	g_free(mailbox->error);
	g_free(mailbox);
}

static struct id
mailbox_id(struct store *store, const char *name)
{
	g_auto(query_auto) q = query_new(store, "mailbox lookup",
		"SELECT id FROM mailbox WHERE name = ?");

	bind_text(&q, name);
	return query_row(&q) ? column_id(&q, 0) : (struct id){ { 0 } };
}

enum outcome
mailbox_put(struct store *store, const struct mailbox *mailbox, GError **error)
{
	struct id id = mailbox_id(store, mailbox->name);
	bool is_new = id_is_null(id);
	g_auto(query_auto) q = is_new ?
		query_new(store, "mailbox_put", "INSERT INTO mailbox (" MAILBOX_COLUMNS(COLUMN_NAME)
			"id, name) VALUES (" MAILBOX_COLUMNS(COLUMN_MARK) "?, ?)") :
		query_new(store, "mailbox_put", "UPDATE mailbox SET " MAILBOX_COLUMNS(COLUMN_SET)
			"id = ? WHERE name = ?");

	if (is_new)
		id = id_new();
	row_bind(&q, mailbox_columns, mailbox, id);
	bind_id(&q, id);
	bind_text(&q, mailbox->name);
	return query_run(&q, error);
}

static struct mailbox *
mailbox_load(struct query *query)
{
	struct mailbox *mailbox = g_new0(struct mailbox, 1);

	mailbox->name = column_text(query, 0);
	row_load(query, mailbox_columns, 2, mailbox, column_id(query, 1));
	return mailbox;
}

struct mailbox *
mailbox_get(struct store *store, const char *name)
{
	g_auto(query_auto) q = query_new(store, "mailbox_get", SELECT "WHERE name = ?");

	bind_text(&q, name);
	return query_row(&q) ? mailbox_load(&q) : NULL;
}

GPtrArray *
mailbox_list(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "mailbox_list", SELECT "ORDER BY name");
	GPtrArray *list =
		g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))mailbox_free);

	while (query_row(&q))
		g_ptr_array_add(list, mailbox_load(&q));
	return list;
}

/* ---- ledger --------------------------------------------------------------------------- */

/* Where a group of rows is counted.  A held mail counts as held whatever was made of it, except
 * one that was never stored whole; a final row without a kind would be our fault and must not look
 * settled. */
static guint64 *
ledger_slot(struct ledger *ledger, int state, int kind)
{
	if (state == MAIL_HELD && kind != KIND_OVERSIZE)
		return &ledger->held;
	if ((state == MAIL_DECIDED || state == MAIL_LEFT || state == MAIL_HELD) && kind >= 0)
		return &ledger->kind[kind];
	return &ledger->pending;
}

static void
ledger_count(struct store *store, const char *mailbox, struct ledger *ledger)
{
	g_auto(query_auto) q = query_new(store, "ledger", "SELECT state, kind, count(*) FROM mail"
		" WHERE mailbox = ?1 OR ?1 IS NULL GROUP BY state, kind");

	bind_text(&q, mailbox);
	while (query_row(&q)) {
		g_autofree char *state_text = column_text(&q, 0), *kind_text = column_text(&q, 1);
		int state = mail_state_from_word(state_text);
		int kind = kind_text == NULL ? -1 : kind_from_word(kind_text);
		guint64 n = (guint64)column_int(&q, 2);

		if (state < 0 || (kind_text != NULL && kind < 0))
			store_damaged(store, "mail.state", (struct id){ { 0 } });
		*ledger_slot(ledger, state, kind) += n;
		ledger->seen += n;
	}
}

/* Every row but those never stored must have its blob's row, and its file unless it was erased. */
static void
ledger_missing(struct store *store, const char *mailbox, struct ledger *ledger)
{
	g_auto(query_auto) q = query_new(store, "ledger",
		"SELECT mail.id, mail.blob, blob.wrapped IS NULL,"
		" blob.id IS NULL FROM mail LEFT JOIN blob ON blob.id = mail.blob"
		" WHERE (mail.mailbox = ?1 OR ?1 IS NULL) AND"
		" (mail.blob IS NOT NULL OR"
		"  coalesce(mail.kind, '') NOT IN ('before-start', 'oversize'))"
		" ORDER BY mail.seq");

	bind_text(&q, mailbox);
	while (query_row(&q)) {
		struct id blob = column_id(&q, 1);
		g_autofree char *name = id_text(blob);
		bool gone = column_int(&q, 3) != 0 || (column_int(&q, 2) == 0 &&
			faccessat(store->spool_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0);

		if (gone)
			g_ptr_array_add(ledger->missing, id_text(column_id(&q, 0)));
	}
}

void
ledger_of(struct store *store, const char *mailbox, struct ledger *ledger)
{
	memset(ledger, 0, sizeof *ledger);
	ledger->missing = g_ptr_array_new_with_free_func(g_free);
	ledger_count(store, mailbox, ledger);
	ledger_missing(store, mailbox, ledger);
}
