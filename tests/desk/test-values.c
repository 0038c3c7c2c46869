/* SPDX-License-Identifier: ISC
 *
 * Values to text and back, and that no value can bring another with it.
 */
#include "desk/desk.h"

static void
test_round(void)
{
	static const char *const pairs[] = { "ticket", "NBH-2026-000123", "phone", "",
		"received.vi", "10:05 ngày\n22/11",
		"advice.en", "{{x}} = | , ; \"", "ticket", "second" };
	g_autoptr(GPtrArray) values = values_new();

	for (guint i = 0; i < G_N_ELEMENTS(pairs); i += 2)
		values_add(values, pairs[i], pairs[i + 1]);
	values_add(values, "absent", NULL);
	g_assert_cmpuint(values->len, ==, G_N_ELEMENTS(pairs) / 2);
	g_autofree char *text = values_to_text(values);
	g_autoptr(GPtrArray) back = values_from_text(text);

	g_assert_cmpuint(back->len, ==, values->len);
	for (guint i = 0; i < back->len; i++) {
		const struct value *v = back->pdata[i];

		g_assert_cmpstr(v->name, ==, pairs[2 * i]);
		g_assert_cmpstr(v->text, ==, pairs[2 * i + 1]);
	}
	g_assert_cmpstr(values_get(back, "ticket"), ==, "NBH-2026-000123");
	g_assert_null(values_get(back, "absent"));
	g_assert_null(values_get(NULL, "x"));
}

/* columns: text, count of values it gives */
static void
test_from_text(void)
{
	static const struct {
		const char *text;
		guint n;
	} cases[] = {
		{ "", 0 }, { NULL, 0 }, { "a", 0 }, { "a\x1f" "b", 0 }, { "a\x1e", 0 }, { "a\x1e"
			"b\x1f", 0 },
		{ "a\x1f" "b\x1e", 1 }, { "a\x1f\x1e", 1 }, { "a\x1f" "b\x1e" "c", 1 }, { "a\x1f"
			"b\x1e" "c\x1f" "d\x1e", 2 },
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) values = values_from_text(cases[i].text);

		g_assert_cmpuint(values->len, ==, cases[i].n);
	}
}

/* A value cannot bring a value of its own with it. */
static void
test_separators(void)
{
	g_autoptr(GPtrArray) values = values_new();

	values_add(values, "a\x1f", "b\x1e" "ticket\x1f" "forged\x1e");
	g_autofree char *text = values_to_text(values);
	g_autoptr(GPtrArray) back = values_from_text(text);

	g_assert_cmpuint(back->len, ==, 1);
	g_assert_cmpstr(values_get(back, "a"), ==, "bticketforged");
	g_assert_null(values_get(back, "ticket"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/values/round", test_round);
	g_test_add_func("/desk/values/from-text", test_from_text);
	g_test_add_func("/desk/values/separators", test_separators);
	return g_test_run();
}
