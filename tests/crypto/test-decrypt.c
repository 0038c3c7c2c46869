/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/open.c, ciphertexts: what invented people encrypt with plain gpg is
 * opened
 * here, whole, damaged and forged.  fixed.key, aead.gpg and bomb.gpg were made by make-fixed.py.
 */
#include <sys/resource.h>

#include "people.h"

#define LARGE	26214400
#define SOME	200000

/* ---- ciphertexts ----------------------------------------------------------------- */

static enum outcome
decrypt(GBytes *data, const char *from, struct opened *opened, GError **error)
{
	struct open_request request = request_of(data, from);

	enum outcome how = open_decrypt(opener, &request, opened, error);
	g_assert_cmpint(opened->plain != NULL, ==, opened->verdict.encryption ==
		ENCRYPTION_DECRYPTED);
	g_assert_false(how == DONE && opened->agent_fault);
	return how;
}

static void
check_decrypt(GBytes *data, const char *from, const struct expected *expected, const char *what)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	struct opened opened;

	g_assert_cmpint(decrypt(data, from, &opened, NULL), ==, DONE);
	check(&opened, expected, what);
	if (opened.plain && !g_bytes_equal(opened.plain, text))
		g_error("%s: another plain text", what);
	opened_clear(&opened);
}

#define CLEAR(signature, signer, party) { ENCRYPTION_DECRYPTED, signature, signer, party }
#define SEALED(word) { ENCRYPTION_##word, SIGNATURE_NONE, -1, NULL }

static const struct sealed_row {
	const char *what;
	const char *options[6];		/* "to:X" "hide:X" "by:X" by index in who, or gpg's own */
	const char *from;
	struct expected expected;
} sealed_rows[] = {
	{ "signed by a party", { "to:13", "by:0" }, "alice@example.org",
		CLEAR(SIGNATURE_TRUSTED, ALICE, "responder:alice") },
	{ "armoured", { "to:13", "by:0", "--armor" }, "alice@example.org",
		CLEAR(SIGNATURE_TRUSTED, ALICE, "responder:alice") },
	{ "signed by nobody's key", { "to:13", "by:1" }, "bob@example.org",
		CLEAR(SIGNATURE_UNKNOWN_KEY, BOB, NULL) },
	{ "forwarded by another", { "to:13", "by:0" }, "bob@example.org",
		CLEAR(SIGNATURE_MISMATCH, ALICE, "responder:alice") },
	{ "signer not at hand", { "to:13", "by:2" }, "carol@example.org",
		CLEAR(SIGNATURE_UNVERIFIABLE, -1, NULL) },
	{ "signed twice", { "to:13", "by:6", "by:8" }, "rsa@example.org",
		CLEAR(SIGNATURE_UNKNOWN_KEY, -2, NULL) },
	{ "not signed", { "to:13" }, "alice@example.org", CLEAR(SIGNATURE_NONE, -1, NULL) },
	{ "to the sender, too", { "to:0", "to:13" }, NULL, CLEAR(SIGNATURE_NONE, -1, NULL) },
	{ "hidden", { "hide:13" }, NULL, CLEAR(SIGNATURE_NONE, -1, NULL) },
	{ "hidden, signed by a party", { "hide:13", "by:0" }, "alice@example.org",
		CLEAR(SIGNATURE_TRUSTED, ALICE, "responder:alice") },
	{ "hidden, signed, another From", { "hide:0", "hide:13", "by:0" }, "bob@example.org",
		CLEAR(SIGNATURE_MISMATCH, ALICE, "responder:alice") },
	{ "hidden among others", { "hide:0", "hide:13", "to:1" }, NULL, CLEAR(SIGNATURE_NONE, -1,
		NULL) },
	{ "to a key that has expired", { "--faked-system-time", "20250115T000000", "to:11" }, NULL,
		CLEAR(SIGNATURE_NONE, -1, NULL) },
	{ "to a gone key and the present one", { "to:10", "to:13" }, NULL, CLEAR(SIGNATURE_NONE, -1,
		NULL) },
	{ "compressed by bzip2", { "to:13", "--compress-algo", "bzip2" }, NULL,
		CLEAR(SIGNATURE_NONE, -1, NULL) },
	{ "by another cipher", { "to:13", "--cipher-algo", "TWOFISH" }, NULL,
		CLEAR(SIGNATURE_NONE, -1, NULL) },	/* GnuPG 2.4 makes none with 3DES */
	{ "password beside the key", { "to:13", "--passphrase", "x", "--symmetric" }, NULL,
		CLEAR(SIGNATURE_NONE, -1, NULL) },
	{ "to somebody else", { "to:1" }, NULL, SEALED(NOT_FOR_US) },
	{ "hidden, to somebody else", { "hide:1" }, NULL, SEALED(NOT_FOR_US) },
	{ "to a gone key", { "to:10" }, NULL, SEALED(EXPIRED_KEY) },
	{ "to a gone key and the sender", { "to:10", "to:0" }, NULL, SEALED(EXPIRED_KEY) },
	{ "to a gone key, another hidden", { "to:10", "hide:1" }, NULL, SEALED(EXPIRED_KEY) },
	{ "password only", { "--passphrase", "x", "--symmetric" }, NULL, SEALED(UNSUPPORTED) },
};

