/* SPDX-License-Identifier: ISC
 *
 * clues: what in a letter may name a ticket: our own Message-IDs in its references, the
 * plus-address it was sent to, the footer line of our mails in its text, a ticket number in subject
 * or text. A clue proves nothing here: the hub looks each one up, and rules.c decides what it is
 * worth. Text is searched folded (case, diacritics, widths), in one pass each, and never gives more
 * than CLUES_MAX clues of a kind.
 */
#include "desk/internal.h"

#include <string.h>

#define OUR_ID		"ungcuu."	/* <ungcuu.CODE.RANDOM@domain> */
#define YEAR_DIGITS	4
#define NUMBER_DIGITS	9		/* most digits of a number */
#define FOOTER_WINDOW	200		/* bytes behind the footer's words that may hold its code */
#define RECEIPT_LETTERS_MIN 8
#define RECEIPT_LETTERS_MAX 40

/* ---- our own names -------------------------------------------------------------------------- */

char *
message_id_make(const struct site *site, const char *thread_code, const char *random)
{
	const char *domain = address_domain(site->address);

	return g_strdup_printf(OUR_ID "%s.%s@%s", thread_code, random,
		domain ? domain : "localhost");
}

char *
reply_address_make(const struct site *site, const char *thread_code)
{
	const char *pattern = site->reply_address, *place = pattern ? strstr(pattern, "%t") : NULL;

	if (place == NULL)
		return NULL;
	return g_strdup_printf("%.*s%s%s", (int)(place - pattern), pattern, thread_code, place + 2);
}

/* The code in its one spelling, or NULL if these are not the letters of one. */
static char *
thread_code_read(const char *text, gsize size)
{
	g_autofree char *raw = g_strndup(text, size);
	g_autofree char *code = code_normalize(raw);

	return code != NULL && strlen(code) == THREAD_CODE_LETTERS ? g_steal_pointer(&code) : NULL;
}

static char *
reply_address_code(const struct site *site, const char *address)
{
	const char *pattern = site->reply_address, *place = pattern ? strstr(pattern, "%t") : NULL;

	if (place == NULL || address == NULL)
		return NULL;
	gsize before = (gsize)(place - pattern), after = strlen(place + 2), all = strlen(address);

	if (all <= before + after || g_ascii_strncasecmp(address, pattern, before) != 0 ||
	    g_ascii_strcasecmp(address + all - after, place + 2) != 0)
		return NULL;
	return thread_code_read(address + before, all - before - after);
}

/* Any domain we receive mail at: replies to mail from before a change of domain carry the old one.
 * */
static bool
is_own_domain(const struct site *site, const char *domain)
{
	const char *own[] = { address_domain(site->address), address_domain(site->reply_address) };

	if (domain == NULL)
		return false;
	for (guint i = 0; i < G_N_ELEMENTS(own); i++)
		if (own[i] != NULL && g_ascii_strcasecmp(own[i], domain) == 0)
			return true;
	for (char **a = site->aliases; a != NULL && *a != NULL; a++) {
		const char *alias = address_domain(*a);

		if (alias != NULL && g_ascii_strcasecmp(alias, domain) == 0)
			return true;
	}
	return false;
}

static char *
message_id_code(const struct site *site, const char *id)
{
	gsize prefix = strlen(OUR_ID);

	if (g_ascii_strncasecmp(id, OUR_ID, prefix) != 0 ||
	    !is_own_domain(site, address_domain(id)))
		return NULL;
	return thread_code_read(id + prefix, strcspn(id + prefix, "."));
}

/* ---- collecting ----------------------------------------------------------------------------- */

/* Takes `text`; drops what is there already or too much. */
static void
clue_add(GPtrArray *clues, char *text)
{
	bool wanted = text != NULL && clues->len < CLUES_MAX;

	for (guint i = 0; wanted && i < clues->len; i++)
		wanted = strcmp(clues->pdata[i], text) != 0;
	if (wanted)
		g_ptr_array_add(clues, text);
	else
		g_free(text);
}

static void
references_find(const struct site *site, const struct letter *letter, struct clues *clues)
{
	for (guint i = 0; i < letter->references->len && i < LIMIT_REFERENCES; i++) {
		const char *id = letter->references->pdata[i];

		g_ptr_array_add(clues->message_ids, g_strdup(id));
		clue_add(clues->codes, message_id_code(site, id));
	}
	for (guint i = 0; i < letter->to->len && i < LIMIT_ADDRESSES; i++) {
		const struct address *to = letter->to->pdata[i];

		clue_add(clues->codes, reply_address_code(site, to->address));
	}
}

/* ---- codes behind their words --------------------------------------------------------------- */

/* The letters at `p`, over the separators, until something else comes; *end behind the last. */
static void
letters_read(const char *p, const char *between, GString *letters, gsize max, const char **end)
{
	*end = p;
	for (gsize i = 0; i < FOOTER_WINDOW && p[i] != '\0' && letters->len < max; i++) {
		if (strchr(between, p[i]) != NULL)
			continue;
		if (!g_ascii_isalnum(p[i]) || p[i] == 'u')
			break;
		g_string_append_c(letters, p[i]);
		*end = p + i + 1;
	}
}

/* Mail programs fold the footer, quote it with '>' and mark it with '*'. */
static char *
thread_code_at(const char *p)
{
	g_autoptr(GString) letters = g_string_new(NULL);
	const char *end;

	letters_read(p, ":- \t\n>*|", letters, THREAD_CODE_LETTERS, &end);
	if (letters->len != THREAD_CODE_LETTERS || g_ascii_isalnum(*end))
		return NULL;
	return thread_code_read(letters->str, letters->len);
}

