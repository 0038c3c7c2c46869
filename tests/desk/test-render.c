/* SPDX-License-Identifier: ISC
 *
 * Whole mails as they leave: each template in each order of languages against a golden file, what a
 * telephone shows first, and that no byte of a sender ever comes back to anyone.
 */
#include "desk/internal.h"
#include "sample.h"

#include <string.h>

#define SENT	(SAMPLE_RECEIVED + 2 * 60000)
#define NARROW	60	/* columns of the lines a telephone shows first */
#define WIDE	76	/* columns of any line */

enum { TRUSTED = 1, BARE = 2, ADVISED = 4, ATTACHED = 8, LONG_AFTER = 16, EN_FIRST = 32 };

/* columns: golden file, template, language, what is different */
static const struct row {
	const char *name, *template, *language;
	unsigned flags;
} rows[] = {
	{ "T01.vi", "T01", "vi", ATTACHED },
	{ "T01.en", "T01", "en", ATTACHED },
	{ "T01.vi.trusted", "T01", "vi", TRUSTED },
	{ "T01.en.trusted", "T01", "en", TRUSTED },
	{ "T01.vi.bare", "T01", "vi", BARE },
	{ "T01.vi.advised", "T01", "vi", ADVISED },
	{ "T02.vi", "T02", "vi", ATTACHED },
	{ "T02.en", "T02", "en", ATTACHED },
	{ "T03.vi", "T03", "vi", 0 },
	{ "T03.en", "T03", "en", 0 },
	{ "T03.vi.bare", "T03", "vi", BARE },
	{ "T04.vi", "T04", "vi", 0 },
	{ "T04.en", "T04", "en", 0 },
	{ "T32.vi", "T32", "vi", ATTACHED },
	{ "T32.en", "T32", "en", ATTACHED },
	{ "T33.vi", "T33", "vi", LONG_AFTER },
	{ "T33.en", "T33", "en", LONG_AFTER },
	{ "T35.vi", "T35", "vi", ATTACHED | TRUSTED },
	{ "T35.en", "T35", "en", ATTACHED | TRUSTED | EN_FIRST },
	{ "T35.vi.bare", "T35", "vi", BARE },
	{ "T38.vi", "T38", "vi", ATTACHED | TRUSTED },
	{ "T38.en", "T38", "en", ATTACHED | TRUSTED | EN_FIRST },
	{ "T38.vi.bare", "T38", "vi", BARE },
	{ "T38.vi.late", "T38", "vi", LONG_AFTER },
};

