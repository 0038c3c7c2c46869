/* SPDX-License-Identifier: ISC
 *
 * words: the functions behind every enum that has words, made from the lists in model.h, so that
 * an enum and its words cannot disagree.  Also the distance behind every "did you mean".
 * Refuses nothing: a text that is none of the words is -1; a number that is none of the enum is
 * our own fault and panics.
 */
#include "model/model.h"

#include <string.h>

const char *
words_get(const char *const *words, guint n, guint which)
{
	if (which >= n)
		panic("no word for %u (of %u, after \"%s\")", which, n, words[n - 1]);
	return words[which];
}

int
words_find(const char *const *words, guint n, const char *word)
{
	for (guint i = 0; word != NULL && i < n; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

WORDS_DEFINE(kind, KIND, KINDS)
WORDS_DEFINE(signature, SIGNATURE, SIGNATURE_LIST)
WORDS_DEFINE(encryption, ENCRYPTION, ENCRYPTION_LIST)
WORDS_DEFINE(header_protection, HP, HEADER_PROTECTION_LIST)
WORDS_DEFINE(layer, LAYER, LAYER_LIST)
WORDS_DEFINE(mail_state, MAIL, MAIL_STATE_LIST)
WORDS_DEFINE(out_state, OUT, OUT_STATE_LIST)
WORDS_DEFINE(scope, SCOPE, SCOPE_LIST)
WORDS_DEFINE(fate, FATE, FATE_LIST)
WORDS_DEFINE(ticket_state, TICKET, TICKET_STATE_LIST)
WORDS_DEFINE(party_kind, PARTY, PARTY_KIND_LIST)
WORDS_DEFINE(death, DEATH, DEATH_LIST)

/* Optimal string alignment: three rows of the table are enough to see a swap of neighbours. */
#define DISTANCE_MAX 63

guint
words_distance(const char *a, const char *b)
{
	gsize na = strnlen(a, DISTANCE_MAX), nb = strnlen(b, DISTANCE_MAX);
	guint rows[3][DISTANCE_MAX + 1];
	guint *before = rows[0], *last = rows[1], *now = rows[2];

	for (gsize j = 0; j <= nb; j++)
		last[j] = (guint)j;
	for (gsize i = 1; i <= na; i++) {
		now[0] = (guint)i;
		for (gsize j = 1; j <= nb; j++) {
			guint best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, MIN(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
		guint *free_row = before;

		before = last;
		last = now;
		now = free_row;
	}
	return last[nb];
}
