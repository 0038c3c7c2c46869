/* SPDX-License-Identifier: ISC
 *
 * test-layers: a signed part below the root with anything around it, and layers within layers,
 * driven as the hub drives them.  What was signed is never mixed with what was not: every leaf of a
 * random tree has a word of its own, to be found on the right side of the line or not at all.
 * Single mails with the whole letter they give are golden letters of test-parse.
 */
#include "mime/mime.h"

#include <string.h>

#define SIGNED "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; "
#define SIGNATURE "Content-Type: application/pgp-signature\n\n" \
	"-----BEGIN PGP SIGNATURE-----\n\niHU\n-----END PGP SIGNATURE-----\n"
#define OURS "Content-Type: text/plain; charset=utf-8\n\nours\n"
#define PART SIGNED "boundary=s\n\n--s\n" OURS "\n--s\n" SIGNATURE "\n--s--\n"
#define FROM "From: Nguyen Van An <an@example.vn>\n"
#define DATE "Date: Sun, 22 Nov 2026 10:00:00 +0700\n"
#define KEY "xjMEAAECAwQFBgcICQoLDA0ODw=="

static struct letter *
parse(GBytes *raw, const struct letter *outer)
{
	struct letter *letter = NULL;
	g_autoptr(GError) error = NULL;
	parse_mail(raw, outer, NULL, &letter, &error);
	g_assert_no_error(error);
	return letter;
}

static GBytes *
bytes_of(const char *text)
{
	return g_bytes_new(text, strlen(text));
}

static GBytes *
with_crlf(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	char *joined = g_strjoinv("\r\n", lines);
	return g_bytes_new_take(joined, strlen(joined));
}

/* ---- what exposes a letter ----------------------------------------------------------------- */

/* a part beside the signed one (NULL: none), what is shown of it outside, exposed */
static const struct { const char *part, *outside; bool exposed; } beside[] = {
	{ NULL, "", false },
	{ "\n", "", false },
	{ "\n \t\n\n", "", false },
	{ "Content-Type: text/plain; charset=utf-8\n\n\xc2\xa0\xe3\x80\x80\n", "", false },
	{ "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nICAgCg==\n", "", false },
	{ "Content-Type: text/plain\nContent-Disposition: inline\n\n\n", "", false },
	{ "Content-Type: multipart/mixed; boundary=n\n\nunseen\n--n\n\n\n--n--\nunseen\n", "",
	  false },
	/* somebody may see it */
	{ "\nx\n", "x", true },
	{ "Content-Type: text/plain; charset=utf-8\n\n\xe2\x80\x8b\n", "‹U+200B›", true },
	{ "Content-Type: nonsense\n\nx\n", "", true },
	{ "Content-Type: text/plain\nContent-Disposition: attachment\n\n", "", true },
	{ "Content-Type: text/plain; name=a.txt\n\n\n", "", true },
	{ "Content-Type: text/html\n\n<p> </p>\n", "", true },
	{ "Content-Type: text/x-unknown\n\n\n", "", true },
	{ "Content-Type: image/png\n\n", "", true },
	{ "Content-Type: message/rfc822\n\nSubject: x\n\n\n", "", true },
	{ "Content-Type: message/delivery-status\n\n\n", "", true },
	{ "Content-Type: multipart/mixed; boundary=n\n\nx\n", "", true },
	{ "Content-Type: multipart/mixed\n\nx\n", "", true },
	{ "Content-Type: multipart/alternative; boundary=n\n\n--n\n\n \n--n\n"
	  "Content-Type: text/html\n\n<p>\n--n--\n", "", true },
	{ "Content-Type: multipart/alternative; boundary=n\n\n--n\n\nx\n--n\n"
	  "Content-Type: text/html\n\n<p>y\n--n--\n", "x", true },
	{ "Content-Type: multipart/related; boundary=n\n\n--n\n\n\n--n\n\n\n--n--\n", "", true },
	{ "Content-Type: multipart/encrypted; boundary=n\n\n--n\n\n\n--n--\n", "", true },
};

