/* SPDX-License-Identifier: ISC
 *
 * A letter survives its way through a frame unchanged, an empty one as well as a full one; whatever
 * a broken worker could send instead is refused, with the limit's name; the printed form is stable.
 */
#include "model/model.h"

#include <string.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* ---- letters to begin with ------------------------------------------------------------ */

static gpointer
address_new(const char *name, const char *address)
{
	struct address *a = g_new0(struct address, 1);

	a->name = g_strdup(name);
	a->address = g_strdup(address);
	return a;
}

static gpointer
part_new(const char *number, const char *name, bool covered)
{
	struct part *p = g_new0(struct part, 1);

	p->number = g_strdup(number);
	p->name = g_strdup(name);
	p->type = g_strdup("application/pdf");
	p->size = G_GUINT64_CONSTANT(5000000000);
	p->sha256 = g_strdup(HEX64);
	p->covered = covered;
	return p;
}

static gpointer
offered_new(const char *source, const char *address, gsize size)
{
	struct offered_key *k = g_new0(struct offered_key, 1);

	k->source = g_strdup(source);
	k->address = g_strdup(address);
	k->bytes = g_bytes_new_take(g_strnfill(size, 'k'), size);
	return k;
}

static void
fill_arrays(struct letter *l)
{
	struct field *f = g_new0(struct field, 1);
	struct indicator *n = g_new0(struct indicator, 1);

	f->name = g_strdup("auto-submitted");
	f->value = g_strdup("no");
	n->type = g_strdup("ipv4");
	n->value = g_strdup("192.0.2.7");
	n->seen = g_strdup("192[.]0.2.7");
	g_ptr_array_add(l->fields, f);
	g_ptr_array_add(l->indicators, n);
	g_ptr_array_add(l->to, address_new(NULL, "ungcuu@example.vn"));
	g_ptr_array_add(l->to, address_new("Ai đó", NULL));
	g_ptr_array_add(l->references, g_strdup("a@example.org"));
	g_ptr_array_add(l->references, g_strdup("b@example.org"));
	g_ptr_array_add(l->parts, part_new("2", NULL, true));
	g_ptr_array_add(l->parts, part_new("3.1", "nhật ký.pdf", false));
	g_ptr_array_add(l->notes, g_strdup("two From fields"));
	g_ptr_array_add(l->offered, offered_new("autocrypt", "an@example.vn", 3));
	g_ptr_array_add(l->offered, offered_new("attachment", NULL, 0));
}

static struct letter *
full_letter(void)
{
	struct letter *l = letter_new();

	l->from.name = g_strdup("Nguyễn Văn An");
	l->from.address = g_strdup("an@example.vn");
	l->n_from = 2;
	g_free(l->subject);
	l->subject = g_strdup("Máy chủ bị mã hoá");
	l->message_id = g_strdup("1@example.vn");
	l->date = G_GINT64_CONSTANT(1795341600000);
	g_free(l->text);
	l->text = g_strdup("Xin báo:\n\nmáy chủ hỏng.\n");
	g_free(l->quoted);
	l->quoted = g_strdup("> cũ\n");
	g_free(l->outside);
	l->outside = g_strdup("chân thư");
	l->language = g_strdup("vi");
	l->bounce = g_new0(struct bounce, 1);
	l->bounce->action = g_strdup("failed");
	l->bounce->status = g_strdup("5.1.1");
	l->bounce->envelope_id = g_strdup("e1");
	l->bounce->our_id = g_strdup("o1");
	l->feedback = g_new0(struct feedback, 1);
	l->feedback->format = g_strdup("arf");
	l->layer = LAYER_PGP_SIGNED;
	l->covered = (struct slice){ 10, 200 };
	l->sealed = (struct slice){ 300, 40 };
	l->truncated = true;
	l->header_protection = HEADER_PROTECTION_SIGNED;
	l->outer_from.name = g_strdup("Ai đó");
	l->outer_from.address = g_strdup("ai@example.org");
	l->within_encryption = true;
	l->exposed = l->nested = true;
	memset(l->body_sha256, 0xab, DIGEST_SIZE);
	memset(l->own_sha256, 0xcd, DIGEST_SIZE);
	fill_arrays(l);
	return l;
}

