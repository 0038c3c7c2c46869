/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/certificate.c: certificates made by plain gpg are read, enrolled or
 * refused; secret keys come in only if they can be used unattended.
 */
#include <sys/stat.h>

#include "peers.h"

static struct bench bench;
static struct peers peers;
static char *alice, *expired, *revoked, *signs_only;

static void
set_up(void)
{
	bench_open(&bench);
	peers_open(&peers, bench.folder);
	alice = peers_pair(&peers, "Alice <Alice@Example.org>", "20360101T000000", NULL);
	PEERS_DO(&peers, NULL, "--quick-add-uid", alice, "Alice <a@example.org>");
	PEERS_DO(&peers, NULL, "--quick-add-uid", alice, "Alice <old@example.org>");
	PEERS_DO(&peers, NULL, "--quick-revoke-uid", alice, "Alice <old@example.org>");
	PEERS_DO(&peers, NULL, "--quick-set-primary-uid", alice, "Alice <Alice@Example.org>");
	expired = peers_pair(&peers, "Dan <dan@example.org>", "20250201T000000", NULL);
	revoked = peers_pair(&peers, "Eve <eve@example.org>", "never", NULL);
	peers_revoke(&peers, revoked);
	signs_only = peers_key(&peers, "Fay <fay@example.org>", "ed25519", "never", NULL);
}

static enum outcome
read_one(GBytes *bytes, struct certificate **out, GError **error)
{
	g_autofree char *home = g_build_filename(bench.folder, "reading", NULL);

	enum outcome how = certificate_read(bytes, home, out, error);
	g_assert_false(g_file_test(home, G_FILE_TEST_EXISTS));
	g_assert_cmpint(*out != NULL, ==, how == DONE);
	return how;
}

static void
test_read(void)
{
	g_autoptr(GBytes) binary = peers_certificate(&peers, alice);
	g_autoptr(GBytes) armor = PEERS_MAKE(&peers, NULL, "--armor", "--export", alice);
	GBytes *const rows[] = { binary, armor };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct certificate *certificate, *again;
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(read_one(rows[i], &certificate, &error), ==, DONE);
		g_assert_cmpstr(certificate->fingerprint, ==, alice);
		g_assert_cmpstr(certificate->user_id, ==, "Alice <Alice@Example.org>");
		g_assert_cmpstr(certificate->algorithm, ==, "ed25519");
		g_assert_cmpuint(g_strv_length(certificate->addresses), ==, 2);
		g_assert_true(g_strv_contains((const char *const *)certificate->addresses,
			"alice@example.org"));
		g_assert_true(g_strv_contains((const char *const *)certificate->addresses,
			"a@example.org"));
		g_assert_cmpuint(g_strv_length(certificate->key_ids), ==, 2);
		g_assert_cmpstr(certificate->key_ids[0], ==, alice + 24);
		g_assert_cmpint(certificate->expires, ==, G_GINT64_CONSTANT(2082758400000));
		g_assert_cmpint(certificate->encrypt_expires, ==, certificate->expires);
		g_assert_true(certificate->can_encrypt);
		g_assert_false(certificate->revoked || certificate->expired);
		/* What is kept reads the same. */
		g_assert_cmpint(read_one(certificate->minimal, &again, NULL), ==, DONE);
		g_assert_cmpstr(again->fingerprint, ==, alice);
		g_assert_true(again->can_encrypt);
		certificate_free(again);
		certificate_free(certificate);
	}
}

static void
test_read_flags(void)
{
	const struct { const char *name; bool revoked, expired, can_encrypt; } rows[] = {
		{ expired, false, true, false },
		{ revoked, true, false, false },
		{ signs_only, false, false, false },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) bytes = peers_certificate(&peers, rows[i].name);
		struct certificate *certificate;

		g_assert_cmpint(read_one(bytes, &certificate, NULL), ==, DONE);
		g_assert_cmpstr(certificate->fingerprint, ==, rows[i].name);
		g_assert_cmpint(certificate->revoked, ==, rows[i].revoked);
		g_assert_cmpint(certificate->expired, ==, rows[i].expired);
		g_assert_cmpint(certificate->can_encrypt, ==, rows[i].can_encrypt);
		certificate_free(certificate);
	}
}

