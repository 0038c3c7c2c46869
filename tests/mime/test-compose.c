/* SPDX-License-Identifier: ISC
 *
 * test-compose: what we write reads back as it was, in lines a relay has no reason to change;
 * what must not stand in a header is refused, not repaired.  Reads back with parse.c, whose own
 * tests are golden letters.
 */
#include "mime/mime.h"

#include <string.h>

#define BOUNDARY "0123456789abcdefghjkmnpqrs"
#define LOCKS "\xf0\x9f\x94\x92\xf0\x9f\x94\x92\xf0\x9f\x94\x92\xf0\x9f\x94\x92\xf0\x9f\x94\x92"
#define DOTS "................................................"
#define LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define SU_CO "Sự cố Sự cố Sự cố Sự cố Sự cố "

static const char *const texts[] = {
	"Kính gửi Ông Nguyễn Văn An,\n\nSố phiếu: [NBH-2026-000123].\n",
	"From here\n.dot\n..\n-- \n--" BOUNDARY "\n--" BOUNDARY "--\n",
	"trailing blank \nand tab\t\n",
	"a=b =20 =\n",
	"\n\n\nlines\n\n",
	"From the start of a long line that has to be broken somewhere near column seventy six "
	"From here on\n",
	"đ", "",
	DOTS DOTS "\n",
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.xxxxxxxxxxx\n",
	SU_CO SU_CO SU_CO "\n",
};
static const char *const subjects[] = {
	"Receipt [NBH-2026-000123]", "Đã nhận báo cáo sự cố của Ông/Bà, số phiếu [NBH-2026-000123]",
	"=?utf-8?B?QUJD?=", "a  b   c",
	"a long subject of plain words that has to be folded at a blank at least once, twice",
	LONG LONG,
	LOCKS LOCKS LOCKS,
	"Re: \"quoted\" <and> (more): ; ,",
	"[NBH-2026-000001] Đã tiếp nhận (2)", "đ", "a đ b", "  đ  ", "a  đ  b", "a đ  ", " a", "a ",
	"a   b đ c   d", "tag =?utf-8?B?QUJD?= tag", "a =? đ ?= b", "đ a b c d e f đ",
	"[NBH-2026-000001] " LONG " " LOCKS " " LONG,
	DOTS DOTS " đ " DOTS DOTS, "a " DOTS DOTS " b", "\tđ\t", "   ",
};
static const char *const displays[] = {
	"", "Team", "Đội Ứng cứu sự cố an toàn thông tin mạng tỉnh Ninh Bình và các đơn vị",
	"A, B; C <x@example.org>", "A \"quoted\" name",
	"a name so long that it can not stand on one line with the name of its field and address",
	"CERT Ninh Bình 24/7", "CERT, Ninh (Bình) <x@example.org>; 24/7",
	"a \"b\" đ c", "đ  a", "a  đ",
	"a=b =?utf-8?B?QUJD?= c", LONG " đ " LONG, DOTS " " LONG " đ a", "Đội trực CSIRT",
};
static const char *const names[] = {
	"a.txt", "báo cáo sự cố.pdf", "quote\" and \\ slash.txt",
	"một tên tệp rất dài để phải cắt thành nhiều đoạn theo RFC 2231 cho đến khi hết.tar.gz",
	"100%.txt", "a'b*c.txt",
};

/* Only ASCII, CRLF ends, no line over 76, none ending in a blank or beginning like mbox or a
 * delimiter. */
static void
check_lines(GBytes *bytes)
{
	gsize size;
	const char *data = g_bytes_get_data(bytes, &size);
	g_autofree char *text = g_strndup(data, size);
	g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
	g_assert_cmpuint(strlen(text), ==, size);
	for (char **line = lines; *line != NULL; line++) {
		gsize n = strlen(*line);
		g_assert_true(g_str_is_ascii(*line));
		g_assert_null(strpbrk(*line, "\r\n"));
		g_assert_cmpuint(n, <=, 76);
		g_assert_false(n > 0 && ((*line)[n - 1] == ' ' || (*line)[n - 1] == '\t'));
		g_assert_false(g_str_has_prefix(*line, "From "));
		g_assert_false((*line)[0] == '.');
	}
}

