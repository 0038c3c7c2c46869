/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/keyring.c with the real gpg: keys are made, listed, exported; private
 * homes hold what they were given and nothing runs or lies about afterwards.
 */
#include <sys/stat.h>

#include "crypto-test.h"

static struct bench bench;

static bool
is_mode(const char *path, mode_t mode)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & 07777) == mode;
}

/* An agent left behind would still answer on the home's own socket. */
static void
test_generate_leaves_no_agent(void)
{
	g_autofree char *link = g_build_filename(bench.folder, "l", NULL);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	g_assert_cmpint(symlink(bench.home, link), ==, 0);
	g_snprintf(addr.sun_path, sizeof addr.sun_path, "%s/S.gpg-agent", link);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof addr), ==, -1);
	close(fd);
	(void)unlink(link);
	g_assert_true(is_mode(bench.home, 0700));
}

static void
test_generate_refuses(void)
{
	static const struct { const char *name, *address; gint64 days; } rows[] = {
		{ "Đội thử", "hotline@example.vn", 0 },		/* has a key already */
		{ "x", "hotline", 0 },
		{ "x", "a@b@example.vn", 0 },
		{ "x", "a b@example.vn", 0 },
		{ "x", "@example.vn", 0 },
		{ "x <y>", "new@example.vn", 0 },
		{ "x\ny", "new@example.vn", 0 },
		{ "\xff", "new@example.vn", 0 },
		{ "x", "new@example.vn", -1 },
		{ "x", "new@example.vn", 40000 },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		char *fingerprint, *revocation;

		g_assert_cmpint(key_generate(bench.home, rows[i].name, rows[i].address,
					rows[i].days, &fingerprint, &revocation, &error),
			==, NEVER);
		g_assert_null(fingerprint);
		g_assert_null(revocation);
		g_assert_nonnull(error);
	}
}

static void
test_list(void)
{
	g_autoptr(GPtrArray) all = NULL, one = NULL, none = NULL;

	g_assert_cmpint(key_list(bench.home, NULL, true, &all, NULL), ==, DONE);
	g_assert_cmpuint(all->len, ==, 1);
	const struct key_info *info = all->pdata[0];
	g_assert_cmpstr(info->fingerprint, ==, bench.fingerprint);
	g_assert_cmpstr(info->user_id, ==, "Đội thử <hotline@example.vn>");
	g_assert_cmpstr(info->algorithm, ==, "ed25519");
	g_assert_true(info->has_secret && info->can_sign && info->can_encrypt);
	g_assert_false(info->revoked || info->expired);
	g_assert_cmpint(info->expires, ==, -1);
	g_assert_cmpint(info->created, >, 0);
	g_assert_cmpint(key_list(bench.home, bench.fingerprint, false, &one, NULL), ==, DONE);
	g_assert_cmpuint(one->len, ==, 1);
	g_assert_cmpint(key_list(bench.home, "0000000000000000000000000000000000000000", false,
				&none, NULL),
		==, DONE);
	g_assert_cmpuint(none->len, ==, 0);
}

static void
test_export(void)
{
	g_autoptr(GBytes) armored = NULL, none = NULL;
	gsize size;

	g_assert_cmpint(key_export(bench.home, bench.fingerprint, true, &armored, NULL), ==, DONE);
	const char *text = g_bytes_get_data(armored, &size);
	g_assert_nonnull(g_strstr_len(text, (gssize)size, "BEGIN PGP PUBLIC KEY BLOCK"));
	g_assert_null(g_strstr_len(text, (gssize)size, "PRIVATE"));
	g_assert_cmpint(key_export(bench.home, "0000000000000000000000000000000000000000", true,
				&none, NULL),
		==, NEVER);
	g_assert_null(none);
}

static void
test_open_home_is_refused(void)
{
	g_autofree char *wide = g_build_filename(bench.folder, "wide", NULL);
	g_autoptr(GPtrArray) list = NULL;

	g_mkdir(wide, 0700);
	g_chmod(wide, 0750);
	g_assert_cmpint(key_list(wide, NULL, false, &list, NULL), ==, NEVER);
	g_rmdir(wide);
	g_assert_cmpint(key_list(wide, NULL, false, &list, NULL), ==, NEVER);
}

static void
test_private_home(void)
{
	g_autofree char *home = g_build_filename(bench.folder, "private", NULL);
	g_autofree char *conf_file = g_build_filename(home, "gpg.conf", NULL);
	g_autofree char *redirect_file = g_build_filename(home, "S.gpg-agent", NULL);
	g_autofree char *conf = NULL, *redirect = NULL, *expected = NULL;
	static const char *const lines[] = { "no-autostart\n", "lock-never\n",
		"no-random-seed-file\n", "disable-dirmngr\n", "no-auto-key-retrieve\n",
		"no-auto-key-locate\n" };

	/* Twice: the second takes the place of the first whole. */
	for (int i = 0; i < 2; i++)
		g_assert_cmpint(
			home_make(home, bench.socket, &bench.certificate, 1, NULL), ==, DONE);
	g_assert_true(is_mode(home, 0700));
	g_assert_true(g_file_get_contents(conf_file, &conf, NULL, NULL));
	for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
		g_assert_nonnull(strstr(conf, lines[i]));
	g_assert_true(g_file_get_contents(redirect_file, &redirect, NULL, NULL));
	expected = g_strdup_printf("%%Assuan%%\nsocket=%s\n", bench.socket);
	g_assert_cmpstr(redirect, ==, expected);
	home_remove(home);
	g_assert_false(g_file_test(home, G_FILE_TEST_EXISTS));
}

static void
test_private_home_refuses(void)
{
	g_autofree char *home = g_build_filename(bench.folder, "private", NULL);
	g_autoptr(GBytes) junk = g_bytes_new_static("not a certificate", 17);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(home_make(home, bench.socket, &junk, 1, &error), !=, DONE);
	g_assert_nonnull(error);
	g_assert_false(g_file_test(home, G_FILE_TEST_EXISTS));
}

/* What a link points at is not the home's. */
static void
test_remove_follows_no_link(void)
{
	g_autofree char *kept = g_build_filename(bench.folder, "kept", NULL);
	g_autofree char *home = g_build_filename(bench.folder, "private", NULL);
	g_autofree char *link = g_build_filename(home, "link", NULL);
	g_autofree char *file = g_build_filename(kept, "file", NULL);

	g_mkdir(kept, 0700);
	g_mkdir(home, 0700);
	g_assert_true(g_file_set_contents(file, "x", 1, NULL));
	g_assert_cmpint(symlink(kept, link), ==, 0);
	home_remove(home);
	g_assert_false(g_file_test(home, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	crypto_init();
	bench_open(&bench);
	g_test_add_func("/keyring/generate-leaves-no-agent", test_generate_leaves_no_agent);
	g_test_add_func("/keyring/generate-refuses", test_generate_refuses);
	g_test_add_func("/keyring/list", test_list);
	g_test_add_func("/keyring/export", test_export);
	g_test_add_func("/keyring/open-home-is-refused", test_open_home_is_refused);
	g_test_add_func("/keyring/private-home", test_private_home);
	g_test_add_func("/keyring/private-home-refuses", test_private_home_refuses);
	g_test_add_func("/keyring/remove-follows-no-link", test_remove_follows_no_link);
	int failed = g_test_run();
	bench_close(&bench);
	return failed;
}
