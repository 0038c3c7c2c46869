/* SPDX-License-Identifier: ISC
 *
 * trust: chain, validity and name by GnuTLS against the system's CAs or the site's own, or one
 * pinned public key in place of all that (RFC 7858 §4.2 style, for private and wrong-name
 * certificates).  Relies on the handshake to prove that the server holds the key.  What is
 * refused is printed in full, so that a person can compare and configure it.
 */
#include "transport/trust.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>
#include <syslog.h>

#define PIN_PREFIX	"sha256/"
#define CHAIN_MAX	8	/* certificates of a chain that are printed */
#define NAME_MAX_SHOWN	100	/* bytes of one distinguished name */

struct trust {
	const struct server_settings *settings;
	gnutls_certificate_credentials_t credentials, own;	/* own: or NULL, to be freed */
	guint8 pin[DIGEST_SIZE];
	char *refusal;
	gint64 until;
};

/* ---- preparing ----------------------------------------------------------------------------- */

static enum outcome
read_pin(struct trust *trust, GError **error)
{
	const char *text = trust->settings->tls_pin;
	g_autofree guchar *bytes = NULL;
	gsize size = 0;

	if (g_str_has_prefix(text, PIN_PREFIX))
		bytes = g_base64_decode(text + strlen(PIN_PREFIX), &size);
	if (size != DIGEST_SIZE)
		return fail(error, NEVER, "tls_pin must be " PIN_PREFIX
			" and 44 letters of base64");
	memcpy(trust->pin, bytes, DIGEST_SIZE);
	return DONE;
}

static gnutls_certificate_credentials_t
credentials_new(void)
{
	gnutls_certificate_credentials_t credentials;

	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		fatal(71, "no memory for certificates");
	return credentials;
}

/* The CAs of this process, read at its first connection: a file that is replaced later lies
 * outside its jail.  A reload starts it anew. */
static struct { char *file; gnutls_certificate_credentials_t credentials; } loaded;

static enum outcome
read_cas(struct trust *trust, GError **error)
{
	const char *file = trust->settings->ca_file;
	gnutls_certificate_credentials_t fresh;
	int n;

	if (loaded.credentials && g_strcmp0(loaded.file, file) == 0) {
		trust->credentials = loaded.credentials;
		return DONE;
	}
	fresh = credentials_new();
	if (file)
		n = gnutls_certificate_set_x509_trust_file(fresh, file, GNUTLS_X509_FMT_PEM);
	else
		n = gnutls_certificate_set_x509_system_trust(fresh);
	if (n > 0) {
		if (loaded.credentials)
			gnutls_certificate_free_credentials(loaded.credentials);
		g_free(loaded.file);
		loaded.file = g_strdup(file);
		trust->credentials = loaded.credentials = fresh;
		return DONE;
	}
	gnutls_certificate_free_credentials(fresh);
	return fail(error, NEVER, "%s: no CA can be read from it%s%s", file ? file :
		"the system's CAs (Debian: ca-certificates)", n < 0 ? ": " : "",
		n < 0 ? gnutls_strerror(n) : "");
}

enum outcome
trust_new(const struct server_settings *settings, struct trust **out, GError **error)
{
	struct trust *trust = g_new0(struct trust, 1);
	enum outcome how;

	trust->settings = settings;
	trust->until = -1;
	if (settings->tls_pin) {
		trust->own = trust->credentials = credentials_new();
		how = read_pin(trust, error);
	} else {
		how = read_cas(trust, error);
	}
	if (how != DONE)
		g_clear_pointer(&trust, trust_free);
	*out = trust;
	return how;
}

void
trust_free(struct trust *trust)
{
	if (!trust)
		return;
	if (trust->own)
		gnutls_certificate_free_credentials(trust->own);
	g_free(trust->refusal);
	g_free(trust);
}

/* ---- one certificate ----------------------------------------------------------------------- */