static const char full_printed[] =
	"from: \"Nguyễn Văn An\" <an@example.vn>\n"
	"from-addresses: 2\n"
	"to: <ungcuu@example.vn>\n"
	"to: \"Ai đó\"\n"
	"subject: Máy chủ bị mã hoá\n"
	"message-id: 1@example.vn\n"
	"reference: a@example.org\n"
	"reference: b@example.org\n"
	"date: 2026-11-22T10:00:00Z\n"
	"field: auto-submitted: no\n"
	"language: vi\n"
	"layer: pgp-signed\n"
	"header-protection: signed\n"
	"outer-from: \"Ai đó\" <ai@example.org>\n"
	"within-encryption: yes\n"
	"offered: autocrypt an@example.vn 3 "
	"96efbc43a462ab9d9c6a8173e5b322e17f218b56eb3a05a4bbc53221adebc7b3\n"
	"offered: attachment - 0 "
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
	"covered: 10+200\n"
	"sealed: 300+40\n"
	"exposed: yes\n"
	"nested: yes\n"
	"body-sha256: abababababababababababababababababababababababababababababababab\n"
	"own-sha256: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\n"
	"truncated: yes\n"
	"part: 2 application/pdf 5000000000 " HEX64 " covered\n"
	"part: 3.1 application/pdf 5000000000 " HEX64 " not-covered \"nhật ký.pdf\"\n"
	"indicator: ipv4 192.0.2.7 seen \"192[.]0.2.7\"\n"
	"bounce-action: failed\n"
	"bounce-status: 5.1.1\n"
	"bounce-envelope-id: e1\n"
	"bounce-our-id: o1\n"
	"feedback-format: arf\n"
	"note: two From fields\n"
	"text:\n\tXin báo:\n\n\tmáy chủ hỏng.\n"
	"quoted:\n\t> cũ\n"
	"outside:\n\tchân thư\n";

static const char empty_printed[] = "from-addresses: 0\nlayer: plain\n";

static void
assert_prints(const struct letter *l, const char *expected)
{
	g_autofree char *printed = letter_print(l);

	g_assert_cmpstr(printed, ==, expected);
}

/* ---- there and back ------------------------------------------------------------------- */

static void
round_trip(struct letter *l, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(letter_auto) before = l;
	g_autoptr(GBytes) bytes = letter_to_bytes(before);
	g_autoptr(letter_auto) after = letter_from_bytes(bytes, &error);

	g_assert_no_error(error);
	assert_prints(before, expected);
	assert_prints(after, expected);
	g_autoptr(GBytes) again = letter_to_bytes(after);

	g_assert_true(g_bytes_equal(bytes, again));
}

static void
test_round_trip(void)
{
	round_trip(letter_new(), empty_printed);
	round_trip(full_letter(), full_printed);
}

static void
test_field(void)
{
	g_autoptr(letter_auto) l = full_letter();

	g_assert_cmpstr(letter_field(l, "auto-submitted"), ==, "no");
	g_assert_null(letter_field(l, "list-id"));
}

/* A hostile Date: must not reach arithmetic, and must not cost the letter either. */
static void
test_date(void)
{
	static const gint64 dates[] = { -2, G_MININT64, G_MAXINT64 };

	for (guint i = 0; i < G_N_ELEMENTS(dates); i++) {
		g_autoptr(letter_auto) l = full_letter();

		l->date = dates[i];
		g_autoptr(GBytes) bytes = letter_to_bytes(l);
		g_autoptr(letter_auto) after = letter_from_bytes(bytes, NULL);

		g_assert_nonnull(after);
		g_assert_cmpint(after->date, ==, -1);
	}
}

/* ---- hostile -------------------------------------------------------------------------- */

static void
many_addresses(struct letter *l)
{
	for (guint i = 0; i < LIMIT_ADDRESSES; i++)
		g_ptr_array_add(l->to, address_new(NULL, "x@example.org"));
}

static void
many_references(struct letter *l)
{
	for (guint i = 0; i < LIMIT_REFERENCES; i++)
		g_ptr_array_add(l->references, g_strdup("x"));
}

static void
many_fields(struct letter *l)
{
	for (guint i = 0; i < LIMIT_HEADER_FIELDS; i++) {
		struct field *f = g_new0(struct field, 1);

		f->name = g_strdup("x");
		f->value = g_strdup("");
		g_ptr_array_add(l->fields, f);
	}
}

