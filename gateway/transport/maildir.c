/* SPDX-License-Identifier: ISC
 *
 * The durable changes to a Maildir: making folders, moving a mail to the done folder, delivering
 * one. The only place of transport/ that renames, links or fsyncs.  Relies on rename(2) being
 * atomic within one file system.  Never overwrites a mail by another one, never changes a flag:
 * what a reader has seen is the reader's business.
 */
#include "transport/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE		65536
#define NAME_LONGEST	255	/* NAME_MAX of every file system a Maildir lies on */
#define NAME_KEPT	200	/* of a name that must grow */
#define COLLISIONS_MAX	1000

static enum outcome
failed(GError **error, const char *what, const char *name)
{
	int number = errno;
	g_autofree char *quoted = log_quote(name);

	return fail(error, LATER, "%s %s: %s", what, quoted, g_strerror(number));
}

static enum outcome
sync_directory(int fd, const char *name, GError **error)
{
	FAULT("maildir.sync.before");
	if (fsync(fd) != 0)
		return failed(error, "cannot sync directory of", name);
	FAULT("maildir.sync.after");
	return DONE;
}

/* ---- making ------------------------------------------------------------------------ */

bool
maildir_is(const char *path)
{
	static const char *const names[] = { "new", "cur", "tmp" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *sub = g_build_filename(path, names[i], NULL);
		struct stat st;

		if (stat(sub, &st) < 0 || !S_ISDIR(st.st_mode))
			return false;
	}
	return true;
}

