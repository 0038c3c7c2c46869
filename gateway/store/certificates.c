/* SPDX-License-Identifier: ISC
 *
 * certificates: an index of the public certificates the configuration names, so that choosing
 * among fifty thousand costs no more than among five.  It is compiled from files that stay where
 * they are: whatever is wrong with it, its writer throws it away and begins anew, and nothing is
 * lost but time.  Hence nothing in it is sealed, and nothing but public certificates may enter.
 * One transaction is one rebuild: a crash leaves what was there before, whole.
 */
#include "store/internal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define APPLICATION_ID 0x756e6769	/* "ungi" */
#define VERSION 1			/* of the schema: with another one the file is made anew */
#define KEY_ID_DIGITS 16

/* A fingerprint may stand in several sources; each keeps its copy, so that removing one source
 * leaves the others'.  `at` is the order of the list. */
static const char schema[] =
"CREATE TABLE source ("
"	name TEXT PRIMARY KEY,"
"	size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT"
") STRICT, WITHOUT ROWID;"
"CREATE TABLE certificate ("
"	id INTEGER PRIMARY KEY,"
"	fingerprint TEXT NOT NULL, source TEXT NOT NULL,"
"	expires INTEGER NOT NULL, encrypt_expires INTEGER NOT NULL,"
"	revoked INTEGER NOT NULL, can_encrypt INTEGER NOT NULL,"
"	bytes BLOB NOT NULL,"
"	UNIQUE (fingerprint, source)"
") STRICT;"
"CREATE INDEX certificate_source ON certificate (source);"
"CREATE TABLE key ("
"	certificate INTEGER NOT NULL REFERENCES certificate (id) ON DELETE CASCADE,"
"	at INTEGER NOT NULL, key_id TEXT NOT NULL,"
"	PRIMARY KEY (certificate, at)"
") STRICT, WITHOUT ROWID;"
"CREATE INDEX key_id ON key (key_id, certificate);"
"CREATE TABLE address ("
"	certificate INTEGER NOT NULL REFERENCES certificate (id) ON DELETE CASCADE,"
"	at INTEGER NOT NULL, address TEXT NOT NULL,"
"	PRIMARY KEY (certificate, at)"
") STRICT, WITHOUT ROWID;"
"CREATE INDEX address_address ON address (address, certificate);";

#define CERTIFICATE_COLUMNS(X) \
	X("fingerprint",     text, fingerprint,     NULL) \
	X("source",          text, source,          NULL) \
	X("expires",         int,  expires,         NULL) \
	X("encrypt_expires", int,  encrypt_expires, NULL) \
	X("revoked",         bool, revoked,         NULL) \
	X("can_encrypt",     bool, can_encrypt,     NULL)

#define ROW certificate_row
static const struct column certificate_columns[] = { CERTIFICATE_COLUMNS(COLUMN_ROW) COLUMN_END };
enum { AT_BYTES = 6, AT_ID = 7 };

#define SELECT "SELECT " CERTIFICATE_COLUMNS(COLUMN_NAME) "bytes, id FROM certificate "
static const struct id no_id;

void
certificate_row_free(struct certificate_row *row)
{
	if (row == NULL)
		return;
	g_free(row->fingerprint);
	g_free(row->source);
	g_strfreev(row->key_ids);
	g_strfreev(row->addresses);
	g_clear_pointer(&row->bytes, g_bytes_unref);
	g_free(row);
}

/* ---- the file ------------------------------------------------------------------------- */

/* What SQLite keeps beside a database must not outlive it and be taken for the new one's. */
static enum outcome
files_remove(const struct certificates *index, GError **error)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

	for (guint i = 0; i < G_N_ELEMENTS(suffixes) && !index->is_memory; i++) {
		g_autofree char *path = g_strconcat(index->base->database, suffixes[i], NULL);

		if (unlink(path) != 0 && errno != ENOENT)
			return fail(error, LATER, "%s: cannot be removed: %s", path,
				g_strerror(errno));
	}
	return DONE;
}

