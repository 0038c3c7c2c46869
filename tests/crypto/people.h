/* SPDX-License-Identifier: ISC
 *
 * people: the invented people of the tests of open.c, a home with their certificates, and what is
 * expected of an opening, as one line of text.
 */
#ifndef UNGCUU_CRYPTO_PEOPLE_H
#define UNGCUU_CRYPTO_PEOPLE_H

#include "crypto/engine.h"
#include "peers.h"

#define TEXT "Content-Type: text/plain\r\n\r\n" \
	"Xin gi\xc3\xbap \xc4\x91\xe1\xbb\xa1. \r\n-- \r\nline\r\n"
#define MAX_PLAIN	1048576

static struct bench bench;
static struct peers peers;
static struct opener *opener;
static char *private_home;

/* Who there is; the letters are used in the rows. */
enum who { ALICE, BOB, CAROL, EXPIRED, REVOKED, RSA1, RSA2, DSA, P256, SUBKEY, GONE, OLD, FIXED,
	HOTLINE, N_WHO };
static char *who[N_WHO];
static GPtrArray *home_certificates;

/* ---- the invented people --------------------------------------------------------- */

/* An encryption key that has run out by now, its secret half in the gateway's own home. */
static inline void
import_to_gateway(GBytes *secret)
{
	g_auto(visit_auto) visit = { 0 };
	g_autoptr(engine_data) data = NULL;
	gsize size;
	const char *bytes = g_bytes_get_data(secret, &size);

	g_assert_cmpint(visit_begin(&visit, bench.home, NULL), ==, DONE);
	g_assert_cmpint(gpgme_data_new_from_mem(&data, bytes, size, 0), ==, 0);
	g_assert_cmpint(gpgme_op_import(visit.context, data), ==, 0);
	g_assert_cmpint(gpgme_op_import_result(visit.context)->secret_imported, ==, 1);
}

static inline void
add_certificate(enum who name)
{
	g_ptr_array_add(home_certificates, peers_certificate(&peers, who[name]));
}

static inline GBytes *
data_file(const char *name)
{
	const char *top = g_getenv("TOP_SRCDIR");
	g_autofree char *path = g_build_filename(top ? top : ".", "tests/crypto", name, NULL);
	char *bytes;
	gsize size;

	g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
	return g_bytes_new_take(bytes, size);
}

static inline void
make_signers(void)
{
	who[ALICE] = peers_pair(&peers, "Alice <alice@example.org>", "never", NULL);
	PEERS_DO(&peers, NULL, "--quick-add-uid", who[ALICE], "Alice <alice@home.example.org>");
	who[BOB] = peers_pair(&peers, "Bob <bob@example.org>", "never", NULL);
	PEERS_DO(&peers, NULL, "--quick-add-uid", who[BOB], "Bob <b@example.org>");
	PEERS_DO(&peers, NULL, "--quick-add-uid", who[BOB], "Bob <old@example.org>");
	PEERS_DO(&peers, NULL, "--quick-revoke-uid", who[BOB], "Bob <old@example.org>");
	who[CAROL] = peers_pair(&peers, "Carol <carol@example.org>", "never", NULL);
	who[EXPIRED] = peers_key(&peers, "Dan <dan@example.org>", "ed25519", "20250201T000000",
		NULL);
	who[REVOKED] = peers_key(&peers, "Eve <eve@example.org>", "ed25519", "never", NULL);
	who[RSA1] = peers_key(&peers, "Weak <rsa@example.org>", "rsa1024", "never", NULL);
	who[RSA2] = peers_key(&peers, "Rsa <rsa@example.org>", "rsa2048", "never", NULL);
	who[DSA] = peers_key(&peers, "Dsa <rsa@example.org>", "dsa1024", "never", NULL);
	who[P256] = peers_key(&peers, "P256 <rsa@example.org>", "nistp256", "never", NULL);
	who[SUBKEY] = peers_key(&peers, "Sub <sub@example.org>", "ed25519", "never", NULL);
	PEERS_DO(&peers, NULL, "--faked-system-time", "20250102T000000", "--quick-add-key",
		who[SUBKEY],
		"ed25519", "sign", "never");
}

/* Old keys of the hotline: one without its secret half, one expired, and the fixed one. */
static inline void
make_old_keys(void)
{
	g_autoptr(GBytes) fixed = data_file("fixed.key");

	who[GONE] = peers_pair(&peers, "Gone <hotline@example.vn>", "never", NULL);
	who[OLD] = peers_pair(&peers, "Old <hotline@example.vn>", "20250201T000000", NULL);
	g_autoptr(GBytes) old = PEERS_MAKE(&peers, NULL, "--export-secret-keys", who[OLD]);
	import_to_gateway(old);
	g_assert_cmpint(key_import(fixed, bench.home, &who[FIXED], NULL), ==, DONE);
	g_autoptr(GBytes) fixed_certificate = NULL;
	g_assert_cmpint(key_export(bench.home, who[FIXED], false, &fixed_certificate, NULL), ==,
		DONE);
	peers_import(&peers, fixed_certificate);
	who[HOTLINE] = g_strdup(bench.fingerprint);
	peers_import(&peers, bench.certificate);
}

static inline void
make_home(void)
{
	g_autoptr(GError) error = NULL;

	enum outcome how = home_make(private_home, bench.socket,
		(GBytes *const *)home_certificates->pdata, home_certificates->len, &error);
	g_assert_cmpint(how, ==, DONE);
	g_assert_no_error(error);
	if (opener)
		opener_renew(opener);
	else
		opener = opener_new(private_home);
}

