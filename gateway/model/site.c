/* SPDX-License-Identifier: ISC
 *
 * site: what desk and hub know of the site, taken from the hub's slice once after each (re)load,
 * so that decisions never look options up by name.  Addresses are compared without case: our own
 * by a list, a party's by exact address, the first party named in the configuration winning (the
 * check of the configuration refuses an address named twice).  Never holds a secret.
 */
#include "model/model.h"

#include <string.h>

WORDS_DEFINE(cap_kind, CAP, CAP_LIST)

static char *
upper(const char *text)
{
	return g_ascii_strup(text, -1);
}

static char *
lower(const char *text)
{
	return g_ascii_strdown(text, -1);
}

static char *
lower_or_null(const char *text)
{
	return text == NULL ? NULL : lower(text);
}

static char *
same(const char *text)
{
	return g_strdup(text);
}

/* The texts of a list, each passed through `how`, behind `first` (may be NULL). */
static char **
texts_at(const struct options *o, const char *path, const char *first, char *(*how)(const char *))
{
	guint n = options_count(o, "%s", path);
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	if (first != NULL)
		g_ptr_array_add(all, how(first));
	for (guint i = 0; i < n; i++) {
		const char *text = options_text(o, "%s.%u", path, i);

		if (text != NULL)
			g_ptr_array_add(all, how(text));
	}
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_steal(all, NULL);
}

/* ---- parties -------------------------------------------------------------------------- */

static const struct { enum party_kind kind; const char *list; } lists[] = {
	{ PARTY_RESPONDER,	"responders" },
	{ PARTY_AGENCY,		"directory.agencies" },
	{ PARTY_ISP,		"directory.isps" },
	{ PARTY_AUTHORITY,	"directory.authorities" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(lists) == party_kind_count);

static void
party_free(gpointer data)
{
	struct party *p = data;

	g_free(p->id);
	g_free(p->name);
	g_free(p->language);
	g_strfreev(p->addresses);
	g_strfreev(p->keys);
	g_strfreev(p->roles);
	g_free(p->drill_address);
	g_free(p);
}

/* The end of that day in Vietnam (UTC+7, no summer time); -1 without a date. */
static gint64
day_end(const char *date)
{
	if (date == NULL)
		return -1;
	g_autofree char *text = g_strdup_printf("%sT16:59:59Z", date);

	return clock_parse_rfc3339(text);
}

static struct party *
party_new(const struct options *o, enum party_kind kind, const char *item)
{
	g_autofree char *addresses = g_strconcat(item, ".addresses", NULL);
	g_autofree char *keys = g_strconcat(item, ".keys", NULL);
	g_autofree char *roles = g_strconcat(item, ".roles", NULL);
	struct party *p = g_new0(struct party, 1);

	p->kind = kind;
	p->id = g_strdup(options_text(o, "%s.id", item));
	p->name = g_strdup(options_text(o, "%s.name", item));
	p->language = g_strdup(options_text(o, "%s.language", item));
	p->addresses = texts_at(o, addresses, options_text(o, "%s.address", item), lower);
	p->keys = texts_at(o, keys, NULL, upper);
	p->roles = texts_at(o, roles, NULL, same);
	p->until = day_end(options_text(o, "%s.until", item));
	p->drill_address = lower_or_null(options_text(o, "%s.drill_address", item));
	return p;
}

static GPtrArray *
parties_new(const struct options *o)
{
	GPtrArray *parties = g_ptr_array_new_with_free_func(party_free);

	for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
		guint n = options_count(o, "%s", lists[i].list);

		for (guint j = 0; j < n; j++) {
			g_autofree char *item = g_strdup_printf("%s.%u", lists[i].list, j);

			g_ptr_array_add(parties, party_new(o, lists[i].kind, item));
		}
	}
	return parties;
}

char *
party_text(const struct party *p)
{
	return g_strdup_printf("%s:%s", party_kind_word(p->kind), p->id);
}

/* ---- the site ------------------------------------------------------------------------- */

/* Where the texts of a bilingual setting go; the other language stands in for a missing one. */
static void
take_languages(const struct options *o, const char *path, char **vi, char **en)
{
	const char *text_vi = options_text(o, "%s.vi", path);
	const char *text_en = options_text(o, "%s.en", path);

	*vi = g_strdup(text_vi != NULL ? text_vi : text_en);
	*en = g_strdup(text_en != NULL ? text_en : text_vi);
}

static void
take_templates(const struct options *o, GHashTable *templates)
{
	g_autoptr(GVariant) all = g_variant_ref_sink(options_to_variant(o));
	const char *path, *text;
	GVariantIter iter;

	g_variant_iter_init(&iter, all);
	while (g_variant_iter_next(&iter, "(&s&s)", &path, &text)) {
		if (!g_str_has_prefix(path, "template."))
			continue;
		char *name = g_strdup(path + strlen("template."));

		g_strdelimit(name, ".", '/');
		g_hash_table_insert(templates, name, g_strdup(text));
	}
}

static char *
text_or_empty(const struct options *o, const char *path)
{
	const char *text = options_text(o, "%s", path);

	return g_strdup(text == NULL ? "" : text);
}

/* Only where bounces come back to an address that names the mail. */
static char *
envelope_pattern(const struct options *o)
{
	const char *envelope = options_text(o, "submission.envelope");

	if (envelope == NULL || options_bool(o, "submission.null_sender") ||
	    strstr(envelope, "%m") == NULL)
		return NULL;
	return g_strdup(envelope);
}

