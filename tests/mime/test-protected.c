/* SPDX-License-Identifier: ISC
 *
 * test-protected: what an encryption holds, read behind the mail around it: every entity of the
 * table against its golden text, broken copies of each, a layer read twice, and what we compose
 * ourselves.  Signed mails, whose header is read in one go, are golden letters of test-parse.
 * UNGCUU_GOLDEN=write rewrites the golden texts instead: read the difference like code.
 */
#include "mime/mime.h"

#include <string.h>

#define BOUNDARY "0123456789abcdefghjkmnpqrs"

/* entities that were decrypted from protected-outer.eml */
static const char *const entities[] = {
	"within-cipher", "within-cipher-date", "within-cipher-unsaid", "within-cipher-lie",
	"within-other-from", "within-clear", "within-older", "within-html", "within-alternative",
	"within-signed", "within-double", "within-double-in-part", "within-unmarked",
	"within-wrapped-mail", "within-key",
};

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
	g_assert_true(g_file_get_contents(path, &data, &size, NULL));
	return g_bytes_new_take(data, size);
}

static struct letter *
parse(GBytes *raw, const struct letter *outer)
{
	struct letter *letter = NULL;
	g_autoptr(GError) error = NULL;
	parse_mail(raw, outer, NULL, &letter, &error);
	g_assert_no_error(error);
	return letter;
}

static struct letter *
parse_outer(void)
{
	g_autoptr(GBytes) raw = mail_read("protected-outer");
	struct letter *outer = parse(raw, NULL);
	g_assert_cmpint(outer->layer, ==, LAYER_PGP_ENCRYPTED);
	return outer;
}

static void
test_golden(gconstpointer name)
{
	g_autoptr(GBytes) raw = mail_read(name);
	g_autoptr(letter_auto) outer = parse_outer(), letter = parse(raw, outer);
	g_autofree char *got = letter_print(letter), *path = test_path(name, ".txt");
	g_autofree char *expected = NULL;
	if (g_strcmp0(g_getenv("UNGCUU_GOLDEN"), "write") == 0)
		g_assert_true(g_file_set_contents(path, got, -1, NULL));
	g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
	g_assert_cmpstr(got, ==, expected);
	g_autoptr(GBytes) bytes = letter_to_bytes(letter);
	g_autoptr(letter_auto) again = letter_from_bytes(bytes, NULL);
	g_assert_nonnull(again);
	g_autofree char *same = letter_print(again);
	g_assert_cmpstr(got, ==, same);
}

/* No crash, what comes fits a frame, and no key is for anybody but the sender. */
static void
test_broken(gconstpointer name)
{
	g_autoptr(GBytes) raw = mail_read(name);
	g_autoptr(letter_auto) outer = parse_outer();
	gsize size;
	const char *data = g_bytes_get_data(raw, &size);
	for (gsize at = 0; at < size; at += 1 + size / 200) {
		g_autofree char *copy = g_memdup2(data, size);
		copy[at] = "\n-\0=\"\xff:;"[at % 8];
		g_autoptr(GBytes) broken = g_bytes_new(copy, at % 2 ? at : size);
		struct letter *out = NULL;
		if (parse_mail(broken, outer, NULL, &out, NULL) != DONE)
			continue;
		g_autoptr(letter_auto) letter = out;
		g_autoptr(GBytes) bytes = letter_to_bytes(letter);
		g_autoptr(letter_auto) again = letter_from_bytes(bytes, NULL);
		g_assert_nonnull(again);
		for (guint i = 0; i < letter->offered->len; i++) {
			const struct offered_key *key = letter->offered->pdata[i];
			g_assert_true(key->address == NULL
				|| strcmp(key->address, letter->from.address) == 0);
		}
	}
}