static void
many_parts(struct letter *l)
{
	for (guint i = 0; i < LIMIT_LETTER_PARTS; i++)
		g_ptr_array_add(l->parts, part_new("1", NULL, false));
}

static void
many_indicators(struct letter *l)
{
	for (guint i = 0; i < LIMIT_INDICATORS; i++) {
		struct indicator *n = g_new0(struct indicator, 1);

		n->type = g_strdup("url");
		n->value = g_strdup("");
		n->seen = g_strdup("");
		g_ptr_array_add(l->indicators, n);
	}
}

static void
many_notes(struct letter *l)
{
	for (guint i = 0; i < LIMIT_NOTES; i++)
		g_ptr_array_add(l->notes, g_strdup("x"));
}

static void
long_text(struct letter *l)
{
	g_free(l->text);
	l->text = g_strnfill(LIMIT_LETTER_TEXT + 1, 'x');
}

static void
long_subject(struct letter *l)
{
	g_free(l->subject);
	l->subject = g_strnfill(LIMIT_LETTER_TEXT + 1, 'x');
}

static void
long_letter(struct letter *l)
{
	struct field *f = g_new0(struct field, 1);

	f->name = g_strdup("x");
	f->value = g_strnfill(LIMIT_LETTER_BODY, 'x');
	g_ptr_array_add(l->fields, f);
}

static void
many_offered(struct letter *l)
{
	for (guint i = 0; i < LIMIT_OFFERED; i++)
		g_ptr_array_add(l->offered, offered_new("attachment", NULL, 1));
}

static void
large_offered(struct letter *l)
{
	g_ptr_array_set_size(l->offered, 0);
	g_ptr_array_add(l->offered, offered_new("attachment", NULL, LIMIT_OFFERED_SIZE + 1));
}

static void
wrong_protection(struct letter *l)
{
	l->header_protection = header_protection_count;
}

static void
wrong_layer(struct letter *l)
{
	l->layer = layer_count;
}

static void
wrong_slice(struct letter *l)
{
	l->covered = (struct slice){ G_MAXUINT64, 1 };
}

static void
wrong_digest(struct letter *l)
{
	struct part *p = l->parts->pdata[0];

	p->sha256[0] = 'g';
}

/* what is done to a full letter, what must be said */
static const struct {
	void (*spoil)(struct letter *);
	const char *error;
} hostile[] = {
	{ many_addresses,	"letter: addresses limit 1000" },
	{ many_references,	"letter: references limit 100" },
	{ many_fields,		"letter: header fields limit 1000" },
	{ many_parts,		"letter: attachments limit 500" },
	{ many_indicators,	"letter: indicators limit 1000" },
	{ many_notes,		"letter: notes limit 100" },
	{ long_text,		"letter: text limit 1048576" },
	{ long_subject,		"letter: text limit 1048576" },
	{ long_letter,		"letter: letter limit 8388608" },
	{ many_offered,		"letter: offered keys limit 4" },
	{ large_offered,	"letter: offered key limit 65536" },
	{ wrong_protection,	"letter: a number or digest out of range" },
	{ wrong_layer,		"letter: a number or digest out of range" },
	{ wrong_slice,		"letter: a number or digest out of range" },
	{ wrong_digest,		"letter: a number or digest out of range" },
};

static void
test_hostile(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(letter_auto) l = full_letter();

		hostile[i].spoil(l);
		g_autoptr(GBytes) bytes = letter_to_bytes(l);

		g_assert_null(letter_from_bytes(bytes, &error));
		g_assert_error(error, UNGCUU_ERROR, NEVER);
		g_assert_cmpstr(error->message, ==, hostile[i].error);
	}
}

