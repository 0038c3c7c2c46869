/* SPDX-License-Identifier: ISC
 *
 * template: a subset of Mustache: {{v}}, {{#v}}…{{/v}}, {{^v}}…{{/v}}, {{! comment }}, and lines
 * that hold nothing but one section tag or comment vanish whole. The variables are a closed set
 * (variables.c); a name outside it, an unclosed tag or a section that does not match is refused
 * with its line. Values are put in as they are and never looked at for tags. No partials, no
 * lambdas, no other delimiters, no HTML escapes.
 */
#include "desk/internal.h"

#include <string.h>

#define DEPTH_MAX	8	/* sections inside sections */
#define NAME_LENGTH_MAX	40
#define SUBJECT_WORD	"Subject: "

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_OPEN, NODE_OPEN_NOT, NODE_CLOSE };

struct node {
	enum node_kind kind;
	char *text;		/* TEXT: as it is; else the variable's name */
	guint line;
	guint close;		/* OPEN, OPEN_NOT: index of its CLOSE */
};

struct template {
	char *name;
	GArray *subject, *body;	/* struct node */
};

/* ---- parsing -------------------------------------------------------------------------------- */

struct parser {
	const char *name, *start, *at;
	guint line;
	GArray *nodes;
	guint open[DEPTH_MAX];
	guint depth;
};

static enum outcome
refuse(const struct parser *p, GError **error, const char *what, const char *which)
{
	return fail(error, NEVER, "%s:%u: %s%s%s", p->name, p->line, what, which ? " " : "",
		which ? which : "");
}

static void
node_add(struct parser *p, enum node_kind kind, const char *text, gsize size)
{
	struct node node = { kind, g_strndup(text, size), p->line, 0 };

	g_array_append_val(p->nodes, node);
}

static void
text_add(struct parser *p, const char *end)
{
	if (end > p->at)
		node_add(p, NODE_TEXT, p->at, (gsize)(end - p->at));
	for (; p->at < end; p->at++)
		p->line += *p->at == '\n';
}

static bool
is_blank_between(const char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != ' ' && *from != '\t')
			return false;
	return true;
}

/* Where its line begins and the next one starts, if the tag from `open` to `close` stands alone on
 * it. */
static bool
stands_alone(const struct parser *p, const char *open, const char *close, const char **line,
	const char **next)
{
	*line = open;
	while (*line > p->start && (*line)[-1] != '\n')
		(*line)--;
	*next = close + strcspn(close, "\n");
	if (!is_blank_between(*line, open) || !is_blank_between(close, *next))
		return false;
	*next += **next == '\n';
	return true;
}

static enum outcome
name_check(struct parser *p, const char *name, GError **error)
{
	if (variable_known(name))
		return DONE;
	const char *nearest = variable_nearest(name);

	return fail(error, NEVER, "%s:%u: unknown variable {{%s}}%s%s%s", p->name, p->line, name,
		nearest ? ", did you mean {{" : "", nearest ? nearest : "", nearest ? "}}" : "");
}

static enum outcome
section_open(struct parser *p, enum node_kind kind, const char *name, GError **error)
{
	if (p->depth == DEPTH_MAX)
		return refuse(p, error, "sections too deep:", name);
	p->open[p->depth++] = p->nodes->len;
	node_add(p, kind, name, strlen(name));
	return DONE;
}

static enum outcome
section_close(struct parser *p, const char *name, GError **error)
{
	if (p->depth == 0)
		return refuse(p, error, "nothing is open that this closes:", name);
	struct node *opened = &g_array_index(p->nodes, struct node, p->open[p->depth - 1]);

	if (strcmp(opened->text, name) != 0)
		return fail(error, NEVER, "%s:%u: {{/%s}} where {{/%s}} of line %u is due", p->name,
			p->line, name, opened->text, opened->line);
	opened->close = p->nodes->len;
	p->depth--;
	node_add(p, NODE_CLOSE, name, strlen(name));
	return DONE;
}

/* What is between the braces.  Comments are gone already. */
static enum outcome
tag_add(struct parser *p, const char *inside, gsize size, GError **error)
{
	bool is_section = strchr("#^/", inside[0]) != NULL;
	g_autofree char *name = g_strstrip(g_strndup(inside + is_section, size - is_section));

	if (name[0] == '\0')
		return refuse(p, error, "a tag without a name", NULL);
	if (strlen(name) > NAME_LENGTH_MAX ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		return refuse(p, error, "no such kind of tag:", name);
	if (name_check(p, name, error) != DONE)
		return NEVER;
	if (!is_section) {
		node_add(p, NODE_VALUE, name, strlen(name));
		return DONE;
	}
	if (inside[0] == '/')
		return section_close(p, name, error);
	return section_open(p, inside[0] == '#' ? NODE_OPEN : NODE_OPEN_NOT, name, error);
}

/* The tag whose "{{" is at `open`: adds the text before it and itself, moves behind it. */
static enum outcome
tag_read(struct parser *p, const char *open, GError **error)
{
	const char *inside = open + 2, *close = strstr(inside, "}}"), *line, *next;

	if (close == NULL) {
		text_add(p, open);
		return refuse(p, error, "a tag is not closed", NULL);
	}
	const char *after = close + 2;
	bool vanishes = *inside != '\0' && strchr("#^/!", *inside) != NULL &&
		stands_alone(p, open, after, &line, &next) && line >= p->at;

	text_add(p, vanishes ? line : open);
	if (close == inside)
		return refuse(p, error, "a tag without a name", NULL);
	if (*inside != '!' && tag_add(p, inside, (gsize)(close - inside), error) != DONE)
		return NEVER;
	after = vanishes ? next : after;
	for (p->at = vanishes ? line : open; p->at < after; p->at++)
		p->line += *p->at == '\n';
	return DONE;
}

static enum outcome
nodes_parse(struct parser *p, GError **error)
{
	for (const char *open; (open = strstr(p->at, "{{")) != NULL;)
		if (tag_read(p, open, error) != DONE)
			return NEVER;
	text_add(p, p->at + strlen(p->at));
	if (p->depth == 0)
		return DONE;
	const struct node *opened = &g_array_index(p->nodes, struct node, p->open[p->depth - 1]);

	return fail(error, NEVER, "%s:%u: section {{%s}} is never closed", p->name, opened->line,
		opened->text);
}

static void
node_clear(gpointer data)
{
	struct node *n = data;

	g_free(n->text);
}

static GArray *
nodes_new(void)
{
	GArray *nodes = g_array_new(FALSE, FALSE, sizeof(struct node));

	g_array_set_clear_func(nodes, node_clear);
	return nodes;
}

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	g_free(t->name);
	g_array_unref(t->subject);
	g_array_unref(t->body);
	g_free(t);
}

