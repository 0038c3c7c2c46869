/* SPDX-License-Identifier: ISC
 *
 * html: readable text of an HTML body: what a reader would see, links followed by their targets,
 * pictures by their alternative text, comments for Outlook read too, quotations marked as in
 * plain text.  Gumbo parses (max_errors=0) what passed the caps on bytes, tags and attributes,
 * since it is quadratic on some input; the tree is walked without recursion.  Fetches, runs and
 * renders nothing.
 */
#include "mime/internal.h"

#include <gumbo.h>
#include <string.h>

/* sum of the squares of attributes on each tag; about 2 s */
#define ATTRIBUTES_COST 200000000
#define LINK_MAX 2000		/* bytes of a target shown */
#define QUOTE_MAX 5

enum { SKIP = 1, BLOCK = 2, CELL = 4, ROW = 8, QUOTE = 16, PRE = 32 };
static const struct { GumboTag tag; guint how; } tags[] = {
	{ GUMBO_TAG_SCRIPT, SKIP }, { GUMBO_TAG_STYLE, SKIP }, { GUMBO_TAG_TITLE, SKIP },
	{ GUMBO_TAG_P, BLOCK }, { GUMBO_TAG_DIV, BLOCK }, { GUMBO_TAG_H1, BLOCK },
	{ GUMBO_TAG_H2, BLOCK }, { GUMBO_TAG_H3, BLOCK }, { GUMBO_TAG_H4, BLOCK },
	{ GUMBO_TAG_H5, BLOCK }, { GUMBO_TAG_H6, BLOCK }, { GUMBO_TAG_UL, BLOCK },
	{ GUMBO_TAG_OL, BLOCK }, { GUMBO_TAG_LI, BLOCK }, { GUMBO_TAG_DL, BLOCK },
	{ GUMBO_TAG_DT, BLOCK }, { GUMBO_TAG_DD, BLOCK }, { GUMBO_TAG_TABLE, BLOCK },
	{ GUMBO_TAG_TR, BLOCK }, { GUMBO_TAG_CAPTION, BLOCK }, { GUMBO_TAG_HR, BLOCK },
	{ GUMBO_TAG_SECTION, BLOCK }, { GUMBO_TAG_ARTICLE, BLOCK }, { GUMBO_TAG_HEADER, BLOCK },
	{ GUMBO_TAG_FOOTER, BLOCK }, { GUMBO_TAG_FORM, BLOCK }, { GUMBO_TAG_CENTER, BLOCK },
	{ GUMBO_TAG_ADDRESS, BLOCK }, { GUMBO_TAG_PRE, BLOCK | PRE },
	{ GUMBO_TAG_TEXTAREA, BLOCK | PRE }, { GUMBO_TAG_BLOCKQUOTE, BLOCK | QUOTE },
	{ GUMBO_TAG_TD, CELL }, { GUMBO_TAG_TH, CELL },
};

struct writer {
	GString *out;
	guint quotes, pre;
	bool blank;		/* a blank is due before the next word */
	bool link;		/* inside <a> */
	gsize link_at;
};

static guint
tag_how(GumboTag tag)
{
	for (guint i = 0; i < G_N_ELEMENTS(tags); i++)
		if (tags[i].tag == tag)
			return tags[i].how;
	return 0;
}

/* ---- caps, and what is read without a parser ----------------------------------------------- */

/* Attributes on one tag cost their square: what may begin one is counted, quoted or not, since an
 * attacker can make quotes mean either. */
static bool
within_caps(const char *html, gsize size)
{
	guint64 n_tags = 0, n = 0, cost = 0;
	bool inside = false;
	if (size > LIMIT_HTML_SIZE)
		return false;
	for (gsize i = 0; i < size; i++) {
		if (html[i] == '<') {
			inside = true;
			n_tags++;
		} else if (html[i] == '>') {
			inside = false;
			cost += n * n;
			n = 0;
		} else if (inside && (html[i] == '=' || html[i] == '/' || (g_ascii_isspace(html[i])
		    && i + 1 < size && !g_ascii_isspace(html[i + 1])))) {
			n++;
		}
		if (n_tags > LIMIT_HTML_TAGS || cost + n * n > ATTRIBUTES_COST)
			return false;
	}
	return true;
}

/* Where the element that begins at p ends, if its content is no text; else NULL. */
static const char *
skip_element(const char *p, const char *end)
{
	static const char *const names[] = { "script", "style", "head" };
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		gsize n = strlen(names[i]);
		if ((gsize)(end - p) < n + 2 || g_ascii_strncasecmp(p + 1, names[i], n) != 0
		    || g_ascii_isalnum(p[n + 1]))
			continue;
		for (const char *q = p + n; (q = memchr(q, '<', (gsize)(end - q))) != NULL; q++)
			if ((gsize)(end - q) > n + 2 && q[1] == '/'
			    && g_ascii_strncasecmp(q + 2, names[i], n) == 0)
				return q;
		return NULL;
	}
	return NULL;
}

