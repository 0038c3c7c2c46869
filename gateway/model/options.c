/* SPDX-License-Identifier: ISC
 *
 * options: checked values of the configuration as a map from concrete path to text, and the walk
 * over the one table of settings (options-table.c).  Times are kept in ms, sizes in bytes, yes
 * and no as true and false.  Reads no file and knows no syntax: role/configuration.c does.
 *
 * Notation.  A row's name has "[]" behind the name of a list or map: any one segment.
 * "mailboxes[].host" stands for the paths "mailboxes.0.host", "mailboxes.1.host"; "template[][]"
 * for "template.vi.T01".  A row of type TEXTS stands for its items too ("hotline.aliases.0"),
 * one of type LANGUAGES for "hotline.name.vi" and ".en".  The count of a list is kept under "#"
 * ("mailboxes.#") and grows with the items.
 */
#include "model/model.h"

#include <stdarg.h>
#include <string.h>

#define OPTIONS_ENTRIES_MAX	100000	/* of one slice: templates, and a large directory */
#define OPTIONS_ITEMS_MAX	5000	/* of one list */

struct options {
	GHashTable *values;	/* path → text */
};

/* ---- the table ------------------------------------------------------------------------ */

static bool
is_index(const char *segment, gsize size)
{
	for (gsize i = 0; i < size; i++)
		if (!g_ascii_isdigit(segment[i]))
			return false;
	return size > 0 && size <= 4;
}

/* Does what follows the row's own name belong to it: an item of a list of texts, a language? */
static bool
tail_matches(const struct option *row, const char *tail)
{
	if (*tail == '\0')
		return true;
	if (*tail != '.')
		return false;
	if (row->type == OPTION_TEXTS)
		return is_index(tail + 1, strlen(tail + 1));
	if (row->type == OPTION_LANGUAGES)
		return strcmp(tail, ".vi") == 0 || strcmp(tail, ".en") == 0;
	return false;
}

static bool
row_matches(const struct option *row, const char *path)
{
	const char *name = row->name;

	while (*name != '\0') {
		if (strncmp(name, "[]", 2) == 0) {
			gsize size = *path == '.' ? strcspn(path + 1, ".") : 0;

			if (size == 0 || path[1] == '#')
				return false;
			name += 2;
			path += 1 + size;
		} else if (*name++ != *path++) {
			return false;
		}
	}
	return tail_matches(row, path);
}

const struct option *
option_find(const char *path)
{
	for (const struct option *row = options_table; row->name != NULL; row++)
		if (row_matches(row, path))
			return row;
	return NULL;
}

/* "mailboxes.0.hst" → "mailboxes[].hst", the spelling of the table. */
static char *
path_to_name(const char *path)
{
	GString *name = g_string_new(NULL);

	while (*path != '\0') {
		gsize size = strcspn(path, ".");

		if (is_index(path, size) && name->len > 0) {
			g_string_append(name, "[]");
		} else {
			if (name->len > 0)
				g_string_append_c(name, '.');
			g_string_append_len(name, path, (gssize)size);
		}
		path += size + (path[size] == '.');
	}
	return g_string_free(name, FALSE);
}

static bool
is_same_parent(const char *a, const char *b)
{
	const char *end_a = strrchr(a, '.'), *end_b = strrchr(b, '.');
	gsize na = end_a == NULL ? 0 : (gsize)(end_a - a);
	gsize nb = end_b == NULL ? 0 : (gsize)(end_b - b);

	return na == nb && strncmp(a, b, na) == 0;
}

/* How far a row is from a wrong name; G_MAXUINT if it cannot be meant.  "key" for "key_file", and
 * the right name in a wrong group, are as far as a slip may be: a slip in the group wins. */
static guint
row_distance(const struct option *row, const char *name, guint slip)
{
	const char *dot = strrchr(name, '.'), *row_dot = strrchr(row->name, '.');
	const char *last = dot == NULL ? name : dot + 1;
	const char *row_last = row_dot == NULL ? row->name : row_dot + 1;

	if (row->range != NULL && strcmp(row->range, "internal") == 0)
		return G_MAXUINT;
	if (!is_same_parent(name, row->name))
		return strcmp(last, row_last) == 0 ? slip : G_MAXUINT;
	if (g_str_has_prefix(row_last, last) && row_last[strlen(last)] == '_')
		return slip;
	return words_distance(last, row_last);
}

const char *
option_nearest(const char *path)
{
	g_autofree char *name = path_to_name(path);
	const char *dot = strrchr(name, '.'), *nearest = NULL;
	guint slip = (guint)MAX(1, strlen(dot == NULL ? name : dot + 1) / 3), best = slip + 1;

	for (const struct option *row = options_table; row->name != NULL; row++) {
		guint far = row_distance(row, name, slip);

		if (far < best) {
			best = far;
			nearest = row->name;
		}
	}
	return nearest;
}

