/* SPDX-License-Identifier: ISC
 *
 * Names of a Maildir: uids that keep every file apart, folder names that cannot leave the tree.
 */
#include "tree.h"

#define A50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
#define A200 A50 A50 A50 A50

static const struct { const char *file, *uid; } names[] = {
	/* file name                    uid */
	{ "1700000000.M1P2.host",       "1700000000.M1P2.host" },
	{ "1700000000.M1P2.host:2,",    "1700000000.M1P2.host" },
	{ "1700000000.M1P2.host:2,RS",  "1700000000.M1P2.host" },
	{ "1700000000.M1P2.host:2,Sab", "1700000000.M1P2.host" },
	{ "1700000000.M1P2.host:1,x",   "1700000000.M1P2.host" },
	{ "1.h,S=12,W=13:2,S",          "1.h,S=12,W=13" },
	{ "1.fe80::1",                  "1.fe80::1" },
	{ "1.fe80::1:2,S",              "1.fe80::1" },
	{ "x:2,S:2,T",                  "x:2,S" },
	{ "x:y",                        "x:y" },
	{ ".hidden",                    ".hidden" },
	{ "a b",                        "a%20b" },
	{ "a%20b",                      "a%2520b" },
	{ "a\nb",                       "a%0Ab" },
	{ "a\033[2Jb",                  "a%1B[2Jb" },
	{ "th\xc6\xb0",                 "th%C6%B0" },
	{ "\xff\xfe",                   "%FF%FE" },
	{ "%~",                         "%25~" },
	{ ":2,S",                       "" },
	{ A200,                         A200 },
};

static void
test_uid(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *uid = maildir_uid(names[i].file);

		g_assert_cmpstr(uid, ==, names[i].uid);
		g_assert_true(g_utf8_validate(uid, -1, NULL));
	}
}

static void
test_long_uid(void)
{
	g_autofree char *one = maildir_uid(A200 "x"), *two = maildir_uid(A200 "y");
	g_autofree char *flagged = maildir_uid(A200 "x:2,S");

	g_assert_cmpuint(strlen(one), ==, 2 + 64);
	g_assert_cmpstr(one, !=, two);
	g_assert_cmpstr(one, ==, flagged);
	g_assert_true(g_str_has_prefix(one, "%~"));
}

static const struct { const char *folder, *path; } folders[] = {
	{ "INBOX",      "/m" },
	{ "inbox",      "/m" },
	{ "Done",       "/m/.Done" },
	{ "Junk.2026",  "/m/.Junk.2026" },
	{ "Thư rác",    "/m/.Thư rác" },
	{ "",           NULL },
	{ ".",          NULL },
	{ "..",         NULL },
	{ ".Done",      NULL },
	{ "a/b",        NULL },
	{ "../etc",     NULL },
	{ "a\nb",       NULL },
	{ A200 "x",     NULL },
};

static void
test_folder_path(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *path = maildir_folder_path("/m", folders[i].folder, &error);

		g_assert_cmpstr(path, ==, folders[i].path);
		if (path)
			g_assert_no_error(error);
		else
			g_assert_error(error, UNGCUU_ERROR, NEVER);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	g_test_add_func("/transport/folder/uid", test_uid);
	g_test_add_func("/transport/folder/long-uid", test_long_uid);
	g_test_add_func("/transport/folder/path", test_folder_path);
	return g_test_run();
}
