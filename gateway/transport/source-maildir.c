/* SPDX-License-Identifier: ISC
 *
 * A Maildir++ tree as a mailbox.  Keeps one sorted snapshot of the folder being listed, so that
 * reading a folder page by page sorts it once.  Relies on folder.c and maildir.c for the files.
 * Never looks into a mail, never deletes one.
 */
#include "transport/source.h"
#include "model/model.h"
#include "transport/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE	65536

struct tree {
	char *root, *done_folder, *held_folder;
	GPtrArray *folders;		/* struct folder, as asked for so far */
	GPtrArray *listed;		/* struct found by uid: the last listing begun */
	const struct folder *listed_folder;
};

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

/* ---- opening ------------------------------------------------------------------------------- */

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

static enum outcome
tree_open(const struct source_settings *settings, void **out, GError **error)
{
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

	struct tree *tree = g_new0(struct tree, 1);

	tree->root = g_strdup(settings->path);
	tree->done_folder = g_strdup(settings->done_folder);
	tree->held_folder = g_strdup(settings->held_folder);
	tree->folders = g_ptr_array_new_with_free_func(free_folder);
	tree->listed = g_ptr_array_new_with_free_func(free_found);
	*out = tree;
	return DONE;
}

static void
tree_close(void *box)
{
	struct tree *tree = box;

	g_ptr_array_unref(tree->folders);
	g_ptr_array_unref(tree->listed);
	g_free(tree->root);
	g_free(tree->done_folder);
	g_free(tree->held_folder);
	g_free(tree);
}

static enum outcome
enter(struct tree *tree, const char *name, struct folder **out, GError **error)
{
	g_autofree char *path = maildir_folder_path(tree->root, name, error);

	if (!path)
		return NEVER;
	for (guint i = 0; i < tree->folders->len; i++) {
		struct folder *folder = tree->folders->pdata[i];

		if (strcmp(folder->path, path) == 0) {
			*out = folder;
			return folder_enter(folder, error);
		}
	}
	*out = folder_new(name, path);
	g_ptr_array_add(tree->folders, *out);
	return folder_enter(*out, error);
}

/* ---- listing ------------------------------------------------------------------------------- */

static gint
by_uid(gconstpointer a, gconstpointer b)
{
	const struct found *left = *(struct found *const *) a, *right = *(struct found *const *) b;

	return strcmp(left->uid, right->uid);
}