static gnutls_x509_crt_t
certificate_of(const gnutls_datum_t *der)
{
	gnutls_x509_crt_t certificate;

	if (gnutls_x509_crt_init(&certificate) < 0)
		fatal(71, "no memory for a certificate");
	if (gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) < 0) {
		gnutls_x509_crt_deinit(certificate);
		return NULL;
	}
	return certificate;
}

/* SHA-256 of the key's SubjectPublicKeyInfo. */
static bool
key_digest(gnutls_x509_crt_t certificate, guint8 out[DIGEST_SIZE])
{
	gnutls_pubkey_t key;
	gnutls_datum_t der = { NULL, 0 };
	bool good;

	if (gnutls_pubkey_init(&key) < 0)
		fatal(71, "no memory for a key");
	good = gnutls_pubkey_import_x509(key, certificate, 0) == 0 &&
		gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der) == 0;
	if (good)
		digest_bytes(der.data, der.size, out);
	gnutls_free(der.data);
	gnutls_pubkey_deinit(key);
	return good;
}

static char *
pin_text(gnutls_x509_crt_t certificate)
{
	guint8 digest[DIGEST_SIZE];
	g_autofree char *code = NULL;

	if (!key_digest(certificate, digest))
		return g_strdup("(no key)");
	code = g_base64_encode(digest, sizeof digest);
	return g_strconcat(PIN_PREFIX, code, NULL);
}

/* A name as RFC 4514 text; what is no printable text in it is shown as a question mark. */
static char *
name_text(gnutls_x509_crt_t certificate, int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned))
{
	gnutls_datum_t name = { NULL, 0 };
	g_autofree char *raw = NULL;
	char *text;

	if (get(certificate, &name, 0) < 0)
		return g_strdup("(no name)");
	raw = g_strndup((const char *) name.data, MIN(name.size, NAME_MAX_SHOWN));
	gnutls_free(name.data);
	text = g_utf8_make_valid(raw, -1);
	for (char *p = text; *p != '\0'; p++)
		if ((guchar) *p < ' ' || *p == 0x7f)
			*p = '?';
	return text;
}

static char *
day_text(time_t when)
{
	g_autofree char *full = when == (time_t) -1 ? NULL : clock_rfc3339((gint64) when * 1000);

	return full ? g_strndup(full, strlen("2026-11-22")) : g_strdup("?");
}

/* ---- the verdict --------------------------------------------------------------------------- */

static void
log_level(const struct trust *trust, guint level, gnutls_x509_crt_t certificate, GString *chain)
{
	g_autofree char *subject = name_text(certificate, gnutls_x509_crt_get_dn3);
	g_autofree char *issuer = name_text(certificate, gnutls_x509_crt_get_issuer_dn3);
	g_autofree char *from = day_text(gnutls_x509_crt_get_activation_time(certificate));
	g_autofree char *until = day_text(gnutls_x509_crt_get_expiration_time(certificate));
	g_autofree char *pin = pin_text(certificate);
	g_autofree char *shown = log_quote(subject), *by = log_quote(issuer);
	g_autofree char *host = log_quote(trust->settings->host);

	log_event(LOG_WARNING, "certificate-refused",
		"host=%s level=%u subject=%s issuer=%s from=%s until=%s pin=%s", host, level,
		shown, by, from, until, pin);
	g_string_append_printf(chain, "%s[%u] subject %s, issuer %s, valid %s to %s, key %s",
		level > 0 ? "; " : "", level, subject, issuer, from, until, pin);
}

/* What is wrong and what to write where, before the chain: a reason may be cut on its way. */
static void
refuse(struct trust *trust, const char *why, const gnutls_datum_t *list, guint n)
{
	g_autoptr(GString) chain = g_string_new(NULL);
	g_autofree char *pin = NULL;

	for (guint level = 0; level < n && level < CHAIN_MAX; level++) {
		gnutls_x509_crt_t certificate = certificate_of(&list[level]);

		if (!certificate)
			continue;
		if (!pin)
			pin = pin_text(certificate);
		log_level(trust, level, certificate, chain);
		gnutls_x509_crt_deinit(certificate);
	}
	g_free(trust->refusal);
	trust->refusal = g_strdup_printf("certificate refused: %s.  If it is the right one, set "
		"tls_pin = \"%s\", or ca_file to its CA.  Presented: %s", why,
		pin ? pin : "?", chain->len > 0 ? chain->str : "nothing");
}

