/* SPDX-License-Identifier: ISC
 *
 * layers: which protection wraps this layer, and over which octets.  The root decides; where it
 * is a multipart/mixed, as mailing lists and footers make it, also the only signed part below it.
 * What is encrypted counts at the root alone (or as sole child of a signed root): elsewhere it
 * stays an attachment.  A protocol we do not know, a part too many, two Content-Types, two signed
 * parts: plain, with a note; never guessed.  Slices come from the scan of the raw bytes (RFC 3156
 * §5: without the line end before the delimiter), never from a re-serialisation.
 */
#include "mime/internal.h"

#include <string.h>

static const struct { const char *type, *subtype, *protocol; enum layer layer; } protocols[] = {
	{ "multipart", "signed",	"application/pgp-signature",	LAYER_PGP_SIGNED },
	{ "multipart", "signed",	"application/pkcs7-signature",	LAYER_SMIME_SIGNED },
	{ "multipart", "signed",	"application/x-pkcs7-signature", LAYER_SMIME_SIGNED },
	{ "multipart", "encrypted",	"application/pgp-encrypted",	LAYER_PGP_ENCRYPTED },
};
static const struct { const char *smime_type; enum layer layer; } smime_types[] = {
	{ "signed-data",		LAYER_SMIME_OPAQUE },
	{ "enveloped-data",		LAYER_SMIME_ENCRYPTED },
	{ "authenveloped-data",		LAYER_SMIME_ENCRYPTED },
	{ "compressed-data",		LAYER_PLAIN },
	{ "certs-only",			LAYER_PLAIN },
};
/* DER object identifiers below 1.2.840.113549 (pkcs): what a CMS blob says it is. */
static const struct { const char *oid; gsize size; enum layer layer; } oids[] = {
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9, LAYER_SMIME_OPAQUE },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9, LAYER_SMIME_ENCRYPTED },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", 11, LAYER_SMIME_ENCRYPTED },
};

/* The one Content-Type; NULL: there is none, or more than one. */
static GMimeContentType *
header_type(const struct header *h)
{
	const char *value = header_get(h, "content-type", 0);
	return value != NULL && header_count(h, "content-type") == 1
		? g_mime_content_type_parse(NULL, value) : NULL;
}

static struct slice
body_of(const struct entity *e)
{
	return (struct slice){ e->body, e->end - e->body };
}

/* The transfer encoding that changes the octets; NULL: none does. */
static const char *
header_encoding(const struct header *h)
{
	const char *word = header_get(h, "content-transfer-encoding", 0);
	return word == NULL || g_ascii_strcasecmp(word, "7bit") == 0
		|| g_ascii_strcasecmp(word, "8bit") == 0
		|| g_ascii_strcasecmp(word, "binary") == 0 ? NULL : word;
}

static void
note_encoding(struct letter *letter, const char *raw, const struct entity *e)
{
	g_auto(header_auto) h = { 0 };
	header_read(raw, e->at, e->body, &h);
	const char *encoding = header_encoding(&h);
	if (encoding == NULL)
		return;
	g_autofree char *word = text_clean_line(encoding);
	letter_note(letter, "sealed part has transfer encoding %.20s", word);
}

/* ---- one entity ---------------------------------------------------------------------------- */

static enum layer
multipart_layer(struct letter *letter, const struct entity *e, GMimeContentType *type)
{
	const char *protocol = g_mime_content_type_get_parameter(type, "protocol");
	enum layer layer = LAYER_PLAIN;
	for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
		if (g_mime_content_type_is_type(type, protocols[i].type, protocols[i].subtype)
		    && protocol != NULL && g_ascii_strcasecmp(protocol, protocols[i].protocol) == 0)
			layer = protocols[i].layer;
	bool wraps = g_mime_content_type_is_type(type, "multipart", "signed")
		|| g_mime_content_type_is_type(type, "multipart", "encrypted");
	if (wraps && layer == LAYER_PLAIN)
		letter_note(letter, "protection of an unknown protocol");
	if (layer == LAYER_PLAIN || e->children == 2)
		return layer;
	letter_note(letter, "a signed or encrypted mail of %u parts instead of two", e->children);
	return LAYER_PLAIN;
}

static enum layer
cms_said(const char *raw, const struct entity *e, bool is_root)
{
	g_autoptr(GMimeObject) object = content_parse(raw, e->at, e->end, is_root);
	if (object == NULL || !GMIME_IS_PART(object))
		return LAYER_PLAIN;
	bool more;
	g_autoptr(GByteArray) der = content_bytes(GMIME_PART(object), 64, &more);
	for (guint i = 0; i < G_N_ELEMENTS(oids); i++)
		if (der->len > 0 && memmem(der->data, der->len, oids[i].oid, oids[i].size) != NULL)
			return oids[i].layer;
	return LAYER_PLAIN;
}

