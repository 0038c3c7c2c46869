/* SPDX-License-Identifier: ISC
 *
 * parse: one layer of a mail to a letter.  Scan first (named limits), then the header from the
 * raw bytes, then what protects the root, then the text and attachments of exactly the subtree
 * that counts: the covered one of a signed mail, nothing of an encrypted one.  Believes nothing;
 * what can be read in two ways becomes a note.
 */
#include "mime/internal.h"

#include <string.h>

void
mime_init(void)
{
	g_mime_init();
	charset_init();
	/* What a letter may need is done once here, while files can still be opened. */
	g_autofree char *decoded = g_mime_utils_header_decode_text(NULL,
		"=?utf-8?B?xJE=?= =?windows-1258?Q?=F0?=");
	g_autoptr(GDateTime) date =
		g_mime_utils_header_decode_date("Sun, 22 Nov 2026 10:00:00 +0700");
	g_autofree char *normal = g_utf8_normalize("e\xcc\x81", -1, G_NORMALIZE_NFC);
	g_autofree char *html = html_text("<p>a", 4);
	g_autofree char *lower = g_utf8_strdown("Đ", -1);
	guint8 digest[DIGEST_SIZE];
	digest_bytes("", 0, digest);
	static const char mail[] = "Content-Type: text/plain; charset*=utf-8''us%2Dascii\n\na";
	g_autoptr(GMimeObject) object = content_parse(mail, 0, sizeof mail - 1, true);
}

/* Cut at a character, before the limit; true if there was more. */
static bool
text_cap(char *text, gsize max)
{
	if (strlen(text) <= max)
		return false;
	*g_utf8_find_prev_char(text, text + max) = '\0';
	return true;
}

/* Never NULL, so that an empty mail is nothing special. */
static const char *
bytes_get(GBytes *bytes, gsize *size)
{
	const char *data = g_bytes_get_data(bytes, size);
	return data != NULL ? data : "";
}

/* What a reader would see beside what is covered; blank text is nothing. */
static void
outside_add(struct letter *letter, const char *decoded)
{
	g_autofree char *clean = text_clean(decoded, -1);
	if (text_is_blank(clean))
		return;
	char *all = *letter->outside == '\0' ? g_strdup(clean)
		: g_strconcat(letter->outside, "\n", clean, NULL);
	g_free(letter->outside);
	letter->outside = all;
	letter->exposed = true;
}

/* ---- digests ------------------------------------------------------------------------------- */

static void
slice_digest(const char *raw, struct slice s, guint8 out[DIGEST_SIZE])
{
	struct digest *digest = digest_new();
	digest_put_text(digest, raw + s.at, s.size);
	digest_end(digest, out);
}

static void
digests_set(struct letter *letter, const char *raw, const struct scan *scan)
{
	const struct entity *root = scan_root(scan);
	struct slice body = { root->body, root->end - root->body };
	slice_digest(raw, body, letter->body_sha256);
	slice_digest(raw, letter->covered.size > 0 ? letter->covered
		: letter->sealed.size > 0 ? letter->sealed : body, letter->own_sha256);
}

/* ---- text and attachments ------------------------------------------------------------------ */

/* Without a header, or one GMime makes nothing of: the bytes are the text. */
static void
read_bare(struct reading *r, struct slice body)
{
	gsize size = MIN(body.size, 2 * LIMIT_LETTER_TEXT);
	g_autofree char *text = text_decode(r->raw + body.at, size, NULL,
		r->settings != NULL ? r->settings->fallback_charsets : NULL);
	g_string_append(r->text, text);
	r->letter->truncated = r->letter->truncated || size < body.size;
}

/* Neither in attached mails nor in the signed part, if there is one below the root. */
static guint
entities_walked(const struct scan *scan)
{
	guint n = 0;
	g_autofree bool *within = g_new0(bool, scan->entities->len);
	for (guint i = 0; i < scan->entities->len; i++) {
		const struct entity *e = &g_array_index(scan->entities, struct entity, i);
		bool is_signed = scan->carrier > 0 && e->parent == scan->carrier;
		within[i] = e->inner || is_signed || (i > 0 && within[e->parent]);
		n += !within[i];
	}
	return n;
}

