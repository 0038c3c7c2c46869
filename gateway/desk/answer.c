/* SPDX-License-Identifier: ISC
 *
 * answer: fills a mail the rules have decided on: recipient, language, thread, values. Relies on
 * values.c and wording.c. No value comes from the sender: digests, counts, times and words of our
 * own only; what a template must not be able to say (the cause of a failed decryption) is no value
 * of any. The only bytes of a sender in our header are the address we write to (acknowledge.c) and
 * a Message-ID that is one; any other is left out, and the mail still goes.
 */
#include "desk/internal.h"

#include <string.h>

/* ---- who ----------------------------------------------------------------- */

bool
answer_is_forged(const struct site *site, const struct letter *letter,
	const struct verdict *verdict)
{
	switch (verdict->signature) {
	case SIGNATURE_BAD:
	case SIGNATURE_REVOKED:
	case SIGNATURE_MISMATCH:
		return letter->from.address != NULL &&
			site_party_by_address(site, letter->from.address) != NULL;
	default:
		return false;
	}
}

bool
answer_is_diverted(const struct site *site, const struct letter *letter,
	const struct verdict *verdict)
{
	if (answer_is_forged(site, letter, verdict))
		return true;
	return letter->from.address != NULL &&
		site_party_by_address(site, letter->from.address) != NULL &&
		authentication_read(site, letter) == AUTHENTICITY_FAIL;
}

static const char *
known_language(const char *language)
{
	bool known = language && (strcmp(language, "vi") == 0 || strcmp(language, "en") == 0);

	return known ? language : NULL;
}

/* said: what the letter is written in, NULL where that must not be told. */
static const char *
language_for(const struct site *site, const char *from, const char *said)
{
	const struct party *party = from ? site_party_by_address(site, from) : NULL;
	const char *language = party ? known_language(party->language) : NULL;

	if (language == NULL)
		language = known_language(said);
	if (language == NULL && site->languages != NULL)
		language = known_language(site->languages[0]);
	return language ? language : "vi";
}

const char *
answer_language(const struct site *site, const struct letter *letter)
{
	return language_for(site, letter->from.address, letter->language);
}

/* ---- thread -------------------------------------------------------------- */

/* Printable ASCII that no parser takes for anything but text. */
static bool
is_atext(char c)
{
	return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_dot_atom(const char *text, gsize n)
{
	bool after_letter = false;

	for (gsize i = 0; i < n; i++) {
		if (!is_atext(text[i]) && !(text[i] == '.' && after_letter))
			return false;
		after_letter = text[i] != '.';
	}
	return after_letter;
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]"; '<' and '>' are dtext, but a header is read by worse parsers
 * than RFC 5322's. */
static bool
is_domain_literal(const char *text, gsize n)
{
	if (n < 3 || text[0] != '[' || text[n - 1] != ']')
		return false;
	for (gsize i = 1; i < n - 1; i++)
		if (!g_ascii_isgraph(text[i]) || strchr("<>@[\\]", text[i]) != NULL)
			return false;
	return true;
}

bool
is_msg_id(const char *id)
{
	const char *at = id != NULL ? strchr(id, '@') : NULL;
	gsize left, right;

	if (at == NULL || strlen(id) > MESSAGE_ID_MAX)
		return false;
	left = (gsize)(at - id);
	right = strlen(at + 1);
	return is_dot_atom(id, left) &&
		(is_dot_atom(at + 1, right) || is_domain_literal(at + 1, right));
}

/* ---- values -------------------------------------------------------------- */

static const char *const languages[] = { "vi", "en" };

static void
add_received(GPtrArray *values, const struct facts *facts)
{
	for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
		g_autofree char *name = g_strconcat("received.", languages[i], NULL);
		g_autofree char *time = time_for_people(facts->received, languages[i]);

		values_add(values, name, time);
	}
}

static void
add_signature(GPtrArray *values, enum signature signature)
{
	for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
		g_autofree char *name = g_strconcat("signature.", languages[i], NULL);

		values_add(values, name, signature_for_people(signature, languages[i]));
	}
	values_add(values, "trusted", signature == SIGNATURE_TRUSTED ? "1" : NULL);
}

static void
add_attachments(GPtrArray *values, const struct letter *letter)
{
	guint n = attachment_count(letter);
	g_autofree char *count = g_strdup_printf("%u", n);
	guint64 size = 0;

	if (n == 0)
		return;
	for (guint i = 0; i < letter->parts->len; i++) {
		const struct part *p = letter->parts->pdata[i];

		if (!g_uint64_checked_add(&size, size, p->size))
			size = G_MAXUINT64;
	}
	values_add(values, "attachments", count);
	for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
		g_autofree char *name = g_strconcat("size.", languages[i], NULL);
		g_autofree char *text = size_for_people(size, languages[i]);

		values_add(values, name, text);
	}
}

static GPtrArray *
values_of(const char *template, const struct facts *facts, const struct letter *letter,
	const struct verdict *verdict)
{
	GPtrArray *values = values_new();
	unsigned holds = template_holds(template);

	add_received(values, facts);
	if (holds & HOLDS_RAW)
		values_add(values, "sha256_raw", facts->sha256);
	if (holds & HOLDS_OWN) {
		g_autofree char *own = digest_hex(letter->own_sha256);

		values_add(values, "sha256_own", own);
	}
	if (holds & HOLDS_SIGNATURE)
		add_signature(values, verdict->signature);
	if (holds & HOLDS_ATTACHMENTS)
		add_attachments(values, letter);
	return values;
}

/* T03 says the same whatever was seen: where one layer was opened and the next was not, language
 * and Message-ID of the letter come from inside, and who has them in the answer knows how far we
 * came. */
static bool
is_blind(const struct effect *mail)
{
	return strcmp(mail->word, "T03") == 0;
}

void
answer_fill(struct effect *mail, const struct site *site, const struct facts *facts,
	const struct letter *letter, const struct verdict *verdict)
{
	bool blind = is_blind(mail);

	mail->values = values_of(mail->word, facts, letter, verdict);
	mail->language = g_strdup(language_for(site, letter->from.address,
		blind ? NULL : letter->language));
	if (answer_is_diverted(site, letter, verdict)) {
		const struct party *party = site_party_by_address(site, letter->from.address);

		/* No thread headers either: this mailbox never saw the mail. */
		mail->recipient = g_strdup(party->addresses[0]);
		return;
	}
	mail->recipient = g_strdup(letter->from.address);
	if (!blind && is_msg_id(letter->message_id))
		mail->in_reply_to = g_strdup(letter->message_id);
}
