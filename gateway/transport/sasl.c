/* SPDX-License-Identifier: ISC
 *
 * sasl: what a client says in PLAIN, LOGIN, SCRAM-SHA-256 (by GnuTLS's hashes), OAUTHBEARER and
 * XOAUTH2.  Knows neither IMAP nor SMTP, sends nothing.  Texts that hold a password or a token, or
 * what stands for one, are wiped before they are freed.
 */
#include "transport/sasl.h"

#include <gnutls/crypto.h>
#include <string.h>

#define KEY		32		/* bytes of SHA-256 */
#define NONCE		24		/* letters of 5 bits */
#define MESSAGE_MAX	4096		/* bytes of one message of the server, decoded */
#define SALT_MAX	1024
#define ROUNDS_LEAST	4096		/* RFC 7677 */
#define ROUNDS_MOST	1000000		/* about a second */
#define STATUS_MAX	32		/* letters of a status */

struct scram {
	char *password, *bare;		/* client-first-message-bare */
	char *nonce;
	guint8 server_signature[KEY];
	bool is_ready;			/* the line above holds */
};

/* ---- secrets ------------------------------------------------------------------------------- */

void
secret_free(char *text)
{
	if (!text)
		return;
	wipe(text, strlen(text));
	g_free(text);
}

char *
sasl_plain(const char *user, const char *password)
{
	gsize size = strlen(user) + strlen(password) + 2;
	guint8 *message = g_malloc0(size + 1);
	char *code;

	memcpy(message + 1, user, strlen(user));
	memcpy(message + 2 + strlen(user), password, strlen(password));
	code = g_base64_encode(message, size);
	wipe(message, size);
	g_free(message);
	return code;
}

char *
sasl_login(const char *text)
{
	return g_base64_encode((const guchar *) text, strlen(text));
}

/* ---- names ---------------------------------------------------------------------------------- */

/* RFC 5802 §5.1: two letters of a name have a meaning of their own in a message. */
static char *
saslname(const char *user)
{
	GString *name = g_string_new(NULL);

	for (const char *p = user; *p != '\0'; p++)
		if (*p == '=' || *p == ',')
			g_string_append_printf(name, "=%02X", *p);
		else
			g_string_append_c(name, *p);
	return g_string_free(name, FALSE);
}

/* ---- tokens -------------------------------------------------------------------------------- */

static char *
coded(char *message)
{
	char *code = g_base64_encode((const guchar *) message, strlen(message));

	secret_free(message);
	return code;
}

char *
sasl_xoauth2(const char *user, const char *token)
{
	return coded(g_strdup_printf("user=%s\001auth=Bearer %s\001\001", user, token));
}

char *
sasl_oauthbearer(const char *user, const char *host, guint port, const char *token)
{
	g_autofree char *name = saslname(user);

	/* RFC 7628 §3.1; the name is a saslname of RFC 5801 */
	return coded(g_strdup_printf("n,a=%s,\001host=%s\001port=%u\001auth=Bearer %s\001\001",
		name, host, port, token));
}

char *
sasl_token_status(const char *challenge)
{
	gsize size = 0, n;
	g_autofree guchar *bytes = strlen(challenge) <= MESSAGE_MAX ?
		g_base64_decode(challenge, &size) : NULL;
	g_autofree char *text = g_strndup(bytes ? (const char *) bytes : "", size);
	const char *at = strstr(text, "\"status\"");

	if (!at)
		return g_strdup("");
	at += strlen("\"status\"");
	at += strspn(at, " \t\r\n:\"");
	for (n = 0; n < STATUS_MAX && (g_ascii_isalnum(at[n]) || at[n] == '_'); n++)
		;
	return g_strndup(at, n);
}

/* ---- SCRAM --------------------------------------------------------------------------------- */

struct scram *
scram_new_with(const char *user, const char *password, const char *nonce)
{
	struct scram *scram = g_new0(struct scram, 1);
	g_autofree char *name = saslname(user);

	scram->password = g_strdup(password);
	scram->nonce = g_strdup(nonce);
	scram->bare = g_strdup_printf("n=%s,r=%s", name, nonce);
	return scram;
}

struct scram *
scram_new(const char *user, const char *password)
{
	g_autofree char *nonce = random_code(NONCE);

	return scram_new_with(user, password, nonce);
}

void
scram_free(struct scram *scram)
{
	if (!scram)
		return;
	secret_free(scram->password);
	wipe(scram->server_signature, KEY);
	g_free(scram->bare);
	g_free(scram->nonce);
	g_free(scram);
}

char *
scram_first(struct scram *scram)
{
	g_autofree char *message = g_strconcat("n,,", scram->bare, NULL);

	return g_base64_encode((const guchar *) message, strlen(message));
}