/* The block as it stands in the raw body, or all of the body if it is transfer-encoded. */
static struct slice
inline_slice(const struct reading *r, const char *end_line)
{
	const struct entity *root = scan_root(r->scan);
	const char *body = r->raw + root->body;
	gsize size = root->end - root->body;
	const char *begin = memmem(body, size, "-----BEGIN PGP ", 15);
	const char *end = begin == NULL ? NULL
		: memmem(begin, size - (gsize)(begin - body), end_line, strlen(end_line));
	if (end == NULL)
		return (struct slice){ root->body, size };
	return (struct slice){ (guint64)(begin - r->raw),
		(guint64)(end - begin) + strlen(end_line) };
}

/* The bytes of the block in a mail that is one text, its transfer encoding undone. */
static enum layer
inline_block(GMimeObject *object, GBytes **out)
{
	if (!GMIME_IS_PART(object) || !content_is(object, "text", "plain")
	    || content_is_attachment(object))
		return LAYER_PLAIN;
	bool more;
	GByteArray *bytes = content_bytes(GMIME_PART(object), 2 * LIMIT_LETTER_TEXT, &more);
	g_autoptr(GBytes) all = g_byte_array_free_to_bytes(bytes);
	gsize size;
	const char *data = bytes_get(all, &size);
	struct slice block;
	enum layer layer = layer_block(data, size, &block);
	if (layer != LAYER_PLAIN)
		*out = g_bytes_new_from_bytes(all, block.at, block.size);
	return layer;
}

static void
read_inline(struct reading *r, GMimeObject *object)
{
	struct letter *letter = r->letter;
	g_autofree char *inside = NULL, *around = NULL;
	g_autoptr(GBytes) block = NULL;
	enum layer layer = layer_inline(r->text->str, &inside, &around);
	/* in a charset that is not ASCII's the text has a block nobody could open */
	if (layer == LAYER_PLAIN || inline_block(object, &block) != layer)
		return;
	letter->layer = layer;
	g_string_assign(r->text, inside != NULL ? inside : "");
	outside_add(letter, around);
	letter->sealed = inline_slice(r, letter->layer == LAYER_PGP_INLINE_SIGNED
		? "-----END PGP SIGNATURE-----" : "-----END PGP MESSAGE-----");
	if (letter->layer == LAYER_PGP_INLINE_SIGNED)
		letter->covered = letter->sealed;
}

static void
read_plain(struct reading *r)
{
	const struct entity *root = scan_root(r->scan);
	struct slice body = { root->body, root->end - root->body };
	g_autoptr(GMimeObject) object = r->scan->headless ? NULL
		: content_parse(r->raw, root->at, root->end, true);
	if (object == NULL) {
		read_bare(r, body);
		return;
	}
	walk_object(r, object, "");
	if (r->seen != entities_walked(r->scan))
		letter_note(r->letter, "structure is ambiguous");
	if (GMIME_IS_MULTIPART(object) && r->text->len == 0 && r->letter->parts->len == 0
		&& body.size > 0) {
		letter_note(r->letter, "a multipart without parts");
		read_bare(r, body);
	}
	read_inline(r, object);
}

/* ---- signed -------------------------------------------------------------------------------- */

static void
read_covered(struct reading *r, const char *number)
{
	struct slice covered = r->letter->covered;
	g_autoptr(GMimeObject) object = content_parse(r->raw, covered.at, covered.at + covered.size,
		false);
	if (object == NULL) {
		letter_note(r->letter, "the signed part cannot be read");
		return;
	}
	r->covered = true;
	/* the text of a layer within is read when that is undone */
	r->show = r->letter->nested ? LIST : SHOW;
	walk_object(r, object, number);
	r->show = SHOW;
	r->covered = false;
}

/* Would a reader be shown what stands in the place of the signature? */
static bool
is_shown(const char *raw, const struct entity *e)
{
	g_auto(header_auto) h = { 0 };
	header_read(raw, e->at, e->body, &h);
	const char *value = header_get(&h, "content-type", 0);
	g_autoptr(GMimeContentType) type = value != NULL && header_count(&h, "content-type") == 1
		? g_mime_content_type_parse(NULL, value) : NULL;
	return type == NULL || !g_mime_content_type_is_type(type, "application", "*");
}

