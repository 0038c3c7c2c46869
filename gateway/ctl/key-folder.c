/* SPDX-License-Identifier: ISC
 *
 * key-folder: the files of keys.certificates, as the daemon takes them: one certificate or many
 * in each.  Read by crypto/, and only when somebody asks for it.  Relies on no index: the verbs
 * work without store and daemon.  Reads at most FILES_READ files in one call and says so; a file
 * that is no certificate is named, never passed over.
 */
#include "ctl/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_NAMED	100000	/* of the folder */
#define FILES_READ	1000	/* in one call; a file costs some 20 ms */

#define FILE_MOST	4194304	/* bytes; the daemon reads no larger one either */

/* ending, why such a file is not read */
static const struct { const char *text, *why; } endings[] = {
	{ ".asc", NULL }, { ".gpg", NULL }, { ".pgp", NULL }, { ".key", NULL },
	{ ".pem", SMIME_NOT_YET }, { ".crt", SMIME_NOT_YET },
};

/* ---- the folder --------------------------------------------------------------------------- */

void
key_file_clear(struct key_file *file)
{
	g_free(file->name);
	g_free(file->why);
	if (file->certificates)
		g_ptr_array_unref(file->certificates);
}

static void
file_free(gpointer file)
{
	key_file_clear(file);
	g_free(file);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	const struct key_file *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void
list_names(struct folder *folder)
{
	GDir *dir = g_dir_open(folder->path, 0, NULL);
	const char *name;

	if (!dir) {
		folder->is_missing = errno == ENOENT;
		folder->why = g_strdup(g_strerror(errno));
		return;
	}
	while (folder->files->len < FILES_NAMED && (name = g_dir_read_name(dir)) != NULL) {
		if (*name == '.')
			continue;

		struct key_file *file = g_new0(struct key_file, 1);

		file->name = g_strdup(name);
		g_ptr_array_add(folder->files, file);
	}
	folder->is_cut = folder->files->len == FILES_NAMED;
	g_dir_close(dir);
	g_ptr_array_sort(folder->files, by_name);
}

struct folder *
folder_open(const struct ctl *ctl)
{
	struct folder *folder = g_new0(struct folder, 1);

	folder->path = g_strdup(options_text(ctl->options, "keys.certificates"));
	folder->files = g_ptr_array_new_with_free_func(file_free);
	list_names(folder);
	return folder;
}

void
folder_free(struct folder *folder)
{
	if (!folder)
		return;
	if (folder->scratch)
		home_remove(folder->scratch);
	g_ptr_array_unref(folder->files);
	g_free(folder->scratch);
	g_free(folder->path);
	g_free(folder->why);
	g_free(folder);
}

/* ---- one file ----------------------------------------------------------------------------- */

/* Where a home for one certificate can be made. */
static const char *
scratch_of(struct folder *folder)
{
	static const char *const places[] = { "/dev/shm/ungcuu-XXXXXX", "/tmp/ungcuu-XXXXXX" };

	for (guint i = 0; !folder->scratch && i < G_N_ELEMENTS(places); i++) {
		char *place = g_strdup(places[i]);

		if (g_mkdtemp_full(place, 0700))
			folder->scratch = place;
		else
			g_free(place);
	}
	return folder->scratch;
}

static const char *
name_fault(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
		if (g_str_has_suffix(name, endings[i].text))
			return endings[i].why;
	return "not read: its name ends in none of .asc, .gpg, .pgp, .key";
}

static enum outcome
read_bytes(const char *path, GBytes **out, GError **error)
{
	g_auto(input_auto) input = { 0 };
	struct stat st;

	if (stat(path, &st) != 0)
		return fail(error, NEVER, "%s", g_strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(error, NEVER, "no ordinary file");

	enum outcome how = input_read(path, FILE_MOST, &input, error);

	if (how == DONE && !input.bytes)
		return fail(error, NEVER, "larger than %d bytes", FILE_MOST);
	*out = g_steal_pointer(&input.bytes);
	return how;
}

/* Certificates and refusals; a fault of the file as a whole is a refusal, too. */
static void
read_pieces(const char *path, const char *home, struct key_file *file)
{
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GPtrArray) certificates = NULL;
	g_autoptr(GPtrArray) refused = NULL;
	g_autoptr(GError) error = NULL;

	if (read_bytes(path, &bytes, &error) != DONE ||
	    certificates_read(bytes, home, &certificates, &refused, &error) != DONE) {
		file->why = g_strdup(error->message);
		return;
	}
	g_ptr_array_unref(file->certificates);
	file->certificates = g_steal_pointer(&certificates);
	if (refused->len == 0)
		return;
	g_ptr_array_add(refused, NULL);
	file->why = g_strjoinv("; ", (char **) refused->pdata);
	g_ptr_array_set_size(refused, (gint) refused->len - 1);
}

bool
folder_read(struct folder *folder, struct key_file *file)
{
	g_autofree char *path = g_build_filename(folder->path, file->name, NULL);
	const char *fault = name_fault(file->name), *scratch = NULL;

	if (file->is_read)
		return true;
	if (!fault && folder->n_read == FILES_READ) {
		folder->is_cut = true;
		return false;
	}
	file->is_read = true;
	file->certificates = g_ptr_array_new();
	if (!fault && !(scratch = scratch_of(folder)))
		fault = "there is no temporary folder to read it in";
	if (fault) {
		file->why = g_strdup(fault);
		return true;
	}

	g_autofree char *home = g_build_filename(scratch, "home", NULL);

	folder->n_read++;
	read_pieces(path, home, file);
	return true;
}

/* ---- finding ------------------------------------------------------------------------------ */

static bool
is_named(const struct key_file *file, const char *fingerprint)
{
	gsize size = strlen(fingerprint);

	return g_ascii_strncasecmp(file->name, fingerprint, size) == 0 && file->name[size] == '.';
}

static const struct certificate *
held(struct folder *folder, struct key_file *file, const char *fingerprint)
{
	for (guint i = 0; folder_read(folder, file) && i < file->certificates->len; i++) {
		const struct certificate *certificate = file->certificates->pdata[i];

		if (g_ascii_strcasecmp(certificate->fingerprint, fingerprint) == 0)
			return certificate;
	}
	return NULL;
}

const struct certificate *
folder_find(struct folder *folder, const char *fingerprint, const struct key_file **where)
{
	const struct certificate *found = NULL;

	for (guint turn = 0; turn < 2; turn++)
		for (guint i = 0; i < folder->files->len && !found; i++) {
			struct key_file *file = folder->files->pdata[i];

			if (turn == 1 || is_named(file, fingerprint))
				found = held(folder, file, fingerprint);
			*where = found ? file : NULL;
		}
	return found;
}

const char *
folder_lacks(const struct folder *folder, const char *fingerprint)
{
	if (strlen(fingerprint) == 64)
		return SMIME_NOT_YET;
	return folder->is_cut ? "not among as many files of keys.certificates as one call reads" :
		"no certificate in keys.certificates";
}

char *
key_party(const struct site *site, const char *fingerprint)
{
	for (guint i = 0; i < site->parties->len; i++) {
		const struct party *party = site->parties->pdata[i];

		for (char **key = party->keys; *key; key++)
			if (g_ascii_strcasecmp(*key, fingerprint) == 0)
				return party_text(party);
	}
	return NULL;
}

enum outcome
certificate_parse(GBytes *bytes, struct certificate **out, GError **error)
{
	g_autofree char *scratch = g_dir_make_tmp("ungcuu-XXXXXX", error);
	g_autofree char *home = scratch ? g_build_filename(scratch, "home", NULL) : NULL;
	enum outcome how = home ? certificate_read(bytes, home, out, error) : LATER;

	if (scratch)
		home_remove(scratch);
	return how;
}

const char *
certificate_fault(const struct certificate *certificate)
{
	if (certificate->revoked)
		return "revoked";
	if (certificate->expired)
		return "expired";
	return certificate->can_encrypt ? NULL : "no encryption key that is valid";
}