/* The covered part of a signed mail parsed once more as a layer: the same letter, no more notes. */
static void
test_again(void)
{
	static const char *const names[] = {
		"protected-signed", "protected-signed-differs", "protected-cipher-in-clear",
		"protected-older-signed", "offered-key-other-from",
	};
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GBytes) raw = mail_read(names[i]);
		g_autoptr(letter_auto) outer = parse(raw, NULL);
		g_autoptr(GBytes) covered = g_bytes_new_from_bytes(raw, outer->covered.at,
			outer->covered.size);
		g_autoptr(letter_auto) letter = parse(covered, outer);
		g_test_message("%s", names[i]);
		g_assert_cmpint(letter->header_protection, ==, HEADER_PROTECTION_SIGNED);
		g_assert_cmpstr(letter->subject, ==, outer->subject);
		g_assert_cmpstr(letter->from.address, ==, outer->from.address);
		g_assert_cmpstr(letter->outer_from.address, ==, outer->outer_from.address);
		g_assert_cmpstr(letter->text, ==, outer->text);
		g_assert_cmpuint(letter->notes->len, ==, outer->notes->len);
		g_assert_cmpuint(letter->offered->len, ==, outer->offered->len);
	}
}

/* Another protected header below one that already counts changes nothing. */
static void
test_second(void)
{
	g_autoptr(GBytes) raw = mail_read("within-other-from");
	g_autoptr(letter_auto) outer = parse_outer();
	outer->header_protection = HEADER_PROTECTION_SIGNED;
	g_autoptr(letter_auto) letter = parse(raw, outer);
	g_assert_cmpint(letter->header_protection, ==, HEADER_PROTECTION_SIGNED);
	g_assert_cmpstr(letter->from.address, ==, "an@example.vn");
	g_assert_cmpstr(letter->subject, ==, "[...]");
	g_assert_null(letter->outer_from.address);
	g_assert_cmpuint(letter->notes->len, ==, 1);
	g_assert_cmpstr(letter->notes->pdata[0], ==,
		"header protection inside a protected header is ignored");
}

/* layer around: what a protected header in it is worth */
static const struct { enum layer around; enum header_protection word; } layers[] = {
	{ LAYER_PLAIN,			HEADER_PROTECTION_NONE },
	{ LAYER_PGP_SIGNED,		HEADER_PROTECTION_SIGNED },
	{ LAYER_SMIME_SIGNED,		HEADER_PROTECTION_SIGNED },
	{ LAYER_SMIME_OPAQUE,		HEADER_PROTECTION_SIGNED },
	{ LAYER_PGP_ENCRYPTED,		HEADER_PROTECTION_ENCRYPTED },
	{ LAYER_SMIME_ENCRYPTED,	HEADER_PROTECTION_ENCRYPTED },
	{ LAYER_PGP_INLINE_SIGNED,	HEADER_PROTECTION_NONE },
	{ LAYER_PGP_INLINE_ENCRYPTED,	HEADER_PROTECTION_NONE },
};

static void
test_layers(void)
{
	g_assert_cmpint(G_N_ELEMENTS(layers), ==, layer_count);
	for (guint i = 0; i < G_N_ELEMENTS(layers); i++) {
		g_autoptr(GBytes) raw = mail_read("within-cipher");
		g_autoptr(letter_auto) outer = parse_outer();
		outer->layer = layers[i].around;
		g_autoptr(letter_auto) letter = parse(raw, outer);
		bool counts = layers[i].word != HEADER_PROTECTION_NONE;
		g_test_message("%s", layer_word(layers[i].around));
		g_assert_cmpint(letter->header_protection, ==, layers[i].word);
		g_assert_cmpstr(letter->subject, ==, counts ? "Máy chủ bị mã hoá" : "[...]");
		g_assert_cmpint(strstr(letter->text, "Subject:") == NULL, ==, counts);
	}
	/* opaque signature inside an encryption: the encryption is remembered */
	g_autoptr(GBytes) raw = mail_read("within-cipher");
	g_autoptr(letter_auto) outer = parse_outer();
	outer->layer = LAYER_SMIME_OPAQUE;
	outer->within_encryption = true;
	g_autoptr(letter_auto) letter = parse(raw, outer);
	g_assert_cmpint(letter->header_protection, ==, HEADER_PROTECTION_ENCRYPTED);
	g_assert_true(letter->within_encryption);
}

