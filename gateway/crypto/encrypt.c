/* SPDX-License-Identifier: ISC
 *
 * encrypt: multipart/encrypted out of a finished inner entity: signed and encrypted in one
 * operation, for one recipient and for nobody else.  Relies on a private home that holds our
 * certificate and the recipient's, and on packets.c to see what gpg really made.  Refuses an
 * expired, revoked or unsuited certificate by name; there is no way through here in clear.
 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/engine.h"
#include "crypto/packets.h"

/* ---- why a certificate cannot be used ------------------------------------------------------- */

static bool
is_absent(gpgme_key_t key)
{
	return !key;
}

static bool
is_revoked(gpgme_key_t key)
{
	return key->revoked;
}

static bool
is_expired(gpgme_key_t key)
{
	return key->expired;
}

static bool
is_unsuited(gpgme_key_t key)
{
	for (gpgme_subkey_t sub = key->subkeys; sub; sub = sub->next)
		if (sub->can_encrypt)
			return false;
	return true;
}

static bool
has_no_live_subkey(gpgme_key_t key)
{
	for (gpgme_subkey_t sub = key->subkeys; sub; sub = sub->next)
		if (sub->can_encrypt && !sub->revoked && !sub->expired && !sub->disabled &&
		    !sub->invalid)
			return false;
	return true;
}

/* The first that applies. */
static const struct { bool (*applies)(gpgme_key_t); const char *why; } reasons[] = {
	{ is_absent,		"its certificate is not at hand" },
	{ is_revoked,		"its certificate is revoked" },
	{ is_expired,		"its certificate has expired" },
	{ is_unsuited,		"its certificate has no encryption key" },
	{ has_no_live_subkey,	"its encryption keys are expired or revoked" },
};

/* NULL: nothing is wrong with it. */
static const char *
certificate_reason(gpgme_ctx_t context, const char *fingerprint)
{
	g_autoptr(engine_key) key = NULL;

	(void)gpgme_get_key(context, fingerprint, &key, 0);
	for (guint i = 0; i < G_N_ELEMENTS(reasons); i++)
		if (reasons[i].applies(key))
			return reasons[i].why;
	return NULL;
}

static enum outcome
explain(struct protector *protector, const char *recipient, gpgme_error_t why, GError **error)
{
	gpgme_encrypt_result_t result = gpgme_op_encrypt_result(protector->context);
	bool is_recipient = result && result->invalid_recipients;
	const char *reason = certificate_reason(protector->context, recipient);

	if (reason)
		return fail(error, NEVER, "encrypt to %s: %s", recipient, reason);
	if (!is_recipient && is_agent_fault(why))
		return engine_fail(error, LATER, "encrypt", why);
	return engine_fail(error, NEVER, "encrypt", why);
}

/* ---- the operation --------------------------------------------------------------- */

/* By its full fingerprint only: gpg would search for anything else. */
static bool
is_fingerprint(const char *text)
{
	gsize n = strlen(text);

	return (n == 40 || n == 64) && strspn(text, "0123456789ABCDEFabcdef") == n;
}

static gpgme_error_t
seal_data(struct protector *protector, GBytes *entity, const char *recipient, gpgme_data_t out)
{
	const gpgme_encrypt_flags_t flags = GPGME_ENCRYPT_ALWAYS_TRUST |
		GPGME_ENCRYPT_NO_ENCRYPT_TO | GPGME_ENCRYPT_NO_COMPRESS;
	g_autofree char *recipients = g_strdup_printf("--\n%s\n", recipient);
	g_autoptr(engine_data) in = NULL;
	gsize size;
	const char *text = g_bytes_get_data(entity, &size);
	gpgme_error_t why = gpgme_data_new_from_mem(&in, text, size, 0);
	gpgme_ctx_t context = protector->context;
	struct engine_run run;

	if (why != 0)
		return why;
	/* As data: the reader gets these octets, line ends included. */
	gpgme_set_textmode(context, 0);
	engine_begin(context, &run);
	why = engine_end(context, &run, gpgme_op_encrypt_sign_ext_start(context, NULL, recipients,
		flags, in, out));
	gpgme_set_textmode(context, 1);
	return why;
}

/* What left gpg, read by our own eyes: one recipient, none hidden, no password, integrity kept. */
static enum outcome
check_sealed(GBytes *armor, GError **error)
{
	g_auto(ciphertext_auto) ciphertext = { 0 };
	g_autoptr(GBytes) binary = armor_strip(armor);

	if (!binary || ciphertext_scan(binary, &ciphertext, NULL) != DONE ||
	    ciphertext.word != ENCRYPTION_DECRYPTED || ciphertext.key_ids->len != 1 ||
	    ciphertext.n_hidden != 0 || ciphertext.n_passwords != 0)
		return fail(error, NEVER,
			"encrypt: gpg did not make one message for one recipient");
	return DONE;
}

static GBytes *
assemble(GBytes *armor, const char *boundary)
{
	GString *out = g_string_sized_new(g_bytes_get_size(armor) + 2048);

	g_string_append_printf(out,
		"Content-Type: multipart/encrypted;\r\n"
		"\tprotocol=\"application/pgp-encrypted\";\r\n"
		"\tboundary=\"%s\"\r\n"
		"\r\n"
		"--%s\r\n"
		"Content-Type: application/pgp-encrypted\r\n"
		"Content-Description: PGP/MIME version identification\r\n"
		"\r\n"
		"Version: 1\r\n"
		"\r\n--%s\r\n"
		"Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n"
		"Content-Description: OpenPGP encrypted message\r\n"
		"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n"
		"\r\n", boundary, boundary, boundary);
	append_crlf(out, armor);
	g_string_append_printf(out, "\r\n--%s--\r\n", boundary);
	return g_string_free_to_bytes(out);
}

static enum outcome
seal(struct protector *protector, GBytes *entity, const char *recipient, GBytes **armor,
	GError **error)
{
	g_autoptr(engine_data) out = NULL;
	gpgme_error_t why = gpgme_data_new(&out);

	if (why == 0)
		why = seal_data(protector, entity, recipient, out);
	if (why != 0)
		return explain(protector, recipient, why, error);
	gpgme_encrypt_result_t result = gpgme_op_encrypt_result(protector->context);
	if (!result || result->invalid_recipients)
		return explain(protector, recipient, GPG_ERR_UNUSABLE_PUBKEY, error);
	if (!protector_digest(protector))
		return fail(error, NEVER,
			"encrypt: gpg did not make one signature by our key, SHA-256 or better");
	*armor = engine_take(g_steal_pointer(&out));
	return check_sealed(*armor, error);
}

enum outcome
protect_encrypt(struct protector *protector, GBytes *entity, const struct protection *protection,
	GBytes **out, bool *agent_fault, GError **error)
{
	g_autoptr(GBytes) armor = NULL;

	*out = NULL;
	*agent_fault = false;
	if (entity_check(entity, protection->boundary, error) != DONE)
		return NEVER;
	if (!is_fingerprint(protection->recipient))
		return fail(error, NEVER, "encrypt: no full fingerprint of a recipient");
	gpgme_error_t why = protector_choose(protector, protection->signer);
	if (why != 0) {
		*agent_fault = true;
		return engine_fail(error, LATER, "our key is not in the private home", why);
	}
	enum outcome how = seal(protector, entity, protection->recipient, &armor, error);
	*agent_fault = how == LATER;
	if (how != DONE)
		return how;
	if (boundary_check(armor, protection->boundary, error) != DONE)
		return NEVER;
	*out = assemble(armor, protection->boundary);
	return DONE;
}
