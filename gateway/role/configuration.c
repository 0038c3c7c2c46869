/* SPDX-License-Identifier: ISC
 *
 * configuration: reads the file; the only user of libconfig.  libconfig tells neither unknown
 * names nor missing ones nor wrong types, so the whole tree is walked against the table of
 * settings and every fault is told at once, with its place.  What needs more than the file is in
 * configuration-check.c.  Refuses: fractions, integers that libconfig would cut to 32 bits in
 * silence, secrets others can read.
 */
#include "role/configuration.h"
#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 4096			/* bytes of a password file */

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(config_t, config_destroy)

/* model cannot see role.h: that the bits of both agree is checked here. */
#define AGREE(NAME) G_STATIC_ASSERT((int)ROLE_##NAME == (int)SLICE_##NAME)
AGREE(SUPERVISOR);
AGREE(HUB);
AGREE(FETCH);
AGREE(MIME);
AGREE(LETTER);
AGREE(KEYS);
AGREE(SUBMIT);

struct reading {
	const char *main_file;		/* as given */
	char *directory;		/* of main_file, as given */
	char *absolute;			/* the same, absolute */
	struct options *options;
	GPtrArray *faults;		/* char *, for faults_take() */
	GHashTable *cut_numbers;	/* "file:line" → a number that libconfig cut there */
	GHashTable *scanned;		/* files already looked through for those */
	bool leaves_secrets;		/* their files are not opened */
};

/* ---- places --------------------------------------------------------------------------- */

/* libconfig 1.5 names an included file as it was written, 1.7 with the directory in front. */
static char *
file_shown(const struct reading *r, const char *source)
{
	g_autofree char *prefix = g_strconcat(r->directory, "/", NULL);

	if (source == NULL || strcmp(source, r->main_file) == 0)
		return g_strdup(r->main_file);
	if (strcmp(r->directory, ".") == 0)
		return g_strdup(g_str_has_prefix(source, "./") ? source + 2 : source);
	if (g_path_is_absolute(source) || g_str_has_prefix(source, prefix))
		return g_strdup(source);
	return g_strconcat(prefix, source, NULL);
}

/* ---- integers cut by libconfig ---------------------------------------------------------------
 * 4294967296 without an L at its end is stored as 0, and the tree does not show it. */

#define WORD_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-*"

static gsize
token_size(const char *p)
{
	const char *end;

	if (*p == '#' || strncmp(p, "//", 2) == 0)
		return strcspn(p, "\n");
	if (strncmp(p, "/*", 2) == 0) {
		end = strstr(p + 2, "*/");
		return end == NULL ? strlen(p) : (gsize)(end + 2 - p);
	}
	if (*p == '"') {
		for (end = p + 1; *end != '\0' && *end != '"'; end++)
			if (*end == '\\' && end[1] != '\0')
				end++;
		return (gsize)(end - p) + (*end == '"');
	}
	return MAX(1, strspn(p, WORD_LETTERS));
}

static bool
is_cut(const char *word)
{
	const char *digits = word + (*word == '-' || *word == '+');
	bool is_hex = g_ascii_strncasecmp(digits, "0x", 2) == 0;
	gint64 number;

	if (!g_ascii_isdigit(*digits) || (!is_hex && strpbrk(digits, ".eE") != NULL))
		return false;
	g_autofree char *bare = g_strdup(is_hex ? digits + 2 : word + (*word == '+'));
	gsize size = strcspn(bare, "Ll");
	bool is_long = bare[size] != '\0';

	bare[size] = '\0';
	if (!g_ascii_string_to_signed(bare, is_hex ? 16 : 10, G_MININT64, G_MAXINT64, &number,
	    NULL))
		return true;
	return !is_long && (number < G_MININT32 || number > G_MAXINT32);
}