#define DIV "<div class=\"header-protection-legacy-display\">"

/* type, body, what is left; NULL: all of it */
static const struct { const char *type, *body, *left; } displays[] = {
	{ "text/plain", "Subject: a\n\nx\n", "x\n" },
	{ "text/plain", "Subject: a\r\nFrom: b\r\n c\r\n\r\nx\r\n", "x\n" },
	{ "text/plain", "Subject: a\n \nx\n", NULL },
	{ "text/plain", "\nSubject: a\n\nx\n", NULL },
	{ "text/plain", " a: b\n\nx\n", NULL },
	{ "text/plain", "Kính gửi: Đội\n\nx\n", NULL },
	{ "text/plain", "Subject: a\n", NULL },
	{ "text/plain", "Subject: a\nno field\n\nx\n", NULL },
	{ "text/html", DIV "<pre>a</pre></div><p>x", "x\n" },
	{ "text/html", "<p>y</p>" DIV "a</div>x", NULL },
	{ "text/html", DIV "<div>a</div>x</div>y", NULL },
	{ "text/html", DIV "a", NULL },
};

static void
test_displays(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(displays); i++) {
		g_autofree char *entity = g_strdup_printf("From: an@example.vn\nContent-Type: %s; "
			"charset=utf-8; hp=\"cipher\"; hp-legacy-display=\"1\"\n\n%s",
			displays[i].type, displays[i].body);
		g_autofree char *bare = g_strdup_printf("From: an@example.vn\nContent-Type: %s; "
			"charset=utf-8; hp=\"cipher\"\n\n%s", displays[i].type, displays[i].body);
		g_autoptr(GBytes) raw = g_bytes_new(entity, strlen(entity));
		g_autoptr(GBytes) other = g_bytes_new(bare, strlen(bare));
		g_autoptr(letter_auto) outer = parse_outer(), letter = parse(raw, outer);
		g_autoptr(letter_auto) all = parse(other, outer);
		g_autofree char *got = g_strconcat(g_strstrip(letter->text), "\n", NULL);
		g_test_message("display %u", i);
		g_autofree char *whole = g_strconcat(g_strstrip(all->text), "\n", NULL);
		g_assert_cmpstr(got, ==, displays[i].left != NULL ? displays[i].left : whole);
		g_assert_cmpuint(letter->notes->len, ==, displays[i].left == NULL);
	}
}

/* ---- what we write ------------------------------------------------------------------------- */

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const char *const subjects[] = {
	"[NBH-2026-000001] Đã tiếp nhận báo cáo sự cố", "a", "[NBH-2026-000001] Kết quả: =?x?= (2)",
	"một chủ đề rất dài để dòng đầu của phần văn bản phải xuống dòng "
	"ít nhất một lần, có thể hai",
	"[NBH-2026-000001] [khẩn] Máy chủ của Sở Y tế bị mã hoá; đề nghị cô lập ngay và báo lại "
	"trước 17 giờ, kèm nhật ký của tường lửa, máy chủ thư và máy trạm có liên quan [2/3]",
	"[NBH-2026-000001]", X60 X60 X60, "[" X60 "] Đã nhận", "Subject: From: x",
	"a, b; \"c\" <d>",
};
static const char *const outer_subjects[] = {
	NULL, "[NBH-2026-000001] Thông báo", "a", "[...]", "[NBH-2026-000001] " X60 X60,
};
#define ID "t01.0123456789abcdefghjkmnpqrs.0123456789@example.vn"
#define PARENT "another-very-long-message-id@mail.example.org"
#define CERTIFICATE "xjMEAAECAwQFBgcICQoLDA0ODw=="