/* What bounds and diverts outgoing mail, and whose word on incoming mail counts. */
static void
take_policy(struct site *s, const struct options *o)
{
	s->observe = g_strcmp0(options_text(o, "policy.mode"), "observe") == 0 ||
	    options_bool(o, "run.observe");
	s->receipt_interval = options_int(o, "policy.receipt_interval");
	s->late_after = options_int(o, "policy.late_after");
	s->burst = options_int(o, "policy.burst");
	for (guint i = 0; i < cap_kind_count; i++) {
		const char *text = options_text(o, "policy.%s", cap_kind_word((enum cap_kind)i));

		if (text != NULL && !cap_parse(text, &s->caps[i]))
			panic("policy.%s was not checked", cap_kind_word((enum cap_kind)i));
	}
	s->drill_address = lower_or_null(options_text(o, "policy.drill_address"));
	s->sender = lower_or_null(options_text(o, "submission.envelope"));
	s->authserv_ids = texts_at(o, "authserv_ids", NULL, lower);
	s->forwarders = texts_at(o, "policy.forwarders", NULL, lower);
}

struct site *
site_new(const struct options *o)
{
	const char *address = options_text(o, "hotline.address");
	const char *key = options_text(o, "hotline.key");
	struct site *s = g_new0(struct site, 1);

	s->id = text_or_empty(o, "hotline.id");
	take_languages(o, "hotline.name", &s->name_vi, &s->name_en);
	s->address = lower(address == NULL ? "" : address);
	s->reply_address = g_strdup(options_text(o, "hotline.reply_address"));
	s->envelope = envelope_pattern(o);
	s->phone = g_strdup(options_text(o, "hotline.phone"));
	s->portal = g_strdup(options_text(o, "hotline.portal"));
	s->fingerprint = upper(key == NULL ? "" : key);
	s->aliases = texts_at(o, "hotline.aliases", s->address, lower);
	s->languages = texts_at(o, "hotline.languages", NULL, same);
	take_languages(o, "hotline.advice", &s->advice_vi, &s->advice_en);
	take_languages(o, "hotline.evidence", &s->evidence_vi, &s->evidence_en);
	s->ticket_format = text_or_empty(o, "hotline.ticket_format");
	s->profile = text_or_empty(o, "profile");
	take_policy(s, o);
	s->parties = parties_new(o);
	s->templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	take_templates(o, s->templates);
	return s;
}

void
site_free(struct site *s)
{
	if (s == NULL)
		return;
	char **texts[] = { &s->id, &s->name_vi, &s->name_en, &s->address, &s->reply_address,
		&s->phone, &s->portal, &s->fingerprint, &s->advice_vi, &s->advice_en,
		&s->evidence_vi, &s->evidence_en, &s->ticket_format, &s->profile,
		&s->envelope, &s->drill_address, &s->sender };

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(*texts[i]);
	g_strfreev(s->aliases);
	g_strfreev(s->languages);
	g_strfreev(s->authserv_ids);
	g_strfreev(s->forwarders);
	g_ptr_array_unref(s->parties);
	g_hash_table_destroy(s->templates);
	g_free(s);
}

static bool
is_listed(char **lowered, const char *address)
{
	for (guint i = 0; lowered[i] != NULL; i++)
		if (g_ascii_strcasecmp(lowered[i], address) == 0)
			return true;
	return false;
}

/* Is this the pattern with some text in place of the mark, or the pattern itself? */
static bool
is_made_of(const char *pattern, const char *mark, const char *address)
{
	const char *place = pattern == NULL ? NULL : strstr(pattern, mark);

	if (place == NULL)
		return pattern != NULL && g_ascii_strcasecmp(pattern, address) == 0;
	gsize before = (gsize)(place - pattern), after = strlen(place + strlen(mark));
	gsize n = strlen(address);

	return n > before + after && g_ascii_strncasecmp(address, pattern, before) == 0 &&
	    g_ascii_strcasecmp(address + n - after, place + strlen(mark)) == 0;
}

bool
site_is_own(const struct site *s, const char *address)
{
	return address != NULL && (is_listed(s->aliases, address) ||
	    is_made_of(s->reply_address, "%t", address) ||
	    is_made_of(s->sender, "%m", address));
}

const struct party *
site_party_by_address(const struct site *s, const char *address)
{
	for (guint i = 0; address != NULL && i < s->parties->len; i++) {
		const struct party *p = s->parties->pdata[i];

		if (is_listed(p->addresses, address))
			return p;
	}
	return NULL;
}

bool
site_is_team(const struct site *s, const char *address, gint64 now)
{
	const struct party *p = site_party_by_address(s, address);

	return p != NULL && p->kind == PARTY_RESPONDER && (p->until < 0 || now <= p->until);
}

const char *
site_drill_address(const struct site *s, const char *address)
{
	const struct party *p = site_party_by_address(s, address);

	return p != NULL && p->drill_address != NULL ? p->drill_address : s->drill_address;
}

bool
site_is_drill_address(const struct site *s, const char *address)
{
	if (s->drill_address != NULL && g_ascii_strcasecmp(s->drill_address, address) == 0)
		return true;
	for (guint i = 0; i < s->parties->len; i++) {
		const struct party *p = s->parties->pdata[i];

		if (p->drill_address != NULL && g_ascii_strcasecmp(p->drill_address, address) == 0)
			return true;
	}
	return false;
}