static void
read_outside(struct reading *r, const struct entity *e)
{
	g_autofree char *number = scan_number(r->scan, e);
	g_autoptr(GMimeObject) object = content_parse(r->raw, e->at, e->end,
		e == scan_root(r->scan));
	r->seen = 0;
	if (object != NULL)
		walk_object(r, object, number);
	bool is_root = e == scan_root(r->scan);
	if (object != NULL && (!is_root || (r->skipped && r->seen == entities_walked(r->scan))))
		return;
	/* what GMime sees is not what the scan saw: nobody knows what else is to be seen */
	letter_note(r->letter, "structure is ambiguous");
	r->letter->exposed = true;
}

/* The covered part first, so that no limit is used up by what anybody may have put around it. */
static void
read_signed(struct reading *r)
{
	const struct entity *carrier = scan_carrier(r->scan), *second = scan_child(r->scan,
		carrier, 2);
	g_autofree char *skip = scan_number(r->scan, carrier);
	g_autofree char *number = scan_number(r->scan, scan_child(r->scan, carrier, 1));
	read_covered(r, number);
	bool is_below = r->scan->carrier > 0, is_cut = r->letter->truncated;
	GString *text = r->text;
	r->text = g_string_new(NULL);
	r->outside = true;
	r->letter->truncated = false;
	r->skip = skip;
	if (is_below)
		read_outside(r, scan_root(r->scan));
	r->skip = NULL;
	if (is_shown(r->raw, second))
		read_outside(r, second);
	outside_add(r->letter, r->text->str);
	r->letter->exposed |= r->letter->truncated;
	r->letter->truncated |= is_cut;
	g_string_free(r->text, TRUE);
	r->text = text;
}

static void
read_sealed(struct reading *r)
{
	const struct entity *root = scan_root(r->scan);
	const struct entity *e = scan_sealed(r->scan, r->letter->layer);
	g_autoptr(GMimeObject) object = content_parse(r->raw, e->at, e->end, e == root);
	r->show = LIST;
	if (object != NULL && !GMIME_IS_MULTIPART(object))
		walk_list(r, object, e == root ? "1" : "2");
	else
		letter_note(r->letter, "the encrypted part cannot be read");
}

/* how each layer is read */
static void (*const readers[layer_count])(struct reading *) = {
	[LAYER_PLAIN] = read_plain,
	[LAYER_PGP_SIGNED] = read_signed,
	[LAYER_SMIME_SIGNED] = read_signed,
	[LAYER_PGP_ENCRYPTED] = read_sealed,
	[LAYER_SMIME_OPAQUE] = read_sealed,
	[LAYER_SMIME_ENCRYPTED] = read_sealed,
};

/* What this layer says of its envelope: all of it outside, the type alone further in, where only
 * a marked header counts. */
static void
envelope(struct letter *letter, const struct header *h, const struct letter *outer,
	const struct parse_settings *settings)
{
	static const char *const structural[] = { "content-type", NULL };
	g_auto(header_auto) own = { 0 };
	if (outer == NULL) {
		envelope_read(letter, h, settings);
		return;
	}
	header_only(h, structural, &own);
	envelope_read(letter, &own, settings);
}

static void
inherit(struct letter *letter, const struct letter *outer)
{
	const struct header nothing = { .fields = g_ptr_array_new() };
	envelope_inherit(letter, &nothing, outer, false);
	g_ptr_array_unref(nothing.fields);
	letter->within_encryption |= outer->layer == LAYER_PGP_ENCRYPTED
		|| outer->layer == LAYER_SMIME_ENCRYPTED
		|| outer->layer == LAYER_PGP_INLINE_ENCRYPTED;
}

/* What an inline block held is text, whatever its first lines look like. */
static bool
is_inline(const struct letter *outer)
{
	return outer != NULL && (outer->layer == LAYER_PGP_INLINE_SIGNED
		|| outer->layer == LAYER_PGP_INLINE_ENCRYPTED);
}

static void
text_finish(struct letter *letter, const char *decoded)
{
	g_autofree char *clean = text_clean(decoded, -1);
	letter->truncated |= text_cap(clean, LIMIT_LETTER_TEXT);
	letter->truncated |= text_cap(letter->outside, LIMIT_LETTER_TEXT);
	g_free(letter->text);
	g_free(letter->quoted);
	text_cut_quoted(clean, &letter->text, &letter->quoted);
	const char *language = text_language(letter->text);
	if (language == NULL)
		language = text_language(letter->subject);
	letter->language = g_strdup(language);
	if (letter->truncated)
		letter_note(letter, "text is cut");
}

