/* SPDX-License-Identifier: ISC
 *
 * test-offered: which keys of a mail are taken for its sender's, and our own Autocrypt field, which
 * must read back.  Keys as attachments are golden letters of test-parse.
 */
#include "mime/mime.h"

#include <string.h>

#define FROM "From: An <an@example.vn>\n"
#define KEY "xjMEAAECAwQFBgcICQoLDA0ODw=="		/* begins like a version 4 public key */
#define OTHER "mDMEAQECAwQFBgcICQoLDA0ODw=="		/* the same in the old packet format */
#define SECRET "xVgEAQECAwQFBgcICQoLDA0ODw=="
#define AC "Autocrypt: "
#define ADDR "addr=an@example.vn; "
#define INVALID "Autocrypt field is not valid for this mail"

/* header, how many keys are offered, the note or NULL */
static const struct { const char *header; guint n; const char *note; } mails[] = {
	{ FROM, 0, NULL },
	{ FROM AC ADDR "keydata=" KEY "\n", 1, NULL },
	{ FROM AC ADDR "keydata=" OTHER "\n", 1, NULL },
	{ FROM "autocrypt:addr = AN@EXAMPLE.vn ;prefer-encrypt=mutual;keydata= xjMEAAEC\n"
	  " AwQFBgcI\n\tCQoLDA0ODw==\n", 1, NULL },
	{ FROM AC ADDR "_unknown=x; keydata=" KEY "\n", 1, NULL },
	{ FROM AC ADDR "keydata=" KEY ";\n", 1, NULL },
	/* two of them: both valid, one valid, none valid */
	{ FROM AC ADDR "keydata=" KEY "\n" AC ADDR "keydata=" OTHER "\n", 0,
	  "more than one Autocrypt field: none is taken" },
	{ FROM AC ADDR "keydata=" KEY "\n" AC "addr=x@example.org; keydata=" OTHER "\n", 1, NULL },
	{ FROM AC "x\n" AC "\n", 0, INVALID },
	/* for somebody else, for nobody */
	{ FROM AC "addr=binh@example.vn; keydata=" KEY "\n", 0, INVALID },
	{ FROM AC "addr=an@example.vn.example.org; keydata=" KEY "\n", 0, INVALID },
	{ FROM AC "keydata=" KEY "\n", 0, INVALID },
	{ AC ADDR "keydata=" KEY "\n", 0, INVALID },
	{ FROM FROM AC ADDR "keydata=" KEY "\n", 0, INVALID },
	{ "From: an@example.vn, binh@example.vn\n" AC ADDR "keydata=" KEY "\n", 0, INVALID },
	/* attributes: critical, double, none, data not last */
	{ FROM AC ADDR "unknown=x; keydata=" KEY "\n", 0, INVALID },
	{ FROM AC ADDR ADDR "keydata=" KEY "\n", 0, INVALID },
	{ FROM AC ADDR "keydata=" KEY "; keydata=" KEY "\n", 0, INVALID },
	{ FROM AC ADDR "keydata=" KEY "; _x=y\n", 0, INVALID },
	{ FROM AC ADDR "x; keydata=" KEY "\n", 0, INVALID },
	{ FROM AC ADDR "\n", 0, INVALID },
	/* data: empty, not base64, cut, padded within, no public key */
	{ FROM AC ADDR "keydata=\n", 0, INVALID },
	{ FROM AC ADDR "keydata=xjME*AECAwQFBgcICQoLDA0ODw==\n", 0, INVALID },
	{ FROM AC ADDR "keydata=xjMEAAECAwQFBgcICQoLDA0ODw\n", 0, INVALID },
	{ FROM AC ADDR "keydata=xjM=AAECAwQFBgcICQoLDA0ODw==\n", 0, INVALID },
	{ FROM AC ADDR "keydata=====\n", 0, INVALID },
	{ FROM AC ADDR "keydata=AAAA\n", 0, INVALID },
	{ FROM AC ADDR "keydata=" SECRET "\n", 0, INVALID },
	/* never from a report, never gossip */
	{ FROM AC ADDR "keydata=" KEY "\nContent-Type: multipart/report; boundary=r\n", 0, NULL },
	{ FROM "Autocrypt-Gossip: " ADDR "keydata=" KEY "\n", 0, NULL },
};

static struct letter *
parse(const char *header, gssize size)
{
	g_autofree char *mail = g_strconcat(header, "\nx\n", NULL);
	g_autoptr(GBytes) raw = g_bytes_new(mail, size >= 0 ? (gsize)size : strlen(mail));
	struct letter *letter = NULL;
	g_autoptr(GError) error = NULL;
	parse_mail(raw, NULL, NULL, &letter, &error);
	g_assert_no_error(error);
	return letter;
}

