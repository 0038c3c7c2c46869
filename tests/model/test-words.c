/* SPDX-License-Identifier: ISC
 *
 * Words and numbers of every enum lead to each other, in the order and spelling that people and
 * scripts rely on; the distance behind "did you mean"; the sentence that names a limit.
 */
#include "model/model.h"

#include <string.h>

typedef const char *word_function(guint);
typedef int from_function(const char *);

/* One uniform pair of functions for each list. */
#define PAIR(NAME)								\
	static const char *							\
	NAME##_text(guint which)						\
	{									\
		return NAME##_word((enum NAME)which);				\
	}
PAIR(kind)
PAIR(signature)
PAIR(encryption)
PAIR(header_protection)
PAIR(layer)
PAIR(mail_state)
PAIR(out_state)
PAIR(ticket_state)
PAIR(party_kind)
PAIR(death)

/* list, its functions, its size, all words in order: scripts and stored rows know them */
static const struct {
	const char *name;
	word_function *word;
	from_function *from;
	guint count;
	const char *words;
} lists[] = {
	{ "kind", kind_text, kind_from_word, kind_count,
	    "report reply command isp-reply order bounce auto-reply receipt feedback list thanks "
	    "canary noise oversize duplicate before-start" },
	{ "signature", signature_text, signature_from_word, signature_count,
	    "bad revoked unverifiable expired-at-signing good-weak-algo partial good-from-mismatch "
	    "good-unknown-key good-trusted none" },
	{ "encryption", encryption_text, encryption_from_word, encryption_count,
	    "malformed unsupported not-for-us expired-key decrypted none" },
	{ "header_protection", header_protection_text, header_protection_from_word,
	    header_protection_count, "none signed encrypted" },
	{ "layer", layer_text, layer_from_word, layer_count,
	    "plain pgp-signed pgp-encrypted smime-signed smime-opaque smime-encrypted "
	    "pgp-inline-signed pgp-inline-encrypted" },
	{ "mail_state", mail_state_text, mail_state_from_word, mail_state_count,
	    "stored opening opened deciding decided held left" },
	{ "out_state", out_state_text, out_state_from_word, out_state_count,
	    "planned protected sent held cancelled" },
	{ "ticket_state", ticket_state_text, ticket_state_from_word, ticket_state_count,
	    "received triage need_info confirmed responding contained recovering resolved closed "
	    "rejected duplicate transferred reopened" },
	{ "party_kind", party_kind_text, party_kind_from_word, party_kind_count,
	    "responder agency isp authority" },
	{ "death", death_text, death_from_word, death_count,
	    "orderly counted unexplained starved" },
};

static void
test_words(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
		g_auto(GStrv) words = g_strsplit(lists[i].words, " ", -1);

		g_test_message("%s", lists[i].name);
		g_assert_cmpuint(g_strv_length(words), ==, lists[i].count);
		for (guint n = 0; n < lists[i].count; n++) {
			g_assert_cmpstr(lists[i].word(n), ==, words[n]);
			g_assert_cmpint(lists[i].from(words[n]), ==, (int)n);
		}
		g_assert_cmpint(lists[i].from(""), ==, -1);
		g_assert_cmpint(lists[i].from(NULL), ==, -1);
		g_assert_cmpint(lists[i].from("Report"), ==, -1);
		g_assert_cmpint(lists[i].from("none "), ==, -1);
	}
}

static const struct {
	const char *a, *b;
	guint distance;
} distances[] = {
	{ "", "", 0 }, { "host", "host", 0 }, { "hst", "host", 1 }, { "hoost", "host", 1 },
	{ "hast", "host", 1 }, { "hsot", "host", 1 }, { "nmae", "name", 1 }, { "", "host", 4 },
	{ "pasword_flie", "password_file", 2 }, { "abcd", "badc", 2 },
};

static void
test_distance(void)
{
	g_autofree char *long_text = g_strnfill(1000, 'x');

	for (guint i = 0; i < G_N_ELEMENTS(distances); i++) {
		g_assert_cmpuint(words_distance(distances[i].a, distances[i].b), ==,
		    distances[i].distance);
		g_assert_cmpuint(words_distance(distances[i].b, distances[i].a), ==,
		    distances[i].distance);
	}
	g_assert_cmpuint(words_distance(long_text, ""), ==, 63);
}

static void
test_limit(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(limit_reached(&error, "mime", "depth", LIMIT_DEPTH), ==, NEVER);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_assert_cmpstr(error->message, ==, "mime: depth limit 32");
	g_assert_cmpint(limit_reached(NULL, "mime", "parts", LIMIT_PARTS), ==, NEVER);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/words/round-trip", test_words);
	g_test_add_func("/model/words/distance", test_distance);
	g_test_add_func("/model/limits/reached", test_limit);
	return g_test_run();
}
