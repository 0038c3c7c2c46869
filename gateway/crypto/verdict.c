/* SPDX-License-Identifier: ISC
 *
 * verdict: the judge of signatures.  Takes GPGME's structures, the certificates at hand and the
 * registered parties; gives one word by the first row of a table that applies.  Never reads status
 * text, never takes GPGME's "valid" or "green" (with trust-model always they mean nothing), never
 * lets a user id name a party: only a full primary fingerprint does.
 *
 * A key that is expired when the mail is judged counts as expired, whatever time the signature
 * claims: that time is the signer's word, and whoever got hold of an old key can date back.
 */
#include "crypto/verdict.h"

#define CLOCK_SKEW	86400000	/* ms a sender's clock may be ahead of ours */
#define RSA_MIN		2048		/* bits */

/* One signature and all that is known about it. */
struct finding {
	const struct evidence *evidence;
	gpgme_signature_t signature;
	gpgme_key_t certificate;	/* NULL: not at hand */
	gpgme_subkey_t signer;		/* the very key that signed */
	const struct party_key *party;	/* NULL: registered for nobody */
};

/* ---- algorithms -------------------------------------------------------------------------- */

enum strength { REJECTED, WEAK, STRONG };

/* What is not listed is rejected: gpg may take it one day, we do not. */
static enum strength
digest_strength(gpgme_hash_algo_t algorithm)
{
	static const struct { gpgme_hash_algo_t algorithm; enum strength strength; } table[] = {
		{ GPGME_MD_SHA256, STRONG },
		{ GPGME_MD_SHA384, STRONG },
		{ GPGME_MD_SHA512, STRONG },
		{ GPGME_MD_SHA224, WEAK },
		{ GPGME_MD_SHA1, WEAK },
		{ GPGME_MD_RMD160, WEAK },
	};

	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].algorithm == algorithm)
			return table[i].strength;
	return REJECTED;
}

static enum strength
curve_strength(const char *curve)
{
	static const char *const strong[] = { "ed25519", "ed448", "nistp256", "nistp384",
		"nistp521" };

	for (guint i = 0; curve && i < G_N_ELEMENTS(strong); i++)
		if (g_ascii_strcasecmp(curve, strong[i]) == 0)
			return STRONG;
	return WEAK;
}

static enum strength
key_strength(gpgme_subkey_t key)
{
	switch (key->pubkey_algo) {
	case GPGME_PK_RSA:
	case GPGME_PK_RSA_S:
		return key->length >= RSA_MIN ? STRONG : WEAK;
	case GPGME_PK_DSA:
		return WEAK;
	case GPGME_PK_ECDSA:
	case GPGME_PK_EDDSA:
		return curve_strength(key->curve);
	default:
		return REJECTED;
	}
}

/* The primary key counts, too: who breaks it binds a signing key of his own to it. */
static enum strength
strength_of(const struct finding *finding)
{
	enum strength strength = digest_strength(finding->signature->hash_algo);

	strength = MIN(strength, key_strength(finding->signer));
	return MIN(strength, key_strength(finding->certificate->subkeys));
}

/* ---- certificates and parties ------------------------------------------------------------ */

static gpgme_subkey_t
subkey_find(gpgme_key_t key, const char *fingerprint)
{
	for (gpgme_subkey_t sub = key->subkeys; sub; sub = sub->next)
		if (sub->fpr && g_ascii_strcasecmp(sub->fpr, fingerprint) == 0)
			return sub;
	return NULL;
}

gpgme_key_t
certificate_find(const GPtrArray *certificates, const char *fingerprint)
{
	for (guint i = 0; fingerprint && i < certificates->len; i++) {
		gpgme_key_t certificate = certificates->pdata[i];

		if (g_ascii_strcasecmp(certificate->fpr, fingerprint) == 0)
			return certificate;
	}
	return NULL;
}

