/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/packets.c: framing and armour written by hand, octet by octet; no gpg.
 */
#include <glib.h>
#include <string.h>

#include "crypto/packets.h"

/* Hexadecimal digits with blanks; "*N" repeats the octet before it N times in all. */
static GBytes *
octets(const char *text)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	while (*text) {
		guint8 octet = 0;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (*text == '*') {
			guint64 n = g_ascii_strtoull(text + 1, (char **)&text, 10);

			octet = out->data[out->len - 1];
			while (--n > 0)
				g_byte_array_append(out, &octet, 1);
			continue;
		}
		octet = (guint8)(g_ascii_xdigit_value(text[0]) << 4 |
			g_ascii_xdigit_value(text[1]));
		g_byte_array_append(out, &octet, 1);
		text += 2;
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

/* ---- framing ---------------------------------------------------------------------------- */

static void
test_framing(void)
{
	/* data, what is read: "TAG:HEAD/SIZE" ... and how it ends */
	static const struct { const char *data, *expected; } rows[] = {
		{ "", "end" },
		{ "CB 03 616263", "11:3/3 end" },			/* new, one octet */
		{ "CB C0 00 41*192", "11:192/192 end" },		/* two octets */
		{ "CB DF FF 41*8383", "11:8383/8383 end" },
		{ "CB FF 00000003 616263", "11:3/3 end" },		/* five octets */
		{ "CB E1 6162 01 63", "11:2/3 end" },			/* partial 2, then 1 */
		{ "CB E1 6162 E1 6364 00", "11:2/4 end" },
		{ "AC 03 616263", "11:3/3 end" },			/* old, one octet */
		{ "AD 0003 616263", "11:3/3 end" },
		{ "AE 00000003 616263", "11:3/3 end" },
		{ "AF 616263", "11:3/3 end" },				/* open end */
		/* and it swallows the rest */
		{ "A3 61 CB 01 61", "8:4/4 end" },
		{ "CB 01 61 CB 01 62", "11:1/1 11:1/1 end" },
		{ "C1 00 D2 00", "1:0/0 18:0/0 end" },
		{ "41", "broken" },					/* no packet */
		{ "C0 00", "broken" },					/* tag 0 */
		{ "80 00", "broken" },
		{ "CB", "broken" },
		{ "CB 04 616263", "broken" },				/* longer than the data */
		{ "CB C0", "broken" },
		{ "CB FF 000000", "broken" },
		{ "CB FF FFFFFFFF 61", "broken" },
		{ "CB FE 61", "broken" },				/* partial of 2^30 */
		/* no end of the partial ones */
		{ "CB E1 6162", "broken" },
		{ "AE FFFFFFFF 61", "broken" },
		/* partial where it must not be */
		{ "C1 E1 6162 00", "broken" },
		/* open end where it must not be */
		{ "87 61", "broken" },
		{ "CB 01 61 00", "11:1/1 broken" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) data = octets(rows[i].data);
		struct packets packets = packets_of(data);
		struct packet packet;
		enum packet_step step;
		g_autoptr(GString) seen = g_string_new(NULL);

		while ((step = packets_next(&packets, &packet)) == PACKET_FOUND)
			g_string_append_printf(seen, "%u:%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT " ",
				packet.tag, packet.head, packet.size);
		g_string_append(seen, step == PACKET_END ? "end" : "broken");
		g_assert_cmpstr(seen->str, ==, rows[i].expected);
	}
}

/* ---- armour ----------------------------------------------------------------------------- */

#define BEGIN "-----BEGIN PGP MESSAGE-----\n"
#define END "-----END PGP MESSAGE-----\n"

static void
test_armor(void)
{
	static const struct { const char *text, *out; } rows[] = {	/* out NULL: refused */
		{ BEGIN "\nYWJj\n=abcd\n" END, "abc" },
		{ BEGIN "\r\nYWJj\r\n=abcd\r\n" END, "abc" },
		{ BEGIN "\nYWJj\n" END, "abc" },			/* no checksum: RFC 9580 */
		{ BEGIN "Version: x\nComment: y: z\n\nYWJj\n=abcd\n" END, "abc" },
		{ BEGIN "YWJj\n=abcd\n" END, "abc" },			/* the empty line lost */
		{ BEGIN "   \nYWJj  \n=abcd\t\n" END, "abc" },		/* blanks put there */
		{ BEGIN "\nYW\nJj\n\nYQ==\n=abcd\n" END, "abca" },
		{ "before\n\n" BEGIN "\nYWJj\n=abcd\n" END "after\n", "abc" },
		{ "-----BEGIN PGP SIGNATURE-----\n\nYWJj\n-----END PGP SIGNATURE-----", "abc" },
		{ "\xc1\x00", "\xc1" },					/* binary as it is */
		{ "", NULL },
		{ "text", NULL },
		{ BEGIN, NULL },
		{ BEGIN "\n", NULL },
		{ BEGIN "\nYWJj\n=abcd\n", NULL },			/* cut off */
		/* data behind the checksum */
		{ BEGIN "\nYWJj\n=abcd\nYWJj\n" END, NULL },
		{ BEGIN "\nYW Jj\n" END, NULL },
		{ BEGIN "\nYW\x01Jj\n" END, NULL },
		{ BEGIN "\nYWJj\n" END BEGIN "\nYWJj\n" END, NULL },	/* two */
		{ BEGIN "\nYWJj\n" BEGIN "\nYWJj\n" END, NULL },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) text = g_bytes_new_static(rows[i].text, strlen(rows[i].text));
		g_autoptr(GBytes) out = armor_strip(text);

		g_test_message("row %u", i);
		g_assert_cmpint(out != NULL, ==, rows[i].out != NULL);
		if (!out)
			continue;
		g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out), rows[i].out,
			strlen(rows[i].out));
	}
}

