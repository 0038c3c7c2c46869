/* SPDX-License-Identifier: ISC
 *
 * print: an answer as aligned text.  Everything printed comes from the JSON object of the verb.
 * Content of mails is hostile: control characters, and those that turn the direction of writing,
 * never reach the terminal.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#define CELL_WIDEST	48	/* letters of one column; the last one is not cut */

static bool
is_printable(gunichar c)
{
	switch (g_unichar_type(c)) {
	case G_UNICODE_CONTROL:
	case G_UNICODE_FORMAT:
	case G_UNICODE_SURROGATE:
	case G_UNICODE_LINE_SEPARATOR:
	case G_UNICODE_PARAGRAPH_SEPARATOR:
		return false;
	default:
		return true;
	}
}

/* Line ends and tabs stay. */
static char *
printable(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c == '\n' || c == '\t' || is_printable(c))
			g_string_append_unichar(out, c);
		else
			g_string_append_printf(out, "<U+%04X>", c);
	}
	return g_string_free(out, FALSE);
}

static char *
object_value(const json_t *object)
{
	const char *key, *name, *address;
	json_t *item;

	/* somebody in a mail */
	if (json_object_size(object) == 2 && json_unpack((json_t *) object, "{s:s, s:s}", "name",
		&name, "address", &address) == 0) {
		g_autofree char *mailbox = g_strdup_printf("%s <%s>", name, address);

		return printable(*name ? mailbox : address);
	}

	GString *out = g_string_new(NULL);

	json_object_foreach((json_t *) object, key, item) {
		g_autofree char *text = print_value(item);

		if (!json_is_null(item))
			g_string_append_printf(out, "%s%s %s", out->len ? ", " : "", key, text);
	}
	return g_string_free(out, FALSE);
}

static char *
array_value(const json_t *array)
{
	gsize i;
	json_t *item;
	GString *out = g_string_new(NULL);

	json_array_foreach((json_t *) array, i, item) {
		g_autofree char *text = print_value(item);

		g_string_append_printf(out, "%s%s", out->len ? "; " : "", text);
	}
	return g_string_free(out, FALSE);
}

char *
print_value(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return printable(json_string_value(value));
	case JSON_INTEGER:
		return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_REAL:
		return g_strdup_printf("%g", json_real_value(value));
	case JSON_TRUE:
		return g_strdup("yes");
	case JSON_FALSE:
		return g_strdup("no");
	case JSON_OBJECT:
		return object_value(value);
	case JSON_ARRAY:
		return array_value(value);
	default:
		return g_strdup("-");
	}
}

/* One line, cut to `widest` letters; 0: whole. */
static char *
cell(const json_t *row, const char *key, glong widest)
{
	const json_t *value = json_object_get(row, key);
	char *text = value ? print_value(value) : g_strdup("-");

	g_strdelimit(text, "\n\t", ' ');
	if (*text == '\0') {
		g_free(text);
		return g_strdup("-");
	}
	if (widest == 0 || g_utf8_strlen(text, -1) <= widest)
		return text;

	g_autofree char *whole = text, *cut = g_utf8_substring(whole, 0, widest - 1);

	return g_strconcat(cut, "…", NULL);
}

static void
print_cell(const char *text, glong width)
{
	glong length = g_utf8_strlen(text, -1);

	printf("%s%*s", text, width > length ? (int) (width - length) : 0, "");
}

static glong
column_width(const json_t *rows, const struct column *column)
{
	glong width = g_utf8_strlen(column->title, -1);
	gsize i;
	json_t *row;

	json_array_foreach((json_t *) rows, i, row) {
		g_autofree char *text = cell(row, column->key, CELL_WIDEST);

		width = MAX(width, g_utf8_strlen(text, -1));
	}
	return width;
}

void
print_table(const json_t *rows, const struct column *columns, guint n)
{
	gsize i;
	json_t *row;
	g_autofree glong *widths = g_new0(glong, n);

	if (json_array_size(rows) == 0) {
		puts("none");
		return;
	}
	for (guint c = 0; c < n; c++) {
		widths[c] = c + 1 < n ? column_width(rows, &columns[c]) + 2 : 0;
		print_cell(columns[c].title, widths[c]);
	}
	putchar('\n');
	json_array_foreach((json_t *) rows, i, row) {
		for (guint c = 0; c < n; c++) {
			g_autofree char *text = cell(row, columns[c].key,
				c + 1 < n ? CELL_WIDEST : 0);

			print_cell(text, widths[c]);
		}
		putchar('\n');
	}
}

void
print_page(const json_t *out, const char *key, const struct column *columns, guint n)
{
	const json_t *rows = json_object_get(out, key);
	const json_t *last = json_array_get(rows, json_array_size(rows) - 1);

	print_table(rows, columns, n);
	if (json_is_true(json_object_get(out, "more")))
		print_line("more: --after %s", json_string_value(json_object_get(last, "id")));
}

static void
print_field(const char *title, const char *text, int width)
{
	if (!strchr(text, '\n')) {
		printf("%s:%*s%s\n", title, width - (int) strlen(title) + 1, "", text);
		return;
	}

	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	printf("%s:\n", title);
	for (gsize i = 0; lines[i]; i++)
		printf("%s%s\n", *lines[i] ? "    " : "", lines[i]);
}

void
print_fields(const json_t *object, const struct column *fields, guint n)
{
	int width = 0;

	for (guint i = 0; i < n; i++)
		if (json_object_get(object, fields[i].key))
			width = MAX(width, (int) strlen(fields[i].title));
	for (guint i = 0; i < n; i++) {
		const json_t *value = json_object_get(object, fields[i].key);
		g_autofree char *text = value && !json_is_null(value) ? print_value(value) : NULL;

		if (text && *text)
			print_field(fields[i].title, text, width);
	}
}

void
print_line(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}
