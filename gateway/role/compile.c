/* SPDX-License-Identifier: ISC
 *
 * compile: brings the index of certificates up to the files of keys.certificates.  Reads the
 * files' bytes, has keys read what is in them, puts the rows into the index.  A file is known by
 * name, size and time, so a start costs nothing where nothing changed.  Refuses to let one bad
 * file, or one that kills its reader, keep the others out.
 */
#include "role/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define FILES_MAX	100000		/* of the folder */
#define TRIES_MAX	2		/* of a file alone */

/* Of these only OpenPGP is read so far; the others belong to X.509. */
static const char *const endings[] = { ".asc", ".gpg", ".pgp", ".key" };

struct file {
	char *name;
	guint64 size;
	gint64 mtime;			/* ns */
	guint tries;			/* alone */
	bool was_in_crowd;		/* of a request that failed: asked alone from now on */
};

struct compile {
	char *folder;
	struct certificates *index;
	GQueue waiting, asked;		/* struct file */
};

static void
file_free(void *data)
{
	struct file *file = data;

	g_free(file->name);
	g_free(file);
}

void
compile_free(struct compile *compile)
{
	if (compile == NULL)
		return;
	g_queue_clear_full(&compile->waiting, file_free);
	g_queue_clear_full(&compile->asked, file_free);
	g_free(compile->folder);
	g_free(compile);
}

char *
directory_index_path(const struct options *options)
{
	return g_strconcat(options_text(options, "store.path"), ".certificates", NULL);
}

/* ---- the folder ---------------------------------------------------------- */

static bool
is_certificate_name(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
		if (name[0] != '.' && g_str_has_suffix(name, endings[i]) &&
		    g_utf8_validate(name, -1, NULL))
			return true;
	return false;
}

/* Name → struct file of every regular file that may hold certificates. */
static GHashTable *
folder_list(const char *folder, GError **error)
{
	g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
		file_free);
	GDir *dir = folder != NULL ? g_dir_open(folder, 0, NULL) : NULL;
	const char *name;

	if (folder != NULL && dir == NULL && access(folder, F_OK) == 0) {
		fail(error, LATER, "%s: cannot be read", folder);
		return NULL;
	}
	while (dir != NULL && g_hash_table_size(files) < FILES_MAX &&
	    (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		struct stat st;
		struct file *file;

		if (!is_certificate_name(name) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		file = g_new0(struct file, 1);
		file->name = g_strdup(name);
		file->size = (guint64)st.st_size;
		file->mtime = st.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) +
			st.st_mtim.tv_nsec;
		g_hash_table_insert(files, file->name, file);
	}
	if (dir != NULL)
		g_dir_close(dir);
	return g_steal_pointer(&files);
}

