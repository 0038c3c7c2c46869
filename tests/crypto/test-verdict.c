/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/verdict.c: one row for each thing that can be true of a signature, in
 * GPGME's structures made by hand.  Each row also meets two judges that always say the same; one
 * that passes there tests nothing.
 */
#include <glib.h>
#include <string.h>

#include "crypto/verdict.h"

#define NOW	G_GINT64_CONSTANT(1900000000)	/* s */
#define FPR_OF(x)	"00000000000000000000000000000000000000" x
#define ALICE	FPR_OF("A0")	/* ed25519, registered as responder:alice */
#define ALICE_S	FPR_OF("A1")	/* a subkey of hers that signs */
#define BOB	FPR_OF("B0")	/* ed25519, nobody's */
#define CAROL	FPR_OF("C0")	/* not at hand */
#define RSA1	FPR_OF("D1")	/* registered; 1024 bits */
#define RSA2	FPR_OF("D2")	/* registered; 2048 bits */
#define DSA	FPR_OF("D3")
#define P256	FPR_OF("D4")
#define K256	FPR_OF("D5")	/* secp256k1 */
#define ELG	FPR_OF("D6")
#define MIXED	FPR_OF("D7")	/* RSA of 1024 bits; its subkey is ed25519 */
#define MIXED_S	FPR_OF("D8")
#define REVOKED	FPR_OF("D9")
#define THIEF	FPR_OF("E0")	/* registered; listed first, with keys of others bound to it */

/* ---- certificates and parties ---------------------------------------------------- */

static const struct {
	const char *fingerprint, *primary;	/* NULL: is one */
	gpgme_pubkey_algo_t algorithm;
	unsigned length;
	const char *curve, *addresses;		/* "!" before one: that user id is revoked */
	bool revoked, is_stolen;
} keys[] = {
	{ THIEF, NULL, GPGME_PK_EDDSA, 255, "ed25519", "thief@example.org", false, false },
	{ ALICE_S, THIEF, GPGME_PK_EDDSA, 255, "ed25519", NULL, false, true },
	{ ALICE, THIEF, GPGME_PK_EDDSA, 255, "ed25519", NULL, false, true },
	{ BOB, THIEF, GPGME_PK_EDDSA, 255, "ed25519", NULL, false, false },
	{ ALICE, NULL, GPGME_PK_EDDSA, 255, "ed25519", "alice@example.org alice@home.example.org",
		false, false },
	{ ALICE_S, ALICE, GPGME_PK_EDDSA, 255, "ed25519", NULL, false, false },
	{ BOB, NULL, GPGME_PK_EDDSA, 255, "ed25519",
		"bob@example.org b@example.org !old@example.org",
		false, false },
	{ RSA1, NULL, GPGME_PK_RSA, 1024, NULL, "rsa@example.org", false, false },
	{ RSA2, NULL, GPGME_PK_RSA, 2048, NULL, "rsa@example.org", false, false },
	{ DSA, NULL, GPGME_PK_DSA, 3072, NULL, "rsa@example.org", false, false },
	{ P256, NULL, GPGME_PK_ECDSA, 256, "nistp256", "rsa@example.org", false, false },
	{ K256, NULL, GPGME_PK_ECDSA, 256, "secp256k1", "rsa@example.org", false, false },
	{ ELG, NULL, GPGME_PK_ELG, 4096, NULL, "rsa@example.org", false, false },
	{ MIXED, NULL, GPGME_PK_RSA, 1024, NULL, "rsa@example.org", false, false },
	{ MIXED_S, MIXED, GPGME_PK_EDDSA, 255, "ed25519", NULL, false, false },
	{ REVOKED, NULL, GPGME_PK_EDDSA, 255, "ed25519", "rsa@example.org", true, false },
};
/* What gpg knows of it, as gpgme_key_t; made once, never freed by gpgme. */
static GPtrArray *certificates;

