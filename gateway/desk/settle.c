/* SPDX-License-Identifier: ISC
 *
 * settle: of two From addresses, the one outside and the one in the protected header, which counts
 * (RFC 9788 §4.4), and what the header protection is worth under the verdict. Only a good signature
 * binds the inner address to a key; without one the outer address is judged and answered, as it
 * would be for a mail without header protection. Writes header_protection of the verdict and no
 * other word of it.
 */
#include "desk/internal.h"

#include <string.h>

#define DIFFERS	"protected From differs from the outer one"	/* as gateway/mime notes it */
#define KEPT	"protected From: "

/* The signature binds the protected header's From to its key. */
static bool
binds_from(enum signature s)
{
	return s == SIGNATURE_TRUSTED || s == SIGNATURE_UNKNOWN_KEY;
}

/* The signature holds for the octets it covers, the protected header among them. */
static bool
holds(enum signature s)
{
	return binds_from(s) || s == SIGNATURE_MISMATCH || s == SIGNATURE_PARTIAL;
}

static enum header_protection
protection_of(enum header_protection said, const struct verdict *verdict)
{
	bool is_so = (said == HEADER_PROTECTION_SIGNED && holds(verdict->signature)) ||
		(said == HEADER_PROTECTION_ENCRYPTED &&
		verdict->encryption == ENCRYPTION_DECRYPTED);

	return is_so ? said : HEADER_PROTECTION_NONE;
}

static bool
note_there(const struct letter *letter, const char *note, gsize n)
{
	for (guint i = 0; i < letter->notes->len; i++)
		if (strncmp(letter->notes->pdata[i], note, n) == 0)
			return true;
	return false;
}

/* An outer header without exactly one From leaves no outer_from; the note is then all there is. */
static bool
is_open(const struct letter *letter)
{
	if (note_there(letter, KEPT, strlen(KEPT)))
		return false;
	return letter->outer_from.address != NULL || note_there(letter, DIFFERS, strlen(DIFFERS));
}

/* For people: no control, no invisible character, nothing that ends the brackets around it. */
static char *
address_clean(const char *address)
{
	GString *out = g_string_new(NULL);

	for (; *address != '\0' && out->len < ADDRESS_MAX; address = g_utf8_next_char(address)) {
		gunichar c = g_utf8_get_char(address);

		g_string_append_unichar(out, g_unichar_isgraph(c) && !g_unichar_ismark(c) &&
			c != '<' && c != '>' ? c : '?');
	}
	return g_string_free(out, FALSE);
}

static void
note_kept(struct letter *letter)
{
	const char *inner = letter->from.address;
	g_autofree char *clean = inner != NULL ? address_clean(inner) : NULL;
	char *note = clean != NULL ? g_strdup_printf(KEPT "<%s>", clean) : g_strdup(KEPT "none");

	if (letter->notes->len >= LIMIT_NOTES)
		g_ptr_array_set_size(letter->notes, LIMIT_NOTES - 1);
	g_ptr_array_add(letter->notes, note);
}

static void
take_outer(struct letter *letter)
{
	note_kept(letter);
	g_free(letter->from.name);
	g_free(letter->from.address);
	letter->from = letter->outer_from;
	letter->outer_from = (struct address){ NULL, NULL };
	letter->n_from = letter->from.address != NULL;
}

void
letter_settle_judged(struct letter *letter, struct verdict *verdict, const char *judged)
{
	bool is_bound = binds_from(verdict->signature) &&
		address_equal(judged, letter->from.address);

	if (is_open(letter) && !is_bound)
		take_outer(letter);
	verdict->header_protection = protection_of(letter->header_protection, verdict);
}

void
letter_settle_from(struct letter *letter, struct verdict *verdict)
{
	letter_settle_judged(letter, verdict, letter->from.address);
}