static bool
has_note(const struct letter *letter, const char *note)
{
	return g_ptr_array_find_with_equal_func(letter->notes, note, g_str_equal, NULL);
}

static void
test_autocrypt(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_autoptr(letter_auto) letter = parse(mails[i].header, -1);
		g_test_message("%s", mails[i].header);
		g_assert_cmpuint(letter->offered->len, ==, mails[i].n);
		if (mails[i].n > 0) {
			const struct offered_key *key = letter->offered->pdata[0];
			g_assert_cmpstr(key->source, ==, "autocrypt");
			g_assert_cmpstr(key->address, ==, "an@example.vn");
			g_assert_cmpuint(g_bytes_get_size(key->bytes), ==, 19);
		}
		if (mails[i].note != NULL)
			g_assert_true(has_note(letter, mails[i].note));
		else
			g_assert_false(has_note(letter, INVALID));
	}
}

/* Up to the limit, and one line past it. */
static void
test_size(void)
{
	static const char start[] = FROM AC ADDR "keydata=xjMEAAEC";
	gsize field = strlen(start) - strlen(FROM);
	for (int past = 0; past < 2; past++) {
		gsize n = (LIMIT_AUTOCRYPT - field) / 4 * 4 + (past ? 4 : 0);
		g_autofree char *fill = g_strnfill(n, 'A');
		g_autofree char *header = g_strconcat(start, fill, "\n", NULL);
		g_autoptr(letter_auto) letter = parse(header, -1);
		g_assert_cmpuint(letter->offered->len, ==, !past);
	}
}

/* An attached key of the largest size, and one byte more. */
static void
test_attachment_size(void)
{
	static const char head[] = FROM "Content-Type: application/pgp-keys\n\n"
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n";
	gsize body = (gsize)(strstr(head, "-----") - head);
	for (int past = 0; past < 2; past++) {
		gsize n = LIMIT_OFFERED_SIZE - (strlen(head) - body) + (gsize)past;
		g_autofree char *fill = g_strnfill(n, 'A');
		g_autofree char *mail = g_strconcat(head, fill, NULL);
		g_autoptr(letter_auto) letter = parse(mail, (gssize)strlen(mail));
		g_assert_cmpuint(letter->offered->len, ==, !past);
		g_assert_cmpint(has_note(letter, "an attached key is larger than 65536 bytes"), ==,
			past);
	}
}

static void
test_compose(void)
{
	for (gsize n = 3; n < 9000; n += 1 + n / 7) {
		g_autofree guint8 *data = g_malloc(n);
		for (gsize i = 0; i < n; i++)
			data[i] = (guint8)(i * 7);
		data[0] = 0xc6;
		g_autoptr(GBytes) key = g_bytes_new(data, n);
		g_autoptr(GString) out = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		enum outcome how = compose_autocrypt(out, "an@example.vn", key, &error);
		if (how != DONE) {
			g_assert_cmpuint(n, >, 7400);
			g_assert_cmpstr(error->message, ==, "compose: Autocrypt field limit 10240");
			g_assert_cmpuint(out->len, ==, 0);
			continue;
		}
		g_assert_cmpuint(out->len, <=, LIMIT_AUTOCRYPT);
		g_auto(GStrv) lines = g_strsplit(out->str, "\r\n", -1);
		for (char **line = lines; *line != NULL; line++)
			g_assert_cmpuint(strlen(*line), <=, 76);
		g_autofree char *header = g_strconcat(FROM, out->str, NULL);
		g_autoptr(letter_auto) letter = parse(header, -1);
		g_assert_cmpuint(letter->offered->len, ==, 1);
		const struct offered_key *offered = letter->offered->pdata[0];
		g_assert_true(g_bytes_equal(offered->bytes, key));
		/* the same as a field of a header, as the hub hands it over */
		g_autofree char *base64 = g_base64_encode(data, n);
		g_autofree char *value = g_strconcat("addr=an@example.vn; keydata=", base64, NULL);
		g_autoptr(GString) field = g_string_new(NULL);
		g_assert_cmpint(compose_field(field, "Autocrypt", value, NULL), ==, DONE);
		g_assert_cmpstr(field->str, ==, out->str);
	}
}

