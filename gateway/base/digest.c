/* SPDX-License-Identifier: ISC
 *
 * digest: SHA-256, HMAC and HKDF (RFC 2104, RFC 5869) through GnuTLS, random names and codes,
 * and the three small things around secrets: compare in constant time, wipe, derive.  Randomness
 * is the kernel's, so that a forked child never repeats its parent's.  Refuses to go on (fatal)
 * when the library or the kernel fails: a digest that might be wrong is worse than a restart.
 */
#include "base/base.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

static void
must(int result, const char *what)
{
	if (result < 0)
		fatal(EX_SOFTWARE, "%s: %s", what, gnutls_strerror(result));
}

/* ---- random names and codes ---------------------------------------------------------- */

void
random_bytes(void *out, gsize size)
{
	guint8 *at = out;

	while (size > 0) {
		ssize_t n = getrandom(at, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			fatal(EX_OSERR, "getrandom: %s", g_strerror(errno));
		at += n;
		size -= (gsize)n;
	}
}

struct id
id_new(void)
{
	struct id id;

	random_bytes(id.b, sizeof id.b);
	return id;
}

bool
id_equal(struct id a, struct id b)
{
	return memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool
id_is_null(struct id id)
{
	return id_equal(id, (struct id){ { 0 } });
}

static char *
hex_text(const guint8 *bytes, gsize n)
{
	static const char digits[] = "0123456789abcdef";
	char *text = g_malloc(2 * n + 1);

	for (gsize i = 0; i < n; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * n] = '\0';
	return text;
}

static bool
hex_parse(const char *text, guint8 *out, gsize n)
{
	if (!text || strlen(text) != 2 * n)
		return false;
	for (gsize i = 0; i < n; i++) {
		int high = g_ascii_xdigit_value(text[2 * i]);
		int low = g_ascii_xdigit_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (guint8)(high << 4 | low);
	}
	return true;
}

char *
id_text(struct id id)
{
	return hex_text(id.b, sizeof id.b);
}

bool
id_parse(const char *text, struct id *out)
{
	return hex_parse(text, out->b, sizeof out->b);
}

/* Crockford's base 32: no letter that is read as another one, none that makes words. */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

char *
random_code(guint n)
{
	char *text = g_malloc((gsize)n + 1);

	random_bytes(text, n);
	for (guint i = 0; i < n; i++)
		text[i] = alphabet[(guint8)text[i] & 31];
	text[n] = '\0';
	return text;
}

char *
code_normalize(const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (; *text; text++) {
		char c = g_ascii_tolower(*text);

		if (c == '-' || g_ascii_isspace(c))
			continue;
		if (c == 'o')
			c = '0';
		if (c == 'i' || c == 'l')
			c = '1';
		if (!strchr(alphabet, c))
			return NULL;
		g_string_append_c(out, c);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- running SHA-256 ----------------------------------------------------------------- */

/* Text comes in short runs; hashing each alone would cost seconds on a hostile mail. */
#define TEXT_BUFFER 4096

struct digest {
	gnutls_hash_hd_t hash;
	guint64 line_ends;	/* seen, and not yet known to lie before the end of all data */
	bool after_cr;		/* the last byte was a CR: an LF now belongs to it */
	gsize n;
	guint8 buffer[TEXT_BUFFER];
};

struct digest *
digest_new(void)
{
	struct digest *digest = g_new0(struct digest, 1);

	must(gnutls_hash_init(&digest->hash, GNUTLS_DIG_SHA256), "SHA-256");
	return digest;
}

static void
flush(struct digest *digest)
{
	if (digest->n > 0)
		must(gnutls_hash(digest->hash, digest->buffer, digest->n), "SHA-256");
	digest->n = 0;
}

static void
put(struct digest *digest, const void *data, gsize size)
{
	if (size > TEXT_BUFFER - digest->n)
		flush(digest);
	if (size > TEXT_BUFFER) {
		must(gnutls_hash(digest->hash, data, size), "SHA-256");
	} else if (size > 0) {
		memcpy(digest->buffer + digest->n, data, size);
		digest->n += size;
	}
}

void
digest_put(struct digest *digest, const void *data, gsize size)
{
	for (; digest->line_ends > 0; digest->line_ends--)
		put(digest, "\r\n", 2);
	digest->after_cr = false;
	put(digest, data, size);
}

/* Line ends are only counted; whatever follows them brings them into the digest.  So those at
 * the very end of all data never count, and pieces may be cut anywhere, between CR and LF too. */
void
digest_put_text(struct digest *digest, const void *data, gsize size)
{
	const char *at = data, *end = at + size;

	while (at < end) {
		const char *stop = at;

		while (stop < end && *stop != '\r' && *stop != '\n')
			stop++;
		if (stop > at)
			digest_put(digest, at, (gsize)(stop - at));
		for (at = stop; at < end && (*at == '\r' || *at == '\n'); at++) {
			if (*at == '\r' || !digest->after_cr)
				digest->line_ends++;
			digest->after_cr = *at == '\r';
		}
	}
}

void
digest_end(struct digest *digest, guint8 out[DIGEST_SIZE])
{
	flush(digest);
	gnutls_hash_deinit(digest->hash, out);
	wipe(digest->buffer, sizeof digest->buffer);
	g_free(digest);
}

void
digest_bytes(const void *data, gsize size, guint8 out[DIGEST_SIZE])
{
	must(gnutls_hash_fast(GNUTLS_DIG_SHA256, size > 0 ? data : "", size, out), "SHA-256");
}

char *
digest_hex(const guint8 digest[DIGEST_SIZE])
{
	return hex_text(digest, DIGEST_SIZE);
}

bool
digest_parse(const char *hex, guint8 out[DIGEST_SIZE])
{
	return hex_parse(hex, out, DIGEST_SIZE);
}

/* ---- keyed --------------------------------------------------------------------------- */

/* The length before each part makes ("ab","c") and ("a","bc") differ. */
static void
hmac_put(gnutls_hmac_hd_t hmac, const void *data, gsize size)
{
	guint64 length = GUINT64_TO_BE((guint64)size);

	must(gnutls_hmac(hmac, &length, sizeof length), "HMAC");
	if (size > 0)
		must(gnutls_hmac(hmac, data, size), "HMAC");
}

void
digest_keyed(const guint8 key[32], const char *purpose, const struct hmac_part *parts, guint n,
	guint8 out[DIGEST_SIZE])
{
	gnutls_hmac_hd_t hmac;

	must(gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, key, 32), "HMAC");
	hmac_put(hmac, purpose, strlen(purpose));
	for (guint i = 0; i < n; i++)
		hmac_put(hmac, parts[i].data, parts[i].size);
	gnutls_hmac_deinit(hmac, out);
}

void
key_derive(const guint8 key[32], const char *purpose, guint8 out[32])
{
	guint8 extracted[DIGEST_SIZE];
	gnutls_datum_t input = { (unsigned char *)key, 32 }, salt = { NULL, 0 };
	gnutls_datum_t middle = { extracted, sizeof extracted };
	gnutls_datum_t info = { (unsigned char *)purpose, (unsigned)strlen(purpose) };

	must(gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &input, &salt, extracted), "HKDF");
	must(gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &middle, &info, out, 32), "HKDF");
	wipe(extracted, sizeof extracted);
}

bool
equal_constant_time(const void *a, const void *b, gsize size)
{
	return gnutls_memcmp(a, b, size) == 0;
}

void
wipe(void *data, gsize size)
{
	if (size > 0)
		explicit_bzero(data, size);
}