/* columns: template, how many lines come first, folded words they must hold; vi first, then en */
static const struct lead {
	const char *template;
	guint lines;
	const char *vi, *en;
} leads[] = {
	{ "T01", 20,
		"so phieu: nbh-2026-000123|nhan luc: 10:05|01 ngay lam viec"
		"|+84 000 000 113|giu nguyen chung cu"
		"|khong cai lai|khong xoa|khong tat may|don dep|khoi mang|nhat ky"
		"|so phieu trong tieu de",
		"ticket number: nbh-2026-000123|received: 22 november|one working day"
		"|+84 000 000 113|keep the evidence"
		"|reinstall|delete|power off|clean-up|off the network|logs|in the subject" },
	{ "T02", 20,
		"so phieu: nbh-2026-000123|thong bao su co|+84 000 000 113"
		"|giu nguyen chung cu|so phieu trong tieu de",
		"ticket number: nbh-2026-000123|incident notice|+84 000 000 113"
		"|keep the evidence|in the subject" },
	{ "T33", 20,
		"so phieu: nbh-2026-000123|gui cham|+84 000 000 113"
		"|giu nguyen chung cu|so phieu trong tieu de",
		"ticket number: nbh-2026-000123|is late|+84 000 000 113"
		"|keep the evidence|in the subject" },
	{ "T03", 20,
		"so phieu: nbh-2026-000123|khong doc duoc|+84 000 000 113|0123 4567"
		"|https://ungcuu.example.vn/",
		"ticket number: nbh-2026-000123|could not read|+84 000 000 113"
		"|0123 4567|https://ungcuu.example.vn/" },
	{ "T35", 17,
		"so phieu: nbh-2026-000123|nhan luc: 10:05|qua lon|+84 000 000 113"
		"|bang mot thu ngan|so phieu trong tieu de|sha-256",
		"ticket number: nbh-2026-000123|received: 22 november|too large|+84 000 000 113"
		"|in a short|the ticket number in the subject|sha-256" },
	{ "T38", 20,
		"dung ten ong/ba|so phieu: nbh-2026-000123|nhan luc: 10:05|thu nay lap luc: 1"
		"|+84 000 000 113|tra loi bang thu ma hoa|khong noi gi ve noi dung"
		"|so phieu trong tieu de|chu ky so|khoa cong khai|autocrypt",
		"in your name|ticket number: nbh-2026-000123|received: 22 november"
		"|this mail was made: 22|+84 000 000 113|answer encrypted|says nothing of"
		"|ticket number in its subject|is signed|public key attached|autocrypt" },
	{ "T04", 19, "so phieu: nbh-2026-000123|dung ten quy co quan|xin goi ngay|+84 000 000 113",
		"so phieu: nbh-2026-000123|dung ten quy co quan|xin goi ngay|+84 000 000 113" },
	{ "T32", 11, "so phieu: nbh-2026-000123|nhan luc: 10:05",
		"ticket number: nbh-2026-000123|received: 22" },
};

static struct site *
row_site(const struct row *row)
{
	struct site *site = sample_site(NULL);

	if (row->flags & BARE) {
		g_clear_pointer(&site->phone, g_free);
		g_clear_pointer(&site->portal, g_free);
	}
	if (row->flags & EN_FIRST) {
		g_strfreev(site->languages);
		site->languages = g_strsplit("en vi", " ", -1);
	}
	if (row->flags & ADVISED) {
		site->advice_vi = g_strdup("Xin không trả tiền chuộc.\nXin không tự giải mã.");
		site->advice_en = g_strdup("Please pay no ransom.");
		site->evidence_vi = g_strdup("Chứng cứ lớn: mang ổ đĩa đến trụ sở Đội.");
		site->evidence_en = g_strdup("Large evidence: bring the disk to our office.");
	}
	return site;
}

/* The values as the plan knew them and the hub completes them. */
static GPtrArray *
row_values(const struct row *row, const struct site *site, const struct letter *letter,
	const struct verdict *verdict)
{
	g_autofree char *sha256 = g_strnfill(64, 'c');
	bool is_other = strcmp(row->template, "T33") == 0 || strcmp(row->template, "T38") == 0;
	const char *planned = is_other ? "T01" : row->template;
	struct facts facts = { .received = SAMPLE_RECEIVED, .last_receipt = -1, .sha256 = sha256 };
	struct plan *plan = plan_new();
	struct effect *mail = plan_add(plan, EFFECT_MAIL, planned, "x");

	answer_fill(mail, site, &facts, letter, verdict);
	g_autofree char *text = values_to_text(mail->values);
	GPtrArray *values = values_common(site, SAMPLE_TICKET, SAMPLE_CODE, "abcdefghjkmnpqrs",
		row->flags & LONG_AFTER ? SENT + 7200000 : SENT);

	g_ptr_array_extend_and_steal(values, values_from_text(text));
	plan_free(plan);
	return values;
}

static char *
row_render(const struct row *row, const struct site *site, const struct letter *letter,
	const struct verdict *verdict)
{
	g_autoptr(GPtrArray) values = row_values(row, site, letter, verdict);
	g_autofree char *subject = NULL, *body = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(mail_render(site, row->template, row->language, values, &subject, &body,
		&error), ==,
		DONE);
	g_assert_no_error(error);
	return g_strdup_printf("Subject: %s\n\n%s", subject, body);
}