static struct letter *
read_back(GBytes *header, GBytes *entity)
{
	GByteArray *mail = g_byte_array_new();
	g_byte_array_append(mail, g_bytes_get_data(header, NULL), (guint)g_bytes_get_size(header));
	g_byte_array_append(mail, g_bytes_get_data(entity, NULL), (guint)g_bytes_get_size(entity));
	g_autoptr(GBytes) raw = g_byte_array_free_to_bytes(mail);
	struct letter *letter = NULL;
	g_autoptr(GError) error = NULL;
	parse_mail(raw, NULL, NULL, &letter, &error);
	g_assert_no_error(error);
	return letter;
}

static GBytes *
header_of(const char *subject, const char *display)
{
	const struct compose_header fields[] = {
		{ "Date", "Sun, 22 Nov 2026 10:00:00 +0700" }, { "Subject", subject },
		{ "Message-ID", "<t01.0123456789abcdefghjkmnpqrs.0123456789@example.vn>" },
		{ "References", "<a-very-long-message-id-of-somebody-else@mail.example.org> "
		  "<another-very-long-message-id@mail.example.org>" },
		{ "Auto-Submitted", "auto-replied" },
	};
	GBytes *header = NULL;
	g_autoptr(GError) error = NULL;
	compose_header(fields, G_N_ELEMENTS(fields), display, "ungcuu@example.vn", "an@example.org",
		&header, &error);
	g_assert_no_error(error);
	check_lines(header);
	return header;
}

static void
test_header(void)
{
	g_autoptr(GBytes) text = g_bytes_new_static("x\n", 2), entity = NULL;
	const struct compose_part part = { "text/plain", "", text };
	g_assert_cmpint(compose_entity(&part, 1, BOUNDARY, &entity, NULL), ==, DONE);
	for (guint i = 0; i < G_N_ELEMENTS(subjects); i++)
		for (guint k = 0; k < G_N_ELEMENTS(displays); k++) {
			g_autoptr(GBytes) header = header_of(subjects[i], displays[k]);
			g_autoptr(GBytes) again = header_of(subjects[i], displays[k]);
			g_assert_true(g_bytes_equal(header, again));
			g_autoptr(letter_auto) letter = read_back(header, entity);
			/* a reader cuts blanks at either end, encoded or not */
			g_autofree char *subject = g_strstrip(g_strdup(subjects[i]));
			g_assert_cmpstr(letter->subject, ==, subject);
			g_assert_cmpstr(letter->from.name != NULL ? letter->from.name : "", ==,
				displays[k]);
			g_assert_cmpstr(letter->from.address, ==, "ungcuu@example.vn");
			g_assert_cmpstr(letter->message_id, ==,
				"t01.0123456789abcdefghjkmnpqrs.0123456789@example.vn");
			g_assert_cmpuint(letter->references->len, ==, 2);
			g_assert_cmpuint(letter->to->len, ==, 1);
		}
}

/* value, the field as written: only what needs it is encoded */
static const struct { const char *value, *field; } written[] = {
	{ "[NBH-2026-000001] Đã tiếp nhận", "Subject: [NBH-2026-000001] "
	  "=?utf-8?B?xJDDoyB0aeG6v3Agbmjhuq1u?=\r\n" },
	{ "Re: báo cáo (2) [NBH-2026-000001]", "Subject: Re: =?utf-8?B?YsOhbyBjw6Fv?= (2) "
	  "[NBH-2026-000001]\r\n" },
	{ "đ a đ b", "Subject: =?utf-8?B?xJEgYSDEkQ==?= b\r\n" },
	{ "a  đ  b", "Subject: a =?utf-8?B?IMSRIA==?= b\r\n" },
	{ "a =?x b", "Subject: a =?utf-8?B?PT94?= b\r\n" },
	{ "a b", "Subject: a b\r\n" },
	{ "x" DOTS " yyyyyyyyyyyyyyyyy đ", "Subject: x" DOTS " yyyyyyyyyyyyyyyyy\r\n"
	  " =?utf-8?B?xJE=?=\r\n" },
};