static enum outcome
index_define(struct store *base, GError **error)
{
	g_autofree char *mark =
		g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d",
		APPLICATION_ID, VERSION);
	enum outcome how = store_begin(base, error);
	int code;

	if (how != DONE)
		return how;
	code = sqlite3_exec(base->db, schema, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(base->db, mark, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		return turn_end(base, error);
	how = store_failed(base, code, "index of certificates", error);
	store_rollback(base);
	return how;
}

/* Closed first: SQLite removes files beside the database when it closes, and by their names. */
static enum outcome
index_make(struct certificates *index, GError **error)
{
	enum outcome how;

	database_close(index->base);
	if ((how = files_remove(index, error)) != DONE ||
	    (!index->is_memory && (how = database_create(index->base, error)) != DONE) ||
	    (how = database_open(index->base, error)) != DONE)
		return how;
	return index_define(index->base, error);
}

static enum outcome
index_use(struct store *base, GError **error)
{
	gint64 application = 0, version = 0;
	enum outcome how;

	if ((how = database_open(base, error)) != DONE ||
	    (how = number_read(base, "PRAGMA application_id", &application, error)) != DONE ||
	    (how = number_read(base, "PRAGMA user_version", &version, error)) != DONE)
		return how;
	if (application == APPLICATION_ID && version == VERSION)
		return DONE;
	return fail(error, NEVER,
		"%s is no index of certificates, or another ungcuu's: start ungcuud once",
		base->database);
}

/* NEVER: there is something that is not to be used as it is. */
static enum outcome
index_look(const char *path, GError **error)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return fail(error, errno == ENOENT ? NEVER : LATER,
			"index of certificates %s: %s; ungcuud makes it when it starts", path,
			g_strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(error, NEVER, "index of certificates %s: not a regular file", path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(error, NEVER,
			"index of certificates %s: mode %04o lets others write it", path,
			(unsigned)(st.st_mode & 07777));
	return DONE;
}

static enum outcome
index_open(struct certificates *index, GError **error)
{
	g_autoptr(GError) why = NULL;
	struct store *base = index->base;
	enum outcome how = DONE;

	if (index->is_memory && base->writer)
		return index_make(index, error);
	how = index_look(base->database, &why);
	if (how == DONE)
		how = index_use(base, &why);
	if (how == NEVER && base->writer)
		return index_make(index, error);
	if (how != DONE)
		g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

enum outcome
certificates_open(const char *path, bool writer, struct certificates **out, GError **error)
{
	const struct store_paths paths = { path, NULL, NULL };
	struct certificates *index = g_new0(struct certificates, 1);
	enum outcome how;

	index->base = store_new(&paths, writer);
	index->is_memory = strcmp(path, ":memory:") == 0;
	how = index_open(index, error);
	if (how == DONE)
		*out = index;
	else
		certificates_close(index);
	return how;
}

void
certificates_close(struct certificates *index)
{
	if (index == NULL)
		return;
	store_close(index->base);
	g_free(index);
}

/* ---- turns ---------------------------------------------------------------------------- */

enum outcome
certificates_begin(struct certificates *index, GError **error)
{
	return store_begin(index->base, error);
}

void
certificates_rollback(struct certificates *index)
{
	store_rollback(index->base);
}

enum outcome
certificates_commit(struct certificates *index, GError **error)
{
	struct store *base = index->base;
	enum outcome how;

	if (!base->in_turn)
		panic("certificates: commit outside a turn");
	if (base->broken) {
		store_rollback(base);
		return fail(error, LATER, "%s: commit: a statement of this turn failed",
			base->database);
	}
	how = turn_end(base, error);
	if (how != DONE || !base->writer)
		return how;
	/* A rebuild's WAL is as large as the index; and a database alone can be read by anyone. */
	base->scrub = !index->is_memory;
	store_scrub(base);
	return DONE;
}

/* ---- statements ----------------------------------------------------------------------- */

/* The next start finds no file and compiles it anew; until then nothing may be believed.
 * READONLY: a header that asks for a newer SQLite. */
static void
damage_remove(const struct certificates *index, int code)
{
	static const int damages[] = { SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR,
		SQLITE_READONLY };

	for (guint i = 0; i < G_N_ELEMENTS(damages) && index->base->writer; i++)
		if ((code & 0xff) == damages[i])
			files_remove(index, NULL);
}

static enum outcome
index_run(const struct certificates *index, struct query *query, GError **error)
{
	enum outcome how = query_run(query, error);

	if (how != DONE)
		damage_remove(index, query->code);
	return how;
}

static bool
index_row(const struct certificates *index, struct query *query)
{
	if (query->code == SQLITE_OK || query->code == SQLITE_ROW)
		query->code = sqlite3_step(query->statement);
	if (query->code == SQLITE_ROW)
		return true;
	if (query->code == SQLITE_DONE)
		return false;
	damage_remove(index, query->code);
	if (index->base->writer && access(index->base->database, F_OK) != 0)
		fatal(EX_TEMPFAIL, "%s: damaged, thrown away; the next start makes it anew",
			index->base->database);
	/* Says why and ends the process. */
	return query_row(query);
}

/* ---- putting -------------------------------------------------------------------------- */

static char *
hex_fold(const char *text)
{
	return text != NULL && text[strspn(text, "0123456789abcdefABCDEF")] == '\0' ?
		g_ascii_strup(text, -1) : NULL;
}

char *
fingerprint_fold(const char *text)
{
	gsize size = text != NULL ? strlen(text) : 0;

	return size == 40 || size == 64 ? hex_fold(text) : NULL;
}

static char *
key_id_fold(const char *text)
{
	return text != NULL && strlen(text) == KEY_ID_DIGITS ? hex_fold(text) : NULL;
}

static char *
address_fold(const char *text)
{
	return g_ascii_strdown(text, -1);
}

/* The two lists of a certificate: how their texts are spelled and where they go. */
static const struct list {
	const char *word;
	char *(*fold)(const char *);
	const char *insert, *select;
} key_list = {
	"key ids", key_id_fold,
	"INSERT INTO key (certificate, at, key_id) VALUES (?, ?, ?)",
	"SELECT key_id FROM key WHERE certificate = ? ORDER BY at",
}, address_list = {
	"addresses", address_fold,
	"INSERT INTO address (certificate, at, address) VALUES (?, ?, ?)",
	"SELECT address FROM address WHERE certificate = ? ORDER BY at",
};

static enum outcome
list_put(struct certificates *index, gint64 id, const struct list *list, char *const *texts,
	GError **error)
{
	enum outcome how = DONE;

	for (gint64 at = 0; how == DONE && texts != NULL && texts[at] != NULL; at++) {
		g_auto(query_auto) q = query_new(index->base, "certificates_put", list->insert);
		g_autofree char *text = list->fold(texts[at]);

		if (at == FRAME_ARRAY_MAX)
			return limit_reached(error, "certificates", list->word, FRAME_ARRAY_MAX);
		if (text == NULL)
			return fail(error, NEVER, "%s: this is no key id", index->base->database);
		bind_int(&q, id);
		bind_int(&q, at);
		bind_text(&q, text);
		how = index_run(index, &q, error);
	}
	return how;
}

static char **
list_get(struct certificates *index, gint64 id, const struct list *list)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_find", list->select);
	GPtrArray *texts = g_ptr_array_new();

	bind_int(&q, id);
	while (index_row(index, &q))
		g_ptr_array_add(texts, column_text(&q, 0));
	g_ptr_array_add(texts, NULL);
	return (char **)g_ptr_array_free(texts, FALSE);
}

static enum outcome
certificate_drop(struct certificates *index, const char *fingerprint, const char *source,
	GError **error)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_put",
		"DELETE FROM certificate WHERE fingerprint = ? AND source = ?");

	bind_text(&q, fingerprint);
	bind_text(&q, source);
	return index_run(index, &q, error);
}