static gint
by_name(gconstpointer a, gconstpointer b, gpointer unused)
{
	(void)unused;
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* Rows of files that are no longer there. */
static enum outcome
forget_gone(struct certificates *index, GHashTable *files, GError **error)
{
	g_auto(GStrv) known = certificates_sources(index);
	enum outcome how = certificates_begin(index, error);

	for (char **name = known; how == DONE && *name != NULL; name++)
		if (g_hash_table_lookup(files, *name) == NULL)
			how = certificates_drop_source(index, *name, error);
	if (how == DONE)
		return certificates_commit(index, error);
	certificates_rollback(index);
	return how;
}

enum outcome
compile_new(const char *folder, struct certificates *index, struct compile **out, GError **error)
{
	g_autoptr(GHashTable) files = folder_list(folder, error);
	struct compile *compile;
	GHashTableIter each;
	gpointer file;

	*out = NULL;
	if (files == NULL || forget_gone(index, files, error) != DONE)
		return LATER;
	compile = g_new0(struct compile, 1);
	compile->folder = g_strdup(folder);
	compile->index = index;
	g_hash_table_iter_init(&each, files);
	while (g_hash_table_iter_next(&each, NULL, &file)) {
		const struct file *f = file;

		if (certificates_source_same(index, f->name, f->size, f->mtime))
			continue;
		g_hash_table_iter_steal(&each);
		g_queue_insert_sorted(&compile->waiting, file, by_name, NULL);
	}
	*out = compile;
	return DONE;
}

bool
compile_is_current(const char *folder, struct certificates *index)
{
	g_autoptr(GHashTable) files = folder_list(folder, NULL);
	g_auto(GStrv) known = certificates_sources(index);
	GHashTableIter each;
	gpointer file;

	if (files == NULL || g_strv_length(known) != g_hash_table_size(files))
		return false;
	g_hash_table_iter_init(&each, files);
	while (g_hash_table_iter_next(&each, NULL, &file)) {
		const struct file *f = file;

		if (!certificates_source_same(index, f->name, f->size, f->mtime))
			return false;
	}
	return true;
}

bool
compile_left(const struct compile *compile)
{
	return compile->waiting.length > 0 || compile->asked.length > 0;
}

/* ---- asking -------------------------------------------------------------- */

static void
refuse(const char *name, const char *why)
{
	g_autofree char *file = log_quote(name), *reason = log_quote(why);

	log_event(LOG_WARNING, "certificate-refused", "file=%s why=%s", file, reason);
}

/* What the file said before it changed may have been taken back since. */
static void
pass_over(struct compile *compile, const char *name, const char *why)
{
	g_autoptr(GError) error = NULL;

	refuse(name, why);
	if (certificates_begin(compile->index, &error) == DONE &&
	    certificates_drop_source(compile->index, name, &error) == DONE &&
	    certificates_commit(compile->index, &error) == DONE)
		return;
	certificates_rollback(compile->index);
	refuse(name, error->message);
}

/* Into the index, so that it is looked at again only when it changes. */
static enum outcome
file_put(struct compile *compile, const struct file *file, const struct reading *reading,
	const char *sha256, GError **error)
{
	enum outcome how = certificates_drop_source(compile->index, file->name, error);

	for (guint i = 0; how == DONE && reading != NULL && i < reading->rows->len; i++) {
		struct certificate_row *row = reading->rows->pdata[i];

		g_free(row->source);
		row->source = g_strdup(file->name);
		how = certificates_put(compile->index, row, error);
	}
	return how == DONE ? certificates_source_put(compile->index, file->name, file->size,
		file->mtime, sha256, error) : how;
}

/* NULL: it cannot be read, or is too large. */
static GBytes *
file_read(struct compile *compile, const struct file *file)
{
	g_autofree char *path = g_build_filename(compile->folder, file->name, NULL);
	g_autoptr(GError) error = NULL;
	char *content;
	gsize size;

	if (file->size > READ_BYTES_MAX) {
		pass_over(compile, file->name, "larger than 4 MB");
		return NULL;
	}
	if (!g_file_get_contents(path, &content, &size, &error)) {
		pass_over(compile, file->name, error->message);
		return NULL;
	}
	if (size > READ_BYTES_MAX) {
		pass_over(compile, file->name, "it grew past 4 MB meanwhile");
		g_free(content);
		return NULL;
	}
	return g_bytes_new_take(content, size);
}

bool
compile_ask(struct compile *compile, struct question *question)
{
	g_autoptr(GPtrArray) bytes = g_ptr_array_new_with_free_func((GDestroyNotify)(void *)
		g_bytes_unref);
	struct file *file;
	gsize total = 0;

	while ((file = g_queue_peek_head(&compile->waiting)) != NULL &&
	    bytes->len < READ_FILES_MAX) {
		bool alone = file->was_in_crowd;
		GBytes *content;

		if (bytes->len > 0 && (alone || total + file->size > READ_BYTES_MAX))
			break;
		g_queue_pop_head(&compile->waiting);
		if ((content = file_read(compile, file)) == NULL) {
			file_free(file);
			continue;
		}
		total += g_bytes_get_size(content);
		g_ptr_array_add(bytes, content);
		g_queue_push_tail(&compile->asked, file);
		if (alone)
			break;
	}
	if (bytes->len == 0)
		return false;
	readings_question((GBytes *const *)bytes->pdata, bytes->len, question);
	return true;
}

/* ---- answers ------------------------------------------------------------- */

static enum outcome
files_put(struct compile *compile, GPtrArray *readings, GError **error)
{
	guint i = 0;

	for (GList *l = compile->asked.head; l != NULL; l = l->next, i++) {
		const struct reading *reading = readings->pdata[i];
		const struct file *file = l->data;

		for (char **why = reading->refused; *why != NULL; why++)
			refuse(file->name, *why);
		if (file_put(compile, file, reading, "", error) != DONE)
			return LATER;
	}
	return DONE;
}

enum outcome
compile_take(struct compile *compile, int fd, GError **error)
{
	g_autoptr(GPtrArray) readings = readings_take(fd, compile->asked.length, error);
	enum outcome how;

	if (readings == NULL) {
		compile_failed(compile, (*error)->message);
		g_clear_error(error);
		return DONE;
	}
	how = certificates_begin(compile->index, error);
	if (how == DONE)
		how = files_put(compile, readings, error);
	if (how == DONE)
		how = certificates_commit(compile->index, error);
	else
		certificates_rollback(compile->index);
	g_queue_clear_full(&compile->asked, file_free);
	return how;
}

void
compile_failed(struct compile *compile, const char *why)
{
	bool alone = compile->asked.length == 1;
	struct file *file;

	while ((file = g_queue_pop_tail(&compile->asked)) != NULL) {
		file->was_in_crowd = true;
		if (alone && ++file->tries >= TRIES_MAX) {
			pass_over(compile, file->name, why);
			file_free(file);
		} else {
			g_queue_push_head(&compile->waiting, file);
		}
	}
}
