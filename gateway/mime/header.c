/* SPDX-License-Identifier: ISC
 *
 * header: the fields of one header as they stand in the raw bytes, topmost first, garbage
 * counted; and the decoding of their values.  Reads the bytes itself, so that every doubled or
 * broken field can be told, which a parser's own list hides.  RFC 2047 by our own rule for
 * charsets (charset.c), since words cut within a character are common and GMime drops them.
 */
#include "mime/internal.h"

#include <string.h>

static void
header_field_free(gpointer p)
{
	struct header_field *f = p;
	g_free(f->name);
	g_free(f->value);
	g_free(f);
}

static void
field_append(struct header *h, const char *line, gsize size, GString *value)
{
	gsize n = field_name_size(line, size);
	if (n == 0) {
		h->garbage++;
		g_string_free(value, TRUE);
		return;
	}
	struct header_field *f = g_new0(struct header_field, 1);
	f->name = g_ascii_strdown(line, (gssize)n);
	f->value = g_strstrip(g_string_free(value, FALSE));
	g_ptr_array_add(h->fields, f);
}

/* Appends what of the line belongs to the value; a CR within it or a NUL becomes a blank. */
static void
value_append(struct header *h, GString *value, const char *p, gsize size)
{
	if (size > 0 && p[size - 1] == '\r')
		size--;
	for (gsize i = 0; i < size; i++) {
		bool odd = p[i] == '\0' || p[i] == '\r';
		h->odd += odd;
		g_string_append_c(value, odd ? ' ' : p[i]);
	}
}

void
header_read(const char *raw, gsize from, gsize to, struct header *out)
{
	out->fields = g_ptr_array_new_with_free_func(header_field_free);
	out->garbage = out->odd = 0;
	const char *start = NULL;
	gsize start_size = 0;
	GString *value = NULL;
	while (from < to) {
		const char *line = raw + from;
		const char *lf = memchr(line, '\n', to - from);
		gsize size = lf != NULL ? (gsize)(lf - line) : to - from;
		from += size + 1;
		if (size == 0 || (size == 1 && line[0] == '\r'))
			break;
		if ((line[0] == ' ' || line[0] == '\t') && value != NULL) {
			value_append(out, value, line, size);
			continue;
		}
		if (value != NULL)
			field_append(out, start, start_size, value);
		start = line;
		start_size = size;
		value = g_string_new(NULL);
		const char *colon = memchr(line, ':', size);
		if (colon != NULL)
			value_append(out, value, colon + 1, size - (gsize)(colon + 1 - line));
	}
	if (value != NULL)
		field_append(out, start, start_size, value);
}

void
header_clear(struct header *h)
{
	g_clear_pointer(&h->fields, g_ptr_array_unref);
}

void
header_only(const struct header *h, const char *const *names, struct header *out)
{
	*out = (struct header){ g_ptr_array_new_with_free_func(header_field_free), h->garbage,
		h->odd };
	for (guint i = 0; i < h->fields->len; i++) {
		const struct header_field *f = h->fields->pdata[i];
		if (!g_strv_contains(names, f->name))
			continue;
		struct header_field *copy = g_new0(struct header_field, 1);
		copy->name = g_strdup(f->name);
		copy->value = g_strdup(f->value);
		g_ptr_array_add(out->fields, copy);
	}
}

const char *
header_get(const struct header *h, const char *name, guint n)
{
	for (guint i = 0; i < h->fields->len; i++) {
		const struct header_field *f = h->fields->pdata[i];
		if (strcmp(f->name, name) == 0 && n-- == 0)
			return f->value;
	}
	return NULL;
}

guint
header_count(const struct header *h, const char *name)
{
	guint n = 0;
	while (header_get(h, name, n) != NULL)
		n++;
	return n;
}

/* ---- RFC 2047 ------------------------------------------------------------------------------ */

