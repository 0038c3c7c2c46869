/* SPDX-License-Identifier: ISC
 *
 * query: one prepared, bound statement at a time.  Statements are compiled once per store and
 * kept.  Values are always bound.  A failed write breaks the turn (SQLite may have rolled back
 * already: a later statement would then commit on its own); a failed read ends the process, for
 * a store that cannot be read is nothing to decide on.  Messages name the database and the
 * purpose of the statement, never a value.
 */
#include "store/internal.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* What to do about each primary result code; those not listed need a human. */
static const struct { int code; enum outcome outcome; const char *text; } causes[] = {
	{ SQLITE_BUSY,     LATER, "locked by another process" },
	{ SQLITE_LOCKED,   LATER, "locked" },
	{ SQLITE_FULL,     LATER, "disk full" },
	{ SQLITE_IOERR,    LATER, "input/output error" },
	{ SQLITE_CANTOPEN, LATER, "cannot open its files" },
	{ SQLITE_PERM,     LATER, "permission denied" },
	{ SQLITE_READONLY, LATER, "not writable" },
	{ SQLITE_PROTOCOL, LATER, "locking trouble" },
	{ SQLITE_CORRUPT,  NEVER, "damaged" },
	{ SQLITE_NOTADB,   NEVER, "not an SQLite database" },
};

enum outcome
store_failed(struct store *store, int code, const char *what, GError **error)
{
	int primary = code & 0xff, system = 0;

	if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)
		system = sqlite3_system_errno(store->db);
	if (primary == SQLITE_NOMEM)
		fatal(EX_OSERR, "store %s: no memory", store->database);
	for (guint i = 0; i < G_N_ELEMENTS(causes); i++)
		if (causes[i].code == primary)
			return fail(error, causes[i].outcome, "store %s: %s: %s%s%s (%d)",
				store->database,
				what, causes[i].text, system != 0 ? ": " : "",
				system != 0 ? g_strerror(system) : "", code);
	/* The rest is a broken constraint or statement; SQLite names tables and columns, not
	 * values. */
	return fail(error, NEVER, "store %s: %s: %s (%d)", store->database, what,
		store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(code), code);
}

void
store_damaged(struct store *store, const char *what, struct id row)
{
	g_autofree char *id = id_text(row);

	fatal(EX_IOERR, "store %s is damaged or was tampered with: %s of row %s", store->database,
		what, id);
}

void
turn_required(const struct store *store, const char *verb)
{
	if (!store->writer || !store->in_turn)
		panic("store: %s outside a turn", verb);
}

struct query
query_new(struct store *store, const char *what, const char *sql)
{
	struct query query = { store, g_hash_table_lookup(store->statements, sql), what, 0,
		SQLITE_OK };

	if (query.statement == NULL) {
		query.code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
			&query.statement, NULL);
		if (query.statement != NULL)
			g_hash_table_insert(store->statements, (void *)(guintptr)sql,
				query.statement);
	} else if (sqlite3_stmt_busy(query.statement)) {
		panic("store: statement of %s used within itself", what);
	}
	return query;
}

void
query_clear(struct query *query)
{
	if (query->statement != NULL) {
		sqlite3_reset(query->statement);
		sqlite3_clear_bindings(query->statement);
		query->statement = NULL;
	}
}

/* ---- binding -------------------------------------------------------------------------- */

static void
bound(struct query *query, int code)
{
	if (query->code == SQLITE_OK)
		query->code = code;
}

