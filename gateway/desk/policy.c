/* SPDX-License-Identifier: ISC
 *
 * policy: what protects an outgoing mail, and what of it can be seen outside: words of its outer
 * subject, the time it leaves. One table walked top down; what no row allows leaves as T38, which
 * holds nothing. An answer to an encrypted mail is encrypted or holds no content at all. Decides
 * nothing about whom to answer (rules.c), and looks for no key.
 */
#include "desk/internal.h"

#include <string.h>

WORDS_DEFINE(protection_word, PROTECTION, PROTECTION_LIST)

/* ---- what is asked, as bits ----------------------------------------------------------------- */

enum { CLEAR = 1, OPENED = 2, SEALED = 4 };		/* the mail it answers; CLEAR: or none */
enum { NO_KEY = 1, KEY = 2 };
enum { RECEIPT = 1, WARNING = 2, UNREAD = 4, BARE = 8, TEAM = 16, OTHER = 32 };
#define ANY	(~0u)

struct word {
	unsigned bit;
	const char *word;
};
static const struct word answered_words[] = {
	{ CLEAR, "clear" }, { OPENED, "decrypted" }, { SEALED, "sealed" },
};
static const struct word key_words[] = { { KEY, "key" }, { NO_KEY, "no key" } };
static const struct word class_words[] = {
	{ RECEIPT, "receipt" }, { WARNING, "warning" }, { UNREAD, "unread" }, { BARE, "bare" },
	{ TEAM, "team" }, { OTHER, "other" },
};

/* columns: template, its class; one that is not here is OTHER */
static const struct {
	const char *template;
	unsigned class;
} classes[] = {
	{ "T01", RECEIPT },
	{ "T02", RECEIPT },
	{ "T03", UNREAD },
	{ "T04", WARNING },
	{ "T32", RECEIPT },
	{ "T33", RECEIPT },
	{ "T35", BARE },
	{ "T38", BARE },
	{ "T39", TEAM },
};

/* Every word but the two that say that there is nothing to hide from us, those of no enum too. */
static unsigned
answered_bit(enum encryption answered)
{
	if (answered == ENCRYPTION_NONE)
		return CLEAR;
	return answered == ENCRYPTION_DECRYPTED ? OPENED : SEALED;
}

static unsigned
class_bit(const char *template)
{
	for (guint i = 0; i < G_N_ELEMENTS(classes); i++)
		if (g_strcmp0(classes[i].template, template) == 0)
			return classes[i].class;
	return OTHER;
}

/* ---- the table ------------------------------------------------------------------------------ */

/* columns: the mail it answers, a usable key of the recipient, class of the planned template; what
 * protects it, the template sent instead (NULL: none), the sentence */
static const struct row {
	unsigned answered, key, classes;
	enum protection_word protection;
	const char *instead, *why;
} rows[] = {
	{ ANY, ANY, UNREAD, PROTECTION_SIGNED, NULL,
		"nothing was read: signed, alike for every cause, key or no key" },
	{ ANY, ANY, BARE, PROTECTION_CONTENT_FREE, NULL,
		"it holds nothing of the mail it answers" },
	{ CLEAR, ANY, RECEIPT | WARNING, PROTECTION_SIGNED, NULL,
		"the mail it answers came in clear" },
	{ SEALED, ANY, WARNING, PROTECTION_SIGNED, NULL,
		"nothing was read: a warning that holds nothing but that a mail came" },
	{ OPENED, KEY, RECEIPT | WARNING, PROTECTION_ENCRYPTED, NULL,
		"the mail it answers was encrypted, and a key of the recipient is known" },
	{ OPENED, NO_KEY, RECEIPT | WARNING, PROTECTION_CONTENT_FREE, "T38",
		"the mail it answers was encrypted, and no key of the recipient is known" },
	{ CLEAR, KEY, TEAM, PROTECTION_ENCRYPTED, NULL,
		"it answers no mail, and a key of the responder is known" },
	{ CLEAR, NO_KEY, TEAM, PROTECTION_SIGNED, NULL,
		"it answers no mail, and holds numbers and ids alone" },
	{ ANY, ANY, ANY, PROTECTION_CONTENT_FREE, "T38", "no other row allows more" },
};

