/* SPDX-License-Identifier: ISC
 *
 * backup and restore: the whole store as one sealed file, and a store from it on another machine.
 * A backup reads the store as every reading verb does, daemon or not; the daemon is told of it
 * afterwards, or finds a note beside the store.  A restore takes the store's lock: no daemon may
 * run on it.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define UTC_OFFSET_S (7 * 3600)		/* Asia/Ho_Chi_Minh, no summer time */

static struct store_paths
paths_of(const struct ctl *ctl)
{
	return (struct store_paths) { options_text(ctl->options, "store.path"),
		options_text(ctl->options, "store.spool"),
		options_text(ctl->options, "store.key_file") };
}

static void
put_backup(json_t *out, const char *file, const struct backup *backup)
{
	put_text(out, "file", file);
	put_time(out, "created", backup->created);
	put_int(out, "size", (gint64) backup->size);
	put_int(out, "schema", backup->schema);
	put_int(out, "blobs", (gint64) backup->blobs);
	put_int(out, "erased", (gint64) backup->erased);
	put_int(out, "missing", (gint64) backup->missing);
}

/* ---- backup --------------------------------------------------------------------------- */

/* So that done_keep knows: through the daemon, or a note it reads when it starts. */
static void
tell(struct ctl *ctl, const struct backup *backup)
{
	g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, backup->created);
	g_autofree char *path = g_strconcat(options_text(ctl->options, "store.path"), ".backup",
		NULL);
	const char *const words[] = { "backup", "made", ms, NULL };
	json_t *answer = json_object();

	if (daemon_ask(ctl, words, answer) != EX_OK) {
		g_clear_pointer(&ctl->error_what, g_free);
		g_clear_pointer(&ctl->error_why, g_free);
		(void) file_write_durable(path, ms, strlen(ms), 0644, NULL);
	}
	json_decref(answer);
}

static int
backup_make(struct ctl *ctl, json_t *out)
{
	const struct store_paths paths = paths_of(ctl);
	struct backup backup;
	g_autoptr(GError) error = NULL;

	if (store_open(&paths, false, &ctl->store, &error) != DONE)
		return ctl_fail_error(ctl, "store", &error);

	enum outcome how = backup_write(ctl->store, ctl->words[0], ctl->replace, ctl->now, &backup,
		&error);

	if (how == NEVER)
		return ctl_fail(ctl, EX_CANTCREAT, "backup", "%s", error->message);
	if (how != DONE)
		return ctl_fail_error(ctl, "backup", &error);
	put_backup(out, ctl->words[0], &backup);
	put_bool(out, "verified", true);
	/* It holds all there is; but the store itself needs a person. */
	if (backup.missing > 0)
		return 1;
	tell(ctl, &backup);
	return EX_OK;
}

int
run_backup(struct ctl *ctl, json_t *out)
{
	const struct store_paths paths = paths_of(ctl);
	struct backup backup;
	g_autoptr(GError) error = NULL;

	if (!ctl->verify)
		return backup_make(ctl, out);
	if (backup_verify(&paths, ctl->words[0], &backup, &error) != DONE)
		return ctl_fail_error(ctl, "backup", &error);
	put_backup(out, ctl->words[0], &backup);
	put_bool(out, "verified", true);
	return EX_OK;
}

static const struct column backup_fields[] = {
	{ "file", "File" }, { "created", "Store as of" }, { "size", "Bytes" },
	{ "blobs", "Sealed mails" }, { "erased", "Erased meanwhile" },
	{ "missing", "Missing in the store" },
};

void
print_backup(const json_t *out)
{
	print_fields(out, backup_fields, G_N_ELEMENTS(backup_fields));
	print_line("Read back and sound.  The store's key is not in it: keep a copy of "
		"store.key_file apart from it.");
}

/* ---- restore -------------------------------------------------------------------------- */

/* The supervisor's lock: whoever holds it is the store's only writer. */
static int
lock_take(struct ctl *ctl, const struct restoration *whose, int *out)
{
	g_autofree char *path = g_strconcat(options_text(ctl->options, "store.path"), ".lock",
		NULL);
	g_autofree char *folder = g_path_get_dirname(path);
	bool made = access(folder, F_OK) != 0;
	struct stat st;

	if (g_mkdir_with_parents(folder, 0700) != 0 ||
	    (made && whose->uid >= 0 && lchown(folder, (uid_t) whose->uid,
	    (gid_t) whose->gid) != 0))
		return ctl_fail(ctl, EX_CANTCREAT, folder, "%s", g_strerror(errno));
	*out = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*out < 0 || fstat(*out, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return ctl_fail(ctl, EX_CANTCREAT, path, "%s", *out < 0 ? g_strerror(errno) :
			"not a file of its own");
	if (whose->uid >= 0 && fchown(*out, (uid_t) whose->uid, (gid_t) whose->gid) != 0)
		return ctl_fail(ctl, EX_CANTCREAT, path, "%s", g_strerror(errno));
	if (flock(*out, LOCK_EX | LOCK_NB) != 0)
		return ctl_fail(ctl, EX_TEMPFAIL, path, "a daemon or another restore holds this "
			"store: stop it first");
	return EX_OK;
}

static int
restore(struct ctl *ctl, struct restoration *restoration, json_t *out)
{
	const struct store_paths paths = paths_of(ctl);
	struct backup backup;
	g_autoptr(GError) error = NULL;
	enum outcome how = backup_restore(&paths, ctl->words[0], restoration, &backup, &error);

	if (how == NEVER)
		return ctl_fail(ctl, EX_DATAERR, "restore", "%s", error->message);
	if (how != DONE)
		return ctl_fail_error(ctl, "restore", &error);
	put_backup(out, ctl->words[0], &backup);
	put_text(out, "store", paths.database);
	put_int(out, "held", (gint64) restoration->held);
	put_int(out, "not_answered", (gint64) restoration->silenced);
	put_int(out, "next_number", (gint64) restoration->next);
	return EX_OK;
}

int
run_restore(struct ctl *ctl, json_t *out)
{
	g_autoptr(GDateTime) local = g_date_time_new_from_unix_utc(ctl->now / 1000 + UTC_OFFSET_S);
	struct restoration restoration = { .now = ctl->now,
		.hotline = options_text(ctl->options, "hotline.id"),
		.year = g_date_time_get_year(local) };
	g_autoptr(GError) error = NULL;
	int lock = -1;

	if (role_user(ctl->options, ROLE_HUB, &restoration.uid, &restoration.gid, &error) != DONE)
		return ctl_fail(ctl, EX_CONFIG, "process.user", "%s", error->message);

	int status = lock_take(ctl, &restoration, &lock);

	if (status == EX_OK)
		status = restore(ctl, &restoration, out);
	if (lock >= 0)
		close(lock);
	return status;
}

void
print_restore(const json_t *out)
{
	static const struct column fields[] = {
		{ "store", "Store" }, { "held", "Outgoing mails held" },
		{ "not_answered", "Mails not answered any more" },
		{ "next_number", "Ticket numbers go on at" },
	};

	print_fields(out, backup_fields, G_N_ELEMENTS(backup_fields));
	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_line("What came after the backup lies in the done folders: the first poll takes it "
		"in again, without answers.  See ungcuuctl queue list for what is held.");
}
