/* SPDX-License-Identifier: ISC
 *
 * encode: the encodings compose writes: quoted-printable for text (RFC 2045, with everything
 * encoded that a relay might touch), base64 lines, RFC 2047 words that never split a character,
 * RFC 2231 parameters.  The same input gives the same output always: a preview's digest must
 * hold.
 */
#include "mime/internal.h"

#include <string.h>

#define LINE 76
#define WORD_PREFIX "=?utf-8?B?"
#define WORD_FRAME 12		/* "=?utf-8?B?" and "?=" */

/* ---- quoted-printable ---------------------------------------------------------------------- */

/* May this byte stand for itself?  Not what a relay or mbox would change at the begin of a line
 * ("From", ".", "-"), nor a blank at its end. */
static bool
is_literal(const char *line, gsize i, gsize size)
{
	guint8 c = (guint8)line[i];
	if (c == ' ' || c == '\t')
		return i + 1 < size;
	if (c <= 32 || c >= 127 || c == '=')
		return false;
	if (i > 0)
		return true;
	return c != '.' && c != '-' && !(size >= 5 && memcmp(line, "From ", 5) == 0);
}

static void
encode_line(GString *out, const char *line, gsize size)
{
	gsize column = 0;
	for (gsize i = 0; i < size; i++) {
		bool literal = is_literal(line, i, size);
		gsize width = literal ? 1 : 3;
		/* one column is kept for the soft break, unless this ends the line */
		if (column + width > (i + 1 < size ? LINE - 1 : LINE)) {
			g_string_append(out, "=\r\n");
			column = 0;
			/* what follows begins a line too */
			literal = literal && line[i] != '.' && line[i] != '-' && line[i] != 'F';
			width = literal ? 1 : 3;
		}
		if (literal)
			g_string_append_c(out, line[i]);
		else
			g_string_append_printf(out, "=%02X", (guint8)line[i]);
		column += width;
	}
}

void
encode_quoted_printable(GString *out, const char *text, gsize size)
{
	for (gsize at = 0; at < size; ) {
		const char *lf = memchr(text + at, '\n', size - at);
		gsize n = lf != NULL ? (gsize)(lf - text) - at : size - at;
		gsize shown = lf != NULL && n > 0 && text[at + n - 1] == '\r' ? n - 1 : n;
		encode_line(out, text + at, shown);
		g_string_append(out, "\r\n");
		at += n + 1;
	}
}

void
encode_base64_lines(GString *out, const void *data, gsize size)
{
	const guint8 *p = data;
	for (gsize at = 0; at < size; at += 57) {
		g_autofree char *line = g_base64_encode(p + at, MIN(size - at, 57));
		g_string_append(out, line);
		g_string_append(out, "\r\n");
	}
}

/* ---- header words -------------------------------------------------------------------------- */

/* How many bytes from here fit one word of `room` columns, whole characters only.  Before another
 * word it ends without base64 padding if it can: GMime drops what follows padding.  0: not here. */
static gsize
word_bytes(const char *utf8, gsize room)
{
	gsize max = room > WORD_FRAME ? (room - WORD_FRAME) / 4 * 3 : 0, n = 0, unpadded = 0;
	while (utf8[n] != '\0') {
		gsize next = (gsize)(g_utf8_next_char(utf8 + n) - utf8);
		if (next > max)
			break;
		n = next;
		if (n % 3 == 0)
			unpadded = n;
	}
	if (utf8[n] == '\0' || (unpadded == 0 && room == LINE - 1))
		return n;
	return unpadded;
}

gsize
encode_column(const GString *out, gsize start)
{
	const char *lf = strrchr(out->str + start, '\n');
	return out->len - (lf != NULL ? (gsize)(lf + 1 - out->str) : start);
}

void
encode_words(GString *out, gsize start, const char *text, gsize size)
{
	g_autofree char *copy = g_strndup(text, size);
	const char *utf8 = copy;
	gsize column = encode_column(out, start);
	while (*utf8 != '\0') {
		gsize n = column < LINE ? word_bytes(utf8, LINE - column) : 0;
		if (n == 0) {
			/* the blank before it goes with the fold: a second one would be shown */
			if (out->str[out->len - 1] == ' ')
				g_string_truncate(out, out->len - 1);
			g_string_append(out, "\r\n ");
			column = 1;
			continue;
		}
		g_autofree char *word = g_base64_encode((const guchar *)utf8, n);
		g_string_append_printf(out, WORD_PREFIX "%s?=", word);
		column += strlen(word) + WORD_FRAME;
		utf8 += n;
		if (*utf8 == '\0')
			break;
		g_string_append(out, "\r\n ");
		column = 1;
	}
}

/* ---- parameters ---------------------------------------------------------------------------- */

static bool
is_attribute_char(guint8 c)
{
	return g_ascii_isalnum((char)c) || strchr("!#$&+-.^_`|~", c) != NULL;
}

static bool
is_plain(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (*p < 32 || *p >= 127 || *p == '"' || *p == '\\')
			return false;
	return strlen(value) <= 50;
}

void
encode_parameter(GString *out, const char *name, const char *utf8)
{
	if (is_plain(utf8)) {
		g_string_append_printf(out, ";\r\n %s=\"%s\"", name, utf8);
		return;
	}
	GString *all = g_string_new(NULL);
	for (const char *p = utf8; *p != '\0'; p++)
		if (is_attribute_char((guint8)*p))
			g_string_append_c(all, *p);
		else
			g_string_append_printf(all, "%%%02X", (guint8)*p);
	gsize room = LINE - strlen(name) - strlen(" *000*=utf-8'';");
	if (all->len <= room)
		g_string_append_printf(out, ";\r\n %s*=utf-8''%s", name, all->str);
	guint n = 0;
	for (gsize at = 0; all->len > room && at < all->len; n++) {
		gsize size = MIN(room, all->len - at);
		/* not within "%C3" */
		for (guint i = 1; i <= 2 && at + size < all->len; i++)
			if (all->str[at + size - i] == '%') {
				size -= i;
				break;
			}
		g_string_append_printf(out, ";\r\n %s*%u*=%s%.*s", name, n, n == 0 ? "utf-8''" : "",
			(int)size,
			all->str + at);
		at += size;
	}
	g_string_free(all, TRUE);
}
