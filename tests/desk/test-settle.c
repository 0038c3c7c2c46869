/* SPDX-License-Identifier: ISC
 *
 * Which of two From addresses counts, and what header protection is worth: every signature and
 * encryption word with every kind of header, against two lists of words written out here.
 */
#include "desk/internal.h"
#include "sample.h"

#include <string.h>

#define INNER	"trong@example.org"
#define OUTER	"ngoai@example.net"
#define DIFFERS	"protected From differs from the outer one"

/* The outer From: none kept (it does not differ), another, none at all or several. */
enum outer { SAME, OTHER, NOBODY, n_outer };

static struct letter *
letter_with(enum outer outer, enum header_protection protection)
{
	struct letter *l = sample_letter(INNER, "Sự cố", "x", NULL);

	l->from.name = g_strdup("Trong");
	l->header_protection = protection;
	if (outer != SAME)
		g_ptr_array_add(l->notes, g_strdup(DIFFERS));
	if (outer == OTHER) {
		l->outer_from.address = g_strdup(OUTER);
		l->outer_from.name = g_strdup("Ngoai");
	}
	return l;
}

static bool
is_one_of(enum signature s, const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	return g_strv_contains((const char *const *)list, signature_word(s));
}

static void
from_check(const struct letter *l, enum outer outer, bool inner_counts)
{
	const char *note = l->notes->len > 1 ? l->notes->pdata[1] : NULL;

	if (outer == SAME || inner_counts) {
		g_assert_cmpstr(l->from.address, ==, INNER);
		g_assert_cmpstr(l->from.name, ==, "Trong");
		g_assert_cmpuint(l->n_from, ==, 1);
		g_assert_cmpstr(l->outer_from.address, ==, outer == OTHER ? OUTER : NULL);
		g_assert_null(note);
		return;
	}
	g_assert_cmpstr(l->from.address, ==, outer == OTHER ? OUTER : NULL);
	g_assert_cmpstr(l->from.name, ==, outer == OTHER ? "Ngoai" : NULL);
	g_assert_cmpuint(l->n_from, ==, outer == OTHER);
	g_assert_null(l->outer_from.address);
	g_assert_null(l->outer_from.name);
	g_assert_cmpstr(note, ==, "protected From: <" INNER ">");
}

static void
one(enum signature s, enum encryption e, enum outer outer, enum header_protection p)
{
	g_autoptr(letter_auto) l = letter_with(outer, p);
	struct verdict v = sample_verdict(s, e, NULL);
	bool is_signed = p == HEADER_PROTECTION_SIGNED && is_one_of(s,
		"good-trusted good-unknown-key good-from-mismatch partial");
	bool is_encrypted = p == HEADER_PROTECTION_ENCRYPTED && e == ENCRYPTION_DECRYPTED;

	v.header_protection = (enum header_protection)g_test_rand_int_range(0, 3);
	for (int again = 0; again < 2; again++) {	/* the second time changes nothing */
		letter_settle_from(l, &v);
		from_check(l, outer, is_one_of(s, "good-trusted good-unknown-key"));
		g_assert_cmpint(v.header_protection, ==, is_signed || is_encrypted ? p
			: HEADER_PROTECTION_NONE);
		g_assert_cmpint(v.signature, ==, s);
		g_assert_cmpint(v.encryption, ==, e);
	}
}

static void
test_all(void)
{
	for (int s = 0; s < signature_count; s++)
		for (int e = 0; e < encryption_count; e++)
			for (int outer = 0; outer < n_outer; outer++)
				for (int p = 0; p < header_protection_count; p++)
					one((enum signature)s, (enum encryption)e,
						(enum outer)outer, (enum header_protection)p);
}

