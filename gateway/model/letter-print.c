/* SPDX-License-Identifier: ISC
 *
 * letter-print: a letter as text, for golden files and tests.  One item a line, in a fixed
 * order, what is not there left out, so that a difference in the text is a difference in the
 * letter.  Digests are shown in hex, running text is indented by a tab.  Never for the log: it
 * shows content.
 */
#include "model/model.h"

static void
print_text(GString *out, const char *name, const char *text)
{
	if (text != NULL && *text != '\0')
		g_string_append_printf(out, "%s: %s\n", name, text);
}

static void
print_texts(GString *out, const char *name, const GPtrArray *texts)
{
	for (guint i = 0; i < texts->len; i++)
		g_string_append_printf(out, "%s: %s\n", name, (const char *)texts->pdata[i]);
}

static void
print_block(GString *out, const char *name, const char *text)
{
	if (*text == '\0')
		return;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint n = g_strv_length(lines);

	g_string_append_printf(out, "%s:\n", name);
	for (guint i = 0; i < n; i++)
		if (i + 1 < n || *lines[i] != '\0')
			g_string_append_printf(out, "%s%s\n", *lines[i] == '\0' ? "" : "\t",
			    lines[i]);
}

static void
print_address(GString *out, const char *name, const struct address *a)
{
	if (a->name == NULL && a->address == NULL)
		return;
	g_string_append_printf(out, "%s:", name);
	if (a->name != NULL)
		g_string_append_printf(out, " \"%s\"", a->name);
	if (a->address != NULL)
		g_string_append_printf(out, " <%s>", a->address);
	g_string_append_c(out, '\n');
}

static void
print_digest(GString *out, const char *name, const guint8 digest[DIGEST_SIZE])
{
	static const guint8 none[DIGEST_SIZE];

	if (equal_constant_time(digest, none, DIGEST_SIZE))
		return;
	g_autofree char *hex = digest_hex(digest);

	g_string_append_printf(out, "%s: %s\n", name, hex);
}

static void
print_slice(GString *out, const char *name, const struct slice *s)
{
	if (s->at != 0 || s->size != 0)
		g_string_append_printf(out, "%s: %" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT "\n",
		    name, s->at, s->size);
}

static void
print_envelope(GString *out, const struct letter *l)
{
	print_address(out, "from", &l->from);
	if (l->n_from != 1)
		g_string_append_printf(out, "from-addresses: %u\n", l->n_from);
	for (guint i = 0; i < l->to->len; i++)
		print_address(out, "to", l->to->pdata[i]);
	print_text(out, "subject", l->subject);
	print_text(out, "message-id", l->message_id);
	print_texts(out, "reference", l->references);
	if (l->date >= 0) {
		g_autofree char *date = clock_rfc3339(l->date);

		g_string_append_printf(out, "date: %s\n", date);
	}
	for (guint i = 0; i < l->fields->len; i++) {
		const struct field *f = l->fields->pdata[i];

		g_string_append_printf(out, "field: %s: %s\n", f->name, f->value);
	}
}

static void
print_parts(GString *out, const struct letter *l)
{
	for (guint i = 0; i < l->parts->len; i++) {
		const struct part *p = l->parts->pdata[i];

		g_string_append_printf(out, "part: %s %s %" G_GUINT64_FORMAT " %s %s", p->number,
		    p->type, p->size, p->sha256, p->covered ? "covered" : "not-covered");
		if (p->name != NULL)
			g_string_append_printf(out, " \"%s\"", p->name);
		g_string_append_c(out, '\n');
	}
	for (guint i = 0; i < l->indicators->len; i++) {
		const struct indicator *n = l->indicators->pdata[i];

		g_string_append_printf(out, "indicator: %s %s seen \"%s\"\n", n->type, n->value,
		    n->seen);
	}
}

static void
print_protection(GString *out, const struct letter *l)
{
	if (l->header_protection != HEADER_PROTECTION_NONE)
		print_text(out, "header-protection",
		    header_protection_word(l->header_protection));
	print_address(out, "outer-from", &l->outer_from);
	if (l->within_encryption)
		g_string_append(out, "within-encryption: yes\n");
	for (guint i = 0; i < l->offered->len; i++) {
		const struct offered_key *k = l->offered->pdata[i];
		gsize size;
		const void *data = g_bytes_get_data(k->bytes, &size);
		guint8 digest[DIGEST_SIZE];

		digest_bytes(data, size, digest);
		g_autofree char *hex = digest_hex(digest);

		g_string_append_printf(out, "offered: %s %s %" G_GSIZE_FORMAT " %s\n", k->source,
		    k->address != NULL ? k->address : "-", size, hex);
	}
}

static void
print_notices(GString *out, const struct letter *l)
{
	if (l->bounce != NULL) {
		print_text(out, "bounce-action", l->bounce->action);
		print_text(out, "bounce-status", l->bounce->status);
		print_text(out, "bounce-recipient", l->bounce->recipient);
		print_text(out, "bounce-message-id", l->bounce->message_id);
		print_text(out, "bounce-original", l->bounce->original);
		print_text(out, "bounce-envelope-id", l->bounce->envelope_id);
		print_text(out, "bounce-our-id", l->bounce->our_id);
	}
	if (l->feedback != NULL) {
		print_text(out, "feedback-format", l->feedback->format);
		print_text(out, "feedback-type", l->feedback->type);
	}
	print_texts(out, "note", l->notes);
}

char *
letter_print(const struct letter *l)
{
	GString *out = g_string_new(NULL);

	print_envelope(out, l);
	print_text(out, "language", l->language);
	g_string_append_printf(out, "layer: %s\n", layer_word(l->layer));
	print_protection(out, l);
	print_slice(out, "covered", &l->covered);
	print_slice(out, "sealed", &l->sealed);
	if (l->exposed)
		g_string_append(out, "exposed: yes\n");
	if (l->nested)
		g_string_append(out, "nested: yes\n");
	print_digest(out, "body-sha256", l->body_sha256);
	print_digest(out, "own-sha256", l->own_sha256);
	if (l->truncated)
		g_string_append(out, "truncated: yes\n");
	print_parts(out, l);
	print_notices(out, l);
	print_block(out, "text", l->text);
	print_block(out, "quoted", l->quoted);
	print_block(out, "outside", l->outside);
	return g_string_free(out, FALSE);
}
