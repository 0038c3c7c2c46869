/* SPDX-License-Identifier: ISC
 *
 * What protects an outgoing mail: the whole matrix of templates, encryption words and keys against
 * a golden file, and the promises it must keep: an answer to an encrypted mail is encrypted or
 * holds nothing, T03 tells no cause, the outside of an encrypted mail tells nothing, what is in no
 * row is content-free.
 */
#include "desk/internal.h"
#include "sample.h"

#include <string.h>

#define SENT	(SAMPLE_RECEIVED + 2 * 60000)

/* Templates this version does not send, and words of no enum. */
static const char *const others[] = { "T05", "T24", "T99", "t01", "T011", "", NULL };
static const char *const receipts[] = { "T01", "T02", "T04", "T32", "T33" };

static enum protection_word
choose(const char *template, int answered, bool has_key, const char **out)
{
	const char *why = NULL;
	enum protection_word word = policy_choose(template, (enum encryption)answered, has_key,
		out, &why);

	g_assert_nonnull(why);
	g_assert_nonnull(*out);
	return word;
}

static void
test_table(void)
{
	g_autofree char *table = policy_print();

	sample_golden("policy.txt", table);
}

/* Every template sent, under every word, with and without a key. */
static void
test_matrix(void)
{
	GString *all = g_string_new(NULL);

	for (const struct template_use *u = template_uses; u->name != NULL; u++)
		for (int e = 0; e < encryption_count; e++)
			for (int key = 0; key < 2; key++) {
				const char *out, *why;
				enum protection_word word = policy_choose(u->name,
					(enum encryption)e, key, &out, &why);

				g_string_append_printf(all, "%s %s %s: %s %s: %s\n", u->name,
					encryption_word((enum encryption)e), key ? "key" : "no key",
					protection_word_word(word), out, why);
			}
	sample_golden("policy-matrix.txt", all->str);
	g_string_free(all, TRUE);
}

/* Said again without the table: what may be in clear. */
static void
test_never_in_clear(void)
{
	const char *out;

	for (guint i = 0; i < G_N_ELEMENTS(receipts); i++) {
		for (int key = 0; key < 2; key++) {
			g_assert_cmpint(choose(receipts[i], ENCRYPTION_NONE, key, &out), ==,
				PROTECTION_SIGNED);
			g_assert_cmpstr(out, ==, receipts[i]);
		}
		g_assert_cmpint(choose(receipts[i], ENCRYPTION_DECRYPTED, true, &out), ==,
			PROTECTION_ENCRYPTED);
		g_assert_cmpstr(out, ==, receipts[i]);
		g_assert_cmpint(choose(receipts[i], ENCRYPTION_DECRYPTED, false, &out), ==,
			PROTECTION_CONTENT_FREE);
		g_assert_cmpstr(out, ==, "T38");
	}
	for (int e = 0; e < encryption_count; e++)
		for (int key = 0; key < 2; key++) {
			g_assert_cmpint(choose("T03", e, key, &out), ==, PROTECTION_SIGNED);
			g_assert_cmpstr(out, ==, "T03");
			g_assert_cmpint(choose("T38", e, key, &out), ==, PROTECTION_CONTENT_FREE);
			g_assert_cmpstr(out, ==, "T38");
		}
}

/* What no row speaks of: the safest. */
static void
test_unknown(void)
{
	static const int words[] = { encryption_count, 99, -1 };
	const char *out;

	for (guint i = 0; i < G_N_ELEMENTS(others); i++)
		for (int e = 0; e < encryption_count; e++)
			for (int key = 0; key < 2; key++) {
				g_assert_cmpint(choose(others[i], e, key, &out), ==,
					PROTECTION_CONTENT_FREE);
				g_assert_cmpstr(out, ==, "T38");
			}
	for (guint i = 0; i < G_N_ELEMENTS(words); i++)
		for (int key = 0; key < 2; key++) {
			g_assert_cmpint(choose("T01", words[i], key, &out), ==,
				PROTECTION_CONTENT_FREE);
			g_assert_cmpint(choose("T32", words[i], key, &out), ==,
				PROTECTION_CONTENT_FREE);
			g_assert_cmpstr(out, ==, "T38");
		}
	g_assert_cmpint(protection_word_count, ==, 3);
	g_assert_cmpstr(protection_word_word(PROTECTION_CONTENT_FREE), ==, "content-free");
}