static GBytes *
seal(GBytes *text, const char *const *options)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	bool is_public = false;

	g_ptr_array_add(args, (gpointer)"--no-encrypt-to");
	for (; *options; options++) {
		const char *colon = strchr(*options, ':');
		guint n = colon ? (guint)g_ascii_strtoull(colon + 1, NULL, 10) : 0;

		if (!colon) {
			g_ptr_array_add(args, (gpointer)*options);
			continue;
		}
		is_public = is_public || **options != 'b';
		g_ptr_array_add(args, (gpointer)(**options == 't' ? "--recipient" :
			**options == 'h' ? "--hidden-recipient" : "--local-user"));
		g_ptr_array_add(args, who[n]);
		if (**options == 'b')
			g_ptr_array_add(args, (gpointer)"--sign");
	}
	if (is_public)
		g_ptr_array_add(args, (gpointer)"--encrypt");
	g_ptr_array_add(args, NULL);
	return peers_made(peers_gpg(&peers, text, (const char *const *)args->pdata));
}
#define SEAL(text, ...) seal(text, (const char *const[]){ __VA_ARGS__, NULL })

static void
test_sealed(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);

	G_STATIC_ASSERT(HOTLINE == 13 && OLD == 11 && GONE == 10 && P256 == 8 && RSA2 == 6);
	for (guint i = 0; i < G_N_ELEMENTS(sealed_rows); i++) {
		g_autoptr(GBytes) data = seal(text, sealed_rows[i].options);
		struct expected expected = sealed_rows[i].expected;

		if (expected.signer == -2) {
			struct opened opened;
			g_assert_cmpint(decrypt(data, sealed_rows[i].from, &opened, NULL), ==,
				DONE);
			expected.signer = g_strcmp0(opened.verdict.fingerprint, who[RSA2]) ?
				P256 : RSA2;
			opened_clear(&opened);
		}
		check_decrypt(data, sealed_rows[i].from, &expected, sealed_rows[i].what);
		check_stubs(&expected);
	}
}

