/* SPDX-License-Identifier: ISC
 *
 * A mailbox as the fetch role sees it: list, take, settle.  So far a Maildir++ tree.  Keeps one
 * sorted snapshot of the folder being listed, so that reading a folder page by page sorts it
 * once.  Never looks into a mail, never deletes one.
 */
#include "transport/transport.h"
#include "model/model.h"
#include "transport/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE		65536
#define FOLDERS_MAX	10000

struct source {
	char *root, *done_folder, *held_folder;
	GPtrArray *folders;		/* struct folder, as asked for so far */
	GPtrArray *listed;		/* struct found by uid: the last listing begun */
	const struct folder *listed_folder;
};

void
found_free(struct found *found)
{
	if (!found)
		return;
	g_free(found->uid);
	g_free(found);
}

static void
free_folder(gpointer folder)
{
	folder_free(folder);
}

static void
free_found(gpointer found)
{
	found_free(found);
}

/* ---- opening ---------------------------------------------------------------------------- */

static enum outcome
check_tree(const char *root, GError **error)
{
	g_autofree char *fresh = g_build_filename(root, "new", NULL);
	g_autofree char *cur = g_build_filename(root, "cur", NULL);

	if (!maildir_is(root)) {
		bool may_pass = errno == EIO || errno == ESTALE;

		return fail(error, may_pass ? LATER : NEVER, "%s: no Maildir (new, cur, tmp)",
			root);
	}
	if (access(root, W_OK | X_OK) < 0 || access(fresh, W_OK | X_OK) < 0 ||
	    access(cur, W_OK | X_OK) < 0)
		return fail(error, NEVER, "%s: mails cannot be moved here: %s", root,
			g_strerror(errno));
	return DONE;
}

enum outcome
source_open(const struct source_settings *settings, struct source **out, GError **error)
{
	*out = NULL;
	if (g_strcmp0(settings->type, "maildir") != 0)
		return fail(error, NEVER, "mailbox type %s is not built in",
			settings->type ? settings->type : "(none)");
	if (!settings->path || !settings->done_folder)
		return fail(error, NEVER, "a Maildir needs path and done_folder");

	enum outcome how = check_tree(settings->path, error);

	if (how != DONE)
		return how;

	g_autofree char *done = maildir_folder_path(settings->path, settings->done_folder, error);

	if (!done)
		return NEVER;
	if (maildir_is_inbox(settings->done_folder))
		return fail(error, NEVER, "done_folder must not be INBOX");
	how = maildir_make(done, true, error);
	if (how != DONE)
		return how;

	struct source *source = g_new0(struct source, 1);

	source->root = g_strdup(settings->path);
	source->done_folder = g_strdup(settings->done_folder);
	source->held_folder = g_strdup(settings->held_folder);
	source->folders = g_ptr_array_new_with_free_func(free_folder);
	source->listed = g_ptr_array_new_with_free_func(free_found);
	*out = source;
	return DONE;
}

void
source_close(struct source *source)
{
	if (!source)
		return;
	g_ptr_array_unref(source->folders);
	g_ptr_array_unref(source->listed);
	g_free(source->root);
	g_free(source->done_folder);
	g_free(source->held_folder);
	g_free(source);
}

static enum outcome
enter(struct source *source, const char *name, struct folder **out, GError **error)
{
	g_autofree char *path = maildir_folder_path(source->root, name, error);

	if (!path)
		return NEVER;
	for (guint i = 0; i < source->folders->len; i++) {
		struct folder *folder = source->folders->pdata[i];

		if (strcmp(folder->path, path) == 0) {
			*out = folder;
			return folder_enter(folder, error);
		}
	}
	*out = folder_new(name, path);
	g_ptr_array_add(source->folders, *out);
	return folder_enter(*out, error);
}

/* ---- listing ------------------------------------------------------------------------------- */

static gint
by_uid(gconstpointer a, gconstpointer b)
{
	const struct found *left = *(struct found *const *) a, *right = *(struct found *const *) b;

	return strcmp(left->uid, right->uid);
}

static struct found *
found_new(const char *uid, gint64 arrived, guint64 size)
{
	struct found *found = g_new(struct found, 1);

	*found = (struct found) { g_strdup(uid), arrived, size };
	return found;
}

static enum outcome
begin_listing(struct source *source, struct folder *folder, GError **error)
{
	GHashTableIter iter;
	gpointer value;
	enum outcome how = folder_scan(folder, error);

	source->listed_folder = NULL;
	g_ptr_array_set_size(source->listed, 0);
	if (how != DONE)
		return how;
	g_hash_table_iter_init(&iter, folder->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct entry *entry = value;

		g_ptr_array_add(source->listed,
			found_new(entry->uid, entry->arrived, entry->size));
	}
	g_ptr_array_sort(source->listed, by_uid);
	source->listed_folder = folder;
	return DONE;
}

