/* SPDX-License-Identifier: ISC
 *
 * What in a letter may name a ticket: one row a way people and programs carry it, and ways that
 * must not count.
 */
#include "sample.h"

#include <string.h>

#define OTHER_CODE "zzzzzyyyyyxxxxxwwwww"

/* columns: name, subject, text, quoted, To, reference; codes, tags, receipt codes (joined by ' ')
 * */
static const struct row {
	const char *name, *subject, *text, *quoted, *to, *reference;
	const char *codes, *tags, *receipts;
} rows[] = {
	{ "nothing", "x", "x", "", NULL, NULL, "", "", "" },
	/* Message-IDs */
	{ "our id", "x", "x", "", NULL, SAMPLE_ID, SAMPLE_CODE, "", "" },
	{ "our id, upper case", "x", "x", "", NULL, "UNGCUU.0123456789ABCDEFGHJK.ZZ@EXAMPLE.VN",
		SAMPLE_CODE, "", "" },
	{ "our id at a former domain", "x", "x", "", NULL, "ungcuu." SAMPLE_CODE
		".zz@cu.example.vn", SAMPLE_CODE, "", "" },
	{ "somebody else's domain", "x", "x", "", NULL, "ungcuu." SAMPLE_CODE ".zz@example.com", "",
		"", "" },
	{ "an ordinary id", "x", "x", "", NULL, "20261122." SAMPLE_CODE "@example.vn", "", "", "" },
	{ "a code too short", "x", "x", "", NULL, "ungcuu.0123456789.zz@example.vn", "", "", "" },
	{ "a code with a letter outside the alphabet", "x", "x", "", NULL,
		"ungcuu.u123456789abcdefghjk.z@example.vn", "", "", "" },
	{ "no domain", "x", "x", "", NULL, "ungcuu." SAMPLE_CODE ".zz", "", "", "" },
	/* plus-addresses */
	{ "plus-address", "x", "x", "", "ungcuu+" SAMPLE_CODE "@example.vn", NULL, SAMPLE_CODE, "",
		"" },
	{ "plus-address, upper case", "x", "x", "", "UNGCUU+0123456789ABCDEFGHJK@EXAMPLE.VN", NULL,
		SAMPLE_CODE, "", "" },
	{ "plus-address with other text", "x", "x", "", "ungcuu+news@example.vn", NULL, "", "",
		"" },
	{ "plus-address elsewhere", "x", "x", "", "ungcuu+" SAMPLE_CODE "@example.com", NULL, "",
		"", "" },
	{ "bare address", "x", "x", "", "ungcuu@example.vn", NULL, "", "", "" },
	{ "empty plus", "x", "x", "", "ungcuu+@example.vn", NULL, "", "", "" },
	/* footers */
	{ "footer vi", "x", "Mã luồng: " SAMPLE_CODE_5 "\n", "", NULL, NULL, SAMPLE_CODE, "", "" },
	{ "footer en", "x", "Thread code: " SAMPLE_CODE_5, "", NULL, NULL, SAMPLE_CODE, "", "" },
	{ "footer quoted", "x", "x", "> Mã luồng: " SAMPLE_CODE_5 "\n", NULL, NULL, SAMPLE_CODE, "",
		"" },
	{ "footer quoted twice", "x", "x", "> > Thread code: " SAMPLE_CODE_5 "\n", NULL, NULL,
		SAMPLE_CODE, "", "" },
	{ "footer folded and quoted", "x", "x", ">> Mã\n", NULL, NULL, "", "", "" },
	{ "code folded", "x", "x", "> Mã luồng: 01234-56789-\n> abcde-fghjk\n", NULL, NULL,
		SAMPLE_CODE, "", "" },
	{ "code on the next line", "x", "x", "> Thread code:\n> " SAMPLE_CODE_5 "\n", NULL, NULL,
		SAMPLE_CODE, "", "" },
	{ "footer in NFD, upper case", "x",
		"MA\xcc\x83 LUO\xcc\x82\xcc\x80NG: 01234-56789-ABCDE-FGHJK", "", NULL, NULL,
		SAMPLE_CODE, "", "" },
	{ "footer without diacritics", "x", "ma luong " SAMPLE_CODE_5, "", NULL, NULL, SAMPLE_CODE,
		"", "" },
	{ "typed with o, l, i", "x", "Mã luồng: Ol234-56789-abcde-fghjk", "", NULL, NULL,
		"0123456789abcdefghjk", "", "" },
	{ "in bold", "x", "**Mã luồng:** *" SAMPLE_CODE_5 "*", "", NULL, NULL, SAMPLE_CODE, "",
		"" },
	{ "non-breaking hyphens", "x", "Mã luồng: 01234\xe2\x80\x91" "56789\xe2\x80\x91"
		"abcde\xe2\x80\x91" "fghjk", "", NULL, NULL,
		SAMPLE_CODE, "", "" },
	{ "a text behind the code", "x", "Mã luồng: " SAMPLE_CODE_5 " xin cảm ơn", "", NULL, NULL,
		SAMPLE_CODE, "", "" },
	{ "a letter too many", "x", "Mã luồng: " SAMPLE_CODE_5 "m", "", NULL, NULL, "", "", "" },
	{ "a letter too few", "x", "Mã luồng: 01234-56789-abcde-fghj.", "", NULL, NULL, "", "",
		"" },
	{ "only the words", "x", "Mã luồng:", "Thread code", NULL, NULL, "", "", "" },
	{ "a code without its words", "x", SAMPLE_CODE_5, "", NULL, NULL, "", "", "" },
	{ "two codes, one twice", "x", "Mã luồng: " SAMPLE_CODE_5,
		"> Thread code: zzzzz-yyyyy-xxxxx-wwwww\n> Mã luồng: "
		SAMPLE_CODE_5, NULL, SAMPLE_ID, SAMPLE_CODE " " OTHER_CODE, "", "" },
	/* ticket numbers */
	{ "tag", "[NBH-2026-000123] x", "x", "", NULL, NULL, "", SAMPLE_TICKET, "" },
	{ "Re: tag", "Re: [NBH-2026-000123] x", "x", "", NULL, NULL, "", SAMPLE_TICKET, "" },
	{ "Fwd: TL: CT: tag", "Fwd: TL: CT: Re: [NBH-2026-000123]", "x", "", NULL, NULL, "",
		SAMPLE_TICKET, "" },
	{ "no brackets", "về phiếu nbh-2026-000123.", "x", "", NULL, NULL, "", SAMPLE_TICKET, "" },
	{ "no zeroes", "NBH-2026-123", "x", "", NULL, NULL, "", SAMPLE_TICKET, "" },
	{ "fullwidth", "［ＮＢＨ－２０２６－０００１２３］", "x", "", NULL, NULL, "", SAMPLE_TICKET, "" },
	{ "dashes of a word processor", "NBH–2026–000123", "x", "", NULL, NULL, "", SAMPLE_TICKET,
		"" },
	{ "a large number", "NBH-2026-1234567", "x", "", NULL, NULL, "", "NBH-2026-1234567", "" },
	{ "subject before text", "[NBH-2026-000002]", "NBH-2026-000001", "", NULL, NULL, "",
		"NBH-2026-000002 NBH-2026-000001", "" },
	{ "quoted text names none", "x", "x", "> NBH-2026-000001", NULL, NULL, "", "", "" },
	{ "other hotline", "HNX-2026-000123", "x", "", NULL, NULL, "", "", "" },
	{ "part of a word", "XNBH-2026-000123 A_NBH-2026-000123", "x", "", NULL, NULL, "", "", "" },
	{ "letters behind", "NBH-2026-000123a NBH-2026-000123_1", "x", "", NULL, NULL, "", "", "" },
	{ "year of two digits", "NBH-26-000123", "x", "", NULL, NULL, "", "", "" },
	{ "too many digits", "NBH-2026-1234567890123", "x", "", NULL, NULL, "", "", "" },
	{ "cut off", "NBH-2026-", "NBH-", "", NULL, NULL, "", "", "" },
	/* receipt codes */
	{ "receipt code", "x", "Mã biên nhận: abcd-efgh-jkmn-pqrs", "", NULL, NULL, "", "",
		"abcdefghjkmnpqrs" },
	{ "receipt code en", "x", "My receipt code is below.\nReceipt code: ABCD-EFGH-1234", "",
		NULL, NULL, "", "", "abcdefgh1234" },
	{ "receipt code in our quoted mail", "x", "x", "> Mã biên nhận: abcd-efgh-jkmn-pqrs", NULL,
		NULL, "", "", "" },
	{ "too short for one", "x", "Mã biên nhận: abcd", "", NULL, NULL, "", "", "" },
};

