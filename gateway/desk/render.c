/* SPDX-License-Identifier: ISC
 *
 * render: a whole outgoing mail from the site's templates: the recipient's language first, the
 * other below it. Also the list of templates this version sends, and the check of all of them when
 * a configuration is tested. Relies on template.c; the texts come from the site, the values from
 * the plan and wording.c.
 */
#include "desk/internal.h"

#include <string.h>

#define SEPARATOR	"------------------------------------------------------------"
#define TAG		"Subject: [{{ticket}}] "
#define TAG_TEAM	"Subject: [{{hotline_id}}] "	/* of what belongs to no ticket */
#define LONG_VALUE	2000	/* letters, when templates are checked */

/* columns: template, recipient, languages, help */
const struct template_use template_uses[] = {
	{ "T01", "reporter",	"vi+en", "acknowledgement of a report" },
	{ "T02", "reporter",	"vi+en",
		"the same to a listed body without a registered signature" },
	{ "T03", "reporter",	"vi+en", "what came could not be read" },
	{ "T04", "directory",	"vi",	 "a mail in this party's name came whose signature fails" },
	{ "T32", "sender",	"vi+en", "short receipt of a later mail" },
	{ "T33", "reporter",	"vi+en", "acknowledgement that leaves late" },
	{ "T35", "sender",	"vi+en", "too large a mail: how to hand in evidence" },
	{ "T38", "sender",	"vi+en", "content-free receipt: no key to encrypt the answer to" },
	{ "T39", "admin",	"vi+en", "weekly digest: balance, noise, head of the journal" },
	{ NULL, NULL, NULL, NULL },
};

/* columns: language, the line that tells its readers where their half is */
static const struct half {
	const char *language, *below;
} halves[] = {
	{ "vi", "(Bản tiếng Việt ở phần dưới của thư này.)" },
	{ "en", "(English text below.)" },
};

const char *
template_when_leaving(const struct site *site, const char *template, gint64 received, gint64 now)
{
	bool is_first = strcmp(template, "T01") == 0 || strcmp(template, "T02") == 0;

	return is_first && received >= 0 && now - received > site->late_after ? "T33" : template;
}

static const struct template_use *
use_find(const char *template)
{
	for (const struct template_use *u = template_uses; u->name != NULL; u++)
		if (strcmp(u->name, template) == 0)
			return u;
	return NULL;
}

/* Only what the use says and the site speaks; a site that speaks none of the use's gets all of
 * them. */
static bool
is_spoken(const struct site *site, const struct template_use *use, const char *language)
{
	bool any = false;

	if (strstr(use->languages, language) == NULL)
		return false;
	for (char **l = site->languages; l != NULL && *l != NULL; l++) {
		if (strcmp(*l, language) == 0)
			return true;
		any = any || strstr(use->languages, *l) != NULL;
	}
	return !any;
}

/* The values one half sees: "received.vi" as "received" for vi, not at all for en. Values planned
 * for another template stay out if this one may not hold them. */
static GPtrArray *
values_for(const GPtrArray *values, const char *template, const char *language)
{
	GPtrArray *out = values_new();

	for (guint i = 0; i < values->len; i++) {
		const struct value *v = values->pdata[i];
		const char *dot = strchr(v->name, '.');
		g_autofree char *name = g_strndup(v->name,
			dot ? (gsize)(dot - v->name) : strlen(v->name));

		if ((dot == NULL || strcmp(dot + 1, language) == 0) &&
		    variable_allowed(template, name))
			values_add(out, name, v->text);
	}
	return out;
}

static enum outcome
half_render(const struct site *site, const char *template, const char *language,
	const GPtrArray *values, char **both, GError **error)
{
	g_autofree char *name = g_strdup_printf("%s/%s", language, template);
	const char *text = site->templates ? g_hash_table_lookup(site->templates, name) : NULL;
	struct template *parsed = NULL;

	if (text == NULL)
		return fail(error, NEVER, "%s: there is no such template", name);
	if (template_parse(name, text, &parsed, error) != DONE)
		return NEVER;
	g_autoptr(GPtrArray) mine = values_for(values, template, language);
	enum outcome how = template_render(parsed, mine, &both[0], &both[1], error);

	template_free(parsed);
	return how;
}