/* All the hub gives; the second one is the Subject. */
static const struct compose_header all_fields[] = {
	{ "Date", "Sun, 22 Nov 2026 10:00:00 +0700" }, { "Subject", NULL },
	{ "Message-ID", "<" ID ">" }, { "In-Reply-To", "<" PARENT ">" },
	{ "References", "<a-very-long-message-id-of-somebody-else@mail.example.org> <" PARENT ">" },
	{ "Reply-To", "ungcuu+0123456789abcdefghjkmnpqrs@example.vn" },
	{ "Auto-Submitted", "auto-replied" }, { "X-Auto-Response-Suppress", "All" },
	{ "X-Ungcuu-Loop", "ungcuu@example.vn" },
	{ "Autocrypt", "addr=ungcuu@example.vn; keydata=" CERTIFICATE },
};
static const char *const fields_inside[] = {
	"Date", "Subject", "Message-ID", "In-Reply-To", "References", "Reply-To", "Auto-Submitted",
	"X-Auto-Response-Suppress", "X-Ungcuu-Loop", "From", "To", NULL
};

static GBytes *
join(GBytes *a, GBytes *b)
{
	GByteArray *all = g_byte_array_new();
	g_byte_array_append(all, g_bytes_get_data(a, NULL), (guint)g_bytes_get_size(a));
	g_byte_array_append(all, g_bytes_get_data(b, NULL), (guint)g_bytes_get_size(b));
	return g_byte_array_free_to_bytes(all);
}

static void
check_lines(GBytes *bytes)
{
	gsize size;
	const char *data = g_bytes_get_data(bytes, &size);
	g_autofree char *text = g_strndup(data, size);
	g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		gsize n = strlen(*line);
		g_assert_true(g_str_is_ascii(*line) && strpbrk(*line, "\r\n") == NULL);
		g_assert_true(n <= 76 && (n == 0 || (*line)[n - 1] != ' '));
	}
}