static void
test_malformed(void)
{
	static const struct expected malformed = SEALED(MALFORMED);
	g_autoptr(GBytes) text = peers_text(TEXT), empty = peers_text("");
	g_autoptr(GBytes) good = SEAL(text, "to:13");
	g_autoptr(GBytes) signed_only = SEAL(text, "by:0");
	g_autoptr(GBytes) of_nothing = SEAL(empty, "to:13");
	g_autoptr(GBytes) twice = joined(good, good), behind = joined(good, signed_only);
	g_autoptr(GBytes) before = joined(signed_only, good);
	gsize size = g_bytes_get_size(good);
	g_autoptr(GBytes) cut = g_bytes_new_from_bytes(good, 0, size - 5);
	g_autoptr(GBytes) certificate = peers_certificate(&peers, who[ALICE]);
	GBytes *const rows[] = { empty, text, signed_only, of_nothing, twice, behind, before, cut,
		certificate };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *what = g_strdup_printf("malformed %u", i);

		check_decrypt(rows[i], NULL, &malformed, what);
	}
	/* The session key for the right key by RSA, which it is not: not our agent's fault. */
	guint8 *copy = g_memdup2(g_bytes_get_data(good, NULL), size);
	g_assert_cmpint(copy[11], ==, 18);
	copy[11] = 1;
	g_autoptr(GBytes) algorithm = g_bytes_new_take(copy, size);
	check_decrypt(algorithm, NULL, &malformed, "another algorithm");
	/* Any octet: framing, session key, hidden part.  (The recipient's id alone may make it
	 * another's.) */
	for (gsize at = 14; at < size; at += 7) {
		g_autoptr(GBytes) data = flipped(good, at);
		g_autofree char *what = g_strdup_printf("octet %" G_GSIZE_FORMAT, at);

		check_decrypt(data, NULL, &malformed, what);
	}
}

/* Packets in a sealed packet that no mail program puts there: a text behind the text, something
 * that makes gpg ask for a password, a certificate. */
static void
test_malformed_inside(void)
{
	static const struct expected malformed = SEALED(MALFORMED);
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) literal = PEERS_MAKE(&peers, text, "-z", "0", "--store");
	g_autoptr(GBytes) two = joined(literal, literal);
	g_autoptr(GBytes) password = SEAL(text, "--passphrase", "x", "--symmetric");
	g_autoptr(GBytes) certificate = peers_certificate(&peers, who[ALICE]);
	GBytes *const rows[] = { two, password };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) data = SEAL(rows[i], "to:13", "-z", "0", "--no-literal");
		g_autofree char *what = g_strdup_printf("inside %u", i);

		check_decrypt(data, NULL, &malformed, what);
	}
	g_autoptr(GBytes) one = SEAL(literal, "to:13", "-z", "0", "--no-literal");
	check_decrypt(one, NULL, &(struct expected)CLEAR(SIGNATURE_NONE, -1, NULL), "one literal");

	/* Her signed text, and behind it a key whose user id is the wrapper's text. */
	g_autoptr(GBytes) signed_text = SEAL(text, "by:0", "-z", "0");
	g_autoptr(GBytes) with_key = joined(signed_text, certificate);
	g_autoptr(GBytes) wrapped = SEAL(with_key, "to:13", "-z", "0", "--no-literal");
	struct opened opened;
	g_assert_cmpint(decrypt(wrapped, "alice@example.org", &opened, NULL), ==, DONE);
	check(&opened, &(struct expected)CLEAR(SIGNATURE_PARTIAL, ALICE, "responder:alice"), "key");
	opened_clear(&opened);
}

/* The packet without integrity that gpg of today no longer makes: same octets, one version less. */
static void
test_no_integrity(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) good = SEAL(text, "to:13", "-z", "0");
	gsize size;
	const guint8 *bytes = g_bytes_get_data(good, &size);
	gsize at = 2 + (gsize)bytes[1];		/* behind the session key */
	g_autoptr(GByteArray) out = g_byte_array_new();
	static const guint8 tag[] = { 0xc9, 0xff, 0, 0 };

	g_assert_cmpint(bytes[at], ==, 0xd2);
	gsize header = bytes[at + 1] < 192 ? 2 : 3, left = size - at - header - 1;
	const guint8 length[] = { (guint8)(left >> 8), (guint8)left };
	g_byte_array_append(out, bytes, (guint)at);
	g_byte_array_append(out, tag, sizeof tag);
	g_byte_array_append(out, length, 2);
	g_byte_array_append(out, bytes + at + header + 1, (guint)left);
	g_autoptr(GBytes) data = g_byte_array_free_to_bytes(g_steal_pointer(&out));
	check_decrypt(data, NULL, &(struct expected)SEALED(MALFORMED), "no MDC");
}

