/* SPDX-License-Identifier: ISC
 *
 * envelope: from the header of one layer to the letter: From, recipients, subject, date, ids, the
 * fields desk judges, and notes about everything that could be read in two ways.  Exactly one
 * From field with exactly one mailbox names the sender; anything else names nobody.  Trusts
 * nothing of it.
 */
#include "mime/internal.h"

#include <stdarg.h>
#include <string.h>

const char *const parse_fields[] = {
	"auto-submitted", "precedence", "list-id", "list-unsubscribe", "list-post", "return-path",
	"x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-loop", "x-ungcuu-loop",
	"content-type", "reply-to", "sender", "x-failed-recipients", "authentication-results",
	"x-spam-flag", "x-spam-status", "delivered-to", "x-original-to", "envelope-to",
	"received-count",
	"disposition-notification-to", "x-ms-exchange-inbox-rules-loop",
	"x-ms-exchange-generated-message-source", "feedback-type", "x-arf", "x-xarf", NULL
};
/* Of these a layer inside a protected one may speak for itself; all others belong to the
 * transport. */
static const char *const own_fields[] = { "content-type", "reply-to", NULL };

static const char *const single_fields[] = {
	"from", "subject", "date", "message-id", "content-type", "content-transfer-encoding", "to",
	"cc", "in-reply-to", "references", "reply-to", "sender", NULL
};

#define FIELD_VALUE_MAX 4096
#define FIELDS_MAX 100
#define NOTES_MAX 50

void
letter_note(struct letter *letter, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *note = g_strdup_vprintf(format, args);
	va_end(args);
	for (guint i = 0; i < letter->notes->len; i++)
		if (strcmp(letter->notes->pdata[i], note) == 0)
			return;
	if (letter->notes->len < NOTES_MAX)
		g_ptr_array_add(letter->notes, g_steal_pointer(&note));
}

/* The address as model.h wants it: as written, NFC, domain lower-cased; NULL if it is none. */
static char *
address_clean(const char *written)
{
	g_autofree char *clean = text_clean_line(written != NULL ? written : "");
	g_strstrip(clean);
	char *at = strrchr(clean, '@');
	if (at == NULL || at == clean || at[1] == '\0' || strpbrk(clean, " <>") != NULL)
		return NULL;
	*at = '\0';
	g_autofree char *domain = g_utf8_strdown(at + 1, -1);
	return g_strconcat(clean, "@", domain, NULL);
}

static struct address *
address_new(InternetAddress *from, const struct parse_settings *settings)
{
	struct address *a = g_new0(struct address, 1);
	const char *name = internet_address_get_name(from);
	if (name != NULL && *name != '\0') {
		/* GMime decoded its words already: not again */
		g_autofree char *utf8 = header_utf8(name, settings);
		a->name = g_strstrip(text_clean_line(utf8));
	}
	const char *written = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(from));
	a->address = address_clean(written);
	if (a->address == NULL && written != NULL && a->name == NULL)
		a->name = header_text(written, settings);
	return a;
}

/* Mailboxes of the list into out, groups opened; *groups counts them.  Depth was bounded by the
 * pre-scan. */
static void
addresses_add(InternetAddressList *list, GPtrArray *out, guint *groups,
	const struct parse_settings *settings)
{
	int n = internet_address_list_length(list);
	for (int i = 0; i < n && out->len < LIMIT_ADDRESSES; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		if (INTERNET_ADDRESS_IS_MAILBOX(a)) {
			g_ptr_array_add(out, address_new(a, settings));
			continue;
		}
		(*groups)++;
		InternetAddressList *members =
			internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a));
		if (members != NULL)
			addresses_add(members, out, groups, settings);
	}
}

static guint
addresses_parse(const char *value, GPtrArray *out, const struct parse_settings *settings)
{
	guint groups = 0;
	g_autofree char *utf8 = header_utf8(value, settings);
	g_autoptr(InternetAddressList) list = internet_address_list_parse(NULL, utf8);
	if (list != NULL)
		addresses_add(list, out, &groups, settings);
	return groups;
}

static void
address_free(gpointer p)
{
	struct address *a = p;
	g_free(a->name);
	g_free(a->address);
	g_free(a);
}