static char *
text_of(GBytes *bytes)
{
	return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* The names of the fields before the body, one behind the other; of HP-Outer what it repeats. */
static char *
field_names(GBytes *bytes, bool copies)
{
	g_autofree char *text = text_of(bytes);
	g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
	GString *out = g_string_new(NULL);
	for (char **line = lines; **line != '\0'; line++) {
		bool is_copy = g_str_has_prefix(*line, "HP-Outer: ");
		const char *name = is_copy ? *line + strlen("HP-Outer: ") : *line;
		if (is_copy == copies && **line != ' ' && !g_str_has_prefix(*line, "Content-"))
			g_string_append_printf(out, "%.*s ", (int)strcspn(name, ":"), name);
	}
	return g_string_free(out, FALSE);
}

static void
check_fields(GBytes *outer, GBytes *entity, bool cipher)
{
	g_autofree char *all = g_strjoinv(" ", (char **)fields_inside);
	g_autofree char *expected = g_strconcat(all, " ", NULL);
	g_autofree char *inner = field_names(entity, false), *copies = field_names(entity, true);
	g_assert_cmpstr(inner, ==, expected);
	g_assert_cmpstr(copies, ==, cipher ? expected : "");
	g_autofree char *outside = text_of(outer), *ends = g_strconcat(outside, "\r\n", NULL);
	g_autoptr(GBytes) header = g_bytes_new(ends, strlen(ends));
	g_autofree char *seen = field_names(header, false);
	g_assert_cmpstr(seen, ==, "Date Subject Message-ID In-Reply-To References Reply-To "
		"Auto-Submitted X-Auto-Response-Suppress X-Ungcuu-Loop Autocrypt From To "
		"MIME-Version ");
}

/* As crypto/ wraps it. */
static GBytes *
wrap(GBytes *header, GBytes *entity, bool cipher)
{
	static const char encrypted[] = "Content-Type: multipart/encrypted; boundary=\"e\";\r\n"
		" protocol=\"application/pgp-encrypted\"\r\n\r\n--e\r\n"
		"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--e\r\n"
		"Content-Type: application/octet-stream\r\n\r\nx\r\n\r\n--e--\r\n";
	static const char begin[] = "Content-Type: multipart/signed; boundary=\"s\";\r\n"
		" protocol=\"application/pgp-signature\"\r\n\r\n--s\r\n";
	static const char end[] = "\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n"
		"x\r\n\r\n--s--\r\n";
	g_autoptr(GBytes) first = g_bytes_new_static(begin, strlen(begin));
	g_autoptr(GBytes) last = g_bytes_new_static(end, strlen(end));
	g_autoptr(GBytes) sealed = g_bytes_new_static(encrypted, strlen(encrypted));
	if (cipher)
		return join(header, sealed);
	g_autoptr(GBytes) opened = join(first, entity), whole = join(opened, last);
	return join(header, whole);
}

static void
check_letter(const struct letter *letter, const char *subject, guint n_parts)
{
	g_assert_cmpstr(letter->subject, ==, subject);
	g_assert_cmpstr(letter->from.address, ==, "ungcuu@example.vn");
	g_assert_cmpstr(letter->from.name, ==, "Đội Ứng cứu sự cố (Ninh Bình)");
	g_assert_cmpstr(letter->text, ==, "Kính gửi Ông/Bà,\n\nĐã nhận.");
	g_assert_cmpstr(letter->message_id, ==, ID);
	g_assert_cmpstr(letter->references->pdata[0], ==, PARENT);
	g_assert_cmpuint(letter->references->len, ==, 2);
	g_assert_cmpstr(letter_field(letter, "reply-to"), ==, all_fields[5].value);
	g_assert_cmpstr(letter_field(letter, "auto-submitted"), ==, "auto-replied");
	g_assert_cmpstr(letter_field(letter, "x-ungcuu-loop"), ==, "ungcuu@example.vn");
	g_assert_cmpuint(letter->offered->len, ==, 1);
	g_assert_cmpuint(letter->notes->len, ==, 0);
	g_assert_cmpuint(letter->parts->len, ==, n_parts - 1);
	g_assert_false(letter->exposed || letter->nested);
}

/* One mail of ours, read as its recipient would, who undid the protection. */
static void
round_trip(const char *subject, const char *outer_subject, guint n_parts)
{
	static const char text[] = "Kính gửi Ông/Bà,\n\nĐã nhận.\n";
	struct compose_header fields[G_N_ELEMENTS(all_fields)];
	memcpy(fields, all_fields, sizeof fields);
	fields[1].value = subject;
	g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text)), entity = NULL;
	const struct compose_part parts[] = { { "text/plain", NULL, bytes },
		{ "application/pdf", "a.pdf", bytes } };
	const struct compose_protection protection = { fields, G_N_ELEMENTS(fields),
		"Đội Ứng cứu sự cố (Ninh Bình)", "ungcuu@example.vn", "an@example.org",
		outer_subject };
	g_autoptr(GError) error = NULL;
	compose_protected(parts, n_parts, BOUNDARY, &protection, &entity, &error);
	g_assert_no_error(error);
	g_autoptr(GBytes) header = NULL;
	compose_outer(&protection, &header, &error);
	g_assert_no_error(error);
	bool cipher = outer_subject != NULL;
	check_lines(entity);
	check_fields(header, entity, cipher);
	g_autoptr(GBytes) mail = wrap(header, entity, cipher);
	g_autoptr(letter_auto) outer = parse(mail, NULL), last = cipher ? parse(entity, outer)
		: NULL;
	const struct letter *letter = cipher ? last : outer;
	check_letter(letter, subject, n_parts);
	g_assert_cmpint(letter->header_protection, ==, cipher ? HEADER_PROTECTION_ENCRYPTED
		: HEADER_PROTECTION_SIGNED);
	if (!cipher)
		return;
	/* not one byte of the header depends on the true Subject */
	g_assert_cmpstr(outer->subject, ==, outer_subject);
	g_assert_cmpuint(outer->notes->len, ==, 0);
	fields[1].value = outer_subject;
	g_autoptr(GBytes) without = NULL;
	compose_header(fields, G_N_ELEMENTS(fields), protection.from_name, protection.from,
		protection.to, &without, NULL);
	g_assert_true(g_bytes_equal(header, without));
}