/* The signature binds the address it was judged with, and no other. */
static void
test_judged(void)
{
	static const struct {
		enum signature signature;
		const char *judged;
		bool inner_counts;
	} cases[] = {
		{ SIGNATURE_TRUSTED, INNER, true },
		{ SIGNATURE_TRUSTED, "TRONG@Example.ORG", true },
		{ SIGNATURE_TRUSTED, OUTER, false },
		{ SIGNATURE_UNKNOWN_KEY, OUTER, false },
		{ SIGNATURE_TRUSTED, "khac@example.org", false },
		{ SIGNATURE_TRUSTED, NULL, false },
		{ SIGNATURE_BAD, INNER, false },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		for (int outer = 0; outer < n_outer; outer++) {
			g_autoptr(letter_auto) l = letter_with((enum outer)outer,
				HEADER_PROTECTION_ENCRYPTED);
			struct verdict v = sample_verdict(cases[i].signature, ENCRYPTION_DECRYPTED,
				NULL);

			letter_settle_judged(l, &v, cases[i].judged);
			from_check(l, (enum outer)outer, cases[i].inner_counts);
			g_assert_cmpint(v.header_protection, ==, HEADER_PROTECTION_ENCRYPTED);
		}
}

/* The address of the note is for people: one line, nothing hidden, no end of its brackets. */
static void
test_note(void)
{
	static const struct {
		const char *inner, *note;
	} cases[] = {
		{ "a@example.org", "protected From: <a@example.org>" },
		{ "nhà@example.org", "protected From: <nhà@example.org>" },
		{ "a\r\nb@example.org", "protected From: <a??b@example.org>" },
		{ "a@x>, <b@y", "protected From: <a@x?,??b@y>" },
		{ "a\xe2\x80\xae@example.org", "protected From: <a?@example.org>" },
		{ "a\xe2\x80\x8b@example.org", "protected From: <a?@example.org>" },
		{ "a\xcc\x81@example.org", "protected From: <a?@example.org>" },
		{ NULL, "protected From: none" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(letter_auto) l = letter_with(OTHER, HEADER_PROTECTION_SIGNED);
		struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);

		g_free(l->from.address);
		l->from.address = g_strdup(cases[i].inner);
		letter_settle_from(l, &v);
		g_assert_cmpstr(l->notes->pdata[l->notes->len - 1], ==, cases[i].note);
		g_assert_cmpstr(l->from.address, ==, OUTER);
	}
}

/* However long the address and however many the notes: the letter can still be sent in a frame. */
static void
test_limits(void)
{
	g_autoptr(letter_auto) l = letter_with(OTHER, HEADER_PROTECTION_SIGNED);
	struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);
	g_autoptr(GError) error = NULL;

	g_free(l->from.address);
	l->from.address = g_strnfill(10000, 'a');
	for (guint i = l->notes->len; i < LIMIT_NOTES; i++)
		g_ptr_array_add(l->notes, g_strdup("x"));
	letter_settle_from(l, &v);
	g_assert_cmpuint(l->notes->len, ==, LIMIT_NOTES);
	g_assert_cmpuint(strlen(l->notes->pdata[LIMIT_NOTES - 1]), <, 300);
	g_assert_true(g_str_has_prefix(l->notes->pdata[LIMIT_NOTES - 1], "protected From: <aaa"));
	g_autoptr(GBytes) bytes = letter_to_bytes(l);
	g_autoptr(letter_auto) back = letter_from_bytes(bytes, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(back->from.address, ==, OUTER);
}

/* A forged inner From gets nothing: the plan speaks to the outer one, and says why. */
static void
test_plan(void)
{
	static const enum signature signatures[] = { SIGNATURE_NONE, SIGNATURE_BAD,
		SIGNATURE_MISMATCH, SIGNATURE_UNVERIFIABLE };
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(signatures); i++) {
		g_autoptr(letter_auto) l = letter_with(OTHER, HEADER_PROTECTION_ENCRYPTED);
		struct verdict v = sample_verdict(signatures[i], ENCRYPTION_DECRYPTED, NULL);
		struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1,
			.sha256 = (char *)"c" };

		g_free(l->from.address);
		l->from.address = g_strdup("cntt@somau.example.vn");
		letter_settle_from(l, &v);
		struct plan *plan = plan_mail(site, &f, l, &v, SAMPLE_RECEIVED + 60000);
		g_autofree char *text = plan_print(plan);
		const struct effect *mail = plan->effects->pdata[plan->effects->len - 1];

		g_assert_cmpstr(mail->word, ==, "T01");
		g_assert_cmpstr(mail->recipient, ==, OUTER);
		g_assert_nonnull(strstr(text,
			"note ambiguous: ambiguous: protected From: <cntt@somau.example.vn>\n"));
		plan_free(plan);
	}
	site_free(site);
}

/* The sentence is mime's; if it changes there, it has to change here. */
static void
test_sentence(void)
{
	g_autofree char *source = sample_file("gateway/mime/protected.c");

	g_assert_nonnull(strstr(source, "\"" DIFFERS "\""));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/settle/all", test_all);
	g_test_add_func("/desk/settle/judged", test_judged);
	g_test_add_func("/desk/settle/note", test_note);
	g_test_add_func("/desk/settle/limits", test_limits);
	g_test_add_func("/desk/settle/plan", test_plan);
	g_test_add_func("/desk/settle/sentence", test_sentence);
	return g_test_run();
}