/* ---- values --------------------------------------------------------------------------- */

static struct options *
options_empty(void)
{
	struct options *o = g_new0(struct options, 1);

	o->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return o;
}

static void
put(struct options *o, char *path, const char *value)
{
	g_hash_table_replace(o->values, path, g_strdup(value));
}

/* The default of one row at one concrete path; that of a list of texts is separated by blanks. */
static void
put_default(struct options *o, const struct option *row, const char *path)
{
	if (row->standard == NULL || strcmp(row->standard, "!") == 0)
		return;
	if (row->type == OPTION_TEXTS) {
		g_auto(GStrv) words = g_strsplit(row->standard, " ", -1);

		for (guint i = 0; words[i] != NULL; i++)
			put(o, g_strdup_printf("%s.%u", path, i), words[i]);
		g_autofree char *count = g_strdup_printf("%u", g_strv_length(words));

		put(o, g_strdup_printf("%s.#", path), count);
		return;
	}
	g_autofree char *value = option_accept(row, row->standard, NULL);

	if (value == NULL)
		panic("the default of %s is not acceptable", row->name);
	put(o, g_strdup(path), value);
}

struct options *
options_new(void)
{
	struct options *o = options_empty();

	for (const struct option *row = options_table; row->name != NULL; row++)
		if (strchr(row->name, '[') == NULL)
			put_default(o, row, row->name);
	return o;
}

void
options_free(struct options *o)
{
	if (o == NULL)
		return;
	GHashTableIter iter;
	gpointer path, value;

	g_hash_table_iter_init(&iter, o->values);
	while (g_hash_table_iter_next(&iter, &path, &value))
		if (g_str_has_suffix(path, ".password"))
			wipe(value, strlen(value));
	g_hash_table_destroy(o->values);
	g_free(o);
}

static guint
count_at(const struct options *o, const char *list)
{
	g_autofree char *path = g_strconcat(list, ".#", NULL);
	const char *text = g_hash_table_lookup(o->values, path);

	return text == NULL ? 0 : (guint)g_ascii_strtoull(text, NULL, 10);
}

static void
item_defaults(struct options *o, const char *list, guint index)
{
	for (const struct option *row = options_table; row->name != NULL; row++) {
		gsize n = strlen(list);

		if (strncmp(row->name, list, n) != 0 || strncmp(row->name + n, "[].", 3) != 0 ||
		    strchr(row->name + n + 3, '[') != NULL)
			continue;
		g_autofree char *path = g_strdup_printf("%s.%u.%s", list, index, row->name + n + 3);

		if (!g_hash_table_contains(o->values, path))
			put_default(o, row, path);
	}
}

/* Makes the list hold at least `count` items, each with its defaults. */
static void
grow(struct options *o, const char *list, guint count)
{
	guint had = count_at(o, list);

	if (count <= had)
		return;
	g_autofree char *text = g_strdup_printf("%u", count);

	put(o, g_strconcat(list, ".#", NULL), text);
	for (guint i = had; i < count; i++)
		item_defaults(o, list, i);
}

/* Drops the items from `count` on. */
static void
shrink(struct options *o, const char *list, guint count)
{
	guint had = count_at(o, list);
	GHashTableIter iter;
	gpointer path;
	gsize n = strlen(list);

	if (count >= had)
		return;
	g_hash_table_iter_init(&iter, o->values);
	while (g_hash_table_iter_next(&iter, &path, NULL)) {
		const char *tail = (const char *)path + n + 1;

		if (g_str_has_prefix(path, list) && ((const char *)path)[n] == '.' &&
		    g_ascii_isdigit(*tail) && g_ascii_strtoull(tail, NULL, 10) >= count)
			g_hash_table_iter_remove(&iter);
	}
	g_autofree char *text = g_strdup_printf("%u", count);

	put(o, g_strconcat(list, ".#", NULL), text);
}

void
options_set(struct options *o, const char *path, const char *value)
{
	if (g_str_has_suffix(path, ".#")) {
		g_autofree char *list = g_strndup(path, strlen(path) - 2);
		guint count = (guint)MIN(g_ascii_strtoull(value, NULL, 10), OPTIONS_ITEMS_MAX);

		shrink(o, list, count);
		grow(o, list, count);
		if (!g_hash_table_contains(o->values, path))
			put(o, g_strdup(path), value);
		return;
	}
	for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
		gsize size = strcspn(dot + 1, ".");

		if (is_index(dot + 1, size)) {
			g_autofree char *list = g_strndup(path, (gsize)(dot - path));

			grow(o, list, (guint)g_ascii_strtoull(dot + 1, NULL, 10) + 1);
		}
	}
	put(o, g_strdup(path), value);
}

static const char *
lookup(const struct options *o, const char *format, va_list arguments)
{
	g_autofree char *path = g_strdup_vprintf(format, arguments);

	return g_hash_table_lookup(o->values, path);
}