static void
test_written(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(written); i++) {
		g_autoptr(GString) out = g_string_new(NULL);
		g_assert_cmpint(compose_field(out, "Subject", written[i].value, NULL), ==, DONE);
		g_assert_cmpstr(out->str, ==, written[i].field);
	}
	g_autoptr(GString) out = g_string_new(NULL);
	g_assert_cmpint(compose_address(out, "To", "CERT Ninh Bình 24/7", "a@example.vn", NULL), ==,
		DONE);
	g_assert_cmpstr(out->str, ==,
		"To: \"CERT Ninh\" =?utf-8?B?QsOsbmg=?= \"24/7\" <a@example.vn>\r\n");
}

/* Wherever the line stands when the first word to encode comes. */
static void
test_columns(void)
{
	g_autoptr(GBytes) text = g_bytes_new_static("x\n", 2), entity = NULL;
	const struct compose_part part = { "text/plain", "", text };
	g_assert_cmpint(compose_entity(&part, 1, BOUNDARY, &entity, NULL), ==, DONE);
	for (guint n = 1; n < 160; n++) {
		g_autofree char *fill = g_strnfill(n, 'x');
		for (guint at = 20; at < n; at += 21)
			fill[at] = ' ';
		g_autofree char *subject = g_strconcat(fill, " Đã \xf0\x9f\x94\x92 ", fill, NULL);
		g_autofree char *packed = g_strchomp(g_strdup(subject));
		g_autoptr(GBytes) header = header_of(packed, packed);
		g_autoptr(letter_auto) letter = read_back(header, entity);
		g_assert_cmpstr(letter->subject, ==, packed);
		g_assert_cmpstr(letter->from.name, ==, packed);
	}
}

/* The body octets as compose meant them: text of the part, decoded. */
static void
test_text(void)
{
	g_autoptr(GBytes) header = header_of("x", "");
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GBytes) text = g_bytes_new_static(texts[i], strlen(texts[i])), entity =
			NULL, part = NULL;
		const struct compose_part one = { "text/plain", NULL, text };
		g_autoptr(GError) error = NULL;
		compose_entity(&one, 1, BOUNDARY, &entity, &error);
		g_assert_no_error(error);
		check_lines(entity);
		g_assert_cmpint(parse_part(entity, "1", &part, &error), ==, DONE);
		/* CRLF inside; a last line end is always there */
		const char *data = g_bytes_get_data(part, NULL);
		g_autofree char *got = g_strndup(data != NULL ? data : "", g_bytes_get_size(part));
		g_auto(GStrv) lines = g_strsplit(got, "\r\n", -1);
		g_autofree char *joined = g_strjoinv("\n", lines);
		g_autofree char *expected = *texts[i] == '\0' || g_str_has_suffix(texts[i], "\n")
			? g_strdup(texts[i])
			: g_strconcat(texts[i], "\n", NULL);
		g_assert_cmpstr(joined, ==, expected);
	}
}

/* "From " must not stand at the begin of a line, wherever the soft break falls. */
static void
test_breaks(void)
{
	for (guint n = 60; n < 90; n++) {
		g_autofree char *fill = g_strnfill(n, 'x');
		g_autofree char *line = g_strconcat(fill, "From here.. -- on\n", NULL);
		g_autoptr(GBytes) text = g_bytes_new(line, strlen(line)), entity = NULL;
		const struct compose_part one = { "text/plain", NULL, text };
		g_assert_cmpint(compose_entity(&one, 1, BOUNDARY, &entity, NULL), ==, DONE);
		check_lines(entity);
	}
}

static void
test_attachments(void)
{
	guint8 all[1000];
	for (guint i = 0; i < sizeof all; i++)
		all[i] = (guint8)i;
	g_autoptr(GBytes) header = header_of("x", ""), text = g_bytes_new_static(texts[1],
		strlen(texts[1]));
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GBytes) bytes = g_bytes_new(all, sizeof all), entity = NULL, part = NULL;
		const struct compose_part parts[] = {
			{ "text/plain", NULL, text }, { "application/octet-stream", names[i],
			bytes },
		};
		g_autoptr(GError) error = NULL;
		compose_entity(parts, 2, BOUNDARY, &entity, &error);
		g_assert_no_error(error);
		check_lines(entity);
		g_autoptr(letter_auto) letter = read_back(header, entity);
		g_assert_cmpuint(letter->parts->len, ==, 1);
		const struct part *listed = letter->parts->pdata[0];
		g_autofree char *name = g_strdup(strrchr(names[i], '\\') != NULL ? strrchr(names[i],
			'\\') + 2 : names[i]);
		g_assert_cmpstr(listed->name, ==, name);
		g_assert_cmpstr(listed->number, ==, "2");
		g_assert_cmpint(parse_part(entity, "2", &part, NULL), ==, DONE);
		g_assert_true(g_bytes_equal(part, bytes));
	}
}