static void
scan_numbers(struct reading *r, const char *file)
{
	g_autofree char *text = NULL;
	guint line = 1;

	if (!g_hash_table_add(r->scanned, g_strdup(file)) ||
	    !g_file_get_contents(file, &text, NULL, NULL))
		return;
	for (const char *p = text; *p != '\0';) {
		gsize size = token_size(p);
		char *word = g_strndup(p, size);

		for (gsize i = 0; i < size; i++)
			line += p[i] == '\n';
		if (is_cut(word))
			g_hash_table_replace(r->cut_numbers, g_strdup_printf("%s:%u", file, line),
			    word);
		else
			g_free(word);
		p += size;
	}
}

static char *
place(struct reading *r, const config_setting_t *setting)
{
	g_autofree char *file = file_shown(r, config_setting_source_file(setting));

	scan_numbers(r, file);
	return g_strdup_printf("%s:%u", file, config_setting_source_line(setting));
}

/* ---- secrets -------------------------------------------------------------------------- */

static enum outcome
secret_check(int fd, struct stat *st, GError **error)
{
	if (fd == -1 || fstat(fd, st) == -1)
		return fail(error, NEVER, "cannot be read: %s", g_strerror(errno));
	if (!S_ISREG(st->st_mode))
		return fail(error, NEVER, "is no ordinary file");
	if ((st->st_mode & 077) != 0)
		return fail(error, NEVER, "is open to others (mode %04o); chmod 600 it",
		    (unsigned)st->st_mode & 07777);
	if (st->st_size > SECRET_MAX)
		return fail(error, NEVER, "is larger than %d bytes", SECRET_MAX);
	return DONE;
}

/* One line of text; its newline is not part of it. */
static enum outcome
secret_read(const char *path, char **secret, GError **error)
{
	char buffer[SECRET_MAX + 1];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum outcome how = secret_check(fd, &st, error);
	ssize_t size = how == DONE ? read(fd, buffer, SECRET_MAX) : 0;

	if (fd != -1)
		close(fd);
	if (how != DONE)
		return how;
	if (size > 0 && buffer[size - 1] == '\n')
		size--;
	if (size <= 0)
		return fail(error, NEVER, "is empty");
	buffer[size] = '\0';
	if (strlen(buffer) != (size_t)size || strpbrk(buffer, "\r\n") != NULL ||
	    !g_utf8_validate(buffer, size, NULL))
		how = fail(error, NEVER, "holds more than one line of UTF-8 text");
	else
		*secret = g_strdup(buffer);
	wipe(buffer, sizeof(buffer));
	return how;
}

/* ---- one setting ---------------------------------------------------------------------- */

static char *
path_absolute(const struct reading *r, const char *path)
{
	return g_path_is_absolute(path) ? g_strdup(path) :
	    g_build_filename(r->absolute, path, NULL);
}

static void
set(struct reading *r, const struct option *row, const char *path, const char *value)
{
	bool is_path = row->type == OPTION_PATH || row->type == OPTION_SECRET_FILE;
	g_autofree char *absolute = is_path ? path_absolute(r, value) : NULL;

	options_set(r->options, path, is_path ? absolute : value);
}

/* Takes a text if the row accepts it; else tells the fault. */
static bool
accept(struct reading *r, const struct option *row, const char *path, const config_setting_t *at,
	const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *value = option_accept(row, text, &error);
	g_autofree char *where = place(r, at);

	if (value == NULL)
		fault_add(r->faults, where, path, "%s", error->message);
	else
		set(r, row, path, value);
	return value != NULL;
}

/* Each taker returns false if the setting is of a wrong type. */
typedef bool taker(struct reading *, const struct option *, const char *path,
	const config_setting_t *);

static void walk_group(struct reading *, const char *path, const config_setting_t *);

static bool
take_group(struct reading *r, const struct option *row, const char *path, const config_setting_t *s)
{
	(void)row;
	if (!config_setting_is_group(s))
		return false;
	walk_group(r, path, s);
	return true;
}

/* What is required, or has a default, cannot be nothing. */
static void
refuse_empty(struct reading *r, const struct option *row, const char *path,
	const config_setting_t *s)
{
	g_autofree char *at = place(r, s);

	if (row->standard != NULL && config_setting_length(s) == 0)
		fault_add(r->faults, at, path, "must not be empty");
}

