/* SPDX-License-Identifier: ISC
 *
 * The template engine: what it renders and what it refuses, with the line. Also the names it knows,
 * which template may hold which, and that the manual says so.
 */
#include "desk/internal.h"
#include "sample.h"

#include <string.h>

#define HEAD "Subject: s\n\n"

/* columns: template, values ("name=text" joined by '|'), subject, body */
static const struct {
	const char *text, *values, *subject, *body;
} rendered[] = {
	{ HEAD "plain\n", "", "s", "plain\n" },
	{ "Subject: s", "", NULL, NULL },
	{ "Subject: s\n", "", "s", "" },
	{ HEAD, "", "s", "" },
	{ "Subject: [{{ticket}}] x\n\n{{phone}}", "ticket=N-1|phone=113", "[N-1] x", "113" },
	{ HEAD "{{ phone }}/{{phone}}/{{  phone}}\n", "phone=113", "s", "113/113/113\n" },
	{ HEAD "a{{phone}}b\n", "", "s", "ab\n" },
	{ HEAD "a{{phone}}b\n", "phone=", "s", "ab\n" },
	/* values are never templates */
	{ HEAD "{{phone}}\n", "phone={{ticket}}|ticket=N", "s", "{{ticket}}\n" },
	{ HEAD "{{phone}}{{portal}}\n", "phone={{|portal=ticket}}|ticket=N", "s", "{{ticket}}\n" },
	{ HEAD "{{#phone}}{{phone}}{{/phone}}\n", "phone={{/phone}}", "s", "{{/phone}}\n" },
	/* sections */
	{ HEAD "{{#phone}}a{{/phone}}{{^phone}}b{{/phone}}\n", "phone=1", "s", "a\n" },
	{ HEAD "{{#phone}}a{{/phone}}{{^phone}}b{{/phone}}\n", "", "s", "b\n" },
	{ HEAD "a\n{{#phone}}\nb\n{{/phone}}\nc\n", "phone=1", "s", "a\nb\nc\n" },
	{ HEAD "a\n{{#phone}}\nb\n{{/phone}}\nc\n", "", "s", "a\nc\n" },
	{ HEAD "a\n  {{#phone}} \t\nb\n\t{{/phone}}\nc", "phone=1", "s", "a\nb\nc" },
	{ HEAD "a {{#phone}}\nb\n{{/phone}} c\n", "phone=1", "s", "a \nb\n c\n" },
	{ HEAD "{{^phone}}\nb\n{{/phone}}", "", "s", "b\n" },
	{ HEAD "{{#phone}}{{#portal}}x{{/portal}}y{{/phone}}\n", "phone=1", "s", "y\n" },
	{ HEAD "{{#phone}}{{#portal}}x{{/portal}}y{{/phone}}\n", "phone=1|portal=1", "s", "xy\n" },
	{ HEAD "{{#phone}}{{#portal}}x{{/portal}}y{{/phone}}z\n", "portal=1", "s", "z\n" },
	{ "Subject: a{{#phone}}b{{/phone}}c\n\n", "phone=1", "abc", "" },
	/* comments */
	{ HEAD "a\n{{! no such {{ thing }}\nb\n", "", "s", "a\nb\n" },
	{ HEAD "a{{! x }}b\n", "", "s", "ab\n" },
	{ HEAD "{{! over\ntwo lines }}\nb\n", "", "s", "b\n" },
	/* braces that are no tags */
	{ HEAD "a } b }} { c\n", "", "s", "a } b }} { c\n" },
	/* one line of subject */
	{ "Subject: [{{ticket}}] x\n\n", "ticket=a\r\nBcc: b@example.org\x01",
		"[a  Bcc: b@example.org ] x", "" },
	{ HEAD "{{phone}}\n", "phone=two\nlines", "s", "two\nlines\n" },
};