/* gpg 2.2 itself says of the damaged ones that all is well. */
static void
test_aead(void)
{
	g_autoptr(GBytes) good = data_file("aead.gpg");
	gsize size = g_bytes_get_size(good);
	struct opened opened;

	g_assert_cmpint(decrypt(good, NULL, &opened, NULL), ==, DONE);
	check(&opened, &(struct expected)CLEAR(SIGNATURE_NONE, -1, NULL), "AEAD");
	g_assert_cmpuint(g_bytes_get_size(opened.plain), ==,
		400 * strlen("Line 0000 of an AEAD letter.\r\n"));
	opened_clear(&opened);
	const gsize places[] = { 121, 200, 5000, 9000, size - 40, size - 20, size - 1 };
	for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autoptr(GBytes) data = flipped(good, places[i]);
		g_autofree char *what = g_strdup_printf("AEAD, octet %" G_GSIZE_FORMAT, places[i]);

		check_decrypt(data, NULL, &(struct expected)SEALED(MALFORMED), what);
	}
}

static void
test_aead_shortened(void)
{
	g_autoptr(GBytes) good = data_file("aead.gpg");
	gsize size;
	const guint8 *bytes = g_bytes_get_data(good, &size);
	gsize at = 2 + (gsize)bytes[1];

	g_assert_cmpint(bytes[at], ==, 0xd4);
	for (guint cut = 1; cut < 9000; cut = cut * 3 + 13) {
		guint8 *copy = g_memdup2(bytes, size);
		guint32 length = GUINT32_TO_BE((guint32)(size - at - 6 - cut));

		memcpy(copy + at + 2, &length, 4);
		g_autoptr(GBytes) data = g_bytes_new_take(copy, size - cut);
		check_decrypt(data, NULL, &(struct expected)SEALED(MALFORMED), "AEAD, shortened");
	}
}

/* 1.7 KB that are 2 GB: gpg is stopped after the first megabyte. */
static void
test_bomb(void)
{
	g_autoptr(GBytes) bomb = data_file("bomb.gpg");
	g_autoptr(GError) error = NULL;
	struct opened opened;
	struct rusage usage;

	g_test_timer_start();
	g_assert_cmpint(decrypt(bomb, NULL, &opened, &error), ==, NEVER);
	g_assert_cmpstr(error->message, ==, "keys: mail size limit 1048576");
	g_assert_cmpint(opened.verdict.encryption, ==, ENCRYPTION_MALFORMED);
	g_assert_false(opened.agent_fault);
	opened_clear(&opened);
	g_test_minimized_result(g_test_timer_elapsed(), "bomb stopped");
	g_assert_cmpfloat(g_test_timer_last(), <, 5.0);
	g_assert_cmpint(getrusage(RUSAGE_SELF, &usage), ==, 0);
	g_test_message("%.2f s, %ld KB", g_test_timer_last(), usage.ru_maxrss);
}

/* Exactly the limit may come out, one more may not. */
static void
test_limit(void)
{
	g_autofree char *much = g_strnfill(MAX_PLAIN + 1, 'x');
	g_autoptr(GBytes) over = g_bytes_new(much, MAX_PLAIN + 1), exact = g_bytes_new(much,
		MAX_PLAIN);
	g_autoptr(GBytes) sealed_over = SEAL(over, "to:13"), sealed_exact = SEAL(exact, "to:13");
	struct opened opened;

	g_assert_cmpint(decrypt(sealed_over, NULL, &opened, NULL), ==, NEVER);
	opened_clear(&opened);
	g_assert_cmpint(decrypt(sealed_exact, NULL, &opened, NULL), ==, DONE);
	g_assert_true(g_bytes_equal(opened.plain, exact));
	opened_clear(&opened);
	g_assert_cmpint(verify(over, exact, NULL, false, &opened), ==, NEVER);
	opened_clear(&opened);
}