static char *
receipt_code_at(const char *p)
{
	g_autoptr(GString) letters = g_string_new(NULL);
	const char *end;

	letters_read(p + strspn(p, ":* \t"), "-*", letters, RECEIPT_LETTERS_MAX, &end);
	return letters->len >= RECEIPT_LETTERS_MIN ? code_normalize(letters->str) : NULL;
}

/* columns: the words before a code, folded; which of two lists it joins; how it is read */
static const struct label {
	const char *words;
	bool is_receipt;
	char *(*read)(const char *);
} labels[] = {
	{ "ma luong",		false,	thread_code_at },
	{ "thread code",	false,	thread_code_at },
	{ "ma bien nhan",	true,	receipt_code_at },
	{ "receipt code",	true,	receipt_code_at },
};

static void
codes_find(const char *folded, bool is_own_text, struct clues *clues)
{
	for (guint i = 0; i < G_N_ELEMENTS(labels); i++) {
		const struct label *label = &labels[i];
		GPtrArray *list = label->is_receipt ? clues->receipt_codes : clues->codes;

		/* Our own receipt comes back in every quoted reply: only new text asks. */
		if (label->is_receipt && !is_own_text)
			continue;
		for (const char *p = strstr(folded, label->words); p && list->len < CLUES_MAX;
		     p = strstr(p, label->words)) {
			p += strlen(label->words);
			clue_add(list, label->read(p));
		}
	}
}

/* ---- ticket numbers ------------------------------------------------------------------------- */

/* Digits at *at, at least min, at most max; false: none, or more follow. */
static bool
digits_read(const char **at, guint min, guint max, guint64 *out)
{
	guint n = 0;

	for (*out = 0; n < max && g_ascii_isdigit((*at)[n]); n++)
		*out = *out * 10 + (guint64)((*at)[n] - '0');
	if (n < min || g_ascii_isdigit((*at)[n]))
		return false;
	*at += n;
	return true;
}

/* One directive of the format ("%i", "%y", "%n" or "%06n") at *at; appends its one spelling. */
static bool
directive_match(const struct site *site, const char **format, const char **at, GString *tag)
{
	guint64 width = 0, value = 0;

	while (g_ascii_isdigit(**format) && width < NUMBER_DIGITS)
		width = width * 10 + (guint64)(*(*format)++ - '0');
	switch (*(*format)++) {
	case 'i':
		if (g_ascii_strncasecmp(*at, site->id, strlen(site->id)) != 0)
			return false;
		*at += strlen(site->id);
		g_string_append(tag, site->id);
		return true;
	case 'y':
		if (!digits_read(at, YEAR_DIGITS, YEAR_DIGITS, &value))
			return false;
		g_string_append_printf(tag, "%04u", (guint)value);
		return true;
	case 'n':
		if (!digits_read(at, 1, NUMBER_DIGITS, &value))
			return false;
		g_string_append_printf(tag, "%0*u", (int)MIN(width, NUMBER_DIGITS), (guint)value);
		return true;
	default:
		return false;
	}
}

bool
tag_match(const struct site *site, const char *start, const char *at, const char **end, char **tag)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *format = site->ticket_format;

	if (format == NULL || (at > start && (g_ascii_isalnum(at[-1]) || strchr("-_", at[-1]))))
		return false;
	while (*format != '\0') {
		if (*format == '%' && format[1] != '%') {
			format++;
			if (!directive_match(site, &format, &at, out))
				return false;
			continue;
		}
		format += *format == '%';
		if (*at == '\0' || g_ascii_tolower(*format) != *at)
			return false;
		g_string_append_c(out, *format++);
		at++;
	}
	if (out->len == 0 || g_ascii_isalnum(*at) || *at == '_')
		return false;
	*end = at;
	*tag = g_string_free(g_steal_pointer(&out), FALSE);
	return true;
}

static void
tags_find(const struct site *site, const char *folded, GPtrArray *tags)
{
	const char *end;
	char *tag;

	for (const char *p = folded; *p != '\0' && tags->len < CLUES_MAX; p++)
		if (tag_match(site, folded, p, &end, &tag)) {
			clue_add(tags, tag);
			p = end - 1;
		}
}

/* ---- all of it ------------------------------------------------------------------------------ */

struct clues *
clues_find(const struct site *site, const struct letter *letter)
{
	struct clues *clues = g_new0(struct clues, 1);
	g_autofree char *subject = fold_text(letter->subject);
	g_autofree char *text = fold_text(letter->text);
	g_autofree char *quoted = fold_text(letter->quoted);
	g_autofree char *outside = fold_text(letter->outside);

	clues->message_ids = g_ptr_array_new_with_free_func(g_free);
	clues->codes = g_ptr_array_new_with_free_func(g_free);
	clues->tags = g_ptr_array_new_with_free_func(g_free);
	clues->receipt_codes = g_ptr_array_new_with_free_func(g_free);
	references_find(site, letter, clues);
	codes_find(text, true, clues);
	codes_find(quoted, false, clues);
	codes_find(outside, false, clues);
	tags_find(site, subject, clues->tags);
	tags_find(site, text, clues->tags);
	return clues;
}

void
clues_free(struct clues *clues)
{
	if (clues == NULL)
		return;
	g_ptr_array_unref(clues->message_ids);
	g_ptr_array_unref(clues->codes);
	g_ptr_array_unref(clues->tags);
	g_ptr_array_unref(clues->receipt_codes);
	g_free(clues);
}