/* columns: template, the refusal */
static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "T:1: the first line must be \"Subject: ...\"" },
	{ "body only\n", "T:1: the first line must be \"Subject: ...\"" },
	{ "Subject: \n\nx", "T:1: the first line must be \"Subject: ...\"" },
	{ "subject: x\n\nx", "T:1: the first line must be \"Subject: ...\"" },
	{ "Subject: x\nbody", "T:2: an empty line must follow the subject" },
	{ "Subject: x", "T:2: an empty line must follow the subject" },
	{ HEAD "a\nb {{nmae}}\n", "T:4: unknown variable {{nmae}}" },
	{ HEAD "{{phoen}}\n", "T:3: unknown variable {{phoen}}, did you mean {{phone}}" },
	{ HEAD "\n\n{{#sha256raw}}{{/sha256raw}}\n",
		"T:5: unknown variable {{sha256raw}}, did you mean {{sha256_raw}}" },
	{ "Subject: {{tickt}}\n\n", "T:1: unknown variable {{tickt}}, did you mean {{ticket}}" },
	{ HEAD "{{encryption}}\n", "T:3: unknown variable {{encryption}}" },
	{ HEAD "{{cause}}\n", "T:3: unknown variable {{cause}}" },
	{ HEAD "{{subject}} {{text}}\n", "T:3: unknown variable {{subject}}" },
	{ HEAD "x {{phone\ny\n", "T:3: a tag is not closed" },
	{ HEAD "x\n{{#phone}}\ny\n", "T:4: section {{phone}} is never closed" },
	{ HEAD "{{#phone}}{{#portal}}{{/portal}}\n", "T:3: section {{phone}} is never closed" },
	{ HEAD "{{/phone}}\n", "T:3: nothing is open that this closes: phone" },
	{ HEAD "{{#phone}}\n{{#portal}}\n{{/phone}}{{/portal}}\n",
		"T:5: {{/phone}} where {{/portal}} of line 4 is due" },
	{ "Subject: {{#phone}}x\n\n{{/phone}}\n", "T:1: section {{phone}} is never closed" },
	{ HEAD "{{}}\n", "T:3: a tag without a name" },
	{ HEAD "{{ }}\n", "T:3: a tag without a name" },
	{ HEAD "{{#}}\n", "T:3: a tag without a name" },
	{ HEAD "{{{phone}}}\n", "T:3: no such kind of tag: {phone" },
	{ HEAD "{{&phone}}\n", "T:3: no such kind of tag: &phone" },
	{ HEAD "{{>T01}}\n", "T:3: no such kind of tag: >T01" },
	{ HEAD "{{=<% %>=}}\n", "T:3: no such kind of tag: =<% %>=" },
	{ HEAD "{{phone portal}}\n", "T:3: no such kind of tag: phone portal" },
	{ HEAD "{{Phone}}\n", "T:3: no such kind of tag: Phone" },
	{ HEAD
		"{{#phone}}{{#phone}}{{#phone}}{{#phone}}{{#phone}}{{#phone}}{{#phone}}{{#phone}}\n"
		"{{#phone}}",
		"T:4: sections too deep: phone" },
	{ "Subject: \xff\n\n", "T: is not UTF-8" },
};

static GPtrArray *
values_read(const char *text)
{
	GPtrArray *values = values_new();
	g_auto(GStrv) pairs = g_strsplit(text, "|", -1);

	for (char **pair = pairs; *pair != NULL; pair++) {
		char *equals = strchr(*pair, '=');

		if (equals == NULL)
			continue;
		*equals = '\0';
		values_add(values, *pair, equals + 1);
	}
	return values;
}

static void
test_rendered(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rendered); i++) {
		g_autoptr(GPtrArray) values = values_read(rendered[i].values);
		g_autofree char *subject = NULL, *body = NULL;
		g_autoptr(GError) error = NULL;
		struct template *t = NULL;
		enum outcome how = template_parse("T", rendered[i].text, &t, &error);

		if (rendered[i].subject == NULL) {
			g_assert_cmpint(how, ==, NEVER);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpint(template_render(t, values, &subject, &body, &error), ==, DONE);
		g_assert_no_error(error);
		g_assert_cmpstr(subject, ==, rendered[i].subject);
		g_assert_cmpstr(body, ==, rendered[i].body);
		template_free(t);
	}
}

static void
test_refused(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;
		struct template *t = NULL;

		g_assert_cmpint(template_parse("T", refused[i].text, &t, &error), ==, NEVER);
		g_assert_null(t);
		g_assert_nonnull(error);
		g_assert_cmpint(error->code, ==, NEVER);
		g_assert_cmpstr(error->message, ==, refused[i].error);
	}
}

static void
test_limits(void)
{
	g_autofree char *large = g_strnfill(LIMIT_TEMPLATE_SIZE, 'x');
	g_autofree char *text = g_strconcat(HEAD, large, NULL);
	GString *many = g_string_new(HEAD);
	g_autoptr(GPtrArray) values = values_new();
	g_autoptr(GError) error = NULL, parse_error = NULL;
	g_autofree char *value = g_strnfill(1000, 'y');
	char *subject = NULL, *body = NULL;
	struct template *t = NULL;

	g_assert_cmpint(template_parse("T", text, &t, &parse_error), ==, NEVER);
	g_assert_cmpstr(parse_error->message, ==, "T: template limit 65536");
	for (guint i = 0; i < 300; i++)
		g_string_append(many, "{{phone}}\n");
	values_add(values, "phone", value);
	g_assert_cmpint(template_parse("T", many->str, &t, NULL), ==, DONE);
	g_assert_cmpint(template_render(t, values, &subject, &body, &error), ==, NEVER);
	g_assert_cmpstr(error->message, ==, "T: rendered text limit 262144");
	g_assert_null(subject);
	g_assert_null(body);
	template_free(t);
	g_string_free(many, TRUE);
}

