/* SPDX-License-Identifier: ISC
 *
 * authentication: what our own receiving servers say of a mail's From domain (RFC 8601), and
 * whether a forwarder explains a failure. Only fields of authserv_ids are read, topmost first; the
 * first of them with a DMARC result decides, and of several such results in it a failure wins.
 *
 * Why that is enough although a sender can write such fields, too. Servers put their fields above
 * all that came in, so a forged one stands below the real one and is not reached. Where our server
 * put none, a forged one is believed, and can do two things: say "pass", which grants nothing here,
 * or say "fail", which takes the answer to the forger's own mail away. So the place among Received
 * fields, which nobody can tell for certain (servers differ in whether they put the result above or
 * below their own Received), need not be known. RFC 8601 §5 asks the server to remove foreign
 * fields with its id; nothing here rests on it.
 *
 * A forwarder's exemption does grant something, though only an acknowledgement. So the envelope
 * sender must be the forwarder's, and SPF must pass for it, in the field that carries the DMARC
 * result or one above: what a sender wrote is below. Delivered-To, X-Forwarded-* and Resent-* prove
 * nothing: anybody writes them. A forwarder that keeps the original envelope sender cannot be told
 * from a forger, and is not exempt.
 */
#include "desk/internal.h"

#include <string.h>

WORDS_DEFINE(authenticity, AUTHENTICITY, AUTHENTICITY_LIST)

#define FIELDS_READ	20	/* of our servers, of one letter */
#define RESULTS_READ	100	/* of one field */
#define COMMENT_DEPTH	10

/* What one field says; words in lower case. */
struct said {
	bool dmarc, dmarc_fail, dmarc_pass;
	bool spf, spf_pass;
	char *mail_from;	/* of SPF; NULL */
};

static void
said_clear(struct said *said)
{
	g_free(said->mail_from);
}
typedef struct said said_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(said_auto, said_clear)

/* ---- the notation --------------------------------------------------------------------------- */

/* Behind the comment that begins at p; NULL: it does not end, or too many are nested. */
static const char *
comment_skip(const char *p)
{
	guint depth = 0;

	do {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '(' && ++depth > COMMENT_DEPTH)
			return NULL;
		else if (*p == ')')
			depth--;
		else if (*p == '\0')
			return NULL;
		p++;
	} while (depth > 0);
	return p;
}

/* Over blanks and comments; false: not sound. */
static bool
blank_skip(const char **p)
{
	for (;;) {
		*p += strspn(*p, " \t\r\n");
		if (**p != '(')
			return true;
		const char *end = comment_skip(*p);

		if (end == NULL)
			return false;
		*p = end;
	}
}

static bool
quoted_take(const char **p, GString *out)
{
	for (++*p; **p != '"'; ++*p) {
		if (**p == '\\' && (*p)[1] != '\0')
			++*p;
		if (**p == '\0')
			return false;
		g_string_append_c(out, **p);
	}
	++*p;
	return true;
}

/* A word, in lower case: quoted strings and what stands between them, up to one of `stops` or a
 * blank. NULL: there is none, or it is not sound. g_free(). */
static char *
word_take(const char **p, const char *stops)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *begin;

	if (!blank_skip(p))
		return NULL;
	begin = *p;
	while (**p != '\0' && strchr(" \t\r\n(", **p) == NULL && strchr(stops, **p) == NULL)
		if (**p == '"') {
			if (!quoted_take(p, out))
				return NULL;
		} else {
			g_string_append_c(out, *(*p)++);
		}
	return *p == begin ? NULL : g_ascii_strdown(out->str, (gssize)out->len);
}

/* "name = value", with blanks and comments anywhere; "name/1" is name. */
static bool
pair_take(const char **p, char **name, char **value)
{
	g_autofree char *version = NULL;

	*name = word_take(p, "=;/");
	*value = NULL;
	if (*name == NULL || !blank_skip(p))
		return false;
	if (**p == '/') {
		++*p;
		version = word_take(p, "=;");
	}
	if (!blank_skip(p) || **p != '=')
		return false;
	++*p;
	*value = word_take(p, ";");
	return *value != NULL && blank_skip(p);
}

/* ---- one field ------------------------------------------------------------------------------ */

static void
method_note(struct said *said, const char *method, const char *result)
{
	if (strcmp(method, "dmarc") == 0) {
		said->dmarc = true;
		said->dmarc_fail |= strcmp(result, "fail") == 0;
		said->dmarc_pass |= strcmp(result, "pass") == 0;
	}
}

/* One method with its result and properties, up to ';' or the end. */
static bool
result_read(struct said *said, const char **p)
{
	g_autofree char *method = NULL, *result = NULL;
	bool is_first_spf;

	if (!pair_take(p, &method, &result))
		return false;
	method_note(said, method, result);
	is_first_spf = strcmp(method, "spf") == 0 && !said->spf;
	if (is_first_spf) {
		said->spf = true;
		said->spf_pass = strcmp(result, "pass") == 0;
	}
	while (**p != ';' && **p != '\0') {
		g_autofree char *name = NULL, *value = NULL;

		if (!pair_take(p, &name, &value))
			return false;
		if (is_first_spf && said->mail_from == NULL && strcmp(name, "smtp.mailfrom") == 0)
			said->mail_from = g_steal_pointer(&value);
	}
	return true;
}

