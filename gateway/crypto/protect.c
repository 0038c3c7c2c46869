/* SPDX-License-Identifier: ISC
 *
 * protect: finished RFC 3156 entities out of finished inner ones.  The signature covers exactly the
 * octets given; the multipart around them is written here, by hand, since it is ten fixed lines.
 * Relies on a private home (keyring.c).  Refuses whatever a mail server on the way might change:
 * bare LF or CR, 8-bit, long lines.
 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/engine.h"

#define SIGNATURE_MAX	65536	/* bytes of one armoured signature */
#define LINE_MAX_SMTP	998	/* RFC 5321 §4.5.3.1.6, without CRLF */
#define BOUNDARY_MAX	70	/* RFC 2046 §5.1.1 */

struct protector *
protector_new(const char *home)
{
	g_autoptr(GError) error = NULL;
	struct protector *protector = g_new0(struct protector, 1);

	protector->context = engine_new(home, &error);
	if (!protector->context)
		fatal(70, "%s", error->message);
	gpgme_set_armor(protector->context, 1);
	/* A text signature also verifies over a copy some program saved with other line ends. */
	gpgme_set_textmode(protector->context, 1);
	return protector;
}

void
protector_free(struct protector *protector)
{
	if (!protector)
		return;
	if (protector->signer)
		gpgme_key_unref(protector->signer);
	gpgme_release(protector->context);
	g_free(protector);
}

/* ---- what may be signed ----------------------------------------------------------------- */

static enum outcome
check_canonical(GBytes *entity, GError **error)
{
	gsize size, line = 0;
	const guint8 *text = g_bytes_get_data(entity, &size);

	if (size == 0)
		return fail(error, NEVER, "protect: the entity is empty");
	for (gsize i = 0; i < size; i++, line++) {
		bool is_cr = text[i] == '\r', is_lf = text[i] == '\n';

		if (text[i] >= 0x80 || text[i] == 0)
			return fail(error, NEVER, "protect: the entity is not 7-bit");
		if ((is_cr && (i + 1 == size || text[i + 1] != '\n')) ||
		    (is_lf && (i == 0 || text[i - 1] != '\r')))
			return fail(error, NEVER, "protect: a bare %s in the entity",
				is_cr ? "CR" : "LF");
		if (line >= LINE_MAX_SMTP && !is_cr && !is_lf)
			return fail(error, NEVER, "protect: a line of the entity is too long");
		if (is_lf)
			line = (gsize)-1;
	}
	return DONE;
}

enum outcome
boundary_check(GBytes *entity, const char *boundary, GError **error)
{
	gsize size, n = strlen(boundary);
	const char *text = g_bytes_get_data(entity, &size);
	g_autofree char *delimiter = g_strconcat("--", boundary, NULL);

	if (n == 0 || n > BOUNDARY_MAX ||
	    strspn(boundary, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "'()+_,-./:=?") != n)
		return fail(error, NEVER, "protect: not a boundary");
	if (memmem(text, size, delimiter, n + 2))
		return fail(error, NEVER, "protect: the boundary occurs in the entity");
	return DONE;
}

enum outcome
entity_check(GBytes *entity, const char *boundary, GError **error)
{
	enum outcome how = check_canonical(entity, error);

	return how == DONE ? boundary_check(entity, boundary, error) : how;
}

/* ---- signing ---------------------------------------------------------------------------- */

/* gpg says the same for a key that is missing and for an agent that is: both are ours to repair. */
bool
is_agent_fault(gpgme_error_t why)
{
	static const gpgme_err_code_t codes[] = { GPG_ERR_NO_SECKEY, GPG_ERR_UNUSABLE_SECKEY,
		GPG_ERR_NO_AGENT, GPG_ERR_AGENT, GPG_ERR_NO_PUBKEY, GPG_ERR_UNUSABLE_PUBKEY,
		GPG_ERR_ECONNREFUSED, GPG_ERR_ENOENT, GPG_ERR_EPIPE, GPG_ERR_ECONNRESET,
		GPG_ERR_ASS_CONNECT_FAILED, GPG_ERR_CANCELED, GPG_ERR_BAD_PASSPHRASE,
		GPG_ERR_NO_PIN_ENTRY, GPG_ERR_EOF,
		GPG_ERR_GENERAL };	/* gpg was killed: it ends without a word */

	for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
		if (gpgme_err_code(why) == codes[i])
			return true;
	return false;
}

gpgme_error_t
protector_choose(struct protector *protector, const char *fingerprint)
{
	if (protector->signer && g_ascii_strcasecmp(protector->signer->fpr, fingerprint) == 0)
		return 0;
	gpgme_signers_clear(protector->context);
	g_clear_pointer(&protector->signer, gpgme_key_unref);
	gpgme_error_t why = gpgme_get_key(protector->context, fingerprint, &protector->signer, 0);
	return why ? why : gpgme_signers_add(protector->context, protector->signer);
}