/* Signed inside, sealed outside, each its own layer. */
static void
test_nested(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) signature = sign_as(ALICE, text, NULL, NULL);
	g_autoptr(GBytes) sealed = SEAL(text, "to:13");
	struct opened outer, inner;

	g_assert_cmpint(decrypt(sealed, "alice@example.org", &outer, NULL), ==, DONE);
	g_assert_cmpint(verify(outer.plain, signature, "alice@example.org", false, &inner), ==,
		DONE);
	check(&inner, &(struct expected){ ENCRYPTION_NONE, SIGNATURE_TRUSTED, ALICE,
		"responder:alice" }, "inner");
	g_assert_cmpuint(outer.recipients->len, ==, 1);
	g_assert_cmpuint(strlen(outer.recipients->pdata[0]), ==, 16);
	opened_clear(&inner);
	opened_clear(&outer);
}

/* The signer is learnt only from inside; with her certificate the second run knows her. */
static void
test_second_run(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) sealed = SEAL(text, "to:13", "by:2");
	struct opened opened;

	g_assert_cmpint(decrypt(sealed, "carol@example.org", &opened, NULL), ==, DONE);
	g_assert_cmpint(opened.verdict.signature, ==, SIGNATURE_UNVERIFIABLE);
	g_assert_cmpuint(opened.missing->len, ==, 1);
	g_assert_true(g_str_has_suffix(who[CAROL], opened.missing->pdata[0]));
	opened_clear(&opened);
	add_certificate(CAROL);
	make_home();
	g_assert_cmpint(decrypt(sealed, "carol@example.org", &opened, NULL), ==, DONE);
	check(&opened, &(struct expected)CLEAR(SIGNATURE_UNKNOWN_KEY, CAROL, NULL), "second run");
	g_assert_cmpuint(opened.missing->len, ==, 0);
	opened_clear(&opened);
	g_ptr_array_remove_index(home_certificates, home_certificates->len - 1);
	make_home();
}

/* ---- our own faults -------------------------------------------------------------- */

static void
check_agent_fault(GBytes *data)
{
	struct opened opened;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(decrypt(data, NULL, &opened, &error), ==, LATER);
	g_assert_true(opened.agent_fault);
	g_assert_nonnull(error);
	g_test_message("%s", error->message);
	opened_clear(&opened);
}

static void
test_agent_fault(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) sealed = SEAL(text, "to:13"), hidden = SEAL(text, "hide:13");
	g_autoptr(GBytes) others = SEAL(text, "to:1"), broken = flipped(sealed, 60);
	g_autoptr(GBytes) old = SEAL(text, "--faked-system-time", "20250115T000000", "to:11");
	g_autoptr(GBytes) old_broken = flipped(old, 60);
	g_autofree char *keys = g_build_filename(bench.home, "private-keys-v1.d", NULL);
	g_autofree char *away = g_build_filename(bench.home, "away", NULL);
	static const struct expected clear = CLEAR(SIGNATURE_NONE, -1, NULL);

	g_assert_cmpint(rename(keys, away), ==, 0);	/* the agent runs and has nothing */
	check_agent_fault(sealed);
	check_agent_fault(hidden);
	check_agent_fault(broken);
	check_agent_fault(old);
	check_decrypt(others, NULL, &(struct expected)SEALED(NOT_FOR_US),
		"others', without our keys");
	g_assert_cmpint(rename(away, keys), ==, 0);
	check_decrypt(sealed, NULL, &clear, "keys are back");
	check_decrypt(old_broken, NULL, &(struct expected)SEALED(MALFORMED), "broken, an old key");
	bench_agent_kill(&bench);
	check_agent_fault(sealed);
	check_agent_fault(hidden);
	check_agent_fault(broken);
	check_agent_fault(old);
	check_decrypt(others, NULL, &(struct expected)SEALED(NOT_FOR_US),
		"others', without an agent");
	bench.agent = bench_agent(bench.home, bench.socket);
	check_decrypt(sealed, NULL, &clear, "the agent is back");
}

