/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/digest.c.  SHA-256 is held to FIPS 180; a plain HMAC and HKDF written here
 * on top of it are held to RFC 4231 and RFC 5869, and then tell what digest_keyed() and
 * key_derive() must give.
 */
#include "base/base.h"

#include <string.h>

/* ---- reference: HMAC (RFC 2104) and HKDF (RFC 5869) over digest_bytes() -------------- */

static void
reference_hmac(const guint8 *key, gsize key_size, GByteArray *data, guint8 out[DIGEST_SIZE])
{
	guint8 block[64] = { 0 }, pad[64], inner[DIGEST_SIZE];
	g_autoptr(GByteArray) text = g_byte_array_new();

	if (key_size > sizeof block)
		digest_bytes(key, key_size, block);
	else
		memcpy(block, key, key_size);
	for (gsize i = 0; i < sizeof pad; i++)
		pad[i] = block[i] ^ 0x36;
	g_byte_array_append(text, pad, sizeof pad);
	g_byte_array_append(text, data->data, data->len);
	digest_bytes(text->data, text->len, inner);
	for (gsize i = 0; i < sizeof pad; i++)
		pad[i] = block[i] ^ 0x5c;
	g_byte_array_set_size(text, 0);
	g_byte_array_append(text, pad, sizeof pad);
	g_byte_array_append(text, inner, sizeof inner);
	digest_bytes(text->data, text->len, out);
}

/* `size` bytes of output, as a new array. */
static GByteArray *
reference_hkdf(GByteArray *key, GByteArray *salt, GByteArray *info, gsize size)
{
	GByteArray *out = g_byte_array_new();
	guint8 extracted[DIGEST_SIZE], block[DIGEST_SIZE], zero[DIGEST_SIZE] = { 0 };

	reference_hmac(
		salt->len ? salt->data : zero, salt->len ? salt->len : sizeof zero, key, extracted);
	for (guint8 n = 1; out->len < size; n++) {
		g_autoptr(GByteArray) text = g_byte_array_new();

		if (n > 1)
			g_byte_array_append(text, block, sizeof block);
		g_byte_array_append(text, info->data, info->len);
		g_byte_array_append(text, &n, 1);
		reference_hmac(extracted, sizeof extracted, text, block);
		g_byte_array_append(out, block, (guint)MIN(sizeof block, size - out->len));
	}
	return out;
}

static GByteArray *
bytes_of_hex(const char *hex)
{
	GByteArray *out = g_byte_array_new();

	for (; *hex; hex += 2) {
		guint8 byte =
			(guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));

		g_byte_array_append(out, &byte, 1);
	}
	return out;
}

static char *
hex_of(const guint8 *data, gsize size)
{
	GString *out = g_string_new(NULL);

	for (gsize i = 0; i < size; i++)
		g_string_append_printf(out, "%02x", data[i]);
	return g_string_free(out, FALSE);
}

/* ---- published vectors --------------------------------------------------------------- */

