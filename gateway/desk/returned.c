/* SPDX-License-Identifier: ISC
 *
 * returned: what a bounce says became of a mail of ours, and what names that mail: ENVID, the field
 * X-Ungcuu-Id or the Message-ID of the header it returns, the address it came to where the envelope
 * sender holds the outgoing id.  Bounces without parts for machines are searched for the returned
 * header in their text.  Believes nothing: the hub looks every name up, and a mail is only tied if
 * the recipient it was sent to is the one the bounce is about.
 */
#include "desk/internal.h"

#include <string.h>

#define ID_LETTERS	32		/* hexadecimal, of an outgoing mail */

static const char our_field[] = "x-ungcuu-id:";
static const char id_field[] = "message-id:";

/* ---- names --------------------------------------------------------------------------------- */

/* The id at the start of `text`, and nothing that would belong to it behind it; NULL: none. */
static char *
id_at(const char *text)
{
	gsize n = strspn(text, "0123456789abcdefABCDEF");

	if (n != ID_LETTERS || g_ascii_isalnum(text[n]))
		return NULL;
	return g_ascii_strdown(text, ID_LETTERS);
}

static void
name_add(struct returned *returned, enum name_kind kind, char *text)
{
	struct returned_name *name;

	if (text == NULL || returned->names->len >= CLUES_MAX) {
		g_free(text);
		return;
	}
	name = g_new0(struct returned_name, 1);
	name->kind = kind;
	name->text = text;
	g_ptr_array_add(returned->names, name);
}

static void
name_free(gpointer data)
{
	struct returned_name *name = data;

	g_free(name->text);
	g_free(name);
}

/* The id in an address made from the pattern submission.envelope. */
static void
envelope_find(const struct site *site, const char *address, struct returned *returned)
{
	const char *pattern = site->envelope, *place = pattern ? strstr(pattern, "%m") : NULL;
	gsize before = place ? (gsize)(place - pattern) : 0;

	if (place == NULL || address == NULL || strlen(address) <= before + ID_LETTERS ||
	    g_ascii_strncasecmp(address, pattern, before) != 0 ||
	    g_ascii_strcasecmp(address + before + ID_LETTERS, place + 2) != 0)
		return;
	g_autofree char *id = g_strndup(address + before, ID_LETTERS);

	name_add(returned, NAMED_ENVELOPE, id_at(id));
}

static void
addresses_find(const struct site *site, const struct letter *letter, struct returned *returned)
{
	static const char *const fields[] = { "delivered-to", "x-original-to",
		"envelope-to", NULL };

	for (guint i = 0; i < letter->to->len && i < LIMIT_ADDRESSES; i++)
		envelope_find(site, ((const struct address *)letter->to->pdata[i])->address,
			returned);
	for (guint i = 0; i < letter->fields->len; i++) {
		const struct field *f = letter->fields->pdata[i];
		g_autofree char *value = g_strdup(f->value);

		g_strdelimit(value, "<>", ' ');
		if (g_strv_contains(fields, f->name))
			envelope_find(site, g_strstrip(value), returned);
	}
}

/* What stands behind each field of this name in a text. */
static void
text_find(const char *text, const char *field, enum name_kind kind, struct returned *returned)
{
	gsize n = strlen(field);

	for (const char *p = strchr(text, ':'); p != NULL; p = strchr(p + 1, ':')) {
		const char *value = p + 1 + strspn(p + 1, " \t\n><*");

		if ((gsize)(p - text) + 1 < n || g_ascii_strncasecmp(p + 1 - n, field, n) != 0)
			continue;
		name_add(returned, kind, kind == NAMED_FIELD ? id_at(value) :
			g_strndup(value, strcspn(value, "> \t\n")));
	}
}

static void
names_find(const struct site *site, const struct letter *letter, struct returned *returned)
{
	const char *texts[] = { letter->text, letter->quoted, letter->outside };
	const struct bounce *b = letter->bounce;

	if (b != NULL && b->our_id != NULL)
		name_add(returned, NAMED_FIELD, id_at(b->our_id));
	if (b != NULL && b->envelope_id != NULL)
		name_add(returned, NAMED_ENVID, id_at(b->envelope_id));
	addresses_find(site, letter, returned);
	if (b != NULL && b->message_id != NULL)
		name_add(returned, NAMED_MESSAGE_ID, g_strdup(b->message_id));
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		text_find(texts[i], our_field, NAMED_FIELD, returned);
	for (guint i = 0; i < letter->references->len && i < LIMIT_REFERENCES; i++)
		name_add(returned, NAMED_MESSAGE_ID, g_strdup(letter->references->pdata[i]));
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		text_find(texts[i], id_field, NAMED_MESSAGE_ID, returned);
}

/* ---- whom it is about ----------------------------------------------------------------------- */

