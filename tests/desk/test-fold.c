/* SPDX-License-Identifier: ISC
 *
 * The folding all comparisons in desk rest on: what people write for one thing must be one thing.
 */
#include "desk/internal.h"

static void
test_fold(void)
{
	static const struct {
		const char *text, *folded;
	} cases[] = {
		{ "Sự cố AN TOÀN Đặc biệt", "su co an toan dac biet" },
		{ "Su\xcc\x9b\xcc\xa3 co\xcc\x82\xcc\x81", "su co" },
		{ "［ＴＢＳＣ］　１", "[tbsc] 1" },
		{ "【TBSC】", "[tbsc]" },
		{ "a\xe2\x80\x8b\xc2\xad\xef\xbb\xbf" "b\xe2\x80\x93\xe2\x88\x92" "c", "ab--c" },
		{ "a\xc2\xa0" "b", "a b" },
		{ "Ω Ж", "ω ж" },
		{ "ﬁ Ⅳ", "fi iv" },
		{ "\xcc\x81\xcc\x82", "" },
		{ "", "" },
		{ "bad \xff byte", "bad \xef\xbf\xbd byte" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *folded = fold_text(cases[i].text);

		g_assert_cmpstr(folded, ==, cases[i].folded);
	}
	g_autofree char *none = fold_text(NULL);

	g_assert_cmpstr(none, ==, "");
}

static void
test_addresses(void)
{
	g_assert_true(address_equal("A@Example.ORG", "a@example.org"));
	g_assert_true(address_equal("NHÀ@example.org", "nhà@example.org"));
	g_assert_false(address_equal("nha@example.org", "nhà@example.org"));
	g_assert_false(address_equal("a@example.org", "a@example.org "));
	g_assert_false(address_equal(NULL, "a@example.org"));
	g_assert_false(address_equal(NULL, NULL));
	g_assert_cmpstr(address_domain("a@b@example.org"), ==, "example.org");
	g_assert_null(address_domain("a@"));
	g_assert_null(address_domain("a"));
	g_assert_null(address_domain(NULL));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/fold/texts", test_fold);
	g_test_add_func("/desk/fold/addresses", test_addresses);
	return g_test_run();
}