static void
test_compose(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(subjects); i++)
		for (guint k = 0; k < G_N_ELEMENTS(outer_subjects); k++)
			for (guint n = 1; n <= 2; n++)
				round_trip(subjects[i], outer_subjects[k], n);
}

static const char composed[] =
	"Subject: [NBH-2026-000001] =?utf-8?B?xJDDoyBuaOG6rW4=?=\r\n"
	"From: a@example.vn\r\n"
	"To: b@example.org\r\n"
	"HP-Outer: Subject: [NBH-2026-000001] =?utf-8?B?VGjDtG5nIGLDoW8=?=\r\n"
	"HP-Outer: From: a@example.vn\r\n"
	"HP-Outer: To: b@example.org\r\n"
	"Content-Type: text/plain; charset=utf-8;\r\n hp=\"cipher\";\r\n"
	" hp-legacy-display=\"1\"\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n"
	"\r\n"
	"Subject: [NBH-2026-000001] =C4=90=C3=A3 nh=E1=BA=ADn\r\n"
	"\r\n"
	"x\r\n";

static void
test_composed(void)
{
	const struct compose_header field = { "Subject", "[NBH-2026-000001] Đã nhận" };
	g_autoptr(GBytes) text = g_bytes_new_static("x\n", 2), entity = NULL;
	const struct compose_part part = { "text/plain", NULL, text };
	struct compose_protection p = { &field, 1, "", "a@example.vn", "b@example.org",
		"[NBH-2026-000001] Thông báo" };
	g_assert_cmpint(compose_protected(&part, 1, BOUNDARY, &p, &entity, NULL), ==, DONE);
	g_assert_cmpmem(g_bytes_get_data(entity, NULL), g_bytes_get_size(entity), composed,
		strlen(composed));
}

static void
test_refused(void)
{
	static const struct compose_header fields[] = {
		{ "Date", "x" }, { "Subject", "a\r\nb" }, { "HP-Outer", "Subject: x" },
		{ "Content-Type", "text/html" }, { "From", "x@example.org" },
	};
	static const struct compose_header good = { "Subject", "x" };
	g_autoptr(GBytes) text = g_bytes_new_static("x\n", 2);
	const struct compose_part part = { "text/plain", NULL, text };
	GBytes *out = NULL;
	for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
		const struct compose_header both[] = { good, fields[i] };
		const struct compose_protection p = { i == 0 ? &fields[0] : both, i == 0 ? 1 : 2,
			"", "a@example.vn", "b@example.org", "y" };
		g_assert_cmpint(compose_protected(&part, 1, BOUNDARY, &p, &out, NULL), ==, NEVER);
	}
	struct compose_protection p = { &good, 1, "", "a@example.vn", "b@example.org", "y\nz" };
	g_assert_cmpint(compose_protected(&part, 1, BOUNDARY, &p, &out, NULL), ==, NEVER);
	p.outer_subject = "y";
	p.from = "a";
	g_assert_cmpint(compose_protected(&part, 1, BOUNDARY, &p, &out, NULL), ==, NEVER);
	g_assert_null(out);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	for (guint i = 0; i < G_N_ELEMENTS(entities); i++) {
		g_autofree char *golden = g_strconcat("/mime/protected/golden/", entities[i], NULL);
		g_autofree char *broken = g_strconcat("/mime/protected/broken/", entities[i], NULL);
		g_test_add_data_func(golden, entities[i], test_golden);
		g_test_add_data_func(broken, entities[i], test_broken);
	}
	g_test_add_func("/mime/protected/again", test_again);
	g_test_add_func("/mime/protected/second", test_second);
	g_test_add_func("/mime/protected/layers", test_layers);
	g_test_add_func("/mime/protected/displays", test_displays);
	g_test_add_func("/mime/protected/compose", test_compose);
	g_test_add_func("/mime/protected/composed", test_composed);
	g_test_add_func("/mime/protected/refused", test_refused);
	return g_test_run();
}
