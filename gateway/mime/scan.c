/* SPDX-License-Identifier: ISC
 *
 * scan: one linear pass over the raw bytes before any parser sees them.  Follows the structure
 * GMime would find (delimiter lines as GMime takes them, the last Content-Type of several,
 * digests, attached mails that are not transfer-encoded) with an explicit stack, and refuses what
 * passes a named limit.  Also gives the exact octets of every entity, which no re-serialisation
 * could.  Refuses nothing for being odd.
 */
#include "mime/internal.h"

#include <string.h>

#define LEVELS_MAX (LIMIT_DEPTH + 2 * LIMIT_MESSAGES + 4)

/* An entity that is still open. */
struct level {
	guint entity;
	bool has_boundary, is_multipart, is_message, is_digest;
	gsize boundary_size;
	char boundary[LIMIT_BOUNDARY + 1];
};

struct scanner {
	const char *raw;
	gsize size, at;			/* at: start of the line being looked at */
	struct scan *out;
	struct level levels[LEVELS_MAX];
	guint n_levels, multiparts, messages;
	gsize headers_total;
	/* of the header being read */
	guint fields;
	struct slice field, type, encoding;
	GError **error;
};

static const char *const address_fields[] = {
	"from", "to", "cc", "bcc", "reply-to", "sender", "resent-from", "resent-to", "resent-cc",
	"resent-bcc", "resent-sender", "resent-reply-to", "disposition-notification-to",
	"return-receipt-to", NULL
};
static const char *const parameter_fields[] = { "content-type", "content-disposition", NULL };
static const char *const message_subtypes[] = { "rfc822", "rfc2822", "global", "news", NULL };
static const char *const encoded[] = {
	"base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue", NULL
};

static struct entity *
entity_at(struct scanner *s, guint n)
{
	return &g_array_index(s->out->entities, struct entity, n);
}

gsize
field_name_size(const char *line, gsize size)
{
	gsize n = 0;
	while (n < size && line[n] > 32 && line[n] < 127 && line[n] != ':')
		n++;
	gsize colon = n;
	while (colon < size && (line[colon] == ' ' || line[colon] == '\t'))
		colon++;
	return n > 0 && colon < size && line[colon] == ':' ? n : 0;
}

static bool
name_in(const char *name, gsize size, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == size && g_ascii_strncasecmp(name, *words, size) == 0)
			return true;
	return false;
}

/* How often `c` stands in the value, quoted strings left out; all of them if a quotation never
 * ends. */
static gsize
count_outside_quotes(const char *value, gsize size, char c)
{
	gsize outside = 0, all = 0;
	bool quoted = false;
	for (gsize i = 0; i < size; i++) {
		if (value[i] == '\\' && quoted) {
			i++;
			continue;
		}
		if (value[i] == '"')
			quoted = !quoted;
		if (value[i] == c) {
			all++;
			outside += !quoted;
		}
	}
	return quoted ? all : outside;
}

/* Unfolded value of the field in this slice, as a C string: cut at NUL, as GMime sees it. */
static char *
field_value(const struct scanner *s, struct slice field)
{
	const char *colon = memchr(s->raw + field.at, ':', field.size);
	const char *end = s->raw + field.at + field.size;
	GString *value = g_string_sized_new(field.size);
	for (const char *p = colon + 1; p < end && *p != '\0'; p++)
		if (*p != '\r' && *p != '\n')
			g_string_append_c(value, *p);
	return g_string_free(value, FALSE);
}