/* Anybody can bind somebody else's key to his own certificate.  So its own certificate goes first,
 * and of subkeys only those that sign count, which needs the key's consent. */
static gpgme_key_t
certificate_of_signer(const GPtrArray *certificates, const char *fingerprint)
{
	gpgme_key_t found = certificate_find(certificates, fingerprint);

	for (guint i = 0; fingerprint && !found && i < certificates->len; i++) {
		gpgme_subkey_t sub = subkey_find(certificates->pdata[i], fingerprint);

		if (sub && sub->can_sign)
			found = certificates->pdata[i];
	}
	return found;
}

/* ASCII case only: any other folding would make two addresses one. */
static bool
is_address_of(char *const *addresses, const char *from)
{
	for (; addresses && *addresses; addresses++)
		if (g_ascii_strcasecmp(*addresses, from) == 0)
			return true;
	return false;
}

/* Of several parties with one key, the one that writes from this address. */
static const struct party_key *
party_of(const struct open_request *request, gpgme_key_t certificate)
{
	const struct party_key *found = NULL;

	for (guint i = 0; certificate && i < request->n_parties; i++) {
		const struct party_key *party = &request->parties[i];

		if (g_ascii_strcasecmp(party->fingerprint, certificate->fpr) != 0)
			continue;
		if (request->from && is_address_of(party->addresses, request->from))
			return party;
		if (!found)
			found = party;
	}
	return found;
}

static bool
is_user_of(gpgme_key_t certificate, const char *from)
{
	for (gpgme_user_id_t uid = certificate->uids; uid; uid = uid->next)
		if (!uid->revoked && !uid->invalid && uid->address &&
		    g_ascii_strcasecmp(uid->address, from) == 0)
			return true;
	return false;
}

/* ---- the table of precedence ------------------------------------------------------------- */

static bool
has_status(const struct finding *finding, gpgme_err_code_t code)
{
	return gpgme_err_code(finding->signature->status) == code;
}

static bool
is_bad(const struct finding *finding)
{
	return has_status(finding, GPG_ERR_BAD_SIGNATURE);
}

static bool
is_revoked(const struct finding *finding)
{
	return has_status(finding, GPG_ERR_CERT_REVOKED) ||
		(finding->signer && has_status(finding, GPG_ERR_NO_ERROR) &&
		(finding->signer->revoked || finding->certificate->revoked));
}

static bool
is_expired(const struct finding *finding)
{
	return has_status(finding, GPG_ERR_KEY_EXPIRED) || has_status(finding, GPG_ERR_SIG_EXPIRED);
}

static gint64
signed_at(const struct finding *finding)
{
	return (gint64)finding->signature->timestamp * 1000;
}

static bool
is_unverifiable(const struct finding *finding)
{
	if (!has_status(finding, GPG_ERR_NO_ERROR) && !is_expired(finding))
		return true;
	if (!finding->signer || strength_of(finding) == REJECTED)
		return true;
	return signed_at(finding) > finding->evidence->request->now + CLOCK_SKEW;
}

static bool
is_weak(const struct finding *finding)
{
	return strength_of(finding) == WEAK;
}

static bool
is_partial(const struct finding *finding)
{
	return finding->evidence->request->outside;
}

static bool
is_mismatch(const struct finding *finding)
{
	const char *from = finding->evidence->request->from;

	if (!from)
		return true;
	return finding->party ? !is_address_of(finding->party->addresses, from) :
		!is_user_of(finding->certificate, from);
}

static bool
is_unknown_key(const struct finding *finding)
{
	return !finding->party;
}

/* Design §4: the first that applies wins. */
static const struct {
	enum signature word;
	bool (*applies)(const struct finding *);
} precedence[] = {
	{ SIGNATURE_BAD,		is_bad },
	{ SIGNATURE_REVOKED,		is_revoked },
	{ SIGNATURE_UNVERIFIABLE,	is_unverifiable },
	{ SIGNATURE_EXPIRED,		is_expired },
	{ SIGNATURE_WEAK,		is_weak },
	{ SIGNATURE_PARTIAL,		is_partial },
	{ SIGNATURE_MISMATCH,		is_mismatch },
	{ SIGNATURE_UNKNOWN_KEY,	is_unknown_key },
};