static void
test_beside(void)
{
	for (guint i = 0; i < 2 * G_N_ELEMENTS(beside); i++) {
		const char *part = beside[i / 2].part;
		g_autofree char *other = part == NULL ? g_strdup("")
			: g_strconcat("--m\n", part, "\n", NULL);
		g_autofree char *mail = g_strconcat(FROM "Content-Type: multipart/mixed; boundary=m"
			"\n\nunseen\n", i % 2 ? other : "", "--m\n" PART "\n", i % 2 ? "" : other,
			"--m--\nunseen\n", NULL);
		g_autoptr(GBytes) raw = bytes_of(mail), crlf = with_crlf(mail);
		g_autoptr(letter_auto) letter = parse(raw, NULL), same = parse(crlf, NULL);
		g_test_message("%s", other);
		g_assert_cmpint(letter->layer, ==, LAYER_PGP_SIGNED);
		g_assert_cmpstr(letter->text, ==, "ours");
		g_assert_cmpstr(g_strchomp(letter->outside), ==, beside[i / 2].outside);
		g_assert_cmpint(letter->exposed, ==, beside[i / 2].exposed);
		g_assert_cmpint(same->exposed, ==, beside[i / 2].exposed);
		g_assert_cmpstr(same->text, ==, "ours");
		g_assert_cmpmem(same->own_sha256, DIGEST_SIZE, letter->own_sha256, DIGEST_SIZE);
	}
}

/* More blanks than are looked at, with something behind them. */
static void
test_blanks(void)
{
	g_autofree char *blanks = g_strnfill(3 * LIMIT_LETTER_TEXT, ' ');
	g_autofree char *mail = g_strconcat(FROM "Content-Type: multipart/mixed; boundary=m\n"
		"\n--m\n" PART "\n--m\n\n", blanks, "x\n--m--\n", NULL);
	g_autoptr(GBytes) raw = bytes_of(mail);
	g_autoptr(letter_auto) letter = parse(raw, NULL);
	g_assert_cmpint(letter->layer, ==, LAYER_PGP_SIGNED);
	g_assert_cmpstr(letter->text, ==, "ours");
	g_assert_true(letter->exposed);
}

/* Attachments put before the signed part do not use up the list. */
static void
test_flood(void)
{
	GString *mail = g_string_new(FROM "Content-Type: multipart/mixed; boundary=m\n\n");
	for (guint i = 0; i < LIMIT_LETTER_PARTS + 10; i++)
		g_string_append(mail, "--m\nContent-Type: image/png\n\nx\n");
	g_string_append(mail, "--m\n" SIGNED "boundary=s\n\n--s\n"
		"Content-Type: multipart/mixed; boundary=n\n\n--n\n\nours\n--n\n"
		"Content-Type: application/pdf\n\nx\n--n--\n\n--s\n" SIGNATURE "\n--s--\n--m--\n");
	g_autoptr(GBytes) raw = g_string_free_to_bytes(mail);
	g_autoptr(letter_auto) letter = parse(raw, NULL);
	const struct part *first = letter->parts->pdata[0];
	g_assert_cmpstr(letter->text, ==, "ours");
	g_assert_cmpstr(first->number, ==, "511.1.2");
	g_assert_true(first->covered);
	g_assert_cmpuint(letter->parts->len, ==, LIMIT_LETTER_PARTS);
	g_assert_true(letter->exposed);
}

/* Bodies the scan and GMime read in two ways: whatever else that hides, it is not called
 * covered. */
static const char *const odd[] = {
	"--m\n--m\n" PART "\n--m--\n", "--m\n" PART "\n--m\n--m\n\nx\n--m--\n",
	"--m\n" PART "\n--m\n--m--\n",
};

static void
test_odd(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(odd); i++) {
		g_autofree char *mail = g_strconcat(FROM "Content-Type: multipart/mixed; boundary=m"
			"\n\n", odd[i], NULL);
		g_autoptr(GBytes) raw = bytes_of(mail);
		g_autoptr(letter_auto) letter = parse(raw, NULL);
		g_test_message("%s", odd[i]);
		g_assert_cmpint(letter->layer, ==, LAYER_PGP_SIGNED);
		g_assert_cmpstr(letter->text, ==, "ours");
		g_assert_true(letter->exposed);
		g_assert_cmpuint(letter->notes->len, ==, 1);
		g_assert_cmpstr(letter->notes->pdata[0], ==, "structure is ambiguous");
	}
}