static enum outcome
field_end(struct scanner *s)
{
	struct slice field = s->field;
	s->field.size = 0;
	if (field.size == 0)
		return DONE;
	if (++s->fields > LIMIT_HEADER_FIELDS)
		return limit_reached(s->error, "mime", "header fields", LIMIT_HEADER_FIELDS);
	if (field.size > LIMIT_HEADER_FIELD)
		return limit_reached(s->error, "mime", "header field", LIMIT_HEADER_FIELD);
	const char *name = s->raw + field.at;
	gsize n = field_name_size(name, field.size);
	if (n == 0)
		return DONE;
	/* one colon is the field's own */
	if (name_in(name, n, address_fields)
	    && count_outside_quotes(name, field.size, ':') > LIMIT_GROUPS + 1)
		return limit_reached(s->error, "mime", "address groups", LIMIT_GROUPS);
	if (name_in(name, n, parameter_fields)
	    && count_outside_quotes(name, field.size, ';') > LIMIT_PARAMETERS)
		return limit_reached(s->error, "mime", "parameters", LIMIT_PARAMETERS);
	if (n == strlen("content-type") && g_ascii_strncasecmp(name, "content-type", n) == 0)
		s->type = field;
	if (n == strlen("content-transfer-encoding")
	    && g_ascii_strncasecmp(name, "content-transfer-encoding", n) == 0)
		s->encoding = field;
	return DONE;
}

static bool
is_encoded(const struct scanner *s)
{
	if (s->encoding.size == 0)
		return false;
	g_autofree char *value = field_value(s, s->encoding);
	g_strstrip(value);
	return name_in(value, strlen(value), encoded);
}

static enum outcome
entity_open(struct scanner *s, bool inner)
{
	GArray *entities = s->out->entities;
	if (entities->len >= LIMIT_PARTS)
		return limit_reached(s->error, "mime", "parts", LIMIT_PARTS);
	guint parent = s->n_levels > 0 ? s->levels[s->n_levels - 1].entity : 0;
	struct entity e = {
		.parent = parent, .at = s->at, .body = s->at, .end = s->size, .inner = inner
	};
	if (entities->len > 0)
		e.index = ++entity_at(s, parent)->children;
	g_array_append_val(entities, e);
	if (s->n_levels >= LEVELS_MAX)
		return limit_reached(s->error, "mime", "depth", LIMIT_DEPTH);
	struct level *level = &s->levels[s->n_levels++];
	level->entity = entities->len - 1;
	level->has_boundary = level->is_multipart = level->is_message = level->is_digest = false;
	s->fields = 0;
	s->field = s->type = s->encoding = (struct slice){ 0 };
	return DONE;
}

static enum outcome
multipart_open(struct scanner *s, struct level *level, GMimeContentType *type)
{
	const char *boundary = g_mime_content_type_get_parameter(type, "boundary");
	if (boundary == NULL)
		return DONE;
	if (strlen(boundary) > LIMIT_BOUNDARY)
		return limit_reached(s->error, "mime", "boundary", LIMIT_BOUNDARY);
	if (++s->multiparts > LIMIT_DEPTH)
		return limit_reached(s->error, "mime", "depth", LIMIT_DEPTH);
	level->is_multipart = level->has_boundary = true;
	level->is_digest = g_mime_content_type_is_type(type, "multipart", "digest");
	level->boundary_size = strlen(boundary);
	memcpy(level->boundary, boundary, level->boundary_size + 1);
	return DONE;
}

static bool
is_message(GMimeContentType *type)
{
	const char *subtype = g_mime_content_type_get_media_subtype(type);
	return g_mime_content_type_is_type(type, "message", "*") && subtype != NULL
		&& name_in(subtype, strlen(subtype), message_subtypes);
}

/* The header of the innermost entity is complete; its body begins at s->at.  *inside: another
 * header follows. */
static enum outcome
header_end(struct scanner *s, bool *inside)
{
	struct level *level = &s->levels[s->n_levels - 1];
	struct entity *e = entity_at(s, level->entity);
	e->body = s->at;
	gsize size = e->body - e->at;
	s->headers_total += size;
	if (size > LIMIT_HEADER_SIZE)
		return limit_reached(s->error, "mime", "header size", LIMIT_HEADER_SIZE);
	if (s->headers_total > LIMIT_HEADERS_TOTAL)
		return limit_reached(s->error, "mime", "headers in all", LIMIT_HEADERS_TOTAL);
	bool in_digest = s->n_levels > 1 && s->levels[s->n_levels - 2].is_digest;
	g_autoptr(GMimeContentType) type = NULL;
	if (s->type.size > 0) {
		g_autofree char *value = field_value(s, s->type);
		type = g_mime_content_type_parse(NULL, value);
	}
	if (type == NULL)
		type = in_digest ? g_mime_content_type_new("message", "rfc822")
			: g_mime_content_type_new("text", "plain");
	*inside = false;
	if (g_mime_content_type_is_type(type, "multipart", "*"))
		return multipart_open(s, level, type);
	if (!is_message(type) || is_encoded(s))
		return DONE;
	if (++s->messages > LIMIT_MESSAGES)
		return limit_reached(s->error, "mime", "nested messages", LIMIT_MESSAGES);
	level->is_message = *inside = true;
	return entity_open(s, true);
}