static void
append_entity(GString *out, const char **p, const char *end)
{
	static const struct { const char *name, *text; } entities[] = {
		{ "&amp;", "&" }, { "&lt;", "<" }, { "&gt;", ">" }, { "&quot;", "\"" },
		{ "&nbsp;", " " }, { "&#39;", "'" }, { "&apos;", "'" }, { "&sol;", "/" },
		{ "&colon;", ":" }, { "&period;", "." },
	};
	for (guint i = 0; i < G_N_ELEMENTS(entities); i++) {
		gsize n = strlen(entities[i].name);
		if ((gsize)(end - *p) >= n && strncmp(*p, entities[i].name, n) == 0) {
			g_string_append(out, entities[i].text);
			*p += n;
			return;
		}
	}
	g_string_append_c(out, '&');
	(*p)++;
}

/* Keeps what a tag may point to: the value behind href= or src=. */
static void
append_target(GString *out, const char *tag, const char *end)
{
	for (const char *p = tag; p < end; p++) {
		gsize left = (gsize)(end - p);
		if (left <= 5 || g_ascii_strncasecmp(p, "href=", 5) != 0)
			continue;
		p += 5;
		g_string_append(out, " <");
		gsize n = 0;
		for (; p < end && *p != ' ' && *p != '\n' && n < LINK_MAX; p++, n++)
			if (*p != '"' && *p != '\'')
				g_string_append_c(out, *p);
		g_string_append(out, "> ");
		return;
	}
}

char *
html_strip(const char *html, gsize size)
{
	GString *out = g_string_sized_new(size / 2);
	const char *end = html + size;
	bool no_more_skips = false;
	for (const char *p = html; p < end; ) {
		if (*p == '&') {
			append_entity(out, &p, end);
			continue;
		}
		if (*p != '<') {
			g_string_append_c(out, *p++);
			continue;
		}
		const char *behind = no_more_skips ? NULL : skip_element(p, end);
		if (behind == NULL && !no_more_skips && (end - p) > 7
		    && (g_ascii_strncasecmp(p, "<script", 7) == 0
		    || g_ascii_strncasecmp(p, "<style", 6) == 0
		    || g_ascii_strncasecmp(p, "<head", 5) == 0))
			/* never closed: looking again and again would be quadratic */
			no_more_skips = true;
		const char *close = memchr(p, '>', (gsize)(end - p));
		if (close == NULL) {
			g_string_append_len(out, p, end - p);
			break;
		}
		append_target(out, p, close);
		g_string_append_c(out, ' ');
		p = behind != NULL ? behind : close + 1;
	}
	return g_string_free(out, FALSE);
}

