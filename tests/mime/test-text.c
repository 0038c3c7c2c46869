/* SPDX-License-Identifier: ISC
 *
 * test-text: cleaning, decoding, flowed text, language, HTML and quotations, each a table of
 * input and expected text.
 */
#include "mime/mime.h"

#include <string.h>

static const struct { const char *in, *line, *text; } cleaned[] = {
	{ "abc", "abc", "abc" },
	{ "a \r\nb\t\rc\n", "a b c ", "a\nb\nc\n" },
	{ "e\xcc\x81", "é", "é" },
	{ "a\x01" "b", "a‹U+0001›b", "a‹U+0001›b" },
	{ "\xe2\x80\xae" "x", "‹U+202E›x", "‹U+202E›x" },
	{ "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "👩‍💻", "👩‍💻" },
	{ "a\xe2\x80\x8d" "b", "a‹U+200D›b", "a‹U+200D›b" },
	{ "\xff\xc3", "‹xFF›‹xC3›", "‹xFF›‹xC3›" },
	{ "\xf3\xa0\x80\x81", "‹U+E0001›", "‹U+E0001›" },
};

static void
test_clean(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(cleaned); i++) {
		g_autofree char *line = text_clean_line(cleaned[i].in);
		g_autofree char *text = text_clean(cleaned[i].in, -1);
		g_assert_cmpstr(line, ==, cleaned[i].line);
		g_assert_cmpstr(text, ==, cleaned[i].text);
	}
	g_autofree char *nul = text_clean("a\0b", 3);
	g_assert_cmpstr(nul, ==, "a‹U+0000›b");
}

/* NFC in pieces must be NFC of the whole, wherever a piece happens to end. */
static void
test_pieces(void)
{
	static const char *const bits[] = { "e\xcc\x81\xcc\xa3", "a",
		"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "o\xcc\x9b\xcc\x89",
		"中" };
	for (guint k = 0; k < G_N_ELEMENTS(bits); k++)
		for (guint offset = 0; offset < 12; offset++) {
			GString *text = g_string_new(NULL);
			for (guint i = 0; i < offset; i++)
				g_string_append_c(text, 'x');
			for (guint i = 0; i < 400; i++)
				g_string_append(text, bits[k]);
			g_autofree char *whole = g_utf8_normalize(text->str, -1, G_NORMALIZE_NFC);
			g_autofree char *got = text_clean(text->str, -1);
			g_assert_cmpstr(got, ==, whole);
			g_string_free(text, TRUE);
		}
}

static const char *const fallbacks[] = { "windows-1258", "viscii", "tcvn5712-1", "iso-8859-1",
	NULL };
static const struct { const char *in, *charset, *out; } decoded[] = {
	{ "abc", NULL, "abc" },
	{ "\xc4\x91", "utf-8", "đ" },
	{ "\xc4\x91", NULL, "đ" },
	{ "\xc4\x91", "us-ascii", "đ" },
	{ "\xf0", "windows-1258", "đ" },
	{ "\xf0", "CP1258", "đ" },
	{ "\xf0", "Windows-1252", "ð" },
	{ "\xe9", "iso-8859-1", "é" },
	{ "\x93" "a\x94", "iso-8859-1", "“a”" },
	{ "\xf0", "x-no-such-charset", "đ" },
	{ "\xb0\xa1", "gb2312", "啊" },
	{ "\x1b$B$\"\x1b(B", "iso-2022-jp", "あ" },
	{ "+AOk-", "utf-7", "é" },
	{ "\xef\xbb\xbf" "a", NULL, "a" },
	{ "\xff\xfe", "utf-8", "Ữợ" },	/* VISCII: the first that gives Vietnamese letters */
};

static void
test_decode(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(decoded); i++) {
		g_autofree char *out = text_decode(decoded[i].in, strlen(decoded[i].in),
			decoded[i].charset, fallbacks);
		g_autofree char *clean = text_clean(out, -1);
		g_test_message("row %u", i);
		g_assert_cmpstr(clean, ==, decoded[i].out);
	}
	/* without a list every byte still means something */
	g_autofree char *bytes = text_decode("\x80\xe9\xff", 3, NULL, NULL);
	g_assert_cmpstr(bytes, ==, "€éÿ");
}

static const struct { const char *text, *language; } languages[] = {
	{ "Máy chủ của chúng tôi bị tấn công.", "vi" },
	{ "May chu cua chung toi bi tan cong", "vi" },
	{ "Our server was attacked and we need help", "en" },
	{ "Notre serveur a été attaqué à neuf heures", NULL },
	{ "203.0.113.7", NULL }, { "", NULL },
	{ "Dear team, the site lua dao is still online, please block it.", "en" },
};

