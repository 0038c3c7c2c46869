/* SPDX-License-Identifier: ISC
 *
 * blob: sealed files in the spool, named by their id.  A blob exists when its row, its wrapped
 * key and its file do.  The file is linked in the turn and its directory synced once before the
 * commit; a key is dropped in the turn and its file removed only after the commit, so no crash
 * and no rollback can part a live row from its file.  Files without a live row are swept at the
 * next start.  Refuses a spool others can write.
 */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define WRAP "blob.wrapped"

/* ---- the directory -------------------------------------------------------------------- */

/* Calls `each` for every file named like a blob until it answers false. */
static bool
spool_walk(struct store *store, bool (*each)(struct store *, struct id, void *), void *data)
{
	int fd = openat(store->spool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct id id;
	bool more = true;

	if (directory == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (more && (entry = readdir(directory)) != NULL)
		if (id_parse(entry->d_name, &id))
			more = each(store, id, data);
	closedir(directory);
	return true;
}

static bool
spool_saw(struct store *store, struct id id, void *data)
{
	(void)store;
	(void)id;
	*(bool *)data = true;
	return false;
}

static enum outcome
spool_make(struct store *store, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(store->spool);
	int fd;

	if (mkdir(store->spool, 0700) != 0) {
		if (errno == EEXIST)
			return DONE;
		return fail(error, LATER, "spool %s: cannot be made: %s", store->spool,
			g_strerror(errno));
	}
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		int why = errno;

		if (fd >= 0)
			close(fd);
		return fail(error, LATER, "%s: cannot be synced: %s", parent, g_strerror(why));
	}
	close(fd);
	return DONE;
}

enum outcome
spool_open(struct store *store, bool fresh, GError **error)
{
	struct stat st;
	bool used = false;
	enum outcome how = store->writer ? spool_make(store, error) : DONE;

	if (how != DONE)
		return how;
	store->spool_fd = open(store->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->spool_fd < 0 || fstat(store->spool_fd, &st) != 0)
		return fail(error, errno == EACCES || errno == ENOTDIR ? NEVER : LATER,
			"spool %s: %s", store->spool, g_strerror(errno));
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(error, NEVER, "spool %s: mode %04o lets others write it; chmod 700 it",
			store->spool, (unsigned)(st.st_mode & 07777));
	/* A new database would sweep away what belongs to another one. */
	if (fresh && spool_walk(store, spool_saw, &used) && used)
		return fail(error, NEVER, "spool %s holds mails of a store, but %s is not there: "
			"put the database back, or name another spool", store->spool,
			store->database);
	return DONE;
}

enum outcome
spool_settle(struct store *store, GError **error)
{
	if (!store->spool_moved)
		return DONE;
	FAULT("spool.sync.before");
	if (fsync(store->spool_fd) != 0)
		return fail(error, LATER, "spool %s: %s", store->spool, g_strerror(errno));
	FAULT("spool.sync.after");
	store->spool_moved = false;
	return DONE;
}

static bool
blob_unlink(struct store *store, struct id id)
{
	g_autofree char *name = id_text(id);

	return unlinkat(store->spool_fd, name, 0) == 0 || errno == ENOENT;
}

void
spool_unlink(struct store *store)
{
	for (guint i = 0; i < store->unlink->len; i++) {
		struct id id = g_array_index(store->unlink, struct id, i);

		/* Useless without its key; the next sweep tries again. */
		if (!blob_unlink(store, id))
			log_event(LOG_WARNING, "unlink-failed", "why=%s", g_strerror(errno));
	}
	g_array_set_size(store->unlink, 0);
}

/* ---- blobs ---------------------------------------------------------------------------- */

enum outcome
blob_new(struct store *store, struct blob *blob, GError **error)
{
	if (!store->writer)
		panic("store: blob_new by a reader");
	blob->id = id_new();
	blob->fd = FAULT_NOSPACE("blob.new.space") ? -1 :
		openat(store->spool_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (blob->fd < 0)
		return fail(error, LATER, "spool %s: %s", store->spool, g_strerror(errno));
	random_bytes(blob->key, sizeof blob->key);
	return DONE;
}

void
blob_clear(struct blob *blob)
{
	if (blob->fd >= 0)
		close(blob->fd);
	blob->fd = -1;
	wipe(blob->key, sizeof blob->key);
}

static enum outcome
blob_record(struct store *store, const struct blob *blob, guint64 size, GError **error)
{
	g_auto(query_auto) q = query_new(store, "blob",
		"INSERT INTO blob (id, size, wrapped) VALUES (?, ?, ?)");
	g_autoptr(GBytes) wrapped = seal_value(store->wrap_key, WRAP, blob->id, blob->key,
		sizeof blob->key);

	bind_id(&q, blob->id);
	bind_int(&q, (gint64)size);
	bind_bytes(&q, g_bytes_get_data(wrapped, NULL), g_bytes_get_size(wrapped));
	return query_run(&q, error);
}

enum outcome
blob_link(struct store *store, struct blob *blob, guint64 size, GError **error)
{
	g_autofree char *name = id_text(blob->id);

	turn_required(store, "blob_link");
	FAULT("blob.link.before");
	if (FAULT_NOSPACE("blob.link.space") || file_link(blob->fd, store->spool_fd, name) != 0)
		return fail(error, LATER, "spool %s: link: %s", store->spool, g_strerror(errno));
	FAULT("blob.link.after");
	store->spool_moved = true;
	return blob_record(store, blob, size, error);
}

enum outcome
spool_link(struct store *store, int fd, struct id id, GError **error)
{
	g_autofree char *name = id_text(id);

	/* Under this name there was never anything else, but it may be half of a copy. */
	if (fsync(fd) != 0 || (unlinkat(store->spool_fd, name, 0) != 0 && errno != ENOENT) ||
	    file_link(fd, store->spool_fd, name) != 0)
		return fail(error, LATER, "spool %s: %s", store->spool, g_strerror(errno));
	store->spool_moved = true;
	return DONE;
}

enum outcome
blob_put(struct store *store, GBytes *bytes, struct id *out, GError **error)
{
	struct blob blob = { .fd = -1 };
	struct sealer *sealer;
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);
	guint8 sha256[DIGEST_SIZE];
	guint64 sealed = 0;
	enum outcome how;

	turn_required(store, "blob_put");
	how = blob_new(store, &blob, error);
	if (how != DONE)
		return how;
	sealer = sealer_new(blob.fd, blob.key, blob.id);
	how = sealer_put(sealer, data, size, error);
	if (how == DONE)
		how = sealer_end(sealer, &sealed, sha256, error);
	sealer_free(sealer);
	if (how == DONE)
		how = blob_link(store, &blob, sealed, error);
	if (how == DONE)
		*out = blob.id;
	blob_clear(&blob);
	return how;
}

/* The unwrapped key; NEVER: no such blob, erased, or not sealed by us for this id. */
static enum outcome
blob_key(struct store *store, struct id id, guint8 key[KEY_SIZE], GError **error)
{
	g_auto(query_auto) q = query_new(store, "blob key",
		"SELECT wrapped FROM blob WHERE id = ?");
	g_autoptr(GBytes) plain = NULL;
	g_autofree char *text = id_text(id);

	bind_id(&q, id);
	if (!query_row(&q))
		return fail(error, NEVER, "blob %s: no such blob", text);
	if (sqlite3_column_type(q.statement, 0) == SQLITE_NULL)
		return fail(error, NEVER, "blob %s: erased", text);
	plain = unseal_value(store->wrap_key, WRAP, id, sqlite3_column_blob(q.statement, 0),
		(gsize)sqlite3_column_bytes(q.statement, 0), error);
	if (plain == NULL)
		return NEVER;
	if (g_bytes_get_size(plain) != KEY_SIZE)
		return fail(error, NEVER, "blob %s: no key in its row", text);
	memcpy(key, g_bytes_get_data(plain, NULL), KEY_SIZE);
	return DONE;
}

int
blob_get(struct store *store, struct id id, guint64 max, GError **error)
{
	g_autofree char *name = id_text(id);
	guint8 key[KEY_SIZE];
	int fd, plain;

	if (blob_key(store, id, key, error) != DONE)
		return -1;
	fd = openat(store->spool_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		wipe(key, sizeof key);
		fail(error, errno == ENOENT ? NEVER : LATER, "blob %s: %s", name,
			g_strerror(errno));
		return -1;
	}
	plain = unseal_file(fd, key, id, max, error);
	wipe(key, sizeof key);
	close(fd);
	return plain;
}

static bool
blob_has_file(struct store *store, struct id id)
{
	g_autofree char *name = id_text(id);

	return faccessat(store->spool_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
blob_exists(struct store *store, struct id id)
{
	g_auto(query_auto) q = query_new(store, "blob lookup",
		"SELECT 1 FROM blob WHERE id = ? AND wrapped IS NOT NULL");

	bind_id(&q, id);
	return query_row(&q) && blob_has_file(store, id);
}

bool
blob_is_erased(struct store *store, struct id id)
{
	g_auto(query_auto) q = query_new(store, "blob lookup",
		"SELECT 1 FROM blob WHERE id = ? AND wrapped IS NULL");

	bind_id(&q, id);
	return query_row(&q);
}

enum outcome
blob_erase(struct store *store, struct id id, GError **error)
{
	g_auto(query_auto) q = query_new(store, "blob erasure",
		"UPDATE blob SET wrapped = NULL WHERE id = ?");
	enum outcome how;

	bind_id(&q, id);
	how = query_change(&q, error);
	if (how == DONE) {
		g_array_append_val(store->unlink, id);
		store->scrub = true;
	}
	return how;
}

static bool
sweep_one(struct store *store, struct id id, void *data)
{
	g_auto(query_auto) q = query_new(store, "sweep",
		"SELECT 1 FROM blob WHERE id = ? AND wrapped IS NOT NULL");

	bind_id(&q, id);
	if (!query_row(&q) && blob_unlink(store, id))
		++*(guint *)data;
	return true;
}

guint
blob_sweep(struct store *store)
{
	guint n = 0;

	if (!store->writer)
		panic("store: blob_sweep by a reader");
	spool_walk(store, sweep_one, &n);
	return n;
}