static enum outcome
part_parse(const char *name, const char *text, guint line, GArray *nodes, GError **error)
{
	struct parser p = { .name = name, .start = text, .at = text, .line = line, .nodes = nodes };

	return nodes_parse(&p, error);
}

enum outcome
template_parse(const char *name, const char *text, struct template **out, GError **error)
{
	gsize size = strlen(text), word = strlen(SUBJECT_WORD), first = strcspn(text, "\n");

	if (size > LIMIT_TEMPLATE_SIZE)
		return limit_reached(error, name, "template", LIMIT_TEMPLATE_SIZE);
	if (!g_utf8_validate(text, (gssize)size, NULL))
		return fail(error, NEVER, "%s: is not UTF-8", name);
	if (strncmp(text, SUBJECT_WORD, word) != 0 || first == word)
		return fail(error, NEVER, "%s:1: the first line must be \"Subject: ...\"", name);
	if (text[first] != '\n' || (text[first + 1] != '\n' && text[first + 1] != '\0'))
		return fail(error, NEVER, "%s:2: an empty line must follow the subject", name);
	struct template *t = g_new0(struct template, 1);
	g_autofree char *subject = g_strndup(text + word, first - word);
	const char *body = text[first + 1] == '\n' ? text + first + 2 : text + first + 1;

	t->name = g_strdup(name);
	t->subject = nodes_new();
	t->body = nodes_new();
	if (part_parse(name, subject, 1, t->subject, error) != DONE ||
	    part_parse(name, body, 3, t->body, error) != DONE) {
		template_free(t);
		return NEVER;
	}
	*out = t;
	return DONE;
}

/* ---- what it holds -------------------------------------------------------------------------- */

static const char *
nodes_foreign(const GArray *nodes, const char *use, guint *line)
{
	for (guint i = 0; i < nodes->len; i++) {
		const struct node *n = &g_array_index(nodes, struct node, i);

		*line = n->line;
		if (n->kind != NODE_TEXT && !variable_allowed(use, n->text))
			return n->text;
	}
	return NULL;
}

const char *
template_foreign(const struct template *t, const char *use, guint *line)
{
	const char *name = nodes_foreign(t->subject, use, line);

	return name != NULL ? name : nodes_foreign(t->body, use, line);
}

/* ---- rendering ------------------------------------------------------------------------------ */

static const char *
value_text(const GPtrArray *values, const char *name)
{
	const char *text = values_get(values, name);

	return text ? text : "";
}

/* No value may end a header line; blanks stand in for what would. */
static void
append_line(GString *out, const char *text)
{
	for (; *text != '\0'; text++)
		g_string_append_c(out, g_ascii_iscntrl(*text) ? ' ' : *text);
}

static enum outcome
nodes_render(const struct template *t, const GArray *nodes, const GPtrArray *values, bool one_line,
	char **out, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < nodes->len; i++) {
		const struct node *n = &g_array_index(nodes, struct node, i);
		const char *value = n->kind == NODE_TEXT ? n->text : value_text(values, n->text);
		bool is_set = value[0] != '\0';

		if ((n->kind == NODE_OPEN && !is_set) || (n->kind == NODE_OPEN_NOT && is_set))
			i = n->close;
		if (n->kind != NODE_TEXT && n->kind != NODE_VALUE)
			continue;
		if (one_line)
			append_line(text, value);
		else
			g_string_append(text, value);
		if (text->len > LIMIT_RENDERED_SIZE)
			return limit_reached(error, t->name, "rendered text", LIMIT_RENDERED_SIZE);
	}
	*out = g_string_free(g_steal_pointer(&text), FALSE);
	return DONE;
}

enum outcome
template_render(const struct template *t, const GPtrArray *values, char **subject, char **body,
	GError **error)
{
	g_autofree char *line = NULL;

	if (nodes_render(t, t->subject, values, true, &line, error) != DONE ||
	    nodes_render(t, t->body, values, false, body, error) != DONE)
		return NEVER;
	*subject = g_strstrip(g_steal_pointer(&line));
	return DONE;
}
