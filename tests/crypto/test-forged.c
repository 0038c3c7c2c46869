/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/ with certificates and signatures that no gpg would make: what expires of
 * a certificate and what does not, dates that cannot be, and keys of others bound to one's own.
 */
#include "crypto/packets.h"
#include "forge.h"
#include "peers.h"

#define BORN	1735689600u	/* 2025-01-01; s */
#define DAY	86400u
#define YEARS	630720000u	/* twenty */
#define NOW	G_GINT64_CONSTANT(2114380800000)	/* 2037; ms */

/* Alice and her subkeys, Mallory, who would like to have them, and others. */
enum key { ALICE, SIGNS, RAN_OUT, LATE, SEALS, MALLORY, HIS_SEALS, OTHER, RUN_OUT, N_KEYS };
static struct forge keys[N_KEYS];
static GBytes *certificates[128];	/* by letter */
static struct bench bench;
static struct peers peers;
static char *private_home;
static struct opener *opener;

/* ---- the people --------------------------------------------------------------------------- */

static const struct claim usual = { .flags = FLAG_CERTIFY | FLAG_SIGN, .at = BORN };

static const struct certificate_row {
	char letter;
	enum key primary;
	const char *users[2];
	guint32 user_expires, key_expires;	/* s after birth, of the first user's signature */
	struct { int key; guint8 flags; guint32 expires; bool consents; } subkeys[4];
} certificate_rows[] = {
	{ 'A', ALICE, { "Alice <alice@example.vn>" }, 0, 0, { { SIGNS, FLAG_SIGN, 0, true },
		{ RAN_OUT, FLAG_SIGN, DAY, true }, { LATE, FLAG_SIGN, 0, true },
		{ SEALS, FLAG_ENCRYPT, 0, false } } },
	{ 'M', MALLORY, { "Mallory <m@example.vn>" }, 0, 0, { { 0 } } },
	/* with a key of hers */
	{ 'a', MALLORY, { "Mallory <m@example.vn>" }, 0, 0, { { SIGNS, FLAG_LOGIN, 0, false },
		{ HIS_SEALS, FLAG_ENCRYPT, 0, false } } },
	{ 's', MALLORY, { "Mallory <m@example.vn>" }, 0, 0, { { SIGNS, FLAG_SIGN, 0, false },
		{ HIS_SEALS, FLAG_ENCRYPT, 0, false } } },
	{ 'p', MALLORY, { "Mallory <m@example.vn>" }, 0, 0, { { ALICE, FLAG_LOGIN, 0, false },
		{ HIS_SEALS, FLAG_ENCRYPT, 0, false } } },
	{ 'q', MALLORY, { "Mallory <m@example.vn>" }, 0, 0, { { ALICE, FLAG_SIGN, 0, false },
		{ HIS_SEALS, FLAG_ENCRYPT, 0, false } } },
	/* her name, another key */
	{ 'I', OTHER, { "Alice <alice@example.vn>" }, 0, 0, { { 0 } } },
	/* user ids that have expired */
	{ 'X', OTHER, { "X <old@example.vn>", "X <x@example.vn>" }, DAY, 0, { { 0 } } },
	{ 'O', OTHER, { "X <x@example.vn>" }, DAY, 0, { { 0 } } },
	/* a key that has */
	{ 'R', RUN_OUT, { "R <r@example.vn>" }, 0, DAY, { { 0 } } },
};

