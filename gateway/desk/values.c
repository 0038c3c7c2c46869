/* SPDX-License-Identifier: ISC
 *
 * values: what a template is filled with, and its text form for the outbox row. The separators are
 * two control characters that no value may hold; they are dropped from values, never escaped.
 */
#include "desk/internal.h"

#include <string.h>

#define BETWEEN	'\x1f'	/* name and text */
#define END	'\x1e'	/* of a pair */

static void
value_free(gpointer data)
{
	struct value *v = data;

	g_free(v->name);
	g_free(v->text);
	g_free(v);
}

GPtrArray *
values_new(void)
{
	return g_ptr_array_new_with_free_func(value_free);
}

void
values_add(GPtrArray *values, const char *name, const char *text)
{
	if (text == NULL)
		return;
	struct value *v = g_new0(struct value, 1);

	v->name = g_strdup(name);
	v->text = g_strdup(text);
	g_ptr_array_add(values, v);
}

const char *
values_get(const GPtrArray *values, const char *name)
{
	for (guint i = 0; values != NULL && i < values->len; i++) {
		const struct value *v = values->pdata[i];

		if (strcmp(v->name, name) == 0)
			return v->text;
	}
	return NULL;
}

static void
append_clean(GString *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text != BETWEEN && *text != END)
			g_string_append_c(out, *text);
}

char *
values_to_text(const GPtrArray *values)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; values != NULL && i < values->len; i++) {
		const struct value *v = values->pdata[i];

		append_clean(out, v->name);
		g_string_append_c(out, BETWEEN);
		append_clean(out, v->text);
		g_string_append_c(out, END);
	}
	return g_string_free(out, FALSE);
}

GPtrArray *
values_from_text(const char *text)
{
	GPtrArray *values = values_new();

	while (text != NULL && *text != '\0') {
		const char *between = strchr(text, BETWEEN), *end = strchr(text, END);

		if (between == NULL || end == NULL || between > end)
			break;
		g_autofree char *name = g_strndup(text, (gsize)(between - text));
		g_autofree char *value = g_strndup(between + 1, (gsize)(end - between - 1));

		values_add(values, name, value);
		text = end + 1;
	}
	return values;
}
