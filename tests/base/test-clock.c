/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/clock.c: RFC 3339 out and in.
 */
#include "base/base.h"

static const struct { gint64 ms; const char *text; } printed[] = {
	{ 0, "1970-01-01T00:00:00Z" },
	{ 1795341600123, "2026-11-22T10:00:00Z" },
	{ 951782400000, "2000-02-29T00:00:00Z" },
	{ -1, "1970-01-01T00:00:00Z" },
	{ G_MAXINT64, "9999-12-31T23:59:59Z" },
};

static const struct { const char *text; gint64 ms; } parsed[] = {
	{ "2026-11-22T10:00:00Z", 1795341600000 },
	{ "2026-11-22t10:00:00z", 1795341600000 },
	{ "2026-11-22T17:00:00+07:00", 1795341600000 },
	{ "2026-11-22T09:00:00-01:00", 1795341600000 },
	{ "2026-11-22T10:00:00.123Z", 1795341600123 },
	{ "2000-02-29T00:00:00Z", 951782400000 },
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2001-02-29T00:00:00Z", -1 },
	{ "1969-12-31T23:59:59Z", -1 },
	{ "2026-11-22T10:00:00", -1 },
	{ "2026-11-22 10:00:00Z", -1 },
	{ "2026-11-22T10:00:00ZZ", -1 },
	{ "2026-11-22T10:00:00.Z", -1 },
	{ "2026-11-22T24:00:00Z", -1 },
	{ "2026-13-22T10:00:00Z", -1 },
	{ "2026-11-22T10:00Z", -1 },
	{ "2026-11-22T10:00:00+07", -1 },
	{ "2026-11-22T10:00:00+07:00x", -1 },
	{ "2026-11-22", -1 },
	{ "20261122T100000Z", -1 },
	{ "+2026-11-22T10:00:00Z", -1 },
	{ "2026-11-22T10:00:00.123456789012345678901234567890Z", -1 },
	{ "", -1 },
	{ NULL, -1 },
};

static void
test_print(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(printed); i++) {
		g_autofree char *text = clock_rfc3339(printed[i].ms);

		g_assert_cmpstr(text, ==, printed[i].text);
	}
}

static void
test_parse(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(parsed); i++) {
		g_test_message("%s", parsed[i].text ? parsed[i].text : "NULL");
		g_assert_cmpint(clock_parse_rfc3339(parsed[i].text), ==, parsed[i].ms);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/clock/print", test_print);
	g_test_add_func("/clock/parse", test_parse);
	return g_test_run();
}
