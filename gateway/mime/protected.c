/* SPDX-License-Identifier: ISC
 *
 * protected: the header that came inside a signature or an encryption (RFC 9788, and the older
 * protected-headers="v1").  It counts only at the root of what is protected, once, and only with
 * a layer around it; then its fields win over the outer ones and every difference a reader should
 * know becomes a note.  Anywhere else the mark is ignored, with a note.  Whether the signature
 * holds is not known here: `keys` says so later.
 */
#include "mime/internal.h"

#include <string.h>

static const char *const protected_fields[] = {
	"from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"reply-to", NULL
};
/* Outer subjects the older scheme hides the true one behind; it has no HP-Outer to say so. */
static const char *const placeholders[] = {
	"...", "…", "[...]", "Encrypted Message", "Encrypted message", "[Encrypted Message]", NULL
};
#define LEGACY_LINES_MAX 50

/* What the Content-Type of an entity says of protection. */
enum mark { MARK_NONE, MARK_CLEAR, MARK_CIPHER, MARK_OLDER, MARK_ODD };

static enum mark
mark_of(const struct header *h)
{
	const char *value = header_get(h, "content-type", 0);
	if (value == NULL || (strcasestr(value, "hp") == NULL
		&& strcasestr(value, "protected-headers") == NULL))
		return MARK_NONE;
	g_autoptr(GMimeContentType) type = g_mime_content_type_parse(NULL, value);
	if (type == NULL)
		return MARK_NONE;
	const char *hp = g_mime_content_type_get_parameter(type, "hp");
	const char *older = g_mime_content_type_get_parameter(type, "protected-headers");
	if (hp == NULL && older == NULL)
		return MARK_NONE;
	if (header_count(h, "content-type") != 1)
		return MARK_ODD;
	if (hp == NULL)
		return g_ascii_strcasecmp(older, "v1") == 0 ? MARK_OLDER : MARK_ODD;
	if (g_ascii_strcasecmp(hp, "clear") == 0)
		return MARK_CLEAR;
	return g_ascii_strcasecmp(hp, "cipher") == 0 ? MARK_CIPHER : MARK_ODD;
}

struct type { const char *type, *subtype; };
/* Roots that are one more layer, and the old way of wrapping a whole mail (RFC 8551 §3.1). */
static const struct type layers[] = {
	{ "multipart", "signed" }, { "multipart", "encrypted" },
	{ "application", "pkcs7-mime" }, { "application", "x-pkcs7-mime" },
};
static const struct type mails[] = { { "message", "rfc822" }, { "message", "global" } };

static bool
has_type(const struct header *h, const struct type *types, guint n)
{
	const char *value = header_get(h, "content-type", 0);
	g_autoptr(GMimeContentType) type = value != NULL
		? g_mime_content_type_parse(NULL, value) : NULL;
	for (guint i = 0; type != NULL && i < n; i++)
		if (g_mime_content_type_is_type(type, types[i].type, types[i].subtype))
			return true;
	return false;
}

static bool
is_mime_layer(enum layer layer)
{
	return layer != LAYER_PLAIN && layer != LAYER_PGP_INLINE_SIGNED
		&& layer != LAYER_PGP_INLINE_ENCRYPTED;
}

/* The root of what is protected, seen from this layer; NULL: there is none here.  Below the root of
 * a mail nothing speaks for its header, whoever signed it. */
static const struct entity *
payload_of(const struct letter *letter, const struct scan *scan, const struct letter *outer)
{
	const struct entity *root = scan_root(scan);
	if (letter->layer == LAYER_PGP_SIGNED || letter->layer == LAYER_SMIME_SIGNED)
		return scan->carrier == 0 ? scan_child(scan, root, 1) : NULL;
	if (letter->layer != LAYER_PLAIN || outer == NULL || !is_mime_layer(outer->layer))
		return NULL;
	return root;
}

/* ---- marks that do not count --------------------------------------------------------------- */

static void
note_unheard(struct letter *letter, enum mark mark, bool is_bare)
{
	if (mark == MARK_NONE)
		return;
	if (is_bare)
		letter_note(letter, "header protection without signature or encryption is ignored");
	else
		letter_note(letter, "header protection in the wrong place is ignored");
}

/* The first part under an older mark shows the header to programs that know nothing of it. */
static bool
is_older_display(const struct scan *scan, const struct entity *e, const struct entity *payload)
{
	return payload != NULL && e->index == 1 && e != scan_root(scan)
		&& e->parent == (guint)(payload - scan_root(scan));
}

