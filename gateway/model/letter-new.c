/* SPDX-License-Identifier: ISC
 *
 * letter-new: the life of an opened mail in memory.  Reads and writes nothing.
 */
#include "model/model.h"

#include <string.h>

static void
address_free(gpointer data)
{
	struct address *a = data;

	g_free(a->name);
	g_free(a->address);
	g_free(a);
}

static void
field_free(gpointer data)
{
	struct field *f = data;

	g_free(f->name);
	g_free(f->value);
	g_free(f);
}

static void
part_free(gpointer data)
{
	struct part *p = data;

	g_free(p->number);
	g_free(p->name);
	g_free(p->type);
	g_free(p->sha256);
	g_free(p);
}

static void
indicator_free(gpointer data)
{
	struct indicator *i = data;

	g_free(i->type);
	g_free(i->value);
	g_free(i->seen);
	g_free(i);
}

static void
bounce_free(struct bounce *b)
{
	if (b == NULL)
		return;
	g_free(b->action);
	g_free(b->status);
	g_free(b->recipient);
	g_free(b->message_id);
	g_free(b->original);
	g_free(b->envelope_id);
	g_free(b->our_id);
	g_free(b);
}

static void
feedback_free(struct feedback *f)
{
	if (f == NULL)
		return;
	g_free(f->format);
	g_free(f->type);
	g_free(f);
}

static void
offered_free(gpointer data)
{
	struct offered_key *k = data;

	g_free(k->source);
	g_free(k->address);
	g_bytes_unref(k->bytes);
	g_free(k);
}

struct letter *
letter_new(void)
{
	struct letter *l = g_new0(struct letter, 1);

	l->to = g_ptr_array_new_with_free_func(address_free);
	l->references = g_ptr_array_new_with_free_func(g_free);
	l->fields = g_ptr_array_new_with_free_func(field_free);
	l->parts = g_ptr_array_new_with_free_func(part_free);
	l->indicators = g_ptr_array_new_with_free_func(indicator_free);
	l->notes = g_ptr_array_new_with_free_func(g_free);
	l->offered = g_ptr_array_new_with_free_func(offered_free);
	l->subject = g_strdup("");
	l->text = g_strdup("");
	l->quoted = g_strdup("");
	l->outside = g_strdup("");
	l->date = -1;
	return l;
}

void
letter_free(struct letter *l)
{
	if (l == NULL)
		return;
	g_free(l->from.name);
	g_free(l->from.address);
	g_free(l->outer_from.name);
	g_free(l->outer_from.address);
	g_ptr_array_unref(l->to);
	g_ptr_array_unref(l->references);
	g_ptr_array_unref(l->fields);
	g_ptr_array_unref(l->parts);
	g_ptr_array_unref(l->indicators);
	g_ptr_array_unref(l->notes);
	g_ptr_array_unref(l->offered);
	g_free(l->subject);
	g_free(l->message_id);
	g_free(l->text);
	g_free(l->quoted);
	g_free(l->outside);
	g_free(l->language);
	bounce_free(l->bounce);
	feedback_free(l->feedback);
	g_free(l);
}

const char *
letter_field(const struct letter *l, const char *lower_name)
{
	for (guint i = 0; i < l->fields->len; i++) {
		const struct field *f = l->fields->pdata[i];

		if (strcmp(f->name, lower_name) == 0)
			return f->value;
	}
	return NULL;
}
