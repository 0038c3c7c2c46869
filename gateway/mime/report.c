/* SPDX-License-Identifier: ISC
 *
 * report: what a multipart/report says for machines: the first recipient of a delivery status
 * (RFC 3464), and what names the mail it returns (ENVID, its Message-ID, our own field), or the
 * type of a feedback report (RFC 5965, XARF).  Claims of a stranger, recorded as such.
 */
#include "mime/internal.h"

#include <string.h>

#define STATUS_MAX 65536

static char *
value_clean(const char *value)
{
	/* "rfc822; an@example.vn", "dns; mx": the type before the semicolon says nothing */
	const char *semicolon = strchr(value, ';');
	g_autofree char *line = text_clean_line(semicolon != NULL ? semicolon + 1 : value);
	g_strstrip(line);
	if (strlen(line) > 998)
		*g_utf8_find_prev_char(line, line + 998) = '\0';
	return g_steal_pointer(&line);
}

static struct bounce *
bounce_of(struct letter *letter)
{
	if (letter->bounce == NULL)
		letter->bounce = g_new0(struct bounce, 1);
	return letter->bounce;
}

/* The group of fields about the mail as a whole. */
static void
original_envelope(struct letter *letter, const struct header *h)
{
	const char *id = header_get(h, "original-envelope-id", 0);
	struct bounce *b = id != NULL ? bounce_of(letter) : NULL;
	if (b != NULL && b->envelope_id == NULL)
		b->envelope_id = value_clean(id);
}

/* From the group of fields of one recipient; false: the group is not about a recipient. */
static bool
recipient_read(struct letter *letter, const struct header *h)
{
	const char *action = header_get(h, "action", 0), *status = header_get(h, "status", 0);
	const char *recipient = header_get(h, "final-recipient", 0);
	const char *original = header_get(h, "original-recipient", 0);
	if (recipient == NULL)
		recipient = original;
	if (action == NULL && status == NULL && recipient == NULL) {
		original_envelope(letter, h);
		return false;
	}
	struct bounce *b = bounce_of(letter);
	g_autofree char *word = action != NULL ? value_clean(action) : NULL;
	b->action = word != NULL ? g_utf8_strdown(word, -1) : NULL;
	b->status = status != NULL ? value_clean(status) : NULL;
	b->recipient = recipient != NULL ? value_clean(recipient) : NULL;
	b->original = original != NULL ? value_clean(original) : NULL;
	if (b->status != NULL)		/* "5.1.1 (no such user)" */
		b->status[strcspn(b->status, " (")] = '\0';
	return true;
}

static void
delivery_status(struct reading *r, GMimeObject *object)
{
	bool more, found = false;
	g_autoptr(GByteArray) bytes = content_bytes(GMIME_PART(object), STATUS_MAX, &more);
	const char *text = (const char *)bytes->data;
	/* groups of fields, each ended by an empty line */
	for (gsize at = 0; at < bytes->len && !found; ) {
		gsize end = at;
		while (end < bytes->len) {
			const char *lf = memchr(text + end, '\n', bytes->len - end);
			gsize size = lf != NULL ? (gsize)(lf - text) - end : bytes->len - end;
			bool empty = size == 0 || (size == 1 && text[end] == '\r');
			end += size + 1;
			if (empty)
				break;
		}
		g_auto(header_auto) h = { 0 };
		header_read(text, at, MIN(end, bytes->len), &h);
		found = recipient_read(r->letter, &h);
		at = end;
	}
}

/* From the header of the mail that is returned. */
static void
original_id(struct reading *r, const char *text, gsize from, gsize to)
{
	g_auto(header_auto) h = { 0 };
	header_read(text, from, to, &h);
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	const char *value = header_get(&h, "message-id", 0);
	if (value != NULL)
		header_ids(value, ids, 1);
	if (ids->len > 0 && bounce_of(r->letter)->message_id == NULL)
		r->letter->bounce->message_id = g_strdup(ids->pdata[0]);
	const char *ours = header_get(&h, "x-ungcuu-id", 0);
	if (ours != NULL && bounce_of(r->letter)->our_id == NULL)
		r->letter->bounce->our_id = value_clean(ours);
}

static void
returned_headers(struct reading *r, GMimeObject *object)
{
	bool more;
	g_autoptr(GByteArray) bytes = content_bytes(GMIME_PART(object), STATUS_MAX, &more);
	original_id(r, (const char *)bytes->data, 0, bytes->len);
}

static void
feedback_set(struct letter *letter, const char *format, const char *type)
{
	if (letter->feedback == NULL)
		letter->feedback = g_new0(struct feedback, 1);
	g_free(letter->feedback->format);
	letter->feedback->format = g_strdup(format);
	if (type == NULL)
		return;
	g_free(letter->feedback->type);
	g_autofree char *clean = value_clean(type);
	letter->feedback->type = g_utf8_strdown(clean, -1);
}

static void
feedback_report(struct reading *r, GMimeObject *object)
{
	bool more;
	g_autoptr(GByteArray) bytes = content_bytes(GMIME_PART(object), STATUS_MAX, &more);
	g_auto(header_auto) h = { 0 };
	header_read((const char *)bytes->data, 0, bytes->len, &h);
	const char *type = header_get(&h, "feedback-type", 0);
	bool is_xarf = type != NULL && g_ascii_strcasecmp(type, "xarf") == 0;
	feedback_set(r->letter, is_xarf ? "xarf" : "arf", type);
}

/* The string behind "key": in JSON text, without reading the rest of it; NULL if there is none.
 * g_free(). */
static char *
json_string(const char *text, const char *key)
{
	g_autofree char *quoted = g_strdup_printf("\"%s\"", key);
	const char *p = strstr(text, quoted);
	if (p == NULL)
		return NULL;
	p += strlen(quoted);
	p += strspn(p, " \t\r\n:");
	if (*p != '"')
		return NULL;
	return g_strndup(p + 1, strcspn(p + 1, "\"\\\r\n"));
}

static void
xarf(struct reading *r, GMimeObject *object)
{
	static const char *const keys[] = { "ReportType", "report_type", "type" };
	bool more;
	g_autoptr(GByteArray) bytes = content_bytes(GMIME_PART(object), STATUS_MAX, &more);
	g_autofree char *text = text_decode(bytes->data, bytes->len, "utf-8", NULL);
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *type = json_string(text, keys[i]);
		if (type == NULL)
			continue;
		feedback_set(r->letter, "xarf", type);
		return;
	}
}

void
report_read(struct reading *r, GMimeObject *object, const struct entity *inner)
{
	static const struct {
		const char *type, *subtype;
		void (*read)(struct reading *, GMimeObject *);
	} readers[] = {
		{ "message", "delivery-status", delivery_status },
		{ "message", "global-delivery-status", delivery_status },
		{ "text", "rfc822-headers", returned_headers },
		{ "message", "feedback-report", feedback_report },
		{ "application", "json", xarf },
	};
	const char *kind = letter_field(r->letter, "content-type");
	bool is_delivery = kind != NULL && strstr(kind, "report-type=delivery-status") != NULL;
	if (inner != NULL && is_delivery)
		original_id(r, r->raw, inner->at, inner->body);
	if (!GMIME_IS_PART(object))
		return;
	for (guint i = 0; i < G_N_ELEMENTS(readers); i++)
		if (content_is(object, readers[i].type, readers[i].subtype))
			readers[i].read(r, object);
}
