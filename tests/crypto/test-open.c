/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/open.c, signatures: what invented people sign with plain gpg is verified
 * here, whole, damaged and forged.
 */
#include "people.h"

/* ---- detached signatures --------------------------------------------------------- */

static GBytes *
with_lf(GBytes *text)
{
	gsize size, n = 0;
	const char *bytes = g_bytes_get_data(text, &size);
	char *copy = g_malloc(size);

	for (gsize i = 0; i < size; i++)
		if (bytes[i] != '\r')
			copy[n++] = bytes[i];
	return g_bytes_new_take(copy, n);
}

#define NOTHING ENCRYPTION_NONE
static const struct signed_row {
	const char *what;
	enum who signer;
	const char *option, *value;		/* more of gpg's options; NULL */
	const char *from;
	enum { AS_IS, LF, LF_SIGNED_AS_TEXT, FLIPPED, BLANKS, OUTSIDE } how;
	struct expected expected;
} signed_rows[] = {
	{ "registered", ALICE, NULL, NULL, "alice@example.org", AS_IS,
		{ NOTHING, SIGNATURE_TRUSTED, ALICE, "responder:alice" } },
	{ "the same from a Maildir", ALICE, NULL, NULL, "alice@example.org", LF,
		{ NOTHING, SIGNATURE_TRUSTED, ALICE, "responder:alice" } },
	{ "a text signature from a Maildir", ALICE, "--textmode", "--no-comments",
		"alice@example.org", LF,
		{ NOTHING, SIGNATURE_TRUSTED, ALICE, "responder:alice" } },
	{ "by a subkey", SUBKEY, NULL, NULL, "sub@example.org", AS_IS,
		{ NOTHING, SIGNATURE_TRUSTED, SUBKEY, "agency:sub" } },
	{ "RSA of 2048 bits", RSA2, NULL, NULL, "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_TRUSTED, RSA2, "isp:two" } },
	{ "P-256", P256, NULL, NULL, "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_TRUSTED, P256, "isp:p256" } },
	{ "nobody's", BOB, NULL, NULL, "bob@example.org", AS_IS,
		{ NOTHING, SIGNATURE_UNKNOWN_KEY, BOB, NULL } },
	{ "nobody's, second user id", BOB, NULL, NULL, "b@example.org", AS_IS,
		{ NOTHING, SIGNATURE_UNKNOWN_KEY, BOB, NULL } },
	{ "nobody's, revoked user id", BOB, NULL, NULL, "old@example.org", AS_IS,
		{ NOTHING, SIGNATURE_MISMATCH, BOB, NULL } },
	{ "another From", ALICE, NULL, NULL, "bob@example.org", AS_IS,
		{ NOTHING, SIGNATURE_MISMATCH, ALICE, "responder:alice" } },
	{ "a From only her user id has", ALICE, NULL, NULL, "alice@home.example.org", AS_IS,
		{ NOTHING, SIGNATURE_MISMATCH, ALICE, "responder:alice" } },
	{ "no single From", ALICE, NULL, NULL, NULL, AS_IS,
		{ NOTHING, SIGNATURE_MISMATCH, ALICE, "responder:alice" } },
	{ "text outside", ALICE, NULL, NULL, "alice@example.org", OUTSIDE,
		{ NOTHING, SIGNATURE_PARTIAL, ALICE, "responder:alice" } },
	{ "SHA-1", RSA2, "--digest-algo", "SHA1", "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_WEAK, RSA2, "isp:two" } },
	{ "RIPEMD-160", RSA2, "--digest-algo", "RIPEMD160", "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_WEAK, RSA2, "isp:two" } },
	{ "RSA of 1024 bits", RSA1, NULL, NULL, "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_WEAK, RSA1, "isp:one" } },
	{ "DSA", DSA, NULL, NULL, "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_WEAK, DSA, NULL } },
	{ "an expired key", EXPIRED, "--faked-system-time", "20250115T000000", "dan@example.org",
		AS_IS,
		{ NOTHING, SIGNATURE_EXPIRED, EXPIRED, NULL } },
	{ "MD5", RSA2, "--digest-algo", "MD5", "rsa@example.org", AS_IS,
		{ NOTHING, SIGNATURE_UNVERIFIABLE, -1, NULL } },
	{ "not at hand", CAROL, NULL, NULL, "carol@example.org", AS_IS,
		{ NOTHING, SIGNATURE_UNVERIFIABLE, -1, NULL } },
	{ "from the future", ALICE, "--faked-system-time", "20380101T000000", "alice@example.org",
		AS_IS,
		{ NOTHING, SIGNATURE_UNVERIFIABLE, -1, NULL } },
	{ "a revoked key", REVOKED, NULL, NULL, "eve@example.org", AS_IS,
		{ NOTHING, SIGNATURE_REVOKED, REVOKED, NULL } },
	{ "one bit changed", ALICE, NULL, NULL, "alice@example.org", FLIPPED,
		{ NOTHING, SIGNATURE_BAD, -1, NULL } },
	{ "blanks at line ends cut", ALICE, NULL, NULL, "alice@example.org", BLANKS,
		{ NOTHING, SIGNATURE_BAD, -1, NULL } },
};

static GBytes *
changed(GBytes *text, const struct signed_row *row)
{
	switch (row->how) {
	case LF:
		return with_lf(text);
	case FLIPPED:
		return flipped(text, 40);
	case BLANKS:
		return g_bytes_new_static("Content-Type: text/plain\r\n\r\nXin gi\xc3\xbap "
			"\xc4\x91\xe1\xbb\xa1.\r\n--\r\nline\r\n", 54);
	default:
		return g_bytes_ref(text);
	}
}

static GPtrArray *signatures;	/* GBytes, made before EVE was revoked */

static void
make_signatures(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);

	signatures = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	for (guint i = 0; i < G_N_ELEMENTS(signed_rows); i++)
		g_ptr_array_add(signatures, sign_as(signed_rows[i].signer, text,
			signed_rows[i].option, signed_rows[i].value));
	peers_revoke(&peers, who[REVOKED]);
	add_certificate(REVOKED);
}

static void
test_signed(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);

	for (guint i = 0; i < G_N_ELEMENTS(signed_rows); i++) {
		const struct signed_row *row = &signed_rows[i];
		g_autoptr(GBytes) data = changed(text, row);
		struct opened opened;

		g_assert_cmpint(verify(data, signatures->pdata[i], row->from, row->how == OUTSIDE,
					&opened),
			==, DONE);
		check(&opened, &row->expected, row->what);
		g_assert_cmpuint(opened.missing->len, ==, row->signer == CAROL ? 1 : 0);
		if (row->signer == CAROL)
			g_assert_true(g_str_has_suffix(who[CAROL], opened.missing->pdata[0]));
		opened_clear(&opened);
		if (row->expected.signature != SIGNATURE_BAD)
			check_stubs(&row->expected);
	}
}

static void
test_several_signatures(void)
{
	static const struct {
		enum who first, second;
		const char *from;
		struct expected expected;
	} rows[] = {
		{ ALICE, SUBKEY, "alice@example.org", { NOTHING, SIGNATURE_MISMATCH, SUBKEY,
			NULL } },
		{ SUBKEY, ALICE, "alice@example.org", { NOTHING, SIGNATURE_MISMATCH, SUBKEY,
			NULL } },
		{ RSA2, P256, "rsa@example.org", { NOTHING, SIGNATURE_UNKNOWN_KEY, -2, NULL } },
		{ ALICE, ALICE, "alice@example.org", { NOTHING, SIGNATURE_UNKNOWN_KEY, ALICE,
			NULL } },
		{ ALICE, CAROL, "alice@example.org", { NOTHING, SIGNATURE_UNVERIFIABLE, -1,
			NULL } },
		{ CAROL, ALICE, "alice@example.org", { NOTHING, SIGNATURE_UNVERIFIABLE, -1,
			NULL } },
		{ RSA2, RSA1, "rsa@example.org", { NOTHING, SIGNATURE_WEAK, RSA1, NULL } },
	};
	g_autoptr(GBytes) text = peers_text(TEXT);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) first = sign_as(rows[i].first, text, NULL, NULL);
		g_autoptr(GBytes) second = sign_as(rows[i].second, text, NULL, NULL);
		g_autoptr(GBytes) both = joined(first, second);
		struct expected expected = rows[i].expected;
		struct opened opened;

		g_assert_cmpint(verify(text, both, rows[i].from, false, &opened), ==, DONE);
		if (expected.signer == -2)	/* whichever gpg lists first */
			expected.signer = g_strcmp0(opened.verdict.fingerprint, who[RSA2]) ?
				P256 : RSA2;
		check(&opened, &expected, "two signatures");
		opened_clear(&opened);
	}
}

/* One good and one over something else: bad, in both orders. */
static void
test_one_of_two_bad(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT), other = peers_text("other");
	g_autoptr(GBytes) good = sign_as(ALICE, text, NULL, NULL);
	g_autoptr(GBytes) bad = sign_as(ALICE, other, NULL, NULL);
	GBytes *const both[2] = { joined(good, bad), joined(bad, good) };

	for (guint i = 0; i < 2; i++) {
		struct opened opened;

		g_assert_cmpint(verify(text, both[i], "alice@example.org", false, &opened), ==,
			DONE);
		check(&opened, &(struct expected){ NOTHING, SIGNATURE_BAD, -1, NULL },
			"two, one bad");
		opened_clear(&opened);
		g_bytes_unref(both[i]);
	}
}

/* What stands where a signature should: none of it lets gpg look at another text than ours. */
static void
test_no_signature(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT), other = peers_text("another text\r\n");
	g_autoptr(GBytes) good = sign_as(ALICE, text, NULL, NULL);
	g_autoptr(GBytes) cut = g_bytes_new_from_bytes(good, 0, g_bytes_get_size(good) - 9);
	GBytes *const rows[] = {
		peers_text(""), peers_text("no signature"), g_steal_pointer(&cut),
		joined(good, other),
		PEERS_MAKE(&peers, other, "--local-user", who[ALICE], "--sign"),
		PEERS_MAKE(&peers, other, "--local-user", who[ALICE], "--clear-sign"),
		PEERS_MAKE(&peers, other, "--local-user", who[ALICE], "--armor", "--sign"),
		peers_certificate(&peers, who[ALICE]),
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct opened opened;

		g_assert_cmpint(verify(text, rows[i], "alice@example.org", false, &opened), ==,
			DONE);
		check(&opened, &(struct expected){ NOTHING, SIGNATURE_BAD, -1, NULL },
			"no signature");
		opened_clear(&opened);
		g_bytes_unref(rows[i]);
	}
}