/* field, value: refused */
static const struct { const char *name, *value; } refused_fields[] = {
	{ "Subject", "a\r\nBcc: x@example.org" }, { "Subject", "a\nb" }, { "Subject", "a\rb" },
	{ "Subject", "a\x1b[31m" }, { "Subject", "\xff" }, { "Sub ject", "a" }, { "Subject:", "a" },
	{ "", "a" },
	{ "Message-ID", "<đ@example.vn>" }, { "From", "x@example.org" }, { "to", "x@example.org" },
	{ "Content-Type", "text/html" }, { "Bcc", "x@example.org" }, { "MIME-Version", "1.0" },
};
static const char *const refused_addresses[] = {
	"", "a", "@example.vn", "a@", "a@b@c", "a b@example.vn", "a@example.vn\r\nBcc: x",
	"a@example.vn,b@example.vn", "<a@example.vn>", "\"a\"@example.vn", "đ@example.vn",
	"a@example.vn\n",
};

static void
test_refused(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(refused_fields); i++) {
		const struct compose_header field = { refused_fields[i].name,
			refused_fields[i].value };
		g_autoptr(GError) error = NULL;
		GBytes *out = NULL;
		g_assert_cmpint(compose_header(&field, 1, "", "a@example.vn", "b@example.vn", &out,
			&error), ==, NEVER);
		g_assert_error(error, UNGCUU_ERROR, NEVER);
		g_assert_null(out);
	}
	for (guint i = 0; i < G_N_ELEMENTS(refused_addresses); i++) {
		GBytes *out = NULL;
		g_assert_cmpint(compose_header(NULL, 0, "", "a@example.vn", refused_addresses[i],
			&out, NULL), ==, NEVER);
		g_assert_cmpint(compose_header(NULL, 0, "", refused_addresses[i], "a@example.vn",
			&out, NULL), ==, NEVER);
	}
	GBytes *out = NULL;
	g_assert_cmpint(compose_header(NULL, 0, "a\r\nb", "a@example.vn", "b@example.vn", &out,
		NULL), ==, NEVER);
}

static void
test_refused_parts(void)
{
	g_autoptr(GBytes) good = g_bytes_new_static("x", 1), bad = g_bytes_new_static("\xff", 1);
	const struct compose_part parts[] = {
		{ "text/plain", NULL, bad }, { "text", "a", good }, { "text/html\r\nX: y", "a",
		good },
		{ "application/pdf", "a\r\nb", good }, { "a b/c", "a", good }, { "text/", "a",
		good },
	};
	for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
		GBytes *out = NULL;
		g_assert_cmpint(compose_entity(&parts[i], 1, BOUNDARY, &out, NULL), ==, NEVER);
		g_assert_null(out);
	}
	const struct compose_part two[] = { { "text/plain", NULL, good }, { "text/plain", NULL,
		good } };
	static const char *const boundaries[] = { "", "a b", "a\"", "a\r\n", "đ" };
	for (guint i = 0; i < G_N_ELEMENTS(boundaries); i++) {
		GBytes *out = NULL;
		g_assert_cmpint(compose_entity(two, 2, boundaries[i], &out, NULL), ==, NEVER);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	g_test_add_func("/mime/compose/header", test_header);
	g_test_add_func("/mime/compose/written", test_written);
	g_test_add_func("/mime/compose/columns", test_columns);
	g_test_add_func("/mime/compose/text", test_text);
	g_test_add_func("/mime/compose/breaks", test_breaks);
	g_test_add_func("/mime/compose/attachments", test_attachments);
	g_test_add_func("/mime/compose/refused", test_refused);
	g_test_add_func("/mime/compose/refused-parts", test_refused_parts);
	return g_test_run();
}
