/* SPDX-License-Identifier: ISC
 *
 * Names of IMAP folders: UTF-8 to modified UTF-7 and back, what is refused, and what a server may
 * say that is none.  And uids as texts.
 */
#include "transport/account.h"

#include <string.h>

static const struct { const char *shown, *sent; } names[] = {
	{ "INBOX", "INBOX" }, { "Done", "Done" }, { "a/b.c-d", "a/b.c-d" },
	{ "&", "&-" }, { "a & b", "a &- b" }, { "&&", "&-&-" },
	{ "Đã xử lý", "&ARAA4w- x&Hu0- l&AP0-" }, { "Thư rác", "Th&AbA- r&AOE-c" },
	{ "台北", "&U,BTFw-" },			/* RFC 3501 §5.1.3: "," for "/" */
	{ "日本語", "&ZeVnLIqe-" }, { "😀", "&2D3eAA-" },
};

static void
test_both_ways(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *sent = imap_name(names[i].shown, &error);
		g_autofree char *shown = imap_name_shown(names[i].sent);

		g_assert_no_error(error);
		g_assert_cmpstr(sent, ==, names[i].sent);
		g_assert_cmpstr(shown, ==, names[i].shown);
	}
	g_autofree char *inbox = imap_name("inbox", NULL);

	g_assert_cmpstr(inbox, ==, "INBOX");
}

static void
test_refused(void)
{
	static const char *const rows[] = {
		"", "a\r\nb", "a\nb", "a\x01", "a\x7f", "a*", "%", "\xff", "a\xc3",
	};
	g_autofree char *long_one = g_strnfill(201, 'a'), *longest = g_strnfill(200, 'a');
	g_autofree char *good = imap_name(longest, NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(imap_name(rows[i], &error));
		g_assert_error(error, UNGCUU_ERROR, NEVER);
	}
	g_assert_null(imap_name(long_one, NULL));
	g_assert_cmpstr(good, ==, longest);
}

/* Shown as it is, valid UTF-8 in any case. */
static void
test_nonsense(void)
{
	static const struct { const char *name, *shown; } rows[] = {
		{ "a&b", "a&b" }, { "&A-", "&A-" }, { "&!!-", "&!!-" }, { "&AA-", "&AA-" },
		{ "&2D0-", "&2D0-" },			/* half a pair */
		{ "tiếng", "tiếng" }, { "", "" }, { "&", "&" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *shown = imap_name_shown(rows[i].name);

		g_assert_cmpstr(shown, ==, rows[i].shown);
	}
	g_autofree char *bad = imap_name_shown("a\xff&-");

	g_assert_true(g_utf8_validate(bad, -1, NULL));
}

static void
test_uids(void)
{
	static const char *const bad[] = {
		"", ".", "1", "1.", ".1", "0.1", "1.0", "1.1.1", "-1.1", "1.-1", "+1.1", "1. 1",
		"a.b", "4294967296.1", "1.4294967296", "99999999999999999999.1",
		"1.99999999999999999999",
	};
	struct uid uid = { 0, 0 };
	g_autofree char *text = uid_text(G_MAXUINT32, G_MAXUINT32);
	g_autofree char *who = identity_text(7, "Thư");

	g_assert_true(uid_parse(text, &uid));
	g_assert_cmpuint(uid.validity, ==, G_MAXUINT32);
	g_assert_cmpuint(uid.uid, ==, G_MAXUINT32);
	g_assert_cmpstr(who, ==, "7/Thư");
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(uid_parse(bad[i], &uid));
}

int
main(int argc, char **argv)
{
	log_open("test", LOG_TO_STDERR, 0);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/imap-name/both-ways", test_both_ways);
	g_test_add_func("/imap-name/refused", test_refused);
	g_test_add_func("/imap-name/nonsense", test_nonsense);
	g_test_add_func("/imap-name/uids", test_uids);
	return g_test_run();
}