static void
test_armored_signature(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) armor = sign_as(ALICE, text, "--armor", "--no-comments");
	g_autoptr(GPtrArray) signers = open_signers(armor);
	struct opened opened;

	g_assert_cmpint(verify(text, armor, "alice@example.org", false, &opened), ==, DONE);
	check(&opened, &(struct expected){ NOTHING, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
		"armour");
	opened_clear(&opened);
	g_assert_cmpuint(signers->len, ==, 1);
	g_assert_cmpstr(signers->pdata[0], ==, who[ALICE]);
	g_autoptr(GPtrArray) none = open_signers(text);
	g_assert_cmpuint(none->len, ==, 0);
}

/* ---- time ------------------------------------------------------------------------ */

static void
fake_time(const char *time)
{
	g_autofree char *path = g_build_filename(private_home, "gpg.conf", NULL);
	FILE *conf = fopen(path, "ae");

	g_assert_nonnull(conf);
	fprintf(conf, "faked-system-time %s\n", time);
	g_assert_cmpint(fclose(conf), ==, 0);
}

/* The key of EXPIRED ends with January 2025; the signature is of the 15th. */
static void
test_expiry(void)
{
	static const struct { const char *time; enum signature word; } rows[] = {
		{ "20250131T235900", SIGNATURE_UNKNOWN_KEY },
		{ "20250201T000100", SIGNATURE_EXPIRED },
	};
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) signature = sign_as(EXPIRED, text, "--faked-system-time",
		"20250115T000000");

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct opened opened;

		make_home();
		fake_time(rows[i].time);
		g_assert_cmpint(verify(text, signature, "dan@example.org", false, &opened), ==,
			DONE);
		check(&opened, &(struct expected){ NOTHING, rows[i].word, EXPIRED, NULL },
			rows[i].time);
		g_assert_cmpint(opened.verdict.signed_at, ==, G_GINT64_CONSTANT(1736899200000));
		opened_clear(&opened);
	}
	make_home();
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	crypto_init();
	set_up();
	make_signatures();
	make_home();
	g_test_add_func("/open/signed", test_signed);
	g_test_add_func("/open/several-signatures", test_several_signatures);
	g_test_add_func("/open/one-of-two-bad", test_one_of_two_bad);
	g_test_add_func("/open/no-signature", test_no_signature);
	g_test_add_func("/open/armored-signature", test_armored_signature);
	g_test_add_func("/open/expiry", test_expiry);
	int failed = g_test_run();
	g_ptr_array_unref(signatures);
	tear_down();
	return failed;
}