/* Where the notation is broken, or a comment swallowed the result (some servers copy what a sender
 * wrote without quoting it), a failure is seen all the same. */
static bool
says_fail(const char *text)
{
	g_autofree char *lower = g_ascii_strdown(text, -1);

	for (const char *p = lower; (p = strstr(p, "dmarc")) != NULL;) {
		p += strlen("dmarc");
		p += strspn(p, " \t");
		if (*p == '=' && g_str_has_prefix(p + 1 + strspn(p + 1, " \t"), "fail"))
			return true;
	}
	return false;
}

static void
results_read(struct said *said, const char *p)
{
	const char *begin = p;
	guint n = 0;

	while (*p == ';' && n++ < RESULTS_READ) {
		p++;
		if (!blank_skip(&p) || *p == '\0' || !result_read(said, &p))
			break;
	}
	if ((*p != '\0' || !said->dmarc) && says_fail(begin))
		said->dmarc = said->dmarc_fail = true;
}

/* False: of another server, or in a version that is not known. */
static bool
field_read(const struct site *site, const char *value, struct said *said)
{
	const char *p = value;
	g_autofree char *id = word_take(&p, ";="), *version = NULL;

	if (id == NULL || !g_strv_contains((const char *const *)site->authserv_ids, id) ||
	    !blank_skip(&p) || *p == '=')
		return false;
	if (*p != ';' && *p != '\0') {
		version = word_take(&p, ";");
		if (g_strcmp0(version, "1") != 0 || !blank_skip(&p))
			return false;
	}
	results_read(said, p);
	return true;
}

/* ---- forwarders ----------------------------------------------------------------------------- */

/* The envelope sender SPF passed for: whole, or only its domain, then with the local part of the
 * topmost Return-Path. NULL: not known. g_free(). */
static char *
envelope_of(const struct said *said, const struct letter *letter)
{
	const char *path = letter_field(letter, "return-path"), *from = said->mail_from;

	if (!said->spf_pass || from == NULL)
		return NULL;
	if (*from != '@' && strchr(from, '@') != NULL)
		return g_strdup(from);
	g_autofree char *address = g_ascii_strdown(path != NULL ? path : "", -1);

	g_strdelimit(address, "<>", ' ');
	g_strstrip(address);
	const char *domain = address_domain(address);

	return address_equal(domain, from + (*from == '@')) ? g_steal_pointer(&address) : NULL;
}

static bool
is_rewritten(const char *local)
{
	return (g_str_has_prefix(local, "srs0") || g_str_has_prefix(local, "srs1")) &&
		local[4] != '\0' && strchr("=+-", local[4]) != NULL;
}

/* The forwarder's address; that with "+anything"; or SRS under its domain. */
static bool
is_of(const char *forwarder, const char *envelope)
{
	const char *at = strrchr(forwarder, '@'), *its_at = strrchr(envelope, '@');
	gsize local = at != NULL ? (gsize)(at - forwarder) : 0;

	if (at == NULL || its_at == NULL || g_ascii_strcasecmp(at, its_at) != 0)
		return false;
	return is_rewritten(envelope) || address_equal(forwarder, envelope) ||
		(g_ascii_strncasecmp(envelope, forwarder, local) == 0 && envelope[local] == '+');
}

static bool
is_forwarded(const struct site *site, const char *envelope)
{
	for (char **f = site->forwarders; envelope != NULL && *f != NULL; f++)
		if (is_of(*f, envelope))
			return true;
	return false;
}

/* ---- the letter ----------------------------------------------------------------------------- */

static enum authenticity
judge(const struct site *site, const struct said *said, const char *envelope)
{
	if (said->dmarc_fail)
		return is_forwarded(site, envelope) ? AUTHENTICITY_FORWARDED : AUTHENTICITY_FAIL;
	return said->dmarc_pass ? AUTHENTICITY_PASS : AUTHENTICITY_UNKNOWN;
}

enum authenticity
authentication_read(const struct site *site, const struct letter *letter)
{
	g_autofree char *envelope = NULL;
	bool has_spf = false;
	guint n = 0;

	for (guint i = 0; i < letter->fields->len && n < FIELDS_READ; i++) {
		const struct field *f = letter->fields->pdata[i];
		g_auto(said_auto) said = { 0 };

		if (strcmp(f->name, "authentication-results") != 0 ||
		    !field_read(site, f->value, &said))
			continue;
		n++;
		if (said.spf && !has_spf)
			envelope = envelope_of(&said, letter);
		has_spf |= said.spf;
		if (said.dmarc)
			return judge(site, &said, envelope);
	}
	return AUTHENTICITY_UNKNOWN;
}