/* ---- encrypted messages -------------------------------------------------------------------- */

#define TO_A "C1 0C 03 00112233445566AA 16 0000 "
#define TO_B "C1 0C 03 00112233445566BB 16 0000 "
#define HIDDEN "C1 0C 03 0000000000000000 16 0000 "
#define NEW_TO "C1 0C 06 15 04 0011223344556677 00 "
#define PASSWORD "C3 04 04 09 00 08 "
#define MDC "D2 04 01 414243 "
#define A "00112233445566AA"
#define B "00112233445566BB"
#define NOBODY "0000000000000000"

static void
test_ciphertext(void)
{
	static const struct {
		const char *data;
		enum encryption word;
		const char *ids;
		guint hidden;
	} rows[] = {
		{ TO_A MDC, ENCRYPTION_DECRYPTED, A, 0 },
		{ TO_A TO_B MDC, ENCRYPTION_DECRYPTED, A " " B, 0 },
		{ HIDDEN TO_A MDC, ENCRYPTION_DECRYPTED, NOBODY " " A, 1 },
		{ TO_A PASSWORD MDC, ENCRYPTION_DECRYPTED, A, 0 },
		{ "CA 03 504750 " TO_A MDC, ENCRYPTION_DECRYPTED, A, 0 },	/* marker */
		{ TO_A "D2 E1 0141 01 42", ENCRYPTION_DECRYPTED, A, 0 },	/* partial */
		{ TO_A "D4 05 01 09 02 10 41", ENCRYPTION_DECRYPTED, A, 0 },	/* AEAD */
		/* for nobody we can be */
		{ NEW_TO MDC, ENCRYPTION_DECRYPTED, "", 0 },
		{ PASSWORD MDC, ENCRYPTION_UNSUPPORTED, "", 0 },
		/* SEIPD version 2 */
		{ TO_A "D2 04 02 09 02 10", ENCRYPTION_UNSUPPORTED, A, 0 },
		{ TO_A "D4 04 02 414243", ENCRYPTION_UNSUPPORTED, A, 0 },
		{ "", ENCRYPTION_MALFORMED, "", 0 },
		{ TO_A, ENCRYPTION_MALFORMED, A, 0 },				/* no data */
		{ MDC, ENCRYPTION_MALFORMED, "", 0 },				/* no key */
		{ TO_A "C9 04 01 414243", ENCRYPTION_MALFORMED, A, 0 },		/* no integrity */
		{ TO_A "A7 01 414243", ENCRYPTION_MALFORMED, A, 0 },
		{ PASSWORD "C9 04 01 414243", ENCRYPTION_MALFORMED, "", 0 },
		{ TO_A "D2 04 00 414243", ENCRYPTION_MALFORMED, A, 0 },
		{ TO_A "D2 00", ENCRYPTION_MALFORMED, A, 0 },
		{ TO_A MDC TO_A MDC, ENCRYPTION_MALFORMED, A, 0 },		/* two messages */
		{ TO_A MDC MDC, ENCRYPTION_MALFORMED, A, 0 },
		{ TO_A MDC "CB 01 61", ENCRYPTION_MALFORMED, A, 0 },		/* text behind */
		{ TO_A MDC "CA 03 504750", ENCRYPTION_MALFORMED, A, 0 },
		{ "CB 01 61 " TO_A MDC, ENCRYPTION_MALFORMED, "", 0 },		/* text before */
		{ "C8 01 61", ENCRYPTION_MALFORMED, "", 0 },
		/* not encrypted at all */
		{ "CB 01 61", ENCRYPTION_MALFORMED, "", 0 },
		{ TO_A "D2 09 01 414243", ENCRYPTION_MALFORMED, A, 0 },		/* cut off */
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) data = octets(rows[i].data);
		g_auto(ciphertext_auto) ciphertext = { 0 };

		g_test_message("row %u", i);
		g_assert_cmpint(ciphertext_scan(data, &ciphertext, NULL), ==, DONE);
		g_assert_cmpstr(encryption_word(ciphertext.word), ==,
			encryption_word(rows[i].word));
		g_assert_cmpuint(ciphertext.n_hidden, ==, rows[i].hidden);
		g_ptr_array_add(ciphertext.key_ids, NULL);
		g_autofree char *ids = g_strjoinv(" ", (char **)ciphertext.key_ids->pdata);
		g_assert_cmpstr(ids, ==, rows[i].ids);
	}
}