static const char *alice_addresses[] = { "alice@example.org", "a@work.example.org", NULL };
static const char *rsa_addresses[] = { "rsa@example.org", NULL };
static const char *other_addresses[] = { "desk@example.org", NULL };
#define PARTY(fpr, name, list) { (char *)fpr, (char *)name, (char **)(gpointer)list }
static const struct party_key parties[] = {
	PARTY(THIEF, "agency:thief", alice_addresses),
	PARTY(ALICE, "responder:alice", alice_addresses),
	PARTY(ALICE, "agency:desk", other_addresses),	/* one key, two parties */
	PARTY(RSA1, "isp:one", rsa_addresses),
	PARTY(RSA2, "isp:two", rsa_addresses),
	PARTY(DSA, "isp:dsa", rsa_addresses),
	PARTY(P256, "isp:p256", rsa_addresses),
	PARTY(K256, "isp:k256", rsa_addresses),
	PARTY(ELG, "isp:elg", rsa_addresses),
	PARTY(MIXED, "isp:mixed", rsa_addresses),
	PARTY(REVOKED, "isp:revoked", rsa_addresses),
};

static gpgme_user_id_t
user_ids(const char *addresses)
{
	g_auto(GStrv) each = g_strsplit(addresses, " ", -1);
	gpgme_user_id_t first = NULL, *next = &first;

	for (guint i = 0; each[i]; i++, next = &(*next)->next) {
		*next = g_new0(struct _gpgme_user_id, 1);
		(*next)->revoked = each[i][0] == '!';
		(*next)->address = g_strdup(each[i] + (each[i][0] == '!'));
	}
	return first;
}

static void
make_certificates(void)
{
	certificates = g_ptr_array_new();
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		gpgme_subkey_t sub = g_new0(struct _gpgme_subkey, 1);
		gpgme_key_t key = certificate_find(certificates,
			keys[i].primary ? keys[i].primary : "none");

		sub->fpr = g_strdup(keys[i].fingerprint);
		sub->keyid = g_strdup(keys[i].fingerprint + 24);
		sub->pubkey_algo = keys[i].algorithm;
		sub->length = keys[i].length;
		sub->curve = g_strdup(keys[i].curve);
		sub->can_sign = !keys[i].is_stolen;
		if (key) {
			sub->next = key->subkeys->next;
			key->subkeys->next = sub;
			continue;
		}
		key = g_new0(struct _gpgme_key, 1);
		key->fpr = sub->fpr;
		key->subkeys = sub;
		key->uids = user_ids(keys[i].addresses);
		key->revoked = keys[i].revoked;
		g_ptr_array_add(certificates, key);
	}
}

/* ---- rows ------------------------------------------------------------------------ */

struct one { gpgme_err_code_t status; const char *fpr; gpgme_hash_algo_t hash; gint64 at; };
#define GOOD(fpr)	{ GPG_ERR_NO_ERROR, fpr, GPGME_MD_SHA512, NOW - 60 }
#define HASHED(fpr, md)	{ GPG_ERR_NO_ERROR, fpr, GPGME_MD_##md, NOW - 60 }
#define STATUS(fpr, code) { GPG_ERR_##code, fpr, GPGME_MD_SHA512, NOW - 60 }
#define UNKNOWN_ID	"00000000000000C0"