static void
test_read_refuses(void)
{
	g_autoptr(GBytes) two = PEERS_MAKE(&peers, NULL, "--export", alice, expired);
	g_autoptr(GBytes) two_armored = PEERS_MAKE(&peers, NULL, "--armor", "--export", alice,
		expired);
	g_autoptr(GBytes) secret = PEERS_MAKE(&peers, NULL, "--export-secret-keys", alice);
	g_autoptr(GBytes) text = peers_text("hello"), empty = peers_text("");
	g_autoptr(GBytes) whole = peers_certificate(&peers, alice);
	g_autoptr(GBytes) cut = g_bytes_new_from_bytes(whole, 0, 60);
	/* a key without a user id */
	g_autoptr(GBytes) bare = g_bytes_new_from_bytes(whole, 0, 53);
	g_autoptr(GBytes) odd = g_bytes_new_static("\xc6\x01\x04", 3);
	g_autofree char *many = g_strnfill(LIMIT_CERTIFICATE + 1, '\x99');
	g_autoptr(GBytes) big = g_bytes_new(many, LIMIT_CERTIFICATE + 1);
	const struct { GBytes *bytes; const char *why; } rows[] = {
		{ two, "2 public" }, { two_armored, "2 public" }, { secret, "secret key" },
		{ text, "not one OpenPGP" }, { empty, "not one OpenPGP" },
		{ odd, NULL }, { cut, "not an OpenPGP" }, { bare, NULL }, { big,
			"certificate limit" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		struct certificate *certificate;

		g_assert_cmpint(read_one(rows[i].bytes, &certificate, &error), ==, NEVER);
		if (rows[i].why && !strstr(error->message, rows[i].why))
			g_error("row %u: %s", i, error->message);
	}
}

/* ---- a party's certificate ------------------------------------------------------------------ */

static void
test_enrol(void)
{
	g_autofree char *folder = g_build_filename(bench.folder, "certificates", NULL);
	g_autoptr(GBytes) bytes = peers_certificate(&peers, alice);
	g_autofree char *path = g_strdup_printf("%s/%s.asc", folder, alice);
	g_autofree char *wanted = g_strdup_printf(
		"keys = [ \"%s\" ];  # Alice <Alice@Example.org>", alice);

	g_mkdir(folder, 0755);
	for (int i = 0; i < 2; i++) {	/* the second time it is brought up to date */
		g_autofree char *fingerprint = NULL, *line = NULL, *text = NULL;
		g_autoptr(GError) error = NULL;
		struct certificate *certificate;
		gsize size;

		g_assert_cmpint(key_enrol(bytes, folder, &fingerprint, &line, &error), ==, DONE);
		g_assert_cmpstr(fingerprint, ==, alice);
		g_assert_cmpstr(line, ==, wanted);
		g_assert_true(g_file_get_contents(path, &text, &size, NULL));
		g_assert_true(g_str_has_prefix(text, "-----BEGIN PGP PUBLIC KEY BLOCK-----"));
		g_autoptr(GBytes) kept = g_bytes_new(text, size);
		g_assert_cmpint(read_one(kept, &certificate, NULL), ==, DONE);
		certificate_free(certificate);
	}
}

static void
test_enrol_refuses(void)
{
	const struct { const char *name, *why; } rows[] = {
		{ expired, "has expired" }, { revoked, "is revoked" }, { signs_only,
			"no encryption key" },
	};
	g_autofree char *folder = g_build_filename(bench.folder, "none", NULL);

	g_mkdir(folder, 0755);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) bytes = peers_certificate(&peers, rows[i].name);
		char *fingerprint, *line;
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(key_enrol(bytes, folder, &fingerprint, &line, &error), ==, NEVER);
		g_assert_nonnull(strstr(error->message, rows[i].why));
		g_assert_null(fingerprint);
		g_assert_null(line);
	}
	g_assert_cmpint(g_rmdir(folder), ==, 0);	/* nothing was left in it */
}