static bool
is_report(const struct letter *letter)
{
	const char *type = letter_field(letter, "content-type");
	return type != NULL && g_str_has_prefix(type, "multipart/report");
}

enum outcome
parse_mail(GBytes *bytes, const struct letter *outer, const struct parse_settings *settings,
	struct letter **out, GError **error)
{
	gsize size;
	const char *raw = bytes_get(bytes, &size);
	g_auto(scan_auto) scan = { 0 };
	enum outcome how = is_inline(outer) ? scan_text(size, &scan, error)
		: scan_structure(raw, size, &scan, error);
	if (how != DONE)
		return how;
	const struct entity *root = scan_root(&scan);
	g_autoptr(letter_auto) letter = letter_new();
	g_auto(header_auto) header = { 0 };
	header_read(raw, root->at, root->body, &header);
	envelope(letter, &header, outer, settings);
	if (scan.headless && !is_inline(outer))
		letter_note(letter, "no header");
	else if (root->at > 0 && !g_str_has_prefix(raw, "From "))
		letter_note(letter, "garbage before the header");
	layer_find(letter, raw, &scan);
	if (outer != NULL)
		inherit(letter, outer);
	offered_read(letter, &header, outer);
	struct letter *inside = g_steal_pointer(&letter);
	struct protection protection = protected_read(&inside, raw, &scan, outer, settings);
	letter = inside;
	struct reading r = { .raw = raw, .settings = settings, .scan = &scan, .letter = letter,
		.text = g_string_new(NULL), .is_report = is_report(letter),
		.protection = protection };
	readers[letter->layer](&r);
	text_finish(letter, r.text->str);
	g_string_free(r.text, TRUE);
	digests_set(letter, raw, &scan);
	*out = g_steal_pointer(&letter);
	return DONE;
}

static GBytes *
entity_bytes(GBytes *bytes, const struct scan *scan, const struct entity *e)
{
	gsize size;
	const char *raw = bytes_get(bytes, &size);
	g_autoptr(GMimeObject) object = e->children > 0 ? NULL
		: content_parse(raw, e->at, e->end, e == scan_root(scan));
	if (object == NULL || !GMIME_IS_PART(object))
		return g_bytes_new_from_bytes(bytes, e->body, e->end - e->body);
	bool more;
	GByteArray *decoded = content_bytes(GMIME_PART(object), LIMIT_MAIL_SIZE, &more);
	return g_byte_array_free_to_bytes(decoded);
}

enum outcome
parse_part(GBytes *bytes, const char *number, GBytes **out, GError **error)
{
	gsize size;
	const char *raw = bytes_get(bytes, &size);
	g_auto(scan_auto) scan = { 0 };
	enum outcome how = scan_structure(raw, size, &scan, error);
	if (how != DONE)
		return how;
	const struct entity *e = scan_find(&scan, number);
	if (e == NULL)
		return fail(error, NEVER, "mime: no part %s", number);
	*out = entity_bytes(bytes, &scan, e);
	return DONE;
}

enum outcome
parse_sealed(GBytes *bytes, GBytes **out, GError **error)
{
	gsize size;
	const char *raw = bytes_get(bytes, &size);
	g_auto(scan_auto) scan = { 0 };
	enum outcome how = scan_structure(raw, size, &scan, error);
	if (how != DONE)
		return how;
	const struct entity *root = scan_root(&scan);
	g_autoptr(letter_auto) letter = letter_new();
	layer_find(letter, raw, &scan);
	if (letter->layer != LAYER_PLAIN) {
		*out = entity_bytes(bytes, &scan, scan_sealed(&scan, letter->layer));
		return DONE;
	}
	g_autoptr(GMimeObject) object = scan.headless ? NULL
		: content_parse(raw, root->at, root->end, true);
	if (object == NULL || inline_block(object, out) == LAYER_PLAIN)
		return fail(error, NEVER, "mime: nothing is sealed here");
	return DONE;
}
