/* SPDX-License-Identifier: ISC
 *
 * marks: what says that a mail was made by a machine (RFC 3834, RFC 2919, RFC 2369, and the fields
 * that mail systems use instead). classify.c asks them to know a mail's kind, acknowledge.c again
 * before anything is answered: either alone breaks a loop. Every field of a name is looked at, not
 * the topmost alone: a relay may have put its own above.
 */
#include "desk/internal.h"

#include <string.h>

static bool
value_is(const char *value, const char *const *words)
{
	g_autofree char *folded = fold_text(value);

	g_strstrip(folded);
	folded[strcspn(folded, "; (\t")] = '\0';
	for (; *words != NULL; words++)
		if (strcmp(folded, *words) == 0)
			return true;
	return false;
}

bool
field_is(const struct letter *letter, const char *lower_name, const char *const *words)
{
	for (guint i = 0; i < letter->fields->len; i++) {
		const struct field *f = letter->fields->pdata[i];

		if (strcmp(f->name, lower_name) == 0 && value_is(f->value, words))
			return true;
	}
	return false;
}

bool
field_there(const struct letter *letter, const char *lower_name)
{
	return letter_field(letter, lower_name) != NULL;
}

/* Is there a field of this name with any other word? */
static bool
field_other_than(const struct letter *letter, const char *lower_name, const char *const *words)
{
	for (guint i = 0; i < letter->fields->len; i++) {
		const struct field *f = letter->fields->pdata[i];

		if (strcmp(f->name, lower_name) == 0 && !value_is(f->value, words))
			return true;
	}
	return false;
}

static const char *const no_words[] = { "no", "false", "0", NULL };

/* columns: field that, unless it says no, was written by an auto-responder; the sentence */
static const struct {
	const char *field, *why;
} automatic_fields[] = {
	{ "auto-submitted",	"Auto-Submitted is not \"no\"" },
	{ "x-autoreply",	"X-Autoreply is there" },
	{ "x-autorespond",	"X-Autorespond is there" },
};

const char *
mark_auto_submitted(const struct letter *letter)
{
	static const char *const auto_reply[] = { "auto_reply", "auto-reply", NULL };

	for (guint i = 0; i < G_N_ELEMENTS(automatic_fields); i++)
		if (field_other_than(letter, automatic_fields[i].field, no_words))
			return automatic_fields[i].why;
	if (field_is(letter, "precedence", auto_reply))
		return "Precedence is auto_reply";
	return NULL;
}

static const struct {
	const char *field, *why;
} list_fields[] = {
	{ "list-id",		"List-Id is there" },
	{ "list-post",		"List-Post is there" },
	{ "list-unsubscribe",	"List-Unsubscribe is there" },
};

const char *
mark_list(const struct letter *letter)
{
	static const char *const many[] = { "list", "bulk", "junk", NULL };

	for (guint i = 0; i < G_N_ELEMENTS(list_fields); i++)
		if (field_there(letter, list_fields[i].field))
			return list_fields[i].why;
	return field_is(letter, "precedence", many) ? "Precedence is list, bulk or junk" : NULL;
}

const char *
mark_null_return(const struct letter *letter)
{
	static const char *const nobody[] = { "", "<>", "mailer-daemon", "<mailer-daemon>", NULL };

	return field_is(letter, "return-path", nobody) ? "Return-Path is empty" : NULL;
}

/* The words that forbid answers; DR, NDR, RN and NRN speak of delivery and read receipts. */
const char *
mark_suppress(const struct letter *letter)
{
	for (guint i = 0; i < letter->fields->len; i++) {
		const struct field *f = letter->fields->pdata[i];

		if (strcmp(f->name, "x-auto-response-suppress") != 0)
			continue;
		g_autofree char *folded = fold_text(f->value);
		g_auto(GStrv) words = g_strsplit_set(folded, ",; \t", CLUES_MAX);

		for (char **w = words; *w != NULL; w++)
			if (strcmp(*w, "all") == 0 || strcmp(*w, "oof") == 0 ||
			    strcmp(*w, "autoreply") == 0)
				return "X-Auto-Response-Suppress forbids answers";
	}
	return NULL;
}

/* Local parts that are no person (RFC 3834 §2, RFC 2142 §7, custom); '*' is any text. */
static const char *const system_senders[] = {
	"mailer-daemon", "mailerdaemon", "mailer_daemon", "postmaster", "mail-daemon",
	"no-reply*", "noreply*", "no_reply*", "no.reply*", "*-noreply", "*-no-reply",
	"donotreply*", "do-not-reply*", "do_not_reply*", "do.not.reply*", "bounce*", "*-bounce",
	"*-bounces", "*-bounces+*", "owner-*", "*-owner", "*-request", "listserv", "majordomo",
	"mailman", "autoreply*", "auto-reply*", "autoresponder*", "null", "nobody",
};

const char *
mark_system_sender(const struct letter *letter)
{
	if (letter->from.address == NULL)
		return NULL;
	g_autofree char *local = fold_text(letter->from.address);
	char *at = strrchr(local, '@');

	if (at != NULL)
		*at = '\0';
	for (guint i = 0; i < G_N_ELEMENTS(system_senders); i++)
		if (g_pattern_match_simple(system_senders[i], local))
			return "From is an address of a mail system, not of a person";
	return NULL;
}

static const char *const no_attachments[] = {
	"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
};

guint
attachment_count(const struct letter *letter)
{
	guint n = letter->parts->len;

	for (guint i = 0; i < letter->parts->len; i++) {
		const struct part *p = letter->parts->pdata[i];

		for (guint j = 0; j < G_N_ELEMENTS(no_attachments); j++)
			n -= p->type != NULL && g_ascii_strcasecmp(p->type, no_attachments[j]) == 0;
	}
	return n;
}

/* ---- folders -------------------------------------------------------------------------------- */

bool
folder_is_junk(const char *folder)
{
	static const char *const names[] = { "junk", "spam", "bulk", "junk e-mail", "junk email",
		"junk mail", "bulk mail", "thu rac", "rac" };
	const char *last = strrchr(folder, '/');
	g_autofree char *folded = fold_text(last ? last + 1 : folder);
	const char *name = strrchr(folded, '.');

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(name ? name + 1 : folded, names[i]) == 0)
			return true;
	return false;
}