/* Every entity but the payload's root; attached mails and a layer within speak for themselves. */
static void
marks_elsewhere(struct letter *letter, const char *raw, const struct scan *scan,
	const struct entity *payload, bool is_older)
{
	g_autofree bool *within = g_new0(bool, scan->entities->len);
	for (guint i = 0; i < scan->entities->len; i++) {
		const struct entity *e = &g_array_index(scan->entities, struct entity, i);
		bool is_nested = letter->nested && payload != NULL
			&& e->parent == (guint)(payload - scan_root(scan));
		within[i] = e->inner || is_nested || (i > 0 && within[e->parent]);
		if (within[i] || e == payload || (is_older && is_older_display(scan, e, payload)))
			continue;
		g_auto(header_auto) h = { 0 };
		header_read(raw, e->at, e->body, &h);
		note_unheard(letter, mark_of(&h), i == 0 && payload == NULL
			&& letter->layer == LAYER_PLAIN);
	}
}

/* ---- marks that count ---------------------------------------------------------------------- */

/* Do the HP-Outer fields say that the outer header has this value for the field? */
static bool
outer_is_said(const struct header *h, const char *name, const struct letter *outer,
	const struct parse_settings *settings)
{
	const char *value;
	for (guint i = 0; (value = header_get(h, "hp-outer", i)) != NULL; i++) {
		gsize n = field_name_size(value, strlen(value));
		if (n != strlen(name) || g_ascii_strncasecmp(value, name, n) != 0)
			continue;
		const char *said = strchr(value, ':') + 1;
		g_autofree char *text = header_text(said, settings);
		g_autoptr(GDateTime) date = g_mime_utils_header_decode_date(said);
		if (strcmp(name, "subject") == 0 ? strcmp(text, outer->subject) == 0
			: date != NULL && g_date_time_to_unix(date) * 1000 == outer->date)
			return true;
	}
	return false;
}

/* What a reader of the outer header would have taken for something else.  From is told whatever
 * HP-Outer says (RFC 9788 §4.4). */
static void
differences_note(struct letter *letter, const struct header *h, const struct protection *p,
	const struct letter *outer, const struct parse_settings *settings)
{
	if (g_strcmp0(letter->from.address, outer->from.address) != 0) {
		letter_note(letter, "protected From differs from the outer one");
		if (letter->outer_from.address == NULL && letter->outer_from.name == NULL) {
			letter->outer_from.name = g_strdup(outer->from.name);
			letter->outer_from.address = g_strdup(outer->from.address);
		}
	}
	bool hidden = p->is_older && p->word == HEADER_PROTECTION_ENCRYPTED
		&& g_strv_contains(placeholders, outer->subject);
	if (*outer->subject != '\0' && strcmp(letter->subject, outer->subject) != 0 && !hidden
	    && !(p->is_cipher && outer_is_said(h, "subject", outer, settings)))
		letter_note(letter, "protected Subject differs from the outer one");
	if (outer->date >= 0 && letter->date != outer->date
	    && !(p->is_cipher && outer_is_said(h, "date", outer, settings)))
		letter_note(letter, "protected Date differs from the outer one");
}

/* The letter anew, with the envelope the protected header says. */
static struct letter *
envelope_inside(const struct letter *outer, const struct header *h, const struct protection *p,
	const struct parse_settings *settings)
{
	struct letter *letter = letter_new();
	g_auto(header_auto) own = { 0 };
	header_only(h, protected_fields, &own);
	envelope_read(letter, &own, settings);
	envelope_inherit(letter, &own, outer, !p->is_older);
	envelope_add_marks(letter, h, settings);
	letter->header_protection = p->word;
	letter->layer = outer->layer;
	letter->covered = outer->covered;
	letter->sealed = outer->sealed;
	letter->nested = outer->nested;
	if (header_count(h, "from") == 0)
		letter_note(letter, "the protected header has no From field");
	if (p->is_cipher && p->word == HEADER_PROTECTION_SIGNED)
		letter_note(letter, "header protected for an encrypted mail, but it came in clear");
	differences_note(letter, h, p, outer, settings);
	offered_inherit(letter, outer);
	return letter;
}

static void
apply(struct letter **letter, const struct header *h, const struct protection *p,
	const struct parse_settings *settings)
{
	g_autoptr(letter_auto) inside = envelope_inside(*letter, h, p, settings);
	if ((*letter)->header_protection == HEADER_PROTECTION_NONE) {
		letter_free(*letter);
		*letter = g_steal_pointer(&inside);
		return;
	}
	/* the same header again, or one that a protected one already spoke against */
	if (g_strcmp0(inside->from.address, (*letter)->from.address) != 0
	    || strcmp(inside->subject, (*letter)->subject) != 0
	    || inside->date != (*letter)->date)
		letter_note(*letter, "header protection inside a protected header is ignored");
}