/* The innermost open multipart this line delimits, or -1.  `--b` and `--b--`, blanks may follow. */
static int
delimits(const struct scanner *s, const char *line, gsize size, bool *last)
{
	if (size < 2 || line[0] != '-' || line[1] != '-')
		return -1;
	while (size > 2 && (line[size - 1] == ' ' || line[size - 1] == '\t'
		|| line[size - 1] == '\r'))
		size--;
	for (int i = (int)s->n_levels - 1; i >= 0; i--) {
		const struct level *level = &s->levels[i];
		gsize n = level->boundary_size;
		if (!level->has_boundary || size < n + 2 || size > n + 4)
			continue;
		bool closes = size == n + 4 && line[size - 1] == '-' && line[size - 2] == '-';
		if ((size != n + 2 && !closes) || memcmp(line + 2, level->boundary, n) != 0)
			continue;
		*last = closes;
		return i;
	}
	return -1;
}

/* Everything opened inside level `keep` ends before the line that begins at s->at. */
static void
levels_close(struct scanner *s, guint keep)
{
	gsize end = s->at;
	if (end > 0 && s->raw[end - 1] == '\n')
		end--;
	if (end > 0 && end < s->at && s->raw[end - 1] == '\r')
		end--;
	while (s->n_levels > keep) {
		const struct level *level = &s->levels[--s->n_levels];
		struct entity *e = entity_at(s, level->entity);
		e->end = MAX(end, e->at);
		e->body = MIN(e->body, e->end);
		s->multiparts -= level->is_multipart;
		s->messages -= level->is_message;
	}
}

/* Leading lines that are no header: an mbox line, garbage.  false: there is no header at all. */
static bool
skip_to_header(struct scanner *s)
{
	for (gsize at = 0; at < s->size; ) {
		const char *line = s->raw + at;
		const char *lf = memchr(line, '\n', s->size - at);
		gsize size = lf != NULL ? (gsize)(lf - line) : s->size - at;
		if (size == 0 || (size == 1 && line[0] == '\r')) {
			s->at = 0;
			return at == 0;		/* begins with the empty line: an empty header */
		}
		if (field_name_size(line, size) > 0) {
			s->at = at;
			return true;
		}
		at += size + 1;
	}
	return false;
}

static enum outcome
header_line(struct scanner *s, gsize size, gsize next, bool *inside)
{
	const char *line = s->raw + s->at;
	if (size == 0 || (size == 1 && line[0] == '\r')) {
		enum outcome how = field_end(s);
		s->at = next;
		return how != DONE ? how : header_end(s, inside);
	}
	bool more = (line[0] == ' ' || line[0] == '\t') && s->field.size > 0;
	if (more) {
		s->field.size = s->at + size - s->field.at;
	} else {
		enum outcome how = field_end(s);
		if (how != DONE)
			return how;
		s->field = (struct slice){ s->at, size };
	}
	s->at = next;
	return DONE;
}

