/* SPDX-License-Identifier: ISC
 *
 * restore: a store from a backup.  The file is read twice: whole against its seal before anything
 * is written, and again while it is.  The database lies under another name until everything is in
 * place and it says of itself that it was restored; a restore that was cut short leaves no store,
 * and can be begun anew.
 *
 * What the lost store did after the backup nobody can tell from here.  So nothing that may have
 * left leaves again, nothing that may have been answered is answered, and no ticket number that may
 * have been given out comes again.
 */
#include "store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBER_LEAP 10000		/* tickets nobody opens between two backups */
#define BATCH 500
#define HELD_WHY "restored from a backup: it may have left already; look before you retry or " \
	"cancel it"
#define SILENT_WHY "restored from a backup: it may have been answered already, and is not " \
	"answered again"

struct restoring {
	struct restoration *restoration;
	struct backup *backup;
	struct store *store;		/* the one coming to be, under its temporary name */
	char *base;
	int base_fd;
	GArray *gone;			/* struct id: erased while the backup was made */
};

/* ---- what is in the way --------------------------------------------------------------- */

static enum outcome
place_check(const char *database, GError **error)
{
	static const char *const beside[] = { "", "-wal", "-journal" };

	for (guint i = 0; i < G_N_ELEMENTS(beside); i++) {
		g_autofree char *path = g_strconcat(database, beside[i], NULL);
		struct stat st;
		bool there = lstat(path, &st) == 0;

		if (!there && errno != ENOENT)
			return fail(error, NEVER, "%s: %s", path, g_strerror(errno));
		if (there && (!S_ISREG(st.st_mode) || st.st_size > 0))
			return fail(error, NEVER, "%s is there: a store is never written over; "
				"move it away, if a restore is what you want", path);
	}
	return DONE;
}

static void
base_remove(const char *base)
{
	static const char *const beside[] = { "", "-wal", "-shm" };

	for (guint i = 0; i < G_N_ELEMENTS(beside); i++) {
		g_autofree char *path = g_strconcat(base, beside[i], NULL);

		unlink(path);
	}
}

/* ---- the files ------------------------------------------------------------------------ */

static bool
give(const struct restoring *restoring, int fd)
{
	const struct restoration *whose = restoring->restoration;

	return whose->uid < 0 || fchown(fd, (uid_t)whose->uid, (gid_t)whose->gid) == 0;
}

static enum outcome
data_write(struct archive *archive, int fd, GError **error)
{
	const guint8 *data;
	gsize size = 1;
	enum outcome how = DONE;

	while (how == DONE && size > 0) {
		how = archive_get(archive, &data, &size, error);
		if (how == DONE && size > 0 && !write_all(fd, data, size))
			how = fail(error, LATER, "restore: %s", g_strerror(errno));
	}
	return how;
}

