/* SPDX-License-Identifier: ISC
 *
 * forge: OpenPGP certificates and signatures put together octet by octet (RFC 4880 §5.2, §5.5), for
 * what no gpg would make: user ids that expire, keys of others among one's own, dates before birth.
 */
#ifndef UNGCUU_CRYPTO_FORGE_H
#define UNGCUU_CRYPTO_FORGE_H

#include <glib.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <string.h>

#define FLAG_CERTIFY	1
#define FLAG_SIGN	2
#define FLAG_ENCRYPT	4
#define FLAG_LOGIN	32

/* An ed25519 key; or one to encrypt to, whose secret half nobody has (key is NULL then). */
struct forge { gnutls_privkey_t key; guint8 body[64]; gsize size; char fingerprint[41]; };
/* What a signature says of itself.  Times in s; 0: says nothing. */
struct claim { guint8 type, flags; guint32 at, expires, key_expires; const struct forge *back; };

static inline void
forge_number(GByteArray *out, guint octets, guint64 value)
{
	while (octets-- > 0)
		g_byte_array_append(out, (const guint8[]){ (guint8)(value >> 8 * octets) }, 1);
}

static inline void
forge_packet(GByteArray *out, guint tag, const guint8 *body, gsize size)
{
	forge_number(out, 1, 0xc0 | tag);
	forge_number(out, 1, 0xff);
	forge_number(out, 4, size);
	g_byte_array_append(out, body, (guint)size);
}

static inline void
forge_body(struct forge *forge, guint32 created, const char *curve, const void *point,
	const char *end)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);

	forge_number(body, 1, 4);
	forge_number(body, 4, created);
	g_byte_array_append(body, (const guint8 *)curve, (guint)strlen(curve));
	forge_number(body, 3, 0x010740);	/* 263 bits, the point as it is */
	g_byte_array_append(body, point, 32);
	g_byte_array_append(body, (const guint8 *)end, (guint)strlen(end));
	g_assert_cmpuint(body->len, <=, sizeof forge->body);
	memcpy(forge->body, body->data, body->len);
	forge->size = body->len;
	g_checksum_update(sum, (const guint8[]){ 0x99, 0, (guint8)body->len }, 3);
	g_checksum_update(sum, forge->body, (gssize)forge->size);
	for (guint i = 0; i < 41; i++)
		forge->fingerprint[i] = g_ascii_toupper(g_checksum_get_string(sum)[i]);
}

static inline void
forge_key(struct forge *forge, guint32 created)
{
	gnutls_datum_t x;

	g_assert_cmpint(gnutls_privkey_init(&forge->key), ==, 0);
	g_assert_cmpint(gnutls_privkey_generate(forge->key, GNUTLS_PK_EDDSA_ED25519,
				GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519), 0), ==, 0);
	g_assert_cmpint(gnutls_privkey_export_ecc_raw2(forge->key, NULL, &x, NULL, NULL, 0), ==, 0);
	g_assert_cmpuint(x.size, ==, 32);
	forge_body(forge, created, "\x16\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", x.data, "");
	gnutls_free(x.data);
}

static inline void
forge_encryption_key(struct forge *forge, guint32 created)
{
	guint8 point[32];

	g_assert_cmpint(gnutls_rnd(GNUTLS_RND_NONCE, point, sizeof point), ==, 0);
	point[31] &= 0x7f;
	forge->key = NULL;
	forge_body(forge, created, "\x12\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01", point,
		"\x03\x01\x0a\x09");
}

static inline void
forge_free(struct forge *forge)
{
	if (forge->key)
		gnutls_privkey_deinit(forge->key);
}

static inline void
forge_subpacket(GByteArray *out, guint8 type, const guint8 *bytes, gsize size)
{
	g_assert_cmpuint(size, <, 191);
	forge_number(out, 1, size + 1);
	forge_number(out, 1, type);
	g_byte_array_append(out, bytes, (guint)size);
}

static inline void
forge_time(GByteArray *out, guint8 type, guint32 value)
{
	const guint8 octets[] = { (guint8)(value >> 24), (guint8)(value >> 16),
		(guint8)(value >> 8), (guint8)value };

	if (value != 0)
		forge_subpacket(out, type, octets, sizeof octets);
}

static inline GByteArray *forge_sign(const struct forge *signer, const struct claim *claim,
	const GByteArray *about);