static enum layer
cms_layer(const char *raw, const struct entity *e, bool is_root, GMimeContentType *type)
{
	const char *word = g_mime_content_type_get_parameter(type, "smime-type");
	for (guint i = 0; word != NULL && i < G_N_ELEMENTS(smime_types); i++)
		if (g_ascii_strcasecmp(word, smime_types[i].smime_type) == 0)
			return smime_types[i].layer;
	return cms_said(raw, e, is_root);
}

static enum layer
entity_layer(struct letter *letter, const char *raw, const struct scan *scan,
	const struct entity *e)
{
	g_auto(header_auto) h = { 0 };
	header_read(raw, e->at, e->body, &h);
	g_autoptr(GMimeContentType) type = header_type(&h);
	if (type == NULL)
		return LAYER_PLAIN;
	if (g_mime_content_type_is_type(type, "multipart", "*"))
		return multipart_layer(letter, e, type);
	if (g_mime_content_type_is_type(type, "application", "pkcs7-mime")
	    || g_mime_content_type_is_type(type, "application", "x-pkcs7-mime"))
		return cms_layer(raw, e, e == scan_root(scan), type);
	return LAYER_PLAIN;
}

static bool
is_signed(enum layer layer)
{
	return layer == LAYER_PGP_SIGNED || layer == LAYER_SMIME_SIGNED;
}

/* ---- a signed part below the root ---------------------------------------------------------- */

/* What may hold a signed part that counts; all below an attached mail is that mail's. */
enum place { PLACE_CLOSED, PLACE_OPEN, PLACE_MAIL };

/* is_open: nothing in its header would keep a reader from just seeing what it holds. */
struct container { bool is_open, is_mixed, is_signed; };

static struct container
container_read(const char *raw, const struct entity *e)
{
	g_auto(header_auto) h = { 0 };
	header_read(raw, e->at, e->body, &h);
	const char *disposition = header_get(&h, "content-disposition", 0);
	struct container c = { .is_open = h.odd == 0 && header_encoding(&h) == NULL
		&& (disposition == NULL
		|| g_ascii_strncasecmp(disposition, "inline", strlen("inline")) == 0) };
	guint types = 0;
	for (guint i = 0; i < h.fields->len; i++) {
		const struct header_field *f = h.fields->pdata[i];
		g_autoptr(GMimeContentType) type = strcmp(f->name, "content-type") == 0
			? g_mime_content_type_parse(NULL, f->value) : NULL;
		if (type == NULL)
			continue;
		types++;
		c.is_mixed |= g_mime_content_type_is_type(type, "multipart", "mixed");
		c.is_signed |= g_mime_content_type_is_type(type, "multipart", "signed");
	}
	c.is_open &= types == 1;
	return c;
}

static char *
boundary_of(const char *raw, const struct entity *e)
{
	g_auto(header_auto) h = { 0 };
	header_read(raw, e->at, e->body, &h);
	g_autoptr(GMimeContentType) type = header_type(&h);
	return type == NULL ? NULL : g_strdup(g_mime_content_type_get_parameter(type, "boundary"));
}

/* RFC 2046 §5.1.1 lets a reader take a line that only begins with the boundary for a delimiter:
 * where one boundary begins another, not everybody sees the same parts. */
static bool
boundaries_clash(const char *raw, const struct scan *scan, const struct entity *e)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
	for (; ; e = &g_array_index(scan->entities, struct entity, e->parent)) {
		char *its = boundary_of(raw, e);
		if (its == NULL)
			return true;
		g_ptr_array_add(others, its);
		for (guint i = 0; i + 1 < others->len; i++)
			if (g_str_has_prefix(others->pdata[i], its)
			    || g_str_has_prefix(its, others->pdata[i]))
				return true;
		if (e == scan_root(scan))
			return false;
	}
}

/* The signed part that counts: reached from the root through multipart/mixed alone, and the only
 * one, wherever the others are.  Whoever picks one of two, or one that a reader may be shown
 * another part instead of, can be lied to about what was signed. */
static const struct entity *
signed_below(struct letter *letter, const char *raw, const struct scan *scan)
{
	g_autofree enum place *places = g_new0(enum place, scan->entities->len);
	const struct entity *found = NULL;
	guint n = 0;
	for (guint i = 0; i < scan->entities->len; i++) {
		const struct entity *e = &g_array_index(scan->entities, struct entity, i);
		enum place around = i > 0 ? places[e->parent] : PLACE_OPEN;
		if (e->inner || around == PLACE_MAIL)
			places[i] = PLACE_MAIL;
		if (places[i] == PLACE_MAIL || e->children == 0)
			continue;
		struct container c = container_read(raw, e);
		bool reached = c.is_open && around == PLACE_OPEN;
		if (reached && c.is_mixed)
			places[i] = PLACE_OPEN;
		if (i == 0 || !c.is_signed)
			continue;
		n++;
		found = reached ? e : found;
	}
	if (n > 1)
		letter_note(letter, "%u signed parts: none of them counts", n);
	else if (n == 1 && found == NULL)
		letter_note(letter, "a signed part in this place does not count");
	else if (n == 1 && boundaries_clash(raw, scan, found))
		letter_note(letter, "the boundaries around the signed part are ambiguous");
	else
		return found;
	return NULL;
}