/* A user id cannot break out of the comment it is printed in. */
static void
test_enrol_line(void)
{
	g_autofree char *folder = g_build_filename(bench.folder, "line", NULL);
	g_autofree char *name = peers_pair(&peers, "x\nkeys = [ \"y\" ] <x@example.org>", "never",
		NULL);
	g_autoptr(GBytes) bytes = peers_certificate(&peers, name);
	g_autofree char *fingerprint = NULL, *line = NULL;

	g_mkdir(folder, 0755);
	g_assert_cmpint(key_enrol(bytes, folder, &fingerprint, &line, NULL), ==, DONE);
	g_assert_null(strpbrk(line, "\r\n"));
}

/* ---- a secret key of ours -------------------------------------------------------------------- */

static bool
has_secret(const char *home, const char *fingerprint)
{
	g_autoptr(GPtrArray) list = NULL;

	return key_list(home, fingerprint, true, &list, NULL) == DONE && list->len == 1 &&
		((struct key_info *)list->pdata[0])->has_secret;
}

static void
test_import(void)
{
	g_autofree char *fresh = g_build_filename(bench.folder, "fresh", NULL);
	g_autoptr(GBytes) secret = PEERS_MAKE(&peers, NULL, "--armor", "--export-secret-keys",
		alice);
	const char *const homes[] = { bench.home, fresh, fresh };	/* twice: no harm */

	for (guint i = 0; i < G_N_ELEMENTS(homes); i++) {
		g_autofree char *fingerprint = NULL;
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(key_import(secret, homes[i], &fingerprint, &error), ==, DONE);
		g_assert_no_error(error);
		g_assert_cmpstr(fingerprint, ==, alice);
		g_assert_true(has_secret(homes[i], alice));
	}
	g_assert_true(has_secret(bench.home, bench.fingerprint));
}

static void
test_import_refuses(void)
{
	g_autofree char *home = g_build_filename(bench.folder, "empty", NULL);
	g_autoptr(GBytes) public = peers_certificate(&peers, alice), text = peers_text("x");
	g_autoptr(GBytes) two = PEERS_MAKE(&peers, NULL, "--export-secret-keys", alice, expired);
	g_autoptr(GBytes) run_out = PEERS_MAKE(&peers, NULL, "--export-secret-keys", expired);

	PEERS_DO(&peers, NULL, "--passphrase", "secret", "--quick-gen-key",
		"Locked <l@example.org>",
		"rsa2048", "sign,cert,encrypt", "never");
	g_autoptr(GBytes) locked = PEERS_MAKE(&peers, NULL, "--passphrase", "secret",
		"--export-secret-keys", "l@example.org");
	GBytes *const rows[] = { public, text, two, run_out, locked };
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *fingerprint;
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(key_import(rows[i], home, &fingerprint, &error), ==, NEVER);
		g_test_message("%s", error->message);
		g_assert_null(fingerprint);
		g_assert_false(g_file_test(home, G_FILE_TEST_EXISTS));
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	crypto_init();
	set_up();
	g_test_add_func("/certificate/read", test_read);
	g_test_add_func("/certificate/read-flags", test_read_flags);
	g_test_add_func("/certificate/read-refuses", test_read_refuses);
	g_test_add_func("/certificate/enrol", test_enrol);
	g_test_add_func("/certificate/enrol-refuses", test_enrol_refuses);
	g_test_add_func("/certificate/enrol-line", test_enrol_line);
	g_test_add_func("/certificate/import", test_import);
	g_test_add_func("/certificate/import-refuses", test_import_refuses);
	int failed = g_test_run();
	peers_close(&peers);
	bench_close(&bench);
	g_free(alice);
	g_free(expired);
	g_free(revoked);
	g_free(signs_only);
	return failed;
}
