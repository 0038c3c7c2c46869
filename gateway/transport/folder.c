/* SPDX-License-Identifier: ISC
 *
 * Reading a Maildir folder: names, uids, the set of mails, one mail's file.  Changes nothing.
 * Every plain file in new/ and cur/ is a mail, whatever its name; what is no plain file is
 * logged once and counted, never followed or opened.  tmp/ is other programs' work in progress
 * and not looked at.
 */
#include "transport/maildir.h"
#include "model/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FOLDER_MAX	2000000	/* mails of one folder */
#define UID_LONGEST	200
#define FOLDER_LONGEST	200
#define RESCANS		3	/* when names change under a scan */

static const char *const sub_names[MAILDIR_SUBS] = { "new", "cur" };

/* ---- names ---------------------------------------------------------------------------- */

static gsize
base_length(const char *name)
{
	const char *colon = strrchr(name, ':');

	if (colon && (colon[1] == '1' || colon[1] == '2') && colon[2] == ',')
		return (gsize) (colon - name);
	return strlen(name);
}

char *
maildir_uid(const char *file_name)
{
	gsize size = base_length(file_name);
	GString *uid = g_string_new(NULL);

	for (gsize i = 0; i < size; i++) {
		guchar c = (guchar) file_name[i];

		if (c > ' ' && c < 0x7f && c != '%')
			g_string_append_c(uid, (char) c);
		else
			g_string_append_printf(uid, "%%%02X", c);
	}
	if (uid->len > UID_LONGEST) {
		guint8 digest[DIGEST_SIZE];

		digest_bytes(file_name, size, digest);

		g_autofree char *hex = digest_hex(digest);

		/* "%~" starts no escape above, so no short name can be taken for a long one */
		g_string_printf(uid, "%%~%s", hex);
	}
	return g_string_free(uid, FALSE);
}

bool
maildir_is_inbox(const char *folder)
{
	return g_ascii_strcasecmp(folder, "INBOX") == 0;
}

char *
maildir_folder_path(const char *root, const char *folder, GError **error)
{
	bool is_bad = *folder == '\0' || *folder == '.' || strlen(folder) > FOLDER_LONGEST;

	for (const char *p = folder; *p != '\0'; p++)
		is_bad |= *p == '/' || (guchar) *p < ' ' || *p == 0x7f;
	if (is_bad) {
		g_autofree char *quoted = log_quote(folder);

		fail(error, NEVER, "no name for a Maildir folder: %s", quoted);
		return NULL;
	}
	if (maildir_is_inbox(folder))
		return g_strdup(root);

	g_autofree char *name = g_strconcat(".", folder, NULL);

	return g_build_filename(root, name, NULL);
}

/* ---- the set of mails -------------------------------------------------------------------- */

static void
entry_free(gpointer data)
{
	struct entry *entry = data;

	g_free(entry->uid);
	g_free(entry->name);
	g_free(entry);
}

struct folder *
folder_new(const char *name, const char *path)
{
	struct folder *folder = g_new0(struct folder, 1);

	folder->name = g_strdup(name);
	folder->path = g_strdup(path);
	folder->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	folder->reported = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (int sub = 0; sub < MAILDIR_SUBS; sub++)
		folder->fds[sub] = -1;
	return folder;
}

static void
leave(struct folder *folder)
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		if (folder->fds[sub] >= 0)
			close(folder->fds[sub]);
		folder->fds[sub] = -1;
	}
}

void
folder_free(struct folder *folder)
{
	leave(folder);
	g_hash_table_unref(folder->entries);
	g_hash_table_unref(folder->reported);
	g_free(folder->name);
	g_free(folder->path);
	g_free(folder);
}

enum outcome
folder_enter(struct folder *folder, GError **error)
{
	leave(folder);
	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		g_autofree char *path = g_build_filename(folder->path, sub_names[sub], NULL);

		folder->fds[sub] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder->fds[sub] < 0) {
			bool is_wrong = errno == ENOENT || errno == ENOTDIR || errno == EACCES;

			return fail(error, is_wrong ? NEVER : LATER, "folder %s: %s: %s",
				folder->name, sub_names[sub], g_strerror(errno));
		}
	}
	return DONE;
}

static void
report_odd(struct folder *folder, const char *name, const char *what)
{
	g_autofree char *where = log_quote(folder->name), *quoted = log_quote(name);

	if (g_hash_table_add(folder->reported, g_strdup(name)))
		log_event(4, "maildir-odd", "folder=%s name=%s what=%s", where, quoted, what);
}

/* Two files of one uid are one mail: the one in cur/ counts, then the first name, so that taking
 * and settling agree.  When the first has been settled the other shows up in the ledger if it
 * differs. */
static bool
is_preferred(const struct entry *old, const struct entry *now)
{
	if (old->sub != now->sub)
		return now->sub == MAILDIR_CUR;
	return strcmp(now->name, old->name) < 0;
}