static char *
row_text(const struct row *row)
{
	struct site *site = row_site(row);
	g_autoptr(letter_auto) l = sample_letter("nguoi.bao@example.org", "Chủ đề bí mật",
		"Nội dung bí mật", NULL);
	struct verdict v = sample_verdict(row->flags & TRUSTED ? SIGNATURE_TRUSTED : SIGNATURE_NONE,
		ENCRYPTION_NONE, NULL);

	if (row->flags & ATTACHED)
		sample_part(l, "tep-bi-mat.zip", "application/zip", 1536000);
	char *text = row_render(row, site, l, &v);

	site_free(site);
	return text;
}

static void
test_golden(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = row_text(&rows[i]);
		g_autofree char *name = g_strconcat(rows[i].name, ".txt", NULL);

		sample_golden(name, text);
		g_assert_null(strstr(text, "{{"));
		g_assert_null(strstr(text, "bí mật"));
		g_assert_null(strstr(text, "bi-mat"));
		g_assert_true(g_str_has_prefix(text, "Subject: [" SAMPLE_TICKET "] "));
	}
}

static const struct lead *
lead_find(const char *template)
{
	for (guint i = 0; i < G_N_ELEMENTS(leads); i++)
		if (strcmp(leads[i].template, template) == 0)
			return &leads[i];
	g_assert_not_reached();
}

static void
lead_has(const struct row *row, const struct lead *lead, const char *text)
{
	g_autofree char *folded = fold_text(text);
	g_auto(GStrv) words = g_strsplit(strcmp(row->language, "en") ? lead->vi : lead->en, "|",
		-1);

	for (char **w = words; *w != NULL && !(row->flags & BARE); w++)
		if (strstr(folded, *w) == NULL) {
			g_test_message("%s: \"%s\" is not in the first lines", row->name, *w);
			g_test_fail();
		}
}

/* What is said first is short, and no line is wider than mail programs show. */
static void
test_lines(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct lead *lead = lead_find(rows[i].template);
		g_autofree char *text = row_text(&rows[i]);
		g_auto(GStrv) lines = g_strsplit(strstr(text, "\n\n") + 2, "\n", -1);
		GString *first = g_string_new(NULL);

		for (guint j = 0; lines[j] != NULL; j++) {
			glong columns = g_utf8_strlen(lines[j], -1);

			if (columns > (j < lead->lines ? NARROW : WIDE) ||
				g_str_has_suffix(lines[j], " ")) {
				g_test_message("%s: line %u: %s", rows[i].name, j + 1, lines[j]);
				g_test_fail();
			}
			if (j < lead->lines)
				g_string_append_printf(first, "%s\n", lines[j]);
		}
		lead_has(&rows[i], lead, first->str);
		g_string_free(first, TRUE);
	}
}

/* Every mail carries what joins an answer to its ticket, where clues.c finds it again. */
static void
test_footer(void)
{
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = row_text(&rows[i]);
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
		g_autofree char *quoted = g_strjoinv("\n> ", lines);
		g_autoptr(letter_auto) l = sample_letter("a@example.org", "Re: x", "x", NULL);

		g_free(l->quoted);
		l->quoted = g_steal_pointer(&quoted);
		struct clues *clues = clues_find(site, l);

		g_assert_cmpuint(clues->codes->len, ==, 1);
		g_assert_cmpstr(clues->codes->pdata[0], ==, SAMPLE_CODE);
		g_assert_cmpuint(clues->receipt_codes->len, ==, 0);
		clues_free(clues);
	}
	site_free(site);
}