/* FIPS 180-2 appendix B, and the empty message of NIST's CAVP. */
static const struct { const char *text; guint times; const char *hex; } sha256[] = {
	{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

/* RFC 4231 §4: key, data, HMAC-SHA-256. */
static const struct { const char *key, *data, *hex; } hmac[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
};

/* RFC 5869 appendix A: input key, salt, info, length, output. */
static const struct { const char *key, *salt, *info; gsize size; const char *hex; } hkdf[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9", 42,
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42,
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

static void
test_sha256(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(sha256); i++) {
		struct digest *digest = digest_new();
		guint8 out[DIGEST_SIZE];

		for (guint n = 0; n < sha256[i].times; n++)
			digest_put(digest, sha256[i].text, strlen(sha256[i].text));
		digest_end(digest, out);
		g_autofree char *hex = digest_hex(out);
		g_assert_cmpstr(hex, ==, sha256[i].hex);
		if (sha256[i].times == 1) {
			digest_bytes(sha256[i].text, strlen(sha256[i].text), out);
			g_autofree char *again = digest_hex(out);
			g_assert_cmpstr(again, ==, sha256[i].hex);
		}
	}
}

/* Pieces larger than any buffer give the same. */
static void
test_pieces(void)
{
	g_autofree guint8 *data = g_malloc(100000);
	guint8 whole[DIGEST_SIZE], out[DIGEST_SIZE];
	const gsize pieces[] = { 1, 63, 4095, 4096, 4097, 50000 };

	for (gsize i = 0; i < 100000; i++)
		data[i] = (guint8)(i * 7 + i / 256);
	digest_bytes(data, 100000, whole);
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		struct digest *digest = digest_new();

		for (gsize at = 0; at < 100000; at += pieces[i])
			digest_put(digest, data + at, MIN(pieces[i], 100000 - at));
		digest_end(digest, out);
		g_assert_cmpmem(out, sizeof out, whole, sizeof whole);
	}
}

static void
test_reference(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(hmac); i++) {
		g_autoptr(GByteArray) key = bytes_of_hex(hmac[i].key),
				      data = bytes_of_hex(hmac[i].data);
		guint8 out[DIGEST_SIZE];

		reference_hmac(key->data, key->len, data, out);
		g_autofree char *hex = digest_hex(out);
		g_assert_cmpstr(hex, ==, hmac[i].hex);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(hkdf); i++) {
		g_autoptr(GByteArray) key = bytes_of_hex(hkdf[i].key),
				      salt = bytes_of_hex(hkdf[i].salt);
		g_autoptr(GByteArray) info = bytes_of_hex(hkdf[i].info);
		g_autoptr(GByteArray) out = reference_hkdf(key, salt, info, hkdf[i].size);
		g_autofree char *hex = hex_of(out->data, out->len);
		g_assert_cmpstr(hex, ==, hkdf[i].hex);
	}
}

static const guint8 some_key[32] = "0123456789abcdef0123456789abcde";

static void
put_part(GByteArray *out, const char *text)
{
	const guint8 length[8] = { 0, 0, 0, 0, 0, 0, 0, (guint8)strlen(text) };

	g_byte_array_append(out, length, sizeof length);
	g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static void
keyed(const char *purpose, const char *a, const char *b, guint8 out[DIGEST_SIZE])
{
	const struct hmac_part parts[] = { { a, strlen(a) }, { b, strlen(b) } };

	digest_keyed(some_key, purpose, parts, 2, out);
}

static void
test_keyed(void)
{
	g_autoptr(GByteArray) text = g_byte_array_new();
	guint8 expected[DIGEST_SIZE], out[DIGEST_SIZE], other[DIGEST_SIZE];

	put_part(text, "address");
	put_part(text, "an@example.vn");
	put_part(text, "");
	reference_hmac(some_key, 32, text, expected);
	keyed("address", "an@example.vn", "", out);
	g_assert_cmpmem(out, sizeof out, expected, sizeof expected);
	keyed("addres", "san@example.vn", "", other);
	g_assert_false(equal_constant_time(out, other, sizeof out));
	keyed("address", "an@example.v", "n", other);
	g_assert_false(equal_constant_time(out, other, sizeof out));
}

static void
test_derive(void)
{
	g_autoptr(GByteArray) key = g_byte_array_new(), salt = g_byte_array_new(),
			      info = g_byte_array_new();
	guint8 out[32], other[32];

	g_byte_array_append(key, some_key, 32);
	g_byte_array_append(info, (const guint8 *)"journal", 7);
	g_autoptr(GByteArray) expected = reference_hkdf(key, salt, info, 32);
	key_derive(some_key, "journal", out);
	g_assert_cmpmem(out, sizeof out, expected->data, expected->len);
	key_derive(some_key, "lookup", other);
	g_assert_false(equal_constant_time(out, other, sizeof out));
}

/* ---- text ---------------------------------------------------------------------------- */

static const struct { const char *in, *canonical; } texts[] = {
	{ "", "" },
	{ "a", "a" },
	{ "\n", "" }, { "\r", "" }, { "\r\n", "" }, { "\n\n\r\r\n", "" },
	{ "a\n", "a" }, { "a\r\n", "a" }, { "a\r", "a" },
	{ "a\nb", "a\r\nb" }, { "a\rb", "a\r\nb" }, { "a\r\nb", "a\r\nb" },
	{ "a\n\nb\n", "a\r\n\r\nb" },
	{ "a\r\rb", "a\r\n\r\nb" },
	{ "a\r\r\nb", "a\r\n\r\nb" },
	{ "a\n\rb", "a\r\n\r\nb" },
	{ "a\r\n\r\n\r\nb\r\n\r\n", "a\r\n\r\n\r\nb" },
	{ "\n\na", "\r\n\r\na" },
	{ "a \n b \r\n", "a \r\n b " },
};

/* Whole, and cut into three at every pair of places. */
static void
test_text(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		gsize n = strlen(texts[i].in);
		guint8 expected[DIGEST_SIZE], out[DIGEST_SIZE];

		digest_bytes(texts[i].canonical, strlen(texts[i].canonical), expected);
		for (gsize a = 0; a <= n; a++)
			for (gsize b = a; b <= n; b++) {
				struct digest *digest = digest_new();

				digest_put_text(digest, texts[i].in, a);
				digest_put_text(digest, texts[i].in + a, b - a);
				digest_put_text(digest, texts[i].in + b, n - b);
				digest_end(digest, out);
				g_assert_cmpmem(out, sizeof out, expected, sizeof expected);
			}
	}
}

