/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/encrypt.c: what it seals plain gpg opens with the recipient's key and
 * nobody else's, and a certificate that cannot be used is refused by its reason.
 */
#include "peers.h"

#define ENTITY "Content-Type: text/plain; charset=utf-8\r\n" \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nXin ch=C3=A0o=20\r\n-- \r\nline\r\n"
#define CANARY "Xin ch=C3=A0o"

static struct bench bench;
static struct peers peers;
static struct protector *protector;
static char *alice, *bob, *expired, *revoked, *signs_only, *old_subkey;

/* A private home as a worker has it: our certificate, and these. */
static void
make_home(const char *const *fingerprints)
{
	g_autofree char *home = g_build_filename(bench.folder, "private", NULL);
	g_autoptr(GPtrArray) certificates =
		g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

	g_ptr_array_add(certificates, g_bytes_ref(bench.certificate));
	for (; *fingerprints; fingerprints++)
		g_ptr_array_add(certificates, peers_certificate(&peers, *fingerprints));
	g_assert_cmpint(home_make(home, bench.socket, (GBytes *const *)certificates->pdata,
				certificates->len, NULL), ==, DONE);
	protector = protector_new(home);
}

static void
set_up(void)
{
	bench_open(&bench);
	peers_open(&peers, bench.folder);
	peers_import(&peers, bench.certificate);
	alice = peers_pair(&peers, "Alice <alice@example.org>", "never", NULL);
	bob = peers_pair(&peers, "Bob <bob@example.org>", "never", NULL);
	expired = peers_pair(&peers, "Dan <dan@example.org>", "20250201T000000", NULL);
	revoked = peers_pair(&peers, "Eve <eve@example.org>", "never", NULL);
	peers_revoke(&peers, revoked);
	signs_only = peers_key(&peers, "Fay <fay@example.org>", "ed25519", "never", NULL);
	old_subkey = peers_key(&peers, "Gus <gus@example.org>", "ed25519", "never", NULL);
	PEERS_DO(&peers, NULL, "--faked-system-time", "20250101T000000", "--quick-add-key",
		old_subkey,
		"cv25519", "encr", "20250201T000000");
	make_home((const char *const[]){ alice, bob, expired, revoked, signs_only, old_subkey,
		NULL });
}

static enum outcome
seal(const char *text, const char *recipient, const char *boundary, GBytes **out, GError **error)
{
	g_autoptr(GBytes) entity = peers_text(text);
	const struct protection protection = { bench.fingerprint, recipient, boundary };
	bool agent_fault = true;

	enum outcome how = protect_encrypt(protector, entity, &protection, out, &agent_fault,
		error);
	g_assert_cmpint(agent_fault, ==, how == LATER);
	g_assert_cmpint(*out != NULL, ==, how == DONE);
	return how;
}

/* The armour inside, cut out by its known lines. */
static GBytes *
armor_of(GBytes *entity)
{
	gsize size;
	const char *text = g_bytes_get_data(entity, &size);
	const char *begin = g_strstr_len(text, (gssize)size, "-----BEGIN PGP MESSAGE-----\r\n");
	const char *end = g_strrstr_len(text, (gssize)size, "-----END PGP MESSAGE-----\r\n");

	g_assert_true(begin && end);
	return g_bytes_new(begin, (gsize)(end - begin) + strlen("-----END PGP MESSAGE-----\r\n"));
}

static void
test_opens(void)
{
	const char *const rows[] = { ENTITY, ENTITY "\r\n\r\n", "\r\nno header\r\n",
		"Content-Type: text/plain\r\n\r\nno line end" };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) out = NULL, entity = peers_text(rows[i]);
		g_autoptr(GError) error = NULL;

		enum outcome how = seal(rows[i], alice, "b1-=_x", &out, &error);
		g_assert_no_error(error);
		g_assert_cmpint(how, ==, DONE);
		g_autoptr(GBytes) armor = armor_of(out);
		g_autoptr(GBytes) plain = PEERS_MAKE(&peers, armor, "--decrypt");
		g_assert_true(g_bytes_equal(plain, entity));	/* octet by octet */
	}
}