/* As deep as a mail may be, and one deeper. */
static void
test_depth(void)
{
	g_autofree char *part = g_strdup(PART);
	for (guint n = 1; n <= LIMIT_DEPTH; n++) {
		char *around = g_strdup_printf("Content-Type: multipart/mixed; boundary=m%02um\n\n"
			"--m%02um\n%s\n--m%02um--\n", n, n, part, n);
		g_free(part);
		part = around;
		g_autofree char *mail = g_strconcat(FROM, part, NULL);
		g_autoptr(GBytes) raw = bytes_of(mail), signature = NULL;
		struct letter *out = NULL;
		g_autoptr(GError) error = NULL;
		enum outcome how = parse_mail(raw, NULL, NULL, &out, &error);
		g_assert_cmpint(how, ==, n < LIMIT_DEPTH ? DONE : NEVER);
		g_assert_cmpint(parse_sealed(raw, &signature, NULL), ==, how);
		if (how != DONE)
			continue;
		g_autoptr(letter_auto) letter = out;
		g_assert_cmpint(letter->layer, ==, LAYER_PGP_SIGNED);
		g_assert_cmpstr(letter->text, ==, "ours");
		g_assert_false(letter->exposed);
		g_assert_cmpuint(letter->notes->len, ==, 0);
		g_assert_true(g_str_has_prefix(g_bytes_get_data(signature, NULL), "-----BEGIN"));
	}
}

/* ---- random trees -------------------------------------------------------------------------- */

/* subtype and its other parameters; drawn with a preference for the first ones */
static const char *const containers[] = {
	"mixed", "mixed", "mixed", "mixed", "signed; protocol=\"application/pgp-signature\"",
	"signed; protocol=\"application/pgp-signature\"", "signed; protocol=\"application/x\"",
	"alternative", "related", "digest", "encrypted; protocol=\"application/pgp-encrypted\"",
};
static const char *const leaves[] = {
	"Content-Type: text/plain\n\n", "Content-Type: text/plain\n\n", "\n",
	"Content-Type: text/html\n\n", "Content-Type: image/png\n\n",
	"Content-Type: message/rfc822\n\n\n", "Content-Type: text/plain; name=a\n\n",
};
#define WORD "w%u."

struct tree { GRand *rand; GString *mail; guint words, boundaries, depth; };

static void
tree_part(struct tree *t)
{
	bool is_leaf = t->depth >= 5 || g_rand_int_range(t->rand, 0, 3) == 0;
	if (t->depth > 0 && is_leaf) {
		guint which = g_rand_int_range(t->rand, 0, G_N_ELEMENTS(leaves));
		g_string_append_printf(t->mail, "%s" WORD "\n", leaves[which], t->words++);
		return;
	}
	guint which = g_rand_int_range(t->rand, 0, G_N_ELEMENTS(containers));
	const char *type = t->depth == 0 ? "mixed" : containers[which];
	bool is_signed = g_str_has_prefix(type, "signed");
	/* now and then a boundary that another one has or begins with */
	guint boundary = g_rand_int_range(t->rand, 0, 20) == 0 ? 1 : ++t->boundaries;
	guint n = is_signed ? 1 : g_rand_int_range(t->rand, 1, 4);
	g_string_append_printf(t->mail, "Content-Type: multipart/%s; boundary=b%u\n\n", type,
		boundary);
	t->depth++;
	for (guint i = 0; i < n; i++) {
		g_string_append_printf(t->mail, "--b%u\n", boundary);
		tree_part(t);
		g_string_append_c(t->mail, '\n');
	}
	t->depth--;
	if (is_signed)
		g_string_append_printf(t->mail, "--b%u\n" SIGNATURE "\n", boundary);
	if (g_rand_int_range(t->rand, 0, 20) > 0)
		g_string_append_printf(t->mail, "--b%u--\n", boundary);
}