/* Forms of address and Unicode form of what we ship. */
static void
test_texts(void)
{
	for (const struct template_use *u = template_uses; u->name != NULL; u++) {
		g_autofree char *path = g_strdup_printf("templates/vi/%s.txt", u->name);
		g_autofree char *text = sample_file(path);
		g_autofree char *lower = g_utf8_strdown(text, -1);
		g_autofree char *nfc = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);

		g_assert_cmpstr(text, ==, nfc);
		g_assert_null(strstr(lower, "bạn"));
		g_assert_true(strstr(text, "Ông/Bà") || strstr(text, "Quý cơ quan"));
		g_assert_null(strstr(lower, "http"));
		g_assert_nonnull(strstr(text, "TLP:AMBER"));
		g_assert_nonnull(strstr(text, "signature.asc"));
		/* What is sent to the team belongs to no ticket. */
		if (strcmp(u->recipient, "admin") != 0)
			g_assert_nonnull(strstr(text, "Mã luồng: {{thread_code}}"));
	}
}

/* One T03 for every cause and every verdict: not a byte differs. */
static void
test_one_answer(void)
{
	static const struct row row = { "T03", "T03", "vi", 0 };
	struct site *site = sample_site(NULL);
	g_autofree char *first = NULL;

	for (int e = 0; e < encryption_count; e++)
		for (int s = 0; s < signature_count; s++) {
			g_autoptr(letter_auto) l = sample_letter("a@example.org", "x", "x", NULL);
			struct verdict v = sample_verdict((enum signature)s, (enum encryption)e,
				NULL);

			l->own_sha256[0] = (guint8)(e + s);
			for (int i = 0; i < e; i++)
				sample_part(l, "x", "x/x", 10);
			g_autofree char *text = row_render(&row, site, l, &v);

			if (first == NULL)
				first = g_strdup(text);
			g_assert_cmpstr(text, ==, first);
		}
	site_free(site);
}

/* T38 in place of whatever was planned: not a byte differs, whatever was read and in what language,
 * and a site's own T38 cannot say more than it may. */
static void
test_content_free(void)
{
	static const char own[] = "Subject: [{{ticket}}] x{{signature}}\n\n{{received}}"
		"|{{#trusted}}a{{/trusted}}{{^trusted}}b{{/trusted}}{{size}}{{attachments}}"
		"{{sha256_raw}}{{sha256_own}}{{receipt_code}}|{{sent}}\n";
	static const char *const languages[] = { "vi", "en", "fr", NULL };
	struct site *site = sample_site(NULL), *careless = sample_site(NULL);
	g_autofree char *first = NULL;

	g_hash_table_insert(careless->templates, g_strdup("vi/T38"), g_strdup(own));
	g_strfreev(careless->languages);
	careless->languages = g_strsplit("vi", " ", -1);
	for (int s = 0; s < signature_count; s++)
		for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
			struct row row = { "T38", "T38", languages[i], 0 };
			g_autoptr(letter_auto) l = sample_letter("a@example.org", "x", "x", NULL);
			struct verdict v = sample_verdict((enum signature)s, ENCRYPTION_DECRYPTED,
				NULL);

			l->own_sha256[0] = (guint8)(s + (int)i);
			if (i > 0)
				sample_part(l, "x", "x/x", 1500000 * i);
			g_autofree char *text = row_render(&row, site, l, &v);
			g_autofree char *said = row_render(&row, careless, l, &v);

			if (first == NULL)
				first = g_strdup(text);
			g_assert_cmpstr(text, ==, first);
			g_assert_cmpstr(said, ==, "Subject: [" SAMPLE_TICKET "] x\n\n"
				"10:05 ngày 22/11/2026 (UTC+7)|b|10:07 ngày 22/11/2026 (UTC+7)\n");
		}
	site_free(site);
	site_free(careless);
}

/* ---- no byte of a sender -------------------------------------------------------------------- */

#define CANARY "kanari7q"

static char *
canary(void)
{
	static const char *const forms[] = { CANARY, "{{ticket}} " CANARY, CANARY "\r\nBcc: " CANARY
		"@example.org",
		"[TBSC] " CANARY, SAMPLE_TICKET " " CANARY, "<a href=\"http://" CANARY "/\">",
			"\x1f" CANARY "\x1e" };

	return g_strdup(forms[g_test_rand_int_range(0, G_N_ELEMENTS(forms))]);
}