/* Old keys: one that is lost keeps what is for it waiting, and what may be; nothing else. */
static void
test_lost_key(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) old = SEAL(text, "--faked-system-time", "20250115T000000", "to:11");
	g_autoptr(GBytes) ours = SEAL(text, "to:13"), hidden = SEAL(text, "hide:13");
	g_autoptr(GBytes) hidden_others = SEAL(text, "hide:1"), others = SEAL(text, "to:1");
	g_autoptr(GBytes) broken = flipped(ours, 60);
	g_autofree char *keys = g_build_filename(bench.home, "private-keys-v1.d", NULL);
	g_autofree char *grip = NULL;
	static const struct expected clear = CLEAR(SIGNATURE_NONE, -1, NULL);
	static const struct expected malformed = SEALED(MALFORMED);

	g_autoptr(engine_context) context = engine_new(private_home, NULL);
	g_autoptr(GPtrArray) found = NULL;
	gpgme_set_keylist_mode(context, GPGME_KEYLIST_MODE_WITH_KEYGRIP |
		GPGME_KEYLIST_MODE_LOCAL);
	g_assert_cmpint(engine_list(context, who[OLD], false, &found, NULL), ==, DONE);
	gpgme_subkey_t sub = ((gpgme_key_t)found->pdata[0])->subkeys->next;
	g_assert_true(sub->can_encrypt);
	grip = g_strconcat(sub->keygrip, ".key", NULL);
	g_autofree char *file = g_build_filename(keys, grip, NULL);
	g_autofree char *away = g_build_filename(bench.home, "away.key", NULL);
	g_assert_cmpint(rename(file, away), ==, 0);
	check_agent_fault(old);
	check_agent_fault(hidden_others);
	check_decrypt(ours, NULL, &clear, "ours, an old key lost");
	check_decrypt(hidden, NULL, &clear, "ours hidden, an old key lost");
	check_decrypt(broken, NULL, &malformed, "ours broken, an old key lost");
	check_decrypt(others, NULL, &(struct expected)SEALED(NOT_FOR_US), "others'");
	g_assert_cmpint(rename(away, file), ==, 0);
	check_decrypt(old, NULL, &clear, "the old key is back");
	check_decrypt(hidden_others, NULL, &(struct expected)SEALED(NOT_FOR_US), "hidden, others'");
}

/* A key of ours that was revoked opens what was sealed for it, and takes no test message. */
static void
test_revoked_key(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) old = SEAL(text, "--faked-system-time", "20250115T000000", "to:11");
	g_autoptr(GBytes) broken = flipped(old, 60);

	peers_revoke(&peers, who[OLD]);
	g_autoptr(GBytes) certificate = peers_certificate(&peers, who[OLD]);
	g_ptr_array_add(home_certificates, g_bytes_ref(certificate));
	make_home();
	check_decrypt(old, NULL, &(struct expected)CLEAR(SIGNATURE_NONE, -1, NULL), "revoked");
	check_decrypt(broken, NULL, &(struct expected)SEALED(MALFORMED), "revoked, broken");
	bench_agent_kill(&bench);
	check_agent_fault(old);
	check_agent_fault(broken);
	bench.agent = bench_agent(bench.home, bench.socket);
}