static void
from_read(struct letter *letter, const struct header *h, const struct parse_settings *settings)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(address_free);
	guint fields = header_count(h, "from"), groups = 0;
	for (guint i = 0; i < fields; i++)
		groups += addresses_parse(header_get(h, "from", i), found, settings);
	letter->n_from = found->len;
	if (fields == 0)
		letter_note(letter, "no From field");
	if (groups > 0)
		letter_note(letter, "From is a group");
	if (fields > 0 && found->len != 1)
		letter_note(letter, "From names %u addresses", found->len);
	if (fields != 1 || groups > 0 || found->len != 1)
		return;
	struct address *only = found->pdata[0];
	if (only->address == NULL)
		letter_note(letter, "From has no usable address");
	else
		letter->from.address = g_steal_pointer(&only->address);
	if (letter->from.address != NULL)
		letter->from.name = g_steal_pointer(&only->name);
	if (letter->from.name != NULL && strchr(letter->from.name, '@') != NULL
	    && strcmp(letter->from.name, letter->from.address) != 0)
		letter_note(letter, "the name in From looks like another address");
}

static void
to_read(struct letter *letter, const struct header *h, const struct parse_settings *settings)
{
	static const char *const names[] = { "to", "cc" };
	for (guint k = 0; k < G_N_ELEMENTS(names); k++)
		for (guint i = 0; i < header_count(h, names[k]); i++)
			addresses_parse(header_get(h, names[k], i), letter->to, settings);
	if (letter->to->len >= LIMIT_ADDRESSES)
		letter_note(letter, "only the first %d recipients are listed", LIMIT_ADDRESSES);
}

static bool
references_have(const struct letter *letter, const char *id)
{
	for (guint i = 0; i < letter->references->len; i++)
		if (strcmp(letter->references->pdata[i], id) == 0)
			return true;
	return false;
}

static void
ids_read(struct letter *letter, const struct header *h)
{
	g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func(g_free);
	const char *value = header_get(h, "message-id", 0);
	if (value != NULL)
		header_ids(value, own, 1);
	if (own->len > 0)
		letter->message_id = g_strdup(own->pdata[0]);
	else if (value != NULL && *value != '\0')
		letter_note(letter, "Message-ID is malformed");
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	if ((value = header_get(h, "in-reply-to", 0)) != NULL)
		header_ids(value, ids, LIMIT_REFERENCES);
	guint replies = ids->len;
	if ((value = header_get(h, "references", 0)) != NULL)
		header_ids(value, ids, LIMIT_HEADER_FIELD);
	for (guint i = 0; i < ids->len && letter->references->len < LIMIT_REFERENCES; i++) {
		const char *id = ids->pdata[i < replies ? i : ids->len - 1 - (i - replies)];
		if (!references_have(letter, id))
			g_ptr_array_add(letter->references, g_strdup(id));
	}
}

static void
date_read(struct letter *letter, const struct header *h)
{
	const char *value = header_get(h, "date", 0);
	if (value == NULL)
		return;
	g_autoptr(GDateTime) date = g_mime_utils_header_decode_date(value);
	if (date != NULL && g_date_time_to_unix(date) > 0)
		letter->date = g_date_time_to_unix(date) * 1000;
	else
		letter_note(letter, "Date is unreadable");
}

static void
field_add(struct letter *letter, const char *name, const char *value)
{
	if (letter->fields->len >= FIELDS_MAX)
		return;
	struct field *f = g_new0(struct field, 1);
	f->name = g_strdup(name);
	f->value = g_strdup(value);
	if (strlen(f->value) > FIELD_VALUE_MAX)
		*g_utf8_find_prev_char(f->value, f->value + FIELD_VALUE_MAX) = '\0';
	g_ptr_array_add(letter->fields, f);
}

/* "multipart/report; report-type=delivery-status" whatever else and in whatever form it was
 * written. */
static char *
content_type_normal(const char *value)
{
	g_autoptr(GMimeContentType) type = g_mime_content_type_parse(NULL, value);
	if (type == NULL)
		return g_strdup("text/plain");
	const char *report = g_mime_content_type_get_parameter(type, "report-type");
	g_autofree char *mime = g_mime_content_type_get_mime_type(type);
	g_autofree char *all = report != NULL ? g_strconcat(mime, "; report-type=", report, NULL)
		: g_strdup(mime);
	g_autofree char *lower = g_ascii_strdown(all, -1);
	return text_clean_line(lower);
}