static enum outcome
make_in(int dir, const char *path, bool is_subfolder, GError **error)
{
	static const char *const names[] = { "tmp", "new", "cur" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		if (mkdirat(dir, names[i], 0700) < 0 && errno != EEXIST)
			return failed(error, "cannot make folder", path);
	if (is_subfolder) {
		int mark = openat(dir, "maildirfolder",
			O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (mark < 0)
			return failed(error, "cannot mark folder", path);
		close(mark);
	}
	return sync_directory(dir, path, error);
}

enum outcome
maildir_make(const char *path, bool is_subfolder, GError **error)
{
	if (maildir_is(path))
		return DONE;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return failed(error, "cannot make folder", path);

	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return failed(error, "cannot open folder", path);

	enum outcome how = make_in(dir, path, is_subfolder, error);

	close(dir);
	if (how != DONE)
		return how;

	g_autofree char *parent = g_path_get_dirname(path);
	int above = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* In a jail the directory above the root may not be ours to open; its owner made it
	 * durable. */
	if (above < 0)
		return DONE;
	how = sync_directory(above, parent, error);
	close(above);
	return how;
}

/* ---- moving -------------------------------------------------------------------------- */

struct place { int dir; const char *name; };

/* 0, or -1 with errno; EEXIST if the target is there. */
static int
rename_new(struct place from, struct place to)
{
	if (renameat2(from.dir, from.name, to.dir, to.name, RENAME_NOREPLACE) == 0)
		return 0;
	/* EINVAL: a file system without the flag (some network and user-space ones) */
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(from.dir, from.name, to.dir, to.name, 0) < 0)
		return -1;
	return unlinkat(from.dir, from.name, 0);
}

/* How many bytes were read; less than `size` only at the end; -1 with errno. */
static gssize
read_full(int fd, void *into, gsize size)
{
	gsize got = 0;

	while (got < size) {
		ssize_t n = read(fd, (char *) into + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (gsize) n;
	}
	return (gssize) got;
}

static bool
same_bytes(int a, int b)
{
	g_autofree char *left = g_malloc(PIECE), *right = g_malloc(PIECE);

	for (;;) {
		gssize n = read_full(a, left, PIECE), m = read_full(b, right, PIECE);

		if (n < 0 || n != m || memcmp(left, right, (gsize) n) != 0)
			return false;
		if (n < PIECE)
			return true;
	}
}

enum likeness { OTHER_CONTENT, SAME_CONTENT, SAME_FILE, UNREADABLE };

/* UNREADABLE leaves errno. */
static enum likeness
compare(struct place a, struct place b)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int left = openat(a.dir, a.name, flags), right = openat(b.dir, b.name, flags);
	struct stat l, r;
	enum likeness like = UNREADABLE;

	if (left >= 0 && right >= 0 && fstat(left, &l) == 0 && fstat(right, &r) == 0) {
		if (l.st_dev == r.st_dev && l.st_ino == r.st_ino)
			like = SAME_FILE;
		else if (l.st_size == r.st_size && same_bytes(left, right))
			like = SAME_CONTENT;
		else
			like = OTHER_CONTENT;
	}

	int number = errno;

	if (left >= 0)
		close(left);
	if (right >= 0)
		close(right);
	errno = number;
	return like;
}

static const char *
info_of(const char *name)
{
	const char *colon = strrchr(name, ':');

	if (colon && (colon[1] == '1' || colon[1] == '2') && colon[2] == ',')
		return colon;
	return NULL;
}

/* The name a mail gets in cur/: its own, with an empty set of flags if it has none. */
static char *
settled_name(const char *name)
{
	if (info_of(name) || strlen(name) + strlen(":2,") > NAME_LONGEST)
		return g_strdup(name);
	return g_strconcat(name, ":2,", NULL);
}

/* Another mail of this name lies in the done folder: both are kept. */
static enum outcome
move_beside(struct place from, int done, GError **error)
{
	const char *info = info_of(from.name);
	gsize base = info ? (gsize) (info - from.name) : strlen(from.name);

	base = MIN(base, NAME_KEPT);
	for (guint i = 2; i < COLLISIONS_MAX; i++) {
		g_autofree char *name = g_strdup_printf("%.*s,ungcuu-%u%s", (int) base, from.name,
			i, info ? info : ":2,");

		if (rename_new(from, (struct place) { done, name }) == 0) {
			g_autofree char *quoted = log_quote(name);

			log_event(4, "maildir-collision", "name=%s", quoted);
			return DONE;
		}
		if (errno != EEXIST)
			return failed(error, "cannot move", from.name);
	}
	return fail(error, NEVER, "maildir: same names limit %d", COLLISIONS_MAX);
}

/* The done folder has this uid already, as `there`. */
static enum outcome
move_onto(struct place from, struct place there, GError **error)
{
	int failure = 0;

	switch (compare(from, there)) {
	case SAME_FILE:			/* left by a link() that was cut short */
		failure = unlinkat(from.dir, from.name, 0);
		break;
	case SAME_CONTENT:		/* a copy: put this file in its place, nothing is deleted */
		failure = renameat(from.dir, from.name, there.dir, there.name);
		break;
	case OTHER_CONTENT:
		return move_beside(from, there.dir, error);
	case UNREADABLE:
		failure = -1;
	}
	if (failure < 0)
		return failed(error, "cannot move", from.name);
	return DONE;
}

static enum outcome
move_to_done(const struct folder *from, const struct entry *mail, const struct folder *done,
	const struct entry *twin, GError **error)
{
	struct place here = { from->fds[mail->sub], mail->name };
	int cur = done->fds[MAILDIR_CUR];

	if (twin)
		return move_onto(here, (struct place) { done->fds[twin->sub], twin->name }, error);

	g_autofree char *name = settled_name(mail->name);

	if (rename_new(here, (struct place) { cur, name }) == 0)
		return DONE;
	if (errno == EEXIST)		/* somebody put it there since the scan */
		return move_onto(here, (struct place) { cur, name }, error);
	if (errno == ENOENT)
		return fail(error, LATER, "moved by another program meanwhile");
	return failed(error, "cannot move", mail->name);
}

static enum outcome
sync_folder(const struct folder *folder, GError **error)
{
	for (int sub = 0; sub < MAILDIR_SUBS; sub++) {
		enum outcome how = sync_directory(folder->fds[sub], folder->name, error);

		if (how != DONE)
			return how;
	}
	return DONE;
}

/* The mail is in done/cur now: durable there first, then gone here. */
static enum outcome
finish_move(struct folder *from, struct folder *done, const struct entry *mail, GError **error)
{
	enum outcome how = sync_directory(done->fds[MAILDIR_CUR], done->name, error);
	g_autofree char *name = settled_name(mail->name);

	if (how == DONE)
		how = sync_directory(from->fds[mail->sub], from->name, error);
	folder_note(done, MAILDIR_CUR, name);
	folder_forget(from, mail->uid);
	return how;
}

enum outcome
folder_settle(struct folder *from, struct folder *done, const char *uid, GError **error)
{
	const struct entry *mail, *twin;
	enum outcome how = folder_find(from, uid, true, &mail, error);

	if (how == DONE)
		how = folder_find(done, uid, !mail, &twin, error);
	if (how != DONE)
		return how;
	if (!mail && !twin)
		return fail(error, NEVER, "gone: neither in %s nor in %s", from->name, done->name);
	FAULT("maildir.settle.before");
	if (mail)
		how = move_to_done(from, mail, done, twin, error);
	if (how == DONE && mail)
		how = finish_move(from, done, mail, error);
	/* Moved before a crash: that move may not be on the disk yet. */
	if (how == DONE && !mail)
		how = sync_folder(done, error);
	if (how == DONE && !mail)
		how = sync_folder(from, error);
	if (how == DONE)
		FAULT("maildir.settle.after");
	return how;
}

enum outcome
folder_remove(struct folder *folder, const char *uid, GError **error)
{
	const struct entry *mail;
	enum outcome how = folder_find(folder, uid, true, &mail, error);
	enum maildir_sub sub;

	if (how != DONE)
		return how;
	if (!mail)
		return fail(error, NEVER, "gone");
	sub = mail->sub;
	if (unlinkat(folder->fds[sub], mail->name, 0) < 0 && errno != ENOENT)
		return failed(error, "cannot remove", mail->name);
	folder_forget(folder, uid);
	return sync_directory(folder->fds[sub], folder->name, error);
}

/* ---- delivering ------------------------------------------------------------------------- */

static enum outcome
write_temporary(int tmp, const char *name, const void *data, gsize size, GError **error)
{
	if (unlinkat(tmp, name, 0) < 0 && errno != ENOENT)	/* left by a crash */
		return failed(error, "cannot remove", name);

	int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return failed(error, "cannot write", name);

	bool full = FAULT_NOSPACE("maildir.deliver.space");
	bool written = !full && write_all(fd, data, size);
	FAULT("maildir.write.before");
	written = written && fsync(fd) == 0;
	int number = full ? ENOSPC : errno;
	FAULT("maildir.write.after");

	if (close(fd) < 0 && written) {
		number = errno;
		written = false;
	}
	if (written)
		return DONE;
	unlinkat(tmp, name, 0);
	errno = number;
	return failed(error, "cannot write", name);
}

static enum outcome
publish(struct place from, struct place to, GError **error)
{
	FAULT("maildir.deliver.before");

	int failure = rename_new(from, to);

	if (failure < 0 && errno == EEXIST)	/* ours of an earlier try: the newer bytes count */
		failure = renameat(from.dir, from.name, to.dir, to.name);
	if (failure < 0)
		return failed(error, "cannot deliver", to.name);
	return DONE;
}

enum outcome
folder_deliver(struct folder *folder, const char *name, const void *data, gsize size,
	GError **error)
{
	g_autofree char *path = g_build_filename(folder->path, "tmp", NULL);
	g_autofree char *uid = maildir_uid(name);
	const struct entry *seen;
	enum outcome how = folder_find(folder, uid, false, &seen, error);

	if (how != DONE)
		return how;

	int tmp = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tmp < 0)
		return failed(error, "cannot open", path);
	how = write_temporary(tmp, name, data, size, error);

	struct place from = { tmp, name };
	/* A mail some reader has moved to cur/ and that is this very one is not delivered again. */
	struct place read = { folder->fds[MAILDIR_CUR], seen ? seen->name : NULL };
	bool is_there = how == DONE && seen && seen->sub == MAILDIR_CUR &&
		compare(from, read) == SAME_CONTENT;

	if (is_there)
		unlinkat(tmp, name, 0);
	else if (how == DONE)
		how = publish(from, (struct place) { folder->fds[MAILDIR_NEW], name }, error);
	close(tmp);
	if (how == DONE)
		how = sync_folder(folder, error);
	if (how == DONE && !is_there)
		folder_note(folder, MAILDIR_NEW, name);
	if (how == DONE)
		FAULT("maildir.deliver.after");
	return how;
}