static void
check(const struct row *row, const char *what, const GPtrArray *found, const char *expected)
{
	g_autoptr(GString) joined = g_string_new(NULL);

	for (guint i = 0; i < found->len; i++)
		g_string_append_printf(joined, "%s%s", i ? " " : "", (const char *)found->pdata[i]);
	if (strcmp(joined->str, expected) == 0)
		return;
	g_test_message("%s: %s \"%s\", not \"%s\"", row->name, what, joined->str, expected);
	g_test_fail();
}

static struct letter *
row_letter(const struct row *row)
{
	struct letter *l = sample_letter("a@example.org", row->subject, row->text, NULL);

	g_free(l->quoted);
	l->quoted = g_strdup(row->quoted);
	if (row->to != NULL) {
		struct address *to = g_new0(struct address, 1);

		to->address = g_strdup(row->to);
		g_ptr_array_add(l->to, to);
	}
	if (row->reference != NULL)
		sample_reference(l, row->reference);
	return l;
}

static void
test_rows(void)
{
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(letter_auto) l = row_letter(&rows[i]);
		struct clues *clues = clues_find(site, l);

		check(&rows[i], "codes", clues->codes, rows[i].codes);
		check(&rows[i], "tags", clues->tags, rows[i].tags);
		check(&rows[i], "receipt codes", clues->receipt_codes, rows[i].receipts);
		g_assert_cmpuint(clues->message_ids->len, ==, rows[i].reference != NULL);
		clues_free(clues);
	}
	site_free(site);
}