static enum outcome
blob_take(struct archive *archive, struct restoring *restoring, GError **error)
{
	struct store *store = restoring->store;
	int fd = openat(store->spool_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	enum outcome how;

	if (fd < 0 || !give(restoring, fd))
		how = fail(error, LATER, "spool %s: %s", store->spool, g_strerror(errno));
	else
		how = data_write(archive, fd, error);
	if (how == DONE)
		how = spool_link(store, fd, archive->section.id, error);
	if (fd >= 0)
		close(fd);
	FAULT("restore.blob");
	return how;
}

static enum outcome
section_take(struct archive *archive, void *data, GError **error)
{
	struct restoring *restoring = data;
	const char *tag = archive->section.tag;

	if (strcmp(tag, TAG_BASE) == 0)
		return data_write(archive, restoring->base_fd, error);
	if (strcmp(tag, TAG_BLOB) == 0)
		return blob_take(archive, restoring, error);
	if (strcmp(tag, TAG_GONE) == 0)
		g_array_append_val(restoring->gone, archive->section.id);
	return archive_skip(archive, error);
}

static enum outcome
places_open(struct restoring *restoring, GError **error)
{
	struct store *store = restoring->store;
	enum outcome how;

	base_remove(restoring->base);
	restoring->base_fd = open(restoring->base,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (restoring->base_fd < 0 || !give(restoring, restoring->base_fd))
		return fail(error, LATER, "%s: %s", restoring->base, g_strerror(errno));
	how = spool_open(store, false, error);
	if (how == DONE && !give(restoring, store->spool_fd))
		how = fail(error, LATER, "spool %s: %s", store->spool, g_strerror(errno));
	return how;
}

static enum outcome
files_write(struct restoring *restoring, int fd, const char *path, GError **error)
{
	const struct backup_taker taker = { section_take, restoring };
	enum outcome how = places_open(restoring, error);

	if (how == DONE)
		how = backup_walk(restoring->store, fd, path, restoring->backup, &taker, error);
	if (how == DONE)
		how = spool_settle(restoring->store, error);
	FAULT("restore.spooled");
	return how;
}

/* ---- what the restored store has to know ---------------------------------------------- */

static enum outcome
out_hold(struct store *store, struct outgoing *out, gint64 now, GError **error)
{
	g_autofree char *why = g_strdup_printf("%s: %s", out->template, HELD_WHY);
	enum outcome how;

	out->state = OUT_HELD;
	out->next_try = -1;
	out->in_attempt = false;
	g_free(out->reason);
	out->reason = g_strdup(HELD_WHY);
	how = outgoing_put(store, out, error);
	return how == DONE ? journal_add(store, now, out->ticket, out->mail, "mail-held", why,
		error) : how;
}

static enum outcome
outs_hold(struct store *store, enum out_state state, struct restoration *restoration,
	GError **error)
{
	enum outcome how = DONE;
	guint n = BATCH;

	while (how == DONE && n == BATCH) {
		g_autoptr(GPtrArray) rows = outgoing_list(store, (int)state, BATCH, NULL);

		n = rows->len;
		for (guint i = 0; i < n && how == DONE; i++)
			how = out_hold(store, rows->pdata[i], restoration->now, error);
		restoration->held += n;
	}
	return how;
}

static GArray *
mails_unanswered(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "restore", "SELECT id FROM mail"
		" WHERE state NOT IN ('decided', 'left') AND silent = 0 ORDER BY seq");
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(struct id));

	while (query_row(&q)) {
		struct id id = column_id(&q, 0);

		g_array_append_val(ids, id);
	}
	return ids;
}

static enum outcome
mails_silence(struct store *store, struct restoration *restoration, GError **error)
{
	g_autoptr(GArray) ids = mails_unanswered(store);
	enum outcome how = DONE;

	for (guint i = 0; i < ids->len && how == DONE; i++) {
		struct mail *mail = mail_get(store, g_array_index(ids, struct id, i));

		mail->silent = true;
		how = mail_put(store, mail, error);
		if (how == DONE)
			how = journal_add(store, restoration->now, mail->ticket, mail->id,
				"not-answered", SILENT_WHY, error);
		mail_free(mail);
	}
	restoration->silenced = ids->len;
	return how;
}

/* Every counter there is leaps to the next multiple and one more, and those the lost store may have
 * begun since (a new year, another form of the number) begin there. */
static enum outcome
counters_leap(struct store *store, struct restoration *restoration, GError **error)
{
	g_auto(query_auto) known = query_new(store, "restore",
		"UPDATE counter SET last = (last / ?1 + 2) * ?1");
	g_auto(query_auto) added = query_new(store, "restore",
		"WITH RECURSIVE years (year) AS (SELECT coalesce((SELECT min(year) FROM counter"
		"  WHERE year > 0), ?2) UNION SELECT year + 1 FROM years WHERE year < ?2)"
		" INSERT INTO counter (hotline, year, last)"
		" SELECT hotline, year, ?1 FROM"
		"  (SELECT ?3 AS hotline UNION SELECT '' UNION SELECT hotline FROM counter),"
		"  (SELECT year FROM years UNION SELECT 0) WHERE true"
		" ON CONFLICT (hotline, year) DO NOTHING");
	g_auto(query_auto) most = query_new(store, "restore", "SELECT max(last) FROM counter");
	enum outcome how;

	bind_int(&known, NUMBER_LEAP);
	how = query_run(&known, error);
	if (how != DONE)
		return how;
	bind_int(&added, NUMBER_LEAP);
	bind_int(&added, restoration->year);
	bind_text(&added, restoration->hotline);
	how = query_run(&added, error);
	restoration->next = query_row(&most) ? (guint64)column_int(&most, 0) + 1 : 0;
	return how;
}