static inline void
forge_claims(GByteArray *out, const struct forge *signer, const struct claim *claim,
	const GByteArray *about)
{
	guint8 issuer[21] = { 4 };

	for (guint i = 0; i < 20; i++)
		issuer[1 + i] = (guint8)(g_ascii_xdigit_value(signer->fingerprint[2 * i]) << 4 |
			g_ascii_xdigit_value(signer->fingerprint[2 * i + 1]));
	forge_subpacket(out, 33, issuer, sizeof issuer);
	forge_subpacket(out, 16, issuer + 13, 8);
	forge_time(out, 2, claim->at);
	forge_time(out, 3, claim->expires);
	forge_time(out, 9, claim->key_expires);
	if (claim->flags)
		forge_subpacket(out, 27, &claim->flags, 1);
	if (claim->back) {
		g_autoptr(GByteArray) back = forge_sign(claim->back,
			&(struct claim){ .type = 0x19, .at = claim->at }, about);

		forge_subpacket(out, 32, back->data, back->len);
	}
}

/* The body of a version 4 signature over `about`. */
static inline GByteArray *
forge_sign(const struct forge *signer, const struct claim *claim, const GByteArray *about)
{
	g_autoptr(GByteArray) claims = g_byte_array_new(), hashed = g_byte_array_new();
	GByteArray *out = g_byte_array_new();
	guint8 digest[64];
	gnutls_datum_t made, of = { digest, sizeof digest };

	forge_claims(claims, signer, claim, about);
	forge_number(out, 1, 4);
	forge_number(out, 1, claim->type);
	forge_number(out, 2, 22 << 8 | 10);	/* EdDSA, SHA-512 */
	forge_number(out, 2, claims->len);
	g_byte_array_append(out, claims->data, claims->len);
	g_byte_array_append(hashed, about->data, about->len);
	g_byte_array_append(hashed, out->data, out->len);
	forge_number(hashed, 2, 0x04ff);
	forge_number(hashed, 4, out->len);
	g_assert_cmpint(gnutls_hash_fast(GNUTLS_DIG_SHA512, hashed->data, hashed->len, digest), ==,
		0);
	g_assert_cmpint(gnutls_privkey_sign_data2(signer->key, GNUTLS_SIGN_EDDSA_ED25519, 0, &of,
				&made), ==, 0);
	forge_number(out, 2, 0);
	g_byte_array_append(out, digest, 2);
	for (guint half = 0; half < 2; half++) {
		guint skip = 0;

		while (skip < 31 && made.data[32 * half + skip] == 0)
			skip++;
		forge_number(out, 2, 8 * (31 - skip) + g_bit_storage(made.data[32 * half + skip]));
		g_byte_array_append(out, made.data + 32 * half + skip, 32 - skip);
	}
	gnutls_free(made.data);
	return out;
}

static inline void
forge_hash_key(GByteArray *about, const struct forge *key)
{
	forge_number(about, 3, 0x99 << 16 | key->size);
	g_byte_array_append(about, key->body, (guint)key->size);
}

static inline GByteArray *
forge_certificate(const struct forge *primary)
{
	GByteArray *out = g_byte_array_new();

	forge_packet(out, 6, primary->body, primary->size);
	return out;
}

static inline void
forge_user(GByteArray *out, const struct forge *primary, const char *user,
	const struct claim *claim)
{
	g_autoptr(GByteArray) about = g_byte_array_new();
	struct claim self = *claim;

	self.type = 0x13;
	forge_hash_key(about, primary);
	forge_number(about, 1, 0xb4);
	forge_number(about, 4, strlen(user));
	g_byte_array_append(about, (const guint8 *)user, (guint)strlen(user));
	g_autoptr(GByteArray) signature = forge_sign(primary, &self, about);
	forge_packet(out, 13, (const guint8 *)user, strlen(user));
	forge_packet(out, 2, signature->data, signature->len);
}

static inline void
forge_subkey(GByteArray *out, const struct forge *primary, const struct forge *key,
	const struct claim *claim)
{
	g_autoptr(GByteArray) about = g_byte_array_new();
	struct claim binding = *claim;

	binding.type = 0x18;
	forge_hash_key(about, primary);
	forge_hash_key(about, key);
	g_autoptr(GByteArray) signature = forge_sign(primary, &binding, about);
	forge_packet(out, 14, key->body, key->size);
	forge_packet(out, 2, signature->data, signature->len);
}

static inline GBytes *
forge_detached(const struct forge *signer, GBytes *text, guint32 at, guint32 expires)
{
	g_autoptr(GByteArray) about = g_byte_array_new(), out = g_byte_array_new();

	g_byte_array_append(about, g_bytes_get_data(text, NULL), (guint)g_bytes_get_size(text));
	g_autoptr(GByteArray) signature = forge_sign(signer,
		&(struct claim){ .at = at, .expires = expires }, about);
	forge_packet(out, 2, signature->data, signature->len);
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

#endif