/* What is sent without encryption in answer to an encrypted mail may hold nothing of its inside. */
static void
test_holds_nothing(void)
{
	for (const struct template_use *u = template_uses; u->name != NULL; u++)
		for (int e = 0; e < encryption_count; e++)
			for (int key = 0; key < 2; key++) {
				const char *out;
				enum protection_word word = choose(u->name, e, key, &out);

				if (e != ENCRYPTION_NONE && word != PROTECTION_ENCRYPTED)
					g_assert_cmpuint(template_holds(out) & ~(unsigned)HOLDS_RAW,
						==, 0);
			}
}

/* ---- T03, from the plan to the text --------------------------------------------------------- */

static const struct effect *
mail_of(const struct plan *plan)
{
	for (guint i = 0; i < plan->effects->len; i++) {
		const struct effect *e = plan->effects->pdata[i];

		if (e->kind == EFFECT_MAIL)
			return e;
	}
	g_assert_not_reached();
}

/* All a stranger sees of the answer, as the hub puts it together. */
static char *
answer_to(const struct site *site, enum encryption word, bool has_key)
{
	g_autoptr(letter_auto) l = sample_letter("a@example.org", "A report", "", NULL);
	g_autofree char *sha256 = g_strnfill(64, 'c');
	struct verdict v = sample_verdict(SIGNATURE_NONE, word, NULL);
	struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1, .sha256 = sha256 };
	g_autoptr(GPtrArray) values = values_common(site, SAMPLE_TICKET, SAMPLE_CODE, "abcd", SENT);
	g_autofree char *subject = NULL, *body = NULL;
	const char *template, *why;

	l->language = g_strdup("en");	/* of the outer subject */
	struct plan *plan = plan_mail(site, &f, l, &v, SENT);
	const struct effect *mail = mail_of(plan);
	enum protection_word protection = policy_choose(mail->word, word, has_key, &template, &why);
	g_autofree char *text = values_to_text(mail->values);

	g_ptr_array_extend_and_steal(values, values_from_text(text));
	g_assert_cmpint(mail_render(site, template, mail->language, values, &subject, &body, NULL),
		==, DONE);
	char *all = g_strdup_printf("%s %s %" G_GINT64_FORMAT " %s %s\n%s\n%s\n%s",
		protection_word_word(protection), template,
		template_send_at(template, f.received, SENT + word), mail->recipient,
		mail->in_reply_to, why, subject, body);

	plan_free(plan);
	return all;
}

static void
test_one_answer(void)
{
	struct site *site = sample_site(NULL);
	g_autofree char *first = answer_to(site, ENCRYPTION_MALFORMED, false);

	g_assert_true(g_str_has_prefix(first, "signed T03 1795316710000 a@example.org"));
	for (int e = 0; e < encryption_count; e++)
		for (int key = 0; key < 2; key++) {
			if (e == ENCRYPTION_DECRYPTED || e == ENCRYPTION_NONE)
				continue;
			g_autofree char *all = answer_to(site, (enum encryption)e, key);

			g_assert_cmpstr(all, ==, first);
		}
	site_free(site);
}

