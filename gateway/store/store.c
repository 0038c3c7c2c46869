/* SPDX-License-Identifier: ISC
 *
 * store: opening, and turns.  One writer with one immediate transaction at a time: turn_end()
 * holds the only COMMIT of the program.  Relies on SQLite in WAL mode with synchronous=FULL, so
 * a commit that returned is on disk.  Refuses unsafe modes, a foreign or newer database, a
 * missing or wrong key; refuses to commit a turn in which any statement failed (I3).
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#define BUSY_MS 5000

static const char pragmas[] =
	"PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
	"PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;";
static const char writer_pragmas[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	"PRAGMA journal_size_limit = 67108864;";

/* ---- turns ---------------------------------------------------------------------------- */

enum outcome
store_begin(struct store *store, GError **error)
{
	int code;

	if (store->in_turn)
		panic("store: a turn within a turn");
	/* A reader's turn is a snapshot: what it reads belongs together. */
	code = sqlite3_exec(store->db, store->writer ? "BEGIN IMMEDIATE" : "BEGIN", NULL, NULL,
		NULL);
	if (code != SQLITE_OK)
		return store_failed(store, code, "begin", error);
	store->in_turn = true;
	store->broken = store->head_moved = false;
	g_clear_pointer(&store->broken_why, g_free);
	store->changes = sqlite3_total_changes(store->db);
	g_array_set_size(store->unlink, 0);
	return DONE;
}

void
store_rollback(struct store *store)
{
	g_autoptr(GError) error = NULL;

	if (!store->in_turn)
		return;
	store->in_turn = false;
	if (sqlite3_get_autocommit(store->db) == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	g_array_set_size(store->unlink, 0);
	/* Linked files stay, for a commit that failed may yet be found done after a crash; the
	 * sweep decides. */
	if (store->head_moved && head_load(store, &error) != DONE)
		panic("store: journal head after a rollback: %s", error->message);
	store->head_moved = false;
}

enum outcome
turn_end(struct store *store, GError **error)
{
	int code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	enum outcome how = DONE;

	if (code != SQLITE_OK) {
		how = store_failed(store, code, "commit", error);
		store_rollback(store);
	}
	store->in_turn = false;
	store->head_moved = false;
	return how;
}

/* A dropped key is gone only when no older page in the WAL holds it; a reader may delay that
 * to a later turn. */
void
store_scrub(struct store *store)
{
	int code;

	if (!store->scrub)
		return;
	sqlite3_busy_timeout(store->db, 0);
	code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	store->scrub = code != SQLITE_OK;
	sqlite3_busy_timeout(store->db, BUSY_MS);
}

static enum outcome
commit_prepare(struct store *store, GError **error)
{
	enum outcome how = DONE;

	if (store->broken)
		return fail(error, LATER, "store %s: commit: a statement of this turn failed: %s",
			store->database, store->broken_why != NULL ? store->broken_why : "?");
	if (store->head_moved)
		how = head_store(store, error);
	if (how == DONE)
		how = spool_settle(store, error);
	if (how == DONE && sqlite3_total_changes(store->db) != store->changes) {
		if (FAULT_NOSPACE("store.commit.before"))
			return fail(error, LATER, "store %s: commit: disk full", store->database);
		FAULT("store.commit.before");
	}
	return how;
}

enum outcome
store_commit(struct store *store, GError **error)
{
	bool changed;
	enum outcome how;

	if (!store->in_turn)
		panic("store: commit outside a turn");
	how = commit_prepare(store, error);
	if (how != DONE) {
		store_rollback(store);
		return how;
	}
	changed = sqlite3_total_changes(store->db) != store->changes;
	how = turn_end(store, error);
	if (how != DONE)
		return how;
	if (changed)
		FAULT("store.commit.after");
	spool_unlink(store);
	store_scrub(store);
	return DONE;
}

/* ---- digests and meta values ---------------------------------------------------------- */

void
store_digest(const struct store *store, const char *purpose, const void *data, gsize size,
	guint8 out[DIGEST_SIZE])
{
	struct hmac_part part = { data, size };

	digest_keyed(store->lookup_key, purpose, &part, 1, out);
}

void
text_digest(const struct store *store, const char *purpose, const char *text,
	guint8 out[DIGEST_SIZE])
{
	store_digest(store, purpose, text, strlen(text), out);
}

void
address_digest(const struct store *store, const char *address, guint8 out[DIGEST_SIZE])
{
	g_autofree char *lower = g_ascii_strdown(address, -1);

	text_digest(store, "address", lower, out);
}

void
domain_digest(const struct store *store, const char *address, guint8 out[DIGEST_SIZE])
{
	const char *at = strrchr(address, '@');
	g_autofree char *lower = g_ascii_strdown(at != NULL ? at + 1 : "", -1);

	text_digest(store, "domain", lower, out);
}

enum outcome
meta_put(struct store *store, const char *name, const void *data, gsize size, GError **error)
{
	g_auto(query_auto) q = query_new(store, "meta value",
		"INSERT INTO meta (name, value) VALUES (?, ?)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value");
	g_autoptr(GBytes) sealed = seal_value(store->columns_key, name, (struct id){ { 0 } }, data,
		size);

	bind_text(&q, name);
	bind_bytes(&q, g_bytes_get_data(sealed, NULL), g_bytes_get_size(sealed));
	return query_run(&q, error);
}

GBytes *
meta_get(struct store *store, const char *name, GError **error)
{
	g_auto(query_auto) q = query_new(store, "meta value",
		"SELECT value FROM meta WHERE name = ?");

	bind_text(&q, name);
	if (!query_row(&q))
		return NULL;
	return unseal_value(store->columns_key, name, (struct id){ { 0 } },
		sqlite3_column_blob(q.statement, 0), (gsize)sqlite3_column_bytes(q.statement, 0),
			error);
}

guint64
store_room(const struct store *store)
{
	const char *const paths[] = { store->database, store->spool };
	guint64 room = G_MAXUINT64;
	struct statvfs fs;

	for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
		if (statvfs(paths[i], &fs) == 0)
			room = MIN(room, (guint64)fs.f_bavail * fs.f_frsize);
	return room;
}

enum outcome
store_note_put(struct store *store, const char *name, const char *text, GError **error)
{
	g_autofree char *full = g_strconcat("note.", name, NULL);

	return meta_put(store, full, text, strlen(text), error);
}

char *
store_note(struct store *store, const char *name)
{
	g_autofree char *full = g_strconcat("note.", name, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) value = meta_get(store, full, &error);
	gsize size;

	if (error != NULL)
		fatal(EX_IOERR, "%s", error->message);
	const char *data = value != NULL ? g_bytes_get_data(value, &size) : NULL;
	return data != NULL ? g_strndup(data, size) : NULL;
}

/* ---- opening -------------------------------------------------------------------------- */

static enum outcome
database_run(struct store *store, const char *sql, const char *what, GError **error)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? DONE : store_failed(store, code, what, error);
}

