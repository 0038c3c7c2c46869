/* SPDX-License-Identifier: ISC
 *
 * Times, sizes, codes, verdicts in words, and the values every mail has.
 */
#include "desk/internal.h"
#include "sample.h"

#include <string.h>

static void
test_times(void)
{
	static const struct {
		gint64 ms;
		const char *vi, *en;
	} cases[] = {
		{ SAMPLE_RECEIVED, "10:05 ngày 22/11/2026 (UTC+7)",
			"22 November 2026 10:05 (UTC+7)" },
		{ SAMPLE_RECEIVED + 59999, "10:05 ngày 22/11/2026 (UTC+7)",
			"22 November 2026 10:05 (UTC+7)" },
		{ 0, "07:00 ngày 01/01/1970 (UTC+7)", "1 January 1970 07:00 (UTC+7)" },
		{ -1, "06:59 ngày 01/01/1970 (UTC+7)", "1 January 1970 06:59 (UTC+7)" },
		/* over midnight, over the year */
		{ G_GINT64_CONSTANT(1798736399000), "23:59 ngày 31/12/2026 (UTC+7)",
			"31 December 2026 23:59 (UTC+7)" },
		{ G_GINT64_CONSTANT(1798736400000), "00:00 ngày 01/01/2027 (UTC+7)",
			"1 January 2027 00:00 (UTC+7)" },
		/* a leap day; no summer time in June */
		{ G_GINT64_CONSTANT(1835352000000), "19:00 ngày 28/02/2028 (UTC+7)",
			"28 February 2028 19:00 (UTC+7)" },
		{ G_GINT64_CONSTANT(1835438400000), "19:00 ngày 29/02/2028 (UTC+7)",
			"29 February 2028 19:00 (UTC+7)" },
		{ G_GINT64_CONSTANT(1781920800000), "09:00 ngày 20/06/2026 (UTC+7)",
			"20 June 2026 09:00 (UTC+7)" },
		{ G_MAXINT64, "không rõ thời điểm", "at an unknown time" },
		{ G_MININT64, "không rõ thời điểm", "at an unknown time" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *vi = time_for_people(cases[i].ms, "vi");
		g_autofree char *en = time_for_people(cases[i].ms, "en");
		g_autofree char *none = time_for_people(cases[i].ms, NULL);

		g_assert_cmpstr(vi, ==, cases[i].vi);
		g_assert_cmpstr(en, ==, cases[i].en);
		g_assert_cmpstr(none, ==, cases[i].vi);
	}
}

static void
test_sizes(void)
{
	static const struct {
		guint64 bytes;
		const char *vi, *en;
	} cases[] = {
		{ 0, "0 byte", "0 bytes" }, { 1, "1 byte", "1 byte" }, { 999, "999 byte",
			"999 bytes" },
		{ 1000, "1,0 kB", "1.0 kB" }, { 1999, "1,9 kB", "1.9 kB" }, { 999999, "999,9 kB",
			"999.9 kB" },
		{ 1000000, "1,0 MB", "1.0 MB" }, { 41943040, "41,9 MB", "41.9 MB" },
		{ G_GUINT64_CONSTANT(2500000000), "2,5 GB", "2.5 GB" },
		{ G_MAXUINT64, "18446744073,7 GB", "18446744073.7 GB" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *vi = size_for_people(cases[i].bytes, "vi");
		g_autofree char *en = size_for_people(cases[i].bytes, "en");

		g_assert_cmpstr(vi, ==, cases[i].vi);
		g_assert_cmpstr(en, ==, cases[i].en);
	}
}

static void
test_codes(void)
{
	static const struct {
		const char *code;
		guint n;
		const char *between, *grouped;
	} cases[] = {
		{ SAMPLE_CODE, 5, "-", SAMPLE_CODE_5 }, { "abcd", 4, "-", "abcd" }, { "abcde", 4,
			"-", "abcd-e" },
		{ "ab cd-ef", 4, " ", "abcd ef" }, { "", 4, "-", "" }, { NULL, 4, "-", "" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *grouped = code_grouped(cases[i].code, cases[i].n,
			cases[i].between);

		g_assert_cmpstr(grouped, ==, cases[i].grouped);
	}
}

/* Every verdict has its own words in both languages, short enough for a line. */
static void
test_verdicts(void)
{
	GString *all = g_string_new(NULL);

	for (int i = 0; i < signature_count; i++)
		g_string_append_printf(all, "%s | %s | %s\n", signature_word((enum signature)i),
			signature_for_people((enum signature)i, "vi"),
				signature_for_people((enum signature)i, "en"));
	for (int i = 0; i < encryption_count; i++)
		g_string_append_printf(all, "%s | %s | %s\n", encryption_word((enum encryption)i),
			encryption_for_people((enum encryption)i, "vi"),
				encryption_for_people((enum encryption)i, "en"));
	sample_golden("verdicts.txt", all->str);
	g_auto(GStrv) lines = g_strsplit(all->str, "\n", -1);

	for (char **line = lines; **line != '\0'; line++) {
		g_auto(GStrv) texts = g_strsplit(*line, " | ", -1);

		g_assert_cmpuint(g_strv_length(texts), ==, 3);
		for (guint i = 1; i < 3; i++)
			g_assert_cmpint(g_utf8_strlen(texts[i], -1), <=, 58);
		g_assert_cmpstr(texts[1], !=, texts[2]);
	}
	g_string_free(all, TRUE);
	g_assert_cmpstr(signature_for_people((enum signature)99, "vi"), ==,
		signature_for_people(SIGNATURE_BAD, "vi"));
	g_assert_cmpstr(encryption_for_people((enum encryption)99, "en"), ==,
		encryption_for_people(ENCRYPTION_MALFORMED, "en"));
}

static void
test_common(void)
{
	struct site *site = sample_site(NULL);
	g_autoptr(GPtrArray) values = values_common(site, SAMPLE_TICKET, SAMPLE_CODE,
		"abcdefghjkmnpqrs", SAMPLE_RECEIVED);
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < values->len; i++) {
		const struct value *v = values->pdata[i];
		g_autofree char *name = g_strndup(v->name, strcspn(v->name, "."));

		g_assert_true(variable_known(name));
		g_string_append_printf(all, "%s = %s\n", v->name, v->text);
	}
	sample_golden("common.txt", all->str);
	g_string_free(all, TRUE);
	site_free(site);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/wording/times", test_times);
	g_test_add_func("/desk/wording/sizes", test_sizes);
	g_test_add_func("/desk/wording/codes", test_codes);
	g_test_add_func("/desk/wording/verdicts", test_verdicts);
	g_test_add_func("/desk/wording/common", test_common);
	return g_test_run();
}