/* A message of the server as text; NULL with NEVER. */
static char *
decode(const char *code, GError **error)
{
	gsize size = 0;
	g_autofree guchar *bytes = NULL;

	if (strlen(code) <= MESSAGE_MAX)
		bytes = g_base64_decode(code, &size);
	if (size == 0 || memchr(bytes, '\0', size)) {
		fail(error, NEVER, "SCRAM: a message of the server cannot be read");
		return NULL;
	}
	return g_strndup((const char *) bytes, size);
}

/* The value of "x=VALUE" where it must stand; g_free(), or NULL. */
static char *
attribute(char *const *parts, guint n, char letter)
{
	if (g_strv_length((char **) parts) <= n || parts[n][0] != letter || parts[n][1] != '=')
		return NULL;
	return g_strdup(parts[n] + 2);
}

static void
hmac(const guint8 key[KEY], const char *text, guint8 out[KEY])
{
	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, KEY, text, strlen(text), out) < 0)
		panic("HMAC");
}

static void
salt_password(const char *password, const guint8 *salt, gsize size, guint rounds, guint8 out[KEY])
{
	const gnutls_datum_t key = { (unsigned char *) password, (unsigned) strlen(password) };
	const gnutls_datum_t datum = { (unsigned char *) salt, (unsigned) size };

	if (gnutls_pbkdf2(GNUTLS_MAC_SHA256, &key, &datum, rounds, out, KEY) < 0)
		panic("PBKDF2");
}

/* Our proof, and the server's, from "client-first-bare,server-first,client-final-without-proof". */
static char *
prove(struct scram *scram, const guint8 salted[KEY], const char *message)
{
	guint8 client[KEY], stored[KEY], signature[KEY], server[KEY];
	char *code;

	hmac(salted, "Client Key", client);
	digest_bytes(client, KEY, stored);
	hmac(stored, message, signature);
	for (gsize i = 0; i < KEY; i++)
		signature[i] ^= client[i];
	code = g_base64_encode(signature, KEY);
	hmac(salted, "Server Key", server);
	hmac(server, message, scram->server_signature);
	scram->is_ready = true;
	wipe(client, KEY);
	wipe(stored, KEY);
	wipe(signature, KEY);
	wipe(server, KEY);
	return code;
}

struct offer { char *nonce; guint8 *salt; gsize salt_size; guint64 rounds; };

static bool
read_offer(const struct scram *scram, const char *text, struct offer *offer)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", 4);
	g_autofree char *salt = attribute(parts, 1, 's'), *rounds = attribute(parts, 2, 'i');

	offer->nonce = attribute(parts, 0, 'r');
	if (!offer->nonce || !salt || !rounds)
		return false;
	/* It must have added to ours: else it replays somebody else's exchange. */
	if (!g_str_has_prefix(offer->nonce, scram->nonce) ||
	    strlen(offer->nonce) == strlen(scram->nonce))
		return false;
	offer->salt = g_base64_decode(salt, &offer->salt_size);
	return offer->salt_size > 0 && offer->salt_size <= SALT_MAX &&
		g_ascii_string_to_unsigned(rounds, 10, ROUNDS_LEAST, ROUNDS_MOST, &offer->rounds,
			NULL);
}

char *
scram_final(struct scram *scram, const char *challenge, GError **error)
{
	g_autofree char *text = decode(challenge, error);
	struct offer offer = { 0 };
	guint8 salted[KEY];
	char *code = NULL;

	if (!text)
		return NULL;
	if (read_offer(scram, text, &offer)) {
		g_autofree char *unproven = g_strconcat("c=biws,r=", offer.nonce, NULL);
		g_autofree char *message = g_strconcat(scram->bare, ",", text, ",", unproven, NULL);
		g_autofree char *proof = NULL, *final = NULL;

		salt_password(scram->password, offer.salt, offer.salt_size, (guint) offer.rounds,
			salted);
		proof = prove(scram, salted, message);
		wipe(salted, KEY);
		final = g_strconcat(unproven, ",p=", proof, NULL);
		code = g_base64_encode((const guchar *) final, strlen(final));
	} else {
		fail(error, NEVER, "SCRAM: the server's challenge breaks the rules (nonce, salt, "
			"or rounds not within %d and %d)", ROUNDS_LEAST, ROUNDS_MOST);
	}
	g_free(offer.nonce);
	g_free(offer.salt);
	return code;
}

enum outcome
scram_verify(struct scram *scram, const char *proof, GError **error)
{
	g_autofree char *text = decode(proof, error), *value = NULL;
	g_autofree guint8 *bytes = NULL;
	gsize size = 0;

	if (!text)
		return NEVER;

	g_auto(GStrv) parts = g_strsplit(text, ",", 2);

	value = attribute(parts, 0, 'v');
	if (value)
		bytes = g_base64_decode(value, &size);
	if (!scram->is_ready || size != KEY ||
	    !equal_constant_time(bytes, scram->server_signature, KEY))
		return fail(error, NEVER, "SCRAM: the server does not prove that it knows the "
			"password");
	return DONE;
}