static enum outcome
certificate_add(struct certificates *index, const struct certificate_row *row, gint64 *id,
	GError **error)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_put",
		"INSERT INTO certificate (" CERTIFICATE_COLUMNS(COLUMN_NAME) "bytes)"
		" VALUES (" CERTIFICATE_COLUMNS(COLUMN_MARK) "?)");
	gsize size;
	const void *data = g_bytes_get_data(row->bytes, &size);
	enum outcome how;

	row_bind(&q, certificate_columns, row, no_id);
	bind_bytes(&q, data, size);
	how = index_run(index, &q, error);
	*id = sqlite3_last_insert_rowid(index->base->db);
	return how;
}

enum outcome
certificates_put(struct certificates *index, const struct certificate_row *in, GError **error)
{
	g_autofree char *fingerprint = fingerprint_fold(in->fingerprint);
	struct certificate_row row = *in;
	enum outcome how;
	gint64 id = 0;

	row.fingerprint = fingerprint;
	if (fingerprint == NULL)
		how = fail(error, NEVER, "%s: this is no fingerprint", index->base->database);
	else if ((how = certificate_drop(index, fingerprint, row.source, error)) == DONE &&
	    (how = certificate_add(index, &row, &id, error)) == DONE &&
	    (how = list_put(index, id, &key_list, row.key_ids, error)) == DONE)
		how = list_put(index, id, &address_list, row.addresses, error);
	/* Half a certificate must not be committed. */
	if (how != DONE)
		index->base->broken = true;
	return how;
}

/* ---- finding -------------------------------------------------------------------------- */

static struct certificate_row *
row_load_whole(struct certificates *index, struct query *query)
{
	struct certificate_row *row = g_new0(struct certificate_row, 1);
	gint64 id = column_int(query, AT_ID);

	row_load(query, certificate_columns, 0, row, no_id);
	if (row->fingerprint == NULL || row->source == NULL) {
		/* A record cut short reads as nulls. */
		query->code = SQLITE_CORRUPT;
		index_row(index, query);
	}
	row->bytes = g_bytes_new(sqlite3_column_blob(query->statement, AT_BYTES),
		(gsize)sqlite3_column_bytes(query->statement, AT_BYTES));
	row->key_ids = list_get(index, id, &key_list);
	row->addresses = list_get(index, id, &address_list);
	return row;
}