static guint
first_after(const GPtrArray *listed, const char *after)
{
	guint low = 0, high = listed->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		const struct found *found = listed->pdata[middle];

		if (strcmp(found->uid, after) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A subfolder that mail was never put into often does not exist yet: that is an empty one. */
static bool
is_not_made_yet(const struct source *source, const char *name)
{
	g_autofree char *path = maildir_folder_path(source->root, name, NULL);

	return path && !maildir_is_inbox(name) && access(path, F_OK) < 0 && errno == ENOENT;
}

enum outcome
source_list(struct source *source, const char *folder_name, const char *after, guint max,
	GPtrArray **out, bool *more, char **identity, GError **error)
{
	struct folder *folder;

	*out = g_ptr_array_new_with_free_func(free_found);
	*more = false;
	*identity = g_strdup("maildir");
	if (is_not_made_yet(source, folder_name))
		return DONE;

	enum outcome how = enter(source, folder_name, &folder, error);

	if (how == DONE && (*after == '\0' || source->listed_folder != folder))
		how = begin_listing(source, folder, error);
	if (how != DONE)
		return how;

	const GPtrArray *listed = source->listed;
	guint at = first_after(listed, after);

	for (; at < listed->len && (*out)->len < max; at++) {
		const struct found *found = listed->pdata[at];

		g_ptr_array_add(*out, found_new(found->uid, found->arrived, found->size));
	}
	*more = at < listed->len;
	return DONE;
}

/* ---- taking --------------------------------------------------------------------------- */

struct taking { guint64 max, total; source_put *put; void *data; };

static enum outcome
take_pieces(int fd, struct taking *taking, GError **error)
{
	g_autofree char *piece = g_malloc(PIECE);

	for (;;) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(error, LATER, "cannot read the mail: %s", g_strerror(errno));
		if (n == 0)
			return DONE;
		taking->total += (guint64) n;
		if (taking->total > taking->max)
			return limit_reached(error, "fetch", "mail size", taking->max);

		enum outcome how = taking->put(taking->data, piece, (gsize) n, error);

		if (how != DONE)
			return how;
	}
}

/* A mail in a Maildir is never written again; if it is, what was read is no mail anybody sent. */
static bool
is_same(const struct stat *before, const struct stat *after, guint64 total)
{
	return before->st_size == after->st_size && (guint64) after->st_size == total &&
		before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
		before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

enum outcome
source_take(struct source *source, const char *folder_name, const char *uid, guint64 max,
	source_put *put, void *data, GError **error)
{
	struct folder *folder;
	struct taking taking = { max, 0, put, data };
	struct stat before, after;
	g_autoptr(GError) why = NULL;

	if (is_not_made_yet(source, folder_name))
		return fail(error, NEVER, "gone");

	enum outcome how = enter(source, folder_name, &folder, error);

	if (how != DONE)
		return how;

	int fd = folder_open_mail(folder, uid, &before, &why);

	if (fd < 0) {
		how = (enum outcome) why->code;
		g_propagate_error(error, g_steal_pointer(&why));
		return how;
	}
	if ((guint64) before.st_size > max)
		how = limit_reached(error, "fetch", "mail size", max);
	else
		how = take_pieces(fd, &taking, error);
	if (how == DONE && (fstat(fd, &after) < 0 || !is_same(&before, &after, taking.total)))
		how = fail(error, LATER, "the mail changed while it was read");
	close(fd);
	return how;
}

/* ---- settling ------------------------------------------------------------------------- */

enum outcome
source_settle(struct source *source, const char *folder_name, const char *uid, GError **error)
{
	struct folder *from, *done;
	const struct entry *mail;
	g_autofree char *path = maildir_folder_path(source->root, source->done_folder, error);
	enum outcome how = path ? maildir_make(path, true, error) : NEVER;

	if (how == DONE)
		how = enter(source, source->done_folder, &done, error);
	if (how == DONE)
		how = enter(source, folder_name, &from, error);
	if (how != DONE)
		return how;
	if (from != done)
		return folder_settle(from, done, uid, error);
	how = folder_find(done, uid, true, &mail, error);
	if (how == DONE && !mail)
		return fail(error, NEVER, "gone");
	return how;
}

/* ---- folders -------------------------------------------------------------------------- */

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
add_folder(GPtrArray *names, const char *root, const char *name)
{
	g_autofree char *path = g_build_filename(root, name, NULL);

	/* A name that is no UTF-8 cannot be told to anybody, nor be watched. */
	if (*name != '.' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !maildir_is(path))
		return;
	g_ptr_array_add(names, g_utf8_make_valid(name + 1, -1));
}

char **
source_folders(struct source *source)
{
	GPtrArray *names = g_ptr_array_new();
	DIR *dir = opendir(source->root);
	const struct dirent *item;

	while (dir && names->len < FOLDERS_MAX && (item = readdir(dir)) != NULL)
		add_folder(names, source->root, item->d_name);
	if (dir)
		closedir(dir);
	g_ptr_array_sort(names, by_text);
	g_ptr_array_insert(names, 0, g_strdup("INBOX"));
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(names, FALSE);
}

/* ---- check ---------------------------------------------------------------------------- */

static void
check_folder(GPtrArray *lines, struct source *source, const char *name)
{
	struct folder *folder;
	g_autoptr(GError) error = NULL;

	if (enter(source, name, &folder, &error) != DONE || folder_scan(folder, &error) != DONE)
		g_ptr_array_add(lines, g_strdup_printf("fail: %s: correct the Maildir, its owner "
			"or mode", error->message));
	else if (folder->n_odd > 0)
		g_ptr_array_add(lines, g_strdup_printf("warn: folder %s holds %u entries that are "
			"no plain files, they are left alone: remove them", name, folder->n_odd));
	else
		g_ptr_array_add(lines, g_strdup_printf("ok: folder %s holds %u mails", name,
			g_hash_table_size(folder->entries)));
}

char **
source_check(const struct source_settings *settings)
{
	GPtrArray *lines = g_ptr_array_new();
	g_autoptr(GError) error = NULL;
	struct source *source;

	if (source_open(settings, &source, &error) == DONE) {
		g_ptr_array_add(lines, g_strdup("ok: Maildir can be read and changed"));
		check_folder(lines, source, "INBOX");
		check_folder(lines, source, settings->done_folder);
		source_close(source);
	} else {
		g_ptr_array_add(lines, g_strdup_printf("fail: %s: correct mailboxes[].path "
			"or its owner and mode", error->message));
	}
	g_ptr_array_add(lines, NULL);
	return (char **) g_ptr_array_free(lines, FALSE);
}