static enum outcome
begin_listing(struct tree *tree, struct folder *folder, GError **error)
{
	GHashTableIter iter;
	gpointer value;
	enum outcome how = folder_scan(folder, error);

	tree->listed_folder = NULL;
	g_ptr_array_set_size(tree->listed, 0);
	if (how != DONE)
		return how;
	g_hash_table_iter_init(&iter, folder->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct entry *entry = value;

		g_ptr_array_add(tree->listed,
			found_new(entry->uid, entry->arrived, entry->size));
	}
	g_ptr_array_sort(tree->listed, by_uid);
	tree->listed_folder = folder;
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
is_not_made_yet(const struct tree *tree, const char *name)
{
	g_autofree char *path = maildir_folder_path(tree->root, name, NULL);

	return path && !maildir_is_inbox(name) && access(path, F_OK) < 0 && errno == ENOENT;
}

static enum outcome
tree_list(void *box, const char *folder_name, const char *after, guint max,
	struct listing *listing, GError **error)
{
	struct tree *tree = box;
	struct folder *folder;

	listing->identity = g_strdup("maildir");
	if (is_not_made_yet(tree, folder_name))
		return DONE;

	enum outcome how = enter(tree, folder_name, &folder, error);

	if (how == DONE && (*after == '\0' || tree->listed_folder != folder))
		how = begin_listing(tree, folder, error);
	if (how != DONE)
		return how;

	const GPtrArray *listed = tree->listed;
	guint at = first_after(listed, after);

	for (; at < listed->len && listing->found->len < max; at++) {
		const struct found *found = listed->pdata[at];

		g_ptr_array_add(listing->found,
			found_new(found->uid, found->arrived, found->size));
	}
	listing->more = at < listed->len;
	return DONE;
}

/* ---- taking -------------------------------------------------------------------------------- */

static enum outcome
take_pieces(int fd, struct sink *sink, GError **error)
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

		enum outcome how = sink_put(sink, piece, (gsize) n, error);

		if (how != DONE || sink->at_end)
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

static enum outcome
tree_take(void *box, const char *folder_name, const char *uid, struct sink *sink, GError **error)
{
	struct tree *tree = box;
	struct folder *folder;
	struct stat before, after;
	g_autoptr(GError) why = NULL;

	if (is_not_made_yet(tree, folder_name))
		return fail(error, NEVER, "gone");

	enum outcome how = enter(tree, folder_name, &folder, error);

	if (how != DONE)
		return how;

	int fd = folder_open_mail(folder, uid, &before, &why);

	if (fd < 0) {
		how = (enum outcome) why->code;
		g_propagate_error(error, g_steal_pointer(&why));
		return how;
	}
	if (!sink->header_only && (guint64) before.st_size > sink->max)
		how = limit_reached(error, "fetch", "mail size", sink->max);
	else
		how = take_pieces(fd, sink, error);
	if (how == DONE && (fstat(fd, &after) < 0 || !is_same(&before, &after,
	    sink->header_only ? (guint64) before.st_size : sink->total)))
		how = fail(error, LATER, "the mail changed while it was read");
	close(fd);
	return how;
}

/* ---- settling ------------------------------------------------------------------------------ */

static enum outcome
settle_one(struct tree *tree, const char *folder_name, const char *target, const char *uid,
	GError **error)
{
	struct folder *from, *done;
	const struct entry *mail;
	g_autofree char *path = maildir_folder_path(tree->root, target, error);
	enum outcome how = path ? maildir_make(path, true, error) : NEVER;

	if (how == DONE)
		how = enter(tree, target, &done, error);
	if (how == DONE)
		how = enter(tree, folder_name, &from, error);
	if (how != DONE)
		return how;
	if (from != done)
		return folder_settle(from, done, uid, error);
	how = folder_find(done, uid, true, &mail, error);
	if (how == DONE && !mail)
		return fail(error, NEVER, "gone");
	return how;
}

static enum outcome
tree_settle(void *box, const char *folder_name, enum target target, const char *const *uids,
	GPtrArray *out, GError **error)
{
	const struct tree *tree = box;
	const char *name = target == TO_HELD ? tree->held_folder : tree->done_folder;

	if (!name)
		return fail(error, NEVER, "no held_folder");
	for (; *uids; uids++) {
		g_autoptr(GError) why = NULL;
		enum outcome how = settle_one(box, folder_name, name, *uids, &why);

		g_ptr_array_add(out, settled_new(how, why ? why->message : NULL, NULL, NULL));
	}
	return DONE;
}

static enum outcome
tree_remove(void *box, const char *folder_name, const char *const *uids, GPtrArray *out,
	GError **error)
{
	struct folder *folder;
	enum outcome how = enter(box, folder_name, &folder, error);

	for (; how == DONE && *uids; uids++) {
		g_autoptr(GError) why = NULL;
		enum outcome one = folder_remove(folder, *uids, &why);

		g_ptr_array_add(out, settled_new(one, why ? why->message : NULL, NULL, NULL));
	}
	return how;
}

/* ---- folders ------------------------------------------------------------------------------- */

static void
add_folder(GPtrArray *names, const char *root, const char *name)
{
	g_autofree char *path = g_build_filename(root, name, NULL);

	/* A name that is no UTF-8 cannot be told to anybody, nor be watched. */
	if (*name != '.' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !maildir_is(path))
		return;
	g_ptr_array_add(names, g_utf8_make_valid(name + 1, -1));
}

static void
tree_folders(void *box, GPtrArray *names)
{
	struct tree *tree = box;
	DIR *dir = opendir(tree->root);
	const struct dirent *item;

	while (dir && names->len < FOLDERS_MAX && (item = readdir(dir)) != NULL)
		add_folder(names, tree->root, item->d_name);
	if (dir)
		closedir(dir);
}

/* ---- room ---------------------------------------------------------------------------------- */

static void
add_sizes(gpointer uid, gpointer entry, gpointer used)
{
	(void) uid;
	*(guint64 *) used += ((const struct entry *) entry)->size;
}

static enum outcome
tree_room(void *box, struct room *out, GError **error)
{
	struct tree *tree = box;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	enum outcome how = DONE;

	tree_folders(box, names);
	g_ptr_array_add(names, g_strdup("INBOX"));
	for (guint i = 0; i < names->len && how == DONE; i++) {
		struct folder *folder;

		how = enter(tree, names->pdata[i], &folder, error);
		if (how == DONE)
			how = folder_scan(folder, error);
		if (how == DONE)
			g_hash_table_foreach(folder->entries, add_sizes, &out->used);
	}
	return how;
}

/* ---- check --------------------------------------------------------------------------------- */

static void
check_folder(GPtrArray *lines, struct tree *tree, const char *name)
{
	struct folder *folder;
	g_autoptr(GError) error = NULL;

	if (enter(tree, name, &folder, &error) != DONE || folder_scan(folder, &error) != DONE)
		line_add(lines, "fail: %s: correct the Maildir, its owner or mode", error->message);
	else if (folder->n_odd > 0)
		line_add(lines, "warn: folder %s holds %u entries that are no plain files, they "
			"are left alone: remove them", name, folder->n_odd);
	else
		line_add(lines, "ok: folder %s holds %u mails", name,
			g_hash_table_size(folder->entries));
}

static void
tree_check(const struct source_settings *settings, GPtrArray *lines)
{
	g_autoptr(GError) error = NULL;
	void *box;

	if (tree_open(settings, &box, &error) != DONE) {
		line_add(lines, "fail: %s: correct mailboxes[].path or its owner and mode",
			error->message);
		return;
	}
	line_add(lines, "ok: Maildir can be read and changed");
	check_folder(lines, box, "INBOX");
	check_folder(lines, box, settings->done_folder);
	tree_close(box);
}

const struct source_kind source_maildir = {
	.type = "maildir", .open = tree_open, .close = tree_close, .list = tree_list,
	.take = tree_take, .settle = tree_settle, .remove = tree_remove, .room = tree_room,
	.folders = tree_folders, .check = tree_check,
};
