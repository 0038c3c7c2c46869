/* SPDX-License-Identifier: ISC
 *
 * quote: parts a text into what its sender wrote and what is quoted from an earlier mail: '>'
 * lines wherever they stand, the lines that introduce them, an Outlook block of header lines with
 * all below it, the signature. Moves lines, never loses one; if nothing of the sender's own would
 * remain, nothing is cut.  Forwarded mail stays: there it is the report.
 */
#include "mime/internal.h"

#include <string.h>

#define SIGNATURE_LINES 15

/* Lines below which everything is quoted; dashes, underscores and blanks around left out. */
static const char *const dividers[] = {
	"original message", "original appointment", "thư gốc", "tin nhắn gốc", "thư nguyên bản",
	"thu goc", NULL
};
/* begin of a line, end of it: who wrote what is quoted below */
static const struct { const char *begin, *end; } introductions[] = {
	{ "on ", "wrote:" }, { "vào ", "đã viết:" }, { "vào ", "viết:" }, { "vao ", "da viet:" },
	{ "lúc ", "đã viết:" }, { "ngày ", "đã viết:" }, { "le ", "a écrit :" },
	{ "am ", "schrieb:" },
};
/* The four lines an Outlook reply begins with, in any order after the first; bits to be told
 * apart. */
static const struct { const char *label; guint bit; } block_labels[] = {
	{ "from:", 1 }, { "từ:", 1 }, { "tu:", 1 }, { "người gửi:", 1 }, { "sent:", 2 },
	{ "date:", 2 }, { "đã gửi:", 2 }, { "da gui:", 2 }, { "ngày:", 2 }, { "ngày gửi:", 2 },
	{ "to:", 4 }, { "tới:", 4 }, { "đến:", 4 }, { "toi:", 4 }, { "den:", 4 },
	{ "người nhận:", 4 }, { "subject:", 8 }, { "chủ đề:", 8 }, { "chu de:", 8 },
	{ "tiêu đề:", 8 }, { "cc:", 16 }, { "importance:", 16 },
};

static char *
fold(const char *line)
{
	g_autofree char *lower = g_utf8_strdown(line, -1);
	g_strstrip(lower);
	char *p = lower;
	while (*p == '*')			/* bold in text made of HTML */
		p++;
	return g_strdup(p);
}

static bool
is_divider(const char *line)
{
	if (line[0] != '-' && line[0] != '_')
		return false;
	g_autofree char *lower = fold(line);
	char *p = lower + strspn(lower, "-_ ");
	gsize n = strlen(p);
	while (n > 0 && strchr("-_ ", p[n - 1]) != NULL)
		p[--n] = '\0';
	return g_strv_contains(dividers, p);
}

static bool
has_digit(const char *text)
{
	return strpbrk(text, "0123456789") != NULL;
}

/* How many of the lines (at most three, as they get wrapped) introduce a quotation; 0 if they do
 * not. */
static guint
introduction(char **lines)
{
	g_autofree char *joined = g_strdup("");
	for (guint n = 0; n < 3 && lines[n] != NULL && *lines[n] != '\0'
		&& strlen(joined) < 1000; n++) {
		g_autofree char *lower = fold(lines[n]);
		char *longer = g_strconcat(joined, n > 0 ? " " : "", lower, NULL);
		g_free(joined);
		joined = longer;
		for (guint i = 0; i < G_N_ELEMENTS(introductions); i++)
			if (g_str_has_prefix(joined, introductions[i].begin)
			    && g_str_has_suffix(joined, introductions[i].end) && has_digit(joined))
				return n + 1;
	}
	return 0;
}

static bool
is_block(char **lines)
{
	guint seen = 0, n = 0;
	for (; n < 8 && lines[n] != NULL; n++) {
		if (*lines[n] == '\0' && seen == 0)
			return false;
		g_autofree char *lower = fold(lines[n]);
		guint bit = 0;
		for (guint i = 0; i < G_N_ELEMENTS(block_labels) && bit == 0; i++)
			if (g_str_has_prefix(lower, block_labels[i].label))
				bit = block_labels[i].bit;
		if (n == 0 && bit != 1)
			return false;
		seen |= bit;
	}
	/* sender, date, and recipient or subject */
	return (seen & 3) == 3 && (seen & 12) != 0;
}

static bool
is_signature(char **lines)
{
	if (strcmp(lines[0], "--") != 0 && strcmp(lines[0], "-- ") != 0)
		return false;
	guint n = 1;
	while (lines[n] != NULL && n <= SIGNATURE_LINES + 1)
		n++;
	return n <= SIGNATURE_LINES + 1;
}

static bool
quoted_next(char **lines)
{
	while (*lines != NULL && **lines == '\0')
		lines++;
	return *lines != NULL && **lines == '>';
}

static void
line_move(GString *to, const char *line)
{
	g_string_append(to, line);
	g_string_append_c(to, '\n');
}

/* How many lines from here on are quoted: 0, some, or all that is left (G_MAXUINT). */
static guint
quoted_lines(char **lines)
{
	if (lines[0][0] == '>')
		return 1;
	if (lines[0][0] == '\0')
		return 0;
	if (is_divider(lines[0]) || is_block(lines) || is_signature(lines))
		return G_MAXUINT;
	guint n = introduction(lines);
	if (n > 0)
		return quoted_next(lines + n) ? n : G_MAXUINT;
	return 0;
}

static char *
finish(GString *s)
{
	char *text = g_string_free(s, FALSE);
	gsize skip = strspn(text, "\n");
	gsize n = strlen(text) - skip;
	memmove(text, text + skip, n + 1);
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	return text;
}

/* The lines of `text`, whose line ends become their ends; NULL behind the last. */
static GPtrArray *
lines_cut(char *text)
{
	GPtrArray *lines = g_ptr_array_new();
	const char *end = text + strlen(text);
	for (char *line = text; line != NULL; ) {
		char *lf = memchr(line, '\n', (gsize)(end - line));
		g_ptr_array_add(lines, line);
		if (lf != NULL)
			*lf = '\0';
		line = lf != NULL ? lf + 1 : NULL;
	}
	g_ptr_array_add(lines, NULL);
	return lines;
}

void
text_cut_quoted(const char *text, char **own, char **quoted)
{
	g_autofree char *copy = g_strdup(text);
	g_autoptr(GPtrArray) lines = lines_cut(copy);
	GString *mine = g_string_sized_new(strlen(text)), *theirs = g_string_new(NULL);
	for (char **line = (char **)lines->pdata; *line != NULL; ) {
		guint n = quoted_lines(line);
		if (n == 0)
			line_move(mine, *line++);
		for (; n > 0 && *line != NULL; n--)
			line_move(theirs, *line++);
	}
	*own = finish(mine);
	*quoted = finish(theirs);
	if (**own != '\0' || **quoted == '\0')
		return;
	g_free(*own);
	*own = finish(g_string_new(text));
	**quoted = '\0';
}