/* A bounce as it was stored when it had four members. */
static void
test_stored_before(void)
{
	g_autoptr(letter_auto) whole = full_letter();
	g_autoptr(GVariant) now = g_variant_ref_sink(letter_to_variant(whole));
	gsize n = g_variant_n_children(now);
	g_autofree GVariant **children = g_new0(GVariant *, n);

	for (gsize i = 0; i < n; i++) {
		children[i] = g_variant_get_child_value(now, i);
		if (g_variant_is_of_type(children[i], G_VARIANT_TYPE("m(msmsmsmsmsmsms)"))) {
			g_variant_unref(children[i]);
			children[i] = g_variant_ref_sink(g_variant_new("m(msmsmsms)", TRUE,
				"failed", "5.1.1", "an@example.org", NULL));
		}
	}
	g_autoptr(GVariant) before = g_variant_ref_sink(g_variant_new_tuple(children, n));
	g_autoptr(GBytes) bytes = g_variant_get_data_as_bytes(before);
	g_autoptr(GError) error = NULL;
	g_autoptr(letter_auto) l = letter_from_bytes(bytes, &error);

	g_assert_no_error(error);
	g_assert_nonnull(l);
	g_assert_cmpstr(l->bounce->status, ==, "5.1.1");
	g_assert_cmpstr(l->bounce->recipient, ==, "an@example.org");
	g_assert_null(l->bounce->message_id);
	g_assert_null(l->bounce->our_id);
	g_assert_cmpstr(l->text, ==, whole->text);
	for (gsize i = 0; i < n; i++)
		g_variant_unref(children[i]);
}

static void
test_wrong_type(void)
{
	static const char *const types[] = { "()", "s", "(msms)", "v" };
	static const char *const values[] = { "()", "'x'", "('a', 'b')", "<'x'>" };

	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GVariant) v = g_variant_parse(G_VARIANT_TYPE(types[i]), values[i], NULL,
		    NULL, NULL);

		g_assert_nonnull(v);
		g_assert_null(letter_from_variant(v, &error));
		g_assert_error(error, UNGCUU_ERROR, NEVER);
		g_assert_true(g_str_has_prefix(error->message, "letter: wrong type "));
	}
}

/* One byte of the subject that makes it no UTF-8. */
static void
test_not_normal(void)
{
	g_autoptr(letter_auto) l = full_letter();
	g_autoptr(GBytes) bytes = letter_to_bytes(l);
	gsize size;
	const char *data = g_bytes_get_data(bytes, &size);
	const char *subject = memmem(data, size, l->subject, strlen(l->subject) + 1);
	g_autofree char *copy = g_memdup2(data, size);
	g_autoptr(GError) error = NULL;

	g_assert_nonnull(subject);
	copy[subject - data] = (char)0xff;
	g_autoptr(GBytes) bad = g_bytes_new(copy, size);

	g_assert_null(letter_from_bytes(bad, &error));
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_assert_cmpstr(error->message, ==, "letter: not in normal form");
}

/* Each single byte changed, and each shorter form: a letter that can be sent on, or none. */
static void
test_bytes(void)
{
	g_autoptr(letter_auto) l = full_letter();
	g_autoptr(GBytes) bytes = letter_to_bytes(l);
	gsize size;
	const guint8 *data = g_bytes_get_data(bytes, &size);
	guint refused = 0;

	for (gsize i = 0; i < 2 * size; i++) {
		g_autofree guint8 *copy = g_memdup2(data, size);

		copy[i % size] ^= i < size ? 0xff : 0x01;
		g_autoptr(GBytes) bad = g_bytes_new(copy, size);
		g_autoptr(letter_auto) after = letter_from_bytes(bad, NULL);

		refused += after == NULL;
		if (after != NULL) {
			g_autoptr(GBytes) again = letter_to_bytes(after);
			g_autofree char *printed = letter_print(after);

			g_assert_true(g_utf8_validate(printed, -1, NULL));
			g_assert_cmpuint(g_bytes_get_size(again), >, 0);
		}
	}
	for (gsize n = 0; n < size; n++) {
		g_autoptr(GBytes) shorter = g_bytes_new(data, n);

		g_assert_null(letter_from_bytes(shorter, NULL));
	}
	g_assert_cmpuint(refused, >, size / 4);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/letter/round-trip", test_round_trip);
	g_test_add_func("/model/letter/field", test_field);
	g_test_add_func("/model/letter/date", test_date);
	g_test_add_func("/model/letter/hostile", test_hostile);
	g_test_add_func("/model/letter/stored-before", test_stored_before);
	g_test_add_func("/model/letter/wrong-type", test_wrong_type);
	g_test_add_func("/model/letter/not-normal", test_not_normal);
	g_test_add_func("/model/letter/bytes", test_bytes);
	return g_test_run();
}
