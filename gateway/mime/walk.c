/* SPDX-License-Identifier: ISC
 *
 * walk: from the parsed tree to displayed text and the list of attachments, numbered as IMAP
 * does.  Of alternatives the plain text is read unless it says nothing; attached mails are one
 * part, never opened here; nested encrypted parts stay sealed.  Depth is bounded by LIMIT_DEPTH,
 * whatever GMime found.
 */
#include "mime/internal.h"

#include <string.h>

/* Plain alternatives that only tell to look at the other one; folded. */
static const char *const stubs[] = {
	"does not support html", "doesn't support html", "not support html",
	"view this email in html", "html version of this", "this message is in html",
	"this is an html", "requires an html", "html-capable",
	"view this message, please use an html", "không hỗ trợ html", "khong ho tro html", NULL
};
#define STUB_MAX 400		/* bytes; longer text says something of its own */

static bool
is_stub(const char *text)
{
	if (text_is_blank(text))
		return true;
	if (strlen(text) > STUB_MAX)
		return false;
	g_autofree char *lower = g_utf8_strdown(text, -1);
	for (const char *const *stub = stubs; *stub != NULL; stub++)
		if (strstr(lower, *stub) != NULL)
			return true;
	return false;
}

static bool
has_display_to_cut(const struct reading *r, GMimePart *part)
{
	return r->protection.is_cipher && !r->outside
		&& protected_has_display(GMIME_OBJECT(part));
}

static void
display_cut(struct reading *r, char *text, bool is_html)
{
	if (!protected_cut_display(text, is_html))
		letter_note(r->letter, "the legacy display announced is not there");
}

static char *
html_to_text(struct reading *r, GMimePart *part, const GByteArray *bytes, bool cut)
{
	const char *charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part),
		"charset");
	bool has_display = has_display_to_cut(r, part);
	const char *data = (const char *)bytes->data;
	g_autofree char *meta = charset == NULL ? html_charset(data, bytes->len) : NULL;
	g_autofree char *utf8 = text_decode(data, bytes->len, charset != NULL ? charset : meta,
		r->settings != NULL ? r->settings->fallback_charsets : NULL);
	if (has_display)
		display_cut(r, utf8, true);
	char *text = cut ? NULL : html_text(utf8, strlen(utf8));
	if (text != NULL)
		return text;
	letter_note(r->letter, "HTML too complex");
	return html_strip(utf8, strlen(utf8));
}

/* Text of one text leaf: UTF-8, not yet cleaned. */
static char *
leaf_text(struct reading *r, GMimePart *part)
{
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	const char *charset = g_mime_content_type_get_parameter(type, "charset");
	bool is_html = content_is(GMIME_OBJECT(part), "text", "html"), more;
	gsize max = is_html ? LIMIT_HTML_SIZE : 2 * LIMIT_LETTER_TEXT;
	g_autoptr(GByteArray) bytes = content_bytes(part, max, &more);
	if (bytes->len == 0)
		return g_strdup("");
	if (is_html)
		return html_to_text(r, part, bytes, more);
	r->letter->truncated = r->letter->truncated || more;
	char *text = text_decode(bytes->data, bytes->len, charset,
		r->settings != NULL ? r->settings->fallback_charsets : NULL);
	if (has_display_to_cut(r, part))
		display_cut(r, text, false);
	const char *format = g_mime_content_type_get_parameter(type, "format");
	if (format == NULL || g_ascii_strcasecmp(format, "flowed") != 0)
		return text;
	const char *delsp = g_mime_content_type_get_parameter(type, "delsp");
	char *flowed = text_unflow(text, delsp != NULL && g_ascii_strcasecmp(delsp, "yes") == 0);
	g_free(text);
	return flowed;
}

static void
text_add(struct reading *r, GMimePart *part)
{
	if (r->text->len > 2 * LIMIT_LETTER_TEXT) {
		r->letter->truncated = true;
		return;
	}
	g_autofree char *text = leaf_text(r, part);
	if (r->text->len > 0 && r->text->str[r->text->len - 1] != '\n')
		g_string_append_c(r->text, '\n');
	g_string_append(r->text, text);
}

/* Size and digest of an attached mail are those of its octets in the raw mail. */
static void
mail_digest(struct reading *r, GMimeObject *object, const struct entity *e, struct part *part)
{
	guint8 digest[DIGEST_SIZE];
	if (e != NULL) {
		part->size = e->end - e->body;
		digest_bytes(r->raw + e->body, part->size, digest);
	} else {
		letter_note(r->letter, "structure is ambiguous");
		g_autoptr(GMimeStream) stream = g_mime_stream_mem_new();
		g_mime_object_write_to_stream(object, NULL, stream);
		GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
		part->size = bytes->len;
		digest_bytes(bytes->data, bytes->len, digest);
	}
	part->sha256 = digest_hex(digest);
}