/* A letter full of clues causes a bounded number of look-ups, and soon. */
static void
test_caps(void)
{
	struct site *site = sample_site(NULL);
	GString *text = g_string_new(NULL);

	for (guint i = 0; text->len < LIMIT_LETTER_TEXT; i++)
		g_string_append_printf(text,
			"Thread code: %05u-56789-abcde-fghjk NBH-2026-%u thread code", i, i);
	g_autoptr(letter_auto) l = sample_letter("a@example.org", "x", text->str, NULL);

	for (guint i = 0; i < 2 * LIMIT_REFERENCES; i++) {
		g_autofree char *id = g_strdup_printf("ungcuu.%05u56789abcdefghjk.z@example.vn", i);

		sample_reference(l, id);
	}
	struct clues *clues = clues_find(site, l);

	g_assert_cmpuint(clues->codes->len, ==, 20);
	g_assert_cmpuint(clues->tags->len, ==, 20);
	g_assert_cmpuint(clues->message_ids->len, ==, LIMIT_REFERENCES);
	clues_free(clues);
	g_string_free(text, TRUE);
	site_free(site);
}

/* One megabyte of what is slow elsewhere: combining marks, ligatures, labels, almost-tags. */
static void
test_hostile(void)
{
	static const char *const units[] = { "a\xcc\x81\xcc\xa3", "\xcc\xa3\xcc\x81",
		"\xef\xb7\xba",
		"ma luong", "thread code:", "nbh-2026-", "n", "[",
			"thread code: 01234-56789-abcde-fghj " };
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
		GString *text = g_string_new(NULL);

		while (text->len < LIMIT_LETTER_TEXT)
			g_string_append(text, units[i]);
		g_autoptr(letter_auto) l = sample_letter("a@example.org", "x", text->str, NULL);
		struct clues *clues = clues_find(site, l);

		/* "thread code thread code" happens to be twenty letters of the alphabet. */
		g_assert_cmpuint(clues->codes->len, <=, 1);
		g_assert_cmpuint(clues->tags->len, ==, 0);
		clues_free(clues);
		g_string_free(text, TRUE);
	}
	site_free(site);
}

/* What we write is what we find. */
static void
test_round(void)
{
	struct site *site = sample_site(NULL);
	g_autofree char *id = message_id_make(site, SAMPLE_CODE, "zzzzyyyy");
	g_autofree char *reply = reply_address_make(site, SAMPLE_CODE);

	g_assert_cmpstr(id, ==, SAMPLE_ID);
	g_assert_cmpstr(reply, ==, "ungcuu+" SAMPLE_CODE "@example.vn");
	site_free(site);
	site = sample_site((const char *const[]){ "hotline.reply_address", "ungcuu@example.vn",
		NULL });
	g_assert_null(reply_address_make(site, SAMPLE_CODE));
	site_free(site);
}

static void
test_formats(void)
{
	static const struct {
		const char *format, *subject, *tag;
	} cases[] = {
		{ "%i#%n", "Re: nbh#12 x", "NBH#12" },
		{ "%y/%i/%04n", "(2026/NBH/12)", "2026/NBH/0012" },
		{ "SC%%%n", "sc%5", "SC%5" },
		{ "%q%n", "5", NULL },
		{ "", "5", NULL },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct site *site = sample_site((const char *const[]){ "hotline.ticket_format",
			cases[i].format, NULL });
		g_autoptr(letter_auto) l = sample_letter("a@example.org", cases[i].subject, "",
			NULL);
		struct clues *clues = clues_find(site, l);

		g_assert_cmpuint(clues->tags->len, ==, cases[i].tag != NULL);
		if (cases[i].tag != NULL)
			g_assert_cmpstr(clues->tags->pdata[0], ==, cases[i].tag);
		clues_free(clues);
		site_free(site);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/clues/rows", test_rows);
	g_test_add_func("/desk/clues/caps", test_caps);
	g_test_add_func("/desk/clues/hostile", test_hostile);
	g_test_add_func("/desk/clues/round", test_round);
	g_test_add_func("/desk/clues/formats", test_formats);
	return g_test_run();
}