/* ---- signatures ------------------------------------------------------------------------------ */

#define HASHED_FPR "0017 16 21 04 00112233445566778899AABBCCDDEEFF00112233 "
#define TAIL "000A 09 10 44DDEEFF00112233 0000 00*3"

static void
test_signatures(void)
{
	static const struct { const char *data; guint n; bool odd; const char *issuers; } rows[] = {
		{ "C2 2E 04 00 16 08 " HASHED_FPR TAIL, 1, false,
			"00112233445566778899AABBCCDDEEFF00112233" },
		{ "C2 14 04 01 16 08 0000 000A 09 10 44DDEEFF00112233 0000", 1, false,
			"44DDEEFF00112233" },
		{ "C2 0A 04 00 16 08 0000 0000 0000", 1, false, "" },
		{ "C2 13 03 05 00 00000000 0011223344556677 01 02 0000", 1, false,
			"0011223344556677" },
		{ "C2 0A 04 00 16 08 0000 0000 0000 C2 0A 04 00 16 08 0000 0000 0000", 2, false,
			"" },
		{ "C2 0A 04 10 16 08 0000 0000 0000", 1, true, "" },	/* of a key */
		{ "C2 0A 04 02 16 08 0000 0000 0000", 1, true, "" },	/* of nothing */
		{ "C2 0A 06 00 16 08 0000 0000 0000", 1, true, "" },	/* version 6 */
		{ "C2 0A 04 00 16 08 0000 0000 0000 C2 0A 06 00 16 08 0000 0000 0000", 2, true,
			"" },
		{ "", 0, false, NULL },
		{ "C2 02 04 00", 0, false, NULL },
		/* area past the end */
		{ "C2 08 04 00 16 08 0009 0000", 0, false, NULL },
		/* empty subpacket */
		{ "C2 0B 04 00 16 08 0001 00 0000 0000", 0, false, NULL },
		/* and a text */
		{ "C2 0A 04 00 16 08 0000 0000 0000 CB 01 61", 0, false, NULL },
		{ "C4 01 03 CB 01 61 C2 0A 04 00 16 08 0000 0000 0000", 0, false, NULL },
		{ "C8 01 00", 0, false, NULL },					/* compressed */
		{ TO_A MDC, 0, false, NULL },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) data = octets(rows[i].data);
		g_auto(signatures_auto) signatures = { 0 };

		g_test_message("row %u", i);
		g_assert_cmpint(signatures_scan(data, &signatures, NULL), ==, DONE);
		g_assert_cmpuint(signatures.n, ==, rows[i].n);
		if (rows[i].n == 0)
			continue;
		g_assert_cmpint(signatures.has_odd, ==, rows[i].odd);
		g_ptr_array_add(signatures.issuers, NULL);
		g_autofree char *issuers = g_strjoinv(" ", (char **)signatures.issuers->pdata);
		g_assert_cmpstr(issuers, ==, rows[i].issuers);
	}
}

/* ---- certificates and limits ----------------------------------------------------- */