static void
add_entry(struct folder *folder, enum maildir_sub sub, const char *name, const struct stat *st)
{
	struct entry *entry = g_new0(struct entry, 1);

	*entry = (struct entry) { .uid = maildir_uid(name), .name = g_strdup(name), .sub = sub,
		.arrived = (gint64) st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000,
		.size = (guint64) st->st_size, .device = st->st_dev, .inode = st->st_ino };

	const struct entry *old = g_hash_table_lookup(folder->entries, entry->uid);

	if (old && (old->inode != entry->inode || old->device != entry->device))
		report_odd(folder, name, "second-file-of-this-uid");
	if (old && !is_preferred(old, entry))
		entry_free(entry);
	else
		g_hash_table_replace(folder->entries, entry->uid, entry);
}

/* *raced: a name was gone when looked at; it may be here under other flags. */
static enum outcome
scan_directory(struct folder *folder, enum maildir_sub sub, DIR *dir, bool *raced, GError **error)
{
	for (;;) {
		struct stat st;

		errno = 0;

		const struct dirent *item = readdir(dir);

		if (!item)
			break;
		if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
			continue;
		if (g_hash_table_size(folder->entries) >= FOLDER_MAX)
			return limit_reached(error, "maildir", "folder", FOLDER_MAX);
		if (fstatat(folder->fds[sub], item->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			*raced = true;
		} else if (!S_ISREG(st.st_mode)) {
			folder->n_odd++;
			report_odd(folder, item->d_name, "no-plain-file");
		} else {
			add_entry(folder, sub, item->d_name, &st);
		}
	}
	if (errno != 0)
		return fail(error, LATER, "folder %s: %s", folder->name, g_strerror(errno));
	return DONE;
}

static enum outcome
scan_sub(struct folder *folder, enum maildir_sub sub, bool *raced, GError **error)
{
	struct stat st;
	int fd = openat(folder->fds[sub], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir || fstat(fd, &st) < 0) {
		int number = errno;

		if (dir)
			closedir(dir);
		else if (fd >= 0)
			close(fd);
		return fail(error, LATER, "folder %s: %s", folder->name, g_strerror(number));
	}
	folder->changed[sub] = st.st_mtim;

	enum outcome how = scan_directory(folder, sub, dir, raced, error);

	closedir(dir);
	return how;
}

enum outcome
folder_scan(struct folder *folder, GError **error)
{
	bool raced = true;

	folder->scanned = false;
	for (int i = 0; i < RESCANS && raced; i++) {
		raced = false;
		folder->n_odd = 0;
		g_hash_table_remove_all(folder->entries);
		/* new before cur: a mail that is moved meanwhile is seen twice rather than never */
		for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
			enum outcome how = scan_sub(folder, sub, &raced, error);

			if (how != DONE)
				return how;
		}
	}
	folder->scanned = true;
	return DONE;
}

/* ---- one mail -------------------------------------------------------------------------------- */

static bool
is_unchanged(const struct folder *folder)
{
	if (!folder->scanned)
		return false;
	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		struct stat st;

		if (fstat(folder->fds[sub], &st) < 0 ||
		    st.st_mtim.tv_sec != folder->changed[sub].tv_sec ||
		    st.st_mtim.tv_nsec != folder->changed[sub].tv_nsec)
			return false;
	}
	return true;
}

static bool
is_still_there(const struct folder *folder, const struct entry *entry)
{
	struct stat st;

	return fstatat(folder->fds[entry->sub], entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode) && st.st_ino == entry->inode && st.st_dev == entry->device;
}

enum outcome
folder_find(struct folder *folder, const char *uid, bool sure, const struct entry **out,
	GError **error)
{
	const struct entry *entry = g_hash_table_lookup(folder->entries, uid);

	*out = NULL;
	if (entry && is_still_there(folder, entry)) {
		*out = entry;
		return DONE;
	}
	if (!entry && !sure && is_unchanged(folder))
		return DONE;

	enum outcome how = folder_scan(folder, error);

	if (how == DONE)
		*out = g_hash_table_lookup(folder->entries, uid);
	return how;
}

/* A change by others in the instant of ours may be missed: then two flag variants of one uid
 * could come to lie side by side, and the ledger shows them.  A name is never overwritten. */
void
folder_note(struct folder *folder, enum maildir_sub sub, const char *name)
{
	struct stat st;

	if (!folder->scanned)
		return;
	if (fstatat(folder->fds[sub], name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		add_entry(folder, sub, name, &st);
	if (fstat(folder->fds[sub], &st) == 0)
		folder->changed[sub] = st.st_mtim;
}

void
folder_forget(struct folder *folder, const char *uid)
{
	g_hash_table_remove(folder->entries, uid);
}

int
folder_open_mail(struct folder *folder, const char *uid, struct stat *st, GError **error)
{
	const struct entry *entry;

	if (folder_find(folder, uid, true, &entry, error) != DONE)
		return -1;
	if (!entry) {
		fail(error, NEVER, "gone");
		return -1;
	}

	/* O_NONBLOCK: a FIFO put in its place meanwhile must not stop us */
	int fd = openat(folder->fds[entry->sub], entry->name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) {
		fail(error, LATER, "cannot open the mail: %s", g_strerror(errno));
		return -1;
	}
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	fail(error, LATER, "no plain file any more");
	return -1;
}