char *
html_charset(const char *html, gsize size)
{
	g_autofree char *top = g_ascii_strdown(html, (gssize)MIN(size, 1024));
	const char *p = strstr(top, "charset=");
	if (p == NULL)
		return NULL;
	p += strlen("charset=");
	p += strspn(p, "\"' ");
	return g_strndup(p, strcspn(p, "\"' />;"));
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool
at_line_start(const struct writer *w)
{
	return w->out->len == 0 || w->out->str[w->out->len - 1] == '\n';
}

static void
new_line(struct writer *w)
{
	w->blank = false;
	if (!at_line_start(w))
		g_string_append_c(w->out, '\n');
}

static void
begin_line(struct writer *w)
{
	if (!at_line_start(w))
		return;
	for (guint i = 0; i < MIN(w->quotes, QUOTE_MAX); i++)
		g_string_append_c(w->out, '>');
	if (w->quotes > 0)
		g_string_append_c(w->out, ' ');
}

static void
append_word(struct writer *w, const char *p, gsize n)
{
	if (w->blank && !at_line_start(w))
		g_string_append_c(w->out, ' ');
	w->blank = false;
	begin_line(w);
	g_string_append_len(w->out, p, (gssize)n);
}

static void
append_text(struct writer *w, const char *text)
{
	if (w->pre > 0) {
		for (const char *p = text; *p != '\0'; p++)
			if (*p == '\n') {
				g_string_append_c(w->out, '\n');
			} else {
				begin_line(w);
				g_string_append_c(w->out, *p);
			}
		return;
	}
	for (const char *p = text; *p != '\0'; ) {
		gsize n = strcspn(p, " \t\r\n\f\xc2");
		while (p[n] == '\xc2' && p[n + 1] != '\xa0')	/* not a no-break space */
			n += 1 + strcspn(p + n + 1, " \t\r\n\f\xc2");
		if (n > 0)
			append_word(w, p, n);
		p += n;
		if (*p == '\xc2') {
			w->blank = true;
			p += 2;
		} else if (*p != '\0') {
			w->blank = true;
			p++;
		}
	}
}

static const char *
attribute(const GumboElement *e, const char *name)
{
	const GumboAttribute *a = gumbo_get_attribute(&e->attributes, name);
	return a != NULL && *a->value != '\0' ? a->value : NULL;
}

static void
link_end(struct writer *w, const GumboElement *e)
{
	w->link = false;
	const char *href = attribute(e, "href");
	if (href == NULL || *href == '#')
		return;
	g_autofree char *target = g_strndup(href, LINK_MAX);
	g_strdelimit(target, "\r\n\t", ' ');
	g_strstrip(target);
	const char *shown = w->out->str + MIN(w->link_at, w->out->len);
	const char *bare = g_ascii_strncasecmp(target, "mailto:", 7) == 0 ? target + 7 : target;
	g_autofree char *seen = g_strdup(shown);
	g_strstrip(seen);
	if (*bare == '\0' || strcmp(seen, bare) == 0)
		return;
	begin_line(w);
	g_string_append_printf(w->out, "%s<%s>", *seen == '\0' ? "" : " ", bare);
	w->blank = true;
}

/* false: nothing inside is to be read. */
static bool
element_begin(struct writer *w, const GumboElement *e)
{
	guint how = tag_how(e->tag);
	if (how & SKIP)
		return false;
	if (how & BLOCK)
		new_line(w);
	if (how & QUOTE)
		w->quotes++;
	if (how & PRE)
		w->pre++;
	if ((how & CELL) && !at_line_start(w)) {
		w->blank = false;
		g_string_append(w->out, " | ");
	}
	if (e->tag == GUMBO_TAG_BR) {
		w->blank = false;
		begin_line(w);
		g_string_append_c(w->out, '\n');
	}
	if (e->tag == GUMBO_TAG_LI)
		append_word(w, "- ", 2);
	if (e->tag == GUMBO_TAG_IMG && attribute(e, "alt") != NULL) {
		append_word(w, "[", 1);
		append_text(w, attribute(e, "alt"));
		append_word(w, "]", 1);
	}
	if (e->tag == GUMBO_TAG_A && !w->link) {
		w->link = true;
		w->link_at = w->out->len;
	}
	return true;
}

static void
element_end(struct writer *w, const GumboElement *e)
{
	guint how = tag_how(e->tag);
	if (e->tag == GUMBO_TAG_A && w->link)
		link_end(w, e);
	if (how & BLOCK)
		new_line(w);
	if (e->tag == GUMBO_TAG_P)
		g_string_append_c(w->out, '\n');
	if ((how & QUOTE) && w->quotes > 0)
		w->quotes--;
	if ((how & PRE) && w->pre > 0)
		w->pre--;
}

static void
comment(struct writer *w, const char *text)
{
	const char *from = strstr(text, "]>");
	if (!g_str_has_prefix(text, "[if") || from == NULL)
		return;
	const char *end = g_strrstr(from + 2, "<![endif");
	gsize size = end != NULL ? (gsize)(end - from - 2) : strlen(from + 2);
	g_autofree char *inside = html_strip(from + 2, size);
	append_text(w, inside);
}

static const GumboVector *
children_of(const GumboNode *node)
{
	if (node->type == GUMBO_NODE_DOCUMENT)
		return &node->v.document.children;
	if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE)
		return &node->v.element.children;
	return NULL;
}

/* true: its children come next. */
static bool
node_begin(struct writer *w, const GumboNode *node)
{
	switch (node->type) {
	case GUMBO_NODE_TEXT:
	case GUMBO_NODE_CDATA:
	case GUMBO_NODE_WHITESPACE:
		append_text(w, node->v.text.text);
		return false;
	case GUMBO_NODE_COMMENT:
		comment(w, node->v.text.text);
		return false;
	case GUMBO_NODE_DOCUMENT:
		return true;
	default:
		return element_begin(w, &node->v.element);
	}
}

static void
walk(struct writer *w, const GumboNode *root)
{
	const GumboNode *node = root;
	while (node != NULL) {
		const GumboVector *children = node_begin(w, node) ? children_of(node) : NULL;
		if (children != NULL && children->length > 0) {
			node = children->data[0];
			continue;
		}
		if (children != NULL && node->type != GUMBO_NODE_DOCUMENT)
			element_end(w, &node->v.element);
		/* up to the first ancestor with a child left */
		for (;;) {
			if (node == root)
				return;
			const GumboVector *siblings = children_of(node->parent);
			gsize next = node->index_within_parent + 1;
			if (next < siblings->length) {
				node = siblings->data[next];
				break;
			}
			node = node->parent;
			if (node->type != GUMBO_NODE_DOCUMENT)
				element_end(w, &node->v.element);
		}
	}
}

char *
html_text(const char *html, gsize size)
{
	if (!within_caps(html, size))
		return NULL;
	GumboOptions options = kGumboDefaultOptions;
	options.max_errors = 0;
	GumboOutput *tree = gumbo_parse_with_options(&options, html, size);
	if (tree == NULL)
		return NULL;
	struct writer w = { .out = g_string_sized_new(size / 2) };
	walk(&w, tree->document);
	gumbo_destroy_output(&options, tree);
	return g_string_free(w.out, FALSE);
}