/* A list of nothing but groups. */
static bool
take_list(struct reading *r, const struct option *row, const char *path, const config_setting_t *s)
{
	int n = config_setting_length(s);

	if (!config_setting_is_list(s) && !(config_setting_is_array(s) && n == 0))
		return false;
	for (int i = 0; i < n; i++)
		if (!config_setting_is_group(config_setting_get_elem(s, (unsigned)i)))
			return false;
	g_autofree char *count_path = g_strconcat(path, ".#", NULL);
	g_autofree char *count = g_strdup_printf("%d", n);

	refuse_empty(r, row, path, s);
	options_set(r->options, count_path, count);
	for (int i = 0; i < n; i++) {
		const config_setting_t *item = config_setting_get_elem(s, (unsigned)i);
		g_autofree char *item_path = g_strdup_printf("%s.%d", path, i);
		g_autofree char *at = place(r, item);

		option_set_place(r->options, item_path, at);
		walk_group(r, item_path, item);
	}
	return true;
}

static bool
take_text(struct reading *r, const struct option *row, const char *path, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (text != NULL)
		accept(r, row, path, s, text);
	return text != NULL;
}

static bool
take_texts(struct reading *r, const struct option *row, const char *path, const config_setting_t *s)
{
	int n = config_setting_length(s);

	if (!config_setting_is_list(s) && !config_setting_is_array(s))
		return false;
	for (int i = 0; i < n; i++)
		if (config_setting_get_string_elem(s, i) == NULL)
			return false;
	g_autofree char *count_path = g_strconcat(path, ".#", NULL);

	refuse_empty(r, row, path, s);
	options_set(r->options, count_path, "0");	/* away with the defaults */
	for (int i = 0; i < n; i++) {
		g_autofree char *item_path = g_strdup_printf("%s.%d", path, i);

		accept(r, row, item_path, config_setting_get_elem(s, (unsigned)i),
		    config_setting_get_string_elem(s, i));
	}
	return true;
}

static bool
take_int(struct reading *r, const struct option *row, const char *path, const config_setting_t *s)
{
	int type = config_setting_type(s);
	g_autofree char *at = place(r, s);
	const char *cut = g_hash_table_lookup(r->cut_numbers, at);
	g_autofree char *text = g_strdup_printf("%lld", config_setting_get_int64(s));

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return false;
	if (cut != NULL)
		fault_add(r->faults, at, path, "%s is too large a number", cut);
	else
		accept(r, row, path, s, text);
	return true;
}

static bool
take_bool(struct reading *r, const struct option *row, const char *path, const config_setting_t *s)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return false;
	accept(r, row, path, s, config_setting_get_bool(s) ? "true" : "false");
	return true;
}

/* The content goes to the row without "_file", which fewer roles may know. */
static bool
take_secret(struct reading *r, const struct option *row, const char *path,
	const config_setting_t *s)
{
	g_autoptr(GError) error = NULL;
	char *secret = NULL;

	if (config_setting_get_string(s) == NULL)
		return false;
	if (!accept(r, row, path, s, config_setting_get_string(s)) || r->leaves_secrets)
		return true;
	if (secret_read(options_text(r->options, "%s", path), &secret, &error) != DONE) {
		g_autofree char *at = place(r, s);

		fault_add(r->faults, at, path, "\"%s\" %s", config_setting_get_string(s),
		    error->message);
		return true;
	}
	g_autofree char *secret_path = g_strndup(path, strlen(path) - strlen("_file"));

	options_set(r->options, secret_path, secret);
	wipe(secret, strlen(secret));
	g_free(secret);
	return true;
}