/* ---- ids and codes ------------------------------------------------------------------- */

static void
test_ids(void)
{
	struct id a = id_new(), b = id_new(), c;
	g_autofree char *text = id_text(a);

	g_assert_cmpuint(strlen(text), ==, 32);
	g_assert_true(id_parse(text, &c));
	g_assert_true(id_equal(a, c));
	g_assert_false(id_equal(a, b));
	g_assert_false(id_is_null(a));
	g_assert_true(id_is_null((struct id){ { 0 } }));
	g_assert_true(id_parse("00112233445566778899AABBCCDDEEFF", &c));
	g_assert_cmpint(c.b[15], ==, 0xff);
	g_assert_false(id_parse("00112233445566778899aabbccddeef", &c));
	g_assert_false(id_parse("00112233445566778899aabbccddeeff0", &c));
	g_assert_false(id_parse("0011223344556677 899aabbccddeeff", &c));
	g_assert_false(id_parse("", &c));
	g_assert_false(id_parse(NULL, &c));
}

static const struct { const char *in, *out; } codes[] = {
	{ "0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdefghjkmnpqrstvwxyz" },
	{ "ABCDEFGHJKMNPQRSTVWXYZ", "abcdefghjkmnpqrstvwxyz" },
	{ "OoIiLl", "001111" },
	{ " ab-cd\tef\r\n", "abcdef" },
	{ "", "" },
	{ "abu", NULL },
	{ "abU", NULL },
	{ "a_b", NULL },
	{ "a.b", NULL },
	{ "\xe1\xbb\xa9", NULL },
};

static void
test_codes(void)
{
	guint seen[256] = { 0 };

	for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
		g_autofree char *out = code_normalize(codes[i].in);

		g_assert_cmpstr(out, ==, codes[i].out);
	}
	for (guint n = 0; n < 100; n++) {
		g_autofree char *code = random_code(40), *again = code_normalize(code);

		g_assert_cmpuint(strlen(code), ==, 40);
		g_assert_cmpstr(code, ==, again);
		for (const char *c = code; *c; c++)
			seen[(guint8)*c]++;
	}
	/* 4000 letters: each of the 32 comes; that one does not is a chance of 10^-54. */
	for (const char *c = codes[0].out; *c; c++)
		g_assert_cmpuint(seen[(guint8)*c], >, 0);
}

static void
test_wipe(void)
{
	char text[] = "secret";

	wipe(text, sizeof text);
	for (gsize i = 0; i < sizeof text; i++)
		g_assert_cmpint(text[i], ==, 0);
	wipe(NULL, 0);
	g_assert_true(equal_constant_time("abc", "abc", 3));
	g_assert_false(equal_constant_time("abc", "abd", 3));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/digest/sha256", test_sha256);
	g_test_add_func("/digest/pieces", test_pieces);
	g_test_add_func("/digest/reference", test_reference);
	g_test_add_func("/digest/keyed", test_keyed);
	g_test_add_func("/digest/derive", test_derive);
	g_test_add_func("/digest/text", test_text);
	g_test_add_func("/digest/ids", test_ids);
	g_test_add_func("/digest/codes", test_codes);
	g_test_add_func("/digest/wipe", test_wipe);
	return g_test_run();
}