static void
replace(char **text)
{
	g_free(*text);
	*text = canary();
}

static struct letter *
random_letter(void)
{
	static const char *const senders[] = { "a@example.org", "cntt@somau.example.vn",
		"abuse@isp.example.org",
		"truc.mot@example.vn" };
	static const char *const languages[] = { "vi", "en", "fr", NULL };
	struct letter *l = sample_letter(senders[g_test_rand_int_range(0, 4)], "", "", NULL);
	struct indicator *indicator = g_new0(struct indicator, 1);

	replace(&l->from.name);
	replace(&l->message_id);
	replace(&l->subject);
	replace(&l->text);
	replace(&l->quoted);
	replace(&l->outside);
	l->language = g_strdup(languages[g_test_rand_int_range(0, 4)]);
	g_ptr_array_add(l->notes, canary());
	for (int i = g_test_rand_int_range(0, 3); i > 0; i--) {
		g_autofree char *name = canary();

		sample_part(l, name, name, (guint64)g_test_rand_int());
	}
	replace(&indicator->value);
	g_ptr_array_add(l->indicators, indicator);
	if (g_test_rand_bit())
		sample_reference(l, SAMPLE_ID);
	return l;
}

static bool
holds_canary(const char *text)
{
	g_autofree char *folded = fold_text(text);

	return strstr(folded, CANARY) != NULL;
}

static void
mail_check(const struct site *site, const struct effect *mail, enum encryption answered, gint64 now)
{
	GPtrArray *values = values_common(site, SAMPLE_TICKET, SAMPLE_CODE, "abcdefghjkmnpqrs",
		now);
	const char *template = template_when_leaving(site, mail->word, SAMPLE_RECEIVED, now), *why;
	g_autofree char *text = values_to_text(mail->values), *subject = NULL, *body = NULL;

	policy_choose(template, answered, g_test_rand_bit(), &template, &why);

	g_autofree char *outside = outer_subject_make(SAMPLE_TICKET, template);

	g_ptr_array_extend_and_steal(values, values_from_text(text));
	g_assert_cmpint(mail_render(site, template, mail->language, values, &subject, &body, NULL),
		==, DONE);
	g_assert_false(holds_canary(text) || holds_canary(subject) || holds_canary(body));
	g_assert_false(holds_canary(outside));
	g_assert_false(holds_canary(mail->recipient) || holds_canary(mail->language));
	g_assert_null(mail->in_reply_to);	/* no canary is a Message-ID */
	g_assert_null(strpbrk(subject, "\r\n"));
	g_ptr_array_unref(values);
}

static void
test_canary(void)
{
	struct site *site = sample_site(NULL);
	g_autofree char *sha256 = g_strnfill(64, 'c');
	guint mails = 0;

	for (guint i = 0; i < 2000; i++) {
		g_autoptr(letter_auto) l = random_letter();
		struct verdict v = sample_verdict((enum signature)g_test_rand_int_range(0,
			signature_count),
			(enum encryption)g_test_rand_int_range(0, encryption_count), NULL);
		struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1,
			.sha256 = sha256,
			.proof = (enum thread_proof)g_test_rand_int_range(0, thread_proof_count),
			.ticket = { { (guint8)g_test_rand_int_range(0, 2) } },
			.ticket_number = (char *)SAMPLE_TICKET,
				.from_is_participant = g_test_rand_bit() };
		gint64 now = SAMPLE_RECEIVED + g_test_rand_int_range(0, 9000000);
		struct plan *plan = plan_mail(site, &f, l, &v, now);

		for (guint j = 0; j < plan->effects->len; j++) {
			const struct effect *e = plan->effects->pdata[j];

			if (e->kind != EFFECT_MAIL)
				continue;
			mail_check(site, e, v.encryption, now);
			mails++;
		}
		plan_free(plan);
	}
	g_assert_cmpuint(mails, >, 500);
	site_free(site);
}

