/* SPDX-License-Identifier: ISC
 *
 * backup: one file that holds the whole store, made while the gateway works.  One snapshot of the
 * database first, then the blobs it names: those never change, and each was linked before the
 * commit that names it; one erased meanwhile is noted as gone.  The file is read back before it
 * gets its name.  Never writes to the store.
 */
#include "store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif
#define HEAD_MAX 4096

/* ---- head ----------------------------------------------------------------------------- */

/* Tells another store's key from damage. */
static char *
key_name(const guint8 key[KEY_SIZE])
{
	guint8 digest[DIGEST_SIZE];

	digest_keyed(key, "backup key", NULL, 0, digest);
	return digest_hex(digest);
}

static enum outcome
head_put(struct archive *archive, const struct store *store, const struct backup *backup,
	GError **error)
{
	g_autofree char *key = key_name(store->backup_key);
	g_autofree char *text = g_strdup_printf("created %" G_GINT64_FORMAT "\nschema %"
		G_GINT64_FORMAT "\nblobs %" G_GUINT64_FORMAT "\nkey %s\nprogram %s\n",
		backup->created, backup->schema, backup->blobs, key, PACKAGE_VERSION);
	const struct section section = { .tag = TAG_HEAD, .size = strlen(text) };
	enum outcome how = archive_section(archive, &section, error);

	if (how == DONE)
		how = archive_put(archive, text, strlen(text), error);
	return how == DONE ? archive_section_end(archive, error) : how;
}

static bool
head_number(char **lines, const char *word, gint64 *out)
{
	for (guint i = 0; lines[i] != NULL; i++)
		if (g_str_has_prefix(lines[i], word))
			return g_ascii_string_to_signed(lines[i] + strlen(word), 10, 0, G_MAXINT64,
				out, NULL);
	return false;
}

static bool
head_has(char **lines, const char *word, const char *value)
{
	g_autofree char *line = g_strconcat(word, value, NULL);

	return g_strv_contains((const char *const *)lines, line);
}

static enum outcome
head_read(struct archive *archive, const struct store *store, struct backup *backup, GError **error)
{
	g_autofree char *key = key_name(store->backup_key), *text = NULL;
	g_auto(GStrv) lines = NULL;
	const guint8 *data;
	gint64 blobs = 0;
	gsize size = 0;
	enum outcome how = archive_next(archive, error);

	if (how == DONE && (strcmp(archive->section.tag, TAG_HEAD) != 0 ||
	    archive->section.size > HEAD_MAX))
		return fail(error, NEVER, "%s: not a sound backup: it has no head", archive->path);
	if (how == DONE)
		how = archive_get(archive, &data, &size, error);
	if (how != DONE)
		return how;
	text = g_strndup((const char *)data, size);
	lines = g_strsplit(text, "\n", -1);
	how = archive_skip(archive, error);
	if (how != DONE)
		return how;
	if (!head_number(lines, "created ", &backup->created) ||
	    !head_number(lines, "schema ", &backup->schema) ||
	    !head_number(lines, "blobs ", &blobs))
		return fail(error, NEVER, "%s: not a sound backup: its head cannot be read",
			archive->path);
	backup->blobs = (guint64)blobs;
	if (!head_has(lines, "key ", key))
		return fail(error, NEVER, "%s: store key %s is not the key of this backup: put the "
			"key file of the machine that made it there (it is not in the backup)",
			archive->path, store->key_file);
	if (backup->schema > schema_newest())
		return fail(error, NEVER, "%s: made by a newer ungcuu (schema %" G_GINT64_FORMAT
			"): use that one", archive->path, backup->schema);
	return DONE;
}

/* ---- reading -------------------------------------------------------------------------- */

static enum outcome
sections_walk(struct archive *archive, struct backup *backup, const struct backup_taker *taker,
	GError **error)
{
	guint64 n = 0;
	enum outcome how = archive_next(archive, error);

	if (how == DONE && strcmp(archive->section.tag, TAG_BASE) != 0)
		return fail(error, NEVER, "%s: not a sound backup: no database", archive->path);
	while (how == DONE && strcmp(archive->section.tag, TAG_SEAL) != 0) {
		bool is_base = strcmp(archive->section.tag, TAG_BASE) == 0;

		if (is_base != (n == 0) || strcmp(archive->section.tag, TAG_HEAD) == 0)
			return fail(error, NEVER, "%s: not a sound backup: its parts are out of "
				"order", archive->path);
		backup->erased += strcmp(archive->section.tag, TAG_GONE) == 0;
		backup->missing += strcmp(archive->section.tag, TAG_LOST) == 0;
		n++;
		how = taker != NULL ? taker->take(archive, taker->data, error) :
			archive_skip(archive, error);
		if (how == DONE)
			how = archive_next(archive, error);
	}
	if (how == DONE && n - 1 != backup->blobs)
		return fail(error, NEVER, "%s: not a sound backup: mails are missing",
			archive->path);
	if (how == DONE)
		backup->blobs -= backup->erased + backup->missing;
	return how;
}

