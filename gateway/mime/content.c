/* SPDX-License-Identifier: ISC
 *
 * content: one entity of the raw mail through GMime, without a copy, and what its leaves hold:
 * decoded bytes up to a bound, size and digest of all of them in blocks, declared type, a file
 * name that can do no harm.
 */
#include "mime/internal.h"

#include <string.h>

#define BLOCK 65536
#define NAME_MAX_BYTES 200

/* The stream looks straight at the raw bytes; only its own small record is freed. */
static void
view_free(gpointer stream)
{
	GByteArray *view = g_mime_stream_mem_get_byte_array(stream);
	g_object_unref(stream);
	g_byte_array_free(view, FALSE);
}

/* GMime gives up on a part that begins with garbage; within a mail it would skip it. */
static gsize
skip_garbage(const char *raw, gsize at, gsize end)
{
	for (gsize from = at; from < end; ) {
		const char *line = raw + from;
		const char *lf = memchr(line, '\n', end - from);
		gsize size = lf != NULL ? (gsize)(lf - line) : end - from;
		bool empty = size == 0 || (size == 1 && line[0] == '\r');
		if (empty || field_name_size(line, size) > 0)
			return from;
		from += size + 1;
	}
	return at;
}

GMimeObject *
content_parse(const char *raw, gsize at, gsize end, bool is_mail)
{
	if (!is_mail)
		at = skip_garbage(raw, at, end);
	GByteArray *view = g_byte_array_new_take((guint8 *)(raw + at), end - at);
	GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(view);
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	g_mime_parser_set_persist_stream(parser, TRUE);
	g_mime_parser_set_format(parser, GMIME_FORMAT_MESSAGE);
	GMimeObject *object = NULL;
	if (is_mail) {
		g_autoptr(GMimeMessage) mail = g_mime_parser_construct_message(parser, NULL);
		object = mail != NULL ? g_mime_message_get_mime_part(mail) : NULL;
		if (object != NULL)
			g_object_ref(object);
	} else {
		object = g_mime_parser_construct_part(parser, NULL);
	}
	g_object_unref(parser);
	if (object != NULL)	/* the view lives as long as what was read from it */
		g_object_set_data_full(G_OBJECT(object), "ungcuu-stream", stream, view_free);
	else
		view_free(stream);
	return object;
}

bool
content_is(GMimeObject *object, const char *type, const char *subtype)
{
	GMimeContentType *ct = g_mime_object_get_content_type(object);
	return ct != NULL && g_mime_content_type_is_type(ct, type, subtype);
}

bool
content_is_attachment(GMimeObject *object)
{
	const char *word = g_mime_object_get_disposition(object);
	return word != NULL && g_ascii_strcasecmp(word, "attachment") == 0;
}

char *
content_type_word(GMimeObject *object)
{
	GMimeContentType *ct = g_mime_object_get_content_type(object);
	if (ct == NULL)
		return g_strdup("text/plain");
	g_autofree char *mime = g_mime_content_type_get_mime_type(ct);
	g_autofree char *lower = g_ascii_strdown(mime, -1);
	char *clean = text_clean_line(lower);
	if (strlen(clean) > NAME_MAX_BYTES)
		*g_utf8_find_prev_char(clean, clean + NAME_MAX_BYTES) = '\0';
	return clean;
}

/* The decoded content as a stream of blocks; NULL if there is none. */
static GMimeStream *
decoded(GMimePart *part)
{
	GMimeDataWrapper *wrapper = g_mime_part_get_content(part);
	GMimeStream *raw = wrapper != NULL ? g_mime_data_wrapper_get_stream(wrapper) : NULL;
	if (raw == NULL)
		return NULL;
	g_mime_stream_reset(raw);
	GMimeStream *stream = g_mime_stream_filter_new(raw);
	switch (g_mime_data_wrapper_get_encoding(wrapper)) {
	case GMIME_CONTENT_ENCODING_BASE64:
	case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
	case GMIME_CONTENT_ENCODING_UUENCODE: {
		g_autoptr(GMimeFilter) filter =
			g_mime_filter_basic_new(g_mime_data_wrapper_get_encoding(wrapper), FALSE);
		g_mime_stream_filter_add(GMIME_STREAM_FILTER(stream), filter);
		break;
	}
	default:
		break;
	}
	return stream;
}

GByteArray *
content_bytes(GMimePart *part, gsize max, bool *more)
{
	GByteArray *bytes = g_byte_array_new();
	g_autoptr(GMimeStream) stream = decoded(part);
	*more = false;
	while (stream != NULL && !*more) {
		char block[BLOCK];
		gssize n = g_mime_stream_read(stream, block, sizeof block);
		if (n <= 0)
			break;
		*more = (gsize)n > max - bytes->len;
		g_byte_array_append(bytes, (guint8 *)block, (guint)MIN((gsize)n, max - bytes->len));
	}
	if (*more && max > 4)	/* not in the middle of a character */
		for (guint i = 0; i < 4 && bytes->data[bytes->len - 1] >= 0x80; i++)
			g_byte_array_set_size(bytes, bytes->len - 1);
	return bytes;
}

void
content_digest(GMimePart *part, guint64 *size, guint8 out[DIGEST_SIZE])
{
	g_autoptr(GMimeStream) stream = decoded(part);
	struct digest *digest = digest_new();
	*size = 0;
	while (stream != NULL) {
		char block[BLOCK];
		gssize n = g_mime_stream_read(stream, block, sizeof block);
		if (n <= 0)
			break;
		digest_put(digest, block, (gsize)n);
		*size += (guint64)n;
	}
	digest_end(digest, out);
}

/* Last path component, nothing invisible, no leading dots, bounded; NULL if nothing remains. */
static char *
name_safe(const char *decoded_name)
{
	g_autofree char *clean = text_clean_line(decoded_name);
	char *base = clean;
	for (char *p = clean; *p != '\0'; p++)
		if (*p == '/' || *p == '\\')
			base = p + 1;
	while (*base == '.' || *base == ' ')
		base++;
	if (strlen(base) > NAME_MAX_BYTES) {
		/* the end tells what it is, so the middle goes */
		char *tail = g_utf8_find_next_char(base + strlen(base) - 24, NULL);
		char *cut = g_utf8_find_prev_char(base, base + NAME_MAX_BYTES - 32);
		g_autofree char *rest = g_strdup(tail);
		g_autofree char *head = g_strndup(base, (gsize)(cut - base));
		return g_strconcat(head, "…", rest, NULL);
	}
	g_autofree char *name = g_strdup(base);
	g_strchomp(name);
	return *name != '\0' ? g_steal_pointer(&name) : NULL;
}

char *
content_name(GMimeObject *object, const struct parse_settings *settings)
{
	const char *name = NULL;
	GMimeContentDisposition *disposition = g_mime_object_get_content_disposition(object);
	if (disposition != NULL)
		name = g_mime_content_disposition_get_parameter(disposition, "filename");
	GMimeContentType *ct = g_mime_object_get_content_type(object);
	if (name == NULL && ct != NULL)
		name = g_mime_content_type_get_parameter(ct, "name");
	if (name == NULL)
		return NULL;
	/* RFC 2047 where 2231 belongs */
	g_autofree char *decoded_name = header_text(name, settings);
	return name_safe(decoded_name);
}