static enum outcome
gone_erase(struct store *store, const GArray *gone, GError **error)
{
	enum outcome how = DONE;

	for (guint i = 0; i < gone->len && how == DONE; i++)
		how = blob_erase(store, g_array_index(gone, struct id, i), error);
	return how;
}

static enum outcome
restored_note(struct store *store, const struct restoring *restoring, GError **error)
{
	const struct restoration *restoration = restoring->restoration;
	g_autofree char *when = clock_rfc3339(restoring->backup->created);
	g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, restoration->now);
	g_autofree char *why = g_strdup_printf("from the backup of %s: %" G_GUINT64_FORMAT
		" outgoing mails held, %" G_GUINT64_FORMAT " mails not answered any more, ticket "
		"numbers go on at %" G_GUINT64_FORMAT, when, restoration->held,
		restoration->silenced, restoration->next);
	struct id nothing = { { 0 } };
	enum outcome how = store_note_put(store, "restored", now, error);

	return how == DONE ? journal_add(store, restoration->now, nothing, nothing, "restored", why,
		error) : how;
}

static enum outcome
store_change(struct store *store, struct restoring *restoring, GError **error)
{
	struct restoration *restoration = restoring->restoration;
	enum outcome how = store_begin(store, error);

	if (how != DONE)
		return how;
	how = gone_erase(store, restoring->gone, error);
	if (how == DONE)
		how = outs_hold(store, OUT_PLANNED, restoration, error);
	if (how == DONE)
		how = outs_hold(store, OUT_PROTECTED, restoration, error);
	if (how == DONE)
		how = mails_silence(store, restoration, error);
	if (how == DONE)
		how = counters_leap(store, restoration, error);
	if (how == DONE)
		how = restored_note(store, restoring, error);
	return how == DONE ? store_commit(store, error) : how;
}

/* Opened as the gateway would open it: key, schema and journal head are checked on the way. */
static enum outcome
database_change(struct restoring *restoring, const struct store_paths *paths, GError **error)
{
	struct store *store = NULL;
	g_autofree char *wal = g_strconcat(paths->database, "-wal", NULL);
	enum outcome how = store_open(paths, true, &store, error);

	if (how != DONE)
		return how;
	how = store_change(store, restoring, error);
	store_close(store);
	FAULT("restore.changed");
	if (how == DONE && access(wal, F_OK) == 0)
		how = fail(error, LATER, "%s: not written back", wal);
	return how;
}

/* ---- all of it ------------------------------------------------------------------------ */

static enum outcome
restore_from(struct restoring *restoring, const struct store_paths *paths, const char *path,
	GError **error)
{
	const struct store_paths coming = { restoring->base, paths->spool, paths->key_file };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum outcome how = fd < 0 ? fail(error, NEVER, "%s: %s", path, g_strerror(errno)) :
		backup_walk(restoring->store, fd, path, restoring->backup, NULL, error);

	if (how == DONE)
		how = files_write(restoring, fd, path, error);
	if (fd >= 0)
		close(fd);
	if (how == DONE)
		how = database_change(restoring, &coming, error);
	if (how == DONE)
		how = file_name_durable(restoring->base_fd, restoring->base, paths->database, true,
			error);
	if (how != DONE && restoring->base_fd >= 0)
		base_remove(restoring->base);
	if (restoring->base_fd >= 0)
		close(restoring->base_fd);
	return how;
}

enum outcome
backup_restore(const struct store_paths *paths, const char *path, struct restoration *restoration,
	struct backup *backup, GError **error)
{
	struct restoring restoring = { .restoration = restoration, .backup = backup, .base_fd = -1,
		.base = g_strconcat(paths->database, ".restore", NULL),
		.gone = g_array_new(FALSE, FALSE, sizeof(struct id)) };
	enum outcome how = place_check(paths->database, error);

	restoration->held = restoration->silenced = restoration->next = 0;
	if (how == DONE)
		how = backup_key_open(paths, &restoring.store, error);
	if (how == DONE) {
		restoring.store->writer = true;		/* it makes the spool */
		how = restore_from(&restoring, paths, path, error);
	}
	store_close(restoring.store);
	g_array_unref(restoring.gone);
	g_free(restoring.base);
	return how;
}