enum outcome
backup_walk(const struct store *store, int fd, const char *path, struct backup *backup,
	const struct backup_taker *taker, GError **error)
{
	struct archive archive;
	enum outcome how;

	memset(backup, 0, sizeof *backup);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return fail(error, NEVER, "%s: %s", path, g_strerror(errno));
	archive_begin(&archive, fd, path);
	how = archive_check_magic(&archive, error);
	if (how == DONE)
		how = head_read(&archive, store, backup, error);
	if (how == DONE)
		how = sections_walk(&archive, backup, taker, error);
	if (how == DONE)
		how = archive_check_seal(&archive, store->backup_key, error);
	backup->size = archive.at;
	archive_end(&archive);
	return how;
}

enum outcome
backup_key_open(const struct store_paths *paths, struct store **out, GError **error)
{
	struct store *store = store_new(paths, false);
	enum outcome how;

	if (access(paths->key_file, F_OK) != 0 && errno == ENOENT)
		how = fail(error, NEVER, "store key %s is missing: copy it from the machine that "
			"made the backup (mode 0600); it is not in the backup, and without it "
			"nothing in there can be read", paths->key_file);
	else
		how = key_load(store, false, error);
	if (how == DONE)
		*out = store;
	else
		store_close(store);
	return how;
}

enum outcome
backup_verify(const struct store_paths *paths, const char *path, struct backup *backup,
	GError **error)
{
	struct store *store = NULL;
	enum outcome how = backup_key_open(paths, &store, error);
	int fd;

	if (how != DONE)
		return how;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	how = fd < 0 ? fail(error, NEVER, "%s: %s", path, g_strerror(errno)) :
		backup_walk(store, fd, path, backup, NULL, error);
	if (fd >= 0)
		close(fd);
	store_close(store);
	return how;
}

/* ---- the snapshot --------------------------------------------------------------------- */

struct making {
	struct store *store;
	struct archive archive;
	struct backup *backup;
	char *part, *base;		/* file names until it is whole */
	int fd, base_fd;
	GArray *blobs;			/* struct id */
};

static enum outcome
database_copy(struct making *making, GError **error)
{
	sqlite3 *copy = NULL;
	int code = sqlite3_open_v2(making->base, &copy, SQLITE_OPEN_READWRITE |
		SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	sqlite3_backup *backup;
	enum outcome how = DONE;

	/* Synced as part of the whole, or thrown away. */
	if (code == SQLITE_OK)
		code = sqlite3_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF",
			NULL, NULL, NULL);
	backup = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", making->store->db, "main") :
		NULL;
	if (backup != NULL) {
		code = sqlite3_backup_step(backup, -1);
		sqlite3_backup_finish(backup);
	}
	if (backup == NULL || code != SQLITE_DONE)
		how = fail(error, LATER, "%s: the database cannot be copied: %s", making->base,
			code == SQLITE_OK ? sqlite3_errmsg(copy) : sqlite3_errstr(code));
	sqlite3_close(copy);
	return how;
}

static void
blobs_list(struct making *making)
{
	g_auto(query_auto) q = query_new(making->store, "backup",
		"SELECT id FROM blob WHERE wrapped IS NOT NULL ORDER BY seq");

	while (query_row(&q)) {
		struct id id = column_id(&q, 0);

		g_array_append_val(making->blobs, id);
	}
}

/* One read transaction, so that the copy and the list of blobs are of one moment. */
static enum outcome
snapshot_take(struct making *making, GError **error)
{
	enum outcome how = store_begin(making->store, error);

	if (how != DONE)
		return how;
	blobs_list(making);
	how = number_read(making->store, "PRAGMA user_version", &making->backup->schema, error);
	if (how == DONE)
		how = database_copy(making, error);
	store_rollback(making->store);
	FAULT("backup.snapshot");
	making->backup->blobs = making->blobs->len;
	return how;
}

