/* SPDX-License-Identifier: ISC
 *
 * test-parse: every letter of letters.list against its golden text; the same letter with LF and
 * with CRLF; parts taken out by number; a layer inside another; broken copies of every letter.
 * UNGCUU_GOLDEN=write rewrites the golden texts instead: read the difference like code.
 */
#include "mime/mime.h"

#include <string.h>

static const char *const fallbacks[] = { "windows-1258", "viscii", "tcvn5712-1", "iso-8859-1",
	NULL };
static const struct parse_settings settings = { .fallback_charsets = fallbacks };

static char *
test_path(const char *name, const char *suffix)
{
	const char *top = g_getenv("TOP_SRCDIR");
	g_autofree char *file = g_strconcat(name, suffix, NULL);
	return g_build_filename(top != NULL ? top : ".", "tests", "mime", file, NULL);
}

static GBytes *
mail_read(const char *name)
{
	g_autofree char *path = test_path(name, ".eml");
	char *data;
	gsize size;
	g_autoptr(GError) error = NULL;
	g_file_get_contents(path, &data, &size, &error);
	g_assert_no_error(error);
	return g_bytes_new_take(data, size);
}

static char **
letters(void)
{
	g_autofree char *path = test_path("letters", ".list");
	g_autofree char *list = NULL;
	g_assert_true(g_file_get_contents(path, &list, NULL, NULL));
	return g_strsplit(g_strchomp(list), "\n", -1);
}

static struct letter *
parse(GBytes *raw)
{
	struct letter *letter = NULL;
	g_autoptr(GError) error = NULL;
	enum outcome how = parse_mail(raw, NULL, &settings, &letter, &error);
	g_assert_no_error(error);
	g_assert_cmpint(how, ==, DONE);
	return letter;
}

static void
test_golden(gconstpointer name)
{
	g_autoptr(GBytes) raw = mail_read(name);
	g_autoptr(letter_auto) letter = parse(raw);
	g_autofree char *got = letter_print(letter);
	g_autofree char *path = test_path(name, ".txt");
	g_autofree char *expected = NULL;
	if (g_strcmp0(g_getenv("UNGCUU_GOLDEN"), "write") == 0)
		g_assert_true(g_file_set_contents(path, got, -1, NULL));
	g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
	g_assert_cmpstr(got, ==, expected);
	/* and it survives the frame */
	g_autoptr(GBytes) bytes = letter_to_bytes(letter);
	g_autoptr(GError) error = NULL;
	g_autoptr(letter_auto) again = letter_from_bytes(bytes, &error);
	g_assert_no_error(error);
	g_autofree char *same = letter_print(again);
	g_assert_cmpstr(got, ==, same);
}

/* What may differ between LF and CRLF: offsets, and the octets of parts that are not
 * transfer-encoded. */
static char *
print_alike(struct letter *letter)
{
	letter->covered = letter->sealed = (struct slice){ 0 };
	for (guint i = 0; i < letter->parts->len; i++) {
		struct part *part = letter->parts->pdata[i];
		part->size = 0;
		part->sha256[0] = '\0';
	}
	return letter_print(letter);
}

static void
test_line_ends(gconstpointer name)
{
	g_autoptr(GBytes) lf = mail_read(name);
	gsize size;
	const char *data = g_bytes_get_data(lf, &size);
	GString *crlf = g_string_new(NULL);
	for (gsize i = 0; i < size; i++) {
		if (data[i] == '\n')
			g_string_append_c(crlf, '\r');
		g_string_append_c(crlf, data[i]);
	}
	g_autoptr(GBytes) other = g_string_free_to_bytes(crlf);
	g_autoptr(letter_auto) a = parse(lf), b = parse(other);
	g_autofree char *first = print_alike(a), *second = print_alike(b);
	g_assert_cmpstr(first, ==, second);
}

/* The layer within, as the hub reads it: no crash, and it fits a frame. */
static void
parse_next(GBytes *raw, const struct letter *letter)
{
	g_autoptr(GBytes) covered = g_bytes_new_from_bytes(raw, letter->covered.at,
		letter->covered.size);
	struct letter *next = NULL;
	g_assert_cmpint(parse_mail(covered, letter, &settings, &next, NULL), ==, DONE);
	g_assert_cmpint(next->layer, !=, LAYER_PLAIN);
	g_autoptr(GBytes) bytes = letter_to_bytes(next);
	g_autoptr(letter_auto) again = letter_from_bytes(bytes, NULL);
	g_assert_nonnull(again);
	letter_free(next);
}

