/* SPDX-License-Identifier: ISC
 *
 * thanks: is there nothing in a text but thanks or a confirmation? Such a mail joins its ticket and
 * needs no answer. The test is a closed vocabulary, folded: one word outside it, one digit, one
 * negation, and the mail is something a person must read. Relies on fold.c and on the ticket
 * numbers of clues.c.
 */
#include "desk/internal.h"

#include <string.h>

#define THANKS_BYTES	600	/* of folded text; thanks are short */
#define SIGN_OFF_WORDS	 10	/* a name and an office under "Trân trọng" */

/* Without one of these it is no thanks. */
static const char *const cores[] = {
	"cam on", "biet on", "da nhan", "xac nhan", "vang a", "thank", "thanks", "received",
	"noted", "ok", "okay", "confirmed", "we confirm", "i confirm", "acknowledged", "got it",
};

/* All that may stand around them.  No "khong", "chua", "not": a negation is news. */
static const char vocabulary[] =
	" xin kinh gui chao quy co quan doi anh chi em ong ba toi chung minh rat nhieu lam a"
	" nhe da vang thu mail email thong bao cao phieu so tin nay cac ban va cua ve viec su"
	" ho tro giup do phan hoi xac nhan duoc roi cam on tran trong biet don vi tat ca hi"
	" hello dear team sir madam all many much very thank thanks you your we i have has"
	" received receive got it the this for ok okay noted well confirmed confirm"
	" acknowledged acknowledge receipt of message reply report quick help support and best"
	" kind regards cheers appreciated ticket number ";

static const char *const closings[] = {
	"tran trong", "tran trong cam on", "kinh thu", "than ai", "than men", "best regards",
	"kind regards", "regards", "best", "br", "sincerely", "yours sincerely",
	"thanks and regards", "cheers",
};

static bool
is_known_word(const char *word)
{
	g_autofree char *framed = g_strdup_printf(" %s ", word);

	return strstr(vocabulary, framed) != NULL;
}

/* Ticket numbers of this site are no words: blanks over them. */
static void
tags_blank(const struct site *site, char *folded)
{
	const char *end;

	for (char *p = folded; *p != '\0'; p++) {
		g_autofree char *tag = NULL;

		if (tag_match(site, folded, p, &end, &tag))
			memset(p, ' ', (gsize)(end - p));
	}
}

/* The words of one line with single blanks between; NULL if there is a letter or digit that is no
 * ASCII letter. */
static char *
line_words(const char *line)
{
	GString *out = g_string_new(NULL);

	for (const char *p = line; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c <= 0x7f && g_ascii_isalpha((char)c)) {
			g_string_append_c(out, (char)c);
		} else if (g_unichar_isalnum(c)) {
			g_string_free(out, TRUE);
			return NULL;
		} else if (out->len > 0 && out->str[out->len - 1] != ' ') {
			g_string_append_c(out, ' ');
		}
	}
	return g_strchomp(g_string_free(out, FALSE));
}

static bool
is_closing(const char *words)
{
	for (guint i = 0; i < G_N_ELEMENTS(closings); i++)
		if (strcmp(words, closings[i]) == 0)
			return true;
	return false;
}

static bool
has_core(const char *words)
{
	g_autofree char *framed = g_strdup_printf(" %s ", words);

	for (guint i = 0; i < G_N_ELEMENTS(cores); i++) {
		g_autofree char *core = g_strdup_printf(" %s ", cores[i]);

		if (strstr(framed, core) != NULL)
			return true;
	}
	return false;
}

static bool
are_known(char **words)
{
	for (; *words != NULL; words++)
		if (**words != '\0' && !is_known_word(*words))
			return false;
	return true;
}

bool
thanks_only(const struct site *site, const struct letter *letter)
{
	if (strlen(letter->text) > THANKS_BYTES ||
	    letter->outside[strspn(letter->outside, " \n")] != '\0')
		return false;
	g_autofree char *folded = fold_text(letter->text);
	bool thanked = false, closed = false;
	guint after_closing = 0;

	tags_blank(site, folded);
	g_auto(GStrv) lines = g_strsplit(folded, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		g_autofree char *text = line_words(*line);

		if (text == NULL || strpbrk(*line, "@/\\") != NULL)
			return false;
		g_auto(GStrv) words = g_strsplit(text, " ", -1);

		if (closed)
			after_closing += text[0] != '\0' ? g_strv_length(words) : 0;
		else if (!are_known(words) && !is_closing(text))
			return false;
		thanked = thanked || has_core(text);
		closed = closed || is_closing(text);
	}
	return thanked && after_closing <= SIGN_OFF_WORDS;
}