static void
database_harden(sqlite3 *db)
{
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
}

void
database_close(struct store *store)
{
	g_hash_table_remove_all(store->statements);
	if (sqlite3_close(store->db) != SQLITE_OK)
		panic("store: closed while in use");
	store->db = NULL;
}

static int
database_connect(struct store *store, const char *name, int flags)
{
	int code;

	database_close(store);
	code = sqlite3_open_v2(name, &store->db,
		flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (code == SQLITE_OK) {
		database_harden(store->db);
		code = sqlite3_exec(store->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
			NULL);
	}
	return code;
}

static bool
wal_is_empty(const struct store *store)
{
	g_autofree char *wal = g_strconcat(store->database, "-wal", NULL);
	struct stat st;

	return stat(wal, &st) == 0 ? st.st_size == 0 : errno == ENOENT;
}

/* Without the right to make -shm beside the database, a reader can still read it as long as no
 * commit waits in a WAL: then the one file is all there is. */
static int
database_connect_reader(struct store *store)
{
	int code = database_connect(store, store->database, SQLITE_OPEN_READONLY);
	g_autofree char *path = NULL, *uri = NULL;

	if (code == SQLITE_OK || (code & 0xff) == SQLITE_NOTADB || !wal_is_empty(store))
		return code;
	path = g_uri_escape_string(store->database, "/", FALSE);
	uri = g_strconcat("file:", path, "?immutable=1", NULL);
	return database_connect(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

static bool
database_has_wal(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "settings", "PRAGMA journal_mode");
	g_autofree char *mode = query_row(&q) ? column_text(&q, 0) : NULL;

	/* Only a database without a file is in mode "memory". */
	return g_strcmp0(mode, "wal") == 0 || g_strcmp0(mode, "memory") == 0;
}

enum outcome
database_open(struct store *store, GError **error)
{
	int code = store->writer ? database_connect(store, store->database, SQLITE_OPEN_READWRITE) :
		database_connect_reader(store);
	enum outcome how;

	if (code != SQLITE_OK)
		return store_failed(store, code, store->writer ? "open" :
			"open for reading (as another user while the gateway runs?)", error);
	how = database_run(store, pragmas, "settings", error);
	if (how == DONE && store->writer)
		how = database_run(store, writer_pragmas, "settings", error);
	if (how == DONE && store->writer && !database_has_wal(store))
		how = fail(error, NEVER, "store %s: this file system allows no write-ahead log",
			store->database);
	return how;
}

/* A database that is not there, or was made and never written, is fresh. */
static enum outcome
database_look(struct store *store, bool *fresh, GError **error)
{
	struct stat st = { 0 };
	bool there = stat(store->database, &st) == 0;

	if (!there && errno != ENOENT)
		return fail(error, errno == EACCES ? NEVER : LATER, "store %s: %s", store->database,
			g_strerror(errno));
	*fresh = st.st_size == 0;
	if (there && !S_ISREG(st.st_mode))
		return fail(error, NEVER, "store %s: not a regular file", store->database);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(error, NEVER, "store %s: mode %04o lets others write it; chmod 600 it",
			store->database, (unsigned)(st.st_mode & 07777));
	if (*fresh && !wal_is_empty(store))
		return fail(error, NEVER, "store %s is gone, but its -wal file is there: "
			"restore it", store->database);
	if (*fresh && !store->writer)
		return fail(error, NEVER, "no store at %s yet: start ungcuud once",
			store->database);
	return DONE;
}

enum outcome
database_create(struct store *store, GError **error)
{
	int fd = open(store->database, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail(error, LATER, "store %s: cannot be made: %s", store->database,
			g_strerror(errno));
	/* Before SQLite has it open: closing any descriptor of a file drops the process's locks on
	 * it. */
	close(fd);
	return DONE;
}

static enum outcome
store_prepare(struct store *store, GError **error)
{
	bool fresh = false;
	enum outcome how;

	if ((how = database_look(store, &fresh, error)) != DONE ||
	    (how = spool_open(store, fresh, error)) != DONE ||
	    (how = key_load(store, fresh, error)) != DONE ||
	    (fresh && (how = database_create(store, error)) != DONE) ||
	    (how = database_open(store, error)) != DONE ||
	    (how = schema_bring(store, error)) != DONE ||
	    (how = key_check(store, error)) != DONE)
		return how;
	/* A reader must still be able to say what is wrong with a journal. */
	return store->writer ? head_load(store, error) : DONE;
}

struct store *
store_new(const struct store_paths *paths, bool writer)
{
	struct store *store = g_new0(struct store, 1);

	store->database = g_strdup(paths->database);
	store->spool = g_strdup(paths->spool);
	store->key_file = g_strdup(paths->key_file);
	store->spool_fd = -1;
	store->writer = writer;
	store->statements = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
		(GDestroyNotify)(void (*)(void))sqlite3_finalize);
	store->unlink = g_array_new(FALSE, FALSE, sizeof(struct id));
	return store;
}

enum outcome
store_open(const struct store_paths *paths, bool writer, struct store **out, GError **error)
{
	struct store *store = store_new(paths, writer);
	enum outcome how = store_prepare(store, error);

	if (how == DONE)
		*out = store;
	else
		store_close(store);
	return how;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	store_rollback(store);
	database_close(store);
	g_hash_table_unref(store->statements);
	if (store->spool_fd >= 0)
		close(store->spool_fd);
	g_array_unref(store->unlink);
	g_free(store->broken_why);
	g_free(store->database);
	g_free(store->spool);
	g_free(store->key_file);
	wipe(store->columns_key, KEY_SIZE);
	wipe(store->lookup_key, KEY_SIZE);
	wipe(store->journal_key, KEY_SIZE);
	wipe(store->wrap_key, KEY_SIZE);
	wipe(store->backup_key, KEY_SIZE);
	g_free(store);
}