static GBytes *
certificate_make(const struct certificate_row *row)
{
	const struct forge *primary = &keys[row->primary];
	g_autoptr(GByteArray) out = forge_certificate(primary);

	for (guint i = 0; i < 2 && row->users[i]; i++) {
		struct claim claim = usual;

		claim.expires = i == 0 ? row->user_expires : 0;
		claim.key_expires = i == 0 ? row->key_expires : 0;
		forge_user(out, primary, row->users[i], &claim);
	}
	for (guint i = 0; i < 4 && row->subkeys[i].flags; i++) {
		const struct forge *key = &keys[row->subkeys[i].key];
		const struct claim claim = { .flags = row->subkeys[i].flags,
			.at = row->subkeys[i].key == LATE ? BORN + 10 * DAY : BORN,
			.key_expires = row->subkeys[i].expires,
			.back = row->subkeys[i].consents ? key : NULL };

		forge_subkey(out, primary, key, &claim);
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static void
set_up(void)
{
	bench_open(&bench);
	peers_open(&peers, bench.folder);
	peers_import(&peers, bench.certificate);
	private_home = g_build_filename(bench.folder, "private", NULL);
	for (enum key i = 0; i < N_KEYS; i++)
		if (i == SEALS || i == HIS_SEALS)
			forge_encryption_key(&keys[i], BORN);
		else
			forge_key(&keys[i], i == LATE ? BORN + 10 * DAY : BORN);
	for (guint i = 0; i < G_N_ELEMENTS(certificate_rows); i++)
		certificates[(guchar)certificate_rows[i].letter] =
			certificate_make(&certificate_rows[i]);
	certificates['H'] = g_bytes_ref(bench.certificate);
}

static void
tear_down(void)
{
	opener_free(opener);
	for (guint i = 0; i < G_N_ELEMENTS(certificates); i++)
		g_clear_pointer(&certificates[i], g_bytes_unref);
	for (enum key i = 0; i < N_KEYS; i++)
		forge_free(&keys[i]);
	peers_close(&peers);
	bench_close(&bench);
	g_free(private_home);
}

static void
make_home(const char *letters)
{
	GBytes *given[8];
	guint n = 0;
	g_autoptr(GError) error = NULL;

	for (; *letters; letters++)
		given[n++] = certificates[(guchar)*letters];
	g_assert_cmpint(home_make(private_home, bench.socket, given, n, &error), ==, DONE);
	g_assert_no_error(error);
	if (opener)
		opener_renew(opener);
	else
		opener = opener_new(private_home);
}

/* ---- signatures --------------------------------------------------------------------------- */

static const char *alice_addresses[] = { "alice@example.vn", NULL };
static const char *mallory_addresses[] = { "m@example.vn", NULL };

static struct open_request
request_of(GBytes *data, const char *from)
{
	static struct party_key parties[2];
	static const char *own[2];

	parties[0] = (struct party_key){ keys[ALICE].fingerprint, (char *)"responder:alice",
		(char **)(gpointer)alice_addresses };
	parties[1] = (struct party_key){ keys[MALLORY].fingerprint, (char *)"agency:mallory",
		(char **)(gpointer)mallory_addresses };
	own[0] = bench.fingerprint;
	return (struct open_request){ .data = data, .from = from, .parties = parties,
		.n_parties = 2, .own_keys = own, .now = NOW, .max_plain = 1048576,
		.limit_name = "mail size" };
}

#define NOBODY	-1
#define ANY	-2	/* some gpg takes it, some does not: it is hers or unverifiable */
static const struct row {
	const char *what, *home, *from;
	enum key signer;
	guint32 at, expires;
	enum signature word;
	int named;
	const char *party;
} rows[] = {
	/* what has expired of a certificate, and what was not asked about */
	{ "a subkey has expired, the primary key signs", "A", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "a subkey has expired, another one signs", "A", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "the subkey that signs has expired", "A", "alice@example.vn", RAN_OUT,
		BORN + 60, 0, SIGNATURE_EXPIRED, ALICE, "responder:alice" },
	{ "dated behind its end", "A", "alice@example.vn", RAN_OUT,
		BORN + 2 * DAY, 0, SIGNATURE_EXPIRED, ALICE, "responder:alice" },
	{ "one of two user ids has expired", "X", "x@example.vn", OTHER,
		BORN + 60, 0, SIGNATURE_UNKNOWN_KEY, OTHER, NULL },
	{ "the only user id has expired", "O", "x@example.vn", OTHER,
		BORN + 60, 0, SIGNATURE_UNKNOWN_KEY, OTHER, NULL },
	{ "the key has expired", "R", "r@example.vn", RUN_OUT,
		BORN + 60, 0, SIGNATURE_EXPIRED, RUN_OUT, NULL },
	{ "the signature itself has expired", "A", "alice@example.vn", ALICE,
		BORN + 60, DAY, SIGNATURE_EXPIRED, ALICE, "responder:alice" },
	{ "the signature itself will expire", "A", "alice@example.vn", ALICE,
		BORN + 60, YEARS, SIGNATURE_TRUSTED, ALICE, "responder:alice" },

	/* dates that cannot be */
	{ "before the key was made", "A", "alice@example.vn", ALICE,
		BORN - 60, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },
	{ "before the subkey was made", "A", "alice@example.vn", LATE,
		BORN + DAY, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },
	{ "after the subkey was made", "A", "alice@example.vn", LATE,
		BORN + 11 * DAY, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "no date", "A", "alice@example.vn", ALICE,
		0, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },
	{ "the last date there is", "A", "alice@example.vn", ALICE,
		G_MAXUINT32, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },

	/* her name on another key */
	{ "the other", "AI", "alice@example.vn", OTHER,
		BORN + 60, 0, SIGNATURE_UNKNOWN_KEY, OTHER, NULL },
	{ "the other, listed first", "IA", "alice@example.vn", OTHER,
		BORN + 60, 0, SIGNATURE_UNKNOWN_KEY, OTHER, NULL },
	{ "she", "AI", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "she, listed last", "IA", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },

	/* her primary key among his: what she signs stays hers */
	{ "hers and his", "Ap", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "his and hers", "pA", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "his and hers, by her subkey", "pA", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "hers and his, who says it signs", "Aq", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "his, who says it signs, and hers", "qA", "alice@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "the same by her subkey", "qA", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "he himself", "pA", "m@example.vn", MALLORY,
		BORN + 60, 0, SIGNATURE_TRUSTED, MALLORY, "agency:mallory" },
	{ "his alone, who says it signs", "q", "m@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },
	{ "his alone", "p", "m@example.vn", ALICE,
		BORN + 60, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },

	/* her subkey among his */
	{ "her subkey", "Aa", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "her subkey, his first", "aA", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ANY, "responder:alice" },
	{ "her subkey, which he says signs", "As", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ALICE, "responder:alice" },
	{ "the same, his first", "sA", "alice@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_TRUSTED, ANY, "responder:alice" },
	{ "his alone with her subkey", "s", "m@example.vn", SIGNS,
		BORN + 60, 0, SIGNATURE_UNVERIFIABLE, NOBODY, NULL },
};

static char *
row_text(enum signature word, const char *fingerprint, const char *party)
{
	return g_strdup_printf("%s %s %s", signature_word(word), fingerprint ? fingerprint : "-",
		party ? party : "-");
}

static void
check_row(const struct row *row, const struct verdict *verdict)
{
	g_autofree char *seen = row_text(verdict->signature, verdict->fingerprint, verdict->party);
	int named = row->named == ANY ? ALICE : row->named;
	g_autofree char *wanted = row_text(row->word,
		named >= 0 ? keys[named].fingerprint : NULL, row->party);
	g_autofree char *unverifiable = row_text(SIGNATURE_UNVERIFIABLE, NULL, NULL);

	if (strcmp(seen, wanted) != 0 && !(row->named == ANY && strcmp(seen, unverifiable) == 0))
		g_error("%s: %s, expected %s", row->what, seen, wanted);
}

static void
test_signed(void)
{
	g_autoptr(GBytes) text = peers_text("Content-Type: text/plain\r\n\r\nhello\r\n");

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		struct open_request request = request_of(text, row->from);
		g_autoptr(GBytes) signature = forge_detached(&keys[row->signer], text, row->at,
			row->expires);
		struct opened opened;

		make_home(row->home);
		request.signature = signature;
		g_assert_cmpint(open_verify(opener, &request, &opened, NULL), ==, DONE);
		check_row(row, &opened.verdict);
		opened_clear(&opened);
	}
}

/* ---- inside a ciphertext ------------------------------------------------------------------ */

/* The old way: signatures, and behind them the text they are all over. */
static GBytes *
signed_often(guint n, GBytes *text)
{
	g_autoptr(GByteArray) out = g_byte_array_new(), literal = g_byte_array_new();
	g_autoptr(GBytes) signature = forge_detached(&keys[ALICE], text, BORN + 60, 0);

	for (guint i = 0; i < n; i++)
		g_byte_array_append(out, g_bytes_get_data(signature, NULL),
			(guint)g_bytes_get_size(signature));
	forge_number(literal, 1, 'b');
	forge_number(literal, 5, 0);
	g_byte_array_append(literal, g_bytes_get_data(text, NULL), (guint)g_bytes_get_size(text));
	forge_packet(out, 11, literal->data, literal->len);
	g_autoptr(GBytes) inner = g_byte_array_free_to_bytes(g_steal_pointer(&out));
	return PEERS_MAKE(&peers, inner, "--no-literal", "-z", "0", "--recipient",
		bench.fingerprint, "--encrypt");
}

/* A mail of nothing but signatures must not keep the judge busy. */
static void
test_many_inside(void)
{
	static const struct { guint n; enum outcome how; const char *why; } many[] = {
		{ 1, DONE, NULL }, { LIMIT_SIGNATURES, DONE, NULL },
		{ LIMIT_SIGNATURES + 1, NEVER, "keys: signatures limit 16" },
	};
	g_autoptr(GBytes) text = peers_text("hello\r\n");

	make_home("HA");
	for (guint i = 0; i < G_N_ELEMENTS(many); i++) {
		g_autoptr(GBytes) sealed = signed_often(many[i].n, text);
		struct open_request request = request_of(sealed, "alice@example.vn");
		g_autoptr(GError) error = NULL;
		struct opened opened;

		g_assert_cmpint(open_decrypt(opener, &request, &opened, &error), ==, many[i].how);
		g_assert_cmpstr(error ? error->message : NULL, ==, many[i].why);
		if (many[i].how == DONE) {
			g_assert_cmpint(opened.verdict.signature, ==, many[i].n == 1 ?
				SIGNATURE_TRUSTED : SIGNATURE_UNKNOWN_KEY);
			g_assert_true(g_bytes_equal(opened.plain, text));
		} else {
			g_assert_null(opened.plain);
		}
		opened_clear(&opened);
	}
}

/* ---- homes and files of such certificates ------------------------------------------------- */

/* Whoever has her key among his gets none of her mail. */
static void
test_encrypt(void)
{
	static const char *const homes[] = { "HA", "HAp", "HpA", "pHA", "qAH", "aAH", "sHA" };
	g_autoptr(GBytes) entity = peers_text("Content-Type: text/plain\r\n\r\nhello\r\n");
	const struct protection protection = { bench.fingerprint, keys[ALICE].fingerprint, "b" };

	for (guint i = 0; i < G_N_ELEMENTS(homes); i++) {
		g_autoptr(GBytes) out = NULL, binary = NULL;
		g_autoptr(GError) error = NULL;
		g_auto(ciphertext_auto) ciphertext = { 0 };
		bool agent_fault;

		make_home(homes[i]);
		struct protector *protector = protector_new(private_home);
		enum outcome how = protect_encrypt(protector, entity, &protection, &out,
			&agent_fault, &error);
		g_assert_no_error(error);
		g_assert_cmpint(how, ==, DONE);
		binary = armor_strip(out);
		g_assert_cmpint(ciphertext_scan(binary, &ciphertext, NULL), ==, DONE);
		g_assert_cmpuint(ciphertext.key_ids->len, ==, 1);
		g_assert_cmpstr(ciphertext.key_ids->pdata[0], ==, keys[SEALS].fingerprint + 24);
		protector_free(protector);
	}
}

/* In one file with them nothing is lost, and the order stays. */
static void
test_read(void)
{
	static const char *const files[] = { "A", "Ap", "pA", "qA", "aA", "sA", "IpA", "XpRA" };
	g_autofree char *reading = g_build_filename(bench.folder, "reading", NULL);

	for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autoptr(GByteArray) all = g_byte_array_new();
		g_autoptr(GPtrArray) out = NULL, why = NULL;

		for (const char *letter = files[i]; *letter; letter++)
			g_byte_array_append(all,
				g_bytes_get_data(certificates[(guchar)*letter], NULL),
				(guint)g_bytes_get_size(certificates[(guchar)*letter]));
		g_autoptr(GBytes) file = g_byte_array_free_to_bytes(g_steal_pointer(&all));
		g_assert_cmpint(certificates_read(file, reading, &out, &why, NULL), ==, DONE);
		g_assert_cmpuint(why->len, ==, 0);
		g_assert_cmpuint(out->len, ==, strlen(files[i]));
		for (guint n = 0; n < out->len; n++) {
			const struct certificate *one = out->pdata[n];
			g_autofree char *fingerprint = certificate_fingerprint(
				certificates[(guchar)files[i][n]]);

			g_assert_cmpstr(one->fingerprint, ==, fingerprint);
		}
	}
}

/* What is kept of a certificate still knows the subkeys that have expired. */
static void
test_kept(void)
{
	g_autofree char *reading = g_build_filename(bench.folder, "reading", NULL);
	g_autoptr(GPtrArray) out = NULL, why = NULL;
	g_autoptr(GBytes) text = peers_text("hello\r\n");
	g_autoptr(GBytes) signature = forge_detached(&keys[RAN_OUT], text, BORN + 60, 0);
	struct open_request request = request_of(text, "alice@example.vn");
	struct opened opened;

	g_assert_cmpint(certificates_read(certificates['A'], reading, &out, &why, NULL), ==, DONE);
	g_assert_cmpuint(out->len, ==, 1);
	GBytes *kept = ((struct certificate *)out->pdata[0])->minimal;
	g_assert_cmpint(home_make(private_home, bench.socket, &kept, 1, NULL), ==, DONE);
	opener_renew(opener);
	request.signature = signature;
	g_assert_cmpint(open_verify(opener, &request, &opened, NULL), ==, DONE);
	g_assert_cmpint(opened.verdict.signature, ==, SIGNATURE_EXPIRED);
	g_assert_cmpstr(opened.verdict.party, ==, "responder:alice");
	opened_clear(&opened);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	crypto_init();
	set_up();
	g_test_add_func("/forged/signed", test_signed);
	g_test_add_func("/forged/many-inside", test_many_inside);
	g_test_add_func("/forged/encrypt", test_encrypt);
	g_test_add_func("/forged/read", test_read);
	g_test_add_func("/forged/kept", test_kept);
	int failed = g_test_run();
	tear_down();
	return failed;
}
