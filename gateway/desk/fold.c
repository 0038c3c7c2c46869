/* SPDX-License-Identifier: ISC
 *
 * fold: text and addresses as they are compared. People write "su co", "Sự cố" and its decomposed
 * form for one thing; all comparing of words in desk happens after this folding. GLib's own
 * normalisation is not used: it sorts combining marks in quadratic time, and a letter may be one
 * megabyte of them.
 */
#include "desk/internal.h"

#include <string.h>

#define DECOMPOSED_MAX G_UNICHAR_MAX_DECOMPOSITION_LENGTH

/* columns: first and last character, what they become; those without decomposition in Unicode */
static const struct {
	gunichar first, last;
	char to;
} plain[] = {
	{ 0x0110, 0x0111, 'd' },	/* Đ đ */
	{ 0x2010, 0x2015, '-' },	/* hyphens and dashes */
	{ 0x2212, 0x2212, '-' },
	{ 0x3010, 0x3010, '[' },	/* lenticular brackets */
	{ 0x3011, 0x3011, ']' },
};

static gunichar
plain_find(gunichar c)
{
	for (guint i = 0; i < G_N_ELEMENTS(plain); i++)
		if (c >= plain[i].first && c <= plain[i].last)
			return (gunichar)plain[i].to;
	return c;
}

static bool
is_invisible(gunichar c)
{
	return g_unichar_ismark(c) || g_unichar_type(c) == G_UNICODE_FORMAT;
}

static void
fold_one(GString *out, gunichar c)
{
	gunichar parts[DECOMPOSED_MAX];
	gsize n = g_unichar_fully_decompose(c, TRUE, parts, DECOMPOSED_MAX);

	/* Only what ends as ASCII is taken apart: nothing here compares other scripts, and some of
	 * their characters decompose into eighteen. */
	if (n == 0 || plain_find(parts[0]) > 0x7f) {
		g_string_append_unichar(out, g_unichar_tolower(c));
		return;
	}
	for (gsize i = 0; i < n; i++)
		if (!is_invisible(parts[i]))
			g_string_append_unichar(out, g_unichar_tolower(plain_find(parts[i])));
}

char *
fold_text(const char *utf8)
{
	GString *out = g_string_new(NULL);
	g_autofree char *valid = utf8 ? g_utf8_make_valid(utf8, -1) : g_strdup("");

	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c <= 0x7f)
			g_string_append_c(out, g_ascii_tolower((char)c));
		else if (!is_invisible(c))
			fold_one(out, c);
	}
	return g_string_free(out, FALSE);
}

bool
address_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return false;
	if (g_ascii_strcasecmp(a, b) == 0)
		return true;
	g_autofree char *fa = g_utf8_casefold(a, -1), *fb = g_utf8_casefold(b, -1);

	return strcmp(fa, fb) == 0;
}

const char *
address_domain(const char *address)
{
	const char *at = address ? strrchr(address, '@') : NULL;

	return at != NULL && at[1] != '\0' ? at + 1 : NULL;
}