void
walk_list(struct reading *r, GMimeObject *object, const char *number)
{
	if (*number == '\0')
		number = "1";
	r->letter->exposed |= r->outside;
	if (r->letter->parts->len >= LIMIT_LETTER_PARTS) {
		letter_note(r->letter, "only the first %d attachments are listed",
			LIMIT_LETTER_PARTS);
		return;
	}
	const struct entity *e = scan_find(r->scan, number);
	struct part *part = g_new0(struct part, 1);
	part->number = g_strdup(number);
	part->name = content_name(object, r->settings);
	part->type = content_type_word(object);
	part->covered = r->covered;
	if (GMIME_IS_PART(object)) {
		guint8 digest[DIGEST_SIZE];
		content_digest(GMIME_PART(object), &part->size, digest);
		part->sha256 = digest_hex(digest);
		if (!r->outside)
			offered_attachment(r->letter, GMIME_PART(object), part->name);
	} else {
		mail_digest(r, object, e, part);
	}
	g_ptr_array_add(r->letter->parts, part);
	if (r->is_report)
		report_read(r, object, e != NULL ? scan_child(r->scan, e, 1) : NULL);
}

static void
walk_leaf(struct reading *r, GMimeObject *object, const char *number)
{
	bool is_text = GMIME_IS_PART(object) && !content_is_attachment(object)
		&& (content_is(object, "text", "plain") || content_is(object, "text", "html"));
	g_autofree char *name = is_text ? content_name(object, r->settings) : NULL;
	bool is_root = *number == '\0';
	/* an image or a style says something where no text is */
	r->letter->exposed |= r->outside && content_is(object, "text", "html");
	if (!is_text || r->show == LIST || (name != NULL && !is_root))
		walk_list(r, object, number);
	else if (r->show == SHOW)
		text_add(r, GMIME_PART(object));
}

static void
walk_child(struct reading *r, GMimeMultipart *of, int i, const char *number)
{
	g_autofree char *child = *number == '\0' ? g_strdup_printf("%d", i + 1)
		: g_strdup_printf("%s.%d", number, i + 1);
	walk_object(r, g_mime_multipart_get_part(of, i), child);
}

/* Which alternative is read: plain text that says something, else HTML or what contains it, else
 * the first. */
static int
choose(struct reading *r, GMimeMultipart *of)
{
	int n = g_mime_multipart_get_count(of), html = -1;
	for (int i = 0; i < n; i++) {
		GMimeObject *child = g_mime_multipart_get_part(of, i);
		if (content_is_attachment(child))
			continue;
		if (html < 0 && (content_is(child, "text", "html") || GMIME_IS_MULTIPART(child)))
			html = i;
		if (!GMIME_IS_PART(child) || !content_is(child, "text", "plain"))
			continue;
		g_autofree char *text = leaf_text(r, GMIME_PART(child));
		if (!is_stub(text))
			return i;
	}
	return MAX(html, 0);
}

static void
walk_alternative(struct reading *r, GMimeMultipart *of, const char *number)
{
	enum show before = r->show;
	int chosen = before == SHOW ? choose(r, of) : -1;
	for (int i = 0; i < g_mime_multipart_get_count(of); i++) {
		r->show = before == SHOW && i != chosen ? HIDE : before;
		walk_child(r, of, i, number);
	}
	r->show = before;
}

static void
walk_related(struct reading *r, GMimeMultipart *of, const char *number)
{
	enum show before = r->show;
	for (int i = 0; i < g_mime_multipart_get_count(of); i++) {
		r->show = i > 0 ? LIST : before;
		walk_child(r, of, i, number);
	}
	r->show = before;
}

static void
walk_sealed(struct reading *r, GMimeMultipart *of, const char *number)
{
	enum show before = r->show;
	r->show = LIST;
	for (int i = 0; i < g_mime_multipart_get_count(of); i++)
		walk_child(r, of, i, number);
	r->show = before;
}

static void
walk_mixed(struct reading *r, GMimeMultipart *of, const char *number)
{
	int i = 0, n = g_mime_multipart_get_count(of);
	bool is_payload = strcmp(number, r->covered ? "1" : "") == 0;
	if (n > 1 && is_payload && r->protection.is_older
	    && protected_is_older_display(g_mime_multipart_get_part(of, 0))) {
		r->seen++;
		i = 1;
	}
	for (; i < n; i++)
		walk_child(r, of, i, number);
}

static const struct {
	const char *subtype;
	void (*walk)(struct reading *, GMimeMultipart *, const char *number);
} multiparts[] = {
	{ "alternative", walk_alternative },
	{ "related", walk_related },
	{ "encrypted", walk_sealed },
	{ "*", walk_mixed },
};

void
walk_object(struct reading *r, GMimeObject *object, const char *number)
{
	guint depth = 0;
	for (const char *p = number; *p != '\0'; p++)
		depth += *p == '.';
	r->seen++;
	if (depth > LIMIT_DEPTH || r->seen > LIMIT_PARTS) {
		letter_note(r->letter, "structure is ambiguous");
		r->letter->exposed |= r->outside;
		return;
	}
	if (r->skip != NULL && strcmp(number, r->skip) == 0
	    && content_is(object, "multipart", "signed")) {
		r->skipped = true;
		return;
	}
	if (!GMIME_IS_MULTIPART(object)) {
		walk_leaf(r, object, number);
		return;
	}
	/* some show the text of a multipart that has no parts */
	r->letter->exposed |= r->outside && g_mime_multipart_get_count(GMIME_MULTIPART(object)) < 1;
	guint i = 0;
	while (!content_is(object, "multipart", multiparts[i].subtype)
		&& i + 1 < G_N_ELEMENTS(multiparts))
		i++;
	multiparts[i].walk(r, GMIME_MULTIPART(object), number);
}