static void
test_language(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(languages); i++)
		g_assert_cmpstr(text_language(languages[i].text), ==, languages[i].language);
}

static const struct { const char *html, *text; } pages[] = {
	{ "<p>a</p><p>b</p>", "a\n\nb\n\n" },
	{ "a<br>b <b>c</b>d", "a\nb cd" },
	{ "<a href='https://example.org/'>x</a> y", "x <https://example.org/> y" },
	{ "<a href='https://example.org/'>https://example.org/</a>", "https://example.org/" },
	{ "<a href='mailto:a@example.vn'>a@example.vn</a>", "a@example.vn" },
	{ "<a/href=https:&sol;&sol;example.org>x</a>", "x <https://example.org>" },
	{ "<a href='https://example.org/'><img src=a></a>", "<https://example.org/>" },
	{ "<script>x</script><style>y</style>z", "z" },
	{ "<blockquote>q<br>r</blockquote>s", "> q\n> r\ns" },
	{ "<table><tr><td>a<td>b<tr><td>c</table>", "a | b\nc\n" },
	{ "<pre>a\n  b</pre>", "a\n  b\n" },
	{ "<!--[if mso]><p>o &amp; p</p><![endif]-->x<!-- y -->", "o & p x" },
	{ "a&nbsp;&nbsp;b", "a b" },
	{ "Ở Âu", "Ở Âu" },
	{ "<div style='display:none'>hidden</div>", "hidden\n" },
};

static void
test_html(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(pages); i++) {
		g_autofree char *text = html_text(pages[i].html, strlen(pages[i].html));
		g_assert_cmpstr(text, ==, pages[i].text);
	}
	g_autofree char *big = g_strnfill(LIMIT_HTML_SIZE + 1, 'x');
	g_assert_null(html_text(big, LIMIT_HTML_SIZE + 1));
}

static const struct { const char *text, *own, *quoted; } mails[] = {
	{ "a\nb\n", "a\nb", "" },
	{ "a\n> b\n", "a", "> b" },
	{ "> b\na\n> c\nd\n", "a\nd", "> b\n> c" },
	{ "a\n\nOn Sat, 21 Nov 2026, B wrote:\n> c\n", "a", "On Sat, 21 Nov 2026, B wrote:\n> c" },
	{ "a\n\nOn Sat, 21 Nov 2026 at 10:00, B\n<b@example.vn> wrote:\n\nc\nd\n", "a",
	  "On Sat, 21 Nov 2026 at 10:00, B\n<b@example.vn> wrote:\n\nc\nd" },
	{ "a\n\nVào 10:00, 21 thg 11, 2026, B đã viết:\n> c\n", "a",
	"Vào 10:00, 21 thg 11, 2026, B đã viết:\n> c" },
	{ "a\n-----Original Message-----\nc\n", "a", "-----Original Message-----\nc" },
	{ "a\n-----Thư gốc-----\nc\n", "a", "-----Thư gốc-----\nc" },
	{ "a\n\nFrom: B\nSent: x\nTo: A\nSubject: y\n\nc\n", "a",
	"From: B\nSent: x\nTo: A\nSubject: y\n\nc" },
	{ "a\nTừ: B\nĐã gửi: x\nĐến: A\nChủ đề: y\n\nc\n", "a",
	"Từ: B\nĐã gửi: x\nĐến: A\nChủ đề: y\n\nc" },
	{ "a\n--\nB\n0123\n", "a", "--\nB\n0123" },
	{ "a\n---------- Forwarded message ---------\nFrom: x\n\nlure\n",
	  "a\n---------- Forwarded message ---------\nFrom: x\n\nlure", "" },
	/* nothing of the sender's own would remain */
	{ "> only this\n", "> only this", "" },
	{ "From: x\nSent: y\nTo: z\n\nlure\n", "From: x\nSent: y\nTo: z\n\nlure", "" },
	/* not what it looks like */
	{ "On Sunday he wrote:\nthis\n", "On Sunday he wrote:\nthis", "" },
	{ "From: the wall to the door\n", "From: the wall to the door", "" },
	{ "", "", "" },
};

static void
test_quote(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_autofree char *own = NULL, *quoted = NULL;
		text_cut_quoted(mails[i].text, &own, &quoted);
		g_assert_cmpstr(own, ==, mails[i].own);
		g_assert_cmpstr(quoted, ==, mails[i].quoted);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	g_test_add_func("/mime/text/clean", test_clean);
	g_test_add_func("/mime/text/pieces", test_pieces);
	g_test_add_func("/mime/text/decode", test_decode);
	g_test_add_func("/mime/text/language", test_language);
	g_test_add_func("/mime/html/text", test_html);
	g_test_add_func("/mime/quote/cut", test_quote);
	return g_test_run();
}
