/* SPDX-License-Identifier: ISC
 *
 * tables: prints the tables the program is made of: roles, verbs, rules, moves of a mail, options,
 * limits, templates.  For `make tables`; relies on the tables alone, starts nothing, reads nothing.
 */
#include "role/role.h"
#include "role/hub.h"

#include <stdio.h>

static const char *
role_names(unsigned roles, GString *out)
{
	g_string_truncate(out, 0);
	for (const struct role_row *row = roles_table; row->name; row++)
		if (roles & row->role)
			g_string_append_printf(out, "%s%s", out->len ? "," : "", row->name);
	return out->len ? out->str : "-";
}

static char *
options_print(void)
{
	static const char *const types[] = { "group", "list", "text", "texts", "int", "bool",
		"time", "size", "word", "path", "secret file", "languages" };
	GString *out = g_string_new(NULL);
	g_autoptr(GString) roles = g_string_new(NULL);

	for (const struct option *o = options_table; o->name; o++)
		g_string_append_printf(out, "%-36s %-12s %-16s %-28s %-24s %s\n", o->name,
			(gsize)o->type < G_N_ELEMENTS(types) ? types[o->type] : "?",
			o->standard ? o->standard : "-", o->range ? o->range : "-",
			role_names(o->roles, roles), o->help ? o->help : "");
	return g_string_free(out, FALSE);
}

static char *
limits_print(void)
{
	GString *out = g_string_new(NULL);

#define LIMIT_ROW(n, v, w) g_string_append_printf(out, "%-16s %12lld  %s\n", #n, (long long)(v), w);
	LIMIT_LIST(LIMIT_ROW)
#undef LIMIT_ROW
	return g_string_free(out, FALSE);
}

static char *
templates_print(void)
{
	GString *out = g_string_new(NULL);

	for (const struct template_use *use = template_uses; use->name; use++)
		g_string_append_printf(out, "%-6s to %-12s in %-8s %s\n", use->name, use->recipient,
			use->languages, use->help);
	g_string_append(out, "\nvariables\n");
	for (const struct variable *v = template_variables; v->name; v++)
		g_string_append_printf(out, "  {{%s}}  %s\n", v->name, v->help);
	return g_string_free(out, FALSE);
}

/* columns: heading, printer */
static const struct {
	const char *heading;
	char *(*print)(void);
} sections[] = {
	{ "Roles", roles_print },
	{ "Verbs", verbs_print },
	{ "Moves of a mail", moves_print },
	{ "Rules of the desk", rules_print },
	{ "Protection of outgoing mail", policy_print },
	{ "Options", options_print },
	{ "Limits", limits_print },
	{ "Templates", templates_print },
};

int
main(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
		g_autofree char *text = sections[i].print();
		printf("%s%s\n\n%s", i ? "\n" : "", sections[i].heading, text);
	}
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