/* Every word is where its signature says, or nowhere. */
static void
check_words(const struct letter *letter, const char *mail, guint words)
{
	g_autofree char *covered = g_strndup(mail + letter->covered.at, letter->covered.size);
	for (guint i = 0; i < words; i++) {
		g_autofree char *word = g_strdup_printf(WORD, i);
		bool is_covered = strstr(covered, word) != NULL;
		if (is_covered)
			g_assert_null(strstr(letter->outside, word));
		else
			g_assert_null(strstr(letter->text, word));
		g_assert_true(is_covered || letter->exposed);
	}
	for (guint i = 0; i < letter->parts->len; i++) {
		const struct part *part = letter->parts->pdata[i];
		g_autoptr(GBytes) raw = bytes_of(mail), bytes = NULL;
		g_assert_cmpint(parse_part(raw, part->number, &bytes, NULL), ==, DONE);
		g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL),
			g_bytes_get_size(bytes));
		const char *word = strchr(text, 'w');
		if (word != NULL && g_ascii_isdigit(word[1]))
			g_assert_cmpint(strstr(covered, g_strchomp(text)) != NULL, ==,
				part->covered);
	}
}

static void
test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(9788);
	guint found = 0, none = 0;
	for (guint i = 0; i < 3000; i++) {
		struct tree t = { .rand = rand, .mail = g_string_new(FROM) };
		tree_part(&t);
		g_autofree char *mail = g_string_free(t.mail, FALSE);
		g_autoptr(GBytes) raw = bytes_of(mail), crlf = with_crlf(mail), sealed = NULL;
		g_autoptr(letter_auto) letter = parse(raw, NULL), same = parse(crlf, NULL);
		g_test_message("tree %u", i);
		g_assert_cmpstr(same->text, ==, letter->text);
		g_assert_cmpstr(same->outside, ==, letter->outside);
		g_assert_cmpint(same->layer, ==, letter->layer);
		g_assert_cmpint(same->exposed, ==, letter->exposed);
		g_assert_cmpint(parse_sealed(raw, &sealed, NULL) == DONE, ==,
			letter->layer != LAYER_PLAIN);
		if (letter->layer == LAYER_PGP_SIGNED)
			check_words(letter, mail, t.words);
		else
			g_assert_false(letter->exposed);
		found += letter->layer == LAYER_PGP_SIGNED;
		none += letter->layer == LAYER_PLAIN && strstr(mail, "/signed") != NULL;
	}
	g_assert_cmpuint(found, >, 200);
	g_assert_cmpuint(none, >, 200);
}

/* ---- layers within layers ------------------------------------------------------------------ */

#define HEADER FROM "To: <ungcuu@example.vn>\nSubject: [...]\n" DATE \
	"Message-ID: <1@example.vn>\nAuto-Submitted: no\n" \
	"Autocrypt: addr=an@example.vn; keydata=" KEY "\n"
#define PAYLOAD(HP) FROM "To: <ungcuu@example.vn>\nSubject: Máy chủ bị mã hoá\n" DATE \
	"Message-ID: <1@example.vn>\n" HP "Content-Type: text/plain; charset=utf-8; "
#define CIPHER PAYLOAD("HP-Outer: Subject: [...]\n") \
	"hp=\"cipher\"; hp-legacy-display=\"1\"\n\nSubject: Máy chủ bị mã hoá\n\nXin chào\n"
#define CLEAR PAYLOAD("") "hp=\"clear\"\n\nXin chào\n"