/* ---- writing -------------------------------------------------------------------------- */

static enum outcome
blob_put_into(struct making *making, struct id id, GError **error)
{
	struct section section = { .tag = TAG_BLOB, .id = id };
	g_autofree char *name = id_text(id);
	int fd = openat(making->store->spool_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	enum outcome how;

	if (fd < 0 && errno == ENOENT) {
		bool was_erased = blob_is_erased(making->store, id);

		making->backup->erased += was_erased;
		making->backup->missing += !was_erased;
		memcpy(section.tag, was_erased ? TAG_GONE : TAG_LOST, TAG_SIZE);
		how = archive_section(&making->archive, &section, error);
		return how == DONE ? archive_section_end(&making->archive, error) : how;
	}
	if (fd < 0 || fstat(fd, &st) != 0) {
		how = fail(error, LATER, "spool: %s: %s", name, g_strerror(errno));
	} else {
		section.size = (guint64)st.st_size;
		how = archive_put_file(&making->archive, &section, fd, error);
	}
	if (fd >= 0)
		close(fd);
	return how;
}

static enum outcome
sections_put(struct making *making, GError **error)
{
	struct section base = { .tag = TAG_BASE };
	struct stat st;
	enum outcome how = archive_magic(&making->archive, error);

	if (how == DONE)
		how = head_put(&making->archive, making->store, making->backup, error);
	if (how == DONE && fstat(making->base_fd, &st) != 0)
		how = fail(error, LATER, "%s: %s", making->base, g_strerror(errno));
	if (how == DONE) {
		base.size = (guint64)st.st_size;
		how = archive_put_file(&making->archive, &base, making->base_fd, error);
	}
	for (guint i = 0; i < making->blobs->len && how == DONE; i++)
		how = blob_put_into(making, g_array_index(making->blobs, struct id, i), error);
	if (how == DONE)
		how = archive_seal(&making->archive, making->store->backup_key, error);
	FAULT("backup.sealed");
	return how;
}

/* A part left by a backup that was killed has no owner any more. */
static int
part_open(const char *path, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fail(error, LATER, "%s: cannot be made: %s", path, g_strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		fail(error, LATER, "%s: another backup is being written there", path);
	} else if (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0) {
		fail(error, LATER, "%s: %s", path, g_strerror(errno));
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static enum outcome
parts_open(struct making *making, GError **error)
{
	making->fd = part_open(making->part, error);
	if (making->fd < 0)
		return LATER;
	unlink(making->base);
	making->base_fd = part_open(making->base, error);
	return making->base_fd < 0 ? LATER : DONE;
}

/* From the disk as far as that can be told to the kernel. */
static enum outcome
part_check(struct making *making, GError **error)
{
	struct backup found;

	posix_fadvise(making->fd, 0, 0, POSIX_FADV_DONTNEED);
	return backup_walk(making->store, making->fd, making->part, &found, NULL, error);
}

enum outcome
backup_write(struct store *store, const char *path, bool replaces, gint64 now,
	struct backup *backup, GError **error)
{
	struct making making = { .store = store, .backup = backup, .fd = -1, .base_fd = -1,
		.part = g_strconcat(path, ".part", NULL), .base = g_strconcat(path, ".base", NULL),
		.blobs = g_array_new(FALSE, FALSE, sizeof(struct id)) };
	enum outcome how = DONE;

	*backup = (struct backup){ .created = now };
	if (!replaces && access(path, F_OK) == 0)
		how = fail(error, NEVER, "%s: there is such a file already", path);
	if (how == DONE)
		how = parts_open(&making, error);
	archive_begin(&making.archive, making.fd, making.part);
	if (how == DONE)
		how = snapshot_take(&making, error);
	if (how == DONE)
		how = sections_put(&making, error);
	if (how == DONE)
		how = part_check(&making, error);
	if (how == DONE)
		how = file_name_durable(making.fd, making.part, path, replaces, error);
	backup->size = making.archive.at;
	backup->blobs -= backup->erased + backup->missing;
	if (how != DONE && making.fd >= 0)
		unlink(making.part);
	if (making.base_fd >= 0)
		unlink(making.base);
	for (guint i = 0; i < 2; i++)
		if ((i == 0 ? making.fd : making.base_fd) >= 0)
			close(i == 0 ? making.fd : making.base_fd);
	archive_end(&making.archive);
	g_array_unref(making.blobs);
	g_free(making.part);
	g_free(making.base);
	return how;
}