/* Of two copies of one certificate: a revocation, once known, is not undone by an older file. */
static bool
row_is_better(const struct certificate_row *a, const struct certificate_row *b)
{
	guint64 a_end = a->expires < 0 ? G_MAXUINT64 : (guint64)a->expires;
	guint64 b_end = b->expires < 0 ? G_MAXUINT64 : (guint64)b->expires;

	return a->revoked != b->revoked ? a->revoked : a_end > b_end;
}

static void
rows_add(GPtrArray *rows, struct certificate_row *row)
{
	for (guint i = 0; i < rows->len; i++) {
		struct certificate_row *other = g_ptr_array_index(rows, i);

		if (strcmp(other->fingerprint, row->fingerprint) != 0)
			continue;
		if (row_is_better(row, other)) {
			rows->pdata[i] = row;
			row = other;
		}
		certificate_row_free(row);
		return;
	}
	g_ptr_array_add(rows, row);
}

static GPtrArray *
rows_of(struct certificates *index, const char *sql, const char *text)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_find", sql);
	GPtrArray *rows = g_ptr_array_new_with_free_func(
		(GDestroyNotify)(void (*)(void))certificate_row_free);

	bind_text(&q, text);
	while (text != NULL && index_row(index, &q))
		rows_add(rows, row_load_whole(index, &q));
	return rows;
}

GPtrArray *
certificates_find(struct certificates *index, const char *key)
{
	g_autofree char *fingerprint = fingerprint_fold(key), *key_id = key_id_fold(key);

	if (fingerprint != NULL)
		return rows_of(index, SELECT "WHERE fingerprint = ? ORDER BY source", fingerprint);
	return rows_of(index, SELECT "WHERE id IN"
		" (SELECT certificate FROM key WHERE key_id = ?) ORDER BY id", key_id);
}

GPtrArray *
certificates_by_address(struct certificates *index, const char *address)
{
	g_autofree char *folded = address_fold(address);

	return rows_of(index, SELECT "WHERE id IN"
		" (SELECT certificate FROM address WHERE address = ?) ORDER BY id", folded);
}

guint64
certificates_count(struct certificates *index)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_count",
		"SELECT count(DISTINCT fingerprint) FROM certificate");

	return index_row(index, &q) ? (guint64)column_int(&q, 0) : 0;
}

/* ---- sources -------------------------------------------------------------------------- */

enum outcome
certificates_source_put(struct certificates *index, const char *name, guint64 size,
	gint64 mtime_ns, const char *sha256, GError **error)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_source_put",
		"INSERT OR REPLACE INTO source (name, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)");

	bind_text(&q, name);
	bind_int(&q, (gint64)MIN(size, (guint64)G_MAXINT64));
	bind_int(&q, mtime_ns);
	bind_text(&q, sha256);
	return index_run(index, &q, error);
}

static enum outcome
source_certificates_drop(struct certificates *index, const char *name, GError **error)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_drop_source",
		"DELETE FROM certificate WHERE source = ?");

	bind_text(&q, name);
	return index_run(index, &q, error);
}

enum outcome
certificates_drop_source(struct certificates *index, const char *name, GError **error)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_drop_source",
		"DELETE FROM source WHERE name = ?");
	enum outcome how = source_certificates_drop(index, name, error);

	if (how != DONE)
		return how;
	bind_text(&q, name);
	return index_run(index, &q, error);
}

bool
certificates_source_same(struct certificates *index, const char *name, guint64 size,
	gint64 mtime_ns)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_source_same",
		"SELECT 1 FROM source WHERE name = ? AND size = ? AND mtime_ns = ?");

	bind_text(&q, name);
	bind_int(&q, (gint64)MIN(size, (guint64)G_MAXINT64));
	bind_int(&q, mtime_ns);
	return index_row(index, &q);
}

char *
certificates_source_sha256(struct certificates *index, const char *name)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_source_sha256",
		"SELECT sha256 FROM source WHERE name = ?");

	bind_text(&q, name);
	return index_row(index, &q) ? column_text(&q, 0) : NULL;
}

char **
certificates_sources(struct certificates *index)
{
	g_auto(query_auto) q = query_new(index->base, "certificates_sources",
		"SELECT name FROM source ORDER BY name");
	GPtrArray *names = g_ptr_array_new();

	while (index_row(index, &q))
		g_ptr_array_add(names, column_text(&q, 0));
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}