/* Every prefix at a step, and every step a byte changed: no crash, and what comes fits a frame. */
static void
test_broken(gconstpointer name)
{
	g_autoptr(GBytes) raw = mail_read(name);
	gsize size;
	const char *data = g_bytes_get_data(raw, &size);
	for (gsize at = 0; at < size; at += 1 + size / 60) {
		g_autofree char *copy = g_memdup2(data, size);
		copy[at] = "\n-\0=\"\xff:;"[at % 8];
		for (int cut = 0; cut < 2; cut++) {
			g_autoptr(GBytes) broken = g_bytes_new(copy, cut ? at : size);
			g_autoptr(letter_auto) letter = NULL;
			struct letter *out = NULL;
			if (parse_mail(broken, NULL, &settings, &out, NULL) != DONE)
				continue;
			letter = out;
			g_autoptr(GBytes) bytes = letter_to_bytes(letter), sealed = NULL;
			g_autoptr(letter_auto) again = letter_from_bytes(bytes, NULL);
			g_assert_nonnull(again);
			g_assert_cmpint(parse_sealed(broken, &sealed, NULL) == DONE, ==,
				letter->layer != LAYER_PLAIN);
			if (letter->nested)
				parse_next(broken, letter);
		}
	}
}

/* letter, part number, expected text, or NULL: there is no such part */
static const struct { const char *name, *number, *expected; } parts[] = {
	{ "attachments",	"2",	"GET / HTTP/1.0\n" },
	{ "attachments",	"3",	"PK\003\004" },
	{ "attachments",	"5",	NULL },
	{ "attachments",	"1.1",	NULL },
	{ "attachments",	"0",	NULL },
	{ "attachments",	"",	NULL },
	{ "attachments",	"x",	NULL },
	{ "pgp-signed",		"1.2",	"PDF" },
	{ "pgp-encrypted",	"2",
	  "-----BEGIN PGP MESSAGE-----\n\nhQEMAw\n-----END PGP MESSAGE-----\n" },
	{ "plain-ascii",	"1",	"Dear team,\n\n"
	  "Our web server was defaced this morning. Please help.\n" },
	{ "forwarded-message",	"2",
	  "From: kelua@example.org\nSubject: Trung thuong\nMessage-ID: <lua@example.org>\n"
	  "To: an@example.vn\n"
	  "Auto-Submitted: auto-generated\n\nBam vao day\n" },
	{ "forwarded-message",	"2.1",	NULL },
	{ "alternative-stub",	"2.2",	"\x89PNG\r\n\x1a\n" },
};

static void
test_parts(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autoptr(GBytes) raw = mail_read(parts[i].name), part = NULL;
		g_autoptr(GError) error = NULL;
		enum outcome how = parse_part(raw, parts[i].number, &part, &error);
		g_test_message("%s %s", parts[i].name, parts[i].number);
		if (parts[i].expected == NULL && parts[i].number[0] != '\0') {
			g_assert_cmpint(how, ==, NEVER);
			g_assert_error(error, UNGCUU_ERROR, NEVER);
			continue;
		}
		g_assert_cmpint(how, ==, DONE);
		if (parts[i].expected != NULL)
			g_assert_cmpmem(g_bytes_get_data(part, NULL), g_bytes_get_size(part),
				parts[i].expected,
				strlen(parts[i].expected));
	}
}

/* The listed digest is the one of what parse_part gives. */
static void
test_digests(gconstpointer name)
{
	g_autoptr(GBytes) raw = mail_read(name);
	g_autoptr(letter_auto) letter = parse(raw);
	for (guint i = 0; i < letter->parts->len; i++) {
		const struct part *part = letter->parts->pdata[i];
		g_autoptr(GBytes) bytes = NULL;
		g_assert_cmpint(parse_part(raw, part->number, &bytes, NULL), ==, DONE);
		guint8 digest[DIGEST_SIZE];
		digest_bytes(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), digest);
		g_autofree char *hex = digest_hex(digest);
		g_assert_cmpstr(hex, ==, part->sha256);
		g_assert_cmpuint(part->size, ==, g_bytes_get_size(bytes));
	}
}

/* letter, the octets its signature is over */
static const struct { const char *name, *covered; } slices[] = {
	{ "pgp-signed-blank-header", "\nxin chao \n" },
	{ "smime-signed",
	"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
	  "S=E1=BB=B1 c=E1=BB=91.\n" },
};

static void
test_slices(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(slices); i++) {
		g_autoptr(GBytes) raw = mail_read(slices[i].name);
		g_autoptr(letter_auto) letter = parse(raw);
		const char *data = g_bytes_get_data(raw, NULL);
		g_assert_cmpmem(data + letter->covered.at, letter->covered.size, slices[i].covered,
			strlen(slices[i].covered));
	}
}