bool
template_is_receipt(const char *template)
{
	return class_bit(template) != OTHER;
}

enum protection_word
policy_choose(const char *template, enum encryption answered, bool has_key,
	const char **template_out, const char **why)
{
	unsigned answer = answered_bit(answered), class = class_bit(template);
	unsigned key = has_key ? KEY : NO_KEY;
	const struct row *row = rows;

	while (!(row->answered & answer) || !(row->key & key) || !(row->classes & class))
		row++;	/* the last fits all */
	*template_out = row->instead != NULL ? row->instead : template;
	*why = row->why;
	return row->protection;
}

/* ---- printing ------------------------------------------------------------------------------- */

static void
bits_print(GString *out, unsigned bits, const struct word *words, guint n)
{
	const char *between = "";

	if (bits == ANY)
		g_string_append(out, "any");
	for (guint i = 0; i < n && bits != ANY; i++) {
		if (!(bits & words[i].bit))
			continue;
		g_string_append_printf(out, "%s%s", between, words[i].word);
		between = " or ";
	}
}

static void
class_print(GString *out, const struct word *class)
{
	g_string_append_printf(out, "class %s:", class->word);
	for (guint i = 0; i < G_N_ELEMENTS(classes); i++)
		if (classes[i].class == class->bit)
			g_string_append_printf(out, " %s", classes[i].template);
	g_string_append(out, class->bit == OTHER ? " all others\n" : "\n");
}

char *
policy_print(void)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];

		g_string_append(out, "answers: ");
		bits_print(out, row->answered, answered_words, G_N_ELEMENTS(answered_words));
		g_string_append(out, "; key: ");
		bits_print(out, row->key, key_words, G_N_ELEMENTS(key_words));
		g_string_append(out, "; class: ");
		bits_print(out, row->classes, class_words, G_N_ELEMENTS(class_words));
		g_string_append_printf(out, "\n\t%s%s%s: %s\n",
			protection_word_word(row->protection), row->instead ? " " : "",
			row->instead ? row->instead : "", row->why);
	}
	for (guint i = 0; i < G_N_ELEMENTS(class_words); i++)
		class_print(out, &class_words[i]);
	return g_string_free(out, FALSE);
}

/* ---- the outside ---------------------------------------------------------------------------- */

/* columns: template, words. T01, T02 and T33 share theirs, and T04 has none of its own: which of
 * them it is tells what we think of a signature. */
static const struct {
	const char *template, *words;
} outer_words[] = {
	{ "T01", "Biên nhận (nội dung mã hóa) / Receipt (encrypted)" },
	{ "T02", "Biên nhận (nội dung mã hóa) / Receipt (encrypted)" },
	{ "T33", "Biên nhận (nội dung mã hóa) / Receipt (encrypted)" },
	{ "T32", "Biên nhận bổ sung (nội dung mã hóa) / Further receipt (encrypted)" },
};
static const char outer_words_generic[] = "Thông báo (nội dung mã hóa) / Notice (encrypted)";

char *
outer_subject_make(const char *ticket_number, const char *template)
{
	bool has_number = ticket_number != NULL && ticket_number[0] != '\0';
	const char *words = outer_words_generic;

	for (guint i = 0; i < G_N_ELEMENTS(outer_words); i++)
		if (g_strcmp0(outer_words[i].template, template) == 0)
			words = outer_words[i].words;
	return has_number ? g_strdup_printf("[%s] %s", ticket_number, words) : g_strdup(words);
}

gint64
template_send_at(const char *template, gint64 received_by_us, gint64 now)
{
	return g_strcmp0(template, "T03") == 0 ? received_by_us + T03_DELAY_MS : now;
}