/* s: multipart/signed, o: CMS signed-data, e: multipart/encrypted, c: CMS enveloped-data */
static const struct {
	const char *chain, *payload;
	enum header_protection word;
	guint notes;
} chains[] = {
	{ "s", CLEAR, HEADER_PROTECTION_SIGNED, 1 },
	{ "ss", CLEAR, HEADER_PROTECTION_SIGNED, 1 },
	{ "sss", CLEAR, HEADER_PROTECTION_SIGNED, 1 },
	{ "so", CLEAR, HEADER_PROTECTION_SIGNED, 1 },
	{ "os", CLEAR, HEADER_PROTECTION_SIGNED, 1 },
	{ "e", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "c", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "se", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "sc", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "es", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "co", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "ses", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "sss", CIPHER, HEADER_PROTECTION_SIGNED, 1 },
	{ "oco", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
	{ "ess", CIPHER, HEADER_PROTECTION_ENCRYPTED, 0 },
};

static char *
wrap(char kind, guint n, const char *inner)
{
	if (kind == 's')
		return g_strdup_printf(SIGNED "boundary=s%us\n\n--s%us\n%s\n--s%us\n" SIGNATURE
			"\n--s%us--\n", n, n, inner, n, n);
	if (kind == 'e')
		return g_strdup("Content-Type: multipart/encrypted; boundary=e; "
			"protocol=\"application/pgp-encrypted\"\n\n--e\n"
			"Content-Type: application/pgp-encrypted\n\nVersion: 1\n--e\n"
			"Content-Type: application/octet-stream\n\n"
			"-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n--e--\n");
	return g_strdup_printf("Content-Type: application/pkcs7-mime; smime-type=%s\n\nMIAG\n",
		kind == 'o' ? "signed-data" : "enveloped-data");
}

/* The letter as the hub gets and keeps it. */
static struct letter *
parse_through_frame(GBytes *raw, const struct letter *outer)
{
	g_autoptr(letter_auto) letter = parse(raw, outer);
	g_autoptr(GBytes) bytes = letter_to_bytes(letter);
	struct letter *again = letter_from_bytes(bytes, NULL);
	g_assert_nonnull(again);
	return again;
}

static void
check_layer(const struct letter *letter, bool is_last, bool within)
{
	g_assert_cmpstr(letter->from.address, ==, "an@example.vn");
	g_assert_cmpstr(letter->message_id, ==, "1@example.vn");
	g_assert_cmpstr(letter_field(letter, "auto-submitted"), ==, "no");
	g_assert_cmpint(letter->date, ==, G_GINT64_CONSTANT(1795316400000));
	g_assert_cmpuint(letter->to->len, ==, 1);
	g_assert_cmpuint(letter->n_from, ==, 1);
	g_assert_cmpuint(letter->offered->len, ==, 1);
	g_assert_cmpint(letter->within_encryption, ==, within);
	g_assert_false(letter->exposed);
	g_assert_cmpstr(letter->outside, ==, "");
	g_assert_cmpstr(letter->text, ==, is_last ? "Xin chào" : "");
	g_assert_cmpstr(letter->subject, ==, is_last ? "Máy chủ bị mã hoá" : "[...]");
	if (!is_last) {
		g_assert_cmpuint(letter->notes->len, ==, 0);
		g_assert_cmpint(letter->header_protection, ==, HEADER_PROTECTION_NONE);
	}
}

/* What the hub does: undo the layer, or take the covered slice, as long as there is a next one. */
static void
drive(guint row, bool crlf)
{
	const char *chain = chains[row].chain;
	gsize n = strlen(chain);
	g_autoptr(GPtrArray) inside = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(inside, g_strdup(chains[row].payload));
	for (gsize i = n; i-- > 0; )
		g_ptr_array_add(inside, wrap(chain[i], (guint)i, inside->pdata[n - 1 - i]));
	g_autofree char *mail = g_strconcat(HEADER, inside->pdata[n], NULL);
	g_autoptr(GBytes) raw = crlf ? with_crlf(mail) : bytes_of(mail);
	g_autoptr(letter_auto) letter = parse_through_frame(raw, NULL);
	bool within = false;
	for (gsize i = 0; i < n; i++) {
		g_test_message("%s, layer %zu", chain, i + 1);
		bool is_last = i + 1 == n && chain[i] == 's';
		check_layer(letter, is_last, within);
		g_assert_cmpint(letter->nested, ==, chain[i] == 's' && !is_last);
		within = within || chain[i] == 'e' || chain[i] == 'c';
		if (is_last)
			break;
		const char *next = inside->pdata[n - 1 - i];
		g_autoptr(GBytes) bytes = letter->nested ? g_bytes_new_from_bytes(raw,
			letter->covered.at, letter->covered.size)
			: crlf ? with_crlf(next) : bytes_of(next);
		struct letter *further = parse_through_frame(bytes, letter);
		letter_free(letter);
		letter = further;
		g_bytes_unref(raw);
		raw = g_steal_pointer(&bytes);
	}
	check_layer(letter, true, within);
	g_assert_false(letter->nested);
	g_assert_cmpint(letter->header_protection, ==, chains[row].word);
	g_assert_cmpuint(letter->notes->len, ==, chains[row].notes);
}

static void
test_chains(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(chains); i++) {
		drive(i, false);
		drive(i, true);
	}
}