/* ---- the layer ----------------------------------------------------------------------------- */

static void
layer_set(struct letter *letter, const char *raw, const struct scan *scan)
{
	const struct entity *carrier = scan_carrier(scan);
	const struct entity *sealed = scan_sealed(scan, letter->layer);
	letter->sealed = body_of(sealed);
	note_encoding(letter, raw, sealed);
	if (!is_signed(letter->layer))
		return;
	const struct entity *covered = scan_child(scan, carrier, 1);
	letter->covered = (struct slice){ covered->at, covered->end - covered->at };
	letter->nested = carrier == scan_root(scan)
		&& entity_layer(letter, raw, scan, covered) != LAYER_PLAIN;
}

void
layer_find(struct letter *letter, const char *raw, struct scan *scan)
{
	const struct entity *carrier = scan_root(scan);
	letter->layer = entity_layer(letter, raw, scan, carrier);
	if (letter->layer == LAYER_PLAIN) {
		carrier = signed_below(letter, raw, scan);
		if (carrier != NULL)
			letter->layer = entity_layer(letter, raw, scan, carrier);
	}
	if (letter->layer == LAYER_PLAIN)
		return;
	scan->carrier = (guint)(carrier - scan_root(scan));
	layer_set(letter, raw, scan);
}

/* ---- inline blocks ------------------------------------------------------------------------- */

/* Where this line begins, at the start of a line; NULL: nowhere. */
static const char *
find_line(const char *text, const char *end, const char *line)
{
	gsize size = strlen(line);
	for (const char *p = text; p != NULL && p < end; p++) {
		p = memmem(p, (gsize)(end - p), line, size);
		if (p == NULL || p == text || p[-1] == '\n')
			return p;
	}
	return NULL;
}

static const char *
line_after(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (gsize)(end - p));
	return lf != NULL ? lf + 1 : end;
}

/* Past the armour header lines and the empty line (RFC 4880 §7). */
static const char *
armour_body(const char *p, const char *end)
{
	p = line_after(p, end);
	while (p < end && *p != '\n' && *p != '\r')
		p = line_after(p, end);
	return line_after(p, end);
}

static char *
dash_unescape(const char *from, const char *to)
{
	GString *out = g_string_sized_new((gsize)(to - from));
	while (from < to) {
		const char *next = line_after(from, to);
		bool escaped = next - from >= 2 && from[0] == '-' && from[1] == ' ';
		const char *p = escaped ? from + 2 : from;
		g_string_append_len(out, p, next - p);
		from = next;
	}
	return g_string_free(out, FALSE);
}

/* begin: of the first line; body and signature: of what is signed, if it is; close: of the last
 * line. */
struct block {
	enum layer layer;
	const char *begin, *body, *signature, *close, *close_line;
};

static struct block
block_find(const char *text, const char *end)
{
	static const struct block none = { .layer = LAYER_PLAIN };
	struct block b = {
		.layer = LAYER_PGP_INLINE_SIGNED, .close_line = "-----END PGP SIGNATURE-----",
		.begin = find_line(text, end, "-----BEGIN PGP SIGNED MESSAGE-----"),
	};
	if (b.begin == NULL) {
		b.layer = LAYER_PGP_INLINE_ENCRYPTED;
		b.close_line = "-----END PGP MESSAGE-----";
		b.begin = find_line(text, end, "-----BEGIN PGP MESSAGE-----");
		b.close = b.begin != NULL ? find_line(b.begin, end, b.close_line) : NULL;
	} else {
		b.body = armour_body(b.begin, end);
		b.signature = find_line(b.body, end, "-----BEGIN PGP SIGNATURE-----");
		b.close = b.signature != NULL ? find_line(b.signature, end, b.close_line) : NULL;
	}
	return b.close != NULL ? b : none;
}

enum layer
layer_inline(const char *text, char **inside, char **around)
{
	const char *end = text + strlen(text);
	struct block b = block_find(text, end);
	*inside = *around = NULL;
	if (b.layer == LAYER_PLAIN)
		return LAYER_PLAIN;
	if (b.layer == LAYER_PGP_INLINE_SIGNED)
		*inside = dash_unescape(b.body, b.signature);
	g_autofree char *before = g_strndup(text, (gsize)(b.begin - text));
	*around = g_strconcat(before, line_after(b.close, end), NULL);
	return b.layer;
}

enum layer
layer_block(const char *data, gsize size, struct slice *out)
{
	struct block b = block_find(data, data + size);
	if (b.layer != LAYER_PLAIN)
		*out = (struct slice){ (guint64)(b.begin - data),
			(guint64)(b.close - b.begin) + strlen(b.close_line) };
	return b.layer;
}