static const struct row {
	const char *what;
	struct one signatures[3];
	guint n, expected;		/* as gpg lists them; as packets.c counted them */
	bool has_odd, outside;
	const char *from;
	enum signature word;
	const char *fingerprint, *party, *missing;	/* NULL: nobody */
} rows[] = {
	{ "registered", { GOOD(ALICE) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "registered, by a subkey", { GOOD(ALICE_S) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "inside a ciphertext", { GOOD(ALICE) }, 1, 0, false, false, "alice@example.org",
		SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "registered address that no user id has", { GOOD(ALICE) }, 1, 1, false, false,
		"a@work.example.org", SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "case of ASCII", { GOOD(ALICE) }, 1, 1, false, false, "ALICE@Example.ORG",
		SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "one key of two parties: the one that writes", { GOOD(ALICE) }, 1, 1, false, false,
		"desk@example.org", SIGNATURE_TRUSTED, ALICE, "agency:desk", NULL },
	{ "SHA-256", { HASHED(ALICE, SHA256) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "SHA-384", { HASHED(ALICE, SHA384) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_TRUSTED, ALICE, "responder:alice", NULL },
	{ "RSA of 2048 bits", { GOOD(RSA2) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_TRUSTED, RSA2, "isp:two", NULL },
	{ "ECDSA on P-256", { GOOD(P256) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_TRUSTED, P256, "isp:p256", NULL },
	{ "a clock a little ahead", { { GPG_ERR_NO_ERROR, ALICE, GPGME_MD_SHA512, NOW + 3600 } }, 1,
		1,
		false, false, "alice@example.org", SIGNATURE_TRUSTED, ALICE, "responder:alice",
			NULL },

	{ "at hand, nobody's", { GOOD(BOB) }, 1, 1, false, false, "bob@example.org",
		SIGNATURE_UNKNOWN_KEY, BOB, NULL, NULL },
	{ "another of its user ids", { GOOD(BOB) }, 1, 1, false, false, "B@example.org",
		SIGNATURE_UNKNOWN_KEY, BOB, NULL, NULL },
	{ "two signers", { GOOD(ALICE), GOOD(ALICE_S) }, 2, 2, false, false, "alice@example.org",
		SIGNATURE_UNKNOWN_KEY, ALICE, NULL, NULL },
	{ "two signers in a ciphertext", { GOOD(ALICE), GOOD(ALICE) }, 2, 0, false, false,
		"alice@example.org", SIGNATURE_UNKNOWN_KEY, ALICE, NULL, NULL },

	{ "a user id no party has", { GOOD(ALICE) }, 1, 1, false, false, "alice@home.example.org",
		SIGNATURE_MISMATCH, ALICE, "responder:alice", NULL },
	{ "somebody else's From", { GOOD(ALICE) }, 1, 1, false, false, "bob@example.org",
		SIGNATURE_MISMATCH, ALICE, "responder:alice", NULL },
	{ "not one From", { GOOD(ALICE) }, 1, 1, false, false, NULL,
		SIGNATURE_MISMATCH, ALICE, "responder:alice", NULL },
	{ "nobody's, somebody else's From", { GOOD(BOB) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_MISMATCH, BOB, NULL, NULL },
	{ "a revoked user id", { GOOD(BOB) }, 1, 1, false, false, "old@example.org",
		SIGNATURE_MISMATCH, BOB, NULL, NULL },
	{ "an address that begins alike", { GOOD(ALICE) }, 1, 1, false, false, "alice@example.or",
		SIGNATURE_MISMATCH, ALICE, "responder:alice", NULL },
	{ "an address that folds alike", { GOOD(ALICE) }, 1, 1, false, false,
		"al\xc4\xb1""ce@example.org",
		SIGNATURE_MISMATCH, ALICE, "responder:alice", NULL },
	{ "the second signer is somebody else", { GOOD(ALICE), GOOD(BOB) }, 2, 2, false, false,
		"alice@example.org", SIGNATURE_MISMATCH, BOB, NULL, NULL },
	{ "the first signer is somebody else", { GOOD(BOB), GOOD(ALICE) }, 2, 2, false, false,
		"alice@example.org", SIGNATURE_MISMATCH, BOB, NULL, NULL },

	{ "content outside", { GOOD(ALICE) }, 1, 1, false, true, "alice@example.org",
		SIGNATURE_PARTIAL, ALICE, "responder:alice", NULL },
	{ "content outside, nobody's From", { GOOD(BOB) }, 1, 1, false, true, NULL,
		SIGNATURE_PARTIAL, BOB, NULL, NULL },

	{ "SHA-1", { HASHED(ALICE, SHA1) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_WEAK, ALICE, "responder:alice", NULL },
	{ "RIPEMD-160", { HASHED(ALICE, RMD160) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_WEAK, ALICE, "responder:alice", NULL },
	{ "SHA-224", { HASHED(ALICE, SHA224) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_WEAK, ALICE, "responder:alice", NULL },
	{ "RSA of 1024 bits", { GOOD(RSA1) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_WEAK, RSA1, "isp:one", NULL },
	{ "DSA", { GOOD(DSA) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_WEAK, DSA, "isp:dsa", NULL },
	{ "a curve not listed", { GOOD(K256) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_WEAK, K256, "isp:k256", NULL },
	{ "a strong subkey of a weak primary", { GOOD(MIXED_S) }, 1, 1, false, false,
		"rsa@example.org",
		SIGNATURE_WEAK, MIXED, "isp:mixed", NULL },
	{ "weak and outside and mismatch", { HASHED(ALICE, SHA1) }, 1, 1, false, true, NULL,
		SIGNATURE_WEAK, ALICE, "responder:alice", NULL },

	{ "an expired key", { STATUS(ALICE, KEY_EXPIRED) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_EXPIRED, ALICE, "responder:alice", NULL },
	{ "an expired signature", { STATUS(ALICE, SIG_EXPIRED) }, 1, 1, false, false,
		"alice@example.org", SIGNATURE_EXPIRED, ALICE, "responder:alice", NULL },
	{ "expired and weak", { { GPG_ERR_KEY_EXPIRED, RSA1, GPGME_MD_SHA1, NOW - 60 } }, 1, 1,
		false,
		false, "rsa@example.org", SIGNATURE_EXPIRED, RSA1, "isp:one", NULL },

	{ "not at hand", { STATUS(CAROL, NO_PUBKEY) }, 1, 1, false, false, "carol@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, CAROL },
	{ "not at hand, by key id", { STATUS(UNKNOWN_ID, NO_PUBKEY) }, 1, 1, false, false, NULL,
		SIGNATURE_UNVERIFIABLE, NULL, NULL, UNKNOWN_ID },
	{ "gpg knows it and we do not", { GOOD(CAROL) }, 1, 1, false, false, "carol@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "a good one known by key id only", { GOOD("00000000000000A0") }, 1, 1, false, false,
		"alice@example.org", SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "no fingerprint at all", { GOOD(NULL) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "MD5, refused by gpg", { { GPG_ERR_DIGEST_ALGO, ALICE, GPGME_MD_MD5, NOW - 60 } }, 1, 1,
		false,
		false, "alice@example.org", SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "MD5, taken by gpg", { HASHED(ALICE, MD5) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "a digest not listed", { HASHED(ALICE, TIGER) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "an expired key and MD5", { { GPG_ERR_KEY_EXPIRED, ALICE, GPGME_MD_MD5, NOW - 60 } }, 1,
		1,
		false, false, "alice@example.org", SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "an algorithm of keys not listed", { GOOD(ELG) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "an algorithm gpg does not know", { STATUS(ALICE, UNSUPPORTED_ALGORITHM) }, 1, 1, false,
		false,
		"alice@example.org", SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "time conflict", { STATUS(ALICE, TIME_CONFLICT) }, 1, 1, false, false,
		"alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "from the future", { { GPG_ERR_NO_ERROR, ALICE, GPGME_MD_SHA512, NOW + 90000 } }, 1, 1,
		false,
		false, "alice@example.org", SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "an error without a name", { STATUS(ALICE, GENERAL) }, 1, 1, false, false,
		"alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "one good, one not at hand", { GOOD(ALICE), STATUS(CAROL, NO_PUBKEY) }, 2, 2, false,
		false,
		"alice@example.org", SIGNATURE_UNVERIFIABLE, NULL, NULL, CAROL },
	{ "a version nobody reads", { GOOD(NULL) }, 0, 1, true, false, "alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },
	{ "one good, one nobody reads", { GOOD(ALICE) }, 1, 2, true, false, "alice@example.org",
		SIGNATURE_UNVERIFIABLE, NULL, NULL, NULL },

	{ "a revoked key", { STATUS(ALICE, CERT_REVOKED) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_REVOKED, ALICE, "responder:alice", NULL },
	{ "a revoked key gpg calls good", { GOOD(REVOKED) }, 1, 1, false, false, "rsa@example.org",
		SIGNATURE_REVOKED, REVOKED, "isp:revoked", NULL },
	{ "revoked and MD5", { { GPG_ERR_CERT_REVOKED, ALICE, GPGME_MD_MD5, NOW - 60 } }, 1, 1,
		false,
		false, "alice@example.org", SIGNATURE_REVOKED, ALICE, "responder:alice", NULL },
	{ "one not at hand, one revoked", { STATUS(CAROL, NO_PUBKEY), STATUS(ALICE, CERT_REVOKED) },
		2, 2,
		false, false, "alice@example.org", SIGNATURE_REVOKED, ALICE, NULL, CAROL },

	{ "bad", { STATUS(ALICE, BAD_SIGNATURE) }, 1, 1, false, false, "alice@example.org",
		SIGNATURE_BAD, NULL, NULL, NULL },
	{ "bad, by key id", { STATUS("00000000000000A0", BAD_SIGNATURE) }, 1, 1, false, false,
		"alice@example.org", SIGNATURE_BAD, NULL, NULL, NULL },
	{ "one good, one bad", { GOOD(ALICE), STATUS(ALICE, BAD_SIGNATURE) }, 2, 2, false, false,
		"alice@example.org", SIGNATURE_BAD, NULL, NULL, NULL },
	{ "one bad, one good", { STATUS(BOB, BAD_SIGNATURE), GOOD(ALICE) }, 2, 2, false, false,
		"alice@example.org", SIGNATURE_BAD, NULL, NULL, NULL },
	{ "gpg sees none of them", { GOOD(NULL) }, 0, 1, false, false, "alice@example.org",
		SIGNATURE_BAD, NULL, NULL, NULL },
	{ "gpg passes over one", { GOOD(ALICE) }, 1, 2, false, false, "alice@example.org",
		SIGNATURE_BAD, NULL, NULL, NULL },
	{ "gpg sees more than there are", { GOOD(ALICE), GOOD(ALICE) }, 2, 1, false, false,
		"alice@example.org", SIGNATURE_BAD, NULL, NULL, NULL },

	{ "none inside a ciphertext", { GOOD(NULL) }, 0, 0, false, false, "alice@example.org",
		SIGNATURE_NONE, NULL, NULL, NULL },
};

/* ---- judges ---------------------------------------------------------------------- */

typedef void judge(const struct evidence *, struct verdict *, GPtrArray *);

static void
judge_always_bad(const struct evidence *evidence, struct verdict *verdict, GPtrArray *missing)
{
	(void)evidence;
	(void)missing;
	verdict->signature = SIGNATURE_BAD;
}

static void
judge_always_good(const struct evidence *evidence, struct verdict *verdict, GPtrArray *missing)
{
	(void)missing;
	verdict->signature = SIGNATURE_TRUSTED;
	verdict->fingerprint = g_strdup(evidence->signatures ? evidence->signatures->fpr : ALICE);
	verdict->party = g_strdup("responder:alice");
	verdict->signed_at = (NOW - 60) * 1000;
}

/* The row as one line of text: as expected, or as this judge has it. */
static char *
row_text(enum signature word, const char *fingerprint, const char *party, const char *missing)
{
	return g_strdup_printf("%s %s %s missing %s", signature_word(word),
		fingerprint ? fingerprint : "-", party ? party : "-", missing ? missing : "-");
}

static bool
passes(const struct row *row, judge *by, char **seen)
{
	struct _gpgme_signature list[3] = { 0 };
	struct open_request request = { .from = row->from, .parties = parties,
		.n_parties = G_N_ELEMENTS(parties), .outside = row->outside, .now = NOW * 1000 };
	struct evidence evidence = { .signatures = row->n ? list : NULL,
		.certificates = certificates,
		.expected = row->expected, .has_odd = row->has_odd, .request = &request };
	g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
	struct verdict verdict = verdict_worst(LAYER_PGP_SIGNED);

	for (guint i = 0; i < row->n; i++) {
		list[i].status = gpgme_error(row->signatures[i].status);
		list[i].fpr = (char *)row->signatures[i].fpr;
		list[i].hash_algo = row->signatures[i].hash;
		list[i].timestamp = (unsigned long)row->signatures[i].at;
		list[i].summary = GPGME_SIGSUM_VALID | GPGME_SIGSUM_GREEN;	/* means nothing */
		list[i].validity = GPGME_VALIDITY_ULTIMATE;
		list[i].next = i + 1 < row->n ? &list[i + 1] : NULL;
	}
	by(&evidence, &verdict, missing);
	g_autofree char *expected = row_text(row->word, row->fingerprint, row->party, row->missing);
	*seen = row_text(verdict.signature, verdict.fingerprint, verdict.party,
		missing->len ? missing->pdata[0] : NULL);
	bool same = strcmp(expected, *seen) == 0 &&
		(verdict.signed_at >= 0) == (row->fingerprint != NULL);
	verdict_clear(&verdict);
	return same;
}

static void
test_rows(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *seen = NULL;

		if (!passes(&rows[i], verdict_judge, &seen))
			g_error("%s: %s", rows[i].what, seen);
	}
}

/* Every row but those that expect just that fails before a judge that always says it. */
static void
test_stubs_fail(void)
{
	guint n_bad = 0, n_good = 0;

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *bad = NULL, *good = NULL;
		bool with_bad = passes(&rows[i], judge_always_bad, &bad);
		bool with_good = passes(&rows[i], judge_always_good, &good);

		g_assert_false(with_bad && with_good);
		g_assert_true(!with_bad || rows[i].word == SIGNATURE_BAD);
		g_assert_true(!with_good || rows[i].word == SIGNATURE_TRUSTED);
		n_bad += with_bad;
		n_good += with_good;
	}
	g_assert_cmpuint(n_bad, >, 0);	/* the stubs do speak */
	g_assert_cmpuint(n_good, >, 0);
}

static void
test_every_word(void)
{
	for (int word = 0; word < signature_count; word++) {
		bool found = false;

		for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
			found = found || (int)rows[i].word == word;
		g_assert_true(found);
	}
}

/* Time: a signature is dated by its maker, in seconds. */
static void
test_signed_at(void)
{
	struct _gpgme_signature one = { .fpr = (char *)BOB, .hash_algo = GPGME_MD_SHA256,
		.timestamp = 1800000000 };
	struct open_request request = { .from = "bob@example.org", .now = NOW * 1000 };
	struct evidence evidence = { .signatures = &one, .certificates = certificates,
		.expected = 1,
		.request = &request };
	g_autoptr(GPtrArray) missing = g_ptr_array_new();
	struct verdict verdict = verdict_worst(LAYER_PGP_SIGNED);

	verdict_judge(&evidence, &verdict, missing);
	g_assert_cmpint(verdict.signed_at, ==, G_GINT64_CONSTANT(1800000000000));
	verdict_clear(&verdict);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	make_certificates();
	g_test_add_func("/verdict/rows", test_rows);
	g_test_add_func("/verdict/stubs-fail", test_stubs_fail);
	g_test_add_func("/verdict/every-word", test_every_word);
	g_test_add_func("/verdict/signed-at", test_signed_at);
	return g_test_run();
}
