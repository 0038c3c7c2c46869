/* SPDX-License-Identifier: ISC
 *
 * text: what a person may be shown: valid UTF-8 in NFC, one kind of line end, and every control,
 * bidi or invisible character written out instead of obeyed.  Also flowed text and the guess of
 * the language.  Pure and linear.  Never deletes a character that could mean something.
 */
#include "mime/internal.h"

#include <string.h>

/* No script stacks more (UAX 15, stream-safe text has 30); normalising long runs is quadratic in
 * GLib. */
#define MARKS_MAX 16
#define NFC_PIECE 256

/* Characters a reader cannot see or that reorder what is seen: first, last. */
static const struct { gunichar first, last; } unseen[] = {
	{ 0x00, 0x08 }, { 0x0b, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f },
	{ 0x61c, 0x61c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180e },
	{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x2400, 0x2400 },
	{ 0x2800, 0x2800 }, { 0x3164, 0x3164 }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

static bool
is_unseen(gunichar c)
{
	if (c >= 0x20 && c < 0x7f)
		return false;
	for (guint i = 0; i < G_N_ELEMENTS(unseen); i++)
		if (c >= unseen[i].first && c <= unseen[i].last)
			return true;
	return false;
}

static bool
is_emoji(gunichar c)
{
	return (c >= 0x1f000 && c < 0x1fb00) || (c >= 0x2600 && c < 0x27c0) || c == 0xfe0f;
}

static void
append_escape(GString *out, gunichar c)
{
	/* U+2400 stands for a NUL byte since text_decode() */
	g_string_append_printf(out, "‹U+%04X›", c == 0x2400 ? 0 : (guint)c);
}

static void
trim_blanks(GString *out)
{
	gsize n = out->len;
	while (n > 0 && (out->str[n - 1] == ' ' || out->str[n - 1] == '\t'))
		n--;
	g_string_truncate(out, n);
}

struct cleaning {
	GString *out;
	gunichar before;
	guint marks;		/* combining marks in a row */
};

static const char *
clean_character(struct cleaning *state, const char *p, const char *end)
{
	GString *out = state->out;
	gunichar c = g_utf8_get_char_validated(p, end - p);
	if (c == (gunichar)-1 || c == (gunichar)-2) {
		if (*p == '\0')
			append_escape(out, 0);
		else
			g_string_append_printf(out, "‹x%02X›", (guint8)*p);
		return p + 1;
	}
	const char *next = g_utf8_next_char(p);
	if (c == '\r' || c == '\n') {
		trim_blanks(out);
		g_string_append_c(out, '\n');
		return c == '\r' && next < end && *next == '\n' ? next + 1 : next;
	}
	state->marks = g_unichar_combining_class(c) != 0 ? state->marks + 1 : 0;
	if ((is_unseen(c) && !(c == 0x200d && is_emoji(state->before))) || state->marks > MARKS_MAX)
		append_escape(out, c);
	else
		g_string_append_len(out, p, next - p);
	state->before = c;
	return next;
}

/* Does nothing before it compose with this character? */
static bool
starts_anew(gunichar c)
{
	return c < 0x80 || (!g_unichar_ismark(c) && (c < 0x1160 || c > 0x11ff));
}

/* NFC in pieces: GLib moves the whole rest of the text for every character it composes. */
static char *
to_nfc(const char *text)
{
	GString *out = g_string_sized_new(strlen(text));
	while (*text != '\0') {
		const char *end = text;
		while (*end != '\0' && (end - text < NFC_PIECE
			|| !starts_anew(g_utf8_get_char(end))))
			end = g_utf8_next_char(end);
		g_autofree char *piece = g_utf8_normalize(text, end - text, G_NORMALIZE_NFC);
		g_string_append(out, piece);
		text = end;
	}
	return g_string_free(out, FALSE);
}

char *
text_clean(const char *utf8, gssize size)
{
	const char *end = utf8 + (size < 0 ? strlen(utf8) : (gsize)size);
	GString *out = g_string_sized_new((gsize)(end - utf8) + 16);
	struct cleaning state = { .out = out };
	for (const char *p = utf8; p < end; )
		p = clean_character(&state, p, end);
	trim_blanks(out);
	g_autofree char *clean = g_string_free(out, FALSE);
	return to_nfc(clean);
}

char *
text_clean_line(const char *utf8)
{
	g_autofree char *clean = text_clean(utf8, -1);
	GString *out = g_string_sized_new(strlen(clean));
	for (const char *p = clean; *p != '\0'; p++)
		if (*p != '\n' && *p != '\t')
			g_string_append_c(out, *p);
		else if (p[1] != '\n' && p[1] != '\t')
			g_string_append_c(out, ' ');
	return g_string_free(out, FALSE);
}

bool
text_is_blank(const char *text)
{
	for (; *text != '\0'; text = g_utf8_next_char(text))
		if (!g_unichar_isspace(g_utf8_get_char(text)))
			return false;
	return true;
}

/* ---- flowed text, RFC 3676 ----------------------------------------------------------------- */

static guint
quote_depth(const char *line)
{
	guint n = 0;
	while (line[n] == '>')
		n++;
	return n;
}

static void
flow_line(GString *out, char *line, bool delsp, guint *open_depth, bool *open)
{
	guint depth = quote_depth(line);
	char *text = line + depth;
	if (*text == ' ')
		text++;
	gsize n = strlen(text);
	bool is_signature = strcmp(text, "-- ") == 0;
	bool flows = n > 0 && text[n - 1] == ' ' && !is_signature;
	if (*open && (depth != *open_depth || is_signature)) {
		g_string_append_c(out, '\n');
		*open = false;
	}
	if (!*open) {
		for (guint i = 0; i < depth; i++)
			g_string_append_c(out, '>');
		if (depth > 0)
			g_string_append_c(out, ' ');
	}
	if (flows && delsp)
		text[n - 1] = '\0';
	g_string_append(out, text);
	if (!flows)
		g_string_append_c(out, '\n');
	*open = flows;
	*open_depth = depth;
}

char *
text_unflow(const char *text, bool delsp)
{
	g_autofree char *copy = g_strdup(text);
	GString *out = g_string_sized_new(strlen(text));
	bool open = false;
	guint depth = 0;
	for (char *line = copy; *line != '\0'; ) {
		char *lf = strchr(line, '\n');
		char *next = lf != NULL ? lf + 1 : line + strlen(line);
		if (lf != NULL)
			*lf = '\0';
		if (lf != NULL && lf > line && lf[-1] == '\r')
			lf[-1] = '\0';
		flow_line(out, line, delsp, &depth, &open);
		line = next;
	}
	return g_string_free(out, FALSE);
}

/* ---- language ------------------------------------------------------------------------------ */

/* Vietnamese words as typed without diacritics, that are no common English words. */
static const char *const words_vi[] = {
	"khong", "cua", "nguoi", "duoc", "chung", "toi", "bao", "cao", "may", "chu", "tan", "cong",
	"trang", "va", "la", "cho", "voi", "nhung", "nay", "kinh", "gui", "anh", "chi", "dang",
	"nhan", "lua", "dao", "xin", "chao", "cam", "vui", "long", "giup", "mat", "khau", "tai",
	"khoan", "ngan", "hang", "dien", "thoai", "ngay", "gio", "bi", "su", "trong", "tinh",
	"phong", "huyen", "so", "nghi", "ngo", "doc", "hai", "thu", "dien", "tu", "ma", "hoa", NULL
};
static const char *const words_en[] = {
	"the", "and", "of", "is", "that", "for", "on", "with", "this", "we", "our", "please",
	"from", "have", "are", "was", "has", "been", "you", "your", "it", "not", "an", "to", "by",
	"be", "regards", "dear", "hello", "report", "attached", NULL
};

static bool
is_specific(gunichar c)
{
	static const gunichar letters[] = {
		0x102, 0x103, 0x110, 0x111, 0x1a0, 0x1a1, 0x1af, 0x1b0, 0x128, 0x129, 0x168, 0x169
	};
	if (c >= 0x1ea0 && c <= 0x1ef9)
		return true;
	for (guint i = 0; i < G_N_ELEMENTS(letters); i++)
		if (c == letters[i])
			return true;
	return false;
}

/* A base letter and marks as Vietnamese writes them. */
static bool
is_vietnamese(gunichar c)
{
	static const gunichar marks[] = { 0x300, 0x301, 0x302, 0x303, 0x306, 0x309, 0x31b, 0x323 };
	if (is_specific(c))
		return true;
	gunichar base = c, mark = 0;
	for (guint i = 0; i < G_N_ELEMENTS(marks) && mark == 0; i++)
		if (c == marks[i])
			return true;
	if (!g_unichar_decompose(c, &base, &mark)
	    || strchr("aeiouyAEIOUY", (int)MIN(base, 127)) == NULL)
		return false;
	for (guint i = 0; i < G_N_ELEMENTS(marks); i++)
		if (mark == marks[i])
			return true;
	return false;
}

bool
text_looks_vietnamese(const char *utf8)
{
	gsize own = 0, others = 0;
	gunichar before = 0;
	for (const char *p = utf8; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		/* "KÝnh": capitals inside a word come of the wrong table */
		bool inside = g_unichar_isalpha(before) && g_unichar_isupper(c)
			&& g_unichar_islower(g_utf8_get_char(g_utf8_next_char(p)));
		before = c;
		if (c < 0x80 && c != 0x7f && (c >= 0x20 || c == '\n' || c == '\r' || c == '\t'))
			continue;
		if (is_vietnamese(c) && !inside)
			own++;
		else
			others++;
	}
	return own > 0 && own >= 9 * others;
}

struct count { gsize letters, specific, vi, en; };

static void
count_word(struct count *count, const char *word, gsize size)
{
	char lower[16];
	if (size == 0 || size >= sizeof lower)
		return;
	for (gsize i = 0; i < size; i++)
		lower[i] = g_ascii_tolower(word[i]);
	lower[size] = '\0';
	count->vi += g_strv_contains(words_vi, lower);
	count->en += g_strv_contains(words_en, lower);
}

const char *
text_language(const char *utf8)
{
	struct count count = { 0 };
	const char *word = utf8, *p = utf8;
	for (; *p != '\0' && p - utf8 < 65536; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		count.letters += g_unichar_isalpha(c);
		count.specific += is_specific(c);
		if (c >= 0x80 || g_ascii_isalpha((char)c))
			continue;
		count_word(&count, word, (gsize)(p - word));
		word = p + 1;
	}
	count_word(&count, word, (gsize)(p - word));
	if (count.specific >= 2 && count.specific * 50 >= count.letters)
		return "vi";
	if (count.vi >= 3 && count.vi > count.en)
		return "vi";
	return count.en >= 2 ? "en" : NULL;
}
