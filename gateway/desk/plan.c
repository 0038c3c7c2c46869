/* SPDX-License-Identifier: ISC
 *
 * plan: the list of effects a decision asks for. It is data: the hub applies it whole or not at all
 * (I3), tests and `explain` read it as text. Nothing here decides.
 */
#include "desk/internal.h"

WORDS_DEFINE(thread_proof, PROOF, THREAD_PROOF_LIST)
WORDS_DEFINE(effect_kind, EFFECT, EFFECT_LIST)

static void
effect_free(gpointer data)
{
	struct effect *e = data;

	g_free(e->word);
	g_free(e->subject);
	g_free(e->reporter);
	g_free(e->language);
	g_free(e->recipient);
	g_free(e->in_reply_to);
	g_free(e->status);
	g_free(e->why);
	if (e->values != NULL)
		g_ptr_array_unref(e->values);
	g_free(e);
}

struct plan *
plan_new(void)
{
	struct plan *plan = g_new0(struct plan, 1);

	plan->effects = g_ptr_array_new_with_free_func(effect_free);
	return plan;
}

void
plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	g_ptr_array_unref(plan->effects);
	g_free(plan);
}

struct effect *
plan_add(struct plan *plan, enum effect_kind kind, const char *word, const char *why)
{
	struct effect *e = g_new0(struct effect, 1);

	e->kind = kind;
	e->word = g_strdup(word);
	e->why = g_strdup(why);
	g_ptr_array_add(plan->effects, e);
	return e;
}

char *
plan_print(const struct plan *plan)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < plan->effects->len; i++) {
		const struct effect *e = plan->effects->pdata[i];
		const char *word = e->kind == EFFECT_FILE ? kind_word(e->mail_kind) : e->word;

		g_string_append_printf(out, "%s %s: %s\n", effect_kind_word(e->kind), word, e->why);
	}
	return g_string_free(out, FALSE);
}

void
facts_clear(struct facts *facts)
{
	g_free(facts->sha256);
	g_free(facts->ticket_number);
	g_free(facts->thread_address);
	g_free(facts->returned_why);
	g_free(facts->delivery_status);
	*facts = (struct facts){ .last_receipt = -1 };
}