/* ---- languages, faults ---------------------------------------------------------------------- */

static void
test_languages(void)
{
	static const struct {
		const char *spoken, *template, *language, *begins, *never;
	} cases[] = {
		{ "vi", "T32", "vi", "Kính gửi", "Dear" },
		{ "vi", "T32", "en", "Kính gửi", "Dear" },
		{ "en", "T32", "vi", "Dear", "Kính gửi" },
		{ "en", "T04", "en", "Kính gửi", "Dear" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct site *site = sample_site(NULL);
		g_autoptr(GPtrArray) values = values_common(site, SAMPLE_TICKET, SAMPLE_CODE, "a",
			SENT);
		g_autofree char *subject = NULL, *body = NULL;

		g_strfreev(site->languages);
		site->languages = g_strsplit(cases[i].spoken, " ", -1);
		g_assert_cmpint(mail_render(site, cases[i].template, cases[i].language, values,
			&subject, &body, NULL),
			==, DONE);
		g_assert_true(g_str_has_prefix(body, cases[i].begins));
		g_assert_null(strstr(body, cases[i].never));
		site_free(site);
	}
}

static void
test_faults(void)
{
	struct site *site = sample_site(NULL);
	g_autoptr(GPtrArray) values = values_new();
	char *subject = NULL, *body = NULL;

	g_assert_null(templates_check(site));
	g_hash_table_insert(site->templates, g_strdup("vi/T01"),
		g_strdup("Subject: [{{ticket}}] x\n\n{{phoen}}\n"));
	g_hash_table_insert(site->templates, g_strdup("en/T01"),
		g_strdup("Subject: x [{{ticket}}]\n\n"));
	g_hash_table_insert(site->templates, g_strdup("vi/T03"),
		g_strdup("Subject: [{{ticket}}] a\xcc\x81\n\n"));
	g_hash_table_remove(site->templates, "en/T32");
	g_hash_table_insert(site->templates, g_strdup("vi/T38"),
		g_strdup("Subject: [{{ticket}}] x\n\n{{phone}}\n{{size}}\n"));
	g_hash_table_insert(site->templates, g_strdup("en/T38"),
		g_strdup("Subject: [{{ticket}}] {{signature}}\n\n"));
	g_auto(GStrv) faults = templates_check(site);
	g_autofree char *all = g_strjoinv("\n", faults);

	g_assert_cmpstr(all, ==, "vi/T01:3: unknown variable {{phoen}}, did you mean {{phone}}\n"
		"en/T01:1: must begin with \"Subject: [{{ticket}}] \"\n"
		"vi/T03: is not in Unicode form NFC\n"
		"en/T32: there is no such template\n"
		"vi/T38:4: {{size}} may not stand in this template\n"
		"en/T38:1: {{signature}} may not stand in this template");
	for (const char *const *t = (const char *const[]){ "T01", "T32", "T99",
		NULL }; *t != NULL; t++) {
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(mail_render(site, *t, "vi", values, &subject, &body, &error), ==,
			NEVER);
		g_assert_nonnull(error);
		g_assert_null(subject);
		g_assert_null(body);
	}
	site_free(site);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/render/golden", test_golden);
	g_test_add_func("/desk/render/lines", test_lines);
	g_test_add_func("/desk/render/footer", test_footer);
	g_test_add_func("/desk/render/texts", test_texts);
	g_test_add_func("/desk/render/one-answer", test_one_answer);
	g_test_add_func("/desk/render/content-free", test_content_free);
	g_test_add_func("/desk/render/canary", test_canary);
	g_test_add_func("/desk/render/languages", test_languages);
	g_test_add_func("/desk/render/faults", test_faults);
	return g_test_run();
}