/* xtext (RFC 3461 §4) undone; what is none stays as it is. */
static char *
xtext_read(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '+' && g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2])) {
			int byte = g_ascii_xdigit_value(p[1]) * 16 + g_ascii_xdigit_value(p[2]);

			if (byte > ' ' && byte < 0x7f) {
				g_string_append_c(out, (char)byte);
				p += 2;
				continue;
			}
		}
		g_string_append_c(out, *p);
	}
	return g_string_free(out, FALSE);
}

static bool
is_recipient(const char *said, const char *recipient)
{
	if (said == NULL)
		return false;
	g_autofree char *clean = g_strdup(said);

	g_strdelimit(clean, "<>", ' ');
	g_strstrip(clean);
	g_autofree char *decoded = xtext_read(clean);

	return address_equal(clean, recipient) || address_equal(decoded, recipient);
}

/* As a whole word, in any case. */
static bool
text_names(const char *text, const char *recipient)
{
	static const char within[] = "abcdefghijklmnopqrstuvwxyz0123456789._-+=%";
	g_autofree char *folded = g_ascii_strdown(text, -1);
	g_autofree char *wanted = g_ascii_strdown(recipient, -1);
	gsize n = strlen(wanted);

	for (const char *p = strstr(folded, wanted); n > 0 && p != NULL; p = strstr(p + 1, wanted))
		if ((p == folded || strchr(within, p[-1]) == NULL) && (p[n] == '\0' ||
		    strchr(within, p[n]) == NULL || (p[n] == '.' && !g_ascii_isalnum(p[n + 1]))))
			return true;
	return false;
}

bool
returned_is_about(const struct letter *letter, const char *recipient)
{
	const struct bounce *b = letter->bounce;
	const char *failed = letter_field(letter, "x-failed-recipients");

	if (b != NULL && (b->recipient != NULL || b->original != NULL))
		return is_recipient(b->recipient, recipient) ||
			is_recipient(b->original, recipient);
	if (failed != NULL)
		return text_names(failed, recipient);
	return text_names(letter->text, recipient) || text_names(letter->quoted, recipient) ||
		text_names(letter->outside, recipient);
}

/* ---- what became of it ---------------------------------------------------------------------- */

static const struct { const char *action; enum fate delivery; } actions[] = {
	{ "failed", FATE_FAILED }, { "delayed", FATE_DELAYED },
	{ "delivered", FATE_DELIVERED }, { "relayed", FATE_RELAYED },
	{ "expanded", FATE_RELAYED },
};
/* Subjects, folded, of those without a part for machines that do not say it is over. */
static const char *const delays[] = { "warning", "delay", "delivery delayed", "mail delayed",
	"delivery status notification (delay)", "message delayed" };

static bool
is_status(const char *status)
{
	return g_regex_match_simple("^[245]\\.[0-9]{1,3}\\.[0-9]{1,3}$", status,
		G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT);
}

static enum fate
delivery_of(const struct letter *letter, const char *subject)
{
	const struct bounce *b = letter->bounce;
	const char *action = b != NULL ? b->action : NULL, *status = b != NULL ? b->status : NULL;

	for (guint i = 0; action != NULL && i < G_N_ELEMENTS(actions); i++)
		if (strcmp(action, actions[i].action) == 0)
			return actions[i].delivery;
	if (status != NULL && is_status(status))
		return status[0] == '5' ? FATE_FAILED : status[0] == '4' ? FATE_DELAYED :
			FATE_DELIVERED;
	if (action != NULL)
		return FATE_NONE;
	for (guint i = 0; i < G_N_ELEMENTS(delays); i++)
		if (g_str_has_prefix(subject, delays[i]))
			return FATE_DELAYED;
	return FATE_FAILED;
}

struct returned *
returned_find(const struct site *site, const struct letter *letter)
{
	g_autofree char *subject = fold_text(letter->subject);
	struct returned *returned;

	if (bounce_mark(letter, subject) == NULL)
		return NULL;
	returned = g_new0(struct returned, 1);
	returned->names = g_ptr_array_new_with_free_func(name_free);
	returned->delivery = delivery_of(letter, subject);
	if (letter->bounce != NULL && letter->bounce->status != NULL &&
	    is_status(letter->bounce->status))
		returned->status = g_strdup(letter->bounce->status);
	names_find(site, letter, returned);
	return returned;
}

void
returned_free(struct returned *returned)
{
	if (returned == NULL)
		return;
	g_ptr_array_unref(returned->names);
	g_free(returned->status);
	g_free(returned);
}

const char *
name_kind_words(enum name_kind kind)
{
	static const char *const words[] = { "the id in its returned header", "its envelope id",
		"the address the bounce came to", "its Message-ID" };

	return words[kind];
}