static enum signature
word_of(const struct finding *finding)
{
	for (guint i = 0; i < G_N_ELEMENTS(precedence); i++)
		if (precedence[i].applies(finding))
			return precedence[i].word;
	return SIGNATURE_TRUSTED;
}

/* ---- a set of signatures ----------------------------------------------------------------- */

static struct finding
look_at(const struct evidence *evidence, gpgme_signature_t signature)
{
	struct finding finding = { .evidence = evidence, .signature = signature };

	finding.certificate = certificate_of_signer(evidence->certificates, signature->fpr);
	if (finding.certificate)
		finding.signer = subkey_find(finding.certificate, signature->fpr);
	finding.party = party_of(evidence->request, finding.certificate);
	return finding;
}

static void
name_nobody(struct verdict *verdict)
{
	g_clear_pointer(&verdict->fingerprint, g_free);
	g_clear_pointer(&verdict->party, g_free);
	verdict->signed_at = -1;
}

/* A signature that proves nothing names nobody. */
static void
name_signer(struct verdict *verdict, const struct finding *finding)
{
	name_nobody(verdict);
	if (verdict->signature == SIGNATURE_BAD || verdict->signature == SIGNATURE_UNVERIFIABLE ||
	    !finding->certificate)
		return;
	verdict->fingerprint = g_ascii_strup(finding->certificate->fpr, -1);
	verdict->party = finding->party ? g_strdup(finding->party->party) : NULL;
	verdict->signed_at = signed_at(finding);
}

static void
note_missing(const struct finding *finding, GPtrArray *missing)
{
	const char *name = finding->signature->fpr;

	if (!has_status(finding, GPG_ERR_NO_PUBKEY) || !name || missing->len >= LIMIT_SIGNATURES ||
	    g_ptr_array_find_with_equal_func(missing, name, g_str_equal, NULL))
		return;
	g_ptr_array_add(missing, g_strdup(name));
}

/* What the count of signatures says, apart from each of them. */
static enum signature
word_of_count(const struct evidence *evidence, guint n)
{
	if (evidence->expected == n)
		return SIGNATURE_NONE;		/* nothing to say: the mildest there is */
	if (evidence->expected == 0)		/* inside a ciphertext they are not counted */
		return SIGNATURE_NONE;
	/* gpg passed over one it cannot read, or one that is damaged. */
	return evidence->has_odd ? SIGNATURE_UNVERIFIABLE : SIGNATURE_BAD;
}

/* The rule for several: each is judged and the worst speaks for all; more than one never grants
 * authority, since nobody can say which of the signers meant the text as an order to us.  A reader
 * of the verdict goes by the word; the party is left out, the fingerprint is that of the worst. */
void
verdict_judge(const struct evidence *evidence, struct verdict *verdict, GPtrArray *missing)
{
	guint n = 0;

	verdict->signature = SIGNATURE_NONE;
	for (gpgme_signature_t each = evidence->signatures; each; each = each->next, n++) {
		struct finding finding = look_at(evidence, each);
		enum signature word = word_of(&finding);

		note_missing(&finding, missing);
		if (word < verdict->signature) {	/* the enum stands in order of precedence */
			verdict->signature = word;
			name_signer(verdict, &finding);
		}
	}
	if (n > 1) {
		verdict->signature = MIN(verdict->signature, SIGNATURE_UNKNOWN_KEY);
		g_clear_pointer(&verdict->party, g_free);
	}
	enum signature most = word_of_count(evidence, n);
	if (most < verdict->signature) {
		verdict->signature = most;
		name_nobody(verdict);
	}
}