static void
fields_read(struct letter *letter, const struct header *h, const struct parse_settings *settings)
{
	guint received = 0;
	for (guint i = 0; i < h->fields->len; i++) {
		const struct header_field *f = h->fields->pdata[i];
		received += strcmp(f->name, "received") == 0;
		if (!g_strv_contains(parse_fields, f->name)
		    || strcmp(f->name, "received-count") == 0)
			continue;
		g_autofree char *value = strcmp(f->name, "content-type") == 0
			? content_type_normal(f->value)
			: header_text(f->value, settings);
		field_add(letter, f->name, value);
	}
	g_autofree char *count = g_strdup_printf("%u", received);
	field_add(letter, "received-count", count);
}

static void
oddities_note(struct letter *letter, const struct header *h)
{
	for (const char *const *name = single_fields; *name != NULL; name++) {
		guint n = header_count(h, *name);
		if (n > 1)
			letter_note(letter, "%u %s fields", n, *name);
	}
	if (h->garbage > 0)
		letter_note(letter, "%u lines in the header are no header fields", h->garbage);
	if (h->odd > 0)
		letter_note(letter, "NUL or bare CR in the header");
}

void
envelope_read(struct letter *letter, const struct header *h, const struct parse_settings *settings)
{
	from_read(letter, h, settings);
	to_read(letter, h, settings);
	const char *subject = header_get(h, "subject", 0);
	g_free(letter->subject);
	letter->subject = header_text(subject != NULL ? subject : "", settings);
	ids_read(letter, h);
	date_read(letter, h);
	fields_read(letter, h, settings);
	oddities_note(letter, h);
}

static void
from_inherit(struct letter *letter, const struct letter *outer)
{
	letter->from.name = g_strdup(outer->from.name);
	letter->from.address = g_strdup(outer->from.address);
	letter->n_from = outer->n_from;
}

static void
fields_inherit(struct letter *letter, const struct letter *outer, bool is_whole)
{
	for (guint i = letter->fields->len; i-- > 0; ) {
		const struct field *f = letter->fields->pdata[i];
		if (!g_strv_contains(own_fields, f->name))
			g_ptr_array_remove_index(letter->fields, i);
	}
	guint own = letter->fields->len;
	for (guint i = 0; i < outer->fields->len; i++) {
		const struct field *f = outer->fields->pdata[i];
		bool said = is_whole && strcmp(f->name, "reply-to") == 0;
		for (guint k = 0; k < own; k++) {
			const struct field *mine = letter->fields->pdata[k];
			said = said || strcmp(mine->name, f->name) == 0;
		}
		if (!said)
			field_add(letter, f->name, f->value);
	}
}

static void
protection_inherit(struct letter *letter, const struct letter *outer)
{
	letter->within_encryption = outer->within_encryption;
	letter->header_protection = outer->header_protection;
	letter->outer_from.name = g_strdup(outer->outer_from.name);
	letter->outer_from.address = g_strdup(outer->outer_from.address);
	letter->exposed = outer->exposed;
	g_free(letter->outside);
	letter->outside = g_strdup(outer->outside);
}

void
envelope_inherit(struct letter *letter, const struct header *h, const struct letter *outer,
	bool is_whole)
{
	if (header_count(h, "from") == 0) {
		for (guint i = letter->notes->len; i-- > 0; )
			if (strcmp(letter->notes->pdata[i], "no From field") == 0)
				g_ptr_array_remove_index(letter->notes, i);
		from_inherit(letter, outer);
	}
	if (header_count(h, "to") + header_count(h, "cc") == 0)
		for (guint i = 0; i < outer->to->len; i++) {
			const struct address *a = outer->to->pdata[i];
			struct address *copy = g_new0(struct address, 1);
			copy->name = g_strdup(a->name);
			copy->address = g_strdup(a->address);
			g_ptr_array_add(letter->to, copy);
		}
	if (header_count(h, "subject") == 0) {
		g_free(letter->subject);
		letter->subject = g_strdup(outer->subject);
	}
	if (letter->message_id == NULL)
		letter->message_id = g_strdup(outer->message_id);
	/* ids of the outer header must not move a protected mail into another thread */
	bool has_own = is_whole || letter->references->len > 0;
	for (guint i = 0; !has_own && i < outer->references->len; i++)
		if (!references_have(letter, outer->references->pdata[i]))
			g_ptr_array_add(letter->references, g_strdup(outer->references->pdata[i]));
	if (letter->date < 0)
		letter->date = outer->date;
	fields_inherit(letter, outer, is_whole);
	protection_inherit(letter, outer);
	for (guint i = 0; i < outer->notes->len; i++)
		letter_note(letter, "%s", (const char *)outer->notes->pdata[i]);
}
