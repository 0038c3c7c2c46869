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
	"autocrypt", "mime-version", "from", "to", "x-ungcuu-loop", "x-ungcuu-id",
	"x-auto-response-suppress", NULL
};
/* Fields that compose_header() writes itself or that belong to the entity. */
static const char *const own_fields[] = {
	"from", "to", "mime-version", "cc", "bcc", "content-type", "content-transfer-encoding",
	"content-disposition", "hp-outer", NULL
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

/* What of a value is written as encoded words; from == to: nothing. */
struct run { gsize from, to; };

/* Would this word not come back as it is?  Not ASCII, looks like an encoded one, has one of
 * `never`. */
static bool
word_needs(const char *word, gsize size, const char *never)
{
	for (gsize i = 0; i < size; i++)
		if (word[i] < 32 || word[i] >= 127 || strchr(never, word[i]) != NULL
		    || (word[i] == '=' && i + 1 < size && word[i + 1] == '?'))
			return true;
	return false;
}

/* From the first to the last word that needs it, so that a ticket's tag before it stays readable
 * for filters and people.  Blanks at either end of the value need it too; between the run and a
 * plain word stays exactly the one blank RFC 2047 §6.2 shows, others go into the run. */
static struct run
run_find(const char *value, gsize column, const char *never)
{
	gsize n = strlen(value);
	struct run run = { 0 };
	for (gsize at = 0; at < n; ) {
		gsize blanks = strspn(value + at, " ");
		gsize word = strcspn(value + at + blanks, " ");
		gsize end = at + blanks + word;
		bool edge = (at == 0 && blanks > 0)
			|| (end < n && end + strspn(value + end, " ") == n);
		if (edge || word_needs(value + at + blanks, word, never)
		    || blanks + word + (at == 0 ? column : 0) > LINE) {
			run.from = run.to > 0 ? run.from : at > 0 ? at + 1 : 0;
			run.to = end;
		}
		at = end;
	}
	gsize after = strspn(value + run.to, " ");
	if (run.to > 0 && run.to + after == n)
		run.to = n;
	else if (run.to > 0 && after > 1)
		run.to += after - 1;
	return run;
}

static void
append_text_value(GString *out, gsize start, const char *value)
{
	struct run run = run_find(value, out->len - start, "");
	g_autofree char *head = g_strndup(value, run.from);
	append_folded(out, head, out->len - start);
	encode_words(out, start, value + run.from, run.to - run.from);
	append_folded(out, value + run.to, encode_column(out, start));
}

/* The key data in pieces a line can hold: blanks within them mean nothing (Autocrypt Level 1). */
static char *
autocrypt_cut(const char *value)
{
	const char *data = strstr(value, "keydata=");
	GString *out = g_string_new(NULL);
	if (data == NULL)
		data = value + strlen(value);
	else
		data += strlen("keydata=");
	g_string_append_len(out, value, data - value);
	for (gsize left = strlen(data), n; left > 0; left -= n, data += n) {
		n = MIN(left, LINE - 4);
		g_string_append_c(out, ' ');
		g_string_append_len(out, data, (gssize)n);
	}
	return g_string_free(out, FALSE);
}

/* `outer`: the field as a copy of what the outer header says (RFC 9788 §2.2). */
static enum outcome
field_append(GString *out, bool outer, const char *name, const char *value, GError **error)
{
	enum outcome how = value_check(name, value, error);
	if (how != DONE)
		return how;
	gsize before = out->len;
	g_string_append_printf(out, "%s%s: ", outer ? "HP-Outer: " : "", name);
	bool is_structured = in_list(name, structured), whole = true;
	if (outer && is_structured && out->len - before + strcspn(value, " ") > LINE) {
		g_string_truncate(out, out->len - 1);
		g_string_append(out, "\r\n ");
	}
	gsize column = encode_column(out, before);
	if (is_structured)
		whole = is_ascii(value) && append_folded(out, value, column);
	else
		append_text_value(out, before, value);
	if (!whole) {
		g_string_truncate(out, before);
		return fail(error, NEVER, "compose: %s cannot be written in ASCII lines", name);
	}
	g_string_append(out, "\r\n");
	return DONE;
}

/* *fits: false, and nothing appended, where the field would pass LIMIT_AUTOCRYPT. */
static enum outcome
autocrypt_append(GString *out, const char *value, bool *fits, GError **error)
{
	gsize before = out->len;
	g_autofree char *cut = autocrypt_cut(value);
	enum outcome how = field_append(out, false, "Autocrypt", cut, error);
	*fits = out->len - before <= LIMIT_AUTOCRYPT;
	if (!*fits)
		g_string_truncate(out, before);
	return how;
}

enum outcome
compose_field(GString *out, const char *name, const char *value, GError **error)
{
	bool fits;
	if (g_ascii_strcasecmp(name, "autocrypt") != 0)
		return field_append(out, false, name, value, error);
	enum outcome how = autocrypt_append(out, value, &fits, error);
	return how != DONE || fits ? how
		: limit_reached(error, "compose", "Autocrypt field", LIMIT_AUTOCRYPT);
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
compose_autocrypt(GString *out, const char *address, GBytes *key, GError **error)
{
	gsize size;
	const void *data = g_bytes_get_data(key, &size);
	if (!is_address(address))
		return fail(error, NEVER, "compose: Autocrypt is not for an address");
	if (!offered_is_packet(data, size))
		return fail(error, NEVER, "compose: not an OpenPGP certificate");
	if (size > LIMIT_AUTOCRYPT)
		return limit_reached(error, "compose", "Autocrypt field", LIMIT_AUTOCRYPT);
	g_autofree char *base64 = g_base64_encode(data, size);
	g_autofree char *value = g_strdup_printf("addr=%s; keydata=%s", address, base64);
	return compose_field(out, "Autocrypt", value, error);
}

/* A display name that is no single quoted string: quoted words, encoded words, quoted words. */
static void
append_display(GString *out, gsize start, const char *shown)
{
	gsize n = strlen(shown);
	struct run run = run_find(shown, out->len - start, "\"\\");
	if (run.to == 0 || out->len - start + run.from + 1 > LINE)
		run.from = 0;
	if (run.to == 0 || n - run.to + 2 > LINE)
		run.to = n;
	if (run.from > 0)
		g_string_append_printf(out, "\"%.*s\" ", (int)run.from - 1, shown);
	encode_words(out, start, shown + run.from, run.to - run.from);
	if (run.to == n)
		return;
	bool fold = encode_column(out, start) + n - run.to + 2 > LINE;
	g_string_append_printf(out, "%s \"%s\"", fold ? "\r\n" : "", shown + run.to + 1);
}

static enum outcome
address_append(GString *out, bool outer, const char *name, const char *display,
	const char *address, GError **error)
{
	const char *shown = display != NULL ? display : "";
	enum outcome how = value_check(name, shown, error);
	if (how != DONE)
		return how;
	if (!is_address(address))
		return fail(error, NEVER, "compose: %s is not an address", name);
	gsize before = out->len;
	g_string_append_printf(out, "%s%s: ", outer ? "HP-Outer: " : "", name);
	if (*shown == '\0') {
		g_string_append_printf(out, "%s\r\n", address);
		return DONE;
	}
	bool plain = is_ascii(shown) && strpbrk(shown, "\"\\") == NULL
		&& strstr(shown, "=?") == NULL
		&& strlen(shown) + out->len - before + 2 <= LINE;
	if (plain)
		g_string_append_printf(out, "\"%s\"", shown);
	else
		append_display(out, before, shown);
	bool fold = encode_column(out, before) + strlen(address) + 3 > LINE;
	g_string_append_printf(out, "%s <%s>\r\n", fold ? "\r\n" : "", address);
	return DONE;
}

enum outcome
compose_address(GString *out, const char *name, const char *display, const char *address,
	GError **error)
{
	return address_append(out, false, name, display, address, error);
}

/* ---- headers ------------------------------------------------------------------------------- */

/* Of one mail: what everybody sees, what is protected, and what that says of the former. */
enum view { VIEW_OUTER, VIEW_INNER, VIEW_COPY };

/* "addr=…; keydata=BASE64" of a certificate, for this sender alone. */
static bool
is_autocrypt(const char *value, const char *from)
{
	static const char begin[] = "addr=", middle[] = "; keydata=";
	gsize n = strlen(begin), size = strlen(from);
	if (strncmp(value, begin, n) != 0 || g_ascii_strncasecmp(value + n, from, size) != 0
	    || strncmp(value + n + size, middle, strlen(middle)) != 0)
		return false;
	g_autoptr(GBytes) key = offered_base64(value + n + size + strlen(middle));
	return key != NULL && offered_is_packet(g_bytes_get_data(key, NULL), g_bytes_get_size(key));
}

/* A certificate too large for the field must not keep the mail: it goes without.  Only the outer
 * header has one (Autocrypt Level 1 §2). */
static enum outcome
certificate_append(GString *out, const char *value, const char *from, enum view view,
	GError **error)
{
	bool fits;
	if (!is_autocrypt(value, from))
		return fail(error, NEVER, "compose: Autocrypt is not a certificate of the sender");
	return view == VIEW_OUTER ? autocrypt_append(out, value, &fits, error) : DONE;
}

static enum outcome
one_append(GString *out, const struct compose_protection *p, guint i, enum view view,
	GError **error)
{
	const struct compose_header *f = &p->fields[i];
	bool hidden = view != VIEW_INNER && p->outer_subject != NULL
		&& g_ascii_strcasecmp(f->name, "subject") == 0;
	if (in_list(f->name, own_fields))
		return fail(error, NEVER, "compose: %s is not for the caller to write", f->name);
	if (g_ascii_strcasecmp(f->name, "autocrypt") == 0)
		return certificate_append(out, f->value, p->from, view, error);
	return field_append(out, view == VIEW_COPY, f->name, hidden ? p->outer_subject : f->value,
		error);
}

/* The fields, then From and To. */
static enum outcome
header_append(GString *out, const struct compose_protection *p, enum view view, GError **error)
{
	enum outcome how = DONE;
	for (guint i = 0; i < p->n_fields && how == DONE; i++)
		how = one_append(out, p, i, view, error);
	if (how == DONE)
		how = address_append(out, view == VIEW_COPY, "From", p->from_name, p->from, error);
	if (how == DONE)
		how = address_append(out, view == VIEW_COPY, "To", NULL, p->to, error);
	return how;
}

enum outcome
compose_outer(const struct compose_protection *p, GBytes **out, GError **error)
{
	GString *header = g_string_new(NULL);
	enum outcome how = header_append(header, p, VIEW_OUTER, error);
	if (how != DONE) {
		g_string_free(header, TRUE);
		return how;
	}
	g_string_append(header, "MIME-Version: 1.0\r\n");
	*out = g_string_free_to_bytes(header);
	return DONE;
}

enum outcome
compose_header(const struct compose_header *fields, guint n, const char *from_name,
	const char *from,
	const char *to, GBytes **out, GError **error)
{
	const struct compose_protection all = { .fields = fields, .n_fields = n,
		.from_name = from_name, .from = from, .to = to };
	return compose_outer(&all, out, error);
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

/* What the root of a protected entity says of it; empty where nothing is protected. */
struct mark {
	const char *parameters;	/* ";\r\n hp=\"cipher\"" */
	const char *subject;	/* shown as legacy display at the top of the text; NULL: not */
};

static enum outcome
append_text(GString *out, GBytes *bytes, const struct mark *mark, GError **error)
{
	gsize size;
	const char *text = g_bytes_get_data(bytes, &size);
	if (size > LIMIT_ENTITY_SIZE)
		return limit_reached(error, "compose", "composed entity", LIMIT_ENTITY_SIZE);
	if (!g_utf8_validate_len(size > 0 ? text : "", size, NULL))
		return fail(error, NEVER, "compose: a text part is not UTF-8");
	g_string_append_printf(out, "Content-Type: text/plain; charset=utf-8%s%s\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n", mark->parameters,
		mark->subject != NULL ? ";\r\n hp-legacy-display=\"1\"" : "");
	if (mark->subject != NULL) {
		g_autofree char *legacy = g_strdup_printf("Subject: %s\n\n", mark->subject);
		encode_quoted_printable(out, legacy, strlen(legacy));
	}
	encode_quoted_printable(out, text, size);
	return DONE;
}

static enum outcome
append_part(GString *out, const struct compose_part *part, const struct mark *mark, GError **error)
{
	const char *name = part->name != NULL ? part->name : "";
	if (!is_type(part->type))
		return fail(error, NEVER, "compose: not a media type");
	if (*name == '\0' && g_ascii_strcasecmp(part->type, "text/plain") == 0)
		return append_text(out, part->bytes, mark, error);
	enum outcome how = value_check("filename", name, error);
	if (how != DONE)
		return how;
	gsize size;
	const void *data = g_bytes_get_data(part->bytes, &size);
	if (size > LIMIT_MAIL_SIZE)
		return limit_reached(error, "compose", "mail size", LIMIT_MAIL_SIZE);
	g_string_append_printf(out, "Content-Type: %s%s\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment", part->type, mark->parameters);
	if (*name != '\0')
		encode_parameter(out, "filename", name);
	g_string_append(out, "\r\n\r\n");
	encode_base64_lines(out, data, size);
	return DONE;
}

/* Behind the header fields of the root, if any. */
static enum outcome
append_entity(GString *entity, const struct compose_part *parts, guint n, const char *boundary,
	const struct mark *root, GError **error)
{
	if (n == 0 || n > LIMIT_PARTS)
		return fail(error, NEVER, "compose: %u parts", n);
	if (n > 1 && !is_boundary(boundary))
		return fail(error, NEVER, "compose: not a boundary");
	if (n == 1)
		return append_part(entity, &parts[0], root, error);
	/* 60 characters of boundary, and the line still holds */
	g_string_append_printf(entity, "Content-Type: multipart/mixed;%s boundary=\"%s\"%s\r\n\r\n",
		strlen(boundary) > 30 ? "\r\n" : "", boundary, root->parameters);
	enum outcome how = DONE;
	for (guint i = 0; i < n && how == DONE; i++) {
		const struct mark mark = { "", i == 0 ? root->subject : NULL };
		g_string_append_printf(entity, "--%s\r\n", boundary);
		how = append_part(entity, &parts[i], &mark, error);
	}
	g_string_append_printf(entity, "--%s--\r\n", boundary);
	return how;
}

static enum outcome
entity_end(GString *entity, enum outcome how, GBytes **out)
{
	if (how == DONE)
		*out = g_string_free_to_bytes(entity);
	else
		g_string_free(entity, TRUE);
	return how;
}

enum outcome
compose_entity(const struct compose_part *parts, guint n, const char *boundary, GBytes **out,
	GError **error)
{
	static const struct mark none = { "", NULL };
	GString *entity = g_string_new(NULL);
	enum outcome how = append_entity(entity, parts, n, boundary, &none, error);
	return entity_end(entity, how, out);
}

static const char *
subject_of(const struct compose_protection *p)
{
	for (guint i = 0; i < p->n_fields; i++)
		if (g_ascii_strcasecmp(p->fields[i].name, "subject") == 0)
			return p->fields[i].value;
	return NULL;
}

enum outcome
compose_protected(const struct compose_part *parts, guint n, const char *boundary,
	const struct compose_protection *p, GBytes **out, GError **error)
{
	const char *subject = subject_of(p);
	bool cipher = p->outer_subject != NULL;
	if (subject == NULL)
		return fail(error, NEVER, "compose: a protected header without Subject");
	/* shown only where the outer header hides it (RFC 9788 §5.2.2) */
	const struct mark mark = {
		cipher ? ";\r\n hp=\"cipher\"" : ";\r\n hp=\"clear\"",
		cipher && strcmp(subject, p->outer_subject) != 0 ? subject : NULL
	};
	GString *entity = g_string_new(NULL);
	enum outcome how = header_append(entity, p, VIEW_INNER, error);
	if (how == DONE && cipher)
		how = header_append(entity, p, VIEW_COPY, error);
	if (how == DONE)
		how = append_entity(entity, parts, n, boundary, &mark, error);
	return entity_end(entity, how, out);
}