static bool
has_protected_fields(const struct header *h)
{
	for (const char *const *name = protected_fields; *name != NULL; name++)
		if (header_count(h, *name) > 0)
			return true;
	return false;
}

struct protection
protected_read(struct letter **letter, const char *raw, const struct scan *scan,
	const struct letter *outer, const struct parse_settings *settings)
{
	struct protection p = { .word = (*letter)->within_encryption
		? HEADER_PROTECTION_ENCRYPTED : HEADER_PROTECTION_SIGNED };
	const struct entity *payload = payload_of(*letter, scan, outer);
	g_auto(header_auto) h = { 0 };
	enum mark mark = MARK_NONE;
	if (payload != NULL) {
		header_read(raw, payload->at, payload->body, &h);
		mark = mark_of(&h);
		if (has_type(&h, mails, G_N_ELEMENTS(mails)))
			letter_note(*letter, "the protected part is a mail of its own");
		if (has_type(&h, layers, G_N_ELEMENTS(layers))) {
			/* a layer within the layer: the payload is further in */
			note_unheard(*letter, mark, false);
			mark = MARK_NONE;
		} else if (mark == MARK_NONE && has_protected_fields(&h)) {
			letter_note(*letter, "header fields inside without the mark of header "
				"protection are ignored");
		}
	}
	p.is_cipher = mark == MARK_CIPHER;
	p.is_older = mark == MARK_OLDER;
	marks_elsewhere(*letter, raw, scan, payload, p.is_older);
	if (mark == MARK_ODD)
		letter_note(*letter, "header protection of an unknown kind is ignored");
	if (mark == MARK_NONE || mark == MARK_ODD)
		return (struct protection){ .word = HEADER_PROTECTION_NONE };
	apply(letter, &h, &p, settings);
	return p;
}

/* ---- legacy display ------------------------------------------------------------------------ */

bool
protected_is_older_display(GMimeObject *object)
{
	if (!content_is(object, "text", "plain") && !content_is(object, "text", "rfc822-headers"))
		return false;
	const char *word = g_mime_object_get_content_type_parameter(object, "protected-headers");
	return word != NULL && g_ascii_strcasecmp(word, "v1") == 0;
}

bool
protected_has_display(GMimeObject *object)
{
	const char *word = g_mime_object_get_content_type_parameter(object, "hp-legacy-display");
	return word != NULL && strcmp(word, "1") == 0;
}

/* Field lines up to the first empty one (RFC 9788 §4.5.3.1), and nothing but field lines: text
 * must not vanish because a parameter says so. */
static gsize
display_text_size(const char *text)
{
	const char *p = text;
	for (guint lines = 0; lines < LEGACY_LINES_MAX && *p != '\0'; lines++) {
		const char *lf = strchr(p, '\n');
		gsize size = lf != NULL ? (gsize)(lf - p) : strlen(p);
		bool empty = size == 0 || (size == 1 && *p == '\r');
		if (empty || lf == NULL)
			return empty && lines > 0 ? (gsize)(p - text) + size + (lf != NULL) : 0;
		bool more = lines > 0 && (*p == ' ' || *p == '\t');
		if (!more && field_name_size(p, size) == 0)
			return 0;
		p = lf + 1;
	}
	return 0;
}

/* The one <div> at the top of the body (RFC 9788 §4.5.3.2); *at: where it begins. */
static gsize
display_html_size(const char *html, gsize *at)
{
	static const char open[] = "<div class=\"header-protection-legacy-display\">";
	const char *body = strcasestr(html, "<body");
	body = body != NULL ? strchr(body, '>') : NULL;
	const char *p = body != NULL ? body + 1 : html;
	while (g_ascii_isspace(*p))
		p++;
	if (g_ascii_strncasecmp(p, open, sizeof open - 1) != 0)
		return 0;
	const char *close = strcasestr(p, "</div>");
	const char *nested = strcasestr(p + 1, "<div");
	if (close == NULL || (nested != NULL && nested < close))
		return 0;
	*at = (gsize)(p - html);
	return (gsize)(close - p) + strlen("</div>");
}

bool
protected_cut_display(char *text, bool is_html)
{
	gsize at = 0;
	gsize size = is_html ? display_html_size(text, &at) : display_text_size(text);
	memmove(text + at, text + at + size, strlen(text + at + size) + 1);
	return size > 0;
}