/* What an inline block held is text from its first line, and what stood around it stays outside. */
static void
test_inline(void)
{
	static const char mail[] = HEADER "\ntrước\n-----BEGIN PGP MESSAGE-----\n\nhQ\n"
		"-----END PGP MESSAGE-----\nsau\n";
	static const char plain[] = "Chú ý\nSubject: một\nContent-Type: multipart/mixed; boundary=b"
		"\n\n--b\n\nhai\n";
	g_autoptr(GBytes) raw = bytes_of(mail), text = bytes_of(plain);
	g_autoptr(letter_auto) outer = parse_through_frame(raw, NULL);
	g_assert_cmpint(outer->layer, ==, LAYER_PGP_INLINE_ENCRYPTED);
	g_assert_true(outer->exposed);
	g_autoptr(letter_auto) letter = parse_through_frame(text, outer);
	g_autofree char *got = g_strconcat(letter->text, "\n", NULL);
	g_assert_cmpstr(got, ==, plain);
	g_assert_cmpstr(letter->subject, ==, "[...]");
	g_assert_cmpstr(letter->outside, ==, outer->outside);
	g_assert_cmpstr(letter->outside, ==, "trước\nsau\n");
	g_assert_true(letter->exposed && letter->within_encryption);
	g_assert_cmpuint(letter->notes->len, ==, 0);
}

/* A block in a charset nobody could open it from is text. */
static void
test_inline_charset(void)
{
	static const char block[] = "-----BEGIN PGP MESSAGE-----\n\nhQ\n"
		"-----END PGP MESSAGE-----\n";
	static const char *const charsets[] = { "utf-8", "utf-16le" };
	for (guint i = 0; i < G_N_ELEMENTS(charsets); i++) {
		gsize size;
		g_autofree char *wide = g_convert(block, -1, charsets[i], "utf-8", NULL, &size,
			NULL);
		g_autofree char *base64 = g_base64_encode((guchar *)wide, size);
		g_autofree char *mail = g_strdup_printf(HEADER "Content-Type: text/plain; "
			"charset=%s\nContent-Transfer-Encoding: base64\n\n%s\n", charsets[i],
			base64);
		g_autoptr(GBytes) raw = bytes_of(mail), sealed = NULL;
		g_autoptr(letter_auto) letter = parse(raw, NULL);
		g_assert_cmpint(letter->layer, ==, i == 0 ? LAYER_PGP_INLINE_ENCRYPTED
			: LAYER_PLAIN);
		g_assert_cmpint(parse_sealed(raw, &sealed, NULL), ==, i == 0 ? DONE : NEVER);
		g_assert_cmpint(strstr(letter->text, "BEGIN PGP") != NULL, ==, i);
	}
}

/* What stands in place of the signature is no legacy display to be cut. */
static void
test_shown(void)
{
	static const char around[] = HEADER "Content-Type: multipart/encrypted; boundary=e; "
		"protocol=\"application/pgp-encrypted\"\n\n--e\n\n\n--e\n\n\n--e--\n";
	static const char mail[] = SIGNED "boundary=s\n\n--s\n" CIPHER "\n--s\n"
		"Content-Type: text/plain; hp-legacy-display=\"1\"\n\nSubject: x\n\ny\n\n--s--\n";
	g_autoptr(GBytes) outer_raw = bytes_of(around), raw = bytes_of(mail);
	g_autoptr(letter_auto) outer = parse(outer_raw, NULL), letter = parse(raw, outer);
	g_assert_cmpint(outer->layer, ==, LAYER_PGP_ENCRYPTED);
	g_assert_cmpint(letter->header_protection, ==, HEADER_PROTECTION_ENCRYPTED);
	g_assert_cmpstr(letter->text, ==, "Xin chào");
	g_assert_cmpstr(letter->outside, ==, "Subject: x\n\ny\n");
	g_assert_true(letter->exposed);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	g_test_add_func("/mime/layers/beside", test_beside);
	g_test_add_func("/mime/layers/blanks", test_blanks);
	g_test_add_func("/mime/layers/flood", test_flood);
	g_test_add_func("/mime/layers/odd", test_odd);
	g_test_add_func("/mime/layers/depth", test_depth);
	g_test_add_func("/mime/layers/random", test_random);
	g_test_add_func("/mime/layers/chains", test_chains);
	g_test_add_func("/mime/layers/inline", test_inline);
	g_test_add_func("/mime/layers/inline-charset", test_inline_charset);
	g_test_add_func("/mime/layers/shown", test_shown);
	return g_test_run();
}