static enum outcome
scan_lines(struct scanner *s)
{
	bool in_header = true;
	enum outcome how = entity_open(s, false);
	while (how == DONE && s->at < s->size) {
		const char *line = s->raw + s->at;
		const char *lf = memchr(line, '\n', s->size - s->at);
		gsize size = lf != NULL ? (gsize)(lf - line) : s->size - s->at;
		gsize next = s->at + size + (lf != NULL);
		bool last = false;
		int level = delimits(s, line, size, &last);
		if (level < 0) {
			if (in_header)
				how = header_line(s, size, next, &in_header);
			else
				s->at = next;
			continue;
		}
		if (in_header) {
			how = field_end(s);
			bool ignored;
			if (how == DONE)
				how = header_end(s, &ignored);
		}
		levels_close(s, (guint)level + 1);
		s->at = next;
		s->levels[level].has_boundary = !last;
		in_header = !last;
		if (how == DONE && !last)
			how = entity_open(s, false);
	}
	if (how == DONE && in_header) {
		s->at = s->size;
		how = field_end(s);
		if (how == DONE)
			how = header_end(s, &in_header);
	}
	return how;
}

enum outcome
scan_text(gsize size, struct scan *out, GError **error)
{
	struct entity e = { .end = size };
	out->headless = true;
	out->entities = g_array_new(FALSE, FALSE, sizeof(struct entity));
	g_array_append_val(out->entities, e);
	return size > LIMIT_MAIL_SIZE
		? limit_reached(error, "mime", "mail size", LIMIT_MAIL_SIZE) : DONE;
}

enum outcome
scan_structure(const char *raw, gsize size, struct scan *out, GError **error)
{
	g_autofree struct scanner *s = g_new0(struct scanner, 1);
	s->raw = raw;
	s->size = size;
	s->out = out;
	s->error = error;
	out->entities = g_array_new(FALSE, FALSE, sizeof(struct entity));
	if (size > LIMIT_MAIL_SIZE)
		return limit_reached(error, "mime", "mail size", LIMIT_MAIL_SIZE);
	out->headless = !skip_to_header(s);
	if (!out->headless)
		return scan_lines(s);
	struct entity e = { .end = size };
	g_array_append_val(out->entities, e);
	return DONE;
}

void
scan_clear(struct scan *scan)
{
	g_clear_pointer(&scan->entities, g_array_unref);
}

const struct entity *
scan_root(const struct scan *scan)
{
	return &g_array_index(scan->entities, struct entity, 0);
}

const struct entity *
scan_child(const struct scan *scan, const struct entity *of, guint n)
{
	guint parent = (guint)(of - scan_root(scan));
	for (guint i = parent + 1; i < scan->entities->len; i++) {
		const struct entity *e = &g_array_index(scan->entities, struct entity, i);
		if (e->parent == parent && e->index == n)
			return e;
	}
	return NULL;
}

const struct entity *
scan_find(const struct scan *scan, const char *number)
{
	const struct entity *e = scan_root(scan);
	const struct entity *first = scan_child(scan, e, 1);
	if (first == NULL || first->inner)
		return strcmp(number, "1") == 0 ? e : NULL;
	while (e != NULL && *number != '\0') {
		char *end;
		guint64 n = g_ascii_strtoull(number, &end, 10);
		if (end == number || n == 0 || n > LIMIT_PARTS || (*end != '.' && *end != '\0'))
			return NULL;
		e = scan_child(scan, e, (guint)n);
		if (e != NULL && e->inner)
			return NULL;
		number = *end == '.' ? end + 1 : end;
	}
	return e;
}

char *
scan_number(const struct scan *scan, const struct entity *e)
{
	GString *out = g_string_new(NULL);
	for (; e != scan_root(scan); e = &g_array_index(scan->entities, struct entity, e->parent)) {
		g_autofree char *index = g_strdup_printf(out->len > 0 ? "%u." : "%u", e->index);
		g_string_prepend(out, index);
	}
	return g_string_free(out, FALSE);
}

const struct entity *
scan_carrier(const struct scan *scan)
{
	return &g_array_index(scan->entities, struct entity, scan->carrier);
}

const struct entity *
scan_sealed(const struct scan *scan, enum layer layer)
{
	const struct entity *carrier = scan_carrier(scan);
	bool is_cms = layer == LAYER_SMIME_OPAQUE || layer == LAYER_SMIME_ENCRYPTED;
	return is_cms ? carrier : scan_child(scan, carrier, 2);
}

enum outcome
scan_mail(const char *raw, gsize size, GError **error)
{
	g_auto(scan_auto) scan = { 0 };
	return scan_structure(raw, size, &scan, error);
}
