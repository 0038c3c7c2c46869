/* SPDX-License-Identifier: ISC
 *
 * compose: our own mail from opaque parts: an entity for `keys` to protect, and the header around
 * it.  ASCII only, CRLF, lines of at most 76 columns, nothing a relay could want to change,
 * nothing random: the same parts give the same bytes.  Refuses CR, LF and NUL in every header
 * value, never repairs them.  Parses nothing.
 */
#include "mime/internal.h"

#include <string.h>

#define LINE 76
#define LINE_MAX_RFC 998

/* Fields whose words are tokens: folded between them, never encoded. */
static const char *const structured[] = {
	"message-id", "references", "in-reply-to", "date", "auto-submitted", "precedence",
	"list-id", "reply-to", "content-type", "content-transfer-encoding", "content-disposition",
	"autocrypt", "mime-version", "from", "to", "x-ungcuu-loop", "x-auto-response-suppress", NULL
};
/* Fields that compose_header() writes itself or that belong to the entity. */
static const char *const own_fields[] = {
	"from", "to", "mime-version", "cc", "bcc", "content-type", "content-transfer-encoding",
	"content-disposition", NULL
};

/* ---- checks -------------------------------------------------------------------------------- */

static bool
in_list(const char *name, const char *const *list)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	return g_strv_contains(list, lower);
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 32 || *text >= 127)
			return false;
	return true;
}

static bool
is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= 32 || *text >= 127 || strchr("()<>@,;:\\\"/[]?=", *text) != NULL)
			return false;
	return true;
}

static enum outcome
value_check(const char *name, const char *value, GError **error)
{
	if (!is_token(name))
		return fail(error, NEVER, "compose: not a field name");
	if (!g_utf8_validate(value, -1, NULL))
		return fail(error, NEVER, "compose: %s is not UTF-8", name);
	if (strpbrk(value, "\r\n") != NULL)
		return fail(error, NEVER, "compose: %s contains a line end", name);
	for (const char *p = value; *p != '\0'; p++)
		if ((*p > 0 && *p < 32 && *p != '\t') || *p == 127)
			return fail(error, NEVER, "compose: %s contains a control character", name);
	return DONE;
}

/* ---- header fields ------------------------------------------------------------------------- */

/* Blanks folded where the line would pass 76 columns; false if a word is longer than a line may
 * be. */
static bool
append_folded(GString *out, const char *value, gsize column)
{
	for (const char *p = value; *p != '\0'; ) {
		gsize blanks = strspn(p, " "), word = strcspn(p + blanks, " ");
		if (column + blanks + word > LINE && blanks > 0 && word > 0) {
			g_string_append(out, "\r\n");
			column = 0;
		}
		if (column + blanks + word > LINE_MAX_RFC)
			return false;
		g_string_append_len(out, p, (gssize)(blanks + word));
		column += blanks + word;
		p += blanks + word;
	}
	return true;
}

/* Text that would not come back as it is: not ASCII, looks like a word, ends in blanks, words too
 * long. */
static bool
needs_words(const char *value, gsize column)
{
	gsize n = strlen(value);
	if (!is_ascii(value) || strstr(value, "=?") != NULL)
		return true;
	if (n > 0 && (value[0] == ' ' || value[n - 1] == ' '))
		return true;
	for (const char *p = value; *p != '\0'; ) {
		gsize blanks = strspn(p, " "), word = strcspn(p + blanks, " ");
		if (blanks + word + (p == value ? column : 0) > LINE)
			return true;
		p += blanks + word;
	}
	return false;
}

enum outcome
compose_field(GString *out, const char *name, const char *value, GError **error)
{
	enum outcome how = value_check(name, value, error);
	if (how != DONE)
		return how;
	gsize before = out->len;
	g_string_append_printf(out, "%s: ", name);
	gsize column = out->len - before;
	bool whole = true;
	if (in_list(name, structured))
		whole = is_ascii(value) && append_folded(out, value, column);
	else if (needs_words(value, column))
		encode_words(out, value, column);
	else
		append_folded(out, value, column);
	if (!whole) {
		g_string_truncate(out, before);
		return fail(error, NEVER, "compose: %s cannot be written in ASCII lines", name);
	}
	g_string_append(out, "\r\n");
	return DONE;
}

/* local@domain, nothing that would need quoting. */
static bool
is_address(const char *address)
{
	const char *at = strchr(address, '@');
	if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return false;
	if (!is_ascii(address) || strlen(address) > 254)
		return false;
	return strpbrk(address, " \"(),:;<>\\") == NULL;
}

