/* SPDX-License-Identifier: ISC
 *
 * layers: which protection wraps the root of this layer, and over which octets.  Only the root
 * counts: what is nested elsewhere stays an attachment.  A protocol we do not know, a part too
 * many, two Content-Types: plain, with a note; never guessed.  Slices come from the scan of the
 * raw bytes (RFC 3156 §5: without the line end before the delimiter), never from a
 * re-serialisation.
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

static GMimeContentType *
root_type(const struct header *h)
{
	const char *value = header_get(h, "content-type", 0);
	return value != NULL ? g_mime_content_type_parse(NULL, value) : NULL;
}

static struct slice
body_of(const struct entity *e)
{
	return (struct slice){ e->body, e->end - e->body };
}

static void
note_encoding(struct letter *letter, const char *raw, const struct entity *e)
{
	g_auto(header_auto) h = { 0 };
	header_read(raw, e->at, e->body, &h);
	const char *encoding = header_get(&h, "content-transfer-encoding", 0);
	if (encoding == NULL || g_ascii_strcasecmp(encoding, "7bit") == 0
	    || g_ascii_strcasecmp(encoding, "8bit") == 0
	    || g_ascii_strcasecmp(encoding, "binary") == 0)
		return;
	g_autofree char *word = text_clean_line(encoding);
	letter_note(letter, "sealed part has transfer encoding %.20s", word);
}

static void
multipart_layer(struct letter *letter, const char *raw, const struct scan *scan,
	GMimeContentType *type)
{
	const char *protocol = g_mime_content_type_get_parameter(type, "protocol");
	enum layer layer = LAYER_PLAIN;
	for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
		if (g_mime_content_type_is_type(type, protocols[i].type, protocols[i].subtype)
		    && protocol != NULL && g_ascii_strcasecmp(protocol, protocols[i].protocol) == 0)
			layer = protocols[i].layer;
	const struct entity *root = scan_root(scan);
	bool wraps = g_mime_content_type_is_type(type, "multipart", "signed")
		|| g_mime_content_type_is_type(type, "multipart", "encrypted");
	if (wraps && layer == LAYER_PLAIN)
		letter_note(letter, "protection of an unknown protocol");
	if (layer == LAYER_PLAIN)
		return;
	if (root->children != 2) {
		letter_note(letter, "a signed or encrypted mail of %u parts instead of two",
			root->children);
		return;
	}
	const struct entity *first = scan_child(scan, root, 1), *second = scan_child(scan, root, 2);
	letter->layer = layer;
	letter->sealed = body_of(second);
	note_encoding(letter, raw, second);
	if (layer != LAYER_PGP_ENCRYPTED)
		letter->covered = (struct slice){ first->at, first->end - first->at };
}

static enum layer
cms_layer(const char *raw, const struct entity *root)
{
	g_autoptr(GMimeObject) object = content_parse(raw, root->at, root->end, true);
	if (object == NULL || !GMIME_IS_PART(object))
		return LAYER_PLAIN;
	bool more;
	g_autoptr(GByteArray) der = content_bytes(GMIME_PART(object), 64, &more);
	for (guint i = 0; i < G_N_ELEMENTS(oids); i++)
		if (der->len > 0 && memmem(der->data, der->len, oids[i].oid, oids[i].size) != NULL)
			return oids[i].layer;
	return LAYER_PLAIN;
}

static void
cms(struct letter *letter, const char *raw, const struct scan *scan, GMimeContentType *type)
{
	const struct entity *root = scan_root(scan);
	const char *word = g_mime_content_type_get_parameter(type, "smime-type");
	bool known = false;
	for (guint i = 0; word != NULL && i < G_N_ELEMENTS(smime_types); i++)
		if (g_ascii_strcasecmp(word, smime_types[i].smime_type) == 0) {
			letter->layer = smime_types[i].layer;
			known = true;
		}
	if (!known)
		letter->layer = cms_layer(raw, root);
	if (letter->layer == LAYER_PLAIN)
		return;
	letter->sealed = body_of(root);
	note_encoding(letter, raw, root);
}

void
layer_find(struct letter *letter, const char *raw, const struct scan *scan, const struct header *h)
{
	letter->layer = LAYER_PLAIN;
	g_autoptr(GMimeContentType) type = root_type(h);
	if (type == NULL || header_count(h, "content-type") != 1)
		return;
	if (g_mime_content_type_is_type(type, "multipart", "*"))
		multipart_layer(letter, raw, scan, type);
	else if (g_mime_content_type_is_type(type, "application", "pkcs7-mime")
	    || g_mime_content_type_is_type(type, "application", "x-pkcs7-mime"))
		cms(letter, raw, scan, type);
}

/* Where this line begins in the text, at the start of a line; NULL: nowhere. */
static const char *
find_line(const char *text, const char *line)
{
	for (const char *p = text; (p = strstr(p, line)) != NULL; p++)
		if (p == text || p[-1] == '\n')
			return p;
	return NULL;
}

static const char *
line_after(const char *p)
{
	const char *lf = strchr(p, '\n');
	return lf != NULL ? lf + 1 : p + strlen(p);
}

/* Past the armour header lines and the empty line (RFC 4880 §7). */
static const char *
armour_body(const char *p)
{
	p = line_after(p);
	while (*p != '\0' && *p != '\n' && *p != '\r')
		p = line_after(p);
	return line_after(p);
}

static char *
dash_unescape(const char *from, const char *to)
{
	GString *out = g_string_sized_new((gsize)(to - from));
	while (from < to) {
		const char *next = line_after(from);
		const char *p = g_str_has_prefix(from, "- ") ? from + 2 : from;
		g_string_append_len(out, p, MIN(next, to) - p);
		from = next;
	}
	return g_string_free(out, FALSE);
}

/* The text before the block and behind its last line. */
static char *
without_block(const char *text, const char *block, const char *last_line)
{
	g_autofree char *before = g_strndup(text, (gsize)(block - text));
	return g_strconcat(before, line_after(last_line), NULL);
}

enum layer
layer_inline(const char *text, char **inside, char **around)
{
	*inside = *around = NULL;
	const char *block = find_line(text, "-----BEGIN PGP SIGNED MESSAGE-----");
	if (block == NULL) {
		block = find_line(text, "-----BEGIN PGP MESSAGE-----");
		const char *close = block == NULL ? NULL
			: find_line(block, "-----END PGP MESSAGE-----");
		if (close == NULL)
			return LAYER_PLAIN;
		*around = without_block(text, block, close);
		return LAYER_PGP_INLINE_ENCRYPTED;
	}
	const char *body = armour_body(block);
	const char *signature = find_line(body, "-----BEGIN PGP SIGNATURE-----");
	const char *end = signature == NULL ? NULL
		: find_line(signature, "-----END PGP SIGNATURE-----");
	if (end == NULL)
		return LAYER_PLAIN;
	*inside = dash_unescape(body, signature);
	*around = without_block(text, block, end);
	return LAYER_PGP_INLINE_SIGNED;
}