void
bind_int(struct query *query, gint64 value)
{
	bound(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void
bind_text(struct query *query, const char *text)
{
	bound(query, sqlite3_bind_text(query->statement, ++query->bound, text, -1,
		SQLITE_TRANSIENT));
}

void
bind_bytes(struct query *query, const void *data, gsize size)
{
	bound(query, sqlite3_bind_blob64(query->statement, ++query->bound, data, size,
		SQLITE_TRANSIENT));
}

void
bind_id(struct query *query, struct id id)
{
	if (id_is_null(id))
		bind_bytes(query, NULL, 0);
	else
		bind_bytes(query, id.b, sizeof id.b);
}

void
bind_sealed(struct query *query, const char *context, struct id row, const void *data, gsize size)
{
	g_autoptr(GBytes) sealed = seal_value(query->store->columns_key, context, row, data, size);

	bind_bytes(query, g_bytes_get_data(sealed, NULL), g_bytes_get_size(sealed));
}

void
bind_sealed_text(struct query *query, const char *context, struct id row, const char *text)
{
	if (text == NULL)
		bind_bytes(query, NULL, 0);
	else
		bind_sealed(query, context, row, text, strlen(text));
}

/* ---- running -------------------------------------------------------------------------- */

/* No commit any more.  The first reason is kept: who meets a later one asks why. */
static enum outcome
turn_broken(struct store *store, enum outcome how, GError **error)
{
	store->broken = true;
	if (store->broken_why == NULL && error != NULL && *error != NULL)
		store->broken_why = g_strdup((*error)->message);
	return how;
}

enum outcome
query_run(struct query *query, GError **error)
{
	struct store *store = query->store;

	turn_required(store, query->what);
	if (store->broken || sqlite3_get_autocommit(store->db) != 0) {
		store->broken = true;
		return fail(error, LATER, "store %s: %s: an earlier statement of this turn failed"
			": %s", store->database, query->what,
			store->broken_why != NULL ? store->broken_why : "rolled back");
	}
	if (query->code == SQLITE_OK)
		query->code = sqlite3_step(query->statement);
	if (query->code == SQLITE_DONE || query->code == SQLITE_ROW)
		return DONE;
	return turn_broken(store, store_failed(store, query->code, query->what, error), error);
}

enum outcome
query_change(struct query *query, GError **error)
{
	enum outcome how = query_run(query, error);

	if (how == DONE && sqlite3_changes(query->store->db) == 0)
		return turn_broken(query->store, fail(error, NEVER, "store %s: %s: no such row",
			query->store->database, query->what), error);
	return how;
}

bool
query_row(struct query *query)
{
	g_autoptr(GError) error = NULL;

	if (query->code == SQLITE_OK || query->code == SQLITE_ROW)
		query->code = sqlite3_step(query->statement);
	if (query->code == SQLITE_ROW)
		return true;
	if (query->code == SQLITE_DONE)
		return false;
	if (store_failed(query->store, query->code, query->what, &error) == LATER)
		fatal(EX_TEMPFAIL, "%s", error->message);
	fatal(EX_IOERR, "%s", error->message);
}

gint64
column_int(struct query *query, int at)
{
	return sqlite3_column_int64(query->statement, at);
}

char *
column_text(struct query *query, int at)
{
	return g_strdup((const char *)sqlite3_column_text(query->statement, at));
}

bool
column_bytes(struct query *query, int at, void *out, gsize size)
{
	const void *data = sqlite3_column_blob(query->statement, at);

	if (data == NULL || (gsize)sqlite3_column_bytes(query->statement, at) != size)
		return false;
	memcpy(out, data, size);
	return true;
}

struct id
column_id(struct query *query, int at)
{
	struct id id = { { 0 } };

	if (sqlite3_column_type(query->statement, at) != SQLITE_NULL &&
	    !column_bytes(query, at, id.b, sizeof id.b))
		store_damaged(query->store, query->what, id);
	return id;
}

GBytes *
column_unseal(struct query *query, int at, const char *context, struct id row, GError **error)
{
	const void *data = sqlite3_column_blob(query->statement, at);
	gsize size = (gsize)sqlite3_column_bytes(query->statement, at);

	if (sqlite3_column_type(query->statement, at) == SQLITE_NULL)
		return NULL;
	return unseal_value(query->store->columns_key, context, row, data, size, error);
}

char *
column_unseal_text(struct query *query, int at, const char *context, struct id row)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) plain = column_unseal(query, at, context, row, &error);
	const char *data;
	gsize size;

	if (error != NULL)
		store_damaged(query->store, context, row);
	if (plain == NULL)
		return NULL;
	data = g_bytes_get_data(plain, &size);
	return g_strndup(data != NULL ? data : "", size);
}

bool
query_id(struct query *query, struct id *out)
{
	if (!query_row(query))
		return false;
	if (out != NULL)
		*out = column_id(query, 0);
	return true;
}