static void
test_certificate(void)
{
	static const struct { const char *data; bool secret; const char *why; } rows[] = {
		{ "C6 01 04 CD 01 61 CE 01 04", false, NULL },
		{ "C5 01 04 CD 01 61 C7 01 04", true, NULL },
		{ "", false, "0 public" },
		{ "CD 01 61", false, "not an OpenPGP certificate" },
		{ "C6 01 04 C6 01 04", false, "2 public" },
		{ "C5 01 04", false, "secret key" },
		{ "C6 01 04 C7 01 04", false, "secret key" },
		{ "C6 01 04 C5 01 04", false, "secret key" },
		{ "C6 01 04", true, "1 public" },
		{ "C5 01 04 C5 01 04", true, "2 secret" },
		{ "C5 01 04 C6 01 04", true, "1 public and 1 secret" },
		{ "C6 01 04 CB 01 61", false, "not an OpenPGP certificate" },
		{ "C6 09 04", false, "not an OpenPGP certificate" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) data = octets(rows[i].data);
		g_autoptr(GError) error = NULL;

		g_test_message("row %u", i);
		g_assert_cmpint(certificate_scan(data, rows[i].secret, &error), ==,
			rows[i].why ? NEVER : DONE);
		if (rows[i].why)
			g_assert_nonnull(strstr(error->message, rows[i].why));
	}
}

static GBytes *
repeated(const char *packet, guint n)
{
	g_autoptr(GString) text = g_string_new(NULL);

	while (n-- > 0)
		g_string_append(text, packet);
	return octets(text->str);
}

static void
test_limits(void)
{
	g_autoptr(GBytes) most_keys = repeated(TO_A, LIMIT_PACKETS);
	g_autoptr(GBytes) keys = repeated(TO_A, LIMIT_PACKETS + 1);
	g_autoptr(GBytes) signs = repeated("C2 0A 04 00 16 08 0000 0000 0000",
		LIMIT_SIGNATURES + 1);
	g_autoptr(GBytes) big = repeated("C6 01 04", LIMIT_CERTIFICATE / 3 + 1);
	g_autoptr(GError) error = NULL, error2 = NULL, error3 = NULL;
	g_auto(ciphertext_auto) few = { 0 }, many = { 0 };
	g_auto(signatures_auto) signatures = { 0 };

	g_assert_cmpint(ciphertext_scan(most_keys, &few, NULL), ==, DONE);
	g_assert_cmpint(ciphertext_scan(keys, &many, &error), ==, NEVER);
	g_assert_cmpstr(error->message, ==, "keys: OpenPGP packets limit 500");
	g_assert_cmpint(signatures_scan(signs, &signatures, &error2), ==, NEVER);
	g_assert_cmpstr(error2->message, ==, "keys: signatures limit 16");
	g_assert_cmpint(certificate_scan(big, false, &error3), ==, NEVER);
	g_assert_cmpstr(error3->message, ==, "keys: certificate limit 262144");
}

/* No octet string makes the readers read past its end (asan watches) or go on for ever. */
static void
test_noise(void)
{
	GRand *rand = g_rand_new_with_seed(20261122);

	for (guint i = 0; i < 20000; i++) {
		gsize n = (gsize)g_rand_int_range(rand, 0, 64);
		g_autofree guint8 *bytes = g_malloc(n);
		g_auto(ciphertext_auto) ciphertext = { 0 };
		g_auto(signatures_auto) signatures = { 0 };

		for (gsize k = 0; k < n; k++)
			bytes[k] = (guint8)g_rand_int(rand);
		if (n > 0)
			bytes[0] = i % 2 ? 0xc2 : 0xc1;
		g_autoptr(GBytes) data = g_bytes_new_take(g_steal_pointer(&bytes), n);
		g_assert_cmpint(ciphertext_scan(data, &ciphertext, NULL), ==, DONE);
		g_assert_cmpint(signatures_scan(data, &signatures, NULL), ==, DONE);
		(void)certificate_scan(data, false, NULL);
	}
	g_rand_free(rand);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/packets/framing", test_framing);
	g_test_add_func("/packets/armor", test_armor);
	g_test_add_func("/packets/ciphertext", test_ciphertext);
	g_test_add_func("/packets/signatures", test_signatures);
	g_test_add_func("/packets/certificate", test_certificate);
	g_test_add_func("/packets/limits", test_limits);
	g_test_add_func("/packets/noise", test_noise);
	return g_test_run();
}