enum outcome
compose_address(GString *out, const char *name, const char *display, const char *address,
	GError **error)
{
	const char *shown = display != NULL ? display : "";
	enum outcome how = value_check(name, shown, error);
	if (how != DONE)
		return how;
	if (!is_address(address))
		return fail(error, NEVER, "compose: %s is not an address", name);
	gsize before = out->len;
	g_string_append_printf(out, "%s: ", name);
	if (*shown == '\0') {
		g_string_append_printf(out, "%s\r\n", address);
		return DONE;
	}
	bool plain = is_ascii(shown) && strpbrk(shown, "\"\\") == NULL
		&& strstr(shown, "=?") == NULL
		&& strlen(shown) + strlen(name) + 4 <= LINE;
	if (plain)
		g_string_append_printf(out, "\"%s\"", shown);
	else
		encode_words(out, shown, out->len - before);
	const char *lf = strrchr(out->str + before, '\n');
	gsize column = out->len - (lf != NULL ? (gsize)(lf + 1 - out->str) : before);
	bool fold = column + strlen(address) + 3 > LINE;
	g_string_append_printf(out, "%s <%s>\r\n", fold ? "\r\n" : "", address);
	return DONE;
}

enum outcome
compose_header(const struct compose_header *fields, guint n, const char *from_name,
	const char *from,
	const char *to, GBytes **out, GError **error)
{
	GString *header = g_string_new(NULL);
	enum outcome how = DONE;
	for (guint i = 0; i < n && how == DONE; i++) {
		if (in_list(fields[i].name, own_fields))
			how = fail(error, NEVER, "compose: %s is not for the caller to write",
				fields[i].name);
		else
			how = compose_field(header, fields[i].name, fields[i].value, error);
	}
	if (how == DONE)
		how = compose_address(header, "From", from_name, from, error);
	if (how == DONE)
		how = compose_address(header, "To", NULL, to, error);
	if (how != DONE) {
		g_string_free(header, TRUE);
		return how;
	}
	g_string_append(header, "MIME-Version: 1.0\r\n");
	*out = g_string_free_to_bytes(header);
	return DONE;
}

/* ---- entity -------------------------------------------------------------------------------- */

/* "type/subtype", perhaps with parameters in plain ASCII. */
static bool
is_type(const char *type)
{
	g_auto(GStrv) halves = g_strsplit(type, "/", 2);
	if (halves[0] == NULL || halves[1] == NULL || !is_ascii(type) || strlen(type) > LINE - 15)
		return false;
	g_autofree char *subtype = g_strndup(halves[1], strcspn(halves[1], "; "));
	return is_token(halves[0]) && is_token(subtype);
}

static bool
is_boundary(const char *boundary)
{
	gsize n = strlen(boundary);
	if (n == 0 || n > 60)
		return false;
	for (const char *p = boundary; *p != '\0'; p++)
		if (!g_ascii_isalnum(*p) && strchr("'+_-./=", *p) == NULL)
			return false;
	return true;
}

static enum outcome
append_text(GString *out, GBytes *bytes, GError **error)
{
	gsize size;
	const char *text = g_bytes_get_data(bytes, &size);
	if (size > LIMIT_ENTITY_SIZE)
		return limit_reached(error, "compose", "composed entity", LIMIT_ENTITY_SIZE);
	if (!g_utf8_validate_len(size > 0 ? text : "", size, NULL))
		return fail(error, NEVER, "compose: a text part is not UTF-8");
	g_string_append(out, "Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	encode_quoted_printable(out, text, size);
	return DONE;
}

static enum outcome
append_part(GString *out, const struct compose_part *part, GError **error)
{
	const char *name = part->name != NULL ? part->name : "";
	if (!is_type(part->type))
		return fail(error, NEVER, "compose: not a media type");
	if (*name == '\0' && g_ascii_strcasecmp(part->type, "text/plain") == 0)
		return append_text(out, part->bytes, error);
	enum outcome how = value_check("filename", name, error);
	if (how != DONE)
		return how;
	gsize size;
	const void *data = g_bytes_get_data(part->bytes, &size);
	if (size > LIMIT_MAIL_SIZE)
		return limit_reached(error, "compose", "mail size", LIMIT_MAIL_SIZE);
	g_string_append_printf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment", part->type);
	if (*name != '\0')
		encode_parameter(out, "filename", name);
	g_string_append(out, "\r\n\r\n");
	encode_base64_lines(out, data, size);
	return DONE;
}

enum outcome
compose_entity(const struct compose_part *parts, guint n, const char *boundary, GBytes **out,
	GError **error)
{
	if (n == 0 || n > LIMIT_PARTS)
		return fail(error, NEVER, "compose: %u parts", n);
	if (n > 1 && !is_boundary(boundary))
		return fail(error, NEVER, "compose: not a boundary");
	GString *entity = g_string_new(NULL);
	if (n > 1)
		g_string_append_printf(entity,
			"Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", boundary);
	enum outcome how = DONE;
	for (guint i = 0; i < n && how == DONE; i++) {
		if (n > 1)
			g_string_append_printf(entity, "--%s\r\n", boundary);
		how = append_part(entity, &parts[i], error);
	}
	if (how != DONE) {
		g_string_free(entity, TRUE);
		return how;
	}
	if (n > 1)
		g_string_append_printf(entity, "--%s--\r\n", boundary);
	*out = g_string_free_to_bytes(entity);
	return DONE;
}