/* GnuTLS's sentences in one, without the first, which says no more than ours. */
static char *
status_text(unsigned status)
{
	static const struct { unsigned bit; const char *text; } words[] = {
		{ GNUTLS_CERT_UNEXPECTED_OWNER, "it is for another host name" },
		{ GNUTLS_CERT_EXPIRED, "it has expired" },
		{ GNUTLS_CERT_NOT_ACTIVATED, "it is not valid yet" },
		{ GNUTLS_CERT_REVOKED, "it is revoked" },
		{ GNUTLS_CERT_SIGNER_NOT_FOUND, "no known CA signed it" },
		{ GNUTLS_CERT_SIGNER_NOT_CA, "its signer is no CA" },
		{ GNUTLS_CERT_INSECURE_ALGORITHM, "its algorithm is too weak" },
		{ GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong" },
		{ GNUTLS_CERT_PURPOSE_MISMATCH, "it is not for servers" },
		{ GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, "its CA may not sign it" },
	};
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (status & words[i].bit)
			g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
				words[i].text);
	if (text->len == 0)
		g_string_append_printf(text, "GnuTLS status %#x", status);
	return g_string_free(text, FALSE);
}

static bool
is_pinned_key(struct trust *trust, gnutls_x509_crt_t certificate)
{
	guint8 digest[DIGEST_SIZE];

	return key_digest(certificate, digest) &&
		equal_constant_time(digest, trust->pin, sizeof digest);
}

/* NULL: believed.  g_free(). */
static char *
doubt(struct trust *trust, gnutls_session_t session, gnutls_x509_crt_t certificate)
{
	gnutls_typed_vdata_st wanted[] = {
		{ GNUTLS_DT_DNS_HOSTNAME, (void *) trust->settings->host, 0 },
		{ GNUTLS_DT_KEY_PURPOSE_OID, (void *) GNUTLS_KP_TLS_WWW_SERVER, 0 },
	};
	unsigned status = 0;

	if (trust->settings->tls_pin)
		return is_pinned_key(trust, certificate) ? NULL :
			g_strdup("its key is not the one of tls_pin");
	if (gnutls_certificate_verify_peers(session, wanted, G_N_ELEMENTS(wanted), &status) < 0)
		return g_strdup("it cannot be verified");
	return status == 0 ? NULL : status_text(status);
}

/* Within the handshake, before our Finished: other than 0 ends it. */
static int
judge(gnutls_session_t session)
{
	struct trust *trust = gnutls_session_get_ptr(session);
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	gnutls_x509_crt_t certificate = list && n > 0 ? certificate_of(&list[0]) : NULL;
	g_autofree char *why = NULL;

	if (certificate) {
		trust->until = (gint64) gnutls_x509_crt_get_expiration_time(certificate);
		why = doubt(trust, session, certificate);
		gnutls_x509_crt_deinit(certificate);
	} else {
		why = g_strdup("there is none that can be read");
	}
	if (!why)
		return 0;
	refuse(trust, why, list, n);
	return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static bool
is_address(const char *host)
{
	guint8 bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

void
trust_attach(struct trust *trust, gnutls_session_t session)
{
	const char *host = trust->settings->host;

	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust->credentials);
	if (!is_address(host))
		gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, strlen(host));
	gnutls_session_set_ptr(session, trust);
	gnutls_session_set_verify_function(session, judge);
}

const char *
trust_refusal(const struct trust *trust)
{
	return trust->refusal;
}

gint64
trust_until(const struct trust *trust)
{
	return trust->until;
}

bool
trust_is_pinned(const struct trust *trust)
{
	return trust->settings->tls_pin != NULL;
}