/* value of the field Autocrypt as compose_header() gets it, taken */
static const struct { const char *value; bool taken; } values[] = {
	{ "addr=an@example.vn; keydata=" KEY, true },
	{ "addr=AN@example.vn; keydata=" OTHER, true },
	{ "addr=binh@example.vn; keydata=" KEY, false },
	{ "addr=an@example.vn.example.org; keydata=" KEY, false },
	{ "addr=an@example.v; keydata=" KEY, false }, { "addr=; keydata=" KEY, false },
	{ "addr=an@example.vn; keydata=" SECRET, false }, { "addr=an@example.vn; keydata=", false },
	{ "addr=an@example.vn; keydata=xjMEAAECAwQFBgcICQoLDA0ODw", false },
	{ "addr=an@example.vn; keydata=xjME*AECAwQFBgcICQoLDA0ODw==", false },
	{ "addr=an@example.vn; keydata=xjME\r\nBcc: x@example.org", false },
	{ "addr=an@example.vn; keydata=AAAA", false }, { "addr=an@example.vn; " KEY, false },
	{ "addr=an@example.vn; prefer-encrypt=mutual; keydata=" KEY, false },
	{ "addr=an@example.vn; keydatA=" KEY, false }, { KEY, false }, { "", false },
};

static void
test_header(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
		const struct compose_header field = { "autocrypt", values[i].value };
		GBytes *out = NULL;
		enum outcome how = compose_header(&field, 1, "", "an@example.vn", "b@example.org",
			&out, NULL);
		g_test_message("%s", values[i].value);
		g_assert_cmpint(how, ==, values[i].taken ? DONE : NEVER);
		if (how != DONE)
			continue;
		g_autoptr(GBytes) header = out;
		g_autofree char *text = g_strndup(g_bytes_get_data(header, NULL),
			g_bytes_get_size(header));
		g_autoptr(letter_auto) letter = parse(text, -1);
		g_assert_cmpuint(letter->offered->len, ==, 1);
	}
}

/* Around the limit: in the header and readable, or not there and the header none the worse. */
static void
test_header_size(void)
{
	guint taken = 0, left_out = 0;
	for (gsize n = 7200; n < 30000; n += n < 7500 ? 3 : 2000) {
		g_autofree guint8 *data = g_malloc0(n);
		data[0] = 0xc6;
		g_autofree char *base64 = g_base64_encode(data, n);
		g_autofree char *value = g_strconcat("addr=an@example.vn; keydata=", base64, NULL);
		const struct compose_header fields[] = { { "Autocrypt", value },
			{ "Subject", "x" } };
		g_autoptr(GBytes) header = NULL;
		g_assert_cmpint(compose_header(fields, 2, "", "an@example.vn", "b@example.org",
			&header, NULL), ==, DONE);
		g_autofree char *text = g_strndup(g_bytes_get_data(header, NULL),
			g_bytes_get_size(header));
		g_autoptr(letter_auto) letter = parse(text, -1);
		g_assert_cmpstr(letter->subject, ==, "x");
		g_assert_cmpstr(letter->from.address, ==, "an@example.vn");
		g_assert_cmpuint(letter->offered->len, ==, strstr(text, "Autocrypt:") != NULL);
		g_assert_cmpuint(letter->notes->len, ==, 0);
		taken += letter->offered->len;
		left_out += letter->offered->len == 0;
	}
	g_assert_cmpuint(taken, >, 10);
	g_assert_cmpuint(left_out, >, 10);
}

static void
test_refused(void)
{
	static const struct { const char *address, *key; gsize size; } refused[] = {
		{ "", "\xc6\x33\x04", 3 }, { "an", "\xc6\x33\x04", 3 },
		{ "an@example.vn; x=y", "\xc6\x33\x04", 3 },
		{ "an@example.vn\n", "\xc6\x33\x04", 3 },
		{ "an@example.vn", "", 0 }, { "an@example.vn", "\xc5\x33\x04", 3 },
		{ "an@example.vn", "-----BEGIN PGP", 14 },
	};
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GBytes) key = g_bytes_new(refused[i].key, refused[i].size);
		g_autoptr(GString) out = g_string_new(NULL);
		g_assert_cmpint(compose_autocrypt(out, refused[i].address, key, NULL), ==, NEVER);
		g_assert_cmpuint(out->len, ==, 0);
	}
	g_autofree char *large = g_strnfill(LIMIT_AUTOCRYPT + 1, '\xc6');
	g_autoptr(GBytes) key = g_bytes_new(large, LIMIT_AUTOCRYPT + 1);
	g_autoptr(GString) out = g_string_new(NULL);
	g_assert_cmpint(compose_autocrypt(out, "an@example.vn", key, NULL), ==, NEVER);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	g_test_add_func("/mime/offered/autocrypt", test_autocrypt);
	g_test_add_func("/mime/offered/size", test_size);
	g_test_add_func("/mime/offered/attachment-size", test_attachment_size);
	g_test_add_func("/mime/offered/compose", test_compose);
	g_test_add_func("/mime/offered/header", test_header);
	g_test_add_func("/mime/offered/header-size", test_header_size);
	g_test_add_func("/mime/offered/refused", test_refused);
	return g_test_run();
}