/* letter, what keys are given of it: transfer encodings undone, armour kept; NULL: nothing */
static const struct { const char *name, *expected; } seals[] = {
	{ "plain-ascii",	NULL },
	{ "pgp-encrypted-nested", NULL },
	{ "sealed-encoded",
	  "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMAw\r\n-----END PGP MESSAGE-----\r\n" },
	{ "pgp-encrypted",
	  "-----BEGIN PGP MESSAGE-----\n\nhQEMAw\n-----END PGP MESSAGE-----\n" },
	{ "pgp-signed",
	  "-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0WIQ\n-----END PGP SIGNATURE-----\n" },
	{ "signed-inside-list-mail",
	  "-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0WIQ\n-----END PGP SIGNATURE-----" },
	{ "below-smime",
	  "0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" },
	{ "below-two",		NULL },
	{ "below-in-attached-mail", NULL },
	{ "below-in-alternative", NULL },
	{ "below-beside-encrypted",
	  "-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0WIQ\n-----END PGP SIGNATURE-----\n" },
	{ "protected-wraps-encrypted",
	  "-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0WIQ\n-----END PGP SIGNATURE-----\n" },
	{ "pgp-inline-signed",
	  "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\ncovered line\n- -- dashes\n"
	  "-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0WIQ\n-----END PGP SIGNATURE-----" },
	{ "sealed-inline",
	  "-----BEGIN PGP MESSAGE-----\n\nhQEMA=w\n=abcd\n-----END PGP MESSAGE-----" },
};

static void
test_sealed(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(seals); i++) {
		g_autoptr(GBytes) raw = mail_read(seals[i].name), out = NULL;
		g_autoptr(letter_auto) letter = parse(raw);
		enum outcome how = parse_sealed(raw, &out, NULL);
		g_test_message("%s", seals[i].name);
		g_assert_cmpint(how, ==, seals[i].expected != NULL ? DONE : NEVER);
		if (how == DONE)
			g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out),
				seals[i].expected, strlen(seals[i].expected));
	}
}

static void
test_outer(void)
{
	static const char inner[] =
		"Content-Type: text/plain; hp=\"cipher\"\nSubject: inside\n"
		"Auto-Submitted: auto-replied\n"
		"Authentication-Results: mx.example.vn; dmarc=pass\n\nhello\n";
	g_autoptr(GBytes) raw = mail_read("two-from"), entity = g_bytes_new_static(inner,
		strlen(inner));
	g_autoptr(GBytes) good = mail_read("x-headers");
	g_autoptr(letter_auto) ambiguous = parse(raw), outer = parse(good);
	ambiguous->layer = outer->layer = LAYER_PGP_ENCRYPTED;
	g_free(outer->subject);
	outer->subject = g_strdup("");
	struct letter *out = NULL;
	g_assert_cmpint(parse_mail(entity, outer, &settings, &out, NULL), ==, DONE);
	g_autoptr(letter_auto) letter = out;
	g_assert_cmpstr(letter->subject, ==, "inside");
	g_assert_cmpstr(letter->from.address, ==, "an@example.vn");
	g_assert_cmpstr(letter->message_id, ==, "x-headers@example.vn");
	/* the transport's words come from outside; that a machine sent it is heard from both */
	g_assert_cmpstr(letter_field(letter, "auto-submitted"), ==, "auto-replied");
	g_assert_cmpstr(letter_field(letter, "content-type"), ==, "text/plain");
	g_assert_cmpstr(letter_field(letter, "received-count"), ==, "2");
	g_assert_true(g_str_has_suffix(letter_field(letter, "authentication-results"),
		"header.from=example.vn"));
	g_assert_cmpuint(letter->notes->len, ==, 1);
	g_assert_cmpstr(letter->notes->pdata[0], ==, "the protected header has no From field");
	g_assert_cmpint(parse_mail(entity, ambiguous, &settings, &out, NULL), ==, DONE);
	g_autoptr(letter_auto) still = out;
	g_assert_null(still->from.address);
	g_assert_cmpuint(still->n_from, ==, 2);
	g_assert_cmpuint(still->notes->len, ==, 5);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	static const struct { const char *title; void (*run)(gconstpointer); } each[] = {
		{ "golden", test_golden }, { "line-ends", test_line_ends }, { "broken",
		test_broken },
		{ "digests", test_digests },
	};
	g_auto(GStrv) names = letters();
	for (guint k = 0; k < G_N_ELEMENTS(each); k++)
		for (char **name = names; *name != NULL; name++) {
			g_autofree char *title = g_strdup_printf("/mime/parse/%s/%s", each[k].title,
				*name);
			g_test_add_data_func(title, *name, each[k].run);
		}
	g_test_add_func("/mime/parse/parts", test_parts);
	g_test_add_func("/mime/parse/slices", test_slices);
	g_test_add_func("/mime/parse/sealed", test_sealed);
	g_test_add_func("/mime/parse/outer", test_outer);
	return g_test_run();
}