/* Plain gpg's own words: one recipient, whose; a good signature by our key; integrity kept. */
static void
test_signed_inside_for_one(void)
{
	g_autoptr(GBytes) out = NULL;
	g_autofree char *file = g_build_filename(bench.folder, "armor", NULL);
	g_autofree char *status = NULL;
	g_autofree char *valid = g_strdup_printf("VALIDSIG %s ", bench.fingerprint);
	gsize size;

	g_assert_cmpint(seal(ENTITY, bob, "b", &out, NULL), ==, DONE);
	g_autoptr(GBytes) armor = armor_of(out);
	const char *text = g_bytes_get_data(armor, &size);
	g_assert_true(g_file_set_contents(file, text, (gssize)size, NULL));
	const char *argv[] = { "/usr/bin/gpg", "--homedir", peers.home, "--batch", "--no-autostart",
		"--status-fd", "1", "--output", "/dev/null", "--decrypt", file, NULL };
	g_assert_true(g_spawn_sync(NULL, (char **)(gpointer)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL,
		NULL,
		NULL, &status, NULL, NULL, NULL));
	g_assert_nonnull(strstr(status, "GOODSIG"));
	g_assert_nonnull(strstr(status, valid));
	g_assert_nonnull(strstr(status, "GOODMDC"));
	g_auto(GStrv) recipients = g_strsplit(status, "ENC_TO ", -1);
	g_assert_cmpuint(g_strv_length(recipients), ==, 2);	/* one mark, two pieces */
	g_assert_nonnull(strstr(status, bob));		/* DECRYPTION_KEY names the primary */
	g_assert_null(g_strstr_len(text, (gssize)size, CANARY));
}

static void
test_form(void)
{
	g_autoptr(GBytes) out = NULL;
	gsize size;

	g_assert_cmpint(seal(ENTITY, alice, "b2", &out, NULL), ==, DONE);
	const char *text = g_bytes_get_data(out, &size);
	g_autofree char *all = g_strndup(text, size);
	g_assert_cmpuint(strlen(all), ==, size);
	g_assert_true(g_regex_match_simple(
		"^Content-Type: multipart/encrypted;\r\n"
		"\tprotocol=\"application/pgp-encrypted\";\r\n"
		"\tboundary=\"b2\"\r\n\r\n--b2\r\nContent-Type: application/pgp-encrypted\r\n"
		"(?:[^\r\n]+\r\n)*\r\nVersion: 1\r\n\r\n--b2\r\n"
		"Content-Type: application/octet-stream[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n"
		"-----BEGIN PGP MESSAGE-----\r\n(?:[^-\r\n]*\r\n)+-----END PGP MESSAGE-----\r\n"
		"\r\n--b2--\r\n$", all, 0, 0));
	g_assert_null(strstr(all, CANARY));
	for (gsize i = 0; i < size; i++) {	/* every line end is CRLF, every octet ASCII */
		g_assert_cmpint(all[i] == '\n', ==, i > 0 && all[i - 1] == '\r');
		g_assert_cmpint(all[i] & 0x80, ==, 0);
	}
}