static void
test_send_at(void)
{
	static const gint64 nows[] = { SAMPLE_RECEIVED, SAMPLE_RECEIVED + 1,
		SAMPLE_RECEIVED + T03_DELAY_MS, SAMPLE_RECEIVED + 3600000, 0 };

	g_assert_cmpint(T03_DELAY_MS, ==, 10000);
	for (guint i = 0; i < G_N_ELEMENTS(nows); i++) {
		g_assert_cmpint(template_send_at("T03", SAMPLE_RECEIVED, nows[i]), ==,
			SAMPLE_RECEIVED + 10000);
		for (const struct template_use *u = template_uses; u->name != NULL; u++)
			if (strcmp(u->name, "T03") != 0)
				g_assert_cmpint(template_send_at(u->name, SAMPLE_RECEIVED, nows[i]),
					==, nows[i]);
		g_assert_cmpint(template_send_at("T99", SAMPLE_RECEIVED, nows[i]), ==, nows[i]);
	}
}

/* ---- the outer subject ---------------------------------------------------------------------- */

static void
subject_check(const char *template, const char *subject)
{
	g_autofree char *nfc = g_utf8_normalize(subject, -1, G_NORMALIZE_NFC);

	g_assert_cmpstr(subject, ==, nfc);
	g_assert_null(strpbrk(subject, "\r\n\t"));
	g_assert_nonnull(strstr(subject, "mã hóa"));
	g_assert_nonnull(strstr(subject, " / "));
	g_assert_nonnull(strstr(subject, "encrypted"));
	g_assert_cmpint(g_utf8_strlen(subject, -1), <=, 90);
	g_assert_true(template == NULL || template[0] == '\0' || !strstr(subject, template));
}

static void
test_outer_subject(void)
{
	GString *all = g_string_new(NULL);
	g_autofree char *report = outer_subject_make(SAMPLE_TICKET, "T01");
	g_autofree char *generic = outer_subject_make(SAMPLE_TICKET, "T99");
	g_autofree char *bare = outer_subject_make(NULL, "T01");
	g_autofree char *empty = outer_subject_make("", "T01");

	for (const struct template_use *u = template_uses; u->name != NULL; u++) {
		g_autofree char *subject = outer_subject_make(SAMPLE_TICKET, u->name);

		subject_check(u->name, subject);
		g_assert_true(g_str_has_prefix(subject, "[" SAMPLE_TICKET "] "));
		g_string_append_printf(all, "%s %s\n", u->name, subject);
	}
	for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
		g_autofree char *subject = outer_subject_make(SAMPLE_TICKET, others[i]);

		subject_check(others[i], subject);
		g_assert_cmpstr(subject, ==, generic);
	}
	g_string_append_printf(all, "others %s\n", generic);
	g_assert_cmpstr(bare, ==, strchr(report, ']') + 2);
	g_assert_cmpstr(empty, ==, bare);
	sample_golden("outer-subjects.txt", all->str);
	g_string_free(all, TRUE);
}

/* Which of these it is tells what we think of a signature. */
static void
test_outer_subject_is_blind(void)
{
	g_autofree char *t01 = outer_subject_make(SAMPLE_TICKET, "T01");
	g_autofree char *t02 = outer_subject_make(SAMPLE_TICKET, "T02");
	g_autofree char *t33 = outer_subject_make(SAMPLE_TICKET, "T33");
	g_autofree char *t04 = outer_subject_make(SAMPLE_TICKET, "T04");
	g_autofree char *t99 = outer_subject_make(SAMPLE_TICKET, "T99");

	g_assert_cmpstr(t01, ==, t02);
	g_assert_cmpstr(t01, ==, t33);
	g_assert_cmpstr(t04, ==, t99);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/policy/table", test_table);
	g_test_add_func("/desk/policy/matrix", test_matrix);
	g_test_add_func("/desk/policy/never-in-clear", test_never_in_clear);
	g_test_add_func("/desk/policy/unknown", test_unknown);
	g_test_add_func("/desk/policy/holds-nothing", test_holds_nothing);
	g_test_add_func("/desk/policy/one-answer", test_one_answer);
	g_test_add_func("/desk/policy/send-at", test_send_at);
	g_test_add_func("/desk/policy/outer-subject", test_outer_subject);
	g_test_add_func("/desk/policy/outer-subject-is-blind", test_outer_subject_is_blind);
	return g_test_run();
}