/* A text of its own for each language, or one for all. */
static bool
take_languages(struct reading *r, const struct option *row, const char *path,
	const config_setting_t *s)
{
	static const char *const languages[] = { "vi", "en" };
	const char *text = config_setting_get_string(s);

	if (text == NULL && !config_setting_is_group(s))
		return false;
	for (guint i = 0; text != NULL && i < G_N_ELEMENTS(languages); i++) {
		g_autofree char *one = g_strdup_printf("%s.%s", path, languages[i]);

		accept(r, row, one, s, text);
	}
	for (int i = 0; text == NULL && i < config_setting_length(s); i++) {
		const config_setting_t *child = config_setting_get_elem(s, (unsigned)i);
		g_autofree char *one = g_strdup_printf("%s.%s", path, config_setting_name(child));
		g_autofree char *at = place(r, child);

		option_set_place(r->options, one, at);
		if (option_find(one) != row)
			fault_add(r->faults, at, one, "unknown language, use vi or en");
		else if (!take_text(r, row, one, child))
			fault_add(r->faults, at, one, "a text in quotes belongs here");
	}
	return true;
}

static const struct {
	taker *take;
	const char *wanted;
} takers[] = {
	[OPTION_GROUP]		= { take_group,		"a group { }" },
	[OPTION_LIST]		= { take_list,		"a list of groups ( { }, { } )" },
	[OPTION_TEXT]		= { take_text,		"a text in quotes" },
	[OPTION_TEXTS]		= { take_texts,		"a list of texts [ \"\", \"\" ]" },
	[OPTION_INT]		= { take_int,		"a whole number" },
	[OPTION_BOOL]		= { take_bool,		"true or false" },
	[OPTION_TIME]		= { take_text,		"a time in quotes, like \"30s\"" },
	[OPTION_SIZE]		= { take_text,		"a size in quotes, like \"40MB\"" },
	[OPTION_WORD]		= { take_text,		"a word in quotes" },
	[OPTION_PATH]		= { take_text,		"a path in quotes" },
	[OPTION_SECRET_FILE]	= { take_secret,	"a path in quotes" },
	[OPTION_LANGUAGES]	= { take_languages,	"{ vi = \"\"; en = \"\"; } or one text" },
};

/* ---- the tree ------------------------------------------------------------------------- */

static bool
is_internal(const struct option *row)
{
	return row->range != NULL && strcmp(row->range, "internal") == 0;
}

/* Within the same group the last name will do. */
static void
fault_unknown(struct reading *r, const char *at, const char *path)
{
	const char *nearest = option_nearest(path), *dot = strrchr(path, '.');
	const char *last = nearest == NULL ? NULL : strrchr(nearest, '.');

	if (nearest == NULL) {
		fault_add(r->faults, at, path, "unknown setting");
		return;
	}
	g_autofree char *sibling = last == NULL ? g_strdup(nearest) :
	    g_strdup_printf("%.*s%s", dot == NULL ? 0 : (int)(dot - path), path, last);
	const struct option *row = option_find(sibling);
	bool is_near = row != NULL && strcmp(row->name, nearest) == 0 && last != NULL &&
	    dot != NULL;

	fault_add(r->faults, at, path, "unknown setting, did you mean %s?",
	    is_near ? last + 1 : nearest);
}

static void
walk_group(struct reading *r, const char *path, const config_setting_t *group)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(s);
		g_autofree char *own = *path == '\0' ? g_strdup(name) :
		    g_strdup_printf("%s.%s", path, name);
		const struct option *row = option_find(own);
		g_autofree char *at = place(r, s);

		option_set_place(r->options, own, at);
		if (row == NULL || is_internal(row))
			fault_unknown(r, at, own);
		else if (!takers[row->type].take(r, row, own, s))
			fault_add(r->faults, at, own, "%s belongs here", takers[row->type].wanted);
	}
}

/* ---- what is missing ------------------------------------------------------------------ */

/* A thing is missing only where its group is there: a missing group is told once. */
static void
require(struct reading *r, const char *group, const char *path)
{
	const char *at = *group == '\0' ? NULL : option_place(r->options, group);

	if (*group != '\0' && at == NULL)
		return;
	g_autofree char *top = g_strdup_printf("%s:1", r->main_file);

	if (option_place(r->options, path) == NULL)
		fault_add(r->faults, at == NULL ? top : at, path, "is missing");
}