/* gpg that gives up at the first octet leaves the rest in the pipe: the mail's fault, not ours. */
static void
test_large(void)
{
	g_autofree guint8 *noise = g_malloc(LARGE);
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);

	for (gsize i = 0; i < LARGE; i++)
		noise[i] = (guint8)g_rand_int(rand);
	g_autoptr(GBytes) text = g_bytes_new(noise, LARGE);
	g_autoptr(GBytes) sealed = SEAL(text, "to:13", "-z", "0");
	const gsize places[] = { 60, 120, LARGE / 2, LARGE };
	for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autoptr(GBytes) data = flipped(sealed, places[i]);
		struct open_request request = request_of(data, NULL);
		struct opened opened;

		request.max_plain = 2 * LARGE;
		g_assert_cmpint(open_decrypt(opener, &request, &opened, NULL), ==, DONE);
		check(&opened, &(struct expected)SEALED(MALFORMED), "large and broken");
		opened_clear(&opened);
	}
}

/* As much as does not fit into a pipe, and each octet of the signature in two ways not what it was:
 * some of that makes gpg end before it has read the text. */
static void
test_large_signed(void)
{
	g_autofree char *much = g_strnfill(SOME, 'x');
	g_autoptr(GBytes) text = g_bytes_new(much, SOME);
	g_autoptr(GBytes) signature = sign_as(ALICE, text, NULL, NULL);
	gsize size = g_bytes_get_size(signature), n_bad = 0;

	for (gsize i = 0; i < 2 * size; i++) {
		guint8 *copy = g_memdup2(g_bytes_get_data(signature, NULL), size);
		struct opened opened;

		copy[i / 2] ^= i % 2 ? 0xff : 1;
		g_autoptr(GBytes) broken = g_bytes_new_take(copy, size);
		g_assert_cmpint(verify(text, broken, "alice@example.org", false, &opened), ==,
			DONE);
		/* A few octets are not signed: the hint at the key is one. */
		bool is_hers = g_strcmp0(opened.verdict.fingerprint, who[ALICE]) == 0;
		n_bad += !is_hers;
		g_assert_cmpint(opened.verdict.signature, !=, SIGNATURE_NONE);
		g_assert_cmpint(opened.verdict.signature <= SIGNATURE_UNVERIFIABLE, ==, !is_hers);
		opened_clear(&opened);
	}
	g_assert_cmpuint(n_bad, >, size);
}

/* A home without our own certificate cannot tell ours from others'. */
static void
test_own_certificate_missing(void)
{
	g_autoptr(GBytes) text = peers_text(TEXT);
	g_autoptr(GBytes) sealed = SEAL(text, "to:13");

	g_assert_cmpint(home_make(private_home, bench.socket,
				(GBytes *const *)home_certificates->pdata, 2, NULL), ==, DONE);
	opener_renew(opener);
	check_agent_fault(sealed);
	make_home();
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	alarm(300);			/* gpg that is waited for in vain */
	crypto_init();
	set_up();
	make_home();
	g_test_add_func("/open/sealed", test_sealed);
	g_test_add_func("/open/malformed", test_malformed);
	g_test_add_func("/open/malformed-inside", test_malformed_inside);
	g_test_add_func("/open/no-integrity", test_no_integrity);
	g_test_add_func("/open/aead", test_aead);
	g_test_add_func("/open/aead-shortened", test_aead_shortened);
	g_test_add_func("/open/bomb", test_bomb);
	g_test_add_func("/open/limit", test_limit);
	g_test_add_func("/open/nested", test_nested);
	g_test_add_func("/open/second-run", test_second_run);
	g_test_add_func("/open/agent-fault", test_agent_fault);
	g_test_add_func("/open/own-certificate-missing", test_own_certificate_missing);
	g_test_add_func("/open/lost-key", test_lost_key);
	g_test_add_func("/open/large", test_large);
	g_test_add_func("/open/large-signed", test_large_signed);
	g_test_add_func("/open/revoked-key", test_revoked_key);
	int failed = g_test_run();
	tear_down();
	return failed;
}