/* The templates that may hold it, "T01, T02", or "all". */
static char *
holders(const char *variable)
{
	GString *out = g_string_new(NULL);
	bool all = true;

	for (const struct template_use *u = template_uses; u->name != NULL; u++) {
		bool allowed = variable_allowed(u->name, variable);

		all = all && allowed;
		if (allowed)
			g_string_append_printf(out, "%s%s", out->len ? ", " : "", u->name);
	}
	if (all)
		g_string_assign(out, "all");
	return g_string_free(out, FALSE);
}

/* No variable can tell whether or how a mail was encrypted, or anything of what was written. */
static void
test_variables(void)
{
	static const char *const never[] = { "encrypt", "decrypt", "cipher", "cause", "reason",
		"subject", "text",
		"body", "from", "name_of", "sender", "file", "error", "verdict" };
	GString *all = g_string_new(NULL);

	for (const struct variable *v = template_variables; v->name != NULL; v++) {
		for (guint i = 0; i < G_N_ELEMENTS(never); i++)
			g_assert_null(strstr(v->name, never[i]));
		g_autofree char *where = holders(v->name);

		g_assert_nonnull(v->help);
		g_string_append_printf(all, "%s: %s (%s)\n", v->name, v->help, where);
	}
	sample_golden("variables.txt", all->str);
	g_string_free(all, TRUE);
}

/* What leaves in clear in answer to an encrypted mail holds nothing learnt from its inside; what is
 * neither a variable nor a template holds and is held by nothing. */
static void
test_allowed(void)
{
	static const char *const inside[] = { "signature", "trusted", "attachments", "size",
		"sha256_own", "receipt_code" };
	static const char *const in_clear[] = { "T03", "T04", "T38", "T99", "" };

	for (guint i = 0; i < G_N_ELEMENTS(inside); i++)
		for (guint j = 0; j < G_N_ELEMENTS(in_clear); j++)
			g_assert_false(variable_allowed(in_clear[j], inside[i]));
	g_assert_false(variable_allowed("T38", "sha256_raw"));
	g_assert_true(variable_allowed("T03", "sha256_raw"));
	g_assert_true(variable_allowed("T38", "thread_code"));
	g_assert_false(variable_allowed("T01", "cause"));
}

/* columns: template text, template, what may not stand in it and where */
static const struct {
	const char *text, *use, *name;
	guint line;
} foreign[] = {
	{ "Subject: {{ticket}} {{trusted}}\n\n{{size}}\n", "T38", "trusted", 1 },
	{ HEAD "{{phone}}\n{{#attachments}}x{{/attachments}}\n", "T38", "attachments", 4 },
	{ HEAD "{{^receipt_code}}x{{/receipt_code}}\n", "T03", "receipt_code", 3 },
	{ HEAD "{{sha256_raw}}\n", "T03", NULL, 0 },
	{ HEAD "{{sha256_raw}}\n", "T38", "sha256_raw", 3 },
	{ HEAD "{{! signature }}{{received}} {{sent}}\n", "T38", NULL, 0 },
	{ HEAD "{{signature}}{{receipt_code}}\n", "T01", NULL, 0 },
};

static void
test_foreign(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(foreign); i++) {
		struct template *t = NULL;
		guint line = 0;

		g_assert_cmpint(template_parse("T", foreign[i].text, &t, NULL), ==, DONE);
		g_assert_cmpstr(template_foreign(t, foreign[i].use, &line), ==, foreign[i].name);
		if (foreign[i].name != NULL)
			g_assert_cmpuint(line, ==, foreign[i].line);
		template_free(t);
	}
}

/* ungcuu.conf(5) tells of every template and value, and which may hold which. */
static void
test_manual(void)
{
	g_autofree char *manual = sample_file("man/ungcuu.conf.5");

	for (const struct template_use *u = template_uses; u->name != NULL; u++) {
		g_autofree char *item = g_strdup_printf("\n.It Cm %s\n", u->name);

		g_assert_nonnull(strstr(manual, item));
	}
	for (const struct variable *v = template_variables; v->name != NULL; v++) {
		g_autofree char *item = g_strdup_printf("\n.It Ql {{%s}}\n", v->name);
		g_autofree char *where = holders(v->name), *said = g_strdup_printf("In %s.", where);
		const char *at = strstr(manual, item);

		g_assert_nonnull(at);
		g_auto(GStrv) lines = g_strsplit(at + strlen(item), "\n", 3);

		g_assert_true(g_ascii_strncasecmp(lines[0], v->help, strlen(v->help)) == 0);
		if (strcmp(where, "all") == 0)
			g_assert_false(g_str_has_prefix(lines[1], "In "));
		else
			g_assert_cmpstr(lines[1], ==, said);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/template/rendered", test_rendered);
	g_test_add_func("/desk/template/refused", test_refused);
	g_test_add_func("/desk/template/limits", test_limits);
	g_test_add_func("/desk/template/variables", test_variables);
	g_test_add_func("/desk/template/allowed", test_allowed);
	g_test_add_func("/desk/template/foreign", test_foreign);
	g_test_add_func("/desk/template/manual", test_manual);
	return g_test_run();
}