/* "mailboxes[].name" is required of every item, "hotline.id" of its group. */
static void
require_row(struct reading *r, const struct option *row)
{
	const char *list_end = strstr(row->name, "[].");
	const char *dot = strrchr(row->name, '.');
	g_autofree char *list = list_end == NULL ? NULL :
	    g_strndup(row->name, (gsize)(list_end - row->name));

	if (list == NULL) {
		g_autofree char *group = g_strndup(row->name, dot == NULL ? 0 :
		    (gsize)(dot - row->name));

		require(r, group, row->name);
		return;
	}
	for (guint i = 0; i < options_count(r->options, "%s", list); i++) {
		g_autofree char *item = g_strdup_printf("%s.%u", list, i);
		g_autofree char *path = g_strconcat(item, dot, NULL);

		require(r, item, path);
	}
}

/* A bilingual setting that must be given, in each language the hotline answers in. */
static void
require_languages(struct reading *r, const struct option *row)
{
	for (guint i = 0; i < options_count(r->options, "hotline.languages"); i++) {
		const char *language = options_text(r->options, "hotline.languages.%u", i);
		const char *at = option_place(r->options, row->name);
		g_autofree char *path = g_strdup_printf("%s.%s", row->name, language);

		if (language != NULL && at != NULL && option_place(r->options, path) == NULL &&
		    options_text(r->options, "%s", path) == NULL)
			fault_add(r->faults, at, path, "is missing, hotline.languages names it");
	}
}

static void
require_all(struct reading *r)
{
	for (const struct option *row = options_table; row->name != NULL; row++) {
		if (row->standard == NULL || strcmp(row->standard, "!") != 0)
			continue;
		require_row(r, row);
		if (row->type == OPTION_LANGUAGES)
			require_languages(r, row);
	}
}

/* ---- the file ------------------------------------------------------------------------- */

static void
read_tree(struct reading *r)
{
	g_auto(config_t) tree;
	g_autofree char *top = g_strdup_printf("%s:0", r->main_file);
	struct stat st;

	config_init(&tree);
	config_set_include_dir(&tree, r->directory);
	if (stat(r->main_file, &st) == -1 || access(r->main_file, R_OK) == -1) {
		fault_add(r->faults, top, "file", "cannot be read: %s", g_strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		fault_add(r->faults, top, "file", "is no ordinary file");
	} else if (!config_read_file(&tree, r->main_file)) {
		g_autofree char *file = file_shown(r, config_error_file(&tree));
		g_autofree char *at = g_strdup_printf("%s:%d", file, config_error_line(&tree));

		fault_add(r->faults, at, "syntax", "%s", config_error_text(&tree));
	} else {
		walk_group(r, "", config_root_setting(&tree));
		require_all(r);
	}
}

/* The defaults of paths are relative to the file as well. */
static void
complete_paths(struct reading *r)
{
	for (const struct option *row = options_table; row->name != NULL; row++) {
		const char *value = strchr(row->name, '[') != NULL ? NULL :
		    options_text(r->options, "%s", row->name);

		if (row->type == OPTION_PATH && value != NULL && !g_path_is_absolute(value)) {
			g_autofree char *copy = g_strdup(value);

			set(r, row, row->name, copy);
		}
	}
}

static char **
read_file(const char *file, bool leaves_secrets, struct options **out)
{
	struct reading r = { .main_file = file, .options = options_new(),
		.leaves_secrets = leaves_secrets,
		.faults = g_ptr_array_new(),
		.cut_numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.scanned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };

	r.directory = g_path_get_dirname(file);
	r.absolute = g_canonicalize_filename(r.directory, NULL);
	read_tree(&r);
	complete_paths(&r);
	option_set_place(r.options, "file", file);
	char **lines = faults_take(r.faults);

	*out = lines == NULL ? g_steal_pointer(&r.options) : NULL;
	options_free(r.options);
	g_hash_table_destroy(r.cut_numbers);
	g_hash_table_destroy(r.scanned);
	g_free(r.directory);
	g_free(r.absolute);
	return lines;
}

char **
configuration_read(const char *file, struct options **out)
{
	return read_file(file, false, out);
}

char **
configuration_read_public(const char *file, struct options **out)
{
	return read_file(file, true, out);
}