static void
test_refused(void)
{
	const struct { const char *text, *recipient, *boundary, *why; } rows[] = {
		{ ENTITY, expired, "b", "has expired" },
		{ ENTITY, revoked, "b", "is revoked" },
		{ ENTITY, signs_only, "b", "no encryption key" },
		{ ENTITY, old_subkey, "b", "encryption keys are expired or revoked" },
		{ ENTITY, "0000000000000000000000000000000000000000", "b", "not at hand" },
		{ ENTITY, "alice@example.org", "b", "full fingerprint" },
		{ ENTITY, alice + 24, "b", "full fingerprint" },
		{ ENTITY, "", "b", "full fingerprint" },
		{ ENTITY, "--hidden-recipient\n0000000000000000000", "b", "full fingerprint" },
		{ "", alice, "b", "empty" },
		{ "a: b\n\ntext\n", alice, "b", "bare LF" },
		{ "a: b\r\n\r\nch\xc3\xa0o\r\n", alice, "b", "7-bit" },
		{ ENTITY, alice, "", "not a boundary" },
		{ ENTITY, alice, "b\r\nX: y", "not a boundary" },
		{ ENTITY, alice, "---BEGIN", "occurs in the entity" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) out = NULL;
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(seal(rows[i].text, rows[i].recipient, rows[i].boundary, &out,
			&error),
			==, NEVER);
		if (!strstr(error->message, rows[i].why))
			g_error("row %u: %s", i, error->message);
	}
}

static void
test_key_not_there(void)
{
	g_autoptr(GBytes) out = NULL, entity = peers_text(ENTITY);
	const struct protection protection = { "0000000000000000000000000000000000000000", alice,
		"b" };
	bool agent_fault = false;

	g_assert_cmpint(protect_encrypt(protector, entity, &protection, &out, &agent_fault, NULL),
		==,
		LATER);
	g_assert_true(agent_fault);
	g_assert_null(out);
}

static void
test_dead_agent(void)
{
	g_autoptr(GBytes) out = NULL, again = NULL, refused = NULL;
	g_autoptr(GString) large = g_string_new(ENTITY);
	g_autoptr(GError) error = NULL;

	while (large->len < 500000)	/* more than a pipe holds when gpg ends early */
		g_string_append(large, "One line, and another one.\r\n");
	bench_agent_kill(&bench);
	g_assert_cmpint(seal(large->str, alice, "b", &out, NULL), ==, LATER);
	g_assert_cmpint(seal(large->str, expired, "b", &out, NULL), ==, NEVER);
	g_assert_cmpint(seal(ENTITY, alice, "b", &out, &error), ==, LATER);
	g_assert_nonnull(error);
	/* whatever our agent does */
	g_assert_cmpint(seal(ENTITY, expired, "b", &refused, NULL), ==, NEVER);
	bench.agent = bench_agent(bench.home, bench.socket);
	g_assert_cmpint(seal(ENTITY, alice, "b", &again, NULL), ==, DONE);
}

/* Signing after encrypting is as before: the context is shared. */
static void
test_sign_after(void)
{
	g_autoptr(GBytes) out = NULL, entity = peers_text(ENTITY), signed_entity = NULL,
		part = NULL;
	g_autofree char *detached = NULL;
	bool agent_fault;

	g_assert_cmpint(seal(ENTITY, alice, "b", &out, NULL), ==, DONE);
	g_assert_cmpint(protect_sign(protector, entity, bench.fingerprint, "s", &signed_entity,
				&agent_fault, NULL), ==, DONE);
	g_assert_true(bench_split(signed_entity, "s", &part, &detached));
	g_assert_true(bench_gpg_verifies(&bench, part, detached));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	alarm(300);			/* gpg that is waited for in vain */
	crypto_init();
	set_up();
	g_test_add_func("/encrypt/opens", test_opens);
	g_test_add_func("/encrypt/signed-inside-for-one", test_signed_inside_for_one);
	g_test_add_func("/encrypt/form", test_form);
	g_test_add_func("/encrypt/refused", test_refused);
	g_test_add_func("/encrypt/key-not-there", test_key_not_there);
	g_test_add_func("/encrypt/dead-agent", test_dead_agent);
	g_test_add_func("/encrypt/sign-after", test_sign_after);
	int failed = g_test_run();
	protector_free(protector);
	peers_close(&peers);
	bench_close(&bench);
	g_free(alice);
	g_free(bob);
	g_free(expired);
	g_free(revoked);
	g_free(signs_only);
	g_free(old_subkey);
	return failed;
}
