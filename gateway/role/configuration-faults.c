/* SPDX-License-Identifier: ISC
 *
 * configuration-faults: faults of a configuration as people read them, "file:line: key: what", and
 * the place of each setting, kept as an internal option ("at.mailboxes/0/path" = "ungcuu.conf:12")
 * so that a later check can name it.  Relies on nothing but model.
 */
#include "role/configuration.h"

#include <stdarg.h>
#include <string.h>

void
fault_add(GPtrArray *faults, const char *at, const char *key, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *what = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_ptr_array_add(faults, g_strdup_printf("%s: %s: %s", at, key, what));
}

/* The length of the file's name in a line, and the number behind it. */
static int
line_split(const char *line, guint64 *number)
{
	const char *end = strstr(line, ": ");
	const char *colon = end == NULL ? NULL : g_strrstr_len(line, end - line, ":");

	*number = colon == NULL ? 0 : g_ascii_strtoull(colon + 1, NULL, 10);
	return colon == NULL ? 0 : (int)(colon - line);
}

static gint
line_compare(gconstpointer a, gconstpointer b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	guint64 number_x, number_y;
	int size_x = line_split(x, &number_x), size_y = line_split(y, &number_y);
	int files = strncmp(x, y, (size_t)MIN(size_x, size_y));

	if (files != 0 || size_x != size_y)
		return files != 0 ? files : size_x - size_y;
	return number_x != number_y ? (number_x < number_y ? -1 : 1) : strcmp(x, y);
}

char **
faults_take(GPtrArray *faults)
{
	bool has_any = faults->len > 0;

	g_ptr_array_sort(faults, line_compare);
	g_ptr_array_add(faults, NULL);
	char **lines = (char **)g_ptr_array_free(faults, FALSE);

	if (!has_any)
		g_clear_pointer(&lines, g_free);
	return lines;
}

void
fault_at(GPtrArray *faults, const struct options *o, const char *path, const char *what)
{
	g_autofree char *name = g_strdup(path);
	const char *at = option_place(o, name);

	for (char *dot = strrchr(name, '.'); at == NULL && dot != NULL; dot = strrchr(name, '.')) {
		*dot = '\0';
		at = option_place(o, name);
	}
	g_autofree char *top = g_strdup_printf("%s:1", option_place(o, "file"));

	fault_add(faults, at == NULL ? top : at, path, "%s", what);
}

static char *
place_path(const char *path)
{
	char *name = g_strconcat("at.", path, NULL);

	g_strdelimit(name + strlen("at."), ".", '/');
	return name;
}

const char *
option_place(const struct options *o, const char *path)
{
	g_autofree char *name = place_path(path);

	return options_text(o, "%s", name);
}

void
option_set_place(struct options *o, const char *path, const char *at)
{
	g_autofree char *name = place_path(path);

	options_set(o, name, at);
}