static inline void
set_up(void)
{
	bench_open(&bench);
	peers_open(&peers, bench.folder);
	make_signers();
	make_old_keys();
	home_certificates = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	for (enum who i = 0; i < N_WHO; i++)
		if (i != CAROL && i != REVOKED)
			add_certificate(i);
	private_home = g_build_filename(bench.folder, "private", NULL);
}

static inline void
tear_down(void)
{
	opener_free(opener);
	g_ptr_array_unref(home_certificates);
	peers_close(&peers);
	bench_close(&bench);
	g_free(private_home);
	for (enum who i = 0; i < N_WHO; i++)
		g_free(who[i]);
}

/* ---- requests and what comes of them --------------------------------------------- */

static const char *alice_addresses[] = { "alice@example.org", NULL };
static const char *rsa_addresses[] = { "rsa@example.org", NULL };
static const char *sub_addresses[] = { "sub@example.org", NULL };

static inline struct open_request
request_of(GBytes *data, const char *from)
{
	static struct party_key parties[5];
	static const char *own[4], *gone[2];
	static const struct {
		enum who key;
		const char *name, **addresses;
	} registered[] = {
		{ ALICE, "responder:alice", alice_addresses }, { RSA1, "isp:one", rsa_addresses },
		{ RSA2, "isp:two", rsa_addresses }, { P256, "isp:p256", rsa_addresses },
		{ SUBKEY, "agency:sub", sub_addresses },
	};

	for (guint i = 0; i < G_N_ELEMENTS(registered); i++)
		parties[i] = (struct party_key){ who[registered[i].key], (char *)registered[i].name,
			(char **)(gpointer)registered[i].addresses };
	own[0] = who[HOTLINE];
	own[1] = who[OLD];
	own[2] = who[FIXED];
	gone[0] = who[GONE];
	return (struct open_request){ .data = data, .from = from, .parties = parties,
		.n_parties = G_N_ELEMENTS(parties), .own_keys = own, .gone_keys = gone,
		/* 2037: behind every signature but one */
		.now = G_GINT64_CONSTANT(2114380800000),
		.max_plain = MAX_PLAIN, .limit_name = "mail size" };
}

static inline char *
text_of(const struct verdict *verdict)
{
	return g_strdup_printf("%s %s %s %s", encryption_word(verdict->encryption),
		signature_word(verdict->signature),
		verdict->fingerprint ? verdict->fingerprint : "-",
		verdict->party ? verdict->party : "-");
}

struct expected {
	enum encryption encryption;
	enum signature signature;
	int signer;		/* of enum who; -1: nobody is named */
	const char *party;
};

static inline char *
expected_text(const struct expected *expected)
{
	return g_strdup_printf("%s %s %s %s", encryption_word(expected->encryption),
		signature_word(expected->signature),
		expected->signer >= 0 ? who[expected->signer] : "-",
		expected->party ? expected->party : "-");
}

/* The same row before two judges that always say the same must fail before one of them. */
static inline void
check_stubs(const struct expected *expected)
{
	static const enum signature always[] = { SIGNATURE_BAD, SIGNATURE_TRUSTED };
	static const enum encryption also[] = { ENCRYPTION_MALFORMED, ENCRYPTION_DECRYPTED };
	g_autofree char *text = expected_text(expected);
	guint n = 0;

	for (guint i = 0; i < G_N_ELEMENTS(always); i++) {
		struct verdict stub = { .signature = always[i], .encryption = also[i] };
		g_autofree char *seen = text_of(&stub);

		n += strcmp(seen, text) == 0;
	}
	g_assert_cmpuint(n, ==, 0);
}

static inline void
check(const struct opened *opened, const struct expected *expected, const char *what)
{
	g_autofree char *seen = text_of(&opened->verdict), *wanted = expected_text(expected);

	if (strcmp(seen, wanted) != 0)
		g_error("%s: %s, expected %s", what, seen, wanted);
}

static inline GBytes *
flipped(GBytes *bytes, gsize at)
{
	gsize size;
	guint8 *copy = g_memdup2(g_bytes_get_data(bytes, &size), g_bytes_get_size(bytes));

	copy[at % size] ^= 1;
	return g_bytes_new_take(copy, size);
}

static inline GBytes *
joined(GBytes *first, GBytes *second)
{
	GByteArray *all = g_byte_array_new();

	g_byte_array_append(all, g_bytes_get_data(first, NULL), (guint)g_bytes_get_size(first));
	g_byte_array_append(all, g_bytes_get_data(second, NULL), (guint)g_bytes_get_size(second));
	return g_byte_array_free_to_bytes(all);
}

static inline GBytes *
sign_as(enum who signer, GBytes *text, const char *option, const char *value)
{
	return PEERS_MAKE(&peers, text, "--local-user", who[signer],
		option ? option : "--digest-algo",
		value ? value : "SHA512", "--allow-weak-digest-algos", "--detach-sign");
}

static inline enum outcome
verify(GBytes *data, GBytes *signature, const char *from, bool outside, struct opened *opened)
{
	struct open_request request = request_of(data, from);
	g_autoptr(GError) error = NULL;

	request.signature = signature;
	request.outside = outside;
	enum outcome how = open_verify(opener, &request, opened, &error);
	if (how == DONE) {
		g_assert_cmpint(opened->verdict.judged_at, ==, request.now);
		g_assert_null(opened->plain);
	}
	return how;
}

#endif