/* One encoded word at p: its charset, its bytes appended; where it ends, or NULL: it is none. */
static const char *
word_read(const char *p, char **charset, GString *bytes)
{
	if (p[0] != '=' || p[1] != '?')
		return NULL;
	const char *name = p + 2;
	const char *encoding = strchr(name, '?');
	if (encoding == NULL || encoding == name || encoding - name > 60 || encoding[1] == '\0'
		|| encoding[2] != '?')
		return NULL;
	const char *text = encoding + 3;
	const char *end = strstr(text, "?=");
	char kind = g_ascii_tolower(encoding[1]);
	if (end == NULL || (kind != 'q' && kind != 'b'))
		return NULL;
	/* RFC 2231 §5: a language may follow the charset */
	g_autofree char *with_language = g_strndup(name, (gsize)(encoding - name));
	*charset = g_strndup(with_language, strcspn(with_language, "*"));
	g_autofree guchar *out = g_malloc((gsize)(end - text) + 4);
	GMimeEncoding state;
	g_mime_encoding_init_decode(&state, kind == 'b' ? GMIME_CONTENT_ENCODING_BASE64
		: GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	g_autofree char *copy = g_strndup(text, (gsize)(end - text));
	if (kind == 'q')
		g_strdelimit(copy, "_", ' ');
	gsize n = g_mime_encoding_step(&state, copy, strlen(copy), (char *)out);
	g_string_append_len(bytes, (char *)out, (gssize)n);
	return end + 2;
}

/* Words of one charset in a row are one text: mail programs cut them within a character. */
static const char *
words_decode(const char *p, GString *out, const char *const *fallbacks)
{
	g_autofree char *charset = NULL;
	GString *bytes = g_string_new(NULL);
	const char *end = word_read(p, &charset, bytes);
	while (end != NULL) {
		p = end;
		const char *next = p + strspn(p, " \t");
		g_autofree char *its = NULL;
		GString *more = g_string_new(NULL);
		end = word_read(next, &its, more);
		if (end != NULL && g_ascii_strcasecmp(its, charset) != 0)
			end = NULL;
		if (end != NULL)
			g_string_append_len(bytes, more->str, (gssize)more->len);
		g_string_free(more, TRUE);
	}
	if (charset != NULL) {
		g_autofree char *text = text_decode(bytes->str, bytes->len, charset, fallbacks);
		g_string_append(out, text);
	}
	g_string_free(bytes, TRUE);
	return p;
}

static char *
decode_words(const char *utf8, const char *const *fallbacks)
{
	GString *out = g_string_sized_new(strlen(utf8));
	bool after_word = false;
	for (const char *p = utf8; *p != '\0'; ) {
		const char *end = *p == '=' ? words_decode(p, out, fallbacks) : p;
		if (end != p) {
			after_word = true;
			p = end;
			continue;
		}
		/* blanks between two words are none, RFC 2047 §6.2; here the charset differed */
		gsize blanks = strspn(p, " \t");
		if (after_word && blanks > 0 && g_str_has_prefix(p + blanks, "=?")) {
			gsize before = out->len;
			end = words_decode(p + blanks, out, fallbacks);
			if (end != p + blanks) {
				p = end;
				continue;
			}
			g_string_truncate(out, before);
		}
		after_word = false;
		g_string_append_c(out, *p++);
	}
	return g_string_free(out, FALSE);
}

char *
header_utf8(const char *value, const struct parse_settings *settings)
{
	return g_utf8_validate(value, -1, NULL) ? g_strdup(value)
		: text_decode(value, strlen(value), NULL,
			settings != NULL ? settings->fallback_charsets : NULL);
}

char *
header_text(const char *value, const struct parse_settings *settings)
{
	g_autofree char *utf8 = header_utf8(value, settings);
	g_autofree char *decoded = decode_words(utf8,
		settings != NULL ? settings->fallback_charsets : NULL);
	char *line = text_clean_line(decoded);
	return g_strstrip(line);
}

void
header_ids(const char *value, GPtrArray *out, guint max)
{
	for (const char *open = strchr(value, '<'); open != NULL && out->len < max; ) {
		const char *close = strchr(open, '>');
		if (close == NULL)
			return;
		g_autofree char *inside = g_strndup(open + 1, (gsize)(close - open - 1));
		char *id = g_strstrip(text_clean_line(inside));
		if (*id != '\0' && strlen(id) < 998)
			g_ptr_array_add(out, id);
		else
			g_free(id);
		open = strchr(close, '<');
	}
}