static char *
halves_join(const char *first, const char *second, const char *below)
{
	if (second == NULL)
		return g_strdup(first);
	return g_strdup_printf("%s\n\n%s\n%s\n\n%s", below, first, SEPARATOR, second);
}

/* The order of the halves follows the language the sender wrote in; that is content (T38). */
static const char *
language_first(const struct site *site, const char *template, const char *language)
{
	if (strcmp(template, "T38") != 0)
		return language;
	return site->languages != NULL ? site->languages[0] : NULL;
}

enum outcome
mail_render(const struct site *site, const char *template, const char *language,
	const GPtrArray *values, char **subject, char **body, GError **error)
{
	const struct template_use *use = use_find(template);
	guint first = language_is_en(language_first(site, template, language));
	char *texts[2][2] = { { NULL } };
	const char *below = NULL;
	enum outcome how = DONE;
	guint n = 0;

	if (use == NULL)
		return fail(error, NEVER, "%s: this version sends no such template", template);
	for (guint i = 0; i < G_N_ELEMENTS(halves) && how == DONE; i++) {
		const struct half *half = &halves[(first + i) % G_N_ELEMENTS(halves)];

		if (!is_spoken(site, use, half->language))
			continue;
		below = half->below;
		how = half_render(site, template, half->language, values, texts[n++], error);
	}
	if (how == DONE) {
		*subject = g_steal_pointer(&texts[0][0]);
		*body = halves_join(texts[0][1], texts[1][1], below);
	}
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_free(texts[i][0]);
		g_free(texts[i][1]);
	}
	return how;
}

/* ---- checking ------------------------------------------------------------------------------- */

static void
fault_take(GPtrArray *faults, GError *error)
{
	g_ptr_array_add(faults, g_strdup(error->message));
	g_error_free(error);
}

static GPtrArray *
values_long(void)
{
	GPtrArray *values = values_new();
	g_autofree char *text = g_strnfill(LONG_VALUE, 'x');

	for (const struct variable *v = template_variables; v->name != NULL; v++)
		values_add(values, v->name, text);
	return values;
}

static void
render_check(const struct template *t, const GPtrArray *values, GPtrArray *faults)
{
	g_autofree char *subject = NULL, *body = NULL;
	GError *error = NULL;

	if (template_render(t, values, &subject, &body, &error) != DONE)
		fault_take(faults, error);
}

static void
text_check(const char *name, const char *use, const char *text, GPtrArray *faults)
{
	struct template *t = NULL;
	GError *error = NULL;
	guint line;

	if (template_parse(name, text, &t, &error) != DONE) {
		fault_take(faults, error);
		return;
	}
	g_autoptr(GPtrArray) empty = values_new();
	g_autoptr(GPtrArray) full = values_long();
	g_autofree char *nfc = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);

	const char *foreign = template_foreign(t, use, &line);
	const char *tag = template_holds(use) & HOLDS_DIGEST ? TAG_TEAM : TAG;

	render_check(t, empty, faults);
	render_check(t, full, faults);
	if (foreign != NULL)
		g_ptr_array_add(faults, g_strdup_printf("%s:%u: {{%s}} may not stand in this "
			"template", name, line, foreign));
	template_free(t);
	if (!g_str_has_prefix(text, tag))
		g_ptr_array_add(faults, g_strdup_printf("%s:1: must begin with \"%s\"", name, tag));
	if (strcmp(nfc, text) != 0)
		g_ptr_array_add(faults, g_strdup_printf("%s: is not in Unicode form NFC", name));
}

char **
templates_check(const struct site *site)
{
	GPtrArray *faults = g_ptr_array_new();

	for (const struct template_use *u = template_uses; u->name != NULL; u++)
		for (guint i = 0; i < G_N_ELEMENTS(halves); i++) {
			g_autofree char *name = g_strdup_printf("%s/%s", halves[i].language,
				u->name);
			const char *text = site->templates
				? g_hash_table_lookup(site->templates, name) : NULL;

			if (!is_spoken(site, u, halves[i].language))
				continue;
			if (text != NULL)
				text_check(name, u->name, text, faults);
			else
				g_ptr_array_add(faults,
					g_strdup_printf("%s: there is no such template", name));
		}
	if (faults->len == 0) {
		g_ptr_array_free(faults, TRUE);
		return NULL;
	}
	g_ptr_array_add(faults, NULL);
	return (char **)g_ptr_array_free(faults, FALSE);
}