const char *
options_text(const struct options *o, const char *path, ...)
{
	va_list arguments;

	va_start(arguments, path);
	const char *text = lookup(o, path, arguments);
	va_end(arguments);
	return text;
}

gint64
options_int(const struct options *o, const char *path, ...)
{
	va_list arguments;
	gint64 number = 0;

	va_start(arguments, path);
	const char *text = lookup(o, path, arguments);
	va_end(arguments);
	if (text != NULL &&
	    !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL))
		panic("option %s is no number", path);
	return number;
}

bool
options_bool(const struct options *o, const char *path, ...)
{
	va_list arguments;

	va_start(arguments, path);
	const char *text = lookup(o, path, arguments);
	va_end(arguments);
	return text != NULL && strcmp(text, "true") == 0;
}

guint
options_count(const struct options *o, const char *path, ...)
{
	va_list arguments;

	va_start(arguments, path);
	g_autofree char *list = g_strdup_vprintf(path, arguments);
	va_end(arguments);
	return count_at(o, list);
}

/* ---- slices --------------------------------------------------------------------------- */

/* A list's count goes with its items; an item is seen if any setting of it is. */
static bool
list_is_for(const char *path, unsigned role)
{
	g_autofree char *list = g_strndup(path, strlen(path) - 2);
	g_autofree char *name = path_to_name(list);
	g_autofree char *items = g_strconcat(name, "[]", NULL);

	for (const struct option *row = options_table; row->name != NULL; row++)
		if ((row->roles & role) != 0 &&
		    (strcmp(row->name, name) == 0 || g_str_has_prefix(row->name, items)))
			return true;
	return false;
}

struct options *
options_slice(const struct options *o, unsigned role)
{
	struct options *slice = options_empty();
	GHashTableIter iter;
	gpointer path, value;

	g_hash_table_iter_init(&iter, o->values);
	while (g_hash_table_iter_next(&iter, &path, &value)) {
		const struct option *row = option_find(path);

		if (row != NULL ? (row->roles & role) != 0 :
		    g_str_has_suffix(path, ".#") && list_is_for(path, role))
			put(slice, g_strdup(path), value);
	}
	return slice;
}

struct options *
options_for_mailbox(const struct options *o, unsigned role, guint index)
{
	struct options *all = options_slice(o, role), *one = options_empty();
	g_autofree char *own = g_strdup_printf("mailboxes.%u.", index);
	GHashTableIter iter;
	gpointer path, value;

	g_hash_table_iter_init(&iter, all->values);
	while (g_hash_table_iter_next(&iter, &path, &value)) {
		if (g_str_has_prefix(path, own))
			put(one, g_strconcat("mailboxes.0.", (char *)path + strlen(own), NULL),
			    value);
		else if (!g_str_has_prefix(path, "mailboxes."))
			put(one, g_strdup(path), value);
	}
	put(one, g_strdup("mailboxes.#"), index < count_at(o, "mailboxes") ? "1" : "0");
	options_free(all);
	return one;
}

GVariant *
options_to_variant(const struct options *o)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(ss)"));
	g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(o->values),
	    (GCompareFunc)strcmp);

	for (GList *p = paths; p != NULL; p = p->next)
		g_variant_builder_add(&b, "(ss)", p->data, g_hash_table_lookup(o->values, p->data));
	return g_variant_builder_end(&b);
}

static bool
is_number(const char *text, gint64 min, gint64 max)
{
	return g_ascii_string_to_signed(text, 10, min, max, NULL, NULL);
}

/* A known path, and a number where the row says so: options_int() relies on it. */
static bool
entry_is_sound(const char *path, const char *value)
{
	const struct option *row = option_find(path);

	if (row == NULL)
		return g_str_has_suffix(path, ".#") && is_number(value, 0, OPTIONS_ITEMS_MAX);
	if (row->type == OPTION_INT || row->type == OPTION_TIME || row->type == OPTION_SIZE)
		return is_number(value, G_MININT64, G_MAXINT64);
	return row->type != OPTION_GROUP && row->type != OPTION_LIST;
}

struct options *
options_from_variant(GVariant *variant)
{
	if (!g_variant_is_of_type(variant, G_VARIANT_TYPE("a(ss)")) ||
	    g_variant_n_children(variant) > OPTIONS_ENTRIES_MAX ||
	    !g_variant_is_normal_form(variant))
		return NULL;
	struct options *o = options_empty();
	const char *path, *value;
	GVariantIter iter;

	g_variant_iter_init(&iter, variant);
	while (g_variant_iter_next(&iter, "(&s&s)", &path, &value)) {
		if (!entry_is_sound(path, value) || g_hash_table_contains(o->values, path)) {
			options_free(o);
			return NULL;
		}
		put(o, g_strdup(path), value);
	}
	return o;
}