/* RFC 3156 §5 names the digest; NULL below SHA-256. */
static const char *
micalg(gpgme_hash_algo_t algorithm)
{
	static const struct { gpgme_hash_algo_t algorithm; const char *name; } table[] = {
		{ GPGME_MD_SHA256, "pgp-sha256" },
		{ GPGME_MD_SHA384, "pgp-sha384" },
		{ GPGME_MD_SHA512, "pgp-sha512" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].algorithm == algorithm)
			return table[i].name;
	return NULL;
}

static bool
is_key_of(gpgme_key_t key, const char *fingerprint)
{
	for (gpgme_subkey_t sub = key->subkeys; sub; sub = sub->next)
		if (sub->fpr && fingerprint && strcmp(sub->fpr, fingerprint) == 0)
			return true;
	return false;
}

const char *
protector_digest(struct protector *protector)
{
	gpgme_sign_result_t result = gpgme_op_sign_result(protector->context);
	gpgme_new_signature_t made = result ? result->signatures : NULL;

	if (!made || made->next || !is_key_of(protector->signer, made->fpr))
		return NULL;
	return micalg(made->hash_algo);
}

static enum outcome
sign(struct protector *protector, GBytes *entity, GBytes **signature, const char **digest,
	GError **error)
{
	gsize size;
	const char *text = g_bytes_get_data(entity, &size);
	g_autoptr(engine_data) in = NULL;
	g_autoptr(engine_data) out = NULL;
	gpgme_error_t why = gpgme_data_new_from_mem(&in, text, size, 0);

	if (why == 0)
		why = gpgme_data_new(&out);
	if (why == 0) {
		struct engine_run run;

		engine_begin(protector->context, &run);
		why = engine_end(protector->context, &run, gpgme_op_sign_start(protector->context,
			in, out, GPGME_SIG_MODE_DETACH));
	}
	if (why != 0)
		return engine_fail(error, is_agent_fault(why) ? LATER : NEVER, "sign", why);
	*digest = protector_digest(protector);
	if (!*digest)
		return fail(error, NEVER,
			"protect: gpg did not make one signature by our key, SHA-256 or better");
	*signature = engine_take(g_steal_pointer(&out));
	return DONE;
}

/* ---- the entity ------------------------------------------------------------------------- */

void
append_crlf(GString *out, GBytes *armor)
{
	gsize size;
	const char *text = g_bytes_get_data(armor, &size);

	for (gsize i = 0; i < size; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			g_string_append_c(out, '\r');
		g_string_append_c(out, text[i]);
	}
}

static GBytes *
assemble(GBytes *entity, GBytes *signature, const char *digest, const char *boundary)
{
	gsize size;
	const char *text = g_bytes_get_data(entity, &size);
	GString *out = g_string_sized_new(size + 2048);

	g_string_append_printf(out,
		"Content-Type: multipart/signed; micalg=\"%s\";\r\n"
		"\tprotocol=\"application/pgp-signature\";\r\n"
		"\tboundary=\"%s\"\r\n"
		"\r\n"
		"--%s\r\n", digest, boundary, boundary);
	g_string_append_len(out, text, (gssize)size);
	g_string_append_printf(out,
		"\r\n--%s\r\n"
		"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n"
		"Content-Description: OpenPGP digital signature\r\n"
		"Content-Disposition: attachment; filename=\"signature.asc\"\r\n"
		"\r\n", boundary);
	append_crlf(out, signature);
	g_string_append_printf(out, "\r\n--%s--\r\n", boundary);
	return g_string_free_to_bytes(out);
}

enum outcome
protect_sign(struct protector *protector, GBytes *entity, const char *fingerprint,
	const char *boundary, GBytes **out, bool *agent_fault, GError **error)
{
	g_autoptr(GBytes) signature = NULL;
	const char *digest = NULL;

	*out = NULL;
	*agent_fault = false;
	if (entity_check(entity, boundary, error) != DONE)
		return NEVER;
	gpgme_error_t why = protector_choose(protector, fingerprint);
	if (why != 0) {
		*agent_fault = true;
		return engine_fail(error, LATER, "our key is not in the private home", why);
	}
	enum outcome how = sign(protector, entity, &signature, &digest, error);
	*agent_fault = how == LATER;
	if (how != DONE)
		return how;
	if (g_bytes_get_size(signature) > SIGNATURE_MAX ||
	    boundary_check(signature, boundary, NULL) != DONE)
		return fail(error, NEVER, "protect: the signature cannot stand in this entity");
	*out = assemble(entity, signature, digest, boundary);
	return DONE;
}
